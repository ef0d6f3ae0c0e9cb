//! `millstream test`: runs the tests that stand in programs.

use crate::cli::Test;
use crate::command_line::{cannot_create, quoted, said};
use crate::program::{Program, show};
use crate::programs::{self, Empty};
use crate::testing::junit::{self, Case, Outcome, Suite};
use crate::testing::{self, Fault};
use crate::{DIFFERENT, FAILED, FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::{Diagnostic, Diagnostics, SourceMap, Span, codes, did_you_mean, render};
use millstream_core::hir;
use millstream_syntax::ast::ItemKind;
use millstream_syntax::parse;
use std::path::Path;
use std::time::{Duration, Instant};

pub fn test(arguments: Test) -> u8 {
    let started = Instant::now();
    let paths = match programs::named(&arguments.files, has_test) {
        Ok(paths) => paths,
        Err(Empty(folder)) => {
            return wrong(&[&folder.display().to_string()], |span| no_tests_below(span, &folder));
        }
    };
    let mut suites = vec![];
    let mut others = vec![];
    let mut worst = Worst(FINE);
    for path in &paths {
        worst.add(run_program(path, &arguments, &mut suites, &mut others));
    }
    let n_tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    if let (0, Some(filter), Worst(FINE)) = (n_tests, &arguments.filter, &worst) {
        return wrong(&["--filter", filter], |span| no_test_called(span, filter, arguments.exact, &others));
    }
    worst.add(terminal::out(summary(&suites, &arguments, started.elapsed())));
    if let Some(file) = &arguments.junit
        && let Err(error) = std::fs::write(file, junit::xml(&suites))
    {
        wrong(&["--junit", &file.display().to_string()], |span| cannot_create(span, file, &error));
        worst.add(FAILED);
    }
    worst.0
}

/// Shows what is wrong with the last of these words behind `test` on the command line.
fn wrong(words: &[&str], fault: impl FnOnce(Span) -> Diagnostic) -> u8 {
    let mut files = SourceMap::default();
    let said = said(&[&["test"], words].concat(), &mut files);
    show(&files, &[fault(said[words.len()].span)]);
    WRONG_USAGE
}

fn no_tests_below(span: Span, folder: &Path) -> Diagnostic {
    let headline = format!("no .stream program below `{}` has a test", folder.display());
    Diagnostic::new(codes::E0966, span, headline)
        .label("no tests")
        .help("a program has a test as an item: `test \"NAME\" { given … expect … }`")
}

/// `others`: what the tests are called that there are.
fn no_test_called(span: Span, filter: &str, exact: bool, others: &[String]) -> Diagnostic {
    const TOLD: usize = 10;
    let in_part = if exact { "" } else { ", not even in part" };
    let headline = format!("no test is called `{filter}`{in_part}");
    let fault = Diagnostic::new(codes::E0966, span, headline).label("no such test");
    let small = filter.to_lowercase();
    let nearest = others.iter().find(|name| name.to_lowercase().contains(&small)).map(String::as_str);
    let fault = match nearest.or_else(|| did_you_mean(filter, others.iter().map(String::as_str))) {
        Some(nearest) => fault.fix(format!("did you mean `{nearest}`?"), span, quoted(nearest)),
        None => fault,
    };
    let told: Vec<String> = others.iter().take(TOLD).map(|name| format!("`{name}`")).collect();
    match others.len().saturating_sub(TOLD) {
        _ if others.is_empty() => fault.note("there are no tests"),
        0 => fault.note(format!("the tests are {}", told.join(", "))),
        more => fault.note(format!("the tests are {} and {more} more", told.join(", "))),
    }
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

fn has_test(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let mut files = SourceMap::default();
    let file = files.add("", text.as_str());
    let program = parse(file, &text, &mut Diagnostics::default());
    program.items.iter().any(|item| matches!(item.kind, ItemKind::Test(_)))
}

/// Runs the tests of one program; those of files that it uses belong to these. Adds to the `others` what those are
/// called that are not chosen.
fn run_program(path: &Path, arguments: &Test, suites: &mut Vec<Suite>, others: &mut Vec<String>) -> u8 {
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
        let text = render::full(&compiled.files, found, render::Color::Off, None);
        suites.push(broken(name, text));
        return code;
    }
    let of_program = compiled.compilation.program.tests.iter().filter(|test| test.file == root);
    let (tests, left_out): (Vec<&hir::Test>, Vec<&hir::Test>) =
        of_program.partition(|test| is_chosen(&test.name, arguments));
    others.extend(left_out.iter().map(|test| test.name.clone()));
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

fn is_chosen(name: &str, arguments: &Test) -> bool {
    let Some(filter) = &arguments.filter else { return true };
    if arguments.exact { name == filter.as_str() } else { name.contains(filter) }
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
        let mut text = render::full(files, std::slice::from_ref(&*fault.diagnostic), color, None);
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
