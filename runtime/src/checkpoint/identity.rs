//! Whose a state is: the item of the program and what it is there, not its place in the flow, so that other items
//! can be edited; and of what shape it is, which tells whether the operator of an edited item can go on with it.

use crate::op::match_pattern;
use millstream_ir::flow::{Flow, JoinKind, Node, NodeId, NodeKind, Schema};
use millstream_ir::pattern::{Clock, MatchInput, MatchSpec};
use millstream_ir::types::TypeKind;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Whose a state is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The source, stream or sink.
    pub item: String,
    /// Other streams whose it is as well, each with a number where it is not their first of its kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<String>,
    /// What it is there, with a number from the second of them on.
    pub kind: String,
    /// All that decides what the bytes of its state mean.
    pub shape: String,
}

/// Stands in a shape before the rows of the input that wait for a multiple of a duration.
const DEFERRED: &str = " defers ";

/// Stands in the shape of a pattern before what is kept of its runs.
const KEPT: &str = " keeps ";

impl Identity {
    /// Whether it is the same operator, perhaps of another shape.
    pub fn is_of(&self, other: &Identity) -> bool {
        self.item == other.item && self.kind == other.kind
    }

    /// Whether it can go on with the state of another as it is.
    pub fn takes_over(&self, before: &Identity) -> bool {
        self.is_of(before) && self.has_shape_of(before)
    }

    /// Whether it is the same operator of some item that shares both, and can go on with that state.
    pub fn takes_share_of(&self, before: &Identity) -> bool {
        let places: Vec<(&str, &str)> = self.places().collect();
        before.places().any(|place| places.contains(&place)) && self.could_take(before)
    }

    /// Whether it is of the same kind and shape, and of the same item, as whichever of its operators.
    pub fn could_take(&self, before: &Identity) -> bool {
        before.items().any(|item| self.has_item(item))
            && parted(&self.kind).0 == parted(&before.kind).0
            && self.has_shape_of(before)
    }

