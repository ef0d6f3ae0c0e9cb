//! Reads one partition: bytes into blocks of whole records, blocks into rows.
//!
//! Blocks are read one after the other, since each begins where the one before it ended. Then they are
//! decoded, which takes most of the time, each on its own: workers do several at once.

use crate::connector::{Input as Bytes, Open, Partition, Place, Surroundings, file};
use crate::errors;
use crate::format::{self, Decoded, Decoder, PADDING, Unreadable, too_long};
use crate::workers::unpoisoned;
use millstream_base::Diagnostic;
use millstream_ir::flow::SourceSpec;
use millstream_ir::value::Value;
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes read at once. A block and the columns made of it fit a core's second-level cache.
const BLOCK: usize = 256 << 10;

/// The rows of one block.
pub struct Block {
    pub decoded: Decoded,
    /// The number of the block's first record in its partition.
    pub first_record: u64,
    pub n_bytes: usize,
    /// How far the partition has been read with it.
    pub reached: Reached,
}

/// How far a partition has been read: what stands in front has been handed on, and nothing else. From here a later
/// run [goes on](PartitionReader::resume).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reached {
    pub records: u64,
    /// Of the input, or of the file of it that is being read.
    pub bytes: u64,
    /// Whether what follows, up to the next line break, belongs to a record that was too long.
    pub is_inside: bool,
    /// Which of the files it is that this run has read, one in the place of another. A later run begins with it.
    #[serde(skip)]
    pub file: u64,
}

/// A block whose records have been found, but not looked at yet.
pub struct Chunk {
    records: Records,
    /// A record behind the others that cannot be read.
    unreadable: Option<Unreadable>,
    n_bytes: usize,
    /// But for the number of records.
    reached: Reached,
}

enum Records {
    /// Those that told the decoder what it needs to know of the input.
    Decoded(Decoded),
    Bytes {
        block: Arc<Vec<u8>>,
        range: Range<usize>,
        decoder: Box<dyn Decoder>,
        /// Where the decoder goes when it is free again.
        free: Decoders,
    },
}

type Decoders = Arc<Mutex<Vec<Box<dyn Decoder>>>>;

impl Chunk {
    /// The rows. The number of the first is not known here.
    pub fn decode(self) -> Block {
        let mut decoded = match self.records {
            Records::Decoded(decoded) => decoded,
            Records::Bytes { block, range, mut decoder, free } => {
                let mut decoded = Decoded::default();
                decoder.decode(&block, range, &mut decoded);
                unpoisoned(&free).push(decoder);
                decoded
            }
        };
        if let Some(unreadable) = self.unreadable {
            decoded.unreadable.push(Unreadable { record: decoded.n_records, ..unreadable });
            decoded.n_records += 1;
        }
        Block { decoded, first_record: 0, n_bytes: self.n_bytes, reached: self.reached }
    }
}

/// Gives blocks, which must come in their order, the numbers of their first records.
#[derive(Default)]
pub struct Numbering {
    n_records: u64,
}

impl Numbering {
    pub fn number(&mut self, block: &mut Block) {
        block.first_record = self.n_records;
        self.n_records += block.decoded.n_records;
        block.reached.records = self.n_records;
    }
}

pub struct PartitionReader {
    input: Input,
    live: bool,
    /// Finds where records end, and decodes those at the start of the input.
    decoder: Box<dyn Decoder>,
    /// Copies of it for the others.
    copies: Decoders,
    max_line: usize,
    /// Earlier blocks; one that no column points into any more is used again.
    pool: Vec<Arc<Vec<u8>>>,
    /// The start of a record whose end has not been read.
    rest: Vec<u8>,
    /// Where reading begins.
    from: Reached,
    /// Bytes of the input in front of what will be read next.
    n_read: u64,
    /// Whether bytes up to the next line break belong to a record that was too long.
    skipping: bool,
    ended: bool,
    /// Whether to tell, at the end, what the input should have begun with: nothing at all says nothing of a table.
    expects_start: bool,
    stop: Arc<AtomicBool>,
}

enum Input {
    Closed(Option<Open>),
    Open(Box<dyn Bytes>),
}

