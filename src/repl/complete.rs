//! What may be typed next: for Tab, and as a hint behind the cursor. What can stand in a program is asked of the
//! analysis that editors ask; here is only what a session adds to it.

use super::commands::COMMANDS;
use super::session::{QUERY, Session};
use crate::cli::Layer;
use crate::program::load;
use clap::ValueEnum;
use millstream_base::codes;
use millstream_lsp::analysis::{Analysis, Insert, completion, library, signature_help, words};
use millstream_syntax::entry::{Kind, kind_of};
use millstream_syntax::token::{CONTEXTUAL, RESERVED};
use rustyline::completion::Pair;
use std::collections::BTreeSet;
use std::path::MAIN_SEPARATOR;

/// What has been defined when an entry is typed.
#[derive(Default)]
pub struct Known {
    /// The definitions as a program, and what its file is called.
    program: String,
    file: String,
    /// What is defined, and its kind.
    names: Vec<(&'static str, String)>,
}

impl Known {
    pub fn of(session: &Session) -> Known {
        let names = session.definitions().iter().map(|known| (known.kind, known.name.clone()));
        let file = session.base().join("repl").display().to_string();
        Known { program: session.text(), file, names: names.collect() }
    }

    /// Where the word begins that is completed, and what it may become.
    pub fn complete(&self, typed: &str, at: usize) -> (usize, Vec<Pair>) {
        let Some(before) = typed.get(..at) else { return (at, vec![]) };
        if !before.trim_start().starts_with(':') {
            return self.of_program(typed, at, 0);
        }
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let mut words = before[..start].split_whitespace();
        let command = words.next().unwrap_or_default();
        match command {
            "" => begun(before, start, COMMANDS.iter().map(|command| format!(":{}", command.name))),
            ":type" => self.of_program(typed, at, before.len() - before.trim_start().len() + command.len()),
            ":load" | ":save" | ":save!" => programs(before, after_blanks(before, command)),
            ":source" if before.contains('=') => files(before, after_blanks(before, "=")),
            ":emit" if words.next().is_none() => {
                let layers = Layer::value_variants().iter().filter_map(|layer| layer.to_possible_value());
                begun(before, start, layers.map(|layer| layer.get_name().to_string()))
            }
            ":help" => begun(before, start, topics().chain(self.names.iter().map(|(_, name)| name.clone()))),
            ":list" | ":drop" => begun(before, start, self.names.iter().map(|(_, name)| name.clone())),
            ":source" => {
                begun(before, start, self.named(&["source", "table"]).map(|name| format!("{name}=")))
            }
            ":plan" | ":explain" | ":emit" => {
                begun(before, start, self.named(&["source", "table", "stream"]))
            }
            _ => (at, vec![]),
        }
    }

    /// What goes on behind the cursor, and whether it can be taken over.
    pub fn hint(&self, typed: &str) -> Option<Hint> {
        if typed.trim_start().starts_with(':') || typed.trim().is_empty() {
            return None;
        }
        if typed.ends_with('\n') {
            return Some(Hint { text: "  an empty line ends the entry".to_string(), can_be_taken: false });
        }
        let (start, candidates) = self.of_program(typed, typed.len(), 0);
        let word = typed.get(start..)?;
        if let Some(first) = candidates.first().filter(|_| word.len() > 1) {
            let rest = first.replacement.strip_prefix(word).filter(|rest| !rest.is_empty())?;
            return Some(Hint { text: rest.to_string(), can_be_taken: true });
        }
        let (text, offset) = self.program_with(typed, typed.len(), header(kind_of(typed)));
        let analysis = Analysis::new(&self.file, text, &mut load);
        let help = signature_help(&analysis, analysis.main, offset)?;
        let signature = help.signatures.get(help.active)?;
        Some(Hint { text: format!("  {}", signature.label), can_be_taken: false })
    }

    fn named(&self, kinds: &[&str]) -> impl Iterator<Item = String> {
        self.names.iter().filter(|(kind, _)| kinds.contains(kind)).map(|(_, name)| name.clone())
    }

    /// What may stand in an entry, which begins behind `skipped` bytes of what is typed.
    fn of_program(&self, typed: &str, at: usize, skipped: usize) -> (usize, Vec<Pair>) {
        let Some(entry) = typed.get(skipped..) else { return (at, vec![]) };
        let is_first_word = !entry.trim_start().contains(char::is_whitespace) && !entry.contains(['(', '.']);
        let kinds = match is_first_word {
            true => vec![Kind::Items, Kind::Query, Kind::Expression],
            false => vec![kind_of(entry)],
        };
        let mut seen = BTreeSet::new();
        let mut start = at;
        let mut pairs = vec![];
        for kind in kinds {
            let (text, offset) = self.program_with(entry, at - skipped, header(kind));
            let found = completion(&self.file, &text, offset, &mut load);
            if found.path.is_some() {
                let before = typed.get(..at).unwrap_or_default();
                return files(before, before.rfind('"').map_or(at, |quote| quote + 1));
            }
            start = at - (offset - found.replace.start.min(offset));
            let word = typed.get(start..at).unwrap_or_default();
            for item in found.items {
                let replacement = match item.insert {
                    Insert::Text(text) => text,
                    Insert::Snippet(text) => text.split('$').next().unwrap_or_default().to_string(),
                };
                if replacement.starts_with(word) && item.label != QUERY && seen.insert(item.label.clone()) {
                    pairs.push(Pair { display: item.label, replacement });
                }
            }
        }
        (start, pairs)
    }

