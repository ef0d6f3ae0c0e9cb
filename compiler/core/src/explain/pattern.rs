//! What a pattern keeps, in plain words.

use crate::hir::{Head, Query};
use millstream_ir::flow::{MatchMode, MatchRead, ReadPart, keeping_apart, ways_of_run};
use millstream_ir::text::format_duration;

/// What the pattern of a query keeps until `watermark` lets it go; none if it has no pattern.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let Head::Match(pattern) = &query.head else { return vec![] };
    let n_keys = pattern.inputs.first().map_or(0, |i| i.keys.len());
    let keys: Vec<&str> = query.schema.columns.iter().take(n_keys).map(|c| &*c.name).collect();
    let of_key = if keys.is_empty() { String::new() } else { format!(" of each {}", keys.join(", ")) };
    let widest = pattern.inputs.iter().map(|input| input.schema.bytes_of_row()).max().unwrap_or_default();
    let mut state = vec![format!("events until {watermark} passes them, at most {widest} bytes each")];
    let whose = if keys.is_empty() {
        "whether there was a match".to_string()
    } else {
        format!("which {} had a match", keys.join(", "))
    };
    match pattern.mode {
        MatchMode::Once(Some(time)) => state.push(format!("{whose}, for {}", format_duration(time))),
        MatchMode::Once(None) => state.push(format!("{whose}, for ever")),
        MatchMode::UseUp | MatchMode::Overlapping => {}
    }
    let n_ways = ways_of_run(&pattern.steps);
    if n_ways == 0 {
        return state;
    }
    let until = match pattern.within {
        Some(within) => format!("at most those of {}", format_duration(within)),
        None if pattern.steps.iter().skip(1).all(|step| step.next) => "which follow each other".to_string(),
        None => "without a bound: `forever`".to_string(),
    };
    state.push(format!("the events{of_key} since the first of a match in progress, {until}"));
    let apart = keeping_apart(&pattern.steps);
    let name = |step: usize| match query.schema.columns.get(n_keys + step) {
        Some(column) if !column.hidden => format!("`{}`", column.name),
        _ => format!("step {}", step + 1),
    };
    let part = |read: &MatchRead| match read.part {
        ReadPart::First => format!("the first of {}", name(read.step)),
        ReadPart::Last => format!("the last of {}", name(read.step)),
        ReadPart::Count => format!("the number of {}", name(read.step)),
        ReadPart::All => name(read.step),
    };
    let steps = pattern.steps.iter().enumerate();
    let reading = steps.filter(|(_, step)| step.reads.iter().any(|read| apart.contains(read)));
    let reading: Vec<String> = reading.map(|(number, _)| name(number)).collect();
    state.push(match &reading[..] {
        [] => format!("at most {n_ways} way{} per event that begins a match", plural(n_ways)),
        readers => format!(
            "at most {} ways{of_key}, kept apart by {}, which the condition{} of {} look{} at; what is over fails its event",
            pattern.limit,
            apart.iter().map(part).collect::<Vec<_>>().join(" and "),
            plural(readers.len() as u64),
            readers.join(" and "),
            if readers.len() == 1 { "s" } else { "" },
        ),
    });
    state
}

fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}
