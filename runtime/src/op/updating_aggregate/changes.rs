//! From results before and after rows to batches of changes.

use super::Key;
use crate::accumulate::arena::{Arena, Results, Slot};
use crate::message::{EventTime, Message};
use crate::op::changes::{late_of, plain};
use crate::op::segment::json_row;
use crate::operator::{Failure, Output, Place};
use millstream_base::Span;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{Node, Schema, UpdatingAggregate};
use millstream_ir::types::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What there is to know of the rows that leave.
pub struct Describe {
    place: Span,
    key_names: Vec<Arc<str>>,
    n_keys: usize,
    /// The input columns that tell groups apart, with their types: keys, then bounds.
    columns: Vec<(usize, Type)>,
    result_types: Vec<Type>,
    /// Whether each row alters a result, because one counts all rows.
    always_alters: bool,
}

impl Describe {
    pub fn new(node: &Node, spec: &UpdatingAggregate, group_columns: &[usize], input: &Schema) -> Describe {
        let n_keys = spec.keys.len();
        let typed = |column: &usize| (*column, input.columns[*column].ty.clone());
        Describe {
            place: node.span,
            key_names: node.schema.columns.iter().take(n_keys).map(|c| c.name.clone()).collect(),
            n_keys,
            columns: group_columns.iter().map(typed).collect(),
            result_types: spec.aggregates.iter().map(|call| call.result.clone()).collect(),
            always_alters: spec.aggregates.iter().any(counts_all),
        }
    }

    fn failure(&self, key: &Key, at: EventTime, reason: String) -> Failure {
        let names = self.key_names.iter().map(|name| &**name);
        let types = self.columns.iter().map(|(_, ty)| ty);
        let key = names.zip(key).zip(types).map(|((name, value), ty)| (name, value, ty));
        Failure { row: json_row(key), reason, place: Place::Program(self.place), at, time: at }
    }

    fn is_same(&self, old: (&[Column], usize), new: (&[Column], usize)) -> bool {
        let columns = old.0.iter().zip(new.0).zip(&self.result_types);
        let same = |((a, b), ty): ((&Column, &Column), &Type)| match (&a.data, &b.data) {
            (ColumnData::I64(x), ColumnData::I64(y)) if a.validity.is_none() && b.validity.is_none() => {
                x[old.1] == y[new.1]
            }
            _ => a.value(old.1, ty) == b.value(new.1, ty),
        };
        columns.into_iter().all(same)
    }
}

fn counts_all(call: &AggregateCall) -> bool {
    call.function == AggregateFunction::Count && call.arguments.is_empty() && call.filter.is_none()
}

/// Results of groups at some moments, in order.
pub struct Changes {
    results: Results,
    /// Of each, whether it is withdrawn or added, and the row of the batch that caused it.
    recorded: Vec<(i64, u32)>,
}

impl Changes {
    pub fn new(arena: &Arena) -> Changes {
        Changes { results: arena.results(), recorded: vec![] }
    }

    pub fn len(&self) -> usize {
        self.recorded.len()
    }

    pub fn are_many(&self) -> bool {
        self.recorded.len() >= BATCH_ROWS
    }

    pub fn record(&mut self, arena: &Arena, slot: Slot, sign: i64, cause: usize) {
        arena.record(slot, &mut self.results);
        self.recorded.push((sign, cause as u32));
    }

    /// Adds rows of a batch, from `first` on, to the groups of slots, and records what each of them changes.
    pub fn record_each(&mut self, arena: &mut Arena, slots: &[Slot], batch: &Batch, first: usize) {
        let Changes { results, recorded } = self;
        recorded.reserve(slots.len() * 2);
        arena.add_each::<true>(slots, batch, first, results, |cause, is_after| {
            recorded.push((if is_after { 1 } else { -1 }, cause as u32));
        });
    }

    /// Puts the changes that rows of a batch caused into the output, but for those that change nothing.
    pub fn give(
        self,
        arena: &Arena,
        describe: &Describe,
        batch: &Batch,
        times: &[EventTime],
        output: &mut Output,
    ) {
        let Changes { results, recorded } = self;
        let (columns, mut misfits) = columns_of(arena, results);
        let mut kept: Vec<u32> = Vec::with_capacity(recorded.len());
        let mut next = 0;
        while let Some((sign, cause)) = recorded.get(next).copied() {
            let is_pair = sign < 0 && recorded.get(next + 1).is_some_and(|after| *after == (1, cause));
            let change = next..next + 1 + is_pair as usize;
            next = change.end;
            if is_pair && describe.is_same((&columns, change.start), (&columns, change.start + 1)) {
                continue;
            }
            for row in change {
                match misfits.remove(&row) {
                    None => kept.push(row as u32),
                    Some(reason) if recorded[row].0 > 0 => {
                        let cause = cause as usize;
                        let value = |(column, ty): &(usize, Type)| batch.columns[*column].value(cause, ty);
                        let key = describe.columns.iter().map(value).collect();
                        output.failures.push(describe.failure(&key, times[cause], reason));
                    }
                    Some(_) => {}
                }
            }
        }
        let are_all = kept.len() == recorded.len();
        let columns = columns.into_iter().map(|c| if are_all { c } else { c.gather(&kept) });
        let causes: Vec<u32> = kept.iter().map(|row| recorded[*row as usize].1).collect();
        let signs = kept.iter().map(|row| recorded[*row as usize].0).collect();
        put(columns.collect(), &causes, signs, describe, batch, times, output);
    }
}

