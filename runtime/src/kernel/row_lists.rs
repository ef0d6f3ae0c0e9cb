//! Lists of rows of one width, in the order in which they came: those of a list stand side by side in chunks, so
//! that a walk through them takes few lines of memory, one behind the other.
//!
//! A list is the number of its newest chunk, which its owner keeps; each chunk leads to the one before it and knows
//! until when any row of it, or of one before it, is wanted. What nobody wants is cut off. A small chunk that is
//! left without rows stays with its list, to which rows mostly come again.

use super::prefetch::prefetch;
use super::words::Words;
use millstream_ir::buffer::{Buffer, Plain};
use std::collections::VecDeque;

/// A list without rows.
pub const EMPTY: u32 = 0;
/// Where a row of zeros stands.
pub const ZEROS: u64 = 0;
/// The number of a list of which its owner cuts off what is not wanted.
pub const UNSWEPT: u32 = u32::MAX;

/// Each twice as large as the one before.
const N_SIZES: usize = 5;
/// The words of a line of memory.
const LINE: usize = 8;
/// The words in front of a chunk's rows. The first is the chunk before it in the low half, in the high half the
/// number of the list; the second is the greatest `until` of rows in it and before it, of which the lowest bits give
/// way to whether it stands before another, how many rows it has, and its size. A chunk without rows is free, unless
/// its list leads to it.
const HEAD: usize = 2;
const SIZE_BITS: u32 = 3;
const UNTIL_FROM: u32 = 11;
const ONE_ROW: u64 = 1 << SIZE_BITS;
/// The second word of a small chunk without rows that belongs to a list.
const BARE: u64 = 1 << 63;
const MOST_ROWS: usize = (1 << 7) - 1;
/// Set if the chunk stands before another.
const IS_OLDER: u64 = 1 << 10;
/// At most so many lines of a chunk are requested.
const LINES_AHEAD: u32 = 4;
/// How far ahead chunks that are free are requested.
const FREE_AHEAD: usize = 8;
/// How many lines ahead a sweep requests memory, and how many lists it cuts at once.
const SWEPT_AHEAD: usize = 64;
const SWEPT_AT_ONCE: usize = 32;

pub struct RowLists {
    words: Words,
    /// The words of a row.
    width: usize,
    /// Of each size the lines of a chunk, and how many rows it has room for.
    sizes: [(u32, u32); N_SIZES],
    /// The lines that have been given to chunks, from the first; and how many chunks these are.
    n_lines: u32,
    n_chunks: u32,
    /// How many lines there were when the last sweep ended.
    n_swept: u32,
    /// How many lines of a chunk are requested: as many as chunks have, on average.
    lines_ahead: usize,
    free: [VecDeque<u32>; N_SIZES],
    n_rows: usize,
    /// How many lists have a chunk without rows.
    n_bare: usize,
    /// A word of which the values in rows that have been cut off are gathered.
    watched: Option<usize>,
    pub cut_off: Vec<u64>,
}

impl RowLists {
    /// Of rows of so many words.
    pub fn new(width: usize, watched: Option<usize>) -> RowLists {
        let smallest = (HEAD + width).div_ceil(LINE);
        let size = |size: usize| {
            let lines = smallest << size;
            (lines as u32, ((lines * LINE - HEAD) / width.max(1)).min(MOST_ROWS) as u32)
        };
        RowLists {
            words: Words::zeroed(smallest * LINE),
            width,
            sizes: std::array::from_fn(size),
            n_lines: smallest as u32,
            n_chunks: 0,
            n_swept: 0,
            lines_ahead: 1,
            free: Default::default(),
            n_rows: 0,
            n_bare: 0,
            watched,
            cut_off: vec![],
        }
    }

    /// How many rows there are, with those that are not wanted and have not been cut off.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Whether memory has been added since the last sweep.
    pub fn has_grown(&self) -> bool {
        self.n_lines > self.n_swept
    }

    pub fn bytes(&self) -> usize {
        self.n_lines as usize * LINE * 8
    }

    pub fn row(&self, row: u64) -> &[u64] {
        &self.words[row as usize..][..self.width]
    }

    pub fn row_mut(&mut self, row: u64) -> &mut [u64] {
        &mut self.words[row as usize..][..self.width]
    }

