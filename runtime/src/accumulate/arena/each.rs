//! Many rows added one behind the other, each to the group of its own, with what the results are in between.

use super::{Arena, Results, Slot};
use crate::kernel::accumulate::{add, takes_part};
use millstream_ir::aggregate::{AccumulatorKind, AggregateCall};
use millstream_ir::batch::Batch;
use millstream_ir::column::Column;

/// How far ahead slots are requested.
const AHEAD: usize = 16;

/// An aggregate, with what there is to know of it for all rows of a batch.
struct Added<'a> {
    call: &'a AggregateCall,
    kind: AccumulatorKind,
    column: Option<&'a Column>,
    at: usize,
    seen: Option<usize>,
    /// Whether each row is to be asked whether it takes part.
    is_partial: bool,
}

impl Arena {
    /// Whether all of a group stands in its slot, so that rows can be added by [`Arena::add_each`].
    pub fn is_plain(&self) -> bool {
        !self.can_fail && self.sides.iter().all(Option::is_none)
    }

    /// Adds rows of a batch, from `first` on, each to the group of a slot, and appends the results behind each; and
    /// if `BEFORE`, those before it where the group has rows. `recorded` is told of each result the row, and
    /// whether it is that behind it.
    pub fn add_each<const BEFORE: bool>(
        &mut self,
        slots: &[Slot],
        batch: &Batch,
        first: usize,
        results: &mut Results,
        mut recorded: impl FnMut(usize, bool),
    ) {
        let calls = self.layout.accumulators.iter().zip(&self.aggregates);
        let added = calls.map(|(field, call)| {
            let mut arguments = call.arguments.iter().map(|(column, _)| &batch.columns[*column]);
            Added {
                call,
                kind: field.kind,
                column: call.argument().map(|(column, _)| &*batch.columns[*column]),
                at: field.offset / 8,
                seen: field.seen.map(|seen| seen / 8),
                is_partial: call.filter.is_some() || arguments.any(|column| column.validity.is_some()),
            }
        });
        let added: Vec<Added> = added.collect();
        let n_words = self.slots.fresh.len();
        results.words.reserve(slots.len() * n_words * (1 + BEFORE as usize));
        for (i, slot) in slots.iter().enumerate() {
            if let Some(later) = slots.get(i + AHEAD) {
                self.slots.request(*later);
            }
            let row = first + i;
            let words = self.slots.get_mut(*slot);
            if BEFORE && words[0] > 0 {
                results.words.extend_from_slice(words);
                results.n_rows += 1;
                recorded(row, false);
            }
            words[0] += 1;
            for added in &added {
                if added.is_partial && !takes_part(added.call, &batch.columns, row) {
                    continue;
                }
                if let Some(seen) = added.seen {
                    words[seen] += 1;
                }
                if let Some(column) = added.column {
                    add(added.kind, &mut words[added.at..], column, row);
                }
            }
            results.words.extend_from_slice(words);
            results.n_rows += 1;
            recorded(row, true);
        }
    }
}
