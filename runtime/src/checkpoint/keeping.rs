//! Keeps the last checkpoints of a run, and finds the newest that is whole.

use super::carried::{self, Part};
use super::pieces::{Building, Pieces, is_piece};
use super::store::{Store, Underway};
use super::{Checkpoint, Damage, Identity, Manifest, decode, encode};
use millstream_ir::flow::NodeId;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};

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
    /// The pieces of the newest, and of those before it whose manifests can be read.
    pieces: PiecesOf,
}

/// The pieces of each checkpoint, by its number.
type PiecesOf = BTreeMap<u64, BTreeSet<String>>;

pub fn newest(store: &dyn Store) -> io::Result<Found> {
    looked_at(store, |numbers| newest_of(store, numbers), |found| found.newest.is_some())
}

/// What is there, as `look` sees what is listed. What is missing of it may have given way to what another run has
/// put there since: then it is looked at again.
fn looked_at<T>(
    store: &dyn Store,
    look: impl Fn(Vec<u64>) -> io::Result<T>,
    is_whole: impl Fn(&T) -> bool,
) -> io::Result<T> {
    let mut listed = numbers(store)?;
    loop {
        let found = look(listed.clone())?;
        if is_whole(&found) {
            return Ok(found);
        }
        let now = numbers(store)?;
        if now == listed {
            return Ok(found);
        }
        listed = now;
    }
}

fn newest_of(store: &dyn Store, mut numbers: Vec<u64>) -> io::Result<Found> {
    let mut found = Found { last: numbers.last().copied().unwrap_or(0), ..Found::default() };
    for number in &numbers {
        let bytes = match store.read(&name(*number)) {
            // What is named in it would be taken for what nobody needs.
            Err(error) if is_passing(&error) => return Err(error),
            read => read.ok(),
        };
        let manifest = bytes.and_then(|bytes| Some(encode::manifest(&bytes).ok()?.0));
        found.pieces.extend(manifest.map(|manifest| (*number, manifest.pieces().cloned().collect())));
    }
    while let Some(number) = numbers.pop() {
        match read(store, number)? {
            Ok(checkpoint) => {
                // Of those after it there may be pieces missing: what they name need not be there.
                found.pieces.split_off(&(number + 1));
                found.newest = Some(checkpoint);
                return Ok(found);
            }
            Err(damage) => found.damaged.push((name(number), damage)),
        }
    }
    Ok(found)
}

/// Whether the run that made the newest of which anything is known has operators that keep rows with all columns that
/// anybody reads of their input.
pub fn has_whole_rows(store: &dyn Store) -> bool {
    let numbers = numbers(store).unwrap_or_default().into_iter().rev();
    let bytes = numbers.filter_map(|number| store.read(&name(number)).ok());
    let mut manifests = bytes.filter_map(|bytes| Some(encode::manifest(&bytes).ok()?.0));
    manifests.next().is_some_and(|manifest| !manifest.own_columns)
}

/// The manifests of all that are there, or what is wrong with them; the oldest first.
pub fn all(store: &dyn Store) -> io::Result<Vec<(String, Result<Manifest, Damage>)>> {
    let manifest = |number| Ok((name(number), read(store, number)?.map(|checkpoint| checkpoint.manifest)));
    let look = |numbers: Vec<u64>| numbers.into_iter().map(manifest).collect::<io::Result<Vec<_>>>();
    looked_at(store, look, |all| all.iter().all(|(_, manifest)| manifest.is_ok()))
}

fn read(store: &dyn Store, number: u64) -> io::Result<Result<Checkpoint, Damage>> {
    let passing = RefCell::new(None);
    let ask = |name: &str| {
        store.read(name).map_err(|error| match is_passing(&error) {
            true => {
                let kind = error.kind();
                *passing.borrow_mut() = Some(error);
                kind.into()
            }
            false => error,
        })
    };
    let checkpoint = match ask(&name(number)) {
        Ok(bytes) => decode(&bytes, &ask),
        Err(error) => Err(Damage::Unreadable(error.to_string())),
    };
    passing.into_inner().map_or(Ok(checkpoint), Err)
}

/// Whether a fault says nothing of what is there: it may be had another time, or by another user.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::PermissionDenied
    )
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
    pieces: PiecesOf,
    writing: Option<Writing>,
    /// Asks whoever writes one to leave it.
    leave: Arc<AtomicBool>,
}

/// A checkpoint that is being written.
struct Writing {
    underway: Box<dyn Underway>,
    /// What has become of it, with the pieces that are there then.
    done: Receiver<(PiecesOf, io::Result<Published>)>,
}

/// What is to be published.
pub struct Draft {
    /// All but the number and the states.
    pub manifest: Manifest,
    /// Of each node of the flow.
    pub identities: Arc<[Identity]>,
    /// What [`carried`] sends.
    pub states: Box<dyn Read + Send>,
    /// What must outlast the loss of power before the checkpoint may.
    pub outputs: Vec<File>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    /// Bytes of all states.
    pub size: u64,
    /// Bytes of memory that it took to read the states out.
    pub memory: u64,
}

