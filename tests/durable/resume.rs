//! How a run goes on from what another has left, and when it does not.

use super::support::terminal::Terminal;
use super::support::{Folder, Ran, terminate};
use std::io::Write;

const PROGRAM: &str = "\
source clicks: { user: string, n: int, at: timestamp }
  from file(\"clicks*.csv\") format csv
  time at

stream totals =
  from clicks
  window tumbling 1h
  group by user
  select user, sum(n) as n

sink out from totals to file(\"out.ndjson\") format json
";

/// Clicks of an hour, one a minute.
fn clicks(hour: usize) -> String {
    (0..60).map(|minute| format!("ann,{minute},2024-05-01T{hour:02}:{minute:02}:00Z\n")).collect()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", PROGRAM);
    folder.write("clicks.csv", format!("user,n,at\n{}", clicks(1)));
    folder
}

/// A run that is asked to stop when it has read what is there: its input is followed.
fn interrupted(folder: &Folder, program: &str) -> Ran {
    interrupted_at(folder, program, 60)
}

/// The same behind so many records of all runs.
fn interrupted_at(folder: &Folder, program: &str, records: u32) -> Ran {
    let followed = PROGRAM.replace("clicks*.csv\")", "clicks.csv\", follow: true)");
    folder.write(program, followed);
    run_to(folder, program, records)
}

/// Runs a program that follows its input until so many records have been read and kept.
pub fn run_to(folder: &Folder, program: &str, records: u32) -> Ran {
    run_sources_to(folder, program, (1, records))
}

/// The same of several files, of each so many.
pub fn run_sources_to(folder: &Folder, program: &str, (n_files, records): (usize, u32)) -> Ran {
    let mut child = folder
        .command(&format!("run {program} --state state --checkpoint-every 10ms"))
        .spawn()
        .expect("the command starts");
    wait_for_records(folder, n_files, records);
    terminate(child.id());
    let _ = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for a checkpoint of so many records of each of so many files.
fn wait_for_records(folder: &Folder, n_files: usize, n: u32) {
    let has_read = || {
        let newest = String::from_utf8_lossy(&std::fs::read(newest(folder)?).ok()?).into_owned();
        (newest.matches(&format!("\"records\":{n},")).count() >= n_files).then_some(())
    };
    while has_read().is_none() {
        std::thread::yield_now();
    }
}

fn newest(folder: &Folder) -> Option<std::path::PathBuf> {
    checkpoints(folder).pop()
}

fn checkpoints(folder: &Folder) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder.path().join("state")).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("checkpoint-") && !name.ends_with(".unfinished")
    });
    paths.sort();
    paths
}

fn grow(folder: &Folder, name: &str, text: &str) {
    let mut file =
        std::fs::OpenOptions::new().append(true).open(folder.path().join(name)).expect("it is there");
    file.write_all(text.as_bytes()).expect("it can be written");
}

const FIRST: &str = "{\"user\":\"ann\",\"n\":1770}\n";

#[test]
fn what_is_asked_to_end_goes_on_where_it_was() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0).stderr_has("the next run goes on from here");
    assert_eq!(folder.read("out.ndjson"), "");
    grow(&folder, "clicks.csv", &clicks(2));
    // The same items read the file to its end.
    let ran = folder.run("run p.stream --state state").code(0).stderr_has("gone on from checkpoint");
    assert!(ran.stderr.contains("60 rows  from clicks"), "{}", ran.stderr);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(2));
    let again = folder.run("run p.stream --state state").code(0);
    again.stderr_has("an earlier run has come to the end of all inputs");
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(2));
}

#[test]
fn a_followed_file_goes_on_where_it_was() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    for hour in 2..5 {
        grow(&folder, "clicks.csv", &clicks(hour));
        let ran = interrupted_at(&folder, "q.stream", 60 * hour as u32).code(0);
        assert!(ran.stderr.contains("60 rows  from clicks"), "{}", ran.stderr);
    }
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(4));
}

