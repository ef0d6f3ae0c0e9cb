//! A pattern whose runs stand in groups, with what is known of it before any event.

use super::course::{Course, From, Passage, Place};
use super::front::Front;
use super::groups::group::Group;
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
    /// Whether nothing but its group knows that a run has taken an event in the middle of it.
    pub moves_in_place: bool,
    /// Per place, the guards of which each alone ends a run there when it is broken.
    fatal: Vec<Guards>,
    /// Whether a run minds events that it does not take.
    pub watches: bool,
    /// The word of the guards that are broken, if a run can live with one.
    guard_word: Option<usize>,
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
        let keeps_paths = uses_up || reads_inner;
        let fatal: Vec<Guards> = (0..course.places.len()).map(|place| fatal(&pattern, place)).collect();
        let lives_on = course.places.iter().zip(&fatal).any(|(place, fatal)| place.guards & !fatal != 0);
        Rule {
            fatal,
            watches: course.without.is_some() || course.places.iter().any(|place| place.guards != 0),
            guard_word: lives_on.then_some(course.n_words),
            times: inputs.iter().map(|input| input.time).collect(),
            keeps_paths,
            moves_in_place: !keeps_paths && course.shortest_clock.is_none(),
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

    /// What groups remember, in words: where the words come from that a run has at each place.
    pub fn remembered(&self, inputs: &[&Schema]) -> String {
        let spec = &self.pattern.spec;
        let word = |source: &From, input: Option<usize>| match *source {
            From::Word { from, to } => format!("{to} = {from}"),
            From::Event { column, to, .. } => {
                let column = input.and_then(|input| inputs[input].columns.get(column));
                format!("{to} = {}", column.map_or("", |column| &column.name))
            }
            From::Clock { to, .. } => format!("{to} = clock"),
        };
        let of_way = |way: &Passage, input: Option<usize>| {
            let words: Vec<String> = way.words.iter().map(|source| word(source, input)).collect();
            words.join(", ")
        };
        let of_place = |place: &Place| {
            let leads = place.leads.iter();
            let of_leads = leads.map(|lead| of_way(&lead.way, Some(spec.steps[lead.step].test.input)));
            let of_clock = place.clock.iter().map(|clock| of_way(&clock.way, None));
            of_leads.chain(of_clock).collect::<Vec<_>>().join(" | ")
        };
        let of_places: Vec<String> = self.course.places.iter().map(of_place).collect();
        let paths = if self.keeps_paths { "with paths " } else { "" };
        format!("{paths}{{{}}}", of_places.join("; "))
    }

    /// The words that its groups have.
    pub fn n_words(&self) -> usize {
        self.course.n_words + usize::from(self.guard_word.is_some())
    }

    /// The guards that are broken of a group.
    #[inline]
    pub fn broken<const N: usize>(&self, group: &Group<N>) -> Guards {
        self.guard_word.map_or(0, |word| group.words[word] as Guards)
    }

    #[inline]
    pub fn set_broken<const N: usize>(&self, group: &mut Group<N>, broken: Guards) {
        if let Some(word) = self.guard_word {
            group.words[word] = broken as i64;
        }
    }

    /// Whether a run can yet be complete that stands at a place, when these guards of it are broken.
    pub fn can_end(&self, place: u16, broken: Guards) -> bool {
        let place = place as usize;
        broken & self.fatal[place] == 0 && can_end(&self.pattern, place, broken)
    }
}

fn can_end(pattern: &Pattern, place: usize, broken: Guards) -> bool {
    let is_open = |edge: &Edge| edge.guards & broken == 0;
    pattern.edges(place).iter().any(is_open) && pattern.can_end(place, Ruled { broken, run_down: 0 }, true)
}

/// The guards of a place of which each alone ends a run there when it is broken.
fn fatal(pattern: &Pattern, place: usize) -> Guards {
    let guards = pattern.state(place).guards;
    let each = (0..Guards::BITS).map(|guard| 1 << guard).filter(|guard| guards & guard != 0);
    each.filter(|guard| !can_end(pattern, place, *guard)).fold(0, |all, guard| all | guard)
}
