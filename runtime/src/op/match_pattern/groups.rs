//! The runs of patterns that need one way each, in groups: runs that stand at the same place, and
//! remember the same, have one future.
//!
//! A group goes on as a whole, and groups that come to have one future become one. So an event costs a step
//! for each group of its partition, however many runs have met there. What each run has taken stands in a
//! [`Forest`] (as the union nodes of Bucchi et al., "CORE: a complex event recognition engine", VLDB 2022, but for
//! runs that share what comes, not what was).

mod clocks;
mod forest;
mod kept;
mod passage;
pub mod snapshot;

use super::arena::NONE;
use super::contents;
use super::course::{Lead, Words};
use super::front::Event;
use super::ground::Ground;
use super::pattern::Pattern;
use super::rows::Answers;
use super::rule::Rule;
use super::timers::Timers;
use crate::kernel::huge_vec::HugeVec;
use crate::kernel::prefetch::prefetch;
use crate::message::EventTime;
use forest::{Forest, Taken, Tree};
use kept::{Chain, KeptEvent, KeptEvents, NO_EVENTS};
use millstream_ir::pattern::MatchMode;
use millstream_ir::types::Type;
use passage::{Taker, broken_by, fits, pass};
use smallvec::SmallVec;

/// The runs of one pattern, or of several rules that share what they stand on.
pub struct Groups {
    pub ground: Ground,
    /// By the number of their key.
    partitions: HugeVec<Partition>,
    forest: Forest,
    /// Where matches take events from other runs: those of the partitions.
    kept: KeptEvents,
    timers: Timers,
    /// How long something is kept of a partition at most, if that is known of any rule.
    lasts: Option<EventTime>,
    /// How many partitions were left when they were last cleared of what is out of time, and when that was.
    n_swept: usize,
    swept: EventTime,
    memory: Memory,
}

/// The number of a rule among those that share what they stand on.
pub type RuleNumber = u32;

/// Most partitions have few groups, which stand beside the rest of the partition: an event for which all of it has to come
/// from memory waits once.
type PartitionGroups = SmallVec<[Group; 2]>;

#[repr(align(64))]
struct Partition {
    groups: PartitionGroups,
    /// Whose it is.
    rule: RuleNumber,
    n_runs: u32,
    /// So many were left when those out of time were last dropped.
    n_in_time: u32,
    chain: Chain,
    /// When something may next happen without an event.
    due: EventTime,
    /// No event before this time begins a run.
    quiet_until: EventTime,
}

impl Partition {
    const EMPTY: Partition = Partition {
        groups: PartitionGroups::new_const(),
        rule: 0,
        n_runs: 0,
        n_in_time: 0,
        chain: NO_EVENTS,
        due: EventTime::MAX,
        quiet_until: EventTime::MIN,
    };

    /// Asks for its memory.
    fn request(partition: *const Partition) {
        let lines = (0..size_of::<Partition>()).step_by(64);
        lines.for_each(|at| prefetch(partition.cast::<u8>().wrapping_add(at)));
    }
}

/// Runs with one future: a line of memory.
#[derive(Clone, Copy)]
struct Group {
    tree: Tree,
    place: u16,
    /// Of its words, as bits: those of which the value is null, and those that are the event that has it.
    nulls: u8,
    far: u8,
    /// The guards that are broken.
    broken: u32,
    /// When the last of its runs began.
    latest: EventTime,
    words: Words,
}

/// What an event works in.
#[derive(Default)]
struct Memory {
    /// Groups that go on, each with the lead.
    moved: Vec<(Group, usize)>,
    /// Groups that are complete, each with the step of the event.
    complete: Vec<(Group, usize)>,
    /// Groups at their new places.
    fresh: Vec<Group>,
    /// Partitions of which a clock has run down.
    due: Vec<u32>,
}

/// How far ahead partitions are requested, and, when these have come, groups that stand elsewhere, and then the first
/// run.
const PARTITIONS_AHEAD: usize = 24;
const GROUPS_AHEAD: usize = 16;
const RUNS_AHEAD: usize = 8;

/// So many runs more than twice those that were left are kept though they may be out of time.
const FEW_RUNS: u32 = 8;

/// So many partitions more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

