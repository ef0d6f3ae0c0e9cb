//! Tables: keep their rows for the joins that look them up. Of rows only watermarks go on.
//!
//! Rows of a versioned table stand from their own times on. Those of a table that is read as it stands come
//! in loads, each from a batch to the next watermark, which take each other's place as a whole; or, if the table
//! follows its input, as changes, the first of which come before the first watermark.

mod columns;
mod index;
mod left;
pub mod store;
mod versions;

use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message, Watermark};
use crate::op::multiples::rising;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::workers::unpoisoned;
pub use columns::{KeptColumn, NO_ROW};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, Reading, Table};
use std::io;
use std::sync::{Arc, Mutex};
use store::{SharedStore, Store};
pub use versions::{Asked, are_equal};

pub struct TableOperator {
    spec: Table,
    /// The column of the event time.
    time: usize,
    /// Whether rows come as changes, each of which counts at once.
    follows: bool,
    /// Of rows that replace each other, the greatest time so far.
    latest: EventTime,
    store: SharedStore,
}

impl TableOperator {
    /// `is_loaded`: whether the rows come in loads.
    pub fn new(node: &Node, spec: &Table, is_loaded: bool, seed: u64) -> TableOperator {
        let store = Store::new(node.schema.types(), spec.key.clone(), seed);
        TableOperator {
            spec: spec.clone(),
            time: node.schema.time,
            follows: !is_loaded,
            latest: EventTime::MIN,
            store: Arc::new(Mutex::new(store)),
        }
    }

    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    fn take(&mut self, batch: &Batch, output: &mut Output) {
        let change = self.spec.change;
        let mut store = unpoisoned(&self.store);
        if store.is_unread() {
            return;
        }
        match self.spec.reading {
            Reading::AsOf => {
                let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
                match self.spec.takes_changes {
                    true => {
                        let rising = rising(batch, times, &mut self.latest);
                        store.standing.put(batch, change, Some(&rising))
                    }
                    false => store.standing.put(batch, change, Some(times)),
                };
            }
            Reading::AsItStands if self.follows => {
                store.standing.put(batch, change, None);
            }
            Reading::AsItStands => {
                let n_replaced = store.loading().put(batch, change, None);
                // A log of changes is expected to have several of a key.
                if change.is_none() {
                    output.n_replaced += n_replaced;
                }
            }
        }
    }
}

impl Operator for TableOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take(&batch, output),
            Message::Watermark(watermark) => {
                if self.spec.reading == Reading::AsItStands && watermark > Watermark::START {
                    unpoisoned(&self.store).end_load();
                }
                output.messages.push(Message::Watermark(watermark));
            }
        }
    }

    fn reads_changes(&mut self) {
        self.follows = true;
    }

    fn reads_one_load(&mut self) {
        unpoisoned(&self.store).will_not_change();
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let store = unpoisoned(&self.store);
        let mut held = vec![store.standing.contents("rows", &around.node.schema, self.spec.reading)];
        let loading = store.loading_so_far();
        held.extend(
            loading
                .map(|l| l.contents("rows of a load that goes on", &around.node.schema, self.spec.reading)),
        );
        Some(held)
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(unpoisoned(&self.store).standing.n_live(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.latest);
        unpoisoned(&self.store).snapshot(writer);
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.latest = reader.i64()?;
        unpoisoned(&self.store).restore(reader)
    }

    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        unpoisoned(&self.store).spill(spill)
    }

    fn state_bytes(&self) -> usize {
        unpoisoned(&self.store).bytes()
    }
}

/// The source that a table has its rows of, if no other operator makes rows of its own before that.
pub fn source_of(flow: &Flow, table: NodeId) -> Option<NodeId> {
    let mut id = table;
    loop {
        let node = flow.node(id);
        match &node.kind {
            NodeKind::Source(_) => return Some(id),
            NodeKind::Segment(_) | NodeKind::Dispatch(_) | NodeKind::Order | NodeKind::Breaker(_) => {
                id = *node.inputs.first()?
            }
            _ => return None,
        }
    }
}

/// Whether its rows come in loads.
pub fn comes_in_loads(flow: &Flow, table: NodeId) -> bool {
    let source = source_of(flow, table).map(|source| &flow.node(source).kind);
    matches!(source, Some(NodeKind::Source(spec)) if spec.load.is_some())
}