#[test]
fn a_followed_file_that_was_rotated_meanwhile_goes_on_where_it_was() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let rename = |from: &str, to: &str| std::fs::rename(path(from), path(to)).expect("it is there");
    let begin = |name: &str, hour| {
        folder.write(name, format!("user,n,at\n{}", clicks(hour)));
    };
    interrupted(&folder, "q.stream").code(0);
    // What was read grows by an hour, then another file takes its place, and then a third.
    grow(&folder, "clicks.csv", &clicks(2));
    rename("clicks.csv", "clicks-20240501.csv");
    begin("clicks.csv.1", 3);
    begin("clicks.csv", 4);
    // The headers of these are records, and no rows that cannot be read.
    let ran = interrupted_at(&folder, "q.stream", 242).code(0);
    assert!(ran.stderr.contains("180 rows  from clicks"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("unreadable"), "{}", ran.stderr);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(3));
    // A copy was made of what was read, and the file itself begun anew.
    std::fs::copy(path("clicks.csv"), path("clicks.csv.0")).expect("copied");
    begin("clicks.csv", 5);
    let ran = interrupted_at(&folder, "q.stream", 303).code(0);
    assert!(ran.stderr.contains("60 rows  from clicks"), "{}", ran.stderr);
    // Where what was read is nowhere, the run is refused.
    begin("clicks.csv", 6);
    let ran = folder.run("run q.stream --state state").code(1).stderr_has("error[E0805]");
    assert!(ran.stderr.contains("are not those that have been read"), "{}", ran.stderr);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(4));
}

#[test]
fn what_is_broken_off_at_a_row_goes_on_before_it() {
    let slow = "length([length([x * y + n for y in range(0, many)]) for x in range(0, many)])";
    let counted = format!("from clicks\n  let m = if n < 0 then {slow} else n\n");
    let program = PROGRAM.replace("from clicks\n", &counted).replace("sum(n) as n", "sum(m) as n");
    let program = program + "param many: int = 200000\n";
    let folder = folder();
    folder.write("p.stream", &program);
    folder.write("q.stream", program.replace("clicks*.csv\")", "clicks.csv\", follow: true)"));
    let terminal = Terminal::start(&folder, "run q.stream --state state --checkpoint-every 10ms");
    wait_for_records(&folder, 1, 60);
    grow(&folder, "clicks.csv", &clicks(2).replace("ann,7,", "ann,-7,"));
    terminal.wait_for_text("120 rows  ");
    terminal.press("\x03");
    terminal.wait_for_text(
        "interrupted at a row that takes long; the next run goes on from the last checkpoint before it",
    );
    assert_eq!(terminal.end(), 0);
    let ran = folder.run("run p.stream --state state --set many=3").code(0);
    assert!(ran.stderr.contains("60 rows  from clicks"), "{}", ran.stderr);
    // 3 in the place of 7.
    assert_eq!(folder.read("out.ndjson"), format!("{FIRST}{{\"user\":\"ann\",\"n\":1766}}\n"));
}

#[test]
fn files_that_have_come_since_are_read_behind_those_that_were_known() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    // Its name stands before the other.
    folder.write("clicks-2.csv", format!("user,n,at\n{}", clicks(2)));
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(2));
}

#[test]
fn what_was_written_behind_the_checkpoint_is_cut_off() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    folder.write("out.ndjson", "{\"user\":\"from a run that was kil");
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST);
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    let damaged = newest(&folder).expect("there are checkpoints");
    let mut bytes = std::fs::read(&damaged).expect("it can be read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&damaged, &bytes).expect("it can be written");
    let ran = folder.run("run p.stream --state state").code(0);
    let ran = ran.stderr_has("is damaged: the checksum of `window_agg` of `totals` is not that of its bytes");
    ran.stderr_has("going on from checkpoint");
    assert_eq!(folder.read("out.ndjson"), FIRST);
}

#[test]
fn where_all_are_damaged_nothing_is_read_or_written() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    folder.write("out.ndjson", "as it was");
    for path in checkpoints(&folder) {
        let bytes = std::fs::read(&path).expect("it can be read");
        std::fs::write(path, &bytes[..bytes.len() / 2]).expect("it can be written");
    }
    let ran = folder.run("run p.stream --state state").code(1);
    ran.stderr_has("E0803").stderr_has("it is cut off");
    assert_eq!(folder.read("out.ndjson"), "as it was");
}

#[test]
fn inputs_and_outputs_that_are_not_those_are_refused() {
    let before = clicks(1);
    let changed = before.replace("ann,59", "ann,60");
    for (name, text, code) in [
        ("clicks.csv", format!("user,n,at\n{changed}"), "E0805"),
        ("clicks.csv", format!("user,n,at\n{}", &before[..1000]), "E0805"),
    ] {
        let folder = folder();
        interrupted(&folder, "q.stream").code(0);
        folder.write(name, text);
        folder.run("run p.stream --state state").code(1).stderr_has(code);
    }
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    std::fs::remove_file(folder.path().join("clicks.csv")).expect("it is there");
    folder.write("clicks-2.csv", format!("user,n,at\n{before}"));
    folder.run("run p.stream --state state").code(1).stderr_has("E0805").stderr_has("is not there any more");
}

