//! Times two ways of doing one job, round by round, so that the machine's noise hits both alike.

use std::hint::black_box;
use std::process::Child;
use std::time::Instant;

/// How much is done.
pub struct Effort {
    /// Rounds that count, after one to warm up; BENCH_ROUNDS sets another number.
    pub rounds: usize,
    /// By how much jobs are made smaller.
    shrink: usize,
}

impl Effort {
    pub fn full() -> Effort {
        let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(7);
        Effort { rounds, shrink: 1 }
    }

    pub fn quick() -> Effort {
        Effort { rounds: 1, shrink: 100 }
    }

    /// Of this many, how many there are to be: at least one.
    pub fn of(&self, n: usize) -> usize {
        (n / self.shrink).max(1)
    }
}

/// Which time is measured.
#[derive(Clone, Copy)]
pub enum Cpu {
    /// That of this thread: other load on the machine counts little.
    Thread,
    /// That of all threads of the process.
    Process,
}

impl Cpu {
    pub fn nanos(self) -> f64 {
        let clock = match self {
            Cpu::Thread => libc::CLOCK_THREAD_CPUTIME_ID,
            Cpu::Process => libc::CLOCK_PROCESS_CPUTIME_ID,
        };
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a timespec of ours.
        unsafe { libc::clock_gettime(clock, &mut time) };
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    }
}

/// What a process has taken.
pub struct Usage {
    /// Seconds of all its threads.
    pub cpu: f64,
    /// Seconds from the call on.
    pub wall: f64,
    /// The greatest resident memory, in bytes.
    pub peak: u64,
}

/// Waits for a process.
///
/// # Panics
/// If it fails.
pub fn usage_of(child: Child) -> Usage {
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: all zeros are a value of this struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers are to values of ours; the child has not been waited for.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert!(waited > 0 && status == 0, "the process ends with {status}");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Usage {
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        wall: start.elapsed().as_secs_f64(),
        peak: usage.ru_maxrss as u64 * 1024,
    }
}

/// A job done in two ways.
pub struct Job<'a> {
    pub name: &'a str,
    pub n_events: usize,
    pub cpu: Cpu,
    /// The ratio that is asked for.
    pub target: f64,
}

/// Runs both in turn and prints a line, unless BENCH_ONLY holds something that its name
/// does not; whether it ran. Each gives a checksum of its answer; they must agree.
///
/// # Panics
/// If the answers differ: a fast wrong answer is no measurement.
pub fn compare(effort: &Effort, job: Job, limit: impl FnMut() -> u64, engine: impl FnMut() -> u64) -> bool {
    compare_two(effort, job, ["limit", "engine"], limit, engine)
}

/// The same with two jobs that are called so.
///
/// # Panics
/// As [`compare`].
pub fn compare_two(
    effort: &Effort,
    job: Job,
    names: [&str; 2],
    mut one: impl FnMut() -> u64,
    mut other: impl FnMut() -> u64,
) -> bool {
    if std::env::var("BENCH_ONLY").is_ok_and(|part| !job.name.contains(&part)) {
        return false;
    }
    let mut times: Vec<[f64; 2]> = vec![];
    for round in 0..=effort.rounds {
        let (a, first) = timed(job.cpu, &mut one);
        let (b, second) = timed(job.cpu, &mut other);
        assert_eq!(first, second, "{}: the answers of {} and {} differ", job.name, names[0], names[1]);
        if round > 0 {
            times.push([a / job.n_events as f64, b / job.n_events as f64]);
        }
    }
    let [one, _, _] = spread(times.iter().map(|t| t[0]));
    let [other, _, _] = spread(times.iter().map(|t| t[1]));
    let [median, least, greatest] = spread(times.iter().map(|t| t[1] / t[0]));
    let verdict = if median <= job.target { "" } else { "  over the target" };
    println!(
        "{:<44} {} {one:7.2} ns  {} {other:7.2} ns  ratio {median:5.2} ({least:.2}–{greatest:.2}), target {:.1}{verdict}",
        job.name, names[0], names[1], job.target
    );
    true
}

/// Median, least and greatest.
pub fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[values.len() / 2], values[0], values[values.len() - 1]]
}

fn timed(cpu: Cpu, job: &mut impl FnMut() -> u64) -> (f64, u64) {
    let before = cpu.nanos();
    let answer = black_box(job());
    (cpu.nanos() - before, answer)
}
