//! Entries from a script: as they would be typed, but that an entry may go on without being told so.

use super::answer::{Answer, Repl};
use super::entries::Entries;
use super::interrupts::INTERRUPTED;
use crate::program::{Problem, plain};
use crate::{FAILED, FINE};
use millstream_base::span::{LONGEST_PROGRAM, longer_than_programs};
use std::io::{BufRead, Read};

/// Answers all entries; the exit code of the first that is wrong.
pub fn run(mut repl: Repl, mut script: impl BufRead) -> u8 {
    let mut first_wrong = FINE;
    let mut entries = Entries::default();
    let mut is_over = false;
    while !is_over {
        let line = match next_line(&mut script) {
            Ok(line) => line,
            Err(why) => {
                let message = format!("cannot read the script: {why}");
                return Problem { message, code: FAILED }.tell();
            }
        };
        is_over = line.is_none();
        for entry in entries.next(line.as_deref()) {
            repl.interrupts().expect();
            let answer = repl.answer(&entry);
            let is_interrupted = repl.interrupts().end();
            match answer {
                Answer::Quit => return first_wrong,
                _ if is_interrupted => return INTERRUPTED,
                Answer::Interrupted => return INTERRUPTED,
                Answer::Wrong(code) if first_wrong == FINE => first_wrong = code,
                Answer::Wrong(_) | Answer::Fine => {}
            }
        }
    }
    first_wrong
}

/// None behind the last. A line that is longer than any program has no end, as that of `/dev/zero`.
fn next_line(script: &mut impl BufRead) -> Result<Option<String>, String> {
    let mut line = vec![];
    let n = script.take(LONGEST_PROGRAM + 1).read_until(b'\n', &mut line).map_err(|error| plain(&error))?;
    if n as u64 > LONGEST_PROGRAM {
        return Err(format!("a line is {}", longer_than_programs()));
    }
    let line = String::from_utf8(line).map_err(|_| "it is not UTF-8 text".to_string())?;
    let line = line.strip_suffix('\n').map_or(line.as_str(), |line| line.trim_end_matches('\r'));
    Ok((n > 0).then(|| line.to_string()))
}
