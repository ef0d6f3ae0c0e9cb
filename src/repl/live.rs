//! A picture on the terminal that changes in place.

use crate::terminal;
use millstream_runtime::graph::Stop;

/// What stands on the terminal by now.
#[derive(Default)]
pub struct Picture {
    text: String,
    n_lines: usize,
}

impl Picture {
    /// Puts lines in the place of those before; of more than the terminal has room for, the last.
    pub fn show(&mut self, text: &str) -> Result<(), Stop> {
        let room = terminal::stdout_height().saturating_sub(1).max(2);
        let lines: Vec<&str> = text.lines().collect();
        let shown = &lines[lines.len().saturating_sub(room)..];
        let shown: String = shown.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        if shown == self.text {
            return Ok(());
        }
        let up = match self.n_lines {
            0 => String::new(),
            n => format!("\x1b[{n}A\r"),
        };
        self.n_lines = shown.lines().count();
        // In one piece, so that no half of a picture is seen.
        let code = terminal::out(format!("{up}{shown}\x1b[J"));
        self.text = shown;
        if code == crate::FINE { Ok(()) } else { Err(Stop::OutputClosed) }
    }
}
