//! Every choice of events, for patterns whose conditions look at their event alone: kept in a compact form, of which
//! an event adds as much as there are edges of the automaton that it leads along, however many choices there are;
//! they are made when they are complete, in time that goes with their length.
//!
//! A *link* is an event, taken along an edge, for all choices that stood where the edge begins. Links that lead to one
//! state make a chain, the latest in front: those choices are what the chain was when the event came, so a link
//! looks back to a place in it. This does what the data structure tECS does (Bucchi, Grez, Quintana, Riveros and Vansummeren, "CORE: a
//! complex event recognition engine", VLDB 2022); as no two links to a state come from one event's step, it does
//! without union nodes: a chain is their union. Of each link the latest start of its choices is known, so what
//! is out of time is never walked twice.

mod chains;
mod links;
mod snapshot;
mod tables;

use super::Matcher;
use super::contents::{Run, key_values};
use super::front::{Event, Front};
use super::ground::Ground;
use super::pattern::Pattern;
use super::reporting::Reporting;
use super::rows::{Answers, FailedCondition};
use crate::kernel::huge_vec::HugeVec;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Watermark};
use crate::op::reorder::Due;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use chains::{Chains, Link, LinkNumber, NONE, Place};
use millstream_ir::eval::RowError;
pub use tables::Tables;

pub struct Choices {
    tables: Tables,
    reporting: Reporting,
    front: Front,
    ground: Ground,
    /// Per key, those of the states.
    slots: HugeVec<Slot>,
    chains: Chains,
    /// How many keys were left when they were last cleared of what is out of time, and when that was.
    n_swept: usize,
    swept: EventTime,
    memory: Memory,
}

/// A state of a key, as edges with one set of guards see it: its chain, as far as nothing has come since that those forbid.
#[derive(Clone, Copy)]
struct Slot {
    place: Place,
    /// The latest start of these choices.
    latest: EventTime,
}

const EMPTY: Slot = Slot { place: Place { link: NONE, floor: NONE }, latest: EventTime::MIN };

/// What an event works in.
#[derive(Default)]
struct Memory {
    /// Links that it adds, each with its state.
    fresh: Vec<(usize, Link)>,
    /// Where it is the last event of choices, and as which step.
    complete: Vec<(Place, usize)>,
    /// The links of choices that are complete, one behind the other: for each, where they end, and the last step.
    links: Vec<LinkNumber>,
    found: Vec<(usize, usize)>,
}

/// How far ahead the slots of keys are requested.
const SLOTS_AHEAD: usize = 16;

/// So many keys more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

impl Choices {
    pub fn new(tables: Tables, reporting: Reporting, front: Front, ground: Ground) -> Choices {
        Choices {
            tables,
            reporting,
            front,
            ground,
            slots: HugeVec::default(),
            chains: Chains::default(),
            n_swept: 0,
            swept: EventTime::MIN,
            memory: Memory::default(),
        }
    }

    fn n_slots(&self) -> usize {
        self.tables.guards.len()
    }

    /// Makes room for the slots of new keys.
    fn add_partitions(&mut self) {
        let n = self.ground.keys.n_numbers() * self.n_slots();
        self.slots.grow_with(n, || EMPTY);
    }

    fn take_event(&mut self, pattern: &Pattern, event: &mut Event, partition: u32, answers: &mut Answers) {
        let first = partition as usize * self.n_slots();
        self.lead_on(event, first);
        if !self.memory.complete.is_empty() {
            self.report(pattern, event, answers);
        }
        self.rule_out(pattern, event, first);
        if self.memory.fresh.is_empty() {
            return;
        }
        let id = event.id_in(&mut self.ground.log);
        for (state, mut link) in self.memory.fresh.drain(..) {
            link.event = id;
            let slots = self.tables.slots[state].clone();
            let slots = &mut self.slots[first + slots.start..first + slots.end];
            // They see one chain, if not equally far.
            link.previous = slots.first().map_or(NONE, |slot| slot.place.link);
            let number = self.chains.add(link, &mut self.ground.log);
            for slot in slots {
                (slot.place.link, slot.latest) = (number, slot.latest.max(link.latest));
            }
        }
    }

