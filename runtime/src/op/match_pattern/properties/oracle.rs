//! Matches straight from the definition: every derivation of a pattern over the events of a partition, and of those
//! the preferred ones. Slow, and without any automaton.

use super::{Event, Kind, Look, Pattern};
use millstream_ir::pattern::{Link, MatchMode, Pattern as Tree};
use std::collections::BTreeSet;

/// When something is taken: a time, whether it is a clock (which comes behind the events of its time), and which
/// event it is.
type Moment = (i64, bool, usize);

/// When the input has ended.
const END: i64 = 1 << 40;

/// What was decided since the last one that was taken, the preferred the least.
type Path = Vec<u32>;

/// A match: per step, the numbers of its events.
pub type Match = Vec<Vec<usize>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub events: Match,
    pub end: i64,
    pub is_timeout: bool,
}

/// A way to fulfil a pattern, or a part of it.
#[derive(Clone, Debug)]
struct Derivation {
    trace: Vec<(Moment, Path)>,
    taken: Vec<(usize, usize)>,
    clocks: Vec<usize>,
    /// What `then within` and clocks count from, and absences.
    since: Moment,
    /// The last event; none before the first.
    last: Option<usize>,
    /// Whether events may lie before the next one.
    gap: bool,
    /// Whether it is a part of `and`, which need not begin the run.
    is_part: bool,
    path: Path,
    absences: Vec<usize>,
    limits: Vec<i64>,
    quiet: Vec<(usize, i64)>,
}

pub struct Oracle<'a> {
    pattern: &'a Pattern,
    /// Real ones; behind them come events that fit everything.
    events: &'a [Event],
    used: Vec<bool>,
    /// The event that begins the run.
    start: usize,
    /// When it is out of time.
    over: Option<i64>,
    n_magic: usize,
    /// The time of the magic events.
    now: i64,
    /// How many of the events have come.
    n_come: usize,
    /// The latest time at which a clock has run down.
    clocks_until: i64,
}

type Then<'t> = &'t mut dyn FnMut(Derivation);

