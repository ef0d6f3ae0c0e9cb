//! The front of what takes events by key: of all rows of a batch at once it finds which tests they pass and the numbers
//! of their keys.

use super::event_log::{ChunkNumber, EventId, EventLog};
use super::ground::Ground;
use super::pattern::Pattern;
use super::reporting::Reporting;
use super::test_columns::{Passed, TestColumns, Tests};
use super::transitions::Code;
use crate::kernel::key_index::NO_STATE;
use crate::kernel::transitions::CodeColumns;
use crate::message::EventTime;
use crate::op::interleave::{Pick, interleave_batch};
use crate::op::reorder::Due;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Bitmap, ColumnData, ColumnRef};
use millstream_ir::types::Type;

pub struct Front {
    /// Of each input, the column of the event time.
    times: Vec<usize>,
    /// Of the columns of each input.
    types: Vec<Vec<Type>>,
    tests: TestColumns,
    /// The tests of which an event must pass one to begin something where nothing is kept of its key.
    begins: Tests,
    /// Per input, the columns that are kept of events.
    kept: Vec<Vec<usize>>,
    rows: Vec<u32>,
    numbers: Vec<u32>,
    /// What has been worked off: its memory is used again, as that for a batch is large enough to be given back to the
    /// system each time. The columns of parts go: others make use of that memory at once.
    passed: Vec<Passed>,
    lists: Vec<Vec<Located>>,
}

/// Rows of one input.
pub struct Part {
    input: usize,
    batch: Batch,
    /// Where events of them are kept.
    chunk: ChunkNumber,
    passed: Passed,
    /// The rows that begin something, with the numbers of their keys.
    begun: Vec<Located>,
}

/// Few rows begin something if they are no more than one of so many, and very few of these.
const FEW: usize = 4;
const VERY_FEW: usize = 16;
/// By so many places a list of rows grows.
const GROWTH: usize = 512;

/// A row of a part, whose key has this number.
#[derive(Clone, Copy)]
pub struct Located {
    pub part: u32,
    pub row: u32,
    pub partition: u32,
}

/// Rows of one input as their events look at them: what stands several steps away there is at hand.
pub struct View<'p> {
    pub input: usize,
    pub columns: &'p [ColumnRef],
    /// Of columns, their ints; none where it is not worth the while to look for these.
    pub ints: Vec<Ints<'p>>,
    times: Ints<'p>,
    /// The columns as the code is given them of the groups that the events come to, if it is asked.
    of_code: Option<CodeColumns<'p>>,
    /// Where events of them can be kept.
    pub chunk: ChunkNumber,
}

/// The values of a column, if they are ints, times or the like.
#[derive(Clone, Copy, Default)]
pub struct Ints<'c> {
    values: &'c [i64],
    validity: Option<&'c Bitmap>,
}

/// An event on its way through what its key has.
pub struct Event<'a> {
    pub of: &'a View<'a>,
    pub row: usize,
    pub time: EventTime,
    /// The tests that it passes, or may pass where there is more to them.
    pub passes: Tests,
    /// Its id, if it is kept.
    pub id: Option<EventId>,
}

impl Front {
    /// `times` are the columns of the event time; what is kept of events are the columns that `reporting` says.
    pub fn new(times: &[usize], tests: TestColumns, begins: Tests, reporting: &Reporting) -> Front {
        Front {
            times: times.into(),
            types: reporting.types.clone(),
            kept: (0..times.len()).map(|input| reporting.kept(input).to_vec()).collect(),
            tests,
            begins,
            rows: vec![],
            numbers: vec![],
            passed: vec![],
            lists: vec![],
        }
    }

    /// The events that are due, as parts, and those of them that may matter, in their order.
    pub fn take(&mut self, ground: &mut Ground, pattern: &Pattern, due: Due) -> (Vec<Part>, Vec<Located>) {
        match due {
            Due::Whole(input, batch) => self.take_one(ground, pattern, input, batch),
            Due::Rows(input, batch, rows) => self.take_one(ground, pattern, input, batch.gather(rows)),
            Due::Mixed(batches, picks) => self.take_mixed(ground, pattern, batches, picks),
        }
    }

    fn take_one(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        input: usize,
        batch: Batch,
    ) -> (Vec<Part>, Vec<Located>) {
        let mut part = self.open(ground, input, batch);
        let (n_begun, n_rows) = (self.rows.len(), part.batch.n_rows);
        let located = if n_begun > n_rows / VERY_FEW && n_begun < n_rows && !ground.keys.filters() {
            self.find(ground, pattern, &part)
        } else {
            self.begin(ground, pattern, 0, &mut part);
            self.locate(ground, pattern, 0, &mut part)
        };
        (vec![part], located)
    }

