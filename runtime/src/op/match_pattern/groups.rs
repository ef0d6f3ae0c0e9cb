//! The runs of patterns that need one way each, in groups: runs that stand at the same place, and
//! remember the same, have one future.
//!
//! A group goes on as a whole, and groups that come to have one future become one. So an event costs a step
//! for each group of its partition, however many runs have met there. What each run has taken stands in a
//! [`Forest`] (as the union nodes of Bucchi et al., "CORE: a complex event recognition engine", VLDB 2022, but for
//! runs that share what comes, not what was).

mod beside;
mod clocks;
mod completion;
mod forest;
pub mod group;
mod in_place;
mod kept;
mod passage;
pub mod snapshot;
mod store;
mod sweeping;

use super::arena::{Arena, NONE};
use super::contents;
use super::course::Lead;
use super::event_log::EventLog;
use super::front::Event;
use super::ground::Ground;
use super::pattern::Pattern;
use super::rows::Answers;
use super::rule::Rule;
use super::timers::Timers;
use super::transitions::Code;
use crate::kernel::transitions::Outcome;
use crate::message::EventTime;
use beside::Beside;
use forest::{Forest, Taken};
use group::{Group, How};
use kept::{KeptEvent, KeptEvents};
use millstream_ir::types::Type;
use passage::{Taker, broken_by, fits, pass};
use store::{Partition, Store};

/// The runs of one pattern, or of several rules that share what they stand on; their groups remember so many words.
pub struct Groups<const N: usize> {
    pub ground: Ground,
    /// Machine code for the tables of the rule, if it is the only one.
    pub code: Option<Code<N>>,
    /// Partitions have the numbers of their keys.
    store: Store<N>,
    forest: Forest,
    /// What is kept of partitions beside their groups.
    beside: Arena<Beside>,
    /// Where matches take events from other runs: those of the partitions.
    kept: KeptEvents,
    timers: Timers,
    /// How long something is kept of a partition at most, if that is known of any rule.
    lasts: Option<EventTime>,
    /// How many partitions were left when they were last cleared of what is out of time, and when that was.
    n_swept: usize,
    swept: EventTime,
    memory: Memory<N>,
}

/// The number of a rule among those that share what they stand on.
pub type RuleNumber = u32;

/// What an event works in.
struct Memory<const N: usize> {
    /// Groups that go on, each with the lead.
    moved: Vec<(Group<N>, usize)>,
    /// Groups that are complete, each with the step of the event.
    complete: Vec<(Group<N>, usize)>,
    /// Groups at their new places.
    fresh: Vec<Group<N>>,
    /// Where groups stand that have gone on in their places.
    places: Vec<usize>,
    /// Partitions of which a clock has run down.
    due: Vec<u32>,
}

/// How far ahead partitions are requested, and, when these have come, groups that stand elsewhere.
const PARTITIONS_AHEAD: usize = 24;
const GROUPS_AHEAD: usize = 12;

impl<const N: usize> Groups<N> {
    /// `key_types` are those of the columns of their keys.
    pub fn new(rules: &[Rule], key_types: &[Type], code: Option<Code<N>>) -> Groups<N> {
        let clocks = rules.iter().filter_map(|rule| rule.course.shortest_clock);
        Groups {
            ground: Ground::new(key_types),
            code,
            store: Store::default(),
            forest: Forest::default(),
            beside: Arena::default(),
            kept: KeptEvents::default(),
            timers: Timers::new(clocks.min().unwrap_or(1)),
            lasts: rules.iter().filter_map(|rule| rule.pattern.lasts()).max(),
            n_swept: 0,
            swept: EventTime::MIN,
            memory: Memory { moved: vec![], complete: vec![], fresh: vec![], places: vec![], due: vec![] },
        }
    }

    /// Requests what partitions have whose turn comes: `ahead` tells which it is when so many others have had theirs.
    #[inline(always)]
    pub fn request(&self, ahead: impl Fn(usize) -> Option<u32>) {
        if let Some(partition) = ahead(PARTITIONS_AHEAD) {
            self.store.request(partition);
        }
        if let Some(partition) = ahead(GROUPS_AHEAD) {
            self.store.request_groups(partition);
            self.request_beside(partition);
        }
    }