impl Keeping {
    pub fn new(store: Arc<dyn Store>, found: &Found) -> Keeping {
        let pieces = found.pieces.clone();
        Keeping { store, last: found.last, pieces, writing: None, leave: Arc::default() }
    }

    pub fn place(&self) -> String {
        self.store.place()
    }

    pub fn is_busy(&self) -> bool {
        self.writing.is_some()
    }

    /// Begins to publish a checkpoint; none is being written.
    pub fn begin(&mut self, mut draft: Draft) -> io::Result<()> {
        self.last += 1;
        draft.manifest.number = self.last;
        let (store, leave) = (self.store.clone(), self.leave.clone());
        let mut pieces = self.pieces.clone();
        let (tell, done) = sync_channel(1);
        let work = move || {
            let published = publish(&*store, draft, &mut pieces, &leave);
            let _ = tell.send((pieces, published));
        };
        let underway = self.store.beside(Box::new(work))?;
        self.writing = Some(Writing { underway, done });
        Ok(())
    }

    /// What has become of the one that was begun last, if that is known and has not been told.
    pub fn done(&mut self) -> Option<io::Result<Published>> {
        let is_done = self.writing.as_mut().is_some_and(|writing| writing.underway.is_over());
        if is_done { self.finish() } else { None }
    }

    /// Waits for that.
    pub fn finish(&mut self) -> Option<io::Result<Published>> {
        let Writing { underway, done } = self.writing.take()?;
        underway.wait();
        let (pieces, published) = done.recv().ok()?;
        self.pieces = pieces;
        Some(published)
    }

    /// Sees to it that none is being written any more. The last one that was published stands.
    pub fn leave(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        let _ = self.finish();
        self.leave.store(false, Ordering::Relaxed);
    }
}

impl Drop for Keeping {
    /// Whoever uses the store next finds nothing under way in it.
    fn drop(&mut self) {
        self.leave();
    }
}

fn publish(
    store: &dyn Store,
    draft: Draft,
    pieces: &mut PiecesOf,
    leave: &AtomicBool,
) -> io::Result<Published> {
    let Draft { mut manifest, identities, mut states, outputs } = draft;
    outputs.iter().try_for_each(|output| output.sync_data())?;
    // Those of the checkpoint before are known to be whole: this process has written or read them.
    let none = BTreeSet::new();
    let known = pieces.last_key_value().map_or(&none, |(_, pieces)| pieces);
    let to = Pieces { store, known };
    let mut building: Option<(NodeId, Building)> = None;
    let mut small = vec![];
    let mut states = Patient { states: &mut *states, leave };
    let memory = loop {
        if leave.load(Ordering::Relaxed) {
            return Err(left());
        }
        let part = carried::receive(&mut states)?;
        let goes_on = |of: NodeId| matches!(&part, Part::Of(id, _) | Part::Amount(id, _) if *id == of);
        if let Some((_, built)) = building.take_if(|(of, _)| !goes_on(*of)) {
            let (state, inside) = built.finish(&to)?;
            manifest.operators.push(state);
            small.push(inside);
        }
        match part {
            Part::Of(id, part) => {
                let identity = || identities.get(id.0 as usize).cloned();
                let Some(identity) = identity() else { return Err(ErrorKind::InvalidData.into()) };
                building.get_or_insert_with(|| (id, Building::new(identity))).1.add(&part, &to)?;
            }
            Part::Amount(_, count) => {
                building.iter_mut().for_each(|(_, built)| built.amount = Some(count.clone()))
            }
            Part::End { memory } => break memory,
        }
    };
    let head = encode::head(&manifest)?;
    let parts: Vec<&[u8]> = std::iter::once(&head[..]).chain(small.iter().map(Vec::as_slice)).collect();
    store.put(&name(manifest.number), &parts)?;
    pieces.insert(manifest.number, manifest.pieces().cloned().collect());
    forget(store, pieces);
    Ok(Published { size: manifest.size(), memory })
}

fn left() -> io::Error {
    io::Error::other("the run has ended meanwhile")
}

/// So often it is looked for more of a state, some fifty milliseconds apart, before whoever sends it is given up: a minute.
const LOOKS: u32 = if cfg!(test) { 4 } else { 1200 };

/// Waits for states that come late, but for no longer than the checkpoint is wanted, nor for one who sends nothing.
struct Patient<'a> {
    states: &'a mut dyn Read,
    leave: &'a AtomicBool,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..LOOKS {
            match self.states.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.leave.load(Ordering::Relaxed) {
                return Err(left());
            }
        }
        Err(io::Error::other("the process that reads the state out stands still"))
    }
}

/// Removes what is not needed any more. What cannot be removed takes room, and no more.
fn forget(store: &dyn Store, pieces: &mut PiecesOf) {
    let Ok(names) = store.names() else { return };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    let kept = numbers.split_off(numbers.len().saturating_sub(KEPT));
    for number in numbers {
        let _ = store.remove(&name(number));
    }
    pieces.retain(|number, _| kept.contains(number));
    let needed: BTreeSet<&String> = pieces.values().flatten().collect();
    for name in names.iter().filter(|name| is_piece(name) && !needed.contains(name)) {
        let _ = store.remove(name);
    }
}
