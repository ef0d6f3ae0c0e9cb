//! The decoder reads what a parser reads that goes character by character.

use super::{CsvDecoder, CsvOptions};
use crate::format::Decoder;
use crate::format::columns::Columns;
use crate::format::field::Field;
use crate::format::testing::{self, Random, cases, csv_source, field};
use crate::kernel::simd::Level;
use millstream_ir::column::Heap;
use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::ops::Range;

/// The records of a text; of each cell whether it is quoted, its text, and whether it is broken.
fn naive(text: &str) -> Vec<Vec<(bool, String, bool)>> {
    let mut records = vec![];
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut cells = vec![];
        loop {
            let (mut quoted, mut cell, mut broken) = (false, String::new(), false);
            if chars.next_if_eq(&'"').is_some() {
                quoted = true;
                loop {
                    match chars.next() {
                        Some('"') if chars.next_if_eq(&'"').is_some() => cell.push('"'),
                        Some('"') => break,
                        Some(c) => cell.push(c),
                        None => {
                            broken = true;
                            break;
                        }
                    }
                }
            }
            let mut behind = String::new();
            while let Some(c) = chars.next_if(|c| *c != ',' && *c != '\n') {
                behind.push(c);
            }
            if !matches!(chars.peek(), Some(',')) {
                behind = behind.strip_suffix('\r').unwrap_or(&behind).to_string();
            }
            broken |= quoted && !behind.is_empty();
            cells.push((quoted, cell + &behind, broken));
            if chars.next() != Some(',') {
                break;
            }
        }
        if cells != [(false, String::new(), false)] {
            records.push(cells);
        }
    }
    records
}

struct Naive {
    fields: Vec<Field>,
    /// The cell of each field.
    positions: Vec<Option<usize>>,
    n_cells: usize,
}

impl Naive {
    fn row(&self, cells: &[(bool, String, bool)]) -> Result<Vec<Value>, String> {
        if cells.iter().any(|cell| cell.2) || cells.len() != self.n_cells {
            return Err(String::new());
        }
        let value = |(field, position): (&Field, &Option<usize>)| match position.map(|p| &cells[p]) {
            Some((quoted, text, _)) if !text.is_empty() || (*quoted && field.spec.ty.is_text()) => {
                field.value_of_text(text)
            }
            _ => field
                .absent()
                .or_else(|e| if field.spec.ty.is_text() { field.value_of_text("") } else { Err(e) }),
        };
        self.fields.iter().zip(&self.positions).map(value).collect()
    }
}

impl Decoder for Naive {
    fn whole(&mut self, bytes: &[u8], _: bool) -> usize {
        bytes.len()
    }

    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut crate::format::Decoded) {
        let text = std::str::from_utf8(&block[range]).expect("UTF-8 in this test");
        for cells in naive(text).into_iter().skip(1) {
            let record = decoded.n_records;
            match self.row(&cells) {
                Ok(values) => {
                    let mut columns = Columns::new(&self.fields, 1);
                    columns.set_row(0, &values);
                    columns.finish(block, record, decoded);
                }
                Err(_) => decoded.reject(record, b"", String::new()),
            }
            decoded.n_records += 1;
        }
    }

    fn copy(&self) -> Option<Box<dyn Decoder>> {
        None
    }
}

fn types(random: &mut Random) -> FieldSpec {
    let (ty, encoding) = match random.below(10) {
        0 => (Type::INT, Encoding::Plain),
        1 => (Type::decimal(2), Encoding::Plain),
        2 => (Type::FLOAT, Encoding::Plain),
        3 => (Type::BOOL, Encoding::Plain),
        4 => (Type::TIMESTAMP, Encoding::Plain),
        5 => (Type::TIMESTAMP, Encoding::EpochMillis),
        6 => (Type::DURATION, Encoding::Plain),
        7 => (Type::one_of(["open", "a long word of many letters"]), Encoding::Plain),
        _ => (Type::STRING, Encoding::Plain),
    };
    let default = (ty.kind == Type::STRING.kind && random.one_in(3)).then(|| Value::string("web"));
    FieldSpec { encoding, default, ..field("", ty.or_null(random.one_in(2))) }
}

fn cell(random: &mut Random) -> String {
    const CELLS: &[&str] = &[
        "",
        "",
        "1",
        "-5",
        "007",
        " 8 ",
        "12.50",
        "1.5e3",
        "true",
        "False",
        "2024-05-01T12:00:00Z",
        "2024-05-01",
        "2024-05-01T12:00:00.25+02:00",
        "1700000000123",
        "1h30m",
        "open",
        "a long word of many letters",
        "\"\"",
        "\"a,b\"",
        "\"a\nb\"",
        "\"1\"",
        "\"a\"\"b\"",
        "\"a\"b",
        "a\"b",
        "é日本",
        "text that is longer than a view",
        "x\ry",
        "NaN",
        "99999999999999999999",
        "\"open\"",
    ];
    random.pick(CELLS).to_string()
}

