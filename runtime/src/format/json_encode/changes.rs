//! The changes of an updating stream as JSON lines.

use super::replacing::Replacing;
use super::{Encoder, JsonEncoder};
use crate::format::changes::{Change, Changes};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnData;
use millstream_ir::flow::Schema;
use millstream_ir::text::Lines;

/// The changes of an updating stream as Debezium writes them: the row before and after each, `op` (`c` for
/// one that is added, `u` replaced, `d` withdrawn), and `ts_ms`, the event time of the change.
pub struct DebeziumEncoder {
    changes: Changes,
    /// The column of the event time.
    time: usize,
    rows: JsonEncoder,
}

impl DebeziumEncoder {
    pub fn new(schema: &Schema, changes: Changes) -> DebeziumEncoder {
        DebeziumEncoder { changes, time: schema.time, rows: JsonEncoder::new(schema) }
    }
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let changes = self.changes.of(batch);
        let replaced = changes.iter().filter_map(|change| match change {
            Change::Replaced(_, after) => Some(*after),
            _ => None,
        });
        let (mut rows, mut lines) =
            (Replacing::new(self.rows.rows(batch), replaced.collect()), Lines::new(out));
        let mut write = |row: Option<usize>, lines: &mut Lines| match row {
            Some(row) => rows.write(row, lines),
            None => lines.put(b"null", 4),
        };
        let times = match &batch.columns[self.time].data {
            ColumnData::I64(times) => &times[..],
            _ => &[],
        };
        for change in changes {
            let (before, after, op, cause) = match change {
                Change::Added(row) => (None, Some(row), b'c', row),
                Change::Withdrawn(row) => (Some(row), None, b'd', row),
                Change::Replaced(before, after) => (Some(before), Some(after), b'u', after),
            };
            lines.bytes(b"{\"before\":");
            write(before, &mut lines);
            lines.bytes(b",\"after\":");
            write(after, &mut lines);
            lines.bytes(b",\"op\":\"");
            lines.put(&[op, b'"'], 2);
            if let Some(time) = times.get(cause) {
                lines.bytes(b",\"ts_ms\":");
                lines.int(time.div_euclid(1000));
            }
            lines.put(b"}\n", 2);
        }
        lines.finish();
    }
}

/// Each row that is added or withdrawn: `{"change":"+","row":{…}}`.
pub struct RetractEncoder {
    /// The column of the sign.
    sign: usize,
    rows: JsonEncoder,
}

impl RetractEncoder {
    pub fn new(schema: &Schema, sign: usize) -> RetractEncoder {
        RetractEncoder { sign, rows: JsonEncoder::new(schema) }
    }
}

impl Encoder for RetractEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        let ColumnData::I64(signs) = &batch.columns[self.sign].data else { return };
        let comes_next = |row: &usize| signs[*row] > 0 && signs[row - 1] < 0;
        let replaced = (1..batch.n_rows).filter(comes_next).collect();
        let (mut rows, mut lines) = (Replacing::new(self.rows.rows(batch), replaced), Lines::new(out));
        for row in 0..batch.n_rows {
            let begin =
                if signs[row] < 0 { b"{\"change\":\"-\",\"row\":" } else { b"{\"change\":\"+\",\"row\":" };
            lines.put(begin, begin.len());
            rows.write(row, &mut lines);
            lines.put(b"}\n", 2);
        }
        lines.finish();
    }
}
