//! A pattern whose runs stand in groups, with what is known of it before any event.

use super::course::Course;
use super::front::Front;
use super::pattern::{Pattern, Ruled};
use super::reporting::Reporting;
use super::test_columns::TestColumns;
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{Edge, Guards};
use millstream_ir::types::Type;
use std::sync::Arc;

pub struct Rule {
    pub pattern: Arc<Pattern>,
    pub course: Course,
    pub tests: TestColumns,
    pub reporting: Reporting,
    /// Of each input, the column of the event time.
    pub times: Vec<usize>,
    /// Whether a match takes its events from other runs.
    pub uses_up: bool,
    /// Whether what runs take behind their first event is kept: not if nobody looks at it.
    pub keeps_paths: bool,
}

impl Rule {
    /// None: its runs do not stand in groups.
    pub fn of(pattern: &Arc<Pattern>, inputs: &[&Schema]) -> Option<Rule> {
        let (mut course, tests) = Course::of(pattern, inputs)?;
        let spec = &pattern.spec;
        let reporting = Reporting::new(spec, inputs, &course.looked_back_to(spec, inputs));
        course.place_columns(|input, column| reporting.place_among_kept(input, column));
        Some(Rule::new(pattern.clone(), course, tests, reporting, inputs))
    }

    /// The pattern over inputs with these schemas, when it is known what is kept of their events.
    pub fn new(
        pattern: Arc<Pattern>,
        course: Course,
        tests: TestColumns,
        reporting: Reporting,
        inputs: &[&Schema],
    ) -> Rule {
        let spec = &pattern.spec;
        let is_inner = |step: usize| {
            let leads = course.places[1..].iter().flat_map(|place| &place.leads);
            let is_last = |to: usize| course.places[to].is_complete;
            leads.filter(|lead| !is_last(lead.way.to)).any(|lead| lead.step == step)
        };
        let reads_inner = (0..spec.steps.len()).any(|step| reporting.reads[step] && is_inner(step));
        let uses_up = course.uses_up(spec);
        Rule {
            times: inputs.iter().map(|input| input.time).collect(),
            keeps_paths: uses_up || reads_inner,
            uses_up,
            course,
            tests,
            reporting,
            pattern,
        }
    }

    /// What events meet first that come to the pattern alone.
    pub fn front(&self) -> Front {
        Front::new(&self.times, self.tests.clone(), self.course.begins, &self.reporting)
    }

    /// The types of the columns of a key.
    pub fn key_types(&self) -> Vec<Type> {
        self.pattern.key_types()
    }

    /// Whether a run can yet be complete that stands at a place, when these guards are broken.
    pub fn can_end(&self, place: u16, broken: Guards) -> bool {
        let (pattern, place) = (&self.pattern, place as usize);
        let is_open = |edge: &Edge| edge.guards & broken == 0;
        pattern.edges(place).iter().any(is_open)
            && pattern.can_end(place, Ruled { broken, run_down: 0 }, true)
    }
}
