//! Rows of one node for many readers, each of which looks at few of them.

use crate::value::Value;
use std::collections::BTreeMap;

/// Hands each reader the rows that may matter to it: those in which one of the columns that are looked at has one of the
/// values that the reader looks for, and all late ones, which readers count. Output columns: as many of the input as
/// the node's schema has.
///
/// An event is matched with the readers that it concerns, not each reader with all events (as in
/// publish/subscribe systems: Fabret et al., "Filtering algorithms and implementation for very fast
/// publish/subscribe systems", SIGMOD 2001).
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub lookups: Vec<Lookup>,
    /// Readers are counted in the order of the nodes.
    pub n_readers: usize,
}

/// A column of the input, and who looks for each value in it, readers ascending.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub column: usize,
    pub seekers: BTreeMap<Value, Vec<Seeker>>,
}

/// A reader that looks for a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeker {
    pub reader: u32,
    /// For these of its tests, as bits: a row passes one only if it has a value that is looked for for that test. A filter
    /// is one test; a pattern counts its own as [`MatchSpec::tests`](crate::pattern::MatchSpec::tests) does.
    pub tests: u64,
}