impl Groups {
    /// `key_types` are those of the columns of their keys.
    pub fn new(rules: &[Rule], key_types: &[Type]) -> Groups {
        let clocks = rules.iter().filter_map(|rule| rule.course.shortest_clock);
        Groups {
            ground: Ground::new(key_types),
            partitions: HugeVec::default(),
            forest: Forest::default(),
            kept: KeptEvents::default(),
            timers: Timers::new(clocks.min().unwrap_or(1)),
            lasts: rules.iter().filter_map(|rule| rule.pattern.lasts()).max(),
            n_swept: 0,
            swept: EventTime::MIN,
            memory: Memory::default(),
        }
    }

    /// Requests what partitions have whose turn comes: `ahead` tells which it is when so many others have had theirs.
    #[inline(always)]
    pub fn request(&self, ahead: impl Fn(usize) -> Option<u32>) {
        if let Some(partition) = ahead(PARTITIONS_AHEAD) {
            Partition::request(self.partitions.as_ptr().wrapping_add(partition as usize));
        }
        let known = |n: usize| ahead(n).and_then(|partition| self.partitions.get(partition as usize));
        if let Some(partition) = known(GROUPS_AHEAD).filter(|partition| partition.groups.spilled()) {
            prefetch(partition.groups.as_ptr().cast());
            prefetch(partition.groups.as_ptr().wrapping_add(1).cast());
        }
        if let Some(group) = known(RUNS_AHEAD).and_then(|partition| partition.groups.first()) {
            self.forest.runs.request(group.tree.first);
        }
    }

    /// Makes room for the partitions of new keys.
    pub fn add_partitions(&mut self) {
        let n = self.partitions.len().max(self.ground.keys.n_numbers());
        self.partitions.grow_with(n, || Partition::EMPTY);
    }

    /// Whether nothing goes on in a partition.
    pub fn is_empty(&self, partition: u32) -> bool {
        self.partitions[partition as usize].groups.is_empty()
    }

    /// The partitions of each of so many rules.
    pub fn of_rules(&self, n_rules: usize) -> Vec<Vec<u32>> {
        let mut of_rules = vec![vec![]; n_rules];
        for number in (0..self.partitions.len() as u32).filter(|number| self.ground.keys.is_live(*number)) {
            of_rules[self.partitions[number as usize].rule as usize].push(number);
        }
        of_rules
    }

