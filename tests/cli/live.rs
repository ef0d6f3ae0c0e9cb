//! Inputs that go on: a file that grows and is rotated, interrupts.
#![cfg(unix)]

use super::inputs::copy;
use crate::support::Folder;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command};

struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(folder: &Folder, arguments: &str) -> Running {
        let mut child = folder.command(arguments).spawn().expect("the binary starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Running { child, lines }
    }

    /// Waits for the next line.
    fn line(&mut self) -> String {
        self.lines.next().expect("a line comes").expect("it is text")
    }

    /// Interrupts it; its exit code, the lines that were left, and what it said.
    fn interrupt(mut self) -> (Option<i32>, Vec<String>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().expect("sh").success());
        let rest = self.lines.by_ref().map(|l| l.expect("text")).collect();
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        (self.child.wait().expect("it ends").code(), rest, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn a_growing_and_rotating_file_is_followed() {
    let folder = Folder::new();
    let path = folder.path().join("log.ndjson");
    let append = |text: &str| {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut f| f.write_all(text.as_bytes())).expect("the log can be written");
    };
    append("{\"id\":1}\n");
    folder.write("p.stream", copy("log.ndjson").replace("\")", "\", follow: true)"));
    let mut running = Running::start(&folder, "run p.stream");
    assert_eq!(running.line(), "1");
    append("{\"id\":2}\n{\"id\"");
    assert_eq!(running.line(), "2");
    append(":3}\n");
    assert_eq!(running.line(), "3");
    // What is written before the rename is read before the new file.
    append("{\"id\":4}\n");
    std::fs::rename(&path, folder.path().join("log.1")).expect("it can be renamed");
    append("{\"id\":5}\n{\"id\":55}\n");
    assert_eq!([running.line(), running.line(), running.line()], ["4", "5", "55"]);
    // Cut short, it begins anew.
    folder.write("log.ndjson", "{\"id\":6}\n");
    let (code, rest, said) = {
        assert_eq!(running.line(), "6");
        running.interrupt()
    };
    assert_eq!((code, rest), (Some(0), vec![]));
    assert!(said.contains("7 rows  from rows") && said.contains("stopped: interrupted"), "{said}");
}

#[test]
fn an_interrupt_finishes_what_was_read_and_says_that_windows_are_open() {
    let folder = Folder::new();
    folder.write("p.stream", "source rows: { id: int, at: timestamp } from file(\"-\") time at\nstream n = from rows window tumbling 1m select count() as n\nsink ids from rows to stdout format json\nsink counts from n to file(\"n.json\")\n");
    let mut running = Running::start(&folder, "run p.stream");
    let mut input = running.child.stdin.take().expect("piped");
    let row = |id: u32, minute: u32| format!("{{\"id\":{id},\"at\":\"2024-05-01T00:0{minute}:00Z\"}}\n");
    input.write_all(format!("{}{}{}", row(1, 0), row(2, 0), row(3, 1)).as_bytes()).expect("it reads");
    for id in 1..4 {
        assert!(running.line().starts_with(&format!("{{\"id\":{id},")));
    }
    let (code, rest, said) = running.interrupt();
    assert_eq!((code, rest), (Some(0), vec![]));
    assert!(said.contains("stopped: interrupted; windows still open are not reported\nwaiting for rows: the watermark of standard input is 2024-05-01T00:01:00Z, for "), "{said}");
    assert!(said.ends_with("               1 window of n, the first until 2024-05-01T00:02:00Z\n"), "{said}");
    assert_eq!(folder.read("n.json"), "{\"n\":2}\n");
}

#[test]
fn a_silent_partition_is_not_waited_for() {
    let folder = Folder::new();
    let row = |id: u32, minute: u32| format!("{{\"id\":{id},\"at\":\"2090-05-01T00:0{minute}:00Z\"}}\n");
    folder.write("in-a.ndjson", format!("{}{}{}", row(1, 0), row(2, 0), row(3, 1)));
    folder.write("in-b.ndjson", "");
    folder.write("p.stream", "source rows: { id: int, at: timestamp } from file(\"in-*.ndjson\", follow: true) time at idle 10ms ahead 36500d\nstream n = from rows window tumbling 1m select window.start as w, count() as n\n");
    let mut running = Running::start(&folder, "run p.stream");
    // In the future of the clock, which the watermark follows while both are silent.
    assert_eq!(running.line(), "{\"w\":\"2090-05-01T00:00:00Z\",\"n\":2}");
    let (code, _, said) = running.interrupt();
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn rows_ahead_of_the_clock_are_set_aside_and_counted() {
    let folder = Folder::new();
    let row = |id: u32, year: u32| format!("{{\"id\":{id},\"at\":\"{year}-05-01T00:00:00Z\"}}\n");
    let rows = format!("{}{}{}", row(1, 2024), row(2, 9000), row(3, 2024));
    let program = |from: &str| {
        format!(
            "source rows: {{ id: int, at: timestamp }} {from}\nstream e = from errors(rows)\nsink ids from rows to stdout format json\nsink e from e to file(\"e.json\") format json\n"
        )
    };
    folder.write("live.stream", program("from file(\"-\") time at"));
    let ran = folder
        .run_with("run live.stream", &rows)
        .code(0)
        .stderr_has("2 rows  from rows")
        .stderr_has("1 too far ahead of the clock");
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert_eq!(
        folder.read("e.json"),
        "{\"row\":{\"id\":2,\"at\":\"9000-05-01T00:00:00Z\"},\"reason\":\"its time is more than 1h in the future\",\"place\":\"standard input record 2\",\"at\":\"9000-05-01T00:00:00Z\"}\n"
    );
    // A file is read as it stands, unless its source says otherwise.
    folder.write("in.ndjson", &rows);
    folder.write("file.stream", program("from file(\"in.ndjson\") time at"));
    assert_eq!(folder.run("run -q file.stream").code(0).stdout.lines().count(), 3);
    folder.write("file.stream", program("from file(\"in.ndjson\") time at ahead 1d"));
    assert_eq!(folder.run("run -q file.stream").code(0).stdout.lines().count(), 2);
}

#[test]
fn explain_says_what_depends_on_the_clock() {
    let folder = Folder::new();
    folder.write("p.stream", "source rows: { id: int, at: timestamp } from file(\"-\") time at idle 30s\nsink ids from rows to stdout format json\n");
    let told = folder.run("explain p.stream").code(0).stdout;
    for line in [
        "  idle: a live partition that is silent for 30s is not waited for until it has rows again\n",
        "  ahead: rows more than 1h in the future of the clock go to errors(rows)\n",
        "  not repeatable: which partitions are idle, and which rows are ahead, depends on the clock\n",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}

#[test]
fn why_says_which_partition_is_waited_for() {
    let folder = Folder::new();
    let row = |id: u32, minute: u32| format!("{{\"id\":{id},\"at\":\"2024-05-01T00:0{minute}:00Z\"}}\n");
    folder.write("in-a.ndjson", format!("{}{}{}", row(1, 0), row(2, 0), row(3, 1)));
    folder.write("in-b.ndjson", row(4, 0));
    folder.write("p.stream", "source rows: { id: int, at: timestamp } from file(\"in-*.ndjson\", follow: true) time at\nstream n = from rows window tumbling 1m select window.start as w, count() as n\n");
    folder.run("run p.stream --why=often").code(64).stderr_has("`--why=often` does not say a duration");
    let mut running = Running::start(&folder, "run p.stream --why=1ms");
    let said = BufReader::new(running.child.stderr.take().expect("piped"));
    let mut lines = said.lines().map(|line| line.expect("text"));
    let waits_for_b = |line: &str| {
        line.starts_with("waiting for rows: the watermark of ")
            && line.contains("in-b.ndjson is 2024-05-01T00:00:00Z, for ")
    };
    // Until both files are read it is told otherwise; which comes first is a matter of luck.
    let mut last = String::new();
    let is_told = lines.any(|line| {
        let is_told =
            waits_for_b(&last) && line.ends_with("2 windows of n, the first until 2024-05-01T00:01:00Z");
        last = line;
        is_told
    });
    assert!(is_told);
    let _ = running.child.kill();
}

#[test]
fn why_says_which_table_is_loaded_first() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"k\":1}\n");
    folder.write("p.stream", "source rows: { k: int } from file(\"in.ndjson\")\ntable names: { k: int, name: string } key k from file(\"-\") format json\nstream s = from rows as r left join names as n on n.k == r.k select r.k, n.name\n");
    let mut running = Running::start(&folder, "run p.stream --why=1ms");
    let said = BufReader::new(running.child.stderr.take().expect("piped"));
    let mut lines = said.lines().map(|line| line.expect("text"));
    let first = lines.find(|line| line.starts_with("waiting for names")).expect("it waits");
    assert!(first.starts_with("waiting for names: its first load has begun "), "{first}");
    assert!(first.ends_with("s ago, 0 rows have come"), "{first}");
    assert_eq!(lines.next().as_deref(), Some("               the rows of s"));
    let mut input = running.child.stdin.take().expect("piped");
    input.write_all(b"{\"k\":1,\"name\":\"a\"}\n").expect("it reads");
    drop(input);
    assert_eq!(running.line(), "{\"k\":1,\"name\":\"a\"}");
    let _ = running.child.kill();
}

/// Else what a row finds would depend on how fast somebody writes.
#[test]
fn a_table_that_comes_by_a_pipe_is_read_to_its_end() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"k\":1}\n{\"k\":2}\n");
    folder.write("p.stream", "source rows: { k: int } from file(\"in.ndjson\")\ntable names: { k: int, name: string } key k from file(\"-\") format json\nstream s = from rows as r left join names as n on n.k == r.k select r.k, n.name\n");
    let mut running = Running::start(&folder, "run p.stream --why=1ms");
    let said = BufReader::new(running.child.stderr.take().expect("piped"));
    let lines = said.lines().map(|line| line.expect("text"));
    let mut input = running.child.stdin.take().expect("piped");
    input.write_all(b"{\"k\":1,\"name\":\"a\"}\n").expect("it reads");
    // It has been silent for long.
    let n_told = lines.filter(|line| line.ends_with(", 1 row has come")).take(5).count();
    assert_eq!(n_told, 5, "it has gone on");
    input.write_all(b"{\"k\":2,\"name\":\"b\"}\n").expect("it reads");
    drop(input);
    assert_eq!(running.line(), "{\"k\":1,\"name\":\"a\"}");
    assert_eq!(running.line(), "{\"k\":2,\"name\":\"b\"}");
    let _ = running.child.kill();
}
