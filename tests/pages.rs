//! What the documents show of programs is what happens: `docs/examples` shows the programs of `examples/`, the
//! other pages have programs of their own.
//!
//! Blocks of docs/README.md and docs/examples:
//! - ` ```stream NAME ` examples/NAME without its tests;
//! - ` ```input NAME ` the file examples/NAME;
//! - ` ```output NAME ` what `millstream run examples/NAME` prints.
//!
//! Blocks of the other pages:
//! - ` ```stream ` a program that `check` finds nothing wrong with, and of which all tests pass. One without a
//!   source has in front of it the last block that has no streams;
//! - ` ```input FILE ` a file beside the programs of the page;
//! - ` ```output NAME ` the rows of stream NAME of the program above;
//! - ` ```changes NAME ` the same of an updating stream, with the sign of each row;
//! - ` ```run ` what it prints;
//! - ` ```explain NAME ` what `millstream explain` says of source, table or stream NAME of the program above;
//! - ` ```nfa ` what `millstream emit nfa` prints of it;
//! - ` ```why ARGUMENTS ` what `millstream why` answers of it;
//! - ` ```infer ARGUMENTS ` what `millstream infer` declares of files of the page;
//! - ` ```preview ARGUMENTS ` what `millstream preview` shows of it;
//! - ` ```graph ` what `millstream graph` draws of the program above;
//! - ` ```error ` what `check` says of the program above, which is wrong;
//! - ` ```failed ` what `millstream test` says of the test above that fails.
//!
//! The tour is followed from its first block to its last: what its blocks are stands in `pages/tour.rs`.
//!
//! `UPDATE=1 cargo test --test pages` fills the blocks; read the difference.

mod support;

#[cfg(unix)]
#[path = "pages/tour.rs"]
mod tour;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::Folder;
use support::document::{Document, Part};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

#[test]
fn pages_of_examples_show_what_is_there() {
    hold("docs/README.md", shown);
    hold("docs/examples", shown);
}

fn shown(block: &Block, _: &mut Page) -> String {
    let Some((form, name)) = block.kind.split_once(' ') else { return block.body.clone() };
    let path = format!("{EXAMPLES}/{name}");
    match form {
        "stream" => format!("{}\n", read(&path).split("\n\ntest ").next().unwrap_or_default()),
        "input" => read(&path),
        "output" => Folder::new().run(&format!("run -q {path}")).code(0).stdout,
        _ => panic!("no such block: {}", block.kind),
    }
}

#[test]
fn every_example_is_shown_on_a_page() {
    let pages: String = pages("docs/examples").iter().map(read).collect();
    for program in support::programs_below(Path::new(EXAMPLES)) {
        let name = program.strip_prefix(EXAMPLES).expect("below the folder").display().to_string();
        let is_shown = pages.contains(&format!("```stream {name}\n"));
        // These are shown by the README, and described by the page of the benchmark.
        let has_own_page = name == "fraud.stream" || name.starts_with("nexmark");
        assert!(is_shown || has_own_page, "no page of docs/examples shows {name}");
    }
}

#[test]
fn programs_of_the_reference_do_what_is_said() {
    hold("docs/reference", Page::filled);
}

#[test]
fn programs_of_guides_do_what_is_said() {
    hold("docs/how-to", Page::filled);
    hold("docs/coming-from", Page::filled);
}

struct Block {
    kind: String,
    body: String,
}

/// What a page has shown so far.
struct Page {
    folder: Folder,
    declarations: String,
    program: String,
}

impl Page {
    /// What a block should say.
    fn filled(block: &Block, page: &mut Page) -> String {
        let (kind, rest) = block.kind.split_once(' ').unwrap_or((&block.kind, ""));
        match (kind, rest) {
            ("stream", "") => page.take(&block.body),
            ("input", file) => _ = page.folder.write(file, &block.body),
            ("error", "") => return page.errors(),
            ("failed", "") => return page.failed(),
            ("output", stream) => return page.rows(stream, "json"),
            ("changes", stream) => return page.rows(stream, "json(changes: retract)"),
            ("explain", stream) => return page.explained(stream),
            ("why" | "preview", arguments) => return page.asked(kind, arguments),
            ("infer", files) => return page.folder.run(&format!("infer {files}")).code(0).stdout,
            ("graph", "") => return page.emitted("graph"),
            ("run", "") => return page.emitted("run -q"),
            ("nfa", "") => return page.emitted("emit nfa"),
            _ => {}
        }
        block.body.clone()
    }

