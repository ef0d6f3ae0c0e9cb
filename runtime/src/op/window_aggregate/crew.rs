//! Workers that share the rows of a window: each adds its share to groups of its own, and what they have
//! is merged when a window closes, so results are those of one worker.
//!
//! Whole batches go to one worker after the other: nothing is done for a row but to add it. That pays where
//! rows are many to a group; where they are few, the groups of all workers together are far more than those
//! of one, and merging them costs what was saved. So the others begin once a slice has shown it.

use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::SnapshotWriter;
use millstream_ir::batch::Batch;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Tasks that wait for a worker before the one who gives them waits too.
const TASKS: usize = 16;

/// A slice of time: its end and its start.
pub type Slice = (EventTime, EventTime);

/// How a crew is to work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crewing {
    pub workers: usize,
    /// Rows of a slice that one worker takes before the others begin: little work is not worth a thread.
    pub sample: usize,
    /// How many of them there must be to a group.
    pub rows_per_group: usize,
}

impl Crewing {
    /// One worker.
    pub const ALONE: Crewing = Crewing { workers: 1, sample: 0, rows_per_group: 0 };

    /// So many workers, where there is work for them.
    pub fn of(workers: usize) -> Crewing {
        Crewing { workers, sample: 1 << 16, rows_per_group: 4 }
    }
}

pub struct Crew {
    /// Of workers that have not begun.
    waiting: Vec<Accumulation>,
    workers: Vec<Worker>,
    crewing: Crewing,
    /// The slice of the last row, and how many rows it has had.
    sampled: (Slice, usize),
    /// Who gets the next batch.
    next: usize,
    /// What the workers may hold.
    slices: BTreeSet<Slice>,
}

struct Worker {
    tasks: Option<SyncSender<Task>>,
    bytes: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

enum Task {
    /// Add rows to a slice; all, if none are named.
    Add(Slice, Batch, Option<Vec<u32>>),
    /// Hand over the slices that end by then.
    Give(EventTime, SyncSender<Vec<(Slice, Groups)>>),
    /// Write all slices.
    Write(SyncSender<Vec<(Slice, Vec<u8>)>>),
}

impl Crew {
    /// One accumulation per worker; none for a crew that never begins.
    pub fn new(accumulations: Vec<Accumulation>, crewing: Crewing) -> Crew {
        Crew {
            waiting: accumulations,
            workers: vec![],
            crewing,
            sampled: ((EventTime::MIN, EventTime::MIN), 0),
            next: 0,
            slices: BTreeSet::new(),
        }
    }

    /// Whether the workers take rows of a slice; otherwise whoever asks adds them to groups of its own, of
    /// which there are `n_groups`.
    pub fn takes(&mut self, slice: Slice, n_rows: usize, n_groups: usize) -> bool {
        if !self.workers.is_empty() {
            return true;
        }
        if self.waiting.is_empty() {
            return false;
        }
        let before = if self.sampled.0 == slice { self.sampled.1 } else { 0 };
        if before < self.crewing.sample || before < n_groups * self.crewing.rows_per_group {
            self.sampled = (slice, before + n_rows);
            return false;
        }
        self.workers = self.waiting.drain(..).filter_map(Worker::start).collect();
        !self.workers.is_empty()
    }

    /// Adds rows of a batch to a slice.
    pub fn add(&mut self, slice: Slice, batch: &Batch, rows: &[u32]) {
        self.slices.insert(slice);
        let rows = (rows.len() < batch.n_rows).then(|| rows.to_vec());
        let n_workers = self.workers.len();
        if let Some(worker) = self.workers.get_mut(self.next % n_workers) {
            worker.send(Task::Add(slice, batch.clone(), rows));
        }
        self.next += 1;
    }

    /// What the workers hold of slices that end by a time.
    pub fn give(&mut self, until: EventTime) -> Vec<(Slice, Groups)> {
        if self.slices.first().is_none_or(|(end, _)| *end > until) {
            return vec![];
        }
        self.slices.retain(|(end, _)| *end > until);
        let answers = self.ask(|answer| Task::Give(until, answer));
        answers.into_iter().flatten().collect()
    }

    /// The same question to all, who answer side by side.
    fn ask<T>(&self, task: impl Fn(SyncSender<T>) -> Task) -> Vec<T> {
        let asked: Vec<Receiver<T>> = self
            .workers
            .iter()
            .map(|worker| {
                let (sender, answer) = sync_channel(1);
                worker.send(task(sender));
                answer
            })
            .collect();
        asked.into_iter().filter_map(|answer| answer.recv().ok()).collect()
    }

    /// The end of the first slice that workers may hold, and how many there are.
    pub fn open(&self) -> Option<(EventTime, usize)> {
        self.slices.first().map(|(end, _)| (*end, self.slices.len()))
    }

    pub fn bytes(&self) -> usize {
        self.workers.iter().map(|worker| worker.bytes.load(Ordering::Relaxed)).sum()
    }

    /// Writes the slices of all workers, one behind the other.
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        let slices: Vec<(Slice, Vec<u8>)> = self.ask(Task::Write).into_iter().flatten().collect();
        writer.sequence(slices.into_iter(), |writer, ((end, start), groups)| {
            writer.i64(end);
            writer.i64(start);
            writer.bytes(&groups);
        });
    }
}

impl Worker {
    /// None if the system has no thread to spare.
    fn start(accumulation: Accumulation) -> Option<Worker> {
        let (tasks, received) = sync_channel(TASKS);
        let bytes = Arc::new(AtomicUsize::new(0));
        let held = bytes.clone();
        let thread = std::thread::Builder::new().name("millstream-worker".to_string());
        let thread = thread.spawn(move || work(accumulation, &received, &held)).ok()?;
        Some(Worker { tasks: Some(tasks), bytes, thread: Some(thread) })
    }

    fn send(&self, task: Task) {
        if let Some(tasks) = &self.tasks {
            // A worker that is gone has panicked, which its end will tell.
            let _ = tasks.send(task);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

fn work(mut accumulation: Accumulation, tasks: &Receiver<Task>, bytes: &AtomicUsize) {
    let mut slices: BTreeMap<Slice, Groups> = BTreeMap::new();
    let mut all_rows: Vec<u32> = vec![];
    while let Ok(task) = tasks.recv() {
        match task {
            Task::Add(slice, batch, rows) => {
                let groups = slices.entry(slice).or_insert_with(|| accumulation.open());
                all_rows.extend(all_rows.len() as u32..batch.n_rows as u32);
                let rows = rows.as_deref().unwrap_or(&all_rows[..batch.n_rows]);
                accumulation.add(groups, &batch, rows);
            }
            Task::Give(until, answer) => {
                let later = slices.split_off(&(until.saturating_add(1), EventTime::MIN));
                let mut given = std::mem::replace(&mut slices, later);
                if until == EventTime::MAX {
                    given.append(&mut slices);
                }
                let _ = answer.send(given.into_iter().collect());
            }
            Task::Write(answer) => {
                let written = slices.iter().map(|(slice, groups)| {
                    let mut writer = SnapshotWriter::default();
                    accumulation.write(groups, &mut writer);
                    (*slice, writer.finish())
                });
                let _ = answer.send(written.collect());
            }
        }
        bytes.store(slices.values().map(Groups::bytes).sum(), Ordering::Relaxed);
    }
}
