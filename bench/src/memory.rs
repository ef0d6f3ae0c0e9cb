//! Memory on an input that does not end: rows piped into `millstream run`, which keeps keyed windows.

use crate::data::Bids;
use crate::end_to_end::WINDOW;
use crate::measure::Effort;
use crate::startup::binary;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

const BYTES: usize = 10_000_000_000;
/// Rows that are made once, and written over and over with later times.
const ROWS: usize = 100_000;
const SPAN: i64 = WINDOW / 10;

const PROGRAM: &str = r#"
source bids: { auction: int, price: int, at: timestamp from "dateTime" as epoch_ms }
  from file("-") format json
  time at disorder 0s

stream totals =
  from bids
  window tumbling 10s
  group by auction
  select auction, count() as n, sum(price) as total, max(price) as highest

sink out from totals to stdout format json
"#;

pub fn measure(effort: &Effort) {
    let Some(binary) = binary() else {
        println!("there is no millstream binary beside this one; build it with `cargo build --release`");
        return;
    };
    let program = tempfile::NamedTempFile::new().expect("a folder for the program");
    std::fs::write(program.path(), PROGRAM).expect("a writable folder");
    let mut command = Command::new(binary);
    command.arg("run").arg("-q").arg(program.path()).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    let fed = feed(&mut child, effort.of(BYTES));
    drop(child.stdin.take());
    let status = child.wait().expect("it ends");
    fed.expect("it reads its input");
    assert!(status.success(), "{status}");
}

/// Writes rows, and prints the memory of the process now and then.
fn feed(child: &mut Child, n_bytes: usize) -> io::Result<()> {
    let mut rows = Bids::new(ROWS, 100_000, SPAN).json(ROWS);
    let name = b"\"dateTime\":";
    let named = (0..rows.len() - name.len()).filter(|at| rows[*at..].starts_with(name));
    let places: Vec<usize> = named.map(|at| at + name.len()).collect();
    let id = child.id();
    let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (mut n_written, mut seen) = (0, vec![]);
    while n_written < n_bytes {
        input.write_all(&rows)?;
        n_written += rows.len();
        places.iter().for_each(|place| add(&mut rows[*place..*place + 13], SPAN as u64 / 1000));
        if n_written * 20 / n_bytes > seen.len() {
            seen.push(resident(id));
        }
    }
    let shown: Vec<String> = seen.iter().map(|bytes| format!("{:.0}", *bytes as f64 / 1e6)).collect();
    println!("MB resident while {:.1} GB go in, 100 k keys: {}", n_written as f64 / 1e9, shown.join(" "));
    Ok(())
}

/// Adds to a number in decimal digits.
pub fn add(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        let sum = (*digit - b'0') as u64 + number;
        *digit = b'0' + (sum % 10) as u8;
        number = sum / 10;
    }
}

/// The resident memory of a process; zero where the system does not say.
pub fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).map_or(0, |kb| kb * 1024)
}
