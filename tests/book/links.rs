//! What pages link to, and what can be linked to.

use std::path::{Path, PathBuf};

/// The targets of links, each with what stands behind `#`; not those in blocks of code.
pub fn links(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let prose = page.split("\n```").step_by(2);
    let targets = prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.map(|target| target.split_once('#').unwrap_or((target, "")))
}

/// A page with what it includes.
pub fn included(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    let line = |line: &str| match line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
        Some(of) => {
            let of = page.parent().expect("a page lies in a folder").join(of);
            std::fs::read_to_string(&of).unwrap_or_else(|e| panic!("{}: {e}", of.display()))
        }
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// The place in the repository that a link of a page leads to.
pub fn beside(page: &str, link: &str) -> String {
    let mut place = PathBuf::from(page);
    place.pop();
    for step in link.split('/') {
        match step {
            ".." => _ = place.pop(),
            "." => {}
            step => place.push(step),
        }
    }
    place.display().to_string()
}

/// What can stand behind `#` in a link to a page: its headings, as mdbook calls them, and `<a id="…">`.
pub fn places(page: &str) -> impl Iterator<Item = String> {
    let prose = page.split("\n```").step_by(2).flat_map(str::lines);
    prose.filter_map(|line| match line.strip_prefix("<a id=\"") {
        Some(rest) => rest.split('"').next().map(str::to_string),
        None => line.starts_with('#').then(|| anchor(line.trim_start_matches('#'))),
    })
}

fn anchor(heading: &str) -> String {
    let mut anchor = String::new();
    for c in heading.trim().chars() {
        match c {
            _ if c.is_alphanumeric() || c == '_' || c == '-' => anchor.extend(c.to_lowercase()),
            _ if c.is_whitespace() => anchor.push('-'),
            _ => {}
        }
    }
    anchor
}
