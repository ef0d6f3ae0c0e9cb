//! What CSV reads as, why records cannot be read, and what is written.

use crate::format::testing::{self, csv_source, field};
use crate::format::{Encoder, csv_encode::CsvEncoder};
use millstream_ir::flow::FieldSpec;
use millstream_ir::types::Type;
use millstream_ir::value::Value;

fn read_with(fields: &[FieldSpec], options: &[(&str, Value)], input: &[u8], cuts: &[usize]) -> Vec<String> {
    let spec = csv_source(fields, options);
    testing::run(&mut *testing::decoder(&spec, 300), input, cuts, &spec)
}

fn read(fields: &[FieldSpec], input: &str) -> String {
    read_with(fields, &[], input.as_bytes(), &[]).join("\n")
}

fn orders() -> Vec<FieldSpec> {
    vec![
        field("id", Type::INT),
        field("amount", Type::decimal(2).nullable()),
        field("note", Type::STRING.nullable()),
        FieldSpec { default: Some(Value::string("web")), ..field("via", Type::STRING) },
    ]
}

const ORDERS: &str = "\u{FEFF}\"note\",id,unread,amount,via\r\n\
    plain,1,x,12.5,app\r\n\
    \"a, \"\"b\"\"\nc\",2,\"\n\",\"3\",\n\
    \n\
    ,3,,,\"\"\n\
    \"\", 4 ,x\"y\"z, -0.10,é\n\
    \"end\",5,,,";

#[test]
fn reads_records_however_they_are_quoted() {
    insta::assert_snapshot!(read(&orders(), ORDERS), @r#"
    {"id":1,"amount":12.50,"note":"plain","via":"app"}
    {"id":2,"amount":3.00,"note":"a, \"b\"\nc","via":"web"}
    {"id":3,"amount":null,"note":null,"via":""}
    {"id":4,"amount":-0.10,"note":"","via":"é"}
    {"id":5,"amount":null,"note":"end","via":"web"}
    "#);
}

#[test]
fn blocks_may_end_anywhere() {
    let expected = read_with(&orders(), &[], ORDERS.as_bytes(), &[]);
    for cut in 0..ORDERS.len() {
        assert_eq!(read_with(&orders(), &[], ORDERS.as_bytes(), &[cut]), expected, "cut at {cut}");
    }
}

#[test]
fn says_why_a_record_cannot_be_read() {
    let input = "id,amount,note,via\n1,2\n1,2,3,4,5\nx,1,a,b\n,1,a,b\n1,1.234,a,b\n1,1,\"a\"b,c\n1,1,a,b\n1,1,\"a,b\n1,1,a,b\n";
    insta::assert_snapshot!(read(&orders(), input), @r#"
    0: expected 4 fields, found 2
    1: expected 4 fields, found 5
    2: field `id`: expected int, found "x"
    3: field `id`: it is empty
    4: field `amount`: expected decimal(2), up to 38 digits with 2 after the point, found "1.234"
    5: field 3: text stands behind its closing quote
    {"id":1,"amount":1.00,"note":"a","via":"b"}
    7: field 3: its quote is not closed
    "#);
    insta::assert_snapshot!(read(&orders(), "id,amount,note\n1,1,a\n"), @r#"{"id":1,"amount":1.00,"note":"a","via":"web"}"#);
    insta::assert_snapshot!(read(&orders(), "ID,amount,note\n1,1,a\n"), @r"
    0: the header has no column `id`; it has: ID, amount, note
    1: the header has no column `id`; it has: ID, amount, note
    ");
    insta::assert_snapshot!(read(&orders(), "id,\"amount\n1,1,a\n"), @"0: the header cannot be read: field 2: its quote is not closed");
}

#[test]
fn broken_text_and_long_records_leave_the_rest_alone() {
    let mut input = b"id\n\xff\n".to_vec();
    input.extend(format!("{}\n7", "x".repeat(301)).bytes());
    insta::assert_snapshot!(read_with(&orders()[..1], &[], &input, &[]).join("\n"), @r#"
    0: invalid UTF-8 at byte 1 of the record
    1: the line is longer than the limit of 300 bytes (`max_line`)
    {"id":7}
    "#);
}

#[test]
fn the_format_clause_says_how_it_is_written() {
    let fields = [field("a", Type::INT), field("b", Type::STRING)];
    let options =
        [("header", Value::Bool(false)), ("delimiter", Value::string(";")), ("quote", Value::string("'"))];
    let rows = read_with(&fields, &options, b"1;'x;''y'''\n2;\"\n", &[]);
    insta::assert_snapshot!(rows.join("\n"), @r#"
    {"a":1,"b":"x;'y'"}
    {"a":2,"b":"\""}
    "#);
    let mut spec = csv_source(&fields, &options[..2]);
    // Only the second field is read.
    spec.columns = vec![1];
    let rows = testing::run(&mut *testing::decoder(&spec, 300), b"?;z\n", &[], &spec);
    assert_eq!(rows, [r#"{"b":"z"}"#]);
}

#[test]
fn refuses_options_that_make_no_sense() {
    let fault = |name: &str, value: Value| {
        let spec = csv_source(&[field("a", Type::INT)], &[(name, value)]);
        crate::format::decoder(&spec, 300).err().map(|e| e.message).unwrap_or_default()
    };
    let faults = [
        fault("delimiter", Value::string(";;")),
        fault("delimiter", Value::string("\"")),
        fault("header", Value::Int(1)),
        fault("sep", Value::string(";")),
    ];
    insta::assert_snapshot!(faults.join("\n"), @r#"
    `delimiter` must be one ASCII character and no line break, found ";;"
    `delimiter` and `quote` must differ
    `header` has the wrong type
    csv has no option `sep`; it has `delimiter`, `header` and `quote`
    "#);
}

#[test]
fn what_is_written_reads_back() {
    let fields = [
        field("s", Type::STRING.nullable()),
        field("x", Type::FLOAT.nullable()),
        field("t", Type::TIMESTAMP),
        field("tags", Type::list(Type::STRING)),
        field("ok", Type::BOOL),
    ];
    let input = "s,x,t,tags,ok\n\
        \"a,b\",1.5,2024-05-01T12:00:00Z,\"[\"\"x\"\"]\",true\n\
        \"\",,2024-05-01T12:00:00.5Z,[],false\n\
        ,NaN,2024-05-01T12:00:00Z,\"[\"\"\n\"\"]\",true\n\
        \"\"\"\r\n\",-0.0,2024-05-01T12:00:00Z,[],false\n";
    // A line break is escaped inside JSON.
    let input = input.replace("\"\"\n\"\"]", "\"\"\\n\"\"]");
    assert_eq!(rewritten(&fields, true, &input), input);
}

#[test]
fn a_text_that_begins_like_a_file_is_quoted() {
    let input = "\"\u{FEFF}a\",1\nb\u{FEFF},2\n";
    assert_eq!(rewritten(&[field("s", Type::STRING), field("n", Type::INT)], false, input), input);
}

/// What is read, written again.
fn rewritten(fields: &[FieldSpec], header: bool, input: &str) -> String {
    let spec = csv_source(fields, &[("header", Value::Bool(header))]);
    let options = crate::format::csv::CsvOptions { delimiter: b',', quote: Some(b'"'), header };
    let mut encoder = CsvEncoder::new(&testing::schema(&spec), &options);
    let mut out = vec![];
    encoder.header(&mut out);
    for batch in testing::batches(&mut *testing::decoder(&spec, 300), input.as_bytes()) {
        encoder.encode(&batch, &mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}
