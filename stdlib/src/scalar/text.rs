//! Text: positions and lengths count code points from 0.

use super::{Result, list_result, misuse, partial, text_result, too_long, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::effort::{PIECE, spend};
use millstream_ir::eval::LONGEST_RESULT;
use millstream_ir::text;
use millstream_ir::value::Value;

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("lower", |t, v| map_text(t, v, |s| s.to_lowercase())),
    total("upper", |t, v| map_text(t, v, |s| s.to_uppercase())),
    total("capitalize", |t, v| map_text(t, v, capitalize)),
    total("trim", |t, v| trimmed(t, v, true, true)),
    total("trim_start", |t, v| trimmed(t, v, true, false)),
    total("trim_end", |t, v| trimmed(t, v, false, true)),
    total("substr", substr),
    total("left", left),
    total("right", right),
    partial("replace", replace),
    partial("split", split),
    total("split_part", split_part),
    partial("join_text", join_text),
    total("starts_with", |t, v| two_texts(t, v, |a, b| Value::Bool(a.starts_with(b)))),
    total("ends_with", |t, v| two_texts(t, v, |a, b| Value::Bool(a.ends_with(b)))),
    total("count_of", |t, v| two_texts(t, v, count_of)),
    total("remove_prefix", |t, v| two_texts(t, v, |a, b| Value::string(a.strip_prefix(b).unwrap_or(a)))),
    total("remove_suffix", |t, v| two_texts(t, v, |a, b| Value::string(a.strip_suffix(b).unwrap_or(a)))),
    partial("repeat", repeat),
    partial("lpad", |t, v| pad(t, v, true)),
    partial("rpad", |t, v| pad(t, v, false)),
    partial("edit_distance", edit_distance),
    total("code_point", code_point),
    partial("from_code_point", from_code_point),
    partial("format", format),
    total("utf8_encode", |t, v| match v {
        [Value::String(s)] => Ok(Value::Bytes(s.as_bytes().into())),
        _ => misuse(t),
    }),
    partial("utf8_decode", utf8_decode),
    total("base64_encode", |t, v| bytes_to_text(t, v, text::write_base64)),
    partial("base64_decode", base64_decode),
    total("hex_encode", |t, v| {
        bytes_to_text(t, v, |out, bytes| out.extend_from_slice(hex(bytes).as_bytes()))
    }),
    partial("hex_decode", hex_decode),
];

fn map_text(types: &CallTypes, values: &[Value], map: impl Fn(&str) -> String) -> Result {
    match values {
        [Value::String(s)] => Ok(Value::string(map(s))),
        _ => misuse(types),
    }
}

fn two_texts(types: &CallTypes, values: &[Value], map: impl Fn(&str, &str) -> Value) -> Result {
    match values {
        [Value::String(a), Value::String(b)] => Ok(map(a, b)),
        _ => misuse(types),
    }
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// Of white space, or of the characters given.
fn trimmed(types: &CallTypes, values: &[Value], start: bool, end: bool) -> Result {
    let (text, unwanted): (&str, &dyn Fn(char) -> bool) = match values {
        [Value::String(text)] => (text, &char::is_whitespace),
        [Value::String(text), Value::String(characters)] => (text, &|c| characters.contains(c)),
        _ => return misuse(types),
    };
    let text = if start { text.trim_start_matches(unwanted) } else { text };
    let text = if end { text.trim_end_matches(unwanted) } else { text };
    Ok(Value::string(text))
}

/// A start below 0 counts from the end. What lies outside the text is left out.
fn substr(types: &CallTypes, values: &[Value]) -> Result {
    let (text, start, count) = match values {
        [Value::String(text), Value::Int(start)] => (text, *start, i64::MAX),
        [Value::String(text), Value::Int(start), Value::Int(count)] => (text, *start, *count),
        _ => return misuse(types),
    };
    let start = if start < 0 { start.saturating_add(text.chars().count() as i64).max(0) } else { start };
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    let take = usize::try_from(count).unwrap_or(0);
    let from = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
    let rest = text.get(from..).unwrap_or_default();
    let to = rest.char_indices().nth(take).map_or(rest.len(), |(at, _)| at);
    Ok(Value::string(rest.get(..to).unwrap_or_default()))
}

fn left(types: &CallTypes, values: &[Value]) -> Result {
    let [text @ Value::String(_), count @ Value::Int(_)] = values else { return misuse(types) };
    substr(types, &[text.clone(), Value::Int(0), count.clone()])
}

fn right(types: &CallTypes, values: &[Value]) -> Result {
    let [text @ Value::String(_), Value::Int(count)] = values else { return misuse(types) };
    match *count {
        count if count <= 0 => Ok(Value::string("")),
        count => substr(types, &[text.clone(), Value::Int(-count)]),
    }
}

fn replace(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(old), Value::String(new)] = values else { return misuse(types) };
    if old.is_empty() {
        return Ok(Value::String(text.clone()));
    }
    // Counted first, so that no text beyond the limit is made.
    let count = text.matches(&**old).count();
    if text.len().saturating_add(count.saturating_mul(new.len())) > 2 * LONGEST_RESULT {
        return Err(too_long("text"));
    }
    text_result(text.replace(&**old, new))
}

