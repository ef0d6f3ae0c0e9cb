//! Hands each of many readers the rows that may matter to it: a row is looked up once, however many there are.

use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::message::Message;
use crate::op::match_pattern::test_columns::Tests;
use crate::op::match_pattern::together::{Concerned, Pair, RuleNumber, SharedTogether, with};
use crate::operator::{Handed, Operator, Output};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Dispatch, Lookup, Schema, Seeker};
use smallvec::SmallVec;
use std::sync::Arc;

pub struct DispatchOperator {
    /// How many columns readers get; those behind are looked at alone.
    n_columns: usize,
    lookups: Vec<Values>,
    /// Per reader its rows of a batch, ascending.
    rows: Vec<Vec<u32>>,
    /// The readers that have some.
    reached: Vec<u32>,
    /// The patterns that are held together, each with the rows of a batch that concern them.
    together: Vec<(SharedTogether, Vec<Pair>)>,
    /// Per reader: among which of these it is held, and its number there. Known when the first message comes.
    held: Option<Vec<Option<(usize, RuleNumber)>>>,
}

/// The values that are looked for in a column.
struct Values {
    column: usize,
    index: KeyIndex,
    /// By the number of the value.
    seekers: Vec<Vec<Seeker>>,
    /// The same when it is known who is held.
    targets: Vec<Targets>,
    /// Per row of a batch: the number of its value.
    numbers: Vec<u32>,
}

/// Who gets the rows that have a value.
#[derive(Default)]
struct Targets {
    readers: Vec<u32>,
    /// Among those that are held: where, who, and for which tests.
    held: Vec<(usize, Concerned, Tests)>,
}

impl Values {
    fn new(lookup: &Lookup, input: &Schema) -> Values {
        let ty = &input.columns[lookup.column].ty;
        let mut values = ColumnBuilder::new(ty);
        lookup.seekers.keys().for_each(|value| values.push(value));
        let rows: Vec<u32> = (0..lookup.seekers.len() as u32).collect();
        let (mut index, mut numbers) = (KeyIndex::new(std::slice::from_ref(ty), 0), vec![]);
        index.find(&[&Arc::new(values.finish())], &rows, &mut numbers);
        let mut seekers = vec![vec![]; index.n_numbers()];
        for (number, of_value) in numbers.iter().zip(lookup.seekers.values()) {
            seekers[*number as usize] = of_value.clone();
        }
        Values { column: lookup.column, index, seekers, targets: vec![], numbers: vec![] }
    }

    /// Finds out who gets the rows, as these readers are held.
    fn aim(&mut self, together: &[(SharedTogether, Vec<Pair>)], held: &[Option<(usize, RuleNumber)>]) {
        let targets = self.seekers.iter().map(|seekers| {
            let mut targets = Targets::default();
            for Seeker { reader, tests } in seekers {
                match held[*reader as usize] {
                    Some((at, rule)) => {
                        let concerned =
                            with(&together[at].0, |of| of.concerned(rule, *tests).collect::<Vec<_>>());
                        targets
                            .held
                            .extend(concerned.into_iter().map(|(concerned, tests)| (at, concerned, tests)));
                    }
                    None => targets.readers.push(*reader),
                }
            }
            targets.held.sort_unstable();
            targets.held.dedup_by_key(|(at, concerned, _)| (*at, *concerned));
            targets
        });
        self.targets = targets.collect();
    }

    fn look_up(&mut self, batch: &Batch) {
        self.index.look_up_all(&[&batch.columns[self.column]], batch.n_rows, &mut self.numbers);
    }

    /// Who looks for the value of a row.
    fn targets(&self, row: usize) -> Option<&Targets> {
        match self.numbers[row] {
            NO_STATE => None,
            number => Some(&self.targets[number as usize]),
        }
    }
}

impl DispatchOperator {
    /// `input` and `output` are the columns of the rows that come and leave.
    pub fn new(spec: &Dispatch, input: &Schema, output: &Schema) -> DispatchOperator {
        DispatchOperator {
            n_columns: output.columns.len(),
            lookups: spec.lookups.iter().map(|lookup| Values::new(lookup, input)).collect(),
            rows: vec![vec![]; spec.n_readers],
            reached: vec![],
            together: vec![],
            held: None,
        }
    }

    /// The same with these patterns behind it, which get their rows at once.
    pub fn holding(self, together: Vec<SharedTogether>) -> DispatchOperator {
        DispatchOperator { together: together.into_iter().map(|held| (held, vec![])).collect(), ..self }
    }

    /// Who of the readers is held.
    fn held(&self) -> Vec<Option<(usize, RuleNumber)>> {
        let mut held = vec![None; self.rows.len()];
        for (at, (together, _)) in self.together.iter().enumerate() {
            with(together, |of| of.readers().for_each(|(reader, rule)| held[reader] = Some((at, rule))));
        }
        held
    }

    /// Finds who gets a row that is in time.
    fn hand(&mut self, lookups: &[Values], row: u32) {
        let mut n_found = 0;
        let starts: SmallVec<[usize; 4]> = self.together.iter().map(|(_, pairs)| pairs.len()).collect();
        for targets in lookups.iter().filter_map(|lookup| lookup.targets(row as usize)) {
            n_found += 1;
            for (at, concerned, tests) in &targets.held {
                self.together[*at].1.push(Pair { row, concerned: *concerned, tests: *tests });
            }
            targets.readers.iter().for_each(|reader| self.reach(*reader, row));
        }
        if n_found > 1 {
            self.together.iter_mut().zip(starts).for_each(|((_, pairs), start)| each_once(pairs, start));
        }
    }

