//! Groups whose aggregates are words of 64 bits: counts, sums and averages of whole numbers and extremes, as long
//! as sums are known to fit; counts of distinct words, and extremes of texts, which stand beside them. Rows are
//! added many at once, aggregate by aggregate, with the results behind each.

use super::distinct::{self, Distinct};
use super::texts::{TextResults, Texts};
use crate::accumulate::arena::Arena;
use crate::accumulate::result::divide_exactly;
use crate::kernel::accumulate::takes_part;
use crate::kernel::extent::magnitude_bits;
use crate::kernel::prefetch::prefetch;
use crate::kernel::table::widen_accumulators;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{
    AccumulatorField, AccumulatorKind, AggregateCall, AggregateFunction, SlotLayout,
};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnData, ColumnRef};
use millstream_ir::types::{Layout, TypeKind};
use millstream_ir::value::{Value, canonical_float, compare_floats};
use std::cmp::Ordering;
use std::ops::Range;

/// How far ahead slots are requested.
const AHEAD: usize = 24;
/// Words of a line of memory.
const LINE_WORDS: usize = 8;
/// The slots of so many rows stay in the first-level cache while aggregates visit them in turn.
const ROWS: usize = 256;

pub struct Narrow {
    calls: Vec<AggregateCall>,
    layout: SlotLayout,
    wide: SlotLayout,
    /// Of a slot without rows, with what fills it up so that none lies across two lines of memory.
    fresh: Vec<u64>,
    /// All slots, one behind the other.
    words: Buffer<u64>,
    /// No sum has been farther from zero than 2 to this power; one per aggregate.
    bits: Vec<u32>,
    /// What aggregates know beside their words; one per aggregate.
    beside: Vec<Beside>,
    distinct: Vec<Distinct>,
    texts: Vec<Texts>,
    /// Of the rows that are added: whether each is the first of its group.
    starts: Vec<bool>,
}

/// What stands beside the word of an aggregate.
#[derive(Clone, Copy, PartialEq)]
enum Beside {
    Nothing,
    /// Which of the sets has the values that it counts, and its bit there. Its word is the count.
    Distinct(usize, usize),
    /// Which of the texts are its. Its word says nothing.
    Text(usize),
}

impl Beside {
    /// The same, if it is in this set.
    fn filter_set(self, set: usize) -> Beside {
        match self {
            Beside::Distinct(own, _) if own == set => self,
            _ => Beside::Nothing,
        }
    }
}

/// Whether what an aggregate knows can stand beside its word.
fn is_beside(call: &AggregateCall) -> bool {
    let layout = call.argument().filter(|_| !call.removable).map(|(_, ty)| ty.layout());
    match call.function {
        AggregateFunction::CountDistinct => matches!(layout, Some(Layout::I64 | Layout::F64)),
        AggregateFunction::Minimum | AggregateFunction::Maximum => layout == Some(Layout::View),
        _ => false,
    }
}

impl Restored {
    fn write(&self, out: &mut SnapshotWriter) {
        match self {
            Restored::Nothing => {}
            Restored::Words(words) => out.sequence(words.iter(), |out, word| out.u64(*word)),
            Restored::Text(text) => out.value(text),
        }
    }
}

/// What a snapshot has of it.
enum Restored {
    Nothing,
    Words(Vec<u64>),
    Text(Value),
}

/// Rows of a batch, from `first` on, that are added to the groups with these numbers.
#[derive(Clone, Copy)]
pub struct Added<'a> {
    pub batch: &'a Batch,
    pub first: usize,
    pub numbers: &'a [u32],
    /// Whether each finds its group empty whatever was in it; none if no row does.
    pub restarts: Option<&'a [bool]>,
}

