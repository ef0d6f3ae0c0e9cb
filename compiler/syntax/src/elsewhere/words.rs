//! What words of other languages are called here: those of SQL, Siddhi, Esper, Flink, ksqlDB and of programming.
//! In any case of letters.

/// Whether a word stands in front of the names of what is defined, listed or dropped: `create or replace view`, `show
/// tables`.
pub fn is_kind(word: &str) -> bool {
    KINDS.contains(&word) || word.strip_suffix('s').is_some_and(|one| KINDS.contains(&one))
}

const KINDS: &[&str] = &[
    "stream",
    "table",
    "view",
    "source",
    "sink",
    "topic",
    "type",
    "function",
    "query",
    "queries",
    "database",
    "window",
    "schema",
    "materialized",
    "or",
    "replace",
    "if",
    "not",
    "exists",
    "extended",
    "formatted",
    "temporary",
    "external",
    "all",
    "context",
    "expression",
    "variable",
    "constant",
    "index",
];

/// What to write in place of a function.
pub fn written_here(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "late" | "errors" => "`late(s)` and `errors(s)` are rows, not values: `from late(s)`",
        "total" => "the sum of a column is `sum(x)`",
        "mean" | "average" => "the mean of a column is `avg(x)`",
        "minimum" => "the least value of a column is `min(x)`, and of several `least(x, y)`",
        "maximum" => "the greatest value of a column is `max(x)`, and of several `greatest(x, y)`",
        "distinctcount" | "distinct_count" | "count_distinct" | "approx_count_distinct" => {
            "different values are counted by `count(distinct x)`"
        }
        "array_agg" | "collect_list" | "list_agg" | "string_agg" => "values are gathered by `collect(x)`",
        "earliest" | "first_value" => "the first value is `first(x)`",
        "latest" | "last_value" => "the last value is `last(x)`",
        "earliest_by_offset" => "the first value that is not null is `first(x, ignore_null: true)`",
        "latest_by_offset" => "the last value that is not null is `last(x, ignore_null: true)`",
        "coalesce" | "nvl" | "ifnull" | "isnull" => "what stands in for null is written `x ?? instead`",
        "nullif" => "write `if x == y then null else x`",
        "iif" | "ifthenelse" | "decode" => "write `if condition then x else y`",
        "cast" | "convert" | "try_cast" => {
            "a conversion is called like its type: `int(x)`, or `try_int(x)` where it may fail"
        }
        "now" | "current_timestamp" | "currenttimemillis" | "eventtimestamp" | "localtimestamp" => {
            "results depend on events alone; the time of an event is the column that `time` names"
        }
        "tumble" | "tumbling" => "windows are a clause: `window tumbling 5m`",
        "window_start" | "tumble_start" | "windowstart" => "the start of a window is `window.start`",
        "window_end" | "tumble_end" | "windowend" => "the end of a window is `window.end`",
        "len" | "strlen" | "char_length" | "character_length" | "cardinality" | "size" => {
            "the length of a string or list is `length(x)`"
        }
        "ucase" | "to_upper" | "toupper" => "letters are made large by `upper(x)`",
        "lcase" | "to_lower" | "tolower" => "letters are made small by `lower(x)`",
        "substring" | "mid" => {
            "a part of a string is `substr(text, start, count)`; its first character has position 0"
        }
        "instr" | "locate" | "strpos" | "charindex" | "position" => {
            "the place of a part is `index_of(text, part)`"
        }
        "concat" => "strings are joined by `a ++ b` or `f\"{a}{b}\"`",
        "concat_ws" => "strings are joined by `a ++ b`, `f\"{a} {b}\"` or `join_text(list, separator)`",
        "regexp" | "regexp_like" | "rlike" => "write `x matches r\"pattern\"`",
        "regexp_replace" | "replaceall" => "write `regex_replace(text, pattern, replacement)`",
        "regexp_extract" => "write `regex_extract(text, pattern)`",
        "to_timestamp" | "str_to_date" | "stringtotimestamp" | "to_date" => {
            "a time is read by `parse_time(text, pattern)`, or `timestamp(text)` for ISO 8601"
        }
        "date_format" | "to_char" | "timestamptostring" => {
            "a time is written by `format_time(time, pattern)`"
        }
        "date_trunc" | "floor_time" => "the start of a day or hour is `start_of(time, \"day\")`",
        "unix_timestamp" => "seconds since 1970 are `epoch_s(time)`",
        "dow" | "dayofweek" => {
            "`day_of_week(time)` counts from Monday, 1, to Sunday, 7; other systems begin with Sunday, at 0 or 1"
        }
        "power" => "`x` to the power of `y` is `pow(x, y)`",
        "ceiling" => "rounding up is `ceil(x)`",
        _ => return None,
    })
}

