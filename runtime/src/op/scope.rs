//! The windows of a scope, for clauses that look at the rows of one: which window a row lies in, and which
//! windows are over. Rows come in the total order.
//!
//! Each window has a number, which no other gets: what is kept of it stands under that.

use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Watermark};
use crate::op::keyed_windows::oldest::Oldest;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{Keep, Schema, WindowAssigner};
use millstream_ir::types::Type;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

pub struct Windows {
    kind: Kind,
    /// How many there have been.
    n_windows: u64,
}

enum Kind {
    Assigned(Assigned),
    OfKeys(Box<OfKeys>),
}

/// A window that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    pub number: u64,
    pub start: EventTime,
    pub end: EventTime,
    /// That of what is made of the window.
    pub time: EventTime,
}

/// Windows whose bounds are columns of the rows.
struct Assigned {
    start: usize,
    end: usize,
    /// By end, then by start.
    open: BTreeMap<(EventTime, EventTime), u64>,
}

/// Sessions, or windows of rows.
struct OfKeys {
    rule: Rule,
    /// Columns of the input.
    keys: Vec<usize>,
    time: usize,
    index: KeyIndex,
    /// By the number of the key, its last window.
    last: Vec<Option<u64>>,
    open: HashMap<u64, Open>,
    /// When a session may be over.
    due: BinaryHeap<Reverse<(EventTime, u64)>>,
    /// The keys with a window of rows.
    oldest: Oldest,
    /// Of the rows of a batch, the numbers of their keys; and the keys that may have no window any more.
    found: Vec<u32>,
    idle: Vec<u32>,
}

#[derive(Clone, Copy)]
enum Rule {
    Session { gap: i64, max: Option<i64> },
    Rows { count: u64, keep: Keep },
}

struct Open {
    key: u32,
    start: EventTime,
    last: EventTime,
    n_rows: u64,
}

impl Windows {
    /// `keys` are those that have windows of their own, if they do. None for windows that are not told row by
    /// row. `seed` is that of the hash table, and changes nothing that can be seen.
    pub fn new(assigner: &WindowAssigner, keys: &[usize], input: &Schema, seed: u64) -> Option<Windows> {
        let rule = match assigner {
            WindowAssigner::Assigned { start, end } => {
                let kind = Kind::Assigned(Assigned { start: *start, end: *end, open: BTreeMap::new() });
                return Some(Windows { kind, n_windows: 0 });
            }
            WindowAssigner::Session { gap, max, .. } => Rule::Session { gap: *gap, max: *max },
            WindowAssigner::Rows { count, keep, .. } => Rule::Rows { count: *count, keep: *keep },
            _ => return None,
        };
        let types: Vec<Type> = keys.iter().map(|key| input.columns[*key].ty.clone()).collect();
        let kind = Kind::OfKeys(Box::new(OfKeys {
            rule,
            keys: keys.to_vec(),
            time: input.time,
            index: KeyIndex::new(&types, seed),
            last: vec![],
            open: HashMap::new(),
            due: BinaryHeap::new(),
            oldest: Oldest::default(),
            found: vec![],
            idle: vec![],
        }));
        Some(Windows { kind, n_windows: 0 })
    }

    /// The numbers of the windows of a batch's rows, which replace `numbers`. Windows that are over, with or
    /// before one of these rows, come behind `ended`, in their order.
    pub fn find(&mut self, batch: &Batch, numbers: &mut Vec<u64>, ended: &mut Vec<Ended>) {
        numbers.clear();
        match &mut self.kind {
            Kind::Assigned(windows) => windows.find(batch, &mut self.n_windows, numbers),
            Kind::OfKeys(windows) => windows.find(batch, &mut self.n_windows, numbers, ended),
        }
    }

    /// Puts the windows that a watermark ends behind `ended`, in the order of their ends and starts. `and_at`:
    /// those that end at it, too; rows that were made of windows stand at their ends.
    pub fn advance(&mut self, watermark: Watermark, and_at: bool, ended: &mut Vec<Ended>) {
        match &mut self.kind {
            Kind::Assigned(windows) => windows.advance(watermark, and_at, ended),
            Kind::OfKeys(windows) => windows.advance(watermark, ended),
        }
    }

    /// The earliest time that what is made of a window can still have, if that is no matter of watermarks:
    /// an unfinished window of rows has the time of its last row, however long ago that was.
    pub fn oldest(&self) -> Option<EventTime> {
        let Kind::OfKeys(windows) = &self.kind else { return None };
        let key = windows.oldest.first()?;
        let window = windows.last.get(key as usize).copied().flatten()?;
        windows.open.get(&window).map(|open| open.last)
    }

    /// Whether it is the watermark alone that ends windows.
    pub fn end_by_time(&self) -> bool {
        match &self.kind {
            Kind::Assigned(_) => true,
            Kind::OfKeys(windows) => matches!(windows.rule, Rule::Session { .. }),
        }
    }

