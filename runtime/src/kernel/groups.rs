//! The groups of a window, and the one way to add rows to them: find slots, then update accumulators.
//!
//! Slots begin narrow: sums of 64 bits, which hold as long as the number of rows times the greatest
//! argument does. That is known before a batch is added, for one look at each argument; where it could
//! be too much, the slots become wide ones, and nothing has overflowed.

use super::accumulate::{Pairs, PortableKernel, update_float_sum, update_side};
use super::extent::magnitude_bits;
use super::key::Keys;
use super::table::{CHUNK, Slots, Table};
use crate::accumulate::side::SideStates;
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::AccumulateKernel;
use millstream_ir::types::Type;

/// How many cleared groups are kept for later windows.
const SPARE: usize = 2;

/// The groups of one window.
pub struct Groups {
    pub table: Table,
    /// One per aggregate; none for those whose state stands in the slot.
    pub sides: Vec<Option<SideStates>>,
    /// Of which layout the slots are.
    is_wide: bool,
    /// Per aggregate: no group's sum is farther from zero.
    bounds: Vec<u128>,
    /// Whether an argument was wider than 64 bits.
    has_wide_argument: bool,
}

impl Groups {
    fn new(layout: &SlotLayout, aggregates: &[AggregateCall], seed: u64, is_wide: bool) -> Groups {
        let sides = layout.accumulators.iter().zip(aggregates).map(|(field, call)| {
            if field.kind == AccumulatorKind::Side { SideStates::new(call) } else { None }
        });
        Groups {
            table: Table::new(layout, seed),
            sides: sides.collect(),
            is_wide,
            bounds: vec![0; aggregates.len()],
            has_wide_argument: false,
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        self.sides.iter_mut().flatten().for_each(SideStates::clear);
        self.bounds.fill(0);
        self.has_wide_argument = false;
    }

    /// Takes into account that rows of a batch will be added.
    fn expect(&mut self, narrow: &SlotLayout, aggregates: &[AggregateCall], batch: &Batch, n_rows: usize) {
        for ((call, field), bound) in aggregates.iter().zip(&narrow.accumulators).zip(&mut self.bounds) {
            let Some((column, _)) = &call.argument else { continue };
            match &batch.columns[*column].data {
                ColumnData::I128(_) => self.has_wide_argument = true,
                ColumnData::I64(values) if field.kind == AccumulatorKind::SumNarrow => {
                    *bound = bound.saturating_add((n_rows as u128) << magnitude_bits(values));
                }
                _ => {}
            }
        }
    }

    fn fit_narrow_slots(&self) -> bool {
        !self.has_wide_argument && self.bounds.iter().all(|bound| *bound <= i64::MAX as u128)
    }
}

/// Adds rows to groups. One per operator; its buffers are shared by all windows.
pub struct Accumulation {
    /// Columns of the input.
    keys: Vec<usize>,
    aggregates: Vec<AggregateCall>,
    /// The column of the event time.
    time: usize,
    /// For narrow slots.
    compiled: Option<Box<dyn AccumulateKernel>>,
    narrow: PortableKernel,
    wide: PortableKernel,
    /// Whether new groups had better be wide from the start.
    starts_wide: bool,
    /// Cleared groups that are kept for later windows.
    spare: Vec<Groups>,
    /// Of the hash tables.
    seed: u64,
    key_rows: Keys,
    slots: Slots,
}

// SAFETY: the addresses in `key_rows` and `slots` are left over from the last call and never used again.
unsafe impl Send for Accumulation {}

impl Accumulation {
    /// `key_types` are those of the columns `keys`; `seed` is that of the hash tables, and changes nothing
    /// that can be seen.
    pub fn new(
        (keys, key_types): (Vec<usize>, &[Type]),
        aggregates: Vec<AggregateCall>,
        time: usize,
        compiled: Option<Box<dyn AccumulateKernel>>,
        seed: u64,
    ) -> Accumulation {
        let kernel = |layout| PortableKernel::new(layout, aggregates.clone());
        Accumulation {
            narrow: kernel(SlotLayout::narrow(key_types, &aggregates)),
            wide: kernel(SlotLayout::wide(key_types, &aggregates)),
            keys,
            aggregates,
            time,
            compiled,
            starts_wide: false,
            spare: vec![],
            seed,
            key_rows: Keys::default(),
            slots: vec![],
        }
    }

    /// Of the slots of these groups.
    pub fn layout(&self, groups: &Groups) -> &SlotLayout {
        if groups.is_wide { &self.wide.layout } else { &self.narrow.layout }
    }

    /// Groups of a new window.
    pub fn open(&mut self) -> Groups {
        let is_wide = self.starts_wide;
        let spare = std::iter::from_fn(|| self.spare.pop()).find(|groups| groups.is_wide == is_wide);
        spare.unwrap_or_else(|| {
            let layout = if is_wide { &self.wide.layout } else { &self.narrow.layout };
            Groups::new(layout, &self.aggregates, self.seed, is_wide)
        })
    }

    /// Takes back the groups of a window that has been closed.
    pub fn close(&mut self, mut groups: Groups) {
        self.starts_wide = !groups.fit_narrow_slots();
        groups.clear();
        if self.spare.len() < SPARE {
            self.spare.push(groups);
        }
    }

    /// Adds these rows of a batch, ascending, to the groups of their window.
    ///
    /// # Panics
    /// If a row is not one of the batch, or the batch is not of the node's input.
    pub fn add(&mut self, groups: &mut Groups, batch: &Batch, rows: &[u32]) {
        // Without a branch a row: all are looked at, several at once.
        assert!(rows.iter().fold(true, |fine, row| fine & ((*row as usize) < batch.n_rows)));
        assert!(batch.columns.iter().all(|column| column.len() == batch.n_rows));
        groups.expect(&self.narrow.layout, &self.aggregates, batch, rows.len());
        if !groups.is_wide && !groups.fit_narrow_slots() {
            groups.table.widen(&self.narrow.layout, &self.wide.layout);
            groups.is_wide = true;
        }
        let key_columns: Vec<&ColumnRef> = self.keys.iter().map(|k| &batch.columns[*k]).collect();
        for rows in rows.chunks(CHUNK) {
            if key_columns.is_empty() {
                groups.table.find_only(rows.len(), &mut self.slots);
                self.update(groups, batch, rows);
                continue;
            }
            let plain = plain_keys(&key_columns, rows).filter(|_| self.narrow.layout.key_nulls.is_none());
            if plain.is_none() {
                self.key_rows.fill(&self.narrow.layout, &key_columns, rows);
            }
            let mut from = 0;
            while from < rows.len() {
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
        let kernel: &mut dyn AccumulateKernel = match &mut self.compiled {
            _ if groups.is_wide => &mut self.wide,
            Some(compiled) => &mut **compiled,
            None => &mut self.narrow,
        };
        // SAFETY: the table has just found these slots, of this layout, and does not move them before its
        // next `find` or `grow`; rows and columns were checked by `add`.
        unsafe { kernel.update(&self.slots, rows, &batch.columns) };
        let layout = if groups.is_wide { &self.wide.layout } else { &self.narrow.layout };
        // SAFETY: as above.
        let mut pairs = unsafe { Pairs::new(&self.slots, rows, layout.size) };
        let sides = groups.sides.iter_mut();
        for ((field, call), side) in layout.accumulators.iter().zip(&self.aggregates).zip(sides) {
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
