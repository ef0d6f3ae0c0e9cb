//! The fast path reads what the general path reads, however lines are written and blocks are cut.

use super::{JsonDecoder, general};
use crate::format::columns::Columns;
use crate::format::field::Field;
use crate::format::testing::{self, Random, cases, field};
use crate::format::{Decoded, Decoder};
use crate::kernel::simd::Level;
use millstream_ir::column::Heap;
use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use std::ops::Range;

/// Line by line through the general path.
struct Slow(Vec<Field>);

impl Decoder for Slow {
    fn whole(&mut self, bytes: &[u8], _: bool) -> usize {
        bytes.len()
    }

    fn decode(&mut self, block: &Heap, range: Range<usize>, decoded: &mut Decoded) {
        let lines = block[range].split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
        for line in lines {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let record = decoded.n_records;
            let mut columns = Columns::new(&self.0, 1);
            match general::row(line, &self.0) {
                Ok(values) => {
                    columns.set_row(0, &values);
                    columns.finish(block, record, decoded);
                }
                Err(reason) => decoded.reject(record, line, reason),
            }
            decoded.n_records += 1;
        }
    }

    fn copy(&self) -> Option<Box<dyn Decoder>> {
        None
    }
}

fn types(random: &mut Random) -> FieldSpec {
    let epochs = [Encoding::EpochSeconds, Encoding::EpochMillis, Encoding::EpochMicros, Encoding::EpochNanos];
    let (ty, encoding) = match random.below(14) {
        0 => (Type::INT, Encoding::Plain),
        1 => (Type::decimal(random.below(4) as u8), Encoding::Plain),
        2 => (Type::decimal(20), Encoding::Plain),
        3 => (Type::FLOAT, Encoding::Plain),
        4 => (Type::BOOL, Encoding::Plain),
        5 | 6 => (Type::STRING, Encoding::Plain),
        7 => (Type::one_of(["open", "closed", "é", "a word of many letters"]), Encoding::Plain),
        8 => (Type::TIMESTAMP, Encoding::Plain),
        9 | 10 => (Type::TIMESTAMP, epochs[random.below(4)].clone()),
        11 => (Type::DURATION, Encoding::Plain),
        12 => (Type::JSON, Encoding::Plain),
        _ => (Type::list(Type::INT), Encoding::Plain),
    };
    let ty = ty.or_null(random.one_in(2));
    let default = (ty.kind == TypeKind::Int && random.one_in(3)).then_some(Value::Int(-1));
    FieldSpec { encoding, default, ..field("", ty) }
}

/// A value as JSON that often fits the field, and sometimes is odd or broken.
fn value(field: &FieldSpec, random: &mut Random) -> String {
    const ODD: &[&str] = &[
        "null",
        "true",
        "5.0",
        "-0",
        "01",
        "1e3",
        "1.5e-3",
        "-",
        "9223372036854775807",
        "9223372036854775808",
        "1234567.125",
        "-9223372036854775808",
        "12345678901234567890123456789",
        "0.1234567890123456789",
        "\"\"",
        "\"12.5\"",
        "\"x\\\"y\"",
        "\"\\u00e9\\ud83d\\ude00\\/\"",
        "\"\\ud83d\"",
        "\"\\q\"",
        "\"tab\there\"",
        "[]",
        "[1, 2,3]",
        "{\"a\":[{}]}",
        "[1,]",
        "1.",
        "\"2024-05-01T12:00:00\"",
        "\"2024-05-01 12:00:00.1234567+02:00\"",
        "\"2024-02-30T12:00:00Z\"",
        "\"2023-02-29T12:00:00Z\"",
        "\"2024-05-01T24:00:00Z\"",
        "\"2024-05-01T12:00:60Z\"",
        "\"2024-05-01T12:00:00.Z\"",
        "\"2024-05-01\"",
        "1.7976931348623157e309",
        "\"a word of many letters\"",
        "\"\\u0061 word of many letters\"",
        "nullx",
        "tru",
        "\"unfinished",
        "",
        "00",
        "-5",
        "\"-0.05\"",
        "+1",
        "1E5",
        "123456789012345678",
        "1234567890123456789",
        "0.30000000000000004",
        "1700000000.25",
    ];
    if random.one_in(12) {
        return random.pick(ODD).to_string();
    }
    if field.ty.nullable && random.one_in(5) {
        return "null".to_string();
    }
    let digits = random.below(19) as u32;
    let number = (random.next() >> 1) % 10u64.pow(digits);
    let sign = random.pick(&["", "", "-"]);
    match (&field.ty.kind, &field.encoding) {
        (TypeKind::Int, _) => format!("{sign}{number}"),
        (TypeKind::Decimal(0), _) => format!("{sign}{number}"),
        (TypeKind::Decimal(scale), _) => {
            let fraction =
                format!("{:0width$}", number % 10u64.pow((*scale).min(18) as u32), width = *scale as usize);
            let quote = random.pick(&["", "", "\""]);
            format!("{quote}{sign}{}.{}{quote}", number / 100, &fraction[..1 + random.below(fraction.len())])
        }
        (TypeKind::Float, _) => format!("{sign}{}.{}", number % 1_000_000, number / 1_000_000),
        (TypeKind::Bool, _) => random.pick(&["true", "false"]).to_string(),
        (TypeKind::OneOf(_), _) => random
            .pick(&["\"open\"", "\"closed\"", "\"é\"", "\"a word of many letters\"", "\"opens\""])
            .to_string(),
        (TypeKind::Timestamp, Encoding::Plain) => {
            let fraction = random.pick(&["", ".5", ".123456", ".999999999"]);
            let zone = random.pick(&["Z", "Z", "+00:00", "-05:30"]);
            let day = 1 + random.below(31);
            format!("\"2024-{:02}-{day:02}T23:{:02}:05{fraction}{zone}\"", 1 + day % 12, random.below(60))
        }
        (TypeKind::Timestamp, _) => format!("{sign}{number}"),
        (TypeKind::Duration, _) => random.pick(&["\"1h30m\"", "\"-5s\"", "\"5 s\""]).to_string(),
        (TypeKind::Json | TypeKind::List(_), _) => {
            random.pick(&["[1,2]", "[ ]", "{\"k\": [null]}"]).to_string()
        }
        _ => {
            let text: String =
                (0..random.below(40)).map(|_| random.pick(&["a", "b", " ", "é", "\\n", "日"])).collect();
            format!("\"{text}\"")
        }
    }
}

