//! The links of all chains, in the order in which they came: those at the front go as they are out of time.

use super::super::event_log::{EventId, EventLog};
use super::links::Links;
use crate::message::EventTime;

pub use super::links::{LinkNumber, NONE};

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
    pub(super) links: Links,
}

impl Chains {
    pub fn add(&mut self, link: Link, log: &mut EventLog) -> LinkNumber {
        log.use_one(link.event);
        self.links.push(link)
    }

    /// Drops the links at the front all of whose choices began before a time.
    pub fn forget(&mut self, oldest: EventTime, log: &mut EventLog) {
        while let Some(link) = self.links.first().filter(|link| link.latest < oldest) {
            log.give_back(link.event);
            self.links.drop_first();
        }
    }

    pub fn taken(&self, number: LinkNumber) -> (usize, EventId) {
        self.links.get(number).map_or((0, 0), |link| (link.step as usize, link.event))
    }

    pub fn latest(&self, number: LinkNumber) -> EventTime {
        self.links.get(number).map_or(EventTime::MIN, |link| link.latest)
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
            let Some(Link { before, previous, .. }) = self.links.get(number).copied() else { return true };
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
        let floor = self.links.age(place.floor);
        let is_behind_floor = |links: &Links, number: LinkNumber| links.age(number) > floor;
        let mut at = place.link;
        while let Some(link) = self.links.get(at)
            && link.latest < oldest
            && is_behind_floor(&self.links, at)
        {
            at = link.previous;
        }
        let mut passed = place.link;
        while passed != at
            && let Some(link) = self.links.get_mut(passed)
        {
            passed = std::mem::replace(&mut link.previous, at);
        }
        (self.links.get(at).is_some() && is_behind_floor(&self.links, at)).then_some(at)
    }

    pub fn bytes(&self) -> usize {
        self.links.len() * size_of::<Link>()
    }
}
