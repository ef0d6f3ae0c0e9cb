//! What scripts do beside what is shown: exit codes, the two outputs, input that goes on.

use crate::support::Folder;
#[cfg(unix)]
use crate::support::interrupt;
#[cfg(unix)]
use std::io::{BufRead, BufReader, Read, Write};

#[test]
fn the_first_entry_that_is_wrong_decides_the_exit_code() {
    let folder = Folder::new();
    assert_eq!(folder.run_with("repl", "1 + 1\n").code(0).stdout, "2\n");
    let ran = folder.run_with("repl", "1 +\n\n2\n").code(2).stderr_has("error[E0101]");
    assert_eq!(ran.stdout, "2\n");
    let missing = "source rows: { a: int } from file(\"none\") format json\nfrom rows\n";
    folder.run_with("repl", format!("{missing}nothing\n")).code(1).stderr_has("error[E0902]");
    folder.run_with("repl", format!("nothing\n{missing}")).code(2);
    folder.run_with("repl", "1 + 1\n:quit\nnothing\n").code(0);
    folder.run_with("repl none.stream", "1\n").code(64).stderr_has("error[E0970]: cannot read `none.stream`");
    folder
        .run_with("repl --source none=x.ndjson", "1\n")
        .code(64)
        .stderr_has("error[E0926]: `--source none=…`");
    folder.run_with("repl -", "1\n").code(64).stderr_has("the entries of the session come from there");
}

#[test]
fn what_is_wrong_in_a_session_is_no_wrong_command_line() {
    let folder = Folder::new();
    folder.write("p.stream", "source a: { x: int } from file(\"a.ndjson\")\n");
    folder.run_with("repl", ":load none.stream\n1\n").code(2).stderr_has("error[E0970]");
    folder.run_with("repl p.stream", ":source a=-\n1\n").code(2).stderr_has("error[E0970]");
    let ran = folder.run_with("repl p.stream --source a=-", "1\n").code(64);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.starts_with("error[E0970]: cannot read standard input"), "{}", ran.stderr);
}

#[test]
fn what_is_complete_is_answered_before_anything_else_is_sent() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":7}\n");
    let mut child = folder.command("repl").spawn().expect("the command starts");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    let mut answer = |entry: &str| {
        input.write_all(entry.as_bytes()).expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("it answers");
        line
    };
    assert_eq!(answer("1 + 2\n"), "3\n");
    assert_eq!(answer("[1,\n 2]\n"), "[1, 2]\n");
    assert_eq!(answer(":type 1\n"), "int\n");
    // Another clause could follow.
    assert_eq!(answer("source rows: { a: int }\n  from file(\"in.ndjson\")\n\n"), "defined source rows\n");
    assert_eq!(answer("from rows\nselect a as b\n\n"), "b\n");
    drop(input);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn without_arguments_a_script_is_read() {
    let ran = Folder::new().shell("echo 'upper(\"a\")' | $M").code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("\"A\"\n", ""));
}

#[test]
fn entries_go_on_with_indented_lines_and_clauses() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    let script = "source rows: { a: int }\n  from file(\"in.ndjson\")\nfrom rows\nwhere a > 1\nselect a * 10 as b\r\n-- what follows is another\n1\n[\n1,\n]\n:limit 1\nfrom rows";
    let shown = " b\n──\n20\n1 row\n1\n[1]\na\n─\n1\nthe first 1 row; `:limit` says how many are shown\n";
    assert_eq!(folder.run_with("repl", script).code(0).stdout, format!("defined source rows\n{shown}"));
}

#[test]
fn a_definition_counts_below_an_entry_that_is_not_complete() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"n\":1}\n{\"n\":3}\n");
    let ran = folder.run_with("repl", "1 +\nfn f(x: int) -> int = x\nf(2)\n").code(2);
    assert_eq!(ran.stderr_has("expected an expression").stdout, "defined fn f\n2\n");
    let script = "from p where\nsource p: { n: int } from file(\"in.ndjson\")\nfrom p where\nstream big = from p where n > 1\nfrom big\n";
    let ran = folder.run_with("repl", script).code(2);
    assert_eq!(ran.stdout, "defined source p\ndefined stream big\nn\n─\n3\n1 row\n");
}

