//! Keys while a query runs: they are not shown, and where the query goes on until a key, come one by one.

use crate::terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::Read;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::task::AbortHandle;

/// Stands for a signal that no key sends.
const NO_KEY: u8 = 0;

/// How long a key is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Until it is dropped, what is typed is kept for the next prompt and not shown where something else is written.
/// Ctrl-Z stops the process when the line of progress is gone, for which it has to come as another signal.
pub struct Unseen {
    before: Termios,
    suspends: Option<AbortHandle>,
}

impl Unseen {
    /// None where standard input is no terminal.
    pub fn begin(runtime: &Runtime) -> Option<Unseen> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        let inside = runtime.enter();
        let quits = signal(SignalKind::quit());
        drop(inside);
        let suspends = quits.ok().map(|quits| {
            let codes = &mut unseen.special_codes;
            codes[SpecialCodeIndex::VQUIT] = codes[SpecialCodeIndex::VSUSP];
            codes[SpecialCodeIndex::VSUSP] = NO_KEY;
            runtime.spawn(suspend_at(quits, before.clone(), unseen.clone())).abort_handle()
        });
        set(&unseen);
        Some(Unseen { before, suspends })
    }
}

async fn suspend_at(mut quits: Signals, before: Termios, unseen: Termios) {
    while quits.recv().await.is_some() {
        terminal::err("\r\x1b[2K");
        suspend(&before, &unseen);
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(suspends) = &self.suspends {
            suspends.abort();
        }
        set(&self.before);
    }
}

/// Stops the process, as Ctrl-Z does, until it is told to go on.
fn suspend(before: &Termios, meanwhile: &Termios) {
    set(before);
    let _ = kill_current_process_group(Signal::TSTP);
    // The signal may be delivered a moment later.
    std::thread::sleep(Duration::from_millis(50));
    set(meanwhile);
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
        suspend(&self.before, &self.one_by_one);
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