    /// Finds what an event leads along: the links that it adds, and where choices are complete with it.
    fn lead_on(&mut self, event: &Event, first: usize) {
        let Memory { fresh, complete, .. } = &mut self.memory;
        let oldest = event.time.saturating_sub(self.tables.within);
        for (step, leads) in self.tables.leads.iter().enumerate() {
            if event.passes >> step & 1 == 0 {
                continue;
            }
            for lead in leads {
                let (before, latest) = match lead.from {
                    Some(slot) => {
                        let Slot { place, latest } = self.slots[first + slot];
                        (place, latest)
                    }
                    None => (Place::NOWHERE, event.time),
                };
                if latest < oldest || latest == EventTime::MIN {
                    continue;
                }
                if lead.is_complete {
                    complete.push((before, step));
                }
                if lead.goes_on {
                    // Its event, and what it follows in its chain, are known when it is added.
                    let step = step as u16;
                    if lead.repeats
                        && self.chains.is_open(before)
                        && let Some(first) = only_link(fresh, lead.to, step)
                    {
                        first.repeats = true;
                        first.latest = first.latest.max(latest);
                        continue;
                    }
                    let link = Link { event: 0, latest, before, previous: NONE, step, repeats: false };
                    fresh.push((lead.to, link));
                }
            }
        }
    }

    /// Lets an event end the choices that it is not to come behind.
    fn rule_out(&mut self, pattern: &Pattern, event: &Event, first: usize) {
        if self.tables.watched | self.tables.without == 0 {
            return;
        }
        let ends_all = event.passes & self.tables.without != 0;
        let broken = self.tables.broken_by(event.passes, pattern.touches);
        if !ends_all && broken == 0 {
            return;
        }
        for (slot, guards) in self.slots[first..].iter_mut().zip(&self.tables.guards) {
            if ends_all || guards & broken != 0 {
                (slot.place.floor, slot.latest) = (slot.place.link, EventTime::MIN);
            }
        }
    }

    /// Reports the choices that are complete with an event, in the order of their events from the last to the first,
    /// the earlier first. Over the limit, the last of these stay.
    fn report(&mut self, pattern: &Pattern, event: &Event, answers: &mut Answers) {
        let oldest = event.time.saturating_sub(self.tables.within);
        let Memory { complete, links, found, .. } = &mut self.memory;
        links.clear();
        found.clear();
        let mut is_over = false;
        for (place, step) in complete.drain(..).rev() {
            let room = pattern.limit - found.len();
            is_over |= !self.chains.walk(place, oldest, room, &mut |choice| {
                links.extend_from_slice(choice);
                found.push((links.len(), step));
            });
        }
        for at in (0..found.len()).rev() {
            let (end, step) = found[at];
            let choice = &links[at.checked_sub(1).map_or(0, |before| found[before].0)..end];
            let taken = choice.iter().rev().map(|link| self.chains.taken(*link));
            let began = choice.last().map_or(event.time, |link| self.chains.latest(*link));
            let span = (began, event.time);
            self.reporting.report(&self.ground.log, taken, Some((event, step)), span, answers);
        }
        if is_over {
            let columns = event.of.columns.iter().zip(&self.reporting.types[event.of.input]);
            let row = columns.map(|(column, ty)| column.value(event.row, ty)).collect();
            let error = too_many_matches(pattern);
            answers.fail(FailedCondition { error, time: event.time, input: event.of.input, row });
        }
    }