#[test]
fn a_pipe_is_read_to_its_end_or_as_far_as_the_limit() {
    let folder = Folder::new();
    let script = |query: &str| {
        folder.write(
            "script",
            format!("source rows: {{ k: string }} from file(\"pipe\") format json\n:limit 2\n{query}\n"),
        );
        let write = "(for k in a b a; do echo \"{\\\"k\\\":\\\"$k\\\"}\"; done > pipe) &";
        folder.shell(&format!("rm -f pipe; mkfifo pipe; {write} $M repl < script")).code(0).stdout
    };
    let shown = "k\n─\na\nb\nthe first 2 rows; `:limit` says how many are shown\n";
    assert_eq!(script("from rows"), format!("defined source rows\n{shown}"));
    let shown = "k  n\n─  ─\na  2\nb  1\n2 rows\n";
    assert_eq!(
        script("from rows group by k forever select k, count() as n"),
        format!("defined source rows\n{shown}")
    );
}

#[test]
fn time_is_told_when_asked_for() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n");
    let script = ":time\nsource rows: { a: int } from file(\"in.ndjson\")\nfrom rows\n:time\nfrom rows\n";
    let shown = folder.run_with("repl", script).code(0).stdout;
    assert!(
        shown.contains("1 row; 1 read in 0.") && shown.ends_with("time is off\na\n─\n1\n1 row\n"),
        "{shown}"
    );
}

#[test]
fn no_text_ends_the_session() {
    let broken = concat!(env!("CARGO_MANIFEST_DIR"), "/compiler/syntax/tests/corpus/broken");
    let texts = std::fs::read_dir(broken)
        .expect("a folder")
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path()).ok());
    let mut script: Vec<u8> = texts.flat_map(|text| [text, b"\n\n".to_vec()].concat()).collect();
    script = String::from_utf8_lossy(&script).replace("\n:", "\n ;").into_bytes();
    script.extend("\n\n:\u{e9} \n:type\n:emit ast\n\"the end\"\n".bytes());
    let ran = Folder::new().run_with("repl", script);
    assert!(ran.stdout.ends_with("\"the end\"\n") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[test]
fn a_script_without_end_is_not_read_to_it() {
    let ran = Folder::new().shell("$M repl < /dev/zero").code(1);
    assert_eq!(ran.stderr, "error: cannot read the script: a line is longer than 64 MiB\n");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_script_whatever_it_is_at() {
    let slow = "length([length([x * y for y in range(0, 200000)]) for x in range(0, 200000)])";
    // What goes on for ever, and what nothing comes behind.
    for rest in [format!("{slow}\n5 + 5\n"), String::new()] {
        let folder = Folder::new();
        let mut child = folder.command("repl").spawn().expect("the command starts");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(format!("1 + 2\n\n{rest}").as_bytes()).expect("it reads");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        output.read_line(&mut first).expect("it answers");
        assert_eq!(first, "3\n");
        interrupt(child.id());
        let mut left = String::new();
        output.read_to_string(&mut left).expect("text");
        assert!(left.is_empty() || left == "stopped\n", "{left}");
        assert_eq!(child.wait().expect("it ends").code(), Some(130));
    }
}

/// What is proposed to those who know other systems is an entry that is answered.
#[test]
fn what_is_proposed_can_be_entered() {
    const DEFINED: &str = "source payments: { card: string, amount: decimal(2) } from file(\"payments.ndjson\")\n\
                           stream large = from payments where amount > 15\n\n";
    let folder = Folder::new();
    folder.write("payments.ndjson", "{\"card\":\"a\",\"amount\":10.0}\n");
    for entry in [
        "show streams;",
        "SHOW TABLES",
        "show functions",
        "show create stream large",
        "show columns from large",
        "list topics",
        "describe extended large;",
        "print large from beginning limit 3;",
        "print(1 + 2)",
        "large;",
        "select * from payments limit 5",
        "select card, count(*) from payments group by card",
        "SELECT card, amount FROM payments ORDER BY amount DESC LIMIT 2;",
        "select 1",
        "from payments limit 2;",
        "create or replace table t as select card, sum(amount) as total from payments group by card;",
        "create table t (id bigint primary key, `at` timestamp, paid decimal(10, 2)) with (kafka_topic='t');",
        "define stream S (card string, amount double);",
        "set least = 5",
        "NULL",
        "exit",
        "quit;",
        "help",
        "\\d large",
        "\\q",
        "drop stream if exists large;",
        "drop large",
    ] {
        let ran = folder.run_with("repl", format!("{DEFINED}{entry}\n")).code(2);
        let lines = ran.stderr.lines().skip_while(|line| !line.starts_with("  help: "));
        let proposed: Vec<&str> =
            lines.filter_map(|line| line.split_once(" │ ")).map(|(_, text)| text).collect();
        assert!(!proposed.is_empty(), "{entry}\n{}", ran.stderr);
        folder.run_with("repl", format!("{DEFINED}{}\n\n", proposed.join("\n"))).code(0);
    }
}
