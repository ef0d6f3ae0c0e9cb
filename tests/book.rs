//! The book in `docs/`: it has all pages, its links lead somewhere, and what it says of the grammar, of connectors, of
//! the library and of diagnostics is what these are. `UPDATE=1 cargo test --test book` writes those pages and blocks.

#[path = "book/connectors.rs"]
mod connectors;
#[path = "book/grammar.rs"]
mod grammar;
#[path = "book/links.rs"]
mod links;
mod support;

use grammar::Grammar;
use links::{included, links};
use millstream_base::codes;
use millstream_core::facts::Given;
use millstream_lsp::analysis::library::{self, Declared};
use millstream_syntax::token::{self, TokenKind};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::Folder;
use support::document::{Document, Part};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_page_has_its_place() {
    let summary = read("docs/SUMMARY.md");
    let linked: BTreeSet<String> = links(&summary).map(|(link, _)| format!("docs/{link}")).collect();
    let pages: BTreeSet<String> =
        pages_below("docs").into_iter().filter(|page| page != "docs/SUMMARY.md").collect();
    assert_eq!(pages, linked, "pages on the left, those of docs/SUMMARY.md on the right");
    let book = read("docs/book.toml");
    for index in pages.iter().filter_map(|page| page.strip_prefix("docs")?.strip_suffix("/README.md")) {
        let redirect = format!("\"{index}/README.html\" = \"index.html\"");
        assert!(index.is_empty() || book.contains(&redirect), "docs/book.toml lacks {redirect}");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut wrong = String::new();
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md"].map(String::from);
    let folders = ["editors", "examples", "bench", "grammar", "stdlib", "tests/suite"];
    for page in top.into_iter().chain(folders.into_iter().flat_map(pages_below)) {
        let folder = Path::new(ROOT).join(&page).parent().expect("a page lies in a folder").to_path_buf();
        for (link, _) in links(&read(&page)).filter(|(link, _)| !link.contains("://")) {
            if !folder.join(link).exists() {
                let _ = writeln!(wrong, "{page}: {link}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What lies outside of `docs` is not there when the book has been built; a page names it and does not link to it.
#[test]
fn links_of_the_book_lead_to_its_pages_and_their_headings() {
    let mut wrong = String::new();
    for page in pages_below("docs") {
        let text = included(&Path::new(ROOT).join(&page));
        for (link, heading) in links(&text).filter(|(link, _)| !link.contains("://")) {
            let target = if link.is_empty() { page.clone() } else { links::beside(&page, link) };
            let is_page = target.starts_with("docs/") && Path::new(ROOT).join(&target).is_file();
            let has_heading =
                || links::places(&included(&Path::new(ROOT).join(&target))).any(|known| known == heading);
            if !is_page || !(heading.is_empty() || has_heading()) {
                let _ = writeln!(wrong, "{page}: {link}#{heading}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A block ` ```ebnf Rule Rule:word ` of the reference shows rules of the grammar, or their alternatives that begin
/// with a word or rule. All that the grammar says is shown somewhere.
#[test]
fn the_reference_shows_the_grammar() {
    let grammar = Grammar::parse(&read("grammar/millstream.lalrpop"));
    let mut pages: Vec<(String, Document)> = pages_below("docs/reference")
        .into_iter()
        .map(|page| (page.clone(), Document::parse(&read(&page))))
        .collect();
    let blocks =
        pages.iter_mut().flat_map(|(_, page)| &mut page.sections).flat_map(|section| &mut section.parts);
    let mut blocks: Vec<(&str, &mut String)> = blocks
        .filter_map(|part| match part {
            Part::Block { kind, body } => Some((kind.strip_prefix("ebnf ")?, body)),
            Part::Prose(_) => None,
        })
        .collect();
    let asked: Vec<String> = blocks.iter().map(|(asked, _)| asked.to_string()).collect();
    let by_themselves: BTreeSet<String> = asked.iter().flat_map(|asked| Grammar::names(asked)).collect();
    for (asked, body) in &mut blocks {
        **body = grammar.shown(asked, &by_themselves);
    }
    let missing = grammar.missing(&asked, &by_themselves);
    assert!(missing.is_empty(), "no page shows\n{}", missing.into_iter().collect::<Vec<_>>().join("\n"));
    pages.iter().for_each(|(page, document)| hold(page, &document.text()));
}

/// What the language has without declaring it.
#[test]
fn aggregates_and_functions_have_their_pages() {
    for (given, page) in
        [(Given::Aggregate, "aggregates"), (Given::OverRows, "history"), (Given::Conversion, "types")]
    {
        let text = read(&format!("docs/reference/{page}.md"));
        for declared in library::all().iter().filter(|d| d.module.is_none() && d.given == given) {
            let name = declared.name;
            assert!(
                text.contains(&format!("`{name}(")),
                "docs/reference/{page}.md does not tell of `{name}`"
            );
        }
    }
}

const PAGES_OF_COMMANDS: [(&str, &str); 7] = [
    ("run", "running"),
    ("test", "tests"),
    ("why", "why"),
    ("infer", "infer"),
    ("preview", "preview"),
    ("graph", "graph"),
    ("repl", "repl"),
];

#[test]
fn flags_have_their_pages() {
    let mut missing = String::new();
    for (command, page) in PAGES_OF_COMMANDS {
        let text = read(&format!("docs/reference/{page}.md"));
        let help = Folder::new().run(&format!("{command} --help")).code(0).stdout;
        let lines = help.lines().map(str::trim).filter(|line| line.starts_with('-'));
        let flags = lines.filter_map(|line| line.split_once("--")?.1.split([' ', '=', '[']).next());
        for flag in flags.filter(|flag| !["help", "set"].contains(flag)) {
            if !text.contains(&format!("--{flag}")) {
                let _ = writeln!(missing, "docs/reference/{page}.md: --{flag}");
            }
        }
    }
    assert!(missing.is_empty(), "flags that no page tells of\n{missing}");
}

/// What a clause keeps, and how late its results are, is asked of each of them.
#[test]
fn pages_of_clauses_tell_of_state_and_delay() {
    for page in pages_below("docs/reference") {
        let text = read(&page).to_lowercase();
        let is_of_clauses = ["clause:", "queryhead:", "item:source", "item:table", "item:sink"];
        let blocks = text.lines().filter(|line| line.starts_with("```ebnf"));
        if blocks.into_iter().any(|block| is_of_clauses.iter().any(|of| block.contains(of))) {
            assert!(text.contains("state") && text.contains("delay"), "{page} tells of no state or delay");
        }
    }
}

/// The colours of the book know the words of the language, and no others.
#[test]
fn the_words_of_programs_are_coloured() {
    let script = read("docs/theme/millstream.js");
    let words_of = |list: &str| {
        let from = script.split(&format!("const {list} =")).nth(1).and_then(|rest| rest.split(';').next());
        let texts = from.expect("the script has this list").split('"').skip(1).step_by(2);
        texts.flat_map(str::split_whitespace).map(str::to_string).collect::<Vec<_>>()
    };
    assert_eq!(words_of("reserved"), token::RESERVED);
    assert_eq!(words_of("contextual"), token::CONTEXTUAL);
    use TokenKind::{AntiJoin, FullJoin, LeftJoin, RightJoin, SemiJoin};
    let sides = [LeftJoin, RightJoin, FullJoin, SemiJoin, AntiJoin];
    assert_eq!(words_of("sides"), sides.map(|join| join.shown().trim_end_matches(" join")));
}

#[test]
fn the_page_of_connectors_has_every_option() {
    hold("docs/reference/connectors.md", &connectors::page());
}

#[test]
fn the_page_of_the_library_is_the_library() {
    let mut page = String::from(
        "# The library\n\nWhat a program may use without declaring it, from its declarations. In the REPL `:help NAME` \
         shows the same, in an editor a look at the name.\n",
    );
    for module in library::modules() {
        let of_module = library::all().iter().filter(|declared| declared.module == Some(module));
        write_part(&mut page, module, of_module);
    }
    let of_language = library::all().iter().filter(|declared| declared.module.is_none());
    write_part(&mut page, "Aggregates, functions of earlier rows, conversions", of_language);
    hold("docs/library.md", &page);
}

/// What of a module there is to say: each name once, with all ways to call it.
fn write_part(page: &mut String, title: &str, declared: impl Iterator<Item = &'static Declared>) {
    let _ = write!(page, "\n## {title}\n");
    let mut last = "";
    for declared in declared {
        if declared.name != last {
            let _ = write!(page, "\n### `{}`\n", declared.name);
        }
        last = declared.name;
        let _ = write!(page, "\n```stream\n{}\n```\n\n{}\n", declared.signature(), declared.doc.trim());
        for example in &declared.examples {
            let _ = write!(page, "\n```stream\n{}\n```\n", example.trim().trim_matches('`'));
        }
    }
}

/// The phases, whose pages take those of the codes in when the book is built: by the first two digits of their codes, as `codes.rs` says.
const PHASES: [(&str, &str, &str); 9] = [
    ("E00", "lexing", "Characters and literals"),
    ("E01", "parsing", "Grammar"),
    ("E02", "names", "Names"),
    ("E03", "types", "Types"),
    ("E04", "time", "Time, windows, joins, tables"),
    ("E05", "patterns", "Patterns"),
    ("E06", "planning", "What is not carried out"),
    ("E08", "data", "Data at run time"),
    ("E09", "configuration", "Connectors, files, configuration"),
];

#[test]
fn the_pages_of_diagnostics_have_every_code() {
    let of_phase =
        |prefix: &str| codes::all().filter(move |code| code.name().starts_with(prefix)).collect::<Vec<_>>();
    let mut index = String::from(
        "# Diagnostics\n\nEach message of the compiler has a code. `millstream explain E0301` prints what stands here of \
         it: what it means, a program that raises it, and one that does not.\n",
    );
    let rest = [("W", "warnings", "Warnings"), ("B", "faults", "Faults in Millstream")];
    let mut n_codes = 0;
    for (prefix, name, title) in PHASES.into_iter().chain(rest) {
        let found = of_phase(prefix);
        let mut page = format!("# {title}\n");
        let _ = write!(index, "\n## [{title}]({name}.md)\n\n");
        for code in &found {
            let code_name = code.name();
            let _ = write!(page, "\n<a id=\"{code_name}\"></a>\n\n");
            let _ = writeln!(page, "{{{{#include ../../compiler/base/codes/{code_name}.md}}}}");
            let heading = code.info().page.lines().next().unwrap_or_default().trim_start_matches("# ");
            let _ = writeln!(index, "- [{heading}]({name}.md#{code_name})");
        }
        n_codes += found.len();
        hold(&format!("docs/diagnostics/{name}.md"), &page);
    }
    hold("docs/diagnostics/README.md", &index);
    assert_eq!(n_codes, codes::all().count(), "a code belongs to no phase");
}

/// Compares a page with what it should say, or writes it.
#[track_caller]
fn hold(page: &str, wanted: &str) {
    if std::env::var("UPDATE").is_ok_and(|v| v == "1") && read(page) != wanted {
        let path = Path::new(ROOT).join(page);
        std::fs::create_dir_all(path.parent().expect("a page lies in a folder"))
            .expect("folders can be made");
        return std::fs::write(path, wanted).expect("pages are writable");
    }
    assert!(read(page) == wanted, "{page} is out of date: UPDATE=1 cargo test --test book");
}

fn read(page: &str) -> String {
    std::fs::read_to_string(Path::new(ROOT).join(page)).unwrap_or_default()
}

/// The Markdown files below a folder, by their places in the repository.
fn pages_below(folder: &str) -> Vec<String> {
    let (mut found, mut open) = (vec![], vec![PathBuf::from(ROOT).join(folder)]);
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() && !path.ends_with("node_modules") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path.strip_prefix(ROOT).expect("below it").display().to_string());
            }
        }
    }
    found
}

/// Where the grammar of a construct stands, the rest of what is promised of it stands as well.
#[test]
fn pages_of_constructs_tell_of_edge_cases_state_and_delay_with_an_example() {
    let mut missing = String::new();
    let folder = format!("{}/docs/reference", env!("CARGO_MANIFEST_DIR"));
    for path in std::fs::read_dir(folder).expect("a folder of pages").flatten().map(|entry| entry.path()) {
        let page = std::fs::read_to_string(&path).expect("a page");
        if !page.contains("\n```ebnf ") || path.ends_with("README.md") {
            continue;
        }
        let has_example = page.contains("\n```stream\n") || page.contains("\n```repl\n");
        let parts = [
            ("## Edge cases", page.contains("\n## Edge cases\n")),
            ("state", page.contains("State") || page.contains("state")),
            ("delay", page.contains("Delay") || page.contains("delay")),
            ("an example", has_example),
        ];
        for (what, _) in parts.iter().filter(|(_, is_there)| !is_there) {
            missing += &format!("{} lacks {what}\n", path.display());
        }
    }
    assert!(missing.is_empty(), "\n{missing}");
}
