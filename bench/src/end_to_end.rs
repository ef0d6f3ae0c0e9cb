//! The whole way: JSON lines in a file, three of seven fields decoded, keyed tumbling windows, JSON lines
//! in another file. Both sides read and write the same way, in memory that the kernel caches.
//!
//! The engine reads and decodes on a second thread, so that what counts is the CPU time of the process.

use crate::data::Bids;
use crate::limits::decode;
use crate::limits::end_to_end::run_by_hand;
use crate::measure::{Cpu, Effort, Job, compare};
use millstream_base::{Diagnostics, SourceMap};
use millstream_core::{CompileOptions, Library, compile};
use millstream_ir::engine::Engine;
use millstream_jit::Jit;
use millstream_runtime::connector::Surroundings;
use millstream_runtime::job::{self, Options};
use millstream_runtime::report::Progress;
use millstream_runtime::time::WallClock;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const ROWS: usize = 1_000_000;
pub const WINDOW: i64 = 10_000_000;

pub fn measure(effort: &Effort) {
    if !decode::is_supported() {
        println!("the hand-written decoders need AVX2");
        return;
    }
    run(effort, "NDJSON to windows to NDJSON, 1 k keys", 1000);
    run(effort, "NDJSON to windows to NDJSON, 100 k keys", 100_000);
}

fn run(effort: &Effort, name: &str, keys: u64) {
    let n_rows = effort.of(ROWS);
    let folder = tempfile::tempdir().expect("a folder for the data");
    let input = folder.path().join("bids.ndjson");
    std::fs::write(&input, Bids::new(n_rows, keys, 2 * WINDOW).json(n_rows)).expect("a writable folder");
    let output = folder.path().join("by_hand.ndjson");
    let by_hand = || {
        run_by_hand(&input, &output, WINDOW).expect("a readable file");
        n_lines_and_bytes(&output)
    };
    let engine = || {
        run_program(folder.path(), TOTALS, 1);
        n_lines_and_bytes(&folder.path().join("totals.ndjson"))
    };
    let job = Job { name, n_events: n_rows, cpu: Cpu::Process, target: 2.0 };
    if !compare(effort, job, by_hand, engine) {
        return;
    }
    assert_eq!(sorted_lines(&output), sorted_lines(&folder.path().join("totals.ndjson")));
}

/// What a program of the bench begins with.
const SOURCE: &str = r#"
type Bid = {
  auction: int, bidder: int, price: int, channel: string, url: string,
  at: timestamp from "dateTime" as epoch_ms, extra: string,
}

source bids: Bid
  from file("bids.ndjson") format json
  time at disorder 0s

sink out from totals to file("totals.ndjson") format json
"#;

pub const TOTALS: &str = r#"
stream totals =
  from bids
  window tumbling 10s
  group by auction
  select auction, count() as n, sum(price) as total, max(price) as highest
"#;

/// Compiles and runs a program that makes `totals` of `bids`, as `millstream run` does.
pub fn run_program(folder: &Path, program: &str, workers: usize) {
    let library = Library::new(millstream_stdlib::catalog(), &mut Diagnostics::default());
    let mut files = SourceMap::default();
    let main = files.add("program.stream", format!("{SOURCE}{program}"));
    let mut load = |_: &str, path: &str| Err(format!("{path}: no file is used"));
    let compilation = compile(&mut files, main, &mut load, &library, &CompileOptions::default());
    let flow = compilation.flow.unwrap_or_else(|| panic!("{:?}", compilation.diagnostics));
    let compiled = Jit.compile(&flow).expect("it compiles");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let options = Options {
        around: Surroundings {
            base: folder.to_path_buf(),
            stop: Arc::new(AtomicBool::new(false)),
            inputs: vec![],
        },
        limit: None,
        until: None,
        terminal_width: None,
        progress: Arc::new(Progress::default()),
        clock: Box::new(WallClock),
        why: None,
        warn: Box::new(|_| ()),
        workers,
        memory: None,
        ends_process: false,
        state: None,
    };
    let inside = runtime.enter();
    let ended = job::run(&flow, &*compiled, &files, options);
    drop(inside);
    if let Err(broken) = ended {
        panic!("{:?}", broken.diagnostic);
    }
}

/// A cheap digest, made within the time that is measured; after all rounds, all lines are compared.
pub fn n_lines_and_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).expect("an output").len()
}

fn sorted_lines(path: &Path) -> Vec<String> {
    let mut lines: Vec<String> =
        std::fs::read_to_string(path).expect("an output").lines().map(String::from).collect();
    lines.sort();
    lines
}
