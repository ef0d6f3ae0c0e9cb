//! The plain form of the accumulator update: what machine code does, written to be obviously right.
//! It stands in for machine code where there is none, and for wide sums and decimals everywhere.

use super::float_sum;
use crate::accumulate::side::{Position, SideStates};
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

    /// Calls `update` with the words of each slot and its row.
    fn for_each(&mut self, mut update: impl FnMut(&mut [u64], usize)) {
        for (slot, row) in self.slots.iter().zip(self.rows) {
            // SAFETY: see `new`; the slice ends before the next one begins.
            let words = unsafe { std::slice::from_raw_parts_mut(*slot as *mut u64, self.n_words) };
            update(words, *row as usize);
        }
    }

    /// Only of rows that take part in an aggregate, which are counted in `seen`.
    fn for_each_part(
        &mut self,
        field: &AccumulatorField,
        call: &AggregateCall,
        columns: &[ColumnRef],
        mut update: impl FnMut(&mut [u64], usize),
    ) {
        let takes_part = participation(call, columns, true);
        self.for_each(|words, row| {
            if takes_part(row) {
                if let Some(seen) = field.seen {
                    words[seen / 8] += 1;
                }
                update(words, row);
            }
        });
    }
}

/// Whether a row takes part in an aggregate: its filter is true, and, where nulls are skipped, its
/// argument is there.
fn participation<'a>(
    call: &AggregateCall,
    columns: &'a [ColumnRef],
    skip_nulls: bool,
) -> impl Fn(usize) -> bool + 'a {
    let filter = call.filter.map(|f| &columns[f]);
    let argument = call.argument.as_ref().filter(|_| skip_nulls).map(|(a, _)| &columns[*a]);
    let is_true = |column: &Column, row: usize| {
        column.is_valid(row) && matches!(&column.data, ColumnData::Bool(b) if b[row] != 0)
    };
    move |row| filter.is_none_or(|f| is_true(f, row)) && argument.is_none_or(|a| a.is_valid(row))
}

fn update_field(pairs: &mut Pairs, field: &AccumulatorField, call: &AggregateCall, columns: &[ColumnRef]) {
    let at = field.offset / 8;
    let Some((argument, _)) = &call.argument else {
        return pairs.for_each_part(field, call, columns, |_, _| {});
    };
    let column = &*columns[*argument];
    let wide = |row: usize| match &column.data {
        ColumnData::I64(b) => b[row] as i128,
        ColumnData::I128(b) => b[row],
        _ => 0,
    };
    let number = |row: usize| if let ColumnData::I64(b) = &column.data { b[row] } else { 0 };
    let float = |row: usize| if let ColumnData::F64(b) = &column.data { b[row] } else { 0.0 };
    let truth = |row: usize| matches!(&column.data, ColumnData::Bool(b) if b[row] != 0);
    pairs.for_each_part(field, call, columns, |words, row| {
        let accumulator = &mut words[at..];
        match field.kind {
            AccumulatorKind::Count | AccumulatorKind::SumFloat | AccumulatorKind::Side => {}
            AccumulatorKind::SumNarrow => {
                accumulator[0] = accumulator[0].wrapping_add(number(row) as u64);
            }
            AccumulatorKind::SumWide => {
                let sum = read_wide(accumulator).wrapping_add(wide(row));
                write_wide(accumulator, sum);
            }
            AccumulatorKind::SumDecimal => add_decimal(accumulator, wide(row)),
            AccumulatorKind::MinI64 => accumulator[0] = (accumulator[0] as i64).min(number(row)) as u64,
            AccumulatorKind::MaxI64 => accumulator[0] = (accumulator[0] as i64).max(number(row)) as u64,
            AccumulatorKind::MinF64 => keep(accumulator, float(row), Ordering::Less),
            AccumulatorKind::MaxF64 => keep(accumulator, float(row), Ordering::Greater),
            AccumulatorKind::MinWide => {
                let least = read_wide(accumulator).min(wide(row));
                write_wide(accumulator, least);
            }
            AccumulatorKind::MaxWide => {
                let greatest = read_wide(accumulator).max(wide(row));
                write_wide(accumulator, greatest);
            }
            AccumulatorKind::Any => accumulator[0] |= truth(row) as u64,
            AccumulatorKind::All => accumulator[0] &= truth(row) as u64,
        }
    });
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

fn write_wide(words: &mut [u64], number: i128) {
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

/// Updates the float sums.
pub(super) fn update_float_sum(
    pairs: &mut Pairs,
    field: &AccumulatorField,
    call: &AggregateCall,
    columns: &[ColumnRef],
) {
    let Some((argument, _)) = &call.argument else { return };
    let ColumnData::F64(values) = &columns[*argument].data else { return };
    let at = field.offset / 8;
    pairs.for_each_part(field, call, columns, |words, row| {
        if let Some(sum) = words[at..].first_chunk_mut() {
            float_sum::add(sum, values[row]);
        }
    });
}

/// Updates the states outside the slots of an aggregate.
pub(super) fn update_side(
    pairs: &mut Pairs,
    states: &mut SideStates,
    field: &AccumulatorField,
    call: &AggregateCall,
    batch: &Batch,
    times: &[i64],
) {
    let Some((argument, ty)) = &call.argument else { return };
    let column = &*batch.columns[*argument];
    let takes_part = participation(call, &batch.columns, states.skips_nulls(call));
    pairs.for_each(|words, row| {
        // Each group gets a state, also one whose aggregate sees no row.
        let state = states.of_word(&mut words[field.offset / 8]);
        if takes_part(row) {
            states.add(state, column, row, ty, || Position::of_row(batch, times, row));
        }
    });
}
