//! Runs a property in an ordinary test: on a corpus, and on a bounded number of mutants of it.
//!
//! `MILLSTREAM_CASES=full` runs ten times as many mutants; `MILLSTREAM_SEED` chooses others.

#![allow(dead_code, reason = "each test uses a part of it")]

use super::draw::Draw;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

/// Runs `property` on each seed and on `n_mutants` mutants of them, which `words` are put into.
pub fn run(seeds: &[Vec<u8>], words: &[Vec<u8>], n_mutants: usize, property: fn(&[u8])) {
    assert!(!seeds.is_empty(), "there is a corpus");
    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("MILLSTREAM_SEED={seed}");
    let full = std::env::var("MILLSTREAM_CASES").is_ok_and(|cases| cases == "full");
    let n_mutants = if full { n_mutants * 10 } else { n_mutants };
    let mut draw = Draw::new(seed);
    let mutants = (0..n_mutants).map(|_| mutant(seeds, words, &mut draw));
    for input in seeds.iter().cloned().chain(mutants) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| property(&input))) {
            println!("it does not hold of \"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    }
}

/// The files with this extension in folders of the repository, in order.
pub fn files(folders: &[&str], extension: &str) -> Vec<Vec<u8>> {
    let mut files = vec![];
    for folder in folders {
        let folder = root().join(folder);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == extension));
        paths.sort();
        files.extend(paths.into_iter().map(|path| std::fs::read(path).expect("a file of the corpus")));
    }
    files
}

/// The programs in ` ```stream ` blocks of pages in folders of the repository, in order.
pub fn blocks(folders: &[&str]) -> Vec<Vec<u8>> {
    let mut blocks = vec![];
    for page in files(folders, "md") {
        let page = String::from_utf8_lossy(&page);
        let code = page.split("\n```").skip(1).step_by(2);
        blocks.extend(code.filter_map(|block| Some(block.strip_prefix("stream\n")?.as_bytes().to_vec())));
    }
    blocks
}

/// The words of a dictionary of libFuzzer: a word in quotes on each line.
pub fn words(dictionary: &str) -> Vec<Vec<u8>> {
    let folder = root().join("tests/fuzz/dictionaries").join(dictionary);
    let text = std::fs::read_to_string(folder).expect("a dictionary");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| unquoted(line).unwrap_or_else(|| panic!("{line} is no word"))).collect()
}

/// `"a\"\\\x00"` as bytes.
fn unquoted(line: &str) -> Option<Vec<u8>> {
    let mut rest = line.strip_prefix('"')?.strip_suffix('"')?.bytes();
    let mut word = vec![];
    while let Some(byte) = rest.next() {
        word.push(match byte {
            b'\\' => match rest.next()? {
                b'x' => {
                    let digits = [rest.next()?, rest.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                escaped => escaped,
            },
            byte => byte,
        });
    }
    Some(word)
}

fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|folder| folder.join("tests/fuzz").is_dir());
    root.expect("the repository").to_path_buf()
}

fn mutant(seeds: &[Vec<u8>], words: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut input = seeds[draw.below(seeds.len())].clone();
    for _ in 0..1 + draw.below(4) {
        mutate(&mut input, seeds, words, draw);
    }
    input
}

/// Changes one place: most changes leave much of what makes the input an input.
fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>], draw: &mut Draw) {
    let at = draw.below(input.len() + 1);
    let longest = if draw.below(4) == 0 { input.len() } else { 20 };
    let end = at + draw.below(longest.min(input.len() - at) + 1);
    match draw.below(8) {
        0 => drop(input.drain(at..end)),
        1 => input.truncate(at),
        2 => {
            let again = input[at..end].repeat(1 + draw.below(3));
            input.splice(end..end, again);
        }
        3 => {
            let other = &seeds[draw.below(seeds.len())];
            let from = draw.below(other.len() + 1);
            let to = (from + draw.below(60)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        4 if at < input.len() => input[at] = draw.number() as u8,
        5 if at < input.len() => input[at] ^= 1 << draw.below(8),
        _ => {
            let word = words.get(draw.below(words.len())).map_or(&b" "[..], |word| word);
            let end = if draw.below(2) == 0 { at } else { end };
            input.splice(at..end, word.iter().copied());
        }
    }
}
