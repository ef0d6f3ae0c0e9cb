//! A pattern each of whose runs has one way, as tables: where a run stands, what leads on from there, and which values
//! of the events that it took the conditions still to come compare with.

mod charting;

use super::pattern::Pattern;
use super::test_columns::{TestColumns, Tests};
use crate::message::EventTime;
use millstream_ir::expr::BinaryOp;
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{Guards, MatchMode, MatchSpec};
use std::cmp::Ordering;

/// Words that a group of runs has at most for the values and clocks that it remembers.
pub const MOST_WORDS: usize = 4;

pub struct Course {
    /// Those of the automaton.
    pub places: Vec<Place>,
    /// The words that a place has at most.
    pub n_words: usize,
    /// Per absence, its tests.
    pub absences: Vec<Tests>,
    pub without: Option<usize>,
    /// The tests of which an event must pass one to begin a run.
    pub begins: Tests,
    pub within: Option<EventTime>,
    /// The shortest of the clocks, in microseconds.
    pub shortest_clock: Option<EventTime>,
}

/// Where a run can stand.
pub struct Place {
    pub leads: Vec<Lead>,
    pub clock: Option<ClockLead>,
    /// What is watched for here.
    pub guards: Guards,
    pub is_complete: bool,
}

/// An event that passes the test leads on.
pub struct Lead {
    pub step: usize,
    pub test: Test,
    pub way: Passage,
}

/// The clock in this word leads on when it has run down.
pub struct ClockLead {
    pub word: usize,
    pub way: Passage,
}

/// What becomes of a run on its way to another place.
pub struct Passage {
    pub to: usize,
    pub guards: Guards,
    pub carried_guards: Guards,
    /// Where the words come from that are remembered there.
    pub words: Vec<From>,
}

pub enum From {
    /// The word that the run had at another place.
    Word { from: usize, to: usize },
    /// A value of the event.
    Event { column: usize, to: usize, kind: Kind },
    /// The clock starts.
    Clock { duration: EventTime, to: usize },
}

/// How values are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Ints, times, durations.
    Int,
    Float,
    Bool,
    /// Of one scale.
    Decimal,
    Text,
}

/// What an event must be.
pub struct Test {
    /// Its place among all, those of steps first.
    pub number: usize,
    /// The input that it comes by.
    pub input: usize,
    pub comparisons: Vec<Comparison>,
    /// Columns that are compared with what stands for a value where there is none yet.
    pub constants: Vec<Constant>,
}

/// A value of the event beside one that never changes.
pub struct Constant {
    pub column: usize,
    pub operator: BinaryOp,
    pub kind: Kind,
    pub value: i64,
}

/// A value of the event beside one that is remembered.
pub struct Comparison {
    pub column: usize,
    pub operator: BinaryOp,
    /// The orderings that pass.
    pub orderings: Orderings,
    pub kind: Kind,
    pub word: usize,
    /// The input of the event that is remembered, and the column: of text, and of decimals that no word holds, the value
    /// itself is not.
    pub input: usize,
    pub of: usize,
}

/// A set of orderings of two values, as bits.
pub type Orderings = u8;

/// The set of one alone.
#[inline(always)]
pub fn ordering_of(a: i64, b: i64) -> Orderings {
    u8::from(a < b) | u8::from(a == b) << 1 | u8::from(a > b) << 2
}

impl Course {
    /// The tables of a pattern over inputs with these schemas; none if its runs need more than one way, or if a
    /// condition is more than columns, and comparisons of a column with a remembered value.
    pub fn of(pattern: &Pattern, inputs: &[&Schema]) -> Option<(Course, TestColumns)> {
        if !pattern.has_one_way {
            return None;
        }
        charting::course(&pattern.spec, inputs)
    }

    /// Whether a match takes its events from other runs. A run that is one event takes nothing that another has.
    pub fn uses_up(&self, spec: &MatchSpec) -> bool {
        let n_leads: usize = self.places.iter().map(|place| place.leads.len()).sum();
        spec.mode == MatchMode::UseUp && n_leads > 1
    }

    /// Per input, the columns that are looked at of events that runs took: all, if runs begin again with them.
    pub fn looked_back_to(&self, spec: &MatchSpec, inputs: &[&Schema]) -> Vec<Vec<usize>> {
        if self.uses_up(spec) {
            return inputs.iter().map(|input| (0..input.columns.len()).collect()).collect();
        }
        let mut columns = vec![vec![]; inputs.len()];
        let tests = self.places.iter().flat_map(|place| &place.leads).map(|lead| &lead.test);
        for comparison in tests.flat_map(|test| &test.comparisons) {
            columns[comparison.input].push(comparison.of);
        }
        columns
    }

    /// Says where a column stands, by its input and number, among those that are kept of events.
    pub fn place_columns(&mut self, place: impl Fn(usize, usize) -> Option<usize>) {
        let tests = self.places.iter_mut().flat_map(|place| &mut place.leads).map(|lead| &mut lead.test);
        for comparison in tests.flat_map(|test| &mut test.comparisons) {
            comparison.of = place(comparison.input, comparison.of).unwrap_or(comparison.of);
        }
    }

    /// The same over events with other columns: `event` says which one of theirs a column is, `kept` which one a place
    /// among those that are kept. None: one of them is not among those.
    pub fn renumber(
        &mut self,
        event: &dyn Fn(usize) -> Option<usize>,
        kept: &dyn Fn(usize) -> Option<usize>,
    ) -> Option<()> {
        for place in &mut self.places {
            for Lead { test, way, .. } in &mut place.leads {
                for comparison in &mut test.comparisons {
                    comparison.column = event(comparison.column)?;
                    comparison.of = kept(comparison.of)?;
                }
                for constant in &mut test.constants {
                    constant.column = event(constant.column)?;
                }
                for source in &mut way.words {
                    if let From::Event { column, .. } = source {
                        *column = event(*column)?;
                    }
                }
            }
        }
        Some(())
    }

    /// The columns of events that are looked at, beside those of tests and of what is reported; some more than once.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        let leads = self.places.iter().flat_map(|place| &place.leads);
        leads.flat_map(|Lead { test, way, .. }| {
            let compared = test.comparisons.iter().map(|comparison| comparison.column);
            let constants = test.constants.iter().map(|constant| constant.column);
            let remembered = way.words.iter().filter_map(|source| match source {
                From::Event { column, .. } => Some(*column),
                From::Word { .. } | From::Clock { .. } => None,
            });
            compared.chain(constants).chain(remembered)
        })
    }
}

/// The orderings that pass an operator, those of [`ordering_of`].
fn orderings_of(operator: BinaryOp) -> Orderings {
    let ordered = [(-1, 0), (0, 0), (1, 0)].map(|(a, b): (i64, i64)| (a.cmp(&b), ordering_of(a, b)));
    let passing = ordered.iter().filter(|(ordering, _)| passes(operator, Some(*ordering)));
    passing.fold(0, |all, (_, one)| all | one)
}

/// Whether values that compare so pass; nothing compares with NaN, from which all differs.
pub fn passes(operator: BinaryOp, ordering: Option<Ordering>) -> bool {
    match operator {
        BinaryOp::Equal => ordering == Some(Ordering::Equal),
        BinaryOp::NotEqual => ordering != Some(Ordering::Equal),
        BinaryOp::Less => ordering == Some(Ordering::Less),
        BinaryOp::LessEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        BinaryOp::Greater => ordering == Some(Ordering::Greater),
        BinaryOp::GreaterEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    }
}
