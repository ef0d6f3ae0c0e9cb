//! The one interface of everything that runs: state in, messages out, no clock, no files, no network.

use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::waiting::Waiting;
use millstream_base::Span;
use millstream_ir::batch::Batch;
use millstream_ir::flow::NodeId;
use std::io;

/// A running node of the flow.
pub trait Operator: Send {
    /// Takes one message on an input (numbered as the node's `inputs`) and puts what follows from it
    /// into `output`, in order. After `Watermark::END` on every input nothing is left pending.
    fn step(&mut self, input: usize, message: Message, output: &mut Output);

    /// Takes these rows of a batch, ascending, that others take others of.
    fn step_rows(&mut self, input: usize, batch: &Batch, rows: &[u32], output: &mut Output) {
        self.step(input, Message::Batch(batch.gather(rows)), output);
    }

    /// Goes on with a step whose output said that there is [more](Output::more) to come.
    fn resume(&mut self, _output: &mut Output) {}

    /// A batch or watermark of a source has come to all that read it, directly or through others: puts
    /// into the output what was held back until then.
    fn settle(&mut self, _output: &mut Output) {}

    /// Whether anything in it follows from how far its input has come.
    fn minds_watermarks(&self) -> bool {
        true
    }

    /// Whether it holds anything back that [`Operator::settle`] lets go of.
    fn settles(&self) -> bool {
        false
    }

    /// Says, before the first message, that all rows come from one partition and in its order, except as
    /// operators before this one bring them into the order of their times: a row that comes at the
    /// watermark stands behind all rows that came before.
    fn reads_in_order(&mut self) {}

    /// Says, before the first message, that rows of a table come at any time, each as a change, where they would
    /// otherwise come in loads.
    fn reads_changes(&mut self) {}

    /// Says, before the first message, that the rows of a table come in one load, and no others after it.
    fn reads_one_load(&mut self) {}

    /// Says, before the first message, that it may be asked to [spill](Operator::spill).
    fn may_spill(&mut self) {}

    /// Writes all that a new operator of the same node needs to go on in its place. Called between
    /// messages, when nothing is [more](Output::more) to come.
    fn snapshot(&self, _writer: &mut SnapshotWriter) {}

    /// Takes over what [`Operator::snapshot`] wrote; called before the first message.
    fn restore(&mut self, _reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        Ok(())
    }

    /// What it holds, for people; it goes on no more afterwards. None where all of it leaves when its inputs end.
    fn contents(&mut self, _around: &Around) -> Option<Vec<Contents>> {
        None
    }

    /// How much that is, in the unit that says most.
    fn amount(&self) -> Option<Count> {
        None
    }

    /// Writes what need not be in memory now to files, as far as it can.
    fn spill(&mut self, _spill: &Spill) -> io::Result<()> {
        Ok(())
    }

    /// About how many bytes of memory its state takes.
    fn state_bytes(&self) -> usize {
        0
    }

    /// What it holds until the watermark has come further, if anything.
    fn waiting(&self) -> Option<Waiting> {
        None
    }

    /// The input that has to come further for that, where the others do not matter.
    fn waits_for(&self) -> Option<usize> {
        None
    }

    /// How many workers have shared its rows.
    fn n_workers(&self) -> usize {
        1
    }

    /// Takes a message and gathers all that follows from it, however much that is.
    fn step_to_end(&mut self, input: usize, message: Message, output: &mut Output) {
        self.step(input, message, output);
        while std::mem::take(&mut output.more) {
            self.resume(output);
        }
    }
}

/// What a step produced.
#[derive(Default, Debug)]
pub struct Output {
    /// For the readers of the node.
    pub messages: Vec<Message>,
    /// For single readers of it; before the messages.
    pub handed: Option<Box<Handed>>,
    /// What follows in other nodes, whose work is done together; before the messages.
    pub of_others: Vec<(NodeId, Output)>,
    /// Rows that left through a row error, for `errors(name)`.
    pub failures: Vec<Failure>,
    /// Rows that left because they are late, for `late(name)`; the columns are the node's.
    pub late: Vec<Batch>,
    /// Late rows that an operator left out; they are counted, `late(source)` has them already.
    pub n_late_left_out: u64,
    /// Rows of a load of a table that were replaced by later ones of the same load.
    pub n_replaced: u64,
    /// What was written to a file cannot be had: nothing goes on from there.
    pub fault: Option<io::Error>,
    /// The step has not ended: before anything else the operator is to be asked to
    /// [resume](Operator::resume). Long answers come in parts, so that none fills the memory.
    pub more: bool,
}

/// Rows of a batch for readers that each get some of them, without a copy for each.
#[derive(Debug)]
pub struct Handed {
    pub batch: Batch,
    /// Those of all readers, one behind the other.
    pub rows: Vec<u32>,
    /// The readers, by their numbers, each with where its rows end among those.
    pub readers: Vec<(u32, usize)>,
}

impl Handed {
    /// The readers with their rows.
    pub fn parts(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let starts = std::iter::once(0).chain(self.readers.iter().map(|(_, end)| *end));
        self.readers
            .iter()
            .zip(starts)
            .map(|((reader, end), start)| (*reader as usize, &self.rows[start..*end]))
    }
}

/// A row that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The row as it entered the failing clause, as JSON text.
    pub row: String,
    /// Why, in the user's words.
    pub reason: String,
    pub place: Place,
    /// The row's own time; of a record that could not be read, the watermark of the rows before it.
    pub at: EventTime,
    /// Its time in `errors(name)`: no watermark that the node gave before is later.
    pub time: EventTime,
}

/// Where a row failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In this expression of the program.
    Program(Span),
    /// It could not be read: the partition and the number of the record in it, from 1.
    Input(String),
}
