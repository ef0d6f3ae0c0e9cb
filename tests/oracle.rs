//! Machine code equals the reference evaluator: random programs over random rows, with nulls,
//! extremes, overflow and errors, run on both engines. A difference is made small and printed as
//! a program with its input.

#[path = "oracle/generate.rs"]
mod generate;
#[path = "oracle/patterns.rs"]
mod patterns;
mod support;

use generate::{Case, Random};
use patterns::PatternCase;
use support::{Folder, cases, seed};

#[test]
fn random_programs_give_the_same_rows_on_both_engines() {
    let seed = seed();
    let mut rejected = 0;
    let n_cases = cases(500);
    for number in 0..n_cases as u64 {
        let case = Case::random(&mut Random(seed.wrapping_mul(1_000_003).wrapping_add(number)));
        match difference(&case.program(), &case.rows) {
            Verdict::Same => {}
            Verdict::Rejected(why) => {
                rejected += 1;
                assert!(rejected * 20 <= n_cases, "too many programs are rejected, such as\n{why}\n{case}");
            }
            Verdict::Different(_) => {
                let (case, what) = shrink(case);
                panic!("seed {seed}, case {number}: the engines differ\n{what}\n{case}");
            }
        }
    }
}

#[test]
fn random_patterns_give_the_same_matches_on_both_engines() {
    let seed = seed();
    for number in 0..cases(500) as u64 {
        let mut case = PatternCase::random(&mut Random(seed.wrapping_mul(1_000_003).wrapping_add(number)));
        let differs = |case: &PatternCase| difference(&case.program, &case.rows);
        match differs(&case) {
            Verdict::Same => continue,
            Verdict::Rejected(why) => panic!("{why}\n{case}"),
            Verdict::Different(_) => {}
        }
        while let Some(smaller) =
            case.smaller().into_iter().find(|smaller| matches!(differs(smaller), Verdict::Different(_)))
        {
            case = smaller;
        }
        let Verdict::Different(what) = differs(&case) else { panic!("it differs only at times\n{case}") };
        panic!("seed {seed}, case {number}: the engines differ\n{what}\n{case}");
    }
}

enum Verdict {
    Same,
    /// The checker refuses the program: the generator knows less than it.
    Rejected(String),
    Different(String),
}

fn difference(program: &str, rows: &[String]) -> Verdict {
    let folder = Folder::new();
    folder.write("p.stream", program).write("rows.ndjson", rows.join("\n"));
    let mut answers = vec![];
    for engine in ["jit", "reference"] {
        let ran = folder.run(&format!("run p.stream -q --engine {engine}"));
        if ran.code == 2 {
            return Verdict::Rejected(ran.stderr);
        }
        let out = if ran.code == 0 { folder.read("out.ndjson") } else { String::new() };
        let failed = if ran.code == 0 { folder.read("failed.ndjson") } else { String::new() };
        answers.push(format!("exit {}\n{}{out}-- errors\n{failed}", ran.code, ran.stderr));
    }
    if answers[0] == answers[1] && answers[0].starts_with("exit 0") {
        return Verdict::Same;
    }
    Verdict::Different(format!("-- jit\n{}\n-- reference\n{}", answers[0], answers[1]))
}

/// Takes parts away as long as the engines still differ.
fn shrink(mut case: Case) -> (Case, String) {
    let mut what = String::new();
    loop {
        let smaller = case.smaller().into_iter().find_map(|smaller| {
            match difference(&smaller.program(), &smaller.rows) {
                Verdict::Different(what) => Some((smaller, what)),
                _ => None,
            }
        });
        match smaller {
            Some((smaller, difference)) => (case, what) = (smaller, difference),
            None => {
                if what.is_empty()
                    && let Verdict::Different(difference) = difference(&case.program(), &case.rows)
                {
                    what = difference;
                }
                return (case, what);
            }
        }
    }
}
