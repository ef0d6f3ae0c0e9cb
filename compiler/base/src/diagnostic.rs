//! The one model of what the compiler has to say: data, not text.
//!
//! Phases build a [`Diagnostic`] with one function per code (in the phase's own file, from typed
//! arguments) and push it into a [`Diagnostics`] collector. Renderers and the language server read it.

use crate::codes::{self, Code};
use crate::span::Span;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// The program is wrong and will not run.
    Error,
    /// The program runs, but probably not as meant.
    Warning,
    /// A fault in Millstream itself; the text asks for a report.
    Bug,
}

impl Severity {
    /// As messages call it.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Bug => "bug",
        }
    }
}

/// A place and at most five words about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// How sure we are that a fix keeps the meaning that the author had in mind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Safety {
    /// May be applied without asking.
    Safe,
    /// A proposal to look at.
    Unsafe,
}

/// Replace the text of `span` with `text`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// An action in the imperative: "compare with `==`".
    pub title: String,
    pub edits: Vec<Edit>,
    pub safety: Safety,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    Unnecessary,
    Deprecated,
}

/// One finding. Always has a code and a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// Lower case, one sentence, no period, true without the source.
    pub headline: String,
    /// Where; its text may be empty.
    pub primary: Label,
    pub secondary: Vec<Label>,
    /// Facts: what was found and expected, why the rule exists here.
    pub notes: Vec<String>,
    /// Actions that no edit can express.
    pub helps: Vec<String>,
    pub fixes: Vec<Fix>,
    pub tags: Vec<Tag>,
}

impl Diagnostic {
    /// A diagnostic of the code's own severity.
    pub fn new(code: Code, span: Span, headline: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: code.severity(),
            headline: abridged(headline),
            primary: Label { span, text: String::new() },
            secondary: vec![],
            notes: vec![],
            helps: vec![],
            fixes: vec![],
            tags: vec![],
        }
    }

    /// The words beside the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = abridged(text);
        self
    }

    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: abridged(text) });
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(abridged(text));
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.helps.push(abridged(text));
        self
    }

    /// A single replacement that the author should look at.
    pub fn fix(self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Diagnostic {
        self.fix_edits(title, vec![Edit { span, text: text.into() }], Safety::Unsafe)
    }

    pub fn fix_edits(mut self, title: impl Into<String>, edits: Vec<Edit>, safety: Safety) -> Diagnostic {
        self.fixes.push(Fix { title: abridged(title), edits, safety });
        self
    }

    /// The last fix says what the author said, as the language writes it.
    pub fn safe(mut self) -> Diagnostic {
        if let Some(fix) = self.fixes.last_mut() {
            fix.safety = Safety::Safe;
        }
        self
    }

    pub fn tag(mut self, tag: Tag) -> Diagnostic {
        self.tags.push(tag);
        self
    }
}

/// A message quotes the program, in which a name or a number may be a megabyte long: of such a message the
/// beginning and the end are kept.
fn abridged(text: impl Into<String>) -> String {
    const MOST_BYTES: usize = 2_000;
    const END: usize = 200;
    let text = text.into();
    if text.len() <= MOST_BYTES {
        return text;
    }
    let beginning = &text[..text.floor_char_boundary(MOST_BYTES - END)];
    let end = &text[text.ceil_char_boundary(text.len() - END)..];
    format!("{beginning}…{end}")
}

/// Collects what the phases report.
#[derive(Default, Debug)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    pub fn extend(&mut self, other: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(other);
    }

    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity != Severity::Warning)
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// All findings by file, start and code, each once. What is written behind text whose quote is missing becomes a
    /// part of the text: nobody proposes to.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        let is_open = |d: &Diagnostic| matches!(d.code, codes::E0002 | codes::E0008);
        let open: Vec<Span> = self.list.iter().filter(|d| is_open(d)).map(|d| d.primary.span).collect();
        let is_in_open =
            |at: Span| open.iter().any(|o| o.file == at.file && o.start < at.end && at.start <= o.end);
        for finding in self.list.iter_mut().filter(|d| !is_open(d)) {
            finding.fixes.retain(|fix| !fix.edits.iter().any(|edit| is_in_open(edit.span)));
        }
        self.list.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.primary.span.file, d.primary.span.start, d.code);
            key(a).cmp(&key(b))
        });
        self.list.dedup();
        self.list
    }
}