/// The type that other languages call so.
pub fn type_here(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "integer" | "long" | "bigint" | "smallint" | "i64" | "i32" | "u64" | "u32" | "int64" | "int32" => {
            "int"
        }
        "double" | "real" | "number" | "f64" | "f32" | "float64" | "float32" => "float",
        "str" | "text" | "varchar" | "char" => "string",
        "boolean" => "bool",
        "datetime" | "date" | "time" | "timestamptz" => "timestamp",
        "interval" => "duration",
        "blob" | "binary" => "bytes",
        "object" | "any" | "jsonb" => "json",
        _ => return None,
    })
}

/// The function that takes the same arguments.
pub fn function_here(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "ucase" | "to_upper" | "toupper" => "upper",
        "lcase" | "to_lower" | "tolower" => "lower",
        "len" | "strlen" | "char_length" | "character_length" | "cardinality" => "length",
        "ceiling" => "ceil",
        "power" => "pow",
        "mean" | "average" => "avg",
        "first_value" => "first",
        "last_value" => "last",
        "array_agg" | "collect_list" => "collect",
        "ltrim" => "trim_start",
        "rtrim" => "trim_end",
        "regexp_replace" => "regex_replace",
        "regexp_extract" => "regex_extract",
        "unix_timestamp" => "epoch_s",
        _ => return None,
    })
}

/// The function that tells a part of a time.
pub fn part_of_time(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "year" => "year",
        "quarter" => "quarter",
        "month" => "month",
        "week" => "week",
        "day" => "day",
        "hour" => "hour",
        "minute" => "minute",
        "second" => "second",
        "isodow" => "day_of_week",
        "doy" => "day_of_year",
        "epoch" => "epoch_s",
        _ => return None,
    })
}

/// What `start_of` calls the beginning of.
pub fn unit_of_calendar(word: &str) -> Option<&'static str> {
    const UNITS: [&str; 8] = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];
    UNITS.into_iter().find(|unit| *unit == word)
}

/// How durations write a unit.
pub fn unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "us" | "usec" | "micros" | "microsecond" | "microseconds" => "us",
        "ms" | "msec" | "millis" | "millisec" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    })
}

/// What stands for a unit that is no fixed time.
pub fn calendar_unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "mo" | "mon" | "month" | "months" => "month",
        "quarter" | "quarters" => "quarter",
        "y" | "yr" | "year" | "years" => "year",
        _ => return None,
    })
}

/// The clause that a window of Siddhi or Esper is, by the last part of its name: `time`, `timeBatch`, `length_batch`.
pub fn window(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().replace('_', "").as_str() {
        "time" | "externaltime" | "exttimed" | "exttime" | "length" => "sliding",
        "timebatch" | "externaltimebatch" | "exttimedbatch" | "lengthbatch" => "tumbling",
        "session" => "session",
        _ => return None,
    })
}

/// What to write for a query inside of another.
pub const PART_OF_QUERY: &str =
    "a query that another one reads is a stream of its own: `stream inner = from …`";

/// What to write for a query behind `in`.
pub const PARTNERS: &str = "`semi join` keeps the rows that have a partner, `anti join` those that have none";

/// What to write for streams that stand in a list.
pub const STREAMS_IN_A_LIST: &str = "streams are joined by a clause: `from a join b on b.k == a.k within 5m`";

