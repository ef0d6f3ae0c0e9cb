//! Rows that came, on their way to their partners and into the lists of their keys.

use super::JoinOperator;
use super::row::{PLACE, RowWords, TIME};
use super::side::{NO_KEY, is_over};
use crate::kernel::prefetch::prefetch;
use crate::kernel::row_lists::{EMPTY, Found, ZEROS};
use crate::message::EventTime;
use crate::op::interleave::{Pick, interleave};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{JoinBound, JoinKind};
use millstream_ir::types::Type;
use std::sync::Arc;

/// Rows that came and are being paired.
pub struct Work {
    parts: Vec<Part>,
    /// Where rows of parts alternate: of each row its part and its number there.
    order: Option<Vec<(u32, u32)>>,
    key_types: Vec<Type>,
    /// The next row to be looked up.
    row: usize,
    /// Where those before it stand; [`ZEROS`] for those that nobody will ask for.
    pub entries: Vec<u64>,
}

/// Rows that came by one input.
pub struct Part {
    pub input: usize,
    /// Of each row the number of its key, the greatest time that a partner of it can have, and its words.
    keys: Vec<u32>,
    untils: Vec<EventTime>,
    words: Vec<RowWords>,
    /// The watermarks that they came behind, if any of them is late.
    behind: Vec<EventTime>,
    /// Its columns; and the values of the keys, as far as pairs have them from there.
    pub columns: Vec<ColumnRef>,
    key_columns: Vec<Option<ColumnRef>>,
}

/// So many rows are looked up, and then kept, where rows of both inputs do not alternate.
const BLOCK: usize = 64;
/// How many rows ahead lists of keys are requested; and then, one behind the other, what they lead to.
const LISTS_AHEAD: usize = 30;
const CHUNKS_AHEAD: usize = 20;
const OLDER_AHEAD: usize = 12;
const OLDEST_AHEAD: usize = 6;
/// The same of the words of rows that come, by the line.
const WORDS_AHEAD: usize = 64;
const LINE: usize = 8;

impl Work {
    pub fn new(parts: Vec<Part>, order: Option<Vec<(u32, u32)>>, key_types: &[Type]) -> Work {
        Work { parts, order, key_types: key_types.into(), row: 0, entries: vec![] }
    }

    pub fn n_rows(&self) -> usize {
        match &self.order {
            Some(order) => order.len(),
            None => self.parts[0].keys.len(),
        }
    }

    pub fn is_done(&self) -> bool {
        self.row == self.n_rows()
    }

    fn at(&self, row: usize) -> (usize, usize) {
        match &self.order {
            Some(order) => (order[row].0 as usize, order[row].1 as usize),
            None => (0, row),
        }
    }

    /// By which input a row came.
    pub fn input(&self, row: u32) -> usize {
        self.parts[self.at(row as usize).0].input
    }

    /// The values of the keys of pairs, as far as they have them from there.
    pub fn keys_of(&self, found: &[Found]) -> Vec<Option<ColumnRef>> {
        let Some(order) = &self.order else {
            let rows: Vec<u32> = found.iter().map(|found| found.row).collect();
            let of_rows = |column: &Option<ColumnRef>| Some(Arc::new(column.as_ref()?.gather(&rows)));
            return self.parts[0].key_columns.iter().map(of_rows).collect();
        };
        let picks: Vec<Pick> = found.iter().map(|found| order[found.row as usize]).collect();
        let of_part = |part: &Part| {
            let columns = part.key_columns.iter().flatten().cloned().collect();
            Batch { columns, n_rows: part.keys.len(), origin: Origin::default(), late: vec![] }
        };
        let batches: Vec<Batch> = self.parts.iter().map(of_part).collect();
        let is_asked = |key: &usize| self.parts[0].key_columns[*key].is_some();
        let types: Vec<Type> =
            (0..self.key_types.len()).filter(is_asked).map(|key| self.key_types[key].clone()).collect();
        let mut columns = interleave(&batches.iter().collect::<Vec<_>>(), &types, &picks).into_iter();
        (0..self.key_types.len()).map(|key| is_asked(&key).then(|| columns.next()).flatten()).collect()
    }

