//! The answer to "why is there a match, or none?" in text: the answer first, then what led to it, event by event.

use super::automaton::Automaton;
use super::event::Event;
use super::note::{Note, Refusal};
use super::replay::{Ending, Found, NotBegun, Outcome, Replay, RunTold, Told};
use super::run::{END, Moment};
use super::survey::{Life, Survey};
use super::words::Words;
use crate::message::EventTime;
use crate::report::thousands;
use millstream_ir::text::format_timestamp;
use millstream_ir::value::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What is asked of a pattern, and what is known.
pub struct Question<'q> {
    /// The stream, and the key if there is one: `card_testing, card "c1"`.
    pub title: String,
    pub words: Words<'q>,
    pub key: &'q [Value],
    /// The events of the key in the total order, no late ones.
    pub events: &'q [Event],
    pub at: Option<EventTime>,
    /// So many events are told at most.
    pub limit: usize,
    /// What did not reach the pattern: lines.
    pub notes: Vec<String>,
    /// What became of a match behind the pattern: a line.
    pub behind: &'q dyn Fn(&Found) -> String,
    /// What let the watermark pass a time.
    pub decided: &'q dyn Fn(EventTime) -> String,
}

/// Matches that are listed.
const MOST_MATCHES: usize = 5;
/// Runs of which each moment tells.
const MOST_RUNS: usize = 8;
/// Reasons that are told of a run at once.
const MOST_REASONS: usize = 3;

pub fn answer(question: &Question) -> String {
    let automaton = Automaton::new(question.words.spec);
    let survey = Survey::of(&automaton, question.key, question.events, question.at);
    let focus = focus(question, &survey);
    let chosen = chosen(question, &survey, &focus);
    let waited = waited(question, &survey, &focus);
    let mut telling = Telling {
        question,
        survey: &survey,
        focus: &focus,
        story: String::new(),
        told_up_to: 0,
        leaves_out: false,
        tally: Tally::default(),
    };
    let at = Cell::new(0);
    let wanted = |_: Moment, _: EventTime| {
        let number = at.get();
        at.set(number + 1);
        chosen.contains(&number) || waited.contains(&number)
    };
    let mut visit = |told: Told| {
        let number = at.get() - 1;
        if waited.contains(&number) {
            telling.count(&told);
        }
        if chosen.contains(&number) {
            telling.tell(number, &told);
        }
    };
    Replay::new(&automaton, question.key, question.events).run(&wanted, &mut visit);
    telling.skip_to(survey.moments.len());
    telling.text()
}

/// The runs that are told of: those live at the time that is asked for, else all.
struct Focus {
    runs: BTreeSet<usize>,
    /// The one of which it is told what it waited for when it had come furthest.
    furthest: Option<usize>,
}

fn focus(question: &Question, survey: &Survey) -> Focus {
    let is_live =
        |life: &Life, at: EventTime| life.began <= at && survey.ended(life).is_none_or(|end| end >= at);
    let numbered = survey.lives.iter().enumerate();
    let runs: BTreeSet<usize> = match question.at {
        Some(at) => numbered.filter(|(_, life)| is_live(life, at)).map(|(number, _)| number).collect(),
        None => numbered.map(|(number, _)| number).collect(),
    };
    let furthest = match question.at {
        None => survey.furthest().filter(|_| survey.n_matches == 0),
        Some(_) => {
            let unmatched = runs.iter().filter(|number| survey.lives[**number].matches.is_empty());
            unmatched.rev().max_by_key(|number| survey.lives[**number].progress).copied()
        }
    };
    Focus { runs, furthest }
}

