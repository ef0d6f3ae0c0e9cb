//! Joins of two streams: a symmetric hash join (Wilschut, Apers: Dataflow query execution in a parallel
//! main-memory environment, 1991) whose rows are forgotten when the other side's watermark says that no partner
//! can come any more.
//!
//! A pair leaves when its second row comes. A row without a partner leaves when it is certain that it has none;
//! as it keeps its own time, the watermark of the join stays behind it.

mod keys;
mod pairs;
mod side;

use crate::message::{EventTime, Message, Watermark};
use crate::op::order::without_late;
use crate::op::pair_filter::PairFilter;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use keys::JoinKeys;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::ColumnData;
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, JoinBound, JoinKind, Schema};
use millstream_ir::types::Type;
use pairs::{Gathered, MISSING, Pairs};
use side::{Entry, GROUP, NO_KEY, Side, Walked};

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
    index: JoinKeys,
    sides: [Side; 2],
    watermarks: [Watermark; 2],
    /// The watermark that was given last.
    given: Watermark,
    filter: Option<PairFilter>,
    /// Rows of one batch of a source that came by both inputs: they are taken in the order in which they were read.
    held: Option<Vec<(usize, Batch)>>,
    /// The watermarks that came behind rows that are held, which say nothing of these.
    risen: [Option<Watermark>; 2],
    gathered: Gathered,
    walked: Walked,
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
            index: JoinKeys::new(&key_types, seed),
            sides: waits.map(Side::new),
            watermarks: [Watermark::START; 2],
            given: Watermark::START,
            filter: PairFilter::new(spec, [left, right], kernel),
            held: reads_together.then(Vec::new),
            risen: [None; 2],
            gathered: Gathered::default(),
            walked: Walked::default(),
            work: None,
        }
    }

    /// The number of each row's key.
    fn number_keys(&mut self, input: usize, batch: &Batch) -> Vec<u32> {
        let keys = self.index.of(&self.keys[input], batch);
        self.sides.iter_mut().for_each(|side| side.reserve_keys(self.index.n_numbers()));
        keys
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
        let keys = self.number_keys(input, &batch);
        let ColumnData::I64(times) = &batch.columns[self.times[input]].data else { return };
        let (times, is_matched) = (times.clone(), vec![false; batch.n_rows]);
        self.work = Some(Work { input, batch, keys, times, is_matched, row: 0 });
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
            if work.row == work.batch.n_rows {
                self.yield_lonely(&work, output);
                self.keep(work.input, work.batch, &work.keys, &work.times, &work.is_matched);
                // The other side may have gone past the partners of a row before it came.
                return self.release(output);
            }
            self.pair_next(&mut work, output);
            self.work = Some(work);
        }
    }

    /// Looks rows up until there is a batch of pairs, or no row is left; yields those that fulfil the condition.
    fn pair_next(&mut self, work: &mut Work, output: &mut Output) {
        let (input, other) = (work.input, 1 - work.input);
        let side = &self.sides[other];
        let (mut candidates, mut found) = (vec![], Pairs::default());
        self.gathered.clear();
        while work.row < work.batch.n_rows && candidates.len() < BATCH_ROWS {
            let rows = work.row..work.batch.n_rows.min(work.row + GROUP);
            side.request(&work.keys, rows.clone());
            side.walk(&work.keys[rows.clone()], &mut self.walked);
            for (in_group, entry, partner) in self.walked.in_order() {
                let row = rows.start + in_group;
                let time = work.times[row];
                if !bound_holds(self.bound, input, time, partner) {
                    continue;
                }
                let number = self.gathered.number(side.batch_of(partner));
                let mut picks = [(0, row as u32); 2];
                picks[other] = (number, partner.row);
                found.push(picks, time.max(partner.time), 1);
                found.came_by(&work.batch, row as u32);
                candidates.push(Candidate { row: row as u32, entry });
            }
            work.row = rows.end;
        }
        self.yield_found(work, &candidates, found, output);
    }

    fn yield_found(&mut self, work: &mut Work, candidates: &[Candidate], found: Pairs, output: &mut Output) {
        let (input, other) = (work.input, 1 - work.input);
        let (passed, failed) = self.passing(work, candidates, &found, output);
        if self.spec.kind == JoinKind::Inner {
            let found = if passed.len() == found.len() { found } else { found.gather(&passed) };
            return self.yield_pairs(input, Some(&work.batch), &found, output);
        }
        let leaves_alone =
            if self.spec.is_updating() { self.spec.kind.yields_unmatched() } else { [false; 2] };
        let without = |number: usize, missing: usize| {
            let mut picks = found.picks_of(number);
            picks[missing] = MISSING;
            picks
        };
        let mut yielded = Pairs::default();
        // A row that failed has no place among those without a partner.
        for number in failed.into_iter().filter(|_| leaves_alone[0]) {
            yielded.push(without(number, 1), found.times[number], -1);
            yielded.came_by(&work.batch, candidates[number].row);
        }
        for number in passed {
            let Candidate { row, entry } = candidates[number];
            let own_is_new = !std::mem::replace(&mut work.is_matched[row as usize], true);
            let other_is_new = self.sides[other].mark(entry);
            if other_is_new && leaves_alone[other] {
                yielded.push(without(number, input), found.times[number], -1);
                yielded.came_by(&work.batch, row);
            }
            let left_is_new = if input == 0 { own_is_new } else { other_is_new };
            match self.spec.kind {
                JoinKind::Semi if left_is_new => {
                    yielded.push(without(number, 1), found.times[number], 1);
                }
                JoinKind::Semi | JoinKind::Anti => continue,
                _ => yielded.push(found.picks_of(number), found.times[number], 1),
            }
            yielded.came_by(&work.batch, row);
        }
        self.yield_pairs(input, Some(&work.batch), &yielded, output);
    }

    /// Of a join that is updating: yields the rows that came and have found no partner so far.
    fn yield_lonely(&mut self, work: &Work, output: &mut Output) {
        if !self.spec.is_updating() || !self.spec.kind.yields_unmatched()[work.input] {
            return;
        }
        let mut lonely = Pairs::default();
        for row in (0..work.batch.n_rows).filter(|row| !work.is_matched[*row]) {
            let mut picks = [MISSING; 2];
            picks[work.input] = (0, row as u32);
            lonely.push(picks, work.times[row], 1);
            lonely.came_by(&work.batch, row as u32);
        }
        self.yield_pairs(work.input, Some(&work.batch), &lonely, output);
    }

    /// The numbers of the candidates that fulfil the condition; and of those by which a left row fails that had
    /// left without a partner. The left rows of those that fail are reported.
    fn passing(
        &mut self,
        work: &mut Work,
        candidates: &[Candidate],
        found: &Pairs,
        output: &mut Output,
    ) -> (Vec<usize>, Vec<usize>) {
        let Some(filter) = &mut self.filter else { return ((0..found.len()).collect(), vec![]) };
        let others = self.gathered.batches(&self.sides[1 - work.input]);
        let own = [&work.batch];
        let batches: [&[&Batch]; 2] = if work.input == 0 { [&own, &others] } else { [&others, &own] };
        let (mut passed, mut failed) = (vec![], vec![]);
        for first in (0..found.len()).step_by(BATCH_ROWS) {
            let numbers: Vec<usize> = (first..found.len().min(first + BATCH_ROWS)).collect();
            let pairs = found.gather(&numbers);
            let columns = pairs.columns(batches, [&self.types[0], &self.types[1]]);
            let (n_rows, origin) = (pairs.len(), Origin::default());
            let checked = filter.check(Batch { columns, n_rows, origin, late: vec![] });
            passed.extend(checked.passed.iter().map(|number| first + number));
            failed.extend(checked.failed.iter().map(|number| (first + number, checked.explain(*number))));
        }
        let mut took_back = vec![];
        for (number, failure) in failed {
            let Candidate { row, entry } = candidates[number];
            // A row fails once, however many pairs of it do.
            let is_new = match work.input {
                0 => !std::mem::replace(&mut work.is_matched[row as usize], true),
                _ => self.sides[0].mark(entry),
            };
            if is_new {
                took_back.extend((work.input == 1).then_some(number));
                output.failures.push(failure);
            }
        }
        (passed, took_back)
    }

    /// Yields pairs of rows of the batch that came on this input, if there is one, and of those that have been
    /// gathered of the other; without one these are of the input itself.
    fn yield_pairs(&self, input: usize, came: Option<&Batch>, pairs: &Pairs, output: &mut Output) {
        let own: Vec<&Batch> = match came {
            Some(batch) => vec![batch],
            None => self.gathered.batches(&self.sides[input]),
        };
        let others = match came {
            Some(_) => self.gathered.batches(&self.sides[1 - input]),
            None => vec![],
        };
        let batches: [&[&Batch]; 2] = if input == 0 { [&own, &others] } else { [&others, &own] };
        let left_only = self.spec.kind.yields_left_only();
        for first in (0..pairs.len()).step_by(BATCH_ROWS) {
            let part;
            let pairs = if pairs.len() <= BATCH_ROWS {
                pairs
            } else {
                let numbers: Vec<usize> = (first..pairs.len().min(first + BATCH_ROWS)).collect();
                part = pairs.gather(&numbers);
                &part
            };
            let right: &[Type] = if left_only { &[] } else { &self.types[1] };
            let mut columns = pairs.columns(batches, [&self.types[0], right]);
            if self.spec.n_added() > 0 {
                columns.push(pairs.times_column());
            }
            if self.spec.n_added() > 1 {
                columns.push(pairs.signs_column());
            }
            let origin = pairs.origin(batches, self.times);
            let late = pairs.late();
            output.messages.push(Message::Batch(Batch { columns, n_rows: pairs.len(), origin, late }));
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
        let n_left = batch.n_rows - rows.len();
        if !rows.is_empty() {
            let side = &mut self.sides[input];
            side.keep(batch);
            for row in rows {
                side.add(times[row], untils[row], keys[row], row as u32, is_matched[row]);
            }
        }
        self.index.were_left(n_left, &self.sides);
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
            self.gathered.clear();
            let mut unmatched = Pairs::default();
            while let Some(number) = self.sides[input].pop_unmatched(other) {
                let entry = *self.sides[input].entry(number);
                let mut picks = [MISSING; 2];
                let batch = self.gathered.number(self.sides[input].batch_of(&entry));
                picks[input] = (batch, entry.row);
                unmatched.push(picks, entry.time, 1);
            }
            self.yield_pairs(input, None, &unmatched, output);
            let n_left = self.sides[input].expire(other);
            self.index.were_left(n_left, &self.sides);
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

/// Whether a row of this input is as near to one of the other as it must be.
fn bound_holds(bound: JoinBound, input: usize, time: EventTime, partner: &Entry) -> bool {
    match bound {
        JoinBound::Within { low, high } => {
            let (left, right) = if input == 0 { (time, partner.time) } else { (partner.time, time) };
            let later = right.saturating_sub(left);
            low <= later && later <= high
        }
        JoinBound::Window { .. } | JoinBound::Forever => true,
    }
}

impl Operator for JoinOperator {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => match &mut self.held {
                Some(held) => held.push((input, batch)),
                None => self.take(input, batch, output),
            },
            Message::Watermark(watermark) if self.held.as_ref().is_some_and(|held| !held.is_empty()) => {
                self.risen[input] = Some(watermark);
            }
            Message::Watermark(watermark) => {
                self.watermarks[input] = watermark;
                self.advance(output);
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
        for (watermark, risen) in self.watermarks.iter_mut().zip(&mut self.risen) {
            *watermark = risen.take().unwrap_or(*watermark);
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
                let keys = self.number_keys(input, &batch);
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
