//! The front of what takes events by key: of all rows of a batch at once it finds which tests they pass and the numbers
//! of their keys.

use super::event_log::{ChunkNumber, EventId, EventLog};
use super::ground::Ground;
use super::pattern::Pattern;
use super::reporting::Reporting;
use super::test_columns::{TestColumns, Tests};
use crate::kernel::key_index::NO_STATE;
use crate::message::EventTime;
use crate::op::interleave::{Pick, interleave_batch};
use crate::op::reorder::Due;
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
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
    /// The memory of the last order.
    order: Order,
    /// The lists of parts that have been worked off: their memory is used again, as that of a batch is large enough to be
    /// given back to the system each time. Their columns go: others make use of that memory at once.
    spent: Vec<(Vec<Tests>, Vec<u32>)>,
}

/// Rows of one input.
pub struct Part {
    pub input: usize,
    pub batch: Batch,
    /// Where events of them are kept.
    pub chunk: ChunkNumber,
    /// Per row: the tests that it passes, or may pass.
    pub passes: Vec<Tests>,
    /// Per row: the number of its key, if it matters there.
    pub partitions: Vec<u32>,
    /// Whether these are known of the rows that begin something: of no row, or of so many that the others are looked up by
    /// themselves.
    located: Located,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Located {
    None,
    Many,
    All,
}

/// Rows of parts: for each, the part and the row.
pub type Order = Vec<(u32, u32)>;

/// An event on its way through what its key has.
pub struct Event<'a> {
    pub input: usize,
    pub columns: &'a [ColumnRef],
    pub row: usize,
    pub time: EventTime,
    /// The tests that it passes, or may pass where there is more to them.
    pub passes: Tests,
    /// Where it can be kept, and its id if it is.
    pub chunk: ChunkNumber,
    pub id: Option<EventId>,
}

/// So many rows of which none matters are passed over at once.
const STRETCH: usize = 16;

