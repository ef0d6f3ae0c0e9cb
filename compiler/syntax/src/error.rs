//! What the lexer and the parser have to say: one function per code.
//!
//! Which things were expected at a place, and in what words, is decided in `expected`.

use crate::elsewhere::granted::titled;
use crate::elsewhere::{windows, words};
use millstream_base::{Diagnostic, Span, codes};

// ---------- lexing ----------

/// `before` and `behind` are what stands around it.
pub fn unknown_character(span: Span, character: &str, [before, behind]: [&str; 2]) -> Diagnostic {
    let shown: String = character.chars().flat_map(char::escape_debug).collect();
    let d = Diagnostic::new(codes::E0001, span, format!("the character `{shown}` has no meaning here"))
        .label("not part of the language");
    match character {
        "\u{a0}" | "\u{202f}" | "\u{2007}" => d
            .note("it is a space that does not break, often from a web page")
            .fix("write a plain space", span, " ")
            .safe(),
        "“" | "”" | "„" => d.fix("write a straight quote", span, "\""),
        "×" => d.fix("write `*`", span, "*"),
        "÷" => d.fix("write `/`", span, "/"),
        "\u{2212}" | "–" | "—" => d.fix("write `-`", span, "-"),
        "≠" => d.fix("write `!=`", span, "!="),
        "≤" => d.fix("write `<=`", span, "<="),
        "≥" => d.fix("write `>=`", span, ">="),
        "&" => d.help("write `and` for the logical operator"),
        "$" => d.help("parameters are used by their plain name"),
        _ if is_between_operands(before, behind) => d.help("write an operator between the two values"),
        _ => d.fix("remove it", span, ""),
    }
}

/// Whether two values would stand side by side if what is between them were removed.
fn is_between_operands(before: &str, behind: &str) -> bool {
    let line = |c: char| c != '\n' && c.is_whitespace();
    let ends = |c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '}' | '"' | '`');
    let begins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '(' | '[' | '{' | '"' | '`' | '@');
    before.trim_end_matches(line).ends_with(ends) && behind.trim_start_matches(line).starts_with(begins)
}

const TEXT_ENDS: &str = "text ends on the line it begins on; a line break inside is written `\\n`";

/// `closed_by`: what is missing at its end.
pub fn open_text(span: Span, what: &str, closed_by: &str) -> Diagnostic {
    Diagnostic::new(codes::E0002, span, format!("this {what} does not end on its line"))
        .label("its closing `\"` is missing")
        .note(TEXT_ENDS)
        .fix("close it here", span.at_end(), closed_by)
}

pub fn open_interpolation(span: Span) -> Diagnostic {
    Diagnostic::new(codes::E0002, span, "this text does not end on its line")
        .label("it begins behind a `{` that is open")
        .note(TEXT_ENDS)
        .fix("close the brace", span.at_start(), "}")
}

pub fn bad_escape(span: Span, written: &str) -> Diagnostic {
    Diagnostic::new(codes::E0003, span, format!("`{written}` is not an escape"))
        .label("unknown escape")
        .note("the escapes are `\\n`, `\\t`, `\\r`, `\\0`, `\\\\`, `\\\"` and `\\u{e9}`")
        .help("write `r\"…\"` for text without escapes, such as a regular expression")
}

pub fn bad_number(span: Span, written: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0004, span, format!("`{written}` is not a number of this language"))
        .label("bad number")
        .note(reason)
}

/// Digits that run into letters, or lack a digit before the point; `is_behind_number`: behind which a number stands.
pub fn malformed_number(span: Span, written: &str, is_behind_number: bool) -> Diagnostic {
    let d = Diagnostic::new(codes::E0004, span, format!("`{written}` is neither a number nor a duration"))
        .label("bad number");
    if written.starts_with('.') && is_behind_number {
        return d.note("a number has one point");
    }
    if written.starts_with('.') {
        return d.fix("write the digit before the point", span, format!("0{written}")).safe();
    }
    let n_digits = written.bytes().take_while(|b| b.is_ascii_digit() || *b == b'_').count();
    let (digits, letters) = written.split_at(n_digits);
    match words::unit(letters).filter(|_| letters != "M") {
        Some(unit) => d.fix("write the short unit", span, format!("{digits}{unit}")).safe(),
        None if letters.starts_with('.') && letters.ends_with(|c: char| "smhdw".contains(c)) => {
            d.help("durations have whole parts: write `1h30m` for one hour and a half")
        }
        None if let Some(unit) = words::calendar_unit(if letters == "M" { "mo" } else { letters }) => {
            d.help(format!("a {unit} is no fixed time; windows of it are `window tumbling {unit}`"))
        }
        None => d.note("durations have the units us, ms, s, m, h, d and w, as in `250ms` or `1h30m`"),
    }
}

pub fn bad_duration(span: Span, written: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0005, span, format!("`{written}` is not a duration"))
        .label("bad duration")
        .note(reason)
}

