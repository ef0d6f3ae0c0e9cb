//! Queries: `select … from … where … group by …` and `from … select … insert into …` as our clauses, in our order.

mod reads;

use super::granted::{self, titled};
use super::terms::expression;
use super::tokens::Tokens;
use super::windows::{self, Window};
use crate::token::{TokenKind, in_backticks};
use reads::Read;

/// A query in our words.
#[derive(Debug)]
pub struct Query {
    /// From `from` on.
    pub clauses: Vec<String>,
    /// Of how many rows it speaks, whichever come first.
    pub limit: Option<u64>,
    /// The stream that it feeds.
    pub into: Option<String>,
    /// What is taken for granted.
    pub granted: Vec<String>,
}

impl Query {
    /// The title of a fix, which tells what is taken for granted.
    pub fn titled(&self, title: &str) -> String {
        titled(title, &self.granted)
    }

    /// The same, told to take something for granted.
    pub fn granting(mut self, what: &str) -> Query {
        self.granted.push(what.to_string());
        self
    }
}

/// What begins the parts of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Select,
    From,
    Where,
    Window,
    Group,
    Having,
    Order,
    Limit,
    Emit,
    Into,
    Partition,
}

/// A column of the answer.
struct Item {
    value: String,
    name: Option<String>,
}

impl Item {
    /// What it can be called by below.
    fn name(&self) -> Option<&str> {
        let of_call = self.value.split_once('(').map(|(function, _)| function);
        let own = self.value.rsplit('.').next().filter(|_| is_path(&self.value)).or(of_call);
        self.name.as_deref().or(own).filter(|name| is_path(name))
    }

    /// The column that it is as it was read.
    fn column(&self) -> Option<&str> {
        Some(self.value.as_str()).filter(|value| is_path(value) && !value.starts_with("window."))
    }

    fn is_aggregate(&self) -> bool {
        AGGREGATES.iter().any(|name| calls(&self.value, name))
    }

    fn written(&self) -> String {
        match &self.name {
            Some(name) => format!("{} as {name}", self.value),
            None => self.value.clone(),
        }
    }
}

/// The aggregates that queries are known by which lack their `group by`.
const AGGREGATES: &[&str] =
    &["count", "sum", "avg", "min", "max", "first", "last", "collect", "median", "stddev"];

/// Whether an aggregate is called at a token.
pub fn is_aggregate(tokens: Tokens, at: usize) -> bool {
    let is_call = tokens.kind(at + 1) == Some(TokenKind::LeftParenthesis);
    is_call && AGGREGATES.contains(&&*tokens.word(at))
}

fn calls(text: &str, function: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(function)
        .any(|(at, _)| text[at + function.len()..].starts_with('(') && !text[..at].ends_with(is_name))
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '`'))
}

