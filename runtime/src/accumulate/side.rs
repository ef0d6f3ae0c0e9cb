//! States of aggregates that do not fit a slot: what an aggregate has to say about its own is a [`State`],
//! and a [`Pool`] keeps those of all groups. A slot holds the number of its state plus one, or zero before
//! its first row.

use super::element::{Element, Float};
use super::state::{
    cardinality, collect, distinct, edge, extreme, float_sum, frequent, histogram, joined, moments,
    percentile, ranked, top, user,
};
use crate::kernel::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{AggregateCall, AggregateFunction};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::Column;
use millstream_ir::eval::RowError;
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::Value;
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

/// Where a row stands in the total order of its stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    pub time: i64,
    pub place: RowPlace,
}

impl Position {
    pub fn of_row(batch: &Batch, times: &[i64], row: usize) -> Position {
        Position { time: times[row], place: batch.origin.place(row) }
    }

    pub fn write(&self, out: &mut SnapshotWriter) {
        out.i64(self.time);
        out.place(&self.place);
    }

    pub fn restore(from: &mut SnapshotReader) -> Result<Position, Corrupt> {
        Ok(Position { time: from.i64()?, place: from.place()? })
    }
}

/// A row of a batch that takes part in an aggregate.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub batch: &'a Batch,
    pub times: &'a [i64],
    pub number: usize,
}

impl<'a> Row<'a> {
    pub fn position(self) -> Position {
        Position::of_row(self.batch, self.times, self.number)
    }

    pub fn column(self, column: usize) -> &'a Column {
        &self.batch.columns[column]
    }

    /// An argument.
    pub fn element<E: Element>(self, (column, ty): &(usize, Type)) -> E {
        E::read(self.column(*column), self.number, ty)
    }
}

/// A row that an aggregate of the program could not add: it is in none of its group's aggregates.
pub struct FailedRow {
    /// Its number in its batch.
    pub number: usize,
    pub error: RowError,
}

/// How far ahead states are requested, and, when these have come, what they lead to.
const STATES_AHEAD: usize = 24;
const LED_TO_AHEAD: usize = 12;

/// What an aggregate keeps of a group.
pub trait State: Clone + Send + 'static {
    /// What it knows of its call.
    type Spec: Send + 'static;

    /// Of no rows.
    fn new(spec: &Self::Spec) -> Self;
    /// Looks whether a row can be added. If so, and if no other aggregate fails it, it is added next.
    fn prepare(&mut self, _spec: &Self::Spec, _row: Row) -> Result<(), RowError> {
        Ok(())
    }
    fn add(&mut self, spec: &Self::Spec, row: Row);
    /// Asks the processor for what it will look at when a row comes.
    fn request(&self) {}
    /// Takes a row out that was added. Not called for states of calls whose rows are never taken out.
    fn remove(&mut self, spec: &Self::Spec, row: Row);
    /// As if the rows of the other had been added.
    fn merge(&mut self, spec: &Self::Spec, from: &Self);
    /// Or why it does not fit its type.
    fn result(&self, spec: &Self::Spec) -> Result<Value, String>;
    /// Bytes of memory outside of it, about.
    fn owned_bytes(&self, spec: &Self::Spec) -> usize;
    fn write(&self, spec: &Self::Spec, out: &mut SnapshotWriter);
    fn restore(spec: &Self::Spec, from: &mut SnapshotReader) -> Result<Self, Corrupt>;
}

/// The states of one aggregate for all groups of a table or an arena. `word` is what stands in a slot.
pub trait SideStates: Send {
    /// Makes a state of no rows.
    fn make(&mut self) -> u64;
    /// Forgets a state.
    fn free(&mut self, word: u64);
    /// Looks whether a row can be added, as [`State::prepare`] says.
    fn prepare(&mut self, word: u64, row: Row) -> Result<(), RowError>;
    fn add(&mut self, word: u64, row: Row);
    /// Adds rows of a batch with these numbers, each to a state.
    fn add_each(&mut self, words: &[u64], rows: &[u32], batch: &Batch, times: &[i64]);
    fn remove(&mut self, word: u64, row: Row);
    /// Adds the rows of a state to another.
    fn merge(&mut self, into: u64, from: u64);
    /// Adds the rows of a state of others of the same aggregate.
    fn merge_from(&mut self, into: u64, others: &dyn SideStates, from: u64);
    fn result(&self, word: u64) -> Result<Value, String>;
    /// Forgets all states.
    fn clear(&mut self);
    /// Bytes of memory, about; counted anew, so not for every row.
    fn bytes(&self) -> usize;
    fn write(&self, word: u64, out: &mut SnapshotWriter);
    /// Makes a state of what `write` wrote.
    fn restore(&mut self, from: &mut SnapshotReader) -> Result<u64, Corrupt>;
    fn as_any(&self) -> &dyn Any;
}

