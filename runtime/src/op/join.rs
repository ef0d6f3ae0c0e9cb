//! Joins of two streams: a symmetric hash join (Wilschut, Apers: Dataflow query execution in a parallel
//! main-memory environment, 1991) whose rows are forgotten when the other side's watermark says that no partner
//! can come any more.
//!
//! A pair leaves when its second row comes. A row without a partner leaves when it is certain that it has none;
//! as it keeps its own time, the watermark of the join stays behind it.

mod pairs;
mod side;

use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::plain;
use crate::op::order::without_late;
use crate::op::pair_filter::PairFilter;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, JoinBound, JoinKind, Schema};
use millstream_ir::types::Type;
use pairs::{Change, Gathered, Half, batch_of, time_of};
use side::{Entry, NO_KEY, Side};

pub struct JoinOperator {
    spec: Join,
    bound: JoinBound,
    /// Whether rows of each input without a partner wait until it is certain that none will come. In a join that
    /// is updating they leave at once.
    waits: [bool; 2],
    types: [Vec<Type>; 2],
    /// The columns of the keys and of the event time of each input.
    keys: [Vec<usize>; 2],
    times: [usize; 2],
    index: KeyIndex,
    sides: [Side; 2],
    watermarks: [Watermark; 2],
    /// The watermark that was given last.
    given: Watermark,
    filter: Option<PairFilter>,
    /// Rows of one batch of a source that came by both inputs: they are taken in the order in which they were read.
    held: Option<Vec<(usize, Batch)>>,
    gathered: [Gathered; 2],
    work: Option<Work>,
}

/// So many batches leave at once; more are asked for.
const BATCHES_AT_ONCE: usize = 16;

/// Rows that came and are being paired.
struct Work {
    input: usize,
    batch: Batch,
    /// Of each row: the number of its key, its time, and whether it has had a partner.
    keys: Vec<u32>,
    times: Buffer<EventTime>,
    is_matched: Vec<bool>,
    /// The next row to be looked up.
    row: usize,
    candidates: Vec<Candidate>,
    /// How many of the candidates are done.
    n_done: usize,
}

/// A row that came, and one that was there.
struct Candidate {
    row: u32,
    entry: u64,
}

impl JoinOperator {
    /// `reads_together`: whether both inputs may bring rows of one batch of a source. Without a kernel the
    /// reference evaluator checks pairs.
    pub fn new(
        spec: &Join,
        bound: JoinBound,
        [left, right]: [&Schema; 2],
        kernel: Option<Box<dyn SegmentKernel>>,
        reads_together: bool,
        seed: u64,
    ) -> JoinOperator {
        let types = [left.types(), right.types()];
        let (left_keys, right_keys): (Vec<usize>, Vec<usize>) = spec.keys.iter().copied().unzip();
        // Null equals nothing, so that it is never looked up.
        let key_types: Vec<Type> = left_keys.iter().map(|key| types[0][*key].clone().required()).collect();
        let waits = if spec.is_updating() { [false; 2] } else { spec.kind.yields_unmatched() };
        JoinOperator {
            spec: spec.clone(),
            bound,
            waits,
            types,
            keys: [left_keys, right_keys],
            times: [left.time, right.time],
            index: KeyIndex::new(&key_types, seed),
            sides: waits.map(Side::new),
            watermarks: [Watermark::START; 2],
            given: Watermark::START,
            filter: PairFilter::new(spec, [left, right], kernel),
            held: reads_together.then(Vec::new),
            gathered: Default::default(),
            work: None,
        }
    }

    fn take(&mut self, input: usize, batch: Batch, output: &mut Output) {
        let batch = match self.bound {
            // Rows that are kept for ever are not closed by time.
            JoinBound::Forever => batch,
            _ => without_late(batch, output),
        };
        if batch.n_rows == 0 {
            return;
        }
        let keys = self.keys_of(input, &batch);
        let ColumnData::I64(times) = &batch.columns[self.times[input]].data else { return };
        let (times, is_matched) = (times.clone(), vec![false; batch.n_rows]);
        self.work =
            Some(Work { input, batch, keys, times, is_matched, row: 0, candidates: vec![], n_done: 0 });
        self.go_on(output);
    }

    /// Pairs the rows that came last, until the answer is long or all are done; then they are kept.
    fn go_on(&mut self, output: &mut Output) {
        while let Some(mut work) = self.work.take() {
            if output.messages.len() >= BATCHES_AT_ONCE {
                self.work = Some(work);
                output.more = true;
                return;
            }
            self.find_candidates(&mut work);
            if work.n_done == work.candidates.len() {
                self.yield_lonely(&work, output);
                self.keep(work.input, work.batch, &work.keys, &work.times, &work.is_matched);
                // The other side may have gone past the partners of a row before it came.
                return self.release(output);
            }
            self.pair(&mut work, output);
            self.work = Some(work);
        }
    }

