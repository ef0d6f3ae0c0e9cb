//! The worker's side of a sink: rows become bytes, bytes are written.

use crate::connector::Output;
use crate::format::Encoder;
use crate::report::SinkReport;
use millstream_ir::batch::Batch;
use std::fs::File;
use std::io;

/// Bytes gathered before they are written.
const BUFFER: usize = 64 << 10;

pub struct Sink {
    encoder: Box<dyn Encoder>,
    writer: Box<dyn Output>,
    buffer: Vec<u8>,
    /// Rows whose bytes are not written yet.
    n_waiting: u64,
    pub report: SinkReport,
}

impl Sink {
    pub fn new(mut encoder: Box<dyn Encoder>, writer: Box<dyn Output>, report: SinkReport) -> Sink {
        let mut buffer = Vec::with_capacity(BUFFER * 2);
        encoder.header(&mut buffer);
        if writer.is_begun() {
            buffer.clear();
        }
        Sink { encoder, writer, buffer, n_waiting: 0, report }
    }

    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.n_waiting += batch.n_rows as u64;
        self.encoder.encode(batch, &mut self.buffer);
        if self.buffer.len() >= BUFFER {
            self.write_buffer()?;
        }
        Ok(())
    }

    /// Lets everything be seen, whenever no input is waiting.
    pub fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush(&mut self.buffer);
        self.write_buffer()?;
        self.writer.flush()
    }

    /// Hands on all that has been written; as [`Output::reach`].
    pub fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.encoder.flush(&mut self.buffer);
        self.write_buffer()?;
        self.writer.reach()
    }

    /// Writes what is left, and what belongs behind it.
    pub fn finish(&mut self) -> io::Result<()> {
        self.encoder.flush(&mut self.buffer);
        self.write_buffer()?;
        self.writer.finish()
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.buffer)?;
        self.buffer.clear();
        self.report.rows += std::mem::take(&mut self.n_waiting);
        Ok(())
    }
}
