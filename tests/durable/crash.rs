//! The process is killed at random moments and started again, until it has come to the end: what it has written by
//! then is what a run has written that nobody disturbed.

use super::support::{Folder, cases, seed};
use millstream_ir::testing::Generator;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Those of this folder; whether the order of the rows is told by the program. Rows of several sources that leave
/// at once may lie otherwise among each other.
const PROGRAMS: [(&str, bool); 9] = [
    ("windows", true),
    ("spilled", true),
    ("spilled_windows", true),
    ("spilled_tables", false),
    ("joins", false),
    ("patterns", true),
    ("tables", false),
    ("updating", true),
    ("failures", true),
];

const ROWS: usize = 20_000;

/// Bytes of each row that nobody reads: checkpoints are made between blocks of the input, so there are to be many.
const PADDING: usize = 300;

#[test]
fn what_was_killed_writes_what_an_undisturbed_run_writes() {
    let seed = seed();
    let mut random = Generator::new(seed);
    let n_kills = cases(100);
    let mut n_killed = 0;
    for (number, (program, is_ordered)) in PROGRAMS.into_iter().enumerate() {
        let folder = folder(&mut random);
        let began = Instant::now();
        folder.run(&format!("run -q {program}.stream")).code(0);
        let takes = began.elapsed();
        let expected = written(&folder, is_ordered);
        assert!(
            expected.values().all(|rows| rows.len() > 100),
            "{program} writes too little to tell anything"
        );
        expected.iter().for_each(|(name, rows)| assert_ids(name, rows));
        let (before, mut n_rows) = (n_killed, 0);
        let share = n_kills * (number + 1) / PROGRAMS.len();
        while n_killed < share {
            let (killed, found) = killed(&folder, program, (share - n_killed, takes), &mut random);
            n_killed += killed;
            assert_same(&expected, &in_order(found, is_ordered), program, seed);
            n_rows += lines(&expected);
        }
        println!("{program}: killed {} times, {n_rows} rows compared", n_killed - before);
    }
    assert_eq!(n_killed, n_kills);
}

fn lines(files: &BTreeMap<String, Vec<u8>>) -> usize {
    files.values().map(|rows| rows.iter().filter(|byte| **byte == b'\n').count()).sum()
}

/// Each row has an id of its own. That it is the same after a crash is seen when the rows are compared.
fn assert_ids(name: &str, rows: &[u8]) {
    let rows = String::from_utf8_lossy(rows);
    let ids = super::ids::ids(&rows);
    let different: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    // What is set aside beside sinks has none.
    if name != "unreadable.ndjson" {
        assert!(ids.len() > 2, "{name} has {} ids", ids.len());
        assert_eq!(ids.len(), different.len(), "{name} has an id twice");
    }
}

/// Runs a program in a new state folder, killing it so many times, unless it comes to its end before. How often it
/// was killed, and what it has written when it has ended.
fn killed(
    folder: &Folder,
    program: &str,
    (most, takes): (usize, Duration),
    random: &mut Generator,
) -> (usize, BTreeMap<String, Vec<u8>>) {
    let _ = std::fs::remove_dir_all(folder.path().join("state"));
    for n_killed in 0..most {
        let workers = 1 + random.below(3);
        let memory = memory(program);
        let line =
            format!("run {program}.stream --state state --checkpoint-every 5ms --workers {workers}{memory}");
        let mut command = folder.command(&line);
        let mut child = command.stdout(Stdio::null()).spawn().expect("the command starts");
        // At any moment, most of them before the end; or soon behind one of the next checkpoints, so that it gets on.
        match random.below(3) {
            0 => std::thread::sleep(takes.mul_f64(random.below(1000) as f64 / 1000.0)),
            _ => {
                wait_for_checkpoints(folder, 2 + random.below(4) as u64, &mut child);
                std::thread::sleep(Duration::from_micros(random.below(5000) as u64));
            }
        }
        // Now and then it is asked to end, and killed if it does not hurry.
        if random.below(4) == 0 {
            super::support::terminate(child.id());
            std::thread::sleep(Duration::from_millis(random.below(30) as u64));
        }
        let _ = child.kill();
        let ended = child.wait_with_output().expect("the process can be waited for");
        if let Some(code) = ended.status.code() {
            assert_eq!(code, 0, "{program}: {}", String::from_utf8_lossy(&ended.stderr));
            let is_over = !String::from_utf8_lossy(&ended.stderr).contains("the next run goes on from");
            // A run of which nothing is left is killed again as well.
            if is_over && n_killed > 0 {
                return (n_killed, all_written(folder));
            }
        }
    }
    let memory = memory(program);
    folder.run(&format!("run {program}.stream --state state --workers 2{memory}")).code(0);
    (most, all_written(folder))
}

/// So much that what a program keeps is most of the time not in memory.
fn memory(program: &str) -> &'static str {
    match program {
        "spilled" | "spilled_windows" => " --memory 200kB",
        // The numbers and keys of ten thousand rows stay.
        "spilled_tables" => " --memory 2MB",
        _ => "",
    }
}

