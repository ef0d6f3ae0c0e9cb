//! What memory has no room for: operators write it to files, block by block, and read it again when its time comes.
//!
//! A file is written once, and has no name, so that it ends with the process, however that ends: what stands in it is
//! in checkpoints as what stands in memory is.

use crate::time::{Clock, WallClock};
use crate::workers::unpoisoned;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A block is at most such a part of the memory that a run may take: some hundred are in memory while files are merged.
const BLOCKS: u64 = 512;
/// Where each block begins is kept in memory, with its first key.
const SMALLEST_BLOCK: u64 = 4 << 10;
const LARGEST_BLOCK: u64 = 1 << 20;

/// Where operators write to, and what that has cost.
#[derive(Clone)]
pub struct Spill(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    block_bytes: usize,
    least_bytes: usize,
    files: Mutex<Vec<Weak<SpillFile>>>,
    n_files: AtomicU64,
    written: AtomicU64,
    read: AtomicU64,
    /// Microseconds.
    took: AtomicU64,
}

/// What it has cost that memory was too small.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spilled {
    /// How often something was written that is sorted.
    pub runs: u64,
    /// Bytes.
    pub written: u64,
    pub read: u64,
    /// Microseconds that operators spent on it.
    pub took: u64,
}

struct SpillFile {
    file: File,
    shared: Arc<Shared>,
}

/// Files that are written one after the other, each until it is long: it takes its room as long as a part of it is there.
pub struct SpillFiles {
    /// The file that is gone on with.
    writer: Option<SpillWriter>,
    /// Bytes of a file that is not.
    long: u64,
}

/// A file that is being written.
pub struct SpillWriter {
    file: Arc<SpillFile>,
    at: u64,
}

/// A part of a file; this is there as long as one of its blocks is.
#[derive(Clone)]
pub struct Block {
    file: Arc<SpillFile>,
    start: u64,
    length: u32,
    checksum: u32,
}

impl Spill {
    /// Into a folder, of a run that may take so many bytes of memory.
    pub fn new(folder: &Path, memory: u64) -> Spill {
        let block_bytes = (memory / BLOCKS).clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
        Spill(Arc::new(Shared {
            folder: folder.to_path_buf(),
            block_bytes: block_bytes as usize,
            least_bytes: block_bytes.min(memory) as usize,
            files: Mutex::default(),
            n_files: AtomicU64::new(0),
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            took: AtomicU64::new(0),
        }))
    }

    /// How many bytes a block had better have.
    pub fn block_bytes(&self) -> usize {
        self.0.block_bytes
    }

    /// Whether so many bytes of memory are worth being written.
    pub fn is_worth(&self, bytes: usize) -> bool {
        bytes >= self.0.least_bytes
    }

    pub fn begin(&self) -> io::Result<SpillWriter> {
        let file = tempfile::tempfile_in(&self.0.folder)?;
        let file = Arc::new(SpillFile { file, shared: self.0.clone() });
        let mut files = unpoisoned(&self.0.files);
        files.retain(|file| file.strong_count() > 0);
        files.push(Arc::downgrade(&file));
        self.0.n_files.fetch_add(1, Ordering::Relaxed);
        Ok(SpillWriter { file, at: 0 })
    }

    /// The files that are there, for copies of the process.
    pub fn files(&self) -> Vec<RawFd> {
        let files = unpoisoned(&self.0.files);
        files.iter().filter_map(|file| Some(file.upgrade()?.file.as_raw_fd())).collect()
    }

    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// None if memory was never too small.
    pub fn spilled(&self) -> Option<Spilled> {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let spilled = Spilled {
            runs: count(&self.0.n_files),
            written: count(&self.0.written),
            read: count(&self.0.read),
            took: count(&self.0.took),
        };
        (spilled.runs > 0).then_some(spilled)
    }

    /// Does some work that is only there because memory was too small.
    pub fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = WallClock.elapsed();
        let done = work();
        let took = WallClock.elapsed().saturating_sub(began);
        self.0.took.fetch_add(took.max(0) as u64, Ordering::Relaxed);
        done
    }
}

impl SpillFiles {
    pub fn new(long: u64) -> SpillFiles {
        SpillFiles { writer: None, long }
    }

    /// Whether anything has been written.
    pub fn are_begun(&self) -> bool {
        self.writer.is_some()
    }

    /// Where is written to now.
    pub fn writer(&mut self, spill: &Spill) -> io::Result<&mut SpillWriter> {
        Ok(match self.writer.take().filter(|writer| writer.at < self.long) {
            Some(writer) => self.writer.insert(writer),
            None => self.writer.insert(spill.begin()?),
        })
    }
}

impl SpillWriter {
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<Block> {
        let too_long = |_| io::Error::from(ErrorKind::FileTooLarge);
        let length = u32::try_from(bytes.len()).map_err(too_long)?;
        (&self.file.file).write_all(bytes)?;
        let start = self.at;
        self.at += u64::from(length);
        self.file.shared.written.fetch_add(u64::from(length), Ordering::Relaxed);
        Ok(Block { file: self.file.clone(), start, length, checksum: crc32fast::hash(bytes) })
    }
}

impl Block {
    /// What was put there.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length as usize];
        self.file.file.read_exact_at(&mut bytes, self.start)?;
        if crc32fast::hash(&bytes) != self.checksum {
            return Err(io::Error::new(ErrorKind::InvalidData, "it has been changed"));
        }
        self.file.shared.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Some of the bytes that were put there, of which it is for others to see whether they are the same.
    pub fn read_part(&self, part: Range<u32>) -> io::Result<Vec<u8>> {
        if part.start > part.end || part.end > self.length {
            return Err(ErrorKind::InvalidInput.into());
        }
        let mut bytes = vec![0; part.len()];
        self.file.file.read_exact_at(&mut bytes, self.start + u64::from(part.start))?;
        self.file.shared.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read_again_in_any_order_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let spill = Spill::new(folder.path(), 1 << 20);
        assert!(spill.spilled().is_none());
        let mut writer = spill.begin().expect("a file can be made");
        let put = |bytes: &[u8]| writer.put(bytes).expect("it can be written to");
        let blocks: Vec<Block> = [b"one".as_slice(), b"", b"three"].map(put).into();
        drop(writer);
        for (block, bytes) in blocks.iter().zip([b"one".as_slice(), b"", b"three"]).rev() {
            assert_eq!(block.read().expect("it can be read"), bytes);
        }
        assert_eq!(spill.files().len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
        let Spilled { runs, written, read, .. } = spill.spilled().expect("something was written");
        assert_eq!((runs, written, read), (1, 8, 8));
        drop(blocks);
        assert_eq!(spill.files().len(), 0);
    }

    #[test]
    fn a_file_that_is_long_is_not_gone_on_with() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let spill = Spill::new(folder.path(), 0);
        let mut files = SpillFiles::new(8);
        assert!(!files.are_begun());
        let mut put = |bytes: &[u8]| files.writer(&spill).and_then(|writer| writer.put(bytes));
        let blocks =
            [b"four".as_slice(), b"more", b"other"].map(|bytes| put(bytes).expect("it can be written to"));
        assert_eq!(spill.files().len(), 2);
        // The first is there as long as its blocks are.
        let [first, second, _third] = blocks;
        drop((first, second));
        assert_eq!(spill.files().len(), 1);
        assert!(files.are_begun());
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        assert!(Spill::new(&folder.path().join("nowhere"), 0).begin().is_err());
    }
}
