//! The transitions of a rule as machine code: made of the tables of its [`Course`], which stay what it means, and what
//! decides where the code does not know.

use super::course::{Comparison as Compared, Constant, Course, From as Source, Kind, Lead as Led, Passage};
use super::groups::group::{Group, MOST_WORDS};
use super::rule::Rule;
use super::test_columns::Tests;
use crate::kernel::transitions::{CodeColumn, GroupCode, Parts, layout_of};
use millstream_ir::engine::Compiled;
use millstream_ir::pattern::transitions::{Beside, Comparison, From, Layout, Lead, Transitions, Way};

/// Machine code over groups of so many words.
pub type Code<const N: usize> = GroupCode<Group<N>>;

/// The code of a course; `moves` says whether it brings groups to their new places.
pub fn code_of<const N: usize>(course: &Course, moves: bool, compiled: &dyn Compiled) -> Option<Code<N>> {
    let (transitions, columns) = transitions::<N>(course, moves);
    // It would know nothing.
    if transitions.places.iter().flatten().all(Vec::is_empty) {
        return None;
    }
    let mut tests: Vec<Tests> = vec![];
    for test in course.places.iter().flat_map(|place| &place.leads).map(|lead| &lead.test) {
        tests.resize(tests.len().max(test.input + 1), 0);
        tests[test.input] |= 1 << test.number;
    }
    Code::new(&transitions, layout::<N>(), columns, tests, compiled)
}

fn layout<const N: usize>() -> Layout {
    layout_of(&Group::<N>::NOTHING, |group| Parts {
        words: &group.words,
        place: &group.place,
        marks: &group.nulls_and_far,
    })
}

/// What the code of a rule is made of.
pub fn transitions_of(rule: &Rule) -> Transitions {
    let of_words = match rule.n_words() {
        ..=1 => transitions::<1>,
        2 => transitions::<2>,
        _ => transitions::<MOST_WORDS>,
    };
    of_words(&rule.course, rule.moves_in_place).0
}

fn transitions<const N: usize>(course: &Course, moves: bool) -> (Transitions, Vec<CodeColumn>) {
    let mut columns = vec![];
    let places = course.places.iter().map(|place| {
        let leads = place.leads.iter().map(|led| lead(course, led, moves, &mut columns));
        leads.collect::<Option<Vec<Lead>>>()
    });
    let layout = layout::<N>();
    (Transitions { layout, moves, places: places.collect() }, columns)
}

/// None: it asks for more than the code can do.
fn lead(course: &Course, led: &Led, moves: bool, columns: &mut Vec<CodeColumn>) -> Option<Lead> {
    let test = &led.test;
    let mut comparisons = vec![];
    for Compared { column, operator, kind, word, .. } in &test.comparisons {
        let are_floats = is_of_words(*kind)?;
        let column = number_of(columns, CodeColumn { input: test.input, column: *column, are_floats });
        comparisons.push(Comparison { column, operator: *operator, with: Beside::Word(*word), are_floats });
    }
    for Constant { column, operator, kind, value } in &test.constants {
        let are_floats = is_of_words(*kind)?;
        let column = number_of(columns, CodeColumn { input: test.input, column: *column, are_floats });
        let with = Beside::Constant(*value);
        comparisons.push(Comparison { column, operator: *operator, with, are_floats });
    }
    if led.way.guards != 0 {
        return None;
    }
    let way = match moves && !course.places[led.way.to].is_complete {
        true => Some(way(course, &led.way, test.input, columns)?),
        false => None,
    };
    Some(Lead { test: 1 << test.number, comparisons, way })
}

fn way(course: &Course, passage: &Passage, input: usize, columns: &mut Vec<CodeColumn>) -> Option<Way> {
    if passage.carried_guards & course.places[passage.to].guards != 0 {
        return None;
    }
    let mut words = vec![];
    for (at, source) in passage.words.iter().enumerate() {
        words.push(match *source {
            Source::Word { from, to } if to == at => From::Word(from),
            Source::Event { column, to, kind } if to == at => {
                let are_floats = is_of_words(kind)?;
                From::Column(number_of(columns, CodeColumn { input, column, are_floats }))
            }
            _ => return None,
        });
    }
    Some(Way { to: u16::try_from(passage.to).ok()?, words })
}

/// Whether values of a kind are floats; none if a column has more than a word of each.
fn is_of_words(kind: Kind) -> Option<bool> {
    match kind {
        Kind::Int | Kind::Decimal => Some(false),
        Kind::Float => Some(true),
        Kind::Bool | Kind::Text => None,
    }
}

fn number_of(columns: &mut Vec<CodeColumn>, wanted: CodeColumn) -> usize {
    columns.iter().position(|column| *column == wanted).unwrap_or_else(|| {
        columns.push(wanted);
        columns.len() - 1
    })
}