    fn take_mixed(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        batches: &[(usize, &Batch)],
        picks: &[Pick],
    ) -> (Vec<Part>, Vec<Located>) {
        let of_inputs = (0..self.types.len()).map(|input| {
            let batch = picked(batches, picks, input, &self.types[input]);
            let mut part = self.open(ground, input, batch);
            self.begin(ground, pattern, input, &mut part);
            part
        });
        let mut parts: Vec<Part> = of_inputs.collect();
        // When all events that begin something have their keys: one may stand in front of another input's.
        let located = parts.iter_mut().enumerate();
        let located = located.map(|(number, part)| self.locate(ground, pattern, number, part));
        let located: Vec<Vec<Located>> = located.collect();
        let inputs = picks.iter().map(|(batch, _)| batches[*batch as usize].0);
        (parts, in_order(inputs, &located))
    }

    /// Looks at rows of an input, which follow those of the last part that was taken: `rows` become those that begin
    /// something.
    fn open(&mut self, ground: &mut Ground, input: usize, batch: Batch) -> Part {
        let mut passed = self.passed.pop().unwrap_or(Passed::Few(vec![]));
        self.tests.passed_by_all(input, &batch, &mut passed);
        passed.rows_of(self.begins, &mut self.rows);
        let kept = self.kept[input].iter().map(|column| batch.columns[*column].clone());
        let kept = Batch { columns: kept.collect(), late: vec![], ..batch.clone() };
        let chunk = ground.log.open(input, kept);
        Part { input, batch, chunk, passed, begun: self.lists.pop().unwrap_or_default() }
    }

    /// Finds, or makes, the keys of the rows of a part that begin something, when it has been opened.
    fn begin(&mut self, ground: &mut Ground, pattern: &Pattern, number: usize, part: &mut Part) {
        let keys = key_columns(pattern, part.input, &part.batch);
        match self.rows.len() == part.batch.n_rows {
            true => ground.keys.find_all(&keys, part.batch.n_rows, &mut self.numbers),
            false => ground.keys.find(&keys, &self.rows, &mut self.numbers),
        }
        let found = self.rows.iter().zip(&self.numbers);
        let located = found.map(|(row, key)| Located { part: number as u32, row: *row, partition: *key });
        part.begun.extend(located);
    }

    /// The rows of the only part that may matter, with their keys: those that begin something get one.
    fn find(&mut self, ground: &mut Ground, pattern: &Pattern, part: &Part) -> Vec<Located> {
        let Part { input, batch, passed, .. } = part;
        let keys = key_columns(pattern, *input, batch);
        let mut located = self.lists.pop().unwrap_or_default();
        let begins = |row| passed.of(row) & self.begins != 0;
        let minds = |row| pattern.minds_all || passed.of(row) != 0;
        let mut n = 0;
        located.resize(batch.n_rows, Located { part: 0, row: 0, partition: NO_STATE });
        // Without a branch on whether it has a state, as nobody can tell.
        ground.keys.find_each_of_all(&keys, batch.n_rows, begins, |row, partition| {
            located[n] = Located { part: 0, row: row as u32, partition };
            n += usize::from((partition != NO_STATE) & minds(row));
        });
        located.truncate(n);
        located
    }

    /// The rows of a part that may matter, when all that begin something have their keys.
    fn locate(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        number: usize,
        part: &mut Part,
    ) -> Vec<Located> {
        let n_rows = part.batch.n_rows;
        if part.begun.len() == n_rows || ground.keys.n_live() == 0 {
            return std::mem::take(&mut part.begun);
        }
        // Where only some begin something, it costs less to look all up than to leave them out.
        if part.begun.len() <= n_rows / FEW {
            return self.look_up(ground, pattern, number, part, 0);
        }
        let located = self.look_up(ground, pattern, number, part, self.begins);
        let begun = std::mem::take(&mut part.begun);
        let mut all = self.lists.pop().unwrap_or_default();
        merge(&begun, &located, &mut all);
        self.give_back([begun, located]);
        all
    }

    /// The rows of a part whose keys have a state, without those that pass one of the tests that are `known`.
    fn look_up(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        number: usize,
        part: &Part,
        known: Tests,
    ) -> Vec<Located> {
        let Part { input, batch, passed, .. } = part;
        let keys = key_columns(pattern, *input, batch);
        let mut located = self.lists.pop().unwrap_or_default();
        let (mut n, part) = (0, number as u32);
        // Without a branch on whether it has a state, as nobody can tell.
        let mut add = |row: u32, partition: u32| {
            if n == located.len() {
                located.resize(n + GROWTH, Located { part, row, partition });
            }
            located[n] = Located { part, row, partition };
            n += usize::from(partition != NO_STATE);
        };
        if known == 0 && (pattern.minds_all || passed.is_of_all()) {
            ground.keys.look_up_each_of_all(&keys, batch.n_rows, |row, partition| add(row as u32, partition));
        } else {
            passed.rows_without(known, pattern.minds_all, &mut self.rows);
            let rows = &self.rows;
            ground.keys.look_up_each(&keys, rows, |at, partition| add(rows[at], partition));
        }
        located.truncate(n);
        located
    }