impl Narrow {
    /// None if there is an aggregate among these that needs more than a word.
    pub fn new(calls: &[AggregateCall]) -> Option<Narrow> {
        let (layout, wide) = (SlotLayout::narrow(&[], calls), SlotLayout::wide(&[], calls));
        let is_word = |(field, call): (&AccumulatorField, &AggregateCall)| match field.kind {
            AccumulatorKind::Count
            | AccumulatorKind::MinI64
            | AccumulatorKind::MaxI64
            | AccumulatorKind::MinF64
            | AccumulatorKind::MaxF64
            | AccumulatorKind::Any
            | AccumulatorKind::All => true,
            AccumulatorKind::SumNarrow => {
                call.function == AggregateFunction::Sum || call.result.kind == TypeKind::Float
            }
            AccumulatorKind::Side => is_beside(call),
            _ => false,
        };
        if !layout.accumulators.iter().zip(calls).all(is_word) {
            return None;
        }
        let mut fresh = layout.fresh();
        fresh.resize(layout.stride() / 8, 0);
        let (mut distinct, mut texts, mut beside) = (vec![], vec![], vec![]);
        // Of each of the sets how many count its values.
        let mut n_sharing: Vec<usize> = vec![];
        for (field, call) in layout.accumulators.iter().zip(calls) {
            let argument = call.argument().filter(|_| field.kind == AccumulatorKind::Side);
            beside.push(match (call.function, argument) {
                (AggregateFunction::CountDistinct, Some((column, _))) => {
                    let shares = |set: &usize| {
                        let known: &Distinct = &distinct[*set];
                        known.column == *column && n_sharing[*set] < distinct::MOST
                    };
                    let set = (0..distinct.len()).find(shares).unwrap_or(distinct.len());
                    if set == distinct.len() {
                        distinct.push(Distinct::new(*column));
                        n_sharing.push(0);
                    }
                    n_sharing[set] += 1;
                    Beside::Distinct(set, n_sharing[set] - 1)
                }
                (function, Some(_)) => {
                    let is_least = function == AggregateFunction::Minimum;
                    texts.push(Texts::new(if is_least { Ordering::Less } else { Ordering::Greater }));
                    Beside::Text(texts.len() - 1)
                }
                _ => Beside::Nothing,
            });
        }
        Some(Narrow {
            calls: calls.to_vec(),
            layout,
            wide,
            fresh,
            words: Buffer::new(),
            bits: vec![0; calls.len()],
            beside,
            distinct,
            texts,
            starts: vec![],
        })
    }

    /// Whether the rows of a batch can be added.
    pub fn accepts(&self, batch: &Batch) -> bool {
        let mut fields = self.calls.iter().zip(&self.layout.accumulators).zip(&self.bits);
        fields.all(|((call, field), bits)| {
            let Some((column, _)) = call.argument() else { return true };
            match (field.kind, &batch.columns[*column].data) {
                (AccumulatorKind::Count, _) => true,
                (AccumulatorKind::SumNarrow, ColumnData::I64(values)) => {
                    let added = (batch.n_rows as u128) << magnitude_bits(values);
                    (1 << bits) + added <= i64::MAX as u128
                }
                (AccumulatorKind::MinI64 | AccumulatorKind::MaxI64, ColumnData::I64(_)) => true,
                (AccumulatorKind::MinF64 | AccumulatorKind::MaxF64, ColumnData::F64(_)) => true,
                (AccumulatorKind::Any | AccumulatorKind::All, ColumnData::Bool(_)) => true,
                // What is beside a word takes any value of its type.
                (AccumulatorKind::Side, ColumnData::I64(_) | ColumnData::F64(_) | ColumnData::Text(_)) => {
                    true
                }
                _ => false,
            }
        })
    }

    /// Whether groups are nothing but words.
    pub fn is_plain(&self) -> bool {
        self.beside.iter().all(|beside| *beside == Beside::Nothing)
    }

    /// Makes groups for all numbers below `n`, of which there are fewer.
    pub fn reach(&mut self, n: usize) {
        let n_words = n * self.fresh.len();
        self.words.reserve(n_words.saturating_sub(self.words.len()));
        while self.words.len() < n_words {
            self.words.extend_from_slice(&self.fresh);
        }
        self.distinct.iter_mut().for_each(|distinct| distinct.reach(n));
        self.texts.iter_mut().for_each(|texts| texts.reach(n));
    }