    /// Makes room for the partitions of new keys.
    pub fn add_partitions(&mut self) {
        let partitions = &mut self.store.partitions;
        let n = partitions.len().max(self.ground.keys.n_numbers());
        partitions.grow_with(n, || Partition::EMPTY);
    }

    /// Whether nothing goes on in a partition.
    #[inline(always)]
    pub fn is_empty(&self, partition: u32) -> bool {
        self.store.is_empty(partition)
    }

    fn partition(&self, number: u32) -> &Partition<N> {
        &self.store.partitions[number as usize]
    }

    fn partition_mut(&mut self, number: u32) -> &mut Partition<N> {
        &mut self.store.partitions[number as usize]
    }

    /// The partitions of each of so many rules.
    pub fn of_rules(&self, n_rules: usize) -> Vec<Vec<u32>> {
        let mut of_rules = vec![vec![]; n_rules];
        let n_partitions = self.store.partitions.len() as u32;
        for number in (0..n_partitions).filter(|number| self.ground.keys.is_live(*number)) {
            of_rules[self.partition(number).rule as usize].push(number);
        }
        of_rules
    }

    /// Calls `visit` with each run of a partition.
    pub fn each_run(&self, pattern: &Pattern, number: u32, visit: &mut dyn FnMut(contents::Run)) {
        let key = || contents::key_values(&self.ground.keys, number, pattern);
        for group in self.store.groups(number) {
            for run in self.forest.runs_of(group) {
                let later = || self.forest.taken_by(&run).map(|(step, _)| step);
                let holds = || std::iter::once(run.how.step()).chain(later()).collect();
                visit(contents::Run {
                    key: &key,
                    began: run.began,
                    state: group.place.into(),
                    holds: Some(&holds),
                });
            }
        }
    }

    /// Says whose a partition is.
    pub fn belongs(&mut self, partition: u32, rule: RuleNumber) {
        self.partition_mut(partition).rule = rule;
    }

    /// Lets a partition take an event; whether this completes something.
    pub fn take_event(
        &mut self,
        rule: &Rule,
        event: &mut Event,
        partition: u32,
        answers: &mut Answers,
    ) -> bool {
        if rule.moves_in_place {
            return self.take_in_place(rule, event, partition, answers);
        }
        if rule.uses_up {
            let id = event.id_in(&mut self.ground.log);
            self.keep(KeptEvent { event: id, next: NONE, passes: event.passes }, partition);
        }
        self.advance(rule, event, partition, false);
        let completes = !self.memory.complete.is_empty();
        let is_last = completes && self.complete(rule, event, partition, answers);
        if !is_last {
            self.go_on(rule, event, partition);
        }
        if rule.uses_up {
            self.settle(partition);
        }
        completes
    }

    /// Lets an event be taken by the groups that go on with it, and begin a run.
    fn go_on(&mut self, rule: &Rule, event: &mut Event, partition: u32) {
        let begins = event.passes & rule.course.begins != 0;
        let is_shared = self.memory.moved.len() + usize::from(begins) > 1;
        if !self.memory.moved.is_empty() {
            self.arrive(rule, event, is_shared, partition);
        }
        if begins {
            self.begin(rule, event, is_shared, partition);
        }
    }

    /// Lets each group see an event: those that it completes and those that go on leave the partition's list; with
    /// an event that is used up none does.
    fn advance(&mut self, rule: &Rule, event: &Event, partition: u32, is_used: bool) {
        let Groups { ground: Ground { log, .. }, code, store, forest, memory, .. } = self;
        memory.moved.clear();
        memory.complete.clear();
        let groups = store.groups_mut(partition);
        if groups.is_empty() {
            return;
        }
        let mut n_left = 0;
        for at in 0..groups.len() {
            let group = &mut groups[at];
            if !drop_late(rule, event, group, forest, log) {
                continue;
            }
            let lead = if is_used { None } else { lead_of(rule, code.as_ref(), event, group, log) };
            match lead {
                Some((_, lead)) if rule.course.places[lead.way.to].is_complete => {
                    memory.complete.push((*group, lead.step));
                }
                Some((number, _)) => memory.moved.push((*group, number)),
                None if stays(rule, event, group) => {
                    if n_left < at {
                        groups[n_left] = groups[at];
                    }
                    n_left += 1;
                }
                None => forest.drop_all(group, log),
            }
        }
        if n_left == groups.len() {
            return;
        }
        store.truncate(partition, n_left);
    }