/// Lines of an input: mostly of one shape, with some that differ in every way.
fn input(fields: &[FieldSpec], random: &mut Random) -> Vec<u8> {
    let regular = random.below(3);
    let mut text = String::from(random.pick(&["", "\u{FEFF}"]));
    for _ in 0..random.below(300) {
        let odd = regular == 0 || random.one_in(20);
        let blank = |random: &mut Random| match odd {
            true => random.pick(&["", "", " ", "\t "]),
            false => "",
        };
        let mut entries: Vec<String> = vec![];
        for field in fields {
            if field.default.is_some() && random.one_in(3) || odd && random.one_in(10) {
                continue;
            }
            for _ in 0..1 + (odd && random.one_in(10)) as usize {
                let value = value(field, random);
                let (a, b, c) = (blank(random), blank(random), blank(random));
                entries.push(format!("{a}\"{}\"{b}:{c}{value}{}", field.input, blank(random)));
            }
        }
        entries.insert(
            entries.len() / 2,
            format!("\"unread\":{}", random.pick(&["\"a\\tb\"", "[{},1.5]", "-1e5", "null"])),
        );
        if odd && random.one_in(2) {
            entries.reverse();
        }
        let close = if odd && random.one_in(20) { "" } else { "}" };
        let end = random.pick(if odd { &["\n", "\r\n", " \n\n", "x\n"] } else { &["\n"] });
        text += &format!("{}{{{}{close}{end}", blank(random), entries.join(","));
    }
    let mut bytes = text.into_bytes();
    if random.one_in(4) && !bytes.is_empty() {
        // Somewhere a byte is wrong.
        let at = random.below(bytes.len());
        bytes[at] = *random.pick(&[&b'"', &b'\\', &0xFF, &0xC3, &b'\n', &b'{', &0, &b',']);
    }
    if random.one_in(3) {
        bytes.pop();
    }
    bytes
}

#[test]
fn the_fast_path_reads_what_the_general_path_reads() {
    let mut n_fast = 0;
    for seed in 0..cases(400) {
        let random = &mut Random::new(seed);
        let mut fields: Vec<FieldSpec> = (0..1 + random.below(8)).map(|_| types(random)).collect();
        for (i, field) in fields.iter_mut().enumerate() {
            field.name = format!("f{i}").into();
            field.input = random.pick(&["a", "the longest name of a field that there is", "é"]).into();
            field.input = format!("{}{i}", field.input).into();
        }
        let mut spec = testing::source(&fields);
        spec.columns.retain(|_| !random.one_in(3));
        let read: Vec<Field> =
            spec.columns.iter().map(|c| Field::new(&fields[*c]).expect("no patterns")).collect();
        let input = input(&fields, random);
        let without_mark = input.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(&input);
        let expected = testing::run(&mut Slow(read), without_mark, &[], &spec);
        for level in Level::all() {
            let mut cuts: Vec<usize> = (0..random.below(4)).map(|_| random.below(input.len() + 1)).collect();
            cuts.sort();
            let read = spec.columns.iter().map(|c| Field::new(&fields[*c]).expect("no patterns")).collect();
            let mut decoder = JsonDecoder::new(read, 1 << 20, None);
            decoder.fast.set_level(level);
            let found = testing::run(&mut decoder, &input, &cuts, &spec);
            n_fast += decoder.fast.n_read;
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "seed {seed}, {level:?}\n{}", String::from_utf8_lossy(&input));
            }
            assert_eq!(found.len(), expected.len(), "seed {seed}, {level:?}");
        }
    }
    assert!(n_fast > 10_000, "only {n_fast} lines took the fast path");
}

#[test]
fn no_bytes_make_it_panic() {
    let fields = [field("a", Type::INT), field("b", Type::STRING.nullable()), field("c", Type::FLOAT)];
    let spec = testing::source(&fields);
    for seed in 0..cases(300) {
        let random = &mut Random::new(seed);
        let pieces = [
            "{", "}", "\"", "\"a\":", "\"b\":", "\"c\":", ",", "1", "null", "\\", "\n", "\u{0}", "é", "[",
            "1.5e", "]",
        ];
        let mut input: Vec<u8> = b"{\"a\":1,\"b\":\"x\",\"c\":1.5}\n".to_vec();
        for _ in 0..random.below(400) {
            match random.below(12) {
                0 => input.push(random.next() as u8),
                1 => input.extend_from_within(..random.below(input.len().min(60))),
                _ => input.extend_from_slice(random.pick(&pieces).as_bytes()),
            }
        }
        testing::run(&mut *testing::decoder(&spec, 100), &input, &[], &spec);
    }
}
