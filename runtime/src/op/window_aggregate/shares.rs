//! Rows of a window that other workers add: each has groups of its own, and what they have is merged when
//! the window closes, so results are those of one worker.
//!
//! Whole batches wait in one line, from which workers that are free take them. Where nobody has time the line
//! is full, and whoever has the batch adds it himself: so nobody ever waits. Merging costs about what adding
//! several rows does, so it pays where rows are many to a group, which the windows before show.

use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::SnapshotWriter;
use crate::workers::{Workers, unpoisoned};
use millstream_ir::batch::Batch;
use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Rows of a slice that are worth being shared.
const WORTH: u64 = 1 << 16;

/// How many rows there must be to a group.
const ROWS_PER_GROUP: u64 = 8;

/// Batches that wait for each worker at most.
const ROOM: usize = 4;

/// The memory of a share is counted each so many batches.
const BATCHES_TO_A_COUNT: u64 = 64;

/// A slice of time: its end and its start.
pub type Slice = (EventTime, EventTime);

pub struct Shares {
    workers: Workers,
    /// One for each worker but the one who hands out batches.
    shares: Vec<Arc<Share>>,
    line: Arc<Mutex<Line>>,
    /// Of the slices that have rows: how many.
    n_rows: BTreeMap<Slice, u64>,
    /// Whether sharing was worth it, as the last slice that ended shows.
    pays: bool,
    /// How many shares have ever had rows.
    n_used: usize,
}

#[derive(Default)]
struct Line {
    batches: VecDeque<(Slice, Batch, Option<Vec<u32>>)>,
    /// Of each share whether a task is there that adds what waits.
    is_active: Vec<bool>,
}

struct Share {
    state: Mutex<State>,
    /// About, of the groups.
    bytes: AtomicUsize,
}

struct State {
    accumulation: Accumulation,
    slices: BTreeMap<Slice, Groups>,
    /// Groups that have been merged: their memory is used again.
    merged: Vec<Groups>,
    all_rows: Vec<u32>,
    n_batches: u64,
}

impl Shares {
    /// `accumulation` makes one for each share; without it nothing is shared.
    pub fn new(workers: Workers, accumulation: Option<&dyn Fn() -> Accumulation>) -> Shares {
        let share = |accumulation: Accumulation| {
            let state = State {
                accumulation,
                slices: BTreeMap::new(),
                merged: vec![],
                all_rows: vec![],
                n_batches: 0,
            };
            Arc::new(Share { state: Mutex::new(state), bytes: AtomicUsize::new(0) })
        };
        let shares: Vec<Arc<Share>> =
            accumulation.map_or(vec![], |make| (1..workers.n()).map(|_| share(make())).collect());
        let line = Line { is_active: vec![false; shares.len()], ..Line::default() };
        let line = Arc::new(Mutex::new(line));
        Shares { pays: workers.are_eager(), workers, shares, line, n_rows: BTreeMap::new(), n_used: 0 }
    }

    /// Whether other workers add these rows of a batch to a slice. If not, whoever asks is to add them to
    /// groups of its own, of which there are `n_groups`.
    pub fn take(&mut self, slice: Slice, batch: &Batch, rows: &[u32], n_groups: usize) -> bool {
        if self.shares.is_empty() {
            return false;
        }
        let n_rows = self.n_rows.entry(slice).or_default();
        let before = *n_rows;
        *n_rows += rows.len() as u64;
        // The first window shows itself whether there are rows enough.
        self.pays |= before > WORTH && before >= n_groups as u64 * ROWS_PER_GROUP;
        if !self.pays {
            return false;
        }
        let mut line = unpoisoned(&self.line);
        if line.batches.len() >= ROOM * self.shares.len() && !self.workers.are_eager() {
            return false;
        }
        let rows = (rows.len() < batch.n_rows).then(|| rows.to_vec());
        line.batches.push_back((slice, batch.clone(), rows));
        if let Some(free) = line.is_active.iter().position(|is_active| !is_active) {
            line.is_active[free] = true;
            self.n_used = self.n_used.max(free + 1);
            drop(line);
            let (line, share) = (self.line.clone(), self.shares[free].clone());
            drop(self.workers.submit(move || share.work(free, &line)));
        }
        true
    }

    /// What the workers hold of slices that end by a time.
    pub fn give(&mut self, until: EventTime) -> Vec<(usize, Slice, Groups)> {
        if self.n_rows.first_key_value().is_none_or(|((end, _), _)| *end > until) {
            return vec![];
        }
        self.drain();
        let mut given = vec![];
        for (number, share) in self.shares.iter().enumerate() {
            let mut state = share.state();
            let slices = state.slices.extract_if(.., |(end, _), _| *end <= until);
            given.extend(slices.map(|(slice, groups)| (number, slice, groups)));
            share.count(&state);
        }
        given
    }

