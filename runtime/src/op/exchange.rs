//! An operator that keeps all it keeps by key, on several workers: each of its *shares* is an operator of the
//! same node and has the keys of a hash range. A batch is parted by key, the shares take their rows side by
//! side, and what follows from the rows is put together in the order of these, which their
//! [marks](millstream_ir::batch::Origin::mark) tell. So the answer is that of one operator.
//!
//! That holds for operators whose rows all leave when the row comes that causes them, with the origin of that
//! row, and in which none fails; a watermark lets them forget, and nothing leaves at it. It costs some hundred
//! nanoseconds a row (a hash and a copy of each, threads that wake and wait for each batch), which is more than
//! most operators take: only those that take much longer are shared.
//!
//! How many shares there are is part of the state: a snapshot of any number goes on with any number of
//! workers.

use crate::contents::{Around, Contents, Count};
use crate::kernel::key_hashes::KeyHashes;
use crate::message::{Message, Watermark};
use crate::op::interleave::{Pick, interleave};
use crate::operator::{Operator, Output};
use crate::seed;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use crate::workers::{Pending, Workers};
use millstream_ir::batch::{BATCH_ROWS, Batch, LateRow};
use millstream_ir::column::ColumnRef;
use millstream_ir::flow::{Breaker, Node, Schema, Sharing};
use millstream_ir::types::Type;

/// Rows of a batch that are worth being parted among threads; shares take fewer one after the other.
const WORTH: usize = 512;

/// Makes a share.
pub type Make = Box<dyn Fn() -> Box<dyn Operator> + Send>;

pub struct Exchange {
    make: Make,
    shares: Vec<Box<dyn Operator>>,
    workers: Workers,
    /// Of the input.
    keys: Vec<usize>,
    key_types: Vec<Type>,
    seed: u64,
    hashes: KeyHashes,
    /// Of the rows that leave.
    types: Vec<Type>,
    /// What the shares have not been told yet.
    watermark: Option<Watermark>,
    reads_in_order: bool,
}

/// The operator that `make` makes, in shares if workers can have keys of it each.
pub fn shared(
    node: &Node,
    breaker: &Breaker,
    input: &Schema,
    make: Make,
    workers: &Workers,
) -> Box<dyn Operator> {
    match breaker.sharing() {
        Some(Sharing::Keys) => Box::new(Exchange::new(node, breaker, input, make, workers)),
        Some(Sharing::Batches) | None => make(),
    }
}

impl Exchange {
    fn new(node: &Node, breaker: &Breaker, input: &Schema, make: Make, workers: &Workers) -> Exchange {
        // Which share has a key changes nothing that can be seen.
        let seed = seed::drawn();
        let keys = breaker.keys().to_vec();
        let key_types: Vec<Type> = keys.iter().map(|key| input.columns[*key].ty.clone()).collect();
        Exchange {
            shares: (0..workers.n()).map(|_| make()).collect(),
            make,
            workers: workers.clone(),
            keys,
            hashes: KeyHashes::new(&key_types, seed),
            key_types,
            seed,
            types: node.schema.types(),
            watermark: None,
            reads_in_order: false,
        }
    }

    fn take(&mut self, batch: &Batch, output: &mut Output) {
        let parts = self.parts(batch);
        let watermark = self.watermark.take();
        let is_shared = batch.n_rows >= WORTH || self.workers.are_eager();
        let mut parts = parts.into_iter();
        let mut shares = std::mem::take(&mut self.shares).into_iter();
        let first = shares.next().zip(parts.next());
        let others: Vec<Working> = shares
            .zip(parts)
            .map(|(share, part)| match is_shared && part.is_some() {
                true => Working::There(self.workers.submit(move || work(share, part, watermark))),
                false => Working::Done(work(share, part, watermark)),
            })
            .collect();
        let first = first.map(|(share, part)| Working::Done(work(share, part, watermark)));
        let mut outputs = vec![];
        for working in first.into_iter().chain(others) {
            let (share, output) = match working {
                Working::There(pending) => pending.wait(),
                Working::Done(done) => done,
            };
            self.shares.push(share);
            outputs.push(output);
        }
        self.merge(batch, outputs, output);
    }

    /// The rows of each share; none where it has none.
    fn parts(&self, batch: &Batch) -> Vec<Option<Batch>> {
        let columns: Vec<&ColumnRef> = self.keys.iter().map(|key| &batch.columns[*key]).collect();
        let hashes = self.hashes.of(&columns, batch.n_rows);
        let n = self.shares.len();
        let mut rows: Vec<Vec<u32>> = (0..n).map(|_| Vec::with_capacity(batch.n_rows / n * 2)).collect();
        for (row, hash) in hashes.into_iter().enumerate() {
            // The low half, since tables choose places by the high one.
            let share = (hash as u32 as u64 * n as u64) >> 32;
            rows[share as usize].push(row as u32);
        }
        let part = |rows: Vec<u32>| {
            let mut part = if rows.len() == batch.n_rows { batch.clone() } else { batch.gather(&rows) };
            part.origin.marks = Some(rows.into());
            (part.n_rows > 0).then_some(part)
        };
        rows.into_iter().map(part).collect()
    }