#[test]
fn a_state_of_another_program_is_refused_and_stays() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    let n_checkpoints = checkpoints(&folder).len();
    for edited in [
        PROGRAM.replace("tumbling 1h", "tumbling 2h"),
        PROGRAM.replace("sum(n) as n", "max(n) as n"),
        PROGRAM.replace("totals", "sums"),
        PROGRAM.replace("clicks", "visits"),
    ] {
        folder.write("edited.stream", edited);
        folder.run("run edited.stream --state state").code(1).stderr_has("E0804");
    }
    assert_eq!(checkpoints(&folder).len(), n_checkpoints);
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST);
}

#[test]
fn edits_that_leave_what_has_state_as_it_is_go_on() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    let edited = PROGRAM.replace("group by user", "where n >= 0\n  group by user")
        + "\nstream large = from clicks where n > 50\n\nsink large_out from large to file(\"large.csv\") format csv\n";
    folder.write("edited.stream", edited);
    grow(&folder, "clicks.csv", &clicks(2));
    folder.run("run edited.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST.repeat(2));
    assert_eq!(folder.read("large.csv").lines().count(), 10);
}

#[test]
fn one_folder_is_used_by_one_run() {
    let folder = folder();
    folder.write("q.stream", PROGRAM.replace("clicks*.csv\")", "clicks.csv\", follow: true)"));
    let mut child = folder.command("run q.stream --state state").spawn().expect("the command starts");
    while checkpoints(&folder).is_empty() {
        std::thread::yield_now();
    }
    folder.run("run p.stream --state state").code(1).stderr_has("`state` is in use by another run");
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    // The lock ends with whoever held it.
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), FIRST);
}

/// Such a run stops amid what follows from a row, where no other can go on.
#[test]
fn a_run_that_stops_at_a_number_of_rows_keeps_no_state() {
    folder().run("run p.stream --state state --limit 1").code(64).stderr_has("cannot be used with");
}

#[test]
fn what_stood_in_a_file_that_is_appended_to_stays() {
    let folder = folder();
    let appends = PROGRAM.replace("file(\"out.ndjson\")", "file(\"out.ndjson\", append: true)");
    folder.write("p.stream", appends);
    folder.write("out.ndjson", "before\n");
    folder.run("run p.stream --state state").code(0);
    assert_eq!(folder.read("out.ndjson"), format!("before\n{FIRST}"));
}

#[test]
fn what_an_edit_would_keep_is_told_before_anything_is_touched() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    let edited = PROGRAM.replace("sum(n) as n", "max(n) as n")
        + "\nstream best = from clicks top 1 by n desc forever\n\nsink best_out from best to file(\"best.ndjson\") format json(changes: retract)\n";
    folder.write("edited.stream", edited);
    let same = folder.run("check p.stream --against state").code(0).stdout;
    assert!(same.contains("kept      source `clicks`"), "{same}");
    assert!(same.contains("kept      `window_agg` of `totals`"), "{same}");
    let other = folder.run("check edited.stream --against state").code(2).stdout;
    assert!(other.contains("lost      `window_agg` of `totals`"), "{other}");
    assert!(other.contains("new       `top` of `best`"), "{other}");
    assert!(other.contains("--drop-state totals"), "{other}");
    folder.run("run edited.stream --state state").code(1).stderr_has("--drop-state totals");
    folder.run("run edited.stream --state state --drop-state best").code(1).stderr_has("E0804");
    grow(&folder, "clicks.csv", &clicks(2));
    folder.run("run edited.stream --state state --drop-state totals").code(0);
    // What was read before is not read again: the first hour went with the state.
    assert_eq!(folder.read("out.ndjson"), "{\"user\":\"ann\",\"n\":59}\n");
}

