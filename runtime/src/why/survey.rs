//! A first look over a replay: which runs there were, how far each came and how it ended.

use super::automaton::Automaton;
use super::event::Event;
use super::note::Note;
use super::replay::{Ending, Found, Outcome, Replay, Told};
use crate::message::EventTime;
use millstream_ir::pattern::Event as On;
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// Matches that are kept: `all` can have any number of them.
const MOST_MATCHES: usize = 10_000;

pub struct Survey {
    /// In the order in which they began.
    pub lives: Vec<Life>,
    pub moments: Vec<Happening>,
    /// With their numbers, from 1; of very many not all.
    pub matches: Vec<(usize, Found)>,
    pub n_matches: usize,
    /// By the event that a run begins with, its place among the lives.
    pub numbers: BTreeMap<usize, usize>,
}

/// A moment of the replay.
pub struct Happening {
    pub time: EventTime,
    /// How many runs it changed.
    pub n_changed: usize,
}

/// What became of a run.
pub struct Life {
    pub start: usize,
    pub began: EventTime,
    /// The moments that changed it, by their places; the first is that at which it began.
    pub changes: Vec<usize>,
    /// Its matches, by their numbers from 1.
    pub matches: Vec<usize>,
    pub end: Option<Ending>,
    /// Whether it was over before the end of the input.
    pub is_over: bool,
    /// How far in the pattern it came, and with how many events.
    pub progress: (usize, usize),
    /// What it had taken when it had come furthest, and waited for then.
    pub taken: Vec<Vec<usize>>,
    pub waited_for: Vec<(On, Option<EventTime>)>,
    /// The moment at which it had come that far.
    pub furthest: usize,
}

impl Survey {
    /// Matches that end at a time or behind it are kept, if a time is asked for.
    pub fn of(automaton: &Automaton, key: &[Value], events: &[Event], at: Option<EventTime>) -> Survey {
        let mut survey = Survey {
            lives: vec![],
            moments: vec![],
            matches: vec![],
            n_matches: 0,
            numbers: BTreeMap::new(),
        };
        let mut visit = |told: Told| survey.add(automaton, told, at);
        Replay::new(automaton, key, events).run(&|_, _| false, &mut visit);
        survey
    }

    fn add(&mut self, automaton: &Automaton, told: Told, asked: Option<EventTime>) {
        let at = self.moments.len();
        let mut n_changed = 0;
        for run in told.runs {
            let number = *self.numbers.entry(run.start).or_insert(self.lives.len());
            if number == self.lives.len() {
                self.lives.push(Life::new(run.start, told.time, at));
            }
            let life = &mut self.lives[number];
            let ranks = run.notes.iter().filter_map(|note| match note {
                Note::Took(step) => Some(automaton.rank(On::Step(*step)) + 1),
                Note::RanDown(clock) => Some(automaton.rank(On::Clock(*clock)) + 1),
                _ => None,
            });
            let n_taken = run.taken.iter().map(Vec::len).sum();
            let progress = (ranks.max().unwrap_or(0).max(life.progress.0), n_taken);
            if progress > life.progress {
                life.progress = progress;
                life.taken = run.taken;
                life.waited_for = run.waits_for;
                life.furthest = at;
            }
            match run.outcome {
                Outcome::Stayed => continue,
                Outcome::Completes(number) | Outcome::TimedOut(number) => {
                    life.matches.push(number);
                    // With `all` a run goes on behind a match.
                    life.is_over = automaton.spec.mode != millstream_ir::pattern::MatchMode::All;
                }
                Outcome::Ended(ending) => {
                    life.end = Some(ending);
                    life.is_over = true;
                }
                Outcome::Began | Outcome::WentOn | Outcome::Lost(_) | Outcome::Holds => {}
            }
            n_changed += 1;
            life.changes.push(at);
        }
        for found in told.matches {
            self.n_matches += 1;
            if self.matches.len() < MOST_MATCHES && asked.is_none_or(|asked| found.end >= asked) {
                self.matches.push((self.n_matches, found));
            }
        }
        self.moments.push(Happening { time: told.time, n_changed });
    }

    /// What a run that begins with an event is called.
    pub fn name(&self, start: usize) -> String {
        self.numbers.get(&start).map_or("another run".to_string(), |number| format!("run {}", number + 1))
    }

    /// Of the runs without a match the one that came furthest; the first of those that came equally far.
    pub fn furthest(&self) -> Option<usize> {
        let unmatched = self.lives.iter().enumerate().filter(|(_, life)| life.matches.is_empty());
        unmatched.rev().max_by_key(|(_, life)| life.progress).map(|(number, _)| number)
    }

    /// When a run was over; none if it was live at the end of the input.
    pub fn ended(&self, life: &Life) -> Option<EventTime> {
        let last = life.changes.last().and_then(|at| self.moments.get(*at));
        match life.end {
            Some(Ending::OutOfTime(over)) => Some(over),
            _ => last.filter(|_| life.is_over).map(|moment| moment.time),
        }
    }
}

impl Life {
    fn new(start: usize, began: EventTime, at: usize) -> Life {
        Life {
            start,
            began,
            changes: vec![],
            matches: vec![],
            end: None,
            is_over: false,
            progress: (0, 0),
            taken: vec![],
            waited_for: vec![],
            furthest: at,
        }
    }
}
