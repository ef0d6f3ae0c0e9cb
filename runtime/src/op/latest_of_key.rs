//! The row of each key as its source says that it stands, as changes: a row replaces the one before of its
//! key, and a deletion withdraws it. What the source says last counts, in the order in which it says so.
//!
//! A change has the time of the row that caused it, and is late if that is.

use crate::contents::{Around, Contents, Count};
use crate::message::Message;
use crate::op::changes::{late_of, plain};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{LatestOfKey, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

type Row = Vec<Value>;

pub struct LatestOfKeyOperator {
    spec: LatestOfKey,
    types: Vec<Type>,
    /// The column of the event time.
    time: usize,
    rows: HashMap<Vec<Value>, Row>,
}

impl LatestOfKeyOperator {
    pub fn new(spec: &LatestOfKey, input: &Schema) -> LatestOfKeyOperator {
        LatestOfKeyOperator {
            spec: spec.clone(),
            types: input.types(),
            time: input.time,
            rows: HashMap::new(),
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        // Whether it is added or withdrawn, the row, and the row of the batch that caused it.
        let mut changes: Vec<(i64, Row, u32)> = vec![];
        for number in 0..batch.n_rows {
            let cause = number as u32;
            let row: Row = batch.columns.iter().zip(&self.types).map(|(c, ty)| c.value(number, ty)).collect();
            let is_there = self.spec.change.is_none_or(|change| row[change] != Value::Int(-1));
            let key = self.spec.keys.iter().map(|column| row[*column].clone()).collect();
            match self.rows.entry(key) {
                Entry::Vacant(new) if is_there => {
                    new.insert(row.clone());
                    changes.push((1, row, cause));
                }
                Entry::Vacant(_) => {}
                Entry::Occupied(mut known) if is_there => {
                    if *known.get() != row {
                        changes.push((-1, known.insert(row.clone()), cause));
                        changes.push((1, row, cause));
                    }
                }
                Entry::Occupied(known) => changes.push((-1, known.remove(), cause)),
            }
        }
        if changes.is_empty() {
            return;
        }
        let column = |(number, ty): (usize, &Type)| -> ColumnRef {
            let mut column = ColumnBuilder::new(ty);
            changes.iter().for_each(|(_, row, _)| column.push(&row[number]));
            Arc::new(column.finish())
        };
        let mut columns: Vec<ColumnRef> = self.types.iter().enumerate().map(column).collect();
        let causes: Vec<u32> = changes.iter().map(|(_, _, cause)| *cause).collect();
        columns.push(plain(causes.iter().map(|cause| times[*cause as usize])));
        columns.push(plain(changes.iter().map(|(sign, _, _)| *sign)));
        output.messages.push(Message::Batch(Batch {
            columns,
            n_rows: changes.len(),
            origin: batch.origin.gather(&causes),
            late: late_of(&batch.late, &causes),
        }));
    }
}

impl Operator for LatestOfKeyOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(_) => output.messages.push(message),
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let schema = &around.inputs.first()?.schema;
        Some(vec![Contents::rows_of("rows", schema, self.rows.values().cloned())])
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.rows.len(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.rows.values(), |writer, row| row.iter().for_each(|value| writer.value(value)));
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let row: Row = self.types.iter().map(|_| reader.value()).collect::<Result<_, _>>()?;
            let key = self.spec.keys.iter().map(|column| row[*column].clone()).collect();
            self.rows.insert(key, row);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Value>() * (self.types.len() + self.spec.keys.len() + 3)
    }
}
