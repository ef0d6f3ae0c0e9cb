//! What a pattern says of its matches: which variables are read, and where the columns of kept events stand that
//! make their records; plain values are said without these.

use super::BEHIND_EVENTS;
use super::event_log::{EventId, EventLog, Kept};
use super::front::Event;
use super::rows::{Answers, Found};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{MatchInput, MatchSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Reporting {
    spec: Arc<MatchSpec>,
    /// Per step: whether somebody reads its variable.
    pub reads: Vec<bool>,
    /// Of the columns of each input.
    pub types: Vec<Vec<Type>>,
    /// Per input, the columns that are kept of events.
    kept: Vec<KeptColumns>,
    /// Whether an output is more than when the match began and ended.
    asks_events: bool,
    /// What the outputs are, if all of them can be had without a record of a variable.
    said: Option<Vec<Said>>,
}

/// An output that is a plain value of a match.
enum Said {
    Start,
    End,
    IsTimeout,
    /// So many columns of the key stand in front of it.
    Key(usize),
    /// A field of the one event of a step.
    Field {
        step: usize,
        field: usize,
    },
}

impl Said {
    fn of(output: &Expr, spec: &MatchSpec) -> Option<Said> {
        let (n_keys, n_steps) = (spec.key_names().len(), spec.steps.len());
        match &output.kind {
            ExprKind::Column(number) if *number < n_keys => Some(Said::Key(*number)),
            ExprKind::Column(number) => match number.checked_sub(n_keys + n_steps)? {
                0 => Some(Said::Start),
                1 => Some(Said::End),
                _ => Some(Said::IsTimeout),
            },
            ExprKind::Field { record, field } => {
                let ExprKind::Column(variable) = record.kind else { return None };
                let step = variable.checked_sub(n_keys)?;
                let is_one = !spec.steps.get(step)?.repeats;
                is_one.then_some(Said::Field { step, field: *field })
            }
            _ => None,
        }
    }
}

/// An event of a match: one that is kept, or the one that completes it.
enum Part<'e> {
    Kept(Kept<'e>),
    Last(&'e Event<'e>),
}

/// The events of a match in their order, each with its step.
type Parts<'e> = SmallVec<[(usize, Part<'e>); 4]>;

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

impl Reporting {
    /// `kept` says, per input, which columns are looked at of kept events beside those of the key and of variables.
    pub fn new(spec: &Arc<MatchSpec>, inputs: &[&Schema], kept: &[Vec<usize>]) -> Reporting {
        let n_keys = spec.key_names().len();
        let is_read =
            |step: usize| spec.outputs.iter().any(|output| output.columns().contains(&(n_keys + step)));
        let reads: Vec<bool> = (0..spec.steps.len()).map(is_read).collect();
        let types: Vec<Vec<Type>> = inputs.iter().map(|input| input.types()).collect();
        let of_inputs = types.iter().zip(kept).enumerate();
        let kept =
            of_inputs.map(|(input, (types, others))| KeptColumns::new(spec, input, types, &reads, others));
        let said: Option<Vec<Said>> = spec.outputs.iter().map(|output| Said::of(output, spec)).collect();
        let is_time = |said: &Said| matches!(said, Said::Start | Said::End | Said::IsTimeout);
        let asks_events = !said.as_ref().is_some_and(|said| said.iter().all(is_time));
        Reporting { spec: spec.clone(), kept: kept.collect(), types, reads, asks_events, said }
    }

    /// The columns that are kept of an input.
    pub fn kept(&self, input: usize) -> &[usize] {
        &self.kept[input].columns
    }

    pub fn kept_types(&self, input: usize) -> &[Type] {
        &self.kept[input].types
    }

    /// What they are called, but for those that are computed for conditions.
    pub fn kept_names(&self, inputs: &[&Schema]) -> String {
        let of_input = |((kept, schema), input): ((&KeptColumns, &&Schema), &MatchInput)| {
            let named = kept.columns.iter().filter(|column| !input.computed.contains(column));
            let names: Vec<&str> = named.map(|column| &*schema.columns[*column].name).collect();
            format!("[{}]", names.join(", "))
        };
        let of_inputs = self.kept.iter().zip(inputs).zip(&self.spec.inputs).map(of_input);
        of_inputs.collect::<Vec<_>>().join(" ")
    }

