//! The tables of a pattern: what its conditions compare in each state, and where that is remembered.

use super::super::test_columns::{TestColumns, Tests};
use super::{
    ClockLead, Comparison, Constant, Course, From, Kind, Lead, MOST_WORDS, Passage, Place, Test, orderings_of,
};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{Clock, Edge, Event as On, EventTest, MatchSpec};
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::Value;
use std::collections::BTreeSet;

/// None where there are no such tables.
pub fn course(spec: &MatchSpec, inputs: &[&Schema]) -> Option<(Course, TestColumns)> {
    // A set of tests has so many bits.
    if spec.tests().count() > Tests::BITS as usize {
        return None;
    }
    Charting { spec, inputs, taken: Taken::of(spec) }.course()
}

/// A value of an event that a run took: of the first or the last of a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Remembered {
    step: usize,
    is_last: bool,
    column: usize,
}

/// Per state, as bits: the steps of which a way there may have taken events, and those of which it must have.
struct Taken {
    may: Vec<u64>,
    must: Vec<u64>,
}

impl Taken {
    fn of(spec: &MatchSpec) -> Taken {
        let states = &spec.automaton.states;
        let mut taken = Taken { may: vec![0; states.len()], must: vec![u64::MAX; states.len()] };
        taken.must[0] = 0;
        let mut is_changing = true;
        while std::mem::take(&mut is_changing) {
            for (number, state) in states.iter().enumerate() {
                for edge in state.preferred() {
                    let step = if let On::Step(step) = edge.on { 1 << step } else { 0 };
                    let may = taken.may[edge.to] | taken.may[number] | step;
                    let must = taken.must[edge.to] & (taken.must[number] | step);
                    is_changing |= (may, must) != (taken.may[edge.to], taken.must[edge.to]);
                    (taken.may[edge.to], taken.must[edge.to]) = (may, must);
                }
            }
        }
        taken
    }

    fn may(&self, state: usize, step: usize) -> bool {
        self.may[state] >> step & 1 == 1
    }

    fn must(&self, state: usize, step: usize) -> bool {
        self.must[state] >> step & 1 == 1
    }
}

/// What a side of a comparison is in a state.
enum Side {
    Null,
    Constant(Kind, i64),
    Column(usize),
    Remembered(Remembered),
}

/// The parts of a condition in a state that are more than columns that must be true.
struct Conditions {
    compared: Vec<(usize, BinaryOp, Remembered)>,
    constants: Vec<Constant>,
}

struct Charting<'a> {
    spec: &'a MatchSpec,
    inputs: &'a [&'a Schema],
    taken: Taken,
}

