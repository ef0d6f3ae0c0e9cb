//! What a pattern keeps, how it is run and when it reports, in plain words.

use crate::hir::{Head, Match, Query, Stream};
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, Schema};
use millstream_ir::pattern::{
    Automaton, ChoicesApart, Clock, Edge, Event, Link, MatchMode, MatchRead, MatchSpec, Pattern, ReadPart,
    State, Tester,
};
use millstream_ir::text::format_duration;
use std::collections::BTreeSet;

/// States of an automaton that is drawn where a program is explained.
const MOST_DRAWN_STATES: usize = 12;

/// How the pattern of a stream is run, and when it reports; nothing if it has no pattern.
pub fn lines_of(stream: &Stream, flow: &Flow) -> Vec<String> {
    let Head::Match(pattern) = &stream.query.head else { return vec![] };
    let spec = &pattern.spec;
    let asks_more = asks_more(&stream.name, flow);
    let mut lines = vec![format!("pattern: {}", class_text(spec, asks_more.is_some()))];
    lines.extend(asks_more.iter().flat_map(|tester| by_itself_text(pattern, *tester)));
    lines.extend(apart_text(pattern));
    lines.extend(shared_text(&stream.name, flow));
    lines.push(format!("reported: {}", report_text(spec)));
    lines.extend(drawn(pattern));
    lines
}

/// What the pattern of a query keeps until `watermark` lets it go; none if it has no pattern.
pub fn state_of(query: &Query, watermark: &str) -> Vec<String> {
    let Head::Match(pattern) = &query.head else { return vec![] };
    let spec = &pattern.spec;
    let keys = spec.key_names();
    let of_key = if keys.is_empty() { String::new() } else { format!(" of each {}", keys.join(", ")) };
    let widest = pattern.inputs.iter().map(|input| input.schema.bytes_of_row()).max().unwrap_or_default();
    let mut state = vec![format!("events until {watermark} passes them, at most {widest} bytes each")];
    let whose = if keys.is_empty() {
        "whether there was a match".to_string()
    } else {
        format!("which {} had a match", keys.join(", "))
    };
    match spec.mode {
        MatchMode::Once(Some(time)) => state.push(format!("{whose}, for {}", format_duration(time))),
        MatchMode::Once(None) => state.push(format!("{whose}, for ever")),
        MatchMode::UseUp | MatchMode::Overlapping | MatchMode::All => {}
    }
    state.extend(quiet_before(spec).map(|(absence, time)| {
        let what = spec.absence_text(absence, &schemas(pattern));
        format!("when the last {what}{of_key} came, for {}", format_duration(time))
    }));
    let n_ways = spec.automaton.n_waiting_states();
    if n_ways == 0 {
        return state;
    }
    let until = match spec.within {
        Some(within) => {
            let lasts = within.saturating_add(longest_timers(spec));
            format!("at most those of {}", format_duration(lasts))
        }
        None if is_single(&spec.pattern) => {
            format!("at most those of {}", format_duration(longest_timers(spec)))
        }
        None if is_fixed(&spec.pattern) => "which follow each other".to_string(),
        None => "without a bound: `forever`".to_string(),
    };
    state.push(format!("the events{of_key} since the first of a match in progress, {until}"));
    if spec.has_compact_choices() {
        let n_links = links_of_event(spec);
        state.push(format!(
            "at most {n_links} link{} per event that is taken, however many choices there are",
            plural(n_links)
        ));
        state.push(format!(
            "at most {} matches while they are made of an event; one with more fails",
            spec.limit
        ));
    } else if spec.mode == MatchMode::All && !spec.has_one_way() {
        state.push(format!("at most {} choices of events{of_key}; what is over fails its event", spec.limit));
    } else if spec.merges_ways() {
        let n_ways = spec.most_ways();
        state.push(format!("at most {n_ways} way{} per event that begins a match", plural(n_ways)));
    } else {
        state.push(format!("at most {} ways{of_key}; what is over fails its event", spec.limit));
    }
    state
}

/// The edges along which choices go on, at most, with one event.
fn links_of_event(spec: &MatchSpec) -> usize {
    let states = &spec.automaton.states;
    let goes_on = |edge: &&Edge| states.get(edge.to).is_some_and(|state| !state.edges.is_empty());
    states.iter().flat_map(|state| &state.edges).filter(goes_on).count()
}