impl Oracle<'_> {
    fn n_events(&self) -> usize {
        self.n_come + self.n_magic
    }

    fn time(&self, event: usize) -> i64 {
        if event < self.n_come { self.events[event].time } else { self.now }
    }

    /// As many as fulfil a pattern whichever way it goes, and one to go on with.
    fn n_magic_needed(&self) -> usize {
        n_needed(&self.pattern.tree) + 1
    }

    fn is_magic(&self, event: usize) -> bool {
        event >= self.n_come
    }

    /// All derivations of a pattern from where one has come.
    fn derive(&self, tree: &Tree, from: Derivation, then: Then) {
        match tree {
            Tree::Step(step) => self.take(*step, from, then),
            Tree::Sequence(links) => self.sequence(links, true, from, then),
            Tree::Repeat { of, min, max, adjacent, greedy } => {
                self.repeat(of, (*min, *max), (*adjacent, *greedy), 0, from, then);
            }
            Tree::Any(parts) => {
                for (number, part) in parts.iter().enumerate() {
                    let mut from = from.clone();
                    from.path.push(number as u32);
                    self.derive(part, from, then);
                }
            }
            Tree::All { parts, adjacent } => self.all(parts, *adjacent, from, then),
            Tree::Absent(absence) => {
                let mut from = from;
                // Before the first event there is nothing to lie behind.
                if from.last.is_some() {
                    from.absences.push(*absence);
                }
                then(from);
            }
            Tree::Quiet { absence, clock } if from.last.is_none() => {
                let mut from = from;
                from.quiet.push((*absence, self.pattern.clocks[*clock]));
                then(from);
            }
            Tree::Quiet { absence, clock } => {
                let time = from.since.0 + self.pattern.clocks[*clock];
                let at = (time, true, 0);
                if time > self.clocks_until || self.is_broken(*absence, &from, at, None) {
                    return;
                }
                if !self.is_allowed(&from, at) {
                    return;
                }
                let mut from = from;
                let path = std::mem::take(&mut from.path);
                from.trace.push((at, path));
                from.clocks.push(*clock);
                from.since = at;
                from.absences.clear();
                then(from);
            }
        }
    }

    fn sequence(&self, links: &[Link], is_first: bool, from: Derivation, then: Then) {
        let Some((link, others)) = links.split_first() else { return then(from) };
        let n_taken = from.trace.len();
        let mut from = from;
        from.gap |= !is_first && !link.next;
        let limit = link.within.filter(|_| from.last.is_some());
        if let Some(clock) = limit {
            from.limits.push(from.since.0 + self.pattern.clocks[clock]);
        }
        let (n_limits, n_events) = (from.limits.len(), from.taken.len());
        self.derive(&link.pattern, from, &mut |mut on| {
            if on.trace.len() > n_taken {
                on.gap = false;
            }
            if limit.is_some() && on.taken.len() == n_events {
                // No event came that would have to come in time.
                on.limits.remove(n_limits - 1);
            }
            self.sequence(others, false, on, then);
        });
    }

    fn repeat(
        &self,
        of: &Tree,
        (min, max): (u32, Option<u32>),
        (adjacent, greedy): (bool, bool),
        n_done: u32,
        from: Derivation,
        then: Then,
    ) {
        let mut from = from;
        if max == Some(n_done) {
            return then(from);
        }
        if n_done > 0 {
            from.gap = !adjacent;
        }
        if n_done >= min {
            let mut out = from.clone();
            out.path.push(u32::from(greedy));
            then(out);
            from.path.push(u32::from(!greedy));
        }
        let n_taken = from.trace.len();
        // An iteration that must be may take nothing, and then so may those behind it; `greedy` prefers another.
        let may_be_empty = n_done < min && is_nullable(of);
        for is_empty in if greedy && may_be_empty { vec![false, true] } else { vec![false] } {
            let mut from = from.clone();
            if greedy && may_be_empty {
                from.path.push(u32::from(is_empty));
            }
            self.derive(of, from, &mut |on| {
                if on.trace.len() > n_taken {
                    if !is_empty {
                        self.repeat(of, (min, max), (adjacent, greedy), n_done + 1, on, then);
                    }
                } else if may_be_empty && is_empty == greedy {
                    then(on);
                }
            });
        }
    }

    fn all(&self, parts: &[Tree], adjacent: bool, from: Derivation, then: Then) {
        // Each part by itself; how its first event follows on those of the others is seen when all are known.
        let alone: Vec<Vec<Derivation>> = parts
            .iter()
            .map(|part| {
                let mut found = vec![];
                // What stands before concerns the first event of all.
                let (absences, limits, quiet) = (vec![], vec![], vec![]);
                let path = vec![];
                let fresh =
                    Derivation { gap: true, is_part: true, path, absences, limits, quiet, ..from.clone() };
                self.derive(part, fresh, &mut |d| found.push(d));
                found
            })
            .collect();
        let mut chosen: Vec<&Derivation> = vec![];
        self.combine(&alone, adjacent, &from, &mut chosen, then);
    }

    fn combine<'d>(
        &self,
        alone: &'d [Vec<Derivation>],
        adjacent: bool,
        from: &Derivation,
        chosen: &mut Vec<&'d Derivation>,
        then: Then,
    ) {
        if let Some(options) = alone.get(chosen.len()) {
            for option in options {
                chosen.push(option);
                self.combine(alone, adjacent, from, chosen, then);
                chosen.pop();
            }
            return;
        }
        let n_before = from.trace.len();
        let mut merged: Vec<(Moment, usize, Path, bool)> = vec![];
        for (part, derivation) in chosen.iter().enumerate() {
            for (number, (moment, path)) in derivation.trace[n_before..].iter().enumerate() {
                merged.push((*moment, part, path.clone(), number == 0));
            }
        }
        merged.sort_by_key(|(moment, part, ..)| (*moment, *part));
        let mut events: Vec<usize> =
            chosen.iter().flat_map(|d| d.taken[from.taken.len()..].iter().map(|(_, e)| *e)).collect();
        events.sort_unstable();
        if events.windows(2).any(|pair| pair[0] == pair[1]) {
            return;
        }
        let mut on = from.clone();
        for (number, (moment, part, path, is_first)) in merged.into_iter().enumerate() {
            let must_touch = if number == 0 { !from.gap } else { adjacent };
            if is_first && !moment.1 && must_touch && on.last.is_some_and(|last| moment.2 != last + 1) {
                return;
            }
            let is_elsewhere = from.last.is_none() && !from.is_part && moment.2 != self.start;
            if number == 0 && (is_elsewhere || !self.is_allowed(from, moment)) {
                return;
            }
            let is_first_event = !moment.1 && events.first() == Some(&moment.2);
            if is_first_event && from.limits.iter().any(|limit| moment.0 > *limit) {
                return;
            }
            let start = if number == 0 { from.path.clone() } else { vec![] };
            on.trace.push((moment, [start, vec![part as u32 + 1], path].concat()));
            if !moment.1 {
                on.last = Some(moment.2);
            }
            on.since = moment;
            on.path.clear();
        }
        for derivation in chosen {
            on.taken.extend(&derivation.taken[from.taken.len()..]);
            on.clocks.extend(&derivation.clocks[from.clocks.len()..]);
        }
        on.taken.sort_by_key(|(_, event)| *event);
        if on.trace.len() > n_before {
            on.absences.clear();
            if !events.is_empty() {
                on.limits.clear();
            }
            on.gap = false;
            on.quiet.clear();
        }
        then(on);
    }

    /// Whether what stands before it allows that something is next.
    fn is_allowed(&self, from: &Derivation, at: Moment) -> bool {
        let is_broken = |absence: &usize| self.is_broken(*absence, from, at, (!at.1).then_some(at.2));
        let is_loud = |(absence, duration): &(usize, i64)| self.is_loud(*absence, at.0, *duration);
        (at.1 || from.limits.iter().all(|limit| at.0 <= *limit))
            && !from.absences.iter().any(is_broken)
            && !from.quiet.iter().any(is_loud)
    }

    /// Takes any later event as a step.
    fn take(&self, step: usize, from: Derivation, then: Then) {
        let first = from.last.map_or(self.start, |last| last + 1);
        let last = if from.last.is_none() && !from.is_part { first + 1 } else { self.n_events() };
        for event in first..last {
            // Magic ones fit whatever is next: there is no need to leave one out, but to others of `and`.
            if self.is_magic(event) && event > first.max(self.n_come) && !self.pattern.has_all {
                break;
            }
            if !self.is_magic(event) && self.over.is_some_and(|over| self.time(event) > over) {
                continue;
            }
            // Magic comes as early as it can.
            let time = match self.is_magic(event) {
                true => self.now.max(from.since.0 + i64::from(from.since.1)),
                false => self.time(event),
            };
            let at = (time, false, event);
            let is_behind = from.last.is_none()
                || self.is_magic(event)
                || at > from.since && (!from.since.1 || at.0 > from.since.0);
            let touches = from.last.is_none_or(|last| event == last + 1);
            let is_open = from.gap || touches;
            let is_free = self.is_magic(event) || !self.used[event];
            if !is_behind
                || !is_open
                || !is_free
                || !self.is_allowed(&from, at)
                || !self.fits(step, event, &from.taken)
            {
                continue;
            }
            let mut on = from.clone();
            let path = std::mem::take(&mut on.path);
            on.trace.push((at, path));
            on.taken.push((step, event));
            on.since = at;
            on.last = Some(event);
            on.gap = false;
            on.absences.clear();
            on.limits.clear();
            on.quiet.clear();
            then(on);
        }
    }

    /// Whether an event of an absence came between two moments.
    fn is_broken(&self, absence: usize, d: &Derivation, to: Moment, but: Option<usize>) -> bool {
        let from = d.since;
        (0..self.n_come).any(|event| {
            let at = (self.time(event), false, event);
            at > from
                && (!from.1 || at.0 > from.0)
                && at < to
                && Some(event) != but
                && self.rules_out(absence, event, &d.taken)
        })
    }

    /// Whether an event of an absence came in so long a time before one.
    fn is_loud(&self, absence: usize, time: i64, duration: i64) -> bool {
        (0..self.n_come).any(|event| {
            let at = self.time(event);
            at >= time - duration && at < time && self.rules_out(absence, event, &[])
        })
    }

    fn rules_out(&self, absence: usize, event: usize, taken: &[(usize, usize)]) -> bool {
        self.is_of(&self.pattern.absences[absence], event, taken)
    }

    fn fits(&self, step: usize, event: usize, taken: &[(usize, usize)]) -> bool {
        self.is_magic(event) || self.is_of(&self.pattern.steps[step].kind, event, taken)
    }

    /// Whether an event is of a kind, where so much has been taken before it.
    fn is_of(&self, kind: &Kind, event: usize, taken: &[(usize, usize)]) -> bool {
        let is_above = |(step, look): (usize, Look)| {
            let mut values =
                taken.iter().filter(|(s, e)| *s == step && *e < event).map(|(_, e)| self.events[*e].value);
            let bound = match look {
                Look::First => values.next().unwrap_or(-1),
                Look::Last | Look::All => values.next_back().unwrap_or(-1),
                Look::Count => values.count() as i64,
            };
            self.events[event].value > bound
        };
        kind.has(&self.events[event]) && kind.above.is_none_or(is_above)
    }

    /// The derivations of the run that begins with an event.
    fn of_run(&self) -> Vec<Derivation> {
        let nothing = Derivation {
            trace: vec![],
            taken: vec![],
            clocks: vec![],
            since: (i64::MIN, false, 0),
            last: None,
            gap: true,
            is_part: false,
            path: vec![],
            absences: vec![],
            limits: vec![],
            quiet: vec![],
        };
        let mut found = vec![];
        self.derive(&self.pattern.tree, nothing, &mut |d| {
            if !self.has_intruder(&d) {
                found.push(d);
            }
        });
        found
    }

    /// Whether an event came from the first to the last that must not.
    fn has_intruder(&self, d: &Derivation) -> bool {
        let Some(without) = &self.pattern.without else { return false };
        let last = d.trace.last().map(|(moment, _)| *moment).unwrap_or_default();
        let first = d.taken[0].1;
        (first + 1..self.n_come).any(|event| {
            let is_before = (self.time(event), false, event) < last;
            is_before && without.has(&self.events[event]) && !d.taken.iter().any(|(_, e)| *e == event)
        })
    }

    /// What becomes of the run that begins with an event, as far as events and clocks have come.
    fn status(&self, moment: Moment) -> Status {
        let complete = self.of_run();
        let last = |d: &Derivation| d.trace[d.trace.len() - 1].0;
        let Some(first) = complete.iter().map(last).min() else { return Status::Open };
        let of_first = complete.iter().filter(|d| last(d) == first);
        let Some(chosen) = of_first.min_by(|a, b| preference(a, b)) else { return Status::Open };
        let rather = |d: &Derivation| goes_on_from(d, chosen) && complete.iter().all(|c| !leaves(d, c));
        let best = complete.iter().filter(|d| rather(d)).min_by(|a, b| preference(a, b)).unwrap_or(chosen);
        // Whether it may take more: events that fit everything would show.
        let over = moment.0 == END
            || self.over.is_some_and(|over| if moment.1 { moment.0 >= over } else { moment.0 > over });
        if over || !self.pattern.has_greedy {
            return Status::Complete(Box::new(best.clone()));
        }
        let longer = Oracle {
            n_magic: self.n_magic_needed(), // Behind a clock all events of its time have come.
            now: moment.0 + i64::from(moment.1),
            used: self.used.clone(),
            ..*self
        };
        let may_take = longer.of_run().into_iter().any(|d| {
            let is_longer = d.taken.iter().any(|(_, event)| *event >= self.n_come);
            is_longer && rather(&d) && preference(&d, best).is_lt()
        });
        if may_take { Status::Waits } else { Status::Complete(Box::new(best.clone())) }
    }

    /// The way in which a run that is out of time came furthest, if it is not gone on by clocks.
    fn furthest(&self, time: i64) -> Option<Derivation> {
        let by_clocks = Oracle { clocks_until: i64::MAX / 2, used: self.used.clone(), ..*self };
        if !by_clocks.of_run().is_empty() {
            return None;
        }
        // What might still have come in time, and what behind the clocks that run down at the end of it.
        let going_on = |now: i64| {
            let longer = Oracle {
                n_magic: self.n_magic_needed(),
                now,
                clocks_until: i64::MAX / 2,
                used: self.used.clone(),
                ..*self
            };
            longer.of_run()
        };
        let is_real = |moment: &Moment| if moment.1 { moment.0 <= time } else { moment.2 < self.n_come };
        let real_part = |d: Derivation| {
            let n_real = d.trace.iter().take_while(|(moment, _)| is_real(moment)).count();
            let n_events = d.trace[..n_real].iter().filter(|(moment, _)| !moment.1).count();
            let (taken, clocks) = (d.taken[..n_events].to_vec(), d.clocks[..n_real - n_events].to_vec());
            Derivation { trace: d.trace[..n_real].to_vec(), taken, clocks, ..d }
        };
        let partial: Vec<Derivation> =
            [time, time + 1].into_iter().flat_map(going_on).map(real_part).collect();
        let rank = |d: &Derivation| {
            let steps = d.taken.iter().map(|(step, _)| self.pattern.rank_of_step(*step));
            steps.chain(d.clocks.iter().map(|clock| self.pattern.rank_of_clock(*clock))).max()
        };
        let furthest = partial.iter().map(rank).max()?;
        partial.into_iter().filter(|d| rank(d) == furthest).min_by(preference)
    }
}

