//! The type of a place of the input, and what is unsure about it.

use super::course::Course;
use super::digits::Digits;
use super::names;
use super::scalars::Scalars;
use super::shape::{Fields, Shape};
use super::text_literal;
use millstream_ir::text::format_duration;
use millstream_ir::types::Type;
use millstream_runtime::report::thousands;

/// The type of a field.
pub struct Guess {
    pub ty: Ty,
    pub is_nullable: bool,
    /// ` as epoch_ms`, or nothing.
    pub encoding: &'static str,
    pub notes: Vec<String>,
    /// Of times, how they came.
    pub course: Option<Course>,
}

/// A type as declarations write it.
pub enum Ty {
    Named(String),
    /// Declared apart, under a name of its own.
    Record(Vec<(String, Guess)>),
    List(Box<Guess>),
    Map(Box<Guess>),
}

/// Where a value stands, which decides what can be said of it.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    pub name: &'p str,
    /// How many values there could be.
    pub n: u64,
    /// A field of the rows, which may have an encoding.
    pub is_column: bool,
    /// Whether the input is text between delimiters.
    pub is_cells: bool,
}

impl Guess {
    fn new(ty: impl Into<String>) -> Guess {
        let ty = Ty::Named(ty.into());
        Guess { ty, is_nullable: false, encoding: "", notes: vec![], course: None }
    }

    fn note(mut self, note: impl Into<String>) -> Guess {
        self.notes.push(note.into());
        self
    }
}

pub fn guess(shape: &Shape, place: Place) -> Guess {
    let mut guess = required(shape, place);
    let missing = place.n.saturating_sub(shape.n);
    guess.is_nullable = shape.nulls + missing > 0;
    let is_nothing = shape.nulls == shape.n;
    let counted = |n: u64, how: &str| match (n, is_nothing) {
        (0, _) | (_, true) => None,
        _ => Some(format!("{how} {} of {}", thousands(n), thousands(place.n))),
    };
    let null = counted(shape.nulls, if place.is_cells { "empty in" } else { "null in" });
    let absent = counted(missing, "missing from");
    guess.notes = null.into_iter().chain(absent).chain(guess.notes).collect();
    guess
}

/// The type of what is not null.
fn required(shape: &Shape, place: Place) -> Guess {
    let kinds = [
        (shape.bools, "boolean"),
        (shape.numbers.n, "number"),
        (shape.texts.n, "text"),
        (shape.lists, "list"),
        (shape.records, "object"),
    ];
    let seen: Vec<(u64, &str)> = kinds.into_iter().filter(|(n, _)| *n > 0).collect();
    match seen[..] {
        [] if place.is_cells => Guess::new("string").note("always empty"),
        [] => Guess::new("json").note("never anything but null"),
        [(_, "boolean")] => Guess::new("bool"),
        [(_, "number")] => number(&shape.numbers, place),
        [(_, "text")] if place.is_cells => cell(&shape.texts, place),
        [(_, "text")] => text(&shape.texts, place),
        _ if shape.is_deep => Guess::new("json").note("nested deeply"),
        [(_, "list")] => list(shape, place),
        [(_, "object")] => object(shape),
        _ => {
            let plural =
                |n: u64, what: &str| format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" });
            let kinds: Vec<String> = seen.iter().map(|(n, what)| plural(*n, what)).collect();
            Guess::new("json").note(format!("mixed: {}", kinds.join(", ")))
        }
    }
}

fn list(shape: &Shape, place: Place) -> Guess {
    match &shape.elements {
        Some(elements) if elements.n > 0 => {
            let of = guess(elements, Place { n: elements.n, is_column: false, ..place });
            Guess { ty: Ty::List(Box::new(of)), ..Guess::new("") }
        }
        _ => Guess::new("list<json>").note("always empty"),
    }
}

fn object(shape: &Shape) -> Guess {
    if let Some(values) = &shape.elements {
        let place = Place { name: "", n: values.n, is_column: false, is_cells: false };
        let of = guess(values, place);
        return Guess { ty: Ty::Map(Box::new(of)), ..Guess::new("") }.note("many keys, each of them rare");
    }
    match fields(&shape.fields) {
        Some(fields) if !fields.is_empty() => Guess { ty: Ty::Record(fields), ..Guess::new("") },
        Some(_) => Guess::new("json").note("always {}"),
        None => Guess::new("json").note("objects with a key that cannot be written as a name"),
    }
}

/// The fields of nested records; none if one has a key that cannot be written.
fn fields(fields: &Fields) -> Option<Vec<(String, Guess)>> {
    let field = |(key, shape): &(String, Shape)| {
        let place = Place { name: key, n: fields.n, is_column: false, is_cells: false };
        Some((names::field(key)?, guess(shape, place)))
    };
    fields.named.iter().map(field).collect()
}

fn number(numbers: &Scalars, place: Place) -> Guess {
    let epoch = numbers.times().find(|way| way.is_epoch && place.is_column);
    match epoch {
        Some(epoch) if is_called(place.name, TIMES) => {
            Guess { encoding: epoch.encoding, course: Some(epoch.course.clone()), ..Guess::new("timestamp") }
        }
        Some(epoch) => {
            plain_number(numbers, place).note(format!("if these are times: `timestamp{}`", epoch.encoding))
        }
        None => plain_number(numbers, place),
    }
}

