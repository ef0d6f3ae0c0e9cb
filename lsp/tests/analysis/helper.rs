//! Programs with a cursor, written `$0`.

use millstream_base::{FileId, Span};
use millstream_core::SourceText;
use millstream_lsp::analysis::Analysis;

/// What most programs of these tests begin with.
pub const PAYMENTS: &str = r#"
--- One card payment as the gateway reports it.
type Payment = {
  --- The number of the card, hashed.
  card: string,
  amount: decimal(2),
  country: string?,
  status: "open" | "closed",
  tags: list<string>,
  place: { city: string, zip: string? },
  at: timestamp,
}
source payments: Payment
  from file("payments.ndjson") format json
  time at disorder 5s
"#;

/// A program and where the cursor in it is.
pub struct Cursor {
    pub analysis: Analysis,
    pub file: FileId,
    pub offset: usize,
}

/// What follows [`PAYMENTS`], with a cursor.
pub fn payments(rest: &str) -> Cursor {
    program(&format!("{PAYMENTS}{rest}"))
}

pub fn program(marked: &str) -> Cursor {
    program_with(marked, &[])
}

/// A program that uses other files.
pub fn program_with(marked: &str, others: &[(&str, &str)]) -> Cursor {
    let offset = marked.find("$0").expect("a cursor");
    let mut load = |_: &str, path: &str| match others.iter().find(|(name, _)| *name == path) {
        Some((name, text)) => Ok(SourceText { name: name.to_string(), text: text.to_string() }),
        None => Err("there is no such file".to_string()),
    };
    let analysis = Analysis::new("main.stream", marked.replace("$0", ""), &mut load);
    Cursor { file: analysis.main, offset, analysis }
}

impl Cursor {
    /// `3:5 text` of a place.
    pub fn place(&self, span: Span) -> String {
        format!("{} {}", self.analysis.files.place(span), self.analysis.files.text(span).replace('\n', "⏎"))
    }

    pub fn places(&self, spans: impl IntoIterator<Item = Span>) -> String {
        spans.into_iter().map(|span| format!("{}\n", self.place(span))).collect()
    }
}