/// An empty separator splits into code points.
fn split(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(separator)] = values else { return misuse(types) };
    let mut parts = Vec::new();
    let mut buffer = [0; 4];
    if separator.is_empty() {
        parts.extend(text.chars().map(|c| Value::string(c.encode_utf8(&mut buffer))));
    } else {
        parts.extend(text.split(&**separator).map(Value::string));
    }
    list_result(parts)
}

fn split_part(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::String(separator), Value::Int(number)] = values else {
        return misuse(types);
    };
    if separator.is_empty() {
        return Ok(if *number == 0 { Value::String(text.clone()) } else { Value::Null });
    }
    let from_end = number.unsigned_abs().wrapping_sub(1) as usize;
    let part = match (usize::try_from(*number), separator.as_bytes()) {
        // To look for one byte is several times as fast as for a text.
        (Ok(number), [byte @ 0..0x80]) => text.split(*byte as char).nth(number),
        (Err(_), [byte @ 0..0x80]) => text.rsplit(*byte as char).nth(from_end),
        (Ok(number), _) => text.split(&**separator).nth(number),
        (Err(_), _) => text.rsplit(&**separator).nth(from_end),
    };
    Ok(part.map_or(Value::Null, Value::string))
}

/// Nulls in the list are left out.
fn join_text(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::List(parts), Value::String(separator)] = values else { return misuse(types) };
    let mut result = String::new();
    let texts = parts.iter().filter_map(|p| if let Value::String(s) = p { Some(s) } else { None });
    for (i, part) in texts.enumerate() {
        if i > 0 {
            result.push_str(separator);
        }
        result.push_str(part);
        if result.len() > LONGEST_RESULT {
            return Err(too_long("text"));
        }
    }
    Ok(Value::string(result))
}

fn count_of(text: &str, part: &str) -> Value {
    Value::Int(if part.is_empty() { 0 } else { text.matches(part).count() as i64 })
}

fn repeat(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text), Value::Int(count)] = values else { return misuse(types) };
    let count = usize::try_from(*count).unwrap_or(0);
    match text.len().checked_mul(count) {
        Some(len) if len <= LONGEST_RESULT => Ok(Value::string(text.repeat(count))),
        _ => Err(too_long("text")),
    }
}

/// To so many code points; a longer text stays as it is.
fn pad(types: &CallTypes, values: &[Value], at_start: bool) -> Result {
    let (text, length, fill): (_, _, &str) = match values {
        [Value::String(text), Value::Int(length)] => (text, *length, " "),
        [Value::String(text), Value::Int(length), Value::String(fill)] => (text, *length, fill),
        _ => return misuse(types),
    };
    let missing = usize::try_from(length).unwrap_or(0).saturating_sub(text.chars().count());
    if fill.is_empty() || missing == 0 {
        return Ok(Value::String(text.clone()));
    }
    if missing > LONGEST_RESULT {
        return Err(too_long("text"));
    }
    let padding: String = fill.chars().cycle().take(missing).collect();
    text_result(if at_start { format!("{padding}{text}") } else { format!("{text}{padding}") })
}

/// Levenshtein's: how many code points to insert, delete or replace.
fn edit_distance(types: &CallTypes, values: &[Value]) -> Result {
    const LONGEST: usize = 1000;
    let [Value::String(a), Value::String(b)] = values else { return misuse(types) };
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > LONGEST || b.len() > LONGEST {
        return Err(format!("edit_distance compares texts of up to {LONGEST} characters"));
    }
    spend((a.len() * b.len() / PIECE) as u64)?;
    // One row of the matrix: distances from the prefix of `a` read so far to each prefix of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let distance = (left + 1).min(*cell + 1).min(diagonal + (x != y) as usize);
            diagonal = std::mem::replace(cell, distance);
            left = distance;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    Ok(Value::Int(row.last().copied().unwrap_or(0) as i64))
}

fn code_point(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    Ok(text.chars().next().map_or(Value::Null, |c| Value::Int(c as i64)))
}

fn from_code_point(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Int(number)] = values else { return misuse(types) };
    let character = u32::try_from(*number).ok().and_then(char::from_u32);
    character
        .map(|c| Value::string(c.to_string()))
        .ok_or_else(|| format!("{number} is no Unicode code point"))
}

/// Each `{}` of the template stands for the next argument; `{{` and `}}` for braces.
fn format(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(template), arguments @ ..] = values else { return misuse(types) };
    let mut arguments = arguments.iter().zip(types.arguments.iter().skip(1));
    let mut result = String::new();
    let mut rest = &**template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, tail) = rest.split_at(at);
        result.push_str(before);
        rest = tail.get(2..).unwrap_or_default();
        match tail.get(..2) {
            Some("{{") => result.push('{'),
            Some("}}") => result.push('}'),
            Some("{}") => match arguments.next() {
                Some((value, ty)) => result.push_str(&millstream_ir::eval::to_text(value, ty)),
                None => return Err("the template has more `{}` than there are arguments".to_string()),
            },
            _ => return Err("a brace in a template stands alone: write `{{` or `}}` for a brace".to_string()),
        }
        if result.len() > LONGEST_RESULT {
            return Err(too_long("text"));
        }
    }
    if arguments.next().is_some() {
        return Err("there are more arguments than `{}` in the template".to_string());
    }
    result.push_str(rest);
    text_result(result)
}

