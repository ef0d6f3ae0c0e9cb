//! Sources: one file, patterns, packed files, standard input, what the command line puts in their place.

use crate::support::Folder;
use flate2::write::GzEncoder;
use std::io::Write;

/// A program that writes the ids of `path` to standard output, one a line.
pub fn copy(path: &str) -> String {
    format!(
        "source rows: {{ id: int }} from file(\"{path}\")\nsink out from rows to stdout format csv(header: false)\n"
    )
}

fn rows(ids: impl IntoIterator<Item = u32>) -> String {
    ids.into_iter().map(|id| format!("{{\"id\":{id}}}\n")).collect()
}

#[test]
fn a_pattern_reads_each_file_as_a_partition_by_name() {
    let folder = Folder::new();
    folder.write("logs/b.ndjson", rows([3])).write("logs/a.ndjson", rows([1, 2])).write("logs/c.txt", "no\n");
    folder.write("p.stream", copy("logs/*.ndjson"));
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "1\n2\n3\n");
    // Relative paths start at the program, wherever the command is given.
    folder.write("below/p.stream", copy("../logs/[b]*.ndjson"));
    assert_eq!(folder.run("run -q below/p.stream").code(0).stdout, "3\n");
}

#[test]
fn packed_files_are_unpacked_and_packed_by_extension() {
    let folder = Folder::new();
    let mut packed = GzEncoder::new(vec![], flate2::Compression::fast());
    packed.write_all(rows([1, 2]).as_bytes()).expect("memory takes it");
    folder.write("in.ndjson.gz", packed.finish().expect("memory takes it"));
    folder.write("in.ndjson.zst", zstd::encode_all(rows([3, 4]).as_bytes(), 0).expect("memory takes it"));
    for (name, expected) in [("in.ndjson.gz", "1\n2\n"), ("in.ndjson.zst", "3\n4\n")] {
        folder.write("p.stream", copy(name));
        assert_eq!(folder.run("run -q p.stream").code(0).stdout, expected);
        // What was written packed can be read again.
        for out in ["out.ndjson.gz", "out.jsonl.zst"] {
            folder.run(&format!("run -q p.stream --sink out={out}")).code(0);
            let again = format!("run -q p.stream --source rows={out}");
            assert_eq!(folder.run(&again).code(0).stdout, expected, "{name} to {out}");
        }
    }
}

#[test]
fn standard_input_is_a_file_called_dash() {
    let folder = Folder::new();
    folder.write("p.stream", copy("-")).write("q.stream", copy("nowhere.ndjson"));
    assert_eq!(folder.run_with("run -q p.stream", rows([1, 2])).code(0).stdout, "1\n2\n");
    assert_eq!(folder.run_with("run -q q.stream --source rows=-", rows([7])).code(0).stdout, "7\n");
    // One reader would take it all.
    folder.write("two.stream", "source a: { id: int } from file(\"-\")\nsource b: { id: int } from file(\"b.ndjson\")\nsink x from a to stdout\nsink y from b to stdout\n");
    folder.write("b.ndjson", rows([4]));
    folder.run_with("run -q two.stream", rows([3])).code(0);
    let twice = folder.run("run -q two.stream --source b=-").code(64).stderr_has("error[E0931]");
    twice.stderr_has("`a` and `b` both read standard input").stderr_has("--source b=-");
    let as_program = folder.run_with("run -q -", copy("-")).code(2);
    as_program.stderr_has("error[E0931]").stderr_has("which the program comes from");
    folder.run_with("check -", copy("-")).code(0);
    // The declared format stays where there is no extension to follow.
    folder.write(
        "c.stream",
        "source rows: { id: int } from file(\"x\") format csv\nsink out from rows to stdout format json\n",
    );
    assert_eq!(folder.run_with("run -q c.stream --source rows=-", "id\n5\n").code(0).stdout, "{\"id\":5}\n");
}

