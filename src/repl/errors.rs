//! What can be wrong with an entry beside the program that it is: one constructor per code.

use super::commands::{COMMANDS, meant, parse};
use super::elsewhere::Answer;
use super::session::TYPED;
use millstream_base::codes;
use millstream_base::{Diagnostic, Diagnostics, Span, did_you_mean};
use millstream_syntax::ast::Name;
use millstream_syntax::entry::parse_entry;
use std::collections::BTreeSet;

pub fn unknown_command(span: Span, name: &str) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0950, span, format!("there is no command `:{name}`"))
        .label("unknown command");
    let begun = COMMANDS.iter().map(|command| command.name).find(|known| known.starts_with(name));
    let mut known: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    // Of those that are as near, a letter was rather left out than mistaken.
    known.sort_by_key(|known| !has_letters(known, name));
    let nearest = did_you_mean(name, known);
    match meant(name).or(nearest).or(begun.filter(|_| !name.is_empty())) {
        Some(nearest) => fault.fix(format!("did you mean `:{nearest}`?"), span, format!(":{nearest}")),
        None => fault.help("`:help` lists the commands"),
    }
}

/// Whether a word has the letters of another, in their order.
fn has_letters(word: &str, of: &str) -> bool {
    let mut letters = word.chars();
    of.chars().all(|wanted| letters.any(|letter| letter == wanted))
}

/// An entry in the words of another system; `first` is its first.
pub fn of_another_system(span: Span, first: &str, answer: Answer) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0955, span, format!("no entry begins with `{first}` here"))
        .label("from another system");
    match answer {
        Answer::Entries(entries) => {
            entries.into_iter().fold(fault, |fault, entry| fault.fix(entry.title, span, entry.text))
        }
        Answer::Help(helps) => helps.into_iter().fold(fault, Diagnostic::help),
    }
}

/// Adds what can be done in a session with a name that is no value.
pub fn help_with_name(fault: &mut Diagnostic, name: &str) {
    if fault.code != codes::E0217 {
        return;
    }
    let help = match fault.primary.text.as_str() {
        "a stream" => {
            fault.helps.clear();
            format!("`from {name}` shows its rows, `:type {name}` its columns")
        }
        "a type" => format!("`:help {name}` shows what it is"),
        _ => format!("`:help {name}` tells more"),
    };
    fault.helps.push(help);
}

/// Proposes what shows the rows of a stream whose name is all that was typed.
pub fn help_with_rows(faults: &mut Vec<Diagnostic>, entry: &str) {
    let typed = entry.trim();
    let name = typed.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let is_name = |fault: &&Diagnostic| {
        fault.primary.text == "a stream" && entry.get(fault.primary.span.range()) == Some(name)
    };
    let Some(fault) = faults.iter().find(is_name).filter(|fault| fault.code == codes::E0217) else { return };
    let start = entry.len() - entry.trim_start().len();
    let span = Span::new(fault.primary.span.file, start, start + typed.len());
    let fault = Diagnostic { helps: vec![format!("`:type {name}` tells its columns")], ..fault.clone() };
    *faults = vec![fault.fix("`from` shows its rows", span, format!("from {name}"))];
}

/// Adds the command that is meant where what was typed begins with the name of one, without the colon.
pub fn help_with_command(faults: &mut Vec<Diagnostic>, entry: &str) {
    let typed = entry.trim();
    let end = typed.find(|c: char| !c.is_alphanumeric() && c != '?').unwrap_or(typed.len());
    let (word, rest) = typed.split_at(end);
    let Some(command) = meant(word) else { return };
    // Where the name is known, only the semicolon behind it is wrong.
    let Some(fault) = faults.iter().find(|fault| fault.code != codes::E0012) else { return };
    let is_alone = matches!(rest.trim(), "" | "()" | ";");
    let spelled = if is_alone { format!(":{command}") } else { format!(":{command}{rest}") };
    let has_arguments = fault.code == codes::E0101
        && rest.starts_with(' ')
        && !rest.contains('\n')
        && may_be_taken(command, rest);
    if is_alone || has_arguments && parse(&spelled).is_ok() {
        let start = entry.len() - entry.trim_start().len();
        let span = Span::new(fault.primary.span.file, start, start + typed.len());
        let fault = Diagnostic { helps: vec![], fixes: vec![], ..fault.clone() };
        *faults = vec![fault.fix("commands begin with a colon", span, spelled)];
    } else if has_arguments && let [fault] = &mut faults[..] {
        fault.helps.push(format!("commands begin with a colon: `{spelled}`"));
    }
}

