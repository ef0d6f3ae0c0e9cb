//! Collects decoded rows into batches.

use super::field::Field;
use super::{Decoded, DecodedRows};
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::value::Value;

/// The rows of a batch while it fills.
pub struct Rows<'a> {
    fields: &'a [Field],
    builders: Vec<ColumnBuilder>,
    /// The record number of each row.
    records: Vec<u32>,
}

impl Rows<'_> {
    pub fn new(fields: &[Field]) -> Rows<'_> {
        Rows { fields, builders: builders(fields), records: vec![] }
    }

    /// The next record is a row with these values, one per field.
    pub fn push(&mut self, values: &[Value], decoded: &mut Decoded) {
        for (builder, value) in self.builders.iter_mut().zip(values) {
            builder.push(value);
        }
        self.records.push(decoded.n_records as u32);
        decoded.n_records += 1;
        if self.records.len() == BATCH_ROWS {
            self.flush(decoded);
        }
    }

    pub fn finish(mut self, decoded: &mut Decoded) {
        if !self.records.is_empty() {
            self.flush(decoded);
        }
    }

    fn flush(&mut self, decoded: &mut Decoded) {
        let records = std::mem::take(&mut self.records);
        let full = std::mem::replace(&mut self.builders, builders(self.fields));
        let columns = full.into_iter().map(ColumnBuilder::finish).collect();
        decoded.batches.push(DecodedRows::new(columns, records));
    }
}

fn builders(fields: &[Field]) -> Vec<ColumnBuilder> {
    fields.iter().map(|f| ColumnBuilder::new(&f.spec.ty)).collect()
}
