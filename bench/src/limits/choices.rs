//! Every choice of `a: price < low then b: low <= price <= high, once or more, then c: price > high` within a time, per key, as
//! one writes it by hand: a chain of the events taken as `a` and one of those taken as `b`, each with the heads that the
//! chains had when it came, in a ring in which the oldest is overwritten. Of the choices that an event completes so many
//! are made, the latest first.

use super::pattern::{Shape, Ticks};
use super::{prefetch, slot_of};
use std::ops::Range;

const SLOTS_AHEAD: usize = 24;
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Slot {
    key: i64,
    is_used: bool,
    begun: Chain,
    risen: Chain,
}

/// Its head, and the latest start of its choices.
#[derive(Clone, Copy)]
struct Chain {
    head: u32,
    latest: i64,
}

const EMPTY: Chain = Chain { head: NONE, latest: i64::MIN };

#[derive(Clone, Copy)]
struct Link {
    /// The latest start of its choices.
    latest: i64,
    /// The heads that it follows, both `NONE` for an `a`.
    risen: u32,
    begun: u32,
    previous: u32,
}

pub struct Choices {
    shape: Shape,
    most: usize,
    slots: Vec<Slot>,
    ring: Vec<Link>,
    n_links: u32,
    open: Vec<u32>,
}

impl Choices {
    /// A ring of a power of two links, as many as may be in time.
    pub fn new(shape: Shape, most: usize, n_slots: usize, n_links: usize) -> Choices {
        let slot = Slot { key: 0, is_used: false, begun: EMPTY, risen: EMPTY };
        let link = Link { latest: i64::MIN, risen: NONE, begun: NONE, previous: NONE };
        Choices {
            shape,
            most,
            slots: vec![slot; n_slots],
            ring: vec![link; n_links],
            n_links: 0,
            open: vec![],
        }
    }

    /// Calls `found` with the start and the end of each choice.
    pub fn of(&mut self, ticks: Ticks, events: Range<usize>, mut found: impl FnMut(i64, i64)) {
        let end = events.end;
        for event in events {
            if event + SLOTS_AHEAD < end {
                prefetch(&self.slots[slot_of(ticks.key[event + SLOTS_AHEAD], self.slots.len())]);
            }
            let (key, price, time) = (ticks.key[event], ticks.price[event], ticks.time[event]);
            let begins = price < self.shape.low;
            let Some(at) = self.slot(key, begins) else { continue };
            let oldest = time - self.shape.within;
            let Slot { begun, risen, .. } = self.slots[at];
            if begins {
                let head = self.add(Link { latest: time, risen: NONE, begun: NONE, previous: begun.head });
                self.slots[at].begun = Chain { head, latest: time };
            } else if price > self.shape.high {
                if risen.latest >= oldest {
                    self.walk(risen.head, oldest, |start| found(start, time));
                }
            } else {
                let latest = begun.latest.max(risen.latest);
                if latest >= oldest {
                    let link = Link { latest, risen: risen.head, begun: begun.head, previous: risen.head };
                    let head = self.add(link);
                    self.slots[at].risen = Chain { head, latest };
                }
            }
        }
    }

    fn slot(&mut self, key: i64, adds: bool) -> Option<usize> {
        let mut at = slot_of(key, self.slots.len());
        loop {
            let slot = &mut self.slots[at];
            if !slot.is_used {
                (slot.is_used, slot.key) = (adds, key);
                return adds.then_some(at);
            }
            if slot.key == key {
                return Some(at);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn add(&mut self, link: Link) -> u32 {
        let number = self.n_links;
        let at = number as usize & (self.ring.len() - 1);
        self.ring[at] = link;
        self.n_links += 1;
        number
    }

    /// A link that is in time; those behind it in its chain began no later.
    fn in_time(&self, number: u32, oldest: i64) -> Option<Link> {
        let link = self.ring[number as usize & (self.ring.len() - 1)];
        let is_overwritten = (self.n_links - number.min(self.n_links)) as usize > self.ring.len();
        (number != NONE && !is_overwritten && link.latest >= oldest).then_some(link)
    }

    fn walk(&mut self, head: u32, oldest: i64, mut found: impl FnMut(i64)) {
        let mut n_found = 0;
        self.open.clear();
        self.open.push(head);
        while let Some(at) = self.open.pop() {
            let Some(link) = self.in_time(at, oldest) else { continue };
            self.open.push(link.previous);
            if link.begun == NONE && link.risen == NONE {
                n_found += 1;
                found(link.latest);
                if n_found == self.most {
                    return;
                }
                continue;
            }
            // What follows a `b` comes before what follows an `a`.
            self.open.push(link.begun);
            self.open.push(link.risen);
        }
    }
}