    pub fn clear(&mut self, number: u32) {
        let n_words = self.fresh.len();
        self.words[number as usize * n_words..][..n_words].copy_from_slice(&self.fresh);
        self.distinct.iter_mut().for_each(|distinct| distinct.clear(number));
        self.texts.iter_mut().for_each(|texts| texts.clear(number));
    }

    pub fn n_rows(&self, number: u32) -> u64 {
        self.words[number as usize * self.fresh.len()]
    }

    fn slot(&self, number: u32) -> &[u64] {
        &self.words[number as usize * self.fresh.len()..][..self.fresh.len()]
    }

    /// The words of a group as they are in an arena.
    pub fn widened(&self, number: u32) -> Vec<u64> {
        let (slot, mut widened) = (self.slot(number), self.wide.fresh());
        widened[0] = slot[0];
        widen_accumulators((slot, &self.layout), (&mut widened, &self.wide));
        widened
    }

    /// Writes a group as an arena does.
    pub fn write(&self, number: u32, out: &mut SnapshotWriter) {
        let mut words = self.widened(number);
        let mut values: Vec<Restored> = vec![];
        for (beside, field) in self.beside.iter().zip(&self.wide.accumulators) {
            let value = match *beside {
                Beside::Nothing => continue,
                Beside::Distinct(set, bit) => Restored::Words(self.distinct[set].counted(number, bit)),
                Beside::Text(texts) => match self.texts[texts].get(number) {
                    Some(text) => Restored::Text(Value::string(String::from_utf8_lossy(&text))),
                    None => Restored::Nothing,
                },
            };
            // In the place of the number of a state: whether there is one.
            words[field.offset / 8] = !matches!(value, Restored::Nothing) as u64;
            values.push(value);
        }
        Arena::write_words(&words, out);
        values.iter().for_each(|value| value.write(out));
    }

