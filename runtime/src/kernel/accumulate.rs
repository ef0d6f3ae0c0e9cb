//! The plain form of the accumulator update: what machine code does, written to be obviously right.
//! It stands in for machine code where there is none, and for wide sums and decimals everywhere.

use super::float_sum;
use crate::accumulate::side::{FailedRow, Row, SideStates};
use millstream_ir::aggregate::{AccumulatorField, AccumulatorKind, AggregateCall, SlotLayout};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::engine::AccumulateKernel;
use millstream_ir::value::compare_floats;
use std::cmp::Ordering;

/// Updates all accumulators that machine code could, without machine code.
pub struct PortableKernel {
    pub(super) layout: SlotLayout,
    aggregates: Vec<AggregateCall>,
}

impl PortableKernel {
    pub fn new(layout: SlotLayout, aggregates: Vec<AggregateCall>) -> PortableKernel {
        PortableKernel { layout, aggregates }
    }
}

impl AccumulateKernel for PortableKernel {
    unsafe fn update(&mut self, slots: &[*mut u8], rows: &[u32], columns: &[ColumnRef]) {
        // SAFETY: the caller promises what `Pairs` asks for.
        let mut pairs = unsafe { Pairs::new(slots, rows, self.layout.size) };
        for (field, call) in self.layout.accumulators.iter().zip(&self.aggregates) {
            if field.kind.is_compiled() {
                update_field(&mut pairs, field, call, columns);
            }
        }
    }
}

/// Slots, each beside a row that is added to it.
pub trait SlotRows {
    fn n_rows(&self) -> usize;

    /// Calls `update` with the words of each slot and its row.
    fn for_each(&mut self, update: impl FnMut(&mut [u64], usize));
}

/// The slots of some rows, beside the rows.
pub(super) struct Pairs<'a> {
    slots: &'a [*mut u8],
    rows: &'a [u32],
    n_words: usize,
}

impl<'a> Pairs<'a> {
    /// # Safety
    /// Each slot is valid for reads and writes of `size` bytes and aligned to eight, and nothing else
    /// refers to it while this value lives; slots may repeat, but not overlap otherwise.
    pub unsafe fn new(slots: &'a [*mut u8], rows: &'a [u32], size: usize) -> Pairs<'a> {
        Pairs { slots, rows, n_words: size / 8 }
    }
}

impl SlotRows for Pairs<'_> {
    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn for_each(&mut self, mut update: impl FnMut(&mut [u64], usize)) {
        for (slot, row) in self.slots.iter().zip(self.rows) {
            // SAFETY: see `new`; the slice ends before the next one begins.
            let words = unsafe { std::slice::from_raw_parts_mut(*slot as *mut u64, self.n_words) };
            update(words, *row as usize);
        }
    }
}

/// Whether a row takes part in an aggregate: its filter is true, and, where nulls are skipped, its
/// arguments are there.
pub fn takes_part(call: &AggregateCall, columns: &[ColumnRef], row: usize) -> bool {
    let is_true =
        |column: &Column| column.is_valid(row) && matches!(&column.data, ColumnData::Bool(b) if b[row] != 0);
    call.filter.is_none_or(|f| is_true(&columns[f]))
        && call
            .arguments
            .iter()
            .enumerate()
            .all(|(i, (a, _))| columns[*a].is_valid(row) || call.takes_null(i))
}

/// Whether no row needs to be asked whether it takes part.
fn all_take_part(call: &AggregateCall, columns: &[ColumnRef]) -> bool {
    call.filter.is_none() && call.arguments.iter().all(|(column, _)| columns[*column].validity.is_none())
}

/// Adds the arguments of rows to an accumulator that stands in their slots.
pub fn update_field(
    pairs: &mut impl SlotRows,
    field: &AccumulatorField,
    call: &AggregateCall,
    columns: &[ColumnRef],
) {
    let at = field.offset / 8;
    if !all_take_part(call, columns) {
        return pairs.for_each(|words, row| {
            if takes_part(call, columns, row) {
                if let Some(seen) = field.seen {
                    words[seen / 8] += 1;
                }
                if let Some((argument, _)) = call.argument() {
                    add(field.kind, &mut words[at..], &columns[*argument], row);
                }
            }
        });
    }
    if let Some(seen) = field.seen {
        pairs.for_each(|words, _| words[seen / 8] += 1);
    }
    let Some((argument, _)) = call.argument() else { return };
    let column = &*columns[*argument];
    // The loops that most programs spend their time in know what they do.
    let ints = if let ColumnData::I64(values) = &column.data { Some(&values[..]) } else { None };
    match (field.kind, ints) {
        (AccumulatorKind::SumWide, Some(values)) => pairs.for_each(|words, row| {
            let Some(sum) = words.get_mut(at..at + 2) else { return };
            let wide = read_wide(sum).wrapping_add(values[row] as i128);
            write_wide(sum, wide);
        }),
        (AccumulatorKind::MinI64, Some(values)) => {
            pairs.for_each(|words, row| words[at] = (words[at] as i64).min(values[row]) as u64);
        }
        (AccumulatorKind::MaxI64, Some(values)) => {
            pairs.for_each(|words, row| words[at] = (words[at] as i64).max(values[row]) as u64);
        }
        _ => pairs.for_each(|words, row| add(field.kind, &mut words[at..], column, row)),
    }
}