/// The moments that are told.
fn chosen(question: &Question, survey: &Survey, focus: &Focus) -> BTreeSet<usize> {
    let n_moments = survey.moments.len();
    let changes = |number: &usize| survey.lives[*number].changes.iter().copied();
    let Some(at) = question.at else {
        if n_moments <= question.limit {
            return (0..n_moments).collect();
        }
        // The run that came furthest, or those that were matches; then whatever changed something.
        let first: Vec<usize> = match focus.furthest {
            Some(furthest) => vec![furthest],
            None => (0..survey.lives.len()).filter(|n| !survey.lives[*n].matches.is_empty()).collect(),
        };
        let others = (0..n_moments).filter(|moment| survey.moments[*moment].n_changed > 0);
        let last = focus.furthest.map(|furthest| survey.lives[furthest].furthest);
        let behind = last.into_iter().flat_map(|last| (last + 1..n_moments).take(question.limit / 4));
        let mut chosen = BTreeSet::new();
        for moment in first.iter().flat_map(changes).chain(behind).chain(others).chain(0..n_moments) {
            if chosen.len() >= question.limit {
                break;
            }
            chosen.insert(moment);
        }
        return chosen;
    };
    // What made the runs that were live, the nearest moments, and what came next of them.
    let behind = survey.moments.partition_point(|moment| moment.time <= at);
    let half = question.limit.div_ceil(2);
    let mut before: BTreeSet<usize> = focus.runs.iter().flat_map(changes).filter(|m| *m < behind).collect();
    before.extend((0..behind).rev().take(2));
    while before.len() > half {
        before.pop_first();
    }
    let mut after: BTreeSet<usize> = focus.runs.iter().flat_map(changes).filter(|m| *m >= behind).collect();
    after.extend((behind..n_moments).take(if focus.runs.is_empty() { 2 } else { half / 2 }));
    let room = question.limit - before.len();
    before.into_iter().chain(after.into_iter().take(room)).collect()
}

/// The moments at which the run that came furthest waited there; where there is no run at all, every moment.
fn waited(question: &Question, survey: &Survey, focus: &Focus) -> std::ops::Range<usize> {
    let n_moments = survey.moments.len();
    match focus.furthest.map(|number| &survey.lives[number]) {
        Some(life) => {
            let end = life.changes.last().filter(|_| life.is_over).map_or(n_moments, |last| *last + 1);
            life.furthest + 1..end
        }
        None if survey.lives.is_empty() && question.at.is_none() => 0..n_moments,
        None => 0..0,
    }
}

/// Whether conditions are told with values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Shown,
    Left,
}

/// How often events were not taken, and why.
#[derive(Default)]
struct Tally {
    n_events: usize,
    n_of_others: usize,
    /// By step and condition: how often it did not hold, when last, and with which values.
    unfulfilled: BTreeMap<(usize, String), (usize, EventTime, String)>,
    /// What else kept events from being taken: how often, and when last.
    barred: BTreeMap<String, (usize, EventTime)>,
}

struct Telling<'t> {
    question: &'t Question<'t>,
    survey: &'t Survey,
    focus: &'t Focus,
    story: String,
    /// The moments before this are told, or left out and that is said.
    told_up_to: usize,
    /// Whether moments are left out.
    leaves_out: bool,
    tally: Tally,
}