    /// How events look at parts, and how the code of a rule does.
    pub fn views<'p, const N: usize>(&self, parts: &'p [Part], code: Option<&Code<N>>) -> Vec<View<'p>> {
        let view = |part: &'p Part| {
            let (input, columns) = (part.input, &part.batch.columns);
            let of_code = code.map(|code| code.columns_of(input, columns));
            View { of_code, ..View::of(input, columns, self.times[input], part.chunk) }
        };
        parts.iter().map(view).collect()
    }

    /// Ends the work on parts: what nobody looks back to of them goes.
    pub fn end(&mut self, ground: &mut Ground, parts: Vec<Part>, located: Vec<Located>) {
        ground.log.close();
        self.give_back([located]);
        for part in parts {
            self.passed.push(part.passed);
            self.give_back([part.begun]);
        }
    }

    fn give_back<const N: usize>(&mut self, lists: [Vec<Located>; N]) {
        for mut list in lists {
            if list.capacity() > 0 {
                list.clear();
                self.lists.push(list);
            }
        }
    }
}

impl Part {
    /// The event at a row, as a view of the part looks at it.
    #[inline(always)]
    pub fn event<'v>(&self, view: &'v View<'v>, row: u32) -> Event<'v> {
        let row = row as usize;
        let time = view.times.get(row).unwrap_or(EventTime::MIN);
        Event { of: view, row, time, passes: self.passed.of(row), id: None }
    }
}

impl<'p> View<'p> {
    pub fn of_code(&self) -> Option<&CodeColumns<'p>> {
        self.of_code.as_ref()
    }

    /// Of rows with the event time in this column, and a chunk to keep them in.
    pub fn of(input: usize, columns: &'p [ColumnRef], time: usize, chunk: ChunkNumber) -> View<'p> {
        let ints = Ints::of_all(columns);
        View { input, columns, times: ints[time], ints, of_code: None, chunk }
    }

    /// Of rows that are kept, and looked at one by one.
    pub fn of_kept(input: usize, columns: &'p [ColumnRef]) -> View<'p> {
        View { input, columns, ints: vec![], times: Ints::default(), of_code: None, chunk: 0 }
    }
}

impl<'c> Ints<'c> {
    fn of_all(columns: &'c [ColumnRef]) -> Vec<Ints<'c>> {
        let of = |column: &'c ColumnRef| match &column.data {
            ColumnData::I64(values) => Ints { values, validity: column.validity.as_ref() },
            _ => Ints::default(),
        };
        columns.iter().map(of).collect()
    }

    /// The value of a row, if it has one.
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<i64> {
        let value = *self.values.get(row)?;
        self.validity.is_none_or(|validity| validity.get(row)).then_some(value)
    }
}

impl Event<'_> {
    /// Its id, by which it is kept from now on.
    pub fn id_in(&mut self, log: &mut EventLog) -> EventId {
        let (chunk, row) = (self.of.chunk, self.row);
        *self.id.get_or_insert_with(|| log.keep(chunk, row))
    }
}

fn key_columns<'a>(pattern: &Pattern, input: usize, batch: &'a Batch) -> Vec<&'a ColumnRef> {
    pattern.spec.inputs[input].keys.iter().map(|column| &batch.columns[*column]).collect()
}

/// The rows of one input among those that are picked of several.
fn picked(batches: &[(usize, &Batch)], picks: &[Pick], input: usize, types: &[Type]) -> Batch {
    let own: Vec<usize> = (0..batches.len()).filter(|batch| batches[*batch].0 == input).collect();
    let mut places = vec![None; batches.len()];
    (0..).zip(&own).for_each(|(place, batch)| places[*batch] = Some(place));
    let picks = picks.iter().filter_map(|(batch, row)| Some((places[*batch as usize]?, *row)));
    let picks: Vec<Pick> = picks.collect();
    let own: Vec<&Batch> = own.into_iter().map(|batch| batches[batch].1).collect();
    interleave_batch(&own, types, &picks)
}

/// The rows of all inputs that may matter, in the order of all their rows: `inputs` are those whose each is.
fn in_order(inputs: impl Iterator<Item = usize>, located: &[Vec<Located>]) -> Vec<Located> {
    let mut rest: Vec<_> = located.iter().map(|located| located.iter().copied().peekable()).collect();
    let mut n_before = vec![0; located.len()];
    let in_order = inputs.filter_map(|input| {
        let row = n_before[input];
        n_before[input] += 1;
        rest[input].next_if(|located| located.row == row)
    });
    in_order.collect()
}

/// Makes `all` the rows of two lists in their order; none is in both.
fn merge(a: &[Located], b: &[Located], all: &mut Vec<Located>) {
    let (mut at_a, mut at_b) = (0, 0);
    all.reserve(a.len() + b.len());
    while at_a < a.len() && at_b < b.len() {
        let is_a = a[at_a].row < b[at_b].row;
        all.push(if is_a { a[at_a] } else { b[at_b] });
        (at_a, at_b) = (at_a + usize::from(is_a), at_b + usize::from(!is_a));
    }
    all.extend_from_slice(&a[at_a..]);
    all.extend_from_slice(&b[at_b..]);
}
