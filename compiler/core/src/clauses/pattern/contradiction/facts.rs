//! What one way of meeting a condition asks, and whether all of that can be.

use super::bounds::{Bound, Differences};
use super::exact::{Rounded, Sum, exact_value, is_exact, rounded};
use super::normal_form::Fact;
use millstream_ir::eval::compare;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use std::cmp::Ordering;

/// What is known of an event of a pattern, whatever its condition.
#[derive(Default)]
pub struct Around {
    /// The columns that hold its time.
    pub times: Vec<usize>,
    pub variables: Vec<Variable>,
    /// How far the events of a match lie apart at most, in microseconds.
    pub within: Option<i64>,
}

/// A variable, as the condition sees it.
pub struct Variable {
    /// Its number among the columns.
    pub column: usize,
    /// The fields of an event that hold its time.
    pub times: Vec<usize>,
    pub at_least: u32,
    pub at_most: Option<u32>,
}

/// What of [`Around`] is taken into account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Means {
    /// That events are taken in the order of their times.
    pub order: bool,
    pub within: bool,
    /// How often a step repeats.
    pub counts: bool,
}

impl Means {
    pub const ALL: Means = Means { order: true, within: true, counts: true };

    pub fn each_left_out(self) -> [Means; 3] {
        [Means { order: false, ..self }, Means { within: false, ..self }, Means { counts: false, ..self }]
    }

    /// Without what the other lacks.
    pub fn without(self, other: Means) -> Means {
        Means {
            order: self.order && other.order,
            within: self.within && other.within,
            counts: self.counts && other.counts,
        }
    }
}

/// What has a value that others are less or more than.
#[derive(Clone, Copy)]
enum Thing<'e> {
    /// What exact numbers, and times, are counted from.
    Zero,
    /// When the event came.
    Now,
    Constant(&'e Value),
    Computed(&'e Expr),
}

const ZERO: usize = 0;

/// More things are not looked at together.
const MOST_THINGS: usize = 48;

/// More that must not be is not looked at.
const MOST_UNEQUAL: usize = 64;

pub struct Facts<'e> {
    around: &'e Around,
    things: Vec<Thing<'e>>,
    /// The first, less the second.
    asked: Vec<(usize, usize, Bound)>,
    /// What the first, less the second, must not be.
    unequal: Vec<(usize, usize, i128)>,
    nulls: Vec<&'e Expr>,
    /// What can't be null.
    needed: Vec<&'e Expr>,
    is_never: bool,
}

impl<'e> Facts<'e> {
    pub fn of(way: &[Fact<'e>], around: &'e Around) -> Facts<'e> {
        let (asked, unequal, nulls, needed) = (vec![], vec![], vec![], vec![]);
        let things = vec![Thing::Zero];
        let mut facts = Facts { around, things, asked, unequal, nulls, needed, is_never: false };
        // What must not be says least, and there may be much of it.
        let (unequal, others): (Vec<_>, Vec<_>) =
            way.iter().partition(|fact| matches!(fact, Fact::Compared(BinaryOp::NotEqual, ..)));
        for fact in others.into_iter().chain(unequal.into_iter().take(MOST_UNEQUAL)) {
            // With fewer facts, less is excluded.
            if facts.things.len() + 2 < MOST_THINGS {
                facts.add(fact);
            }
        }
        facts
    }

    fn add(&mut self, fact: &Fact<'e>) {
        const TRUTH: [Value; 2] = [Value::Bool(false), Value::Bool(true)];
        match fact {
            Fact::Compared(op, a, b) => {
                self.needed.extend([a, b]);
                self.compare(*op, a, b);
            }
            Fact::Among(value, list) => {
                self.needed.push(value);
                // The list is long: what lies between its ends is not told from what is in it.
                let values = list.iter().map(|element| (element, element.as_literal()));
                let known: Option<Vec<_>> = values.map(|(e, value)| Some((e, value?))).collect();
                let known: Vec<_> = known.into_iter().flatten().filter(|(_, v)| !v.is_null()).collect();
                let by_value = |(_, a): &&(&'e Expr, &Value), (_, b): &&(&'e Expr, &Value)| a.cmp(b);
                if let (Some(least), Some(most)) =
                    (known.iter().min_by(by_value), known.iter().max_by(by_value))
                {
                    self.compare(BinaryOp::GreaterEqual, value, least.0);
                    self.compare(BinaryOp::LessEqual, value, most.0);
                }
            }
            Fact::Is(expr, truth) => {
                self.needed.push(expr);
                let things = [Thing::Computed(expr), Thing::Constant(&TRUTH[usize::from(*truth)])];
                let [expr, truth] = things.map(|thing| self.thing(thing));
                self.relate(BinaryOp::Equal, (expr, truth), 0, false);
            }
            Fact::Null(expr, true) => self.nulls.push(expr),
            Fact::Null(expr, false) => self.needed.push(expr),
        }
    }

