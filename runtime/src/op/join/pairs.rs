//! Rows of a join as batches: columns of the left and of the right row of each pair, and the pair's time.

use super::JoinOperator;
use super::row::{PLACE, TIME};
use super::work::{Part, Work};
use crate::kernel::row_lists::{Found, ZEROS};
use crate::message::{EventTime, Message};
use crate::op::changes::plain;
use crate::operator::Output;
use millstream_ir::batch::{BATCH_ROWS, Batch, LateRow};
use millstream_ir::column::ColumnRef;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Pairs that come, or that are taken back.
#[derive(Default)]
pub struct Pairs {
    /// The rows of each side, [`ZEROS`] where it has none.
    pub rows: [Vec<u64>; 2],
    /// When the pair comes or is taken back.
    pub times: Vec<EventTime>,
    pub places: Vec<u64>,
    /// The values of their keys, as far as rows have them from there; such pairs are a batch at most.
    pub keys: Vec<Option<ColumnRef>>,
    /// The watermarks that the rows came behind by which they come, where any of these is late.
    pub behind: Vec<EventTime>,
    /// 1 or -1; none where all are 1.
    pub signs: Vec<i64>,
}

impl Pairs {
    pub fn len(&self) -> usize {
        self.times.len()
    }

    pub fn rows_of(&self, number: usize) -> [u64; 2] {
        [self.rows[0][number], self.rows[1][number]]
    }

    /// Keeps those with these numbers; all come.
    pub fn keep(&mut self, numbers: &[usize]) {
        for (to, number) in numbers.iter().enumerate() {
            self.times[to] = self.times[*number];
            self.places[to] = self.places[*number];
            if let Some(behind) = self.behind.get(*number).copied() {
                self.behind[to] = behind;
            }
        }
    }

    pub fn push(&mut self, rows: [u64; 2], time: EventTime, place: u64, sign: i64) {
        self.rows[0].push(rows[0]);
        self.rows[1].push(rows[1]);
        self.times.push(time);
        self.places.push(place);
        self.signs.push(sign);
    }
}

impl JoinOperator {
    /// Yields pairs, in batches.
    pub(super) fn yield_pairs(&self, pairs: &Pairs, output: &mut Output) {
        for first in (0..pairs.len()).step_by(BATCH_ROWS) {
            let range = first..pairs.len().min(first + BATCH_ROWS);
            let columns = [0, 1].map(|side| {
                let rows = &pairs.rows[side][range.clone()];
                self.sides[side].columns(rows, &pairs.keys, &self.leaving[side])
            });
            let columns = columns.into_iter().flatten().collect();
            self.yield_columns(columns, pairs, range, output);
        }
    }

    /// Yields the first pairs that have been found of rows that came by one input, if nothing but pairs is asked for.
    pub(super) fn yield_plain(&mut self, work: &Work, part: &Part, output: &mut Output) {
        let found = self.found.first(BATCH_ROWS);
        let (input, other) = (part.input, 1 - part.input);
        let keys = work.keys_of(found);
        let rows: Vec<u32> = found.iter().map(|found| found.row).collect();
        let partners: Vec<u64> = found.iter().map(|found| found.partner).collect();
        let mut pairs = Pairs::default();
        for found in found {
            let (time, place) = self.time_and_place(work, found, other);
            pairs.times.push(time);
            pairs.places.push(place);
            pairs.behind.extend(work.behind(found.row));
        }
        let of_row = |column: &usize| {
            let is_it = |(number, key): (usize, &usize)| (key == column).then(|| keys[number].clone())?;
            let of_key = self.keys[input].iter().enumerate().find_map(is_it);
            of_key.unwrap_or_else(|| Arc::new(part.columns[*column].gather(&rows)))
        };
        let of_rows: Vec<ColumnRef> = self.leaving[input].iter().map(of_row).collect();
        let of_partners = self.sides[other].columns(&partners, &keys, &self.leaving[other]);
        let columns = if input == 0 { [of_rows, of_partners] } else { [of_partners, of_rows] };
        self.yield_columns(columns.concat(), &pairs, 0..found.len(), output);
        self.found.drop_first(BATCH_ROWS);
    }

    /// When a pair comes, and its place: that of the row that is later.
    #[inline]
    pub(super) fn time_and_place(&self, work: &Work, found: &Found, other: usize) -> (EventTime, u64) {
        let (time, place) = work.time_and_place(found.row);
        let partner = self.sides[other].lists.row(found.partner);
        let (its_time, its_place) = (partner[TIME] as EventTime, partner[PLACE]);
        let place = match time.cmp(&its_time) {
            Ordering::Less => its_place,
            Ordering::Equal => self.places.later(place, its_place),
            Ordering::Greater => place,
        };
        (time.max(its_time), place)
    }

    /// Yields a batch of some pairs, whose columns of either side that leave these are.
    pub(super) fn yield_columns(
        &self,
        mut columns: Vec<ColumnRef>,
        pairs: &Pairs,
        range: Range<usize>,
        output: &mut Output,
    ) {
        let times = &pairs.times[range.clone()];
        if self.spec.n_added() > 0 {
            columns.push(plain(times.iter().copied()));
        }
        if self.spec.n_added() > 1 {
            columns.push(plain(pairs.signs[range.clone()].iter().copied()));
        }
        let late = late(times, pairs.behind.get(range.clone()).unwrap_or_default());
        let origin = self.places.origin(&pairs.places[range]);
        output.messages.push(Message::Batch(Batch { columns, n_rows: times.len(), origin, late }));
    }

    /// Where rows stand of which one may be missing: where the other does.
    pub(super) fn place_of(&self, rows: [u64; 2]) -> u64 {
        let side = usize::from(rows[0] == ZEROS);
        self.sides[side].place(rows[side])
    }
}

/// Those that are late, as the rows were by which they come, in their order.
fn late(times: &[EventTime], behind: &[EventTime]) -> Vec<LateRow> {
    let late = (0..).zip(times.iter().zip(behind)).filter(|(_, (time, behind))| time < behind);
    late.map(|(row, (_, watermark))| LateRow { row, watermark: *watermark }).collect()
}
