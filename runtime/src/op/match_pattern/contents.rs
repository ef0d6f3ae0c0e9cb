//! The runs of a pattern, as rows for people.

use super::Matcher;
use super::pattern::Pattern;
use crate::contents::{Contents, time};
use crate::kernel::key_index::KeyIndex;
use crate::message::EventTime;
use millstream_ir::pattern::Event as On;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::sync::Arc;

/// A way of a run, or what is known of all runs that stand where it stands.
pub struct Run<'a> {
    pub key: &'a dyn Fn() -> Vec<Value>,
    /// When it began, or the latest of them.
    pub began: EventTime,
    /// The state of the automaton.
    pub state: usize,
    /// The steps of the events that it holds, where runs are told apart.
    pub holds: Option<&'a dyn Fn() -> Vec<usize>>,
}

pub fn runs(pattern: &Pattern, matcher: &dyn Matcher) -> Contents {
    let names = pattern.spec.key_names();
    let keys = names.iter().map(|name| Arc::from(*name)).zip(pattern.key_types());
    let mut columns: Vec<(Arc<str>, Type)> = keys.collect();
    columns.push(("began".into(), Type::TIMESTAMP.nullable()));
    columns.push(("holds".into(), Type::STRING.nullable()));
    columns.push(("waits_for".into(), Type::STRING));
    let mut rows = vec![];
    matcher.each_run(pattern, &mut |run| {
        let mut row = (run.key)();
        let holds = run.holds.map_or(Value::Null, |holds| Value::string(steps_text(pattern, &holds())));
        row.extend([time(run.began), holds, Value::string(waits_for(pattern, run.state))]);
        rows.push(row);
    });
    Contents { what: "runs".into(), columns, rows }
}

/// The values of a key that has a number, of which others may have more columns behind.
pub fn key_values(keys: &KeyIndex, number: u32, pattern: &Pattern) -> Vec<Value> {
    let columns = keys.columns(&[number]);
    columns.iter().zip(&pattern.key_types()).map(|(column, ty)| column.value(0, ty)).collect()
}

/// What a step is called: its variable, or where it has no name, the stream.
fn name(pattern: &Pattern, step: usize) -> &str {
    let spec = &pattern.spec;
    let variable = spec.bindings.get(spec.key_names().len() + step).filter(|variable| !variable.hidden);
    let stream = spec.steps.get(step).and_then(|step| spec.inputs.get(step.test.input));
    variable.map(|variable| &*variable.name).or(stream.map(|stream| &*stream.name)).unwrap_or("an event")
}

/// `probe 3, burst`
fn steps_text(pattern: &Pattern, taken: &[usize]) -> String {
    let text = |run: &[usize]| match run {
        [step] => name(pattern, *step).to_string(),
        run => format!("{} {}", name(pattern, run[0]), run.len()),
    };
    taken.chunk_by(|a, b| a == b).map(text).collect::<Vec<_>>().join(", ")
}

/// What leads on from a state, the preferred first.
fn waits_for(pattern: &Pattern, state: usize) -> String {
    let mut named: Vec<&str> = vec![];
    for edge in pattern.edges(state) {
        let text = match edge.on {
            On::Step(step) => name(pattern, step),
            On::Clock(_) => "time",
        };
        if !named.contains(&text) {
            named.push(text);
        }
    }
    named.join(", ")
}
