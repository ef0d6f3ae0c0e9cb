//! Where checkpoints are kept: named pieces of bytes, each of which is there whole or not at all.

#[cfg(feature = "s3")]
pub mod objects;

use super::folder::{Folder, Unusable};
use std::io;
use std::path::Path;
use std::sync::Arc;
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

/// What the name of storage for objects begins with.
const OBJECTS: &str = "s3://";

/// To write to: a folder, or storage for objects.
pub fn open(place: &Path) -> Result<Arc<dyn Store>, Unusable> {
    match place.to_str().filter(|place| place.starts_with(OBJECTS)) {
        Some(place) => Ok(objects(place)?),
        None => Ok(Arc::new(Folder::open(place)?)),
    }
}

/// To look at, also while a run writes to it.
pub fn look(place: &Path) -> io::Result<Arc<dyn Store>> {
    match place.to_str().filter(|place| place.starts_with(OBJECTS)) {
        Some(place) => objects(place),
        None => Ok(Arc::new(Folder::look(place)?)),
    }
}

#[cfg(feature = "s3")]
fn objects(place: &str) -> io::Result<Arc<dyn Store>> {
    Ok(Arc::new(objects::Objects::open(place)?))
}

#[cfg(not(feature = "s3"))]
fn objects(_: &str) -> io::Result<Arc<dyn Store>> {
    let why =
        "this build keeps state in folders alone; one that is built with `--features s3` keeps it there";
    Err(io::Error::new(io::ErrorKind::Unsupported, why))
}
