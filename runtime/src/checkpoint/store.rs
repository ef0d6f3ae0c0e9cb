//! Where checkpoints are kept: named pieces of bytes, each of which is there whole or not at all.

use std::io;

pub trait Store: Send + Sync {
    /// What messages call it.
    fn place(&self) -> String;

    /// The names of all that is there.
    fn names(&self) -> io::Result<Vec<String>>;

    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Puts the parts, one behind the other, under a name. When that has ended without a fault they outlast this process
    /// and the loss of power; otherwise there may be nothing under the name.
    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;
}
