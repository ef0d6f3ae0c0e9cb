//! The bytes of a checkpoint: a line that says how long its manifest is and what its checksum, the manifest as
//! JSON, and the states of its operators, whose lengths and checksums the manifest tells, but for those of which it
//! names [pieces](super::pieces).
//!
//! So the head of the file can be read by people, and every byte of it stands under a checksum.
//!
//! In version 1 of the format no state was in pieces.

use super::{Checkpoint, Manifest};
use std::fmt;
use std::io;

/// What the first line begins with.
const MAGIC: &str = "millstream checkpoint";

/// The version of the format, which stands behind that.
const VERSION: u32 = 2;

/// Why bytes are no checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Damage {
    /// They do not begin like one.
    NotOne,
    /// This version is not known: a later Millstream wrote it.
    Version(u32),
    /// There are fewer than there should be.
    CutOff,
    /// There are more than there should be.
    TooLong,
    /// Other bytes than were written: of the manifest, or of an operator.
    Changed(String),
    /// They could not be read.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Damage::NotOne => f.write_str("it does not begin like a checkpoint"),
            Damage::Version(version) => {
                write!(f, "it is of version {version} of the format, and this build knows up to {VERSION}")
            }
            Damage::CutOff => f.write_str("it is cut off"),
            Damage::TooLong => f.write_str("something stands behind its end"),
            Damage::Changed(of) => write!(f, "the checksum of {of} is not that of its bytes"),
            Damage::Unreadable(why) => write!(f, "it cannot be read: {why}"),
        }
    }
}

/// The bytes in front of the states.
pub fn head(manifest: &Manifest) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_string(manifest)?;
    let checksum = crc32fast::hash(text.as_bytes());
    Ok(format!("{MAGIC}{}\n{text}\n", first_line(VERSION, text.len() as u64, checksum)).into_bytes())
}

/// What stands in the first line behind what it begins with.
fn first_line(version: u32, length: u64, checksum: u32) -> String {
    format!(" {version} {length} {checksum:08x}")
}

/// A checkpoint whose pieces `piece` finds.
pub fn decode(bytes: &[u8], piece: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Result<Checkpoint, Damage> {
    let (manifest, mut rest) = manifest(bytes)?;
    let mut states = vec![];
    for operator in &manifest.operators {
        let state = if operator.pieces.is_empty() {
            let (state, behind) = split(rest, operator.bytes)?;
            rest = behind;
            state.to_vec()
        } else {
            let unreadable = |name: &str, error| Damage::Unreadable(format!("{name}: {error}"));
            let read = |name: &String| piece(name).map_err(|error| unreadable(name, error));
            operator.pieces.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat()
        };
        if state.len() as u64 != operator.bytes || crc32fast::hash(&state) != operator.checksum {
            return Err(Damage::Changed(operator.identity.to_string()));
        }
        states.push(state);
    }
    if rest.is_empty() { Ok(Checkpoint { manifest, states }) } else { Err(Damage::TooLong) }
}

pub fn manifest(bytes: &[u8]) -> Result<(Manifest, &[u8]), Damage> {
    let Some(rest) = bytes.strip_prefix(MAGIC.as_bytes()) else {
        return Err(if MAGIC.as_bytes().starts_with(bytes) { Damage::CutOff } else { Damage::NotOne });
    };
    let line_end = memchr::memchr(b'\n', rest).ok_or(Damage::CutOff)?;
    let line = std::str::from_utf8(&rest[..line_end]).map_err(|_| Damage::NotOne)?;
    let mut words = line.split_ascii_whitespace();
    let version: u32 = words.next().and_then(|word| word.parse().ok()).ok_or(Damage::NotOne)?;
    if version == 0 || version > VERSION {
        return Err(Damage::Version(version));
    }
    let length = words.next().and_then(|word| word.parse().ok()).ok_or(Damage::NotOne)?;
    let checksum = words.next().and_then(|word| u32::from_str_radix(word, 16).ok()).ok_or(Damage::NotOne)?;
    if line != first_line(version, length, checksum) {
        return Err(Damage::NotOne);
    }
    let (text, rest) = split(&rest[line_end + 1..], length)?;
    let changed = || Damage::Changed("its head".into());
    if crc32fast::hash(text) != checksum {
        return Err(changed());
    }
    let manifest = serde_json::from_slice(text).map_err(|_| changed())?;
    match rest.split_first() {
        None => Err(Damage::CutOff),
        Some((b'\n', rest)) => Ok((manifest, rest)),
        Some(_) => Err(changed()),
    }
}

fn split(bytes: &[u8], at: u64) -> Result<(&[u8], &[u8]), Damage> {
    usize::try_from(at).ok().and_then(|at| bytes.split_at_checked(at)).ok_or(Damage::CutOff)
}

#[cfg(test)]
mod tests {
    use super::super::{Identity, OperatorState};
    use super::*;

    fn bytes() -> (Checkpoint, Vec<u8>) {
        let states = vec![b"some state".to_vec(), vec![], vec![7; 1000]];
        let operator = |(number, state): (usize, &Vec<u8>)| OperatorState {
            identity: Identity {
                item: "spend".into(),
                shared_with: vec![],
                kind: format!("top {number}"),
                shape: "[]".into(),
            },
            bytes: state.len() as u64,
            checksum: crc32fast::hash(state),
            pieces: vec![],
            amount: None,
        };
        let operators = states.iter().enumerate().map(operator).collect();
        let manifest = Manifest { number: 3, time: -5, operators, ..Manifest::default() };
        let bytes = [head(&manifest).unwrap(), states.concat()].concat();
        (Checkpoint { manifest, states }, bytes)
    }

    fn decode(bytes: &[u8]) -> Result<Checkpoint, Damage> {
        super::decode(bytes, &|_| Err(io::ErrorKind::NotFound.into()))
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_went() {
        let (checkpoint, bytes) = bytes();
        assert_eq!(decode(&bytes), Ok(checkpoint));
    }

    #[test]
    fn one_that_is_cut_off_anywhere_is_none() {
        let (_, bytes) = bytes();
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(Damage::CutOff), "{end}");
        }
        assert_eq!(decode(&[&bytes[..], b"x"].concat()), Err(Damage::TooLong));
    }

    #[test]
    fn one_of_which_any_bit_is_flipped_is_none() {
        let (_, bytes) = bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit} is not missed");
        }
    }

    #[test]
    fn one_of_a_later_version_is_told_apart() {
        let (_, bytes) = bytes();
        let text = String::from_utf8_lossy(&bytes).replacen("checkpoint 2 ", "checkpoint 3 ", 1);
        assert_eq!(decode(text.as_bytes()), Err(Damage::Version(3)));
    }
}
