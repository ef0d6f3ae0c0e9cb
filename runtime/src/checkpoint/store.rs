//! Where checkpoints are kept: named pieces of bytes, each of which is there whole or not at all.

use std::io;
use std::path::Path;
use std::thread::JoinHandle;

pub trait Store: Send + Sync {
    /// What messages call it.
    fn place(&self) -> String;

    /// The names of all that is there.
    fn names(&self) -> io::Result<Vec<String>>;

    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Puts the parts, one behind the other, under a name. When that has ended without a fault they outlast this process
    /// and the loss of power; otherwise there may be nothing under the name. That something else is there under the name of a
    /// checkpoint is a fault of the kind `AlreadyExists`: another run has put it there.
    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Begins work that writes to it, while its caller goes on. A store that is simulated says itself when what happens.
    fn beside(&self, work: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Underway>> {
        Ok(Box::new(std::thread::Builder::new().name("checkpoint".into()).spawn(work)?))
    }

    /// A folder of this machine in which files may stand that need not outlast the process, if it is one.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// Work that was begun [beside](Store::beside) a run.
pub trait Underway: Send {
    fn is_over(&mut self) -> bool;

    /// Waits for its end.
    fn wait(self: Box<Self>);
}

impl Underway for JoinHandle<()> {
    fn is_over(&mut self) -> bool {
        self.is_finished()
    }

    fn wait(self: Box<Self>) {
        if let Err(panic) = self.join() {
            std::panic::resume_unwind(panic);
        }
    }
}
