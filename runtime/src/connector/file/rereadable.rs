//! Files that a later run reads again, and how it knows that they are those that were read.

use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A file on disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rereadable {
    pub path: PathBuf,
    /// Its bytes are not those that are read.
    pub is_packed: bool,
    /// Another file may take its place.
    pub is_followed: bool,
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

    /// The mark of what has been read when so many bytes have come of it.
    pub fn mark(&self, file: &mut File, n_read: u64) -> io::Result<Mark> {
        if self.is_followed {
            return Mark::of(&mut self.open()?, n_read);
        }
        Mark::of(file, if self.is_packed { file.metadata()?.len() } else { n_read })
    }

    /// Whether the file has, to its length, the bytes of a mark; none if it is shorter.
    pub fn has(&self, mark: Mark) -> io::Result<Option<bool>> {
        let mut file = self.open()?;
        if file.metadata()?.len() < mark.length {
            return Ok(None);
        }
        Ok(Some(Mark::of(&mut file, mark.length)? == mark))
    }
}

impl Mark {
    fn of(file: &mut File, length: u64) -> io::Result<Mark> {
        let n = length.min(LOOKED_AT);
        let mut checksum = |from| -> io::Result<u32> {
            let mut bytes = vec![0; n as usize];
            file.seek(SeekFrom::Start(from))?;
            file.read_exact(&mut bytes)?;
            Ok(crc32fast::hash(&bytes))
        };
        Ok(Mark { length, begins: checksum(0)?, ends: checksum(length - n)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_grew_is_the_same_and_one_that_was_replaced_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let again = Rereadable { path: folder.path().join("in"), is_packed: false, is_followed: false };
        std::fs::write(&again.path, "x".repeat(9000)).unwrap();
        let mark = again.mark(&mut again.open().unwrap(), 8000).unwrap();
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