/// The automaton, if it is small enough to be looked at.
fn drawn(pattern: &Match) -> Vec<String> {
    if pattern.spec.automaton.states.len() > MOST_DRAWN_STATES {
        return vec!["automaton: shown by `millstream emit nfa`".to_string()];
    }
    let text = pattern.spec.automaton_text(&schemas(pattern));
    std::iter::once("automaton:".to_string()).chain(text.lines().map(|line| format!("  {line}"))).collect()
}

fn class_text(spec: &MatchSpec, asks_more: bool) -> String {
    let n_states = spec.automaton.states.len();
    if spec.has_compact_choices() {
        "enumerating: each choice of events that fits is a match of its own, made when it is complete"
            .to_string()
    } else if spec.mode == MatchMode::All && !spec.has_one_way() {
        "enumerating: each choice of events that fits is a match of its own, kept by itself".to_string()
    } else if spec.is_constant() {
        format!("constant: the runs of a key are merged into one machine of {n_states} states")
    } else if spec.has_one_way() && asks_more {
        "per live run, of which each has one way and is kept by itself".to_string()
    } else if spec.has_one_way() {
        "per live run, of which each has one way; runs of a key that look at the same values are one"
            .to_string()
    } else if spec.merges_ways() {
        format!("per live run: a machine of {n_states} states for each event that begins a match")
    } else {
        format!("per live run, with ways that are kept apart: a machine of {n_states} states for each")
    }
}

/// The test for which runs that have one way each are kept by themselves, as it is asked when the pattern runs.
fn asks_more(stream: &str, flow: &Flow) -> Option<Tester> {
    let of_stream = |node: &&Node| *node.name == *stream && matches!(node.kind, NodeKind::Match(_));
    let node = flow.nodes.iter().find(of_stream)?;
    let NodeKind::Match(spec) = &node.kind else { return None };
    let n_columns = |input: usize| flow.node(node.inputs[input]).schema.columns.len();
    let is_grouped = spec.is_constant() || !spec.has_one_way();
    if is_grouped { None } else { spec.asks_more_than_compared(&n_columns) }
}

/// Which condition keeps runs by themselves, and what would let them be one.
fn by_itself_text(pattern: &Match, tester: Tester) -> [String; 2] {
    let (spec, schemas) = (&pattern.spec, schemas(pattern));
    let (test, rewriting) = match tester {
        Tester::Step(step) => (
            format!("`{}` asks more than how a column stands to a value", spec.step_text(step, &schemas)),
            "to make runs one that look at the same values, compute what is compared in a `let` in front of the \
             pattern, and compare one column with another",
        ),
        Tester::Absence(absence) => (
            format!("`not {}` looks at a value", spec.absence_text(absence, &schemas)),
            "to make runs one that look at the same values, let what must not come depend on its own event alone",
        ),
    };
    [format!("kept by itself: {test} of an event before"), rewriting.to_string()]
}

/// Whose events are looked up in the same pass over the rows.
fn shared_text(stream: &str, flow: &Flow) -> Option<String> {
    const TOLD: usize = 5;
    // A pattern stands behind a segment that reads what looks up.
    let pass_of = |node: &Node| {
        let NodeKind::Match(_) = node.kind else { return None };
        let [front] = node.inputs[..] else { return None };
        let [looked_up] = flow.node(front).inputs[..] else { return None };
        matches!(flow.node(looked_up).kind, NodeKind::Dispatch(_)).then_some(looked_up)
    };
    let patterns: Vec<(&str, NodeId)> =
        flow.nodes.iter().filter_map(|node| Some((&*node.name, pass_of(node)?))).collect();
    let (_, pass) = patterns.iter().find(|(name, _)| *name == stream)?;
    let others = patterns.iter().filter(|(name, of)| of == pass && *name != stream);
    let others: Vec<&str> = others.map(|(name, _)| *name).collect();
    let more = others.len().saturating_sub(TOLD);
    let told = others.get(..TOLD).unwrap_or(&others).join(", ");
    let told = if more > 0 { format!("{told} and {more} more") } else { told };
    (!others.is_empty()).then(|| {
        format!("one pass: each row is looked at once for this pattern and {told}, and handed to those alone that it may concern")
    })
}

