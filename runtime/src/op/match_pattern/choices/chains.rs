//! The links of all chains, in the order in which they came: those at the front go as they are out of time.

use super::super::event_log::{EventId, EventLog};
use crate::message::EventTime;
use std::collections::VecDeque;

/// Links are numbered one by one, after the last number from the first again: they do not live so long.
pub type LinkNumber = u32;

/// What stands for no link; numbers have one bit less.
pub const NONE: LinkNumber = u32::MAX;
const NUMBERS: u32 = u32::MAX >> 1;

/// A place in a chain: what stands there and behind it, up to what stands at the floor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub link: LinkNumber,
    pub floor: LinkNumber,
}

impl Place {
    /// Before the first event.
    pub const NOWHERE: Place = Place { link: NONE, floor: NONE };
}

/// An event, behind each of the choices in front of it.
#[derive(Clone, Copy)]
pub struct Link {
    pub event: EventId,
    /// The latest start of its choices.
    pub latest: EventTime,
    /// What those ended with before.
    pub before: Place,
    /// The link before it in its chain.
    pub previous: LinkNumber,
    pub step: u32,
}

#[derive(Default)]
pub struct Chains {
    /// The number of the first.
    pub(super) first: LinkNumber,
    pub(super) links: VecDeque<Link>,
}

impl Chains {
    pub fn add(&mut self, link: Link, log: &mut EventLog) -> LinkNumber {
        let number = self.first.wrapping_add(self.links.len() as u32) & NUMBERS;
        log.use_one(link.event);
        self.links.push_back(link);
        number
    }

    /// Drops the links at the front all of whose choices began before a time.
    pub fn forget(&mut self, oldest: EventTime, log: &mut EventLog) {
        while let Some(link) = self.links.front().filter(|link| link.latest < oldest) {
            log.give_back(link.event);
            self.links.pop_front();
            self.first = self.first.wrapping_add(1) & NUMBERS;
        }
    }

    /// Where a link stands among those that there are; none if it is gone.
    pub fn age(&self, number: LinkNumber) -> Option<usize> {
        let age = (number.wrapping_sub(self.first) & NUMBERS) as usize;
        (number != NONE && age < self.links.len()).then_some(age)
    }

    fn get(&self, number: LinkNumber) -> Option<&Link> {
        self.links.get(self.age(number)?)
    }

    pub fn taken(&self, number: LinkNumber) -> (usize, EventId) {
        self.get(number).map_or((0, 0), |link| (link.step as usize, link.event))
    }

    pub fn latest(&self, number: LinkNumber) -> EventTime {
        self.get(number).map_or(EventTime::MIN, |link| link.latest)
    }

    /// Calls `found` with the links of each choice at a place that began no earlier than `oldest`, the last link first;
    /// for so many of them at most. Whether those are all.
    pub fn walk(
        &mut self,
        place: Place,
        oldest: EventTime,
        most: usize,
        found: &mut impl FnMut(&[LinkNumber]),
    ) -> bool {
        if place == Place::NOWHERE {
            if most > 0 {
                found(&[]);
            }
            return most > 0;
        }
        let mut n_found = 0;
        let mut path: Vec<LinkNumber> = vec![];
        // What is still to be walked, of each event from the last.
        let mut open = vec![place];
        while let Some(place) = open.last_mut() {
            let Some(number) = self.in_time(*place, oldest) else {
                open.pop();
                path.pop();
                continue;
            };
            let Some(Link { before, previous, .. }) = self.get(number).copied() else { return true };
            place.link = previous;
            path.push(number);
            if before != Place::NOWHERE {
                open.push(before);
                continue;
            }
            if n_found == most {
                return false;
            }
            n_found += 1;
            found(&path);
            path.pop();
        }
        true
    }

    /// The first link at a place that has a choice in time. What is out of time stays so: links that are passed over are
    /// passed over at once from now on.
    fn in_time(&mut self, place: Place, oldest: EventTime) -> Option<LinkNumber> {
        let floor = self.age(place.floor);
        let mut at = place.link;
        let is_left_out = |age: usize, link: &Link| link.latest < oldest && Some(age) > floor;
        while let Some(age) = self.age(at)
            && is_left_out(age, &self.links[age])
        {
            at = self.links[age].previous;
        }
        let mut passed = place.link;
        while passed != at
            && let Some(age) = self.age(passed)
        {
            passed = std::mem::replace(&mut self.links[age].previous, at);
        }
        self.age(at).filter(|age| Some(*age) > floor).map(|_| at)
    }

    pub fn bytes(&self) -> usize {
        self.links.len() * size_of::<Link>()
    }
}
