//! Formats: bytes to columns and rows to bytes. One file per format; [`decoder`] and [`encoder`]
//! find them by name.

mod changes;
mod columns;
pub mod csv;
pub mod csv_encode;
pub mod field;
mod group;
pub mod json;
pub mod json_encode;
pub mod records;
pub mod table;
#[cfg(test)]
pub(crate) mod testing;

use crate::connector::text_option;
use millstream_base::Span;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, Heap};
use millstream_ir::flow::{ConnectorSpec, FormatSpec, Schema, SinkSpec, SourceSpec};
use millstream_ir::value::Value;
use std::ops::Range;

/// Turns the bytes of one partition into rows. Keeps what it learns about the input (a CSV header,
/// the order of keys) from block to block.
pub trait Decoder: Send {
    /// How many of these bytes, from the start, are whole records. The reader keeps the rest and
    /// offers it again with what follows; at the end of the input everything is whole.
    fn whole(&mut self, bytes: &[u8], end_of_input: bool) -> usize;

    /// Decodes `block[range]`, which holds whole records. The block is readable for at least
    /// [`PADDING`] bytes past the range; string columns may point into it.
    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded);

    /// A decoder for blocks further on, which need not come in their order; none while the start of the
    /// input, of which it must know, has not been decoded.
    fn copy(&self) -> Option<Box<dyn Decoder>>;

    /// What every input begins with and this one has not yet, as the reason why it cannot be read.
    fn missing_start(&self) -> Option<&'static str> {
        None
    }
}

/// Turns rows into bytes, appended to `out`. Hidden columns are left out.
pub trait Encoder: Send {
    /// What stands before the first row.
    fn header(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>);

    /// Writes what is held back to choose a layout; called at the end, and whenever rows should be
    /// seen although no more are coming for now.
    fn flush(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// Bytes that can be read past the end of a block's records.
pub const PADDING: usize = 128;

/// The longest line that is read unless told otherwise.
pub const MAX_LINE: usize = 16 << 20;

/// The rows of a block, in order, in batches of at most `BATCH_ROWS`.
#[derive(Default, Debug)]
pub struct Decoded {
    pub batches: Vec<DecodedRows>,
    pub unreadable: Vec<Unreadable>,
    /// All records seen, readable or not; blank lines are none.
    pub n_records: u64,
}

#[derive(Debug)]
pub struct DecodedRows {
    /// One per entry of the source's `columns`.
    pub columns: Vec<Column>,
    pub n_rows: usize,
    /// The record number of each row, from the start of the block; none where it is `first + row`.
    /// Where there are offsets, `first` is 0.
    pub first: u64,
    pub offsets: Option<Vec<u32>>,
}

/// What the column says of a row that a change log deletes, which is that of the row's sign.
pub const DELETED: i64 = -1;

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// Its number from the start of the block.
    pub record: u64,
    /// Its text, shortened to 1,000 characters; invalid UTF-8 replaced.
    pub text: String,
    /// Why, in the user's words.
    pub reason: String,
}

impl Decoded {
    /// Record number `record` cannot be read.
    fn reject(&mut self, record: u64, bytes: &[u8], reason: String) {
        // A character has at most four bytes.
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]);
        let text = start.chars().take(1000).collect();
        self.unreadable.push(Unreadable { record, text, reason });
    }
}

impl DecodedRows {
    /// Rows with these record numbers.
    pub(crate) fn new(columns: Vec<Column>, records: Vec<u32>) -> DecodedRows {
        let n_rows = records.len();
        let first = records.first().copied().unwrap_or(0);
        if records.iter().enumerate().all(|(i, record)| *record == first + i as u32) {
            return DecodedRows { columns, n_rows, first: first as u64, offsets: None };
        }
        DecodedRows { columns, n_rows, first: 0, offsets: Some(records) }
    }
}

/// Why a record over the limit is not read.
pub fn too_long(max_line: usize) -> String {
    format!("the line is longer than the limit of {max_line} bytes (`max_line`)")
}

/// What some programs put in front of a file. It is no text there.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The length of the byte-order mark that these bytes begin with.
fn byte_order_mark(bytes: &[u8]) -> usize {
    if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }
}

/// A format, or an option of one, that this build does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatError {
    /// The `format` clause.
    pub span: Span,
    pub message: String,
}

