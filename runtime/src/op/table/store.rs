//! The rows of a table, which its operator writes and all joins with the table read (McSherry, Lattuada,
//! Schwarzkopf, Roscoe: Shared arrangements, VLDB 2020).

use super::versions::{Shape, Versions};
use crate::message::EventTime;
use crate::op::match_pattern::together::Held;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use millstream_ir::flow::NodeId;
use millstream_ir::types::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

/// One thread runs the graph, so that nobody waits for it.
pub type SharedStore = Arc<Mutex<Store>>;

/// The stores of a graph's tables, by their nodes; and what holds the runs of patterns, by theirs.
#[derive(Default)]
pub struct Stores {
    tables: BTreeMap<NodeId, SharedStore>,
    patterns: BTreeMap<NodeId, Held>,
}

pub struct Store {
    shape: Shape,
    pub standing: Versions,
    /// The rows of a load that has not ended.
    loading: Option<Versions>,
    is_loaded: bool,
    /// Whether there is one load.
    is_final: bool,
    /// Of each reader the least time that it can ask for.
    readers: Vec<EventTime>,
}

impl Stores {
    pub fn add(&mut self, table: NodeId, store: SharedStore) {
        self.tables.insert(table, store);
    }

    /// What patterns are held together.
    pub fn hold(&mut self, patterns: Vec<(NodeId, Held)>) {
        self.patterns.extend(patterns);
    }

    /// None: the node is no pattern that is held with others.
    pub fn held(&mut self, pattern: NodeId) -> Option<Held> {
        self.patterns.remove(&pattern)
    }

    /// None: the node is no table.
    pub fn of(&self, table: NodeId) -> Option<SharedStore> {
        self.tables.get(&table).cloned()
    }
}

impl Store {
    /// `types` are those of all columns; `key` are those by which a row takes the place of another.
    pub fn new(types: Vec<Type>, key: Vec<usize>, seed: u64) -> Store {
        // By its key a snapshot finds a row again.
        let is_read = (0..types.len()).map(|column| key.contains(&column)).collect();
        let is_looked_at = vec![false; types.len()];
        let shape = Shape { types, key, is_read, is_looked_at, indices: vec![], seed };
        Store {
            standing: Versions::new(shape.clone()),
            shape,
            loading: None,
            is_loaded: false,
            is_final: false,
            readers: vec![],
        }
    }

    /// Adds a reader of these columns; before the first row.
    pub fn add_reader(&mut self, columns: &BTreeSet<usize>) -> usize {
        for column in columns {
            if let Some(is_read) = self.shape.is_read.get_mut(*column) {
                *is_read = true;
            }
        }
        self.standing = Versions::new(self.shape.clone());
        self.readers.push(EventTime::MIN);
        self.readers.len() - 1
    }

    /// Some columns are [looked at](Versions::looked_at); before the first row.
    pub fn will_look_at(&mut self, columns: impl Iterator<Item = usize>) {
        for column in columns {
            if let Some(is_looked_at) = self.shape.is_looked_at.get_mut(column) {
                *is_looked_at = true;
            }
        }
        self.standing = Versions::new(self.shape.clone());
    }

    /// The number of the index by these columns; before the first row.
    pub fn index_by(&mut self, columns: &[usize]) -> usize {
        if let Some(known) = self.shape.indices.iter().position(|index| index == columns) {
            return known;
        }
        self.shape.indices.push(columns.into());
        self.standing = Versions::new(self.shape.clone());
        self.shape.indices.len() - 1
    }

    pub fn types(&self) -> &[Type] {
        &self.shape.types
    }

    pub fn key(&self) -> &[usize] {
        &self.shape.key
    }

    pub fn is_loaded(&self) -> bool {
        self.is_loaded
    }

    /// There is one load.
    pub fn will_not_change(&mut self) {
        self.is_final = true;
    }

    /// Whether the rows that were loaded stay as they are.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// The rows of the load that is going on, which nobody sees yet.
    pub fn loading(&mut self) -> &mut Versions {
        self.loading.get_or_insert_with(|| Versions::new(self.shape.clone()))
    }

    pub fn loading_so_far(&self) -> Option<&Versions> {
        self.loading.as_ref()
    }

    /// All rows have come: those of a load take the place of all others.
    pub fn end_load(&mut self) {
        self.is_loaded = true;
        if let Some(loaded) = self.loading.take() {
            self.standing = loaded;
        }
    }

    /// A reader will not ask for an earlier time.
    pub fn will_not_ask_before(&mut self, reader: usize, least: EventTime) {
        if let Some(known) = self.readers.get_mut(reader) {
            *known = least.max(*known);
        }
        if let Some(least) = self.readers.iter().min() {
            self.standing.forget(*least);
        }
    }

    /// Nobody looks rows up.
    pub fn is_unread(&self) -> bool {
        self.readers.is_empty()
    }

    /// Writes what need not be in memory to files.
    pub fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        self.standing.spill(spill)?;
        self.loading.as_mut().map_or(Ok(()), |loading| loading.spill(spill))
    }

    pub fn bytes(&self) -> usize {
        self.standing.bytes() + self.loading.as_ref().map_or(0, Versions::bytes)
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.bool(self.is_loaded);
        self.standing.snapshot(writer);
        writer.sequence(self.loading.iter(), |writer, loading| loading.snapshot(writer));
    }

    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.is_loaded = reader.bool()?;
        self.standing = Versions::restore(self.shape.clone(), reader)?;
        let loading = reader.sequence(|reader| Versions::restore(self.shape.clone(), reader))?;
        self.loading = loading.into_iter().next();
        Ok(())
    }
}