    /// Looks rows up until there is a batch of candidates, or no row is left.
    fn find_candidates(&self, work: &mut Work) {
        if work.n_done < work.candidates.len() {
            return;
        }
        (work.candidates, work.n_done) = (vec![], 0);
        let other = &self.sides[1 - work.input];
        while work.row < work.batch.n_rows && work.candidates.len() < BATCH_ROWS {
            let row = work.row;
            let first = work.candidates.len();
            let near = other.of_key(work.keys[row]);
            let near = near.filter(|(_, entry)| self.are_near(work.input, work.times[row], entry));
            work.candidates.extend(near.map(|(entry, _)| Candidate { row: row as u32, entry }));
            // In the order in which they came.
            work.candidates[first..].reverse();
            work.row += 1;
        }
    }

    /// The number of each row's key.
    fn keys_of(&mut self, input: usize, batch: &Batch) -> Vec<u32> {
        let columns: Vec<&ColumnRef> = self.keys[input].iter().map(|key| &batch.columns[*key]).collect();
        let is_whole = |row: &u32| columns.iter().all(|column| column.is_valid(*row as usize));
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(is_whole).collect();
        let mut numbers = vec![];
        self.index.find(&columns, &rows, &mut numbers);
        self.sides.iter_mut().for_each(|side| side.reserve_keys(self.index.n_numbers()));
        if rows.len() == batch.n_rows {
            return numbers;
        }
        let mut keys = vec![NO_KEY; batch.n_rows];
        rows.iter().zip(numbers).for_each(|(row, number)| keys[*row as usize] = number);
        keys
    }

    /// Whether a row of this input is as near to one of the other as it must be.
    fn are_near(&self, input: usize, time: EventTime, entry: &Entry) -> bool {
        match self.bound {
            JoinBound::Within { low, high } => {
                let later = if input == 0 {
                    entry.time.saturating_sub(time)
                } else {
                    time.saturating_sub(entry.time)
                };
                low <= later && later <= high
            }
            JoinBound::Window { .. } | JoinBound::Forever => true,
        }
    }

