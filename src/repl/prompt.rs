//! Entries from a terminal: line editing, colors.

use super::answer::{Answer, Repl};
use super::complete::{Hint, Known};
use super::highlight::painted;
use super::{entries, history};
use crate::{FAILED, FINE, terminal};
use millstream_base::render::Color;
use millstream_syntax::entry::is_complete;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Cmd, CompletionType, Config, Context, Editor, Helper, KeyCode, KeyEvent, Modifiers};
use std::borrow::Cow;

const PROMPT: &str = "> ";

/// Entries that are remembered.
const REMEMBERED: usize = 1000;

/// Answers entries until there are no more; the exit code.
pub fn run(mut repl: Repl) -> u8 {
    let mut editor = match editor() {
        Ok(editor) => editor,
        Err(error) => return fail(&error),
    };
    let version = env!("CARGO_PKG_VERSION");
    if terminal::out(format_args!("Millstream {version}. `:help` tells what can be typed.\n")) != FINE {
        return FAILED;
    }
    let remembered = history::place();
    if let Some(path) = &remembered {
        history::load(&mut editor, path);
    }
    loop {
        if let Some(typing) = editor.helper_mut() {
            typing.known = Known::of(repl.session());
        }
        repl.interrupts().expect();
        match editor.readline(PROMPT) {
            Ok(typed) => {
                let entries = entries::of(&typed);
                for entry in &entries {
                    history::remember(&mut editor, entry.trim_end(), remembered.as_deref());
                    // Of several that were pasted it has to be seen which is answered.
                    let shown = if entries.len() > 1 { terminal::out(echo(entry)) } else { FINE };
                    if shown != FINE {
                        return shown;
                    }
                    match repl.answer(entry.trim_end()) {
                        Answer::Quit => return FINE,
                        Answer::Interrupted => break,
                        Answer::Wrong(_) | Answer::Fine => {}
                    }
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return FINE,
            Err(error) => return fail(&error),
        }
    }
}

/// An entry as it stands behind the prompt.
fn echo(entry: &str) -> String {
    let entry = entry.trim_end();
    match terminal::out_color() {
        Color::On => format!("{PROMPT}{}\n", painted(entry)),
        Color::Off => format!("{PROMPT}{entry}\n"),
    }
}

fn fail(error: &ReadlineError) -> u8 {
    terminal::err(format_args!("error: cannot read from the terminal: {error}\n"));
    FAILED
}

fn editor() -> rustyline::Result<Editor<Typing, FileHistory>> {
    let config = Config::builder()
        .max_history_size(REMEMBERED)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
    editor.set_helper(Some(Typing { color: terminal::out_color(), known: Known::default() }));
    Ok(editor)
}

/// What happens while an entry is typed.
pub struct Typing {
    color: Color,
    known: Known,
}

impl Helper for Typing {}

impl Validator for Typing {
    fn validate(&self, typed: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        // Of several entries that were pasted the last may go on.
        let last_is_empty = typed.input().rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        let is_over = match &entries::of(typed.input())[..] {
            [_, .., last] if !last_is_empty => is_complete(last),
            _ => is_complete(typed.input()),
        };
        Ok(if is_over { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        match self.color {
            Color::On => painted(line).into(),
            Color::Off => line.into(),
        }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.color {
            Color::On => format!("\x1b[2m{hint}\x1b[0m").into(),
            Color::Off => hint.into(),
        }
    }

    fn highlight_char(&self, _line: &str, _pos: usize, kind: CmdKind) -> bool {
        self.color == Color::On && kind != CmdKind::MoveCursor
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.known.complete(line, at))
    }
}

impl Hinter for Typing {
    type Hint = Hint;

    fn hint(&self, line: &str, at: usize, _: &Context) -> Option<Hint> {
        self.known.hint(line).filter(|_| at == line.len())
    }
}