#[test]
fn what_the_command_line_puts_in_place_keeps_type_time_and_errors() {
    let folder = Folder::new();
    folder.write("day/a.csv", "id\n1\nmany\n").write("day/b.csv", "id\n2\n");
    folder.write(
        "p.stream",
        format!("{}sink bad from errors(rows) to file(\"bad.json\")\n", copy("nowhere.ndjson")),
    );
    let ran = folder.run("run p.stream --source rows=day/*.csv --sink out=out.json").code(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(folder.read("out.json"), "{\"id\":1}\n{\"id\":2}\n");
    assert!(folder.read("bad.json").contains("day/a.csv record 2"), "{}", folder.read("bad.json"));
    folder.run("run p.stream --source row=x").code(64).stderr_has("did you mean `--source rows=…`?");
    folder.run("run p.stream --sink ot=x").code(64).stderr_has("did you mean `--sink out=…`?");
    for command in ["check", "explain", "emit plan"] {
        folder.run(&format!("{command} p.stream --sink ot=x")).code(64).stderr_has("command line:1:8");
    }
    folder.run("run p.stream --source rows").code(64).stderr_has("expected NAME=VALUE");
}

#[test]
fn parameters_come_from_the_command_line_the_environment_and_the_program() {
    let folder = Folder::new();
    folder.write("in.ndjson", rows([1, 2, 3]));
    folder.write("p.stream", "param least: int = 3\nsource rows: { id: int } from file(\"in.ndjson\")\nstream s = from rows where id >= least\nsink out from s to stdout format csv(header: false)\n");
    let least =
        |value: &str| folder.run_in("run -q p.stream", "", &[("MILLSTREAM_LEAST", value)]).code(0).stdout;
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "3\n");
    assert_eq!(least("2"), "2\n3\n");
    let both = folder.run_in("run -q p.stream --set least=1", "", &[("MILLSTREAM_LEAST", "2")]);
    assert_eq!(both.code(0).stdout, "1\n2\n3\n");
    folder.run("run p.stream --set least=many").code(2).stderr_has("error[E0214]");
    let misspelt = folder.run("run p.stream --set lest=5").code(64).stderr_has("error[E0926]");
    misspelt.stderr_has("did you mean `--set least=…`?").stderr_has("--set lest=…");
    // The environment is not the program's alone.
    assert_eq!(folder.run_in("run -q p.stream", "", &[("MILLSTREAM_LEST", "2")]).code(0).stdout, "3\n");
    folder.write("q.stream", "param least: int\nsource rows: { id: int } from file(\"in.ndjson\")\nstream s = from rows where id >= least\n");
    folder.run("run q.stream").code(2).stderr_has("set MILLSTREAM_LEAST");
}

#[test]
fn secrets_and_variables_are_never_shown() {
    let folder = Folder::new();
    folder.write("in.ndjson", rows([1]));
    folder.write("p.stream", "param word: secret\nsource rows: { id: int } from kafka(topic: \"t\", password: word)\nsink out from rows to postgres(url: env(\"DATABASE\"), table: \"t\")\n");
    let variables = [("MILLSTREAM_WORD", "hunter2"), ("DATABASE", "postgres://hunter2@host")];
    let commands = [
        "check p.stream",
        "explain p.stream",
        "emit hir p.stream",
        "emit plan p.stream",
        "emit flow p.stream",
        "emit clif p.stream",
        "run p.stream",
        "run p.stream --source rows=in.ndjson --sink out=out.json",
    ];
    for command in commands {
        let ran = folder.run_in(command, "", &variables);
        assert!(!format!("{ran:?}").contains("hunter2"), "{command}: {ran:?}");
        assert!(ran.code < 2, "{command}: {ran:?}");
    }
    folder
        .run("check p.stream")
        .code(2)
        .stderr_has("the secret `word` has no value")
        .stderr_has("`DATABASE` is not set");
}

