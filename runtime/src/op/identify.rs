//! Row ids, in front of sinks that write them: a name for each row that is the same in every run over the same rows,
//! whatever the batches, the workers and the crashes, so that who reads twice what was written twice can tell.
//!
//! An id is made of the stream, the row's time, its place in the order of the rows (the source, the partition and the
//! offset of what completed it) and its values. Rows that have all of these in common, as two pairs of a join may that show the
//! same columns, are counted, for as long as such a row can come: until the watermark has passed their time. What of them comes
//! first does not matter, since they cannot be told apart.

use crate::message::{EventTime, Message, Watermark};
use crate::op::order::Order;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::flow::{Flow, Node, NodeKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Identify {
    /// Where the sink writes the total order.
    order: Option<Order>,
    /// The stream whose rows they are.
    stream: Arc<str>,
    /// By their position in the program.
    sources: Vec<Arc<str>>,
    /// The columns that tell rows apart, with their types.
    values: Vec<(usize, Type)>,
    time: usize,
    /// How often a row has come, of those that may come again.
    seen: BTreeMap<(EventTime, Hash), u32>,
    /// Of the late row that came last, too.
    late: Option<(Hash, u32)>,
    watermark: Watermark,
}

/// Half of what the digest has: nobody meets two rows of one hash by chance.
type Hash = [u8; 16];

impl Identify {
    /// Of the rows of a sink, behind an order if it has one.
    pub fn new(flow: &Flow, sink: &Node, order: Option<Order>) -> Identify {
        let schema = &sink.schema;
        let told_apart = schema.values().into_iter().chain(schema.sign);
        let stream =
            sink.inputs.first().map_or_else(|| sink.name.clone(), |input| flow.node(*input).name.clone());
        let mut sources: Vec<Arc<str>> = vec![];
        for node in &flow.nodes {
            if let NodeKind::Source(spec) = &node.kind {
                let place = spec.ordinal as usize;
                sources.resize(sources.len().max(place + 1), "".into());
                sources[place] = node.name.clone();
            }
        }
        Identify {
            order,
            stream,
            sources,
            values: told_apart.map(|column| (column, schema.columns[column].ty.clone())).collect(),
            time: schema.time,
            seen: BTreeMap::new(),
            late: None,
            watermark: Watermark::START,
        }
    }

    /// The batch with the ids of its rows as its last column.
    fn identify(&mut self, mut batch: Batch) -> Batch {
        let times = match &batch.columns[self.time].data {
            ColumnData::I64(times) => times.clone(),
            _ => return batch,
        };
        let mut ids = ColumnBuilder::new(&Type::STRING);
        for row in 0..batch.n_rows {
            let hash = self.hash(&batch, row, times[row]);
            let before = self.count(hash, times[row]);
            ids.push(&Value::string(text(hash, before)));
        }
        batch.columns.push(Arc::new(ids.finish()));
        batch
    }

    fn hash(&self, batch: &Batch, row: usize, time: EventTime) -> Hash {
        let RowPlace { source, partition, offset, branch } = batch.origin.place(row);
        let source = self.sources.get(source as usize).map_or("", |name| name);
        let mut written = SnapshotWriter::default();
        written.bytes(self.stream.as_bytes());
        written.bytes(source.as_bytes());
        written.u32(partition);
        written.u64(offset);
        written.u32(branch);
        written.i64(time);
        self.values.iter().for_each(|(column, ty)| written.value(&batch.columns[*column].value(row, ty)));
        let digest = Sha256::digest(written.finish());
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// How many such rows have come before.
    fn count(&mut self, hash: Hash, time: EventTime) -> u32 {
        let n = match (&mut self.late, time < self.watermark.0) {
            (_, false) => self.seen.entry((time, hash)).or_default(),
            // Late rows have places of their own; what was made of one of them comes together.
            (Some((known, n)), true) if *known == hash => n,
            (late, true) => &mut late.insert((hash, 0)).1,
        };
        *n += 1;
        *n - 1
    }
}

fn text(hash: Hash, before: u32) -> String {
    let name = u128::from_be_bytes(hash);
    match before {
        0 => format!("{name:032x}"),
        _ => format!("{name:032x}-{before}"),
    }
}

impl Operator for Identify {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        let mut ready = Output::default();
        match &mut self.order {
            Some(order) => order.step(input, message, &mut ready),
            None => ready.messages.push(message),
        }
        for message in std::mem::take(&mut ready.messages) {
            output.messages.push(match message {
                Message::Batch(batch) => Message::Batch(self.identify(batch)),
                Message::Watermark(watermark) => {
                    self.seen = self.seen.split_off(&(watermark.0, Hash::default()));
                    self.watermark = watermark;
                    message
                }
            });
        }
        output.n_late_left_out += ready.n_late_left_out;
    }

    fn reads_in_order(&mut self) {
        self.order.iter_mut().for_each(Order::reads_in_order);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.sequence(self.seen.iter(), |writer, ((time, hash), n)| {
            writer.i64(*time);
            writer.bytes(hash);
            writer.u32(*n);
        });
        self.order.iter().for_each(|order| order.snapshot(writer));
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        let seen = reader.sequence(|reader| {
            let (time, hash) = (reader.i64()?, reader.bytes()?.try_into().map_err(|_| Corrupt)?);
            Ok(((time, hash), reader.u32()?))
        })?;
        self.seen = seen.into_iter().collect();
        self.order.iter_mut().try_for_each(|order| order.restore(reader))
    }

    fn waiting(&self) -> Option<Waiting> {
        self.order.as_ref()?.waiting()
    }

    fn state_bytes(&self) -> usize {
        let of_rows = self.seen.len() * size_of::<((EventTime, Hash), u32)>();
        of_rows + self.order.as_ref().map_or(0, Order::state_bytes)
    }
}
