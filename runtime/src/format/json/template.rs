//! What a line is expected to look like, learned from a line of the input: the bytes between its
//! values, and which column each value goes to.

use crate::format::field::{Fast, Field};
use crate::kernel::decode::literal::Literal;
use crate::kernel::decode::skip::value_len;
use millstream_ir::value::Value;
use std::collections::HashSet;

#[derive(Clone, PartialEq)]
pub struct Template {
    pub steps: Vec<Step>,
    /// What stands behind the last value.
    pub end: Literal,
    /// The columns that lines like this lack, with what they hold then.
    pub absent: Vec<(usize, Value)>,
}

#[derive(Clone, PartialEq)]
pub struct Step {
    /// All that stands between two values: comma, key, colon, blanks.
    pub literal: Literal,
    /// The column that the value goes to; none if nothing reads it.
    pub column: Option<usize>,
}

impl Template {
    /// The template of a line that the general path has read. None where it cannot be told, as with
    /// escapes in a key, or a key that comes twice.
    pub fn learn(line: &[u8], fields: &[Field]) -> Option<Template> {
        let mut steps = vec![];
        let mut keys: HashSet<&[u8]> = HashSet::new();
        let mut at = 0;
        loop {
            // `{"key":` or `,"key":`, with blanks.
            let from = at;
            let opening = at + memchr::memchr(b'"', &line[at..])?;
            let closing = opening + 1 + memchr::memchr2(b'"', b'\\', &line[opening + 1..])?;
            let key = &line[opening + 1..closing];
            if line[closing] == b'\\' || !keys.insert(key) {
                return None;
            }
            at = closing + 1 + memchr::memchr(b':', &line[closing + 1..])? + 1;
            at += line[at..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            let column = fields.iter().position(|field| field.spec.input.as_bytes() == key);
            let quote = column.is_some_and(|c| opens_in_literal(&fields[c])) as usize;
            steps.push(Step { literal: Literal::new(line.get(from..at + quote)?), column });
            at += value_len(&line[at..])?;
            let rest = line[at..].trim_ascii_start();
            if !rest.starts_with(b",") {
                break;
            }
        }
        let is_absent = |c: &usize| steps.iter().all(|step| step.column != Some(*c));
        let absent = (0..fields.len()).filter(is_absent).map(|c| Some((c, fields[c].absent().ok()?)));
        Some(Template { absent: absent.collect::<Option<_>>()?, steps, end: Literal::new(&line[at..]) })
    }
}

/// Whether the opening quote of its strings is part of the literal before them: those that can be
/// null have it not always.
fn opens_in_literal(field: &Field) -> bool {
    field.fast == Fast::Text && !field.spec.ty.nullable
}
