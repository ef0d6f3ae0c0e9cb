//! Two workers beside one: wall time of both, and how often two are as fast; CPU time of all threads, which
//! says what sharing costs.
//!
//! Two workers need two cores, so what else runs on the machine counts: where others want the cores too, Linux
//! tends to leave both threads on one (`chrt -r 1` keeps them apart). Rounds alternate, and beside the median
//! ratio stands that of the best rounds, which are least disturbed.

use crate::data::Bids;
use crate::end_to_end::{TOTALS, n_lines_and_bytes, run_program};
use crate::measure::{Cpu, Effort, spread};
use crate::tumbling::{checksum_of, compile};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::flow::WindowAssigner;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::{Operator, Output};
use millstream_runtime::workers::WorkerThreads;
use std::sync::Arc;
use std::time::Instant;

const WINDOW: i64 = 10_000_000;
const ROWS: usize = 4_000_000;
const LINES: usize = 2_000_000;

pub fn measure(effort: &Effort) {
    in_memory(effort, "tumbling, 1 k keys", 1000);
    in_memory(effort, "tumbling, 100 k keys", 100_000);
    in_memory(effort, "tumbling, 5 M keys drawn", 5_000_000);
    end_to_end(effort, "NDJSON to windows to NDJSON, 1 k keys", TOTALS, 1000);
    end_to_end(effort, "NDJSON to windows to NDJSON, 100 k keys", TOTALS, 100_000);
    end_to_end(effort, "NDJSON to NDJSON, a quarter of the rows", FILTER, 100_000);
    end_to_end(effort, "NDJSON to windows of single rows to NDJSON", SLIDING, 100_000);
}

const FILTER: &str = r#"
stream totals =
  from bids
  where auction % 4 == 0
  select auction, price * 2 as price, channel
"#;

const SLIDING: &str = r#"
stream totals =
  from bids
  window sliding 1s by auction
  select auction, sum(price) as total, max(price) as highest
"#;

/// Runs a job by one and by two workers in turn. It is given which, and the number of the round.
fn compare(effort: &Effort, name: &str, n_rows: usize, mut run: impl FnMut(usize, i64) -> u64) {
    if std::env::var("BENCH_ONLY").is_ok_and(|part| !name.contains(&part)) {
        return;
    }
    let mut timed = |workers: usize, round: i64| {
        let (started, before) = (Instant::now(), Cpu::Process.nanos());
        let answer = run(workers, round);
        let wall = started.elapsed().as_nanos() as f64 / n_rows as f64;
        (wall, (Cpu::Process.nanos() - before) / n_rows as f64, answer)
    };
    let mut rounds = vec![];
    for round in 0..=effort.rounds as i64 {
        let (one, two) = (timed(1, round), timed(2, round));
        assert_eq!(one.2, two.2, "{name}: the answers differ");
        if round > 0 {
            rounds.push((one, two));
        }
    }
    let [one, least_of_one, _] = spread(rounds.iter().map(|(one, _)| one.0));
    let [two, least_of_two, _] = spread(rounds.iter().map(|(_, two)| two.0));
    let [median, least, greatest] = spread(rounds.iter().map(|(one, two)| one.0 / two.0));
    let [cpu_of_one, ..] = spread(rounds.iter().map(|(one, _)| one.1));
    let [cpu_of_two, ..] = spread(rounds.iter().map(|(_, two)| two.1));
    let best = least_of_one / least_of_two;
    println!(
        "{name:<44} one {one:7.2} ns (CPU {cpu_of_one:7.2})  two {two:7.2} ns (CPU {cpu_of_two:7.2})  \
         {median:5.2} times as fast ({least:.2}–{greatest:.2}; best rounds {best:.2})"
    );
}

fn end_to_end(effort: &Effort, name: &str, program: &str, keys: u64) {
    let n_rows = effort.of(LINES);
    let folder = tempfile::tempdir().expect("a folder for the data");
    let input = folder.path().join("bids.ndjson");
    std::fs::write(&input, Bids::new(n_rows, keys, 2 * WINDOW).json(n_rows)).expect("a writable folder");
    compare(effort, name, n_rows, |workers, _| {
        run_program(folder.path(), program, workers);
        n_lines_and_bytes(&folder.path().join("totals.ndjson"))
    });
}

fn in_memory(effort: &Effort, name: &str, keys: u64) {
    let n_rows = effort.of(ROWS);
    let bids = Bids::new(n_rows, keys, WINDOW);
    let window = WindowAssigner::Tumbling { size: WINDOW, offset: 0 };
    let threads = [1, 2].map(WorkerThreads::start);
    let mut operators = threads.each_ref().map(|threads| compile(window.clone(), true, threads.workers()));
    let batches: Vec<Vec<Batch>> =
        (0..=effort.rounds as i64).map(|round| batches(&bids, round * WINDOW)).collect();
    compare(effort, name, n_rows, |workers, round| {
        let end = bids.time[0] + (round + 1) * WINDOW;
        checksum_of_run(&mut *operators[workers - 1], &batches[round as usize], end)
    });
}

fn batches(bids: &Bids, later: i64) -> Vec<Batch> {
    let column = |values: &[i64], add: i64| -> ColumnRef {
        let data = ColumnData::I64(values.iter().map(|value| value + add).collect());
        Arc::new(Column { data, validity: None })
    };
    let part = |first: usize| {
        let rows = first..(first + BATCH_ROWS).min(bids.time.len());
        let columns = vec![
            column(&bids.auction[rows.clone()], 0),
            column(&bids.price[rows.clone()], 0),
            column(&bids.time[rows.clone()], later),
        ];
        Batch { columns, n_rows: rows.len(), origin: Origin::default(), late: vec![] }
    };
    (0..bids.time.len()).step_by(BATCH_ROWS).map(part).collect()
}

fn checksum_of_run(operator: &mut dyn Operator, batches: &[Batch], end: i64) -> u64 {
    let mut sum = 0u64;
    let messages = batches.iter().map(|batch| Message::Batch(batch.clone()));
    for message in messages.chain([Message::Watermark(Watermark(end))]) {
        let mut output = Output::default();
        operator.step(0, message, &mut output);
        loop {
            for message in output.messages.drain(..) {
                if let Message::Batch(batch) = message {
                    sum = sum.wrapping_add(checksum_of(&batch, true));
                }
            }
            if !std::mem::take(&mut output.more) {
                break;
            }
            operator.resume(&mut output);
        }
    }
    sum
}
