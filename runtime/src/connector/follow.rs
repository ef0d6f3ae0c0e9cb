//! Reading a file that grows, like `tail -F`: at its end it waits for more; a file that was replaced
//! (rotated) is read to its end and then the new one from its start; one that shrank from its start.

use super::Input;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(50);

pub struct Follow {
    path: PathBuf,
    file: File,
    identity: (u64, u64),
    position: u64,
    /// Bytes of the files that it has taken the place of.
    n_before: u64,
    stop: Arc<AtomicBool>,
}

impl Follow {
    pub fn new(path: PathBuf, file: File, stop: Arc<AtomicBool>) -> io::Result<Follow> {
        let identity = identity(&file)?;
        Ok(Follow { path, file, identity, position: 0, n_before: 0, stop })
    }

    /// Looks whether the path leads to another file by now, or the file became shorter.
    fn reopen_if_replaced(&mut self) -> io::Result<bool> {
        // Between a rotation's rename and its create there is no file at all: wait for it.
        let Ok(now) = File::open(&self.path) else { return Ok(false) };
        if identity(&now)? != self.identity {
            self.identity = identity(&now)?;
            self.file = now;
            self.begin_anew();
            return Ok(true);
        }
        if now.metadata()?.len() < self.position {
            self.file.seek(SeekFrom::Start(0))?;
            self.begin_anew();
            return Ok(true);
        }
        Ok(false)
    }

    fn begin_anew(&mut self) {
        self.n_before += std::mem::take(&mut self.position);
    }
}

impl Input for Follow {
    fn pass(&mut self, n: u64) -> io::Result<()> {
        self.position = self.file.seek(SeekFrom::Current(n as i64))?;
        Ok(())
    }

    fn n_before(&self) -> u64 {
        self.n_before
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.file.read(buffer)?;
            if n > 0 {
                self.position += n as u64;
                return Ok(n);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
            if !self.reopen_if_replaced()? {
                std::thread::sleep(POLL);
            }
        }
    }
}

#[cfg(unix)]
fn identity(file: &File) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let facts = file.metadata()?;
    Ok((facts.dev(), facts.ino()))
}

#[cfg(not(unix))]
fn identity(_: &File) -> io::Result<(u64, u64)> {
    Ok((0, 0))
}
