//! Reads rows of an input whose fields are not known, and gathers what they look like.

use super::errors;
use super::shape::Fields;
use millstream_base::{Diagnostic, Span};
use millstream_ir::flow::ConnectorSpec;
use millstream_ir::text::parse_timestamp;
use millstream_ir::value::Value;
use millstream_runtime::connector::{self, Surroundings};
use millstream_runtime::format::records::{Cell, LINES, Records, Syntax};
use millstream_runtime::format::{self, json};
use std::path::PathBuf;

/// How an input is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    JsonLines,
    Fields { delimiter: u8, has_header: bool },
}

/// What the rows of an input look like.
pub struct Sample {
    pub layout: Layout,
    pub n_rows: u64,
    /// Whether there are rows that were not looked at.
    pub has_more: bool,
    pub n_partitions: usize,
    pub fields: Fields,
    /// Names that the header has twice, of which the last column counts.
    pub named_twice: Vec<String>,
    pub n_unreadable: u64,
    /// The first record that cannot be read: its number, and why.
    pub unreadable: Option<(u64, String)>,
}

const QUOTE: Option<u8> = Some(b'"');

/// Reads at most so many rows of a file, a pattern of files or `-`, from each file as many.
pub fn read(path: &str, span: Span, limit: u64) -> Result<Sample, Box<Diagnostic>> {
    let options = [("path".into(), Value::string(path))].into();
    let connector = ConnectorSpec { name: "file".into(), options, span };
    let around = Surroundings { base: PathBuf::new(), stop: Default::default(), inputs: vec![] };
    let partitions = connector::file::partitions(&connector, &around)?;
    let n_partitions = partitions.len();
    let limit = limit.div_ceil(n_partitions.max(1) as u64);
    let mut sample: Option<Sample> = None;
    for partition in partitions {
        let name = partition.name.clone();
        let failed = |error| millstream_runtime::errors::read_failed(&connector, &name, &error);
        let mut records = Records::open(partition).map_err(failed)?;
        if records.start().trim_ascii().is_empty() {
            continue;
        }
        let sample = match &mut sample {
            Some(sample) => sample,
            none => none.insert(Sample::new(layout(path, records.start(), span)?, n_partitions)),
        };
        sample.fields.begin_partition();
        sample.read(&mut records, limit).map_err(failed)?;
    }
    match sample {
        Some(sample) if sample.n_rows > 0 => Ok(sample),
        sample => Err(Box::new(errors::no_rows(span, path, sample.and_then(|sample| sample.unreadable)))),
    }
}

impl Sample {
    fn new(layout: Layout, n_partitions: usize) -> Sample {
        Sample {
            layout,
            n_rows: 0,
            has_more: false,
            n_partitions,
            fields: Fields::default(),
            named_twice: vec![],
            n_unreadable: 0,
            unreadable: None,
        }
    }

    fn read(&mut self, records: &mut Records, limit: u64) -> std::io::Result<()> {
        let syntax = match self.layout {
            Layout::JsonLines => LINES,
            Layout::Fields { delimiter, .. } => Syntax { delimiter, quote: QUOTE },
        };
        let mut names = None;
        let (mut n_records, mut n_rows) = (0, 0);
        while let Some(record) = records.next(syntax)? {
            if record.trim_ascii().is_empty() && self.layout == Layout::JsonLines {
                continue;
            }
            let is_header = matches!(self.layout, Layout::Fields { has_header: true, .. }) && names.is_none();
            if n_rows == limit && !is_header {
                self.has_more = true;
                break;
            }
            let added = match self.layout {
                Layout::JsonLines => self.add_object(&record),
                Layout::Fields { has_header, .. } => self.add_fields(&record, syntax, has_header, &mut names),
            };
            match added {
                _ if is_header => continue,
                Ok(()) => n_rows += 1,
                Err(why) => {
                    self.n_unreadable += 1;
                    self.unreadable.get_or_insert((n_records + 1, why));
                }
            }
            n_records += 1;
            // What cannot be read shall not be read for ever.
            if n_records >= limit.saturating_mul(2).saturating_add(1000) {
                self.has_more = true;
                break;
            }
        }
        self.n_rows += n_rows;
        self.fields.n = self.n_rows;
        Ok(())
    }

    fn add_object(&mut self, line: &[u8]) -> Result<(), String> {
        for (name, value) in &json::object(line)? {
            self.fields.add(name, value, 0);
        }
        Ok(())
    }

