//! A pattern of which every choice of events is a match, as tables: what leads from where to where.

use super::super::pattern::{Known, Pattern};
use super::super::test_columns::{TestColumns, Tests};
use crate::message::EventTime;
use millstream_ir::pattern::{Event as On, Guards};
use std::ops::Range;

pub struct Tables {
    /// Per step, what it leads along.
    pub leads: Vec<Vec<Lead>>,
    /// Per state, its slots: one for each set of guards that one of its edges has.
    pub slots: Vec<Range<usize>>,
    /// Per slot, what must not have happened since.
    pub guards: Vec<Guards>,
    /// The guards of all slots.
    pub watched: Guards,
    /// Per absence, its tests.
    pub absences: Vec<Tests>,
    /// The tests of what must not come between the first event and the last.
    pub without: Tests,
    pub begins: Tests,
    pub within: EventTime,
}

pub struct Lead {
    /// The slot of what goes on so; none where it begins.
    pub from: Option<usize>,
    pub to: usize,
    /// Whether it leads to where it comes from.
    pub repeats: bool,
    pub is_complete: bool,
    /// Whether more may follow.
    pub goes_on: bool,
}

impl Tables {
    /// The tables of a pattern; none if its choices cannot be kept so, or have conditions that are asked for each event.
    pub fn of(pattern: &Pattern) -> Option<(Tables, TestColumns)> {
        let spec = &pattern.spec;
        let states = &spec.automaton.states;
        let is_known = |known: &Known| matches!(known, Known::Always | Known::Column(_));
        let fits = spec.has_compact_choices()
            && pattern.known.len() <= Tests::BITS as usize
            && pattern.known.iter().all(is_known);
        if !fits {
            return None;
        }
        let mut tables = Tables {
            leads: spec.steps.iter().map(|_| vec![]).collect(),
            slots: vec![],
            guards: vec![],
            watched: 0,
            absences: pattern
                .tests
                .iter()
                .map(|tests| tests.clone().fold(0, |all, t| all | 1 << t))
                .collect(),
            without: 0,
            begins: pattern.begins.iter().fold(0, |tests, test| tests | 1 << test),
            within: spec.within?,
        };
        tables.without = spec.without.map_or(0, |absence| tables.absences[absence]);
        for (number, state) in states.iter().enumerate() {
            let first = tables.guards.len();
            for edge in &state.edges {
                let On::Step(step) = edge.on else { continue };
                let slot = match tables.guards[first..].iter().position(|guards| *guards == edge.guards) {
                    _ if number == 0 => None,
                    Some(at) => Some(first + at),
                    None => {
                        tables.guards.push(edge.guards);
                        Some(tables.guards.len() - 1)
                    }
                };
                let goes_on = !states[edge.to].edges.is_empty();
                let is_complete = pattern.is_complete(edge.to);
                let repeats = edge.to == number;
                tables.leads[step].push(Lead { from: slot, to: edge.to, repeats, is_complete, goes_on });
            }
            tables.slots.push(first..tables.guards.len());
        }
        tables.watched = tables.guards.iter().fold(0, |all, guards| all | guards);
        let mut columns = vec![vec![]; spec.inputs.len()];
        for (number, (test, known)) in spec.tests().zip(&pattern.known).enumerate() {
            let needed = if let Known::Column(column) = known { vec![*column] } else { vec![] };
            columns[test.input].push((number, needed));
        }
        Some((tables, TestColumns(columns)))
    }

    /// What an event that passes these tests breaks of what is watched for.
    pub fn broken_by(&self, passes: Tests, touches: Guards) -> Guards {
        let absences = self.absences.iter().enumerate();
        let broken = absences.filter(|(_, tests)| passes & **tests != 0);
        self.watched & broken.fold(touches, |broken, (absence, _)| broken | 1 << absence)
    }
}
