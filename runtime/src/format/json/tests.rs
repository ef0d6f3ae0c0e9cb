//! What JSON lines read as, and why lines cannot be read.

use crate::format::testing::{self, field};
use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;

/// Each row as JSON, each unreadable record as its number and reason, in the order of records.
fn read(fields: &[FieldSpec], input: &str) -> Vec<String> {
    read_bytes(fields, input.as_bytes())
}

fn read_bytes(fields: &[FieldSpec], input: &[u8]) -> Vec<String> {
    let spec = testing::source(fields);
    testing::run(&mut *testing::decoder(&spec, 200), input, &[], &spec)
}

fn card() -> Vec<FieldSpec> {
    vec![
        field("id", Type::INT),
        field("amount", Type::decimal(2)),
        field("card", Type::STRING),
        field("note", Type::STRING.nullable()),
    ]
}

#[test]
fn reads_rows_however_they_are_written() {
    let input = "\u{FEFF}{\"id\":1,\"amount\":12.5,\"card\":\"a card longer than a view\",\"note\":null}\r\n\
        \n  \t\n\
        { \"note\" : \"\\u00e9\\ud83d\\ude00\\n\", \"card\":\"c\", \"amount\":\"3\", \"id\":5.0, \"new\":{\"a\":[1,{}]} }\n\
        {\"id\":1,\"id\":2,\"amount\":1e1,\"card\":\"\"}";
    insta::assert_snapshot!(read(&card(), input).join("\n"), @r#"
    {"id":1,"amount":12.50,"card":"a card longer than a view","note":null}
    {"id":5,"amount":3.00,"card":"c","note":"é😀\n"}
    {"id":2,"amount":10.00,"card":"","note":null}
    "#);
}

#[test]
fn says_why_a_line_cannot_be_read() {
    let lines = [
        r#"{"id":1,"amount":1.234,"card":"c"}"#,
        r#"{"id":1.5,"amount":1,"card":"c"}"#,
        r#"{"id":9223372036854775808,"amount":1,"card":"c"}"#,
        r#"{"id":"1","amount":1,"card":"c"}"#,
        r#"{"id":1,"amount":1e40,"card":"c"}"#,
        r#"{"id":1,"amount":"much","card":"c"}"#,
        r#"{"id":1,"amount":1,"card":null}"#,
        r#"{"id":1,"amount":1}"#,
        r#"{"id":1,"amount":1,"card":"c""#,
        r#"{"id":1,"amount":1,"card":"c"} x"#,
        r#"{"id":01,"amount":1,"card":"c"}"#,
        r#"[1]"#,
        r#"nonsense"#,
    ];
    insta::assert_snapshot!(read(&card(), &lines.join("\n")).join("\n"));
}

#[test]
fn broken_text_and_long_lines_leave_the_rest_alone() {
    let mut input = b"{\"id\":1,\"amount\":1,\"card\":\"\xff\"}\n".to_vec();
    input.extend(format!("{{\"card\":\"{}\"}}\n", "x".repeat(300)).bytes());
    input.extend(b"{\"id\":7,\"amount\":1,\"card\":\"c\"}\n");
    let expected = read_bytes(&card(), &input);
    insta::assert_snapshot!(expected.join("\n"), @r#"
    0: invalid UTF-8 at byte 28 of the line
    1: the line is longer than the limit of 200 bytes (`max_line`)
    {"id":7,"amount":1.00,"card":"c","note":null}
    "#);
    let spec = testing::source(&card());
    // A reader itself drops lines over the limit that it has not whole.
    for cut in (0..input.len()).filter(|cut| !(33..=343).contains(cut)) {
        let rows = testing::run(&mut *testing::decoder(&spec, 200), &input, &[cut], &spec);
        assert_eq!(rows, expected, "cut at {cut}");
    }
}

#[test]
fn times_come_as_text_or_as_declared() {
    let with = |name, encoding| FieldSpec { encoding, ..field(name, Type::TIMESTAMP) };
    let pattern = |pattern: &str, zone: Option<&str>| Encoding::Pattern {
        pattern: pattern.into(),
        zone: zone.map(Into::into),
    };
    let fields = [
        field("at", Type::TIMESTAMP),
        with("s", Encoding::EpochSeconds),
        with("ms", Encoding::EpochMillis),
        with("ns", Encoding::EpochNanos),
        with("local", pattern("%d/%m/%Y %H:%M", Some("Europe/Paris"))),
        with("day", pattern("%Y-%m-%d", None)),
        field("took", Type::DURATION),
    ];
    let row = |at: &str, s: &str, local: &str| {
        format!(
            r#"{{"at":"{at}","s":{s},"ms":1700000000123,"ns":"1700000000123456789","local":"{local}","day":"2024-02-29","took":"1h30m"}}"#
        )
    };
    let lines = [
        row("2024-05-01T12:00:00Z", "1700000000", "01/05/2024 14:00"),
        row("2024-05-01T12:00:00.123456789+02:00", "1700000000.25", "31/03/2024 02:30"),
        row("2024-05-01T12:00:00", "1", "01/05/2024 14:00"),
        row("2024-05-01T12:00:00Z", "1", "2024"),
        row("2024-02-30T12:00:00Z", "1", "01/05/2024 14:00"),
        row("2024-02-28T12:00:00Z", "0.0000001", "01/05/2024 14:00"),
    ];
    // The lines are longer than the limit of `read`.
    let spec = testing::source(&fields);
    let rows = testing::run(&mut *testing::decoder(&spec, 1000), lines.join("\n").as_bytes(), &[], &spec);
    insta::assert_snapshot!(rows.join("\n"));
    insta::assert_snapshot!(read(&fields[..1], r#"{"at":17}"#).join("\n"), @r#"0: field `at`: expected timestamp, such as "2024-05-01T12:00:00Z", found 17; seconds since 1970 are declared `timestamp as epoch_s`"#);
}

#[test]
fn nested_values_name_the_place_of_a_fault() {
    let point = Type::record([("x", Type::INT), ("y", Type::FLOAT.nullable())]);
    let fields = [
        field("path", Type::list(point)),
        field("tags", Type::of(millstream_ir::types::TypeKind::Map(Type::BOOL.into())).nullable()),
        field("raw", Type::JSON.nullable()),
        FieldSpec { default: Some(Value::string("web")), ..field("via", Type::one_of(["web", "app"])) },
    ];
    let lines = [
        r#"{"path":[{"x":1,"y":2.5},{"x":2}],"tags":{"a":true},"raw":{"b":1.0}}"#,
        r#"{"path":[{"x":1},{"y":2.5}]}"#,
        r#"{"path":[{"x":1},{"x":"?"}]}"#,
        r#"{"path":[],"tags":{"a":1}}"#,
        r#"{"path":{}}"#,
        r#"{"path":[],"via":"wep"}"#,
        r#"{"path":[],"via":"app"}"#,
    ];
    insta::assert_snapshot!(read(&fields, &lines.join("\n")).join("\n"));
}

#[test]
fn many_keys_take_no_longer_than_many_bytes() {
    let unread: String = (0..200_000).map(|i| format!("\"k{i}\":{i},")).collect();
    let line = format!("{{{unread}\"n\":1}}\n");
    let spec = testing::source(&[field("n", Type::INT)]);
    let rows = testing::run(&mut *testing::decoder(&spec, line.len()), line.repeat(3).as_bytes(), &[], &spec);
    assert_eq!(rows, [r#"{"n":1}"#; 3]);
}

#[test]
fn what_is_written_reads_back() {
    let fields = [
        field("f", Type::FLOAT.nullable()),
        field("d", Type::decimal(3)),
        field("t", Type::TIMESTAMP),
        field("n", Type::DURATION),
        field("b", Type::BYTES),
        field("s", Type::STRING),
    ];
    let line = r#"{"f":1e300,"d":-0.005,"t":"1969-12-31T23:59:59.999999Z","n":"-1w2d3h4m5s6ms7us","b":"AP8=","s":"\u0000\"\\/\b\f\n\r\t"}"#;
    let once = read(&fields, line);
    insta::assert_snapshot!(once.join("\n"), @r#"{"f":1e300,"d":-0.005,"t":"1969-12-31T23:59:59.999999Z","n":"-9d3h4m5s6ms7us","b":"AP8=","s":"\u0000\"\\/\b\f\n\r\t"}"#);
    assert_eq!(read(&fields, &once[0]), once);
}
