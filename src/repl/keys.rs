//! Keys while a query runs: they are not shown, and where the query goes on until a key, come one by one.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::Read;
use std::time::Duration;

/// How long a key is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Until it is dropped, what is typed is kept for the next prompt and not shown where something else is written.
pub struct Unseen {
    before: Termios,
}

impl Unseen {
    /// None where standard input is no terminal.
    pub fn begin() -> Option<Unseen> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        set(&unseen);
        Some(Unseen { before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        set(&self.before);
    }
}

/// Until it is dropped, each key can be read when it is pressed; those that else send signals as well.
pub struct Keys {
    before: Termios,
    one_by_one: Termios,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Ctrl-Z.
    Suspend,
    Other,
}

impl Keys {
    /// None where standard input is no terminal.
    pub fn begin() -> Option<Keys> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut one_by_one = before.clone();
        one_by_one.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        one_by_one.special_codes[SpecialCodeIndex::VMIN] = 1;
        set(&one_by_one);
        Some(Keys { before, one_by_one })
    }

    /// The key that is pressed soon, if there is one.
    pub fn next(&self) -> Option<Key> {
        let stdin = rustix::stdio::stdin();
        if poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&PATIENCE)) != Ok(1) {
            return None;
        }
        // One key may be several bytes. It is meant for the query, not for the next prompt.
        let mut bytes = [0; 64];
        let n = std::io::stdin().lock().read(&mut bytes).unwrap_or_default();
        Some(if bytes[..n] == [self.before.special_codes[SpecialCodeIndex::VSUSP]] {
            Key::Suspend
        } else {
            Key::Other
        })
    }

    /// Stops the process, as Ctrl-Z does, until it is told to go on.
    pub fn suspend(&self) {
        set(&self.before);
        let _ = kill_current_process_group(Signal::TSTP);
        // The signal may be delivered a moment later.
        std::thread::sleep(Duration::from_millis(50));
        set(&self.one_by_one);
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        set(&self.before);
    }
}

fn set(modes: &Termios) {
    let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, modes);
}
