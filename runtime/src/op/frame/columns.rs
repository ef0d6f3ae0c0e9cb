//! Frames of time by columns: counts, sums and averages of whole numbers, `min` and `max`, as long as no
//! argument is null and no sum can leave 64 bits. What leaves with each row is found once for a batch; then
//! each aggregate is one loop over its columns.

mod blocks;
mod candidates;
mod of_all;
mod of_keys;
mod ring;

use super::log::{Leaving, Log};
use crate::kernel::extent::magnitude_bits;
use crate::message::EventTime;
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::types::{Layout, TypeKind};
use of_all::OfAll;
use of_keys::OfKeys;

pub struct Columns {
    calls: Vec<Call>,
    states: States,
    /// No argument that is summed has been farther from zero than 2 to this power.
    bits: u32,
    /// What leaves with the rows of a batch.
    leaving: Leaving,
}

/// An aggregate, with the number of its argument's column.
#[derive(Clone, Copy)]
enum Call {
    Count(Option<usize>),
    Sum(usize),
    Average(usize),
    Minimum(usize),
    Maximum(usize),
}

/// What aggregates keep.
enum States {
    OfAll(OfAll),
    OfKeys(OfKeys),
}

impl Columns {
    /// None if there is an aggregate among these that is not computed so.
    pub fn new(calls: &[AggregateCall], is_keyed: bool) -> Option<Columns> {
        let calls: Vec<Call> = calls.iter().map(Call::of).collect::<Option<_>>()?;
        let states = match is_keyed {
            true => States::OfKeys(OfKeys::new(&calls)),
            false => States::OfAll(OfAll::new(&calls)),
        };
        Some(Columns { calls, states, bits: 0, leaving: Leaving::default() })
    }

    /// Whether the rows of a batch can be taken, besides so many that are there.
    pub fn accepts(&mut self, batch: &Batch, n_rows: usize) -> bool {
        for call in &self.calls {
            let Some(column) = call.column().map(|column| &batch.columns[column]) else { continue };
            match (&column.data, call) {
                _ if column.validity.is_some() => return false,
                (ColumnData::I64(values), Call::Sum(_) | Call::Average(_)) => {
                    self.bits = self.bits.max(magnitude_bits(values));
                }
                (_, Call::Sum(_) | Call::Average(_)) => return false,
                (ColumnData::I64(_) | ColumnData::F64(_), _) => {}
                _ => return false,
            }
        }
        let rows = n_rows as u128 + batch.n_rows as u128;
        rows << self.bits <= i64::MAX as u128
    }

    /// Makes room for keys with numbers below this.
    pub fn resize(&mut self, n: usize) {
        if let States::OfKeys(states) = &mut self.states {
            states.resize(n);
        }
    }

    pub fn is_empty(&self, number: u32) -> bool {
        match &self.states {
            States::OfAll(_) => false,
            States::OfKeys(states) => states.is_empty(number),
        }
    }

    /// Takes rows into the log, which come at these times and have keys with these numbers, and others out of it;
    /// a column of results for each aggregate. Keys whose frames become empty are pushed to `emptied`.
    pub fn take(
        &mut self,
        log: &mut Log,
        size: i64,
        batch: &Batch,
        times: &[EventTime],
        numbers: &[u32],
        emptied: &mut Vec<u32>,
    ) -> Vec<Column> {
        let is_keyed = matches!(self.states, States::OfKeys(_));
        log.push_together(batch, if is_keyed { numbers } else { &[] });
        let columns = match &mut self.states {
            States::OfAll(states) => states.take(log, (batch, times), size, &mut self.leaving),
            States::OfKeys(states) => {
                log.leaving(times, size, &mut self.leaving);
                states.take(log, batch, numbers, &self.leaving, emptied)
            }
        };
        log.leave(&self.leaving);
        columns
    }

    /// Takes rows out of the log that are no later than this.
    pub fn leave(&mut self, log: &mut Log, limit: EventTime, emptied: &mut Vec<u32>) {
        log.leaving_until(limit, &mut self.leaving);
        match &mut self.states {
            States::OfAll(states) => states.leave(log, &self.leaving),
            States::OfKeys(states) => states.leave(log, &self.leaving, emptied),
        }
        log.leave(&self.leaving);
    }

    /// Keeps the keys with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        if let States::OfKeys(states) = &mut self.states {
            states.renumber(kept);
        }
    }

    pub fn bytes(&self) -> usize {
        let states = match &self.states {
            States::OfAll(states) => states.bytes(),
            States::OfKeys(states) => states.bytes(),
        };
        states + self.leaving.bytes()
    }
}

impl Call {
    fn of(call: &AggregateCall) -> Option<Call> {
        use AggregateFunction::*;
        if call.filter.is_some() {
            return None;
        }
        let layout = call.argument().map(|(_, ty)| ty.layout());
        let column = call.argument().map(|(column, _)| *column);
        Some(match (call.function, layout, column) {
            (Count, None | Some(Layout::I64 | Layout::Decimal | Layout::F64), column) => Call::Count(column),
            (Sum, Some(Layout::I64 | Layout::Decimal), Some(column)) => Call::Sum(column),
            (Average, Some(Layout::I64), Some(column)) if call.result.kind == TypeKind::Float => {
                Call::Average(column)
            }
            (Minimum | Maximum, Some(Layout::I64 | Layout::Decimal | Layout::F64), Some(column)) => {
                if call.function == Minimum { Call::Minimum(column) } else { Call::Maximum(column) }
            }
            _ => return None,
        })
    }

    fn column(self) -> Option<usize> {
        match self {
            Call::Count(column) => column,
            Call::Sum(column) | Call::Average(column) | Call::Minimum(column) | Call::Maximum(column) => {
                Some(column)
            }
        }
    }
}
