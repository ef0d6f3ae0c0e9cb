//! Runs that a later one can go on from: when checkpoints are made, of what, and how a run begins at one.
//!
//! Between two messages of sources nothing is under way in the graph, since one thread runs it by plain calls:
//! there every operator has seen the same rows of each partition, whatever has been read ahead. That is where the
//! job makes checkpoints; they are read out and written while it goes on.

use super::{Job, State};
use crate::checkpoint::{
    Checkpoint, Comparison, Draft, Identity, Keeping, Manifest, PartitionProgress, Published, SourceProgress,
    carried, identities, newest,
};
use crate::connector::file::Rereadable;
use crate::connector::{Partition, Surroundings};
use crate::errors;
use crate::graph::{Graph, Outlet, Stop};
use crate::reader::Reached;
use crate::report::{Checkpoints, Resumed};
use crate::source::Standing;
use crate::spill::Spill;
use millstream_base::Diagnostic;
use millstream_ir::flow::{ConnectorSpec, Flow, Node};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Time that goes by between two checkpoints at least, by what the first took of the job's: they take at most a
/// twentieth of the time.
const REST: i64 = 20;

/// While a checkpoint is read out, what the run changes is copied, a page at a time, and huge pages are lost over it:
/// what was so many bytes costs a microsecond. Measured: 850 MB took two seconds of a run on two cores.
const COPIED: u64 = 400;

/// So many bytes a record adds to the state, about and at most.
const RECORD: u64 = 256;

pub struct Durable {
    keeping: Keeping,
    pace: Pace,
    /// Bytes of all states at the last checkpoint, and the records that had been read.
    size: u64,
    records: u64,
    /// What earlier runs have left, until this one has taken it over.
    before: Option<Checkpoint>,
    /// Sources that are read again from their start, as the tables that they are loaded into are others now.
    rebuilt: BTreeSet<String>,
    files: Files,
    /// Whose the states are that this run makes.
    identities: Arc<[Identity]>,
    pub report: Checkpoints,
}

/// How often checkpoints are made, in microseconds of a clock that nobody sets.
struct Pace {
    every: i64,
    /// When the last one was made, and what it took of the job's time.
    made: i64,
    took: i64,
}

impl Pace {
    fn is_due(&self, elapsed: i64) -> bool {
        elapsed.saturating_sub(self.made) >= self.every.max(self.took.saturating_mul(REST))
    }
}

/// The files that partitions are read from, by source and number.
type Files = BTreeMap<(String, usize), (Rereadable, File)>;

/// Where the partitions of a source go on.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    pub manifest: Option<&'a Manifest>,
    rebuilt: Option<&'a BTreeSet<String>>,
    /// Whether this run makes checkpoints.
    is_durable: bool,
    base: &'a Path,
}

impl Durable {
    /// Takes a store into use. `warn` is told of checkpoints that are damaged.
    pub fn open(state: &State, flow: &Flow, warn: &dyn Fn(&str)) -> Result<Durable, Box<Diagnostic>> {
        let place = state.store.place();
        let found = newest(&*state.store).map_err(|error| errors::state_unreadable(&place, &error))?;
        match &found.newest {
            None if !found.damaged.is_empty() => {
                return Err(Box::new(errors::checkpoints_damaged(&place, &found.damaged)));
            }
            newest => {
                let number = newest.as_ref().map_or(0, |newest| newest.manifest.number);
                for (name, damage) in &found.damaged {
                    warn(&format!(
                        "{name} in {place} is damaged: {damage}; going on from checkpoint {number}, before it\n"
                    ));
                }
            }
        }
        let fits = |newest: &Checkpoint| fits(&newest.manifest, flow, &place, &state.dropped);
        let rebuilt = found.newest.as_ref().map_or(Ok(BTreeSet::new()), fits)?;
        Ok(Durable {
            keeping: Keeping::new(state.store.clone(), &found),
            size: found.newest.as_ref().map_or(0, |newest| newest.manifest.size()),
            records: found.newest.as_ref().map_or(0, |newest| records(&newest.manifest.sources)),
            pace: Pace { every: state.every, made: 0, took: 0 },
            before: found.newest,
            rebuilt,
            files: Files::new(),
            identities: identities(flow).into(),
            report: Checkpoints::default(),
        })
    }

    pub fn manifest(&self) -> Option<&Manifest> {
        self.before.as_ref().map(|before| &before.manifest)
    }

    /// What a run that had ended has said.
    pub fn has_ended(&self) -> bool {
        self.manifest().is_some_and(|manifest| manifest.ended)
    }

    fn place(&self) -> String {
        self.keeping.place()
    }

    /// Gives operators the state that they had.
    pub fn restore<O: Outlet>(&mut self, flow: &Flow, graph: &mut Graph<O>) -> Result<(), Box<Diagnostic>> {
        let Some(Checkpoint { manifest, states }) = &self.before else { return Ok(()) };
        let takers = Comparison::new(manifest, flow).takers;
        for ((operator, takers), state) in manifest.operators.iter().zip(takers).zip(states) {
            for id in takers {
                graph.restore(id, state).map_err(|_| {
                    Box::new(errors::state_of_operator_damaged(flow.node(id), &operator.identity))
                })?;
            }
        }
        Ok(())
    }