    fn take(&mut self, program: &str) {
        let has = |item: &str| program.lines().any(|line| line.starts_with(item));
        if !has("stream ") {
            self.declarations = program.to_string();
        }
        self.program = match has("stream ") && !has("source ") {
            true => format!("{}\n{program}", self.declarations),
            false => program.to_string(),
        };
    }

    fn errors(&self) -> String {
        self.folder.write("page.stream", &self.program);
        let found = self.folder.run("check --format concise page.stream").stderr;
        // Without the place: programs stand behind the declarations of the page.
        found
            .lines()
            .map(|line| line.splitn(4, ':').last().unwrap_or(line).trim().to_string() + "\n")
            .collect()
    }

    /// Without how long it took.
    fn failed(&self) -> String {
        self.folder.write("page.stream", &self.program);
        let told = self.folder.run("test page.stream").code(3).stdout;
        let lines = told.lines().skip_while(|line| !line.starts_with("error"));
        let lines: Vec<&str> = lines.take_while(|line| !line.contains(" passed, ")).collect();
        format!("{}\n", lines.join("\n").trim_end())
    }

    /// What is wrong with a program that should be right.
    fn faults(&self) -> String {
        let errors = self.errors();
        if !errors.is_empty() || !self.program.contains("\ntest \"") {
            return errors;
        }
        let ran = self.folder.run("test --thorough page.stream");
        if ran.code == 0 { String::new() } else { ran.stdout + &ran.stderr }
    }

    fn explained(&self, name: &str) -> String {
        let told = self.emitted("explain");
        let parts = told.trim_end().split("\n\n");
        let is_of = |part: &&str| {
            ["source", "table", "stream"].iter().any(|what| part.starts_with(&format!("{what} {name}\n")))
        };
        parts.filter(is_of).map(|part| format!("{part}\n")).collect()
    }

    fn emitted(&self, command: &str) -> String {
        self.folder.write("page.stream", &self.program);
        format!("{}\n", self.folder.run(&format!("{command} page.stream")).code(0).stdout.trim_end())
    }

    fn asked(&self, command: &str, arguments: &str) -> String {
        self.folder.write("page.stream", &self.program);
        let ran = self.folder.run(&format!("{command} page.stream {arguments}"));
        format!("{}{}", ran.stdout, ran.stderr)
    }

    fn rows(&self, stream: &str, format: &str) -> String {
        let sink = format!("\nsink `page output` from {stream} to stdout format {format}\n");
        self.folder.write("page.stream", format!("{}{sink}", self.program));
        let ran = self.folder.run("run -q page.stream");
        format!("{}{}", ran.stdout, ran.stderr)
    }
}

/// Compares the blocks of the pages with what they should say.
fn hold(below: &str, filled: fn(&Block, &mut Page) -> String) {
    let mut differences = String::new();
    let update = std::env::var("UPDATE").is_ok_and(|v| v == "1");
    for path in pages(below) {
        let mut document = Document::parse(&read(&path));
        let mut page = Page { folder: Folder::new(), declarations: String::new(), program: String::new() };
        let mut parts = document.sections.iter_mut().flat_map(|section| &mut section.parts).peekable();
        while let Some(part) = parts.next() {
            let Part::Block { kind, body } = part else { continue };
            let block = Block { kind: kind.clone(), body: body.clone() };
            let wanted = filled(&block, &mut page);
            if *body != wanted {
                let _ = writeln!(
                    differences,
                    "{}: {kind}\n-- shown\n{body}-- so it is\n{wanted}",
                    path.display()
                );
                *body = wanted;
            }
            let is_wrong =
                matches!(parts.peek(), Some(Part::Block { kind, .. }) if kind == "error" || kind == "failed");
            if kind == "stream" && !is_wrong {
                let faults = page.faults();
                if !faults.is_empty() {
                    let _ = writeln!(differences, "{}: {}\n{faults}", path.display(), page.program);
                }
            }
        }
        if update {
            std::fs::write(&path, document.text()).expect("pages are writable");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

/// The page, or the pages of a folder.
fn pages(below: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    if root.is_file() {
        return vec![root];
    }
    let entries = std::fs::read_dir(&root).expect("a folder of pages").flatten();
    let mut pages: Vec<_> =
        entries.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    assert!(!pages.is_empty(), "{below} has no pages");
    pages
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
