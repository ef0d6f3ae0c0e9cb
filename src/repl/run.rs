//! Runs a query of the session and tells what came of it.

use super::errors::in_words_of_session;
use super::interrupts::Interrupts;
use super::keys::{Quits, Unseen};
use super::rows::Rows;
use super::session::Asked;
use crate::program::{Problem, show};
use crate::terminal::{self, ProgressLine};
use crate::{FAILED, FINE};
use millstream_ir::engine::Engine;
use millstream_jit::Jit;
use millstream_runtime::connector::Surroundings;
use millstream_runtime::job::{self, Broken, Options};
use millstream_runtime::report::{Progress, Report, thousands};
use millstream_runtime::time::WallClock;
use millstream_runtime::waiting::HeldBack;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// What runs queries one after the other.
pub struct Runner {
    runtime: Option<tokio::runtime::Runtime>,
    pub interrupts: Interrupts,
    /// None where nobody types.
    quits: Option<Quits>,
}

/// What the session says of the queries that it runs.
#[derive(Clone, Copy)]
pub struct Manner {
    pub limit: usize,
    pub tells_time: bool,
    pub is_interactive: bool,
}

/// How a query ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Fine,
    Failed,
    Interrupted,
}

impl Runner {
    pub fn new(is_interactive: bool) -> Result<Runner, Problem> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime =
            runtime.map_err(|error| Problem { message: format!("cannot start: {error}"), code: FAILED })?;
        let interrupts = Interrupts::default();
        // Before lines are edited: the editor puts back what it found to be done at an interrupt.
        runtime.block_on(Interrupts::begin_to_listen());
        runtime.spawn(interrupts.clone().pass_on(is_interactive));
        let quits = is_interactive.then(|| Quits::listen(&runtime));
        Ok(Runner { runtime: Some(runtime), interrupts, quits })
    }

    /// Shows the rows of a query, and what was lost on the way to them.
    pub fn run(&self, asked: &Asked, manner: Manner) -> Ended {
        let flow = &asked.assembled.flow;
        let Some(runtime) = &self.runtime else { return Ended::Failed };
        let compiled = match Jit.compile(flow) {
            Ok(compiled) => compiled,
            Err(error) => {
                terminal::err(format_args!(
                    "error: {error}\nThis is a fault in Millstream; please report it with the program.\n"
                ));
                return Ended::Failed;
            }
        };
        let stop = self.interrupts.asked();
        let progress = Arc::new(Progress::default());
        let shows_progress = manner.is_interactive && terminal::has_room_for_progress(false);
        let line = shows_progress.then(|| ProgressLine::begin(runtime, progress.clone()));
        // What is typed meanwhile would break the line of progress.
        let _unseen = self.quits.as_ref().map(Unseen::begin);
        let mut rows = Rows::new(flow, manner.limit, stop.clone(), line);
        let warned = Arc::new(Mutex::new(String::new()));
        let warnings = warned.clone();
        let options = Options {
            around: Surroundings { base: PathBuf::new(), stop: stop.clone(), inputs: vec![] },
            limit: None,
            until: None,
            terminal_width: None,
            progress,
            clock: Box::new(WallClock),
            why: None,
            // Rows may have the terminal to themselves.
            warn: Box::new(move |line| *warnings.lock().unwrap_or_else(PoisonError::into_inner) += line),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            memory: None,
            ends_process: false,
            state: None,
        };
        let inside = runtime.enter();
        let ended = job::run_to(flow, &*compiled, &asked.found.files, options, &mut rows);
        drop(inside);
        // A run that cannot begin never comes to the end of its rows.
        rows.end_progress();
        // Whoever still reads for it ends.
        let is_interrupted = stop.swap(true, Ordering::Relaxed);
        self.interrupts.expect();
        terminal::err(&*warned.lock().unwrap_or_else(PoisonError::into_inner));
        let report = match ended {
            Ok(report) => report,
            Err(broken) => {
                let Broken { mut diagnostic, .. } = *broken;
                in_words_of_session(&mut diagnostic);
                show(&asked.found.files, &[*diagnostic]);
                return Ended::Failed;
            }
        };
        let told = footer(&rows, &report, (is_interrupted, manner.tells_time));
        if terminal::out(told) != FINE {
            return Ended::Failed;
        }
        terminal::err(report.losses());
        if is_interrupted {
            terminal::err(report.held_back.iter().map(HeldBack::text).collect::<String>());
        }
        if is_interrupted { Ended::Interrupted } else { Ended::Fine }
    }
}

impl Drop for Runner {
    /// A thread that waits for a pipe cannot be woken; it ends with the process.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// How many rows there were, and why no more.
fn footer(rows: &Rows, report: &Report, (is_interrupted, tells_time): (bool, bool)) -> String {
    let n_rows = rows.n_rows();
    let counted = match n_rows {
        1 => "1 row".to_string(),
        n => format!("{} rows", thousands(n as u64)),
    };
    let shown = thousands(rows.n_shown() as u64);
    let mut text = match () {
        _ if rows.has_more() => format!("the first {counted}; `:limit` says how many are shown"),
        _ if rows.n_shown() < n_rows && rows.shows_last() => {
            format!("{counted}, of which the last {shown} are shown")
        }
        _ if rows.n_shown() < n_rows => format!("{counted}, of which the first {shown} are shown"),
        _ => counted,
    };
    if is_interrupted {
        text += "; stopped";
    }
    if tells_time {
        let read: u64 = report.sources.iter().map(|source| source.rows).sum();
        let _ = write!(text, "; {} read in {:.3} s", thousands(read), report.wall.as_secs_f64());
    }
    text + "\n"
}
