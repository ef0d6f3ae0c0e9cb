//! Waits for a key while a query runs. Keys come one by one and are not shown; Ctrl-C still interrupts.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// How long it takes at most to notice that nobody waits any more.
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A thread that waits, until it is dropped.
pub struct Keys {
    before: Termios,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    /// Sets `pressed` when a key is pressed. None where standard input is no terminal.
    pub fn wait(pressed: Arc<AtomicBool>) -> Option<Keys> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut one_by_one = before.clone();
        one_by_one.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        one_by_one.special_codes[SpecialCodeIndex::VMIN] = 1;
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &one_by_one).ok()?;
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                let stdin = rustix::stdio::stdin();
                if poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&POLL)) == Ok(1) {
                    // The key is meant for the query, not for the next prompt.
                    let _ = std::io::stdin().lock().read(&mut [0; 64]);
                    pressed.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        Some(Keys { before, ended, thread: Some(thread) })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}
