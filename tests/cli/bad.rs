//! Input and programs that are wrong in every way: each is told or counted, none is lost.

use super::inputs::copy;
use crate::support::Folder;

/// Runs over an input; the good ids, and the reasons of the rest.
fn read(name: &str, input: &[u8]) -> (String, Vec<String>) {
    let folder = Folder::new();
    folder.write(name, input);
    folder.write("p.stream", format!("{}sink bad from errors(rows) to file(\"bad.json\")\n", copy(name)));
    let ran = folder.run("run -q p.stream").code(0);
    let bad = folder.read("bad.json");
    let reasons = bad.lines().map(|l| {
        let row: serde_json::Value = serde_json::from_str(l).expect("a row of JSON");
        row["reason"].as_str().expect("text").to_string()
    });
    (ran.stdout, reasons.collect())
}

#[test]
fn odd_files_are_read() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("in.ndjson", b"", ""),
        ("in.ndjson", b"{\"id\":1}", "1\n"),
        ("in.ndjson", b"{\"id\":1}\r\n\r\n{\"id\":2}\r\n", "1\n2\n"),
        ("in.ndjson", b"\xef\xbb\xbf{\"id\":1}\n", "1\n"),
        ("in.csv", b"", ""),
        ("in.csv", b"id\r\n1\r\n2", "1\n2\n"),
        ("in.csv", b"\xef\xbb\xbfid\n1\n", "1\n"),
    ];
    for (name, input, expected) in cases {
        assert_eq!(read(name, input), (expected.into(), vec![]), "{:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn bytes_that_are_no_text_fail_their_row_only() {
    let reason = |at: u32, of: &str| vec![format!("invalid UTF-8 at byte {at} of the {of}")];
    assert_eq!(
        read("in.ndjson", b"{\"id\":1}\n{\"\xff\":1}\n{\"id\":2}\n"),
        ("1\n2\n".into(), reason(3, "line"))
    );
    assert_eq!(read("in.csv", b"id,x\n1,a\n2,\xff\n3,b\n"), ("1\n3\n".into(), reason(3, "record")));
}

#[test]
fn a_line_over_the_limit_is_set_aside_and_the_rest_goes_on() {
    let long = format!("{{\"id\":1}}\n{{\"id\":2,\"x\":\"{}\"}}\n{{\"id\":3}}\n", "x".repeat(2_000_000));
    let folder = Folder::new();
    let limited = |max: &str| copy("in.ndjson").replace("\")", &format!("\", max_line: {max})"));
    folder.write("in.ndjson", long);
    for (max, expected) in [("1000000", "1\n3\n"), ("3000000", "1\n2\n3\n")] {
        folder.write("p.stream", limited(max));
        let ran = folder.run("run p.stream").code(0);
        assert_eq!(ran.stdout, expected, "{}", ran.stderr);
        let told = format!("the line is longer than the limit of {max} bytes (`max_line`)");
        assert_eq!(ran.stderr.contains(&told), expected == "1\n3\n", "{}", ran.stderr);
    }
}

#[test]
fn deep_and_endless_values_end() {
    let deep = format!("{{\"x\":{}{},\"id\":1}}\n{{\"id\":2}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let (good, reasons) = read("in.ndjson", deep.as_bytes());
    assert!(good.ends_with("2\n") && reasons.len() + good.lines().count() == 2, "{good}{reasons:?}");
    let open = format!("{{\"id\":1}}\n{{\"id\":2,\"x\":\"{}", "y".repeat(100_000));
    assert_eq!(
        read("in.ndjson", open.as_bytes()),
        ("1\n".into(), vec![format!("broken JSON: it ends inside a string at character {}", 100_000 + 13)])
    );
}

#[test]
fn inputs_that_cannot_be_read_are_named() {
    let folder = Folder::new();
    folder.write("folder/x", "");
    for (path, parts) in [
        ("none.ndjson", ["E0902", "no such file or directory"]),
        ("folder", ["E0905", "`folder/*`"]),
        ("none/*.ndjson", ["E0903", "no file matches"]),
        // A file in the place of a folder: like one that may not be read, also for root.
        ("folder/x/y", ["E0902", "not a directory"]),
        ("in[.ndjson", ["E0904", "is not a file pattern"]),
    ] {
        folder.write("p.stream", copy(path));
        let ran = folder.run("run p.stream").code(1).stderr_has(parts[0]).stderr_has(parts[1]);
        assert!(!ran.stderr.contains(" rows "), "a run that did not begin has no report: {}", ran.stderr);
    }
}

#[test]
fn a_damaged_packed_file_is_named_and_what_was_read_is_kept() {
    let folder = Folder::new();
    let rows: String = (0..100_000).map(|i| format!("{{\"id\":{i}}}\n")).collect();
    let packed = zstd::encode_all(rows.as_bytes(), 0).expect("memory takes it");
    folder.write("in.ndjson.zst", &packed[..packed.len() - 10]).write("p.stream", copy("in.ndjson.zst"));
    let ran = folder
        .run("run p.stream")
        .code(1)
        .stderr_has("error[E0908]")
        .stderr_has("reading `in.ndjson.zst` failed");
    assert!(ran.stdout.starts_with("0\n1\n2\n"), "what came before is written");
}

#[test]
fn garbage_as_a_program_is_told_in_bounds() {
    let folder = Folder::new();
    let mut state = 42u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    let words = [
        "stream", "from", "where", "select", "(", ")", "[", "{", "}", ",", ":", "=", "==", "-", "\"", "`",
        "1", "2.5", "5m", "x", "--", "\n", "@2024", "f\"", "?", "|", "é",
    ];
    let garbage: String = (0..300_000).map(|_| format!("{} ", words[random() % words.len()])).collect();
    let bytes: Vec<u8> = (0..1_000_000).map(|_| random() as u8).collect();
    folder
        .write("words.stream", &garbage)
        .write("bytes.stream", bytes)
        .write("line.stream", garbage.replace('\n', " "));
    folder.run("check bytes.stream").code(2).stderr_has("is not UTF-8 text: line");
    for name in ["words", "line"] {
        let ran = folder.run(&format!("check {name}.stream")).code(2);
        let n_findings = ran.stderr.matches("error[").count();
        assert!(
            (1..=250).contains(&n_findings) && ran.stderr.len() < 200_000,
            "{n_findings} in {} bytes",
            ran.stderr.len()
        );
        folder.run(&format!("fmt {name}.stream")).code(2);
    }
}

#[test]
fn deep_nesting_is_an_error_or_works() {
    let folder = Folder::new();
    let nested = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(10_000), close.repeat(10_000))
    };
    let cases = [
        (format!("param x: int = {}\n", nested("(", "1", ")")), 0),
        (format!("param x: int = {}\n", "(".repeat(10_000)), 2),
        (format!("param x: json = {}\n", nested("[", "1", "]")), 2),
        (format!("param x: json = {}\n", nested("{a:", "1", "}")), 2),
        (format!("type T = {}\n", nested("list<", "int", ">")), 2),
        (format!("param x: bool = {}true\n", "not ".repeat(10_000)), 2),
        (format!("stream s = match {} within 5m\n", nested("(", "a: x", ")")), 2),
    ];
    for (program, code) in cases {
        folder.write("p.stream", &program);
        let ran = folder.run("check p.stream").code(code);
        assert!(code == 0 || ran.stderr.contains("error[E01"), "{}", ran.stderr);
        folder.run("fmt p.stream");
    }
}