/// Which conditions keep ways apart, and what would let them be merged.
fn apart_text(pattern: &Match) -> Vec<String> {
    let spec = &pattern.spec;
    if spec.has_one_way() {
        return vec![];
    }
    if spec.mode == MatchMode::All {
        return choices_apart_text(pattern);
    }
    let (apart, clocks_apart) = (spec.keeping_apart(), spec.automaton.clocks_apart());
    let reads_apart = |reads: &[MatchRead]| -> Vec<MatchRead> {
        reads.iter().filter(|read| apart.contains(read)).copied().collect()
    };
    let mut lines = readers(pattern, &reads_apart);
    let n_conditions = lines.len();
    lines.extend(clocks_apart.into_iter().map(|clock| {
        let clock = spec.clock_text(clock);
        format!("kept apart: the time of {clock} runs from where a way went on last, which may differ")
    }));
    if lines.len() > n_conditions {
        lines.push(
            "to merge these, let the time run from the first event, or bound the whole by `within`".into(),
        );
    }
    if n_conditions == 0 {
        return lines;
    }
    let first = spec.pattern.first_step().map(|first| {
        let name = step_name(first, spec);
        match spec.steps.get(first) {
            Some(step) if step.repeats => format!("`first({})`", name.trim_matches('`')),
            _ => name,
        }
    });
    lines.push(match first {
        Some(first) => format!(
            "to merge them, look only at {first}, which all ways share, or compare in a `where` behind the pattern"
        ),
        None => "to merge them, compare in a `where` behind the pattern".to_string(),
    });
    lines
}

/// The conditions and times that look at something of what they `choose` from what they read.
fn readers(pattern: &Match, choose: &dyn Fn(&[MatchRead]) -> Vec<MatchRead>) -> Vec<String> {
    let spec = &pattern.spec;
    let schemas = schemas(pattern);
    let of_steps =
        spec.steps.iter().enumerate().map(|(number, step)| {
            (format!("`{}`", spec.step_text(number, &schemas)), choose(&step.test.reads))
        });
    let of_absences = spec
        .absences
        .iter()
        .flat_map(|absence| &absence.tests)
        .map(|test| (format!("`not {}`", spec.test_text(test, &schemas)), choose(&test.reads)));
    let of_clocks = spec.clocks.iter().enumerate().filter_map(|(number, clock)| match clock {
        Clock::Computed { reads, .. } => {
            Some((format!("the time {}", spec.clock_text(number)), choose(reads)))
        }
        Clock::Fixed(_) => None,
    });
    let readers = of_steps.chain(of_absences).chain(of_clocks).filter(|(_, reads)| !reads.is_empty());
    readers
        .map(|(reader, reads)| {
            let looked_at: Vec<String> = reads.iter().map(|read| read_text(read, spec)).collect();
            format!("kept apart: {reader} looks at {}", looked_at.join(" and "))
        })
        .collect()
}

/// What keeps the choices of an `all` apart, and what would let them be kept together.
fn choices_apart_text(pattern: &Match) -> Vec<String> {
    let of_reason = |reason: ChoicesApart| match reason {
        ChoicesApart::Conditions => {
            let mut lines = readers(pattern, &|reads| reads.to_vec());
            lines.push("to keep choices together, compare in a `where` behind the pattern".to_string());
            lines
        }
        ChoicesApart::Times => vec!["kept apart: times run from events, which choices have different".into()],
        ChoicesApart::Timeout => {
            vec!["kept apart: `or timeout` reports choices that are not complete".into()]
        }
        ChoicesApart::NoEnd => vec!["kept apart: nothing says how long choices last; `within` would".into()],
        ChoicesApart::LongGuard => {
            vec!["kept apart: something must not come while several events are taken".into()]
        }
        ChoicesApart::SameStep => vec!["kept apart: an event can be taken as one step in two ways".into()],
    };
    pattern.spec.keeps_choices_apart().into_iter().flat_map(of_reason).collect()
}

fn read_text(read: &MatchRead, spec: &MatchSpec) -> String {
    let name = step_name(read.step, spec);
    match read.part {
        ReadPart::First => format!("the first of {name}"),
        ReadPart::Last => format!("the last of {name}"),
        ReadPart::Count => format!("the number of {name}"),
        ReadPart::All => name,
    }
}

fn step_name(step: usize, spec: &MatchSpec) -> String {
    match spec.bindings.get(spec.key_names().len() + step) {
        Some(column) if !column.hidden => format!("`{}`", column.name),
        _ => format!("step {}", step + 1),
    }
}

