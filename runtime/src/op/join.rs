//! Joins of two streams: a symmetric hash join (Wilschut, Apers: Dataflow query execution in a parallel
//! main-memory environment, 1991) whose rows are forgotten when the other side's watermark says that no partner
//! can come any more.
//!
//! A pair leaves when its second row comes. A row without a partner leaves when it is certain that it has none;
//! as it keeps its own time, the watermark of the join stays behind it.

mod keys;
mod pairs;
mod places;
mod row;
mod side;
mod work;

use crate::contents::{Around, Contents, Count};
use crate::kernel::row_lists::{FoundRows, ZEROS};
use crate::message::{EventTime, Message, Watermark};
use crate::op::order::without_late;
use crate::op::pair_filter::PairFilter;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::{Spill, SpillFiles};
use crate::waiting::Waiting;
use keys::JoinKeys;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, JoinBound, JoinKind, Node, Schema};
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::Value;
use pairs::Pairs;
use places::Places;
use row::RowLayout;
use side::Side;
use std::io;
use std::sync::Arc;
use work::Work;

pub struct JoinOperator {
    spec: Join,
    bound: JoinBound,
    /// Whether rows of each input without a partner wait until it is certain that none will come. In a join that
    /// is updating they leave at once.
    waits: [bool; 2],
    /// The columns of the keys and of the event time of each input.
    keys: [Vec<usize>; 2],
    /// Which values of its key a pair has from the row that came, so that they are not kept with rows.
    of_key: Vec<usize>,
    key_types: Vec<Type>,
    /// The columns of either side that leave.
    leaving: [Vec<usize>; 2],
    times: [usize; 2],
    index: JoinKeys,
    places: Places,
    sides: [Side; 2],
    watermarks: [Watermark; 2],
    /// The watermark that was given last.
    given: Watermark,
    filter: Option<PairFilter>,
    /// Of rows on the left only whether they have a partner matters, and it has one.
    one_is_enough: bool,
    /// In a join where one is enough for ever: the keys that have got their first row on the right, so that those on
    /// the left are done with.
    settled: Vec<u32>,
    /// Rows of one batch of a source that came by both inputs: they are taken in the order in which they were read.
    held: Option<Vec<(usize, Batch)>>,
    /// The watermarks that came behind rows that are held, which say nothing of these.
    risen: [Option<Watermark>; 2],
    /// Pairs that have not left.
    found: FoundRows,
    work: Option<Work>,
    /// How many rows have come since rows were forgotten last, and how many were left then.
    n_came: usize,
    n_left: usize,
    /// Where columns of rows were written last that memory had no room for.
    files: SpillFiles,
}

/// Which values of the key are the same on both sides to the bit, and always are on both.
fn keys_of_pairs(spec: &Join, types: [&[Type]; 2], times: [usize; 2]) -> Vec<usize> {
    if spec.kind != JoinKind::Inner {
        return vec![];
    }
    let is_same = |(number, (left, right)): (usize, &(usize, usize))| {
        let (one, other) = (&types[0][*left], &types[1][*right]);
        let is_plain = matches!(one.layout(), Layout::Bool | Layout::I64 | Layout::Decimal | Layout::View);
        let is_same = is_plain && one.kind == other.kind && *left != times[0] && *right != times[1];
        is_same.then_some(number)
    };
    spec.keys.iter().enumerate().filter_map(is_same).collect()
}