/// Whether what stands behind a word is what the command takes, and not the rest of a definition that is wrong.
fn may_be_taken(command: &str, rest: &str) -> bool {
    match command {
        "source" => rest.contains('=') && !rest.contains(['(', '{', ':']),
        "type" => is_whole(rest),
        _ => true,
    }
}

fn is_whole(text: &str) -> bool {
    let mut wrong = Diagnostics::default();
    parse_entry(TYPED, text, &mut wrong);
    wrong.is_empty()
}

/// Says that entries come one by one, where a second stands behind an expression.
pub fn help_with_second(faults: &mut [Diagnostic], entry: &str) {
    let [fault] = faults else { return };
    let is_semicolon = fault.code == codes::E0012;
    let span = fault.primary.span.range();
    let second_at = if is_semicolon { span.end } else { span.start };
    let (Some(first), Some(second)) = (entry.get(..span.start), entry.get(second_at..)) else { return };
    let is_told = !fault.fixes.is_empty() || !fault.helps.is_empty();
    let may_be_two = is_semicolon || fault.code == codes::E0101 && !is_told;
    if may_be_two && !second.trim().is_empty() && is_whole(first) && is_whole(second) {
        let [first, second] = [first, second].map(str::trim);
        fault.fixes.clear();
        fault.helps.push(format!("entries are answered one by one: `{first}`, and then `{second}`"));
    }
}

/// Says how many rows are shown where a query is to say it, with a semicolon behind it or without.
pub fn help_with_limit(faults: &mut Vec<Diagnostic>, entry: &str) {
    let asks = |fault: &Diagnostic| {
        let rest = entry.get(fault.primary.span.range().start..)?;
        let [word, rows] = rest.split_whitespace().take(2).collect::<Vec<_>>()[..] else { return None };
        let number = rows.trim_end_matches(';');
        let is_limit = word.eq_ignore_ascii_case("limit") && number.parse::<u64>().is_ok();
        is_limit.then(|| (number, rest.find(rows).unwrap_or_default() + rows.len()))
    };
    let is_stuck = |fault: &&mut Diagnostic| fault.code == codes::E0101 && fault.fixes.is_empty();
    let mut clause = None;
    for fault in faults.iter_mut().filter(is_stuck) {
        let Some((rows, length)) = asks(fault) else { continue };
        let start = fault.primary.span.range().start;
        let before = entry.get(..start).unwrap_or_default().trim_end().len();
        let span = Span::new(fault.primary.span.file, before, start + length);
        let title = format!("`:limit {rows}` says how many rows are shown");
        *fault = fault.clone().fix(title, span, "");
        clause = Some(span);
    }
    let is_of_clause =
        |fault: &Diagnostic| clause.is_some_and(|clause| clause.contains(fault.primary.span.range().start));
    faults.retain(|fault| fault.code != codes::E0012 || !is_of_clause(fault));
}

/// Adds how a query begins where it was begun with a clause. `read`: what it could read; `param`: what keeps the
/// value of a `let`.
pub fn help_with_beginning(
    faults: &mut [Diagnostic],
    entry: &str,
    read: Option<&str>,
    param: Option<String>,
) {
    let typed = entry.trim();
    let start = entry.len() - entry.trim_start().len();
    let Some(fault) = faults.iter_mut().find(|fault| fault.code == codes::E0101) else { return };
    let word = typed.split_whitespace().next().unwrap_or_default();
    if fault.primary.span.start as usize != start || matches!(word, "from" | "match") {
        return;
    }
    let span = Span::new(fault.primary.span.file, start, start + typed.len());
    *fault = match param {
        Some(param) => fault.clone().fix("a value that is kept is a parameter", span, param),
        // The grammar may know better where the query was to begin.
        None if !fault.fixes.is_empty() => return,
        None => {
            let read = read.unwrap_or("payments");
            let fault =
                fault.clone().help(format!("a query begins with what it reads: `from {read} {word} …`"));
            fault.help("Alt-Enter begins a line where Enter would end the query")
        }
    };
}