    /// Adds a row, which is to be written, to a list with this number. Of the newest chunks those that are not wanted
    /// are cut off.
    #[inline]
    pub fn push(&mut self, list: &mut u32, number: u32, until: i64, is_over: impl Fn(i64) -> bool) -> u64 {
        let mut at = *list as usize * LINE;
        let mut head = self.words[at + 1];
        // Without a branch: whether rows of a key are over is hard to foresee.
        let is_done = is_only_and_small(self.words[at], head) & is_over(until_of(head));
        let n_over = if is_done { n_rows_of(head) } else { 0 };
        if self.watched.is_some() && n_over > 0 {
            self.drop_rows(*list);
        } else {
            self.n_rows -= n_over as usize;
        }
        self.n_bare -= usize::from((n_rows_of(head) == 0) & (*list != EMPTY));
        head = if n_over > 0 { BARE } else { head };
        if (*list == EMPTY) | (n_rows_of(head) == self.sizes[size_of_chunk(head)].1) {
            at = self.add_chunk(list, number, is_over) as usize * LINE;
            head = self.words[at + 1];
        }
        let row = at + HEAD + n_rows_of(head) as usize * self.width;
        let known = head as i64 >> UNTIL_FROM;
        let until = known.max(until >> UNTIL_FROM);
        self.words[at + 1] = (head & ((1 << UNTIL_FROM) - 1) | (until << UNTIL_FROM) as u64) + ONE_ROW;
        self.n_rows += 1;
        row as u64
    }

    /// Writes rows that have been added: their numbers in `words`, which has each word of all rows, and their places.
    pub fn write(&mut self, rows: &[(u32, u64)], words: &[&[u64]]) {
        for (number, column) in words.iter().enumerate().take(self.width) {
            for (row, at) in rows {
                self.words[*at as usize + number] = column[*row as usize];
            }
        }
    }

    #[inline(never)]
    fn add_chunk(&mut self, list: &mut u32, number: u32, is_over: impl Fn(i64) -> bool) -> u32 {
        self.cut_among(list, 3, &is_over, false);
        let (before, mut size, mut until) = (*list, 0, i64::MIN);
        if before != EMPTY {
            let at = before as usize * LINE;
            self.words[at + 1] |= IS_OLDER;
            (size, until) = (size_of_chunk(self.words[at + 1]), until_of(self.words[at + 1]));
            // Where one chunk has not room for all rows that are wanted, the next is larger.
            if before_of(self.words[at]) != EMPTY {
                size = (size + 1).min(N_SIZES - 1);
            }
        }
        let chunk = match self.free[size].pop_front() {
            Some(chunk) => {
                if let Some(later) = self.free[size].get(FREE_AHEAD) {
                    self.request_head(*later);
                }
                chunk
            }
            None => {
                let chunk = self.n_lines;
                self.n_lines += self.sizes[size].0;
                self.n_chunks += 1;
                self.lines_ahead = (self.n_lines / self.n_chunks).min(LINES_AHEAD) as usize;
                self.words.grow(self.n_lines as usize * LINE);
                chunk
            }
        };
        let at = chunk as usize * LINE;
        self.words[at] = before as u64 | (number as u64) << 32;
        self.words[at + 1] = (until >> UNTIL_FROM << UNTIL_FROM) as u64 | size as u64;
        *list = chunk;
        chunk
    }

    /// Cuts off the chunks of which no row is wanted.
    pub fn cut(&mut self, list: &mut u32, is_over: impl Fn(i64) -> bool) {
        self.cut_among(list, usize::MAX, is_over, true);
    }