/// What to write for what must not happen in a pattern.
pub const ABSENCE: &str = "what must not happen is a step: `match a: s then not b: t for 5m`; in front, `not b: t for 5m then a: s` looks back from `a`";

/// What to write for `x[1]` where it may be the first of a list.
pub const POSITIONS: &str = "positions begin at 0 here: the first of a list is `x[0]`, and `x[1]` the second";

/// What to write for `group by 1`, `order by 2`.
pub const NUMBERS_OF_COLUMNS: &str = "columns have no numbers: `group by`, `order by` and `top N by` name them, and a number is the same for all rows";

/// What to write for `set`.
pub const SETTING: &str = "options of a run stand behind the command, `millstream run --help`; a value that queries use is a parameter: `param NAME: int = 5`";

/// What to write for `print`.
pub const SHOWN: &str = "rows are shown by `millstream preview FILE`, or by a session, `millstream repl FILE`, and there `from NAME`; `sink shown from NAME to stdout` writes them while the program runs";

/// What to write for `terminate`.
pub const END_OF_QUERY: &str =
    "queries run as long as their program: what is no longer wanted is taken out of the file";

/// What to write for `insert into … values`.
pub const ROWS_OF_SOURCES: &str =
    "a source has the rows that it reads; a test gives rows of its own: `given NAME [{ id: 1, … }]`";

/// What to write for `is distinct from`.
pub const IS_DISTINCT: &str = "`a is distinct from b` is `(a != b) ?? not (a is null and b is null)`: what is compared with null is null";

/// What to write for `timer:within(…)`, `timer:interval(…)`.
pub const TIMER: &str = "time is said by the pattern: `within 5m` at its end for the whole, `then within 10s b: s` for one step, `then not b: s for 10s` where nothing may come";

/// What to write for `order by … limit` of Siddhi.
pub const CHUNKS: &str = "rows do not leave in chunks: below a window of time `order by` and `top 3 by x` are of each window, and `top 3 by x forever` of all rows";

/// What to write for `substring(x, 0)`.
pub const POSITION_OF_TEXT: &str = "positions begin at 0 here: the first two characters are `substr(text, 0, 2)`; in SQL they begin at 1, and 0 stands before the text";

/// What to write for a window whose rows are not aggregated.
pub const WINDOW_OF_ROWS: &str =
    "a window is of aggregates, such as `count()` or `sum(x)`: rows that are only passed on need none";

/// What to write for `update`.
pub const CHANGE_OF_ROWS: &str = "rows are not changed: `table NAME key k = from …` holds the last row of each key of its query, and a `select` gives rows other values";

/// What to write for `partition with (k of s) begin … end`.
pub const PARTITION: &str =
    "each query says itself by what it is parted: `group by k`, `window sliding 5m by k`, `match by k …`";

/// What to write for what stands behind a stream in Siddhi, `#sort(…)`, or Esper, `.std:unique(…)`, unless it is a
/// window that can be said as it is.
pub fn handler(name: &str, is_grouped: bool) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(['.', ':']).next().unwrap_or_default();
    Some(match last {
        _ if name.contains("unique") => {
            "the last row of each key is what a table holds: `table t key k = from …`; `dedupe by k within 5m` leaves rows out that come again"
        }
        "length" | "lengthbatch" | "length_batch" if is_grouped => {
            "a window of the last rows counts those of each key: `window sliding 10 rows by k forever`; the last rows of all are not grouped"
        }
        "keepall" => {
            "what is told of all rows so far is told of groups that are kept: `group by k forever`; rows that are only passed on need no window"
        }
        "lastevent" | "firstevent" => {
            "the last row of each key is what a table holds: `table t key k = from …`; `last(x)` and `first(x)` are aggregates"
        }
        "sort" | "rank" => "the best rows are taken by a clause: `top 3 by x forever`",
        "log" => "rows are shown by a sink: `sink shown from s to stdout`",
        _ if window(last).is_some() => return None,
        _ => "what becomes of rows is said by clauses below the stream: `window …`, `where …`, `top …`",
    })
}

/// What to write for a window that cannot be said as it is.
pub const WINDOW: &str = "a window is a clause: `window tumbling 5m`, `window sliding 5m by k`";

