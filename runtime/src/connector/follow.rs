//! Reading a file that grows, like `tail -F`: at its end it waits for more. Other files may take its place
//! (rotation): it is read to its end and then the next from its start, as is one that shrank.

use super::{Input, Place};
use crate::workers::unpoisoned;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(50);

/// What the reader of a followed path shares with those who make checkpoints: which files it has been.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Files {
    /// By their numbers, the first to be read, and those that rows of a checkpoint to come may be from.
    known: BTreeMap<u64, File>,
    /// Whether there are checkpoints: nobody else needs a file that another has taken the place of.
    are_kept: bool,
    /// To be read before the one that stands there.
    rotated: VecDeque<PathBuf>,
}

impl Followed {
    /// Of a path that leads to this file.
    pub fn new(path: PathBuf, file: File) -> Followed {
        let files = Files { known: BTreeMap::from([(0, file)]), are_kept: false, rotated: VecDeque::new() };
        Followed { path, files: Mutex::new(files) }
    }

    /// Reads these first; called before there is a reader.
    pub fn begin_with(&self, rotated: Vec<PathBuf>) -> io::Result<()> {
        let mut rotated = VecDeque::from(rotated);
        let first = rotated.pop_front().map(File::open).transpose()?;
        let mut files = unpoisoned(&self.files);
        files.known.extend(first.map(|first| (0, first)));
        files.rotated = rotated;
        Ok(())
    }

    /// Says that there are checkpoints; called before there is a reader.
    pub fn keep_files(&self) {
        unpoisoned(&self.files).are_kept = true;
    }

    fn add(&self, number: u64, file: &File) -> io::Result<()> {
        let mut files = unpoisoned(&self.files);
        match files.are_kept {
            true => drop(files.known.insert(number, file.try_clone()?)),
            false => files.known.clear(),
        }
        Ok(())
    }

    /// The file with this number; none if what stood there is gone. Those before it are not asked for any more.
    pub fn file(&self, number: u64) -> io::Result<Option<File>> {
        let mut files = unpoisoned(&self.files);
        files.known = files.known.split_off(&number);
        files.known.get(&number).map(File::try_clone).transpose()
    }
}

/// The files beside a path that rotation makes of it, oldest first.
pub fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(vec![]) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = vec![];
    for entry in folder.read_dir()? {
        let entry = entry?;
        let other = entry.file_name();
        if is_rotated(other.as_encoded_bytes(), name.as_encoded_bytes()) && entry.metadata()?.is_file() {
            found.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Whether a file is called as rotation calls one: as it was with something behind (`a.ndjson.1`), or with a number or a date
/// in front of its ending (`a-20240501.ndjson`).
fn is_rotated(other: &[u8], name: &[u8]) -> bool {
    if other.starts_with(name) {
        return other != name;
    }
    let dot = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    let (stem, ending) = name.split_at(dot);
    let between = other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending));
    match between {
        Some([b'-' | b'.' | b'_', number @ ..]) => {
            number.first().is_some_and(u8::is_ascii_digit)
                && number.iter().all(|byte| byte.is_ascii_digit() || b"-._T:Z".contains(byte))
        }
        _ => false,
    }
}

pub struct Follow {
    followed: Arc<Followed>,
    file: File,
    identity: (u64, u64),
    position: u64,
    /// What takes its place when it has been read to its end once more: by then nobody writes to it.
    next: Option<File>,
    /// Whether the last byte ended a line.
    ends_line: bool,
    place: Place,
    stop: Arc<AtomicBool>,
}

impl Follow {
    pub fn new(followed: Arc<Followed>, stop: Arc<AtomicBool>) -> io::Result<Follow> {
        let file = followed.file(0)?.ok_or(io::ErrorKind::NotFound)?;
        followed.add(0, &file)?;
        let (identity, place) = (identity(&file)?, Place::default());
        Ok(Follow { followed, file, identity, position: 0, next: None, ends_line: true, place, stop })
    }

    /// Looks for what takes its place: a file that was rotated while nobody read, another file that the path leads
    /// to by now, or the same if it became shorter.
    fn find_next(&mut self) -> io::Result<bool> {
        if let Some(rotated) = unpoisoned(&self.followed.files).rotated.pop_front() {
            self.next = Some(File::open(rotated)?);
            return Ok(true);
        }
        // Between a rotation's rename and its create there is no file at all: wait for it.
        let Ok(now) = File::open(&self.followed.path) else { return Ok(false) };
        let length = now.metadata()?.len();
        let has_shrunk = identity(&now)? == self.identity && length < self.position;
        // As long as nothing stands in another, somebody may still write to this one.
        let is_replaced = identity(&now)? != self.identity && length > 0;
        if has_shrunk {
            // What stood there cannot be read again.
            unpoisoned(&self.followed.files).known.remove(&self.place.number);
        }
        self.next = (has_shrunk || is_replaced).then_some(now);
        Ok(self.next.is_some())
    }