#[test]
fn what_checkpoints_hold_is_told() {
    let folder = folder();
    interrupted(&folder, "q.stream").code(0);
    let told = folder.run("state state").code(0).stdout;
    for part in [
        "  whole\n",
        "  source clicks, watermark 2024-05-01T01:59:00Z\n",
        "    clicks.csv: 60 records to byte 1,680, watermark 2024-05-01T01:59:00Z\n",
        "  `window_agg` of `totals`, groups: 1\n",
        "  sink out: 0 bytes of out.ndjson\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    let damaged = newest(&folder).expect("there are checkpoints");
    std::fs::write(&damaged, "").expect("it can be written");
    let told = folder.run("state state").code(1).stdout;
    assert!(told.contains("damaged: it is cut off"), "{told}");
    assert!(told.contains("source clicks"), "{told}");
    folder.run("state nowhere").code(1).stderr_has("error[E0802]: cannot read the state in `nowhere`");
}

const WITH_TABLE: &str = "\
source clicks: { user: string, n: int, at: timestamp }
  from file(\"clicks.csv\", follow: true) format csv
  time at

table users: { user: string, name: string } key user
  from file(\"users.csv\") format csv

stream named =
  from clicks
  left join users on users.user == clicks.user
  select clicks.n, users.name

sink out from named to file(\"out.ndjson\") format json
";

#[test]
fn a_table_that_is_another_after_an_edit_is_loaded_again() {
    let folder = folder();
    folder.write("users.csv", "user,name,tier\nann,Ann,gold\n");
    folder.write("t.stream", WITH_TABLE);
    run_to(&folder, "t.stream", 60).code(0);
    let edited = WITH_TABLE
        .replace("name: string }", "name: string, tier: string? }")
        .replace("users.name", "users.tier");
    folder.write("edited.stream", &edited);
    let told = folder.run("check edited.stream --against state").code(0).stdout;
    for part in [
        "  kept      source `clicks`",
        "  rebuilt   source `users`, which is loaded again from its start\n",
        "  rebuilt   `table` of `users`, ",
        "  migrated  `left join` of `named`, ",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    grow(&folder, "clicks.csv", &clicks(2));
    run_to(&folder, "edited.stream", 120).code(0);
    let out = folder.read("out.ndjson");
    assert_eq!(out.lines().filter(|line| line.contains("\"name\":\"Ann\"")).count(), 60);
    assert_eq!(out.lines().filter(|line| line.contains("\"tier\":\"gold\"")).count(), 60);
    // A table that is not there any more is no loss: what it held is in its file.
    folder.write(
        "without.stream",
        WITH_TABLE
            .replace("  left join users on users.user == clicks.user\n", "")
            .replace(", users.name", ""),
    );
    let told = folder.run("check without.stream --against state").code(2).stdout;
    assert!(told.contains("  left      `table` of `users`"), "{told}");
    assert!(told.contains("--drop-state named\n"), "{told}");
}

#[test]
fn rows_that_wait_for_a_multiple_are_not_taken_for_others() {
    let folder = folder();
    let deferring = "source clicks: { user: string, n: int, at: timestamp }\n  from file(\"clicks.csv\", follow: true) format csv\n  time at\n\nstream totals =\n  from clicks\n  group by n forever\n  select n, count() as rows\n  emit every 5h\n\nsink out from totals to file(\"out.ndjson\") format json(changes: retract)\n";
    folder.write("d.stream", deferring);
    run_to(&folder, "d.stream", 60).code(0);
    folder.run("check d.stream --against state").code(0);
    // The rows that wait have no column `user`, which another stream reads now, and need none.
    folder.write(
        "edited.stream",
        format!("{deferring}\nstream others =\n  from clicks\n  where user == \"bob\"\n\nsink others_out from others to file(\"others.ndjson\") format json\n"),
    );
    let told = folder.run("check edited.stream --against state").code(0).stdout;
    assert!(told.contains("  kept      `updating_agg` of `totals`"), "{told}");
    folder.write("edited.stream", deferring.replace("group by n forever", "group by n, user forever"));
    let told = folder.run("check edited.stream --against state").code(2).stdout;
    assert!(told.contains("  lost      `updating_agg` of `totals`"), "{told}");
}

#[test]
fn rows_that_wait_are_taken_over_when_a_column_may_be_null() {
    let folder = folder();
    let waits = "source clicks: { user: string, n: int, at: timestamp }\n  from file(\"clicks.csv\", follow: true) format csv\n  time at disorder 10m\n\nsink out from clicks to file(\"out.ndjson\") format json ordered\n";
    folder.write("w.stream", waits);
    run_to(&folder, "w.stream", 60).code(0);
    let edited = waits.replace("user: string", "user: string?");
    folder.write("edited.stream", &edited);
    let told = folder.run("check edited.stream --against state").code(0).stdout;
    assert!(told.contains("  migrated  `ordered sink` of `out`, "), "{told}");
    grow(&folder, "clicks.csv", &clicks(2).replace("ann", ""));
    run_to(&folder, "edited.stream", 120).code(0);
    let narrow = folder.run("check w.stream --against state").code(2).stdout;
    assert!(narrow.contains("  lost      `ordered sink` of `out`"), "{narrow}");
    folder.write("edited.stream", edited.replace(", follow: true", ""));
    folder.run("run edited.stream --state state").code(0);
    let out = folder.read("out.ndjson");
    assert_eq!(out.lines().count(), 120, "{out}");
    assert_eq!(out.lines().filter(|line| line.contains("\"user\":\"ann\"")).count(), 60);
}
