//! Random patterns that compare events with those before, over columns of one word and others, and random rows for them.

use crate::generate::Random;
use std::fmt;

/// A program with its rows.
#[derive(Clone)]
pub struct PatternCase {
    pub program: String,
    pub rows: Vec<String>,
}

/// Columns beside the key and the time, with values as JSON writes them; null stands for what may be so.
const COLUMNS: [(&str, &str, &[&str]); 6] = [
    ("i", "int", &["0", "1", "2", "3", "-9223372036854775807", "9223372036854775807"]),
    ("j", "int?", &["0", "1", "2", "3", "null"]),
    ("f", "float", &["0.0", "-0.0", "1.5", "-2.25", "3.0", "1e300"]),
    ("g", "float?", &["0.0", "1.5", "2.5", "null"]),
    ("d", "decimal(2)", &["0.00", "1.25", "-3.50", "100.00"]),
    ("s", "string?", &["\"a\"", "\"ab\"", "\"longer than twelve\"", "null"]),
];

impl PatternCase {
    pub fn random(random: &mut Random) -> PatternCase {
        let fields = COLUMNS.map(|(name, ty, _)| format!("{name}: {ty}")).join(", ");
        let mode = random.of(&["", "overlapping ", "once per 5s "]);
        let repeats = random.chance(60);
        let (plus, before) = if repeats { ("+", "last(b)") } else { ("", "b") };
        let first = format!("i {} {}", comparison(random), random.of(&["0", "1", "2"]));
        let second = beside(random, if repeats { "(last(b).X ?? a.X)" } else { "a.X" });
        // Where the last condition looks back to a repetition, runs are kept one by one.
        let third = match random.below(10) {
            0..6 => format!("i {} {}", comparison(random), random.of(&["0", "2", "3"])),
            6..9 => beside(random, "a.X"),
            _ => beside(random, &format!("{before}.X")),
        };
        let without = if random.chance(20) { " without x: rows[i == 3]" } else { "" };
        let counted = if random.chance(30) && repeats { ", count(b) as n" } else { "" };
        let program = format!(
            "source rows: {{ k: int, {fields}, at: timestamp }}\n  from file(\"rows.ndjson\")\n  time at disorder 1s\n\n\
             stream out = match {mode}by k\n  a: rows[{first}] then b: rows[{second}]{plus} then c: rows[{third}]{without}\n  \
             within {}s\n  select k, match.start as begun, match.end as ended{counted}\n\n\
             sink out from out to file(\"out.ndjson\")\nsink failed from errors(out) to file(\"failed.ndjson\")\n",
            2 + random.below(20),
        );
        let n_rows = [10, 40, 130, 300][random.below(4)];
        PatternCase { program, rows: (0..n_rows).map(|number| row(random, number)).collect() }
    }

    /// The same with fewer rows.
    pub fn smaller(&self) -> Vec<PatternCase> {
        let half = self.rows.len() / 2;
        let of = |rows: &[&[String]]| PatternCase { rows: rows.concat(), ..self.clone() };
        let halves = [of(&[&self.rows[..half]]), of(&[&self.rows[half..]])];
        let without = (0..self.rows.len().min(20)).map(|row| of(&[&self.rows[..row], &self.rows[row + 1..]]));
        halves.into_iter().chain(without).filter(|case| case.rows.len() < self.rows.len()).collect()
    }
}

fn comparison(random: &mut Random) -> &'static str {
    random.of(&["<", "<=", ">", ">=", "==", "!="])
}

/// A comparison of a column with the same of events before, in one or two columns: not twice in one, which could exclude
/// itself.
fn beside(random: &mut Random, before: &str) -> String {
    let first = random.below(COLUMNS.len());
    let second = (first + 1 + random.below(COLUMNS.len() - 1)) % COLUMNS.len();
    let [first, second] = [first, second].map(|number| {
        let (column, _, _) = COLUMNS[number];
        format!("{column} {} {}", comparison(random), before.replace('X', column))
    });
    if random.chance(30) { format!("{first} and {second}") } else { first }
}

fn row(random: &mut Random, number: usize) -> String {
    let values = COLUMNS.map(|(name, _, values)| format!("\"{name}\":{}", random.of(values)));
    let second = (number / 4 + 5).saturating_sub(random.below(3)) % 60;
    format!("{{\"k\":{},{},\"at\":\"2024-05-01T00:00:{second:02}Z\"}}", random.below(3), values.join(","))
}

impl fmt::Display for PatternCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n-- rows.ndjson\n{}", self.program, self.rows.join("\n"))
    }
}
