//! What the terminal is like, and the line of progress on it.

use crate::program::plain;
use crate::{FAILED, FINE};
use millstream_base::render::{self, Color};
use millstream_runtime::report::{Progress, bytes, thousands};
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Colors on standard error, unless it is no terminal or NO_COLOR is set (no-color.org).
pub fn color() -> Color {
    color_on(std::io::stderr().is_terminal())
}

fn color_on(is_terminal: bool) -> Color {
    let wanted = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted { Color::On } else { Color::Off }
}

/// Colors on standard output.
pub fn out_color() -> Color {
    color_on(std::io::stdout().is_terminal())
}

/// Writes to standard output; the exit code. A reader that went away, as `head` does, is no fault.
#[must_use]
pub fn out(text: impl Display) -> u8 {
    let mut stdout = std::io::stdout();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            err(format_args!("error: writing to standard output failed: {}\n", plain(&error)));
            FAILED
        }
        _ => FINE,
    }
}

/// The same of text in words, which is broken between them where the terminal ends.
#[must_use]
pub fn out_words(text: &str) -> u8 {
    out(render::within(text, stdout_width()))
}

/// Writes to standard error.
pub fn err(text: impl Display) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// The width of the terminal that standard output is, if it is one.
pub fn stdout_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(terminal_size::terminal_size().map_or(80, |(width, _)| width.0 as usize))
}

/// The width of the terminal that standard error is, if it is one.
pub fn stderr_width() -> Option<usize> {
    let width = std::io::stderr().is_terminal().then(|| terminal_size::terminal_size_of(std::io::stderr()));
    width.flatten().map(|(width, _)| width.0 as usize)
}

/// How many lines the terminal has that standard output is.
pub fn stdout_height() -> usize {
    terminal_size::terminal_size().map_or(24, |(_, height)| height.0 as usize)
}

/// Runs shorter than this show no progress.
const SILENT: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_millis(200);

/// Whether progress can be seen: on a terminal that no rows are written to (rows and progress would
/// overwrite each other).
pub fn has_room_for_progress(rows_on_stdout: bool) -> bool {
    std::io::stderr().is_terminal() && !(rows_on_stdout && std::io::stdout().is_terminal())
}

/// Rows, speed and share done on standard error while a long run goes on; removed when it is dropped.
pub struct ProgressLine {
    task: tokio::task::AbortHandle,
    started: Instant,
}

impl ProgressLine {
    pub fn begin(runtime: &tokio::runtime::Runtime, progress: Arc<Progress>) -> ProgressLine {
        let task = runtime.spawn(show_progress(progress)).abort_handle();
        ProgressLine { task, started: Instant::now() }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.task.abort();
        if self.started.elapsed() > SILENT {
            err("\r\x1b[2K");
        }
    }
}

async fn show_progress(progress: Arc<Progress>) {
    let started = Instant::now();
    tokio::time::sleep(SILENT).await;
    loop {
        err(format_args!("\r\x1b[2K{}", line(&progress, started.elapsed())));
        tokio::time::sleep(REFRESH).await;
    }
}

/// Writes lines in the place of the line of progress, which then comes below them.
pub fn err_above_progress(lines: &str) {
    err(format_args!("\r\x1b[2K{lines}"));
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let rows = progress.rows.load(Ordering::Relaxed);
    let read = progress.bytes.load(Ordering::Relaxed);
    let total = progress.bytes_total.load(Ordering::Relaxed);
    let speed = bytes((read as f64 / elapsed.as_secs_f64()) as u64);
    let share =
        if total > 0 { format!("  {:.0} %", 100.0 * read as f64 / total as f64) } else { String::new() };
    format!("{} rows  {}  {speed}/s{share}", thousands(rows), bytes(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_progress_ends_with_whoever_keeps_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts");
        let progress = Arc::new(Progress::default());
        drop(ProgressLine::begin(&runtime, progress.clone()));
        runtime.block_on(tokio::task::yield_now());
        assert_eq!(Arc::strong_count(&progress), 1);
    }
}