impl Telling<'_> {
    fn words(&self) -> &Words<'_> {
        &self.question.words
    }

    fn run_name(&self, start: usize) -> String {
        self.survey.name(start)
    }

    /// The answer, and behind it what has been told.
    fn text(self) -> String {
        let Question { title, events, .. } = self.question;
        let mut text = match self.survey.n_matches {
            0 => format!("{title}: no match in {}", n_of(events.len(), "event")),
            1 => format!("{title}: 1 match in {}", n_of(events.len(), "event")),
            n => format!("{title}: {} matches in {}", thousands(n as u64), n_of(events.len(), "event")),
        };
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            let _ = write!(text, " from {} to {}", format_timestamp(first.time), format_timestamp(last.time));
        }
        text.push('\n');
        let _ = writeln!(text, "match {}", self.words().whole());
        self.question.notes.iter().for_each(|note| text += &format!("note: {note}\n"));
        text += &self.matches();
        text += &self.runs();
        text += &self.verdict();
        if let (Some(at), true) = (self.question.at, self.focus.runs.is_empty()) {
            let _ = writeln!(text, "no run was live at {}", format_timestamp(at));
        }
        if !self.story.is_empty() {
            text.push('\n');
            text += &self.story;
            if self.leaves_out {
                text += "`--at TIME` tells what is around a time, `--limit EVENTS` how much is told\n";
            }
        }
        text
    }

    fn matches(&self) -> String {
        let mut text = String::new();
        let is_told = |(_, found): &&(usize, Found)| {
            let number = self.survey.numbers.get(&found.run);
            self.question.at.is_none() || number.is_some_and(|number| self.focus.runs.contains(number))
        };
        let numbered: Vec<&(usize, Found)> = self.survey.matches.iter().filter(is_told).collect();
        let n_all = if self.question.at.is_none() { self.survey.n_matches } else { numbered.len() };
        for (number, found) in numbered.iter().take(MOST_MATCHES) {
            let timeout = if found.is_timeout { ", out of time" } else { "" };
            let _ = writeln!(
                text,
                "match {number}: {}, from {} to {}{timeout}: {}",
                self.run_name(found.run),
                format_timestamp(found.start),
                format_timestamp(found.end),
                self.words().taken(&found.steps),
            );
            let _ = writeln!(text, "  {}", (self.question.behind)(found));
        }
        if let Some(n @ 1..) = n_all.checked_sub(MOST_MATCHES) {
            let _ = writeln!(text, "… and {} more", thousands(n as u64));
        }
        text
    }

    /// How many runs there were, and what became of them.
    fn runs(&self) -> String {
        let lives = &self.survey.lives;
        if lives.is_empty() {
            return String::new();
        }
        let mut became: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for life in lives {
            let what = match life.end {
                _ if !life.matches.is_empty() => (0, "matched"),
                Some(Ending::Used(_)) => (1, "ended as a match used its events up"),
                Some(Ending::Once(_)) => (2, "ended with the match of another"),
                Some(Ending::OutOfTime(_) | Ending::Limit(_)) => (3, "out of time"),
                Some(Ending::Absence(_)) => (4, "ended by what must not come"),
                Some(Ending::Parted) => (5, "ended as the next event was another"),
                Some(Ending::TooMany) => (6, "given up, as there were too many"),
                None => (7, "live at the end of the input"),
            };
            *became.entry(what).or_default() += 1;
        }
        let became: Vec<String> =
            became.into_iter().map(|((_, what), n)| format!("{} {what}", thousands(n as u64))).collect();
        format!("{} began: {}\n", n_of(lives.len(), "run"), became.join(", "))
    }

    /// What the run that came furthest waited for, or why none began.
    fn verdict(&self) -> String {
        let Some(life) = self.focus.furthest.map(|number| &self.survey.lives[number]) else {
            if !self.survey.lives.is_empty() || self.question.at.is_some() || self.question.events.is_empty()
            {
                return String::new();
            }
            return format!(
                "no event began a run:\n{}",
                self.tally.lines(self.words(), "the first step is ")
            );
        };
        let words = self.words();
        let waited_for = words.waits(&life.waited_for);
        let waited =
            if waited_for.is_empty() { String::new() } else { format!(", then waited for {waited_for}") };
        let mut text = format!(
            "{} came furthest: from {} it took {}{waited}\n",
            self.run_name(life.start),
            format_timestamp(life.began),
            words.taken(&life.taken),
        );
        text += &self.tally.lines(words, "");
        let ended = match (life.end, words.spec.within) {
            (Some(ending), _) => words.ending(ending, &|start| self.run_name(start)),
            (None, Some(within)) => {
                let over = format_timestamp(life.began.saturating_add(within));
                format!("the input ended before its {} had passed, at {over}", words.within())
            }
            (None, None) => "live to the end of the input".to_string(),
        };
        text += &format!("  {ended}\n");
        text
    }

    /// Counts why an event was not taken where the run that came furthest stands, or by a first step.
    fn count(&mut self, told: &Told) {
        let Moment::Event(number) = told.moment else { return };
        let event = &self.question.events[number];
        let furthest = self.focus.furthest.map(|number| self.survey.lives[number].start);
        let notes = match (furthest, &told.not_begun) {
            (Some(start), _) => told.runs.iter().find(|run| run.start == start).map(|run| &run.notes),
            (None, Some(NotBegun::Unfit(notes))) => Some(notes),
            (None, _) => None,
        };
        self.tally.n_events += 1;
        for note in notes.into_iter().flatten() {
            if let Note::Broke(absence) = note {
                let why = format!("barred by an event of `{}`", self.question.words.absence(*absence));
                let entry = self.tally.barred.entry(why).or_insert((0, event.time));
                *entry = (entry.0 + 1, event.time);
            }
        }
        let refusals = notes.into_iter().flatten().filter_map(|note| match note {
            Note::Refused(step, refusal) => Some((*step, refusal)),
            _ => None,
        });
        let refusals: Vec<(usize, &Refusal)> = refusals.collect();
        if !refusals.is_empty() && refusals.iter().all(|(_, refusal)| **refusal == Refusal::Stream) {
            self.tally.n_of_others += 1;
        }
        let mut counted = BTreeSet::new();
        for (step, refusal) in refusals {
            let parts = match refusal {
                Refusal::Stream => continue,
                Refusal::Condition(bindings) => self.question.words.unfulfilled(step, event, bindings),
                refusal => {
                    let why = self.question.words.refusal(step, refusal, event, true).unwrap_or_default();
                    let entry = self.tally.barred.entry(format!("{}: {why}", self.question.words.step(step)));
                    let entry = entry.or_insert((0, event.time));
                    *entry = (entry.0 + 1, event.time);
                    continue;
                }
            };
            for part in parts.into_iter().filter(|part| counted.insert((step, part.clone()))) {
                let entry = self.tally.unfulfilled.entry((step, part.condition)).or_default();
                *entry = (entry.0 + 1, event.time, part.values);
            }
        }
    }

    /// Says that moments are left out, up to this.
    fn skip_to(&mut self, number: usize) {
        let left_out = self.survey.moments.get(self.told_up_to..number).unwrap_or(&[]);
        self.told_up_to = number + 1;
        let n_changing = left_out.iter().filter(|moment| moment.n_changed > 0).count();
        let n = left_out.len();
        if n == 0 {
            return;
        }
        let changed = match n_changing {
            0 => ", which changed nothing".to_string(),
            n_changing if n_changing == n => String::new(),
            n => format!(", {} of which changed something", thousands(n as u64)),
        };
        self.leaves_out = true;
        let _ = writeln!(self.story, "… {} left out{changed}", n_of(n, "moment"));
    }

    fn tell(&mut self, number: usize, told: &Told) {
        self.skip_to(number);
        let what = match told.moment {
            Moment::Event(number) => self.words().event(&self.question.events[number]),
            Moment::Clock(_) => (self.question.decided)(told.time),
        };
        let time =
            if told.time == END { "end of the input".to_string() } else { format_timestamp(told.time) };
        let _ = writeln!(self.story, "{time}  {what}");
        // Runs that differ in values alone are told together, with the values of one.
        let mut said: Vec<(String, Vec<(usize, &RunTold)>)> = vec![];
        let runs = told.runs.iter().filter_map(|run| Some((*self.survey.numbers.get(&run.start)?, run)));
        for (number, run) in runs.filter(|(number, run)| {
            self.focus.runs.contains(number) || self.question.at.is_some() && run.outcome == Outcome::Began
        }) {
            let line = self.line(told, run, Values::Left);
            match said.iter_mut().find(|(other, _)| *other == line) {
                Some((_, alike)) => alike.push((number, run)),
                None => said.push((line, vec![(number, run)])),
            }
        }
        let n_more: usize = said.iter().skip(MOST_RUNS).map(|(_, numbers)| numbers.len()).sum();
        for (plain, alike) in said.iter().take(MOST_RUNS) {
            let furthest = alike.iter().find(|(number, _)| Some(*number) == self.focus.furthest);
            let Some((number, run)) = furthest.or(alike.last()) else { continue };
            let line = self.line(told, run, Values::Shown);
            let numbers: Vec<usize> = alike.iter().map(|(number, _)| number + 1).collect();
            let of_one = match alike.len() > 1 && line != *plain {
                true => format!(" (run {})", number + 1),
                false => String::new(),
            };
            let _ = writeln!(self.story, "    {}: {line}{of_one}", runs_text(&numbers));
        }
        if n_more > 0 {
            let _ = writeln!(self.story, "    … and {}", n_of(n_more, "more run"));
        }
        let is_taken = told.runs.iter().any(|run| run.notes.iter().any(|note| matches!(note, Note::Took(_))));
        match &told.not_begun {
            Some(NotBegun::Unfit(notes)) if !is_taken && said.is_empty() => {
                let reasons = self.refusals(told, notes, Values::Shown);
                if !reasons.is_empty() {
                    let _ = writeln!(self.story, "    begins no run: not {reasons}");
                }
            }
            Some(NotBegun::Quiet(EventTime::MAX)) => {
                self.story += "    begins no run: there has been a match, and it is `once forever`\n";
            }
            Some(NotBegun::Quiet(until)) => {
                let _ = writeln!(
                    self.story,
                    "    begins no run: there has been a match, and none begins before {}",
                    format_timestamp(*until)
                );
            }
            _ => {}
        }
    }

    /// What happened to a run.
    fn line(&self, told: &Told, run: &RunTold, values: Values) -> String {
        let words = self.words();
        let took = self.took(told, run);
        let waits = match words.waits(&run.waits_for) {
            waits if waits.is_empty() => String::new(),
            waits => format!("; waiting for {waits}"),
        };
        match run.outcome {
            Outcome::Began => format!("begun{}{waits}", took.replacen("taken as", " with", 1)),
            Outcome::WentOn => format!("{took}{}{waits}", self.barred(told, run)),
            Outcome::Stayed => {
                let broke = run.notes.iter().find_map(|note| match note {
                    Note::Broke(absence) => Some(words.absence(*absence)),
                    _ => None,
                });
                let reasons = self.refusals(told, &run.notes, values);
                let still = match (reasons.is_empty(), waits.is_empty()) {
                    (false, _) => format!("still waiting for {reasons}"),
                    (true, false) => format!("still{}", waits.trim_start_matches(';')),
                    (true, true) => "as before".to_string(),
                };
                match broke {
                    Some(absence) => format!("barred from going on where `{absence}` stands; {still}"),
                    None => still,
                }
            }
            Outcome::Lost(by) => {
                let by = self.run_name(by);
                format!("left without the events that the match of {by} used up{waits}")
            }
            Outcome::Holds => {
                let took = if took.is_empty() { String::new() } else { format!("{took}; ") };
                format!(
                    "{took}complete, waiting whether it can take more{}",
                    waits.replacen("; waiting for", ":", 1)
                )
            }
            Outcome::Completes(number) => {
                let took = if took.is_empty() { "complete".to_string() } else { took };
                format!("{took}: match {number}")
            }
            Outcome::TimedOut(number) => {
                let within = words.within();
                format!("out of time, {within}: reported as far as it came, as match {number}")
            }
            Outcome::Ended(ending) => {
                let reasons = match ending {
                    Ending::Parted => self.refusals(told, &run.notes, values),
                    _ => String::new(),
                };
                let why = if reasons.is_empty() { String::new() } else { format!("; not {reasons}") };
                words.ending(ending, &|start| self.run_name(start)) + &why
            }
        }
    }

    /// What an event that was taken could not be taken as, whatever it is like: steps further in the pattern.
    fn barred(&self, told: &Told, run: &RunTold) -> String {
        let furthest = run.notes.iter().filter_map(|note| match note {
            Note::Took(step) => Some(*step),
            _ => None,
        });
        let furthest = furthest.max();
        let is_barred = |note: &&Note| match note {
            Note::Refused(_, Refusal::Stream | Refusal::Condition(_)) => false,
            Note::Refused(step, _) => Some(*step) > furthest,
            _ => false,
        };
        let barred: Vec<Note> = run.notes.iter().filter(is_barred).cloned().collect();
        match self.refusals(told, &barred, Values::Shown) {
            reasons if reasons.is_empty() => reasons,
            reasons => format!("; not {reasons}"),
        }
    }

    /// `taken as probe (2)`
    fn took(&self, told: &Told, run: &RunTold) -> String {
        // Of a match only what it has taken counts, whatever else could have been.
        let is_match = matches!(run.outcome, Outcome::Completes(_));
        let is_taken = |step: usize| match told.moment {
            Moment::Event(number) if is_match => {
                run.taken.get(step).is_some_and(|events| events.contains(&number))
            }
            _ => true,
        };
        let mut steps = vec![];
        let mut clocks = vec![];
        for note in &run.notes {
            match note {
                Note::Took(step) if !steps.contains(step) && is_taken(*step) => steps.push(*step),
                Note::RanDown(clock) if !clocks.contains(clock) => clocks.push(*clock),
                _ => {}
            }
        }
        let words = self.words();
        let steps: Vec<String> = steps
            .into_iter()
            .map(|step| {
                let repeats = words.spec.steps.get(step).is_some_and(|step| step.repeats);
                match run.taken.get(step).map_or(0, Vec::len) {
                    n @ 1.. if repeats => format!("{} ({n})", words.step(step)),
                    _ => words.step(step),
                }
            })
            .collect();
        let clocks: Vec<String> =
            clocks.into_iter().map(|clock| format!("`{}` holds", words.clock(clock))).collect();
        match (steps.is_empty(), clocks.is_empty()) {
            (false, _) => format!("taken as {}", steps.join(", or as ")),
            (true, false) => clocks.join(", "),
            (true, true) => String::new(),
        }
    }

    /// Why the event was not taken, by step.
    fn refusals(&self, told: &Told, notes: &[Note], values: Values) -> String {
        let Moment::Event(number) = told.moment else { return String::new() };
        let event = &self.question.events[number];
        let mut reasons: Vec<String> = vec![];
        let mut others: Vec<String> = vec![];
        for note in notes {
            let Note::Refused(step, refusal) = note else { continue };
            let name = self.words().step(*step);
            let (list, text) = match self.words().refusal(*step, refusal, event, values == Values::Shown) {
                Some(why) => (&mut reasons, format!("{name}: {why}")),
                None => (&mut others, format!("{name}, which is of {}", self.words().stream_of(*step))),
            };
            if !list.contains(&text) {
                list.push(text);
            }
        }
        if reasons.is_empty() && !others.is_empty() {
            return others.join(", or ");
        }
        let n_more = reasons.len().saturating_sub(MOST_REASONS);
        reasons.truncate(MOST_REASONS);
        let more = if n_more > 0 { format!("; and {n_more} more") } else { String::new() };
        reasons.join("; ") + &more
    }
}