/// What is true of windows of rows here.
pub const ROWS_OF_EACH_KEY: &str = "with keys, `by k`, it counts the rows of each";

/// What to write for what is defined besides streams and tables.
pub fn definition(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "table" => {
            "a table holds the last row of each key of its query, `table NAME key k = from …`, or of what it reads, `table NAME: { k: int, … } key k from …`"
        }
        "window" => WINDOW,
        "aggregation" => {
            "what is aggregated is a stream of its own: `stream NAME = from … window tumbling 1h group by k select …`"
        }
        "trigger" => {
            "nothing runs by the clock: a window reports when it is over, and an absence when its time is, without a row"
        }
        "function" => "a function is written in the language: `fn NAME(x: int) -> int = x + 1`",
        "type" => "a type is defined by `type NAME = { id: int, name: string }`",
        "context" => {
            "each query says itself what belongs together: `group by k`, `window tumbling 5m`, `match by k …`"
        }
        "expression" => "an expression with a name is a function: `fn NAME(x: int) -> int = x * 2`",
        "variable" | "constant" => "a value that queries use is a parameter: `param NAME: int = 5`",
        "index" => "a table is looked up by its key: `table NAME: { … } key id from …`",
        "view" => "what a query gives is a stream: `stream NAME = from … select …`",
        _ => return None,
    })
}

/// What to write for a clause. `is_behind_select`: it stands directly behind that word.
pub fn clause(word: &str, is_behind_select: bool) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "having" => "a `where` below the `select` keeps the groups that it is true for",
        "limit" | "head" | "take" | "fetch" | "offset" => {
            "`top N by …` takes the best N; a stream has no first N but those of a key: `throttle N by … per …`"
        }
        "order" => {
            "rows leave in the order of time: `top N by …` takes the best N, and below a window `order by` puts rows in order"
        }
        "case" => "a choice is written `if … then … else …`",
        "import" | "include" => "names of other files come with `use`",
        "distinct" if is_behind_select => {
            "`group by` gives each combination once, and `dedupe by … within D` the first row of each"
        }
        "top" if is_behind_select => {
            "the best rows are taken by a clause of its own, in front of `select`: `top N by …`"
        }
        "inner" => "the inner join is plain `join`",
        "outer" => "outer joins are `left join`, `right join` and `full join`",
        "over" => {
            "functions of ordered rows name their partition: `prev(x, by: k)`; aggregates of the rows up to each go over a window of each row: `window sliding 5m by k`, `window running by k forever`"
        }
        "match_recognize" => {
            "a pattern is a query of its own: `match by k a: s[…] then b: s+[…] within 5m select …`"
        }
        "pattern" => "a pattern is a query of its own: `match a: s[…] then b: s[…] within 5m select …`",
        "union" | "intersect" | "minus" => {
            "each part is a stream of its own, and `union other` below a query adds the rows of another"
        }
        "with" => "each part of a query is a stream of its own: `stream big = from … where …`",
        "irstream" | "rstream" => {
            "what leaves a window is no row; a group whose result changes tells each change by `emit on change`"
        }
        "exists" => PARTNERS,
        "output" => "when results appear is said below them: `emit every 10s`, `emit on change`",
        "filter" => "rows are kept by `where`",
        "map" | "return" | "yield" => "what a row becomes is said by `select`",
        "for" => "a query is done to each row: there is no loop",
        "every" => {
            "a pattern in which each event that fits begins a match of its own is `match overlapping a: s[…] then b: s[…] within 5m`"
        }
        "enum" => "words to choose among are a type: `\"a\" | \"b\"`",
        "similar" => "a text is told by a regular expression: `x matches r\"a.*\"`",
        "update" | "delete" | "merge" => CHANGE_OF_ROWS,
        "assert" => "what a test expects is said by `expect`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::written_here;

    #[test]
    fn names_are_known_in_any_case() {
        assert_eq!(written_here("COALESCE"), written_here("coalesce"));
        assert!(written_here("coalesce").is_some());
        assert_eq!(written_here("zzz"), None);
    }
}
