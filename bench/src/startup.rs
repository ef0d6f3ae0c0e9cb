//! From the start of the process to the first row of the example: wall-clock time, since that is what
//! somebody waits for.

use crate::measure::{Effort, spread};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

pub fn measure(effort: &Effort) {
    let Some(binary) = binary() else {
        println!("there is no millstream binary beside this one; build it with `cargo build --release`");
        return;
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/fraud.stream");
    let times = (0..=effort.rounds * 3).filter_map(|_| first_row(&binary, &example)).skip(1);
    let times: Vec<f64> = times.collect();
    if times.is_empty() {
        println!("{} gives no row", example.display());
        return;
    }
    let [median, least, greatest] = spread(times.into_iter());
    println!(
        "start to first row of examples/fraud.stream: {median:.1} ms of wall time ({least:.1}–{greatest:.1}), target 50"
    );
}

/// Milliseconds until the first byte of a run; none if there is no output.
fn first_row(binary: &Path, program: &Path) -> Option<f64> {
    let start = Instant::now();
    let mut command = Command::new(binary);
    command.arg("run").arg("-q").arg(program).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let mut output = child.stdout.take()?;
    let n_read = output.read(&mut [0; 1]).ok()?;
    let elapsed = start.elapsed();
    // So that it does not fail to write the rest.
    std::io::copy(&mut output, &mut std::io::sink()).ok()?;
    child.wait().ok()?;
    (n_read > 0).then_some(elapsed.as_secs_f64() * 1e3)
}

/// The program of the same build: beside this one, or above the folder of test programs.
pub fn binary() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let name = format!("millstream{}", std::env::consts::EXE_SUFFIX);
    own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|path| path.is_file())
}
