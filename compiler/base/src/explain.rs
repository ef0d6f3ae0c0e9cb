//! What `explain` says about codes: the page of one, the list of all, and the registry for tools.

use crate::codes::{self, Code};
use crate::suggest::did_you_mean;
use serde_json::json;

/// Nobody knows a code of this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownCode {
    /// The code or slug that is called nearly so.
    pub nearest: Option<&'static str>,
}

/// The page of a code, given by its name in any case or by its slug, as a terminal shows it.
pub fn page(text: &str) -> Result<String, UnknownCode> {
    let text = text.trim();
    match Code::find(text) {
        Some(code) => Ok(for_terminal(code)),
        None => Err(UnknownCode { nearest: nearest(text) }),
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

fn nearest(text: &str) -> Option<&'static str> {
    // One edit in five characters leaves several codes equally near, but a slug is as good as its distance.
    let names = codes::all().map(Code::name);
    let slugs = codes::all().map(Code::slug);
    did_you_mean(text, slugs.chain(names))
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
        let nearest = |text: &str| page(text).expect_err("misspelt").nearest;
        assert_eq!(nearest("unknwon-character"), Some("unknown-character"));
        assert_eq!(nearest("nothing like it"), None);
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
