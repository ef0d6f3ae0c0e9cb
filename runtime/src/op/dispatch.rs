//! Hands each of many readers the rows that may matter to it: a row is looked up once, however many there are.

use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::message::Message;
use crate::operator::{Handed, Operator, Output};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Dispatch, Lookup, Schema};
use std::sync::Arc;

pub struct DispatchOperator {
    /// How many columns readers get; those behind are looked at alone.
    n_columns: usize,
    lookups: Vec<Values>,
    /// Per reader its rows of a batch, ascending.
    rows: Vec<Vec<u32>>,
    /// The readers that have some.
    reached: Vec<u32>,
}

/// The values that are looked for in a column.
struct Values {
    column: usize,
    index: KeyIndex,
    /// By the number of the value.
    readers: Vec<Vec<u32>>,
    /// Per row of a batch: the number of its value.
    numbers: Vec<u32>,
}

impl Values {
    fn new(lookup: &Lookup, input: &Schema) -> Values {
        let ty = &input.columns[lookup.column].ty;
        let mut values = ColumnBuilder::new(ty);
        lookup.readers.keys().for_each(|value| values.push(value));
        let rows: Vec<u32> = (0..lookup.readers.len() as u32).collect();
        let (mut index, mut numbers) = (KeyIndex::new(std::slice::from_ref(ty), 0), vec![]);
        index.find(&[&Arc::new(values.finish())], &rows, &mut numbers);
        let mut readers = vec![vec![]; index.n_numbers()];
        for (number, of_value) in numbers.iter().zip(lookup.readers.values()) {
            readers[*number as usize] = of_value.clone();
        }
        Values { column: lookup.column, index, readers, numbers: vec![] }
    }

    fn look_up(&mut self, batch: &Batch) {
        self.index.look_up_all(&[&batch.columns[self.column]], batch.n_rows, &mut self.numbers);
    }

    /// The readers that look for the value of a row.
    fn readers(&self, row: usize) -> &[u32] {
        match self.numbers[row] {
            NO_STATE => &[],
            number => &self.readers[number as usize],
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
        let Message::Batch(mut batch) = message else {
            return output.messages.push(message);
        };
        let mut lookups = std::mem::take(&mut self.lookups);
        lookups.iter_mut().for_each(|lookup| lookup.look_up(&batch));
        let mut late = batch.late.iter().map(|late| late.row).peekable();
        for row in 0..batch.n_rows as u32 {
            if late.next_if_eq(&row).is_some() {
                (0..self.rows.len() as u32).for_each(|reader| self.reach(reader, row));
                continue;
            }
            for lookup in &lookups {
                lookup.readers(row as usize).iter().for_each(|reader| self.reach(*reader, row));
            }
        }
        self.lookups = lookups;
        batch.columns.truncate(self.n_columns);
        self.reached.sort_unstable();
        let mut handed = Handed { batch, rows: vec![], readers: Vec::with_capacity(self.reached.len()) };
        for reader in self.reached.drain(..) {
            handed.rows.append(&mut self.rows[reader as usize]);
            handed.readers.push((reader, handed.rows.len()));
        }
        output.handed = Some(Box::new(handed));
    }
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
        let numbers = [(Value::Int(7), vec![0, 2]), (Value::Int(8), vec![1])];
        let texts = [(Value::String("b".into()), vec![1]), (Value::String("no".into()), vec![3])];
        let lookups =
            vec![Lookup { column: 0, readers: numbers.into() }, Lookup { column: 2, readers: texts.into() }];
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