/// The decoder of a source; JSON lines where it names no format. Lines of more than `max_line`
/// bytes are unreadable.
pub fn decoder(spec: &SourceSpec, max_line: usize) -> Result<Box<dyn Decoder>, FormatError> {
    let fields = fields(spec)?;
    match format_name(&spec.format) {
        "json" => {
            let is_change_log = spec.format.as_ref().is_some_and(|f| f.options.contains_key("changes"));
            let time = spec.time.as_ref().and_then(|time| spec.columns.iter().position(|c| *c == time.field));
            let is_key = |column: &usize| spec.key.contains(column);
            let key = spec.columns.iter().map(is_key).collect();
            let change_log = is_change_log.then_some(json::ChangeLog { time, key });
            Ok(Box::new(json::JsonDecoder::new(fields, max_line, change_log)))
        }
        "csv" | "tsv" => {
            let options = csv_options(&spec.format)?;
            let decoder = csv::CsvDecoder::new(&options, fields, &spec.fields, &spec.columns, max_line);
            Ok(Box::new(decoder))
        }
        _ => Err(unknown(&spec.format)),
    }
}

/// The fields that a source decodes, one per column; the event time of an arrival-timed source is none.
fn fields(spec: &SourceSpec) -> Result<Vec<field::Field>, FormatError> {
    let read = spec.columns.iter().filter_map(|column| spec.fields.get(*column));
    read.map(|f| {
        let span = spec.connector.span;
        field::Field::new(f)
            .map_err(|why| FormatError { span, message: format!("field `{}`: {why}", f.name) })
    })
    .collect()
}

/// The encoder of a sink with these columns. Where it names no format: a table on a terminal
/// (`terminal_width`: its columns), JSON lines elsewhere.
pub fn encoder(
    schema: &Schema,
    spec: &SinkSpec,
    terminal_width: Option<usize>,
) -> Result<Box<dyn Encoder>, FormatError> {
    if let (None, Some(width)) = (&spec.format, terminal_width) {
        return Ok(Box::new(table::TableEncoder::new(schema, width)));
    }
    match format_name(&spec.format) {
        "json" => Ok(json_encoder(schema, &spec.format)),
        "csv" | "tsv" => Ok(Box::new(csv_encode::CsvEncoder::new(schema, &csv_options(&spec.format)?))),
        _ => Err(unknown(&spec.format)),
    }
}

/// Rows that can be withdrawn are written with their changes; where nothing says how, as `retract` does.
fn json_encoder(schema: &Schema, format: &Option<FormatSpec>) -> Box<dyn Encoder> {
    let changes = format.as_ref().and_then(|format| format.options.get("changes"));
    let debezium = matches!(changes, Some(Value::String(form)) if &**form == "debezium");
    match (changes::Changes::new(schema), schema.sign) {
        (Some(changes), _) if debezium => Box::new(json_encode::DebeziumEncoder::new(schema, changes)),
        (_, Some(sign)) => Box::new(json_encode::RetractEncoder::new(schema, sign)),
        _ => Box::new(json_encode::JsonEncoder::new(schema)),
    }
}

/// The format that a file's extension stands for, after `.gz` or `.zst`.
pub fn of_path(path: &str) -> Option<&'static str> {
    let path = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(path);
    match path.rsplit_once('.')?.1 {
        "ndjson" | "jsonl" | "json" => Some("json"),
        "csv" => Some("csv"),
        "tsv" => Some("tsv"),
        _ => None,
    }
}

/// The format that a connector's path stands for.
pub fn of_connector(connector: &ConnectorSpec) -> Option<FormatSpec> {
    let name = of_path(text_option(connector, "path"))?;
    Some(FormatSpec { name: name.into(), options: Default::default(), span: connector.span })
}

fn format_name(format: &Option<FormatSpec>) -> &str {
    format.as_ref().map_or("json", |f| &f.name)
}

fn csv_options(format: &Option<FormatSpec>) -> Result<csv::CsvOptions, FormatError> {
    let Some(format) = format else { return Err(unknown(format)) };
    csv::CsvOptions::new(format).map_err(|message| FormatError { span: format.span, message })
}

fn unknown(format: &Option<FormatSpec>) -> FormatError {
    let span = format.as_ref().map_or(Span::default(), |f| f.span);
    let message =
        format!("the format `{}` is not part of this build; it has json, csv and tsv", format_name(format));
    FormatError { span, message }
}
