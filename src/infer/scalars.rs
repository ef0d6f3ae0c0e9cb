//! Ways in which single values can be read, held against the values that came: what remains reads all of them. The
//! readers themselves say what they read.

use super::course::Course;
use super::digits::Digits;
use super::text_literal;
use millstream_ir::flow::{Encoding, FieldSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::format::field::Field;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A value as the input has it.
#[derive(Clone, Copy)]
pub enum Seen<'v> {
    Json(&'v Json),
    /// The text of a field between delimiters.
    Cell(&'v str),
}

impl Seen<'_> {
    fn read(self, field: &Field) -> Option<Value> {
        match self {
            Seen::Json(json) => field.value_of_json(json).ok(),
            Seen::Cell(text) => field.value_of_text(text).ok(),
        }
    }

    /// A number or text as it is written.
    fn text(&self) -> &str {
        match self {
            Seen::Json(Json::Number(number)) => number.as_str(),
            Seen::Json(Json::String(text)) => text,
            Seen::Json(_) => "",
            Seen::Cell(text) => text,
        }
    }
}

/// Different texts that are remembered, and how long they may be.
const MOST_WORDS: usize = 8;
const LONGEST_WORD: usize = 40;

/// What is known of values of one kind: numbers, or texts.
#[derive(Default)]
pub struct Scalars {
    pub n: u64,
    /// Those that read all that came.
    ways: Vec<Way>,
    pub digits: Digits,
    /// How often each came, as long as they are few.
    words: Option<BTreeMap<String, u64>>,
    /// Times without a zone.
    pub n_zoneless: u64,
}

#[derive(Clone)]
struct Way {
    /// Its place among [`WAYS`].
    number: usize,
    course: Course,
}

struct Known {
    field: Field,
    /// Behind the type, as a program writes it.
    encoding: String,
}

/// Days and months may be taken for each other where the one stands in front of the other.
const PATTERNS: &[&str] = &[
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y %H:%M:%S",
    "%m-%d-%Y %H:%M",
    "%m-%d-%Y",
    "%Y-%m-%d %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y",
    "%b %d, %Y",
    "%a %b %d %H:%M:%S %Y",
];

static WAYS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |ty: Type, encoding: Encoding, written: String| {
        let spec = FieldSpec { name: "".into(), input: "".into(), ty, encoding, default: None };
        Field::new(&spec).ok().map(|field| Known { field, encoding: written })
    };
    let plain = |ty: Type| known(ty, Encoding::Plain, String::new());
    let epoch = |encoding: Encoding, name: &str| known(Type::TIMESTAMP, encoding, format!(" as {name}"));
    let pattern = |text: &&str| {
        let encoding = Encoding::Pattern { pattern: (*text).into(), zone: None };
        known(Type::TIMESTAMP, encoding, format!(" as {}", text_literal(text)))
    };
    let types = [Type::BOOL, Type::INT, Type::FLOAT, Type::DURATION, Type::TIMESTAMP].map(plain);
    let epochs = [
        epoch(Encoding::EpochSeconds, "epoch_s"),
        epoch(Encoding::EpochMillis, "epoch_ms"),
        epoch(Encoding::EpochMicros, "epoch_us"),
        epoch(Encoding::EpochNanos, "epoch_ns"),
    ];
    types.into_iter().chain(epochs).chain(PATTERNS.iter().map(pattern)).flatten().collect()
});

/// Numbers outside of these years are hardly meant as times: 2000 to 2050, in microseconds.
const LIKELY: std::ops::Range<i64> = 946_684_800_000_000..2_524_608_000_000_000;

impl Known {
    /// What a value means, if it is read this way.
    fn read(&self, seen: Seen) -> Option<Value> {
        let value = seen.read(&self.field)?;
        match (&value, self.is_epoch()) {
            (Value::Timestamp(time), true) if !LIKELY.contains(time) => None,
            _ => Some(value),
        }
    }

