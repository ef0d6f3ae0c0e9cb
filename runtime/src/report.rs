//! What a run counted: shown at its end on a terminal or as JSON.

use crate::spill::Spilled;
use crate::waiting::HeldBack;
use millstream_ir::text::format_timestamp;
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts that another thread may watch while the job runs.
#[derive(Default, Debug)]
pub struct Progress {
    pub rows: AtomicU64,
    pub bytes: AtomicU64,
    /// Bytes of all inputs of known size.
    pub bytes_total: AtomicU64,
}

impl Progress {
    pub fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[derive(Default, Clone, Debug)]
pub struct Report {
    pub sources: Vec<SourceReport>,
    pub streams: Vec<StreamReport>,
    pub sinks: Vec<SinkReport>,
    /// Of a run that ended before its inputs did: what was still waited for.
    pub held_back: Vec<HeldBack>,
    pub wall: Duration,
    /// How many workers there were.
    pub workers: usize,
    /// The streams of which several shared the rows, and how many did.
    pub shared: Vec<(Arc<str>, usize)>,
    /// The checkpoint that it began from.
    pub resumed: Option<Resumed>,
    pub checkpoints: Option<Checkpoints>,
    /// What operators wrote to files because memory was too small.
    pub spilled: Option<Spilled>,
    /// Why the run ended before its inputs did, if it did.
    pub stopped: Option<&'static str>,
}

/// A checkpoint of an earlier run, and when it was made, in microseconds since 1970 UTC.
#[derive(Clone, Debug)]
pub struct Resumed {
    pub number: u64,
    pub time: i64,
}

/// Of a run that keeps checkpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checkpoints {
    pub made: u64,
    /// Those that could not be written.
    pub failed: u64,
    /// For how long the run stood still at most, in microseconds.
    pub longest_pause: i64,
    /// Bytes of memory that one took at most, beside what the run had.
    pub most_memory: u64,
}

#[derive(Clone, Debug, Default)]
pub struct SourceReport {
    pub name: Arc<str>,
    /// Rows read, late ones too; unreadable ones not.
    pub rows: u64,
    pub bytes: u64,
    pub late: u64,
    /// Rows set aside because they are too far in the future.
    pub ahead: u64,
    pub failed: Failed,
    /// Of a table that is loaded.
    pub loads: Option<Loads>,
}

/// How often a table was loaded.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    pub done: u64,
    /// Loads that could not be read; the rows before them were left as they were.
    pub failed: Failed,
}

/// Rows that failed in a stream's clauses.
#[derive(Clone, Debug, Default)]
pub struct StreamReport {
    pub name: Arc<str>,
    pub failed: Failed,
    /// Rows that a clause left out because they came too late for it.
    pub late_left_out: u64,
    /// Of a table, rows of a load that were replaced by later ones of the same key.
    pub replaced: u64,
}

#[derive(Clone, Debug, Default)]
pub struct SinkReport {
    pub name: Arc<str>,
    pub rows: u64,
}

/// Failed rows: how many, and the first of each kind.
#[derive(Clone, Debug, Default)]
pub struct Failed {
    pub rows: u64,
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug)]
pub struct Example {
    pub reason: String,
    /// Where in the program, or in the input.
    pub place: String,
    pub row: String,
    pub rows: u64,
}

/// Kinds of failure that are told apart; what is over is still counted.
const MAX_KINDS: usize = 20;

impl Failed {
    /// Counts a failed row. Rows that fail at one place, or whose reasons differ only in quoted or
    /// numeric data, are of one kind.
    pub fn add(&mut self, reason: &str, place: &str, row: &str) {
        self.rows += 1;
        let kind = kind_of(reason);
        if let Some(known) =
            self.examples.iter_mut().find(|e| kind_of(&e.reason) == kind && same_line(e, place))
        {
            known.rows += 1;
        } else if self.examples.len() < MAX_KINDS {
            let example = Example { reason: reason.into(), place: place.into(), row: row.into(), rows: 1 };
            self.examples.push(example);
        }
    }
}

fn same_line(example: &Example, place: &str) -> bool {
    // Places in data differ from row to row; places in the program end in a column.
    example.place == place || example.place.contains(" record ")
}

