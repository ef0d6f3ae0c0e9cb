//! A reader of the tour, who does what stands above each block, and sees what stands below each command.
//!
//! What is to be done stands in a line of its own above the block:
//! - `**New file `NAME`:**`;
//! - `**Add to `NAME`:**` an empty line and the block;
//! - `**In `NAME`, replace `BEGINNING` by:**` what begins so, up to the next empty line.
//!
//! In blocks ` ```console ` commands stand behind `$ `, and below each what a terminal then shows.

use crate::support::Folder;
use crate::support::document::{Document, Part};
use crate::support::terminal::Terminal;
use std::collections::BTreeSet;
use std::fmt::Write;

const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tour.md");

fn tour() -> Document {
    Document::parse(&crate::read(TOUR))
}

#[test]
fn whoever_follows_the_tour_sees_what_it_shows() {
    let mut page = tour();
    let folder = Folder::new();
    let mut told = String::new();
    let mut differences = String::new();
    for part in page.sections.iter_mut().flat_map(|section| &mut section.parts) {
        match part {
            Part::Prose(line) if line.is_empty() => {}
            Part::Prose(line) => told.clone_from(line),
            Part::Block { kind, body } if kind == "console" => {
                let seen: String = commands(body).map(|command| seen(&folder, command)).collect();
                if without_times(&seen) != without_times(body) {
                    let _ = writeln!(differences, "-- shown\n{body}-- so it is\n{seen}");
                    *body = seen;
                }
            }
            Part::Block { body, .. } => done(&folder, &std::mem::take(&mut told), body),
        }
    }
    if std::env::var("UPDATE").is_ok_and(|v| v == "1") {
        std::fs::write(TOUR, page.text()).expect("the tour is writable");
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// What stands between backquotes in what a reader is told to do.
fn quoted(told: &str) -> Vec<&str> {
    told.split('`').skip(1).step_by(2).collect()
}

/// Does what stands above a block.
#[track_caller]
fn done(folder: &Folder, told: &str, block: &str) {
    let is_told = |how: &str| told.starts_with(&format!("**{how} `")) && told.ends_with(":**");
    match &quoted(told)[..] {
        [file] if is_told("New file") => {
            assert!(!folder.path().join(file).exists(), "{file} is there already");
            folder.write(file, block);
        }
        [file] if is_told("Add to") => _ = folder.write(file, format!("{}\n{block}", folder.read(file))),
        [file, beginning] if is_told("In") => {
            let text = folder.read(file);
            let is_replaced = |part: &&str| part.starts_with(&format!("{beginning} "));
            assert_eq!(text.split("\n\n").filter(is_replaced).count(), 1, "`{beginning}` in\n{text}");
            let replace = |part| if is_replaced(&part) { block.trim_end() } else { part };
            let parts: Vec<&str> = text.split("\n\n").map(replace).collect();
            folder.write(file, parts.join("\n\n").trim_end().to_string() + "\n");
        }
        _ => panic!("nothing says what to do with\n{block}but {told:?}"),
    }
}

fn commands(console: &str) -> impl Iterator<Item = &str> {
    console.lines().filter_map(|line| line.strip_prefix("$ "))
}

/// A command, and what the terminal shows then.
fn seen(folder: &Folder, command: &str) -> String {
    format!("$ {command}\n{}", Terminal::shell(folder, command).screen_at_end())
}

/// Nobody's machine takes as long as another.
fn without_times(text: &str) -> String {
    let parts = text.split(" ms").map(|part| part.trim_end_matches(|c: char| c.is_ascii_digit()));
    parts.collect::<Vec<_>>().join(" ms")
}

/// What a session says to what is pasted into it.
#[test]
fn whoever_pastes_the_tour_into_a_session_sees_the_same_rows() {
    let page = tour();
    let folder = Folder::new();
    let mut blocks: Vec<(&str, &str)> = vec![];
    for part in page.sections.iter().flat_map(|section| &section.parts) {
        match part {
            Part::Block { kind, body } => match kind.split_once(' ') {
                Some(("input", file)) => _ = folder.write(file, body),
                _ => blocks.push((kind, body)),
            },
            Part::Prose(_) => {}
        }
    }
    let mut script = String::new();
    let mut answers = String::new();
    let mut shown: Vec<&str> = vec![];
    let mut known = BTreeSet::new();
    let mut last = "";
    for (number, (kind, body)) in blocks.iter().enumerate() {
        let rows = body.strip_prefix("$ millstream run -q shop.stream\n").unwrap_or_default();
        // Changes are no rows, and what a sink writes is no table.
        let is_table = rows.starts_with(char::is_alphabetic);
        if *kind == "console" {
            if is_table {
                script += &format!("from {last}\n");
                shown.push(rows);
            }
            continue;
        }
        script += &format!("{body}\n");
        let is_refused = blocks.get(number + 1).is_some_and(|(_, below)| below.contains("error["));
        for line in body.lines().filter(|_| !is_refused) {
            let Some((what, name)) = line.split_once(' ').filter(|(what, _)| is_defined(what)) else {
                continue;
            };
            last = name
                .split([':', '=', '{'])
                .next()
                .unwrap_or_default()
                .split(" from ")
                .next()
                .unwrap_or_default();
            let last = last.trim().trim_matches('"');
            let verb = if known.insert((what, last)) { "defined" } else { "replaced" };
            answers += &format!("{verb} {what} {last}\n");
        }
    }
    let ran = folder.run_with("repl", script).code(2);
    let is_answer = |line: &&str| line.starts_with("defined ") || line.starts_with("replaced ");
    let answered: String = ran.stdout.lines().filter(is_answer).map(|line| format!("{line}\n")).collect();
    assert_eq!(answered, answers);
    assert!(shown.len() > 5, "{shown:?}");
    for rows in shown {
        assert!(ran.stdout.contains(rows), "{rows}\nis not in\n{}", ran.stdout);
    }
}

fn is_defined(word: &str) -> bool {
    matches!(word, "source" | "table" | "stream" | "sink" | "test")
}
