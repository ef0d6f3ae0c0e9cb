//! Patterns that begin alike: an event that begins runs of several of them, and is nothing else to them, is kept once for
//! all. Runs are made of it when another event concerns one of these patterns in that partition, which most events never
//! see.
//!
//! (As what queries have in common at their front is evaluated once: Zhang et al., "Multi-query optimization for complex
//! event processing in SAP ESP", ICDE 2017; here runs do not even begin before they can go on.)

use super::super::event_log::{EventId, EventLog};
use super::super::groups::RuleNumber;
use super::super::rule::Rule;
use super::member::{Member, Sought};
use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::message::EventTime;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::types::Type;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};

/// The number of a beginning.
pub type BeginningNumber = u32;

/// So many keys more than twice those that were left are cleared, whatever the watermark.
const FEW: usize = if cfg!(test) { 2 } else { 1 << 10 };

pub struct Beginnings {
    /// Of each, the patterns.
    rules: Vec<Vec<RuleNumber>>,
    of_rules: Vec<Option<BeginningNumber>>,
    /// How long events are kept.
    within: EventTime,
    /// Partition keys, each with the number of a beginning.
    pub keys: KeyIndex,
    /// By their numbers, the place of the last event; none is at the first place.
    lasts: Vec<u64>,
    /// Those that are in time, in their order, from this place on.
    events: VecDeque<Begun>,
    first: u64,
    n_swept: usize,
}

/// An event that begins runs.
struct Begun {
    event: EventId,
    time: EventTime,
    /// Its number among all rows.
    row: u64,
    /// The place of the one before it of its key.
    before: u64,
}

/// The events of a key that a pattern has not begun with.
pub struct Due {
    /// Those in front of a row, the last first.
    pub events: SmallVec<[(EventId, EventTime); 4]>,
    /// Whether the row itself is one.
    pub is_one: bool,
}

impl Beginnings {
    /// `key_types` are those of a partition key, and of the number.
    pub fn new(rules: &[Rule], members: &[Member], key_types: &[Type]) -> Beginnings {
        let mut alike: Vec<Vec<RuleNumber>> = vec![];
        // Most tell themselves apart by the values that they look for.
        let mut by_sought: BTreeMap<&Sought, Vec<usize>> = BTreeMap::new();
        let waiting = (0..).zip(rules.iter().zip(members)).filter(|(_, (rule, _))| can_wait(rule));
        for (number, (_, Member { begins_by, .. })) in waiting {
            let known = by_sought.entry(&begins_by.sought).or_default();
            let begins_so = |at: &&usize| members[alike[**at][0] as usize].begins_by.is_same(begins_by);
            match known.iter().find(begins_so) {
                Some(at) => alike[*at].push(number),
                None => {
                    known.push(alike.len());
                    alike.push(vec![number]);
                }
            }
        }
        // Where patterns go on often, those that begin by themselves have no gain from it.
        alike.retain(|rules| rules.len() > 1);
        let mut of_rules = vec![None; rules.len()];
        for (beginning, rules) in (0..).zip(&alike) {
            rules.iter().for_each(|rule| of_rules[*rule as usize] = Some(beginning));
        }
        let within = alike.iter().flatten().filter_map(|rule| rules[*rule as usize].course.within);
        Beginnings {
            within: within.max().unwrap_or(0),
            rules: alike,
            of_rules,
            keys: KeyIndex::new(key_types, 0),
            lasts: vec![],
            events: VecDeque::new(),
            first: 1,
            n_swept: 0,
        }
    }

    /// That of a rule, if it begins as another one does.
    #[inline(always)]
    pub fn of(&self, rule: RuleNumber) -> Option<BeginningNumber> {
        self.of_rules[rule as usize]
    }

    /// The patterns of one.
    pub fn rules(&self, beginning: BeginningNumber) -> &[RuleNumber] {
        &self.rules[beginning as usize]
    }