    fn is_epoch(&self) -> bool {
        !matches!(self.field.spec.encoding, Encoding::Plain | Encoding::Pattern { .. })
    }
}

/// A way to read times.
pub struct TimeWay<'s> {
    pub encoding: &'static str,
    pub course: &'s Course,
    pub is_epoch: bool,
    /// Whether a zone could be named.
    pub is_local: bool,
}

impl Scalars {
    pub fn add(&mut self, seen: Seen) {
        let text = seen.text();
        if self.n == 0 {
            self.ways = (0..WAYS.len()).map(|number| Way { number, course: Course::default() }).collect();
            self.words = Some(BTreeMap::new());
        }
        self.n += 1;
        self.digits.add(text.trim_ascii());
        self.ways.retain_mut(|way| match WAYS.get(way.number).and_then(|known| known.read(seen)) {
            None => false,
            Some(Value::Timestamp(time)) => {
                way.course.add(time);
                true
            }
            Some(_) => true,
        });
        self.n_zoneless += is_zoneless(text) as u64;
        if let Some(words) = &mut self.words {
            *words.entry(text.to_string()).or_default() += 1;
            if words.len() > MOST_WORDS || text.len() > LONGEST_WORD {
                self.words = None;
            }
        }
    }

    /// Adds what is known of others, which are no times in an order.
    pub fn merge(&mut self, other: Scalars) {
        if self.n == 0 {
            *self = other;
            return;
        }
        if other.n == 0 {
            return;
        }
        self.n += other.n;
        self.digits.merge(&other.digits);
        self.ways.retain(|way| other.ways.iter().any(|o| o.number == way.number));
        self.n_zoneless += other.n_zoneless;
        self.words = self.words.take().zip(other.words).and_then(|(mut words, others)| {
            others.into_iter().for_each(|(word, n)| *words.entry(word).or_default() += n);
            (words.len() <= MOST_WORDS).then_some(words)
        });
    }

    /// What comes now is of another partition, which has an order of its own.
    pub fn begin_partition(&mut self) {
        self.ways.iter_mut().for_each(|way| way.course.begin_partition());
    }

    pub fn are(&self, ty: &Type) -> bool {
        let is_it = |way: &Way| {
            let spec = WAYS.get(way.number).map(|known| &known.field.spec);
            spec.is_some_and(|spec| spec.ty == *ty && spec.encoding == Encoding::Plain)
        };
        self.n > 0 && self.ways.iter().any(is_it)
    }

    /// The ways to read all of them as times, the likeliest first.
    pub fn times(&self) -> impl Iterator<Item = TimeWay<'_>> {
        self.ways.iter().filter_map(|way| {
            let known = WAYS.get(way.number)?;
            let spec = &known.field.spec;
            let has_zone = |pattern: &str| pattern.contains("%z");
            let is_local = matches!(&spec.encoding, Encoding::Pattern { pattern, .. } if !has_zone(pattern));
            let (encoding, course) = (known.encoding.as_str(), &way.course);
            (spec.ty == Type::TIMESTAMP).then_some(TimeWay {
                encoding,
                course,
                is_epoch: known.is_epoch(),
                is_local,
            })
        })
    }

    /// The few texts that came again and again, the most frequent first.
    pub fn few_words(&self) -> Vec<(&str, u64)> {
        let Some(words) = &self.words else { return vec![] };
        let mut words: Vec<(&str, u64)> = words.iter().map(|(word, n)| (word.as_str(), *n)).collect();
        words.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let come_again = self.n >= 10 && self.n >= 5 * words.len() as u64;
        if come_again { words } else { vec![] }
    }
}

/// `2024-05-01T12:00` and the like, behind which no `Z` and no offset stands.
fn is_zoneless(text: &str) -> bool {
    let clock = text.get(10..).unwrap_or_default();
    clock.contains(':') && !clock.contains(['Z', 'z', '+', '-'])
}
