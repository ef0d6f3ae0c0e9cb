//! What the properties of decoders share: sources to choose from, and reading in blocks.

use super::draw::Draw;
use millstream_base::Span;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::flow::{
    Column, ConnectorSpec, Encoding, FieldSpec, FormatSpec, Schema, SinkSpec, SourceSpec,
};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::format::{self, Decoded, PADDING};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record: the values of a row, or its text and why it cannot be read.
pub type Record = Result<Vec<Value>, (String, String)>;

/// One of a few sources, as `choice` says.
pub fn source(format: &str, choice: u8, options: &[(&str, Value)]) -> SourceSpec {
    let (fields, columns) = fields(choice);
    let options = options.iter().map(|(name, value)| (Arc::from(*name), value.clone())).collect();
    let connector = ConnectorSpec { name: "file".into(), options: BTreeMap::new(), span: Span::default() };
    SourceSpec {
        ordinal: 0,
        connector,
        format: Some(FormatSpec { name: format.into(), options, span: Span::default() }),
        columns: columns.unwrap_or_else(|| (0..fields.len()).collect()),
        fields: fields.into(),
        time: None,
        key: vec![],
        load: None,
    }
}

/// The fields of a type, and which of them are read; all if none are named.
fn fields(choice: u8) -> (Vec<FieldSpec>, Option<Vec<usize>>) {
    let timestamp = |name, encoding| FieldSpec { encoding, ..field(name, Type::TIMESTAMP) };
    let payment = vec![
        field("id", Type::INT),
        field("card", Type::STRING),
        field("amount", Type::decimal(2)),
        field("country", Type::STRING.nullable()),
        field("at", Type::TIMESTAMP),
    ];
    match choice % 6 {
        0 => (payment, None),
        1 => (payment, Some(vec![2, 3])),
        2 => {
            let numbers = vec![
                field("a", Type::INT.nullable()),
                field("b", Type::FLOAT),
                field("c", Type::decimal(0).nullable()),
                field("d", Type::decimal(38)),
                field("e", Type::BOOL),
                FieldSpec { default: Some(Value::Int(7)), ..field("f", Type::INT) },
            ];
            (numbers, None)
        }
        3 => {
            let pattern =
                Encoding::Pattern { pattern: "%d/%m/%Y %H:%M".into(), zone: Some("Europe/Paris".into()) };
            let times = vec![
                timestamp("s", Encoding::EpochSeconds),
                timestamp("ms", Encoding::EpochMillis),
                timestamp("us", Encoding::EpochMicros),
                timestamp("ns", Encoding::EpochNanos),
                timestamp("local", pattern),
                field("took", Type::DURATION.nullable()),
            ];
            (times, None)
        }
        4 => {
            let point = Type::record([("x", Type::INT), ("y", Type::FLOAT.nullable())]);
            let nested = vec![
                field("path", Type::list(point)),
                field("tags", Type::map(Type::BOOL).nullable()),
                field("raw", Type::JSON.nullable()),
                field("bytes", Type::BYTES.nullable()),
                FieldSpec {
                    default: Some(Value::string("web")),
                    ..field("via", Type::one_of(["web", "app"]))
                },
            ];
            (nested, None)
        }
        _ => (vec![field("a", Type::STRING), field("a\n\"b\"", Type::STRING.nullable())], None),
    }
}

fn field(name: &str, ty: Type) -> FieldSpec {
    FieldSpec { name: name.into(), input: name.into(), ty, encoding: Encoding::Plain, default: None }
}

