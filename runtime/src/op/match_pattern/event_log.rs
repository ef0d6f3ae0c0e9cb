//! The events that runs look back to, in columns: those of a batch that were kept stand together, and go together when
//! nobody looks back to one of them any more.

use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, RowPlace};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData, ColumnRef, TextColumn};
use millstream_ir::types::Type;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, LazyLock};

/// Which event: of which chunk, and its place there.
pub type EventId = u64;

/// Chunks are numbered one by one, after the last number from the first again: they do not live so long.
pub type ChunkNumber = u32;

/// What stands in the place of a column that is not kept.
pub static NOT_KEPT: LazyLock<ColumnRef> =
    LazyLock::new(|| Arc::new(Column { data: ColumnData::Bool(Buffer::new()), validity: None }));

fn id(chunk: ChunkNumber, place: u32) -> EventId {
    u64::from(chunk) << 32 | u64::from(place)
}

#[derive(Default)]
pub struct EventLog {
    /// The number of the first chunk.
    first: ChunkNumber,
    chunks: VecDeque<Chunk>,
    /// So many of them, at the front, are closed.
    n_closed: usize,
    /// Per chunk: how many times someone looks back to one of its events.
    uses: VecDeque<u32>,
    /// The memory of the rows of chunks that are closed.
    spare: Vec<Vec<(u32, u32)>>,
}

struct Chunk {
    input: usize,
    batch: Batch,
    rows: Rows,
    /// Of a rule, a bit for each of 64 of those that were kept: whether one of its matches has used it up.
    used: BTreeMap<(u32, u32), u64>,
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

    /// Keeps what someone looks back to, without the input that texts stand in; the memory of its rows, if it was open.
    fn close(&mut self) -> Option<Vec<(u32, u32)>> {
        let Rows::Open(rows) = &mut self.rows else { return None };
        let mut rows = std::mem::take(rows);
        let mut kept = Vec::with_capacity(rows.len());
        kept.extend(rows.iter().filter(|(_, n_uses)| *n_uses > 0).map(|(row, _)| *row));
        let has_all = kept.len() == rows.len();
        let are_all = kept.len() == self.batch.n_rows && (0..).zip(&kept).all(|(at, row)| at == *row);
        if !are_all {
            self.batch = gather_kept(&self.batch, &kept);
        }
        for column in &mut self.batch.columns {
            if let ColumnData::Text(texts) = &column.data {
                let mut own = TextColumn::default();
                (0..kept.len()).for_each(|row| own.push(texts.get(row)));
                *column = Arc::new(Column { data: ColumnData::Text(own), validity: column.validity.clone() });
            }
        }
        self.rows = match has_all {
            true => Rows::All,
            false => {
                let used = (0..).zip(&rows).filter(|(_, (_, n_uses))| *n_uses > 0);
                Rows::These(used.map(|(place, _)| place).collect())
            }
        };
        rows.clear();
        Some(rows)
    }

    fn clear(&mut self) {
        (self.batch, self.rows, self.used) =
            (gather_kept(&self.batch, &[]), Rows::These(vec![]), BTreeMap::new());
    }
}

/// Chunks that have other numbers now.
#[derive(Clone, Copy)]
pub struct Moved {
    from: ChunkNumber,
    n: u32,
    to: ChunkNumber,
}

