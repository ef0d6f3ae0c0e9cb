//! Every code as users see it: in full, in one line and as JSON; and again behind characters of several
//! bytes, where columns still count characters. Read the snapshots as somebody who made the mistake.

mod support;

use millstream_base::codes::{self, Code};
use serde_json::Value;
use std::fmt::Write;
use support::Ran;
use support::page::{Example, found_by_run};

/// A harmless item of characters of one to four bytes, one or two columns wide.
const WIDE: &str = "type `größe 価格 🦀` = int ";

fn faces_of(range: &str) -> String {
    let mut out = String::new();
    for code in codes::all().filter(|c| c.name().starts_with(range)) {
        let Some(wrong) = Example::of(code.info().page, "Wrong") else { continue };
        let _ = writeln!(out, "════ {code} {}", code.slug());
        show(code, &wrong, &mut out);
    }
    assert!(!out.contains("panicked"), "a snapshot of a panic would hold it fast:\n{out}");
    out
}

fn show(code: Code, wrong: &Example, out: &mut String) {
    if wrong.is_session() {
        out.push_str(&wrong.typed().stderr);
        return;
    }
    let folder = wrong.folder();
    if wrong.program.is_empty() {
        let ran = folder.run(&wrong.line_that_finds(code, ""));
        out.push_str(&hidden(&folder, &ran.stderr));
        return;
    }
    wrong.write_to(&folder, "wide");
    let check = |face: &str, names: &str| {
        let ran = folder.run(&format!("check --format {face} {names}{}", wrong.arguments));
        if face == "json" { ran.stdout } else { ran.stderr }
    };
    let found = check("json", "program.stream");
    if found.is_empty() && found_by_run(code) {
        let command = |name: &str| wrong.line_that_finds(code, name);
        // A test tells its time, and stands in what it says on standard output.
        let said = |ran: &Ran| match code.name() {
            "E0810" => {
                ran.stdout
                    .split_once("\n\n")
                    .map_or("", |(_, rest)| rest)
                    .rsplit_once("\n\n")
                    .map_or("", |(said, _)| said)
                    .to_string()
                    + "\n"
            }
            _ => ran.stderr.clone(),
        };
        folder.write(
            "wide/program.stream",
            widened(wrong.program, line_in_text(&said(&folder.run(&command("program.stream"))))),
        );
        for name in ["program.stream", "wide/program.stream"] {
            out.push_str(&hidden(&folder, &said(&folder.run(&command(name)))));
        }
        return;
    }
    let line = findings(&found).first().and_then(|f| f["line"].as_u64()).unwrap_or(1);
    let wide = widened(wrong.program, line as usize);
    folder.write("wide/program.stream", &wide);
    let found_wide = check("json", "wide/program.stream");
    assert_eq!(
        marked(&findings(&found_wide), &wide),
        marked(&findings(&found), wrong.program),
        "{code}: other places behind multi-byte characters:\n{wide}"
    );
    for face in ["full", "concise"] {
        out.push_str(&check(face, "program.stream wide/program.stream"));
    }
    out.push_str(&found);
    out.push_str(&found_wide);
}

/// The program with [`WIDE`] in front of the item that line number `line` belongs to, on that line.
fn widened(program: &str, line: usize) -> String {
    let lines: Vec<&str> = program.lines().collect();
    let last = line.clamp(1, lines.len()) - 1;
    let starts_item = |i: &usize| lines[*i].starts_with(|c: char| c.is_alphabetic());
    let first = (0..=last).rev().find(starts_item).unwrap_or(last);
    let has_comment = lines[first..last].iter().any(|l| l.contains("--"));
    let first = if has_comment { last } else { first };
    let mut wide: Vec<String> = lines[..first].iter().map(|l| l.to_string()).collect();
    wide.push(format!("{WIDE}{}", lines[first..=last].join(" ")));
    wide.extend(lines[last + 1..].iter().map(|l| l.to_string()));
    wide.join("\n") + "\n"
}

fn findings(json: &str) -> Vec<Value> {
    json.lines().map(|l| serde_json::from_str(l).expect("one object a line")).collect()
}

/// The code of each finding with the text that its lines and columns mark.
fn marked(findings: &[Value], program: &str) -> Vec<(String, String)> {
    let number = |f: &Value, name: &str| f[name].as_u64().expect("a number") as usize - 1;
    let lines: Vec<Vec<char>> = program.split('\n').map(|l| l.chars().collect()).collect();
    let text = |f: &Value| {
        let (line, end_line) = (number(f, "line"), number(f, "end_line"));
        let mut text = String::new();
        for (i, l) in lines.iter().enumerate().take(end_line + 1).skip(line) {
            let from = if i == line { number(f, "column") } else { 0 };
            let to = if i == end_line { number(f, "end_column") } else { l.len() };
            text.extend(l.get(from..to).unwrap_or_else(|| panic!("{f} is outside of\n{program}")));
            text.push(' ');
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = findings.iter().filter(|f| f["file"].as_str().is_some_and(|n| n.ends_with("program.stream")));
    own.map(|f| (f["code"].to_string(), text(f))).collect()
}

/// The line of the first place in a full message.
fn line_in_text(message: &str) -> usize {
    let place = message.split("program.stream:").nth(1).and_then(|p| p.split(':').next());
    place.and_then(|l| l.parse().ok()).unwrap_or(1)
}

fn hidden(folder: &support::Folder, text: &str) -> String {
    text.replace(&folder.path().display().to_string(), "FOLDER")
}

macro_rules! faces {
    ($($test:ident $range:literal;)*) => {
        $(#[test]
        fn $test() {
            insta::assert_snapshot!($range, faces_of($range));
        })*

        #[test]
        fn every_range_has_its_snapshot() {
            let ranges = [$($range),*];
            let missing = |c: &Code| !c.name().starts_with('B') && !ranges.iter().any(|r| c.name().starts_with(r));
            assert_eq!(codes::all().filter(missing).collect::<Vec<_>>(), []);
        }
    };
}

faces! {
    lexing "E00";
    parsing "E01";
    names "E02";
    types "E03";
    time "E04";
    patterns "E05";
    planning "E06";
    data "E08";
    connectors "E09";
    warnings "W";
}