    /// Brings the groups that go on to their new places, where those meet that now have one future.
    fn arrive(&mut self, rule: &Rule, event: &mut Event, is_shared: bool, partition: u32) {
        if let [(group, lead)] = self.memory.moved[..] {
            self.memory.moved.clear();
            if let Some((mut group, step)) = self.lead_on(rule, event, group, lead) {
                self.take_in_path(rule, event, &mut group, How::new(step, is_shared));
                self.meet(rule, group, partition);
            }
            return;
        }
        let moved = std::mem::take(&mut self.memory.moved);
        let mut fresh = std::mem::take(&mut self.memory.fresh);
        for (group, lead) in moved.iter().copied() {
            let Some((mut group, step)) = self.lead_on(rule, event, group, lead) else { continue };
            let Groups { forest, ground: Ground { log, .. }, .. } = self;
            let has_met = |other: &&mut Group<N>| {
                other.has_future_of(&group) && (!rule.keeps_paths || forest.has_taken(other, step))
            };
            match fresh.iter_mut().find(has_met) {
                Some(other) => {
                    if rule.keeps_paths {
                        forest.hang(&mut group, other.root);
                    }
                    forest.join(other, &group, log);
                }
                None => {
                    self.take_in_path(rule, event, &mut group, How::new(step, is_shared));
                    fresh.push(group);
                }
            }
        }
        fresh.drain(..).for_each(|group| self.meet(rule, group, partition));
        (self.memory.moved, self.memory.fresh) = (moved, fresh);
        self.memory.moved.clear();
    }

    /// Brings a group to its new place, with the step of the event; none if it comes to an end.
    #[inline]
    fn lead_on(
        &mut self,
        rule: &Rule,
        event: &mut Event,
        mut group: Group<N>,
        lead: usize,
    ) -> Option<(Group<N>, usize)> {
        // A clock may complete a run beyond its time: it must have gone on within.
        if rule.course.shortest_clock.is_some() && !self.drop_late_runs(rule, &mut group, event.time) {
            return None;
        }
        let lead = &rule.course.places[group.place as usize].leads[lead];
        let broken = pass(rule, &lead.way, &mut group, Taker::Event(event, &mut self.ground.log));
        if broken != 0 && !rule.can_end(group.place, broken) {
            self.drop_group(&group);
            return None;
        }
        Some((group, lead.step))
    }

    /// Notes what the runs of a group have taken, if anybody looks at that.
    fn take_in_path(&mut self, rule: &Rule, event: &mut Event, group: &mut Group<N>, how: How) {
        if rule.keeps_paths {
            let log = &mut self.ground.log;
            self.forest.take(group, Taken { event: event.id_in(log), how }, log);
        }
    }

    /// Puts a group into its partition, or its runs into a group with the same future.
    fn meet(&mut self, rule: &Rule, mut group: Group<N>, partition: u32) {
        let Groups { store, forest, ground: Ground { log, .. }, .. } = self;
        let others = store.groups_mut(partition);
        if let Some(other) = others.iter_mut().find(|other| other.has_future_of(&group)) {
            if rule.keeps_paths {
                forest.meet(other, &mut group, log);
            }
            return forest.join(other, &group, log);
        }
        self.list_clock(rule, &group, partition);
        self.store.push(partition, group);
    }

    /// Begins a run with an event, if it fits.
    fn begin(&mut self, rule: &Rule, event: &mut Event, is_shared: bool, partition: u32) {
        let beside = self.partition(partition).beside;
        if beside != NONE && event.time < self.beside[beside].quiet_until {
            return;
        }
        let Groups { forest, code, ground: Ground { log, .. }, .. } = self;
        let mut group = Group::NOTHING;
        let leads = &rule.course.places[0].leads;
        let lead = match outcome_of(code.as_ref().filter(|_| rule.moves_in_place), event, &mut group) {
            Outcome::Leads(number) | Outcome::Moved(number) => &leads[number],
            Outcome::Stays => return,
            Outcome::Unknown => {
                let fits = |lead: &&Lead| fits(&lead.test, event, &group, log);
                let Some(lead) = leads.iter().find(fits) else { return };
                pass(rule, &lead.way, &mut group, Taker::Event(event, log));
                lead
            }
        };
        let taken = Taken { event: event.id_in(log), how: How::new(lead.step, is_shared) };
        forest.plant(&mut group, taken, event.time, log);
        self.meet(rule, group, partition);
    }