    /// Lets go of what has been taken over.
    pub fn resumed(&mut self) -> Option<Resumed> {
        let Checkpoint { manifest, .. } = self.before.take()?;
        Some(Resumed { number: manifest.number, time: manifest.time })
    }

    fn is_due(&self, elapsed: i64) -> bool {
        self.pace.is_due(elapsed) && !self.keeping.is_busy()
    }

    /// What has become of a checkpoint.
    fn note(&mut self, done: io::Result<Published>, warn: &dyn Fn(&str)) -> Result<(), Stop> {
        match done {
            Ok(published) => self.count(published),
            // Another run goes on from the same state: only one of them may be right.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Stop::Broken(Box::new(errors::state_in_use(&self.place()))));
            }
            // The one before stands; the next may succeed.
            Err(error) => {
                self.report.failed += 1;
                self.size = u64::MAX;
                warn(&format!("no checkpoint could be written to {}: {error}\n", self.place()));
            }
        }
        Ok(())
    }

    fn count(&mut self, Published { size, memory }: Published) {
        self.size = size;
        self.pace.took = self.pace.took.saturating_add((memory / COPIED) as i64);
        self.report.made += 1;
        self.report.most_memory = self.report.most_memory.max(memory);
    }

    /// How large the states may have become with all records that have been read.
    fn size_with(&mut self, records: u64) -> u64 {
        let since = records.saturating_sub(std::mem::replace(&mut self.records, records));
        self.size.saturating_add(since.saturating_mul(RECORD))
    }

    /// The sources of a checkpoint, with the marks of their files.
    fn mark(&mut self, sources: &mut [SourceProgress], base: &Path) {
        for source in sources {
            for (number, partition) in source.partitions.iter_mut().enumerate() {
                if let Some((file, opened)) = self.files.get_mut(&(source.name.clone(), number)) {
                    let reached = &mut partition.reached;
                    // What cannot be marked is not looked at when it is read again.
                    let mark = file.mark(opened, (reached.file, reached.bytes));
                    if let Ok(None) = mark {
                        // It is gone: what has taken its place is read from its start.
                        *reached = Reached { records: reached.records, ..Reached::default() };
                    }
                    partition.mark = mark.ok().flatten();
                    partition.name = file.known_as(base);
                }
            }
        }
    }

    /// Remembers the files of a source.
    pub fn add_files(&mut self, source: &str, of_partitions: Vec<Option<Rereadable>>) {
        for (number, file) in of_partitions.into_iter().enumerate() {
            let opened = file.and_then(|file| Some((file.open().ok()?, file)));
            let named = opened.map(|(opened, file)| ((source.to_string(), number), (file, opened)));
            self.files.extend(named);
        }
    }
}

impl<'a> Before<'a> {
    pub fn new(durable: Option<&'a Durable>, around: &'a Surroundings) -> Before<'a> {
        let manifest = durable.and_then(Durable::manifest);
        let rebuilt = durable.map(|durable| &durable.rebuilt);
        Before { manifest, rebuilt, is_durable: durable.is_some(), base: &around.base }
    }

    pub fn source(&self, name: &str) -> Option<&'a SourceProgress> {
        let is_rebuilt = self.rebuilt.is_some_and(|rebuilt| rebuilt.contains(name));
        if is_rebuilt { None } else { self.manifest?.source(name) }
    }

    /// The partitions as an earlier run has numbered them, and behind these those that it has not seen. Called before
    /// they are read.
    pub fn arrange(
        &self,
        node: &Node,
        spec: &ConnectorSpec,
        partitions: Vec<Partition>,
    ) -> Result<Vec<Partition>, Box<Diagnostic>> {
        if self.is_durable {
            let files = partitions.iter().flat_map(|partition| &partition.file);
            files.flat_map(|file| &file.followed).for_each(|followed| followed.keep_files());
        }
        let Some(source) = self.source(&node.name) else { return Ok(partitions) };
        let mut left = partitions;
        let mut arranged = vec![];
        for known in &source.partitions {
            let is_it = |partition: &Partition| known.name == self.name(partition);
            match left.iter().position(is_it) {
                Some(number) => {
                    let partition = left.remove(number);
                    is_unchanged(spec, known, &partition)?;
                    arranged.push(partition);
                }
                None if known.standing == Standing::Ended => arranged.push(Partition::gone(&known.name)),
                None => return Err(Box::new(errors::input_gone(spec, &known.name, known.reached.bytes))),
            }
        }
        arranged.append(&mut left);
        Ok(arranged)
    }

    fn name(&self, partition: &Partition) -> String {
        partition.file.as_ref().map_or_else(|| partition.name.clone(), |file| file.known_as(self.base))
    }
}