    /// Lets those that are held take their rows.
    fn take(&mut self, batch: &Batch, output: &mut Output) {
        for (together, pairs) in &mut self.together {
            with(together, |together| together.take(batch, pairs, output));
            pairs.clear();
        }
    }

    fn reach(&mut self, reader: u32, row: u32) {
        let rows = &mut self.rows[reader as usize];
        if rows.is_empty() {
            self.reached.push(reader);
        }
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
}

impl Operator for DispatchOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        let mut batch = match message {
            Message::Batch(batch) => batch,
            Message::Watermark(watermark) => {
                let held = self.together.iter();
                held.for_each(|(together, _)| with(together, |together| together.pass(watermark, output)));
                return output.messages.push(message);
            }
        };
        let mut lookups = std::mem::take(&mut self.lookups);
        let held = self.held.take().unwrap_or_else(|| {
            let held = self.held();
            lookups.iter_mut().for_each(|lookup| lookup.aim(&self.together, &held));
            held
        });
        lookups.iter_mut().for_each(|lookup| lookup.look_up(&batch));
        let mut late = batch.late.iter().map(|late| late.row).peekable();
        for row in 0..batch.n_rows as u32 {
            if late.next_if_eq(&row).is_some() {
                let others = (0..).zip(&held).filter(|(_, held)| held.is_none());
                others.for_each(|(reader, _)| self.reach(reader, row));
                continue;
            }
            self.hand(&lookups, row);
        }
        (self.lookups, self.held) = (lookups, Some(held));
        batch.columns.truncate(self.n_columns);
        self.take(&batch, output);
        if !batch.late.is_empty() {
            let n_late = batch.late.len() as u64;
            self.together.iter().for_each(|(together, _)| with(together, |of| of.leave_out(n_late, output)));
        }
        self.reached.sort_unstable();
        let mut handed = Handed { batch, rows: vec![], readers: Vec::with_capacity(self.reached.len()) };
        for reader in self.reached.drain(..) {
            handed.rows.append(&mut self.rows[reader as usize]);
            handed.readers.push((reader, handed.rows.len()));
        }
        output.handed = Some(Box::new(handed));
    }

    fn minds_watermarks(&self) -> bool {
        !self.together.is_empty()
    }

    fn state_bytes(&self) -> usize {
        self.together.iter().map(|(together, _)| with(together, |together| together.state_bytes())).sum()
    }
}

/// Sorts what stands behind a place, and leaves each once, for all the tests that it is asked for.
fn each_once(pairs: &mut Vec<Pair>, start: usize) {
    pairs[start..].sort_unstable();
    let mut n = start;
    for at in start..pairs.len() {
        let pair = pairs[at];
        match pairs[start..n].last_mut() {
            Some(last) if last.concerned == pair.concerned => last.tests |= pair.tests,
            _ => {
                pairs[n] = pair;
                n += 1;
            }
        }
    }
    pairs.truncate(n);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::show_batch;
    use millstream_ir::batch::LateRow;
    use millstream_ir::flow::Column;
    use millstream_ir::types::Type;
    use millstream_ir::value::Value;

    /// Readers 0 and 2 look for 7 in the first column, 1 for 8 or, in a hidden one, "b"; 3 for nothing that comes.
    fn operator() -> DispatchOperator {
        let column = |ty: &Type| Column { name: "c".into(), ty: ty.clone(), hidden: false };
        let output = Schema::append_only(vec![column(&Type::INT.nullable()), column(&Type::TIMESTAMP)], 1);
        let mut input = output.clone();
        input.columns.push(column(&Type::STRING));
        let seekers =
            |readers: &[u32]| readers.iter().map(|reader| Seeker { reader: *reader, tests: 1 }).collect();
        let numbers = [(Value::Int(7), seekers(&[0, 2])), (Value::Int(8), seekers(&[1]))];
        let texts = [(Value::String("b".into()), seekers(&[1])), (Value::String("no".into()), seekers(&[3]))];
        let lookups =
            vec![Lookup { column: 0, seekers: numbers.into() }, Lookup { column: 2, seekers: texts.into() }];
        DispatchOperator::new(&Dispatch { lookups, n_readers: 4 }, &input, &output)
    }

    #[test]
    fn each_reader_gets_its_rows_once_and_in_order_and_all_late_ones() {
        let rows =
            [(Some(7), "a"), (Some(8), "b"), (None, "b"), (Some(9), "a"), (Some(9), "c"), (Some(7), "b")];
        let types = [Type::INT.nullable(), Type::TIMESTAMP, Type::STRING];
        let mut columns: Vec<ColumnBuilder> = types.iter().map(ColumnBuilder::new).collect();
        for (time, (number, text)) in rows.into_iter().enumerate() {
            columns[0].push(&number.map_or(Value::Null, Value::Int));
            columns[1].push(&Value::Timestamp(time as i64));
            columns[2].push(&Value::String(text.into()));
        }
        let columns = columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        let late = vec![LateRow { row: 4, watermark: 9 }];
        let batch = Batch { columns, n_rows: rows.len(), origin: Default::default(), late };
        let mut output = Output::default();
        operator().step(0, Message::Batch(batch), &mut output);
        let handed = output.handed.expect("rows for readers");
        let shown =
            |(reader, rows): (usize, &[u32])| format!("{reader}: {}", show_batch(&handed.batch.gather(rows)));
        let shown: Vec<String> = handed.parts().map(shown).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        0: 7@0 9@4!9 7@5
        1: 8@1 Null@2 9@4!9 7@5
        2: 7@0 9@4!9 7@5
        3: 9@4!9
        ");
        assert!(output.messages.is_empty());
    }
}