    /// Drops a group that has left its partition.
    fn drop_group(&mut self, group: &Group<N>) {
        self.forest.drop_all(group, &mut self.ground.log);
    }

    /// Drops those runs of a group that are out of time; whether any is left.
    fn drop_late_runs(&mut self, rule: &Rule, group: &mut Group<N>, now: EventTime) -> bool {
        let oldest = rule.course.within.map_or(EventTime::MIN, |within| now.saturating_sub(within));
        self.forest.drop_before(group, oldest, &mut self.ground.log)
    }
}

/// Drops the runs of a group that wait for an event when all are out of time; whether any is left. If some are, they go
/// together when the first has been so for as long again, or the group is complete: then each is looked at twice at most.
#[inline(always)]
fn drop_late<const N: usize>(
    rule: &Rule,
    event: &Event,
    group: &mut Group<N>,
    forest: &mut Forest,
    log: &mut EventLog,
) -> bool {
    let Some(within) = rule.course.within else { return true };
    let oldest = event.time.saturating_sub(within);
    if group.began >= oldest || rule.pattern.by_clocks[group.place as usize] {
        return true;
    }
    if group.latest < oldest {
        forest.drop_all(group, log);
        return false;
    }
    group.began >= oldest.saturating_sub(within) || forest.drop_before(group, oldest, log)
}

/// What leads a group on with an event, and its number.
#[inline(always)]
fn lead_of<'r, const N: usize>(
    rule: &'r Rule,
    code: Option<&Code<N>>,
    event: &Event,
    group: &mut Group<N>,
    log: &EventLog,
) -> Option<(usize, &'r Lead)> {
    match outcome_of(code, event, group) {
        Outcome::Stays => None,
        Outcome::Leads(number) | Outcome::Moved(number) => {
            Some((number, &rule.course.places[group.place as usize].leads[number]))
        }
        Outcome::Unknown => lead_by_tables(rule, event, group, log),
    }
}

/// What becomes of a group with an event, as far as machine code knows.
#[inline(always)]
fn outcome_of<const N: usize>(code: Option<&Code<N>>, event: &Event, group: &mut Group<N>) -> Outcome {
    match (code, event.of.of_code()) {
        (Some(code), Some(columns)) => code.lead(group, event.passes, event.row, columns),
        _ => Outcome::Unknown,
    }
}

/// As [`lead_of`].
fn lead_by_tables<'r, const N: usize>(
    rule: &'r Rule,
    event: &Event,
    group: &Group<N>,
    log: &EventLog,
) -> Option<(usize, &'r Lead)> {
    let broken = rule.broken(group);
    for (number, lead) in rule.course.places[group.place as usize].leads.iter().enumerate() {
        if lead.way.guards & broken == 0 && fits(&lead.test, event, group, log) {
            return Some((number, lead));
        }
    }
    None
}

/// Lets a group see an event that it does not take; whether it can yet be complete.
#[inline(always)]
fn stays<const N: usize>(rule: &Rule, event: &Event, group: &mut Group<N>) -> bool {
    !rule.watches || survives(rule, event, group)
}

/// As [`stays`], where runs mind such events.
fn survives<const N: usize>(rule: &Rule, event: &Event, group: &mut Group<N>) -> bool {
    let without = rule.course.without.map_or(0, |without| rule.course.absences[without]);
    let guards = rule.course.places[group.place as usize].guards;
    let mut is_over = event.passes & without != 0;
    if guards != 0 {
        let before = rule.broken(group);
        let watched = guards & !before;
        let broken = watched & rule.pattern.touches | broken_by(&rule.course, watched, event);
        if broken != 0 {
            rule.set_broken(group, before | broken);
            is_over |= !rule.can_end(group.place, before | broken);
        }
    }
    !is_over
}