fn bytes_to_text(types: &CallTypes, values: &[Value], write: impl Fn(&mut Vec<u8>, &[u8])) -> Result {
    let bytes = match values {
        [Value::Bytes(bytes)] => &bytes[..],
        [Value::String(text)] => text.as_bytes(),
        _ => return misuse(types),
    };
    let mut out = Vec::new();
    write(&mut out, bytes);
    Ok(Value::string(String::from_utf8_lossy(&out)))
}

fn utf8_decode(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::Bytes(bytes)] = values else { return misuse(types) };
    let text = std::str::from_utf8(bytes).map_err(|_| "the bytes are not UTF-8 text".to_string())?;
    Ok(Value::string(text))
}

fn base64_decode(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let bytes = text::parse_base64(text.as_bytes()).ok_or("the text is not base64")?;
    Ok(Value::Bytes(bytes.into()))
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |d: u8| DIGITS[(d & 15) as usize] as char;
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

fn hex_decode(types: &CallTypes, values: &[Value]) -> Result {
    let [Value::String(text)] = values else { return misuse(types) };
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    Ok(Value::Bytes(bytes.ok_or("the text is not an even number of hexadecimal digits")?.into()))
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn text(s: &str) -> (Value, Type) {
        (Value::string(s), Type::STRING)
    }

    fn int(i: i64) -> (Value, Type) {
        (Value::Int(i), Type::INT)
    }

    #[test]
    fn substr_counts_code_points_and_stays_inside() {
        let cases =
            [(1, 2, "éa"), (-2, 5, "bc"), (-99, 2, "dé"), (5, 1, ""), (0, -1, ""), (2, i64::MAX, "abc")];
        for (start, count, expected) in cases {
            let result = call("substr", &[text("déabc"), int(start), int(count)], Type::STRING);
            assert_eq!(result, Ok(Value::string(expected)), "{start} {count}");
        }
        assert_eq!(call("right", &[text("déabc"), int(4)], Type::STRING), Ok(Value::string("éabc")));
        assert_eq!(call("right", &[text("déabc"), int(i64::MIN)], Type::STRING), Ok(Value::string("")));
    }

    #[test]
    fn results_beyond_the_limit_fail() {
        for (name, arguments) in [
            ("repeat", vec![text("abc"), int(i64::MAX)]),
            ("lpad", vec![text("abc"), int(i64::MAX)]),
            ("replace", vec![text(&"a".repeat(1 << 20)), text("a"), text(&"b".repeat(1 << 20))]),
        ] {
            assert_eq!(
                call(name, &arguments, Type::STRING),
                Err("the text would be longer than 16 MiB".into())
            );
        }
    }

    #[test]
    fn format_says_when_braces_and_arguments_differ() {
        let format = |arguments: &[(Value, Type)]| call("format", arguments, Type::STRING);
        assert_eq!(format(&[text("{{{}}}: {}"), int(1), int(2)]), Ok(Value::string("{1}: 2")));
        assert!(format(&[text("{}")]).is_err());
        assert!(format(&[text(""), int(1)]).is_err());
        assert!(format(&[text("{x}"), int(1)]).is_err());
        assert!(format(&[text("é}é"), int(1)]).is_err());
    }

    #[test]
    fn edit_distance_of_known_pairs() {
        for (a, b, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0)]
        {
            assert_eq!(call("edit_distance", &[text(a), text(b)], Type::INT), Ok(Value::Int(expected)));
        }
    }

    #[test]
    fn parts_between_separators_of_any_length() {
        let part = |separator: &str, number: i64| {
            let arguments = [text("a,b,,c"), text(separator), (Value::Int(number), Type::INT)];
            call("split_part", &arguments, Type::STRING.nullable())
        };
        for (separator, parts) in [(",", &["a", "b", "", "c"][..]), (",,", &["a,b", "c"]), ("é", &["a,b,,c"])]
        {
            for (number, expected) in parts.iter().enumerate() {
                let (from_start, from_end) = (number as i64, number as i64 - parts.len() as i64);
                assert_eq!(
                    part(separator, from_start),
                    Ok(Value::string(expected)),
                    "{separator} {from_start}"
                );
                assert_eq!(part(separator, from_end), Ok(Value::string(expected)), "{separator} {from_end}");
            }
            for outside in [parts.len() as i64, -1 - parts.len() as i64, i64::MAX, i64::MIN] {
                assert_eq!(part(separator, outside), Ok(Value::Null), "{separator} {outside}");
            }
        }
    }
}