fn wide(column: &Column, row: usize) -> i128 {
    match &column.data {
        ColumnData::I64(b) => b[row] as i128,
        ColumnData::I128(b) => b[row],
        _ => 0,
    }
}

fn number(column: &Column, row: usize) -> i64 {
    if let ColumnData::I64(b) = &column.data { b[row] } else { 0 }
}

fn float(column: &Column, row: usize) -> f64 {
    if let ColumnData::F64(b) = &column.data { b[row] } else { 0.0 }
}

fn truth(column: &Column, row: usize) -> bool {
    matches!(&column.data, ColumnData::Bool(b) if b[row] != 0)
}

/// Adds the argument of a row, which takes part, to an accumulator.
#[inline]
pub fn add(kind: AccumulatorKind, accumulator: &mut [u64], column: &Column, row: usize) {
    match kind {
        AccumulatorKind::Count | AccumulatorKind::Side => {}
        AccumulatorKind::SumNarrow => {
            accumulator[0] = accumulator[0].wrapping_add(number(column, row) as u64);
        }
        AccumulatorKind::SumWide => {
            let sum = read_wide(accumulator).wrapping_add(wide(column, row));
            write_wide(accumulator, sum);
        }
        AccumulatorKind::SumDecimal => add_decimal(accumulator, wide(column, row)),
        AccumulatorKind::SumFloat => {
            if let Some(sum) = accumulator.first_chunk_mut() {
                float_sum::add(sum, float(column, row));
            }
        }
        AccumulatorKind::MinI64 => {
            accumulator[0] = (accumulator[0] as i64).min(number(column, row)) as u64;
        }
        AccumulatorKind::MaxI64 => {
            accumulator[0] = (accumulator[0] as i64).max(number(column, row)) as u64;
        }
        AccumulatorKind::MinF64 => keep(accumulator, float(column, row), Ordering::Less),
        AccumulatorKind::MaxF64 => keep(accumulator, float(column, row), Ordering::Greater),
        AccumulatorKind::MinWide => {
            let least = read_wide(accumulator).min(wide(column, row));
            write_wide(accumulator, least);
        }
        AccumulatorKind::MaxWide => {
            let greatest = read_wide(accumulator).max(wide(column, row));
            write_wide(accumulator, greatest);
        }
        AccumulatorKind::Any => accumulator[0] |= truth(column, row) as u64,
        AccumulatorKind::All => accumulator[0] &= truth(column, row) as u64,
        AccumulatorKind::Trues => accumulator[0] += truth(column, row) as u64,
    }
}

/// Takes the argument of a row that was added out of an accumulator. Those from which it can't be taken
/// are not chosen for calls whose rows may leave.
#[inline]
pub fn remove(kind: AccumulatorKind, accumulator: &mut [u64], column: &Column, row: usize) {
    match kind {
        AccumulatorKind::Count | AccumulatorKind::Side => {}
        AccumulatorKind::SumWide => {
            let sum = read_wide(accumulator).wrapping_sub(wide(column, row));
            write_wide(accumulator, sum);
        }
        AccumulatorKind::SumDecimal => add_decimal(accumulator, -wide(column, row)),
        AccumulatorKind::Trues => {
            accumulator[0] = accumulator[0].saturating_sub(truth(column, row) as u64);
        }
        AccumulatorKind::SumNarrow
        | AccumulatorKind::SumFloat
        | AccumulatorKind::MinI64
        | AccumulatorKind::MaxI64
        | AccumulatorKind::MinF64
        | AccumulatorKind::MaxF64
        | AccumulatorKind::MinWide
        | AccumulatorKind::MaxWide
        | AccumulatorKind::Any
        | AccumulatorKind::All => debug_assert!(false, "{kind:?} can't forget"),
    }
}

