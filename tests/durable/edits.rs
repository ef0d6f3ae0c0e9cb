//! Programs that are edited between two runs: what is not touched goes on as if nothing had been.

use super::resume::{run_sources_to, run_to};
use super::support::Folder;
use std::fmt::Write;

const SOURCE: &str = "\
source clicks: { user: string, n: int, page: string, cost: int, at: timestamp }
  from file(\"clicks.csv\", follow: true) format csv
  time at disorder 10m

source other_clicks: { user: string, n: int, page: string, cost: int, at: timestamp }
  from file(\"clicks.csv\", follow: true) format csv
  time at disorder 5m
";

/// Streams that keep rows, or have them wait, each with the columns that its rows have.
const STREAMS: &[(&str, &str)] = &[
    ("sums", "from clicks window running by user forever select user, n, sum(n) as total"),
    ("before", "from clicks select user, n, prev(n, by: user, forever: true) as p"),
    ("sorted", "from clicks window tumbling 20m order by n desc, user select user, n"),
    ("visits", "from clicks window session 2m by user order by n desc select user, n"),
    ("best", "from clicks top 2 by n desc per user forever select user, n"),
    ("counts", "from clicks group by user forever select user, count() as clicks emit every 25m"),
    (
        "pairs",
        "from clicks as l join clicks as r on l.n == r.n and l.user < r.user within 15m select l.user, r.user as other",
    ),
    ("named", "from clicks join names on names.user == clicks.user select names.n as known, clicks.n"),
    ("costly", "from clicks join all_of_user as u on u.user == clicks.user select u.cost as known, clicks.n"),
    ("rising", "match by user a: clicks[n < 20] then b: clicks[n > 30] within 20m select user, b.n"),
    ("ahead", "from clicks window tumbling 30m select user, n, lead(n, 1, by: user) as next"),
    ("either", "from clicks union other_clicks select user, n"),
    ("merged", "from sorted union visits select user, n"),
    ("twice", SUM_OF_SUMS),
];

/// Two operators of one kind and one shape.
const SUM_OF_SUMS: &str = "from clicks window running by user forever select user, sum(n) as n window running by user forever select user, sum(n) as n";

/// The first of them.
const SUM: &str = "from clicks window running by user forever select user, sum(n) as n";

fn program(streams: &[(&str, &str)]) -> String {
    let tables =
        "table names key user = from clicks select user, n, cost\ntable all_of_user key user = from clicks";
    let mut text = format!("{SOURCE}\n{tables}\n");
    for (name, query) in streams {
        let _ = write!(
            text,
            "\nstream {name} = {query}\n\nsink {name}_out from {name} to file(\"{name}.ndjson\") format json"
        );
        text += if matches!(*name, "best" | "counts") { "(changes: retract)\n" } else { "\n" };
    }
    text
}

/// Clicks of an hour, a minute apart, each a few minutes late.
fn clicks(hour: u64) -> String {
    let mut text = String::new();
    for minute in 0..60u64 {
        let late = minute * 7 % 10;
        let at = (minute + 10 - late).min(59);
        let (user, n) = (["ann", "bob", "eve"][(minute * 5 % 3) as usize], minute * 17 % 41);
        let _ = writeln!(text, "{user},{n},/{minute},{},2024-05-01T{hour:02}:{at:02}:00Z", n * 2);
    }
    text
}

/// What the streams write of three hours, with the program as it was in the first and as another from then on.
fn written(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::new();
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
    folder.write("p.stream", program(before));
    run_sources_to(&folder, "p.stream", (2, 60)).code(0);
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}{}{}", clicks(1), clicks(2), clicks(3)));
    folder.write("p.stream", program(after).replace(", follow: true", ""));
    let told = folder.run("check p.stream --against state").code(0).stdout;
    assert!(!told.contains("  lost "), "{told}");
    folder.run("run p.stream --state state").code(0);
    STREAMS.iter().map(|(name, _)| format!("{name}:\n{}", folder.read(&format!("{name}.ndjson")))).collect()
}

#[test]
fn streams_that_come_and_move_leave_the_state_of_others() {
    let as_before = written(STREAMS, STREAMS);
    let others = [
        ("sum", SUM),
        (
            "known",
            "from clicks join all_of_user as u on u.user == clicks.user select u.cost + 1 as more, clicks.page",
        ),
        ("reads_either", "from either where n > 30"),
        ("others_cost", "from other_clicks select page, cost"),
        ("pages", "from clicks window running by page forever select page, last(cost) as cost"),
        (
            "costs",
            "from clicks window running by user forever select user, n, sum(n) as total, max(cost) as most",
        ),
        (
            "dearest",
            "from clicks join names on names.user == clicks.user select names.cost as cost, clicks.page",
        ),
    ];
    let added: Vec<_> = STREAMS.iter().chain(&others).copied().collect();
    assert_eq!(written(STREAMS, &added), as_before);
    let in_front: Vec<_> = others.iter().chain(STREAMS).copied().collect();
    assert_eq!(written(STREAMS, &in_front), as_before);
    let backwards: Vec<_> = STREAMS.iter().rev().copied().collect();
    assert_eq!(written(STREAMS, &backwards), as_before);
}

#[test]
fn what_a_stream_shares_with_one_that_leaves_stays() {
    let folder = Folder::new();
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
    let streams = [
        STREAMS[1],
        ("twice", "from clicks select user, n, prev(n, by: user, forever: true) as p let m = n * 2"),
    ];
    folder.write("p.stream", program(&streams));
    run_to(&folder, "p.stream", 60).code(0);
    let against = |streams: &[(&str, &str)]| {
        folder.write("edited.stream", program(streams));
        folder.run("check edited.stream --against state")
    };
    // The first of them is gone: the other goes on with what both had.
    let told = against(&streams[1..]).code(0).stdout;
    assert!(told.contains("  kept      `history` of `before`"), "{told}");
    // It looks at more now: what has been waiting for it has not all that it needs.
    let edited = streams[1].1.replace("prev(n,", "prev(cost,");
    let told = against(&[streams[0], ("twice", &edited)]).code(2).stdout;
    assert!(told.contains("  lost      the share of `twice` in `order` of `before`"), "{told}");
    assert!(told.contains("--drop-state twice\n"), "{told}");
}

#[test]
fn what_keeps_nothing_is_not_called_new() {
    let folder = Folder::new();
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
    let streams = [(
        "slots",
        "from clicks window hopping 20m every 10m group by user select user, count() as clicks emit every 5m",
    )];
    folder.write("p.stream", program(&streams).replace("format json", "format json(changes: retract)"));
    run_to(&folder, "p.stream", 60).code(0);
    let told = folder.run("check p.stream --against state").code(0).stdout;
    assert!(!told.contains("  new  "), "{told}");
}

#[test]
fn a_column_of_a_table_that_nobody_read_is_not_there() {
    let folder = Folder::new();
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
    let costly = STREAMS.iter().copied().find(|(name, _)| *name == "costly").into_iter().collect::<Vec<_>>();
    folder.write("p.stream", program(&costly));
    run_to(&folder, "p.stream", 60).code(0);
    let page = ("page", "from clicks join all_of_user as u on u.user == clicks.user select u.page");
    folder.write("edited.stream", program(&[costly[0], page]));
    let told = folder.run("check edited.stream --against state").code(2).stdout;
    assert!(told.contains("  lost      `table` of `all_of_user`"), "{told}");
    // All that lose something are named at once.
    let drop = "--drop-state all_of_user --drop-state costly";
    assert!(told.contains(&format!("if it is told {drop}\n")), "{told}");
    let refused = format!("to go on without them, say `{drop}`");
    folder.run("run edited.stream --state state").code(1).stderr_has(&refused);
    let ended = folder.read("edited.stream").replace(", follow: true", "");
    folder.write("edited.stream", ended).run(&format!("run edited.stream --state state {drop}")).code(0);
}

#[test]
fn a_union_in_which_nothing_waits_takes_other_columns() {
    let folder = Folder::new();
    folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
    let all = "stream all_clicks = from clicks union other_clicks\n";
    let streams = [("few", "from all_clicks where n > 30 select user, n")];
    let edited = [streams[0], ("pages", "from all_clicks select page")];
    folder.write("p.stream", program(&streams) + all);
    run_sources_to(&folder, "p.stream", (2, 60)).code(0);
    folder.write("edited.stream", program(&edited) + all);
    let told = folder.run("check edited.stream --against state").code(0).stdout;
    assert!(told.contains("  migrated  `union` of `all_clicks`"), "{told}");
    folder.write("ended.stream", folder.read("edited.stream").replace(", follow: true", ""));
    folder.run("run ended.stream --state state").code(0);
    assert_eq!(folder.read("pages.ndjson").lines().count(), 0);
}

#[test]
fn rows_that_wait_in_a_union_are_there_for_a_stream_that_looks_at_more() {
    let counts = "window tumbling 5m group by user select user, window.end as end, sum(cost) as cost";
    let [soon, later] = ["other_clicks", "clicks"].map(|source| format!("from {source} {counts}"));
    let all = "stream all_counts = from soon union later\n";
    let streams = [("soon", &*soon), ("later", &*later), ("users", "from all_counts select user, end")];
    let others =
        [("costs", "from all_counts where cost > 0 select cost, end"), streams[0], streams[1], streams[2]];
    let written = |after: &[(&str, &str)]| {
        let folder = Folder::new();
        folder.write("clicks.csv", format!("user,n,page,cost,at\n{}", clicks(1)));
        folder.write("p.stream", program(&streams) + all);
        run_sources_to(&folder, "p.stream", (2, 60)).code(0);
        folder.write("clicks.csv", format!("user,n,page,cost,at\n{}{}", clicks(1), clicks(2)));
        folder.write("p.stream", (program(after) + all).replace(", follow: true", ""));
        let told = folder.run("check p.stream --against state").code(0).stdout;
        assert!(told.contains("  kept      `union` of `all_counts`"), "{told}");
        folder.run("run p.stream --state state").code(0);
        folder
    };
    let edited = written(&others);
    assert_eq!(edited.read("users.ndjson"), written(&streams).read("users.ndjson"));
    // One of these was there, and waited for those of `later`: their turn comes when the new stream is there.
    let of_window = |name: &str| edited.read(name).matches("T01:50:00Z").count();
    assert_eq!((of_window("costs.ndjson"), of_window("users.ndjson")), (3, 3));
}