    /// The same of all lists, of which `list` gives those that have a number. Small chunks behind one that is wanted
    /// stay, as rows that are added will cut them off; so do those that are their list's only one, without rows,
    /// unless the last sweep left so many of these that half of all are without rows. `occupied` is told of
    /// chunks that stay, with their lists, whether they have rows.
    pub fn sweep<L>(
        &mut self,
        lists: &mut [L],
        list: impl Fn(&mut L) -> &mut u32,
        is_over: impl Fn(i64) -> bool,
        mut occupied: impl FnMut(usize, bool),
    ) {
        let n_free: usize = self.free.iter().map(VecDeque::len).sum();
        let gives_back = self.n_bare > (self.n_chunks as usize - n_free) / 2;
        let is_plain = !gives_back && self.watched.is_none();
        let mut chunk = self.sizes[0].0;
        let (mut due, mut n_due) = ([(0, 0, 0); SWEPT_AT_ONCE], 0);
        while chunk < self.n_lines {
            while chunk < self.n_lines && n_due < SWEPT_AT_ONCE {
                let at = chunk as usize * LINE;
                prefetch(self.words.as_ptr().wrapping_add(at + SWEPT_AHEAD * LINE) as *const u8);
                let (head, of_rows) = (self.words[at], self.words[at + 1]);
                let (owner, size) = ((head >> 32) as usize, size_of_chunk(of_rows));
                if owner < lists.len() {
                    // Without a branch: which rows are over is hard to foresee.
                    let (n, is_done) = (n_rows_of(of_rows), is_over(until_of(of_rows)));
                    occupied(owner, (n > 0) & !is_done);
                    // What most chunks are that are over: then the list need not be looked at.
                    let is_only = is_only_and_small(head, of_rows) & (of_rows & IS_OLDER == 0);
                    let becomes_bare = is_plain & is_only & is_done & (n > 0);
                    self.words[at + 1] = if becomes_bare { BARE } else { of_rows };
                    self.n_rows -= if becomes_bare { n as usize } else { 0 };
                    self.n_bare += usize::from(becomes_bare);
                    due[n_due] = (owner, chunk, size);
                    let is_due = ((n > 0) & is_done) | ((n == 0) & gives_back);
                    n_due += usize::from(is_due & !becomes_bare);
                }
                chunk += self.sizes[size].0;
            }
            for (owner, chunk, size) in due[..std::mem::take(&mut n_due)].iter().copied() {
                let list = list(&mut lists[owner]);
                if *list == chunk && size == 0 && !gives_back {
                    self.make_bare(chunk);
                } else if *list == chunk || size > 0 {
                    self.cut_among(list, usize::MAX, &is_over, true);
                }
            }
        }
        self.n_swept = self.n_lines;
    }

    /// Cuts off all rows of a list, of which this is the newest chunk and stays.
    fn make_bare(&mut self, chunk: u32) {
        let at = chunk as usize * LINE;
        self.free_from(before_of(self.words[at]), true);
        self.words[at] = self.words[at] >> 32 << 32;
        self.drop_rows(chunk);
        self.words[at + 1] = BARE;
        self.n_bare += 1;
    }

    /// As [`RowLists::cut`], if it is one of the newest from which on none is wanted. Whether what is cut off is
    /// used again after all others, rather than before.
    fn cut_among(&mut self, list: &mut u32, newest: usize, is_over: impl Fn(i64) -> bool, is_last: bool) {
        let (mut newer, mut chunk, mut n) = (EMPTY, *list, 0);
        while chunk != EMPTY && !is_over(until_of(self.words[chunk as usize * LINE + 1])) {
            n += 1;
            if n == newest {
                return;
            }
            (newer, chunk) = (chunk, before_of(self.words[chunk as usize * LINE]));
        }
        if chunk == EMPTY {
            return;
        }
        match newer {
            EMPTY => *list = EMPTY,
            newer => {
                let head = &mut self.words[newer as usize * LINE];
                *head = *head >> 32 << 32;
            }
        }
        self.free_from(chunk, is_last);
    }

    /// Frees a chunk and those before it.
    fn free_from(&mut self, mut chunk: u32, is_last: bool) {
        while chunk != EMPTY {
            let at = chunk as usize * LINE;
            let (before, size) = (before_of(self.words[at]), size_of_chunk(self.words[at + 1]));
            self.n_bare -= usize::from(n_rows_of(self.words[at + 1]) == 0);
            self.drop_rows(chunk);
            self.words[at + 1] = size as u64;
            match is_last {
                true => self.free[size].push_back(chunk),
                false => self.free[size].push_front(chunk),
            }
            chunk = before;
        }
    }

    /// Counts the rows of a chunk as cut off.
    fn drop_rows(&mut self, chunk: u32) {
        let at = chunk as usize * LINE;
        let n = n_rows_of(self.words[at + 1]) as usize;
        if let Some(word) = self.watched {
            let rows = (0..n).map(|row| at + HEAD + row * self.width + word);
            self.cut_off.extend(rows.map(|word| self.words[word]));
        }
        self.n_rows -= n;
    }

    /// Tells where the rows of a list are that are wanted until `time` or longer and of which the first word lies in
    /// a range, in the order in which they came, as those that `row` has found.
    #[inline]
    pub fn find(&self, list: u32, time: i64, (low, high): (i64, i64), row: u32, found: &mut FoundRows) {
        let at = list as usize * LINE;
        let head = self.words[at + 1];
        if !is_only_and_small(self.words[at], head) {
            return self.walk(list, time, (low, high), |partner, _| found.push(Found { row, partner }));
        }
        // As many as there may be, without a branch: how many there are is hard to foresee.
        let n = if until_of(head) >= time { n_rows_of(head) } else { 0 };
        let within = high.wrapping_sub(low) as u64;
        for number in 0..self.sizes[0].1 {
            let partner = at + HEAD + number as usize * self.width;
            let is_in_range = (self.words[partner] as i64).wrapping_sub(low) as u64 <= within;
            found.push_if(is_in_range & (number < n), Found { row, partner: partner as u64 });
        }
    }