/// Puts the commands of a session in the place of what is advised for the command line.
pub fn in_words_of_session(fault: &mut Diagnostic) {
    match fault.code {
        codes::E0902 | codes::E0903 => {
            fault.notes.retain(|note| !note.contains("`--source`"));
            fault.notes.push("a relative path starts where the session was begun, or where the program lies that was loaded".into());
            fault.helps.push("`:source NAME=FILE` lets a source read another file".into());
        }
        codes::E0213 if fault.helps.iter().any(|help| help.contains("`--set ")) => {
            fault.helps = vec![
                "give it a default, such as `= 100` behind its type; it can be replaced by another".into(),
            ];
        }
        _ => {
            for help in &mut fault.helps {
                *help = help.replace(" on the command line", "").replace("`--source ", "`:source ");
            }
        }
    }
}

/// `expected`: what the command takes, such as `a number of rows`.
pub fn wrong_argument(span: Span, command: &str, expected: &str, example: &str) -> Diagnostic {
    Diagnostic::new(codes::E0951, span, format!("`:{command}` takes {expected}"))
        .label("expected here")
        .help(format!("write it as `{example}`"))
}

/// `what`: what could have been named, such as `source`.
pub fn nothing_called(span: Span, name: &str, what: &str, known: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(codes::E0952, span, format!("the session has no {what} called `{name}`"))
        .label(format!("unknown {what}"));
    match did_you_mean(name, known.iter().copied()) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, nearest),
        None if known.is_empty() => fault.note(format!("it has no {what} yet")),
        None => fault.note(format!("it has {}", listed(known))),
    }
}

/// `kinds`: what the definitions are that are called so.
pub fn several_called(name: &Name, kinds: &[&str]) -> Diagnostic {
    let headline = format!("`:drop` takes one of those called `{}`: {}", name.text, listed(kinds));
    let fault = Diagnostic::new(codes::E0951, name.span, headline).label("which one?");
    let each = kinds.iter().map(|kind| format!("`:drop {kind} {}`", name.text));
    fault.help(format!("say what it is: {}", each.collect::<Vec<_>>().join(" or ")))
}

/// A file that `:save` would write over.
pub fn there_already(named: &Name) -> Diagnostic {
    let headline = format!("cannot write `{}`: it is there already", named.text);
    Diagnostic::new(codes::E0907, named.span, headline)
        .label("named here")
        .note("the session has neither loaded nor written it")
        .help(format!("`:save! {}` writes over it", named.text))
}

/// `done`: `replaced` or `dropped`. `broken`: what would be wrong without it.
pub fn still_used(name: &Name, done: &str, broken: Vec<String>) -> Vec<Diagnostic> {
    let broken: Vec<&str> = broken.iter().map(String::as_str).collect();
    let users = listed(&broken);
    let headline = match name.text.as_str() {
        "" => format!("nothing is defined, as {users} would be wrong"),
        name => format!("`{name}` is not {done}, as {users} would be wrong"),
    };
    let drops: Vec<String> = broken.iter().map(|name| format!("`:drop {name}`")).collect();
    let help = match done {
        "dropped" => format!("drop what depends on it first: {}", drops.join(", ")),
        _ => format!(
            "enter it together with new definitions of {users}, or drop these first: {}",
            drops.join(", ")
        ),
    };
    vec![Diagnostic::new(codes::E0953, name.span, headline).label("others depend on it").help(help)]
}

/// `near`: what is called nearly so.
pub fn nothing_known(span: Span, topic: &str, near: &[&str]) -> Diagnostic {
    let fault =
        Diagnostic::new(codes::E0954, span, format!("nothing is known of `{topic}`")).label("unknown");
    match near {
        [nearest] => fault.fix(format!("did you mean `{nearest}`?"), span, *nearest),
        [] => {
            fault.help("`:help` takes a command, a function, an operator, a connector, a word of the language, or a code such as E0201")
        }
        _ => fault.help(format!("the codes beside it are {}", listed(near))),
    }
}

/// `a`, `b` and `c`
fn listed(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    // A source and a function may be called the same.
    let mut seen = BTreeSet::new();
    quoted.retain(|name| seen.insert(name.clone()));
    match &quoted[..] {
        [] => "others".to_string(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