    /// Adds a record; the first one may hold the names.
    fn add_fields(
        &mut self,
        record: &[u8],
        syntax: Syntax,
        has_header: bool,
        names: &mut Option<Vec<String>>,
    ) -> Result<(), String> {
        let text = std::str::from_utf8(record).map_err(|_| "it is not UTF-8 text".to_string())?;
        let cells = syntax.cells(text)?;
        let Some(names) = names else {
            let number = |n: usize| format!("column_{}", n + 1);
            let first: Vec<String> = match has_header {
                true => cells.iter().map(|cell| cell.text.to_string()).collect(),
                false => (0..cells.len()).map(number).collect(),
            };
            let is_twice = |(n, name): &(usize, &String)| first[..*n].contains(name);
            self.named_twice =
                first.iter().enumerate().filter(is_twice).map(|(_, name)| name.clone()).collect();
            first.iter().for_each(|name| _ = self.fields.column(name));
            *names = Some(first);
            return match has_header {
                true => Ok(()),
                false => self.add_fields(record, syntax, has_header, names),
            };
        };
        if cells.len() != names.len() {
            return Err(format!("expected {} fields, found {}", names.len(), cells.len()));
        }
        for (number, (name, cell)) in names.iter().zip(&cells).enumerate() {
            let is_last = !names[number + 1..].contains(name);
            if let Some(column) = self.fields.column(name).filter(|_| is_last) {
                column.add_cell(&cell.text);
            }
        }
        Ok(())
    }
}

/// What the name says, else what the first bytes look like.
fn layout(path: &str, start: &[u8], span: Span) -> Result<Layout, Box<Diagnostic>> {
    let first = start.trim_ascii_start().first().copied().unwrap_or_default();
    let format = match format::of_path(path) {
        Some(format) => format,
        None if first == b'{' || first == b'[' => "json",
        None if start.contains(&0) => return Err(Box::new(errors::no_format(span, path))),
        None => "text",
    };
    let by_tabs = format == "tsv";
    match format {
        "json" if first == b'[' => Err(Box::new(errors::array(span, path))),
        "json" => Ok(Layout::JsonLines),
        _ => {
            let lines = start.rsplitn(2, |byte| *byte == b'\n').last().unwrap_or(start);
            let delimiter = delimiter(lines, by_tabs);
            if format == "text" && !lines.contains(&delimiter) {
                return Err(Box::new(errors::no_format(span, path)));
            }
            Ok(Layout::Fields { delimiter, has_header: has_header(lines, delimiter) })
        }
    }
}

/// Records that are looked at to find out how fields are parted.
const MOST_TRIED: usize = 20;

/// The character that parts most fields, of all records equally many.
fn delimiter(lines: &[u8], by_tabs: bool) -> u8 {
    let usual = if by_tabs { b'\t' } else { b',' };
    let n_fields = |delimiter: u8| {
        let counts: Vec<usize> = first_records(lines, delimiter).iter().map(Vec::len).collect();
        let first = counts.first().copied().unwrap_or(0);
        let n_equal = counts.iter().filter(|n| **n == first).count();
        if n_equal * 4 >= counts.len() * 3 { first } else { 0 }
    };
    let most = n_fields(usual);
    let others = [b',', b';', b'\t', b'|'].into_iter().filter(|other| *other != usual);
    let better = others.map(|other| (n_fields(other), other)).max_by_key(|(n, _)| *n);
    better.filter(|(n, _)| *n > 1 && *n > most).map_or(usual, |(_, delimiter)| delimiter)
}

fn first_records(mut lines: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let syntax = Syntax { delimiter, quote: QUOTE };
    let mut records = vec![];
    while let Some(record) = syntax.next_record(&mut lines) {
        let text = String::from_utf8_lossy(record);
        let cells =
            syntax.cells(&text).map(|cells: Vec<Cell>| cells.iter().map(|c| c.text.to_string()).collect());
        records.push(cells.unwrap_or_default());
        if records.len() == MOST_TRIED {
            break;
        }
    }
    records
}

/// Whether the first record looks like names: none of them is a number or a time.
fn has_header(lines: &[u8], delimiter: u8) -> bool {
    let records = first_records(lines, delimiter);
    let Some(first) = records.first() else { return true };
    let is_value = |text: &str| text.parse::<f64>().is_ok() || parse_timestamp(text.as_bytes()).is_some();
    let mut named = first.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).peekable();
    named.peek().is_some() && !named.any(is_value)
}