    fn compare(&mut self, op: BinaryOp, a: &'e Expr, b: &'e Expr) {
        if a.ty.kind == TypeKind::Json {
            return;
        }
        match rounded(op, a, b) {
            Some(Rounded::Never) => return self.is_never = true,
            Some(Rounded::Always) => return,
            Some(Rounded::Compared(op, value, constant)) => {
                let value = self.thing(Thing::Computed(value));
                return self.relate(op, (value, ZERO), constant, true);
            }
            None => {}
        }
        if !is_exact(&a.ty.kind) {
            let sides = [a, b].map(|side| self.thing_of(side));
            return self.relate(op, sides.into(), 0, false);
        }
        let sum = Sum::of_difference(a, b);
        match (&sum.added[..], &sum.taken_off[..], sum.constant()) {
            ([] | [_], [] | [_], Some(constant)) => {
                let mut only =
                    |side: &[&'e Expr]| side.first().map_or(ZERO, |e| self.thing(Thing::Computed(e)));
                let sides = (only(&sum.added), only(&sum.taken_off));
                self.relate(op, sides, -constant, true);
            }
            _ => {
                let sides = [a, b].map(|side| self.thing_of(side));
                self.relate(op, sides.into(), 0, true);
            }
        }
    }

    fn thing_of(&mut self, expr: &'e Expr) -> usize {
        self.thing(expr.as_literal().map_or(Thing::Computed(expr), Thing::Constant))
    }

    fn thing(&mut self, thing: Thing<'e>) -> usize {
        let is_same = |known: &Thing| match (known, &thing) {
            (Thing::Computed(known), Thing::Computed(new)) => known.same(new),
            (Thing::Constant(known), Thing::Constant(new)) => known == new,
            _ => false,
        };
        self.things.iter().position(is_same).unwrap_or_else(|| {
            self.things.push(thing);
            self.things.len() - 1
        })
    }

    /// That the first less the second stands so to a number; `exact` if all are whole.
    fn relate(&mut self, op: BinaryOp, (first, second): (usize, usize), to: i128, exact: bool) {
        use BinaryOp::*;
        let below = |to: i128| if exact { Bound::at_most(to - 1) } else { Bound::below(to) };
        if op == NotEqual {
            return self.unequal.push((first, second, to));
        }
        match op {
            Less => self.asked.push((first, second, below(to))),
            LessEqual | Equal => self.asked.push((first, second, Bound::at_most(to))),
            _ => {}
        }
        match op {
            Greater => self.asked.push((second, first, below(-to))),
            GreaterEqual | Equal => self.asked.push((second, first, Bound::at_most(-to))),
            _ => {}
        }
    }

    /// Whether an event could meet all of it.
    pub fn are_possible(mut self, means: Means) -> bool {
        let is_needed = |null: &&Expr| self.needed.iter().any(|needed| needs(needed, null));
        if self.is_never || self.nulls.iter().any(is_needed) || self.lacks_values() {
            return false;
        }
        self.add_what_is_known(means);
        let mut differences = Differences::of(self.things.len());
        self.asked.iter().for_each(|(first, second, bound)| differences.ask(*first, *second, *bound));
        for (number, thing) in self.things.iter().enumerate() {
            // NaN does not equal itself.
            if !thing.is_float() {
                differences.ask(number, number, Bound::at_most(0));
            }
        }
        // What must not be takes off an end of a range; then another may be an end.
        for _ in 0..=self.unequal.len() {
            if !differences.close()
                || self.unequal.iter().any(|(a, b, not)| differences.is_surely(*a, *b, *not))
            {
                return false;
            }
            let mut is_narrower = false;
            for (first, second, not) in &self.unequal {
                if !self.is_exact(*first) && !self.is_exact(*second) {
                    continue;
                }
                for (first, second, not) in [(*first, *second, *not), (*second, *first, -*not)] {
                    if differences.bound(first, second) == Some(Bound::at_most(not)) {
                        differences.ask(first, second, Bound::at_most(not - 1));
                        is_narrower = true;
                    }
                }
            }
            if !is_narrower {
                break;
            }
        }
        true
    }

    fn is_exact(&self, thing: usize) -> bool {
        matches!(self.things[thing], Thing::Computed(expr) if is_exact(&expr.ty.kind))
    }

    /// Whether all values that there are of a type are excluded.
    fn lacks_values(&self) -> bool {
        let is_excluded = |thing: usize, value: &Value| {
            self.unequal.iter().any(|(first, second, _)| {
                let is_value = |other: usize| matches!(self.things[other], Thing::Constant(c) if c == value);
                *first == thing && is_value(*second) || *second == thing && is_value(*first)
            })
        };
        self.things.iter().enumerate().any(|(number, thing)| match thing {
            Thing::Computed(expr) => match &expr.ty.kind {
                TypeKind::Bool => [true, false].iter().all(|value| is_excluded(number, &Value::Bool(*value))),
                TypeKind::OneOf(words) => {
                    words.iter().all(|word| is_excluded(number, &Value::String(word.clone())))
                }
                _ => false,
            },
            _ => false,
        })
    }

    fn add_what_is_known(&mut self, means: Means) {
        let mut number = 0;
        while let Some(thing) = self.things.get(number).copied() {
            match thing {
                Thing::Computed(expr) => self.add_what_is_known_of(number, expr, means),
                Thing::Constant(value) => self.add_order_of(number, value),
                Thing::Zero | Thing::Now => {}
            }
            number += 1;
        }
        self.add_times(means);
    }

    /// How a constant stands to those before it.
    fn add_order_of(&mut self, number: usize, value: &Value) {
        for other in 0..number {
            let Thing::Constant(known) = self.things[other] else { continue };
            if std::mem::discriminant(known) == std::mem::discriminant(value) {
                match compare(known, value) {
                    Some(Ordering::Less) => self.asked.push((other, number, Bound::below(0))),
                    Some(Ordering::Greater) => self.asked.push((number, other, Bound::below(0))),
                    _ => {}
                }
            }
        }
    }

    /// The values that it can have at all.
    fn add_what_is_known_of(&mut self, number: usize, expr: &Expr, means: Means) {
        let (mut least, mut most) = (None, None);
        match &expr.kind {
            ExprKind::Call { function, arguments } if function.name == "length" => {
                let variable = match arguments.first().map(|of| &of.kind) {
                    Some(ExprKind::Column(column)) if means.counts => self.variable(*column),
                    _ => None,
                };
                least = Some(variable.map_or(0, |variable| variable.at_least.into()));
                most = variable.and_then(|variable| variable.at_most).map(i128::from);
            }
            ExprKind::Call { function, .. } if function.name == "abs" && is_exact(&expr.ty.kind) => {
                least = Some(0)
            }
            ExprKind::Binary(BinaryOp::Remainder, _, by) => {
                let by = by.as_literal().and_then(exact_value).filter(|by| *by != 0);
                most = by.map(|by| by.abs() - 1);
                least = most.map(|most| -most);
            }
            _ => {}
        }
        if expr.ty.kind == TypeKind::Int {
            (least, most) = (least.or(Some(i64::MIN.into())), most.or(Some(i64::MAX.into())));
        }
        self.asked.extend(least.map(|least| (ZERO, number, Bound::at_most(-least))));
        self.asked.extend(most.map(|most| (number, ZERO, Bound::at_most(most))));
    }

    fn variable(&self, column: usize) -> Option<&'e Variable> {
        self.around.variables.iter().find(|variable| variable.column == column)
    }

