//! What an editor waits for at each keystroke in a program of 2,000 lines: its diagnostics, and what may be written next.
//! Of the analysis alone, and through the server as an editor talks to it.

mod editor;

use crate::measure::{Cpu, Effort, spread};
use editor::Editor;
use millstream_lsp::analysis::{Analysis, completion};
use std::fmt::Write;

pub fn measure(effort: &Effort) {
    analyzed(effort);
    served(effort);
}

/// From the text of a keystroke to what is published, and to what is answered.
fn served(effort: &Effort) {
    let text = program();
    let typed = text.find("where n > 3").map_or(0, |first| first + "where ".len());
    let mut editor = Editor::start(&text);
    let mut times: Vec<[f64; 2]> = vec![];
    for _ in 0..=effort.rounds {
        // A letter that is missing is typed, twice: one time the editor waits, the other it asks.
        editor.replace(typed..typed + 1, "");
        editor.wait_for_diagnostics();
        let published = editor.replace(typed..typed, "n");
        assert_eq!(editor.wait_for_diagnostics(), 0, "the program is right");
        let published = published.elapsed();
        editor.replace(typed..typed + 1, "");
        editor.wait_for_diagnostics();
        let answered = editor.replace(typed..typed, "n");
        assert_eq!(editor.completed(typed + 1).as_deref(), Some("n"));
        let answered = answered.elapsed();
        editor.wait_for_diagnostics();
        times.push([published, answered].map(|time| time.as_secs_f64() * 1e3));
    }
    let [published, answered] = [0, 1].map(|what| spread(times.iter().map(|t| t[what])));
    let shown = |[middle, least, greatest]: [f64; 3]| format!("{middle:.1} ms ({least:.1}–{greatest:.1})");
    println!(
        "through the server: diagnostics published after {}, target 20; completion answered after {}, target 10",
        shown(published),
        shown(answered)
    );
}

/// The analysis alone.
fn analyzed(effort: &Effort) {
    let text = program();
    // In the middle, behind the first letters of a column.
    let cursor = text.find("where n > 3").map_or(0, |first| first + "where n".len());
    let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
    let mut times: Vec<[f64; 2]> = vec![];
    for _ in 0..=effort.rounds {
        let start = Cpu::Thread.nanos();
        let analysis = Analysis::new("program.stream", text.as_str(), &mut load);
        let analyzed = Cpu::Thread.nanos();
        assert!(analysis.diagnostics().is_empty(), "the program is right");
        drop(analysis);
        let asked = Cpu::Thread.nanos();
        let found = completion("program.stream", &text, cursor, &mut load);
        let completed = Cpu::Thread.nanos();
        assert_eq!(found.items.first().map(|item| item.label.as_str()), Some("n"));
        times.push([analyzed - start, completed - asked].map(|nanos| nanos / 1e6));
    }
    let [diagnostics, completion] = [0, 1].map(|what| spread(times.iter().map(|t| t[what])));
    let shown =
        |[middle, least, greatest]: [f64; 3]| format!("{middle:.1} ms of CPU ({least:.1}–{greatest:.1})");
    println!(
        "{} lines: diagnostics {}, target 20; completion {}, target 10",
        text.lines().count(),
        shown(diagnostics),
        shown(completion)
    );
}

/// A program of about 2 000 lines in which streams read each other.
fn program() -> String {
    let mut text = String::from(
        "param least: decimal(2) = 10.00

--- One payment.
type Payment = { card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }

fn large(amount: decimal(2)) -> bool = amount > least and amount < 1000.00

source payments: Payment
  from file(\"payments.ndjson\") format json
  time at disorder 5s
",
    );
    for n in 0..100 {
        let _ = write!(
            text,
            "
--- Payments of one kind, number {n}.
stream kind_{n} =
  from payments as p
  where p.amount > {n}.50 and country is not null
  let net = amount * 0.98, code = upper(country) ++ \"-\" ++ substr(card, 0, 4)
  where large(p.amount) or length(tags) > 2
  select card, code, net, at, [t for t in tags if t != \"x\"] as marks

stream hourly_{n} =
  from kind_{n}
  window tumbling 1h
  group by card, code
  select card, code, count() as n, sum(net) as total, window.start as opened
  where n > 3 and total > 100.00

stream probes_{n} =
  match by card
    probe: payments[amount < 5.00]{{3,}}
    then burst: kind_{n}[net > 500.00 and net > first(probe).amount]
  within 10m
  select card, count(probe) as probes, burst.net as amount
"
        );
    }
    text += "sink out from hourly_7 to stdout format json\n";
    text
}