    /// The rows of a list that are wanted until `time` or longer and of which the first word lies in a range, in
    /// the order in which they came.
    #[inline]
    pub fn walk(&self, list: u32, time: i64, (low, high): (i64, i64), mut found: impl FnMut(u64, &[u64])) {
        let within = high.wrapping_sub(low) as u64;
        let mut rows_of = |chunk: u32| {
            let at = chunk as usize * LINE;
            let n = n_rows_of(self.words[at + 1]) as usize;
            let rows = &self.words[at + HEAD..at + HEAD + n * self.width];
            for (row, words) in (0u64..).zip(rows.chunks_exact(self.width)) {
                if (words[0] as i64).wrapping_sub(low) as u64 <= within {
                    found((at + HEAD) as u64 + row * self.width as u64, words);
                }
            }
        };
        let before = |chunk: u32| before_of(self.words[chunk as usize * LINE]);
        let is_wanted =
            |chunk: u32| chunk != EMPTY && until_of(self.words[chunk as usize * LINE + 1]) >= time;
        if !is_wanted(list) {
            return;
        }
        let (mut chunks, mut n, mut chunk) = ([list; 8], 1, before(list));
        while n < chunks.len() && is_wanted(chunk) {
            chunks[n] = chunk;
            (n, chunk) = (n + 1, before(chunk));
        }
        if is_wanted(chunk) {
            let older =
                std::iter::successors(Some(chunk), |chunk| Some(before(*chunk)).filter(|c| is_wanted(*c)));
            let older: Vec<u32> = older.collect();
            older.into_iter().rev().for_each(&mut rows_of);
        }
        chunks[..n].iter().rev().for_each(|chunk| rows_of(*chunk));
    }

    /// Asks for the newest chunk of a list that will be walked.
    #[inline]
    pub fn request(&self, list: u32) {
        let start = self.words.as_ptr().wrapping_add(list as usize * LINE) as *const u8;
        prefetch(start);
        (1..self.lines_ahead).for_each(|line| prefetch(start.wrapping_add(line * LINE * 8)));
    }

    /// Asks for the chunk before it, when it has come itself.
    #[inline]
    pub fn request_before(&self, list: u32) {
        // Without a branch: an empty list leads to itself, and its line is always there.
        self.request(before_of(self.words[list as usize * LINE]));
    }

    /// Asks for the head of the chunk before that one, when that one has come: a walk looks whether it is wanted.
    /// Short lists, whose newest chunk is small, rarely have it.
    #[inline]
    pub fn request_second_before(&self, list: u32) {
        let at = list as usize * LINE;
        if size_of_chunk(self.words[at + 1]) > 0 {
            let before = before_of(self.words[at]);
            self.request_head(before_of(self.words[before as usize * LINE]));
        }
    }

    /// Asks for the head of a list to which a row will be added.
    #[inline]
    pub fn request_head(&self, list: u32) {
        prefetch(self.words.as_ptr().wrapping_add(list as usize * LINE) as *const u8);
    }

    /// One word of each of these rows.
    pub fn gather<T: Plain>(&self, rows: &[u64], word: usize, value: impl Fn(u64) -> T) -> Buffer<T> {
        let words = &self.words[..];
        rows.iter().map(|row| value(words[*row as usize + word])).collect()
    }
}

/// A row that came, by its number among those that did, and the place of one that was there.
#[derive(Clone, Copy, Default)]
pub struct Found {
    pub row: u32,
    pub partner: u64,
}

/// Pairs of rows that have been found.
#[derive(Default)]
pub struct FoundRows {
    /// Those from the number on are room.
    all: Vec<Found>,
    n: usize,
}

impl FoundRows {
    pub fn len(&self) -> usize {
        self.n
    }

    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The first so many, if there are.
    pub fn first(&self, n: usize) -> &[Found] {
        &self.all[..n.min(self.n)]
    }

    pub fn drop_first(&mut self, n: usize) {
        let n = n.min(self.n);
        self.all.copy_within(n..self.n, 0);
        self.n -= n;
    }

    fn push(&mut self, found: Found) {
        self.push_if(true, found);
    }

    #[inline]
    fn push_if(&mut self, is_one: bool, found: Found) {
        if self.n == self.all.len() {
            self.grow();
        }
        self.all[self.n] = found;
        self.n += usize::from(is_one);
    }

    #[cold]
    fn grow(&mut self) {
        self.all.resize((self.n * 2).max(64), Found::default());
    }
}