impl Part {
    /// The rows that may matter: without a branch a row where some do, as nobody can tell which.
    fn add_rows_to(&self, order: &mut Order) {
        for (stretch, partitions) in (0..).zip(self.partitions.chunks(STRETCH)) {
            if partitions.iter().fold(true, |none, partition| none & (*partition == NO_STATE)) {
                continue;
            }
            let mut n = order.len();
            order.resize(n + partitions.len(), (0, 0));
            for (row, partition) in (stretch * STRETCH as u32..).zip(partitions) {
                order[n] = (0, row);
                n += usize::from(*partition != NO_STATE);
            }
            order.truncate(n);
        }
    }
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
            order: vec![],
            spent: vec![],
        }
    }

    /// The events that are due as parts, and, if those are several, the order of their rows: for each, the part and
    /// the row.
    pub fn parts_of(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        due: Due,
    ) -> (Vec<Part>, Option<Order>) {
        match due {
            Due::Whole(input, batch) => (vec![self.prepare(ground, pattern, input, batch)], None),
            Due::Rows(input, batch, rows) => {
                (vec![self.prepare(ground, pattern, input, batch.gather(rows))], None)
            }
            Due::Mixed(batches, picks) => {
                let mut of_input: Vec<Vec<Pick>> = vec![vec![]; self.types.len()];
                let mut order = Order::with_capacity(picks.len());
                for pick in picks {
                    let (input, _) = batches[pick.0 as usize];
                    order.push((input as u32, of_input[input].len() as u32));
                    of_input[input].push(*pick);
                }
                let parts = of_input.iter().enumerate().map(|(input, picks)| {
                    let own = (0..batches.len()).filter(|batch| batches[*batch].0 == input);
                    let own: Vec<usize> = own.collect();
                    let place =
                        |batch: u32| own.iter().position(|own| *own == batch as usize).unwrap_or(0) as u32;
                    let picks: Vec<Pick> = picks.iter().map(|(batch, row)| (place(*batch), *row)).collect();
                    let own: Vec<&Batch> = own.iter().map(|batch| batches[*batch].1).collect();
                    let batch = interleave_batch(&own, &self.types[input], &picks);
                    self.prepare(ground, pattern, input, batch)
                });
                (parts.collect(), Some(order))
            }
        }
    }

    /// Looks at rows of an input, which follow those of the last part that was taken.
    fn prepare(&mut self, ground: &mut Ground, pattern: &Pattern, input: usize, batch: Batch) -> Part {
        let (mut passes, mut partitions) = self.spent.pop().unwrap_or_default();
        self.tests.passed_by_all(input, &batch, &mut passes);
        let keys = key_columns(pattern, input, &batch);
        let begins = self.begins;
        choose(&mut self.rows, batch.n_rows, |row| row as u32, |row| passes[row] & begins != 0);
        let located = match self.rows.len() {
            0 => Located::None,
            n if n == batch.n_rows => {
                ground.keys.find_all(&keys, batch.n_rows, &mut partitions);
                Located::All
            }
            n => {
                ground.keys.find(&keys, &self.rows, &mut self.numbers);
                partitions.clear();
                partitions.resize(batch.n_rows, NO_STATE);
                put(&mut partitions, &self.rows, &self.numbers);
                if n > batch.n_rows / 4 { Located::Many } else { Located::None }
            }
        };
        let kept = self.kept[input].iter().map(|column| batch.columns[*column].clone());
        let kept = Batch { columns: kept.collect(), late: vec![], ..batch.clone() };
        let chunk = ground.log.open(input, kept);
        Part { input, batch, chunk, passes, partitions, located }
    }

    /// Finds the keys of parts, when all events that begin something have theirs; the rows of all parts that may matter,
    /// in their order: for each, the part and the row. Of a single part, no order need be given.
    pub fn locate(
        &mut self,
        ground: &mut Ground,
        pattern: &Pattern,
        parts: &mut [Part],
        order: Option<Order>,
    ) -> Order {
        parts.iter_mut().for_each(|part| self.locate_part(ground, pattern, part));
        order.unwrap_or_else(|| {
            let mut order = std::mem::take(&mut self.order);
            order.clear();
            parts.first().into_iter().for_each(|part| part.add_rows_to(&mut order));
            order
        })
    }

    fn locate_part(&mut self, ground: &mut Ground, pattern: &Pattern, part: &mut Part) {
        let Part { input, batch, passes, partitions, located, .. } = part;
        let (located, begins) = (*located, self.begins);
        if located == Located::All {
            return;
        }
        let keys = key_columns(pattern, *input, batch);
        let minds = |passes: Tests| pattern.minds_all || passes != 0;
        if ground.keys.n_live() == 0 {
            partitions.clear();
            partitions.resize(batch.n_rows, NO_STATE);
        } else if located == Located::None && passes.iter().all(|passes| minds(*passes)) {
            ground.keys.look_up_all(&keys, batch.n_rows, partitions);
        } else {
            let is_known = |passes: Tests| located == Located::Many && passes & begins != 0;
            let is_sought = |row: usize| minds(passes[row]) && !is_known(passes[row]);
            choose(&mut self.rows, batch.n_rows, |row| row as u32, is_sought);
            ground.keys.look_up(&keys, &self.rows, &mut self.numbers);
            if located == Located::None {
                partitions.clear();
                partitions.resize(batch.n_rows, NO_STATE);
            }
            put(partitions, &self.rows, &self.numbers);
        }
    }

    /// An event of a part.
    pub fn event<'a>(&self, part: &'a Part, row: usize) -> Event<'a> {
        let time = match &part.batch.columns[self.times[part.input]].data {
            ColumnData::I64(times) => times[row],
            _ => EventTime::MIN,
        };
        let (input, passes, chunk) = (part.input, part.passes[row], part.chunk);
        Event { input, columns: &part.batch.columns, row, time, passes, chunk, id: None }
    }

    /// Ends the work on parts, in this order: what nobody looks back to of them goes.
    pub fn end(&mut self, ground: &mut Ground, parts: Vec<Part>, order: Order) {
        ground.log.close();
        self.order = order;
        self.spent.extend(parts.into_iter().map(|part| (part.passes, part.partitions)));
    }
}

impl Event<'_> {
    /// Its id, by which it is kept from now on.
    pub fn id_in(&mut self, log: &mut EventLog) -> EventId {
        let (chunk, row) = (self.chunk, self.row);
        *self.id.get_or_insert_with(|| log.keep(chunk, row))
    }
}

fn key_columns<'a>(pattern: &Pattern, input: usize, batch: &'a Batch) -> Vec<&'a ColumnRef> {
    pattern.spec.inputs[input].keys.iter().map(|column| &batch.columns[*column]).collect()
}

/// Replaces what is in `chosen` by what `of` makes of those of so many rows that are wanted; without a branch a row, as
/// nobody can tell which are.
fn choose<T: Copy>(
    chosen: &mut Vec<T>,
    n_rows: usize,
    of: impl Fn(usize) -> T,
    is_wanted: impl Fn(usize) -> bool,
) {
    chosen.resize(n_rows, of(0));
    let mut n = 0;
    for row in 0..n_rows {
        chosen[n] = of(row);
        n += usize::from(is_wanted(row));
    }
    chosen.truncate(n);
}

/// Says of rows what their numbers are.
fn put(partitions: &mut [u32], rows: &[u32], numbers: &[u32]) {
    rows.iter().zip(numbers).for_each(|(row, number)| partitions[*row as usize] = *number);
}
