//! Patterns whose conditions are edited between two runs: their runs go on, and rows to come are judged anew. What
//! they find is held against a program that nobody edits, whose conditions ask each row by which of both it is judged.

use super::resume::run_to;
use super::support::Folder;
use std::fmt::Write;
use std::ops::Range;

const SOURCE: &str = "\
source clicks: { user: string, n: int, m: int, was_read: bool, had_its_turn: bool, at: timestamp }
  from file(\"clicks.csv\", follow: true) format csv
  time at disorder 10m
";

/// Whether a row was read in the first run, and whether its turn came there: ten minutes of rows still waited.
const READ: &str = "was_read";
const ITS_TURN: &str = "had_its_turn";

/// A pattern with a condition that is edited.
struct Pattern {
    name: &'static str,
    query: &'static str,
    before: &'static str,
    after: &'static str,
    /// The rows that are judged by it as it was: what looks at the event alone is, when it is read, the rest when
    /// its turn comes.
    of_first: &'static str,
}

const PATTERNS: &[Pattern] = &[
    Pattern {
        name: "constants",
        query: "match by user a: clicks[COND] then b: clicks[n > 30] within 20m select user, a.n as low, b.n as high",
        before: "n < 20",
        after: "n < 25",
        of_first: READ,
    },
    Pattern {
        name: "columns",
        query: "match by user a: clicks[n < 20] then b: clicks[COND] within 20m select user, a.n as low, b.n as high",
        before: "n > 30",
        after: "m > 20 and n % 2 == 0",
        of_first: READ,
    },
    Pattern {
        name: "one_like_another",
        query: "match by user a: clicks[n < 20] then b: clicks[COND] within 20m select user, a.n as low, b.n as high",
        before: "n < 20",
        after: "n < 30",
        of_first: READ,
    },
    Pattern {
        name: "rising",
        query: "match by user a: clicks[n < 20] then b: clicks[n > a.n and COND] within 20m select user, a.n as low, b.n as high",
        before: "m < 30",
        after: "m < 20 and m > 3",
        of_first: READ,
    },
    Pattern {
        name: "sides",
        query: "match by user a: clicks[n < 20] then b: clicks[(if COND then 1 else 0) > a.n - 5] within 20m select user, b.n",
        before: "m < 30",
        after: "m < 20",
        of_first: READ,
    },
    Pattern {
        name: "sums",
        query: "match by user a: clicks[n < 20] then b: clicks[n > a.n + (if COND then 0 else 20)] within 20m select user, b.n",
        before: "m < 30",
        after: "m < 20",
        of_first: ITS_TURN,
    },
    Pattern {
        name: "choices",
        query: "match all by user a: clicks[COND] then b: clicks[n > 20]+ within 10m select user, a.n as low, count(b) as others",
        before: "n < 10",
        after: "m < 5",
        of_first: READ,
    },
    Pattern {
        name: "once",
        query: "match once per 15m by user a: clicks[n < 20] then b: clicks[COND] within 20m select user, a.n as low",
        before: "n > 20",
        after: "n > 30",
        of_first: READ,
    },
    Pattern {
        name: "none_between",
        query: "match by user a: clicks[n < 10] then not x: clicks[COND] then b: clicks[n > 30] within 20m select user, b.n",
        before: "m > 30",
        after: "m > 20",
        of_first: READ,
    },
    Pattern {
        name: "longest",
        query: "match overlapping by user a: clicks[n < 20] then b: clicks[COND and n > (last(b).n ?? 0)]+ within 20m select user, count(b) as others",
        before: "m > 5",
        after: "m > 10",
        of_first: READ,
    },
];

fn program(condition: impl Fn(&Pattern) -> String) -> String {
    let mut text = SOURCE.to_string();
    for pattern in PATTERNS {
        let (name, query) = (pattern.name, pattern.query.replace("COND", &condition(pattern)));
        let _ = write!(
            text,
            "\nstream {name} = {query}\n\nsink {name}_out from {name} to file(\"{name}.ndjson\") format json\n"
        );
    }
    text
}

/// Clicks of two hours, a minute apart, each a few minutes late; those of the second alone.
fn clicks(hours: Range<u64>) -> String {
    let mut text = String::from("user,n,m,was_read,had_its_turn,at\n");
    for minute in hours.start * 60..hours.end * 60 {
        let at = (minute % 60 + 10 - minute * 7 % 10).min(59) + minute / 60 * 60;
        let (user, n, m) =
            (["ann", "bob", "eve"][(minute * 5 % 3) as usize], minute * 17 % 41, minute * 23 % 37);
        let (hour, at) = (at / 60, at % 60);
        let (was_read, had_its_turn) = (hour == 0, hour == 0 && at < 49);
        let _ = writeln!(text, "{user},{n},{m},{was_read},{had_its_turn},2024-05-01T{hour:02}:{at:02}:00Z");
    }
    text
}

fn results(folder: &Folder) -> Vec<String> {
    let result = |pattern: &Pattern| {
        let rows = folder.read(&format!("{}.ndjson", pattern.name));
        assert!(rows.lines().count() > 3, "{}: {rows}", pattern.name);
        format!("{}:\n{rows}", pattern.name)
    };
    PATTERNS.iter().map(result).collect()
}

#[test]
fn runs_outlive_an_edit_of_what_conditions_ask() {
    let unedited = Folder::new();
    unedited.write("clicks.csv", clicks(0..3));
    let of_each_row = |pattern: &Pattern| {
        format!("(if {} then {} else {})", pattern.of_first, pattern.before, pattern.after)
    };
    unedited.write("p.stream", program(of_each_row).replace(", follow: true", ""));
    unedited.run("run p.stream").code(0);

    let folder = Folder::new();
    folder.write("clicks.csv", clicks(0..1));
    folder.write("p.stream", program(|pattern| format!("({})", pattern.before)));
    run_to(&folder, "p.stream", 60).code(0);
    folder.write("clicks.csv", clicks(0..3));
    folder.write("p.stream", program(|pattern| format!("({})", pattern.after)).replace(", follow: true", ""));
    let told = folder.run("check p.stream --against state").code(0).stdout;
    assert_eq!(told.matches("  kept      `match` of").count(), PATTERNS.len(), "{told}");
    folder.run("run p.stream --state state").code(0);
    assert_eq!(results(&folder), results(&unedited));
}