    /// Clears what is out of time at a watermark.
    fn sweep(&mut self, watermark: EventTime) {
        if watermark == EventTime::MAX {
            // Nothing comes any more.
            return;
        }
        let oldest = watermark.saturating_sub(self.tables.within);
        self.chains.forget(oldest, &mut self.ground.log);
        let is_over = watermark.saturating_sub(self.swept) >= self.tables.within;
        if is_over || self.ground.keys.n_live() >= 2 * self.n_swept + FEW {
            self.swept = watermark;
            let mut gone = vec![];
            for (number, slots) in (0..).zip(self.slots.chunks_mut(self.tables.guards.len().max(1))) {
                if self.ground.keys.is_live(number) && slots.iter().all(|slot| slot.latest < oldest) {
                    slots.fill(EMPTY);
                    gone.push(number);
                }
            }
            self.ground.keys.remove_all(&gone);
            self.n_swept = self.ground.keys.n_live();
            self.shrink();
        }
        self.ground.log.forget();
    }

    /// Gives back what keys that are gone have left free, if that is most of it.
    fn shrink(&mut self) {
        let Some(kept) = self.ground.keys.shrink() else { return };
        let n_slots = self.n_slots();
        let of_old = |old: &u32| &self.slots[*old as usize * n_slots..][..n_slots];
        self.slots = kept.iter().flat_map(of_old).copied().collect();
    }
}

impl Matcher for Choices {
    fn take(&mut self, pattern: &Pattern, due: Due, answers: &mut Answers) {
        let (parts, events) = self.front.take(&mut self.ground, pattern, due);
        self.add_partitions();
        let views = self.front.views::<0>(&parts, None);
        let mut next = events.iter().skip(SLOTS_AHEAD);
        for located in events.iter().copied() {
            if let Some(later) = next.next() {
                let first = (later.partition as usize).wrapping_mul(self.n_slots());
                prefetch(self.slots.as_ptr().wrapping_add(first).cast());
            }
            let part = located.part as usize;
            let mut event = parts[part].event(&views[part], located.row);
            self.take_event(pattern, &mut event, located.partition, answers);
        }
        self.front.end(&mut self.ground, parts, events);
    }

    fn pass(&mut self, _: &Pattern, watermark: Watermark, _: &mut Answers) {
        self.sweep(watermark.0);
    }

    fn each_run(&self, pattern: &Pattern, visit: &mut dyn FnMut(Run)) {
        let keys = &self.ground.keys;
        for number in (0..keys.n_numbers() as u32).filter(|number| keys.is_live(*number)) {
            let key = || key_values(keys, number, pattern);
            let slots = &self.slots[number as usize * self.n_slots()..][..self.n_slots()];
            for (state, of_state) in self.tables.slots.iter().enumerate() {
                let latest = slots[of_state.clone()].iter().map(|slot| slot.latest).max();
                if let Some(began) = latest.filter(|latest| *latest > EventTime::MIN) {
                    visit(Run { key: &key, began, state, holds: None });
                }
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        self.write(writer);
    }

    fn restore(&mut self, _: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.read(reader)
    }

    fn state_bytes(&self) -> usize {
        let slots = self.ground.keys.n_live() * self.n_slots() * size_of::<Slot>();
        self.ground.bytes() + slots + self.chains.bytes()
    }
}

/// The link that an event adds to the chain of a state, if it is one, and of this step: what it follows in its chain is then
/// what stood there before the event.
fn only_link(fresh: &mut [(usize, Link)], state: usize, step: u16) -> Option<&mut Link> {
    let mut of_state = fresh.iter_mut().filter(|(to, _)| *to == state);
    let (_, link) = of_state.next()?;
    (link.step == step && of_state.next().is_none()).then_some(link)
}

/// Why an event fails that completes more than are reported.
fn too_many_matches(pattern: &Pattern) -> RowError {
    let reason = format!(
        "the event completes more than {} matches; those with the latest events before it are reported",
        pattern.limit
    );
    RowError { reason, span: pattern.spec.span }
}
