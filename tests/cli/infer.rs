//! `millstream infer`: declarations from data, and data that none can be told of.

use crate::support::Folder;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

fn infer(files: &[(&str, &str)], arguments: &str) -> String {
    let folder = Folder::new();
    files.iter().for_each(|(name, text)| _ = folder.write(name, text));
    let told = folder.run(&format!("infer {arguments}")).code(0).stdout;
    folder.write("told.stream", &told);
    folder.run("check told.stream").code(0);
    assert_eq!(folder.run_with("fmt", &told).code(0).stdout, told, "not in the standard layout");
    told
}

#[test]
fn types_are_told_from_lines_of_json() {
    let orders = r#"{"id":1,"order-no":"0017","total":12.50,"weight":0.5,"big":12345678901234567890,"placed":"2024-05-01T12:00:03Z","seen_ms":1714564800000,"user":{"name":"ada","tags":["x"],"born":null},"extra":{},"mixed":1,"flag":true,"select":1,"ref":1714564800}
{"id":2,"order-no":"0018","total":3.00,"weight":12,"big":1,"placed":"2024-05-01T12:00:01.5Z","seen_ms":1714564803000,"user":{"name":"bob","tags":[],"born":"1815-12-10"},"extra":{},"mixed":"a","flag":false,"select":2,"ref":1714564800}
{"id":3,"order-no":null,"total":7.25,"weight":1.125,"big":2,"placed":"2024-05-01T12:00:05Z","seen_ms":1714564801000,"user":null,"mixed":null,"flag":true,"select":3,"note":null,"ref":1714564800}
this is no record
"#;
    insta::assert_snapshot!(infer(&[("orders.ndjson", orders)], "orders.ndjson"));
}

#[test]
fn types_are_told_from_fields() {
    let visits = "day;zip;price;ok;host;when;n\n\
        05/01/2024;01234;1,5;true;a;2024-05-01 12:00;1\n\
        04/01/2024;98765;2;FALSE;;2024-05-01 12:01;2\n\
        07/01/2024;10115;;true;b;2024-05-01 12:02;x\n";
    insta::assert_snapshot!(infer(&[("visits.csv", visits)], "visits.csv"));
}

#[test]
fn durations_and_numbers_with_a_comma() {
    let calls = "caller;took;price;id\na;1m30s;12,50;1,5\nb;250ms;3;2.5\nc;;0,125;7\n";
    insta::assert_snapshot!(infer(&[("calls.csv", calls)], "calls.csv"));
    let lines = r#"{"took":"2h","cost":"1,25","n":"5"}"#;
    insta::assert_snapshot!(infer(&[("calls.ndjson", lines)], "calls.ndjson"));
}

#[test]
fn a_first_line_of_values_names_nothing() {
    let rows = "7\t2024-05-01T12:00:00Z\tada\n8\t2024-05-01T12:00:01Z\tbob\n";
    insta::assert_snapshot!(infer(&[("log.tsv", rows)], "log.tsv"));
}

#[test]
fn files_that_look_alike_share_their_types() {
    let monday = "{\"user\":{\"id\":1},\"at\":\"2024-05-01T12:00:00Z\"}\n";
    let tuesday = "{\"user\":{\"id\":2},\"at\":\"2024-05-02T12:00:00Z\"}\n";
    let files = [("logs/mon.ndjson", monday), ("logs/tue.ndjson", tuesday)];
    insta::assert_snapshot!(infer(&files, "logs/mon.ndjson logs/tue.ndjson"));
    let one = infer(&files, "logs/*.ndjson --rows 1");
    assert!(
        one.contains("all 2 rows of logs/*.ndjson, 2 files") && one.contains("source rows: Row"),
        "{one}"
    );
}

#[test]
fn rows_over_the_limit_are_not_looked_at() {
    let rows: String =
        (0..100).map(|n| format!("{{\"n\":{}}}\n", if n < 50 { "1" } else { "null" })).collect();
    let told = infer(&[("data.ndjson", &rows)], "data.ndjson --rows 50");
    assert!(told.contains("Told from the first 50 rows of data.ndjson. There are more"), "{told}");
    assert!(told.contains("{ n: int }"), "{told}");
}

