//! Runs whose store of checkpoints fails at any call, in any way, in one process: whatever is left of it and of what has
//! been written, the run that comes after goes on from there, and in the end the outputs are those of a run that nothing
//! disturbed.

use super::faulty_store::{Faulty, Plan};
use super::ids::ids;
use super::support::compiled::compiled;
use super::support::{cases, seed};
use millstream_base::SourceMap;
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::Flow;
use millstream_ir::testing::Generator;
use millstream_jit::Jit;
use millstream_runtime::checkpoint::newest;
use millstream_runtime::checkpoint::store::Store;
use millstream_runtime::connector::Surroundings;
use millstream_runtime::job::{self, Options, State};
use millstream_runtime::seed::fix;
use millstream_runtime::time::Clock;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::Arc;

const PROGRAM: &str = "\
source a: { id: int, k: string, v: int, at: timestamp }
  from file(\"a*.ndjson\") format json
  time at disorder 5s

source b: { id: int, k: string, v: int, at: timestamp }
  from file(\"b*.csv\") format csv
  time at disorder 5s

table levels key k = from b select k, v

stream hopping =
  from a
  window hopping 30s every 10s
  group by k
  select k, window.end as end, count() as n, sum(v) as s

stream visits =
  from a
  window session 3s
  group by k
  select k, window.start as start, count() as n

stream rises =
  match by k
    low: a[v < 300]
    then high: a[v > 700 and v > low.v]
  within 30s
  select k, low.id as low, high.id as high

stream pairs =
  from a
  left join b on a.k == b.k within 0s..4s
  select a.id as left, b.id as right

stream with_level =
  from a
  left join levels on levels.k == a.k as of a.at
  select a.id, levels.v as level

stream totals =
  from a
  group by k forever
  select k, count() as n, max(v) as most

sink hopping_out from hopping to file(\"hopping.ndjson\") format json(id: \"row_id\") ordered
sink visits_out from visits to file(\"visits.csv\") format csv(id: \"row_id\")
sink rises_out from rises to file(\"rises.ndjson.gz\") format json(id: \"row_id\")
sink pairs_out from pairs to file(\"pairs.ndjson\") format json(id: \"row_id\")
sink with_level_out from with_level to file(\"with_level.ndjson\") format json(id: \"row_id\")
sink totals_out from totals to file(\"totals.ndjson\") format json(changes: retract, id: \"row_id\")
";

const OUTPUTS: [&str; 6] =
    ["hopping.ndjson", "visits.csv", "rises.ndjson.gz", "pairs.ndjson", "with_level.ndjson", "totals.ndjson"];

/// Files of each source, and rows of each: checkpoints are made between blocks, of which a small file is one.
const FILES: usize = 12;
const ROWS: usize = 15;

#[test]
fn whatever_fails_of_the_store_the_outputs_are_those_of_an_undisturbed_run() {
    let first = seed() * 1_000_000;
    simulation(first, |simulation| {
        let mut n_faults = 0;
        for seed in first..first + cases(3000) as u64 {
            n_faults += simulation.disturb(seed).len();
        }
        assert!(n_faults > cases(3000) / 2, "only {n_faults} faults");
    });
}

/// All that happens to a store is told by the seed, so that a case that fails can be looked at.
#[test]
fn a_seed_tells_what_happens() {
    let first = seed() * 1_000_000;
    simulation(first, |simulation| {
        for seed in first..first + 20 {
            let (first, second) = (simulation.disturb(seed), simulation.disturb(seed));
            assert!(first == second, "seed {seed}:\n{first:#?}\nand then\n{second:#?}");
        }
    });
}

/// A program with inputs, and what it writes of them when nothing disturbs it.
struct Simulation<'p> {
    program: Program<'p>,
    inputs: BTreeMap<String, String>,
    expected: BTreeMap<&'static str, String>,
}

fn simulation(first: u64, run: impl FnOnce(&Simulation)) {
    let (files, _, flow) = compiled(PROGRAM);
    let machine_code = Jit.compile(&flow).expect("it compiles");
    let program = Program { files: &files, flow: &flow, compiled: &*machine_code };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("threads can be had");
    let _inside = runtime.enter();
    fix(1);
    let mut random = Generator::new(first);
    let inputs = inputs(&mut random);
    let expected = {
        let folder = folder(&inputs);
        program.run(folder.path(), None, &mut random).unwrap_or_else(|error| panic!("{error}"));
        outputs(folder.path())
    };
    for (name, rows) in &expected {
        let ids = ids(rows);
        assert!(ids.len() > 20, "{name} has {} rows", ids.len());
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{name} has an id twice");
    }
    run(&Simulation { program, inputs, expected });
}

impl Simulation<'_> {
    /// Runs the program on a store that fails, again and again until it has come to its end. What happened to the store
    /// each time, as far as something failed.
    fn disturb(&self, seed: u64) -> Vec<Vec<String>> {
        let mut random = Generator::new(seed);
        let folder = folder(&self.inputs);
        let store = Arc::new(Faulty::default());
        let n_failing = 1 + random.below(3);
        let mut happened = vec![];
        for attempt in 0.. {
            // At each call in turn, then at any.
            let is_last = attempt >= n_failing;
            store.plan(if is_last { None } else { Some(Plan::of(seed, attempt, &mut random)) });
            let ended = self.program.run(folder.path(), Some(store.clone()), &mut random);
            happened.extend(store.has_failed().then(|| store.calls()));
            store.plan(None);
            match ended {
                Ok(()) => break,
                // Where the first was damaged, nothing tells that there has been none before: whoever knows begins anew.
                Err(error) if error.contains("is whole") => {
                    assert!(store.said() == 0, "seed {seed}: {error}");
                    store.all().clear();
                }
                Err(error) => assert!(!is_last, "seed {seed}: {error}"),
            }
            tear(folder.path(), &*store, &mut random);
        }
        let found = outputs(folder.path());
        for (name, rows) in &self.expected {
            assert!(
                in_order(rows) == in_order(&found[name]),
                "MILLSTREAM_SEED, case {seed}: {name}\n{}",
                found[name]
            );
        }
        happened
    }
}

struct Program<'p> {
    files: &'p SourceMap,
    flow: &'p Flow,
    compiled: &'p dyn Compiled,
}

impl Program<'_> {
    /// Runs to the end of the inputs, or until a checkpoint that has to be there cannot be written.
    fn run(&self, folder: &Path, store: Option<Arc<Faulty>>, random: &mut Generator) -> Result<(), String> {
        let state =
            store.map(|store| State { store, every: 1_000_000, dropped: vec![], has_whole_rows: false });
        let options = Options {
            around: Surroundings { base: folder.to_path_buf(), stop: Arc::default(), inputs: vec![] },
            limit: None,
            until: None,
            terminal_width: None,
            progress: Arc::default(),
            clock: Box::new(Jumping(RefCell::new((Generator::new(random.below(1 << 30) as u64), 0)))),
            why: None,
            warn: Box::new(|_| ()),
            workers: 1 + random.below(3),
            memory: None,
            ends_process: false,
            state,
        };
        let ended = job::run(self.flow, self.compiled, self.files, options);
        ended.map(drop).map_err(|broken| broken.diagnostic.headline.clone())
    }
}

/// A clock that is set to other times while it is looked at; what it measures goes on in leaps.
struct Jumping(RefCell<(Generator, i64)>);

impl Clock for Jumping {
    fn now(&self) -> i64 {
        let (random, _) = &mut *self.0.borrow_mut();
        1_700_000_000_000_000 + (random.below(1 << 40) as i64 - (1 << 39))
    }

    fn elapsed(&self) -> i64 {
        let (random, elapsed) = &mut *self.0.borrow_mut();
        *elapsed += random.below(3) as i64 * 10_000_000;
        *elapsed
    }
}

/// Files of two sources whose rows lie within each other in time, some of them late.
fn inputs(random: &mut Generator) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for file in 0..FILES {
        let (mut json, mut csv) = (String::new(), "id,k,v,at\n".to_string());
        for row in 0..ROWS {
            let number = file * ROWS + row;
            let mut time = || {
                let behind = if random.below(30) == 0 { 20 } else { random.below(5) };
                let second = (number + 30 - behind) % 3600;
                format!("2024-05-01T10:{:02}:{:02}Z", second / 60, second % 60)
            };
            let (of_a, of_b) = (time(), time());
            let (k, v) = (random.below(5), random.below(1000));
            let _ = writeln!(json, "{{\"id\":{number},\"k\":\"k{k}\",\"v\":{v},\"at\":\"{of_a}\"}}");
            let _ = writeln!(csv, "{number},k{},{},{of_b}", random.below(5), random.below(1000));
        }
        files.insert(format!("a{file:02}.ndjson"), json);
        files.insert(format!("b{file:02}.csv"), csv);
    }
    files
}

/// In memory, where that is to be had: what is made safe from the loss of power takes a disk milliseconds.
fn folder(inputs: &BTreeMap<String, String>) -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a temporary folder can be made");
    for (name, text) in inputs {
        std::fs::write(folder.path().join(name), text).expect("files can be written");
    }
    folder
}

/// What a crash leaves of the outputs: all that the checkpoint tells of, which has been made safe, and of what came behind
/// it some, or something else.
fn tear(folder: &Path, store: &dyn Store, random: &mut Generator) {
    let found = newest(store).expect("the store can be read");
    for name in OUTPUTS {
        let path = folder.join(name);
        let Ok(mut bytes) = std::fs::read(&path) else { continue };
        let is_it = |(file, _): &&(String, u64)| Path::new(file).ends_with(name);
        let manifest = found.newest.as_ref().map(|newest| &newest.manifest);
        let outputs = manifest.iter().flat_map(|manifest| &manifest.outputs);
        let safe =
            outputs.filter_map(|output| output.file.as_ref()).find(is_it).map_or(0, |(_, length)| *length);
        let safe = (safe as usize).min(bytes.len());
        bytes.truncate(safe + random.below(bytes.len() - safe + 1));
        let garbled = safe + random.below(bytes.len() - safe + 1);
        if random.below(3) == 0 {
            bytes[garbled..].iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        std::fs::write(path, bytes).expect("files can be written");
    }
}

/// What has been written, unpacked.
fn outputs(folder: &Path) -> BTreeMap<&'static str, String> {
    let read = |name: &'static str| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = match name.strip_suffix(".gz") {
            Some(_) => io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])),
            None => String::from_utf8(bytes).map_err(io::Error::other),
        };
        (name, text.unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    OUTPUTS.into_iter().map(read).collect()
}

/// Rows of several sources that leave at once may lie otherwise among each other.
fn in_order(rows: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = rows.lines().collect();
    lines.sort_unstable();
    lines
}