/// A query of another language; none if it says what cannot be said so. `is_table`: of those that are declared.
pub fn query(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Query> {
    let parts = parts(tokens)?;
    // What is no token is a window behind what is read.
    let n_lost = windows::handlers(tokens).len();
    let part = |wanted: Part| parts.iter().find(|(part, _)| *part == wanted).map(|(_, tokens)| *tokens);
    let into = part(Part::Into).map(|into| (into.all.len() == 1).then(|| into.written(0).to_string()));
    let into = if let Some(into) = into { Some(into?) } else { None };
    let (most, select) = part(Part::Select).map(most).unwrap_or_default();
    let limit = match part(Part::Limit) {
        Some(limit) => Some(limit.written(0).parse().ok().filter(|_| limit.all.len() == 1)?),
        None => most,
    };
    let read = Read::of(part(Part::From)?, is_table)?;
    if n_lost > usize::from(read.window.is_some()) {
        return None;
    }
    // ksqlDB tells each change unless what is final is asked for.
    let emit = part(Part::Emit);
    let is_final = emit.is_some_and(|emit| emit.is(0, "final"));
    let tells_changes = !is_final && (emit.is_some() || part(Part::Window).is_some());
    let mut window = match part(Part::Window).map(windows::of_ksqldb) {
        Some(window) if tells_changes => Some(window?.told_at_changes()),
        Some(window) => Some(window?),
        None => read.window,
    };
    let (is_distinct, items) = match select {
        Some(select) => items(select)?,
        None => (false, vec![]),
    };
    let mut keys = vec![];
    for key in part(Part::Group).map(|group| group.parts()).unwrap_or_default() {
        match windows::of_function(key) {
            Some(of_key) => window = Some(of_key),
            None if windows::bound(key).is_some() => {}
            None => keys.push(by_number(key, &items, Item::column)?),
        }
    }
    let all: Vec<&Item> = items.iter().filter(|item| item.value != "*").collect();
    let is_all = items.len() != all.len();
    if is_distinct {
        if !keys.is_empty() || is_all || !all.iter().all(|item| item.name.is_none() && is_path(&item.value)) {
            return None;
        }
        keys = all.iter().map(|item| item.value.clone()).collect();
    }
    let is_grouped = part(Part::Group).is_some() || is_distinct || all.iter().any(|item| item.is_aggregate());
    if is_grouped && is_all {
        return None;
    }
    if is_grouped && window.as_ref().is_some_and(|window| !window.fits(&keys)) {
        return None;
    }
    // In Siddhi they are of each chunk that comes out.
    let is_ordered = part(Part::Order).is_some() || part(Part::Limit).is_some();
    if is_ordered && tokens.is(0, "from") && !window.as_ref().is_some_and(Window::is_batch) {
        return None;
    }
    if part(Part::Partition).is_some() && is_grouped {
        return None;
    }
    let mut clauses = read.clauses;
    if let Some(condition) = part(Part::Where) {
        clauses.push(format!("where {}", expression(condition)?));
    }
    let having = match part(Part::Having) {
        Some(condition) => Some(named(expression(condition)?, &all, is_grouped)?),
        None => None,
    };
    let order = match part(Part::Order) {
        Some(order) => {
            let name = if is_grouped { Item::name } else { Item::column };
            let keys = order.parts().into_iter().map(|key| by_number(key, &items, name));
            Some(keys.collect::<Option<Vec<_>>>()?.join(", "))
        }
        None => None,
    };
    let is_windowed = window.is_some();
    match &window {
        Some(window) if is_grouped => clauses.push(window.clause(&keys)),
        Some(_) => return None,
        None => {}
    }
    let takes_keys = window.as_ref().is_some_and(Window::takes_keys);
    if is_grouped && !takes_keys && (!keys.is_empty() || !is_windowed) {
        let keys = if keys.is_empty() { "()".to_string() } else { keys.join(", ") };
        clauses.push(format!("group by {keys}{}", if is_windowed { "" } else { " forever" }));
    }
    // Of rows that are not grouped the best are taken while all columns are there.
    let best = match (&order, limit) {
        (Some(keys), Some(most)) => {
            let keys = named(keys.clone(), &all, is_grouped)?;
            Some(format!("top {most} by {keys}{}", if is_windowed { "" } else { " forever" }))
        }
        (Some(keys), None) if is_windowed => {
            Some(format!("order by {}", named(keys.clone(), &all, is_grouped)?))
        }
        (Some(_), None) => return None,
        (None, _) => None,
    };
    let is_of_rows = !is_grouped && !is_of_new_name(order.as_deref().unwrap_or(""), &all);
    clauses.extend(best.clone().filter(|_| is_of_rows));
    if !is_all && !items.is_empty() {
        let items: Vec<String> = items.iter().map(Item::written).collect();
        clauses.push(format!("select {}", items.join(", ")));
    }
    clauses.extend((tells_changes && is_windowed && !takes_keys).then(|| "emit on change".to_string()));
    clauses.extend(having.map(|condition| format!("where {condition}")));
    clauses.extend(best.filter(|_| !is_of_rows));
    let mut granted = read.granted;
    granted.extend(window.as_ref().and_then(Window::granted));
    granted.extend(part(Part::Partition).map(|_| granted::NOT_PARTED.to_string()));
    granted.extend(granted::terms(tokens));
    Some(Query { clauses, limit: limit.filter(|_| order.is_none()), into, granted })
}

/// Whether rows are ordered by a column that the select names.
fn is_of_new_name(order: &str, items: &[&Item]) -> bool {
    let words = || order.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    items.iter().filter_map(|item| item.name.as_deref()).any(|name| words().any(|word| word == name))
}

/// A key, which may be the number of a column of the select: `2 desc`. `name`: what such a column is called there.
fn by_number(key: Tokens, items: &[Item], name: fn(&Item) -> Option<&str>) -> Option<String> {
    if !is_number(key) {
        return expression(key);
    }
    let place = key.written(0).parse::<usize>().ok()?.checked_sub(1)?;
    let is_all = items.iter().any(|item| item.value == "*");
    let column = name(items.get(place).filter(|_| !is_all)?)?;
    Some(format!("{column} {}", key.word(1)).trim_end().to_string())
}

/// Whether a key is a number of a column.
fn is_number(key: Tokens) -> bool {
    let is_whole = key.all.len() == 1 || key.is(1, "asc") || key.is(1, "desc");
    key.kind(0) == Some(TokenKind::Integer) && is_whole
}

/// A condition on what has been selected: below the select, aggregates have their names.
fn named(mut text: String, items: &[&Item], is_grouped: bool) -> Option<String> {
    for item in items.iter().filter(|item| item.is_aggregate()) {
        text = text.replace(&item.value, item.name()?);
    }
    (!is_grouped || !AGGREGATES.iter().any(|name| calls(&text, name))).then_some(text)
}

/// The parts of a query; none if one stands twice or something stands in front.
fn parts(tokens: Tokens) -> Option<Vec<(Part, Tokens)>> {
    let mut starts: Vec<(Part, usize, usize)> = vec![];
    let mut case = 0_usize;
    for at in tokens.outside() {
        let word = tokens.word(at);
        if at > 0 && tokens.kind(at - 1) == Some(TokenKind::Dot) {
            continue;
        }
        case += usize::from(word == "case");
        case -= usize::from(word == "end" && case > 0);
        let is_by = tokens.is(at + 1, "by");
        let (part, n) = match word.as_str() {
            _ if case > 0 => continue,
            "select" => (Part::Select, 1),
            "from" if at > 0 && tokens.is(at - 1, "distinct") => continue,
            "from" => (Part::From, 1),
            "where" => (Part::Where, 1),
            "window" if words_of_windows(&tokens.word(at + 1)) => (Part::Window, 1),
            "group" if is_by => (Part::Group, 2),
            "partition" if is_by => (Part::Partition, 2),
            "having" => (Part::Having, 1),
            "order" if is_by => (Part::Order, 2),
            "limit" => (Part::Limit, 1),
            "emit" if tokens.is(at + 1, "changes") || tokens.is(at + 1, "final") => (Part::Emit, 1),
            "insert" if tokens.is(at + 1, "into") => (Part::Into, 2),
            "insert" if tokens.is(at + 1, "current") && tokens.is(at + 3, "into") => (Part::Into, 4),
            _ => continue,
        };
        if starts.iter().any(|(known, ..)| *known == part) {
            return None;
        }
        starts.push((part, at, at + n));
    }
    starts.first().filter(|(_, at, _)| *at == 0)?;
    let end = |n: usize| starts.get(n + 1).map_or(tokens.all.len(), |(_, at, _)| *at);
    Some(
        starts.iter().enumerate().map(|(n, (part, _, start))| (*part, tokens.part(*start..end(n)))).collect(),
    )
}

fn words_of_windows(word: &str) -> bool {
    matches!(word, "tumbling" | "hopping" | "session")
}

/// `top 2 card, amount`: how many rows, and of them what.
fn most(select: Tokens) -> (Option<u64>, Option<Tokens>) {
    let is_most = select.is(0, "top") && select.kind(1) == Some(TokenKind::Integer);
    let is_column = select.all.len() == 2 || select.kind(2) == Some(TokenKind::Comma);
    match select.written(1).parse().ok().filter(|_| is_most && !is_column) {
        Some(most) => (Some(most), Some(select.part(2..))),
        None => (None, Some(select)),
    }
}

/// The columns, and whether each row is asked for once.
fn items(select: Tokens) -> Option<(bool, Vec<Item>)> {
    // Of Esper: what enters the window, which all are asked for, and what leaves it.
    let is_word = select.kind(1).is_some_and(|kind| kind.is_name() || kind == TokenKind::Star);
    let select = match select.word(0).as_str() {
        "irstream" | "rstream" if is_word && !select.is(1, "as") => return None,
        "istream" if is_word && !select.is(1, "as") => select.part(1..),
        _ => select,
    };
    let is_distinct = select.is(0, "distinct");
    let select = select.part(usize::from(is_distinct)..);
    let items: Option<Vec<Item>> = select.parts().into_iter().map(item).collect();
    Some((is_distinct, items.filter(|items| !items.is_empty())?))
}

fn item(tokens: Tokens) -> Option<Item> {
    let last = tokens.all.len().checked_sub(1)?;
    let is_name = |at: usize| tokens.kind(at).is_some_and(|kind| kind.is_name() || kind.is_reserved());
    let outside: Vec<usize> = tokens.outside().collect();
    let stands_apart = last > 0
        && is_name(last)
        && outside.contains(&last)
        && !tokens.gap(last).is_empty()
        && tokens.kind(last - 1).is_some_and(|before| before.closes() || before.is_name())
        && !tokens.is(last, "end")
        && !matches!(tokens.word(last - 1).as_str(), "is" | "not" | "and" | "or" | "then" | "else" | "null");
    let (value, name) = match outside.iter().rev().find(|at| tokens.is(**at, "as")) {
        Some(at) if at + 1 == last && is_name(last) => (tokens.part(..*at), Some(tokens.written(last))),
        _ if stands_apart => (tokens.part(..last), Some(tokens.written(last))),
        _ => (tokens, None),
    };
    let name = name.map(|name| match TokenKind::word(name).is_some_and(TokenKind::is_reserved) {
        true => in_backticks(name),
        false => name.to_string(),
    });
    if let Some(bound) = windows::bound(value) {
        let name = name.or_else(|| Some(value.written(0).to_ascii_lowercase()));
        return Some(Item { value: bound.to_string(), name });
    }
    if value.all.len() == 1 && value.is(0, "*") {
        return Some(Item { value: "*".into(), name: None });
    }
    // What an aggregate is called by itself, `count(distinct x)` is called, too.
    Some(Item { value: expression(value)?, name })
}
