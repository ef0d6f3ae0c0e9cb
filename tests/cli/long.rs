//! Expressions that take long, or would make much: nothing waits for them that should not.

use crate::support::Folder;
#[cfg(unix)]
use crate::support::terminal::Terminal;
use insta::assert_snapshot;

/// Goes through 40,000,000,000 pairs.
const SLOW: &str = "length([length([x * y for y in range(0, 200000)]) for x in range(0, 200000)])";

#[test]
fn a_constant_that_takes_long_is_told_at_its_place() {
    let folder = Folder::new();
    folder.write("p.stream", format!("param most: int = 1 +\n  {SLOW}\n"));
    let told = folder.run("check p.stream").code(2).stderr;
    assert_snapshot!(told, @r#"
    error[E0339]: this must be known before the program runs, and takes more than a million steps to compute
       ╭─[ p.stream:1:19 ]
       │
     1 │ ╭─▶ param most: int = 1 +
     2 │ ├─▶   length([length([x * y for y in range(0, 200000)]) for x in range(0, 200000)])
       │ │
       │ ╰───────────────────────────────────────────────────────────────────────────────────── takes too long
    ───╯
      help: write its value, which `millstream repl` computes however long that takes
    "#);
}

#[test]
fn what_need_not_be_known_is_left_to_the_run() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    folder.write(
        "p.stream",
        "source s: { a: int } from file(\"in.ndjson\") format json
         stream t = from s select a, length(repeat(\"ab\", 8000000)) as n, length(repeat(\"ab\", 80)) as few",
    );
    let plan = folder.run("emit plan --opt p.stream").code(0).stdout;
    assert!(plan.contains("length(repeat(\"ab\", 8000000))") && plan.contains("160"), "{plan}");
    assert_eq!(
        folder.run("run -q p.stream").code(0).stdout,
        "{\"a\":1,\"n\":16000000,\"few\":160}\n{\"a\":2,\"n\":16000000,\"few\":160}\n"
    );
}

#[test]
fn what_rows_make_is_handed_on_before_it_is_too_much() {
    let folder = Folder::new();
    let rows: String = (0..300).map(|a| format!("{{\"a\":{a}}}\n")).collect();
    folder.write("in.ndjson", rows);
    folder.write(
        "p.stream",
        "source s: { a: int } from file(\"in.ndjson\") format json
         stream t = from s let text = repeat(\"x\", 1000000 + a) select a, length(text) as n, text
         sink out from t to file(\"out.ndjson\")",
    );
    for engine in ["jit", "reference"] {
        // In kilobytes: 300 MB at once would not fit.
        folder.shell(&format!("ulimit -v 1000000; $M run -q p.stream --workers 1 --engine {engine}")).code(0);
        let out = folder.read("out.ndjson");
        let lengths: Vec<&str> = out.lines().filter_map(|line| line.split(',').nth(1)).collect();
        let expected: Vec<String> = (0..300).map(|a| format!("\"n\":{}", 1_000_000 + a)).collect();
        assert_eq!(lengths, expected, "{engine}");
    }
}

#[test]
fn lists_of_lists_without_end_fail_their_row() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    folder.write(
        "p.stream",
        "source s: { a: int } from file(\"in.ndjson\") format json
         stream t = from s where length([[x * y + a for y in range(0, a * 1000)] for x in range(0, 400)]) > 0
         stream wrong = from errors(t) select reason, place",
    );
    for engine in ["jit", "reference"] {
        let ran = folder.run(&format!("run p.stream --engine {engine}")).code(0);
        assert!(ran.stderr.contains("the list would be longer than 16 MiB"), "{}", ran.stderr);
        let told = "{\"reason\":\"the list would be longer than 16 MiB\",\"place\":\"p.stream:2:41\"}\n";
        assert_eq!(ran.stdout, told, "{engine}");
    }
}

#[test]
fn what_doubles_at_each_step_fails_its_row() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n");
    for twice in [
        "to_json([LAST, LAST])",
        "json({ a: LAST, b: LAST })",
        "concat(LAST, LAST)",
        "LAST ++ LAST",
        "[LAST, LAST]",
    ] {
        let first = if twice.contains("json") { "to_json([a])" } else { "[[a]]" };
        let steps =
            (1..40).map(|i| format!("let x{i} = {}\n", twice.replace("LAST", &format!("x{}", i - 1))));
        let program = "source s: { a: int } from file(\"in.ndjson\") format json\nstream t = from s\n";
        folder
            .write("p.stream", format!("{program}let x0 = {first}\n{}select x39", steps.collect::<String>()));
        let ran = folder.run("run p.stream").code(0).stderr_has("longer than 16 MiB");
        assert_eq!(ran.stdout, "", "{twice}");
    }
}

/// Reads two rows, of which the second is not computed before somebody gives up.
#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_run_in_the_middle_of_a_row() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    folder.write(
        "p.stream",
        format!(
            "source s: {{ a: int }} from file(\"in.ndjson\") format json
             stream t = from s select a, if a == 2 then {} else a as n
             sink out from t to file(\"out.ndjson\")",
            SLOW.replace("x * y", "x * y + a")
        ),
    );
    for engine in ["jit", "reference"] {
        let terminal = Terminal::start(&folder, &format!("run p.stream --engine {engine}"));
        // The line of progress: they have been read.
        terminal.wait_for_text("2 rows  ");
        terminal.press("\x03");
        terminal.wait_for_text(
            "stopped: interrupted at a row that takes long; windows still open are not reported",
        );
        assert_eq!(terminal.end(), 0);
        assert_eq!(folder.read("out.ndjson"), "", "{engine}");
    }
}