/// Whether a chunk with these first words has none before it, and is of the least size.
fn is_only_and_small(head: u64, of_rows: u64) -> bool {
    before_of(head) as u64 | size_of_chunk(of_rows) as u64 == 0
}

fn before_of(head: u64) -> u32 {
    head as u32
}

fn n_rows_of(head: u64) -> u32 {
    (head >> SIZE_BITS) as u32 & MOST_ROWS as u32
}

fn size_of_chunk(head: u64) -> usize {
    head as usize & ((1 << SIZE_BITS) - 1)
}

/// Rounded up by a millisecond or so.
fn until_of(head: u64) -> i64 {
    (head | ((1 << UNTIL_FROM) - 1)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Of rows that are wanted for so long, which come to lists in turn.
    #[derive(Clone, Debug)]
    enum Step {
        Push { list: usize, lasts: i64 },
        Advance(i64),
        Sweep,
        Cut(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            60 => (0usize..4, prop_oneof![Just(0i64), 0i64..90_000]).prop_map(|(list, lasts)| Step::Push { list: list * list % 5, lasts }),
            4 => (0i64..30_000).prop_map(Step::Advance),
            1 => Just(Step::Sweep),
            1 => (0usize..5).prop_map(Step::Cut),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn wanted_rows_are_found_in_their_order(
            steps in proptest::collection::vec(step(), 0..900),
            width in 2usize..12,
        ) {
            let mut lists = RowLists::new(width, Some(1));
            let mut heads = [EMPTY; 5];
            // Of each list the number, the first word and the end of its rows.
            let mut expected: [Vec<(u64, i64, i64)>; 5] = Default::default();
            let (mut now, mut n, mut cut_off) = (0, 0, HashSet::new());
            for step in steps {
                match step {
                    Step::Push { list, lasts } => {
                        n += 1;
                        let until = now + lasts;
                        let row = lists.push(&mut heads[list], list as u32, until, |until| until < now);
                        lists.row_mut(row).fill(n);
                        lists.row_mut(row)[0] = now as u64;
                        expected[list].push((n, now, until));
                    }
                    Step::Advance(by) => now += by,
                    Step::Sweep => {
                        let n_before = lists.n_rows();
                        let mut occupied = [false; 5];
                        lists.sweep(&mut heads, |list| list, |until| until < now, |list, has_rows| occupied[list] |= has_rows);
                        prop_assert!(lists.n_rows() <= n_before);
                        for (list, head) in heads.iter().enumerate() {
                            let mut n = 0;
                            lists.walk(*head, i64::MIN, (i64::MIN, i64::MAX), |_, _| n += 1);
                            prop_assert_eq!(occupied[list], n > 0);
                        }
                    }
                    Step::Cut(list) => lists.cut(&mut heads[list], |until| until < now),
                }
                for number in lists.cut_off.drain(..) {
                    prop_assert!(cut_off.insert(number), "a row is cut off twice");
                    let is_wanted = |(row, _, until): &(u64, i64, i64)| *row == number && *until >= now;
                    prop_assert!(!expected.iter().flatten().any(is_wanted), "a row that is wanted is cut off");
                }
                prop_assert_eq!(lists.n_rows(), n as usize - cut_off.len());
            }
            for (list, rows) in heads.iter().zip(&expected) {
                let mut found = vec![];
                lists.walk(*list, now, (now - 20_000, now), |at, row| found.push((at, row[1])));
                found.iter().for_each(|(at, number)| assert_eq!(lists.row(*at)[1], *number));
                let mut again = FoundRows::default();
                lists.find(*list, now, (now - 20_000, now), 7, &mut again);
                let again = again.first(usize::MAX).iter();
                prop_assert!(again.map(|f| (f.partner, f.row)).eq(found.iter().map(|(at, _)| (*at, 7))));
                let found: Vec<u64> = found.into_iter().map(|(_, number)| number).collect();
                prop_assert!(found.is_sorted());
                // Others may be found too: how long they are wanted is not known to the microsecond.
                for (number, first, until) in rows {
                    let is_in_range = *first >= now - 20_000;
                    prop_assert!(!(is_in_range && *until >= now) || found.contains(number));
                    prop_assert!(is_in_range || !found.contains(number));
                }
                prop_assert!(found.iter().all(|number| rows.iter().any(|row| row.0 == *number)));
            }
            lists.sweep(&mut heads, |list| list, |_| true, |_, _| ());
            heads.iter_mut().for_each(|list| lists.cut(list, |_| true));
            prop_assert_eq!(lists.n_rows(), 0);
        }
    }
}