/// Waits until so many more checkpoints are there than now, or until the process has ended.
fn wait_for_checkpoints(folder: &Folder, n: u64, child: &mut Child) {
    let state = folder.path().join("state");
    let newest = || {
        let names = std::fs::read_dir(&state).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter_map(|name| name.strip_prefix("checkpoint-")?.parse::<u64>().ok()).max().unwrap_or(0)
    };
    let first = newest();
    while newest() < first + n && child.try_wait().is_ok_and(|ended| ended.is_none()) {
        std::thread::yield_now();
    }
}

/// The programs, and inputs for them.
fn folder(random: &mut Generator) -> Folder {
    let folder = Folder::new();
    let programs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable");
    for entry in std::fs::read_dir(programs).expect("the folder is there").flatten() {
        let name = entry.file_name().into_string().expect("names are text");
        if name.ends_with(".stream") {
            folder.write(&name, std::fs::read(entry.path()).expect("it can be read"));
        }
    }
    let padding = "-".repeat(PADDING);
    let mut json = String::new();
    for id in 0..ROWS {
        let (k, v, at) = row(id, random);
        let _ = match random.below(1000) {
            0 => writeln!(json, "{{\"id\":\"none\",\"k\":\"{k}\"}}"),
            _ => writeln!(
                json,
                "{{\"id\":{id},\"k\":\"{k}\",\"v\":{v},\"at\":{at},\"padding\":\"{padding}\"}}"
            ),
        };
    }
    folder
        .write("c.ndjson", json.lines().take(ROWS / 10).map(|line| format!("{line}\n")).collect::<String>());
    folder.write("a.ndjson", json);
    for part in 0..2 {
        let mut csv = "v,k,at,padding,id\n".to_string();
        for id in 0..ROWS / 4 {
            let (k, v, at) = row(id * 4, random);
            let _ = writeln!(csv, "{v},\"{k}\",{at},{padding},{}", id * 2 + part);
        }
        folder.write(&format!("b{part}.csv"), csv);
    }
    let names = (0..15).map(|k| format!("key {k},the {k}th of all names\n"));
    folder.write("names.csv", "k,name\n".to_string() + &names.collect::<String>());
    folder
}

/// The key, the value and the time of a row: now and then a late one, many at the same time.
fn row(id: usize, random: &mut Generator) -> (String, usize, usize) {
    let behind = if random.below(500) == 0 { 20_000 } else { random.below(4_000) };
    let at = (1_700_000_000_000 + id * 20 - behind) / 200 * 200;
    (format!("key {}", random.below(20)), random.below(1000), at)
}

fn written(folder: &Folder, is_ordered: bool) -> BTreeMap<String, Vec<u8>> {
    in_order(all_written(folder), is_ordered)
}

/// What has been written, unpacked, by the names of the files.
fn all_written(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder.path()).expect("the folder is there").flatten() {
        let name = entry.file_name().into_string().expect("names are text");
        let is_input = name.ends_with(".stream")
            || ["a.ndjson", "b0.csv", "b1.csv", "c.ndjson", "names.csv"].contains(&&*name);
        if is_input || entry.path().is_dir() {
            continue;
        }
        let file = std::fs::File::open(entry.path()).expect("it can be read");
        let mut bytes = vec![];
        let mut reader: Box<dyn Read> = match () {
            () if name.ends_with(".gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
            () if name.ends_with(".zst") => Box::new(zstd::Decoder::new(file).expect("it begins well")),
            () => Box::new(file),
        };
        reader.read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        all.insert(name, bytes);
    }
    all
}

fn in_order(all: BTreeMap<String, Vec<u8>>, is_ordered: bool) -> BTreeMap<String, Vec<u8>> {
    let sorted = |bytes: Vec<u8>| {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        lines.sort_unstable();
        lines.join(&b'\n')
    };
    all.into_iter().map(|(name, rows)| (name, if is_ordered { rows } else { sorted(rows) })).collect()
}

fn assert_same(
    expected: &BTreeMap<String, Vec<u8>>,
    found: &BTreeMap<String, Vec<u8>>,
    program: &str,
    seed: u64,
) {
    let name_of = |all: &BTreeMap<String, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(name_of(expected), name_of(found), "{program}");
    for (name, rows) in expected {
        let found = &found[name];
        let first = rows.iter().zip(found).position(|(a, b)| a != b).unwrap_or(rows.len().min(found.len()));
        let around = |bytes: &[u8]| {
            let part = &bytes[first.saturating_sub(200).min(bytes.len())..(first + 200).min(bytes.len())];
            String::from_utf8_lossy(part).into_owned()
        };
        assert!(
            rows == found,
            "MILLSTREAM_SEED={seed}: {name} of {program}.stream has {} bytes instead of {}; from byte {first} on:\n{}\ninstead of\n{}",
            found.len(),
            rows.len(),
            around(found),
            around(rows)
        );
    }
}