enum Status {
    Open,
    Waits,
    Complete(Box<Derivation>),
}

/// The order of preference: what goes on earlier, and in the preferred way.
fn preference(a: &Derivation, b: &Derivation) -> std::cmp::Ordering {
    for (one, other) in a.trace.iter().zip(&b.trace) {
        let order = one.0.cmp(&other.0).then_with(|| one.1.cmp(&other.1));
        if order.is_ne() {
            return order;
        }
    }
    b.trace.len().cmp(&a.trace.len())
}

/// Whether one derivation is another, or goes on from it.
fn goes_on_from(d: &Derivation, from: &Derivation) -> bool {
    d.trace.starts_with(&from.trace) && d.taken.starts_with(&from.taken)
}

/// Whether a derivation goes on from another which would rather leave it at that.
fn leaves(d: &Derivation, complete: &Derivation) -> bool {
    let next = d.trace.get(complete.trace.len());
    goes_on_from(d, complete) && next.is_some_and(|(_, path)| *path > complete.path)
}

/// How many events fulfil a pattern in the way that needs the most.
fn n_needed(tree: &Tree) -> usize {
    match tree {
        Tree::Step(_) => 1,
        Tree::Sequence(links) => links.iter().map(|link| n_needed(&link.pattern)).sum(),
        Tree::Repeat { of, min, .. } => (*min).max(1) as usize * n_needed(of),
        Tree::All { parts, .. } => parts.iter().map(n_needed).sum(),
        Tree::Any(parts) => parts.iter().map(n_needed).max().unwrap_or(0),
        Tree::Absent(_) | Tree::Quiet { .. } => 0,
    }
}

