//! Adding rows one by one where all that there is to do is to count, to sum up ints and to keep their least and
//! greatest: so a loop that does more with each row can add it at once.

use super::Arena;
use crate::kernel::accumulate::{read_wide, write_wide};
use crate::kernel::prefetch::prefetch;
use millstream_ir::aggregate::AccumulatorKind;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;

/// What rows of a batch add to slots.
pub struct PlainRows<'a> {
    parts: Vec<Part<'a>>,
}

/// Of an aggregate.
struct Part<'a> {
    kind: Kind,
    /// The word where its accumulator begins.
    at: usize,
    arguments: &'a [i64],
}

enum Kind {
    Sum,
    Least,
    Greatest,
}

/// The ints of a line.
const LINE: usize = 8;

impl Arena {
    /// None if there is more to do for a row.
    pub fn plain_rows<'a>(&self, batch: &'a Batch) -> Option<PlainRows<'a>> {
        let mut parts = vec![];
        for (field, call) in self.layout.accumulators.iter().zip(&self.aggregates) {
            if self.can_fail || call.filter.is_some() || field.seen.is_some() {
                return None;
            }
            let kind = match field.kind {
                AccumulatorKind::Count => continue,
                AccumulatorKind::SumWide => Kind::Sum,
                AccumulatorKind::MinI64 => Kind::Least,
                AccumulatorKind::MaxI64 => Kind::Greatest,
                _ => return None,
            };
            let column = &batch.columns[call.argument()?.0];
            match &column.data {
                ColumnData::I64(arguments) if column.validity.is_none() => {
                    parts.push(Part { kind, at: field.offset / 8, arguments });
                }
                _ => return None,
            }
        }
        Some(PlainRows { parts })
    }
}

impl PlainRows<'_> {
    /// Adds a row to the words of a slot.
    #[inline]
    pub fn add(&self, slot: &mut [u64], row: usize) {
        slot[0] += 1;
        for part in &self.parts {
            let argument = part.arguments[row];
            match part.kind {
                Kind::Sum => {
                    if let Some(sum) = slot.get_mut(part.at..part.at + 2) {
                        let wide = read_wide(sum).wrapping_add(argument as i128);
                        write_wide(sum, wide);
                    }
                }
                Kind::Least => slot[part.at] = (slot[part.at] as i64).min(argument) as u64,
                Kind::Greatest => slot[part.at] = (slot[part.at] as i64).max(argument) as u64,
            }
        }
    }

    /// Asks the processor for the arguments of some rows that will be added soon.
    pub fn request(&self, first: usize, n: usize) {
        for part in &self.parts {
            for row in (first..first + n).step_by(LINE) {
                prefetch(part.arguments.as_ptr().wrapping_add(row) as *const u8);
            }
        }
    }
}