/// So many batches leave at once; more are asked for.
const BATCHES_AT_ONCE: usize = 16;
/// So few rows are not worth being forgotten.
const FEW: usize = 1024;
/// Rows are forgotten when as many have come as were left, or so many times as many if no more memory was needed, or so
/// many times fewer if memory is short.
const MOST_TIMES: usize = 4;
/// Bytes of a file to which rows are written.
const LONG: u64 = 256 << 20;

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
        let times = [left.time, right.time];
        let of_key = keys_of_pairs(spec, [&types[0], &types[1]], times);
        let layouts = [0, 1].map(|side| {
            let keys: Vec<(usize, usize)> =
                of_key.iter().map(|key| ([spec.keys[*key].0, spec.keys[*key].1][side], *key)).collect();
            RowLayout::new(&types[side], times[side], &keys)
        });
        let [left_layout, right_layout] = layouts;
        JoinOperator {
            index: JoinKeys::new(&key_types, seed),
            of_key,
            key_types,
            leaving: spec.leaving([types[0].len(), types[1].len()]),
            one_is_enough: spec.one_is_enough(),
            settled: vec![],
            spec: spec.clone(),
            bound,
            waits,
            keys: [left_keys, right_keys],
            times,
            places: Places::default(),
            sides: [
                Side::new(&types[0], left_layout, waits[0]),
                Side::new(&types[1], right_layout, waits[1]),
            ],
            watermarks: [Watermark::START; 2],
            given: Watermark::START,
            filter: PairFilter::new(spec, [left, right], kernel),
            held: reads_together.then(Vec::new),
            risen: [None; 2],
            found: FoundRows::default(),
            work: None,
            n_came: 0,
            n_left: 0,
            files: SpillFiles::new(LONG),
        }
    }

    /// Takes rows that came by one input.
    fn take(&mut self, input: usize, batch: Batch, output: &mut Output) {
        let batch = self.in_time(batch, output);
        if batch.n_rows > 0 {
            let part = self.part(input, &batch);
            self.work = Some(Work::new(vec![part], None, &self.key_types));
            self.go_on(output);
        }
    }

    fn in_time(&self, batch: Batch, output: &mut Output) -> Batch {
        match self.bound {
            // Rows that are kept for ever are not closed by time.
            JoinBound::Forever | JoinBound::OfChanges => batch,
            _ => without_late(batch, output),
        }
    }

    /// Pairs the rows that came last, until the answer is long or all are done.
    fn go_on(&mut self, output: &mut Output) {
        while let Some(mut work) = self.work.take() {
            if output.messages.len() >= BATCHES_AT_ONCE {
                self.work = Some(work);
                output.more = true;
                return;
            }
            if self.found.len() >= BATCH_ROWS || work.is_done() && !self.found.is_empty() {
                self.yield_found(&work, output);
                self.work = Some(work);
            } else if work.is_done() {
                self.yield_lonely(&work, output);
                self.n_came += work.n_rows();
                self.wait(&work);
                // The other side may have gone past the partners of a row before it came.
                return self.release(output);
            } else {
                self.find_partners(&mut work);
                self.work = Some(work);
            }
        }
    }

    fn go_to_end(&mut self, output: &mut Output) {
        while std::mem::take(&mut output.more) {
            let mut more = Output::default();
            self.go_on(&mut more);
            output.more = more.more;
            output.messages.append(&mut more.messages);
            output.failures.append(&mut more.failures);
        }
    }

    /// Yields the first pairs that have been found, those that fulfil the condition.
    fn yield_found(&mut self, work: &Work, output: &mut Output) {
        if let Some(part) = work.only_part().filter(|_| self.is_plain()) {
            return self.yield_plain(work, part, output);
        }
        let (mut pairs, mut came_by_right) = (Pairs::default(), vec![]);
        let found = self.found.first(BATCH_ROWS);
        pairs.keys = work.keys_of(found);
        for found in found {
            let (input, row) = (work.input(found.row), work.entries[found.row as usize]);
            let [left, right] = if input == 0 { [row, found.partner] } else { [found.partner, row] };
            let (time, place) = self.time_and_place(work, found, 1 - input);
            pairs.rows[0].push(left);
            pairs.rows[1].push(right);
            pairs.times.push(time);
            pairs.places.push(place);
            pairs.behind.extend(work.behind(found.row));
            if self.spec.kind != JoinKind::Inner {
                came_by_right.push(input == 1);
            }
        }
        self.found.drop_first(BATCH_ROWS);
        if self.filter.is_none() && self.spec.kind == JoinKind::Inner {
            return self.yield_pairs(&pairs, output);
        }
        let (passed, failed) = self.passing(&mut pairs, output);
        if self.spec.kind == JoinKind::Inner {
            return;
        }
        let leaves_alone =
            if self.spec.is_updating() { self.spec.kind.yields_unmatched() } else { [false; 2] };
        let mut yielded = Pairs::default();
        let alone = |rows: [u64; 2], side: usize| match side {
            0 => [rows[0], ZEROS],
            _ => [ZEROS, rows[1]],
        };
        // A row that failed has no place among those without a partner, where it has been.
        for number in failed.into_iter().filter(|number| leaves_alone[0] && came_by_right[*number]) {
            let rows = alone(pairs.rows_of(number), 0);
            yielded.push(rows, pairs.times[number], self.place_of(rows), -1);
            yielded.behind.extend(pairs.behind.get(number));
        }
        for number in passed {
            let (rows, time, input) =
                (pairs.rows_of(number), pairs.times[number], usize::from(came_by_right[number]));
            let is_new = [0, 1].map(|side| self.sides[side].mark(rows[side]));
            let other = 1 - input;
            if is_new[other] && leaves_alone[other] {
                let rows = alone(rows, other);
                yielded.push(rows, time, self.place_of(rows), -1);
                yielded.behind.extend(pairs.behind.get(number));
            }
            match self.spec.kind {
                JoinKind::Semi if is_new[0] => {
                    let rows = alone(rows, 0);
                    yielded.push(rows, time, self.place_of(rows), 1);
                }
                JoinKind::Semi | JoinKind::Anti => continue,
                _ => yielded.push(rows, time, pairs.places[number], 1),
            }
            yielded.behind.extend(pairs.behind.get(number));
        }
        self.yield_pairs(&yielded, output);
    }

    /// Of a join that is updating: yields the rows that came and have found no partner so far.
    fn yield_lonely(&mut self, work: &Work, output: &mut Output) {
        if !self.spec.is_updating() {
            return;
        }
        let mut lonely = Pairs::default();
        for (number, input, row, _) in work.came() {
            if self.spec.kind.yields_unmatched()[input] && !self.sides[input].is_marked(row) {
                let rows = if input == 0 { [row, ZEROS] } else { [ZEROS, row] };
                lonely.push(rows, self.sides[input].time(row), self.place_of(rows), 1);
                lonely.behind.extend(work.behind(number));
            }
        }
        self.yield_pairs(&lonely, output);
    }

    /// The numbers of the pairs that fulfil the condition, which leave if the join is an inner one; and of those by
    /// which a left row fails. The left rows of those that fail are reported.
    fn passing(&mut self, pairs: &mut Pairs, output: &mut Output) -> (Vec<usize>, Vec<usize>) {
        let Some(filter) = &mut self.filter else { return ((0..pairs.len()).collect(), vec![]) };
        let of_sides = [0, 1].map(|side| self.sides[side].all_columns(&pairs.rows[side], &pairs.keys));
        let of_side = |side: usize| {
            let of_sides = &of_sides;
            self.leaving[side].iter().map(move |number| of_sides[side][*number].clone())
        };
        let mut leaving: Vec<ColumnRef> = of_side(0).chain(of_side(1)).collect();
        let columns = of_sides.into_iter().flatten().collect();
        let (n_rows, origin) = (pairs.len(), Origin::default());
        let checked = filter.check(Batch { columns, n_rows, origin, late: vec![] });
        let mut took_back = vec![];
        for number in &checked.failed {
            // A row fails once, however many pairs of it do.
            if self.sides[0].mark(pairs.rows[0][*number]) {
                took_back.push(*number);
                output.failures.push(checked.explain(*number));
            }
        }
        let passed = checked.passed.clone();
        if self.spec.kind == JoinKind::Inner && !passed.is_empty() {
            if passed.len() < pairs.len() {
                let rows: Vec<u32> = passed.iter().map(|number| *number as u32).collect();
                leaving.iter_mut().for_each(|column| *column = Arc::new(column.gather(&rows)));
                pairs.keep(&passed);
            }
            self.yield_columns(leaving, pairs, 0..passed.len(), output);
        }
        (passed, took_back)
    }

    /// Notes which of the rows that came wait for a partner.
    fn wait(&mut self, work: &Work) {
        for (_, input, row, until) in work.came() {
            if self.waits[input] && !self.sides[input].is_marked(row) {
                self.sides[input].wait(row, until);
            }
        }
    }

    /// Yields the rows that have no partner, and forgets what can find none.
    fn release(&mut self, output: &mut Output) {
        for input in 0..2 {
            let unmatched = self.sides[input].take_unmatched(self.watermarks[1 - input], &self.places);
            if !unmatched.is_empty() {
                let side = &self.sides[input];
                let times = unmatched.iter().map(|row| side.time(*row)).collect();
                let places = unmatched.iter().map(|row| side.place(*row)).collect();
                let mut rows = [vec![ZEROS; unmatched.len()], vec![ZEROS; unmatched.len()]];
                rows[input] = unmatched;
                self.yield_pairs(&Pairs { rows, times, places, ..Pairs::default() }, output);
            }
            self.sides[input].clear_passing();
        }
        for key in self.settled.drain(..) {
            self.sides[0].forget_list(&mut self.index.lists[key as usize][0]);
        }
        let is_due = |times: usize| self.n_came >= times * self.n_left.max(FEW);
        let has_grown = self.sides.iter().any(Side::has_grown);
        let is_short = self.files.are_begun() && self.n_came >= self.n_left.max(FEW) / MOST_TIMES;
        if self.watermarks.contains(&Watermark::END)
            || is_due(1) && has_grown
            || is_due(MOST_TIMES)
            || is_short
        {
            self.forget();
        }
    }

    /// Forgets what can find no partner; what leaves without one has left.
    fn forget(&mut self) {
        let n_kept = |sides: &[Side; 2]| sides.iter().map(|side| side.lists.n_rows()).sum::<usize>();
        if n_kept(&self.sides) > 0 {
            self.index.expire(&mut self.sides, self.watermarks);
        }
        (self.n_came, self.n_left) = (0, n_kept(&self.sides));
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
            JoinBound::Forever | JoinBound::OfChanges => (0, 0),
        };
        let of_left = if left_waits { behind(right, after_left) } else { right };
        let of_right = if right_waits { behind(left, after_right) } else { left };
        of_left.min(of_right)
    }

    /// Says if something could not be read that rows need which leave.
    fn tell_fault(&self, output: &mut Output) {
        output.fault =
            self.sides.iter().find_map(|side| side.left_behind.take_fault()).or(output.fault.take());
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
        self.tell_fault(output);
    }

    fn resume(&mut self, output: &mut Output) {
        self.go_on(output);
        self.tell_fault(output);
    }

    fn settles(&self) -> bool {
        true
    }

    fn settle(&mut self, output: &mut Output) {
        let held = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        if held.is_empty() {
            return;
        }
        let held: Vec<(usize, Batch)> =
            held.into_iter().map(|(input, batch)| (input, self.in_time(batch, output))).collect();
        let mut rows: Vec<_> = vec![];
        for (number, (input, batch)) in held.iter().enumerate() {
            let place = |row| {
                let place = batch.origin.place(row);
                ((place.source, place.partition, place.offset), *input, number as u32, row as u32)
            };
            rows.extend((0..batch.n_rows).map(place));
        }
        // Rows of a batch mostly are in this order: there are few runs to be merged.
        rows.sort();
        if self.spec.is_updating() {
            // A row leaves without a partner at once, if it has none, and before the next one comes.
            for run in rows.chunk_by(|a, b| a.2 == b.2) {
                let (input, batch) = &held[run[0].2 as usize];
                let rows: Vec<u32> = run.iter().map(|(_, _, _, row)| *row).collect();
                self.take(*input, batch.gather(&rows), output);
                self.go_to_end(output);
            }
        } else if !rows.is_empty() {
            let parts = held.iter().map(|(input, batch)| self.part(*input, batch)).collect();
            let order = rows.iter().map(|(_, _, number, row)| (*number, *row)).collect();
            self.work = Some(Work::new(parts, Some(order), &self.key_types));
            self.go_on(output);
            self.go_to_end(output);
        }
        for (watermark, risen) in self.watermarks.iter_mut().zip(&mut self.risen) {
            *watermark = risen.take().unwrap_or(*watermark);
        }
        self.advance(output);
        self.tell_fault(output);
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let of_side = |(side, input): (usize, &&Node)| {
            let (rows, settled): (Vec<Vec<Value>>, Vec<bool>) =
                self.sides[side].contents(&self.index, side).into_iter().unzip();
            let contents =
                Contents::rows_of(format!("rows of {}", input.name), &input.schema, rows.into_iter());
            match self.waits[side] {
                // It will not leave without a partner.
                true => contents.with("settled", Type::BOOL, settled.into_iter().map(Value::Bool)),
                false => contents,
            }
        };
        Some(around.inputs.iter().enumerate().map(of_side).collect())
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.sides.iter().map(|side| side.lists.n_rows()).sum(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.given.0);
        for input in 0..2 {
            writer.i64(self.watermarks[input].0);
            self.sides[input].snapshot(&self.index, input, &self.places, writer);
        }
        if let Some(error) = self.sides.iter().find_map(|side| side.left_behind.take_fault()) {
            writer.fail(error);
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.given = Watermark(reader.i64()?);
        let mut kept = vec![];
        for input in 0..2 {
            self.watermarks[input] = Watermark(reader.i64()?);
            kept.push(self.sides[input].read(reader)?);
        }
        for (input, batches) in kept.into_iter().enumerate() {
            for (batch, is_matched) in batches {
                self.restore_rows(input, &batch, &is_matched);
            }
        }
        Ok(())
    }

    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        // Where there is memory, rows are forgotten late.
        self.forget();
        let bytes: usize = self.sides.iter().map(|side| side.left_behind.can_spill()).sum();
        if bytes == 0 || !spill.is_worth(bytes) {
            return Ok(());
        }
        spill.timed(|| {
            let writer = self.files.writer(spill)?;
            self.sides.iter_mut().try_for_each(|side| side.left_behind.spill(writer))
        })
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