    /// Takes an event of a key.
    pub fn add(&mut self, key: u32, (event, time): (EventId, EventTime), row: u64, log: &mut EventLog) {
        let n_keys = self.lasts.len().max(self.keys.n_numbers());
        self.lasts.resize(n_keys, 0);
        let place = self.first + self.events.len() as u64;
        let before = std::mem::replace(&mut self.lasts[key as usize], place);
        log.use_one(event);
        self.events.push_back(Begun { event, time, row, before });
    }

    /// Whether a key has an event in front of a row.
    #[inline]
    pub fn has_before(&self, key: u32, row: u64) -> bool {
        self.events_of(key).any(|begun| begun.row < row)
    }

    /// The events of a key since a row, up to another one, that are not older than this.
    pub fn due(&self, key: u32, since: u64, row: u64, oldest: EventTime) -> Due {
        let mut due = Due { events: SmallVec::new(), is_one: false };
        for begun in self.events_of(key).take_while(|begun| begun.row > since && begun.time >= oldest) {
            if begun.row < row {
                due.events.push((begun.event, begun.time));
            }
            due.is_one |= begun.row == row;
        }
        due
    }

    /// The events of a key, the last first.
    fn events_of(&self, key: u32) -> impl Iterator<Item = &Begun> {
        let at = |place: u64| self.events.get(place.checked_sub(self.first)? as usize);
        let last = if key == NO_STATE { None } else { at(self.lasts[key as usize]) };
        std::iter::successors(last, move |begun| at(begun.before))
    }

    /// The first event that waits: its row and its time.
    pub fn first(&self) -> Option<(u64, EventTime)> {
        self.events.front().map(|begun| (begun.row, begun.time))
    }

    /// Drops what is out of time at a watermark.
    pub fn sweep(&mut self, watermark: EventTime, log: &mut EventLog) {
        let oldest = watermark.saturating_sub(self.within);
        while let Some(begun) = self.events.pop_front_if(|begun| begun.time < oldest) {
            log.give_back(begun.event);
            self.first += 1;
        }
        if self.keys.n_live() >= 2 * self.n_swept + FEW {
            let is_over = |key: &u32| self.keys.is_live(*key) && self.lasts[*key as usize] < self.first;
            let gone: Vec<u32> = (0..self.lasts.len() as u32).filter(is_over).collect();
            self.keys.remove_all(&gone);
            gone.iter().for_each(|key| self.lasts[*key as usize] = 0);
            self.n_swept = self.keys.n_live();
            if let Some(kept) = self.keys.shrink() {
                self.lasts = kept.iter().map(|old| self.lasts[*old as usize]).collect();
            }
        }
    }

    /// The keys that have events, with what these begin.
    pub fn live(&self) -> Vec<(u32, BeginningNumber)> {
        let has_events = |key: &u32| self.keys.is_live(*key) && self.lasts[*key as usize] >= self.first;
        let live: Vec<u32> = (0..self.lasts.len() as u32).filter(has_events).collect();
        let columns = self.keys.columns(&live);
        let Some(Column { data: ColumnData::I64(numbers), .. }) = columns.last() else { return vec![] };
        live.into_iter().zip(numbers.iter().map(|number| *number as BeginningNumber)).collect()
    }

    /// Drops all events.
    pub fn clear(&mut self, log: &mut EventLog) {
        self.first += self.events.len() as u64;
        self.events.drain(..).for_each(|begun| log.give_back(begun.event));
    }

    pub fn bytes(&self) -> usize {
        self.keys.bytes() + self.lasts.len() * size_of::<u64>() + self.events.len() * size_of::<Begun>()
    }
}

/// Whether an event that begins a run can wait until another one comes: it completes nothing, no clock starts with it, and
/// it is forgotten in time.
fn can_wait(rule: &Rule) -> bool {
    let [lead] = &rule.course.places[0].leads[..] else { return false };
    let is_last = rule.course.places[lead.way.to].is_complete;
    !is_last && rule.course.shortest_clock.is_none() && rule.course.within.is_some()
}