/// How many have been read of all sources together.
fn records(sources: &[SourceProgress]) -> u64 {
    let partitions = sources.iter().flat_map(|source| &source.partitions);
    partitions.map(|partition| partition.reached.records).sum()
}

/// Refuses a file that is not the one that was read, as far as that is known. One that is followed may have been
/// rotated.
fn is_unchanged(
    spec: &ConnectorSpec,
    known: &PartitionProgress,
    partition: &Partition,
) -> Result<(), Box<Diagnostic>> {
    let (Some(mark), Some(file)) = (known.mark, &partition.file) else { return Ok(()) };
    let failed = |error| errors::read_failed(spec, &partition.name, &error);
    match file.has(mark).map_err(failed)? {
        Some(true) => Ok(()),
        _ if file.go_back_to(mark).map_err(failed)? => Ok(()),
        Some(false) => Err(Box::new(errors::input_replaced(spec, &partition.name, mark.length))),
        None => Err(Box::new(errors::input_shrank(spec, &partition.name, mark.length))),
    }
}

/// Refuses a checkpoint of which something would be lost that nobody has given up. The sources that are read again from
/// their start.
fn fits(
    manifest: &Manifest,
    flow: &Flow,
    place: &str,
    dropped: &[String],
) -> Result<BTreeSet<String>, Box<Diagnostic>> {
    let comparison = Comparison::new(manifest, flow);
    match comparison.losers().iter().all(|item| dropped.iter().any(|dropped| dropped == item)) {
        true => Ok(comparison.rebuilt().map(str::to_string).collect()),
        false => Err(Box::new(errors::state_of_other_program(flow, place, &comparison))),
    }
}

impl<O: Outlet> Job<'_, O> {
    /// Makes a checkpoint if it is time for one. Called between two messages of sources.
    pub(super) fn keep_if_due(&mut self) -> Result<(), Stop> {
        let Some(durable) = &mut self.durable else { return Ok(()) };
        if let Some(done) = durable.keeping.done() {
            durable.note(done, &self.options.warn)?;
        }
        if durable.is_due(self.options.clock.elapsed())
            && let Err(error) = self.keep(false)?
            && let Some(durable) = &mut self.durable
        {
            durable.note(Err(error), &self.options.warn)?;
        }
        Ok(())
    }

    /// Makes a checkpoint and waits until it is there, for a run that begins, or that ends here.
    pub(super) fn keep_now(&mut self, ended: bool) -> Result<(), Stop> {
        let Some(durable) = &mut self.durable else { return Ok(()) };
        // What comes now stands in for one that is still being written.
        durable.keeping.leave();
        let begun = self.keep(ended)?;
        let Some(durable) = &mut self.durable else { return Ok(()) };
        match begun.and_then(|()| durable.keeping.finish().transpose()) {
            Ok(published) => {
                published.into_iter().for_each(|published| durable.count(published));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Stop::Broken(Box::new(errors::state_in_use(&durable.place()))))
            }
            Err(error) => Err(Stop::Broken(Box::new(errors::state_not_written(&durable.place(), &error)))),
        }
    }

    /// Begins to write a checkpoint of this moment; none is being written.
    fn keep(&mut self, ended: bool) -> Result<io::Result<()>, Stop> {
        let began = self.options.clock.elapsed();
        let written = self.graph.outlet.reach()?;
        let (outputs, files): (Vec<_>, Vec<_>) =
            written.into_iter().map(|written| (written.progress, written.file)).unzip();
        let streams = self.sources.iter().map(|source| source.progress());
        let mut sources: Vec<SourceProgress> = streams.chain(self.tables.progress()).collect();
        let spilled = self.spill().map_or(vec![], Spill::files);
        let Some(durable) = &mut self.durable else { return Ok(Ok(())) };
        let size = durable.size_with(records(&sources));
        let states = carried::states(self.flow, &self.graph, &self.workers, (size, &spilled));
        durable.mark(&mut sources, &self.options.around.base);
        let time = self.options.clock.now();
        let own_columns = !self.options.state.as_ref().is_some_and(|state| state.has_whole_rows);
        let manifest = Manifest { time, ended, sources, outputs, own_columns, ..Manifest::default() };
        let outputs = files.into_iter().flatten().collect();
        let draft = Draft { manifest, identities: durable.identities.clone(), states, outputs };
        let begun = durable.keeping.begin(draft);
        durable.pace.made = self.options.clock.elapsed();
        durable.pace.took = durable.pace.made.saturating_sub(began);
        durable.report.longest_pause = durable.report.longest_pause.max(durable.pace.took);
        Ok(begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_less_often() {
        let pace = |took| Pace { every: 1000, made: 500, took };
        assert!(!pace(10).is_due(1499));
        assert!(pace(10).is_due(1500));
        assert!(!pace(100).is_due(2499));
        assert!(pace(100).is_due(2500));
    }
}
