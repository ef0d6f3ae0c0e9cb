//! Large states are kept in pieces, each under a name that tells what is in it: what has not changed since the
//! checkpoint before is there already, and is not written again.

use super::store::Store;
use super::{Identity, OperatorState};
use crate::contents::Count;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io;

/// Bytes of a piece, but for the last of a state. In tests a few bytes are a large state.
const PIECE: usize = if cfg!(test) { 256 } else { 4 << 20 };

/// A state of up to so many bytes stands in the checkpoint itself.
const SMALL: usize = PIECE / 16;

const PREFIX: &str = "piece-";

/// Whether a name is that of a piece, and not of a checkpoint.
pub fn is_piece(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// A state that comes in parts.
pub struct Building {
    identity: Identity,
    /// What is not in a piece yet.
    rest: Vec<u8>,
    bytes: u64,
    checksum: crc32fast::Hasher,
    pieces: Vec<String>,
    /// How much that is, where its operator says so.
    pub amount: Option<Count>,
}

/// Where pieces are put, and which are there.
pub struct Pieces<'a> {
    pub store: &'a dyn Store,
    pub known: &'a BTreeSet<String>,
}

impl Building {
    pub fn new(identity: Identity) -> Building {
        let checksum = crc32fast::Hasher::new();
        Building { identity, rest: vec![], bytes: 0, checksum, pieces: vec![], amount: None }
    }

    pub fn add(&mut self, part: &[u8], to: &Pieces) -> io::Result<()> {
        self.bytes += part.len() as u64;
        self.checksum.update(part);
        self.rest.extend_from_slice(part);
        while self.rest.len() >= PIECE {
            let behind = self.rest.split_off(PIECE);
            let piece = std::mem::replace(&mut self.rest, behind);
            self.pieces.push(to.put(&piece)?);
        }
        Ok(())
    }

    /// The state, and those bytes of it that are to stand in the checkpoint.
    pub fn finish(mut self, to: &Pieces) -> io::Result<(OperatorState, Vec<u8>)> {
        let is_small = self.pieces.is_empty() && self.rest.len() <= SMALL;
        if !is_small && !self.rest.is_empty() {
            self.pieces.push(to.put(&std::mem::take(&mut self.rest))?);
        }
        let Building { identity, bytes, checksum, pieces, amount, rest } = self;
        Ok((OperatorState { identity, bytes, checksum: checksum.finalize(), pieces, amount }, rest))
    }
}

impl Pieces<'_> {
    /// Sees to it that a piece is there; its name.
    fn put(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = Sha256::digest(bytes);
        // Half of it: nobody meets two pieces of one name by chance.
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("{PREFIX}{name}");
        if !self.known.contains(&name) {
            self.store.put(&name, &[bytes])?;
        }
        Ok(name)
    }
}
