//! The groups of a window, and the one way to add rows to them: find slots, then update accumulators.

use super::accumulate::{Pairs, PortableKernel, update_float_sum, update_side};
use super::key::Keys;
use super::table::{CHUNK, Slots, Table};
use crate::accumulate::side::SideStates;
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::AccumulateKernel;

/// The groups of one window.
pub struct Groups {
    pub table: Table,
    /// One per aggregate; none for those whose state stands in the slot.
    pub sides: Vec<Option<SideStates>>,
}

impl Groups {
    pub fn new(layout: &SlotLayout, aggregates: &[AggregateCall], seed: u64) -> Groups {
        let sides = layout.accumulators.iter().zip(aggregates).map(|(field, call)| {
            if field.kind == AccumulatorKind::Side { SideStates::new(call) } else { None }
        });
        Groups { table: Table::new(layout, seed), sides: sides.collect() }
    }

    pub fn clear(&mut self) {
        self.table.clear();
        self.sides.iter_mut().flatten().for_each(SideStates::clear);
    }
}

/// Adds rows to groups. One per operator; its buffers are shared by all windows.
pub struct Accumulation {
    layout: SlotLayout,
    /// Columns of the input.
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    /// The column of the event time.
    time: usize,
    compiled: Option<Box<dyn AccumulateKernel>>,
    portable: PortableKernel,
    key_rows: Keys,
    slots: Slots,
}

// SAFETY: the addresses in `key_rows` and `slots` are left over from the last call and never used again.
unsafe impl Send for Accumulation {}

impl Accumulation {
    pub fn new(
        layout: SlotLayout,
        keys: Vec<usize>,
        aggregates: Vec<AggregateCall>,
        time: usize,
        compiled: Option<Box<dyn AccumulateKernel>>,
    ) -> Accumulation {
        let portable = PortableKernel::new(layout.clone(), aggregates.clone());
        let (key_rows, slots) = (Keys::default(), vec![]);
        Accumulation { layout, keys, aggregates, time, compiled, portable, key_rows, slots }
    }

    /// Adds these rows of a batch, ascending, to the groups of their window.
    ///
    /// # Panics
    /// If a row is not one of the batch, or the batch is not of the node's input.
    pub fn add(&mut self, groups: &mut Groups, batch: &Batch, rows: &[u32]) {
        assert!(rows.iter().all(|row| (*row as usize) < batch.n_rows));
        assert!(batch.columns.iter().all(|column| column.len() == batch.n_rows));
        let key_columns: Vec<&ColumnRef> = self.keys.iter().map(|k| &batch.columns[*k]).collect();
        for rows in rows.chunks(CHUNK) {
            if key_columns.is_empty() {
                groups.table.find_only(rows.len(), &mut self.slots);
                self.update(groups, batch, rows);
                continue;
            }
            let plain = plain_keys(&key_columns, rows).filter(|_| self.layout.key_nulls.is_none());
            if plain.is_none() {
                self.key_rows.fill(&self.layout, &key_columns, rows);
            }
            let mut from = 0;
            while from < rows.len() {
                self.slots.clear();
                match plain {
                    Some(keys) => groups.table.find_plain(&keys[from..], &mut self.slots),
                    None => groups.table.find(&self.key_rows, from, &mut self.slots),
                }
                let found = from + self.slots.len();
                self.update(groups, batch, &rows[from..found]);
                from = found;
                if from < rows.len() {
                    groups.table.grow();
                }
            }
        }
    }

    /// Updates the accumulators in `self.slots` by these rows.
    fn update(&mut self, groups: &mut Groups, batch: &Batch, rows: &[u32]) {
        let arguments = self.aggregates.iter().filter_map(|a| a.argument.as_ref());
        let is_wide = |column: usize| matches!(batch.columns[column].data, ColumnData::I128(_));
        let kernel: &mut dyn AccumulateKernel = match &mut self.compiled {
            Some(compiled) if !arguments.into_iter().any(|(column, _)| is_wide(*column)) => &mut **compiled,
            _ => &mut self.portable,
        };
        // SAFETY: the table has just found these slots, of this layout, and does not move them before its
        // next `find` or `grow`; rows and columns were checked by `add`.
        unsafe { kernel.update(&self.slots, rows, &batch.columns) };
        // SAFETY: as above.
        let mut pairs = unsafe { Pairs::new(&self.slots, rows, self.layout.size) };
        let sides = groups.sides.iter_mut();
        for ((field, call), side) in self.layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
            if field.kind == AccumulatorKind::SumFloat {
                update_float_sum(&mut pairs, field, call, &batch.columns);
            }
            if let Some(states) = side
                && let ColumnData::I64(times) = &batch.columns[self.time].data
            {
                update_side(&mut pairs, states, field, call, batch, times);
            }
        }
    }
}

/// The keys of these rows as they stand in their column, if there is one column of plain ints and the
/// rows are next to each other.
fn plain_keys<'a>(key_columns: &[&'a ColumnRef], rows: &[u32]) -> Option<&'a [i64]> {
    let ([column], [first, .., last]) = (key_columns, rows) else { return None };
    match &column.data {
        ColumnData::I64(keys) if (last - first) as usize + 1 == rows.len() => {
            Some(&keys[*first as usize..*last as usize + 1])
        }
        _ => None,
    }
}
