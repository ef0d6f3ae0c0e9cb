//! Checkpoints: all that a later run needs to go on where this one was.
//!
//! A checkpoint is of one moment at which nothing is under way in the graph: every operator has seen the same rows of
//! each partition, and every sink has written what follows from them. What it says of sources and outputs is a
//! [`Manifest`], which people can read; the states of operators are [snapshots](crate::snapshot).

pub mod carried;
mod compare;
mod encode;
pub mod folder;
mod identity;
mod keeping;
mod pieces;
pub mod store;
mod takers;

use crate::connector::file::Mark;
use crate::contents::Count;
use crate::message::EventTime;
use crate::reader::Reached;
use crate::source::Standing;
pub use compare::{Comparison, Fate, Migration};
pub use encode::{Damage, decode};
pub use identity::{Identity, identities};
pub use keeping::{Draft, Found, Keeping, Published, all, has_whole_rows, newest};
pub use pieces::is_piece;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoint {
    pub manifest: Manifest,
    /// Those of the manifest's operators, in its order.
    pub states: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Later ones have greater numbers.
    pub number: u64,
    /// When it was made, in microseconds since 1970 UTC.
    pub time: i64,
    /// All inputs had ended, and all results are written.
    pub ended: bool,
    pub sources: Vec<SourceProgress>,
    pub outputs: Vec<OutputProgress>,
    pub operators: Vec<OperatorState>,
    /// Operators keep rows with the columns that their own readers read. In runs that began with builds before this was
    /// said they keep those that anybody reads of their input.
    #[serde(default)]
    pub own_columns: bool,
}

/// How far a source has been read.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SourceProgress {
    pub name: String,
    pub watermark: EventTime,
    /// Of a table that is loaded: whether it has been, and the watermark that was given last.
    pub loaded: Option<EventTime>,
    pub partitions: Vec<PartitionProgress>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PartitionProgress {
    pub name: String,
    pub reached: Reached,
    pub watermark: EventTime,
    pub standing: Standing,
    /// Of a file.
    pub mark: Option<Mark>,
}

/// How far an output has been written.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutputProgress {
    pub name: String,
    pub role: Role,
    /// The file, and how long it is, where a later run can cut it off there.
    pub file: Option<(String, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Sink,
    /// Takes the failed rows of a source or a stream.
    Sideline,
}

/// Whose a state is, and how much.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OperatorState {
    pub identity: Identity,
    pub bytes: u64,
    pub checksum: u32,
    /// The names under which it is kept, in its order; none where it stands in the checkpoint itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<String>,
    /// How much its operator holds, as far as that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Count>,
}

impl Manifest {
    pub fn source(&self, name: &str) -> Option<&SourceProgress> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Bytes of all states.
    pub fn size(&self) -> u64 {
        self.operators.iter().map(|operator| operator.bytes).sum()
    }

    /// The names of the pieces of all states.
    pub fn pieces(&self) -> impl Iterator<Item = &String> {
        self.operators.iter().flat_map(|operator| &operator.pieces)
    }

    pub fn output(&self, name: &str, role: Role) -> Option<&OutputProgress> {
        self.outputs.iter().find(|output| output.name == name && output.role == role)
    }
}
