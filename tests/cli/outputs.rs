//! Sinks, the report of a run, and outputs that cannot be written.

use super::inputs::copy;
use crate::support::Folder;
use std::fmt::Write;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"id\":1}\n{\"id\":2}\nbroken\n{\"id\":\"x\"}\n{\"id\":\"y\"}\n");
    folder.write("p.stream", copy("in.ndjson"));
    folder
}

#[test]
fn formats_follow_the_program_or_the_extension() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1,\"b\":\"x, \\\"y\\\"\"}\n");
    folder.write(
        "p.stream",
        "source rows: { a: int, b: string } from file(\"in.ndjson\")\nsink out from rows to stdout\n",
    );
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "{\"a\":1,\"b\":\"x, \\\"y\\\"\"}\n");
    for (name, expected) in [
        ("o.json", "{\"a\":1,\"b\":\"x, \\\"y\\\"\"}\n"),
        ("o.csv", "a,b\n1,\"x, \"\"y\"\"\"\n"),
        ("o.tsv", "a\tb\n1\t\"x, \"\"y\"\"\"\n"),
    ] {
        folder.run(&format!("run -q p.stream --sink out={name}")).code(0);
        assert_eq!(folder.read(name), expected, "{name}");
    }
    // A file is replaced unless the program says otherwise.
    folder.write("q.stream", "source rows: { a: int } from file(\"in.ndjson\")\nsink out from rows to file(\"q.json\", append: true)\n");
    folder.run("run -q q.stream").code(0);
    folder.run("run -q q.stream").code(0);
    assert_eq!(folder.read("q.json"), "{\"a\":1}\n{\"a\":1}\n");
}

#[test]
fn a_program_without_sinks_prints_its_last_stream() {
    let folder = folder();
    folder.write("p.stream", "source rows: { id: int } from file(\"in.ndjson\")\nstream twice = from rows select 2 * id as twice\n");
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "{\"twice\":2}\n{\"twice\":4}\n");
}

#[test]
fn each_run_ends_with_a_report() {
    let folder = folder();
    let text = folder.run("run p.stream").code(0).stderr;
    for part in [
        "2 rows  from rows (",
        "3 rows  unreadable",
        "2 ×     in.ndjson record 4: field `id`: expected int, found \"x\"",
        "first: {\"id\":\"x\"}",
        "1 ×     in.ndjson record 3: broken JSON",
        "2 rows  to out",
        " s\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(folder.run("run -q p.stream").code(0).stderr, "");
    let json = folder.run("run p.stream --report json").code(0).stderr;
    let report: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(report["sources"][0]["rows"], 2);
    assert_eq!(report["sources"][0]["unreadable"]["rows"], 3);
    assert_eq!(report["sources"][0]["unreadable"]["kinds"][1]["rows"], 2);
    assert_eq!(report["sinks"][0]["rows"], 2);
    assert!(report["wall_seconds"].is_number() && report["stopped"].is_null(), "{json}");
}

#[test]
fn late_and_failing_rows_are_in_the_report() {
    let folder = Folder::new();
    folder.write(
        "in.ndjson",
        "{\"n\":1,\"at\":\"2024-05-01T01:00:00Z\"}\n{\"n\":0,\"at\":\"2024-05-01T00:00:00Z\"}\n",
    );
    folder.write("p.stream", "source rows: { n: int, at: timestamp } from file(\"in.ndjson\") time at\nstream s = from rows select div(1, n) as x\nstream w = from rows window tumbling 1m select count() as c\nsink a from s to stdout format json\nsink b from w to stdout format json\n");
    let text = folder.run("run p.stream").code(0).stderr;
    for part in ["from rows (", "1 late\n", "1 late  left out of w", "1 row   failed in s", "p.stream:2:"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_nothing_counts_as_written() {
    let folder = folder();
    for path in ["/dev/full", "full.gz", "full.zst"] {
        if path != "/dev/full" {
            std::os::unix::fs::symlink("/dev/full", folder.path().join(path)).expect("links can be made");
        }
        for limit in ["", " --limit 1"] {
            let ran = folder.run(&format!("run p.stream --sink out={path}{limit}")).code(1);
            let told = ran.stderr_has("error[E0909]").stderr_has("no space left on device").stderr;
            // A packer takes rows before the disk does.
            assert!(path != "/dev/full" || told.contains(" 0 rows  to out"), "{told}");
        }
    }
    let shell = |command: &str| folder.shell(&format!("{command} > /dev/full"));
    shell("$M run -q p.stream")
        .code(1)
        .stderr_has("writing to standard output failed: no space left on device");
    shell("$M emit plan p.stream").code(1).stderr_has("no space left on device");
    shell("$M fmt < p.stream").code(1).stderr_has("no space left on device");
    shell("$M explain E0301").code(1).stderr_has("no space left on device");
}

#[test]
fn outputs_that_cannot_be_made_stop_the_run_before_it_begins() {
    let folder = folder();
    folder
        .run("run p.stream --sink out=no/such/o.json")
        .code(1)
        .stderr_has("error[E0907]")
        .stderr_has("no such file or directory");
    folder.run("run p.stream --sink out=.").code(1).stderr_has("is a directory");
    let before = folder.read("in.ndjson");
    folder.run("run p.stream --sink out=in.ndjson").code(1).stderr_has("this program reads it");
    assert_eq!(folder.read("in.ndjson"), before, "the input is as it was");
    folder.write("two.stream", "source rows: { id: int } from file(\"in.ndjson\")\nsink a from rows to file(\"o.json\")\nsink b from rows to file(\"./o.json\")\n");
    folder.run("run two.stream").code(2).stderr_has("error[E0928]");
    let two = |first: &str, second: &str| {
        folder.write("two.stream", format!("source rows: {{ id: int }} from file(\"in.ndjson\") on error sideline to file(\"{first}\")\nsink b from rows to file(\"{second}\") on error sideline to file(\"c\")\n"));
        folder.run("run -q two.stream")
    };
    let told = two("a/../o.json", "o.json").code(2).stderr_has("error[E0928]");
    told.stderr_has("a sink and a sideline write to");
    two("c", "o.json").code(2).stderr_has("two sidelines write to");
    two("/dev/null", "/dev/null").code(0);
    two("a.json", "o.json").code(0);
    folder.run("run two.stream --sink b=a.json").code(64).stderr_has("error[E0928]");
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"id\":1}\n".repeat(200_000)).write("p.stream", copy("in.ndjson"));
    for sink in ["", " --sink out=-"] {
        let ran = folder.shell(&format!("{{ $M run -q p.stream{sink}; echo $? >&2; }} | head -n 2"));
        assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (2, "0\n"));
    }
    let ran = folder.shell("$M explain --list | head -n 1").code(0);
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (1, ""));
}