    /// The program in which an entry stands, and where an offset of the entry lies in it.
    fn program_with(&self, entry: &str, at: usize, header: &str) -> (String, usize) {
        let before = format!("{}\n{header}", self.program);
        let offset = before.len() + at;
        (before + entry, offset)
    }
}

/// What is shown behind the cursor.
pub struct Hint {
    text: String,
    can_be_taken: bool,
}

impl rustyline::hint::Hint for Hint {
    fn display(&self) -> &str {
        &self.text
    }

    fn completion(&self) -> Option<&str> {
        self.can_be_taken.then_some(&self.text)
    }
}

/// What makes an entry an item.
fn header(kind: Kind) -> &'static str {
    match kind {
        Kind::Items => "",
        Kind::Query => "stream `the query` = ",
        Kind::Expression => "param `the value`: json = ",
    }
}

/// The words that go on as the typed one does.
fn begun(before: &str, start: usize, words: impl Iterator<Item = String>) -> (usize, Vec<Pair>) {
    let typed = &before[start..];
    let fitting = words.filter(|word| word.starts_with(typed));
    (start, fitting.map(|word| Pair { display: word.clone(), replacement: word }).collect())
}

/// Where the path begins that stands behind a word, whether in quotes or not.
fn after_blanks(before: &str, word: &str) -> usize {
    let rest = before.find(word).map_or("", |at| &before[at + word.len()..]).trim_start();
    before.len() - rest.strip_prefix('"').unwrap_or(rest).len()
}

/// Files and folders whose path goes on as the typed one does, which begins at `start`. Blanks are part of it.
fn files(before: &str, start: usize) -> (usize, Vec<Pair>) {
    let typed = &before[start..];
    let (folder, begun) = typed.split_at(typed.rfind(MAIN_SEPARATOR).map_or(0, |at| at + 1));
    let listed = std::fs::read_dir(if folder.is_empty() { "." } else { folder });
    let mut names: Vec<String> = listed
        .into_iter()
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(if entry.path().is_dir() { format!("{name}{MAIN_SEPARATOR}") } else { name })
        })
        // What is hidden is asked for by its dot; a quote would end the path.
        .filter(|name| name.starts_with(begun) && (begun.starts_with('.') || !name.starts_with('.')))
        .filter(|name| !name.contains(['"', '\\']))
        .collect();
    names.sort();
    let pair = |name: String| Pair { replacement: format!("{folder}{name}"), display: name };
    (start, names.into_iter().map(pair).collect())
}

/// Programs, and the folders on the way to them.
fn programs(before: &str, start: usize) -> (usize, Vec<Pair>) {
    let (start, mut found) = files(before, start);
    found.retain(|pair| pair.display.ends_with(MAIN_SEPARATOR) || pair.display.ends_with(".stream"));
    (start, found)
}

/// What `:help` knows.
fn topics() -> impl Iterator<Item = String> {
    let commands = COMMANDS.iter().map(|command| command.name);
    let functions: BTreeSet<&str> = library::all().iter().map(|declared| declared.name).collect();
    let words = RESERVED.iter().chain(CONTEXTUAL).copied().filter(|word| words::help(word).is_some());
    let codes = codes::all().flat_map(|code| [code.name(), code.slug()]);
    let connectors = library::connectors().iter().map(|connector| connector.name);
    let topics: BTreeSet<&str> =
        commands.chain(functions).chain(connectors).chain(words).chain(codes).collect();
    topics.into_iter().map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reads_what_has_rows() {
        let program = "param least: int = 1\nsource numbers: { n: int } from file(\"in.ndjson\")\nstream large = from numbers where n > least".to_string();
        let known = Known { program, file: "repl".to_string(), names: vec![] };
        let offered = |typed: &str| {
            let (_, found) = known.complete(typed, typed.len());
            found
                .into_iter()
                .map(|pair| pair.display)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(offered("from "), ["errors", "large", "late", "numbers"]);
        assert_eq!(offered(":type from "), offered("from "));
        let words = ["all", "by", "errors", "large", "late", "not", "numbers", "once", "overlapping"];
        assert_eq!(offered("match "), words);
        assert_eq!(offered("match a: "), offered("from "));
    }
}
