//! The registry of codes and its pages agree with each other.

use millstream_base::codes::{self, Code};
use std::collections::HashSet;
use std::path::Path;

#[test]
fn codes_are_sorted_and_unique() {
    let names: Vec<&str> = codes::all().map(Code::name).collect();
    for pair in names.windows(2) {
        // Errors come before warnings, then bugs, each by number.
        let rank = |name: &str| ("EWB".find(&name[..1]), name.to_string());
        assert!(rank(pair[0]) < rank(pair[1]), "{} must stand before {}", pair[1], pair[0]);
    }
}

#[test]
fn codes_have_a_letter_and_four_digits() {
    for code in codes::all() {
        let (letter, digits) = code.name().split_at(1);
        assert!("EWB".contains(letter), "{code}");
        assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()), "{code}");
    }
}

#[test]
fn slugs_are_kebab_and_unique() {
    let mut seen = HashSet::new();
    for code in codes::all() {
        let slug = code.slug();
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(slug.split('-').all(is_word), "{code}: slug `{slug}` is not kebab case");
        assert!(seen.insert(slug), "{code}: slug `{slug}` is taken");
        assert_eq!(Code::find(slug), Some(code));
        assert_eq!(Code::find(&code.name().to_lowercase()), Some(code));
    }
}

#[test]
fn every_page_has_its_four_parts() {
    let mut faults = String::new();
    for code in codes::all() {
        if let Err(fault) = check_page(code) {
            faults += &format!("codes/{code}.md: {fault}\n");
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Heading, meaning, `## Wrong` and `## Right` with one program each (and the files beside it, and how it
/// is checked), or a session, or a command without a program, `## Why`.
fn check_page(code: Code) -> Result<(), String> {
    let page = code.info().page;
    let heading = page.lines().next().unwrap_or_default();
    let start = format!("# {code}: ");
    if !heading.starts_with(&start) || heading.len() <= start.len() {
        return Err(format!("the first line must be `{start}…`"));
    }
    let mut rest = &page[heading.len()..];
    let mut parts = vec![];
    for mark in ["\n## Wrong\n", "\n## Right\n", "\n## Why\n"] {
        let (part, behind) =
            rest.split_once(mark).ok_or(format!("`{}` is missing or out of order", mark.trim()))?;
        parts.push(part);
        rest = behind;
    }
    parts.push(rest);
    for (name, part) in ["what it means", "Wrong", "Right", "Why"].iter().zip(&parts) {
        if part.trim().is_empty() {
            return Err(format!("the part `{name}` is empty"));
        }
        let blocks = |kind: &str| part.matches(&format!("```{kind}\n")).count();
        let n_programs = match blocks("stream") {
            0 => blocks("repl").max(blocks("sh")),
            n => n,
        };
        let n_wanted = usize::from(*name == "Wrong" || *name == "Right");
        if n_programs != n_wanted || (n_wanted == 0 && part.contains("```")) {
            return Err(format!("the part `{name}` has {n_programs} programs, not {n_wanted}"));
        }
    }
    if page.matches("\n## ").count() != 3 {
        return Err("there are other parts than the four".into());
    }
    if !page.ends_with('\n') || page.contains('\t') || page.lines().any(|line| line.ends_with(' ')) {
        return Err("tabs, blanks at the end of a line, or no line break at the end".into());
    }
    Ok(())
}

#[test]
fn every_page_is_registered() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("codes");
    for entry in std::fs::read_dir(directory).expect("the pages' directory") {
        let name = entry.expect("a page").file_name().into_string().expect("a plain name");
        let code = name.strip_suffix(".md").unwrap_or_else(|| panic!("codes/{name} is not a page"));
        assert!(Code::find(code).is_some_and(|c| c.name() == code), "codes/{name} is not in the registry");
    }
}
