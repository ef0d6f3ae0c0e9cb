//! What functions and types of other query languages are called here, for those who bring them along.

/// What to write in place of a function of SQL, Siddhi, Esper, Flink or ksqlDB; in any case of letters.
pub fn written_here(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "late" | "errors" => "`late(s)` and `errors(s)` are rows, not values: `from late(s)`",
        "total" => "the sum of a column is `sum(x)`",
        "mean" | "average" => "the mean of a column is `avg(x)`",
        "minimum" => "the least value of a column is `min(x)`",
        "maximum" => "the greatest value of a column is `max(x)`",
        "distinctcount" | "distinct_count" | "count_distinct" | "approx_count_distinct" => {
            "different values are counted by `count(distinct x)`"
        }
        "array_agg" | "collect_list" | "list_agg" | "string_agg" => "values are gathered by `collect(x)`",
        "earliest" | "earliest_by_offset" | "first_value" => "the first value is `first(x)`",
        "latest" | "latest_by_offset" | "last_value" => "the last value is `last(x)`",
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
        "substring" | "mid" => "a part of a string is `substr(text, start, count)`",
        "instr" | "locate" | "strpos" | "charindex" | "position" => {
            "the place of a part is `index_of(text, part)`"
        }
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