    /// Where a column stands among those that are kept of an input.
    pub fn place_among_kept(&self, input: usize, column: usize) -> Option<usize> {
        self.kept[input].columns.binary_search(&column).ok()
    }

    /// Reports the match of these events, each with the step as which it was taken, and of the one that completes it if
    /// that is an event.
    pub fn report(
        &self,
        log: &EventLog,
        taken: impl Iterator<Item = (usize, EventId)>,
        last: Option<(&Event, usize)>,
        (start, end): (EventTime, EventTime),
        answers: &mut Answers,
    ) {
        let place =
            last.map_or(BEHIND_EVENTS, |(event, _)| log.place_of(event.of.chunk, event.id, event.row));
        let n_asked = if self.asks_events { usize::MAX } else { 0 };
        let kept = taken.take(n_asked).map(|(step, event)| (step, Part::Kept(log.get(event))));
        let parts: Parts = kept.chain(last.map(|(event, step)| (step, Part::Last(event)))).collect();
        match &self.said {
            Some(said) => {
                let value = |said: &Said| match said {
                    Said::Start => Value::Timestamp(start),
                    Said::End => Value::Timestamp(end),
                    Said::IsTimeout => Value::Bool(false),
                    Said::Key(key) => parts.first().map_or(Value::Null, |(_, part)| self.key(part, *key)),
                    Said::Field { step, field } => {
                        let of_step = parts.iter().find(|(taken, _)| taken == step);
                        of_step.map_or(Value::Null, |(_, part)| self.field(part, *field))
                    }
                };
                answers.say(said.iter().map(value), end, place);
            }
            None => {
                let mut steps = vec![vec![]; self.spec.steps.len()];
                for (step, part) in parts.iter().filter(|(step, _)| self.reads[*step]) {
                    steps[*step]
                        .push((0..self.n_fields(part)).map(|field| self.field(part, field)).collect());
                }
                let keys = 0..self.spec.key_names().len();
                let key: Vec<Value> = match parts.first() {
                    Some((_, first)) => keys.map(|key| self.key(first, key)).collect(),
                    None => vec![],
                };
                answers.add(&key, &Found { steps, start, end, place, is_timeout: false });
            }
        }
    }

    /// So many fields the record of an event has.
    fn n_fields(&self, part: &Part) -> usize {
        match part {
            Part::Kept(kept) => self.kept[kept.input].fields.len(),
            Part::Last(event) => self.spec.inputs[event.of.input].fields.len(),
        }
    }

    /// A field of the record of an event.
    fn field(&self, part: &Part, field: usize) -> Value {
        let column = match part {
            Part::Kept(kept) => self.kept[kept.input].fields[field],
            Part::Last(event) => self.spec.inputs[event.of.input].fields[field],
        };
        column.map_or(Value::Null, |column| self.value(part, column))
    }

    /// A value of the key of an event.
    fn key(&self, part: &Part, key: usize) -> Value {
        match part {
            Part::Kept(kept) => self.value(part, self.kept[kept.input].keys[key]),
            Part::Last(event) => self.value(part, self.spec.inputs[event.of.input].keys[key]),
        }
    }

    fn value(&self, part: &Part, column: usize) -> Value {
        match part {
            Part::Kept(kept) => kept.columns()[column].value(kept.row, &self.kept[kept.input].types[column]),
            Part::Last(event) => {
                event.of.columns[column].value(event.row, &self.types[event.of.input][column])
            }
        }
    }

    /// Writes the events of a log, of which these columns are kept.
    pub fn snapshot_log(&self, log: &EventLog, writer: &mut SnapshotWriter) {
        log.snapshot(&|input| &self.kept[input].types, writer);
    }

    /// What [`Reporting::snapshot_log`] wrote.
    pub fn restore_log(&self, reader: &mut SnapshotReader) -> Result<EventLog, Corrupt> {
        EventLog::restore(&|input| self.kept.get(input).map(|kept| &kept.types[..]), reader)
    }
}