    /// Yields what the next candidates give that fulfil the condition.
    fn pair(&mut self, work: &mut Work, output: &mut Output) {
        let to = work.candidates.len().min(work.n_done + BATCH_ROWS);
        let candidates = &work.candidates[work.n_done..to];
        let Work { input, batch, times, is_matched, .. } = work;
        let input = *input;
        work.n_done = to;
        self.gathered.iter_mut().for_each(Gathered::clear);
        let own = self.gathered[input].add(batch.clone());
        let other = 1 - input;
        let mut pairs: Vec<[Option<Half>; 2]> = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let entry = *self.sides[other].entry(candidate.entry);
            let mut pair = [None; 2];
            pair[input] = Some(Half { time: times[candidate.row as usize], pick: (own, candidate.row) });
            pair[other] = Some(self.gathered[other].half(&self.sides[other], &entry));
            pairs.push(pair);
        }
        let (passed, failed) = self.passing(input, candidates, &pairs, is_matched, output);
        let marks = self.spec.kind != JoinKind::Inner;
        let leaves_alone =
            if self.spec.is_updating() { self.spec.kind.yields_unmatched() } else { [false; 2] };
        let mut yielded = vec![];
        // A row that failed has no place among those without a partner.
        yielded.extend(failed.into_iter().filter(|_| leaves_alone[0]).map(|number| Change {
            of: [pairs[number][0], None],
            at: time_of(&pairs[number]),
            sign: -1,
        }));
        for number in passed {
            let Candidate { row, entry } = candidates[number];
            let (own_is_new, other_is_new) = match marks {
                true => {
                    (!std::mem::replace(&mut is_matched[row as usize], true), self.sides[other].mark(entry))
                }
                false => (false, false),
            };
            let (pair, at) = (pairs[number], time_of(&pairs[number]));
            if other_is_new && leaves_alone[other] {
                let mut of = [None; 2];
                of[other] = pair[other];
                yielded.push(Change { of, at, sign: -1 });
            }
            let left_is_new = if input == 0 { own_is_new } else { other_is_new };
            match self.spec.kind {
                JoinKind::Semi if left_is_new => yielded.push(Change::added([pair[0], None])),
                JoinKind::Semi | JoinKind::Anti => {}
                _ => yielded.push(Change::added(pair)),
            }
        }
        self.yield_changes(&yielded, output);
    }

    /// Of a join that is updating: yields the rows that came and have found no partner so far.
    fn yield_lonely(&mut self, work: &Work, output: &mut Output) {
        let input = work.input;
        if !self.spec.is_updating() || !self.spec.kind.yields_unmatched()[input] {
            return;
        }
        self.gathered.iter_mut().for_each(Gathered::clear);
        let own = self.gathered[input].add(work.batch.clone());
        let lonely = (0..work.batch.n_rows).filter(|row| !work.is_matched[*row]).map(|row| {
            let mut of = [None; 2];
            of[input] = Some(Half { time: work.times[row], pick: (own, row as u32) });
            Change::added(of)
        });
        let lonely: Vec<Change> = lonely.collect();
        self.yield_changes(&lonely, output);
    }

    /// The numbers of the candidates that fulfil the condition; and of those by which a left row fails that had
    /// left without a partner. The left rows of those that fail are reported.
    fn passing(
        &mut self,
        input: usize,
        candidates: &[Candidate],
        pairs: &[[Option<Half>; 2]],
        is_matched: &mut [bool],
        output: &mut Output,
    ) -> (Vec<usize>, Vec<usize>) {
        let Some(filter) = &mut self.filter else { return ((0..pairs.len()).collect(), vec![]) };
        let gathered = [&self.gathered[0], &self.gathered[1]];
        let (mut passed, mut took_back) = (vec![], vec![]);
        for (chunk, pairs) in pairs.chunks(BATCH_ROWS).enumerate() {
            let first = chunk * BATCH_ROWS;
            let pairs: Vec<Change> = pairs.iter().map(|pair| Change::added(*pair)).collect();
            let mut batch = batch_of(gathered, [&self.types[0], &self.types[1]], &pairs, EventTime::MIN);
            batch.columns.pop();
            let checked = filter.check(batch);
            passed.extend(checked.passed.iter().map(|number| first + number));
            for failed in checked.failed.iter().copied() {
                let Candidate { row, entry } = candidates[first + failed];
                // A row fails once, however many pairs of it do.
                let is_new = match input {
                    0 => !std::mem::replace(&mut is_matched[row as usize], true),
                    _ => self.sides[0].mark(entry),
                };
                if is_new {
                    took_back.extend((input == 1).then_some(first + failed));
                    output.failures.push(checked.explain(failed));
                }
            }
        }
        (passed, took_back)
    }

    fn yield_changes(&self, changes: &[Change], output: &mut Output) {
        let gathered = [&self.gathered[0], &self.gathered[1]];
        for changes in changes.chunks(BATCH_ROWS) {
            let types = [&self.types[0][..], &self.types[1]];
            let mut batch = batch_of(gathered, types, changes, self.given.0);
            if self.spec.kind.yields_left_only() {
                let of_right = self.types[0].len()..self.types[0].len() + self.types[1].len();
                batch.columns.drain(of_right);
            }
            match self.spec.n_added() {
                0 => batch.columns.truncate(self.types[0].len()),
                1 => {}
                _ => batch.columns.push(plain(changes.iter().map(|change| change.sign))),
            }
            output.messages.push(Message::Batch(batch));
        }
    }

    /// Keeps the rows of a batch that may still find partners.
    fn keep(&mut self, input: usize, batch: Batch, keys: &[u32], times: &[EventTime], is_matched: &[bool]) {
        let other = self.watermarks[1 - input];
        let waits = self.waits[input];
        let untils: Vec<EventTime> =
            (0..batch.n_rows).map(|row| self.until(input, &batch, row, times[row])).collect();
        // Of rows of which only whether they have a partner matters, one partner is enough.
        let one_is_enough = input == 0 && self.spec.kind.yields_left_only();
        let stays = |row: usize| {
            let can_match = keys[row] != NO_KEY && !side::is_over(untils[row], other);
            (can_match || waits) && !(is_matched[row] && (one_is_enough || !can_match))
        };
        let rows: Vec<usize> = (0..batch.n_rows).filter(|row| stays(*row)).collect();
        if !rows.is_empty() {
            let side = &mut self.sides[input];
            side.keep(batch);
            for row in rows {
                side.add(times[row], untils[row], keys[row], row as u32, is_matched[row]);
            }
        }
        for key in keys.iter().filter(|key| **key != NO_KEY) {
            forget(&mut self.index, &self.sides, *key);
        }
    }

    /// The greatest time that a partner of a row can have.
    fn until(&self, input: usize, batch: &Batch, row: usize, time: EventTime) -> EventTime {
        match self.bound {
            JoinBound::Within { high, .. } if input == 0 => time.saturating_add(high),
            JoinBound::Within { low, .. } => time.saturating_sub(low),
            JoinBound::Window { ends, .. } => match &batch.columns[ends[input]].data {
                ColumnData::I64(ends) => ends[row].saturating_sub(1),
                _ => time,
            },
            JoinBound::Forever => EventTime::MAX,
        }
    }

    /// Yields the rows that have no partner, and forgets what can find none.
    fn release(&mut self, output: &mut Output) {
        for input in 0..2 {
            let other = self.watermarks[1 - input];
            self.gathered.iter_mut().for_each(Gathered::clear);
            let mut unmatched = vec![];
            while let Some(number) = self.sides[input].pop_unmatched(other) {
                let entry = *self.sides[input].entry(number);
                let mut pair = [None; 2];
                pair[input] = Some(self.gathered[input].half(&self.sides[input], &entry));
                unmatched.push(Change::added(pair));
            }
            self.yield_changes(&unmatched, output);
            let mut gone = vec![];
            self.sides[input].expire(other, |key| gone.push(key));
            gone.into_iter().for_each(|key| forget(&mut self.index, &self.sides, key));
        }
    }

    /// No row that is not late will leave with an earlier time.
    fn promised(&self) -> Watermark {
        let [left, right] = self.watermarks;
        let behind = |watermark: Watermark, by: i64| match watermark {
            Watermark::END => Watermark::END,
            watermark => Watermark(watermark.0.saturating_sub(by.max(0))),
        };
        let [left_waits, right_waits] = self.waits;
        let left_waits = left_waits || self.spec.kind == JoinKind::Semi;
        let (after_left, after_right) = match self.bound {
            JoinBound::Within { low, high } => (high, low.saturating_neg()),
            JoinBound::Window { longest, .. } => (longest, longest),
            JoinBound::Forever => (0, 0),
        };
        let of_left = if left_waits { behind(right, after_left) } else { right };
        let of_right = if right_waits { behind(left, after_right) } else { left };
        of_left.min(of_right)
    }

    fn advance(&mut self, output: &mut Output) {
        self.release(output);
        let promised = self.promised();
        if promised > self.given {
            self.given = promised;
            output.messages.push(Message::Watermark(promised));
        }
    }
}

