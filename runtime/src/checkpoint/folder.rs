//! Checkpoints in a folder, which one process at a time uses.

use super::store::Store;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub struct Folder {
    path: PathBuf,
    /// Whoever has locked it uses the folder. The lock ends with the process, however that ends.
    _lock: Option<File>,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// By another process.
    InUse,
    Failed(io::Error),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Unusable {
        Unusable::Failed(error)
    }
}

const LOCK: &str = "lock";

/// What is being written has this behind its name.
const UNFINISHED: &str = ".unfinished";

/// How often it is tried to lock a folder, a tenth of a second apart. A process that was killed while a copy of it
/// [came to be](crate::kernel::fork) still has the lock until the copy has closed its files.
const TRIES: usize = 10;

impl Folder {
    /// To write into; makes the folder.
    pub fn open(path: &Path) -> Result<Folder, Unusable> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).write(true).truncate(false).open(path.join(LOCK))?;
        lock_soon(&lock)?;
        let folder = Folder { path: path.to_path_buf(), _lock: Some(lock) };
        // What an earlier process did not get done.
        for name in folder.entries()?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            fs::remove_file(path.join(name))?;
        }
        Ok(folder)
    }

    /// To look at, also while another process writes into it.
    pub fn look(path: &Path) -> io::Result<Folder> {
        fs::read_dir(path)?;
        Ok(Folder { path: path.to_path_buf(), _lock: None })
    }

    fn entries(&self) -> io::Result<Vec<String>> {
        let mut names = vec![];
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn write(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = File::create(path)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()
    }
}

fn lock_soon(lock: &File) -> Result<(), Unusable> {
    for _ in 1..TRIES {
        if lock.try_lock().is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    match lock.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Unusable::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

impl Store for Folder {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.entries()?.into_iter();
        Ok(names.filter(|name| name != LOCK && !name.ends_with(UNFINISHED)).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}{UNFINISHED}"));
        let put = self.write(&unfinished, parts).and_then(|()| {
            fs::rename(&unfinished, self.path.join(name))?;
            sync_folder(&self.path)
        });
        if put.is_err() {
            // It takes room that the next one needs.
            let _ = fs::remove_file(&unfinished);
        }
        put
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.path)
    }
}

/// A name that was given to a file lasts when its folder has been written.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_uses_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state");
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(Unusable::InUse)));
        assert_eq!(Folder::look(&path).unwrap().names().unwrap(), [""; 0]);
        drop(first);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn what_was_not_finished_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("checkpoint-1.unfinished"), "half").unwrap();
        let open = Folder::open(folder.path()).unwrap();
        open.put("checkpoint-2", &[b"who", b"le"]).unwrap();
        assert_eq!(open.names().unwrap(), ["checkpoint-2"]);
        assert_eq!(open.read("checkpoint-2").unwrap(), b"whole");
        assert!(!folder.path().join("checkpoint-1.unfinished").exists());
    }

    #[test]
    fn what_is_no_folder_is_not_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Folder::open(file.path()), Err(Unusable::Failed(_))));
        assert!(Folder::look(file.path()).is_err());
    }
}