    /// Puts together what the shares made of the rows of a batch.
    fn merge(&self, batch: &Batch, outputs: Vec<Output>, output: &mut Output) {
        let mut batches: Vec<Batch> = vec![];
        // Each row that leaves: the mark of its cause, and where it stands.
        let mut rows: Vec<(u32, Pick)> = vec![];
        for share in outputs {
            output.n_late_left_out += share.n_late_left_out;
            for message in share.messages {
                let Message::Batch(part) = message else { continue };
                let number = batches.len() as u32;
                let marked = (0..part.n_rows).map(|row| (part.origin.mark(row), (number, row as u32)));
                rows.extend(marked);
                batches.push(part);
            }
        }
        // What one row caused comes from one share, in its order.
        rows.sort_by_key(|(mark, _)| *mark);
        let batches: Vec<&Batch> = batches.iter().collect();
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let mut n = rest.len().min(BATCH_ROWS);
            // A row that is withdrawn and the one in its place stay together.
            while n < rest.len() && rest[n].0 == rest[n - 1].0 {
                n += 1;
            }
            let (part, others) = rest.split_at(n);
            rest = others;
            let picks: Vec<Pick> = part.iter().map(|(_, pick)| *pick).collect();
            let causes: Vec<u32> = part.iter().map(|(mark, _)| *mark).collect();
            output.messages.push(Message::Batch(Batch {
                columns: interleave(&batches, &self.types, &picks),
                n_rows: n,
                origin: batch.origin.gather(&causes),
                late: late_of(&batches, &picks),
            }));
        }
    }
}

/// A share at its part of a batch.
enum Working {
    There(Pending<(Box<dyn Operator>, Output)>),
    Done((Box<dyn Operator>, Output)),
}

fn work(
    mut share: Box<dyn Operator>,
    part: Option<Batch>,
    watermark: Option<Watermark>,
) -> (Box<dyn Operator>, Output) {
    let mut output = Output::default();
    if let Some(watermark) = watermark {
        share.step_to_end(0, Message::Watermark(watermark), &mut output);
    }
    if let Some(part) = part {
        share.step_to_end(0, Message::Batch(part), &mut output);
    }
    (share, output)
}

/// Which of the picked rows are late.
fn late_of(batches: &[&Batch], picks: &[Pick]) -> Vec<LateRow> {
    if batches.iter().all(|batch| batch.late.is_empty()) {
        return vec![];
    }
    let late = picks.iter().enumerate().filter_map(|(number, (batch, row))| {
        let late = batches[*batch as usize].late(*row as usize)?;
        Some(LateRow { row: number as u32, ..late })
    });
    late.collect()
}

impl Operator for Exchange {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            message if self.shares.len() == 1 => self.shares[0].step(input, message, output),
            Message::Batch(batch) => self.take(&batch, output),
            Message::Watermark(watermark) => {
                // Those who are to forget do so with the next rows, side by side.
                self.watermark = Some(watermark);
                output.messages.push(message);
            }
        }
    }

    fn resume(&mut self, output: &mut Output) {
        self.shares.iter_mut().for_each(|share| share.resume(output));
    }

    fn reads_in_order(&mut self) {
        self.reads_in_order = true;
        self.shares.iter_mut().for_each(|share| share.reads_in_order());
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.u64(self.seed);
        writer.sequence(self.watermark.iter(), |writer, watermark| writer.i64(watermark.0));
        writer.sequence(self.shares.iter(), |writer, share| {
            let mut written = SnapshotWriter::default();
            share.snapshot(&mut written);
            writer.bytes(&written.finish());
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.seed = reader.u64()?;
        self.hashes = KeyHashes::new(&self.key_types, self.seed);
        self.watermark = reader.sequence(|reader| reader.i64().map(Watermark))?.pop();
        self.shares = reader.sequence(|reader| {
            let mut share = (self.make)();
            let mut written = SnapshotReader::new(reader.bytes()?);
            share.restore(&mut written)?;
            written.finish()?;
            if self.reads_in_order {
                share.reads_in_order();
            }
            Ok(share)
        })?;
        if self.shares.is_empty() { Err(Corrupt) } else { Ok(()) }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let mut all: Vec<Contents> = vec![];
        for share in &mut self.shares {
            for held in share.contents(around)? {
                match all.iter_mut().find(|known| known.what == held.what) {
                    Some(known) => known.rows.extend(held.rows),
                    None => all.push(held),
                }
            }
        }
        Some(all)
    }

    fn amount(&self) -> Option<Count> {
        let counts = self.shares.iter().map(|share| share.amount());
        counts.reduce(|a, b| a.zip(b).map(|(a, b)| Count { n: a.n + b.n, ..a })).flatten()
    }

    fn n_workers(&self) -> usize {
        self.workers.n().min(self.shares.len())
    }

    fn state_bytes(&self) -> usize {
        self.shares.iter().map(|share| share.state_bytes()).sum()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.shares.iter().filter_map(|share| share.waiting()).min_by_key(|waiting| waiting.until)
    }
}
