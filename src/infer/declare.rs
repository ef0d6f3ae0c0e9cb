//! Types and sources as a program declares them.

use super::guess::{Guess, Place, Ty, course_text, guess};
use super::names::{self, Spelled};
use super::sample::{Layout, Sample};
use super::text_literal;
use millstream_base::FileId;
use millstream_ir::text::format_duration;
use millstream_runtime::report::thousands;
use std::collections::BTreeSet;

#[derive(Default)]
pub struct Declarations {
    /// In the order in which they are declared.
    types: Vec<Declared>,
    sources: Vec<Source>,
    names: BTreeSet<String>,
    /// Per file: what was read of it, and how many types and sources its declarations end with.
    files: Vec<(Vec<String>, usize, usize)>,
}

/// A type of records.
struct Declared {
    name: String,
    notes: Vec<String>,
    fields: Vec<Declaration>,
}

struct Declaration {
    text: String,
    notes: Vec<String>,
}

struct Source {
    head: String,
    /// Its clauses, each with what is to be said of it.
    clauses: Vec<Declaration>,
}

/// A column that may be the time of the rows.
struct Time {
    name: String,
    rank: usize,
    disorder: i64,
    text: String,
}

/// What the time of an event is called most often.
const EVENT_TIMES: &[&str] = &[
    "event_time",
    "event_timestamp",
    "eventtime",
    "timestamp",
    "ts",
    "time",
    "at",
    "datetime",
    "occurred_at",
];

/// Longer comments stand above what they are about.
const WIDTH: usize = 100;

impl Declarations {
    /// Declares a file.
    pub fn add(&mut self, path: &str, mut sample: Sample) {
        sample.fields.named.iter_mut().for_each(|(_, field)| field.find_maps());
        let name = names::unique(&names::source(path), &mut self.names);
        let (mut fields, mut times, mut left_out) = (vec![], vec![], vec![]);
        let mut taken = BTreeSet::new();
        for (key, shape) in &sample.fields.named {
            if key.is_empty() && !matches!(sample.layout, Layout::Fields { has_header: false, .. }) {
                left_out.push("a field without a name is left out".to_string());
                continue;
            }
            let is_cells = sample.layout != Layout::JsonLines;
            let guess = guess(shape, Place { name: key, n: sample.n_rows, is_column: true, is_cells });
            let Spelled { name, from } = names::column(key, &mut taken);
            times.extend(time(&name, key, &guess));
            let from =
                from.filter(|_| !is_headless(&sample)).map_or(String::new(), |from| format!(" from {from}"));
            let ty = self.ty(&guess, key);
            fields.push(Declaration {
                text: format!("{name}: {ty}{from}{}", guess.encoding),
                notes: guess.notes,
            });
        }
        let of_twice = sample.named_twice.iter().map(|name| {
            format!("the header names {} twice; the last column of that name counts", text_literal(name))
        });
        left_out.extend(of_twice);
        if sample.fields.is_cut {
            left_out.push("there are more fields, which are left out".to_string());
        }
        let notes = if is_headless(&sample) {
            vec![
                "the first line holds values, so the columns have no names; they come in this order"
                    .to_string(),
            ]
        } else {
            left_out
        };
        let ty = self.declare(names::type_of(&name), notes, fields);
        self.sources.push(source(&name, &ty, path, &sample, times));
        self.files.push((heading(path, &sample), self.types.len(), self.sources.len()));
    }

    /// The type as it is written; records inside are declared under a name.
    fn ty(&mut self, guess: &Guess, key: &str) -> String {
        let ty = match &guess.ty {
            Ty::Named(name) => name.clone(),
            Ty::List(of) => format!("list<{}>", self.ty(of, key)),
            Ty::Map(of) => format!("map<{}>", self.ty(of, key)),
            Ty::Record(fields) => {
                let declaration = |(name, field): &(String, Guess)| {
                    let key = name.trim_matches('`');
                    Declaration {
                        text: format!("{name}: {}", self.ty(field, key)),
                        notes: field.notes.clone(),
                    }
                };
                let fields = fields.iter().map(declaration).collect();
                self.declare(names::type_of(key), vec![], fields)
            }
        };
        if guess.is_nullable { format!("{ty}?") } else { ty }
    }

    /// The name under which a record is declared: that of an equal one, if there is one.
    fn declare(&mut self, name: String, notes: Vec<String>, fields: Vec<Declaration>) -> String {
        let texts = |fields: &[Declaration]| fields.iter().map(|f| f.text.clone()).collect::<Vec<_>>();
        if let Some(equal) = self.types.iter().find(|ty| texts(&ty.fields) == texts(&fields)) {
            return equal.name.clone();
        }
        let name = names::unique(&name, &mut self.names);
        self.types.push(Declared { name: name.clone(), notes, fields });
        name
    }

