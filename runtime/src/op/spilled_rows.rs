//! Values of rows in a file, of which each row can be read by itself.

use crate::op::spilled_parts::SpilledParts;
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::spill::SpillWriter;
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::io::{self, ErrorKind};

pub struct SpilledRows(SpilledParts);

impl SpilledRows {
    /// Writes all rows of columns of these types.
    pub fn write(
        columns: &[ColumnRef],
        types: &[Type],
        n_rows: usize,
        writer: &mut SpillWriter,
    ) -> io::Result<SpilledRows> {
        let row = |row| {
            let mut values = SnapshotWriter::default();
            columns.iter().zip(types).for_each(|(column, ty)| values.value(&column.value(row, ty)));
            values.finish()
        };
        Ok(SpilledRows(SpilledParts::write((0..n_rows).map(row), writer)?))
    }

    /// The values of a row, one of each column.
    pub fn row(&self, row: usize) -> io::Result<Vec<Value>> {
        let bytes = self.0.part(row)?;
        let mut reader = SnapshotReader::new(&bytes);
        let mut values = vec![];
        while !reader.rest().is_empty() {
            values.push(reader.value().map_err(|_| io::Error::from(ErrorKind::InvalidData))?);
        }
        Ok(values)
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<SpilledRows>() + self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::Spill;
    use millstream_ir::testing::{Generator, cases};

    #[test]
    fn each_row_comes_back_as_it_went() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut writer = Spill::new(folder.path(), 1).begin().expect("a file can be made");
        for seed in 0..cases(50) as u64 {
            let mut random = Generator::new(seed);
            let types: Vec<Type> = (0..3).map(|_| random.column_type()).collect();
            let batch = random.batch(&types, 20);
            let rows = SpilledRows::write(&batch.columns, &types, 20, &mut writer).expect("there is room");
            for row in (0..20).rev() {
                let values: Vec<Value> =
                    batch.columns.iter().zip(&types).map(|(column, ty)| column.value(row, ty)).collect();
                assert_eq!(rows.row(row).expect("it is there"), values, "seed {seed}");
            }
            assert!(rows.row(20).is_err());
        }
    }
}
