//! Conditions of patterns that can never hold, and such as look like them and can.

use crate::helper::{compile_with, faults_of};
use insta::assert_snapshot;
use millstream_core::Overrides;
use millstream_core::plan::Operator;
use millstream_ir::eval::eval;
use millstream_ir::expr::Expr;
use millstream_ir::value::Value;

#[path = "../../../../tests/fuzz/src/draw.rs"]
mod draw;

const SOURCE: &str = "source s: { k: string, n: int, m: int?, f: float?, d: decimal(1), b: bool?, w: \"x\" | \"y\", at: timestamp }
  from file(\"s.ndjson\") format json
  time at
";

/// What is found if `b` behind `a` is asked each of these.
fn found(start: &str, conditions: &[&str]) -> String {
    let one = |condition: &&str| {
        let program = format!(
            "{SOURCE}stream p = match by k {start} then b: s[{condition}] within 1h select b.n as n\n"
        );
        let (_, compilation) = compile_with(&program, Overrides::default());
        let mut lines = format!("{condition}\n");
        for fault in &compilation.diagnostics {
            let label = &fault.primary.text;
            lines += &format!("  {} {label}\n", fault.code);
            for related in &fault.secondary {
                let part = &program[related.span.range()];
                lines += &format!("    {part}: {}\n", related.text);
            }
            lines.extend(fault.notes.iter().map(|note| format!("    note: {note}\n")));
        }
        lines
    };
    conditions.iter().map(one).collect()
}

#[test]
fn what_excludes_itself() {
    let wrong = [
        "n > 3 and n < 4",
        "n > 3.5 and n < 3.9",
        "n == 2.5",
        "n is null",
        "n != n",
        "n > 3 and not (n > 3)",
        "n > a.n and d > 1.0 and n < a.n",
        "n > a.n + 3 and n < a.n + 5 and n != a.n + 4",
        "n > m and m > a.n and a.n > n",
        "n % 2 == 5",
        "m is null and m + 1 > n",
        "f > 1.5 and f < 1.5",
        "b and not b",
        "w != \"x\" and w != \"y\"",
        "k like \"a%\" and not (k like \"a%\")",
        "n > 9223372036854775807",
        "d > 1.04 and d < 1.06",
        "d > 1 and (n == 3 or d < 0.5) and n < 3",
        "n in [1, 2, 3] and n not in [1, 2] and n != 3",
    ];
    assert_snapshot!(found("a: s", &wrong));
}

#[test]
fn what_excludes_itself_where_it_stands() {
    let told = [
        found("a: s", &["at < a.at", "at - a.at > 2h and n > 3", "a.at - at > 1s"]),
        found("a: s{2}", &["count(a) == 3", "count(a) < 1", "at - first(a).at > 61m"]),
        found("(a: s next c: s)?", &["a.at > c.at + 1h and c.at > a.at + 1h"]),
        found("(a: s or c: s{2,4})", &["count(c) > 4", "a is null and a.n > 3"]),
        found("a: s[count(a) > 9]{2,3}", &["n > 0"]),
    ];
    assert_snapshot!(told.join("\n"));
}

#[test]
fn what_can_hold() {
    let right = [
        "n > 3 and n < 5",
        "n > 3.5 and n < 4.5",
        "m is null",
        "m is null or m > 3",
        "f != f",
        "not (f < 1.5) and not (f >= 1.5)",
        "n > a.n and n < a.n + 2",
        "at == a.at",
        "at - a.at == 1h",
        "n % 2 == -1",
        "d > 1.04 and d < 1.16",
        "b is null",
        "not (b ?? false) and b is null",
        "m is not null and m > 3",
        "w != \"x\"",
        "n in [1, 2, 3] and n not in [1, 2]",
        "if m is null then n == 1 else m == 1",
    ];
    for condition in right {
        assert_eq!(found("a: s", &[condition]), format!("{condition}\n"));
    }
    assert_eq!(found("(a: s{2,3}){1,2}", &["count(a) == 6"]), "count(a) == 6\n");
    assert_eq!(found("(a: s then c: s[count(a) == 2]){2}", &["n > 0"]), "n > 0\n");
    assert_eq!(found("(a: s or c: s{2,4})", &["count(c) == 0"]), "count(c) == 0\n");
}

/// With many things in it, it is not looked at as a whole.
#[test]
fn what_is_long_takes_no_long_time() {
    let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let words = (0..2000).map(|i| format!("k != \"{i}\"")).collect::<Vec<_>>().join(" and ");
    let many = [
        format!("n not in [{}]", list(5000)),
        format!("f not in [{}]", list(5000).replace(", ", ".5, ") + ".5"),
        format!(
            "k not in [{}]",
            list(5000).split(", ").map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(", ")
        ),
        words.clone(),
    ];
    for condition in &many {
        assert_eq!(found("a: s", &[condition]), format!("{condition}\n"));
    }
    assert!(found("a: s", &[&format!("{words} and n > a.n and n < a.n")]).contains("E0562"));
}

#[test]
fn what_may_hold_with_other_values_of_parameters() {
    let program = |rest: &str| {
        faults_of(&format!(
            "{SOURCE}param low: int = 5\nparam times: int = 2\nparam most: duration = 10m\nfn over(x: int) -> bool = x > low\n\
             stream p = match by k {rest} select k\n"
        ))
    };
    assert_eq!(program("a: s[n > low and n < 3] then b: s within 1h"), "");
    assert_eq!(program("a: s[over(n) and n < 3] then b: s within 1h"), "");
    assert_eq!(program("a: s{times} then b: s[count(a) == 3] within 1h"), "");
    assert_eq!(program("a: s then b: s[at - a.at > 30m] within most"), "");
    assert!(program("a: s[n > 5 and n < 3] then b: s within most").contains("E0562"));
}

#[test]
fn what_must_not_come_may_come_behind_within() {
    let absence = "a: s then not x: s[at - a.at > 90m] for 2h";
    assert_eq!(found(absence, &["n > 0"]), "n > 0\n");
    assert!(found("a: s then not x: s[at < a.at]", &["n > 0"]).contains("E0562"));
}

#[test]
fn what_is_wrong_otherwise_is_not_said_never_to_hold() {
    for condition in ["nn > 3 and mm < 2", "nn is null and mm > 3", "a.nn > 3 and a.mm < 2"] {
        assert!(!found("a: s", &[condition]).contains("E0562"), "{condition}");
    }
    let huge = "900000000000000000000000000000000000.0";
    let condition = format!("d - {huge} - {huge} < a.d + {huge} and d > a.d");
    assert_eq!(found("a: s", &[&condition]), format!("{condition}\n"));
}

/// A random condition of a few values.
fn condition(draw: &mut draw::Draw, depth: usize) -> String {
    let of = |draw: &mut draw::Draw, choices: &[&str]| choices[draw.below(choices.len())].to_string();
    if depth > 0 {
        let (left, right) = (condition(draw, depth - 1), condition(draw, depth - 1));
        match draw.below(5) {
            0 | 1 => return format!("({left} and {right})"),
            2 => return format!("({left} or {right})"),
            3 => return format!("not ({left})"),
            _ => {}
        }
    }
    let operator = of(draw, &["<", "<=", ">", ">=", "==", "!="]);
    match draw.below(9) {
        0 | 1 => format!("n {operator} {}", draw.below(4)),
        2 => format!("m {operator} n + {}", draw.below(3)),
        3 => format!("m - n {operator} {}", draw.below(3)),
        4 => format!("f {operator} {}.5", draw.below(2)),
        5 => format!("n {operator} {}", of(draw, &["0.5", "1.0", "2.5"])),
        6 => of(draw, &["b", "m is null", "f is null", "b is null", "n is null", "f != f", "m == m"]),
        7 => format!("{} in [{}, {}]", of(draw, &["n", "m"]), draw.below(4), draw.below(4)),
        _ => format!("d {operator} {}", of(draw, &["0.5", "0.25", "1"])),
    }
}

/// A condition as it is typed; the columns have their numbers from the source.
fn typed(condition: &str) -> Expr {
    let program =
        format!("{SOURCE}stream p = from s where {condition} select n, m, f, d, b sink o from p to stdout\n");
    let (_, compilation) = compile_with(&program, Overrides::default());
    let mut filters = compilation.plan.nodes.iter().filter_map(|node| match &node.operator {
        Operator::Filter(condition) => Some(condition.clone()),
        _ => None,
    });
    filters.next_back().unwrap_or_else(|| panic!("{condition} is no condition: {}", faults_of(&program)))
}

#[test]
fn no_row_meets_what_is_said_never_to_hold() {
    let seed = std::env::var("MILLSTREAM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let is_full = std::env::var("MILLSTREAM_CASES").is_ok_and(|cases| cases == "full");
    println!("MILLSTREAM_SEED={seed}");
    let mut draw = draw::Draw::new(seed);
    let ints = || (-1..=4).map(Value::Int);
    let mut n_never = 0;
    for _ in 0..if is_full { 3000 } else { 300 } {
        let written = condition(&mut draw, 3);
        let is_never = found("a: s", &[&written]).contains("E0562");
        n_never += usize::from(is_never);
        if !is_never {
            continue;
        }
        let condition = typed(&written);
        let floats =
            [Value::Null, Value::Float(0.5), Value::Float(1.0), Value::Float(1.5), Value::Float(f64::NAN)];
        let truths = [Value::Null, Value::Bool(false), Value::Bool(true)];
        for n in ints() {
            for m in ints().chain([Value::Null]) {
                for f in &floats {
                    for d in [2, 5, 10, 20].map(Value::Decimal) {
                        for b in &truths {
                            let row = [Value::Null, n.clone(), m.clone(), f.clone(), d.clone(), b.clone()];
                            let value = eval(&condition, &|column| row[column].clone());
                            assert!(!matches!(value, Ok(Value::Bool(true))), "{written} holds of {row:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(n_never > 10, "only {n_never} of the conditions never hold");
}
