//! A sink that another worker writes to while the rows of the job go on.
//!
//! Batches wait until there are enough of them to be worth a task, and until the task before is done: bytes
//! are made and written in the order of the rows. With one worker there is nobody else, and rows are written
//! as they come.

use crate::report::SinkReport;
use crate::sink::Sink;
use crate::workers::{Pending, Workers};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use std::fs::File;
use std::io;

/// Rows that are worth a task.
const WORTH: usize = BATCH_ROWS;

/// Rows that wait at most while others are being written.
const MOST: usize = 16 * BATCH_ROWS;

pub struct WriteBehind {
    /// None while a task has it.
    sink: Option<Box<Sink>>,
    writing: Option<Pending<(Box<Sink>, io::Result<()>)>>,
    batches: Vec<Batch>,
    /// Rows of the batches.
    n_rows: usize,
    workers: Workers,
}

impl WriteBehind {
    pub fn new(sink: Sink, workers: Workers) -> WriteBehind {
        WriteBehind { sink: Some(Box::new(sink)), writing: None, batches: vec![], n_rows: 0, workers }
    }

    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.batches.push(batch.clone());
        self.n_rows += batch.n_rows;
        if self.workers.n() == 1 {
            return self.catch_up();
        }
        let is_writing = self.writing.as_ref().is_some_and(|writing| !writing.is_done());
        if self.n_rows < WORTH || is_writing && self.n_rows < MOST {
            return Ok(());
        }
        self.come_back()?;
        if let Some(mut sink) = self.sink.take() {
            self.n_rows = 0;
            let batches = std::mem::take(&mut self.batches);
            self.writing = Some(self.workers.submit(move || {
                let written = write_all(&mut sink, &batches);
                (sink, written)
            }));
        }
        Ok(())
    }

    /// Lets everything be seen that has been written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.catch_up()?;
        self.sink.as_mut().map_or(Ok(()), |sink| sink.flush())
    }

    /// Hands on all that has been written, and says up to where the output stands.
    pub fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.catch_up()?;
        self.sink.as_mut().map_or(Ok(None), |sink| sink.reach())
    }

    /// Ends the output.
    pub fn finish(&mut self) -> io::Result<()> {
        let written = self.catch_up();
        written.and(self.sink.as_mut().map_or(Ok(()), |sink| sink.finish()))
    }

    /// What has been written; complete when the output has been ended.
    pub fn report(&self) -> SinkReport {
        self.sink.as_ref().map_or_else(SinkReport::default, |sink| sink.report.clone())
    }

    /// Writes all that waits.
    fn catch_up(&mut self) -> io::Result<()> {
        self.come_back()?;
        self.n_rows = 0;
        let batches = std::mem::take(&mut self.batches);
        self.sink.as_mut().map_or(Ok(()), |sink| write_all(sink, &batches))
    }

    /// Waits for the task that writes, if there is one.
    fn come_back(&mut self) -> io::Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        let (sink, written) = writing.wait();
        self.sink = Some(sink);
        written
    }
}

fn write_all(sink: &mut Sink, batches: &[Batch]) -> io::Result<()> {
    batches.iter().try_for_each(|batch| sink.write(batch))
}