    /// Calls `visit` with each run of a partition.
    pub fn each_run(&self, pattern: &Pattern, number: u32, visit: &mut dyn FnMut(contents::Run)) {
        let key = || contents::key_values(&self.ground.keys, number, pattern);
        for group in &self.partitions[number as usize].groups {
            for (_, run) in self.forest.runs_of(&group.tree) {
                let later = || self.forest.taken_by(run).map(|(step, _)| step);
                let holds = || std::iter::once(run.step.into()).chain(later()).collect();
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
        self.partitions[partition as usize].rule = rule;
    }

    /// Lets a partition take an event; whether this completes something.
    pub fn take_event(
        &mut self,
        rule: &Rule,
        event: &mut Event,
        partition: u32,
        answers: &mut Answers,
    ) -> bool {
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
        self.arrive(rule, event, is_shared, partition);
        if begins {
            self.begin(rule, event, is_shared, partition);
        }
    }

    /// Lets each group see an event: those that it completes and those that go on leave the partition's list; with
    /// an event that is used up none does.
    fn advance(&mut self, rule: &Rule, event: &Event, partition: u32, is_used: bool) {
        self.memory.moved.clear();
        self.memory.complete.clear();
        let mut groups = std::mem::take(&mut self.partitions[partition as usize].groups);
        groups.retain(|group| {
            let place = &rule.course.places[group.place as usize];
            let is_over =
                rule.course.within.is_some_and(|within| event.time.saturating_sub(group.latest) > within);
            if is_over && !rule.pattern.by_clocks[group.place as usize] {
                self.drop_group(group, partition);
                return false;
            }
            let leads_on = |lead: &Lead| {
                lead.way.guards & u64::from(group.broken) == 0
                    && fits(&lead.test, event, group, &self.ground.log)
            };
            let lead = if is_used { None } else { place.leads.iter().position(leads_on) };
            if let Some(lead) = lead {
                match rule.course.places[place.leads[lead].way.to].is_complete {
                    true => self.memory.complete.push((*group, place.leads[lead].step)),
                    false => self.memory.moved.push((*group, lead)),
                }
                return false;
            }
            let stays = self.stays(rule, event, group);
            if !stays {
                self.drop_group(group, partition);
            }
            stays
        });
        self.partitions[partition as usize].groups = groups;
    }

    /// Lets a group see an event that it does not take; whether it can yet be complete.
    fn stays(&self, rule: &Rule, event: &Event, group: &mut Group) -> bool {
        let without = rule.course.without.map_or(0, |without| rule.course.absences[without]);
        let guards = rule.course.places[group.place as usize].guards;
        let mut is_over = event.passes & without != 0;
        if guards != 0 {
            let watched = guards & !u64::from(group.broken);
            let broken = watched & rule.pattern.touches | broken_by(&rule.course, watched, event);
            group.broken |= broken as u32;
            is_over |= broken != 0 && !rule.can_end(group.place, group.broken.into());
        }
        !is_over
    }

    /// Brings the groups that go on to their new places, where those meet that now have one future.
    fn arrive(&mut self, rule: &Rule, event: &mut Event, is_shared: bool, partition: u32) {
        if self.memory.moved.is_empty() {
            return;
        }
        let moved = std::mem::take(&mut self.memory.moved);
        let mut fresh = std::mem::take(&mut self.memory.fresh);
        for (mut group, lead) in moved.iter().copied() {
            // A clock may complete a run beyond its time: it must have gone on within.
            if rule.course.shortest_clock.is_some()
                && !self.drop_late_runs(rule, &mut group, event.time, partition)
            {
                continue;
            }
            let lead = &rule.course.places[group.place as usize].leads[lead];
            let step = lead.step as u16;
            pass(rule, &lead.way, &mut group, Taker::Event(event, &mut self.ground.log));
            if group.broken != 0 && !rule.can_end(group.place, group.broken.into()) {
                self.drop_group(&group, partition);
                continue;
            }
            let forest = &mut self.forest;
            match fresh.iter_mut().find(|other| {
                other.has_future_of(&group) && (!rule.keeps_paths || forest.has_taken(&other.tree, step))
            }) {
                Some(other) => {
                    if rule.keeps_paths {
                        forest.hang(&group.tree, other.tree.root);
                    }
                    forest.join(&mut other.tree, &group.tree, &self.ground.log);
                    other.latest = other.latest.max(group.latest);
                }
                None => {
                    if rule.keeps_paths {
                        let taken = Taken { event: event.id_in(&mut self.ground.log), step, is_shared };
                        group.tree.root = forest.above(&group.tree, taken, &mut self.ground.log);
                    }
                    fresh.push(group);
                }
            }
        }
        fresh.drain(..).for_each(|group| self.meet(rule, group, partition));
        (self.memory.moved, self.memory.fresh) = (moved, fresh);
        self.memory.moved.clear();
    }

    /// Puts a group into its partition, or its runs into a group with the same future.
    fn meet(&mut self, rule: &Rule, group: Group, partition: u32) {
        let groups = &mut self.partitions[partition as usize].groups;
        if let Some(other) = groups.iter_mut().find(|other| other.has_future_of(&group)) {
            if rule.keeps_paths {
                self.forest.meet(&mut other.tree, &group.tree, &mut self.ground.log);
            }
            self.forest.join(&mut other.tree, &group.tree, &self.ground.log);
            other.latest = other.latest.max(group.latest);
            return;
        }
        self.list_clock(rule, &group, partition);
        self.partitions[partition as usize].groups.push(group);
    }

    /// Begins a run with an event, if it fits.
    fn begin(&mut self, rule: &Rule, event: &mut Event, is_shared: bool, partition: u32) {
        let mut group = Group {
            tree: Tree { root: NONE, first: NONE },
            place: 0,
            nulls: 0,
            far: 0,
            broken: 0,
            words: Words::default(),
            latest: event.time,
        };
        let leads = &rule.course.places[0].leads;
        let Some(lead) = leads.iter().position(|lead| fits(&lead.test, event, &group, &self.ground.log))
        else {
            return;
        };
        let Partition { n_runs, n_in_time, quiet_until, .. } = self.partitions[partition as usize];
        if event.time < quiet_until {
            return;
        }
        if n_runs > 2 * n_in_time + FEW_RUNS {
            self.drop_late_runs_of(rule, partition, event.time);
        }
        let id = event.id_in(&mut self.ground.log);
        let lead = &rule.course.places[0].leads[lead];
        let taken = Taken { event: id, step: lead.step as u16, is_shared };
        pass(rule, &lead.way, &mut group, Taker::Event(event, &mut self.ground.log));
        group.tree = self.forest.plant(taken, event.time, &mut self.ground.log);
        self.partitions[partition as usize].n_runs += 1;
        self.meet(rule, group, partition);
    }

    /// Reports the groups that are complete with an event, as the mode says; whether the event is not for others.
    fn complete(&mut self, rule: &Rule, event: &mut Event, partition: u32, answers: &mut Answers) -> bool {
        let mut complete = std::mem::take(&mut self.memory.complete);
        complete.retain_mut(|(group, _)| self.drop_late_runs(rule, group, event.time, partition));
        let ends_others =
            !complete.is_empty() && (rule.uses_up || matches!(rule.pattern.spec.mode, MatchMode::Once(_)));
        if !ends_others {
            self.report_all(rule, &complete, event, answers);
            complete.iter().for_each(|(group, _)| self.drop_group(group, partition));
        } else {
            let is_before = |a: usize, b: usize| {
                self.forest.is_before(complete[a].0.tree.first, complete[b].0.tree.first, &self.ground.log)
            };
            let first =
                (1..complete.len()).fold(0, |first, at| if is_before(at, first) { at } else { first });
            let (group, step) = complete[first];
            self.report(rule, group.tree.first, Some((event, step)), event.time, answers);
            match rule.pattern.spec.mode {
                MatchMode::Once(quiet) => {
                    let until = quiet.map_or(EventTime::MAX, |quiet| event.time.saturating_add(quiet));
                    self.partitions[partition as usize].quiet_until = until;
                    complete.iter().for_each(|(group, _)| self.drop_group(group, partition));
                    self.drop_all(partition);
                }
                _ => self.use_up(rule, event, &mut complete, first, partition),
            }
        }
        complete.clear();
        self.memory.complete = complete;
        ends_others
    }

    /// Reports the runs of groups that are complete with an event, in their order.
    fn report_all(&self, rule: &Rule, complete: &[(Group, usize)], event: &Event, answers: &mut Answers) {
        let mut runs: Vec<(EventTime, u32, usize)> = vec![];
        for (group, step) in complete {
            let of_group = self.forest.runs_of(&group.tree);
            runs.extend(of_group.map(|(number, run)| (run.began, number, *step)));
        }
        self.sort_by_start(&mut runs);
        for (_, run, step) in runs {
            self.report(rule, run, Some((event, step)), event.time, answers);
        }
    }

    /// Drops the groups of a partition, also those that were about to go on.
    fn drop_all(&mut self, partition: u32) {
        let mut moved = std::mem::take(&mut self.memory.moved);
        moved.drain(..).for_each(|(group, _)| self.drop_group(&group, partition));
        self.memory.moved = moved;
        let mut groups = std::mem::take(&mut self.partitions[partition as usize].groups);
        groups.drain(..).for_each(|group| self.drop_group(&group, partition));
        self.partitions[partition as usize].groups = groups;
    }

    /// Reports the match that a run is, with the event that completes it.
    fn report(
        &self,
        rule: &Rule,
        run: u32,
        last: Option<(&Event, usize)>,
        end: EventTime,
        answers: &mut Answers,
    ) {
        let run = &self.forest.runs[run];
        let taken = [(run.step as usize, run.event)].into_iter().chain(self.forest.taken_by(run));
        rule.reporting.report(&self.ground.log, taken, last, (run.began, end), answers);
    }

    /// Sorts runs by where they begin in the total order: by their times, and only where these are equal is it looked at
    /// where their events stand, which have to come from memory.
    fn sort_by_start<T>(&self, runs: &mut [(EventTime, u32, T)]) {
        let place = |run: u32| self.ground.log.get(self.forest.runs[run].event).place();
        runs.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| place(a.1).cmp(&place(b.1))));
    }