impl Charting<'_> {
    fn course(&self) -> Option<(Course, TestColumns)> {
        let states = &self.spec.automaton.states;
        // A state that is written has so many bits for guards.
        if states.iter().any(|state| u32::try_from(state.guards).is_err()) {
            return None;
        }
        let words = self.words()?;
        let places = (0..states.len()).map(|number| self.place(number, &words));
        let places = places.collect::<Option<Vec<_>>>()?;
        // What is watched for is asked in any state: it may look at the event alone.
        for test in self.spec.absences.iter().flat_map(|absence| &absence.tests) {
            let Conditions { compared, constants, .. } = self.conditions(test, None)?;
            (compared.is_empty() && constants.is_empty()).then_some(())?;
        }
        let mut number = self.spec.steps.len();
        let absences = self.spec.absences.iter().map(|absence| {
            let first = number;
            number += absence.tests.len();
            (first..number).fold(0, |tests, test| tests | 1 << test)
        });
        let absences = absences.collect();
        let mut columns = vec![vec![]; self.inputs.len()];
        for (number, test) in self.spec.tests().enumerate() {
            columns[test.input].push((number, self.columns_of(test)));
        }
        let durations = self.spec.clocks.iter().map(|clock| match clock {
            Clock::Fixed(duration) => *duration,
            Clock::Computed { most, .. } => *most,
        });
        let n_words = words.iter().zip(states).map(|(words, state)| words.len() + state.clocks.len());
        let course = Course {
            begins: places[0].leads.iter().fold(0, |tests, lead| tests | 1 << lead.step),
            shortest_clock: durations.min().filter(|_| states.iter().any(|state| !state.clocks.is_empty())),
            n_words: n_words.max().unwrap_or(0),
            places,
            absences,
            without: self.spec.without,
            within: self.spec.within,
        };
        Some((course, TestColumns(columns)))
    }

    /// Per state, what is remembered there, in the order of the words; the clocks come behind.
    fn words(&self) -> Option<Vec<Vec<Remembered>>> {
        let states = &self.spec.automaton.states;
        let mut needed: Vec<BTreeSet<Remembered>> = vec![];
        for (number, state) in states.iter().enumerate() {
            let mut own = BTreeSet::new();
            for edge in state.preferred() {
                if let On::Step(step) = edge.on {
                    for (_, _, value) in self.conditions(&self.spec.steps[step].test, Some(number))?.compared
                    {
                        own.insert(value);
                    }
                }
            }
            needed.push(own);
        }
        // What is needed later is carried there, from the event that it is of.
        let mut is_growing = true;
        while std::mem::take(&mut is_growing) {
            for number in (0..states.len()).rev() {
                for edge in states[number].preferred() {
                    for value in needed[edge.to].clone() {
                        if !self.is_set(&value, number, edge)? {
                            is_growing |= needed[number].insert(value);
                        }
                    }
                }
            }
        }
        if !needed[0].is_empty() {
            return None;
        }
        let with_places = |(number, values): (usize, BTreeSet<Remembered>)| {
            let n_words = values.len() + states[number].clocks.len();
            (n_words <= MOST_WORDS).then(|| values.into_iter().collect())
        };
        needed.into_iter().enumerate().map(with_places).collect()
    }

    /// Whether an edge from a state sets a value, or else carries it; none if that cannot be told.
    fn is_set(&self, value: &Remembered, from: usize, edge: &Edge) -> Option<bool> {
        match edge.on {
            On::Step(step) if step == value.step && (value.is_last || !self.taken.may(from, step)) => {
                Some(true)
            }
            On::Step(step) if step == value.step && !self.taken.must(from, step) => None,
            _ => Some(false),
        }
    }

    fn place(&self, number: usize, words: &[Vec<Remembered>]) -> Option<Place> {
        let state = &self.spec.automaton.states[number];
        let mut leads = vec![];
        let mut clock = None;
        for edge in state.preferred() {
            let way = self.passage(number, edge, words)?;
            match edge.on {
                On::Step(step) => {
                    let test = self.test(step, number, &words[number])?;
                    leads.push(Lead { step, test, way });
                }
                On::Clock(number_of_clock) => {
                    let word = self.clock_word(number, number_of_clock, words)?;
                    clock = Some(ClockLead { word, way });
                }
            }
        }
        Some(Place { leads, clock, guards: state.guards, is_complete: state.accepts.is_some() })
    }

    /// The word of a clock in a state.
    fn clock_word(&self, state: usize, clock: usize, words: &[Vec<Remembered>]) -> Option<usize> {
        let place = self.spec.automaton.states[state].clocks.iter().position(|c| *c == clock)?;
        Some(words[state].len() + place)
    }

    fn passage(&self, from: usize, edge: &Edge, words: &[Vec<Remembered>]) -> Option<Passage> {
        let mut sources = vec![];
        for (to, value) in words[edge.to].iter().enumerate() {
            sources.push(match self.is_set(value, from, edge)? {
                true => From::Event { column: value.column, to, kind: self.kind(value)? },
                false => From::Word { from: words[from].iter().position(|other| other == value)?, to },
            });
        }
        for clock in &self.spec.automaton.states[edge.to].clocks {
            let to = self.clock_word(edge.to, *clock, words)?;
            sources.push(match (edge.carried_clocks.contains(clock), &self.spec.clocks[*clock]) {
                (true, _) => From::Word { from: self.clock_word(from, *clock, words)?, to },
                (false, Clock::Fixed(duration)) => From::Clock { duration: *duration, to },
                (false, Clock::Computed { .. }) => return None,
            });
        }
        Some(Passage {
            to: edge.to,
            guards: edge.guards,
            carried_guards: edge.carried_guards,
            words: sources,
        })
    }

    /// The test of a step in a state with these words.
    fn test(&self, step: usize, state: usize, words: &[Remembered]) -> Option<Test> {
        let Conditions { compared, constants, .. } =
            self.conditions(&self.spec.steps[step].test, Some(state))?;
        let comparisons = compared.into_iter().map(|(column, operator, value)| {
            let word = words.iter().position(|other| *other == value)?;
            let (kind, input) = (self.kind(&value)?, self.spec.steps[value.step].test.input);
            let orderings = orderings_of(operator);
            Some(Comparison { column, operator, orderings, kind, word, input, of: value.column })
        });
        let (input, comparisons) = (self.spec.steps[step].test.input, comparisons.collect::<Option<_>>()?);
        Some(Test { number: step, input, comparisons, constants })
    }

    /// The columns that must be true for a test.
    fn columns_of(&self, test: &EventTest) -> Vec<usize> {
        let parts = test.condition.iter().flat_map(|condition| condition.conjuncts());
        let columns = parts.filter_map(|part| match part.kind {
            ExprKind::Column(column) if column < self.n_columns(test) => Some(column),
            _ => None,
        });
        columns.collect()
    }

    fn n_columns(&self, test: &EventTest) -> usize {
        self.inputs[test.input].columns.len()
    }

    /// The parts of a test's condition in a state; none if there are others.
    fn conditions(&self, test: &EventTest, state: Option<usize>) -> Option<Conditions> {
        let (mut compared, mut constants) = (vec![], vec![]);
        for part in test.condition.iter().flat_map(|condition| condition.conjuncts()) {
            match &part.kind {
                ExprKind::Column(column) if *column < self.n_columns(test) => {}
                ExprKind::Binary(operator, left, right) => {
                    match (self.side(left, test, state)?, self.side(right, test, state)?) {
                        (Side::Column(column), Side::Remembered(value)) => {
                            compared.push((column, *operator, value));
                        }
                        (Side::Remembered(value), Side::Column(column)) => {
                            compared.push((column, turned(*operator)?, value));
                        }
                        (Side::Column(column), Side::Constant(kind, value)) => {
                            constants.push(Constant { column, operator: *operator, kind, value });
                        }
                        (Side::Constant(kind, value), Side::Column(column)) => {
                            constants.push(Constant { column, operator: turned(*operator)?, kind, value });
                        }
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        let is_right = |column: usize, operator: BinaryOp, kind: Kind| {
            operator.is_comparison() && kind.fits(&self.inputs[test.input].columns[column].ty)
        };
        for (column, operator, value) in &compared {
            is_right(*column, *operator, self.kind(value)?).then_some(())?;
        }
        for Constant { column, operator, kind, .. } in &constants {
            is_right(*column, *operator, *kind).then_some(())?;
        }
        Some(Conditions { compared, constants })
    }

    fn side(&self, expr: &Expr, test: &EventTest, state: Option<usize>) -> Option<Side> {
        match &expr.kind {
            ExprKind::Column(column) if *column < self.n_columns(test) => Some(Side::Column(*column)),
            ExprKind::Literal(value) if !value.is_null() => {
                in_word(value).map(|(kind, value)| Side::Constant(kind, value))
            }
            ExprKind::Coalesce(first, other) => match self.side(first, test, state)? {
                Side::Null => self.side(other, test, state),
                Side::Remembered(value) if !self.is_nullable(&value) => Some(Side::Remembered(value)),
                _ => None,
            },
            ExprKind::Field { record, field } => {
                let (variable, is_last) = match &record.kind {
                    ExprKind::Column(_) => (&**record, false),
                    ExprKind::Call { function, arguments } if function.name == "get" => {
                        match &arguments[..] {
                            [list, Expr { kind: ExprKind::Literal(Value::Int(at @ (0 | -1))), .. }] => {
                                (list, *at == -1)
                            }
                            _ => return None,
                        }
                    }
                    _ => return None,
                };
                let ExprKind::Column(column) = variable.kind else { return None };
                let n_keys = self.spec.key_names().len();
                let step = column.checked_sub(self.n_columns(test) + n_keys)?;
                let taken = self.spec.steps.get(step)?;
                let state = state?;
                if !self.taken.may(state, step) {
                    return Some(Side::Null);
                }
                let column = self.spec.inputs[taken.test.input].fields.get(*field).copied()??;
                // Of a step that takes one event, the first is the last.
                let value = Remembered { step, is_last: is_last || !taken.repeats, column };
                self.taken.must(state, step).then_some(Side::Remembered(value))
            }
            _ => None,
        }
    }

    fn type_of(&self, value: &Remembered) -> &Type {
        &self.inputs[self.spec.steps[value.step].test.input].columns[value.column].ty
    }

    fn is_nullable(&self, value: &Remembered) -> bool {
        self.type_of(value).nullable
    }

    fn kind(&self, value: &Remembered) -> Option<Kind> {
        let ty = self.type_of(value);
        match ty.layout() {
            Layout::Bool if ty.kind != TypeKind::Bool => None,
            Layout::Bool => Some(Kind::Bool),
            Layout::I64 => Some(Kind::Int),
            Layout::F64 => Some(Kind::Float),
            Layout::Decimal => Some(Kind::Decimal),
            Layout::View => Some(Kind::Text),
            Layout::Boxed => None,
        }
    }
}

impl Kind {
    /// Whether values of a type are compared so.
    fn fits(self, ty: &Type) -> bool {
        matches!(
            (self, ty.layout()),
            (Kind::Bool, Layout::Bool) if ty.kind == TypeKind::Bool
        ) || matches!(
            (self, ty.layout()),
            (Kind::Int, Layout::I64)
                | (Kind::Float, Layout::F64)
                | (Kind::Decimal, Layout::Decimal)
                | (Kind::Text, Layout::View)
        )
    }
}

/// A constant as a word; none if it is not compared so.
fn in_word(value: &Value) -> Option<(Kind, i64)> {
    Some(match value {
        Value::Int(value) | Value::Timestamp(value) | Value::Duration(value) => (Kind::Int, *value),
        Value::Float(value) => (Kind::Float, value.to_bits() as i64),
        Value::Bool(value) => (Kind::Bool, i64::from(*value)),
        Value::Decimal(value) => (Kind::Decimal, i64::try_from(*value).ok()?),
        _ => return None,
    })
}

/// The operator with its sides changed.
fn turned(operator: BinaryOp) -> Option<BinaryOp> {
    use BinaryOp::*;
    Some(match operator {
        Equal | NotEqual => operator,
        Less => Greater,
        LessEqual => GreaterEqual,
        Greater => Less,
        GreaterEqual => LessEqual,
        _ => return None,
    })
}