#[test]
fn a_header_is_not_appended_to_rows() {
    for name in ["out.csv", "out.csv.gz", "out.csv.zst"] {
        let folder = Folder::new();
        folder.write("in.ndjson", "{\"id\":1}\n");
        let source = "source rows: { id: int } from file(\"in.ndjson\")";
        folder.write("p.stream", format!("{source}\nsink out from rows to file(\"{name}\", append: true)\n"));
        folder.run("run -q p.stream").code(0);
        folder.run("run -q p.stream").code(0);
        let back = format!(
            "source rows: {{ id: int }} from file(\"{name}\")\nsink out from rows to stdout format csv\n"
        );
        folder.write("back.stream", back);
        assert_eq!(folder.run("run -q back.stream").code(0).stdout, "id\n1\n1\n", "{name}");
    }
}

#[test]
fn a_run_that_outgrows_its_memory_stops_and_says_what_takes_it() {
    let folder = Folder::new();
    let rows: String = (0..20_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    folder.write("in.ndjson", rows);
    folder.write(
        "p.stream",
        "source rows: { id: int } from file(\"in.ndjson\")\nstream n = from rows window tumbling 1h group by id select id, count() as n\nsink n from n to file(\"n.json\")\n",
    );
    let ran = folder.run("run p.stream --memory 100kB").code(1);
    assert!(
        ran.stderr.contains("error[E0820]: the state takes ") && ran.stderr.contains("may take 100.0 kB"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("`n` holds ") && ran.stderr.contains("rows  from rows"), "{}", ran.stderr);
    folder.run("run p.stream --memory 0.5GiB").code(0);
    folder
        .run("run p.stream --memory much")
        .code(64)
        .stderr_has("expected a size such as 500MB, 2GB or 4GiB");
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_beside_checkpoints() {
    let folder = Folder::new();
    folder.write("in.csv", "n\n1\n2\n");
    std::os::unix::fs::symlink("/dev/null", folder.path().join("null.gz")).expect("links can be made");
    let program = |path: &str| {
        format!(
            "source rows: {{ n: int }} from file(\"in.csv\")\nsink out from rows to file(\"{path}\") format json\n"
        )
    };
    for (number, path) in ["/dev/null", "null.gz"].iter().enumerate() {
        folder.write("p.stream", program(path));
        let ran = folder.run(&format!("run p.stream --state state{number}")).code(0);
        ran.stderr_has("2 rows  to out");
        folder.run(&format!("run p.stream --state state{number}")).code(0);
    }
    folder.write("p.stream", program("/dev/null"));
    let told = folder.run("explain p.stream").code(0).stdout;
    assert!(told.contains("at least once, as a device cannot be cut off"), "{told}");
}

/// Sums of twenty thousand keys, which take a megabyte.
fn folder_of_many_keys() -> Folder {
    let folder = Folder::new();
    let rows = (0..40_000).map(|n| format!("{{\"key\":\"key number {}\",\"n\":{n}}}\n", n * 7919 % 20_011));
    folder.write("in.ndjson", rows.collect::<String>());
    let program = |window: &str| {
        format!(
            "source rows: {{ key: string, n: int }} from file(\"in.ndjson\")\nstream sums = from rows window {window} group by key select key, sum(n) as n\nsink out from sums to file(\"sums.json\")\n"
        )
    };
    folder.write("p.stream", program("tumbling 1h"));
    folder.write("overlapping.stream", program("hopping 1h every 1m"));
    folder
}

#[test]
fn what_memory_has_no_room_for_goes_to_the_state_folder() {
    let folder = folder_of_many_keys();
    folder.run("run -q p.stream").code(0);
    let whole = folder.read("sums.json");
    for workers in [1, 3] {
        let ran = folder.run(&format!(
            "run p.stream --memory 300kB --state state{workers} --report json --workers {workers}"
        ));
        let report: serde_json::Value = serde_json::from_str(&ran.code(0).stderr).expect("a report");
        assert!(folder.read("sums.json") == whole, "the rows are others");
        let spilled = &report["spilled"];
        for count in ["files", "bytes_written", "bytes_read"] {
            assert!(spilled[count].as_u64() > Some(0), "{report}");
        }
        let names = std::fs::read_dir(folder.path().join(format!("state{workers}"))).expect("it is there");
        let names: Vec<String> =
            names.map(|entry| entry.expect("it is").file_name().to_string_lossy().into()).collect();
        let is_kept = |name: &&String| {
            *name != "lock" && !name.starts_with("checkpoint-") && !name.starts_with("piece-")
        };
        assert_eq!(names.iter().find(is_kept), None);
    }
    let told = folder.run("run p.stream --memory 300kB --state told").code(0).stderr;
    assert!(told.contains(" of state spilled in ") && told.contains(" read again, in "), "{told}");
    let enough = folder.run("run p.stream --memory 100MB --state enough").code(0).stderr;
    assert!(!enough.contains("spilled"), "{enough}");
    folder.run("run -q overlapping.stream").code(0);
    let whole = folder.read("sums.json");
    let told = folder.run("run overlapping.stream --memory 300kB --state overlapping").code(0).stderr;
    assert!(told.contains(" of state spilled in "), "{told}");
    assert!(folder.read("sums.json") == whole, "the rows are others");
}

#[test]
fn windows_that_are_small_leave_memory_together() {
    let folder = Folder::new();
    let row = |n: u32| {
        format!("{{\"key\":\"key {n}\",\"at\":\"2024-05-01T{:02}:{:02}:00Z\"}}\n", n % 600 / 60, n % 60)
    };
    folder.write("in.ndjson", (0..24_000).map(row).collect::<String>());
    folder.write(
        "p.stream",
        "source rows: { key: string, at: timestamp } from file(\"in.ndjson\") format json time at disorder 1d\nstream counts = from rows window tumbling 1m group by key select key, count() as n\nsink out from counts to file(\"counts.json\")\n",
    );
    folder.run("run -q p.stream").code(0);
    let whole = folder.read("counts.json");
    let told = folder.run("run p.stream --memory 1MB --state state").code(0).stderr;
    assert!(told.contains(" of state spilled in "), "{told}");
    assert!(folder.read("counts.json") == whole, "the rows are others");
}

#[test]
fn what_a_window_hands_on_is_measured_on_its_way() {
    let folder = folder_of_many_keys();
    let behind = "aggregate last_of(x: string) -> string { state last: string = \"\" add last = x result last }\nstream again = from sums window tumbling 2h group by key select key, last_of(key) as n\nsink again from again to file(\"again.json\")\n";
    folder.write("behind.stream", folder.read("p.stream") + behind);
    // All of it comes when the last block of input has been read.
    let ran = folder.run("run behind.stream --memory 300kB --state state").code(1);
    assert!(
        ran.stderr.contains("error[E0820]: the state takes ") && ran.stderr.contains("`again` holds "),
        "{}",
        ran.stderr
    );
}

#[test]
fn state_that_cannot_be_written_out_of_memory_stops_the_run() {
    let folder = folder_of_many_keys();
    // Files may not become longer than some kilobytes.
    let ran = folder.shell("trap '' XFSZ; ulimit -f 4; $M run p.stream --memory 300kB --state state");
    ran.code(1).stderr_has("error[E0802]: cannot spill state to `state`: ");
}

#[test]
fn an_ordered_sink_writes_the_total_order() {
    let folder = Folder::new();
    let mut rows = String::new();
    let mut wanted = String::new();
    for id in 0..20_000 {
        let row = format!("{{\"id\":{id},\"at\":{id}}}\n");
        wanted += &row;
        rows += &row;
        // Seven seconds late: it has missed its place, wherever what is read at once ends.
        if id % 10 == 9 {
            writeln!(rows, "{{\"id\":-1,\"at\":{}}}", id - 7).expect("text");
        }
    }
    folder.write("in.ndjson", &rows);
    folder.write(
        "p.stream",
        "source rows: { id: int, at: timestamp as epoch_s } from file(\"in.ndjson\") format json time at\nstream o = from rows select id, div(int(at), 1_000_000) as at\nsink o from o to stdout format json ordered\n",
    );
    let of_file = folder.run("run p.stream").code(0).stderr_has("2,000 late  left out of o");
    assert!(of_file.stdout == wanted, "not the rows in time, in their order");
    let of_pipe = folder.run_with("run -q p.stream --source rows=-", &rows).code(0);
    assert!(of_pipe.stdout == wanted, "not the same of a pipe");
}
