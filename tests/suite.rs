//! The specification that runs: every section of `tests/suite/<topic>/*.md` is a program, its inputs
//! and what must come out, on machine code and on the reference evaluator alike.
//!
//! A section is a heading, prose, and blocks:
//! - ` ```stream ` the program;
//! - ` ```input FILE ` a file beside it;
//! - ` ```output NAME ` the rows of stream NAME as JSON lines, in order;
//! - ` ```changes NAME ` and ` ```debezium NAME ` those of an updating stream;
//! - ` ```error ` what `check` says, one finding a line, without the file's name;
//! - ` ```stream ` may hold `test` items as well, which must pass;
//! - ` ```args ` further arguments of `run`.
//!
//! To add one: write the heading and the blocks with an empty output, run
//! `UPDATE=1 cargo test --test suite`, and read the difference.

mod support;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::Folder;
use support::document::{Document, Part, Section};

#[test]
fn every_section_means_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let mut files = vec![];
    collect(&root, &mut files);
    files.sort();
    assert!(!files.is_empty(), "the suite is empty");
    let update = std::env::var("UPDATE").is_ok_and(|v| v == "1");
    let mut wrong = String::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("suite files are readable");
        let mut document = Document::parse(&text);
        for section in document.sections.iter_mut() {
            let Outcome { different, broken } = section.run();
            let difference = if update { broken } else { different + &broken };
            if !difference.is_empty() {
                let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
                let _ = writeln!(wrong, "== {name}: {}\n{difference}", section.title());
            }
        }
        if update && document.text() != text {
            std::fs::write(&path, document.text()).expect("suite files are writable");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the suite's folder is readable") {
        let path = entry.expect("entries are readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "md")
            && path.file_name().is_some_and(|n| n != "README.md")
        {
            files.push(path);
        }
    }
}

/// How a block that shows a stream's rows begins, and the options of the format in which they are written.
const FORMS: [(&str, &str); 3] =
    [("output ", ""), ("changes ", "(changes: retract)"), ("debezium ", "(changes: debezium)")];

/// What came of a section.
#[derive(Default)]
struct Outcome {
    /// Where its blocks said something else, which they now say.
    different: String,
    /// What no block can say: a program that does not run, a test that fails.
    broken: String,
}

impl Section {
    fn title(&self) -> &str {
        match self.parts.first() {
            Some(Part::Prose(line)) => line.trim_start_matches('#').trim(),
            _ => "",
        }
    }

    fn block(&self, wanted: &str) -> Option<&str> {
        self.parts.iter().find_map(|p| match p {
            Part::Block { kind, body } if kind == wanted => Some(body.as_str()),
            _ => None,
        })
    }

    /// Puts what happens into the section's blocks.
    fn run(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(program) = self.block("stream").map(str::to_string) else { return outcome };
        let arguments = self.block("args").map_or(String::new(), |a| format!(" {}", a.trim()));
        let folder = Folder::new();
        let outputs: Vec<(String, String)> = FORMS
            .iter()
            .flat_map(|(form, _)| self.named(form).map(|(name, _)| (form.to_string(), name.to_string())))
            .collect();
        for (name, body) in self.named("input ") {
            folder.write(name, body);
        }
        let sinks: String = FORMS
            .iter()
            .flat_map(|(form, options)| self.named(form).map(move |(name, _)| (form, name, options)))
            .map(|(form, n, options)| {
                let file = output_file(form, n);
                format!("\nsink `suite {form}{n}` from {n} to file(\"{file}\") format json{options}")
            })
            .collect();
        folder.write("p.stream", format!("{program}{sinks}\n"));
        if self.block("error").is_some() {
            let ran = folder.run("check --format concise p.stream");
            self.compare("error", &ran.stderr.replace("p.stream:", ""), &mut outcome.different);
        }
        for engine in ["jit", "reference"] {
            if has_test(&program) {
                let ran = folder.run(&format!("test p.stream --engine {engine}"));
                if ran.code != 0 {
                    let _ = write!(outcome.broken, "on {engine}, {}{}", ran.stdout, ran.stderr);
                }
            }
            if outputs.is_empty() {
                break;
            }
            let ran = folder.run(&format!("run p.stream -q --engine {engine}{arguments}"));
            if ran.code != 0 {
                let _ = writeln!(outcome.broken, "{engine}: exit code {}\n{}", ran.code, ran.stderr);
                return outcome;
            }
            for (form, name) in &outputs {
                let rows = folder.read(&output_file(form, name));
                let mut difference = String::new();
                self.compare(&format!("{form}{name}"), &rows, &mut difference);
                if !difference.is_empty() {
                    let _ = write!(outcome.different, "on {engine}, {difference}");
                }
            }
        }
        self.run_thoroughly(&program, &outputs, &folder, &mut outcome.broken);
        outcome
    }

    /// What comes out must not depend on the batches, the order of arrival that `disorder` allows, and the
    /// snapshots that the state goes through: a test that gives the inputs and expects whatever comes.
    fn run_thoroughly(
        &self,
        program: &str,
        outputs: &[(String, String)],
        folder: &Folder,
        broken: &mut String,
    ) {
        let given = files_of_sources(program);
        let mut test = String::new();
        if !outputs.is_empty() && !given.is_empty() {
            test += "\ntest \"the section\" {\n";
            for (source, file) in given {
                let _ = writeln!(test, "  given {source} from \"{file}\"");
            }
            for (_, name) in outputs {
                let _ = writeln!(test, "  expect {name} contains []");
            }
            test += "}\n";
        }
        if test.is_empty() && !has_test(program) {
            return;
        }
        folder.write("thorough.stream", format!("{program}{test}"));
        let values = self.block("args").map(str::trim).filter(|arguments| arguments.starts_with("--set"));
        let ran = folder.run(format!("test thorough.stream --thorough {}", values.unwrap_or("")).trim());
        if ran.code != 0 {
            let _ = write!(broken, "{}{}", ran.stdout, ran.stderr);
        }
    }

    fn named<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.parts.iter().filter_map(move |p| match p {
            Part::Block { kind, body } => kind.strip_prefix(prefix).map(|name| (name, body.as_str())),
            Part::Prose(_) => None,
        })
    }

    fn compare(&mut self, wanted: &str, found: &str, differences: &mut String) {
        for part in &mut self.parts {
            if let Part::Block { kind, body } = part
                && kind == wanted
                && body != found
            {
                let _ = writeln!(differences, "{wanted}:\n-- expected\n{body}-- found\n{found}");
                *body = found.to_string();
            }
        }
    }
}

fn has_test(program: &str) -> bool {
    program.starts_with("test \"") || program.contains("\ntest \"")
}

/// The names of sources that read files, with these.
fn files_of_sources(program: &str) -> Vec<(String, String)> {
    let sources = program.split("source ").skip(1).filter_map(|item| {
        let name: String = item.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let item = item.split("\nstream ").next()?;
        let file = item.split("file(\"").nth(1)?.split('"').next()?;
        Some((name, file.to_string()))
    });
    sources.collect()
}

/// The file that a stream's rows are written to; `late(x)` has characters that files should not have.
fn output_file(form: &str, stream: &str) -> String {
    let name: String =
        stream.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("{name}.{}", form.trim_end())
}
