//! `like` patterns: how they are read and matched.

use super::{LikePart, LikePattern};
use std::sync::Arc;

impl LikePattern {
    /// Every text is a pattern; a `\` at the end stands for itself.
    pub fn new(source: &str) -> LikePattern {
        let mut parts: Vec<LikePart> = Vec::new();
        let mut characters = source.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '_' => {
                    parts.push(LikePart::AnyChar);
                    continue;
                }
                '%' => {
                    if parts.last() != Some(&LikePart::AnyText) {
                        parts.push(LikePart::AnyText);
                    }
                    continue;
                }
                '\\' => characters.next().unwrap_or('\\'),
                other => other,
            };
            match parts.last_mut() {
                Some(LikePart::Text(text)) => text.push(literal),
                _ => parts.push(LikePart::Text(literal.to_string())),
            }
        }
        LikePattern { source: Arc::from(source), parts }
    }

    /// Whether the whole text fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        let (mut parts, mut rest) = (&self.parts[..], text);
        // What stands behind the last `%`, and the text it was last tried on: where it does not fit,
        // that `%` takes one more character. Earlier ones need not be tried again.
        let mut retry: Option<(&[LikePart], &str)> = None;
        loop {
            let fits = match parts {
                [] if rest.is_empty() => return true,
                [] => None,
                [LikePart::AnyText, tail @ ..] => {
                    retry = Some((tail, rest));
                    Some((tail, rest))
                }
                [LikePart::AnyChar, tail @ ..] => without_first(rest).map(|rest| (tail, rest)),
                [LikePart::Text(text), tail @ ..] => {
                    rest.strip_prefix(text.as_str()).map(|rest| (tail, rest))
                }
            };
            if let Some(next) = fits {
                (parts, rest) = next;
                continue;
            }
            let Some((tail, tried)) = retry else { return false };
            let Some(next) = without_first(tried) else { return false };
            retry = Some((tail, next));
            (parts, rest) = (tail, next);
        }
    }
}

fn without_first(text: &str) -> Option<&str> {
    let mut characters = text.chars();
    characters.next().map(|_| characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knows_percent_underscore_and_backslash() {
        let cases = [
            ("a%", "abc", true),
            ("a%", "ABC", false),
            ("%b%", "abc", true),
            ("a_c", "aéc", true),
            ("a_c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("_%", "", false),
            (r"100\%", "100%", true),
            (r"100\%", "1000", false),
            (r"a\_b", "axb", false),
            (r"a\", r"a\", true),
            ("%aab", "aaaab", true),
            ("%a_a%b", "xaaxabab", true),
            ("a%b%c", "a-b-b-c-", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(LikePattern::new(pattern).matches(text), expected, "{text:?} like {pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_regular_expression(pattern in "[ab_%]{0,8}", text in "[ab]{0,10}") {
            let regex = format!("^{}$", pattern.replace('%', ".*").replace('_', "."));
            let expected = regex::Regex::new(&regex).unwrap().is_match(&text);
            prop_assert_eq!(LikePattern::new(&pattern).matches(&text), expected);
        }
    }
}