    /// Not before this time is a window over; none if no time ends one.
    pub fn first_end(&self) -> Option<EventTime> {
        match &self.kind {
            Kind::Assigned(windows) => windows.open.first_key_value().map(|((end, _), _)| *end),
            Kind::OfKeys(windows) => match windows.rule {
                Rule::Session { .. } => windows.due.peek().map(|Reverse((due, _))| *due),
                Rule::Rows { keep: Keep::Expire(duration), .. } => {
                    self.oldest().map(|oldest| oldest.saturating_add(duration))
                }
                Rule::Rows { .. } => None,
            },
        }
    }

    pub fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Assigned(windows) => windows.open.len() * size_of::<((EventTime, EventTime), u64)>() * 2,
            Kind::OfKeys(windows) => {
                windows.index.bytes()
                    + windows.last.capacity() * size_of::<Option<u64>>()
                    + windows.open.capacity() * size_of::<(u64, Open)>()
                    + windows.due.capacity() * size_of::<(EventTime, u64)>()
                    + windows.oldest.bytes()
            }
        }
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.u64(self.n_windows);
        match &self.kind {
            Kind::Assigned(windows) => {
                writer.sequence(windows.open.iter(), |writer, ((end, start), number)| {
                    writer.i64(*end);
                    writer.i64(*start);
                    writer.u64(*number);
                });
            }
            Kind::OfKeys(windows) => windows.snapshot(writer),
        }
    }

    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.n_windows = reader.total()?;
        match &mut self.kind {
            Kind::Assigned(windows) => {
                for _ in 0..reader.count()? {
                    let bounds = (reader.i64()?, reader.i64()?);
                    windows.open.insert(bounds, reader.total()?);
                }
                Ok(())
            }
            Kind::OfKeys(windows) => windows.restore(reader),
        }
    }
}

impl Assigned {
    fn find(&mut self, batch: &Batch, n_windows: &mut u64, numbers: &mut Vec<u64>) {
        let (ColumnData::I64(starts), ColumnData::I64(ends)) =
            (&batch.columns[self.start].data, &batch.columns[self.end].data)
        else {
            return;
        };
        let mut before = None;
        for (start, end) in starts.iter().zip(ends.iter()) {
            let bounds = (*end, *start);
            let number = match before {
                // Nearly always a row lies in the window of the row before.
                Some((same, number)) if same == bounds => number,
                _ => *self.open.entry(bounds).or_insert_with(|| new_number(n_windows)),
            };
            before = Some((bounds, number));
            numbers.push(number);
        }
    }

    fn advance(&mut self, watermark: Watermark, and_at: bool, ended: &mut Vec<Ended>) {
        while let Some(entry) = self.open.first_entry() {
            let (end, start) = *entry.key();
            if end > watermark.0 || end == watermark.0 && !and_at {
                return;
            }
            ended.push(Ended { number: entry.remove(), start, end, time: end.saturating_sub(1) });
        }
    }
}

fn new_number(n_windows: &mut u64) -> u64 {
    *n_windows += 1;
    *n_windows
}

