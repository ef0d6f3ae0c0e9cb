//! `millstream run`: compiles a program and runs it to the end of its inputs.

use super::errors::wrong_value;
use crate::cli::{EngineChoice, ReportFormat, Run};
use crate::command_line::said;
use crate::program::{Program, show};
use crate::stores;
use crate::terminal::{self, ProgressLine};
use crate::{FAILED, FINE, WRONG_PROGRAM, WRONG_USAGE};
use millstream_base::{Diagnostic, SourceMap};
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Flow, NodeKind};
use millstream_ir::text::{parse_duration, parse_timestamp};
use millstream_jit::Jit;
use millstream_runtime::checkpoint::folder::Unusable;
use millstream_runtime::checkpoint::has_whole_rows;
use millstream_runtime::connector::{Surroundings, is_standard_output};
use millstream_runtime::errors;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::job::{self, Broken, Options, State, Why};
use millstream_runtime::report::{Progress, Report};
use millstream_runtime::time::WallClock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub fn run(arguments: Run) -> u8 {
    let Times { until, why, every } = match Times::new(&arguments) {
        Ok(times) => times,
        Err(code) => return code,
    };
    let program = match Program::read("run", &arguments.file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let base = program.base.clone();
    let compiled = program.compile_to_run(&arguments.bindings);
    show(&compiled.files, &compiled.compilation.diagnostics);
    if compiled.compilation.flow.is_none() {
        return compiled.wrong().unwrap_or(WRONG_PROGRAM);
    }
    let state = match arguments.state.as_deref().map(|path| state(path, &arguments, every)).transpose() {
        Ok(state) => state,
        Err(diagnostic) => {
            show(&compiled.files, &[*diagnostic]);
            return FAILED;
        }
    };
    let has_whole_rows = state.as_ref().is_some_and(|state| state.has_whole_rows);
    let Some(flow) = compiled.flow_after(has_whole_rows) else { return WRONG_PROGRAM };
    let running = Running { arguments: &arguments, files: &compiled.files, flow: &flow, base, until, why };
    running.run(state)
}

/// Of the machine, or as many of them as this process may use.
fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The times of the command line, in microseconds.
struct Times {
    until: Option<i64>,
    why: Option<i64>,
    every: i64,
}

impl Times {
    fn new(arguments: &Run) -> Result<Times, u8> {
        let duration = |text: &str| parse_duration(text.as_bytes()).filter(|duration| *duration > 0);
        let time = |text: &str| parse_timestamp(text.as_bytes());
        // `option` with what stands between it and its value.
        let read = |option: &str, text: &str, value: Option<i64>, (expected, example): (&str, &str)| {
            value.ok_or_else(|| {
                let mut files = SourceMap::default();
                let written = format!("{option}{text}");
                let said = said(&["run", &arguments.file.display().to_string(), &written], &mut files);
                show(&files, &[wrong_value(&said[2], expected, &format!("{option}{example}"))]);
                WRONG_USAGE
            })
        };
        let (a_time, a_duration) = (("a time", "2024-05-01T12:00:00Z"), ("a duration", "10s"));
        let (until, why, every) = (&arguments.until, &arguments.why, &arguments.checkpoint_every);
        Ok(Times {
            until: until.as_ref().map(|text| read("--until ", text, time(text), a_time)).transpose()?,
            why: why.as_ref().map(|text| read("--why=", text, duration(text), a_duration)).transpose()?,
            every: read("--checkpoint-every ", every, duration(every), a_duration)?,
        })
    }
}

/// A compiled program and what the command line says of its run.
struct Running<'a> {
    arguments: &'a Run,
    files: &'a SourceMap,
    flow: &'a Flow,
    base: PathBuf,
    until: Option<i64>,
    why: Option<i64>,
}