/// The rows that `keep` picks, written in the source's format and read again.
pub fn read_back(spec: &SourceSpec, batches: &[Batch], keep: fn(&[Value]) -> bool) -> Vec<Record> {
    let read: Vec<&FieldSpec> = spec.columns.iter().map(|column| &spec.fields[*column]).collect();
    let column = |f: &&FieldSpec| Column { name: f.name.clone(), ty: f.ty.clone(), hidden: false };
    let schema = Schema::append_only(read.iter().map(column).collect(), 0);
    let sink = SinkSpec { connector: spec.connector.clone(), format: spec.format.clone(), ordered: false };
    let encoder = format::encoder(&schema, &sink, None);
    let mut encoder = encoder.unwrap_or_else(|e| panic!("the sink is in order: {}", e.message));
    let mut bytes = vec![];
    encoder.header(&mut bytes);
    for batch in batches {
        let kept: Vec<u32> = (0..batch.n_rows as u32)
            .filter(|row| keep(&values(spec, &batch.columns, *row as usize)))
            .collect();
        encoder.encode(&batch.gather(&kept), &mut bytes);
    }
    encoder.flush(&mut bytes);
    let plain = |f: &&FieldSpec| FieldSpec { encoding: Encoding::Plain, default: None, ..(*f).clone() };
    let fields: Vec<FieldSpec> = read.iter().map(plain).collect();
    let spec = SourceSpec { columns: (0..fields.len()).collect(), fields: fields.into(), ..spec.clone() };
    self::read(&spec, usize::MAX, 0, &bytes, &[]).0
}

fn values(spec: &SourceSpec, columns: &[ColumnRef], row: usize) -> Vec<Value> {
    columns.iter().zip(&spec.columns).map(|(column, c)| column.value(row, &spec.fields[*c].ty)).collect()
}

/// Up to eight places in an input, in order.
pub fn cuts(seed: u8, input: &[u8]) -> Vec<usize> {
    let mut draw = Draw::new(seed as u64);
    let mut cuts: Vec<usize> = (0..draw.below(9)).map(|_| draw.below(input.len() + 1)).collect();
    cuts.sort();
    cuts
}

/// What a decoder makes of an input that comes in pieces cut at these places, in the order of records; it may pass over
/// so many of them.
pub fn read(
    spec: &SourceSpec,
    max_line: usize,
    n_passed_over: usize,
    input: &[u8],
    cuts: &[usize],
) -> (Vec<Record>, Vec<Batch>) {
    let decoder = format::decoder(spec, max_line);
    let mut decoder = decoder.unwrap_or_else(|e| panic!("the source is in order: {}", e.message));
    let mut records: BTreeMap<u64, Record> = BTreeMap::new();
    let mut batches = vec![];
    let mut n_before = 0;
    let mut pending: Vec<u8> = vec![];
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        pending.extend_from_slice(&input[start..end]);
        start = end;
        let whole = decoder.whole(&pending, end == input.len());
        assert!(whole <= pending.len());
        let rest = pending.split_off(whole);
        // Rows must not depend on what stands before or after the range.
        let mut block = b"\"\\".to_vec();
        block.append(&mut pending);
        block.resize(2 + whole + PADDING, b'"');
        let mut decoded = Decoded::default();
        decoder.decode(&Arc::new(block), 2..2 + whole, &mut decoded);
        pending = rest;
        for rows in decoded.batches {
            let columns: Vec<ColumnRef> = rows.columns.into_iter().map(Arc::new).collect();
            assert!(columns.iter().all(|column| column.len() == rows.n_rows));
            for row in 0..rows.n_rows {
                let number = rows.offsets.as_ref().map_or(rows.first + row as u64, |o| o[row] as u64);
                let before = records.insert(n_before + number, Ok(values(spec, &columns, row)));
                assert!(before.is_none(), "record {number} twice");
            }
            batches.push(Batch { columns, n_rows: rows.n_rows, origin: Origin::default(), late: vec![] });
        }
        for bad in decoded.unreadable {
            let before = records.insert(n_before + bad.record, Err((bad.text, bad.reason)));
            assert!(before.is_none(), "record {} twice", bad.record);
        }
        n_before += decoded.n_records;
    }
    let n_missing = (0..n_before).filter(|number| !records.contains_key(number)).count();
    assert!(n_missing <= n_passed_over, "{n_missing} records are neither rows nor unreadable");
    assert_eq!(records.len() as u64 + n_missing as u64, n_before, "records are numbered in order");
    (records.into_values().collect(), batches)
}