/// Pairs of slots that are merged, the second into the first.
pub trait SlotPairs {
    /// Calls `merge` with the words of each pair from one on.
    fn for_each(&mut self, at: usize, merge: impl FnMut(&mut [u64], &[u64]));
}

/// One pair.
struct Pair<'a>(&'a mut [u64], &'a [u64]);

impl SlotPairs for Pair<'_> {
    #[inline]
    fn for_each(&mut self, at: usize, mut merge: impl FnMut(&mut [u64], &[u64])) {
        merge(&mut self.0[at..], &self.1[at..]);
    }
}

/// So many pairs out of two lists of slots; the functions say at which word each slot begins.
pub struct ManyPairs<'a, I, F> {
    pub n: usize,
    pub into: &'a mut [u64],
    pub into_at: I,
    pub from: &'a [u64],
    pub from_at: F,
}

impl<I: Fn(usize) -> usize, F: Fn(usize) -> usize> SlotPairs for ManyPairs<'_, I, F> {
    #[inline]
    fn for_each(&mut self, at: usize, mut merge: impl FnMut(&mut [u64], &[u64])) {
        for i in 0..self.n {
            merge(&mut self.into[(self.into_at)(i) + at..], &self.from[(self.from_at)(i) + at..]);
        }
    }
}

/// Adds all that was added to an accumulator to one of the same kind, in each pair of slots, in which it
/// begins at this word.
fn merge_each(kind: AccumulatorKind, pairs: &mut impl SlotPairs, at: usize) {
    match kind {
        AccumulatorKind::Count | AccumulatorKind::Side => {}
        AccumulatorKind::SumNarrow => {
            pairs.for_each(at, |into, from| into[0] = into[0].wrapping_add(from[0]));
        }
        AccumulatorKind::SumWide => pairs.for_each(at, |into, from| {
            let sum = read_wide(into).wrapping_add(read_wide(from));
            write_wide(into, sum);
        }),
        AccumulatorKind::SumDecimal => pairs.for_each(at, |into, from| {
            add_decimal(into, read_wide(from));
            into[2] = into[2].wrapping_add(from[2]);
        }),
        AccumulatorKind::SumFloat => pairs.for_each(at, |into, from| {
            if let (Some(into), Some(from)) = (into.first_chunk_mut(), from.first_chunk()) {
                float_sum::merge(into, from);
            }
        }),
        AccumulatorKind::MinI64 => {
            pairs.for_each(at, |into, from| into[0] = (into[0] as i64).min(from[0] as i64) as u64);
        }
        AccumulatorKind::MaxI64 => {
            pairs.for_each(at, |into, from| into[0] = (into[0] as i64).max(from[0] as i64) as u64);
        }
        AccumulatorKind::MinF64 => {
            pairs.for_each(at, |into, from| keep(into, f64::from_bits(from[0]), Ordering::Less));
        }
        AccumulatorKind::MaxF64 => {
            pairs.for_each(at, |into, from| keep(into, f64::from_bits(from[0]), Ordering::Greater));
        }
        AccumulatorKind::MinWide => pairs.for_each(at, |into, from| {
            let least = read_wide(into).min(read_wide(from));
            write_wide(into, least);
        }),
        AccumulatorKind::MaxWide => pairs.for_each(at, |into, from| {
            let greatest = read_wide(into).max(read_wide(from));
            write_wide(into, greatest);
        }),
        AccumulatorKind::Any => pairs.for_each(at, |into, from| into[0] |= from[0]),
        AccumulatorKind::All => pairs.for_each(at, |into, from| into[0] &= from[0]),
        AccumulatorKind::Trues => pairs.for_each(at, |into, from| into[0] += from[0]),
    }
}

/// Merges a slot of a layout into another: all but the first words, the keys, and states outside.
pub fn merge_slots(layout: &SlotLayout, into: &mut [u64], from: &[u64]) {
    merge_pairs(layout, &mut Pair(into, from));
}

/// The same with many pairs of slots, aggregate by aggregate.
pub fn merge_pairs(layout: &SlotLayout, pairs: &mut impl SlotPairs) {
    for field in &layout.accumulators {
        if let Some(seen) = field.seen {
            pairs.for_each(seen / 8, |into, from| into[0] += from[0]);
        }
        merge_each(field.kind, pairs, field.offset / 8);
    }
}

