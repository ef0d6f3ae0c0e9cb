//! The transitions of a rule as machine code: made of the tables of its [`Course`], which stay what it means, and what
//! decides where the code does not know.

use super::course::{Comparison as Compared, Constant, Course, From as Source, Kind, Lead as Led, Passage};
use super::groups::group::{Group, MOST_WORDS};
use super::rule::Rule;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::Compiled;
use millstream_ir::pattern::transitions::{
    Beside, Comparison, FIRST_LEAD, From, GroupLayout, Lead, STAYS, TransitionCode, Transitions, Way,
};
use std::marker::PhantomData;

/// Machine code over groups of so many words.
pub struct Code<const N: usize> {
    code: TransitionCode,
    /// The columns that it is given: of which input, which, and whether they are floats.
    columns: Vec<CodeColumn>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct CodeColumn {
    input: usize,
    column: usize,
    are_floats: bool,
}

/// Where the values of columns begin, as the code of one rule is given them.
#[derive(Default)]
pub struct CodeColumns<'c> {
    /// None where a value of one is not its word: the code is not asked then.
    starts: Vec<*const u64>,
    n_rows: usize,
    columns: PhantomData<&'c ColumnRef>,
}

/// What becomes of a group with an event.
pub enum Outcome {
    Stays,
    /// The lead with this number of its place leads on. The code has brought the group there, if it moves groups and the
    /// group is not complete.
    Leads(usize),
    Unknown,
}

impl<const N: usize> Code<N> {
    /// The code of a course; `moves` says whether it brings groups to their new places.
    pub fn of(course: &Course, moves: bool, compiled: &dyn Compiled) -> Option<Code<N>> {
        let (transitions, columns) = transitions::<N>(course, moves);
        Some(Code { code: compiled.transitions(&transitions)?, columns })
    }

    /// The columns of a batch of an input, as the code is given them.
    pub fn columns_of<'c>(&self, input: usize, columns: &'c [ColumnRef]) -> CodeColumns<'c> {
        let start = |wanted: &CodeColumn| {
            // No event of this input passes a test that looks at them.
            if wanted.input != input {
                return Some(std::ptr::null());
            }
            let column = &*columns[wanted.column];
            match &column.data {
                _ if column.validity.is_some() => None,
                ColumnData::I64(values) if !wanted.are_floats => Some(values.as_ptr().cast()),
                ColumnData::F64(values) if wanted.are_floats => Some(values.as_ptr().cast()),
                _ => None,
            }
        };
        let starts: Option<Vec<*const u64>> = self.columns.iter().map(start).collect();
        let n_rows = if starts.is_some() { columns.iter().map(|c| c.len()).min().unwrap_or(0) } else { 0 };
        CodeColumns { starts: starts.unwrap_or_default(), n_rows, columns: PhantomData }
    }

    /// What becomes of a group with an event at a row of such columns that passes these tests.
    #[inline(always)]
    pub fn lead(&self, group: &mut Group<N>, tests: u64, row: usize, columns: &CodeColumns) -> Outcome {
        if row >= columns.n_rows {
            return Outcome::Unknown;
        }
        // SAFETY: the code was made for the layout of these groups, writes words and a place alone, and reads the row, which
        // there is, of columns that are as it was told. It has no other of the columns of another input than null: a rule's
        // tests are told apart by their inputs, and the event passes none of another's.
        let outcome = unsafe {
            let group: *mut Group<N> = group;
            (self.code.function)(group.cast(), tests, row, columns.starts.as_ptr())
        };
        match outcome {
            STAYS => Outcome::Stays,
            FIRST_LEAD.. => Outcome::Leads((outcome - FIRST_LEAD) as usize),
            _ => Outcome::Unknown,
        }
    }
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
    let layout = GroupLayout {
        words: std::mem::offset_of!(Group<N>, words),
        n_words: N,
        place: std::mem::offset_of!(Group<N>, place),
        marks: std::mem::offset_of!(Group<N>, nulls_and_far),
    };
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
