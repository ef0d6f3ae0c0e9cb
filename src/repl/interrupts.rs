//! Interrupts from the keyboard: they end what a session is at, and not the session.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The exit code of a shell's command that an interrupt has ended.
pub const INTERRUPTED: u8 = 130;

/// Whom interrupts concern. All clones stand for the same.
#[derive(Clone, Default)]
pub struct Interrupts {
    /// Set by an interrupt; none while nothing is done that one could end alone.
    asked: Arc<Mutex<Option<Arc<AtomicBool>>>>,
}

impl Interrupts {
    /// From its first poll on, interrupts are listened to.
    pub async fn begin_to_listen() {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => {}
            () = std::future::ready(()) => {}
        }
    }

    /// Passes interrupts on for ever. Where there is nothing to end, or it does not end, the process does, unless
    /// somebody is at its prompt.
    pub async fn pass_on(self, is_interactive: bool) {
        while tokio::signal::ctrl_c().await.is_ok() {
            let has_one_to_end =
                self.lock().as_ref().is_some_and(|asked| !asked.swap(true, Ordering::Relaxed));
            if !has_one_to_end && !is_interactive {
                std::process::exit(INTERRUPTED.into());
            }
        }
    }

    /// From now on interrupts concern what comes next.
    pub fn expect(&self) -> Arc<AtomicBool> {
        self.lock().insert(Arc::default()).clone()
    }

    /// What interrupts concern now.
    pub fn asked(&self) -> Arc<AtomicBool> {
        self.lock().get_or_insert_default().clone()
    }

    /// Nothing is done any more; whether that is as it was asked.
    pub fn end(&self) -> bool {
        self.lock().take().is_some_and(|asked| asked.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<AtomicBool>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
