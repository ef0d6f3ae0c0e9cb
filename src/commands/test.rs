//! `millstream test`: runs the tests that stand in programs.

use crate::cli::Test;
use crate::program::{Compiled, Program, plain, show};
use crate::testing::junit::{self, Case, Outcome, Suite};
use crate::testing::{self, Fault};
use crate::{DIFFERENT, FAILED, FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::{Diagnostics, FileId, SourceMap, render};
use millstream_core::hir;
use millstream_syntax::ast::ItemKind;
use millstream_syntax::parse;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub fn test(arguments: Test) -> u8 {
    let started = Instant::now();
    let paths = match programs(&arguments) {
        Ok(paths) => paths,
        Err(message) => {
            terminal::err(format_args!("error: {message}\n"));
            return WRONG_USAGE;
        }
    };
    let mut suites = vec![];
    let mut worst = Worst(FINE);
    for path in &paths {
        worst.add(run_program(path, &arguments, &mut suites));
    }
    let n_tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    if let (0, Some(filter), Worst(FINE)) = (n_tests, &arguments.filter, &worst) {
        terminal::err(format_args!("error: no test is called `{filter}`, not even in part\n"));
        return WRONG_USAGE;
    }
    worst.add(terminal::out(summary(&suites, &arguments, started.elapsed())));
    if let Some(file) = &arguments.junit
        && let Err(error) = std::fs::write(file, junit::xml(&suites))
    {
        terminal::err(format_args!("error: cannot write {}: {}\n", file.display(), plain(&error)));
        worst.add(FAILED);
    }
    worst.0
}

/// The exit code of several programs: that of what most keeps the tests from being fine.
struct Worst(u8);

impl Worst {
    fn add(&mut self, code: u8) {
        let order = [FINE, DIFFERENT, FAILED, WRONG_PROGRAM, WRONG_USAGE];
        let rank = |code: u8| order.iter().position(|c| *c == code);
        if rank(code) > rank(self.0) {
            self.0 = code;
        }
    }
}

/// The programs that are named; of folders, and of the present one if none is named, those below them that
/// have tests.
fn programs(arguments: &Test) -> Result<Vec<PathBuf>, String> {
    let here = [PathBuf::from(".")];
    let named = if arguments.files.is_empty() { &here[..] } else { &arguments.files };
    let mut found = vec![];
    for path in named {
        if path.is_dir() {
            let before = found.len();
            below(path, &mut found);
            if found.len() == before {
                return Err(format!("no .stream program below {} has a test", path.display()));
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// Hidden folders hold what tools keep, `target` and `node_modules` what they make.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                below(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "stream") && has_test(&path) {
            found.push(path.strip_prefix(".").map_or(path.clone(), Path::to_path_buf));
        }
    }
}

fn has_test(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let mut files = SourceMap::default();
    let file = files.add("", text.as_str());
    let program = parse(file, &text, &mut Diagnostics::default());
    program.items.iter().any(|item| matches!(item.kind, ItemKind::Test(_)))
}

/// Runs the tests of one program; those of files that it uses belong to these.
fn run_program(path: &Path, arguments: &Test, suites: &mut Vec<Suite>) -> u8 {
    let name = path.display().to_string();
    let program = match Program::read("test", path) {
        Ok(program) => program,
        Err(refused) => {
            suites.push(broken(name, refused.fault.headline.clone()));
            return refused.tell();
        }
    };
    let (root, folder) = (program.root, program.base.clone());
    let compiled = program.compile_to_test(&arguments.set);
    show(&compiled.files, &compiled.compilation.diagnostics);
    if let Some(code) = compiled.wrong() {
        let found = &compiled.compilation.diagnostics;
        let text = render::full(&compiled.files, found, render::Color::Off);
        suites.push(broken(name, text));
        return code;
    }
    let tests: Vec<&hir::Test> = chosen(&compiled, root, arguments).collect();
    if tests.is_empty() {
        return FINE;
    }
    let mut suite = Suite { name, cases: vec![] };
    let mut worst = Worst(terminal::out(format_args!("{}\n", suite.name)));
    for test in tests {
        let started = Instant::now();
        let seed = arguments.thorough.then_some(arguments.seed);
        let ended = testing::run(&compiled, test, &folder, arguments.engine, seed);
        let took = started.elapsed();
        worst.add(if ended.is_ok() { FINE } else { DIFFERENT });
        worst.add(tell(&compiled.files, test, &ended, took));
        let outcome = match ended {
            Ok(()) => Outcome::Passed,
            Err(faults) => Outcome::Failed(text(&compiled.files, &faults, render::Color::Off)),
        };
        suite.cases.push(Case { name: test.name.clone(), took, outcome });
    }
    suites.push(suite);
    worst.0
}

fn chosen<'c>(
    compiled: &'c Compiled,
    root: FileId,
    arguments: &'c Test,
) -> impl Iterator<Item = &'c hir::Test> {
    let is_chosen = move |test: &&hir::Test| {
        test.file == root && arguments.filter.as_ref().is_none_or(|filter| test.name.contains(filter))
    };
    compiled.compilation.program.tests.iter().filter(is_chosen)
}

/// A program whose tests cannot run.
fn broken(name: String, why: String) -> Suite {
    let case = Case { name: "the program".into(), took: Duration::ZERO, outcome: Outcome::Broken(why) };
    Suite { name, cases: vec![case] }
}

fn tell(files: &SourceMap, test: &hir::Test, ended: &Result<(), Vec<Fault>>, took: Duration) -> u8 {
    let name: String = test.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let told = match ended {
        Ok(()) => format!("  ok      {name}  ({})\n", milliseconds(took)),
        Err(faults) => {
            format!(
                "  FAILED  {name}  ({})\n\n{}\n",
                milliseconds(took),
                text(files, faults, terminal::out_color())
            )
        }
    };
    terminal::out(told)
}

fn text(files: &SourceMap, faults: &[Fault], color: render::Color) -> String {
    let one = |fault: &Fault| {
        let mut text = render::full(files, std::slice::from_ref(&*fault.diagnostic), color);
        if !fault.table.is_empty() {
            text += "\n";
            text += &fault.table;
        }
        text
    };
    faults.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn summary(suites: &[Suite], arguments: &Test, took: Duration) -> String {
    let count = |kind: fn(&Outcome) -> bool| suites.iter().map(|suite| suite.count(kind)).sum::<usize>();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let broken = count(|outcome| matches!(outcome, Outcome::Broken(_)));
    let mut told = vec![format!("{passed} passed"), format!("{failed} failed")];
    if broken > 0 {
        told.push(format!("{broken} {} wrong", if broken == 1 { "program" } else { "programs" }));
    }
    let n_tests = passed + failed;
    let thorough = match arguments.thorough {
        true => format!(", each thoroughly (seed {})", arguments.seed),
        false => String::new(),
    };
    format!(
        "{n_tests} {}: {} in {}{thorough}\n",
        if n_tests == 1 { "test" } else { "tests" },
        told.join(", "),
        milliseconds(took)
    )
}

fn milliseconds(took: Duration) -> String {
    match took.as_millis() {
        n @ 0..10_000 => format!("{n} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}
