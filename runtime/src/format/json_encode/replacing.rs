//! Rows that replace the row written before them: most of their fields hold what they held there, and are copied
//! as bytes. So a count that did not change costs its share of a copy instead of a number to be made of digits; and
//! one that changed and is as long as before is put over its place in the copy.

use super::{Cells, Rows};
use millstream_ir::column::ColumnData;
use millstream_ir::text::Lines;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Writes the rows of a batch in order, of which some replace the row before.
pub struct Replacing<'a> {
    rows: Rows<'a>,
    /// The rows that do, with a bit for each field whose value differs from that of the row before.
    replaced: Peekable<IntoIter<(usize, u64)>>,
    /// A bit for each field of whole numbers: the others differ in length as a rule.
    ints: u64,
    /// Where the last row begins, and where each of its fields ends.
    ends: Vec<usize>,
}

/// As many fields have a bit; rows with more are written whole.
const MOST_FIELDS: usize = u64::BITS as usize;

impl<'a> Replacing<'a> {
    /// These rows replace the row before them.
    pub fn new(rows: Rows<'a>, replaced: Vec<usize>) -> Replacing<'a> {
        let replaced = match rows.0.len() {
            1..=MOST_FIELDS => differences(&rows, &replaced),
            _ => vec![],
        };
        let is_int = |(field, cells): (usize, &Cells)| (cells.ints().is_some() as u64) << field;
        let ints = rows.0.iter().take(MOST_FIELDS).enumerate().map(is_int).sum();
        Replacing { ints, ends: vec![0; rows.0.len() + 1], rows, replaced: replaced.into_iter().peekable() }
    }

    /// The next row, without a newline.
    #[inline]
    pub fn write(&mut self, row: usize, lines: &mut Lines) {
        if let Some((_, differing)) = self.replaced.next_if(|(replaced, _)| *replaced == row) {
            if differing & !self.ints != 0 || !self.write_over(row, differing, lines) {
                self.write_between(row, differing, lines);
            }
            return;
        }
        let [start, ends @ ..] = &mut self.ends[..] else { return };
        *start = lines.position();
        self.rows.write(row, lines, |field, end| ends[field] = end);
    }

    /// A copy of the row before, with the fields that differ put over it; whether these were as long there.
    #[inline(always)]
    fn write_over(&self, row: usize, differing: u64, lines: &mut Lines) -> bool {
        let (start, end) = (self.ends[0], self.ends[self.rows.0.len()]);
        let copy = lines.position();
        lines.again(start..end);
        let mut left = differing;
        while left != 0 {
            let field = left.trailing_zeros() as usize;
            let cells = &self.rows.0[field];
            let place = self.ends[field] + cells.prefix.size()..self.ends[field + 1];
            let put = |values: &[i64]| lines.int_over(copy + (place.start - start), place.len(), values[row]);
            if !cells.ints().is_some_and(put) {
                lines.take_back(copy);
                return false;
            }
            left &= left - 1;
        }
        lines.byte(b'}');
        true
    }

    /// What differs, between copies of what does not.
    #[inline(never)]
    fn write_between(&self, row: usize, differing: u64, lines: &mut Lines) {
        let (mut left, mut copied) = (differing, self.ends[0]);
        while left != 0 {
            let field = left.trailing_zeros() as usize;
            let cells = &self.rows.0[field];
            lines.again(copied..self.ends[field] + cells.prefix.size());
            cells.write(row, lines);
            copied = self.ends[field + 1];
            left &= left - 1;
        }
        lines.again(copied..self.ends[self.rows.0.len()]);
        lines.byte(b'}');
    }
}

/// In which fields these rows differ from the row before: column by column, without a branch for a value.
fn differences(rows: &Rows, replaced: &[usize]) -> Vec<(usize, u64)> {
    let mut found: Vec<_> = replaced.iter().map(|row| (*row, 0)).collect();
    for (field, cells) in rows.0.iter().enumerate() {
        let column = cells.column;
        match &column.data {
            ColumnData::I64(values) if column.validity.is_none() => {
                mark(&mut found, field, |row| values[row] != values[row - 1]);
            }
            ColumnData::Text(texts) if column.validity.is_none() => mark(&mut found, field, |row| {
                texts.views[row] != texts.views[row - 1] && texts.bytes(row) != texts.bytes(row - 1)
            }),
            // Values of several parts may be equal and not look alike: zeros with and without a sign.
            ColumnData::Boxed(_) => mark(&mut found, field, |_| true),
            _ => mark(&mut found, field, |row| !column.has_equal(row, row - 1)),
        }
    }
    found
}

#[inline(always)]
fn mark(found: &mut [(usize, u64)], field: usize, differs: impl Fn(usize) -> bool) {
    found.iter_mut().for_each(|(row, differing)| *differing |= (differs(*row) as u64) << field);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json_encode::JsonEncoder;
    use crate::format::testing::{Random, cases, field, schema, source};
    use millstream_ir::batch::{Batch, Origin};
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::types::Type;
    use millstream_ir::value::Value;
    use std::sync::Arc;

    fn value(ty: &Type, random: &mut Random) -> Value {
        let few = random.below(3);
        match ty {
            ty if ty.nullable && random.one_in(4) => Value::Null,
            ty if *ty == Type::FLOAT => Value::Float([0.0, -0.0, f64::NAN][few]),
            ty if *ty == Type::BOOL => Value::Bool(few == 0),
            ty if ty.clone().or_null(false) == Type::STRING => {
                Value::string(["short", "a string of many letters", "a string of many \"letters\""][few])
            }
            ty if *ty == Type::TIMESTAMP => Value::Timestamp([0, 1_700_000_000_000_000, 5][few]),
            ty if *ty == Type::decimal(2) => Value::Decimal([0, 12345, -5][few]),
            _ => {
                let ints =
                    [1, 7, 0, -5, 10, 99, 999_999, 123_456, 99_999_999, 10_000_000, -1_234_567_890_123];
                Value::Int(ints[random.below(ints.len())])
            }
        }
    }

    #[test]
    fn a_row_that_replaces_another_is_written_as_any_row() {
        let kinds = [
            Type::INT,
            Type::INT,
            Type::INT.or_null(true),
            Type::STRING,
            Type::STRING.or_null(true),
            Type::FLOAT,
            Type::BOOL,
            Type::TIMESTAMP,
            Type::decimal(2),
        ];
        for seed in 0..cases(300) {
            let random = &mut Random::new(seed);
            let n_fields = if random.one_in(8) { 60 + random.below(10) } else { 1 + random.below(12) };
            let types: Vec<Type> = (0..n_fields).map(|_| kinds[random.below(kinds.len())].clone()).collect();
            let n_rows = 1 + random.below(40);
            let columns = types.iter().map(|ty| {
                let mut column = ColumnBuilder::new(ty);
                (0..n_rows).for_each(|_| column.push(&value(ty, random)));
                Arc::new(column.finish())
            });
            let batch = Batch { columns: columns.collect(), n_rows, origin: Origin::default(), late: vec![] };
            let fields: Vec<_> =
                types.iter().enumerate().map(|(i, ty)| field(&format!("f{i}"), ty.clone())).collect();
            let encoder = JsonEncoder::new(&schema(&source(&fields)));
            let written = |replaced: Vec<usize>| {
                let mut out = vec![];
                let (mut rows, mut lines) =
                    (Replacing::new(encoder.rows(&batch), replaced), Lines::new(&mut out));
                for row in 0..n_rows {
                    rows.write(row, &mut lines);
                    lines.byte(b'\n');
                }
                lines.finish();
                String::from_utf8(out).expect("JSON is UTF-8")
            };
            // A row that is replaced is itself written whole.
            let (mut replaced, mut row) = (vec![], 1);
            while row < n_rows {
                replaced.push(row);
                row += 2 + random.below(3);
            }
            assert_eq!(written(replaced), written(vec![]), "seed {seed}");
        }
    }
}