/// Puts the changes that rows of a batch from `first` on caused into the output, but for those that change
/// nothing: of each its results after, and in front of these those before unless its group starts with it.
pub fn give_each(
    columns: Vec<Column>,
    starts: &[bool],
    first: usize,
    describe: &Describe,
    batch: &Batch,
    times: &[EventTime],
    output: &mut Output,
) {
    let (mut causes, mut signs) = (vec![0; starts.len() * 2], Buffer::filled(1, starts.len() * 2));
    let mut n = 0;
    for (cause, starts) in (first as u32..).zip(starts) {
        // What starts has one change, which takes the place of the first of two.
        (causes[n], signs[n]) = (cause, if *starts { 1 } else { -1 });
        n += !*starts as usize;
        causes[n] = cause;
        n += 1;
    }
    causes.truncate(n);
    signs.truncate(n);
    if describe.always_alters {
        return put(columns, &causes, signs, describe, batch, times, output);
    }
    let is_idle = |row: usize| {
        let after = if signs[row] < 0 { row + 1 } else { row };
        let before = after.wrapping_sub(1);
        (signs[row] < 0 || before < n && signs[before] < 0)
            && describe.is_same((&columns, before), (&columns, after))
    };
    let kept: Vec<u32> = (0..n as u32).filter(|row| !is_idle(*row as usize)).collect();
    if kept.len() == n {
        return put(columns, &causes, signs, describe, batch, times, output);
    }
    let columns = columns.iter().map(|column| column.gather(&kept)).collect();
    let causes: Vec<u32> = kept.iter().map(|row| causes[*row as usize]).collect();
    let signs = kept.iter().map(|row| signs[*row as usize]).collect();
    put(columns, &causes, signs, describe, batch, times, output);
}

/// Puts changes into the output, each with the row of the batch that caused it.
fn put(
    columns: Vec<Column>,
    causes: &[u32],
    signs: Buffer<i64>,
    describe: &Describe,
    batch: &Batch,
    times: &[EventTime],
    output: &mut Output,
) {
    if causes.is_empty() {
        return;
    }
    let mut groups = describe.columns.iter().map(|(c, _)| Arc::new(batch.columns[*c].gather(causes)));
    let mut all: Vec<ColumnRef> = groups.by_ref().take(describe.n_keys).collect();
    all.extend(columns.into_iter().map(Arc::new));
    all.extend(groups);
    all.push(plain(causes.iter().map(|cause| times[*cause as usize])));
    all.push(Arc::new(Column { data: ColumnData::I64(signs), validity: None }));
    output.messages.push(Message::Batch(Batch {
        columns: all,
        n_rows: causes.len(),
        origin: batch.origin.gather(causes),
        late: late_of(&batch.late, causes),
    }));
}

/// What was recorded, and by row the reasons of results that do not fit.
fn columns_of(arena: &Arena, results: Results) -> (Vec<Column>, BTreeMap<usize, String>) {
    let mut misfits = vec![];
    let columns = arena.columns(results, &mut misfits);
    let mut reasons = BTreeMap::new();
    for misfit in misfits {
        reasons.entry(misfit.group).or_insert(misfit.reason);
    }
    (columns, reasons)
}

/// Puts changes that appear together at `time` into the output: of each group the number of its result
/// before, if it had one, and after, if it has one, and its key.
pub fn give_pairs(
    arena: &Arena,
    describe: &Describe,
    before: Changes,
    after: Changes,
    pairs: &[(Option<usize>, Option<usize>, Key)],
    time: EventTime,
    output: &mut Output,
) {
    let (old_columns, old_misfits) = columns_of(arena, before.results);
    let (new_columns, mut new_misfits) = columns_of(arena, after.results);
    // Whether it is the new result, its number, its key.
    let mut rows: Vec<(bool, usize, &Key)> = vec![];
    for (old, new, key) in pairs {
        if let (Some(old), Some(new)) = (old, new)
            && describe.is_same((&old_columns, *old), (&new_columns, *new))
        {
            continue;
        }
        rows.extend(old.filter(|old| !old_misfits.contains_key(old)).map(|old| (false, old, key)));
        if let Some(new) = *new {
            match new_misfits.remove(&new) {
                Some(reason) => output.failures.push(describe.failure(key, time, reason)),
                None => rows.push((true, new, key)),
            }
        }
    }
    // A row that is withdrawn and the one in its place stay together.
    let mut rows = &rows[..];
    while !rows.is_empty() {
        let mut n = rows.len().min(BATCH_ROWS);
        if rows.get(n).is_some_and(|next| next.2 == rows[n - 1].2) {
            n += 1;
        }
        let (part, rest) = rows.split_at(n);
        rows = rest;
        let built = |ty: &Type, value: &dyn Fn(&(bool, usize, &Key)) -> millstream_ir::value::Value| {
            let mut column = ColumnBuilder::new(ty);
            part.iter().for_each(|row| column.push(&value(row)));
            Arc::new(column.finish())
        };
        let group = |number: usize| built(&describe.columns[number].1, &|(_, _, key)| key[number].clone());
        let mut columns: Vec<ColumnRef> = (0..describe.n_keys).map(group).collect();
        for ((old, new), ty) in old_columns.iter().zip(&new_columns).zip(&describe.result_types) {
            columns.push(built(ty, &|(is_new, row, _)| if *is_new { new } else { old }.value(*row, ty)));
        }
        columns.extend((describe.n_keys..describe.columns.len()).map(group));
        columns.push(plain(part.iter().map(|_| time)));
        columns.push(plain(part.iter().map(|(is_new, _, _)| if *is_new { 1 } else { -1 })));
        let (n_rows, origin) = (part.len(), Origin::default());
        output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
    }
}
