//! Reads partitions ahead of who takes their rows.
//!
//! A file is read by the workers: a task reads a block, hands out the task that decodes it and the one that
//! reads the next, as long as not too many blocks wait. A block that has just been read is decoded while it
//! is in a cache. What may keep its reader waiting (a pipe, a followed file) is read and decoded by a thread of
//! its own: a pipe gives 64 KiB at once, and to hand these on costs more than is saved.

use crate::reader::{Block, PartitionReader};
use crate::workers::{Pending, Workers, unpoisoned};
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

/// A finite partition.
pub struct ReadAhead {
    line: Arc<Mutex<Line>>,
    workers: Workers,
}

/// The blocks of a partition that wait, oldest first.
struct Line {
    blocks: VecDeque<Pending<io::Result<Option<Block>>>>,
    /// How many wait at most.
    room: usize,
    next: Reading,
}

enum Reading {
    /// There was no room for more.
    Resting(Box<PartitionReader>),
    /// A task that adds a block.
    Active(Pending<()>),
    /// Somebody waits for it, or nothing comes any more.
    None,
}

impl ReadAhead {
    pub fn start(reader: PartitionReader, workers: Workers, room: usize) -> ReadAhead {
        let line = Line { blocks: VecDeque::new(), room, next: Reading::Resting(Box::new(reader)) };
        let ahead = ReadAhead { line: Arc::new(Mutex::new(line)), workers };
        go_on(&mut unpoisoned(&ahead.line), &ahead.line, &ahead.workers);
        ahead
    }

    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            let mut line = unpoisoned(&self.line);
            let block = line.blocks.pop_front();
            go_on(&mut line, &self.line, &self.workers);
            if let Some(block) = block {
                drop(line);
                return block.wait();
            }
            let Reading::Active(task) = std::mem::replace(&mut line.next, Reading::None) else {
                return Ok(None);
            };
            drop(line);
            task.wait();
        }
    }
}

/// Lets a reader that rests read the next block, if there is room for it.
fn go_on(line: &mut Line, shared: &Arc<Mutex<Line>>, workers: &Workers) {
    if line.blocks.len() >= line.room {
        return;
    }
    line.next = match std::mem::replace(&mut line.next, Reading::None) {
        Reading::Resting(reader) => {
            let (shared, its_workers) = (shared.clone(), workers.clone());
            Reading::Active(workers.submit(move || read(reader, &shared, &its_workers)))
        }
        other => other,
    };
}

fn read(mut reader: Box<PartitionReader>, shared: &Arc<Mutex<Line>>, workers: &Workers) {
    let next = reader.next_chunk();
    let mut line = unpoisoned(shared);
    match next {
        Ok(Some(chunk)) => {
            line.blocks.push_back(workers.submit(move || Ok(Some(chunk.decode()))));
            line.next = Reading::Resting(reader);
            go_on(&mut line, shared, workers);
        }
        Ok(None) => line.next = Reading::None,
        Err(error) => {
            line.blocks.push_back(workers.ready(Err(error)));
            line.next = Reading::None;
        }
    }
}

/// What the thread of a live partition sends: the partition's number, and its next rows or its end.
pub type Arrival = (usize, io::Result<Option<Block>>);

/// Starts a thread that reads partition number `number`; its rows arrive at `sender`.
pub fn read_live(number: usize, mut reader: PartitionReader, sender: SyncSender<Arrival>) {
    tokio::task::spawn_blocking(move || {
        loop {
            let next = reader.next_block();
            let last = !matches!(next, Ok(Some(_)));
            if sender.send((number, next)).is_err() || last {
                return;
            }
        }
    });
}