/// A reason without the data in it.
fn kind_of(reason: &str) -> String {
    let mut kind = String::with_capacity(reason.len());
    let mut quoted = false;
    for c in reason.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted || c.is_ascii_digit() => {}
            _ => kind.push(c),
        }
    }
    kind
}

impl Report {
    /// The report as a person reads it, a line per source, stream with failures, and sink.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if let Some(Resumed { number, time }) = &self.resumed {
            let _ =
                writeln!(out, "{:>14} on from checkpoint {number} of {}", "gone", format_timestamp(*time));
        }
        for s in &self.sources {
            let _ = write!(out, "{} from {}", rows(s.rows), s.name);
            let _ = write!(out, " ({})", bytes(s.bytes));
            if s.late > 0 {
                let _ = write!(out, ", {} late", thousands(s.late));
            }
            if s.ahead > 0 {
                let _ = write!(out, ", {} too far ahead of the clock", thousands(s.ahead));
            }
            if let Some(loads) = s.loads.as_ref().filter(|loads| loads.done > 1) {
                let _ = write!(out, ", loaded {} times", thousands(loads.done));
            }
            out.push('\n');
            s.write_losses(&mut out);
        }
        self.streams.iter().for_each(|s| s.write_losses(&mut out));
        for s in &self.sinks {
            let _ = writeln!(out, "{} to {}", rows(s.rows), s.name);
        }
        let seconds = self.wall.as_secs_f64();
        let n_rows: u64 = self.sources.iter().map(|s| s.rows).sum();
        let read: u64 = self.sources.iter().map(|s| s.bytes).sum();
        let _ = write!(out, "{:>13.3} s", seconds);
        if seconds > 0.05 {
            let per_second = |n: u64| (n as f64 / seconds) as u64;
            let _ =
                write!(out, "     {} rows/s, {}/s", thousands(per_second(n_rows)), bytes(per_second(read)));
        }
        out.push('\n');
        if self.workers > 1 {
            let _ = write!(out, "{:>14} workers", self.workers);
            let names: Vec<&str> = self.shared.iter().map(|(name, _)| &**name).collect();
            let _ = match names.is_empty() {
                true => writeln!(out),
                false => writeln!(out, ", which shared the rows of {}", names.join(", ")),
            };
        }
        if let Some(Checkpoints { made, failed, longest_pause, most_memory }) = self.checkpoints {
            let (pause, memory) = (longest_pause as f64 / 1000.0, bytes(most_memory));
            let _ = write!(
                out,
                "{:>14} checkpoints, for {pause:.1} ms and with {memory} of memory at most",
                thousands(made)
            );
            let _ = match failed {
                0 => writeln!(out),
                n => writeln!(out, "; {} could not be written", thousands(n)),
            };
        }
        if let Some(Spilled { runs, written, read, took }) = self.spilled {
            let (written, read, seconds) = (bytes(written), bytes(read), took as f64 / 1e6);
            let _ = writeln!(
                out,
                "{written:>14} of state spilled in {} files, {read} read again, in {seconds:.3} s",
                thousands(runs)
            );
        }
        if let Some(why) = self.stopped {
            let _ = writeln!(out, "stopped: {why}");
        }
        self.held_back.iter().for_each(|held_back| out += &held_back.text());
        out
    }

    /// The lines about rows that were set aside, left out or failed, if there are any.
    pub fn losses(&self) -> String {
        let mut out = String::new();
        for s in &self.sources {
            if s.ahead > 0 {
                let _ = writeln!(out, "{} of {} too far ahead of the clock", rows(s.ahead), s.name);
            }
            s.write_losses(&mut out);
        }
        self.streams.iter().for_each(|s| s.write_losses(&mut out));
        out
    }

    pub fn json(&self) -> String {
        let failed = |f: &Failed| {
            let examples: Vec<_> = f
                .examples
                .iter()
                .map(|e| json!({ "reason": e.reason, "place": e.place, "row": e.row, "rows": e.rows }))
                .collect();
            json!({ "rows": f.rows, "kinds": examples })
        };
        let sources: Vec<_> = self
            .sources
            .iter()
            .map(|s| {
                let mut source = json!({ "name": &*s.name, "rows": s.rows, "bytes": s.bytes, "late": s.late, "ahead": s.ahead, "unreadable": failed(&s.failed) });
                if let Some(Loads { done, failed }) = &s.loads {
                    let reason = |kind: &Example| json!({ "reason": kind.reason, "loads": kind.rows });
                    let reasons: Vec<_> = failed.examples.iter().map(reason).collect();
                    source["loads"] = json!({ "done": done, "failed": failed.rows, "reasons": reasons });
                }
                source
            })
            .collect();
        let streams: Vec<_> = self
            .streams
            .iter()
            .map(|s| json!({ "name": &*s.name, "failed": failed(&s.failed), "late_left_out": s.late_left_out, "replaced": s.replaced }))
            .collect();
        let waiting: Vec<_> = self.held_back.iter().map(HeldBack::json).collect();
        let sinks: Vec<_> = self.sinks.iter().map(|s| json!({ "name": &*s.name, "rows": s.rows })).collect();
        let shared: Vec<_> =
            self.shared.iter().map(|(name, n)| json!({ "name": &**name, "workers": n })).collect();
        let mut report = json!({ "sources": sources, "streams": streams, "sinks": sinks, "workers": self.workers, "shared": shared, "wall_seconds": self.wall.as_secs_f64(), "stopped": self.stopped, "waiting": waiting });
        if let Some(Resumed { number, time }) = &self.resumed {
            report["resumed"] = json!({ "checkpoint": number, "time": format_timestamp(*time) });
        }
        if let Some(Checkpoints { made, failed, longest_pause, most_memory }) = self.checkpoints {
            let pause = longest_pause as f64 / 1e6;
            report["checkpoints"] = json!({ "made": made, "failed": failed, "longest_pause_seconds": pause, "memory_bytes": most_memory });
        }
        if let Some(Spilled { runs, written, read, took }) = self.spilled {
            report["spilled"] = json!({ "files": runs, "bytes_written": written, "bytes_read": read, "seconds": took as f64 / 1e6 });
        }
        report.to_string()
    }
}