    /// The program, in the standard layout.
    pub fn text(&self) -> String {
        let (mut text, mut n_types, mut n_sources) = (String::new(), 0, 0);
        comment(
            &mut text,
            "",
            "What ends in `?` was null or missing somewhere; all else had a value in each row.",
        );
        for (heading, types, sources) in &self.files {
            heading.iter().for_each(|line| comment(&mut text, "", line));
            text.push('\n');
            for ty in self.types.iter().take(*types).skip(n_types) {
                ty.notes.iter().for_each(|note| comment(&mut text, "", note));
                text += &format!("type {} = {{\n", ty.name);
                ty.fields.iter().for_each(|field| declaration(&mut text, field, ","));
                text += "}\n\n";
            }
            for source in self.sources.iter().take(*sources).skip(n_sources) {
                text += &format!("{}\n", source.head);
                source.clauses.iter().for_each(|clause| declaration(&mut text, clause, ""));
                text.push('\n');
            }
            (n_types, n_sources) = (*types, *sources);
        }
        // What is written here can be read; its layout alone is left to the formatter.
        millstream_syntax::format(FileId(0), &text).unwrap_or(text)
    }
}

fn is_headless(sample: &Sample) -> bool {
    matches!(sample.layout, Layout::Fields { has_header: false, .. })
}

/// What the declarations are told from.
fn heading(path: &str, sample: &Sample) -> Vec<String> {
    let what = if path == "-" { "standard input" } else { path };
    let rows = match (sample.n_rows, sample.has_more) {
        (1, false) => "the only row".to_string(),
        (1, true) => "the first row".to_string(),
        (n, false) => format!("all {} rows", thousands(n)),
        (n, true) => format!("the first {} rows", thousands(n)),
    };
    let each =
        if sample.n_partitions > 1 { format!(", {} files", sample.n_partitions) } else { String::new() };
    let told = format!("Told from {rows} of {what}{each}.");
    let more = if sample.has_more { " There are more: `--rows` says how many are looked at." } else { "" };
    let mut lines = vec![format!("{told}{more}")];
    if let Some((number, why)) = &sample.unreadable {
        let records = if sample.n_unreadable == 1 { "record" } else { "records" };
        lines.push(format!(
            "{} {records} cannot be read, the first is number {number}: {why}",
            thousands(sample.n_unreadable)
        ));
    }
    lines
}

/// The column as the time of the rows, if it has one in each.
fn time(name: &str, key: &str, guess: &Guess) -> Option<Time> {
    let course = guess.course.as_ref().filter(|_| !guess.is_nullable)?;
    let key = names::words(key).join("_");
    let rank = match EVENT_TIMES.iter().position(|known| *known == key) {
        // Mere dates say less than any time.
        _ if !course.has_clock => EVENT_TIMES.len() + 1,
        known => known.unwrap_or(EVENT_TIMES.len()),
    };
    Some(Time { name: name.to_string(), rank, disorder: course.disorder(), text: course_text(course) })
}

fn source(name: &str, ty: &str, path: &str, sample: &Sample, mut times: Vec<Time>) -> Source {
    let format = match sample.layout {
        Layout::JsonLines => "json".to_string(),
        Layout::Fields { delimiter, has_header } => {
            let (name, usual) = if path_is_of_tabs(path) { ("tsv", b'\t') } else { ("csv", b',') };
            let delimiter = char::from(delimiter).to_string();
            let delimiter =
                (delimiter.as_bytes() != [usual]).then(|| format!("delimiter: {}", text_literal(&delimiter)));
            let header = (!has_header).then(|| "header: false".to_string());
            let options: Vec<String> = delimiter.into_iter().chain(header).collect();
            if options.is_empty() { name.to_string() } else { format!("{name}({})", options.join(", ")) }
        }
    };
    let mut clauses = vec![Declaration {
        text: format!("from file({}) format {format}", text_literal(path)),
        notes: vec![],
    }];
    // The first among equals.
    times.sort_by_key(|time| time.rank);
    let mut times = times.into_iter();
    match times.next() {
        Some(time) => {
            let disorder = match time.disorder {
                0 => String::new(),
                disorder => format!(" disorder {}", format_duration(disorder)),
            };
            let mut notes = vec![time.text];
            let others: Vec<String> = times.map(|time| format!("`{}`", time.name)).collect();
            if !others.is_empty() {
                notes.push(format!("other times: {}", others.join(", ")));
            }
            clauses.push(Declaration { text: format!("time {}{disorder}", time.name), notes });
        }
        None => {
            let note = "no field has a time in every row, so each row's time is that of its arrival";
            clauses[0].notes.push(note.to_string());
        }
    }
    Source { head: format!("source {name}: {ty}"), clauses }
}

fn path_is_of_tabs(path: &str) -> bool {
    millstream_runtime::format::of_path(path) == Some("tsv")
}

/// A line of a declaration with what is to be said of it, behind it or, if that is long, above it.
fn declaration(text: &mut String, line: &Declaration, end: &str) {
    let note = line.notes.join("; ");
    let written = format!("  {}{end}", line.text);
    match note.is_empty() {
        true => *text += &format!("{written}\n"),
        false if written.chars().count() + note.chars().count() + 5 <= WIDTH => {
            *text += &format!("{written}  -- {note}\n");
        }
        false => {
            comment(text, "  ", &note);
            *text += &format!("{written}\n");
        }
    }
}

/// A comment, on as many lines as it takes.
fn comment(text: &mut String, indent: &str, note: &str) {
    let mut line = String::new();
    for word in note.split_whitespace() {
        if !line.is_empty() && indent.len() + 3 + line.chars().count() + 1 + word.chars().count() > WIDTH {
            *text += &format!("{indent}-- {line}\n");
            line.clear();
        }
        let blank = if line.is_empty() { "" } else { " " };
        line += &format!("{blank}{word}");
    }
    *text += &format!("{indent}-- {line}\n");
}