/// Where checkpoints are kept, so often; nobody else uses it from now on.
fn state(path: &Path, arguments: &Run, every: i64) -> Result<State, Box<Diagnostic>> {
    let place = path.display().to_string();
    match stores::open(path) {
        Ok(store) => {
            let has_whole_rows = has_whole_rows(&*store);
            Ok(State { store, every, dropped: arguments.drop_state.clone(), has_whole_rows })
        }
        Err(Unusable::InUse) => Err(Box::new(errors::state_in_use(&place))),
        Err(Unusable::Failed(error)) => Err(Box::new(errors::state_unusable(&place, &error))),
    }
}

impl Running<'_> {
    fn run(self, state: Option<State>) -> u8 {
        let engine: &dyn Engine = match self.arguments.engine {
            EngineChoice::Jit => &Jit,
            EngineChoice::Reference => &ReferenceEngine,
        };
        let compiled = match engine.compile(self.flow) {
            Ok(compiled) => compiled,
            Err(error) => {
                terminal::err(format_args!(
                    "error: {error}\nThis is a fault in Millstream; please report it with the program.\n"
                ));
                return FAILED;
            }
        };
        let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
        {
            Ok(runtime) => runtime,
            Err(error) => {
                terminal::err(format_args!("error: cannot start: {error}\n"));
                return FAILED;
            }
        };
        let stop = Arc::new(AtomicBool::new(false));
        let progress = Arc::new(Progress::default());
        runtime.spawn(stop_on_interrupt(stop.clone()));
        let shows_progress = !self.arguments.quiet && terminal::has_room_for_progress(self.writes_stdout());
        let line = shows_progress.then(|| ProgressLine::begin(&runtime, progress.clone()));
        let tell_lines = move |lines: &str| match shows_progress {
            true => terminal::err_above_progress(lines),
            false => terminal::err(lines),
        };
        let options = Options {
            around: Surroundings { base: self.base, stop, inputs: vec![] },
            limit: self.arguments.limit,
            until: self.until,
            terminal_width: terminal::stdout_width(),
            progress,
            clock: Box::new(WallClock),
            workers: self.arguments.workers.map_or_else(n_cores, usize::from),
            memory: self.arguments.memory,
            ends_process: true,
            state,
            why: self.why.map(|every| Why { every, tell: Box::new(tell_lines) }),
            warn: Box::new(tell_lines),
        };
        let inside = runtime.enter();
        let ended = job::run(self.flow, &*compiled, self.files, options);
        drop(inside);
        // A thread that waits for standard input cannot be woken; it ends with the process.
        runtime.shutdown_background();
        drop(line);
        let (report, code) = match ended {
            Ok(report) => (report, FINE),
            Err(broken) => {
                let Broken { diagnostic, report } = *broken;
                show(self.files, &[*diagnostic]);
                (report, FAILED)
            }
        };
        tell(&report, self.arguments);
        code
    }

    fn writes_stdout(&self) -> bool {
        self.flow.ids().any(|id| match &self.flow.node(id).kind {
            NodeKind::Sink(sink) => is_standard_output(&sink.connector),
            _ => false,
        })
    }
}

fn tell(report: &Report, arguments: &Run) {
    match arguments.report {
        _ if arguments.quiet => {}
        // A run that could not begin has counted nothing.
        ReportFormat::Text if report.sources.is_empty() && report.stopped.is_none() => {}
        ReportFormat::Text => terminal::err(report.text()),
        ReportFormat::Json => terminal::err(format_args!("{}\n", report.json())),
    }
}

/// The first interrupt lets the run finish what it has read; the second ends the process.
async fn stop_on_interrupt(stop: Arc<AtomicBool>) {
    if interrupt().await.is_err() {
        return;
    }
    stop.store(true, Ordering::Relaxed);
    if interrupt().await.is_ok() {
        std::process::exit(130);
    }
}

/// Waits for an interrupt from the keyboard, or for what asks a service to end.
#[cfg(unix)]
async fn interrupt() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupt() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
