//! Files that a later run reads again, and how it knows that they are those that were read.

use crate::connector::follow::{Followed, rotated};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file on disk.
#[derive(Clone, Debug)]
pub struct Rereadable {
    pub path: PathBuf,
    /// Its bytes are not those that are read.
    pub is_packed: bool,
    /// Other files may take its place.
    pub followed: Option<Arc<Followed>>,
}

/// By what the first `length` bytes of a file are known again: checksums of where they begin and end. Whoever
/// appends to the file leaves them as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mark {
    pub length: u64,
    begins: u32,
    ends: u32,
}

/// Bytes that are looked at of each end.
const LOOKED_AT: u64 = 4096;

impl Rereadable {
    /// What a later run calls it: wherever that is started, and also if the program's folder has moved with it.
    pub fn known_as(&self, base: &Path) -> String {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let path = absolute(&self.path);
        let base = if base.as_os_str().is_empty() { absolute(Path::new(".")) } else { absolute(base) };
        path.strip_prefix(base).unwrap_or(&path).display().to_string()
    }

    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// The mark of what has been read when so many bytes have come of the file with this number, of those that a
    /// followed one has been; none if that is gone.
    pub fn mark(&self, file: &File, (number, n_read): (u64, u64)) -> io::Result<Option<Mark>> {
        let of_followed = self.followed.as_ref().map(|followed| followed.file(number)).transpose()?;
        match of_followed {
            Some(Some(file)) => Mark::of(&file, n_read).map(Some),
            Some(None) => Ok(None),
            None => Mark::of(file, if self.is_packed { file.metadata()?.len() } else { n_read }).map(Some),
        }
    }

    /// Whether the file has, to its length, the bytes of a mark; none if it is shorter.
    pub fn has(&self, mark: Mark) -> io::Result<Option<bool>> {
        mark.is_of(&self.open()?)
    }

    /// Begins to follow with the file that has the bytes of a mark and those that have taken its place since,
    /// where they stand beside this one; whether they do.
    pub fn go_back_to(&self, mark: Mark) -> io::Result<bool> {
        let Some(followed) = &self.followed else { return Ok(false) };
        let mut files = rotated(&self.path)?;
        let has_mark = |path: &PathBuf| Ok::<_, io::Error>(mark.is_of(&File::open(path)?)? == Some(true));
        while let Some(oldest) = files.first() {
            if has_mark(oldest)? {
                followed.begin_with(files)?;
                return Ok(true);
            }
            files.remove(0);
        }
        Ok(false)
    }
}

impl Mark {
    fn of(file: &File, length: u64) -> io::Result<Mark> {
        let n = length.min(LOOKED_AT);
        let checksum = |from| -> io::Result<u32> {
            let mut bytes = vec![0; n as usize];
            // Whoever reads the file stands somewhere else in it.
            file.read_exact_at(&mut bytes, from)?;
            Ok(crc32fast::hash(&bytes))
        };
        Ok(Mark { length, begins: checksum(0)?, ends: checksum(length - n)? })
    }

    fn is_of(self, file: &File) -> io::Result<Option<bool>> {
        if file.metadata()?.len() < self.length {
            return Ok(None);
        }
        Ok(Some(Mark::of(file, self.length)? == self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_grew_is_the_same_and_one_that_was_replaced_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let again = Rereadable { path: folder.path().join("in"), is_packed: false, followed: None };
        std::fs::write(&again.path, "x".repeat(9000)).unwrap();
        let mark = again.mark(&again.open().unwrap(), (0, 8000)).unwrap().unwrap();
        assert_eq!(again.has(mark).unwrap(), Some(true));
        let mut grows = std::fs::OpenOptions::new().append(true).open(&again.path).unwrap();
        grows.write_all(b"more").unwrap();
        assert_eq!(again.has(mark).unwrap(), Some(true));
        for (changed, expected) in [(0, Some(false)), (7999, Some(false)), (8000, Some(true))] {
            let mut bytes = vec![b'x'; 9000];
            bytes[changed] = b'y';
            std::fs::write(&again.path, bytes).unwrap();
            assert_eq!(again.has(mark).unwrap(), expected, "{changed}");
        }
        std::fs::write(&again.path, "x".repeat(7999)).unwrap();
        assert_eq!(again.has(mark).unwrap(), None);
    }
}
