//! The events that runs look back to, in columns: those of a batch that were kept stand together, and go together when
//! nobody looks back to one of them any more.

use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::column::{Column, ColumnData, ColumnRef, TextColumn};
use millstream_ir::types::Type;
use std::collections::VecDeque;
use std::sync::Arc;

/// Which event: of which chunk, and its place there.
pub type EventId = u64;

#[derive(Default)]
pub struct EventLog {
    /// The number of the first chunk.
    first: u64,
    chunks: VecDeque<Chunk>,
    /// Per chunk: how many times someone looks back to one of its events.
    uses: VecDeque<u32>,
}

struct Chunk {
    input: usize,
    batch: Batch,
    rows: Rows,
}

/// Which rows of its batch a chunk keeps.
enum Rows {
    /// While the batch is worked on: these, each with how many times someone looks back to it.
    Open(Vec<(u32, u32)>),
    All,
    /// Those with these places among all that were kept, ascending.
    These(Vec<u32>),
}

impl Chunk {
    /// Where the event with a place among those kept stands in the batch.
    fn row(&self, place: u32) -> Option<usize> {
        match &self.rows {
            Rows::Open(rows) => rows.get(place as usize).map(|(row, _)| *row as usize),
            Rows::All => Some(place as usize).filter(|row| *row < self.batch.n_rows),
            Rows::These(places) => places.binary_search(&place).ok(),
        }
    }

    /// Keeps what someone looks back to, without the input that texts stand in.
    fn close(&mut self) {
        let Rows::Open(rows) = &self.rows else { return };
        let used = (0..).zip(rows).filter(|(_, (_, n_uses))| *n_uses > 0);
        let (places, kept): (Vec<u32>, Vec<u32>) = used.map(|(place, (row, _))| (place, *row)).unzip();
        let has_all = kept.len() == rows.len();
        self.batch = self.batch.gather(&kept);
        for column in &mut self.batch.columns {
            if let ColumnData::Text(texts) = &column.data {
                let mut own = TextColumn::default();
                (0..kept.len()).for_each(|row| own.push(texts.get(row)));
                *column = Arc::new(Column { data: ColumnData::Text(own), validity: column.validity.clone() });
            }
        }
        self.rows = if has_all { Rows::All } else { Rows::These(places) };
    }

    fn clear(&mut self) {
        (self.batch, self.rows) = (self.batch.gather(&[]), Rows::These(vec![]));
    }

    fn is_open(&self) -> bool {
        matches!(self.rows, Rows::Open(_))
    }
}

/// Where an event stands.
#[derive(Clone, Copy)]
pub struct Kept<'a> {
    pub input: usize,
    pub batch: &'a Batch,
    pub row: usize,
}

impl Kept<'_> {
    pub fn place(&self) -> RowPlace {
        self.batch.origin.place(self.row)
    }

    pub fn columns(&self) -> &[ColumnRef] {
        &self.batch.columns
    }

    pub fn int(&self, column: usize) -> i64 {
        match &self.batch.columns[column].data {
            ColumnData::I64(values) => values[self.row],
            _ => 0,
        }
    }
}

impl EventLog {
    /// Begins to keep rows of a batch; the number of their chunk.
    pub fn open(&mut self, input: usize, batch: &Batch) -> u64 {
        self.chunks.push_back(Chunk { input, batch: batch.clone(), rows: Rows::Open(vec![]) });
        self.uses.push_back(0);
        self.first + self.chunks.len() as u64 - 1
    }

    /// Keeps a row of an open chunk.
    pub fn keep(&mut self, chunk: u64, row: usize) -> EventId {
        let Rows::Open(rows) = &mut self.chunks[(chunk - self.first) as usize].rows else {
            return chunk << 32;
        };
        rows.push((row as u32, 0));
        chunk << 32 | (rows.len() as u64 - 1)
    }

    /// Ends the open chunks: what nobody looks back to of their batches goes.
    pub fn close(&mut self) {
        self.chunks.iter_mut().rev().take_while(|chunk| chunk.is_open()).for_each(Chunk::close);
        self.forget();
    }

    pub fn get(&self, id: EventId) -> Kept<'_> {
        let chunk = &self.chunks[((id >> 32) - self.first) as usize];
        Kept { input: chunk.input, batch: &chunk.batch, row: chunk.row(id as u32).unwrap_or_default() }
    }

    /// The place of a row of a chunk that is open, or, if it has one, of the event with its id.
    pub fn place_of(&self, chunk: u64, id: Option<EventId>, row: usize) -> RowPlace {
        match id {
            Some(id) => self.get(id).place(),
            None => self.chunks[(chunk - self.first) as usize].batch.origin.place(row),
        }
    }

    pub fn use_one(&mut self, id: EventId) {
        let chunk = ((id >> 32) - self.first) as usize;
        self.uses[chunk] += 1;
        if let Rows::Open(rows) = &mut self.chunks[chunk].rows {
            rows[id as u32 as usize].1 += 1;
        }
    }

    pub fn give_back(&mut self, id: EventId) {
        let chunk = ((id >> 32) - self.first) as usize;
        self.uses[chunk] -= 1;
        if let Rows::Open(rows) = &mut self.chunks[chunk].rows {
            rows[id as u32 as usize].1 -= 1;
        } else if self.uses[chunk] == 0 {
            self.chunks[chunk].clear();
        }
    }

    /// Drops the chunks at the front that nobody uses.
    pub fn forget(&mut self) {
        while self.uses.front() == Some(&0) && self.chunks.front().is_some_and(|chunk| !chunk.is_open()) {
            self.chunks.pop_front();
            self.uses.pop_front();
            self.first += 1;
        }
    }

    /// Writes all chunks; `types` are those of the columns of each input.
    pub fn snapshot(&self, types: &[Vec<Type>], writer: &mut SnapshotWriter) {
        writer.u64(self.first);
        writer.sequence(self.chunks.iter(), |writer, chunk| {
            writer.count(chunk.input);
            writer.batch(&chunk.batch, &types[chunk.input]);
            writer.bool(matches!(chunk.rows, Rows::All));
            let places = if let Rows::These(places) = &chunk.rows { &places[..] } else { &[] };
            writer.sequence(places.iter(), |writer, place| writer.u32(*place));
        });
    }

    /// What [`EventLog::snapshot`] wrote; nobody looks back to its events yet.
    pub fn restore(types: &[Vec<Type>], reader: &mut SnapshotReader) -> Result<EventLog, Corrupt> {
        let first = reader.u64()?;
        let chunks = reader.sequence(|reader| {
            let input = reader.count()?;
            let batch = reader.batch(types.get(input).ok_or(Corrupt)?)?;
            let (has_all, places) = (reader.bool()?, reader.sequence(SnapshotReader::u32)?);
            let rows = if has_all { Rows::All } else { Rows::These(places) };
            match &rows {
                Rows::These(places) if places.len() != batch.n_rows || !places.is_sorted() => Err(Corrupt),
                _ => Ok(Chunk { input, batch, rows }),
            }
        })?;
        first.checked_add(chunks.len() as u64).filter(|end| *end < 1 << 32).ok_or(Corrupt)?;
        Ok(EventLog { first, uses: vec![0; chunks.len()].into(), chunks: chunks.into() })
    }

    /// Whether there is such an event.
    pub fn has(&self, id: EventId) -> bool {
        let chunk = (id >> 32).checked_sub(self.first).and_then(|at| self.chunks.get(at as usize));
        chunk.is_some_and(|chunk| chunk.row(id as u32).is_some())
    }

    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| size_of::<Chunk>() + chunk.batch.bytes()).sum()
    }
}