fn plain_number(numbers: &Scalars, place: Place) -> Guess {
    let digits = &numbers.digits;
    let is_money = is_called(place.name, AMOUNTS);
    if numbers.are(&Type::INT) && !digits.has_point && digits.are_plain() {
        let whole = Guess::new("int");
        return if is_money { whole.note("whole so far; `decimal(2)` if cents may come") } else { whole };
    }
    if let Some(noisy) = digits.first_noisy.as_ref().filter(|_| numbers.are(&Type::FLOAT)) {
        return Guess::new("float").note(noise_text(noisy, digits, place, is_money));
    }
    let is_whole = digits.scale == 0;
    match digits.decimal() {
        Some(_) if is_whole => Guess::new("decimal(0)").note("more digits than an int has"),
        Some(scale) if digits.is_padded || is_money => {
            Guess::new(format!("decimal({scale})")).note(digits_text(digits))
        }
        decimal if numbers.are(&Type::FLOAT) => {
            let float = Guess::new("float");
            match decimal {
                Some(scale) => float.note(format!("`decimal({scale})` holds all so far exactly")),
                None => float,
            }
        }
        Some(scale) => Guess::new(format!("decimal({scale})")).note(digits_text(digits)),
        None => Guess::new("json").note("numbers that no other type holds"),
    }
}

/// What is unsure where numbers have been computed with as floats.
fn noise_text(noisy: &str, digits: &Digits, place: Place, is_money: bool) -> String {
    let (n, of) = (thousands(digits.n_noisy), thousands(digits.n));
    let noise = format!("{n} of {of} with the noise of floats, as {noisy}");
    let scale = digits.scale_without_noise.max(if is_money { 2 } else { 0 });
    match names::field(place.name).filter(|_| scale > 0) {
        Some(name) => format!("{noise}; `decimal({name}, {scale})` rounds it off"),
        None => noise,
    }
}

fn digits_text(digits: &Digits) -> String {
    let plural = if digits.scale == 1 { "" } else { "s" };
    format!("at most {} digit{plural} behind the point so far", digits.scale)
}

/// Text in JSON.
fn text(texts: &Scalars, place: Place) -> Guess {
    if let Some(time) = time(texts, place) {
        return time;
    }
    let guess = plain_text(texts, place);
    match texts.digits.decimal() {
        Some(scale) if !texts.digits.has_leading_zero => {
            guess.note(format!("all are numbers: `decimal({scale})` reads them"))
        }
        _ => guess,
    }
}

/// Text between delimiters, which may be anything.
fn cell(texts: &Scalars, place: Place) -> Guess {
    let has_leading_zero = texts.digits.has_leading_zero;
    match () {
        () if texts.are(&Type::BOOL) => Guess::new("bool"),
        () if texts.are(&Type::FLOAT) && texts.digits.are_plain() && !has_leading_zero => {
            number(texts, place)
        }
        () if texts.are(&Type::FLOAT) && !has_leading_zero => Guess::new("float"),
        () if has_leading_zero && texts.are(&Type::INT) => words(texts).note("digits with a leading zero"),
        () => time(texts, place).unwrap_or_else(|| plain_text(texts, place)),
    }
}

/// Text that is no time: a length of time, or words.
fn plain_text(texts: &Scalars, place: Place) -> Guess {
    if texts.are(&Type::DURATION) && !texts.digits.are_plain() {
        return Guess::new("duration");
    }
    match (texts.digits.comma(), names::field(place.name)) {
        (Some(scale), Some(name)) => words(texts).note(format!(
            "numbers with a comma: `decimal(replace({name}, \",\", \".\"), {scale})` reads them"
        )),
        _ => words(texts),
    }
}

/// Times as text.
fn time(texts: &Scalars, place: Place) -> Option<Guess> {
    let mut ways = texts.times().filter(|way| !way.is_epoch && (place.is_column || way.encoding.is_empty()));
    let way = ways.next()?;
    let mut guess =
        Guess { encoding: way.encoding, course: Some(way.course.clone()), ..Guess::new("timestamp") };
    if let Some(other) = ways.next().filter(|_| way.is_local) {
        guess = guess.note(format!("or `timestamp{}`: no day over 12 came", other.encoding));
    }
    if way.is_local {
        guess = guess.note("read as UTC; `in \"Europe/Paris\"` behind it names another zone");
    } else if texts.n_zoneless > 0 && way.encoding.is_empty() {
        let zoneless = thousands(texts.n_zoneless);
        guess = guess.note(format!("{zoneless} of {} without a zone, read as UTC", thousands(texts.n)));
    }
    Some(guess)
}

/// Text, and whether it is always the same few.
fn words(texts: &Scalars) -> Guess {
    let guess = Guess::new("string");
    match &texts.few_words()[..] {
        [] => guess,
        [(word, _)] => guess.note(format!("always {}", text_literal(word))),
        words => {
            let shown: Vec<String> = words.iter().map(|(word, _)| text_literal(word)).collect();
            guess.note(format!("or `{}`, if nothing else may come", shown.join(" | ")))
        }
    }
}

const TIMES: &[&str] = &[
    "at",
    "ts",
    "time",
    "timestamp",
    "date",
    "datetime",
    "epoch",
    "when",
    "created",
    "updated",
    "occurred",
    "start",
    "end",
    "started",
    "ended",
    "seen",
    "since",
    "until",
];
const AMOUNTS: &[&str] = &[
    "amount", "price", "total", "cost", "costs", "fee", "fees", "balance", "revenue", "tax", "salary",
    "discount", "payment", "charge", "bid", "ask", "usd", "eur", "gbp",
];

fn is_called(name: &str, among: &[&str]) -> bool {
    names::words(name).iter().any(|word| among.contains(&word.as_str()))
}

/// What is said of the order in which times came.
pub fn course_text(course: &Course) -> String {
    match course.n_behind {
        0 => "the rows came in the order of their times".to_string(),
        n => format!(
            "{} of {} rows came behind a later one, by at most {}",
            thousands(n),
            thousands(course.n),
            format_duration(course.furthest_behind)
        ),
    }
}