/// States of one kind.
pub struct Pool<S: State> {
    spec: S::Spec,
    states: Vec<S>,
    free: Vec<u64>,
}

impl<S: State> Pool<S> {
    pub fn new(spec: S::Spec) -> Pool<S> {
        Pool { spec, states: vec![], free: vec![] }
    }

    fn get(&self, word: u64) -> Option<&S> {
        self.states.get((word as usize).checked_sub(1)?)
    }

    fn get_mut(&mut self, word: u64) -> Option<(&mut S, &S::Spec)> {
        Some((self.states.get_mut((word as usize).checked_sub(1)?)?, &self.spec))
    }

    fn keep(&mut self, state: S) -> u64 {
        match self.free.pop() {
            Some(word) => {
                self.states[word as usize - 1] = state;
                word
            }
            None => {
                self.states.push(state);
                self.states.len() as u64
            }
        }
    }
}

impl<S: State> SideStates for Pool<S> {
    fn make(&mut self) -> u64 {
        let state = S::new(&self.spec);
        self.keep(state)
    }

    fn free(&mut self, word: u64) {
        let fresh = S::new(&self.spec);
        if let Some((state, _)) = self.get_mut(word) {
            *state = fresh;
            self.free.push(word);
        }
    }

    fn prepare(&mut self, word: u64, row: Row) -> Result<(), RowError> {
        self.get_mut(word).map_or(Ok(()), |(state, spec)| state.prepare(spec, row))
    }

    fn add(&mut self, word: u64, row: Row) {
        if let Some((state, spec)) = self.get_mut(word) {
            state.add(spec, row);
        }
    }

    fn add_each(&mut self, words: &[u64], rows: &[u32], batch: &Batch, times: &[i64]) {
        let are_many = self.states.len() > STATES_AHEAD;
        for (i, (word, row)) in words.iter().zip(rows).enumerate() {
            if are_many {
                if let Some(later) = words.get(i + STATES_AHEAD) {
                    prefetch(self.states.as_ptr().wrapping_add(*later as usize).wrapping_sub(1) as *const u8);
                }
                if let Some(later) = words.get(i + LED_TO_AHEAD).and_then(|word| self.get(*word)) {
                    later.request();
                }
            }
            self.add(*word, Row { batch, times, number: *row as usize });
        }
    }

    fn remove(&mut self, word: u64, row: Row) {
        if let Some((state, spec)) = self.get_mut(word) {
            state.remove(spec, row);
        }
    }

    fn merge(&mut self, into: u64, from: u64) {
        if let Some(other) = self.get(from).filter(|_| into != from).cloned()
            && let Some((state, spec)) = self.get_mut(into)
        {
            state.merge(spec, &other);
        }
    }

    fn merge_from(&mut self, into: u64, others: &dyn SideStates, from: u64) {
        if let Some(others) = others.as_any().downcast_ref::<Pool<S>>()
            && let Some(other) = others.get(from)
            && let Some((state, spec)) = self.get_mut(into)
        {
            state.merge(spec, other);
        }
    }

    fn result(&self, word: u64) -> Result<Value, String> {
        match self.get(word) {
            Some(state) => state.result(&self.spec),
            None => S::new(&self.spec).result(&self.spec),
        }
    }

    fn clear(&mut self) {
        self.states.clear();
        self.free.clear();
    }

    fn bytes(&self) -> usize {
        let owned: usize = self.states.iter().map(|state| state.owned_bytes(&self.spec)).sum();
        owned + self.states.capacity() * size_of::<S>() + self.free.capacity() * 8
    }

    fn write(&self, word: u64, out: &mut SnapshotWriter) {
        match self.get(word) {
            Some(state) => state.write(&self.spec, out),
            None => S::new(&self.spec).write(&self.spec, out),
        }
    }