    fn is_in_time(&self, rule: &Rule, began: EventTime, time: EventTime) -> bool {
        rule.course.within.is_none_or(|within| time.saturating_sub(began) <= within)
    }

    /// Drops the runs of a group that has left its partition.
    fn drop_group(&mut self, group: &Group, partition: u32) {
        self.partitions[partition as usize].n_runs -= self.forest.drop_all(&group.tree, &mut self.ground.log);
    }

    /// Drops those runs of a group that are out of time; whether any is left.
    fn drop_late_runs(&mut self, rule: &Rule, group: &mut Group, now: EventTime, partition: u32) -> bool {
        let first = |group: &Group| group.tree.first;
        while first(group) != NONE && !self.is_in_time(rule, self.forest.runs[first(group)].began, now) {
            self.drop_first(group, partition);
        }
        first(group) != NONE
    }

    /// Drops the first run of a group.
    fn drop_first(&mut self, group: &mut Group, partition: u32) {
        self.forest.drop_first(&mut group.tree, &mut self.ground.log);
        self.partitions[partition as usize].n_runs -= 1;
    }

    /// Drops the runs of a partition that are out of time.
    fn drop_late_runs_of(&mut self, rule: &Rule, partition: u32, now: EventTime) {
        let mut groups = std::mem::take(&mut self.partitions[partition as usize].groups);
        groups.retain(|group| {
            rule.pattern.by_clocks[group.place as usize] || self.drop_late_runs(rule, group, now, partition)
        });
        let partition = &mut self.partitions[partition as usize];
        (partition.groups, partition.n_in_time) = (groups, partition.n_runs);
    }

