//! What a pattern keeps, in plain words.

use crate::hir::{Head, Match, Query};
use millstream_ir::flow::{keeping_apart, ways_of_run};
use millstream_ir::text::format_duration;

/// What the pattern of a query keeps until `watermark` lets it go; none if it has no pattern.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let Head::Match(pattern) = &query.head else { return vec![] };
    let n_keys = pattern.inputs.first().map_or(0, |i| i.keys.len());
    let keys: Vec<&str> = query.schema.columns.iter().take(n_keys).map(|c| &*c.name).collect();
    let of_key = if keys.is_empty() { String::new() } else { format!(" of each {}", keys.join(", ")) };
    let mut state = vec![format!("events until {watermark} passes them")];
    let n_ways = ways_of_run(&pattern.steps);
    if n_ways == 0 {
        return state;
    }
    state.push(format!(
        "the events{of_key} since the first of a match in progress, at most those of {}",
        format_duration(pattern.within)
    ));
    let apart = keeping_apart(&pattern.steps);
    state.push(match apart.is_empty() {
        true => format!("at most {n_ways} way{} per event that begins a match", plural(n_ways)),
        false => format!(
            "at most {} ways{of_key}: {} what each took as {}, so that they cannot be merged; what is over fails its event",
            pattern.limit,
            readers(pattern, n_keys, query),
            names(apart.iter().copied(), n_keys, query)
        ),
    });
    state
}

fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// "the condition of `b` reads"
fn readers(pattern: &Match, n_keys: usize, query: &Query) -> String {
    let apart = keeping_apart(&pattern.steps);
    let reads = |(_, step): &(usize, &_)| {
        let step: &millstream_ir::flow::MatchStep = step;
        step.reads.iter().any(|read| apart.contains(read))
    };
    let reading: Vec<usize> =
        pattern.steps.iter().enumerate().filter(reads).map(|(number, _)| number).collect();
    let (noun, verb) = if reading.len() == 1 { ("condition", "reads") } else { ("conditions", "read") };
    format!("the {noun} of {} {verb}", names(reading.into_iter(), n_keys, query))
}

/// The variables of these steps.
fn names(steps: impl Iterator<Item = usize>, n_keys: usize, query: &Query) -> String {
    let name = |step: usize| match query.schema.columns.get(n_keys + step) {
        Some(column) if !column.hidden => format!("`{}`", column.name),
        _ => format!("step {}", step + 1),
    };
    steps.map(name).collect::<Vec<_>>().join(" and ")
}