    /// The items whose it is, each with its number there.
    fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.shared_with.iter().map(|name| parted(name));
        std::iter::once((&*self.item, parted(&self.kind).1)).chain(others)
    }

    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.places().map(|(item, _)| item)
    }

    pub fn has_item(&self, name: &str) -> bool {
        self.items().any(|item| item == name)
    }

    fn has_shape_of(&self, before: &Identity) -> bool {
        // There were checkpoints before shapes said this.
        let is_said_now = |more: &str| more.starts_with(DEFERRED) || more.starts_with(KEPT);
        self.shape
            .strip_prefix(&*without_pause(&before.shape))
            .is_some_and(|more| more.is_empty() || is_said_now(more))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}` of `{}`", self.kind, self.item)
    }
}

/// What a number is of, and the number, if there is one.
fn parted(numbered: &str) -> (&str, &str) {
    match numbered.rsplit_once(' ') {
        Some((of, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (of, number),
        _ => (numbered, ""),
    }
}

/// Of each node of a flow. Operators of a kind are numbered in each item that has them, also where it shares them: what
/// others share with it does not change whose a state is.
pub fn identities<'f>(flow: &'f Flow) -> Vec<Identity> {
    let mut numbers: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let identity = |id| {
        let node = flow.node(id);
        let (kind, shape) = kind_and_shape(flow, id);
        let mut numbered = |item: &'f str, text: &str| {
            let number = numbers.entry((item, kind)).or_default();
            *number += 1;
            if *number == 1 { text.to_string() } else { format!("{text} {number}") }
        };
        let own = numbered(&node.name, kind);
        let shared_with = node.shared_with.iter().map(|name| numbered(name, name)).collect();
        Identity { item: node.name.to_string(), shared_with, kind: own, shape }
    };
    flow.ids().map(identity).collect()
}

fn kind_and_shape(flow: &Flow, id: NodeId) -> (&'static str, String) {
    let node = flow.node(id);
    let inputs: Vec<&Node> = node.inputs.iter().map(|input| flow.node(*input)).collect();
    // What is kept of rows: those of the inputs, with their names, since nothing else tells two columns of one
    // type apart.
    let rows = || inputs.iter().map(|input| input.schema.to_string()).collect::<Vec<_>>().join(" ");
    match &node.kind {
        NodeKind::Source(_) => ("source", String::new()),
        NodeKind::Late => ("late", String::new()),
        NodeKind::Errors { of } => ("errors", of.len().to_string()),
        // They keep nothing but the number of rows that failed.
        NodeKind::Segment(_) => ("segment", String::new()),
        NodeKind::Dispatch(_) => ("dispatch", String::new()),
        NodeKind::Unnest { .. } => ("unnest", String::new()),
        NodeKind::Union => ("union", rows()),
        NodeKind::Order => ("order", rows()),
        NodeKind::AssignTime { .. } => ("time", rows()),
        NodeKind::Sink(spec) if spec.ordered => match spec.id() {
            Some(_) => ("ordered sink with ids", rows()),
            None => ("ordered sink", rows()),
        },
        // It keeps ids of rows, not rows.
        NodeKind::Sink(spec) if spec.id().is_some() => ("sink with ids", String::new()),
        NodeKind::Sink(_) => ("sink", String::new()),
        NodeKind::Breaker(breaker) => {
            let column = |number: usize| {
                let column = inputs.first().and_then(|input| input.schema.columns.get(number));
                column.map_or(format!("#{number}"), |column| format!("{}: {}", column.name, column.ty))
            };
            let (kind, fields) = breaker.describe(&column);
            let mut shape: String = fields.iter().map(|(name, value)| format!("{name} {value} ")).collect();
            if breaker.passes_rows() {
                shape += &rows();
            }
            let deferred = match breaker.defers_rows() && !breaker.passes_rows() {
                true => format!("{DEFERRED}{}", rows()),
                false => String::new(),
            };
            (kind, format!("{} -> {}{deferred}", shape.trim_end(), node.schema))
        }
        NodeKind::Join(join) => {
            let kind = match join.kind {
                JoinKind::Inner => "join",
                other => other.name(),
            };
            (kind, format!("{:?} {:?} of {}", join.keys, join.partners, rows()))
        }
        NodeKind::Match(spec) => {
            let schemas: Vec<&Schema> = inputs.iter().map(|input| &input.schema).collect();
            let rows = spec.inputs.iter().zip(&schemas).map(|(input, schema)| rows_of_pattern(input, schema));
            let rows = rows.collect::<Vec<_>>().join(" ");
            let kept = match_pattern::kept(spec, &schemas);
            ("match", format!("{} of {rows}{KEPT}{kept}", shape_of_pattern(spec)))
        }
    }
}

/// A shape that does not say for how long a pattern rests behind a match, as there were shapes that did.
fn without_pause(shape: &str) -> Cow<'_, str> {
    const PAUSE: &str = "Once(Some(";
    let parts = shape.split_once(PAUSE).and_then(|(before, rest)| Some((before, rest.split_once("))")?.1)));
    parts.map_or(Cow::Borrowed(shape), |(before, behind)| Cow::Owned(format!("{before}Once(Some){behind}")))
}

/// What a pattern is but for its conditions and the columns that its matches have.
fn shape_of_pattern(spec: &MatchSpec) -> String {
    let mode = format!("{:?}", spec.mode);
    let mut out = format!("{:?} {} {:?}", spec.pattern, without_pause(&mode), spec.without);
    for step in &spec.steps {
        let _ = write!(out, " step {} {:?} {}", step.test.input, step.test.reads, step.repeats);
    }
    for absence in &spec.absences {
        let tests = absence.tests.iter().map(|test| format!("{} {:?}", test.input, test.reads));
        let _ = write!(out, " absence {}", tests.collect::<Vec<_>>().join(", "));
    }
    for clock in &spec.clocks {
        let _ = match clock {
            Clock::Fixed(_) => write!(out, " clock"),
            Clock::Computed { reads, .. } => write!(out, " clock {reads:?}"),
        };
    }
    let bindings = spec.bindings.iter().map(|binding| format!("{}: {}", binding.name, binding.ty));
    let _ = write!(out, " [{}]", bindings.collect::<Vec<_>>().join(", "));
    out
}

/// The rows of an input, of whose columns those that are computed for conditions are told by their places alone: what
/// is asked of rows to come may be something else.
fn rows_of_pattern(input: &MatchInput, schema: &Schema) -> String {
    let mut schema = schema.clone();
    for number in &input.computed {
        if let Some(column) = schema.columns.get_mut(*number) {
            column.name = "computed".into();
            // Whether a condition holds is known, or it does not.
            column.ty.nullable &= column.ty.kind != TypeKind::Bool;
        }
    }
    schema.to_string()
}