impl OfKeys {
    fn find(&mut self, batch: &Batch, n_windows: &mut u64, numbers: &mut Vec<u64>, ended: &mut Vec<Ended>) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let keys: Vec<&ColumnRef> = self.keys.iter().map(|key| &batch.columns[*key]).collect();
        let rows: Vec<u32> = (0..batch.n_rows as u32).collect();
        let mut found = std::mem::take(&mut self.found);
        self.index.find(&keys, &rows, &mut found);
        self.last.resize(self.last.len().max(self.index.n_numbers()), None);
        for (key, time) in found.iter().zip(times.iter()) {
            if let Rule::Rows { keep: Keep::Expire(duration), .. } = self.rule {
                self.expire(*time, duration, ended);
            }
            numbers.push(self.take(*key, *time, n_windows, ended));
        }
        self.found = found;
        self.forget_idle();
    }

    /// The window of a row.
    fn take(&mut self, key: u32, time: EventTime, n_windows: &mut u64, ended: &mut Vec<Ended>) -> u64 {
        let (rule, last) = (self.rule, self.last[key as usize]);
        let known = last.filter(|number| {
            self.open.get(number).is_some_and(|open| match rule {
                Rule::Session { .. } => time < rule.end(open),
                Rule::Rows { .. } => true,
            })
        });
        let number = known.unwrap_or_else(|| new_number(n_windows));
        let open = self.open.entry(number).or_insert(Open { key, start: time, last: time, n_rows: 0 });
        (open.last, open.n_rows) = (time, open.n_rows + 1);
        let (end, n_rows) = (rule.end(open), open.n_rows);
        self.last[key as usize] = Some(number);
        match rule {
            Rule::Session { .. } => {
                if known.is_none() {
                    self.due.push(Reverse((end, number)));
                }
            }
            Rule::Rows { count, .. } => {
                self.oldest.touch(key);
                if n_rows >= count {
                    self.end_rows(key, ended);
                }
            }
        }
        number
    }

    /// Ends the window of rows of a key.
    fn end_rows(&mut self, key: u32, ended: &mut Vec<Ended>) {
        self.oldest.remove(key);
        self.idle.push(key);
        if let Some(number) = self.last[key as usize].take()
            && let Some(open) = self.open.remove(&number)
        {
            ended.push(self.rule.ended(number, &open));
        }
    }

    /// Ends the windows of rows of keys that are forgotten at this time.
    fn expire(&mut self, now: EventTime, duration: i64, ended: &mut Vec<Ended>) {
        while let Some(key) = self.oldest.first()
            && let Some(open) = self.last[key as usize].and_then(|number| self.open.get(&number))
            && open.last.saturating_add(duration) <= now
        {
            self.end_rows(key, ended);
        }
    }

    fn advance(&mut self, watermark: Watermark, ended: &mut Vec<Ended>) {
        match self.rule {
            Rule::Rows { keep, .. } => {
                if watermark == Watermark::END {
                    while let Some(key) = self.oldest.first() {
                        self.end_rows(key, ended);
                    }
                } else if let Keep::Expire(duration) = keep {
                    self.expire(watermark.0, duration, ended);
                }
            }
            Rule::Session { .. } => {
                let first = ended.len();
                while let Some(Reverse((due, number))) = self.due.peek().copied()
                    && due <= watermark.0
                {
                    self.due.pop();
                    let Some(open) = self.open.get(&number) else { continue };
                    let end = self.rule.end(open);
                    // At the end of time nothing comes any more.
                    if end > due {
                        self.due.push(Reverse((end, number)));
                        continue;
                    }
                    if let Some(last) = self.last.get_mut(open.key as usize)
                        && *last == Some(number)
                    {
                        *last = None;
                        self.idle.push(open.key);
                    }
                    ended.extend(self.open.remove(&number).map(|open| self.rule.ended(number, &open)));
                }
                ended[first..].sort_by_key(|window| (window.end, window.start, window.number));
            }
        }
        self.forget_idle();
    }

    /// Frees the numbers of keys that have no window; only between batches, while nobody knows the numbers.
    fn forget_idle(&mut self) {
        let mut idle = std::mem::take(&mut self.idle);
        idle.sort_unstable();
        idle.dedup();
        idle.drain(..)
            .filter(|key| self.last[*key as usize].is_none())
            .for_each(|key| self.index.remove(key));
        self.idle = idle;
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        // Sessions that are not a key's last wait for the watermark alone.
        let keys: Vec<u32> = match self.rule {
            Rule::Rows { .. } => self.oldest.keys().collect(),
            Rule::Session { .. } => (0..self.last.len() as u32)
                .filter(|key| self.last[*key as usize].is_some() && self.index.is_live(*key))
                .collect(),
        };
        let open = |writer: &mut SnapshotWriter, number: u64| {
            writer.u64(number);
            if let Some(open) = self.open.get(&number) {
                writer.i64(open.start);
                writer.i64(open.last);
                writer.u64(open.n_rows);
            }
        };
        let is_last = |number: &u64| {
            let key = self.open.get(number).map_or(0, |open| open.key);
            self.last.get(key as usize).copied().flatten() == Some(*number)
        };
        let mut others: Vec<u64> = self.open.keys().copied().filter(|number| !is_last(number)).collect();
        others.sort_unstable();
        writer.sequence(keys.into_iter(), |writer, key| {
            self.index.snapshot(key, writer);
            open(writer, self.last[key as usize].unwrap_or_default());
        });
        writer.sequence(others.into_iter(), |writer, number| open(writer, number));
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let key = self.index.restore(reader)?;
            self.last.resize(self.last.len().max(self.index.n_numbers()), None);
            let number = self.restore_window(key, reader)?;
            self.last[key as usize] = Some(number);
            if let Rule::Rows { .. } = self.rule {
                self.oldest.touch(key);
            }
        }
        for _ in 0..reader.count()? {
            // Its key has gone on to another.
            self.restore_window(0, reader)?;
        }
        Ok(())
    }

    fn restore_window(&mut self, key: u32, reader: &mut SnapshotReader) -> Result<u64, Corrupt> {
        let number = reader.total()?;
        let open = Open { key, start: reader.i64()?, last: reader.i64()?, n_rows: reader.total()? };
        if let Rule::Session { .. } = self.rule {
            self.due.push(Reverse((self.rule.end(&open), number)));
        }
        self.open.insert(number, open);
        Ok(number)
    }
}

impl Rule {
    fn end(&self, open: &Open) -> EventTime {
        match self {
            Rule::Session { gap, max } => {
                let end = open.last.saturating_add(*gap);
                max.map_or(end, |max| end.min(open.start.saturating_add(max)))
            }
            Rule::Rows { .. } => open.last,
        }
    }

    fn ended(&self, number: u64, open: &Open) -> Ended {
        let end = self.end(open);
        let time = if let Rule::Rows { .. } = self { end } else { end.saturating_sub(1) };
        Ended { number, start: open.start, end, time }
    }
}
