//! The key that a question names: text to values of the types of `by`.

use super::errors;
use crate::command_line::Said;
use millstream_base::{Diagnostic, Span};
use millstream_ir::expr::literal_text;
use millstream_ir::text::{format_timestamp, from_json, parse_duration, parse_timestamp};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;

/// A part of a key.
pub struct Part {
    pub name: String,
    pub ty: Type,
}

/// The values of the parts that are named, in their order.
pub fn values(said: &[Said], parts: &[Part]) -> Result<Vec<Value>, Box<Diagnostic>> {
    let said: Vec<Said> = match said {
        // A single key is all of the text.
        [all] if parts.len() > 1 => split(all),
        all => all.to_vec(),
    };
    if said.len() != parts.len() {
        let names: Vec<String> = parts.iter().map(|part| format!("`{}`: {}", part.name, part.ty)).collect();
        let span = said.iter().map(|said| said.span).reduce(Span::to).unwrap_or_default();
        return Err(Box::new(errors::parts_of_key(span, said.len(), &names)));
    }
    said.iter().zip(parts).map(|(said, part)| value(said, part)).collect()
}

/// At the commas that do not stand in quotes.
fn split(said: &Said) -> Vec<Said> {
    let mut parts = vec![];
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in said.text.char_indices().chain([(said.text.len(), ',')]) {
        let is_end = at == said.text.len();
        if is_end || c == ',' && !quoted {
            let from = said.span.start as usize;
            let span = Span::new(said.span.file, from + start, from + at);
            parts.push(Said { text: said.text[start..at].to_string(), span });
            start = at + c.len_utf8();
        }
        (quoted, escaped) = (quoted ^ (c == '"' && !escaped), c == '\\' && !escaped);
    }
    parts
}

fn value(said: &Said, part: &Part) -> Result<Value, Box<Diagnostic>> {
    let text = said.text.trim();
    let ty = part.ty.clone().required();
    if text == "null" && part.ty.nullable {
        return Ok(Value::Null);
    }
    let wrong = |reason: &str| {
        let name = format!("`{}`", part.name);
        Box::new(errors::key_of_other_type(said.span, text, &name, &ty.to_string(), reason))
    };
    let is_text = matches!(ty.kind, TypeKind::String | TypeKind::OneOf(_));
    match &ty.kind {
        TypeKind::Timestamp => {
            let time = parse_timestamp(text.trim_start_matches('@').as_bytes());
            return time.map(Value::Timestamp).ok_or_else(|| wrong("a time reads 2024-05-01T12:00:00Z"));
        }
        TypeKind::Duration => {
            let duration = parse_duration(text.as_bytes());
            return duration.map(Value::Duration).ok_or_else(|| wrong("a duration reads 1h30m"));
        }
        _ => {}
    }
    // Text need not be quoted; what is, is meant as the language writes it.
    let json = match is_text && !(text.len() > 1 && text.starts_with('"') && text.ends_with('"')) {
        true => serde_json::Value::String(said.text.clone()),
        false => serde_json::from_str(text).map_err(|_| wrong("this cannot be read as one"))?,
    };
    from_json(&json, &ty).map_err(|reason| wrong(&reason))
}

/// A key as `--key` takes it.
pub fn text(key: &[Value], parts: &[Part]) -> String {
    let one = |(value, part): (&Value, &Part)| match value {
        Value::String(text) if &**text != "null" && !text.contains([',', '"', ' ']) => text.to_string(),
        Value::Timestamp(time) => format_timestamp(*time),
        value => literal_text(value, &part.ty),
    };
    key.iter().zip(parts).map(one).collect::<Vec<_>>().join(",")
}

/// A key with what its parts are called: `card "c1"`.
pub fn title(key: &[Value], parts: &[Part]) -> String {
    let one = |(value, part): (&Value, &Part)| format!("{} {}", part.name, literal_text(value, &part.ty));
    key.iter().zip(parts).map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_base::FileId;

    fn said(text: &str) -> Vec<Said> {
        vec![Said { text: text.into(), span: Span::new(FileId(0), 0, text.len()) }]
    }

    fn part(name: &str, ty: Type) -> Part {
        Part { name: name.into(), ty }
    }

    #[test]
    fn a_key_is_read_by_the_types_of_its_parts() {
        let one = |ty: Type, text: &str| values(&said(text), &[part("k", ty)]).map(|v| v[0].clone());
        assert_eq!(one(Type::STRING, "a,b"), Ok(Value::string("a,b")));
        assert_eq!(one(Type::STRING, "\"7\""), Ok(Value::string("7")));
        assert_eq!(one(Type::STRING.nullable(), "null"), Ok(Value::Null));
        assert_eq!(one(Type::STRING.nullable(), "\"null\""), Ok(Value::string("null")));
        assert_eq!(one(Type::INT, " 7"), Ok(Value::Int(7)));
        assert_eq!(one(Type::decimal(2), "1.50"), Ok(Value::Decimal(150)));
        assert_eq!(one(Type::BOOL, "true"), Ok(Value::Bool(true)));
        assert_eq!(one(Type::DURATION, "1m"), Ok(Value::Duration(60_000_000)));
        assert_eq!(one(Type::TIMESTAMP, "1970-01-01T00:00:01Z"), Ok(Value::Timestamp(1_000_000)));
        for (ty, text) in [(Type::INT, "x"), (Type::INT, "1.5"), (Type::BOOL, ""), (Type::TIMESTAMP, "noon")]
        {
            assert_eq!(one(ty, text).unwrap_err().code, millstream_base::codes::E0944);
        }
    }

    #[test]
    fn parts_stand_between_commas_that_are_not_quoted() {
        let parts = [part("country", Type::STRING), part("n", Type::INT)];
        assert_eq!(values(&said("DE,7"), &parts), Ok(vec![Value::string("DE"), Value::Int(7)]));
        assert_eq!(values(&said("\"a,b\",7"), &parts), Ok(vec![Value::string("a,b"), Value::Int(7)]));
        assert_eq!(values(&said("DE"), &parts).unwrap_err().code, millstream_base::codes::E0943);
        let key = [Value::string("a,b"), Value::Int(7)];
        assert_eq!(text(&key, &parts), "\"a,b\",7");
        assert_eq!(title(&key, &parts), "country \"a,b\", n 7");
    }
}
