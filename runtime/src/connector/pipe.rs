//! Reading a pipe or a device: it waits for bytes, and for somebody who writes them, no longer than the run goes on.

use super::Input;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub struct Pipe {
    file: File,
    #[cfg_attr(not(unix), expect(dead_code, reason = "only unix can wait for a while"))]
    stop: Arc<AtomicBool>,
}

impl Pipe {
    pub fn new(file: File, stop: Arc<AtomicBool>) -> Pipe {
        Pipe { file, stop }
    }
}

impl Input for Pipe {
    /// What has been read of it does not come again.
    fn pass(&mut self, _n: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Opens it at once, though nobody may have opened its other end.
#[cfg(unix)]
pub fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(unix)]
impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use std::sync::atomic::Ordering;
        /// How long it takes at most to notice that the run is over.
        const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&POLL)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                read => return read,
            }
        }
    }
}

#[cfg(not(unix))]
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(not(unix))]
impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}
