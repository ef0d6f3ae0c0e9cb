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
    pub step: u16,
    /// Whether it also goes on from all that stands before it in its chain: a repetition, which so has one link for its
    /// first event and for each further one.
    pub repeats: bool,
}

/// What choices ended with before a link, as far as it is not walked yet.
struct Open {
    place: Place,
    /// What is walked behind that.
    then: Option<Place>,
}

impl Open {
    /// Of a repetition the further events come before the first.
    fn before(link: &Link) -> Open {
        let repeated = if link.repeats { link.previous } else { NONE };
        Open { place: Place { link: repeated, floor: NONE }, then: Some(link.before) }
    }
}

/// What a walk works in.
#[derive(Default)]
struct Walk {
    /// The links that it came along, the last event's first.
    path: Vec<LinkNumber>,
    /// What is still to be walked, of each event from the last.
    open: Vec<Open>,
}

#[derive(Default)]
pub struct Chains {
    pub(super) links: Links,
    walk: Walk,
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

    /// Whether nothing of a place is behind its floor.
    pub fn is_open(&self, place: Place) -> bool {
        self.links.age(place.floor).is_none()
    }

    pub fn taken(&self, number: LinkNumber) -> (usize, EventId) {
        self.links.get(number).map_or((0, 0), |link| (usize::from(link.step), link.event))
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
        let mut is_whole = true;
        let Walk { mut path, mut open } = std::mem::take(&mut self.walk);
        path.clear();
        open.clear();
        open.push(Open { place, then: None });
        while let Some(Open { place, then }) = open.last_mut() {
            if let Some(number) = self.in_time(*place, oldest)
                && let Some(link) = self.links.get(number)
            {
                place.link = link.previous;
                path.push(number);
                open.push(Open::before(link));
                continue;
            }
            match then.take() {
                Some(before) if before != Place::NOWHERE => *place = before,
                Some(_) if n_found == most => {
                    is_whole = false;
                    break;
                }
                Some(_) => {
                    n_found += 1;
                    found(&path);
                }
                None => {
                    open.pop();
                    path.pop();
                }
            }
        }
        self.walk = Walk { path, open };
        is_whole
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