    /// The event time of a row, and its place.
    pub fn time_and_place(&self, row: u32) -> (EventTime, u64) {
        let (part, row) = self.at(row as usize);
        let words = &self.parts[part].words;
        (words[TIME].as_slice()[row] as EventTime, words[PLACE].as_slice()[row])
    }

    /// The rows, if all came by one input.
    pub fn only_part(&self) -> Option<&Part> {
        self.parts.first().filter(|_| self.order.is_none())
    }

    /// The watermark that a row came behind if it is late, where any is.
    pub fn behind(&self, row: u32) -> Option<EventTime> {
        if self.parts.iter().all(|part| part.behind.is_empty()) {
            return None;
        }
        let (part, row) = self.at(row as usize);
        Some(self.parts[part].behind.get(row).copied().unwrap_or(EventTime::MIN))
    }

    /// The rows that have a place: their numbers and inputs, these, and until when partners of them can come.
    pub fn came(&self) -> impl Iterator<Item = (u32, usize, u64, EventTime)> {
        let rows = self.entries.iter().enumerate().filter(|(_, entry)| **entry != ZEROS);
        rows.map(|(number, entry)| {
            let (part, row) = self.at(number);
            (number as u32, self.parts[part].input, *entry, self.parts[part].untils[row])
        })
    }
}

impl JoinOperator {
    pub(super) fn part(&mut self, input: usize, batch: &Batch) -> Part {
        let key_column = |key: usize| {
            let is_asked = self.of_key.contains(&key);
            is_asked.then(|| batch.columns[self.keys[input][key]].clone())
        };
        let behind = |row| batch.late(row).map_or(EventTime::MIN, |late| late.watermark);
        Part {
            input,
            behind: match batch.late.is_empty() {
                true => vec![],
                false => (0..batch.n_rows).map(behind).collect(),
            },
            keys: self.index.of(&self.keys[input], batch),
            columns: batch.columns.clone(),
            key_columns: (0..self.keys[input].len()).map(key_column).collect(),
            untils: self.untils(input, batch),
            words: self.sides[input].words_of(batch, &mut self.places),
        }
    }

    /// The greatest time that a partner of each row can have.
    fn untils(&self, input: usize, batch: &Batch) -> Vec<EventTime> {
        let numbers = |column: usize| match &batch.columns[column].data {
            ColumnData::I64(numbers) => &numbers[..],
            _ => &[],
        };
        let times = numbers(self.times[input]).iter();
        match self.bound {
            JoinBound::Within { high, .. } if input == 0 => times.map(|t| t.saturating_add(high)).collect(),
            JoinBound::Within { low, .. } => times.map(|time| time.saturating_sub(low)).collect(),
            JoinBound::Window { ends, .. } => {
                numbers(ends[input]).iter().map(|end| end.saturating_sub(1)).collect()
            }
            JoinBound::Forever | JoinBound::OfChanges => vec![EventTime::MAX; batch.n_rows],
        }
    }

    /// The times that a partner of a row can have.
    fn range(&self, input: usize, time: EventTime) -> (EventTime, EventTime) {
        match self.bound {
            JoinBound::Within { low, high } if input == 0 => {
                (time.saturating_add(low), time.saturating_add(high))
            }
            JoinBound::Within { low, high } => (time.saturating_sub(high), time.saturating_sub(low)),
            JoinBound::Window { .. } | JoinBound::Forever | JoinBound::OfChanges => {
                (EventTime::MIN, EventTime::MAX)
            }
        }
    }

    /// Looks rows up and keeps them, until there is a batch of pairs, or no row is left.
    pub(super) fn find_partners(&mut self, work: &mut Work) {
        match work.order {
            Some(_) => self.find_partners_of::<true>(work),
            None if self.is_plain() => self.find_partners_of_block(work),
            None => self.find_partners_of::<false>(work),
        }
    }

    /// Whether nothing but the pairs themselves is asked of rows that came.
    pub(super) fn is_plain(&self) -> bool {
        self.spec.kind == JoinKind::Inner && self.filter.is_none()
    }

