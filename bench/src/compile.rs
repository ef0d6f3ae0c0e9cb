//! From text to machine code: how long a program of 1,000 lines takes, phase by phase.

use crate::measure::{Cpu, Effort, spread};
use millstream_base::{Diagnostics, SourceMap};
use millstream_core::{CompileOptions, Library, compile};
use millstream_ir::engine::Engine;
use millstream_jit::Jit;

/// Lines of a program that filters, computes and counts over one source.
const LINES: usize = 1000;

pub fn measure(effort: &Effort) {
    let text = program();
    let times: Vec<[f64; 3]> = (0..=effort.rounds).map(|_| once(&text)).collect();
    let [total, least, greatest] = spread(times.iter().map(|phases| phases.iter().sum()));
    let [library, front, code] = [0, 1, 2].map(|phase| spread(times.iter().map(|t| t[phase]))[0]);
    println!(
        "{} lines: {total:.1} ms of CPU ({least:.1}–{greatest:.1}), target 100: library {library:.1}, parse to flow {front:.1}, machine code {code:.1}",
        text.lines().count()
    );
}

/// Milliseconds for the library, the front end and the machine code.
fn once(text: &str) -> [f64; 3] {
    let start = Cpu::Thread.nanos();
    let mut diagnostics = Diagnostics::default();
    let library = Library::new(millstream_stdlib::catalog(), &mut diagnostics);
    let parsed = Cpu::Thread.nanos();
    let mut files = SourceMap::default();
    let main = files.add("program.stream", text);
    let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
    let compilation = compile(&mut files, main, &mut load, &library, &CompileOptions::default());
    let flow = compilation.flow.expect("the program is right");
    let checked = Cpu::Thread.nanos();
    let compiled = Jit.compile(&flow).expect("it compiles");
    let done = Cpu::Thread.nanos();
    drop(compiled);
    [parsed - start, checked - parsed, done - checked].map(|nanos| nanos / 1e6)
}

fn program() -> String {
    let mut text = String::from(
        "source bids: { auction: int, bidder: int, price: decimal(2), channel: string?, at: timestamp }\n  from file(\"bids.ndjson\") format json\n  time at disorder 5s\n\n",
    );
    let mut number = 0;
    // Shapes differ, as those of a real program do: equal ones are compiled once.
    let conditions = [
        "bidder > 17",
        "channel is not null",
        "auction between 3 and 99",
        "price < 1000.00",
        "bidder != auction",
    ];
    let aggregates = ["sum(price)", "avg(bidder)", "min(cents)", "count(bidder) filter (where auction > 5)"];
    while text.lines().count() < LINES {
        let (condition, aggregate) = (conditions[number % 5], aggregates[number / 5 % 4]);
        text += &format!(
            "--- Stream number {number}.\nstream s{number} =\n  from bids\n  where price > {number}.50 and auction % {} == 0 and {condition}\n  let cents = price * 100, known = channel ?? \"none\"\n  where known like \"%a%\" or cents > 100\n  window tumbling 5m\n  group by known\n  select known, count() as n, {aggregate} as total, sum(price) as turnover, max(bidder) as last_bidder, window.start as opened\n  where n >= 3\n\nsink out{number} from s{number} to file(\"out{number}.ndjson\")\n\n",
            number + 2
        );
        number += 1;
    }
    text
}
