//! Aggregates of each group of all rows so far, as changes: each row that alters a result withdraws the
//! row of its group and adds the new one.
//!
//! A change has the time of the row that caused it, and is late if that is. A group without rows has no
//! row. A result that does not fit fails its row; the group goes on.

use crate::accumulate::arena::{Arena, Slot};
use crate::accumulate::side::Row;
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::{late_of, plain};
use crate::op::expiry::Expiry;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_base::Span;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::{Node, RunningAggregate, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub struct RunningAggregateOperator {
    spec: RunningAggregate,
    key_names: Vec<Arc<str>>,
    key_types: Vec<Type>,
    result_types: Vec<Type>,
    place: Span,
    /// The input column of the event time.
    time: usize,
    groups: HashMap<Vec<Value>, Group>,
    arena: Arena,
    expiry: Expiry<Vec<Value>>,
}

struct Group {
    slot: Slot,
    /// The greatest event time.
    last: EventTime,
}

/// Results of groups before and after rows, in the order of the changes.
struct Recorded {
    sign: i64,
    /// The row of the batch that changed the group.
    cause: u32,
}

impl RunningAggregateOperator {
    pub fn new(node: &Node, spec: &RunningAggregate, input: &Schema) -> RunningAggregateOperator {
        let keys = spec.keys.len();
        RunningAggregateOperator {
            key_names: node.schema.columns.iter().take(keys).map(|c| c.name.clone()).collect(),
            key_types: spec.keys.iter().map(|key| input.columns[*key].ty.clone()).collect(),
            result_types: spec.aggregates.iter().map(|call| call.result.clone()).collect(),
            place: node.span,
            time: input.time,
            groups: HashMap::new(),
            arena: Arena::new(&spec.aggregates),
            expiry: Expiry::new(spec.keep),
            spec: spec.clone(),
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let signs = self.spec.sign.map(|sign| &batch.columns[sign].data);
        let mut results = self.arena.results();
        let mut recorded = vec![];
        for number in 0..batch.n_rows {
            let now = batch.late(number).map_or(times[number], |late| late.watermark);
            let slot = self.group(self.key(batch, number), times[number], now);
            let cause = number as u32;
            if self.arena.n_rows(slot) > 0 {
                self.arena.record(slot, &mut results);
                recorded.push(Recorded { sign: -1, cause });
            }
            let row = Row { batch, times, number };
            match signs {
                Some(ColumnData::I64(signs)) if signs[number] < 0 => self.arena.remove(slot, row),
                _ => self.arena.add(slot, row),
            }
            if self.arena.n_rows(slot) > 0 {
                self.arena.record(slot, &mut results);
                recorded.push(Recorded { sign: 1, cause });
            } else if let Some(group) = self.groups.remove(&self.key(batch, number)) {
                self.arena.free(group.slot);
            }
            // A row that is withdrawn and the one in its place stay together.
            if recorded.len() >= BATCH_ROWS {
                let full = std::mem::replace(&mut results, self.arena.results());
                self.give(batch, times, full, std::mem::take(&mut recorded), output);
            }
        }
        self.give(batch, times, results, recorded, output);
    }

    fn key(&self, batch: &Batch, row: usize) -> Vec<Value> {
        let keys = self.spec.keys.iter().zip(&self.key_types);
        keys.map(|(column, ty)| batch.columns[*column].value(row, ty)).collect()
    }

    /// The slot of a key's group, for an event at `time`.
    fn group(&mut self, key: Vec<Value>, time: EventTime, now: EventTime) -> Slot {
        let group = match self.groups.entry(key) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                if self.expiry.is_over(known.last, now) {
                    self.arena.clear(known.slot);
                    known.last = time;
                }
                known
            }
            Entry::Vacant(new) => {
                self.expiry.watch(new.key().clone(), time);
                new.insert(Group { slot: self.arena.make(), last: time })
            }
        };
        group.last = group.last.max(time);
        group.slot
    }

    /// Puts the changes into the output, but for those that change nothing.
    fn give(
        &mut self,
        batch: &Batch,
        times: &[EventTime],
        results: crate::accumulate::arena::Results,
        recorded: Vec<Recorded>,
        output: &mut Output,
    ) {
        let mut misfits = vec![];
        let columns = self.arena.columns(results, &mut misfits);
        let mut reasons = BTreeMap::new();
        for misfit in misfits {
            reasons.entry(misfit.group).or_insert(misfit.reason);
        }
        let mut kept: Vec<u32> = vec![];
        let mut next = 0;
        while next < recorded.len() {
            let is_pair = recorded.get(next + 1).is_some_and(|after| {
                recorded[next].sign < 0 && after.sign > 0 && after.cause == recorded[next].cause
            });
            let change = next..next + 1 + is_pair as usize;
            next = change.end;
            if is_pair && self.is_same(&columns, change.start) {
                continue;
            }
            kept.extend(change.map(|row| row as u32).filter(|row| !reasons.contains_key(&(*row as usize))));
        }
        for (row, reason) in reasons {
            let cause = recorded[row].cause as usize;
            if recorded[row].sign > 0 {
                output.failures.push(self.failure(batch, cause, times[cause], reason));
            }
        }
        if kept.is_empty() {
            return;
        }
        let causes: Vec<u32> = kept.iter().map(|row| recorded[*row as usize].cause).collect();
        let keys = self.spec.keys.iter().map(|key| Arc::new(batch.columns[*key].gather(&causes)));
        let results = columns.iter().map(|column| Arc::new(column.gather(&kept)));
        let time = plain(causes.iter().map(|cause| times[*cause as usize]));
        let sign = plain(kept.iter().map(|row| recorded[*row as usize].sign));
        output.messages.push(Message::Batch(Batch {
            columns: keys.chain(results).chain([time, sign]).collect(),
            n_rows: kept.len(),
            origin: batch.origin.gather(&causes),
            late: late_of(&batch.late, &causes),
        }));
    }

    /// Whether the results in a row are those in the next.
    fn is_same(&self, columns: &[Column], row: usize) -> bool {
        let same = |(column, ty): (&Column, &Type)| match &column.data {
            ColumnData::I64(values) if column.validity.is_none() => values[row] == values[row + 1],
            _ => column.value(row, ty) == column.value(row + 1, ty),
        };
        columns.iter().zip(&self.result_types).all(same)
    }

    fn failure(&self, batch: &Batch, row: usize, at: EventTime, reason: String) -> Failure {
        let values = self.key(batch, row);
        let names = self.key_names.iter().map(|name| &**name);
        let key = names.zip(&values).zip(&self.key_types).map(|((name, value), ty)| (name, value, ty));
        Failure { row: json_row(key), reason, place: Place::Program(self.place), at, time: at }
    }

    fn forget(&mut self, watermark: Watermark) {
        let (groups, mut over) = (&self.groups, vec![]);
        self.expiry.advance(
            watermark,
            |key| groups.get(key).map(|group| group.last),
            |key| over.push(key.clone()),
        );
        for key in over {
            if let Some(group) = self.groups.remove(&key) {
                self.arena.free(group.slot);
            }
        }
    }
}

impl Operator for RunningAggregateOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.forget(watermark);
                output.messages.push(message);
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.groups.iter(), |writer, (key, group)| {
            key.iter().for_each(|value| writer.value(value));
            writer.i64(group.last);
            self.arena.write(group.slot, writer);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let n_groups = reader.len()?;
        for _ in 0..n_groups {
            let key: Vec<Value> = self.key_types.iter().map(|_| reader.value()).collect::<Result<_, _>>()?;
            let last = reader.i64()?;
            let slot = self.arena.restore(reader)?;
            self.expiry.watch(key.clone(), last);
            self.groups.insert(key, Group { slot, last });
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.arena.bytes() + self.groups.capacity() * (size_of::<Group>() + 32 * self.key_types.len())
    }
}