    /// Looks up the rows of a block, and then keeps them: rows of one input are no partners of each other, and two
    /// simple loops wait less than one for memory and for guesses that were wrong.
    fn find_partners_of_block(&mut self, work: &mut Work) {
        let part = &work.parts[0];
        let words: Vec<&[u64]> = part.words.iter().map(RowWords::as_slice).collect();
        let (input, n_rows) = (part.input, part.keys.len());
        let other = self.watermarks[1 - input];
        let mut kept: Vec<(u32, u64)> = Vec::with_capacity(BLOCK);
        while work.row < n_rows && self.found.len() < BATCH_ROWS {
            let block = work.row..n_rows.min(work.row + BLOCK);
            for line in block.clone().step_by(LINE) {
                let address = |words: &&[u64]| words.as_ptr().wrapping_add(line + WORDS_AHEAD) as *const u8;
                words.iter().map(address).for_each(prefetch);
            }
            for row in block.clone() {
                self.request_of_one(input, &part.keys, row);
                let key = part.keys[row];
                if key != NO_KEY {
                    let time = words[TIME][row] as EventTime;
                    let list = self.index.lists[key as usize][1 - input];
                    let range = self.range(input, time);
                    self.sides[1 - input].lists.find(list, time, range, row as u32, &mut self.found);
                }
            }
            kept.clear();
            let side = &mut self.sides[input];
            for row in block.clone() {
                let (key, until) = (part.keys[row], part.untils[row]);
                if key == NO_KEY || is_over(until, other) {
                    side.let_go(&words, row);
                    continue;
                }
                let list = &mut self.index.lists[key as usize][input];
                kept.push((row as u32, side.lists.push(list, key, until, |until| is_over(until, other))));
            }
            side.lists.write(&kept, &words);
            work.row = block.end;
        }
    }

    /// Asks for what looking up and keeping later rows of one input will need.
    #[inline]
    fn request_of_one(&self, input: usize, keys: &[u32], row: usize) {
        let key_at = |ahead: usize| keys.get(row + ahead).copied();
        let lists_of = |key: Option<u32>| Some(*self.index.lists.get(key? as usize)?);
        if let Some(key) = key_at(LISTS_AHEAD) {
            self.index.request(key);
        }
        if let Some(lists) = lists_of(key_at(CHUNKS_AHEAD)) {
            self.sides[1 - input].lists.request(lists[1 - input]);
            self.sides[input].lists.request_head(lists[input]);
        }
        if let Some(lists) = lists_of(key_at(OLDER_AHEAD)) {
            self.sides[1 - input].lists.request_before(lists[1 - input]);
        }
        if let Some(lists) = lists_of(key_at(OLDEST_AHEAD)) {
            self.sides[1 - input].lists.request_second_before(lists[1 - input]);
        }
    }

