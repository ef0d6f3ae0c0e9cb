//! Times two ways of doing one job, round by round, so that the machine's noise hits both alike.

use std::hint::black_box;

/// Rounds that count, after one to warm up; BENCH_ROUNDS sets another number.
const ROUNDS: usize = 7;

/// One line of the table: the hand-written limit beside the engine.
pub struct Comparison {
    pub name: String,
    /// Nanoseconds of CPU time per event: medians.
    pub limit: f64,
    pub engine: f64,
    /// Engine / limit: the median of the rounds, the least and the greatest.
    pub ratio: [f64; 3],
    /// What is asked for.
    pub target: f64,
}

/// Runs both in turn. Each gives a checksum of its answer; they must agree.
///
/// # Panics
/// If the answers differ: a fast wrong answer is no measurement.
pub fn compare(
    name: &str,
    n_events: usize,
    target: f64,
    mut limit: impl FnMut() -> u64,
    mut engine: impl FnMut() -> u64,
) -> Comparison {
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(ROUNDS);
    let mut times: Vec<[f64; 2]> = vec![];
    for round in 0..=rounds {
        let (a, first) = timed(&mut limit);
        let (b, second) = timed(&mut engine);
        assert_eq!(first, second, "{name}: the engine's answer differs from the limit's");
        if round > 0 {
            times.push([a / n_events as f64, b / n_events as f64]);
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        [values[values.len() / 2], values[0], values[values.len() - 1]]
    };
    let comparison = Comparison {
        name: name.into(),
        limit: median(times.iter().map(|t| t[0]).collect())[0],
        engine: median(times.iter().map(|t| t[1]).collect())[0],
        ratio: median(times.iter().map(|t| t[1] / t[0]).collect()),
        target,
    };
    comparison.print();
    comparison
}

impl Comparison {
    fn print(&self) {
        let [median, least, greatest] = self.ratio;
        let verdict = if median <= self.target { "" } else { "  over the target" };
        println!(
            "{:<44} limit {:7.2} ns  engine {:7.2} ns  ratio {median:5.2} ({least:.2}–{greatest:.2}), target {:.1}{verdict}",
            self.name, self.limit, self.engine, self.target
        );
    }
}

fn timed(job: &mut impl FnMut() -> u64) -> (f64, u64) {
    let before = thread_cpu_nanos();
    let answer = black_box(job());
    (thread_cpu_nanos() - before, answer)
}

/// CPU time of this thread: other load on the machine counts little.
pub fn thread_cpu_nanos() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
