//! Entries from a script: as they would be typed, but that an entry may go on without being told so, as whoever
//! reads a script sees the next line.

use super::answer::{Answer, Repl};
use crate::program::{Problem, plain};
use crate::{FAILED, FINE};
use millstream_syntax::entry::{Ending, continues, ending};
use std::io::BufRead;

/// Of a shell's command that an interrupt has ended.
const INTERRUPTED: u8 = 130;

/// Answers all entries; the exit code of the first that is wrong.
pub fn run(mut repl: Repl, script: impl BufRead) -> u8 {
    let mut first_wrong = FINE;
    let mut entry = String::new();
    let lines = script.lines().map(Some).chain([None]);
    for line in lines {
        let line = match line.transpose() {
            Ok(line) => line,
            Err(error) => {
                return Problem {
                    message: format!("cannot read the script: {}", plain(&error)),
                    code: FAILED,
                }
                .tell();
            }
        };
        if line.as_deref().is_none_or(|line| ends(&entry, line)) && !entry.trim().is_empty() {
            match repl.answer(&entry) {
                Answer::Quit => return first_wrong,
                Answer::Interrupted => return INTERRUPTED,
                Answer::Wrong(code) if first_wrong == FINE => first_wrong = code,
                Answer::Wrong(_) | Answer::Fine => {}
            }
            entry.clear();
        }
        if let Some(line) = line.filter(|line| !entry.is_empty() || !line.trim().is_empty()) {
            if !entry.is_empty() {
                entry.push('\n');
            }
            entry += &line;
        }
    }
    first_wrong
}

/// Whether an entry ends in front of a line.
fn ends(entry: &str, line: &str) -> bool {
    let is_command = |line: &str| line.trim_start().starts_with(':');
    is_command(entry)
        || line.trim().is_empty()
        || ending(entry) != Ending::Incomplete && (is_command(line) || !continues(line))
}