    /// Makes the next group of what [`Narrow::write`] wrote. If it does not fit: the same for an arena.
    pub fn restore(&mut self, from: &mut SnapshotReader) -> Result<Option<Vec<u8>>, Corrupt> {
        let words = Arena::restore_words(from)?;
        let mut values = vec![];
        for (beside, field) in self.beside.iter().zip(&self.wide.accumulators) {
            let is_there = words.get(field.offset / 8).is_some_and(|word| *word != 0);
            values.push(match beside {
                Beside::Distinct(..) if is_there => Restored::Words(from.sequence(SnapshotReader::u64)?),
                Beside::Text(_) if is_there => Restored::Text(from.value()?),
                _ => Restored::Nothing,
            });
        }
        if !self.take_over(&words)? {
            let mut out = SnapshotWriter::default();
            Arena::write_words(&words, &mut out);
            values.iter().for_each(|value| value.write(&mut out));
            return Ok(Some(out.finish()));
        }
        let n = self.words.len() / self.fresh.len();
        self.reach(n);
        let number = n as u32 - 1;
        for ((beside, value), field) in self.beside.iter().zip(values).zip(&self.layout.accumulators) {
            match (*beside, value) {
                (Beside::Distinct(set, bit), Restored::Words(values)) => {
                    self.distinct[set].restore(number, bit, &values);
                    self.words[number as usize * self.fresh.len() + field.offset / 8] = values.len() as u64;
                }
                (Beside::Text(texts), Restored::Text(Value::String(text))) => {
                    self.texts[texts].set(number, text.as_bytes());
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Makes a group of such words; whether they fit.
    fn take_over(&mut self, widened: &[u64]) -> Result<bool, Corrupt> {
        if widened.len() != self.wide.size / 8 {
            return Err(Corrupt);
        }
        let mut words = self.fresh.clone();
        words[0] = widened[0];
        let fields = self.layout.accumulators.iter().zip(&self.wide.accumulators);
        for ((to, from), bits) in fields.zip(&mut self.bits) {
            if let (Some(to), Some(from)) = (to.seen, from.seen) {
                words[to / 8] = widened[from / 8];
            }
            let n_rows = words[to.seen.map_or(0, |seen| seen / 8)];
            if matches!(to.kind, AccumulatorKind::Count | AccumulatorKind::Side) || n_rows == 0 {
                continue;
            }
            let from_words = &widened[from.offset / 8..][..from.kind.bytes() / 8];
            let sign = (from_words[0] as i64 >> 63) as u64;
            // Above 64 bits stands the sign, and of a decimal's sum no carry.
            let is_narrow = match from_words {
                [_] => true,
                [_, high] => *high == sign,
                [_, high, carry] => *high == sign && *carry == 0,
                _ => false,
            };
            if !is_narrow {
                return Ok(false);
            }
            words[to.offset / 8] = from_words[0];
            if to.kind == AccumulatorKind::SumNarrow {
                *bits = (*bits).max(magnitude_bits(&[from_words[0] as i64]));
            }
        }
        self.words.extend_from_slice(&words);
        Ok(true)
    }

    /// Keeps the groups with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let mut words = Buffer::with_capacity(kept.len() * self.fresh.len());
        kept.iter().for_each(|number| words.extend_from_slice(self.slot(*number)));
        self.words = words;
        self.distinct.iter_mut().for_each(|distinct| distinct.renumber(kept));
        self.texts.iter_mut().for_each(|texts| texts.renumber(kept));
    }

    pub fn bytes(&self) -> usize {
        self.words.capacity() * 8
            + self.distinct.iter().map(Distinct::bytes).sum::<usize>()
            + self.texts.iter().map(Texts::bytes).sum::<usize>()
    }

    /// Whether each of the rows that were added last was the first of its group.
    pub fn starts(&self) -> &[bool] {
        &self.starts
    }

    /// Adds rows; of each aggregate the results behind each row, and if `BEFORE`, in front of these the results
    /// before it, unless its group was empty. For batches that are [accepted](Narrow::accepts).
    ///
    /// # Panics
    /// If a number has not been [reached](Narrow::reach).
    pub fn add_each<const BEFORE: bool>(&mut self, added: Added) -> Vec<Column> {
        let n_rows = added.numbers.len();
        let n_most = n_rows * (1 + BEFORE as usize);
        self.starts.clear();
        self.starts.resize(n_rows, false);
        let fields = self.calls.iter().zip(&self.layout.accumulators).zip(&self.beside);
        let mut results: Vec<Results> =
            fields.map(|((call, field), beside)| Results::new(call, field, *beside, added, n_most)).collect();
        let mut new = vec![[0; ROWS]; self.distinct.len()];
        let mut counts: Buffer<i64> = Buffer::filled(0, n_most);
        let mut n_results = 0;
        for first in (0..n_rows).step_by(ROWS) {
            let rows = first..n_rows.min(first + ROWS);
            let mut part = Part {
                words: &mut self.words,
                n_words: self.fresh.len(),
                numbers: &added.numbers[rows.clone()],
                starts: &mut self.starts[rows.clone()],
            };
            let restarts = added.restarts.map(|restarts| &restarts[rows]);
            let numbers = &added.numbers[first..];
            let n = part.count::<BEFORE>(&mut counts[n_results..], restarts, numbers);
            for (set, (distinct, new)) in self.distinct.iter_mut().zip(&mut new).enumerate() {
                let (data, new) =
                    (&added.batch.columns[distinct.column].data, &mut new[..part.numbers.len()]);
                new.fill(0);
                results.iter().for_each(|result| result.take_part_in(set, first, new));
                distinct.add(data, added.first + first, numbers, part.starts, new);
            }
            for result in &mut results {
                match result.beside {
                    Beside::Text(texts) => {
                        result.add_texts::<BEFORE>(&mut self.texts[texts], (numbers, part.starts), first)
                    }
                    _ => result.add::<BEFORE>(&mut part, first, n_results, &new),
                }
            }
            n_results += n;
        }
        counts.truncate(n_results);
        let finished = results.into_iter().zip(&mut self.bits);
        finished.map(|(results, bits)| results.finish(&counts, bits)).collect()
    }
}

/// What becomes of one aggregate while rows are added.
struct Results<'a> {
    call: &'a AggregateCall,
    field: &'a AccumulatorField,
    beside: Beside,
    data: Option<&'a ColumnData>,
    /// The batch's row that is the first.
    first: usize,
    /// Whether each row takes part; none if all do.
    mask: Option<Vec<bool>>,
    /// How many rows took part.
    seen: Buffer<i64>,
    values: Buffer<i64>,
    texts: TextResults,
}

impl<'a> Results<'a> {
    fn new(
        call: &'a AggregateCall,
        field: &'a AccumulatorField,
        beside: Beside,
        added: Added<'a>,
        n_most: usize,
    ) -> Results<'a> {
        let columns = &added.batch.columns;
        let is_partial = call.filter.is_some()
            || call.arguments.iter().any(|(column, _)| columns[*column].validity.is_some());
        let rows = added.first..added.first + added.numbers.len();
        let n_seen = if field.seen.is_some() { n_most } else { 0 };
        let has_values = field.kind != AccumulatorKind::Count && !matches!(beside, Beside::Text(_));
        let n_values = if has_values { n_most } else { 0 };
        Results {
            call,
            field,
            beside,
            data: call.argument().map(|(column, _)| &columns[*column].data),
            first: added.first,
            mask: is_partial.then(|| mask(call, columns, rows)),
            seen: Buffer::filled(0, n_seen),
            values: Buffer::filled(0, n_values),
            texts: TextResults::with_capacity(if matches!(beside, Beside::Text(_)) { n_most } else { 0 }),
        }
    }

    /// Of rows that come to a set from the one with this number on: marks those that are counted here.
    fn take_part_in(&self, set: usize, first: usize, rows: &mut [u64]) {
        let Beside::Distinct(_, bit) = self.beside.filter_set(set) else { return };
        match &self.mask {
            None => rows.iter_mut().for_each(|row| *row |= 1 << bit),
            Some(mask) => {
                rows.iter_mut().zip(&mask[first..]).for_each(|(row, takes)| *row |= (*takes as u64) << bit);
            }
        }
    }

    /// Adds a part of the rows, from the one with this number on.
    fn add_texts<const BEFORE: bool>(
        &mut self,
        texts: &mut Texts,
        (numbers, starts): (&[u32], &[bool]),
        first: usize,
    ) {
        let Some(ColumnData::Text(column)) = self.data else { return };
        let takes_part = |row: usize| self.mask.as_ref().is_none_or(|mask| mask[first + row]);
        let (from, results) = (self.first + first, &mut self.texts);
        texts.add_each::<BEFORE>(column, from, numbers, starts, takes_part, results);
    }

    /// Adds a part of the rows, from the one with this number on; the results are put behind `n_results`. `new` are
    /// the aggregates for which the values of rows are new in each of the sets.
    fn add<const BEFORE: bool>(
        &mut self,
        part: &mut Part,
        first: usize,
        n_results: usize,
        new: &[[u64; ROWS]],
    ) {
        let mask = self.mask.as_ref().map(|mask| &mask[first..]);
        if let Some(seen) = self.field.seen {
            let results = &mut self.seen[n_results..];
            part.walk_where::<BEFORE>(seen / 8, 0, results, mask, |seen, _| seen + 1);
        }
        let Some(data) = self.data else { return };
        let (at, from) = (self.field.offset / 8, self.first + first);
        let results = self.values.get_mut(n_results..).unwrap_or(&mut []);
        let int = |word: u64| word as i64;
        if let Beside::Distinct(set, bit) = self.beside {
            let count = |n: u64, row: usize| n + (new[set][row] >> bit & 1);
            return part.walk::<BEFORE>(at, 0, results, count);
        }
        match (self.field.kind, data) {
            (AccumulatorKind::SumNarrow, ColumnData::I64(values)) => {
                let values = &values[from..];
                let add = |sum: u64, row: usize| sum.wrapping_add(values[row] as u64);
                part.walk_where::<BEFORE>(at, 0, results, mask, add);
            }
            (AccumulatorKind::MinI64, ColumnData::I64(values)) => {
                let values = &values[from..];
                let keep = |least: u64, row: usize| int(least).min(values[row]) as u64;
                part.walk_where::<BEFORE>(at, i64::MAX as u64, results, mask, keep);
            }
            (AccumulatorKind::MaxI64, ColumnData::I64(values)) => {
                let values = &values[from..];
                let keep = |greatest: u64, row: usize| int(greatest).max(values[row]) as u64;
                part.walk_where::<BEFORE>(at, i64::MIN as u64, results, mask, keep);
            }
            (AccumulatorKind::MinF64, ColumnData::F64(values)) => {
                let values = &values[from..];
                let keep = |least: u64, row: usize| kept(least, values[row], Ordering::Less);
                part.walk_where::<BEFORE>(at, f64::NAN.to_bits(), results, mask, keep);
            }
            (AccumulatorKind::MaxF64, ColumnData::F64(values)) => {
                let values = &values[from..];
                let keep = |greatest: u64, row: usize| kept(greatest, values[row], Ordering::Greater);
                part.walk_where::<BEFORE>(at, f64::NEG_INFINITY.to_bits(), results, mask, keep);
            }
            (AccumulatorKind::Any, ColumnData::Bool(values)) => {
                let values = &values[from..];
                let or = |any: u64, row: usize| any | (values[row] != 0) as u64;
                part.walk_where::<BEFORE>(at, 0, results, mask, or);
            }
            (AccumulatorKind::All, ColumnData::Bool(values)) => {
                let values = &values[from..];
                let and = |all: u64, row: usize| all & (values[row] != 0) as u64;
                part.walk_where::<BEFORE>(at, 1, results, mask, and);
            }
            _ => {}
        }
    }

    /// The column of the results. `counts` are the rows of the groups.
    fn finish(mut self, counts: &Buffer<i64>, bits: &mut u32) -> Column {
        self.seen.truncate(counts.len());
        self.values.truncate(counts.len());
        match self.beside {
            Beside::Text(_) => return self.texts.finish(),
            Beside::Distinct(..) => return Column { data: ColumnData::I64(self.values), validity: None },
            Beside::Nothing => {}
        }
        let n_rows = if self.field.seen.is_some() { self.seen } else { counts.clone() };
        if self.field.kind == AccumulatorKind::Count {
            return Column { data: ColumnData::I64(n_rows), validity: None };
        }
        let validity = validity(&n_rows);
        let each = || self.values.iter().zip(n_rows.iter());
        let data = match self.field.kind {
            AccumulatorKind::SumNarrow => {
                *bits = (*bits).max(magnitude_bits(&self.values));
                match self.call.function {
                    AggregateFunction::Average => {
                        let mean = |(sum, n): (&i64, &i64)| divide_exactly(*sum as i128, *n as u64);
                        ColumnData::F64(
                            each().map(|(sum, n)| if *n > 0 { mean((sum, n)) } else { 0.0 }).collect(),
                        )
                    }
                    _ => ColumnData::I64(self.values),
                }
            }
            AccumulatorKind::MinF64 | AccumulatorKind::MaxF64 => {
                let float = |word: &i64| canonical_float(f64::from_bits(*word as u64));
                ColumnData::F64(each().map(|(word, n)| if *n > 0 { float(word) } else { 0.0 }).collect())
            }
            AccumulatorKind::Any | AccumulatorKind::All => {
                ColumnData::Bool(each().map(|(truth, n)| (*n > 0 && *truth != 0) as u8).collect())
            }
            _ if validity.is_none() => ColumnData::I64(self.values),
            _ => ColumnData::I64(each().map(|(value, n)| if *n > 0 { *value } else { 0 }).collect()),
        };
        Column { data, validity }
    }
}

/// Whether each of some rows takes part.
fn mask(call: &AggregateCall, columns: &[ColumnRef], rows: Range<usize>) -> Vec<bool> {
    let is_never_null = call.arguments.iter().all(|(column, _)| columns[*column].validity.is_none());
    match call.filter.map(|filter| &*columns[filter]) {
        Some(Column { data: ColumnData::Bool(truths), validity: None }) if is_never_null => {
            truths[rows].iter().map(|truth| *truth != 0).collect()
        }
        _ => rows.map(|row| takes_part(call, columns, row)).collect(),
    }
}

fn kept(known: u64, x: f64, order: Ordering) -> u64 {
    if compare_floats(x, f64::from_bits(known)) == order { x.to_bits() } else { known }
}

/// Where there is a result: none where there is everywhere.
fn validity(n_rows: &[i64]) -> Option<Bitmap> {
    if n_rows.iter().all(|n| *n > 0) {
        return None;
    }
    let mut validity = Bitmap::default();
    n_rows.iter().for_each(|n| validity.push(*n > 0));
    Some(validity)
}

/// Rows that are added together, and all slots.
struct Part<'a> {
    words: &'a mut [u64],
    n_words: usize,
    numbers: &'a [u32],
    starts: &'a mut [bool],
}