fn report_text(spec: &MatchSpec) -> String {
    let mut parts = vec![];
    if spec.automaton.waits() {
        let until = spec
            .within
            .map_or(String::new(), |d| format!(", at most {} after its first event", format_duration(d)));
        parts.push(format!("when {} can take no more{until}", waiting_steps(spec).join(" or ")));
    } else if last_edges(&spec.automaton).any(|on| matches!(on, Event::Step(_))) {
        parts.push("at the event that completes the match".to_string());
    }
    if last_edges(&spec.automaton).any(|on| matches!(on, Event::Clock(_))) {
        let longest = longest_timers(spec);
        parts
            .push(format!("when its time has run down, {} after an event at most", format_duration(longest)));
    }
    if let (true, Some(within)) = (spec.or_timeout, spec.within) {
        parts.push(format!("incomplete, {} after its first event", format_duration(within)));
    }
    parts.join("; or ")
}

/// What a complete match waits for.
fn waiting_steps(spec: &MatchSpec) -> Vec<String> {
    let states = spec.automaton.states.iter().filter(|state| state.accepts.is_some());
    let steps: BTreeSet<usize> = states
        .flat_map(State::preferred)
        .filter_map(|edge| match edge.on {
            Event::Step(step) => Some(step),
            Event::Clock(_) => None,
        })
        .collect();
    steps.into_iter().map(|step| step_name(step, spec)).collect()
}

/// What can complete a match.
fn last_edges(automaton: &Automaton) -> impl Iterator<Item = Event> {
    let is_last = |to: usize| automaton.states.get(to).is_some_and(|state| state.accepts.is_some());
    automaton
        .states
        .iter()
        .flat_map(|state| &state.edges)
        .filter(move |edge| is_last(edge.to))
        .map(|edge| edge.on)
}

/// The absences that must have lasted before the first event, with their times.
fn quiet_before(spec: &MatchSpec) -> impl Iterator<Item = (usize, i64)> {
    let of_start = spec.automaton.states.first().into_iter().flat_map(|state| &state.edges);
    let mut quiet: Vec<(usize, usize)> = of_start.flat_map(|edge| edge.quiet.iter().copied()).collect();
    quiet.sort_unstable();
    quiet.dedup();
    quiet.into_iter().filter_map(|(absence, clock)| Some((absence, longest(spec.clocks.get(clock)?))))
}

/// The greatest time between an event and the match that it is in, in microseconds.
pub fn delay(spec: &MatchSpec) -> i64 {
    if spec.automaton.n_waiting_states() == 0 {
        // What is complete with its first event waits for nothing.
        return 0;
    }
    let of_events = match spec.within {
        Some(within) => within,
        None if is_single(&spec.pattern) => 0,
        None => i64::MAX,
    };
    of_events.saturating_add(longest_timers(spec))
}

/// The longest time that timers take, one behind the other with no event between them.
fn longest_timers(spec: &MatchSpec) -> i64 {
    let states = &spec.automaton.states;
    // From each state on; a way of timers that is longer than there are states goes round for ever.
    let mut lasts = vec![0i64; states.len()];
    for _ in 0..states.len() {
        let before = lasts.clone();
        for (number, state) in states.iter().enumerate() {
            for edge in &state.edges {
                let Event::Clock(clock) = edge.on else { continue };
                let own = spec.clocks.get(clock).map_or(0, longest);
                lasts[number] =
                    lasts[number].max(own.saturating_add(before.get(edge.to).copied().unwrap_or(0)));
            }
        }
        if lasts == before {
            return lasts.into_iter().max().unwrap_or(0);
        }
    }
    i64::MAX
}

fn longest(clock: &Clock) -> i64 {
    match clock {
        Clock::Fixed(time) => *time,
        Clock::Computed { most, .. } => *most,
    }
}

/// Whether its events all touch.
fn is_fixed(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Sequence(links) => {
            let touches = |link: &Link| link.next || is_timer(&link.pattern);
            links.iter().skip(1).all(touches) && links.iter().all(|link| is_fixed(&link.pattern))
        }
        Pattern::Repeat { of, adjacent, .. } => *adjacent && is_fixed(of),
        Pattern::Step(_) | Pattern::Quiet { .. } | Pattern::Absent(_) => true,
        Pattern::All { .. } | Pattern::Any(_) => false,
    }
}

/// Whether it is one event, but for timers.
fn is_single(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Sequence(links) => {
            let mut others = links.iter().map(|link| &link.pattern).filter(|part| !is_timer(part));
            others.next().is_some_and(is_single) && others.next().is_none()
        }
        pattern => matches!(pattern, Pattern::Step(_)),
    }
}

fn is_timer(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Quiet { .. })
}

fn schemas(pattern: &Match) -> Vec<&Schema> {
    pattern.inputs.iter().map(|input| &input.schema).collect()
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}
