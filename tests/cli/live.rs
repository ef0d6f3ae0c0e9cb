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
    assert!(said.contains("stopped: interrupted; windows still open are not reported"), "{said}");
    assert_eq!(folder.read("n.json"), "{\"n\":2}\n");
}