impl PartitionReader {
    /// The readers of a source's partitions.
    pub fn of_source(
        spec: &SourceSpec,
        partitions: Vec<Partition>,
        around: &Surroundings,
    ) -> Result<Vec<PartitionReader>, Box<Diagnostic>> {
        let effective = SourceSpec {
            format: spec.format.clone().or_else(|| format::of_connector(&spec.connector)),
            ..spec.clone()
        };
        let max_line = match spec.connector.options.get("max_line") {
            Some(Value::Int(n)) => (*n).max(1) as usize,
            _ => format::MAX_LINE,
        };
        let reader = |partition| {
            let decoder = format::decoder(&effective, max_line).map_err(errors::format)?;
            let reader = PartitionReader::new(partition, decoder, max_line, around.stop.clone());
            Ok(PartitionReader { expects_start: spec.load.is_some(), ..reader })
        };
        partitions.into_iter().map(reader).collect()
    }

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
            copies: Decoders::default(),
            max_line,
            pool: vec![],
            rest: vec![],
            from: Reached::default(),
            n_read: 0,
            skipping: false,
            ended: false,
            expects_start: false,
            stop,
        }
    }

    /// Goes on where a reader of the same partition had got to; before the first block.
    pub fn resume(self, reached: Reached) -> PartitionReader {
        PartitionReader { from: reached, n_read: reached.bytes, skipping: reached.is_inside, ..self }
    }

    /// Numbers its blocks.
    pub fn numbering(&self) -> Numbering {
        Numbering { n_records: self.from.records }
    }

    /// Whether more may come at any time.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// The next records, or bytes without a whole record; none at the end of the input, or when reading is
    /// to stop.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        while !self.ended && !self.stop.load(Ordering::Relaxed) {
            let mut block = self.free_block();
            let Some(bytes) = Arc::get_mut(&mut block) else { continue };
            let n_bytes = self.read(bytes)?;
            let n = self.rest.len() + n_bytes;
            let mut from = 0;
            if self.skipping {
                from = skip_line(&bytes[..n]).inspect(|_| self.skipping = false).unwrap_or(n);
            }
            let whole = from + self.decoder.whole(&bytes[from..n], self.ended);
            self.rest.clear();
            self.rest.extend_from_slice(&bytes[whole..n]);
            bytes[n..n + PADDING].fill(0);
            let too_long = if self.rest.len() > self.max_line { Some(self.drop_long_record()) } else { None };
            if n_bytes > 0 || from < whole || too_long.is_some() || self.missing_start().is_some() {
                let records = self.records(&block, from..whole);
                self.pool.push(block);
                // The records may have been the start.
                let unreadable = too_long.or_else(|| self.missing_start());
                return Ok(Some(Chunk { records, unreadable, n_bytes, reached: self.reached() }));
            }
        }
        Ok(None)
    }

    /// The next rows, as [`PartitionReader::next_chunk`] gives their bytes.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        Ok(self.next_chunk()?.map(Chunk::decode))
    }

    fn records(&mut self, block: &Arc<Vec<u8>>, range: Range<usize>) -> Records {
        let free = unpoisoned(&self.copies).pop();
        match free.or_else(|| self.decoder.copy()) {
            Some(decoder) => {
                Records::Bytes { block: block.clone(), range, decoder, free: self.copies.clone() }
            }
            None => {
                let mut decoded = Decoded::default();
                self.decoder.decode(block, range, &mut decoded);
                Records::Decoded(decoded)
            }
        }
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
            let mut input = open()?;
            self.pass(&mut *input)?;
            self.input = Input::Open(input);
        }
        let Input::Open(input) = &mut self.input else { return Ok(0) };
        let n = file::fill(&mut **input, &mut bytes[self.rest.len()..size], self.live)?;
        self.n_read += n as u64;
        self.ended = n == 0 || (!self.live && n < BLOCK);
        Ok(n)
    }

    /// Where the next record begins. The number of records before it is not known here.
    fn reached(&self) -> Reached {
        let place = match &self.input {
            Input::Open(input) => input.place(),
            Input::Closed(_) => Place::default(),
        };
        let bytes = (self.n_read - self.rest.len() as u64).saturating_sub(place.n_before);
        Reached { records: 0, bytes, is_inside: self.skipping, file: place.number }
    }

    /// Passes over what an earlier reader has read. Of its start the decoder may have to know.
    fn pass(&mut self, input: &mut dyn Bytes) -> io::Result<()> {
        let (mut start, mut left) = (vec![], self.from.bytes);
        while left > 0 && self.decoder.copy().is_none() {
            let n_before = start.len();
            start.resize(n_before + left.min(BLOCK as u64) as usize, 0);
            let n = file::fill(input, &mut start[n_before..], false)?;
            start.truncate(n_before + n);
            left = if n == 0 { 0 } else { left - n as u64 };
            let whole = self.decoder.whole(&start, left == 0);
            let mut block = start.clone();
            block.resize(start.len() + PADDING, 0);
            self.decoder.decode(&Arc::new(block), 0..whole, &mut Decoded::default());
        }
        input.pass(left)
    }

    /// A block that nobody reads any more, or a new one.
    fn free_block(&mut self) -> Arc<Vec<u8>> {
        match self.pool.iter().position(|b| Arc::strong_count(b) == 1) {
            Some(i) => self.pool.swap_remove(i),
            None => Arc::new(vec![0; BLOCK + PADDING]),
        }
    }

    fn missing_start(&self) -> Option<Unreadable> {
        let reason = self.decoder.missing_start().filter(|_| self.expects_start && self.ended)?;
        Some(Unreadable { record: 0, text: String::new(), reason: reason.to_string() })
    }

    fn drop_long_record(&mut self) -> Unreadable {
        let text = format!("{}…", String::from_utf8_lossy(&self.rest[..self.rest.len().min(1000)]));
        self.rest.clear();
        self.skipping = true;
        Unreadable { record: 0, text, reason: too_long(self.max_line) }
    }
}

/// The position behind the first line break.
fn skip_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes).map(|i| i + 1)
}
