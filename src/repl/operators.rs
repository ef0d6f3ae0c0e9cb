//! What signs of the language mean, for `:help`.

/// What a sign means; none if the language has no such sign.
pub fn help(sign: &str) -> Option<&'static str> {
    HELP.iter().find(|(known, _)| *known == sign).map(|(_, help)| *help)
}

const HELP: &[(&str, &str)] = &[
    (
        "+",
        "`a + b`: the sum of numbers or durations, or a time so much later; in a test, `+5m` is so long after its start",
    ),
    ("-", "`a - b`: the difference of numbers, durations or times; `-a`: the opposite"),
    ("*", "`a * b`: the product of numbers, a duration so many times; in `select *`, all columns"),
    (
        "/",
        "`a / b`: the quotient; whole-numbered is `div(a, b)`; of durations, how often one goes into the other",
    ),
    ("%", "`a % b`: what is left of a whole-numbered division"),
    ("++", "`a ++ b`: texts or lists, one behind the other"),
    ("??", "`a ?? b`: the first that is not null"),
    ("==", "`a == b`: both are equal; null is asked for by `a is null`"),
    ("!=", "`a != b`: both differ"),
    ("<", "`a < b`: less; numbers, times, durations, and text by code point"),
    ("<=", "`a <= b`: less or equal"),
    (">", "`a > b`: greater; numbers, times, durations, and text by code point"),
    (">=", "`a >= b`: greater or equal"),
    ("..", "from one bound to the other: `within 0s..5m`"),
    (".", "a field of a record, a member of json, a column of an alias: `o.amount`"),
    (
        "[]",
        "an element, counted from 0, or of a map that of a key: `xs[0]`; a list: `[1, 2]`; in a pattern, a condition",
    ),
    ("{}", "a record: `{ a: 1 }`; in a pattern, how often: `a: orders{3,}`"),
    ("?", "behind a type, that it may be null: `string?`"),
    ("|", "between texts in a type, one of a few: `\"open\" | \"closed\"`"),
    ("->", "in front of what a function gives: `fn half(x: float) -> float = x / 2`"),
    ("=", "what a definition is; values are compared with `==`"),
    ("@", "a time: `@2024-05-01T12:00`, in UTC unless an offset stands behind it"),
    (":", "a type or a name behind it: `x: int`; at the beginning of an entry, a command of the session"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_base::{Diagnostics, FileId};
    use millstream_syntax::lexer::lex;

    #[test]
    fn every_sign_is_one_of_the_language() {
        for (sign, _) in HELP.iter().filter(|(sign, _)| *sign != "@") {
            assert!(lex(FileId(0), sign).bad.is_empty(), "{sign}");
        }
    }

    #[test]
    fn what_is_shown_as_an_operator_is_one() {
        for (sign, help) in HELP.iter().filter(|(_, help)| help.starts_with("`a ")) {
            let example = help.split('`').nth(1).unwrap_or_default();
            let mut wrong = Diagnostics::default();
            millstream_syntax::parse_expression(FileId(0), example, &mut wrong);
            assert!(wrong.is_empty() && example.contains(sign), "{example}");
        }
    }
}