    /// Events come in the order of their times, and those of a match within its time.
    fn add_times(&mut self, means: Means) {
        let now = self.things.len();
        self.things.push(Thing::Now);
        for number in 0..now {
            let Thing::Computed(expr) = self.things[number] else { continue };
            if matches!(expr.kind, ExprKind::Column(column) if self.around.times.contains(&column)) {
                self.relate(BinaryOp::Equal, (number, now), 0, true);
            } else if self.is_time_of_variable(expr) {
                let within = self.around.within.filter(|_| means.within);
                self.asked.extend(means.order.then_some((number, now, Bound::at_most(0))));
                self.asked.extend(within.map(|within| (now, number, Bound::at_most(within.into()))));
            }
        }
    }

    /// Whether it is the time of a variable's event, or of one of its events.
    fn is_time_of_variable(&self, expr: &Expr) -> bool {
        let ExprKind::Field { record, field } = &expr.kind else { return false };
        let event = match &record.kind {
            ExprKind::Call { function, arguments } if function.name == "get" => &arguments[0],
            _ => record,
        };
        match event.kind {
            ExprKind::Column(column) => {
                self.variable(column).is_some_and(|variable| variable.times.contains(field))
            }
            _ => false,
        }
    }
}

impl Thing<'_> {
    fn is_float(&self) -> bool {
        matches!(self, Thing::Computed(expr) if expr.ty.kind == TypeKind::Float)
    }
}

/// Whether an expression is null where a part of it is.
fn needs(expr: &Expr, part: &Expr) -> bool {
    let is_strict = match &expr.kind {
        ExprKind::Call { function, .. } => function.strict,
        ExprKind::Unary(..)
        | ExprKind::Binary(..)
        | ExprKind::Cast { .. }
        | ExprKind::Field { .. }
        | ExprKind::Member { .. }
        | ExprKind::Index { .. }
        | ExprKind::Like { .. }
        | ExprKind::Matches { .. } => true,
        _ => false,
    };
    expr.same(part) || is_strict && expr.children().into_iter().any(|child| needs(child, part))
}
