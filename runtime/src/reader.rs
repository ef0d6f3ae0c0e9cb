//! Reads one partition: bytes into blocks of whole records, blocks into rows.
//!
//! Runs beside the worker (see [`Prefetched`]), so that reading and decoding of the next block
//! overlap with the work on this one.

use crate::connector::{Open, Partition, file};
use crate::format::{Decoded, Decoder, PADDING, Unreadable, too_long};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes read at once. A block and the columns made of it fit a core's second-level cache.
const BLOCK: usize = 256 << 10;

/// Blocks that wait decoded while the worker is busy.
const AHEAD: usize = 2;

/// The rows of one block.
pub struct Block {
    pub decoded: Decoded,
    /// The number of the block's first record in its partition.
    pub first_record: u64,
    pub n_bytes: usize,
}

pub struct PartitionReader {
    input: Input,
    live: bool,
    decoder: Box<dyn Decoder>,
    max_line: usize,
    /// Earlier blocks; one that no column points into any more is used again.
    pool: Vec<Arc<Vec<u8>>>,
    /// The start of a record whose end has not been read.
    rest: Vec<u8>,
    /// Whether bytes up to the next line break belong to a record that was too long.
    skipping: bool,
    ended: bool,
    n_records: u64,
    stop: Arc<AtomicBool>,
}

enum Input {
    Closed(Option<Open>),
    Open(Box<dyn Read + Send>),
}

impl PartitionReader {
    pub fn new(
        partition: Partition,
        decoder: Box<dyn Decoder>,
        max_line: usize,
        stop: Arc<AtomicBool>,
    ) -> PartitionReader {
        PartitionReader {
            input: Input::Closed(Some(partition.open)),
            live: partition.live,
            decoder,
            max_line,
            pool: vec![],
            rest: vec![],
            skipping: false,
            ended: false,
            n_records: 0,
            stop,
        }
    }

    /// The next rows, or bytes without a whole record; none at the end of the input, or when reading is to
    /// stop.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        while !self.ended && !self.stop.load(Ordering::Relaxed) {
            let mut block = self.free_block();
            let Some(bytes) = Arc::get_mut(&mut block) else { continue };
            let n_read = self.read(bytes)?;
            let n = self.rest.len() + n_read;
            let mut from = 0;
            if self.skipping {
                from = skip_line(&bytes[..n]).inspect(|_| self.skipping = false).unwrap_or(n);
            }
            let whole = from + self.decoder.whole(&bytes[from..n], self.ended);
            self.rest.clear();
            self.rest.extend_from_slice(&bytes[whole..n]);
            bytes[n..n + PADDING].fill(0);
            let mut decoded = Decoded::default();
            self.decoder.decode(&block, from..whole, &mut decoded);
            if self.rest.len() > self.max_line {
                self.drop_long_record(&mut decoded);
            }
            let first_record = self.n_records;
            self.n_records += decoded.n_records;
            self.pool.push(block);
            if decoded.n_records > 0 || n_read > 0 {
                return Ok(Some(Block { decoded, first_record, n_bytes: n_read }));
            }
        }
        Ok(None)
    }

    /// Puts the rest of the last block and then new bytes into the block; how many are new.
    fn read(&mut self, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let size = self.rest.len() + BLOCK;
        if bytes.len() < size + PADDING {
            bytes.resize(size + PADDING, 0);
        }
        bytes[..self.rest.len()].copy_from_slice(&self.rest);
        if let Input::Closed(open) = &mut self.input
            && let Some(open) = open.take()
        {
            self.input = Input::Open(open()?);
        }
        let Input::Open(input) = &mut self.input else { return Ok(0) };
        let n = file::fill(&mut **input, &mut bytes[self.rest.len()..size], self.live)?;
        self.ended = n == 0 || (!self.live && n < BLOCK);
        Ok(n)
    }

    /// A block that nobody reads any more, or a new one.
    fn free_block(&mut self) -> Arc<Vec<u8>> {
        match self.pool.iter().position(|b| Arc::strong_count(b) == 1) {
            Some(i) => self.pool.swap_remove(i),
            None => Arc::new(vec![0; BLOCK + PADDING]),
        }
    }

    fn drop_long_record(&mut self, decoded: &mut Decoded) {
        let text = format!("{}…", String::from_utf8_lossy(&self.rest[..self.rest.len().min(1000)]));
        let reason = too_long(self.max_line);
        decoded.unreadable.push(Unreadable { record: decoded.n_records, text, reason });
        decoded.n_records += 1;
        self.rest.clear();
        self.skipping = true;
    }
}

/// The position behind the first line break.
fn skip_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|i| i + 1)
}

/// What a partition's thread sends: the partition's number, and its next rows or its end.
pub type Arrival = (usize, io::Result<Option<Block>>);

/// A reader that works on a thread of its own, at most [`AHEAD`] blocks ahead of its reader.
pub struct Prefetched {
    blocks: Receiver<Arrival>,
}

impl Prefetched {
    pub fn start(reader: PartitionReader) -> Prefetched {
        let (sender, blocks) = sync_channel(AHEAD);
        spawn(0, reader, sender);
        Prefetched { blocks }
    }

    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        // A reader that is gone has sent its end before.
        self.blocks.recv().map_or(Ok(None), |(_, next)| next)
    }
}

/// Starts reading partition number `number`; its rows arrive at `sender`.
pub fn spawn(number: usize, mut reader: PartitionReader, sender: SyncSender<Arrival>) {
    tokio::task::spawn_blocking(move || {
        loop {
            let next = reader.next_block();
            let last = !matches!(next, Ok(Some(_)));
            if sender.send((number, next)).is_err() || last {
                return;
            }
        }
    });
}
