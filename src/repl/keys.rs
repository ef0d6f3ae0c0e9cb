//! Keys while a query runs: they are not shown, and where the query goes on until a key, come one by one.

use crate::terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

/// Stands for a signal that no key sends.
const NO_KEY: u8 = 0;

/// How long a key is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The exit code of a shell's command that was told to quit.
const QUIT: i32 = 131;

/// What is done at the signal to quit: the process ends, but while a query runs Ctrl-Z sends it.
#[derive(Clone, Default)]
pub struct Quits {
    /// How the terminal was, and how it is while a query runs.
    suspended: Arc<Mutex<Option<(Termios, Termios)>>>,
}

impl Quits {
    /// Listens to the signal from now on, for ever: what has once been listened to has no other effect any more.
    pub fn listen(runtime: &Runtime) -> Quits {
        let quits = Quits::default();
        let inside = runtime.enter();
        let signals = signal(SignalKind::quit());
        drop(inside);
        if let (Ok(signals), Ok(before)) = (signals, tcgetattr(rustix::stdio::stdin())) {
            runtime.spawn(quits.clone().obey(signals, before));
        }
        quits
    }

    async fn obey(self, mut signals: Signals, at_first: Termios) {
        while signals.recv().await.is_some() {
            let suspended = self.lock().clone();
            let Some((before, unseen)) = suspended else {
                set(&at_first);
                std::process::exit(QUIT);
            };
            terminal::err("\r\x1b[2K");
            suspend(&before, &unseen);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Termios, Termios)>> {
        self.suspended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until it is dropped, what is typed is kept for the next prompt and not shown where something else is written.
/// Ctrl-Z stops the process when the line of progress is gone, for which it has to come as another signal.
pub struct Unseen {
    before: Termios,
    quits: Quits,
}

impl Unseen {
    /// None where standard input is no terminal.
    pub fn begin(quits: &Quits) -> Option<Unseen> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes -= LocalModes::ECHO | LocalModes::ECHONL;
        let codes = &mut unseen.special_codes;
        codes[SpecialCodeIndex::VQUIT] = codes[SpecialCodeIndex::VSUSP];
        codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        *quits.lock() = Some((before.clone(), unseen.clone()));
        set(&unseen);
        Some(Unseen { before, quits: quits.clone() })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        set(&self.before);
        *self.quits.lock() = None;
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
