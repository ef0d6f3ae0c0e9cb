//! Regular expressions, in the syntax of Rust's regex crate. Patterns are compiled once a thread.

use super::{Result, list_result, misuse, partial, text_result};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::effort::{self, look, spend};
use millstream_ir::eval::LONGEST_RESULT;
use millstream_ir::value::Value;
use regex::{Captures, Regex};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub static FUNCTIONS: &[ScalarFunction] = &[
    partial("regex_extract", regex_extract),
    partial("regex_extract_all", regex_extract_all),
    partial("regex_replace", regex_replace),
    partial("regex_split", regex_split),
    partial("regex_count", regex_count),
];

/// More patterns than this at a time are made of data, and not worth keeping.
const MOST_KEPT: usize = 100;

/// The steps that it takes to compile a pattern.
const STEPS_OF_PATTERN: u64 = 100_000;

#[derive(Default)]
struct Kept {
    by_pattern: HashMap<String, Rc<Regex>>,
    /// Of the evaluation that has made them.
    count: u64,
}

/// Shared, not copied: a copy of a regular expression builds up what it matches by anew.
fn compiled(pattern: &str) -> Result<Rc<Regex>> {
    thread_local! {
        static COMPILED: RefCell<Kept> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|kept| {
        if kept.count != effort::count() {
            *kept = Kept { count: effort::count(), ..Kept::default() };
        }
        let kept = &mut kept.by_pattern;
        if let Some(regex) = kept.get(pattern) {
            return Ok(regex.clone());
        }
        spend(STEPS_OF_PATTERN)?;
        let regex = Regex::new(pattern).map(Rc::new).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too big".to_string(),
            // The last line says what is wrong; those above draw the pattern.
            other => {
                let text = other.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("the regular expression is wrong: {reason}")
            }
        })?;
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(pattern.to_string(), regex.clone());
        Ok(regex)
    })
}

/// Takes the steps of a search that may go through all of the text from here on.
fn search(text: &str, from: usize) -> Result<()> {
    look();
    Ok(spend(text.len().saturating_sub(from) as u64)?)
}

/// The group asked for; without one the first, or the whole match where the pattern has none.
fn group<'t>(captures: &Captures<'t>, number: Option<i64>) -> Option<&'t str> {
    let number = match number {
        Some(number) => usize::try_from(number).ok()?,
        None => (captures.len() > 1) as usize,
    };
    captures.get(number).map(|m| m.as_str())
}

/// Where a match ends.
fn end(captures: &Captures) -> usize {
    captures.get(0).map_or(0, |whole| whole.end())
}

fn regex_extract(types: &CallTypes, values: &[Value]) -> Result {
    let (text, pattern, number) = match values {
        [Value::String(text), Value::String(pattern)] => (text, pattern, None),
        [Value::String(text), Value::String(pattern), Value::Int(number)] => (text, pattern, Some(*number)),
        _ => return misuse(types),
    };
    search(text, 0)?;
    let captures = compiled(pattern)?.captures(text);
    Ok(captures.and_then(|c| group(&c, number)).map_or(Value::Null, Value::string))
}

fn regex_extract_all(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(pattern)] = values else { return misuse(types) };
    let regex = compiled(pattern)?;
    let mut groups = vec![];
    search(text, 0)?;
    for captures in regex.captures_iter(text) {
        groups.extend(group(&captures, None).map(Value::string));
        search(text, end(&captures))?;
    }
    list_result(groups)
}

fn regex_replace(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(pattern), Value::String(replacement)] = values else {
        return misuse(types);
    };
    let regex = compiled(pattern)?;
    let mut result = String::new();
    let mut from = 0;
    search(text, 0)?;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        search(text, whole.end())?;
        result.push_str(text.get(from..whole.start()).unwrap_or_default());
        captures.expand(replacement, &mut result);
        from = whole.end();
        if result.len() > LONGEST_RESULT {
            return Err(super::too_long("text"));
        }
    }
    result.push_str(text.get(from..).unwrap_or_default());
    text_result(result)
}

fn regex_split(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(pattern)] = values else { return misuse(types) };
    let regex = compiled(pattern)?;
    let mut parts = vec![];
    search(text, 0)?;
    let mut from = 0;
    for found in regex.find_iter(text) {
        parts.push(Value::string(text.get(from..found.start()).unwrap_or_default()));
        from = found.end();
        search(text, from)?;
    }
    parts.push(Value::string(text.get(from..).unwrap_or_default()));
    list_result(parts)
}

fn regex_count(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(pattern)] = values else { return misuse(types) };
    let regex = compiled(pattern)?;
    let mut count = 0;
    search(text, 0)?;
    for found in regex.find_iter(text) {
        count += 1;
        search(text, found.end())?;
    }
    Ok(Value::Int(count))
}
