//! The changes that the rows of an updating stream are: added, withdrawn, or replaced, which is a row
//! withdrawn and directly behind it one added with the same key.

use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;

/// One change, by the numbers of its rows in the batch: of the row that goes, and of the one that comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Added(usize),
    Withdrawn(usize),
    Replaced(usize, usize),
}

/// Finds changes in batches of rows with this schema.
pub struct Changes {
    sign: usize,
    /// The columns that name a row, with their types; none if nothing names it.
    key: Option<Vec<(usize, Type)>>,
}

impl Changes {
    /// None for rows that are final.
    pub fn new(schema: &Schema) -> Option<Changes> {
        let typed = |column: &usize| Some((*column, schema.columns.get(*column)?.ty.clone()));
        let key = schema.key.as_ref().and_then(|key| key.iter().map(typed).collect());
        Some(Changes { sign: schema.sign?, key })
    }

    /// The changes of a batch, in order.
    pub fn of(&self, batch: &Batch) -> Vec<Change> {
        let is_withdrawn = |row: usize| match &batch.columns[self.sign].data {
            ColumnData::I64(signs) => signs[row] < 0,
            _ => false,
        };
        let mut changes = vec![];
        let mut row = 0;
        while row < batch.n_rows {
            let next = row + 1;
            if !is_withdrawn(row) {
                changes.push(Change::Added(row));
            } else if next < batch.n_rows && !is_withdrawn(next) && self.same_key(batch, row, next) {
                changes.push(Change::Replaced(row, next));
                row += 1;
            } else {
                changes.push(Change::Withdrawn(row));
            }
            row += 1;
        }
        changes
    }

    fn same_key(&self, batch: &Batch, a: usize, b: usize) -> bool {
        let same = |(column, ty): &(usize, Type)| {
            let column = &batch.columns[*column];
            column.value(a, ty) == column.value(b, ty)
        };
        self.key.as_ref().is_some_and(|key| key.iter().all(same))
    }
}
