//! Values of rows in a file, of which each row can be read by itself.

use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::spill::{Block, SpillWriter};
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::io::{self, ErrorKind};

pub struct SpilledRows {
    block: Block,
    /// Of each row where it begins, and where the last one ends.
    starts: Box<[u32]>,
}

impl SpilledRows {
    /// Writes all rows of columns of these types.
    pub fn write(
        columns: &[ColumnRef],
        types: &[Type],
        n_rows: usize,
        writer: &mut SpillWriter,
    ) -> io::Result<SpilledRows> {
        let (mut bytes, mut starts) = (vec![], vec![0]);
        for row in 0..n_rows {
            let mut values = SnapshotWriter::default();
            columns.iter().zip(types).for_each(|(column, ty)| values.value(&column.value(row, ty)));
            let values = values.finish();
            bytes.extend_from_slice(&crc32fast::hash(&values).to_le_bytes());
            bytes.extend_from_slice(&values);
            starts.push(u32::try_from(bytes.len()).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?);
        }
        Ok(SpilledRows { block: writer.put(&bytes)?, starts: starts.into() })
    }

    /// The values of a row, one of each column.
    pub fn row(&self, row: usize) -> io::Result<Vec<Value>> {
        let (Some(start), Some(end)) = (self.starts.get(row), self.starts.get(row + 1)) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let bytes = self.block.read_part(*start..*end)?;
        let mut reader = SnapshotReader::new(&bytes);
        let checksum = reader.u32();
        if checksum != Ok(crc32fast::hash(reader.rest())) {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut values = vec![];
        while !reader.rest().is_empty() {
            values.push(reader.value().map_err(|_| io::Error::from(ErrorKind::InvalidData))?);
        }
        Ok(values)
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<SpilledRows>() + size_of_val(&self.starts[..])
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