impl Part<'_> {
    /// Counts the rows and finds which are the first of their groups; how many results there are. `numbers` are those
    /// of the rows and of more that are added next.
    fn count<const BEFORE: bool>(
        &mut self,
        results: &mut [i64],
        restarts: Option<&[bool]>,
        numbers: &[u32],
    ) -> usize {
        let mut n = 0;
        for (i, (number, starts)) in self.numbers.iter().zip(self.starts.iter_mut()).enumerate() {
            if let Some(later) = numbers.get(i + AHEAD) {
                let slot = self.words.as_ptr().wrapping_add(*later as usize * self.n_words);
                (0..self.n_words)
                    .step_by(LINE_WORDS)
                    .for_each(|at| prefetch(slot.wrapping_add(at) as *const u8));
            }
            let word = &mut self.words[*number as usize * self.n_words];
            let before = if restarts.is_some_and(|restarts| restarts[i]) { 0 } else { *word };
            *starts = before == 0;
            if BEFORE {
                results[n] = before as i64;
                n += (before > 0) as usize;
            }
            *word = before + 1;
            results[n] = before as i64 + 1;
            n += 1;
        }
        n
    }

    fn walk_where<const BEFORE: bool>(
        &mut self,
        at: usize,
        fresh: u64,
        results: &mut [i64],
        mask: Option<&[bool]>,
        update: impl Fn(u64, usize) -> u64,
    ) {
        match mask {
            None => self.walk::<BEFORE>(at, fresh, results, update),
            Some(mask) => {
                self.walk::<BEFORE>(
                    at,
                    fresh,
                    results,
                    |word, row| {
                        if mask[row] { update(word, row) } else { word }
                    },
                )
            }
        }
    }

    /// Updates a word of each row's group, which is `fresh` where the row is the first.
    #[inline(always)]
    fn walk<const BEFORE: bool>(
        &mut self,
        at: usize,
        fresh: u64,
        results: &mut [i64],
        update: impl Fn(u64, usize) -> u64,
    ) {
        let mut n = 0;
        for (row, (number, starts)) in self.numbers.iter().zip(self.starts.iter()).enumerate() {
            let word = &mut self.words[*number as usize * self.n_words + at];
            let before = if *starts { fresh } else { *word };
            if BEFORE {
                results[n] = before as i64;
                n += !*starts as usize;
            }
            let after = update(before, row);
            *word = after;
            results[n] = after as i64;
            n += 1;
        }
    }
}
