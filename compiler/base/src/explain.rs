//! What `explain` says about codes: the page of one, the list of all, and the registry for tools.

use crate::codes::{self, Code};
use crate::suggest::did_you_mean;
use serde_json::json;
use std::cmp::Reverse;

/// Nobody knows a code of this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownCode {
    /// The code or slug that is called nearly so; where several are, the codes beside the number.
    pub near: Vec<&'static str>,
}

/// The page of a code, given by its name in any case or by its slug, as a terminal shows it.
pub fn page(text: &str) -> Result<String, UnknownCode> {
    let text = text.trim();
    match Code::find(text) {
        Some(code) => Ok(for_terminal(code)),
        None => Err(UnknownCode { near: near(text) }),
    }
}

/// Every code with its slug and the heading of its page, one a line.
pub fn list() -> String {
    let slug_width = codes::all().map(|code| code.slug().len()).max().unwrap_or(0);
    codes::all().map(|code| format!("{code}  {:slug_width$}  {}\n", code.slug(), heading(code))).collect()
}

/// The registry as a JSON array of `{code, slug, severity, title, page}`.
pub fn registry_json() -> serde_json::Value {
    codes::all()
        .map(|code| {
            json!({
                "code": code.name(),
                "slug": code.slug(),
                "severity": code.severity().word(),
                "title": heading(code),
                "page": code.info().page,
            })
        })
        .collect()
}

/// What the page's first line says behind the code.
pub fn heading(code: Code) -> &'static str {
    let first = code.info().page.lines().next().unwrap_or_default();
    first.split_once(": ").map_or("", |(_, heading)| heading)
}

/// Programs are indented in place of their fences, and headings lose their marks.
fn for_terminal(code: Code) -> String {
    let mut out = String::new();
    let mut in_program = false;
    for line in code.info().page.lines() {
        if line.starts_with("```") {
            in_program = !in_program;
        } else if in_program {
            out += format!("    {line}").trim_end();
            out.push('\n');
        } else if let Some(title) = line.strip_prefix("# ") {
            out += &format!("{title}  ({})\n", code.slug());
        } else {
            out += line.strip_prefix("## ").unwrap_or(line);
            out.push('\n');
        }
    }
    out
}

fn near(text: &str) -> Vec<&'static str> {
    match number(text) {
        Some((letter, digits)) => near_number(letter, digits),
        // One edit in five characters leaves several codes equally near, but a slug is as good as its distance.
        None => did_you_mean(text, codes::all().map(Code::slug)).into_iter().collect(),
    }
}

/// The letter and the digits of what is written as a code is: `E0301`, `e301`, `301`.
fn number(text: &str) -> Option<(char, &str)> {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    let letter = match text.strip_suffix(digits)? {
        "" => 'E',
        letters => letters.chars().next().filter(|_| letters.len() == 1)?.to_ascii_uppercase(),
    };
    is_number.then_some((letter, digits))
}

/// That with zeros in front of it or without what is behind its fourth digit; else those beside it.
fn near_number(letter: char, digits: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    let written = format!("{letter}{digits:0>4}");
    if let Some(code) = written.get(..5).and_then(Code::find) {
        return vec![code.name()];
    }
    let begins_alike = |name: &str| name.chars().zip(written.chars()).take_while(|(a, b)| a == b).count();
    let number = |digits: &str| digits.parse::<i64>().unwrap_or(i64::MAX);
    let distance = |name: &str| (number(name.get(1..).unwrap_or_default()) - number(digits)).abs();
    let mut near: Vec<&str> = codes::all().map(Code::name).filter(|name| name.starts_with(letter)).collect();
    near.sort_by_key(|name| (Reverse(begins_alike(name)), distance(name)));
    near.truncate(MOST);
    near.sort();
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_found_by_code_and_by_slug() {
        let by_slug = page("unknown-character").expect("registered");
        assert_eq!(page("e0001").as_ref(), Ok(&by_slug));
        assert!(by_slug.starts_with("E0001: "), "{by_slug}");
        assert!(by_slug.contains("\nWrong\n\n    param"), "{by_slug}");
        assert!(!by_slug.contains("```"), "{by_slug}");
    }

    #[test]
    fn unknown_code_proposes_the_nearest() {
        let near = |text: &str| page(text).expect_err("misspelt").near;
        assert_eq!(near("unknwon-character"), ["unknown-character"]);
        assert_eq!(near("nothing like it"), [""; 0]);
        for of_one in ["301", "E301", "E03011", "e030125"] {
            assert_eq!(near(of_one), ["E0301"], "{of_one}");
        }
        let last = codes::all().map(Code::name).filter(|name| name.starts_with('E')).last();
        assert_eq!(near("E9999").last().copied(), last);
        assert!(near("E0399").iter().all(|name| name.starts_with("E03")));
        assert!(near("E99999999999999999999").len() > 1 && near("X1").is_empty());
    }

    #[test]
    fn list_and_json_hold_every_code() {
        let n_codes = codes::all().count();
        assert_eq!(list().lines().count(), n_codes);
        assert!(list().starts_with("E0001  unknown-character"));
        let json = registry_json();
        assert_eq!(json.as_array().map(Vec::len), Some(n_codes));
        assert_eq!(json[0]["severity"], "error");
    }
}
