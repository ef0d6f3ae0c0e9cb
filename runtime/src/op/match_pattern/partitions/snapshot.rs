//! The runs of a partition as bytes, and back.

use super::super::Event;
use super::super::growth::Run;
use super::super::merged::Events;
use super::super::pattern::Pattern;
use super::super::runs::{Kept, KeptEvents, Runs, Seen};
use super::super::ways::{Taken, Way};
use super::{Key, Partition, Partitions, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::value::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

impl Partitions {
    pub(super) fn write(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.swept);
        let mut partitions: Vec<_> = self.of_key.iter().collect();
        partitions.sort_by_key(|(key, _)| *key);
        writer.sequence(partitions.into_iter(), |writer, (key, partition)| {
            writer.sequence(key.iter(), SnapshotWriter::value);
            match &partition.state {
                State::Merged(events) => events.snapshot(writer),
                State::Apart(runs) => runs.snapshot(writer),
            }
        });
    }

    /// Takes over what was written of the same pattern.
    pub(super) fn read(&mut self, pattern: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.swept = reader.i64()?;
        for _ in 0..reader.count()? {
            let key: Key = reader.sequence(SnapshotReader::value)?.into();
            let state = match &pattern.states {
                Some(states) => State::Merged(Events::restore(states, pattern.spec.steps.len(), reader)?),
                None => State::Apart(Runs::restore(pattern, reader)?),
            };
            self.of_key.insert(key.clone(), Partition::new(state));
            self.enlist(pattern, &key);
        }
        Ok(())
    }
}

impl Runs {
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.events.snapshot(writer);
        let links =
            Links::of(self.runs.iter().flat_map(|run| run.ways.iter().chain(&run.best).chain(&*run.begun)));
        links.snapshot(writer);
        let write_way = |writer: &mut SnapshotWriter, way: &Way| {
            writer.count(way.state);
            writer.u64(way.broken);
            writer.sequence(way.deadlines.iter(), |writer, at| writer.i64(*at));
            writer.i64(way.since);
            writer.bool(way.is_by_clock);
            writer.u32(way.rank);
            writer.u64(links.number(&way.taken));
        };
        writer.sequence(self.runs.iter(), |writer, run| {
            writer.u64(run.start);
            writer.i64(run.began);
            writer.sequence(run.begun.iter(), write_way);
            writer.sequence(run.ways.iter(), write_way);
            writer.sequence(run.best.iter(), write_way);
            writer.bool(run.has_matched);
            writer.bool(run.is_over);
        });
        writer.i64(self.quiet_until);
        writer.sequence(self.seen.iter(), |writer, seen| {
            writer.i64(seen.last);
            writer.i64(seen.before);
        });
    }

    /// What [`Runs::snapshot`] wrote of the same pattern.
    pub fn restore(pattern: &Pattern, reader: &mut SnapshotReader) -> Result<Runs, Corrupt> {
        let events = KeptEvents::restore(pattern, reader)?;
        let known = |event: u64| {
            if (events.first..events.end()).contains(&event) { Ok(event) } else { Err(Corrupt) }
        };
        let mut links: Vec<Arc<Taken>> = vec![];
        for _ in 0..reader.count()? {
            let (step, event, before) = (reader.count()?, known(reader.u64()?)?, reader.u64()?);
            if step >= pattern.spec.steps.len() {
                return Err(Corrupt);
            }
            let before = find(&links, before)?;
            links.push(Arc::new(Taken { step, event, before }));
        }
        let way = |reader: &mut SnapshotReader| {
            let (state, broken) = (reader.count()?, reader.u64()?);
            let deadlines = reader.sequence(SnapshotReader::i64)?;
            let n_clocks = pattern.spec.automaton.states.get(state).map(|state| state.clocks.len());
            if n_clocks != Some(deadlines.len()) {
                return Err(Corrupt);
            }
            let (since, is_by_clock, rank) = (reader.i64()?, reader.bool()?, reader.u32()?);
            Ok(Way {
                state,
                broken,
                deadlines,
                since,
                is_by_clock,
                rank,
                taken: find(&links, reader.u64()?)?,
            })
        };
        let runs = reader.sequence(|reader| {
            let (start, began) = (known(reader.u64()?)?, reader.i64()?);
            let begun = reader.sequence(way)?.into();
            let (ways, best) = (reader.sequence(way)?, reader.sequence(way)?.pop());
            Ok(Run { start, began, begun, ways, best, has_matched: reader.bool()?, is_over: reader.bool()? })
        })?;
        let quiet_until = reader.i64()?;
        let seen = reader.sequence(|reader| Ok(Seen { last: reader.i64()?, before: reader.i64()? }))?;
        if seen.len() != pattern.quiet.len() {
            return Err(Corrupt);
        }
        Ok(Runs { events, runs, quiet_until, seen })
    }
}

impl KeptEvents {
    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.u64(self.first);
        writer.sequence(self.kept.iter(), |writer, kept| {
            writer.i64(kept.event.time);
            writer.count(kept.event.input);
            writer.place(&kept.event.place);
            writer.value(&Value::Record(kept.event.row.clone()));
            writer.value(&Value::Record(kept.event.record.clone()));
            writer.sequence(kept.event.fits.iter(), |writer, fits| writer.bool(*fits));
            writer.bool(kept.used);
        });
    }

    fn restore(pattern: &Pattern, reader: &mut SnapshotReader) -> Result<KeptEvents, Corrupt> {
        let n_tests = pattern.spec.tests().count();
        let first = reader.total()?;
        let kept: VecDeque<Kept> = reader
            .sequence(|reader| {
                let (time, input, place) = (reader.i64()?, reader.count()?, reader.place()?);
                let (Value::Record(row), Value::Record(record)) = (reader.value()?, reader.value()?) else {
                    return Err(Corrupt);
                };
                let fits = reader.sequence(SnapshotReader::bool)?;
                if fits.len() != n_tests || input >= pattern.spec.inputs.len() {
                    return Err(Corrupt);
                }
                let event = Event { time, input, place, row, record, fits: fits.into() };
                Ok(Kept { event, used: reader.bool()? })
            })?
            .into();
        Ok(KeptEvents { first, kept })
    }
}

/// Ways share their beginnings: each link is written once, behind the one before it.
struct Links<'a> {
    numbers: HashMap<*const Taken, u64>,
    links: Vec<&'a Taken>,
}

impl<'a> Links<'a> {
    fn of(ways: impl Iterator<Item = &'a Way>) -> Links<'a> {
        let mut links = Links { numbers: HashMap::new(), links: vec![] };
        for way in ways {
            let unknown: Vec<&Taken> = way
                .events()
                .take_while(|taken| !links.numbers.contains_key(&std::ptr::from_ref(*taken)))
                .collect();
            for taken in unknown.into_iter().rev() {
                links.links.push(taken);
                links.numbers.insert(taken, links.links.len() as u64);
            }
        }
        links
    }

    /// The number of a link, from 1 up; 0 if there is none.
    fn number(&self, link: &Option<Arc<Taken>>) -> u64 {
        link.as_ref().and_then(|taken| self.numbers.get(&Arc::as_ptr(taken))).copied().unwrap_or(0)
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.links.iter(), |writer, taken| {
            writer.count(taken.step);
            writer.u64(taken.event);
            writer.u64(self.number(&taken.before));
        });
    }
}

fn find(links: &[Arc<Taken>], number: u64) -> Result<Option<Arc<Taken>>, Corrupt> {
    match number.checked_sub(1) {
        None => Ok(None),
        Some(at) => links.get(at as usize).cloned().map(Some).ok_or(Corrupt),
    }
}
