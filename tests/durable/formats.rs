//! Checkpoints that earlier builds have written: of each version of the format one, of a program with every kind of
//! operator, made in the middle of its inputs. What was written before and what a run writes that goes on from there
//! is together what a run over the whole inputs writes.

use super::support::Folder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

#[test]
fn checkpoints_of_every_version_are_gone_on_from() {
    let folders = folders();
    assert!(folders.len() >= 3, "{folders:?}");
    for from in folders {
        let folder = Folder::new();
        copy(&from, folder.path());
        let whole = folder.run("run -q p.stream").code(0).stdout;
        folder.run("state state").code(0);
        let after = folder.run("run -q p.stream --state state").code(0).stdout;
        let all = before(&from) + &after;
        let (expected, found) = (net(&whole), net(&all));
        let differs = expected.iter().find(|(row, n)| found.get(*row) != Some(n));
        assert_eq!(differs, None, "{}", from.display());
        assert_eq!(expected.len(), found.len(), "{}", from.display());
        assert!(after.lines().count() > 1000);
    }
}

#[test]
fn the_version_that_is_written_now_is_among_them() {
    let folder = Folder::new();
    folder.write(
        "p.stream",
        "source a: { id: int } from file(\"a.ndjson\") format json\nsink out from a to stdout format json\n",
    );
    folder.write("a.ndjson", "{\"id\":1}\n");
    folder.run("run p.stream --state state").code(0);
    let written = version(folder.path());
    assert!(folders().iter().any(|from| version(from) == written), "no checkpoint of {written}");
}

fn folders() -> Vec<PathBuf> {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/checkpoints");
    let entries = std::fs::read_dir(all).expect("the folder is there").flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

/// What the first line of a checkpoint says.
fn version(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder.join("state")).expect("the folder is there").flatten();
    let is_checkpoint = |path: &PathBuf| path.to_string_lossy().contains("checkpoint-");
    let checkpoint = entries.map(|entry| entry.path()).find(is_checkpoint);
    let bytes = std::fs::read(checkpoint.expect("there is one")).expect("it can be read");
    let words: Vec<String> = String::from_utf8_lossy(&bytes).split(' ').take(3).map(String::from).collect();
    words.join(" ")
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder is there").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&to).expect("a folder can be made");
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("it can be copied");
        }
    }
}

fn before(folder: &Path) -> String {
    let packed = std::fs::File::open(folder.join("before.ndjson.gz")).expect("it is there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("it is whole");
    text
}

/// How often each row is there, less how often it is withdrawn: the changes on the way depend on which of two files is
/// ahead.
fn net(lines: &str) -> BTreeMap<&str, i64> {
    let mut rows = BTreeMap::new();
    for line in lines.lines() {
        let change = |sign| line.strip_prefix(sign);
        let (row, n) = match (change("{\"change\":\"+\",\"row\":"), change("{\"change\":\"-\",\"row\":")) {
            (Some(row), _) => (row, 1),
            (_, Some(row)) => (row, -1),
            _ => (line, 1),
        };
        *rows.entry(row).or_default() += n;
    }
    rows.retain(|_, n| *n != 0);
    rows
}
