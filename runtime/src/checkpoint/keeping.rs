//! Keeps the last checkpoints of a run, and finds the newest that is whole.

use super::store::Store;
use super::{Checkpoint, Damage, Manifest, OperatorState, decode, encode};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

#[cfg(test)]
mod tests;

/// So many are kept: the newest, and those that stand in for it should it be damaged.
const KEPT: usize = 3;

const PREFIX: &str = "checkpoint-";

/// What is there of earlier runs.
#[derive(Default)]
pub struct Found {
    /// The newest that is whole.
    pub newest: Option<Checkpoint>,
    /// Those after it that are not: their names, and what is wrong with each.
    pub damaged: Vec<(String, Damage)>,
    /// The greatest number of all.
    last: u64,
}

pub fn newest(store: &dyn Store) -> io::Result<Found> {
    let mut numbers = numbers(store)?;
    let mut found = Found { last: numbers.last().copied().unwrap_or(0), ..Found::default() };
    while let Some(number) = numbers.pop() {
        match read(store, number) {
            Ok(checkpoint) => {
                found.newest = Some(checkpoint);
                return Ok(found);
            }
            Err(damage) => found.damaged.push((name(number), damage)),
        }
    }
    Ok(found)
}

/// All that are there, the oldest first.
pub fn all(store: &dyn Store) -> io::Result<Vec<(String, Result<Checkpoint, Damage>)>> {
    Ok(numbers(store)?.into_iter().map(|number| (name(number), read(store, number))).collect())
}

fn read(store: &dyn Store, number: u64) -> Result<Checkpoint, Damage> {
    let bytes = store.read(&name(number)).map_err(|error| Damage::Unreadable(error.to_string()))?;
    decode(&bytes)
}

/// The numbers of those that are there, the least first.
fn numbers(store: &dyn Store) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = store.names()?.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn name(number: u64) -> String {
    format!("{PREFIX}{number:08}")
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix(PREFIX)?.parse().ok()
}

/// Publishes checkpoints one after the other, while the run goes on.
pub struct Keeping {
    store: Arc<dyn Store>,
    last: u64,
    /// One that is being written.
    writing: Option<JoinHandle<io::Result<()>>>,
}

/// What is to be published: all but the number.
pub struct Draft {
    pub manifest: Manifest,
    pub states: Vec<Vec<u8>>,
    /// What must outlast the loss of power before the checkpoint may.
    pub outputs: Vec<File>,
}

impl Keeping {
    pub fn new(store: Arc<dyn Store>, found: &Found) -> Keeping {
        Keeping { store, last: found.last, writing: None }
    }

    pub fn place(&self) -> String {
        self.store.place()
    }

    /// Whether one is being written.
    pub fn is_busy(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| !writing.is_finished())
    }

    /// Begins to publish a checkpoint, when the one before it is. A fault is that of the one before.
    pub fn begin(&mut self, mut draft: Draft) -> io::Result<()> {
        let before = self.finish();
        self.last += 1;
        draft.manifest.number = self.last;
        let store = self.store.clone();
        let work = move || publish(&*store, &mut draft);
        let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(work)?;
        self.writing = Some(thread);
        before
    }

    /// Waits until it is published.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.writing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(published)) => published,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Keeping {
    /// Whoever uses the store next finds nothing under way in it.
    fn drop(&mut self) {
        let _ = self.writing.take().map(JoinHandle::join);
    }
}

fn publish(store: &dyn Store, draft: &mut Draft) -> io::Result<()> {
    draft.outputs.iter().try_for_each(|output| output.sync_data())?;
    for (operator, state) in draft.manifest.operators.iter_mut().zip(&draft.states) {
        *operator = OperatorState {
            bytes: state.len() as u64,
            checksum: crc32fast::hash(state),
            identity: operator.identity.clone(),
        };
    }
    let head = encode::head(&draft.manifest)?;
    let states = draft.states.iter().map(Vec::as_slice);
    let parts: Vec<&[u8]> = std::iter::once(&head[..]).chain(states).collect();
    store.put(&name(draft.manifest.number), &parts)?;
    forget(store);
    Ok(())
}

/// Removes those that are not needed any more. One that cannot be removed takes room, and no more.
fn forget(store: &dyn Store) {
    let mut numbers = numbers(store).unwrap_or_default();
    numbers.truncate(numbers.len().saturating_sub(KEPT));
    for number in numbers {
        let _ = store.remove(&name(number));
    }
}