fn is_nullable(tree: &Tree) -> bool {
    match tree {
        Tree::Step(_) | Tree::Quiet { .. } => false,
        Tree::Sequence(links) => links.iter().all(|link| is_nullable(&link.pattern)),
        Tree::Repeat { of, min, .. } => *min == 0 || is_nullable(of),
        Tree::All { parts, .. } => parts.iter().all(is_nullable),
        Tree::Any(parts) => parts.iter().any(is_nullable),
        Tree::Absent(_) => true,
    }
}

/// The matches of one partition.
pub fn matches_of(pattern: &Pattern, events: &[Event]) -> Vec<Found> {
    let mut used = vec![false; events.len()];
    let mut is_over = vec![false; events.len()];
    let mut has_matched = vec![false; events.len()];
    let mut quiet_until = i64::MIN;
    let mut found: Vec<Found> = vec![];
    let mut moments: Vec<Moment> = events.iter().enumerate().map(|(i, e)| (e.time, false, i)).collect();
    let mut clocks: BTreeSet<i64> = events.iter().map(|event| event.time).collect();
    for _ in 0..4 {
        let later = clocks.iter().flat_map(|time| pattern.clocks.iter().map(move |clock| time + clock));
        clocks.extend(later.collect::<Vec<_>>());
    }
    clocks.extend(events.iter().flat_map(|event| pattern.within.map(|within| event.time + within)));
    moments.extend(clocks.into_iter().chain([END]).map(|time| (time, true, 0)));
    moments.sort();
    for moment in moments {
        let n_come = events.iter().enumerate().filter(|(i, e)| (e.time, false, *i) <= moment).count();
        if !moment.1 {
            is_over[moment.2] = moment.0 < quiet_until;
        }
        // After each match the others are looked at anew: they may have lost events.
        let mut next = 0;
        while next < n_come {
            let start = next;
            next += 1;
            if is_over[start] || used[start] {
                continue;
            }
            let oracle = Oracle {
                pattern,
                events,
                used: used.clone(),
                start,
                over: pattern.within.map(|within| events[start].time + within),
                n_magic: 0,
                now: moment.0,
                n_come,
                clocks_until: if moment.1 { moment.0 } else { moment.0 - 1 },
            };
            let ends = |d: &Derivation| d.trace[d.trace.len() - 1].0;
            let mut complete: Vec<(Derivation, bool)> = vec![];
            if pattern.mode == MatchMode::All {
                let mut seen = vec![];
                for d in oracle.of_run().into_iter().filter(|d| ends(d) == moment) {
                    if !seen.contains(&d.taken) {
                        seen.push(d.taken.clone());
                        complete.push((d, false));
                    }
                }
            } else if let Status::Complete(d) = oracle.status(moment) {
                let d = *d;
                complete.push((d, false));
            }
            let expires = pattern.within.is_some_and(|w| moment.1 && events[start].time + w == moment.0);
            if pattern.or_timeout
                && expires
                && !has_matched[start]
                && complete.is_empty()
                && matches!(oracle.status(moment), Status::Open)
                && let Some(d) = oracle.furthest(moment.0)
            {
                complete.push((d, true));
            }
            if complete.is_empty() {
                continue;
            }
            has_matched[start] = true;
            if pattern.mode == MatchMode::UseUp {
                next = 0;
            }
            is_over[start] = pattern.mode != MatchMode::All;
            for (d, is_timeout) in complete {
                let end = if is_timeout { moment.0 } else { ends(&d).0 };
                if pattern.mode == MatchMode::UseUp {
                    let steps = d.taken.iter().filter(|(step, _)| !pattern.steps[*step].reuse);
                    steps.for_each(|(_, event)| used[*event] = true);
                }
                if let MatchMode::Once(time) = pattern.mode {
                    is_over[..n_come].fill(true);
                    quiet_until = time.map_or(i64::MAX, |time| end + time);
                }
                let mut steps = vec![vec![]; pattern.steps.len()];
                d.taken.iter().for_each(|(step, event)| steps[*step].push(*event));
                found.push(Found { events: steps, end, is_timeout });
            }
        }
    }
    found
}