    fn restore(&mut self, from: &mut SnapshotReader) -> Result<u64, Corrupt> {
        let state = S::restore(&self.spec, from)?;
        Ok(self.keep(state))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The states of an aggregate; none for one whose state stands in the slot.
pub fn side_states(call: &AggregateCall) -> Option<Box<dyn SideStates>> {
    use AggregateFunction::*;
    if let Some(definition) = &call.user {
        let arguments = call.arguments.clone();
        return Some(pool::<user::Defined>(user::Spec { definition: definition.clone(), arguments }));
    }
    let (argument, removable) = (call.argument()?.clone(), call.removable);
    let layout = argument.1.layout();
    Some(match call.function {
        Minimum | Maximum => {
            let wanted = if call.function == Minimum { Ordering::Less } else { Ordering::Greater };
            let spec = extreme::Spec { argument, wanted };
            match layout {
                Layout::I64 if removable => pool::<extreme::Kept<i64>>(spec),
                Layout::F64 if removable => pool::<extreme::Kept<Float>>(spec),
                Layout::Decimal if removable => pool::<extreme::Kept<i128>>(spec),
                _ if removable => pool::<extreme::Kept<Value>>(spec),
                _ => pool::<extreme::Extreme>(spec),
            }
        }
        First | Last => {
            let spec = edge::Spec { argument, is_first: call.function == First };
            if removable { pool::<edge::Kept>(spec) } else { pool::<edge::Edge>(spec) }
        }
        ArgMin | ArgMax => {
            let by = call.arguments.get(1)?.clone();
            let spec = ranked::Spec { value: argument, by, greatest: call.function == ArgMax };
            if removable { pool::<ranked::Kept>(spec) } else { pool::<ranked::Best>(spec) }
        }
        Collect => pool::<collect::Collected>(argument),
        CollectDistinct if removable => pool::<collect::DistinctKept>(argument),
        CollectDistinct => pool::<collect::Distinct>(argument),
        ApproxDistinct if removable => pool::<cardinality::Exact>(argument),
        ApproxDistinct => pool::<cardinality::Cardinality>(argument),
        CountDistinct => match (layout, removable) {
            (Layout::I64 | Layout::F64, false) => Box::new(distinct::WordSets::new(argument.0)),
            (Layout::Decimal, false) => pool::<distinct::Seen<i128>>(argument),
            (Layout::View, false) => pool::<distinct::SeenTexts>(argument),
            (_, false) => pool::<distinct::Seen<Value>>(argument),
            (Layout::I64, true) => pool::<distinct::Counted<i64>>(argument),
            (Layout::F64, true) => pool::<distinct::Counted<Float>>(argument),
            (Layout::Decimal, true) => pool::<distinct::Counted<i128>>(argument),
            (_, true) => pool::<distinct::Counted<Value>>(argument),
        },
        Sum | Average if layout == Layout::F64 && removable => {
            pool::<float_sum::Kept>(float_sum::Spec { argument, average: call.function == Average })
        }
        Variance | Stddev | VariancePop | StddevPop | Covariance | Correlation => {
            pool::<moments::Moments>(moments::Spec::new(call.function, &call.arguments))
        }
        Median | Percentile => {
            let p = if call.function == Median { 0.5 } else { fraction(call) };
            let spec = percentile::Spec { argument, p, result: call.result.clone() };
            match layout {
                Layout::F64 => pool::<percentile::Ordered<Float>>(spec),
                Layout::Decimal => pool::<percentile::Ordered<i128>>(spec),
                _ => pool::<percentile::Ordered<i64>>(spec),
            }
        }
        ApproxPercentile => {
            let (p, result) = (fraction(call), call.result.clone());
            pool::<histogram::Histogram>(histogram::Spec { argument, p, result })
        }
        ApproxTop => pool::<frequent::Frequent>(frequent::Spec { argument, k: count(call), removable }),
        TopK | TopKDistinct => {
            let (k, distinct) = (count(call), call.function == TopKDistinct);
            pool::<top::Top>(top::Spec { argument, k, distinct, keeps_all: removable })
        }
        StringAgg | StringAggDistinct => {
            let spec = joined::Spec { argument, separator: separator(call) };
            match (call.function, removable) {
                (StringAgg, _) => pool::<joined::Joined<collect::Collected>>(spec),
                (_, true) => pool::<joined::Joined<collect::DistinctKept>>(spec),
                (_, false) => pool::<joined::Joined<collect::Distinct>>(spec),
            }
        }
        Count | Sum | Average | Any | All | User => return None,
    })
}

fn pool<S: State>(spec: S::Spec) -> Box<dyn SideStates> {
    Box::new(Pool::<S>::new(spec))
}

/// The parameter of a percentile; the checker has seen that it is from 0 to 1.
fn fraction(call: &AggregateCall) -> f64 {
    match &call.parameter {
        Some((Value::Float(p), _)) => *p,
        _ => 0.5,
    }
}

/// The parameter of how many, at least one.
fn count(call: &AggregateCall) -> usize {
    match &call.parameter {
        Some((Value::Int(k), _)) => (*k).max(1) as usize,
        _ => 1,
    }
}

fn separator(call: &AggregateCall) -> Arc<str> {
    match &call.parameter {
        Some((Value::String(text), _)) => text.clone(),
        _ => "".into(),
    }
}
