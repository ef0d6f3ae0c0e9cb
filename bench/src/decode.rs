//! JSON lines and CSV to columns. The input is hot in the second-level cache, as after a read.

use crate::data::Bids;
use crate::limits::decode::{self, Columns};
use crate::measure::{Cpu, Effort, Job, compare};
use millstream_base::Span;
use millstream_ir::column::{ColumnData, Heap};
use millstream_ir::flow::{ConnectorSpec, Encoding, FieldSpec, FormatSpec, SourceSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::format::{Decoded, Decoder, MAX_LINE, decoder};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One block of the reader.
const N_ROWS: usize = 1250;

/// The block is decoded this often in a round.
const REPEAT: usize = 400;

pub fn measure(effort: &Effort) {
    if !decode::is_supported() {
        println!("the hand-written decoders need AVX2");
        return;
    }
    let bids = Bids::new(N_ROWS, 100_000, 3_600_000_000);
    let json = block(bids.json(N_ROWS));
    compare_both(effort, "JSON lines, all 7 fields", &json, decode::json::<true>, "json", &ALL);
    compare_both(effort, "JSON lines, 3 of 7 fields", &json, decode::json::<false>, "json", &THREE);
    let csv = block(bids.csv(N_ROWS));
    compare_both(effort, "CSV, all 7 fields", &csv, decode::csv::<true>, "csv", &ALL);
    compare_both(effort, "CSV, 3 of 7 fields", &csv, decode::csv::<false>, "csv", &THREE);
}

const ALL: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

/// Auction, price and time.
const THREE: [usize; 3] = [0, 2, 5];

fn block(mut bytes: Vec<u8>) -> (Heap, usize) {
    let len = bytes.len();
    bytes.resize(len + decode::PADDING, 0);
    (Arc::new(bytes), len)
}

fn compare_both(
    effort: &Effort,
    name: &str,
    (block, len): &(Heap, usize),
    by_hand: impl Fn(&[u8], usize, &mut Columns),
    format: &str,
    fields: &[usize],
) {
    let mut columns = Columns::default();
    let mut engine = Engine::new(format, fields);
    let by_hand = || {
        by_hand(block, *len, &mut columns);
        checksum(&columns)
    };
    let times = effort.of(REPEAT);
    let job = Job { name, n_events: N_ROWS * times, cpu: Cpu::Thread, target: 2.0 };
    compare(effort, job, repeated(times, by_hand), repeated(times, || engine.decode(block, *len)));
}

fn repeated(times: usize, mut once: impl FnMut() -> u64) -> impl FnMut() -> u64 {
    move || (0..times).fold(0, |sum, _| sum.wrapping_add(once()))
}

/// Of the last row, and the number of rows.
fn checksum(columns: &Columns) -> u64 {
    let last = |column: &[i64]| column.last().copied().unwrap_or(0) as u64;
    let length = |column: &[(u32, u32)]| column.last().map_or(0, |place| place.1 as u64);
    columns.auction.len() as u64
        + [&columns.auction, &columns.bidder, &columns.price, &columns.time]
            .map(|c| last(c))
            .iter()
            .sum::<u64>()
        + [&columns.channel, &columns.url, &columns.extra].map(|c| length(c)).iter().sum::<u64>()
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
    let mut options = BTreeMap::new();
    if format == "csv" {
        options.insert(Arc::from("header"), Value::Bool(false));
    }
    SourceSpec {
        ordinal: 0,
        connector: ConnectorSpec { name: "file".into(), options: BTreeMap::new(), span: Span::default() },
        format: Some(FormatSpec { name: format.into(), options, span: Span::default() }),
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
        key: vec![],
        load: None,
    }
}