#[test]
fn objects_with_many_rare_keys_are_maps() {
    let rows: String = (0..100).map(|n| format!("{{\"counts\":{{\"key {n}\":{n}}}}}\n")).collect();
    let told = infer(&[("data.ndjson", &rows)], "data.ndjson");
    assert!(told.contains("counts: map<int>"), "{told}");
}

#[test]
fn packed_files_and_standard_input_are_read() {
    let folder = Folder::new();
    let mut packed = GzEncoder::new(vec![], Compression::default());
    packed.write_all(b"id,name\n1,ada\n").expect("written");
    folder.write("people.csv.gz", packed.finish().expect("packed"));
    let told = folder.run("infer people.csv.gz").code(0).stdout;
    assert!(told.contains("source people: People\n  ") && told.contains("file(\"people.csv.gz\")"), "{told}");
    let told = folder.run_with("infer -", "id,name\n1,ada\n").code(0).stdout;
    assert!(
        told.contains("source events: Event\n  ") && told.contains("from file(\"-\") format csv"),
        "{told}"
    );
    folder.write("p.stream", format!("{told}\nsink out from events to stdout format json\n"));
    let ran = folder.run_with("run -q p.stream", "id,name\n1,ada\n").code(0);
    assert_eq!(ran.stdout, "{\"id\":1,\"name\":\"ada\"}\n");
}

#[test]
fn what_has_no_rows_is_said() {
    let folder = Folder::new();
    folder.write("empty.csv", "").write("names.csv", "id,name\n").write("pretty.json", "{\n  \"id\": 1\n}\n");
    folder.write("noise.bin", [0u8, 1, 2, 10]).write("sub/x.csv", "a\n1\n");
    folder.write("short.csv", "a,b,c\n1,2\n").write("quote.csv", "a,b\n1,\"2\"3\n");
    for (arguments, code, said) in [
        ("empty.csv", 1, "error[E0961]: `empty.csv` has no rows"),
        ("names.csv", 1, "error[E0961]: `names.csv` has no rows"),
        ("pretty.json", 1, "`jq -c . pretty.json`"),
        ("noise.bin", 1, "error[E0960]"),
        ("short.csv", 1, "give each record as many fields as the first, which names them"),
        ("quote.csv", 1, "mend the record, or leave it out"),
        ("missing.csv", 64, "error[E0902]"),
        ("sub", 64, "error[E0905]"),
        ("none/*.csv", 64, "error[E0903]"),
        ("names.csv --rows 0", 64, "--rows"),
    ] {
        folder.run(&format!("infer {arguments}")).code(code).stderr_has(said);
    }
}

#[test]
fn the_noise_of_floats_makes_no_decimals() {
    let rows = "{\"price\":0.1,\"share\":0.7999999999999999}\n{\"price\":0.30000000000000004,\"share\":0.5}\n{\"price\":12.5,\"share\":1}\n";
    insta::assert_snapshot!(infer(&[("prices.ndjson", rows)], "prices.ndjson"));
}

#[test]
fn names_of_files_are_alike_by_more_than_their_ending() {
    let folder = Folder::new();
    folder.write("e.csv", "a,b\n1,2\n").write("orders.csv", "a,b\n1,2\n");
    folder.write("abc.stream", "source s: { a: int } from file(\"e.csv\") format csv\n");
    let unlike = folder.run("infer nope.csv").code(64);
    unlike.stderr_has("name a file of data that is there");
    for (arguments, near) in [("infer order.csv", "orders.csv"), ("infer orders.cvs", "orders.csv")] {
        folder.run(arguments).code(64).stderr_has(&format!("did you mean `{near}`?"));
    }
    folder.run("check nope.stream").code(64).stderr_has("name a file that is there");
    folder.run("check abd.stream").code(64).stderr_has("did you mean `abc.stream`?");
}