    /// `ALTERNATE`: whether rows of several parts do.
    fn find_partners_of<const ALTERNATE: bool>(&mut self, work: &mut Work) {
        let first = work.row;
        let mut entries = std::mem::take(&mut work.entries);
        let words: Vec<Vec<&[u64]>> =
            work.parts.iter().map(|part| part.words.iter().map(RowWords::as_slice).collect()).collect();
        let keeps_all = [0, 1].map(|side| self.spec.kind.yields_unmatched()[side]);
        let one_is_enough = self.one_is_enough;
        let settles = one_is_enough && self.bound == JoinBound::Forever;
        let n_rows = work.n_rows();
        let mut row = first;
        while row < n_rows && self.found.len() < BATCH_ROWS {
            self.request::<ALTERNATE>(work, &words, row, n_rows);
            let (part_number, in_part) = if ALTERNATE { work.at(row) } else { (0, row) };
            let (part, words) = (&work.parts[part_number], &words[part_number][..]);
            let (input, key, until) = (part.input, part.keys[in_part], part.untils[in_part]);
            let other = self.watermarks[1 - input];
            let is_over = is_over(until, other);
            if settles && input == 1 && key != NO_KEY {
                if self.index.lists[key as usize][1] != EMPTY {
                    // What it could be a partner of has one.
                    self.sides[1].let_go(words, in_part);
                    entries.push(ZEROS);
                    row += 1;
                    continue;
                }
                self.settled.push(key);
            }
            let n_found = self.found.len();
            if key != NO_KEY {
                let time = words[TIME][in_part] as EventTime;
                let list = self.index.lists[key as usize][1 - input];
                let range = self.range(input, time);
                self.sides[1 - input].lists.find(list, time, range, row as u32, &mut self.found);
            }
            let has_partner = self.found.len() > n_found;
            let can_match = key != NO_KEY && !is_over;
            let stays = match can_match {
                true => !(input == 0 && one_is_enough && has_partner),
                false => self.waits[input] && !is_over,
            };
            let side = &mut self.sides[input];
            let entry = if stays && key != NO_KEY {
                side.push((&mut self.index.lists[key as usize][input], key), words, in_part, until, other)
            } else if stays {
                side.push_lonely(words, in_part, until, other)
            } else if has_partner || keeps_all[input] {
                side.push_passing(words, in_part)
            } else {
                side.let_go(words, in_part);
                ZEROS
            };
            entries.push(entry);
            row += 1;
        }
        work.entries = entries;
        work.row = row;
    }

    /// Asks for what looking up later rows will need.
    #[inline]
    fn request<const ALTERNATE: bool>(&self, work: &Work, words: &[Vec<&[u64]>], row: usize, n_rows: usize) {
        if !ALTERNATE && row.is_multiple_of(LINE) {
            let address = |words: &&[u64]| words.as_ptr().wrapping_add(row + WORDS_AHEAD) as *const u8;
            words[0].iter().map(address).for_each(prefetch);
        }
        let of = |row: usize| {
            let (part, row) = if ALTERNATE { work.at(row) } else { (0, row) };
            (work.parts[part].input, work.parts[part].keys[row])
        };
        if row + LISTS_AHEAD < n_rows {
            self.index.request(of(row + LISTS_AHEAD).1);
        }
        let lists = |key: u32| self.index.lists.get(key as usize);
        if row + CHUNKS_AHEAD < n_rows {
            let (input, key) = of(row + CHUNKS_AHEAD);
            if let Some(lists) = lists(key) {
                self.sides[1 - input].lists.request(lists[1 - input]);
                self.sides[input].lists.request_head(lists[input]);
            }
        }
        if row + OLDER_AHEAD < n_rows {
            let (input, key) = of(row + OLDER_AHEAD);
            if let Some(lists) = lists(key) {
                self.sides[1 - input].lists.request_before(lists[1 - input]);
            }
        }
        if row + OLDEST_AHEAD < n_rows {
            let (input, key) = of(row + OLDEST_AHEAD);
            if let Some(lists) = lists(key) {
                self.sides[1 - input].lists.request_second_before(lists[1 - input]);
            }
        }
    }

    /// Takes over rows of a snapshot, each with whether it has had a partner.
    pub(super) fn restore_rows(&mut self, input: usize, batch: &Batch, is_matched: &[bool]) {
        let part = self.part(input, batch);
        let words: Vec<&[u64]> = part.words.iter().map(RowWords::as_slice).collect();
        let (other, waits) = (self.watermarks[1 - input], self.waits[input]);
        for (row, is_matched) in is_matched.iter().enumerate() {
            let (key, until) = (part.keys[row], part.untils[row]);
            let side = &mut self.sides[input];
            let entry = match (key != NO_KEY, is_over(until, other)) {
                (true, false) => {
                    side.push((&mut self.index.lists[key as usize][input], key), &words, row, until, other)
                }
                (false, false) if waits => side.push_lonely(&words, row, until, other),
                (_, true) if waits => side.push_passing(&words, row),
                _ => {
                    side.let_go(&words, row);
                    continue;
                }
            };
            if *is_matched {
                side.mark(entry);
            } else if waits {
                side.wait(entry, until);
            }
        }
    }
}
