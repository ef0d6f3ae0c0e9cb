//! What checkpoints cost a run with a large state: how long it stands still, and what becomes of its throughput.

use crate::measure::Effort;
use crate::memory::{add, resident};
use crate::startup::binary;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Rows of a block, each with a key of its own.
const BLOCK: usize = 100_000;
/// Blocks until all keys have come: a gigabyte of state.
const FILLING: usize = 120;
/// Blocks behind these, of keys that have come before.
const GOING_ON: usize = 600;

const PROGRAM: &str = r#"
source rows: { k: string, v: int, at: timestamp as epoch_s }
  from file("-") format csv
  time at disorder 0s

stream totals =
  from rows
  window tumbling 1d
  group by k
  select k, count() as n, sum(v) as total

stream few =
  from totals
  where total < 0

sink out from few to stdout format json
"#;

pub fn measure(effort: &Effort) {
    let Some(binary) = binary() else {
        println!("there is no millstream binary beside this one; build it with `cargo build --release`");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for the program");
    std::fs::write(folder.path().join("p.stream"), PROGRAM).expect("a writable folder");
    let without = run(&binary, folder.path(), &[], effort);
    for every in ["10s", "1s"] {
        let state = folder.path().join(every);
        let state = state.to_str().expect("a path of text");
        let with = run(&binary, folder.path(), &["--state", state, "--checkpoint-every", every], effort);
        println!(
            "  every {every}: takes {:.3} of the time without checkpoints; {}",
            with.0.as_secs_f64() / without.0.as_secs_f64(),
            with.1
        );
    }
}

/// How long it takes to go on when all keys have come, and what the run tells of its checkpoints.
fn run(binary: &Path, folder: &Path, options: &[&str], effort: &Effort) -> (Duration, String) {
    let mut command = Command::new(binary);
    command.args(["run", "p.stream"]).args(options).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let took = feed(&mut child, effort.of(FILLING), effort.of(GOING_ON)).expect("it reads its input");
    let output = child.wait_with_output().expect("it ends");
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{report}");
    let told = report.lines().find(|line| line.contains("checkpoints")).unwrap_or_default();
    (took, told.trim().to_string())
}

fn feed(child: &mut Child, n_filling: usize, n_going_on: usize) -> io::Result<Duration> {
    let row = |number: usize| format!("{:09},{},1700000000\n", number * 7919 % BLOCK, number % 1000);
    let block: Vec<u8> = (0..BLOCK).flat_map(|number| row(number).into_bytes()).collect();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(block.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1))
        .take(BLOCK)
        .collect();
    let id = child.id();
    let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    input.write_all(b"k,v,at\n")?;
    let mut write = |number: usize| {
        let mut rows = block.clone();
        starts.iter().for_each(|start| add(&mut rows[*start..*start + 9], (number * BLOCK) as u64));
        input.write_all(&rows)
    };
    (0..n_filling).try_for_each(&mut write)?;
    let filled = resident(id);
    let began = Instant::now();
    (0..n_going_on).try_for_each(|number| write(number * 31 % n_filling))?;
    let took = began.elapsed();
    let rate = (n_going_on * BLOCK) as f64 / took.as_secs_f64() / 1e6;
    println!("  {:.0} MB resident; goes on with {rate:.2} M rows a second", filled as f64 / 1e6);
    Ok(took)
}