pub fn bad_timestamp(span: Span, written: &str, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0006, span, format!("`{written}` is not a timestamp"))
        .label("bad timestamp")
        .note(reason)
}

pub fn single_quotes(span: Span, inside: &str) -> Diagnostic {
    let d = Diagnostic::new(codes::E0007, span, "text stands in double quotes").label("single quotes");
    if inside.contains('\\') && !inside.contains('"') {
        return d.fix("write it as it is, without escapes", span, format!("r\"{inside}\""));
    }
    d.fix("use double quotes", span, in_double_quotes(&inside.replace("''", "'"))).safe()
}

pub fn open_single_quotes(span: Span, inside: &str) -> Diagnostic {
    Diagnostic::new(codes::E0002, span, "this text does not end on its line")
        .label("its closing quote is missing")
        .note(TEXT_ENDS)
        .fix("use double quotes", span, in_double_quotes(inside))
}

fn in_double_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\\\""))
}

pub fn bad_quoted_name(span: Span, reason: &str) -> Diagnostic {
    Diagnostic::new(codes::E0008, span, "this name in backticks is not complete")
        .label("bad name")
        .note(reason)
}

pub fn unquoted_name(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(codes::E0009, span, format!("the name `{name}` needs backticks"))
        .label("has other letters than A to Z")
        .fix("write it in backticks", span, format!("`{name}`"))
        .safe()
}

/// `before` and `behind` are what stands around it.
pub fn foreign_operator(span: Span, written: &str, meant: &str, [before, behind]: [&str; 2]) -> Diagnostic {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let is_null = written == "<>" && {
        let rest = behind.trim_start();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        rest.get(..end).is_some_and(|word| word.eq_ignore_ascii_case("null"))
    };
    if is_null {
        let end = span.end + (behind.len() - behind.trim_start().len()) as u32 + "null".len() as u32;
        return Diagnostic::new(codes::E0010, span, "`<> null` is written `is not null` in this language")
            .label("from another language")
            .fix("write `is not null`: nothing differs from null", Span { end, ..span }, "is not null")
            .safe();
    }
    // `x <> all (1, 2)`
    let rest = behind.trim_start();
    let list = rest.get(..3).filter(|all| written == "<>" && all.eq_ignore_ascii_case("all"));
    if list.is_some_and(|_| rest[3..].trim_start().starts_with(['(', '['])) {
        let end = span.end + (behind.len() - rest.len()) as u32 + "all".len() as u32;
        return Diagnostic::new(codes::E0010, span, "`<> all` is written `not in` in this language")
            .label("from another language")
            .fix("write `not in`", Span { end, ..span }, "not in");
    }
    let is_glued = meant.starts_with(char::is_alphabetic);
    let left = if is_glued && before.ends_with(is_word) { " " } else { "" };
    let right = if is_glued && (behind.starts_with(is_word) || written == "!") { " " } else { "" };
    Diagnostic::new(codes::E0010, span, format!("`{written}` is written `{meant}` in this language"))
        .label("from another language")
        .fix(format!("write `{meant}`"), span, format!("{left}{meant}{right}"))
        .safe()
}

/// `is_apart`: from what stands in front of it, which it would be subtracted from else.
pub fn foreign_comment(span: Span, written: &str, is_apart: bool) -> Diagnostic {
    let d = Diagnostic::new(codes::E0011, span, "comments begin with `--`").label("from another language");
    if written.starts_with("/*") {
        return d.help("there is no block comment: begin each line with `--`");
    }
    let sign = if written.starts_with("//") { 2 } else { 1 };
    let dashes = if is_apart { "--" } else { " --" };
    d.fix("write `--`", Span { end: span.start + sign, ..span }, dashes).safe()
}

/// `#window.time(5 min)` behind a stream.
pub fn foreign_handler(span: Span, written: &str, is_grouped: bool) -> Diagnostic {
    let d = Diagnostic::new(codes::E0001, span, "the character `#` has no meaning here")
        .label("from another language");
    match windows::of_text(written) {
        Some(window) if !(is_grouped && window.counts_rows()) => {
            let rows = window.counts_rows().then(|| words::ROWS_OF_EACH_KEY.to_string());
            let granted: Vec<String> = window.granted().into_iter().chain(rows).collect();
            d.fix(titled("a window is a clause", &granted), span, format!(" {}", window.clause(&[])))
        }
        _ => d.help(words::handler(windows::name_of(written), is_grouped).unwrap_or(words::WINDOW)),
    }
}

pub fn semicolon(span: Span) -> Diagnostic {
    Diagnostic::new(codes::E0012, span, "nothing ends with a semicolon")
        .label("not needed")
        .note("each item and each clause begins with its own word")
        .fix("remove it", span, "")
        .safe()
}