#[test]
fn a_type_of_five_thousand_columns_runs() {
    let folder = Folder::new();
    let fields: String = (0..5_000).map(|i| format!("c{i}: int, ")).collect();
    let program = format!(
        "type Wide = {{ {fields} }}\nsource rows: Wide from file(\"in.ndjson\")\nstream s = from rows where c4999 > 0\nsink out from s to stdout format json\n"
    );
    let row = |n: u32| {
        format!("{{{}}}\n", (0..5_000).map(|i| format!("\"c{i}\":{}", i * n)).collect::<Vec<_>>().join(","))
    };
    folder.write("p.stream", program).write("in.ndjson", format!("{}{}", row(0), row(1)));
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, row(1));
}

#[test]
fn a_source_that_is_to_fail_has_all_its_fields_checked() {
    let program = |policy: &str| {
        let folder = Folder::new();
        folder.write("in.ndjson", "{\"id\":1,\"amount\":\"many\"}\n");
        let source = "source rows: { id: int, amount: int } from file(\"in.ndjson\")";
        folder.write("p.stream", format!("{source} {policy}\nstream ids = from rows select id\n"));
        folder.run("run -q p.stream")
    };
    program("on error fail").code(1).stderr_has("field `amount`: expected int");
    assert_eq!(program("").code(0).stdout, "{\"id\":1}\n", "nothing reads it, so nothing looks at it");
}
