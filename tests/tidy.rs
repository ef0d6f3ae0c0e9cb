//! The invariants of ARCHITECTURE.md, each held by a test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files below these folders with this extension, relative to the root.
fn files(folders: &[&str], extension: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|e| e.path()) {
            if path.is_dir() && path.ends_with("target") {
                // What the fuzz targets are built into.
            } else if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = vec![];
    folders.iter().for_each(|f| walk(&root().join(f), extension, &mut found));
    found.sort();
    found.iter().map(|p| p.strip_prefix(root()).expect("below the root").to_path_buf()).collect()
}

const CODE: &[&str] = &["compiler", "runtime", "stdlib", "lsp", "src", "tests", "bench", "grammar"];

/// A crate's own dependencies outside tests, as its manifest names them.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = read(&root().join(folder).join("Cargo.toml"));
    let section = manifest.split("[dependencies]").nth(1).unwrap_or("");
    let lines = section.lines().take_while(|l| !l.starts_with('['));
    lines
        .filter_map(|l| l.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .map(str::to_string)
        .collect()
}

#[test]
fn crates_depend_only_on_the_layers_below() {
    let allowed: &[(&str, &[&str])] = &[
        ("compiler/base", &[]),
        ("compiler/syntax", &["base"]),
        ("compiler/ir", &["base"]),
        ("compiler/core", &["base", "syntax", "ir"]),
        ("compiler/jit", &["base", "ir"]),
        ("runtime", &["base", "ir"]),
        ("runtime/objects", &["runtime"]),
        ("stdlib", &["base", "ir"]),
        ("lsp", &["base", "syntax", "core", "stdlib"]),
    ];
    for (folder, may_use) in allowed {
        for name in dependencies(folder).iter().filter_map(|n| n.strip_prefix("millstream-")) {
            assert!(may_use.contains(&name), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn the_front_end_builds_without_cranelift_and_tokio() {
    let lock = read(&root().join("Cargo.lock"));
    let mut uses: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field =
            |key: &str| package.split(&format!("{key} = \"")).nth(1).and_then(|t| t.split('"').next());
        let name = field("name").expect("every package has a name");
        let listed = package.split("dependencies = [").nth(1).and_then(|t| t.split(']').next()).unwrap_or("");
        let names = listed.lines().filter_map(|l| l.trim().trim_matches(['"', ',']).split(' ').next());
        uses.entry(name).or_default().extend(names.filter(|n| !n.is_empty()));
    }
    for front in ["millstream-core", "millstream-lsp"] {
        let mut reached = BTreeSet::from([front]);
        let mut waiting = vec![front];
        while let Some(name) = waiting.pop() {
            waiting.extend(uses.get(name).into_iter().flatten().filter(|n| reached.insert(n)));
        }
        let heavy: Vec<_> = reached.iter().filter(|n| n.starts_with("cranelift") || **n == "tokio").collect();
        assert!(heavy.is_empty(), "{front} reaches {heavy:?}");
    }
}

/// Asserts that a text occurs in no code but in files whose path starts with one of these.
#[track_caller]
fn only_in(text: &str, allowed: &[&str]) {
    for path in files(CODE, "rs") {
        let is_allowed = allowed.iter().any(|a| path.starts_with(a) || path.to_string_lossy().starts_with(a));
        if !is_allowed && path != Path::new("tests/tidy.rs") && read(&root().join(&path)).contains(text) {
            panic!("{} holds {text:?}, which belongs in {allowed:?}", path.display());
        }
    }
}

#[test]
fn editors_types_stay_out_of_the_compiler() {
    // Of the server, only these files speak the protocol; the requests read it, and have it written.
    only_in("lsp_types", &["lsp/src/convert", "lsp/src/requests"]);
    for path in files(&["lsp/src/requests"], "rs") {
        let text = read(&root().join(&path));
        for built in ["Position::new", "Range::new", "Location::new", "TextEdit::new"] {
            assert!(
                !text.contains(built),
                "{} holds {built}, which belongs in lsp/src/convert",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_renderer_knows_ariadne() {
    only_in("use ariadne", &["compiler/base/src/render"]);
}

#[test]
fn only_the_clock_reads_the_time() {
    // The binary's terminal shows elapsed time; the benchmark measures it.
    only_in("SystemTime::now", &["runtime/src/time.rs", "bench"]);
    only_in(
        "Instant::now",
        &[
            "runtime/src/time.rs",
            "src/terminal.rs",
            "src/commands/run.rs",
            "src/commands/test.rs",
            "bench",
            "tests",
            "compiler/jit/tests",
        ],
    );
}

#[test]
fn unsafe_code_stands_in_few_small_modules() {
    let allowed = [
        "compiler/ir/src/buffer.rs",
        "compiler/ir/src/engine.rs",
        "compiler/jit/src/call.rs",
        "compiler/jit/tests",
        "runtime/src/kernel",
        "grammar/tree-sitter-millstream/bindings",
        "bench",
    ];
    for text in ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait"] {
        only_in(text, &allowed);
    }
}

#[test]
fn no_code_panics_on_purpose_outside_tests() {
    for path in files(&["compiler", "runtime", "stdlib", "lsp", "src"], "rs") {
        let is_test = path.components().any(|c| c.as_os_str() == "tests") || path.ends_with("tests.rs");
        if is_test {
            continue;
        }
        let text = read(&root().join(&path));
        let code = text.split("#[cfg(test)]").next().unwrap_or("");
        for word in [".unwrap()", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!code.contains(word), "{} holds {word}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_belongs_in_it() {
    for path in files(CODE, "rs") {
        assert!(read(&root().join(&path)).starts_with("//!"), "{} has no //! header", path.display());
    }
}

#[test]
fn folders_of_data_have_a_readme() {
    for folder in ["grammar", "stdlib", "examples", "tests/suite", "bench"] {
        assert!(root().join(folder).join("README.md").exists(), "{folder} has no README.md");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut pages = files(&["docs", "grammar", "stdlib", "examples", "bench", "tests"], "md");
    pages.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md"].map(PathBuf::from));
    for page in pages {
        let text = read(&root().join(&page));
        for target in text.split("](").skip(1).filter_map(|t| t.split(')').next()) {
            let file = target.split('#').next().unwrap_or("");
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let full = root().join(&page).parent().expect("pages have a folder").join(file);
            assert!(full.exists(), "{} links to {target}, which is not there", page.display());
        }
    }
}