/// Forgets a key of which neither side has a row.
fn forget(index: &mut KeyIndex, sides: &[Side; 2], key: u32) {
    if index.is_live(key) && !sides.iter().any(|side| side.has_key(key)) {
        index.remove(key);
    }
}

impl Operator for JoinOperator {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => match &mut self.held {
                Some(held) => held.push((input, batch)),
                None => self.take(input, batch, output),
            },
            Message::Watermark(watermark) => {
                self.watermarks[input] = watermark;
                if self.held.as_ref().is_none_or(Vec::is_empty) {
                    self.advance(output);
                }
            }
        }
    }

    fn resume(&mut self, output: &mut Output) {
        self.go_on(output);
    }

    fn settle(&mut self, output: &mut Output) {
        let held = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        if held.is_empty() {
            return;
        }
        let mut rows: Vec<_> = vec![];
        for (number, (input, batch)) in held.iter().enumerate() {
            rows.extend((0..batch.n_rows).map(|row| (batch.origin.place(row), *input, number, row as u32)));
        }
        rows.sort_by_key(|(place, input, number, row)| {
            (place.source, place.partition, place.offset, *input, *number, *row)
        });
        for run in rows.chunk_by(|a, b| a.2 == b.2) {
            let (input, batch) = &held[run[0].2];
            let numbers: Vec<u32> = run.iter().map(|(_, _, _, row)| *row).collect();
            let part = if numbers.len() == batch.n_rows { batch.clone() } else { batch.gather(&numbers) };
            self.take(*input, part, output);
            while std::mem::take(&mut output.more) {
                let mut more = Output::default();
                self.go_on(&mut more);
                output.more = more.more;
                output.messages.append(&mut more.messages);
                output.failures.append(&mut more.failures);
            }
        }
        self.advance(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.given.0);
        for input in 0..2 {
            writer.i64(self.watermarks[input].0);
            self.sides[input].snapshot(&self.types[input], writer);
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.given = Watermark(reader.i64()?);
        let mut kept = vec![];
        for input in 0..2 {
            self.watermarks[input] = Watermark(reader.i64()?);
            kept.push(Side::read(&self.types[input], reader)?);
        }
        for (input, batches) in kept.into_iter().enumerate() {
            for (batch, is_matched) in batches {
                let keys = self.keys_of(input, &batch);
                let ColumnData::I64(times) = &batch.columns[self.times[input]].data else {
                    return Err(Corrupt);
                };
                let times = times.clone();
                self.keep(input, batch, &keys, &times, &is_matched);
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.index.bytes() + self.sides.iter().map(Side::bytes).sum::<usize>()
    }

    fn waiting(&self) -> Option<Waiting> {
        let waiting: Vec<(usize, EventTime)> = self.sides.iter().filter_map(Side::waiting).collect();
        let until = waiting.iter().map(|(_, until)| *until).min()?;
        let n = waiting.iter().map(|(n, _)| n).sum();
        Some(Waiting { what: "rows", n: Some(n), until })
    }
}