impl SourceReport {
    fn write_losses(&self, out: &mut String) {
        for kind in self.loads.iter().flat_map(|loads| &loads.failed.examples) {
            let _ = writeln!(out, "{:>14} ×     not refreshed: {}", thousands(kind.rows), kind.reason);
        }
        self.failed.write(out, "unreadable");
    }
}

impl StreamReport {
    fn write_losses(&self, out: &mut String) {
        if self.late_left_out > 0 {
            let _ = writeln!(out, "{:>14} late  left out of {}", thousands(self.late_left_out), self.name);
        }
        if self.replaced > 0 {
            let _ = writeln!(
                out,
                "{} of {} replaced by a later one of the same key",
                rows(self.replaced),
                self.name
            );
        }
        self.failed.write(out, &format!("failed in {}", self.name));
    }
}

impl Failed {
    fn write(&self, out: &mut String, what: &str) {
        if self.rows == 0 {
            return;
        }
        let _ = writeln!(out, "{} {what}", rows(self.rows));
        for e in &self.examples {
            let _ = writeln!(out, "{:>14} ×     {}: {}", thousands(e.rows), e.place, e.reason);
            let _ = writeln!(out, "{:>14}       first: {}", "", shortened(&e.row));
        }
    }
}

fn shortened(row: &str) -> String {
    const LIMIT: usize = 160;
    let line: String = row.chars().take(LIMIT).collect();
    if line.len() < row.len() { format!("{line} …") } else { line }
}

/// The beginning of a line: how many rows it is about.
fn rows(n: u64) -> String {
    format!("{:>14} {:<5}", thousands(n), if n == 1 { "row" } else { "rows" })
}

/// `1234567` as `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// Bytes in the unit that reads best.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut size = n as f64 / 1000.0;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_differ_in_data_are_one_kind() {
        let mut failed = Failed::default();
        failed.add("field `a`: expected int, found \"x\"", "f.ndjson record 3", "{}");
        failed.add("field `a`: expected int, found \"yy\"", "f.ndjson record 9", "{}");
        failed.add("field `b`: expected int, found \"x\"", "f.ndjson record 9", "{}");
        assert_eq!(failed.rows, 3);
        assert_eq!(failed.examples.iter().map(|e| e.rows).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([thousands(7), thousands(1234567)], ["7", "1,234,567"]);
        assert_eq!([bytes(999), bytes(2_500_000)], ["999 B", "2.5 MB"]);
    }
}
