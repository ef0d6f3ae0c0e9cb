//! An hour at four fifths of what a run with checkpoints can take: its memory, and its state on disk, are to stay as they
//! were after the first minutes.

use crate::measure::Effort;
use crate::memory::{add, resident};
use crate::startup::binary;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = r#"
source rows: { k: string, v: int, at: timestamp as epoch_ms }
  from file("-") format csv
  time at disorder 1s

table latest key k = from rows select k, v

stream totals =
  from rows
  window hopping 10s every 5s
  group by k
  select k, count() as n, sum(v) as total

stream visits =
  from rows where v < 200
  window session 5s
  group by k
  select k, count() as n

stream pairs =
  from rows as l
  join rows as r on l.k == r.k and l.v + 900 < r.v within 2s
  select l.k, r.v

stream rising =
  match by k
    low: rows[v < 100]
    then high: rows[v > 900 and v > low.v + 850]
  within 30s
  select k, low.v as low, high.v as high

stream known =
  from rows where v > 900
  join latest on latest.k == rows.k
  select rows.k, latest.v

sink totals_out from totals to stdout format json
sink visits_out from visits to stdout format json
sink pairs_out from pairs to stdout format json
sink rising_out from rising to stdout format json
sink known_out from known to stdout format json
"#;

/// Rows of a block, each with a key of its own, and the milliseconds that it lasts by its times.
const BLOCK: usize = 100_000;
const SPAN: u64 = 1000;

/// Rows that are written at once.
const PART: usize = 1000;

/// How long it is fed as much as it takes, to know how much that is, and then with less.
const FULL: usize = 60_000;
const PACED: usize = 3_600_000;

const LOOK: Duration = Duration::from_secs(10);

pub fn measure(effort: &Effort) {
    let Some(binary) = binary() else {
        println!("there is no millstream binary beside this one; build it with `cargo build --release`");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder for the program");
    std::fs::write(folder.path().join("p.stream"), PROGRAM).expect("a writable folder");
    let mut command = Command::new(binary);
    command.args(["run", "p.stream", "--state", "state"]).current_dir(folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let milliseconds = |n| Duration::from_millis(effort.of(n) as u64);
    let fed = feed(&mut child, &folder.path().join("state"), (milliseconds(FULL), milliseconds(PACED)));
    let output = child.wait_with_output().expect("it ends");
    let report = String::from_utf8_lossy(&output.stderr);
    fed.unwrap_or_else(|error| panic!("{error}: {report}"));
    assert!(output.status.success(), "{report}");
    println!("  {}", report.lines().find(|line| line.contains("checkpoints")).unwrap_or_default().trim());
}

/// Writes rows at full speed and then at four fifths of that, and tells now and then what the process takes.
fn feed(child: &mut Child, state: &Path, (full, paced): (Duration, Duration)) -> io::Result<()> {
    let id = child.id();
    let mut rows = Rows::new(child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?)?;
    let began = Instant::now();
    let mut n_written = 0;
    let mut since_half = (began, 0);
    while began.elapsed() < full {
        rows.write_part()?;
        n_written += PART;
        if began.elapsed() < full / 2 {
            since_half = (Instant::now(), n_written);
        }
    }
    let most = (n_written - since_half.1) as f64 / since_half.0.elapsed().as_secs_f64();
    let pause = Duration::from_secs_f64(PART as f64 / (most * 0.8));
    println!("  takes {most:.0} rows a second, and is given {:.0}", most * 0.8);
    println!("  seconds, rows a second, MB resident, files of state, MB of them");
    let began = Instant::now();
    let (mut next, mut looked, mut n_since) = (began, began, 0);
    while began.elapsed() < paced {
        rows.write_part()?;
        n_since += PART;
        // What could not be written in its time is not made up for.
        next = (next + pause).max(Instant::now() - pause * 10);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        if looked.elapsed() >= LOOK.min(paced / 2) {
            let rate = n_since as f64 / looked.elapsed().as_secs_f64();
            let (n_files, bytes) = files(state);
            println!(
                "  {:>5} {rate:>8.0} {:>6.1} {n_files:>3} {:>6.1}",
                began.elapsed().as_secs(),
                resident(id) as f64 / 1e6,
                bytes as f64 / 1e6
            );
            (looked, n_since) = (Instant::now(), 0);
        }
    }
    Ok(())
}

/// How many files a folder has, and their bytes.
fn files(folder: &Path) -> (usize, u64) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let lengths: Vec<u64> = entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect();
    (lengths.len(), lengths.iter().sum())
}

/// Rows without end: a block again and again, with other values and later times.
struct Rows {
    output: ChildStdin,
    block: Vec<u8>,
    /// Where in it the next row stands.
    at: usize,
}

impl Rows {
    fn new(mut output: ChildStdin) -> io::Result<Rows> {
        output.write_all(b"k,v,at\n")?;
        let row = |number: usize| {
            let at = 1_700_000_000_000 + number as u64 * SPAN / BLOCK as u64;
            format!("{:09},{:03},{at}\n", number * 7919 % BLOCK, number * 331 % 1000)
        };
        let block = (0..BLOCK).flat_map(|number| row(number).into_bytes()).collect();
        Ok(Rows { output, block, at: 0 })
    }

    fn write_part(&mut self) -> io::Result<()> {
        let width = self.block.len() / BLOCK;
        let part = &mut self.block[self.at..self.at + PART * width];
        self.output.write_all(part)?;
        for (number, row) in part.chunks_mut(width).enumerate() {
            add(&mut row[10..13], 1 + (self.at / width + number) as u64 % 997);
            add(&mut row[14..27], SPAN);
        }
        self.at = (self.at + PART * width) % self.block.len();
        Ok(())
    }
}
