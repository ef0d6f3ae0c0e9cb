//! Results as the XML of JUnit, which build servers show.

use std::fmt::Write;
use std::time::Duration;

/// The tests of a program.
#[derive(Default)]
pub struct Suite {
    /// The program's path.
    pub name: String,
    pub cases: Vec<Case>,
}

pub struct Case {
    pub name: String,
    pub took: Duration,
    pub outcome: Outcome,
}

pub enum Outcome {
    Passed,
    /// How the rows differ.
    Failed(String),
    /// Why the program could not be run at all.
    Broken(String),
}

impl Suite {
    pub fn count(&self, kind: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| kind(&case.outcome)).count()
    }
}

pub fn xml(suites: &[Suite]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for suite in suites {
        let took: Duration = suite.cases.iter().map(|case| case.took).sum();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">",
            escaped(&suite.name),
            suite.cases.len(),
            suite.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            suite.count(|outcome| matches!(outcome, Outcome::Broken(_))),
            took.as_secs_f64(),
        );
        suite.cases.iter().for_each(|case| write_case(&mut out, suite, case));
        out += "  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn write_case(out: &mut String, suite: &Suite, case: &Case) {
    let start = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(&suite.name),
        escaped(&case.name),
        case.took.as_secs_f64()
    );
    let (element, text) = match &case.outcome {
        Outcome::Passed => {
            let _ = writeln!(out, "{start}/>");
            return;
        }
        Outcome::Failed(text) => ("failure", text),
        Outcome::Broken(text) => ("error", text),
    };
    let message = text.lines().next().unwrap_or_default();
    let _ = writeln!(
        out,
        "{start}>\n      <{element} message=\"{}\">{}</{element}>\n    </testcase>",
        escaped(message),
        escaped(text),
    );
}

/// XML 1.0 has no way to write most control characters; they are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}