impl Tally {
    fn lines(&self, words: &Words, prefix: &str) -> String {
        let mut text = String::new();
        for ((step, condition), (n, last, values)) in &self.unfulfilled {
            let step = words.step(*step);
            let values = if values.is_empty() { String::new() } else { format!(": {values}") };
            let _ = writeln!(
                text,
                "  {prefix}{step}: `{condition}` did not hold for {}, last at {}{values}",
                n_of(*n, "event"),
                format_timestamp(*last)
            );
        }
        for (why, (n, last)) in &self.barred {
            let _ =
                writeln!(text, "  {prefix}{why}, {}, last at {}", n_of(*n, "time"), format_timestamp(*last));
        }
        if self.n_of_others > 0 {
            let _ = writeln!(text, "  {} of other streams", n_of(self.n_of_others, "event"));
        }
        if self.n_events == 0 {
            text += "  no event of the key came after that\n";
        }
        text
    }
}

/// `run 3`, `runs 1, 2, 5`, `runs 4–9`
fn runs_text(numbers: &[usize]) -> String {
    match numbers {
        [one] => format!("run {one}"),
        [first, .., last] if numbers.len() > 2 && last - first + 1 == numbers.len() => {
            format!("runs {first}–{last}")
        }
        _ => {
            let shown: Vec<String> = numbers.iter().take(6).map(usize::to_string).collect();
            let more = numbers.len().saturating_sub(6);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("runs {}{more}", shown.join(", "))
        }
    }
}

/// `1 event`, `12 events`
fn n_of(n: usize, what: &str) -> String {
    let plural = match n {
        1 => "",
        _ if what.ends_with("ch") => "es",
        _ => "s",
    };
    format!("{} {what}{plural}", thousands(n as u64))
}
