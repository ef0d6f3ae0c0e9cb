//! The fast path: groups of 64 lines that look like one of a few templates, read field by field.
//!
//! It takes only what it has checked to be well-formed, and gives what the general path would give;
//! lines that it leaves are not wrong, only unexpected.

use super::template::Template;
use crate::format::columns::{Columns, Data, Writer};
use crate::format::field::{Fast, Field};
use crate::format::group::{At, Syntax, rows_of};
use crate::kernel::decode::fields::{GROUP, Group};
use crate::kernel::decode::literal::Literal;
use crate::kernel::decode::{skip, text};
use crate::kernel::simd::Level;
use millstream_ir::value::Value;
use std::ops::Range;

/// Templates tried on each line: inputs with fields that come and go, or of several kinds of lines.
const TEMPLATES: usize = 4;

/// Lines left to the general path before a template is learned from one, when all have been.
const PATIENCE: u32 = 64;

#[derive(Clone)]
pub struct FastPath {
    level: Level,
    /// The most useful first.
    templates: Vec<Template>,
    /// Lines left to the general path since a template was learned.
    n_left: u32,
    /// Two fields with one key are too unusual to be fast.
    usable: bool,
    /// Per column: where the values of the group stand, of fields that are read one by one.
    places: Vec<[skip::Place; GROUP]>,
    /// Per column: whether some strings of the group have escapes.
    escaped: Vec<bool>,
    /// Lines read, for tests and reports.
    pub n_read: u64,
}

impl FastPath {
    pub fn new(fields: &[Field]) -> FastPath {
        let is_first = |(i, field): (usize, &Field)| {
            fields[..i].iter().all(|other| other.spec.input != field.spec.input)
        };
        FastPath {
            level: Level::best(),
            templates: vec![],
            n_left: 0,
            usable: fields.iter().enumerate().all(is_first),
            places: fields.iter().map(|_| [0; GROUP]).collect(),
            escaped: vec![false; fields.len()],
            n_read: 0,
        }
    }

    #[cfg(test)]
    pub fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    /// Reads what it can of these lines into the rows from `first_row` on, a multiple of 64; the rows
    /// that it has read, as a mask.
    pub fn read(
        &mut self,
        block: &[u8],
        lines: &[Range<u32>],
        valid_utf8: u64,
        columns: &mut Columns,
        first_row: usize,
        fields: &[Field],
    ) -> u64 {
        let templates = std::mem::take(&mut self.templates);
        let mut group = Group::new(block);
        let mut read = 0;
        let mut best = (0, 0);
        for (number, template) in templates.iter().enumerate() {
            let left = valid_utf8 & !read;
            group.clear();
            for (row, line) in lines.iter().enumerate().filter(|(row, _)| left >> row & 1 == 1) {
                group.push(line.start, line.end, row as u8);
            }
            if group.is_empty() {
                break;
            }
            let rows = self.read_like(template, &mut group, columns, first_row, fields);
            if rows.count_ones() > best.1 {
                best = (number, rows.count_ones());
            }
            read |= rows;
        }
        self.templates = templates;
        self.n_read += read.count_ones() as u64;
        if best.0 > 0 {
            self.templates.swap(0, best.0);
        }
        read
    }

    /// Learns from a line that was left to the general path, which could read it.
    pub fn learn(&mut self, line: &[u8], fields: &[Field]) {
        self.n_left += 1;
        if !self.usable || (self.templates.len() == TEMPLATES && self.n_left < PATIENCE) {
            return;
        }
        self.n_left = 0;
        if let Some(template) = Template::learn(line, fields)
            && !self.templates.contains(&template)
        {
            self.templates.truncate(TEMPLATES - 1);
            self.templates.push(template);
        }
    }

    /// The rows of the group's lines that look like the template.
    fn read_like(
        &mut self,
        template: &Template,
        group: &mut Group,
        columns: &mut Columns,
        first_row: usize,
        fields: &[Field],
    ) -> u64 {
        let at = At { first_row, level: self.level, syntax: Syntax::Json };
        for step in &template.steps {
            match step.column {
                Some(c) => self.step(&step.literal, c, group, &mut columns.columns[c], at, &fields[c]),
                None => group.skip(self.level, &step.literal),
            }
            if group.all_failed() {
                return 0;
            }
        }
        group.expect_end(self.level, &template.end);
        let mut read = group.rows_read();
        for c in template.steps.iter().filter_map(|step| step.column) {
            read &= self.complete(group.block(), c, read, &mut columns.columns[c], at, &fields[c]);
        }
        for (c, value) in &template.absent {
            rows_of(read).for_each(|row| columns.columns[*c].set(first_row + row, value));
        }
        read
    }

    /// Reads one field of the group.
    fn step(
        &mut self,
        literal: &Literal,
        c: usize,
        group: &mut Group,
        column: &mut Writer,
        at: At,
        field: &Field,
    ) {
        if at.read_scalar(group, literal, column, field) {
            return;
        }
        match (field.fast, &mut column.data) {
            (Fast::Text, Data::Text { views, .. }) => {
                let nulls = at.nulls(&mut column.validity);
                self.escaped[c] = group.text(at.level, literal, &mut views[at.first_row..], nulls);
            }
            _ => group.place(at.level, literal, &mut self.places[c]),
        }
    }

    /// Does what a step has left for one row at a time; the rows that are read then.
    fn complete(&self, block: &[u8], c: usize, rows: u64, column: &mut Writer, at: At, field: &Field) -> u64 {
        let first_row = at.first_row;
        let mut read = rows;
        match (&field.fast, &mut column.data) {
            (Fast::Text, Data::Text { views, .. }) if self.escaped[c] => {
                let escaped: Vec<(usize, skip::Place)> = rows_of(rows)
                    .filter_map(|row| Some((row, text::escaped(views[first_row + row])?)))
                    .collect();
                for (row, place) in escaped {
                    let content = skip::range(place);
                    // With its quotes.
                    let string = &block[content.start - 1..content.end + 1];
                    match serde_json::from_slice::<String>(string) {
                        Ok(string) => column.set(first_row + row, &Value::string(string)),
                        Err(_) => read &= !(1 << row),
                    }
                }
            }
            (Fast::Place, _) => {
                for row in rows_of(rows) {
                    let json = &block[skip::range(self.places[c][row])];
                    let value =
                        serde_json::from_slice(json).ok().and_then(|json| field.value_of_json(&json).ok());
                    match value {
                        Some(value) => column.set(first_row + row, &value),
                        None => read &= !(1 << row),
                    }
                }
            }
            _ => {}
        }
        at.check_one_of(block, read, column, field)
    }
}