fn keep(accumulator: &mut [u64], x: f64, order: Ordering) {
    if compare_floats(x, f64::from_bits(accumulator[0])) == order {
        accumulator[0] = x.to_bits();
    }
}

/// The 128-bit number in two words.
pub fn read_wide(words: &[u64]) -> i128 {
    (words[0] as u128 | (words[1] as u128) << 64) as i128
}

pub fn write_wide(words: &mut [u64], number: i128) {
    words[0] = number as u64;
    words[1] = (number >> 64) as u64;
}

/// What is taken away from a decimal's sum when it grows too great, and counted in the third word.
pub const DECIMAL_CARRY_BITS: u32 = 125;

/// Below 2^125, a sum has room for 2^63 terms of 64 bits, or for one of 38 digits, which is below 2^127 - 2^125.
fn add_decimal(accumulator: &mut [u64], x: i128) {
    let sum = read_wide(accumulator).wrapping_add(x);
    let carry = sum / (1 << DECIMAL_CARRY_BITS);
    write_wide(accumulator, sum - (carry << DECIMAL_CARRY_BITS));
    accumulator[2] = accumulator[2].wrapping_add(carry as u64);
}

/// Updates the accumulators in slots that machine code leaves alone in every layout.
pub(super) fn update_primitive(
    pairs: &mut impl SlotRows,
    field: &AccumulatorField,
    call: &AggregateCall,
    columns: &[ColumnRef],
) {
    if !field.kind.is_compiled() && field.kind != AccumulatorKind::Side {
        update_field(pairs, field, call, columns);
    }
}

/// Looks for each row, in order, whether aggregates of the program can add it, and adds it there. Rows that
/// fail are no longer counted in their slots; a group that is left without rows is marked by [`ABSENT`].
/// The number of pairs that are left, which come first.
pub(super) fn add_fallible(
    (slots, rows): (&mut [*mut u8], &mut [u32]),
    layout: &SlotLayout,
    calls: &[AggregateCall],
    sides: &mut [Option<Box<dyn SideStates>>],
    (batch, times): (&Batch, &[i64]),
    failed: &mut Vec<FailedRow>,
) -> usize {
    let fallible =
        || calls.iter().zip(&layout.accumulators).enumerate().filter(|(_, (call, _))| call.can_fail());
    let mut left = 0;
    for i in 0..slots.len() {
        let row = Row { batch, times, number: rows[i] as usize };
        // SAFETY: the caller of `Pairs::new` promises as much of these slots, of which no pair is alive.
        let words = unsafe { std::slice::from_raw_parts_mut(slots[i] as *mut u64, layout.size / 8) };
        let mut error = None;
        for (n, (call, field)) in fallible() {
            let Some(states) = &mut sides[n] else { continue };
            let word = &mut words[field.offset / 8];
            if *word == 0 {
                *word = states.make();
            }
            if error.is_none() && takes_part(call, &batch.columns, row.number) {
                error = states.prepare(*word, row).err();
            }
        }
        match error {
            Some(error) => {
                words[0] -= 1;
                if words[0] & !ABSENT == 0 {
                    words[0] = ABSENT;
                }
                failed.push(FailedRow { number: row.number, error });
            }
            None => {
                words[0] &= !ABSENT;
                for (n, (call, field)) in fallible() {
                    if let Some(states) = &mut sides[n]
                        && takes_part(call, &batch.columns, row.number)
                    {
                        states.add(words[field.offset / 8], row);
                    }
                }
                slots.swap(left, i);
                rows.swap(left, i);
                left += 1;
            }
        }
    }
    left
}

/// The first word of a slot whose group has lost all its rows: neither free nor a group.
pub const ABSENT: u64 = 1 << 63;

/// Updates the states outside the slots of an aggregate.
pub fn update_side(
    pairs: &mut impl SlotRows,
    states: &mut dyn SideStates,
    field: &AccumulatorField,
    call: &AggregateCall,
    batch: &Batch,
    times: &[i64],
) {
    let all_take_part = all_take_part(call, &batch.columns);
    let n_rows = pairs.n_rows();
    let (mut taking, mut rows) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
    pairs.for_each(|words, row| {
        // Each group gets a state, also one whose aggregate sees no row.
        let word = &mut words[field.offset / 8];
        if *word == 0 {
            *word = states.make();
        }
        if all_take_part || takes_part(call, &batch.columns, row) {
            taking.push(*word);
            rows.push(row as u32);
        }
    });
    states.add_each(&taking, &rows, batch, times);
}