pub fn lone_brace(span: Span) -> Diagnostic {
    Diagnostic::new(codes::E0013, span, "this brace closes nothing").label("no interpolation is open").fix(
        "write `}}` for a brace",
        span,
        "}}",
    )
}

pub fn glued_comment(span: Span, dashes: Span) -> Diagnostic {
    Diagnostic::new(codes::W0001, span, "this is a comment, not a subtraction")
        .label("comment")
        .fix("subtract the negative", dashes, "- -")
        .fix("set the comment apart", dashes, " --")
}

// ---------- parsing ----------

/// The parser met `found` where `expected` (ready for display, or empty) could have stood.
pub fn unexpected(span: Span, found: &str, expected: &str) -> Diagnostic {
    let headline = match expected {
        "" => format!("{found} is not expected here"),
        expected => format!("expected {expected}, found {found}"),
    };
    Diagnostic::new(codes::E0101, span, headline).label("not expected here")
}

/// Something is missing at the end of a line.
pub fn missing(span: Span, found: &str, expected: &str) -> Diagnostic {
    let headline = match expected {
        "" => format!("something is missing before {found}"),
        expected => format!("expected {expected}, found {found}"),
    };
    Diagnostic::new(codes::E0101, span, headline).label("missing here")
}

pub fn too_deep(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(
        codes::E0102,
        span,
        format!("this {what} is nested more than {} levels deep", crate::ast::MAX_HEIGHT),
    )
    .label("too deep")
    .note("each bracket is a level; a chain such as `a + b + c`, which is computed from left to right, has one for each of its first 64 operators and for each 64 of the others; chains of `and`, `or`, `??` and `++` may be of any length")
    .help("give parts of it names with `let`, or use a list: `x in [1, 2, 3]`")
}

pub fn given_twice(what: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::new(codes::E0103, again, format!("`{what}` is given twice"))
        .label("given again")
        .also(first, "given here first")
}

pub fn positional_after_named(span: Span, named: Span) -> Diagnostic {
    Diagnostic::new(codes::E0104, span, "an argument without a name stands behind one with a name")
        .label("needs a name")
        .also(named, "the first with a name")
        .help("put arguments without names first")
}

pub fn missing_body(span: Span, name: &str, what: &str) -> Diagnostic {
    Diagnostic::new(codes::E0105, span, format!("the {what} `{name}` has no body")).label("no body").help(
        if what == "function" {
            "write `= EXPRESSION` behind its type"
        } else {
            "write `{ state … add … result … }` behind its type"
        },
    )
}

/// `null`: where it stands behind the sign.
pub fn single_equals(span: Span, null: Option<Span>) -> Diagnostic {
    let d = Diagnostic::new(codes::E0106, span, "values are compared with `==`").label("does not compare");
    match null {
        Some(null) => d.fix("test with `is null`: nothing equals null", span.to(null), "is null"),
        None => d.fix("compare with `==`", span, "=="),
    }
    .safe()
}

/// A statement of another language where an item or a query should stand.
pub fn foreign_statement(span: Span, word: &str) -> Diagnostic {
    Diagnostic::new(codes::E0101, span, format!("nothing begins with `{word}` here"))
        .label("from another language")
}

pub fn chained_comparison(span: Span, first: Option<Span>) -> Diagnostic {
    let d = Diagnostic::new(codes::E0107, span, "comparisons do not chain")
        .label("a second comparison")
        .help("join two comparisons with `and`, or write `x between a and b`");
    match first {
        Some(first) => d.also(first, "the first comparison"),
        None => d,
    }
}

pub fn reserved_word(span: Span, word: &str, expected: &str) -> Diagnostic {
    Diagnostic::new(codes::E0108, span, format!("`{word}` is a reserved word and no name here"))
        .label("reserved")
        .note(format!("expected {expected}"))
        .fix("write it in backticks", span, format!("`{word}`"))
}

pub fn unclosed(span: Span, bracket: &str, at: Span, expected: &str) -> Diagnostic {
    Diagnostic::new(codes::E0109, at, format!("the `{bracket}` is never closed"))
        .label("not closed before this")
        .also(span, "opened here")
        .note(format!("expected {expected}"))
}

pub fn trailing_comma(comma: Span, list: &str) -> Diagnostic {
    Diagnostic::new(codes::E0110, comma, format!("{list} can't end in a comma"))
        .label("nothing follows it")
        .note("only lists in brackets may end in a comma")
        .fix("remove the comma", comma, "")
        .safe()
}

pub fn stray_doc(span: Span) -> Diagnostic {
    Diagnostic::new(codes::W0002, span, "this doc comment belongs to nothing")
        .label("not above an item or field")
        .fix("make it a plain comment", Span { end: span.start + 3, ..span }, "--")
        .safe()
}

/// Said on the last finding that is shown when there are too many.
pub fn muted(last: Diagnostic) -> Diagnostic {
    last.note("there are more faults of this kind in the file, which are not shown")
}
