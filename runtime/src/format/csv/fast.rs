//! The fast path: groups of 64 records without quotes, read cell by cell.
//!
//! It gives what the general path would give; records that it leaves are not wrong, only unexpected.

use super::{Header, cell_value};
use crate::format::columns::{Columns, Data, Writer};
use crate::format::csv::record::Cell;
use crate::format::field::{Fast, Field};
use crate::format::group::{At, Syntax, rows_of};
use crate::kernel::decode::fields::{GROUP, Group};
use crate::kernel::decode::literal::Literal;
use crate::kernel::decode::skip::{Place, range};
use crate::kernel::simd::Level;
use millstream_ir::value::Value;
use std::ops::Range;

#[derive(Clone)]
pub struct FastPath {
    delimiter: u8,
    steps: Vec<Step>,
    end: Literal,
    /// The columns that the file lacks, with what they hold then.
    absent: Vec<(usize, Value)>,
    /// Per column: where the cells of the group stand, of fields that are read one by one.
    places: Vec<[Place; GROUP]>,
}

#[derive(Clone)]
struct Step {
    /// The delimiter; nothing before the first cell.
    literal: Literal,
    action: Action,
}

#[derive(Clone)]
enum Action {
    Read(usize),
    /// So many cells.
    Skip(u32),
}

impl FastPath {
    /// None if nothing can be read of a file with this header, or one cell goes to two columns.
    pub fn new(header: &Header, fields: &[Field], delimiter: u8) -> Option<FastPath> {
        if header.fault.is_some() {
            return None;
        }
        let mut steps: Vec<Step> = vec![];
        for cell in 0..header.n_cells {
            let literal = Literal::new(if cell == 0 { b"" } else { std::slice::from_ref(&delimiter) });
            let mut columns = (0..fields.len()).filter(|c| header.positions[*c] == Some(cell));
            match (columns.next(), columns.next(), steps.last_mut()) {
                (Some(_), Some(_), _) => return None,
                (Some(c), None, _) => steps.push(Step { literal, action: Action::Read(c) }),
                (None, _, Some(Step { action: Action::Skip(n), .. })) => *n += 1,
                (None, ..) => steps.push(Step { literal, action: Action::Skip(1) }),
            }
        }
        let missing = (0..fields.len()).filter(|c| header.positions[*c].is_none());
        let absent = missing.map(|c| Some((c, fields[c].absent().ok()?))).collect::<Option<_>>()?;
        let places = vec![[0; GROUP]; fields.len()];
        Some(FastPath { delimiter, steps, end: Literal::new(b""), absent, places })
    }

    /// Reads what it can of these records (of which the mask tells those that may be read) into the
    /// rows from `first_row` on, a multiple of 64; the rows that it has read, as a mask.
    pub fn read(
        &mut self,
        level: Level,
        block: &[u8],
        (records, readable): (&[Range<u32>], u64),
        columns: &mut Columns,
        first_row: usize,
        fields: &[Field],
    ) -> u64 {
        let mut group = Group::new(block);
        for row in rows_of(readable) {
            group.push(records[row].start, records[row].end, row as u8);
        }
        let at = At { first_row, level, syntax: Syntax::Csv(self.delimiter) };
        for step in &self.steps {
            match step.action {
                Action::Skip(n) => group.skip_cells(level, &step.literal, self.delimiter, n),
                Action::Read(c) => {
                    let (column, field) = (&mut columns.columns[c], &fields[c]);
                    if !at.read_scalar(&mut group, &step.literal, column, field) {
                        read_cell(&mut group, &step.literal, column, field, at, &mut self.places[c]);
                    }
                }
            }
            if group.all_failed() {
                return 0;
            }
        }
        group.expect_end(level, &self.end);
        let mut read = group.rows_read();
        for step in &self.steps {
            if let Action::Read(c) = step.action {
                read = self.complete(block, c, read, &mut columns.columns[c], at, &fields[c]);
            }
        }
        for (c, value) in &self.absent {
            rows_of(read).for_each(|row| columns.columns[*c].set(first_row + row, value));
        }
        read
    }

    /// Does what a step has left for one row at a time; the rows that are read then.
    fn complete(
        &self,
        block: &[u8],
        c: usize,
        mut read: u64,
        column: &mut Writer,
        at: At,
        field: &Field,
    ) -> u64 {
        if !is_plain_text(field) && matches!(field.fast, Fast::Place | Fast::Text) {
            for row in rows_of(read) {
                let text = std::str::from_utf8(&block[range(self.places[c][row])]).unwrap_or_default();
                match cell_value(field, &Cell { text: text.into(), quoted: false }) {
                    Ok(value) => column.set(at.first_row + row, &value),
                    Err(_) => read &= !(1 << row),
                }
            }
        }
        read = at.check_one_of(block, read, column, field);
        // An empty cell may be a default; the general path knows.
        if field.spec.default.is_some()
            && let Some(validity) = &column.validity
        {
            read =
                rows_of(read).filter(|row| validity.get(at.first_row + row)).fold(0, |m, row| m | 1 << row);
        }
        read
    }
}

/// Reads a field that is no scalar of a kernel.
fn read_cell(
    group: &mut Group,
    literal: &Literal,
    column: &mut Writer,
    field: &Field,
    at: At,
    places: &mut [Place; GROUP],
) {
    let Syntax::Csv(delimiter) = at.syntax else { return };
    match &mut column.data {
        Data::Text { views, .. } if is_plain_text(field) => {
            let nulls = at.nulls(&mut column.validity);
            group.text_cell(at.level, literal, delimiter, &mut views[at.first_row..], nulls);
        }
        _ => group.cell_place(at.level, literal, delimiter, places),
    }
}

/// Text of which the empty one is null or itself.
fn is_plain_text(field: &Field) -> bool {
    field.spec.ty.is_text() && (field.spec.ty.nullable || field.spec.default.is_none())
}