    /// Drops the groups of a partition of which all runs are out of time.
    fn drop_late_groups_of(&mut self, rule: &Rule, partition: u32, now: EventTime) {
        let mut groups = std::mem::take(&mut self.partitions[partition as usize].groups);
        groups.retain(|group| {
            let group = &*group;
            let is_kept =
                rule.pattern.by_clocks[group.place as usize] || self.is_in_time(rule, group.latest, now);
            if !is_kept {
                self.drop_group(group, partition);
            }
            is_kept
        });
        self.partitions[partition as usize].groups = groups;
    }

    /// Clears the partitions of what is out of time at a watermark, if there may be much of it.
    pub fn sweep(&mut self, rules: &[Rule], watermark: EventTime) {
        if watermark == EventTime::MAX {
            // Nothing comes any more.
            return;
        }
        let is_over = self.lasts.is_some_and(|time| watermark.saturating_sub(self.swept) >= time);
        if is_over || self.ground.keys.n_live() >= 2 * self.n_swept + FEW {
            self.swept = watermark;
            for number in 0..self.partitions.len() as u32 {
                if self.ground.keys.is_live(number) {
                    let rule = self.partitions[number as usize].rule;
                    self.sweep_partition(&rules[rule as usize], number, watermark);
                }
            }
            self.n_swept = self.ground.keys.n_live();
            self.shrink();
        }
        self.ground.log.forget();
    }

    /// Gives back what partitions that are gone have left free, if that is most of it.
    fn shrink(&mut self) {
        let Some(kept) = self.ground.keys.shrink() else { return };
        let mut numbers = vec![None; self.partitions.len()];
        (0..).zip(&kept).for_each(|(new, old)| numbers[*old as usize] = Some(new));
        let of_old = |old: &u32| std::mem::replace(&mut self.partitions[*old as usize], Partition::EMPTY);
        self.partitions = kept.iter().map(of_old).collect();
        self.timers.renumber(|old| numbers.get(old as usize).copied().flatten());
    }

    fn sweep_partition(&mut self, rule: &Rule, number: u32, watermark: EventTime) {
        self.drop_late_groups_of(rule, number, watermark);
        self.forget_before_runs(number);
        let partition = &mut self.partitions[number as usize];
        if partition.groups.is_empty() && partition.quiet_until <= watermark {
            *partition = Partition::EMPTY;
            self.ground.keys.remove(number);
        }
    }
}

impl Groups {
    pub fn state_bytes(&self) -> usize {
        let elsewhere =
            self.partitions.iter().map(|partition| &partition.groups).filter(|groups| groups.spilled());
        let groups = elsewhere.map(|groups| groups.capacity() * size_of::<Group>());
        let partitions = self.ground.keys.n_live() * size_of::<Partition>() + groups.sum::<usize>();
        let runs = self.forest.runs.bytes() + self.forest.nodes.bytes() + self.kept.bytes();
        partitions + runs + self.timers.len() * size_of::<(EventTime, u32)>() + self.ground.bytes()
    }
}

impl Group {
    /// Whether whatever comes does the same to both.
    fn has_future_of(&self, other: &Group) -> bool {
        let same_words = || self.words.iter().zip(&other.words).fold(true, |same, (a, b)| same & (a == b));
        (self.place, self.nulls, self.far, self.broken) == (other.place, other.nulls, other.far, other.broken)
            && same_words()
    }
}
