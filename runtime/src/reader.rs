//! Reads one partition: bytes into blocks of whole records, blocks into rows.
//!
//! Blocks are read one after the other, since each begins where the one before it ended. Then they are
//! decoded, which takes most of the time, each on its own: workers do several at once.

use crate::connector::{Open, Partition, Surroundings, file};
use crate::errors;
use crate::format::{self, Decoded, Decoder, PADDING, Unreadable, too_long};
use crate::workers::unpoisoned;
use millstream_base::Diagnostic;
use millstream_ir::flow::SourceSpec;
use millstream_ir::value::Value;
use std::io::{self, Read};
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
}

/// A block whose records have been found, but not looked at yet.
pub struct Chunk {
    records: Records,
    /// A record behind the others that is too long to be read.
    too_long: Option<Unreadable>,
    n_bytes: usize,
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
        if let Some(unreadable) = self.too_long {
            decoded.unreadable.push(Unreadable { record: decoded.n_records, ..unreadable });
            decoded.n_records += 1;
        }
        Block { decoded, first_record: 0, n_bytes: self.n_bytes }
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
    /// Whether bytes up to the next line break belong to a record that was too long.
    skipping: bool,
    ended: bool,
    stop: Arc<AtomicBool>,
}

enum Input {
    Closed(Option<Open>),
    Open(Box<dyn Read + Send>),
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
            Ok(PartitionReader::new(partition, decoder, max_line, around.stop.clone()))
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
            skipping: false,
            ended: false,
            stop,
        }
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
            if n_bytes > 0 || from < whole || too_long.is_some() {
                let records = self.records(&block, from..whole);
                self.pool.push(block);
                return Ok(Some(Chunk { records, too_long, n_bytes }));
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
