//! What sources and sinks are told: where bytes come from and go to, how they are read and written, and when.

use crate::types::Type;
use crate::value::Value;
use millstream_base::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// Its position among the program's sources and so in the total order.
    pub ordinal: u32,
    pub connector: ConnectorSpec,
    pub format: Option<FormatSpec>,
    /// All fields of the declared type, in order.
    pub fields: Arc<[FieldSpec]>,
    /// Which of them the node's columns are, in order; the rest are skipped. The event time of an
    /// arrival-timed source is a last column more.
    pub columns: Vec<usize>,
    pub time: Option<TimeSpec>,
    /// Which fields name a row, where a row replaces the one before of the same key.
    pub key: Vec<usize>,
    /// Of the rows of a table that is read as it stands.
    pub load: Option<Load>,
}

/// How a table's rows are loaded: all, before the first row of any source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// How often all are loaded anew, in microseconds.
    pub refresh: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct FieldSpec {
    pub name: Arc<str>,
    /// What the input calls it.
    pub input: Arc<str>,
    pub ty: Type,
    pub encoding: Encoding,
    pub default: Option<Value>,
}

/// How the input writes a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// As the format writes the type.
    Plain,
    EpochSeconds,
    EpochMillis,
    EpochMicros,
    EpochNanos,
    /// A `strftime` pattern, read in a time zone (UTC if none).
    Pattern {
        pattern: Arc<str>,
        zone: Option<Arc<str>>,
    },
}

/// `time FIELD`; durations in microseconds.
#[derive(Clone, Debug)]
pub struct TimeSpec {
    /// The number of the field among all fields.
    pub field: usize,
    pub disorder: i64,
    pub idle: Option<i64>,
    pub ahead: Option<i64>,
}

impl TimeSpec {
    /// What a live source that says nothing of it has as `idle`.
    pub const LIVE_IDLE: i64 = 60_000_000;
    /// And as `ahead`.
    pub const LIVE_AHEAD: i64 = 3_600_000_000;
}

/// What happens to a row that cannot be read or written.
#[derive(Clone, Debug)]
pub enum OnError {
    /// Counted, and kept for `errors(name)`.
    Keep,
    /// The program stops.
    Fail,
    /// Kept, and also written to this connector.
    Sideline(ConnectorSpec),
    Retry {
        times: u32,
        backoff: Option<(i64, i64)>,
        then: Box<OnError>,
    },
}

#[derive(Clone, Debug)]
pub struct ConnectorSpec {
    /// `file`, `stdout`, `kafka` …
    pub name: Arc<str>,
    pub options: BTreeMap<Arc<str>, Value>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct FormatSpec {
    /// `json`, `csv`.
    pub name: Arc<str>,
    pub options: BTreeMap<Arc<str>, Value>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct SinkSpec {
    pub connector: ConnectorSpec,
    pub format: Option<FormatSpec>,
    /// Hold rows for the watermark and write the total order.
    pub ordered: bool,
}

impl SinkSpec {
    /// What the column is called in which the id of each row is written, if it is.
    pub fn id(&self) -> Option<&Arc<str>> {
        match self.format.as_ref()?.options.get("id") {
            Some(Value::String(name)) => Some(name),
            _ => None,
        }
    }
}
