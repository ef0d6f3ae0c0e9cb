//! All queries of Nexmark as a user runs them: from the generator, and from files of JSON lines.

use crate::measure::{Effort, Usage, usage_of};
use crate::startup::binary;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EVENTS: usize = 5_000_000;
const KINDS: [&str; 3] = ["people", "auctions", "bids"];
/// The sources of the queries, with the kinds of their events.
const SOURCES: [(&str, usize); 4] = [("people", 0), ("auctions", 1), ("bids", 2), ("arrivals", 2)];

pub fn measure(effort: &Effort) {
    let Some(binary) = binary() else {
        println!("there is no millstream binary beside this one; build it with `cargo build --release`");
        return;
    };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/nexmark");
    let folder = tempfile::tempdir().expect("a folder for the events");
    let events = effort.of(EVENTS);
    let files = write_events(&binary, &examples, folder.path(), events);
    println!(
        "per query, from the generator, from files, from files by two workers: CPU seconds per million events,"
    );
    println!("thousand events a second, and greatest resident memory in MB; {events} events");
    for query in queries(&examples) {
        let name = query.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let run = |workers: usize, files: &[String]| {
            let mut command = Command::new(&binary);
            command.arg("run").arg("-q").arg(&query).args(["--sink", "out=-"]);
            command.args(["--set", &format!("events={events}"), "--workers", &workers.to_string()]);
            files.iter().for_each(|file| {
                command.args(["--source", file]);
            });
            run(&mut command)
        };
        let replaced = |(source, kind): &(&str, usize)| format!("{source}={}", files[*kind].display());
        let from_files: Vec<String> = reads(&query).map(replaced).collect();
        let line = [run(1, &[]), run(1, &from_files), run(2, &from_files)].map(|usage| shown(&usage, events));
        println!("{name:<4} {}", line.join("   "));
    }
}

/// The greatest numbers of the query's name last.
fn queries(examples: &Path) -> Vec<PathBuf> {
    let number = |path: &PathBuf| path.file_stem()?.to_str()?.strip_prefix('q')?.parse::<u32>().ok();
    let files = std::fs::read_dir(examples).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut queries: Vec<PathBuf> = files.filter(|path| number(path).is_some()).collect();
    queries.sort_by_key(number);
    queries
}

/// What a query reads: a source that it does not read must not be replaced.
fn reads(query: &Path) -> impl Iterator<Item = &'static (&'static str, usize)> {
    let text = std::fs::read_to_string(query).unwrap_or_default();
    SOURCES.iter().filter(move |(source, _)| {
        text.contains(&format!("from {source}")) || text.contains(&format!("join {source}"))
    })
}

/// Files of all events, in the order of the kinds.
fn write_events(binary: &Path, examples: &Path, folder: &Path, events: usize) -> Vec<PathBuf> {
    let mut program = format!("use \"{}/events.stream\"\n", examples.display());
    let path = |kind: &str| folder.join(format!("{kind}.ndjson"));
    for kind in KINDS {
        // As the generator writes it: times are milliseconds, called `date_time`.
        let times = match kind {
            "auctions" => "int(int(at) / 1000) as date_time, int(int(expires) / 1000) as expires",
            _ => "int(int(at) / 1000) as date_time",
        };
        let others = match kind {
            "people" => "id, name, email_address, credit_card, city, state, extra",
            "auctions" => "id, item_name, description, initial_bid, reserve, seller, category, extra",
            _ => "auction, bidder, price, channel, url, extra",
        };
        program += &format!("stream all_{kind} = from {kind} select {others}, {times}\n");
        program += &format!("sink {kind} from all_{kind} to file(\"{}\")\n", path(kind).display());
    }
    let file = folder.join("write.stream");
    std::fs::write(&file, program).expect("a writable folder");
    let mut command = Command::new(binary);
    run(command.arg("run").arg("-q").arg(&file).args(["--set", &format!("events={events}")]));
    KINDS.iter().map(|kind| path(kind)).collect()
}

fn run(command: &mut Command) -> Usage {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    usage_of(command.spawn().expect("the binary starts"))
}

fn shown(usage: &Usage, events: usize) -> String {
    let millions = events as f64 / 1e6;
    format!(
        "{:5.3} s {:6.0} k/s {:5.0} MB",
        usage.cpu / millions,
        millions * 1e3 / usage.wall,
        usage.peak as f64 / 1e6
    )
}
