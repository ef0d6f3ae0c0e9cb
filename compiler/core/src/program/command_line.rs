//! What the command line says of a program: values of parameters, other inputs and outputs. It is shown
//! as a file of its own, so that what is wrong with it has a place.

use crate::errors::connectors as errors;
use crate::names::{InputKind, Names};
use crate::resolve::GivenValues;
use millstream_base::{Diagnostics, FileId, SourceMap, Span};
use std::collections::BTreeMap;

/// `--set`, `--source` and `--sink`: values, and paths or `-`, by name.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub params: GivenValues,
    pub sources: BTreeMap<String, String>,
    pub sinks: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Flag {
    Set,
    Source,
    Sink,
}

impl Flag {
    pub fn text(self) -> &'static str {
        match self {
            Flag::Set => "--set",
            Flag::Source => "--source",
            Flag::Sink => "--sink",
        }
    }

    /// What it names.
    pub fn what(self) -> &'static str {
        match self {
            Flag::Set => "parameter",
            Flag::Source => "source",
            Flag::Sink => "sink",
        }
    }
}

/// The overrides with the places at which they are shown.
pub(crate) struct CommandLine<'o> {
    pub overrides: &'o Overrides,
    /// None without any.
    pub file: Option<FileId>,
    places: BTreeMap<(Flag, &'o str), (usize, usize)>,
}

impl<'o> CommandLine<'o> {
    pub fn new(overrides: &'o Overrides, sources: &mut SourceMap) -> CommandLine<'o> {
        let mut text = String::new();
        let mut places = BTreeMap::new();
        let all = [
            (Flag::Set, &overrides.params),
            (Flag::Source, &overrides.sources),
            (Flag::Sink, &overrides.sinks),
        ];
        for (flag, named) in all {
            for (name, value) in named {
                if !text.is_empty() {
                    text.push(' ');
                }
                let start = text.len();
                // Values may be secret, and paths have been made absolute.
                let shown = if value == "-" { "-" } else { "…" };
                text.push_str(&format!("{} {name}={shown}", flag.text()));
                places.insert((flag, name.as_str()), (start, text.len()));
            }
        }
        let file = (!text.is_empty()).then(|| sources.add("command line", text));
        CommandLine { overrides, file, places }
    }

    /// Where an option stands, if there is one for this name.
    pub fn place(&self, flag: Flag, name: &str) -> Option<Span> {
        let (start, end) = self.places.get(&(flag, name))?;
        Some(Span::new(self.file?, *start, *end))
    }

    /// The path that stands in for that of a source.
    pub fn source(&self, name: &str) -> Option<&'o str> {
        self.overrides.sources.get(name).map(String::as_str)
    }

    /// The path that stands in for that of a sink.
    pub fn sink(&self, name: &str) -> Option<&'o str> {
        self.overrides.sinks.get(name).map(String::as_str)
    }

    /// Reports options that name nothing in the program; `sinks` are those that can be replaced.
    pub fn check(&self, names: &Names, sinks: &[&str], diagnostics: &mut Diagnostics) {
        let params: Vec<&str> = names.params.iter().map(|p| p.name.as_str()).collect();
        let replaceable = names.inputs.iter().filter(|i| !matches!(i.kind, InputKind::Stream(_)));
        let sources: Vec<&str> = replaceable.map(|i| i.name.text.as_str()).collect();
        for (flag, name) in self.places.keys() {
            let known = match flag {
                Flag::Set => &params,
                Flag::Source => &sources,
                Flag::Sink => sinks,
            };
            if known.contains(name) || names.is_broken(name) {
                continue;
            }
            let Some(place) = self.place(*flag, name) else { continue };
            // The name, behind the flag and a space.
            let start = place.start as usize + flag.text().len() + 1;
            let place = Span::new(place.file, start, start + name.len());
            diagnostics.push(errors::unknown_override(place, (flag.text(), flag.what()), name, known));
        }
    }
}
