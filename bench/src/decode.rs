//! JSON lines and CSV to columns. The input is hot in the second-level cache, as after a read.

use crate::data::Bids;
use crate::limits::decode::{self, Columns};
use crate::measure::compare;
use millstream_base::Span;
use millstream_ir::column::{ColumnData, Heap};
use millstream_ir::flow::{ConnectorSpec, Encoding, FieldSpec, FormatSpec, SourceSpec};
use millstream_ir::types::Type;
use millstream_runtime::format::{Decoded, Decoder, MAX_LINE, decoder};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One block of the reader.
const N_ROWS: usize = 1250;

/// The block is decoded this often in a round.
const REPEAT: usize = 400;

pub fn measure() {
    if !decode::is_supported() {
        println!("the hand-written decoders need AVX2");
        return;
    }
    let mut json = Bids::new(N_ROWS, 100_000, 3_600_000_000).json(N_ROWS);
    let len = json.len();
    json.resize(len + decode::PADDING, 0);
    let block: Heap = Arc::new(json);
    let mut columns = Columns::default();
    let n_events = N_ROWS * REPEAT;
    let mut engine = Engine::new("json", &[0, 1, 2, 3, 4, 5, 6]);
    compare(
        "JSON lines, all 7 fields",
        n_events,
        1.5,
        || repeat(|| decode_by_hand::<true>(&block, len, &mut columns)),
        || repeat(|| engine.decode(&block, len)),
    );
    let mut columns = Columns::default();
    let mut engine = Engine::new("json", &[0, 2, 5]);
    compare(
        "JSON lines, 3 of 7 fields",
        n_events,
        1.5,
        || repeat(|| decode_by_hand::<false>(&block, len, &mut columns)),
        || repeat(|| engine.decode(&block, len)),
    );
}

fn repeat(mut once: impl FnMut() -> u64) -> u64 {
    (0..REPEAT).fold(0, |sum, _| sum.wrapping_add(once()))
}

/// The checksum of the rows.
fn decode_by_hand<const ALL: bool>(block: &[u8], len: usize, columns: &mut Columns) -> u64 {
    decode::json::<ALL>(block, len, columns);
    let last = |column: &[i64]| column.last().copied().unwrap_or(0) as u64;
    let lengths = |column: &[(u32, u32)]| column.last().map_or(0, |place| place.1 as u64);
    let mut sum = last(&columns.auction) + last(&columns.price) + last(&columns.time);
    sum += columns.auction.len() as u64;
    if ALL {
        sum += last(&columns.bidder);
        sum += lengths(&columns.channel) + lengths(&columns.url) + lengths(&columns.extra);
    }
    sum
}

struct Engine {
    decoder: Box<dyn Decoder>,
}

impl Engine {
    fn new(format: &str, columns: &[usize]) -> Engine {
        let spec = source(format, columns);
        Engine { decoder: decoder(&spec, MAX_LINE).expect("a known format") }
    }

    fn decode(&mut self, block: &Heap, len: usize) -> u64 {
        let mut decoded = Decoded::default();
        self.decoder.decode(block, 0..len, &mut decoded);
        assert!(decoded.unreadable.is_empty());
        let batch = decoded.batches.last().expect("a block of rows");
        let mut sum = decoded.n_records;
        for column in &batch.columns {
            sum += match &column.data {
                ColumnData::I64(values) => values.last().copied().unwrap_or(0) as u64,
                ColumnData::Text(text) => text.views.last().map_or(0, |view| *view as u32 as u64),
                _ => 0,
            };
        }
        sum
    }
}

/// A source of bids that decodes these of the seven fields.
fn source(format: &str, columns: &[usize]) -> SourceSpec {
    let field = |name: &str, ty: Type, encoding: Encoding| FieldSpec {
        name: name.into(),
        input: name.into(),
        ty,
        encoding,
        default: None,
    };
    SourceSpec {
        ordinal: 0,
        connector: ConnectorSpec { name: "file".into(), options: BTreeMap::new(), span: Span::default() },
        format: Some(FormatSpec { name: format.into(), options: BTreeMap::new(), span: Span::default() }),
        fields: Arc::new([
            field("auction", Type::INT, Encoding::Plain),
            field("bidder", Type::INT, Encoding::Plain),
            field("price", Type::INT, Encoding::Plain),
            field("channel", Type::STRING, Encoding::Plain),
            field("url", Type::STRING, Encoding::Plain),
            field("dateTime", Type::TIMESTAMP, Encoding::EpochMillis),
            field("extra", Type::STRING, Encoding::Plain),
        ]),
        columns: columns.to_vec(),
        time: None,
    }
}
