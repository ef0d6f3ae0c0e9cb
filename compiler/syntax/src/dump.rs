//! The text form of the syntax tree: S-expressions, as `emit ast` prints them.
//!
//! `(query (from clicks) (where (> amount 10)))`: a list's first word says what it is. What was left out
//! by the author is left out here. With [`Spans::Shown`] each node ends in its bytes, `amount@12..18`.
//! Lists that do not fit on a line are broken at all their elements.

mod expr;
mod item;
mod query;

use crate::ast::*;
use crate::token::Token;
use millstream_base::Span;

/// Whether the places of nodes are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spans {
    Hidden,
    Shown,
}

const LINE: usize = 110;

/// The items of a program, one below the other.
pub fn dump(program: &Program, spans: Spans) -> String {
    let mut out = String::new();
    for item in &program.items {
        item::item(item).print(spans, 0, &mut out);
        out.push('\n');
    }
    out
}

/// One expression, on one line where it fits.
pub fn dump_expr(e: &Expr, spans: Spans) -> String {
    let mut out = String::new();
    expr::expr(e).print(spans, 0, &mut out);
    out
}

/// Place, kind and text of each token, one a line.
pub fn tokens(tokens: &[Token], text: &str) -> String {
    let line = |token: &Token| {
        // A join with its side may stand on two lines, with a comment between.
        let shown = if token.kind.is_sided_join() { token.kind.shown() } else { token.text(text) };
        format!("{}..{} {:?} {shown}", token.start, token.end, token.kind).trim_end().to_string() + "\n"
    };
    tokens.iter().map(line).collect()
}

/// A printed node: a word alone, or a list that begins with a word.
struct Node {
    word: String,
    /// None: a word alone.
    children: Option<Vec<Node>>,
    span: Option<Span>,
}

impl Node {
    fn word(text: impl Into<String>) -> Node {
        Node { word: text.into(), children: None, span: None }
    }

    fn list(head: impl Into<String>, children: Vec<Node>) -> Node {
        Node { word: head.into(), children: Some(children), span: None }
    }

    fn at(mut self, span: Span) -> Node {
        self.span = Some(span);
        self
    }

    fn and(mut self, child: impl IntoIterator<Item = Node>) -> Node {
        self.children.get_or_insert_default().extend(child);
        self
    }

    fn head(&self, spans: Spans) -> String {
        match self.span {
            Some(span) if spans == Spans::Shown => format!("{}@{}..{}", self.word, span.start, span.end),
            _ => self.word.clone(),
        }
    }

    /// Appends the node on one line; false, and something half-printed, if it is longer than `room`.
    fn print_flat(&self, spans: Spans, room: usize, out: &mut String) -> bool {
        let start = out.len();
        if self.children.is_some() {
            out.push('(');
        }
        out.push_str(&self.head(spans));
        for child in self.children.iter().flatten() {
            out.push(' ');
            let used = out.len() - start;
            if used > room || !child.print_flat(spans, room - used, out) {
                return false;
            }
        }
        if self.children.is_some() {
            out.push(')');
        }
        out.len() - start <= room
    }

    fn print(&self, spans: Spans, indent: usize, out: &mut String) {
        let start = out.len();
        if self.print_flat(spans, LINE.saturating_sub(indent), out) {
            return;
        }
        out.truncate(start);
        let Some(children) = &self.children else {
            out.push_str(&self.head(spans));
            return;
        };
        out.push('(');
        out.push_str(&self.head(spans));
        let mut broken = false;
        for child in children {
            // Words that name the node stay on its line.
            if !broken && child.children.is_none() {
                out.push(' ');
                out.push_str(&child.head(spans));
                continue;
            }
            broken = true;
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent + 2));
            child.print(spans, indent + 2, out);
        }
        out.push(')');
    }
}

/// A name, in backticks where it could be mistaken for something else.
fn name(name: &Name) -> Node {
    let shown = match crate::token::needs_backticks(&name.text) {
        true => format!("`{}`", name.text),
        false => name.text.clone(),
    };
    Node::word(shown).at(name.span)
}

fn text(text: &Text) -> Node {
    Node::word(quoted(&text.value)).at(text.span)
}

fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn stream_ref(stream: &StreamRef) -> Node {
    match stream {
        StreamRef::Named(n) => name(n),
        StreamRef::Late(n) => Node::list("late", vec![name(n)]),
        StreamRef::Errors(n) => Node::list("errors", vec![name(n)]),
    }
}

/// `(word child)`, if there is one.
fn option(word: &str, child: Option<Node>) -> Option<Node> {
    child.map(|c| Node::list(word, vec![c]))
}

/// `(word children)`, if there are any.
fn some(word: &str, children: Vec<Node>) -> Option<Node> {
    (!children.is_empty()).then(|| Node::list(word, children))
}
