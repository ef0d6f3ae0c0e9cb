//! The front of what takes events by key: of all rows of a batch at once it finds which tests they pass and the numbers
//! of their keys; it keeps the events that are looked back to, and makes matches of them.

use super::BEHIND_EVENTS;
use super::event_log::{ChunkNumber, EventId, EventLog};
use super::pattern::Pattern;
use super::rows::{Answers, Found};
use super::test_columns::{TestColumns, Tests};
use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::message::EventTime;
use crate::op::interleave::{Pick, interleave_batch};
use crate::op::reorder::Due;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{MatchInput, MatchSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Front {
    /// Of each input, the column of the event time.
    pub times: Vec<usize>,
    /// Of the columns of each input.
    pub types: Vec<Vec<Type>>,
    pub tests: TestColumns,
    /// The tests of which an event must pass one to begin something where nothing is kept of its key.
    pub begins: Tests,
    /// Per step: whether somebody reads its variable.
    pub reads: Vec<bool>,
    pub keys: KeyIndex,
    pub log: EventLog,
    /// Per input, the columns that are kept of events.
    kept: Vec<KeptColumns>,
    rows: Vec<u32>,
    numbers: Vec<u32>,
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
}

/// Rows of parts: for each, the part and the row.
pub type Order = Vec<(usize, u32)>;

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

/// Which columns of an input are kept of events that are looked back to.
struct KeptColumns {
    columns: Vec<usize>,
    types: Vec<Type>,
    /// Where the columns of the key stand among them.
    keys: Vec<usize>,
    /// Where the fields of a variable's record do.
    fields: Vec<Option<usize>>,
}

impl KeptColumns {
    /// Those of the key and of records that are read, and these.
    fn new(spec: &MatchSpec, input: usize, types: &[Type], reads: &[bool], others: &[usize]) -> KeptColumns {
        let MatchInput { keys, fields, .. } = &spec.inputs[input];
        let mut own = spec.steps.iter().zip(reads).filter(|(step, _)| step.test.input == input);
        let is_read = own.any(|(_, is_read)| *is_read);
        let read = fields.iter().flatten().filter(|_| is_read);
        let columns: BTreeSet<usize> = keys.iter().chain(read).chain(others).copied().collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let place = |column: &usize| columns.binary_search(column).ok();
        KeptColumns {
            types: columns.iter().map(|column| types[*column].clone()).collect(),
            keys: keys.iter().filter_map(place).collect(),
            fields: fields.iter().map(|field| field.as_ref().and_then(place)).collect(),
            columns,
        }
    }
}

impl Part {
    /// The rows that may matter.
    fn rows(&self) -> Order {
        let numbers = (0..).zip(&self.partitions);
        numbers.filter(|(_, partition)| **partition != NO_STATE).map(|(row, _)| (0, row)).collect()
    }
}

impl Front {
    /// `kept` says, per input, which columns are looked at of kept events beside those of the key and of variables.
    pub fn new(
        spec: &MatchSpec,
        inputs: &[&Schema],
        tests: TestColumns,
        begins: Tests,
        kept: &[Vec<usize>],
    ) -> Front {
        let n_keys = spec.key_names().len();
        let key_types: Vec<Type> = spec.bindings[..n_keys].iter().map(|key| key.ty.clone()).collect();
        let is_read =
            |step: usize| spec.outputs.iter().any(|output| output.columns().contains(&(n_keys + step)));
        let reads: Vec<bool> = (0..spec.steps.len()).map(is_read).collect();
        let types: Vec<Vec<Type>> = inputs.iter().map(|input| input.types()).collect();
        let of_inputs = types.iter().zip(kept).enumerate();
        let kept =
            of_inputs.map(|(input, (types, others))| KeptColumns::new(spec, input, types, &reads, others));
        Front {
            times: inputs.iter().map(|input| input.time).collect(),
            kept: kept.collect(),
            types,
            tests,
            begins,
            reads,
            keys: KeyIndex::new(&key_types, 0),
            log: EventLog::default(),
            rows: vec![],
            numbers: vec![],
            spent: vec![],
        }
    }

    /// The events that are due as parts, and, if those are several, the order of their rows: for each, the part and
    /// the row.
    pub fn parts_of(&mut self, pattern: &Pattern, due: Due) -> (Vec<Part>, Option<Order>) {
        match due {
            Due::Whole(input, batch) => (vec![self.prepare(pattern, input, batch)], None),
            Due::Rows(input, batch, rows) => (vec![self.prepare(pattern, input, batch.gather(rows))], None),
            Due::Mixed(batches, picks) => {
                let mut of_input: Vec<Vec<Pick>> = vec![vec![]; self.types.len()];
                let mut order = Order::with_capacity(picks.len());
                for pick in picks {
                    let (input, _) = batches[pick.0 as usize];
                    order.push((input, of_input[input].len() as u32));
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
                    self.prepare(pattern, input, batch)
                });
                (parts.collect(), Some(order))
            }
        }
    }

    /// Looks at rows of an input, which follow those of the last part that was taken.
    fn prepare(&mut self, pattern: &Pattern, input: usize, batch: Batch) -> Part {
        let (mut passes, partitions) = self.spent.pop().unwrap_or_default();
        self.tests.passed_by_all(input, &batch, &mut passes);
        let keys = key_columns(pattern, input, &batch);
        let begins = self.begins;
        choose(&mut self.rows, &passes, |passes| passes & begins != 0);
        if !self.rows.is_empty() {
            self.keys.find(&keys, &self.rows, &mut self.numbers);
        }
        let kept = self.kept[input].columns.iter().map(|column| batch.columns[*column].clone());
        let kept = Batch { columns: kept.collect(), late: vec![], ..batch.clone() };
        let chunk = self.log.open(input, kept);
        Part { input, batch, chunk, passes, partitions }
    }

    /// Finds the keys of parts, when all events that begin something have theirs; the rows of all parts that may matter,
    /// in their order: for each, the part and the row. Of a single part, no order need be given.
    pub fn locate(&mut self, pattern: &Pattern, parts: &mut [Part], order: Option<Order>) -> Order {
        parts.iter_mut().for_each(|part| self.locate_part(pattern, part));
        order.unwrap_or_else(|| parts.first().map_or_else(Vec::new, Part::rows))
    }

    fn locate_part(&mut self, pattern: &Pattern, part: &mut Part) {
        let Part { input, batch, passes, partitions, .. } = part;
        let keys = key_columns(pattern, *input, batch);
        let minds = |passes: Tests| pattern.minds_all || passes != 0;
        partitions.clear();
        if self.keys.n_live() == 0 {
            partitions.resize(batch.n_rows, NO_STATE);
        } else if passes.iter().all(|passes| minds(*passes)) {
            self.keys.look_up_all(&keys, batch.n_rows, partitions);
        } else {
            choose(&mut self.rows, passes, minds);
            self.keys.look_up(&keys, &self.rows, &mut self.numbers);
            partitions.resize(batch.n_rows, NO_STATE);
            let numbers = self.rows.iter().zip(&self.numbers);
            numbers.for_each(|(row, number)| partitions[*row as usize] = *number);
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

    /// Ends the work on parts: what nobody looks back to of them goes.
    pub fn end(&mut self, parts: Vec<Part>) {
        self.log.close();
        self.spent.extend(parts.into_iter().map(|part| (part.passes, part.partitions)));
    }

    pub fn id_of(&mut self, event: &mut Event) -> EventId {
        let (chunk, row) = (event.chunk, event.row);
        *event.id.get_or_insert_with(|| self.log.keep(chunk, row))
    }

    /// Reports the match of these events, each with the step as which it was taken, and of the one that completes it if
    /// that is an event.
    pub fn report(
        &self,
        spec: &MatchSpec,
        taken: impl Iterator<Item = (usize, EventId)>,
        last: Option<(&Event, usize)>,
        (start, end): (EventTime, EventTime),
        answers: &mut Answers,
    ) {
        let mut steps = vec![vec![]; spec.steps.len()];
        let mut place = BEHIND_EVENTS;
        let mut first = None;
        for (step, event) in taken {
            first = first.or(Some(event));
            if self.reads[step] {
                steps[step].push(self.record_of_kept(event));
            }
        }
        if let Some((event, step)) = last {
            place = self.log.place_of(event.chunk, event.id, event.row);
            if self.reads[step] {
                steps[step].push(self.record(spec, event));
            }
        }
        let key = match (first, last) {
            (Some(first), _) => {
                let kept = self.log.get(first);
                let KeptColumns { keys, types, .. } = &self.kept[kept.input];
                values(keys, types, kept.columns(), kept.row)
            }
            (None, Some((event, _))) => {
                let keys = &spec.inputs[event.input].keys;
                values(keys, &self.types[event.input], event.columns, event.row)
            }
            (None, None) => vec![],
        };
        answers.add(&key, &Found { steps, start, end, place, is_timeout: false });
    }

    /// Writes the events that are kept.
    pub fn snapshot_log(&self, writer: &mut SnapshotWriter) {
        self.log.snapshot(&|input| &self.kept[input].types, writer);
    }

    /// Takes over what [`Front::snapshot_log`] wrote.
    pub fn restore_log(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.log = EventLog::restore(&|input| self.kept.get(input).map(|kept| &kept.types[..]), reader)?;
        Ok(())
    }

    /// Where a column stands among those that are kept of an input.
    pub fn place_among_kept(&self, input: usize, column: usize) -> Option<usize> {
        self.kept[input].columns.binary_search(&column).ok()
    }

    fn record(&self, spec: &MatchSpec, event: &Event) -> Arc<[Value]> {
        record(&spec.inputs[event.input].fields, &self.types[event.input], event.columns, event.row)
    }

    fn record_of_kept(&self, event: EventId) -> Arc<[Value]> {
        let kept = self.log.get(event);
        let KeptColumns { fields, types, .. } = &self.kept[kept.input];
        record(fields, types, kept.columns(), kept.row)
    }
}

fn record(fields: &[Option<usize>], types: &[Type], columns: &[ColumnRef], row: usize) -> Arc<[Value]> {
    let value = |column: usize| columns[column].value(row, &types[column]);
    fields.iter().map(|field| field.map_or(Value::Null, value)).collect()
}

fn values(chosen: &[usize], types: &[Type], columns: &[ColumnRef], row: usize) -> Vec<Value> {
    chosen.iter().map(|column| columns[*column].value(row, &types[*column])).collect()
}

fn key_columns<'a>(pattern: &Pattern, input: usize, batch: &'a Batch) -> Vec<&'a ColumnRef> {
    pattern.spec.inputs[input].keys.iter().map(|column| &batch.columns[*column]).collect()
}

/// Replaces `rows` by those with such tests.
fn choose(rows: &mut Vec<u32>, passes: &[Tests], chosen: impl Fn(Tests) -> bool) {
    rows.clear();
    rows.extend((0..).zip(passes).filter(|(_, passes)| chosen(**passes)).map(|(row, _)| row));
}
