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

/// Chunks are numbered one by one, after the last number from the first again: they do not live so long.
pub type ChunkNumber = u32;

fn id(chunk: ChunkNumber, place: u32) -> EventId {
    u64::from(chunk) << 32 | u64::from(place)
}

#[derive(Default)]
pub struct EventLog {
    /// The number of the first chunk.
    first: ChunkNumber,
    chunks: VecDeque<Chunk>,
    /// Per chunk: how many times someone looks back to one of its events.
    uses: VecDeque<u32>,
}

struct Chunk {
    input: usize,
    batch: Batch,
    rows: Rows,
    /// A bit for each of those that were kept, as far as there is one: whether a match has used it up.
    used: Vec<u64>,
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
        (self.batch, self.rows, self.used) = (self.batch.gather(&[]), Rows::These(vec![]), vec![]);
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
    pub fn open(&mut self, input: usize, batch: Batch) -> ChunkNumber {
        let number = self.first.wrapping_add(self.chunks.len() as u32);
        let rows = Rows::Open(vec![]);
        self.chunks.push_back(Chunk { input, batch, rows, used: vec![] });
        self.uses.push_back(0);
        number
    }

    /// Where the chunk with a number stands.
    fn at(&self, chunk: ChunkNumber) -> usize {
        chunk.wrapping_sub(self.first) as usize
    }

    fn at_of(&self, id: EventId) -> usize {
        self.at((id >> 32) as ChunkNumber)
    }

    /// Keeps a row of an open chunk.
    pub fn keep(&mut self, chunk: ChunkNumber, row: usize) -> EventId {
        let at = self.at(chunk);
        let Rows::Open(rows) = &mut self.chunks[at].rows else { return id(chunk, 0) };
        rows.push((row as u32, 0));
        id(chunk, rows.len() as u32 - 1)
    }

    /// Notes that a match has used an event up.
    pub fn use_up(&mut self, id: EventId) {
        let at = self.at_of(id);
        let (used, place) = (&mut self.chunks[at].used, id as u32 as usize);
        used.resize(used.len().max(place / 64 + 1), 0);
        used[place / 64] |= 1 << (place % 64);
    }

    pub fn is_used_up(&self, id: EventId) -> bool {
        let (used, place) = (&self.chunks[self.at_of(id)].used, id as u32 as usize);
        used.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    /// Ends the open chunks: what nobody looks back to of their batches goes.
    pub fn close(&mut self) {
        self.chunks.iter_mut().rev().take_while(|chunk| chunk.is_open()).for_each(Chunk::close);
        self.forget();
    }

    pub fn get(&self, id: EventId) -> Kept<'_> {
        let chunk = &self.chunks[self.at_of(id)];
        Kept { input: chunk.input, batch: &chunk.batch, row: chunk.row(id as u32).unwrap_or_default() }
    }

    /// The place of a row of a chunk that is open, or, if it has one, of the event with its id.
    pub fn place_of(&self, chunk: ChunkNumber, id: Option<EventId>, row: usize) -> RowPlace {
        match id {
            Some(id) => self.get(id).place(),
            None => self.chunks[self.at(chunk)].batch.origin.place(row),
        }
    }

    pub fn use_one(&mut self, id: EventId) {
        let chunk = self.at_of(id);
        self.uses[chunk] += 1;
        if let Rows::Open(rows) = &mut self.chunks[chunk].rows {
            rows[id as u32 as usize].1 += 1;
        }
    }

    pub fn give_back(&mut self, id: EventId) {
        let chunk = self.at_of(id);
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
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Writes all chunks; `types` are those of the columns of an input.
    pub fn snapshot<'t>(&self, types: &dyn Fn(usize) -> &'t [Type], writer: &mut SnapshotWriter) {
        writer.u32(self.first);
        writer.sequence(self.chunks.iter(), |writer, chunk| {
            writer.count(chunk.input);
            writer.batch(&chunk.batch, types(chunk.input));
            writer.bool(matches!(chunk.rows, Rows::All));
            let places = if let Rows::These(places) = &chunk.rows { &places[..] } else { &[] };
            writer.sequence(places.iter(), |writer, place| writer.u32(*place));
        });
    }

    /// What [`EventLog::snapshot`] wrote; nobody looks back to its events yet.
    pub fn restore<'t>(
        types: &dyn Fn(usize) -> Option<&'t [Type]>,
        reader: &mut SnapshotReader,
    ) -> Result<EventLog, Corrupt> {
        let first = reader.u32()?;
        let chunks = reader.sequence(|reader| {
            let input = reader.count()?;
            let batch = reader.batch(types(input).ok_or(Corrupt)?)?;
            let (has_all, places) = (reader.bool()?, reader.sequence(SnapshotReader::u32)?);
            let rows = if has_all { Rows::All } else { Rows::These(places) };
            match &rows {
                Rows::These(places) if places.len() != batch.n_rows || !places.is_sorted() => Err(Corrupt),
                _ => Ok(Chunk { input, batch, rows, used: vec![] }),
            }
        })?;
        Ok(EventLog { first, uses: vec![0; chunks.len()].into(), chunks: chunks.into() })
    }

    /// Whether there is such an event.
    pub fn has(&self, id: EventId) -> bool {
        self.chunks.get(self.at_of(id)).is_some_and(|chunk| chunk.row(id as u32).is_some())
    }

    pub fn bytes(&self) -> usize {
        let bytes =
            |chunk: &Chunk| size_of::<Chunk>() + chunk.batch.bytes() + chunk.used.len() * size_of::<u64>();
        self.chunks.iter().map(bytes).sum()
    }
}