    fn go_on_with(&mut self, next: File) -> io::Result<()> {
        self.identity = identity(&next)?;
        self.file = next;
        self.place.n_before += std::mem::take(&mut self.position);
        self.place.number += 1;
        self.followed.add(self.place.number, &self.file)
    }

    /// What a line lacks that a file ends within, which the first of the next is no part of.
    fn end_line(&mut self, buffer: &mut [u8]) -> usize {
        if self.ends_line || buffer.is_empty() {
            return 0;
        }
        buffer[0] = b'\n';
        self.ends_line = true;
        self.place.n_before += 1;
        1
    }
}

impl Input for Follow {
    fn pass(&mut self, n: u64) -> io::Result<()> {
        self.position = self.file.seek(SeekFrom::Current(n as i64))?;
        Ok(())
    }

    fn place(&self) -> Place {
        self.place
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.file.read(buffer)?;
            if n > 0 {
                self.position += n as u64;
                self.ends_line = buffer[n - 1] == b'\n';
                return Ok(n);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(0);
            }
            if let Some(next) = self.next.take() {
                self.go_on_with(next)?;
                let n = self.end_line(buffer);
                if n > 0 {
                    return Ok(n);
                }
            } else if !self.find_next()? {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A followed file `in` with a line, its reader, and what it shares.
    fn follow(folder: &Path) -> (Arc<Followed>, Follow) {
        let path = folder.join("in");
        std::fs::write(&path, "1\n").unwrap();
        let followed = Arc::new(Followed::new(path.clone(), File::open(path).unwrap()));
        followed.keep_files();
        let follow = Follow::new(followed.clone(), Arc::default()).unwrap();
        (followed, follow)
    }

    fn next(follow: &mut Follow) -> String {
        let mut buffer = [0; 16];
        let n = follow.read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    }

    #[test]
    fn what_is_written_until_another_file_has_something_is_read_first() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut follow) = follow(folder.path());
        let path = folder.path().join("in");
        let mut old = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        std::fs::rename(&path, folder.path().join("in.1")).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(next(&mut follow), "1\n");
        assert!(!follow.find_next().unwrap(), "nothing stands in the other");
        std::fs::write(&path, "3\n").unwrap();
        assert!(follow.find_next().unwrap());
        old.write_all(b"2\n").unwrap();
        assert_eq!([next(&mut follow), next(&mut follow)], ["2\n", "3\n"]);
    }

    #[test]
    fn a_line_does_not_go_on_in_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut follow) = follow(folder.path());
        let path = folder.path().join("in");
        std::fs::write(&path, "1\n2").unwrap();
        assert_eq!(next(&mut follow), "1\n2");
        std::fs::rename(&path, folder.path().join("in.1")).unwrap();
        std::fs::write(&path, "3\n").unwrap();
        assert_eq!([next(&mut follow), next(&mut follow)], ["\n", "3\n"]);
        let Place { number, n_before } = follow.place();
        assert_eq!((number, n_before), (1, 4));
    }

    /// A checkpoint may be behind the reader.
    #[test]
    fn files_are_known_until_a_later_one_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (followed, mut follow) = follow(folder.path());
        let path = folder.path().join("in");
        next(&mut follow);
        std::fs::rename(&path, folder.path().join("in.1")).unwrap();
        std::fs::write(&path, "a line\n").unwrap();
        assert_eq!(next(&mut follow), "a line\n");
        let length = |file: Option<File>| file.map(|file| file.metadata().unwrap().len());
        assert_eq!(length(followed.file(0).unwrap()), Some(2));
        // The same file, of which all was taken.
        std::fs::write(&path, "2\n").unwrap();
        assert_eq!(next(&mut follow), "2\n");
        assert_eq!(length(followed.file(1).unwrap()), None);
        assert_eq!(length(followed.file(2).unwrap()), Some(2));
        assert_eq!(length(followed.file(0).unwrap()), None, "nobody asks for it any more");
    }

    #[test]
    fn rotated_files_are_known_by_their_names() {
        let is_rotated = |other: &str| is_rotated(other.as_bytes(), b"a.ndjson");
        for rotated in [
            "a.ndjson.1",
            "a.ndjson-20240501",
            "a-20240501.ndjson",
            "a.2024-05-01T10:00.ndjson",
            "a_3.ndjson",
        ] {
            assert!(is_rotated(rotated), "{rotated}");
        }
        for other in
            ["a.ndjson", "a-eu.ndjson", "a-.ndjson", "ab.ndjson", "a-2024.csv", "b.ndjson.1", "a1.ndjson"]
        {
            assert!(!is_rotated(other), "{other}");
        }
    }
}