    /// Takes back groups that have been merged.
    pub fn take_back(&mut self, share: usize, groups: Groups) {
        self.shares[share].state().merged.push(groups);
    }

    /// Slices have ended by a time, each with so many groups: they say whether it is worth it to share the
    /// next.
    pub fn end(&mut self, until: EventTime, n_groups: impl Fn(&Slice) -> usize) {
        while let Some(slice) = self.n_rows.first_entry()
            && slice.key().0 <= until
        {
            let (slice, n_rows) = slice.remove_entry();
            let pays = n_rows >= WORTH && n_rows >= n_groups(&slice) as u64 * ROWS_PER_GROUP;
            self.pays = pays || self.workers.are_eager();
        }
    }

    /// The end of the first slice that has rows, and how many slices have.
    pub fn open(&self) -> Option<(EventTime, usize)> {
        self.n_rows.first_key_value().map(|((end, _), _)| (*end, self.n_rows.len()))
    }

    /// How many workers have added rows.
    pub fn n_workers(&self) -> usize {
        1 + self.n_used
    }

    pub fn bytes(&self) -> usize {
        self.shares.iter().map(|share| share.bytes.load(Ordering::Relaxed)).sum()
    }

    /// How many groups there are of slices, some of them in several shares.
    pub fn n_groups(&self) -> usize {
        self.drain();
        let of_share = |share: &Arc<Share>| {
            share.state().slices.values().map(|groups| groups.table.n_groups()).sum::<usize>()
        };
        self.shares.iter().map(of_share).sum()
    }

    /// Writes all slices, one behind the other; so many others are to [follow](fn@write).
    pub fn snapshot(&self, n_others: usize, writer: &mut SnapshotWriter) {
        self.drain();
        let states: Vec<MutexGuard<State>> = self.shares.iter().map(|share| share.state()).collect();
        let slices = states.iter().flat_map(|state| {
            state.slices.iter().map(|(slice, groups)| (*slice, &state.accumulation, groups))
        });
        let slices: Vec<_> = slices.collect();
        writer.count(slices.len() + n_others);
        for (slice, accumulation, groups) in slices {
            let mut written = SnapshotWriter::default();
            accumulation.write(groups, &mut written);
            write(slice, &written.finish(), writer);
        }
    }

    /// Sees to it that no batch waits any more. Those that are being added are when the states can be had.
    fn drain(&self) {
        if unpoisoned(&self.line).batches.is_empty() {
            return;
        }
        // One that is free, or else will be.
        let free = self.shares.iter().find_map(|share| share.state.try_lock().ok());
        if let Some(mut state) = free.or_else(|| Some(self.shares.first()?.state())) {
            while let Some((slice, batch, rows)) = pop(&self.line) {
                state.add(slice, &batch, rows.as_deref());
            }
        }
    }
}

impl Share {
    fn count(&self, state: &State) {
        self.bytes.store(state.slices.values().map(Groups::bytes).sum(), Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(state) => state,
            // What it has is not complete.
            Err(_) => resume_unwind(Box::new("a worker has panicked")),
        }
    }

    /// Adds batches as long as some wait. A batch leaves the line only while the state is locked, so whoever
    /// finds the line empty and then has the state has all rows.
    fn work(&self, number: usize, line: &Mutex<Line>) {
        let mut state = self.state();
        let merged = std::mem::take(&mut state.merged);
        merged.into_iter().for_each(|groups| state.accumulation.close(groups));
        loop {
            let mut waiting = unpoisoned(line);
            let Some((slice, batch, rows)) = waiting.batches.pop_front() else {
                waiting.is_active[number] = false;
                return;
            };
            drop(waiting);
            state.add(slice, &batch, rows.as_deref());
            state.n_batches += 1;
            if state.n_batches.is_multiple_of(BATCHES_TO_A_COUNT) {
                self.count(&state);
            }
        }
    }
}

impl State {
    fn add(&mut self, slice: Slice, batch: &Batch, rows: Option<&[u32]>) {
        let groups = self.slices.entry(slice).or_insert_with(|| self.accumulation.open());
        self.all_rows.extend(self.all_rows.len() as u32..batch.n_rows as u32);
        self.accumulation.add(groups, batch, rows.unwrap_or(&self.all_rows[..batch.n_rows]));
    }
}

/// Writes groups of a slice.
pub fn write((end, start): Slice, groups: &[u8], writer: &mut SnapshotWriter) {
    writer.i64(end);
    writer.i64(start);
    writer.bytes(groups);
}

fn pop(line: &Mutex<Line>) -> Option<(Slice, Batch, Option<Vec<u32>>)> {
    unpoisoned(line).batches.pop_front()
}
