//! Many rules over one stream: together, where what they look for is looked up once for all, each gives what it gives
//! alone, the rows that fail and those that come late included.

mod support;

use proptest::prelude::*;
use std::fmt::Write;
use support::Folder;
use support::random::{Row, check, lines, rows, write_rows};

const SOURCE: &str = "source s: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file(\"s.ndjson\") \
                      time at disorder 2s\n";

/// Fewer rules are not looked up together.
const N_RULES: usize = 10;

/// What a rule asks of a row; most of it can be looked up.
fn condition() -> impl Strategy<Value = String> {
    let text = || prop::sample::select(vec!["a", "b", "a longer key than fits", "none"]);
    let of_k = prop_oneof![
        3 => text().prop_map(|k| format!("k == \"{k}\"")),
        1 => (text(), text()).prop_map(|(a, b)| format!("k in [\"{a}\", \"{b}\"]")),
    ];
    let of_others = prop_oneof![
        3 => (-1i64..4).prop_map(|v| format!("{v} == v")),
        2 => (0i64..3).prop_map(|rest| format!("id % 3 == {rest}")),
        1 => Just("v > 0".to_string()),
        1 => Just("10 / v > 4".to_string()),
    ];
    let (of_k, of_others) = (of_k.boxed(), of_others.boxed());
    prop_oneof![
        2 => of_k.clone(),
        2 => of_others.clone(),
        1 => (of_k.clone(), of_others.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
        1 => (of_k.clone(), of_others.clone()).prop_map(|(a, b)| format!("{b} and {a}")),
        1 => (of_k, of_others).prop_map(|(a, b)| format!("({a} or {b})")),
    ]
}

fn rule() -> impl Strategy<Value = String> {
    let pattern = (condition(), condition(), prop::sample::select(vec!["", "overlapping ", "once per 3s "]));
    prop_oneof![
        condition().prop_map(|c| format!("from s where {c} select id, 10 / (id - 3) as x, at")),
        pattern.prop_map(|(a, b, mode)| format!(
            "match {mode}a: s[{a}] then b: s[{b}] within 4s select a.id as x, b.id as id, match.end as at"
        )),
        (condition(), condition()).prop_map(|(a, b)| format!(
            "match a: s[{a}] then not b: s[{b}] for 2s select a.id as id, match.end as at"
        )),
        (condition(), condition()).prop_map(|(a, b)| format!(
            "match by k a: s[{a}] then b: s[{b}]+ then c: s[{a} and id > last(b).id + 1] within 9s \
             select a.id as x, count(b) as n, first(b).k as k, c.id as id, match.end as at"
        )),
        (condition(), condition()).prop_map(|(a, b)| format!(
            "match overlapping by v a: s[{a}] then not c: s[{b} and id % 2 == 0] then b: s[{b} and k == a.k] \
             within 5s select v, a.k as k, b.id as id, match.end as at"
        )),
    ]
}

fn written(number: usize, rule: &str) -> String {
    format!(
        "stream r{number} = {rule}\nsink out{number} from r{number} to file(\"{number}.ndjson\")\n\
         sink failed{number} from errors(r{number}) to file(\"{number}.failed.ndjson\")\n"
    )
}

fn found(folder: &Folder, number: usize) -> [Vec<String>; 2] {
    [lines(folder, &format!("{number}.ndjson")), lines(folder, &format!("{number}.failed.ndjson"))]
}

fn run(folder: &Folder, program: &str) {
    folder.write("p.stream", program);
    let ran = folder.run("run p.stream -q --workers 1");
    assert_eq!(ran.code, 0, "{}\n{program}", ran.stderr);
}

fn compare(rows: &[Row], rules: &[String]) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    write_rows(&folder, "s.ndjson", rows);
    let mut together = SOURCE.to_string();
    for (number, rule) in rules.iter().enumerate() {
        let _ = write!(together, "{}", written(number, rule));
    }
    run(&folder, &together);
    let of_all: Vec<_> = (0..rules.len()).map(|number| found(&folder, number)).collect();
    for (number, rule) in rules.iter().enumerate() {
        run(&folder, &format!("{SOURCE}{}", written(number, rule)));
        let [mut alone, failed] = found(&folder, number);
        let [mut beside, failed_beside] = of_all[number].clone();
        // What rows fail with names the line of the program.
        prop_assert_eq!(failed_beside.len(), failed.len(), "failures of {} in\n{}", rule, &together);
        alone.sort();
        beside.sort();
        prop_assert_eq!(beside, alone, "{} in\n{}", rule, &together);
    }
    Ok(())
}

#[test]
fn rules_give_together_what_they_give_alone() {
    let cases = (rows(-1..4, 60), prop::collection::vec(rule(), N_RULES..=N_RULES + 4));
    check(150, &cases, |(rows, rules)| compare(&rows, &rules));
}
