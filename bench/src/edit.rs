//! What an editor waits for at each keystroke in a program of 2,000 lines: its diagnostics, and what may be written next,
//! be the program right or unfinished at its beginning, in its middle or at its end.
//! Of the analysis alone, and through the server as an editor talks to it.

mod editor;

use crate::measure::{Cpu, Effort, spread};
use editor::Editor;
use lsp_server::Connection;
use millstream_lsp::analysis::{Analysis, completion};
use std::fmt::Write;

pub fn measure(effort: &Effort) {
    analyzed(effort);
    served(effort);
}

/// From the text of a keystroke to what is published, and to what is answered. The server runs on the main thread, as it
/// does for an editor: memory of another one is slower to get.
fn served(effort: &Effort) {
    let (connection, server) = Connection::memory();
    std::thread::scope(|threads| {
        threads.spawn(|| edit(connection, effort));
        millstream_lsp::serve(&server, None);
    });
}

fn edit(connection: Connection, effort: &Effort) {
    let text = program();
    let typed = text.find("where n > 3").map_or(0, |first| first + "where ".len());
    let mut editor = Editor::start(connection, &text);
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

/// The analysis alone, of programs as they are while they are written.
fn analyzed(effort: &Effort) {
    let text = program();
    println!("{} lines:", text.lines().count());
    for (what, typed) in typed(&text) {
        analyzed_at(effort, what, &typed);
    }
}

/// A program, and the cursor in it.
struct Typed {
    text: String,
    cursor: usize,
}

/// Where an author may be in a program: what stands at a place is replaced by what he has typed of it.
fn typed(text: &str) -> Vec<(&'static str, Typed)> {
    let replaced = |old: &str, new: &str| {
        let at = text.find(old).unwrap_or(text.len());
        let text = format!("{}{new}{}", &text[..at], &text[at + old.len()..]);
        Typed { text, cursor: at + new.len() }
    };
    let appended = |new: &str| Typed { text: format!("{text}{new}"), cursor: text.len() + new.len() };
    vec![
        (
            "behind a letter of a column",
            Typed { text: text.to_string(), cursor: replaced("where n", "where n").cursor },
        ),
        (
            "behind `where` in the first stream",
            replaced("where p.amount > 0.50 and country is not null", "where "),
        ),
        ("in brackets that are open", replaced("large(p.amount) or length(tags) > 2", "large(p.")),
        ("behind `from` of a stream at the end", appended("\nstream more =\n  from ")),
        ("behind `where` at the end", appended("\nstream more =\n  from hourly_99\n  where ")),
        ("behind `from` of a sink at the end", appended("\nsink more from ")),
    ]
}

fn analyzed_at(effort: &Effort, what: &str, Typed { text, cursor }: &Typed) {
    let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
    let mut times: Vec<[f64; 2]> = vec![];
    for _ in 0..=effort.rounds {
        let start = Cpu::Thread.nanos();
        let analysis = Analysis::new("program.stream", text.as_str(), &mut load);
        let analyzed = Cpu::Thread.nanos();
        assert!(analysis.diagnostics().len() < 2, "one place is wrong at most");
        drop(analysis);
        let asked = Cpu::Thread.nanos();
        let found = completion("program.stream", text, *cursor, &mut load);
        let completed = Cpu::Thread.nanos();
        assert!(!found.items.is_empty(), "something may stand there");
        times.push([analyzed - start, completed - asked].map(|nanos| nanos / 1e6));
    }
    let [diagnostics, completion] = [0, 1].map(|what| spread(times.iter().map(|t| t[what])));
    let shown =
        |[middle, least, greatest]: [f64; 3]| format!("{middle:.1} ms of CPU ({least:.1}–{greatest:.1})");
    println!(
        "{what}: diagnostics {}, target 20; completion {}, target 10",
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