#[test]
fn connectors_of_other_builds_check_with_typed_options_and_do_not_run() {
    let folder = Folder::new();
    let program = |options: &str| {
        format!(
            "source rows: {{ id: int }} from kafka({options})\nsink out from rows to stdout format json\n"
        )
    };
    folder.write("in.ndjson", rows([1])).write("p.stream", program("topic: \"t\", start: earliest"));
    folder.run("check p.stream").code(0);
    folder.run("run p.stream").code(1).stderr_has("error[E0901]").stderr_has("`--source rows=FILE`");
    assert_eq!(folder.run("run -q p.stream --source rows=in.ndjson").code(0).stdout, "{\"id\":1}\n");
    for (options, expected) in [
        ("topic: 5", "E0301"),
        ("tpic: \"t\"", "did you mean `topic`"),
        ("topic: \"t\", start: sometime", "`start` cannot be `sometime`"),
        ("start: latest", "`kafka` needs its option `topic`"),
    ] {
        folder.write("p.stream", program(options));
        let ran = folder.run("check p.stream").code(2);
        assert!(
            ran.stderr.contains(expected)
                || ran.stderr.replace("use `topic`", "did you mean `topic`").contains(expected),
            "{options}: {}",
            ran.stderr
        );
    }
}

#[test]
fn until_ends_the_input_and_limit_the_output() {
    let folder = Folder::new();
    let row = |id: u32| format!("{{\"id\":{id},\"at\":\"2024-05-01T00:0{id}:00Z\"}}\n");
    folder.write("in.ndjson", (1..7).map(row).collect::<String>());
    folder.write("p.stream", "source rows: { id: int, at: timestamp } from file(\"in.ndjson\") time at\nstream s = from rows window tumbling 10m select count() as n\nsink ids from rows to stdout format csv(header: false)\nsink counts from s to file(\"n.json\")\n");
    let ran = folder.run("run p.stream --until 2024-05-01T00:03:00Z").code(0);
    assert_eq!(ran.stdout, "1,2024-05-01T00:01:00Z\n2,2024-05-01T00:02:00Z\n");
    assert_eq!(folder.read("n.json"), "{\"n\":2}\n");
    let ran =
        folder.run("run p.stream --limit 3").code(0).stderr_has("stopped: the limit of rows is reached");
    assert_eq!((ran.stdout.lines().count(), folder.read("n.json").as_str()), (3, ""));
    folder.run("run p.stream --until soon").code(64).stderr_has("error[E0951]").stderr_has("expected a time");
}

#[test]
fn records_that_cannot_be_read_keep_their_order_however_far_apart_they_are() {
    let folder = Folder::new();
    let row = |padding: usize| {
        format!("{{\"at\":\"2024-05-01T00:00:00Z\",\"unread\":\"{}\"}}\n", " ".repeat(padding))
    };
    // More is between the records than is read at once.
    folder.write("in.ndjson", format!("{}one\n{}two\n", row(0), row(600_000)));
    let program = "source e: { at: timestamp } from file(\"in.ndjson\") time at\n\
                   stream s = from errors(e) window tumbling 1m select last(place) as place\n\
                   sink out from s to stdout format csv(header: false)\n";
    folder.write("p.stream", program);
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "in.ndjson record 4\n");
}

#[test]
fn keys_that_a_load_gives_twice_are_counted() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"k\":1,\"c\":\"nl\"}\n");
    folder.write("names.csv", "k,c,name\n1,nl,a\n2,nl,b\n1,nl,c\n1,it,d\n1,nl,e\n");
    folder.write("p.stream", "source rows: { k: int, c: string } from file(\"in.ndjson\")\ntable names: { k: int, c: string, name: string } key k, c from file(\"names.csv\")\nstream s = from rows as r join names as n on n.k == r.k and n.c == r.c select n.name\n");
    let ran = folder.run("run p.stream").code(0);
    assert_eq!(ran.stdout, "{\"name\":\"e\"}\n");
    ran.stderr_has("2 rows  of names replaced by a later one of the same key");
}