impl Moved {
    /// Where an event stands now.
    pub fn event(&self, event: EventId) -> Option<EventId> {
        let chunk = ((event >> 32) as ChunkNumber).wrapping_sub(self.from);
        (chunk < self.n).then(|| id(self.to.wrapping_add(chunk), event as u32))
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

/// These rows, of the columns that are kept.
fn gather_kept(batch: &Batch, rows: &[u32]) -> Batch {
    let gathered = |column: &ColumnRef| match Arc::ptr_eq(column, &NOT_KEPT) {
        true => column.clone(),
        false => Arc::new(column.gather(rows)),
    };
    Batch {
        columns: batch.columns.iter().map(gathered).collect(),
        n_rows: rows.len(),
        origin: batch.origin.gather(rows),
        late: vec![],
    }
}

impl EventLog {
    /// Begins to keep rows of a batch; the number of their chunk.
    pub fn open(&mut self, input: usize, batch: Batch) -> ChunkNumber {
        let number = self.first.wrapping_add(self.chunks.len() as u32);
        let rows = Rows::Open(self.spare.pop().unwrap_or_default());
        self.chunks.push_back(Chunk { input, batch, rows, used: BTreeMap::new() });
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

    /// Notes that a match of a rule has used an event up.
    pub fn use_up(&mut self, id: EventId, rule: u32) {
        let at = self.at_of(id);
        let place = id as u32;
        *self.chunks[at].used.entry((rule, place / 64)).or_default() |= 1 << (place % 64);
    }

    pub fn is_used_up(&self, id: EventId, rule: u32) -> bool {
        let (used, place) = (&self.chunks[self.at_of(id)].used, id as u32);
        used.get(&(rule, place / 64)).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    /// Ends the open chunks: what nobody looks back to of their batches goes.
    pub fn close(&mut self) {
        let closed = self.chunks.range_mut(self.n_closed..).filter_map(Chunk::close);
        self.spare.extend(closed);
        self.n_closed = self.chunks.len();
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
        // Of a closed one nothing but the count is looked at: it need not come from memory.
        if chunk < self.n_closed {
            return;
        }
        if let Rows::Open(rows) = &mut self.chunks[chunk].rows {
            rows[id as u32 as usize].1 += 1;
        }
    }

    pub fn give_back(&mut self, id: EventId) {
        let chunk = self.at_of(id);
        self.uses[chunk] -= 1;
        if chunk < self.n_closed {
            if self.uses[chunk] == 0 {
                self.chunks[chunk].clear();
            }
        } else if let Rows::Open(rows) = &mut self.chunks[chunk].rows {
            rows[id as u32 as usize].1 -= 1;
        }
    }

    /// Drops the chunks at the front that nobody uses.
    pub fn forget(&mut self) {
        while self.uses.front() == Some(&0) && self.n_closed > 0 {
            self.n_closed -= 1;
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
                _ => Ok(Chunk { input, batch, rows, used: BTreeMap::new() }),
            }
        })?;
        let (n_closed, uses) = (chunks.len(), vec![0; chunks.len()].into());
        Ok(EventLog { first, uses, n_closed, chunks: chunks.into(), spare: vec![] })
    }

    /// All events, with their ids.
    pub fn events(&self) -> impl Iterator<Item = (EventId, Kept<'_>)> {
        let of_chunk = |(at, chunk): (usize, &'_ Chunk)| -> Vec<EventId> {
            let number = self.first.wrapping_add(at as u32);
            let places = match &chunk.rows {
                Rows::These(places) => places.clone(),
                Rows::Open(rows) => (0..rows.len() as u32).collect(),
                Rows::All => (0..chunk.batch.n_rows as u32).collect(),
            };
            places.into_iter().map(|place| id(number, place)).collect()
        };
        let ids = self.chunks.iter().enumerate().flat_map(of_chunk);
        ids.map(|id| (id, self.get(id)))
    }

    /// A log of these events alone.
    pub fn of_events(input: usize, batch: Batch) -> EventLog {
        let chunk = Chunk { input, batch, rows: Rows::All, used: BTreeMap::new() };
        EventLog { first: 0, chunks: [chunk].into(), n_closed: 1, uses: [0].into(), spare: vec![] }
    }

    /// Takes over the events of another log, of which these are the columns here; nobody looks back to them yet.
    pub fn take_over(
        &mut self,
        other: EventLog,
        columns: &dyn Fn(Vec<ColumnRef>) -> Vec<ColumnRef>,
    ) -> Moved {
        let to = self.first.wrapping_add(self.chunks.len() as u32);
        let moved = Moved { from: other.first, n: other.chunks.len() as u32, to };
        for mut chunk in other.chunks {
            chunk.batch.columns = columns(chunk.batch.columns);
            self.chunks.push_back(chunk);
            self.uses.push_back(0);
            self.n_closed += 1;
        }
        moved
    }

    /// Whether there is such an event.
    pub fn has(&self, id: EventId) -> bool {
        self.chunks.get(self.at_of(id)).is_some_and(|chunk| chunk.row(id as u32).is_some())
    }

    pub fn bytes(&self) -> usize {
        let bytes = |chunk: &Chunk| {
            size_of::<Chunk>() + chunk.batch.bytes() + chunk.used.len() * 2 * size_of::<u64>()
        };
        self.chunks.iter().map(bytes).sum()
    }
}
