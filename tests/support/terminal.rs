//! A terminal on which the binary runs: keys go in, and what a person would see on its screen can be waited for.

use super::Folder;
use pty_process::blocking::{Command, Pty, open};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use vt100::{Parser, Screen};

/// So long that nothing scrolls away.
const ROWS: u16 = 400;
const COLUMNS: u16 = 100;

/// After so long without what is waited for the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    shown: Arc<Shown>,
}

#[derive(Default)]
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: Parser,
    /// Nobody writes any more.
    ended: bool,
}

impl Default for State {
    fn default() -> State {
        let size = |n| NonZeroU16::new(n).expect("more than nothing");
        State { parser: Parser::new(size(ROWS), size(COLUMNS), 0), ended: false }
    }
}

impl Terminal {
    /// `millstream ARGUMENTS` in a folder, with what it remembers in the folder as well.
    pub fn start(folder: &Folder, arguments: &str) -> Terminal {
        Terminal::with(folder, folder.command(arguments))
    }

    /// A line of the shell, in which `millstream` is the binary.
    pub fn shell(folder: &Folder, line: &str) -> Terminal {
        Terminal::with(folder, folder.line(line))
    }

    fn with(folder: &Folder, command: std::process::Command) -> Terminal {
        let (pty, other_end) = open().expect("the machine has pseudo terminals");
        pty.resize(pty_process::Size::new(ROWS, COLUMNS)).expect("they have a size");
        let command = Command::from(command);
        let command = command.env("TERM", "xterm").env("XDG_STATE_HOME", folder.path().join("state"));
        let child = command.spawn(other_end).expect("the binary starts");
        let (pty, shown) = (Arc::new(pty), Arc::new(Shown::default()));
        let (from, to) = (pty.clone(), shown.clone());
        std::thread::spawn(move || show(&from, &to));
        Terminal { child, pty, shown }
    }

    /// As when somebody drags the corner of its window.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = |n| NonZeroU16::new(n).expect("more than nothing");
        self.state().parser.screen_mut().set_size(size(rows), size(columns));
        self.pty.resize(pty_process::Size::new(rows, columns)).expect("it has a size");
    }

    /// Sends keys: text as it is, Enter as `\r`, Ctrl-C as `\x03`.
    pub fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("somebody listens");
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub fn wait_for(&self, what: &str, fits: impl Fn(&Screen) -> bool) {
        let begun = Instant::now();
        let mut state = self.state();
        while !fits(state.parser.screen()) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let (after, waited) = self.shown.changed.wait_timeout(state, left).expect("nobody panics");
            state = after;
            let is_over = waited.timed_out() || state.ended;
            assert!(
                !is_over || fits(state.parser.screen()),
                "waited in vain for {what}:\n{}",
                state.parser.screen().contents()
            );
        }
    }

    /// Waits for a text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Waits for an empty prompt below a row, and gives its row.
    #[track_caller]
    pub fn prompt_below(&self, row: Option<u16>) -> u16 {
        let is_prompt = |screen: &Screen| {
            let (at, column) = screen.cursor_position();
            let line = screen.rows(0, COLUMNS).nth(usize::from(at)).unwrap_or_default();
            column == 2 && line.trim_end() == ">" && row.is_none_or(|row| at > row)
        };
        self.wait_for("a prompt", is_prompt);
        self.state().parser.screen().cursor_position().0
    }

    /// What can be seen, without blanks at the ends of lines.
    pub fn screen(&self) -> String {
        let contents = self.state().parser.screen().contents();
        contents.trim_end().lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// What can be seen when all is written.
    pub fn screen_at_end(&self) -> String {
        let mut state = self.state();
        while !state.ended {
            let (after, waited) = self.shown.changed.wait_timeout(state, PATIENCE).expect("nobody panics");
            state = after;
            assert!(!waited.timed_out(), "it does not end:\n{}", state.parser.screen().contents());
        }
        drop(state);
        self.screen()
    }

    /// Waits until the binary has ended; its exit code.
    pub fn end(mut self) -> i32 {
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shown.state.lock().expect("nobody panics")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Shows what comes until nobody writes any more, which is an error on some systems.
fn show(mut from: &Pty, to: &Shown) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        to.state.lock().expect("nobody panics").parser.process(&bytes[..n]);
        to.changed.notify_all();
    }
    to.state.lock().expect("nobody panics").ended = true;
    to.changed.notify_all();
}
