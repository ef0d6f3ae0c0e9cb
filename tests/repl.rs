//! Sessions of `millstream repl`: what is typed and what is shown, as it stands on pages of the reference and in
//! `tests/repl`, on a terminal and as a script; and what only keys can do.
//!
//! Blocks of the pages:
//! - ` ```input FILE ` a file that is there from then on;
//! - ` ```repl ` or ` ```repl ARGUMENTS ` a session, as it stands on the screen: what is typed stands behind `> `,
//!   further lines of it below, an empty one among them where one is typed.
//!
//! To add one: write what is typed, run `UPDATE=1 cargo test --test repl`, and read the difference.
#![cfg(unix)]

mod support;

#[path = "repl/keys.rs"]
mod keys;
#[path = "repl/scripts.rs"]
mod scripts;

use millstream_syntax::entry::is_complete;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::Folder;
use support::document::{Document, Part};
use support::terminal::Terminal;

#[test]
fn sessions_of_the_reference_are_as_shown() {
    let mut pages = pages_of("docs/reference");
    pages.retain(|page| std::fs::read_to_string(page).is_ok_and(|text| text.contains("\n```repl")));
    hold(&pages);
}

#[test]
fn sessions_of_the_suite_are_as_shown() {
    hold(&pages_of("tests/repl"));
}

fn pages_of(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder of pages").flatten();
    let mut pages: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    pages.retain(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md"));
    pages.sort();
    assert!(!pages.is_empty(), "{folder} has no pages");
    pages
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares the sessions of pages with what happens.
fn hold(pages: &[PathBuf]) {
    let update = std::env::var("UPDATE").is_ok_and(|v| v == "1");
    let mut differences = String::new();
    for path in pages {
        let text = std::fs::read_to_string(path).expect("pages are readable");
        let mut document = Document::parse(&text);
        // What the one has written the other does not find.
        let (folder, other_folder) = (Folder::new(), Folder::new());
        for part in document.sections.iter_mut().flat_map(|section| &mut section.parts) {
            let Part::Block { kind, body } = part else { continue };
            match kind.split_once(' ').unwrap_or((kind, "")) {
                ("input", file) => {
                    folder.write(file, &*body);
                    other_folder.write(file, &*body);
                }
                ("repl", arguments) => {
                    let session = Session::of(body, arguments);
                    let screen = session.on_a_terminal(&folder);
                    if screen != *body {
                        let _ = writeln!(
                            differences,
                            "{}\n-- shown\n{body}-- so it is\n{screen}",
                            path.display()
                        );
                    }
                    let (is, should) = (session.as_a_script(&other_folder), session.without_typed(&screen));
                    if is != should {
                        let _ = writeln!(
                            differences,
                            "{}\n-- on a terminal\n{should}-- as a script\n{is}",
                            path.display()
                        );
                    }
                    *body = screen;
                }
                _ => {}
            }
        }
        if update {
            std::fs::write(path, document.text()).expect("pages are writable");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

struct Session {
    arguments: String,
    /// What is typed, each with its lines.
    entries: Vec<String>,
}

impl Session {
    fn of(block: &str, arguments: &str) -> Session {
        let mut entries = vec![];
        let mut lines = block.lines();
        while let Some(line) = lines.next() {
            let Some(first) = line.strip_prefix("> ") else { continue };
            let mut entry = first.to_string();
            while !is_complete(&entry) {
                let next = lines.next().unwrap_or_default();
                entry += &format!("\n{next}");
            }
            entries.push(entry);
        }
        Session { arguments: format!("repl {arguments}").trim_end().to_string(), entries }
    }

    /// The screen at the end.
    fn on_a_terminal(&self, folder: &Folder) -> String {
        let terminal = Terminal::start(folder, &self.arguments);
        // Pages break lines themselves.
        terminal.resize(400, 1000);
        let mut prompt = terminal.prompt_below(None);
        for entry in &self.entries {
            terminal.press(&format!("{}\r", entry.replace('\n', "\r")));
            prompt = terminal.prompt_below(Some(prompt));
        }
        let screen = terminal.screen();
        terminal.press("\x04");
        assert_eq!(terminal.end(), 0, "{screen}");
        let is_ours = |line: &&str| !line.starts_with("Millstream ") && *line != ">";
        screen.lines().filter(is_ours).map(|line| format!("{line}\n")).collect()
    }

    fn as_a_script(&self, folder: &Folder) -> String {
        let typed: String = self.entries.iter().map(|entry| format!("{entry}\n")).collect();
        folder.write("script", typed);
        let ran = folder.shell(&format!("$M {} < script 2>&1", self.arguments));
        ran.stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn without_typed(&self, screen: &str) -> String {
        let mut out = String::new();
        let mut lines = screen.lines();
        while let Some(line) = lines.next() {
            match line.strip_prefix("> ") {
                None => out += &format!("{line}\n"),
                Some(first) => {
                    let mut entry = first.to_string();
                    while !is_complete(&entry) {
                        entry += &format!("\n{}", lines.next().unwrap_or_default());
                    }
                }
            }
        }
        out
    }
}