/// A cell that fits the field.
fn fitting(field: &FieldSpec, random: &mut Random) -> String {
    let number = random.below(1_000_000);
    match (&field.ty, &field.encoding) {
        (ty, _) if ty.is_text() => random.pick(&["open", "a long word of many letters", "open"]).to_string(),
        (ty, _) if ty.kind == Type::BOOL.kind => "false".to_string(),
        (ty, _) if ty.kind == Type::DURATION.kind => "5s".to_string(),
        (ty, Encoding::Plain) if ty.kind == Type::TIMESTAMP.kind => format!("2024-05-01T12:00:00.{number}Z"),
        _ => number.to_string(),
    }
}

#[test]
fn reads_what_a_simple_parser_reads() {
    let mut n_rows = 0;
    for seed in 0..cases(600) {
        let random = &mut Random::new(seed);
        let mut fields: Vec<FieldSpec> = (0..1 + random.below(6)).map(|_| types(random)).collect();
        for (i, field) in fields.iter_mut().enumerate() {
            field.name = format!("f{i}").into();
            field.input = field.name.clone();
        }
        let mut spec = csv_source(&fields, &[]);
        spec.columns.retain(|_| !random.one_in(4));
        // The header has some columns more, and lacks some.
        let mut header: Vec<String> = (0..fields.len()).map(|i| format!("f{i}")).collect();
        header.insert(random.below(header.len() + 1), "unread".to_string());
        header.retain(|name| name == "unread" || !random.one_in(15));
        let missing = |c: &usize| {
            let field = &fields[*c];
            field.default.is_none() && !field.ty.nullable && !header.contains(&field.input.to_string())
        };
        spec.columns.retain(|c| !missing(c));
        let clean = random.one_in(2);
        let mut text = header.join(",") + "\n";
        for _ in 0..random.below(200) {
            let cells: Vec<String> = header
                .iter()
                .map(|name| match fields.iter().find(|f| *f.input == **name) {
                    Some(field) if clean || !random.one_in(6) => fitting(field, random),
                    _ if clean => "any".to_string(),
                    _ => cell(random),
                })
                .collect();
            text += &cells.join(",");
            if !clean && random.one_in(30) {
                text += ",";
            }
            text += random.pick(&["\n", "\n", "\r\n"]);
        }
        if random.one_in(3) {
            text.pop();
        }
        let read = || -> Vec<Field> {
            spec.columns.iter().map(|c| Field::new(&fields[*c]).expect("no patterns")).collect()
        };
        let positions = read().iter().map(|f| header.iter().position(|h| **h == *f.spec.input)).collect();
        let mut naive = Naive { fields: read(), positions, n_cells: header.len() };
        let expected = testing::run(&mut naive, text.as_bytes(), &[], &spec);
        for level in Level::all() {
            let mut cuts: Vec<usize> = (0..random.below(4)).map(|_| random.below(text.len() + 1)).collect();
            cuts.sort();
            let options = CsvOptions { delimiter: b',', quote: Some(b'"'), header: true };
            let mut decoder = CsvDecoder::new(&options, read(), &fields, &spec.columns, 1 << 20);
            decoder.level = level;
            let found = testing::run(&mut decoder, text.as_bytes(), &cuts, &spec);
            for (found, expected) in found.iter().zip(&expected) {
                // Of an unreadable record only its number is compared.
                let number = expected.strip_suffix(": ").filter(|_| !expected.starts_with('{'));
                let same =
                    number.map_or(found == expected, |number| found.starts_with(&format!("{number}: ")));
                assert!(same, "seed {seed}, {level:?}\n{found}\n{expected}\n{text}");
            }
            assert_eq!(found.len(), expected.len(), "seed {seed}, {level:?}\n{text}");
            n_rows += decoder.n_fast;
        }
    }
    assert!(n_rows > 10_000, "only {n_rows} records took the fast path");
}

#[test]
fn no_bytes_make_it_panic() {
    let fields = [field("a", Type::INT), field("b", Type::STRING.nullable()), field("c", Type::FLOAT)];
    let spec = csv_source(&fields, &[]);
    for seed in 0..cases(300) {
        let random = &mut Random::new(seed);
        let pieces = ["a", "b", "c", "\"", ",", "1", "\r", "\n", "\u{0}", "é", "1.5e", "\"\""];
        let mut input: Vec<u8> = if random.one_in(2) { b"a,b,c\n1,x,1.5\n".to_vec() } else { vec![] };
        for _ in 0..random.below(400) {
            match random.below(12) {
                0 => input.push(random.next() as u8),
                _ => input.extend_from_slice(random.pick(&pieces).as_bytes()),
            }
        }
        testing::run(&mut *testing::decoder(&spec, 100), &input, &[], &spec);
    }
}
