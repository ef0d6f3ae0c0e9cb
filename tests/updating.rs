//! The table that the changes of an updating stream add up to, and the rows of windows in order, for any
//! rows: against a reference that looks at all of them at once.

mod support;

use proptest::prelude::*;
use std::collections::BTreeMap;
use support::Folder;
use support::random::{self, Row, check, json, lines, quoted, rows, standing, write_rows};

const PROGRAM: &str = r#"
source a: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("a.ndjson") time at disorder 3s

stream running = from a group by k forever select k, count() as n, sum(v) as s, max(v) as hi
stream sizes = from running group by n forever select n, count() as keys, sum(s) as s
stream sizes_every = from running group by n forever select n, count() as keys, sum(s) as s emit every 3s
stream fullest = from running top 2 by n desc, k forever select k, n
stream best = from a top 2 by v desc per k forever select k, id
stream latest = from a dedupe by k keep last forever select k, id
stream on_change = from a window tumbling 5s group by k select k, int(window.start) as w, count() as n, sum(v) as s emit on change
stream every = from a window hopping 6s every 4s group by k select k, int(window.start) as w, count() as n, sum(v) as s emit every 3s
stream lenient = from a window tumbling 5s lateness 4s group by k select k, int(window.start) as w, count() as n, sum(v) as s
stream filled_late = from a window tumbling 2s lateness 4s fill (n: 0, s: previous) for 5s group by k select k, int(window.start) as w, count() as n, sum(v) as s
stream filled_every = from a window hopping 4s every 2s fill (n: 0, s: previous) for 5s group by k select k, int(window.start) as w, count() as n, sum(v) as s emit every 3s
stream filled_changes = from a window tumbling 2s fill (n: 0, s: previous) for 5s group by k select k, int(window.start) as w, count() as n, sum(v) as s emit on change
stream session_changes = from a window session 3s by k group by k select k, int(window.start) as w, int(window.end) as e, count() as n, sum(v) as s emit on change
stream session_every = from a window session 2s by k group by k select k, int(window.start) as w, int(window.end) as e, count() as n, sum(v) as s emit every 3s
stream session_late = from a window session 3s lateness 4s by k group by k select k, int(window.start) as w, int(window.end) as e, count() as n, sum(v) as s
stream rows_every = from a window tumbling 2 rows by k forever group by k select k, int(window.start) as w, int(window.end) as e, count() as n, sum(v) as s emit every 3s
stream best_every = from a window tumbling 5s top 2 by v desc emit every 3s select id
stream best_of_hops = from a window hopping 6s every 4s top 1 by v desc per k emit on change select k, id
stream even = from a where id % 2 == 0
stream odd = from a where id % 2 == 1
stream best_united = from even window hopping 6s every 4s where v is null or v < 9 union odd top 1 by v desc per k emit on change select k, id
stream best_of_session = from a window session 3s by k top 2 by v desc emit on change select k, id
stream best_of_session_every = from a window session 3s max 4s by k top 1 by v desc emit every 2s select k, id
stream best_of_rows = from a window tumbling 3 rows by k forever top 1 by v desc emit every 3s select k, id
stream best_late = from a window tumbling 5s lateness 4s top 2 by v desc per k select k, id
stream best_of_hops_late = from a window hopping 6s every 4s lateness 4s top 1 by v desc per k emit every 3s select k, id
stream best_late_changes = from a window tumbling 5s lateness 4s top 2 by v desc per k emit on change select k, id
stream best_of_session_late = from a window session 3s lateness 4s by k top 2 by v desc select k, id
stream best_of_session_late_changes = from a window session 3s lateness 4s by k top 2 by v desc emit on change select k, id
stream best_of_session_late_every = from a window session 3s lateness 4s by k top 2 by v desc emit every 3s select k, id
stream session_leaders = from a window session 3s by k group by k, v select k, v, count() as n top 2 by n desc, v emit on change
stream session_leaders_every = from a window session 3s by k group by k, v select k, v, count() as n emit every 2s top 2 by n desc, v
stream session_leaders_late = from a window session 3s lateness 4s by k group by k, v select k, v, count() as n top 2 by n desc, v
stream session_leaders_late_changes = from a window session 3s lateness 4s by k group by k, v select k, v, count() as n top 2 by n desc, v emit on change
stream rows_leaders = from a window tumbling 4 rows by k forever group by k, v select k, v, count() as n where n > 0 top 2 by n desc, v emit on change
stream rows_leaders_every = from a window tumbling 4 rows by k forever group by k, v select k, v, count() as n top 2 by n desc, v emit every 3s
stream fullest_every = from running top 2 by n desc, k forever emit every 3s select k, n
stream leaders = from a window tumbling 5s group by k select k, count() as n top 1 by n desc, k emit on change
stream leaders_every = from a window tumbling 5s group by k select k, count() as n top 1 by n desc, k emit every 3s
stream leaders_late = from a window tumbling 5s lateness 4s group by k select k, count() as n top 1 by n desc, k
stream changes_inner = from running as r join best as b on r.k == b.k forever select r.k, r.n, b.id
stream changes_left = from running as r left join latest as l on r.k == l.k and r.n < l.id forever select r.k, r.n, l.id
stream changes_full = from running as r full join sizes as s on r.n == s.n and s.keys > 1 forever select r.k, s.n, s.keys
stream changes_semi = from best as b semi join running as r on b.k == r.k and r.n > 2 forever select b.id
stream changes_anti = from best as b anti join running as r on b.k == r.k and r.n > 2 forever select b.id
stream changes_right = from a as x right join running as r on x.k == r.k and x.v == r.n forever select x.id, r.k, r.n
stream sorted = from a window tumbling 5s order by v desc select id
stream first = from a window tumbling 5s group by k select k, count() as n top 1 by n desc select k, n
"#;

const UPDATING: [&str; 44] = [
    "running",
    "sizes",
    "sizes_every",
    "fullest",
    "best",
    "latest",
    "on_change",
    "every",
    "lenient",
    "filled_late",
    "filled_every",
    "filled_changes",
    "session_changes",
    "session_every",
    "session_late",
    "rows_every",
    "best_every",
    "best_of_hops",
    "best_united",
    "best_of_session",
    "best_of_session_every",
    "best_of_rows",
    "fullest_every",
    "leaders",
    "leaders_every",
    "leaders_late",
    "best_late",
    "best_of_hops_late",
    "best_late_changes",
    "best_of_session_late",
    "best_of_session_late_changes",
    "best_of_session_late_every",
    "session_leaders",
    "session_leaders_every",
    "session_leaders_late",
    "session_leaders_late_changes",
    "rows_leaders",
    "rows_leaders_every",
    "changes_inner",
    "changes_left",
    "changes_full",
    "changes_semi",
    "changes_anti",
    "changes_right",
];

#[test]
fn changes_add_up_to_the_answer() {
    check(300, &rows(-3..4, 25), |rows| {
        let found = run(&rows);
        let expected = Reference::new(&rows);
        for stream in UPDATING {
            prop_assert_eq!(table(&found[stream]), expected.table(stream), "{} of {:#?}", stream, rows);
        }
        prop_assert_eq!(&found["sorted"], &expected.sorted(), "sorted of {:#?}", rows);
        prop_assert_eq!(&found["first"], &expected.first(), "first of {:#?}", rows);
        Ok(())
    });
}

/// The lines that each stream wrote.
fn run(rows: &[Row]) -> BTreeMap<&'static str, Vec<String>> {
    let folder = Folder::new();
    write_rows(&folder, "a.ndjson", rows);
    let appended = ["sorted", "first"].map(|stream| (stream, ""));
    let updating = UPDATING.map(|stream| (stream, "(changes: retract)"));
    let streams: Vec<_> = appended.into_iter().chain(updating).collect();
    let sink = |(stream, changes): &(&str, &str)| {
        format!("sink {stream} from {stream} to file(\"{stream}.ndjson\") format json{changes}\n")
    };
    random::run(&folder, &format!("{PROGRAM}{}", streams.iter().map(sink).collect::<String>()));
    let lines = |stream: &str| lines(&folder, &format!("{stream}.ndjson"));
    streams.into_iter().map(|(stream, _)| (stream, lines(stream))).collect()
}

/// The rows that stand after all changes, each with how often.
fn table(changes: &[String]) -> BTreeMap<String, i64> {
    let mut table: BTreeMap<String, i64> = BTreeMap::new();
    standing(changes).into_iter().for_each(|row| *table.entry(row).or_default() += 1);
    table
}

/// All rows, each with its number and the watermark that it came behind, in seconds.
struct Reference<'r> {
    rows: Vec<(usize, &'r Row, i64)>,
}

type Group<'r> = Vec<(usize, &'r Row, i64)>;

impl<'r> Reference<'r> {
    fn new(rows: &'r [Row]) -> Reference<'r> {
        let mut watermark = i64::MIN;
        let mut numbered = vec![];
        for (id, row) in rows.iter().enumerate() {
            numbered.push((id, row, watermark));
            watermark = watermark.max(row.at - 3);
        }
        Reference { rows: numbered }
    }

    fn in_time(&self) -> impl Iterator<Item = &(usize, &'r Row, i64)> {
        self.rows.iter().filter(|(_, row, watermark)| row.at >= *watermark)
    }

    fn by_key(&self) -> BTreeMap<Option<&'static str>, Group<'r>> {
        let mut groups: BTreeMap<_, Group> = BTreeMap::new();
        self.rows.iter().for_each(|row| groups.entry(row.1.k).or_default().push(*row));
        groups
    }

    fn table(&self, stream: &str) -> BTreeMap<String, i64> {
        let mut table = BTreeMap::new();
        let mut add = |row: String| *table.entry(row).or_default() += 1;
        match stream {
            "running" => {
                for (k, rows) in self.by_key() {
                    let (n, hi) = (rows.len(), rows.iter().filter_map(|r| r.1.v).max());
                    let (k, s, hi) = (quoted(k), json(sum(&rows)), json(hi));
                    add(format!("{{\"k\":{k},\"n\":{n},\"s\":{s},\"hi\":{hi}}}"));
                }
            }
            "sizes" | "sizes_every" => {
                let mut sizes: BTreeMap<usize, (usize, Option<i64>)> = BTreeMap::new();
                for rows in self.by_key().values() {
                    let size = sizes.entry(rows.len()).or_default();
                    size.0 += 1;
                    size.1 = sum(rows).map(|s| size.1.unwrap_or(0) + s).or(size.1);
                }
                for (n, (keys, s)) in sizes {
                    add(format!("{{\"n\":{n},\"keys\":{keys},\"s\":{}}}", json(s)));
                }
            }
            "fullest" | "fullest_every" => {
                let mut groups: Vec<_> = self.by_key().into_iter().map(|(k, rows)| (k, rows.len())).collect();
                groups.sort_by_key(|(k, n)| (std::cmp::Reverse(*n), *k));
                groups.iter().take(2).for_each(|(k, n)| add(format!("{{\"k\":{},\"n\":{n}}}", quoted(*k))));
            }
            "best" => {
                for (k, mut rows) in self.by_key() {
                    rows.sort_by_key(|(id, row, _)| (std::cmp::Reverse(row.v), row.at, *id));
                    rows.iter().take(2).for_each(|r| add(format!("{{\"k\":{},\"id\":{}}}", quoted(k), r.0)));
                }
            }
            "latest" => {
                let mut last: BTreeMap<_, (i64, usize)> = BTreeMap::new();
                for (id, row, _) in self.in_time() {
                    let known = last.entry(row.k).or_insert((row.at, *id));
                    *known = (*known).max((row.at, *id));
                }
                last.iter().for_each(|(k, (_, id))| add(format!("{{\"k\":{},\"id\":{id}}}", quoted(*k))));
            }
            "on_change" => self.windows(5, 5, 0).iter().for_each(|row| add(row.clone())),
            "every" => self.windows(6, 4, 0).iter().for_each(|row| add(row.clone())),
            "lenient" => self.windows(5, 5, 4).iter().for_each(|row| add(row.clone())),
            "filled_late" => self.filled(2, 2, 4).iter().for_each(|row| add(row.clone())),
            "filled_every" => self.filled(4, 2, 0).iter().for_each(|row| add(row.clone())),
            "filled_changes" => self.filled(2, 2, 0).iter().for_each(|row| add(row.clone())),
            "session_changes" => self.sessions(3, None).iter().for_each(|row| add(row.clone())),
            "session_every" => self.sessions(2, None).iter().for_each(|row| add(row.clone())),
            "session_late" => self.sessions(3, Some(4)).iter().for_each(|row| add(row.clone())),
            "rows_every" => {
                for (k, mut rows) in self.by_key() {
                    rows.retain(|(_, row, watermark)| row.at >= *watermark);
                    rows.sort_by_key(|(id, row, _)| (row.at, *id));
                    for rows in rows.chunks(2) {
                        let (start, end) = (rows[0].1.at, rows[rows.len() - 1].1.at);
                        add(bounded(k, start, end, rows));
                    }
                }
            }
            "best_every" => {
                let mut windows: BTreeMap<i64, Group> = BTreeMap::new();
                self.in_time().for_each(|row| windows.entry(row.1.at.div_euclid(5)).or_default().push(*row));
                for rows in windows.into_values() {
                    best(rows, 2).iter().for_each(|id| add(format!("{{\"id\":{id}}}")));
                }
            }
            "best_late" | "best_late_changes" => {
                for ((_, k), rows) in self.groups(5, 5, 4) {
                    best(rows, 2).iter().for_each(|id| add(format!("{{\"k\":{},\"id\":{id}}}", quoted(k))));
                }
            }
            "best_of_hops_late" => {
                for ((_, k), rows) in self.groups(6, 4, 4) {
                    best(rows, 1).iter().for_each(|id| add(format!("{{\"k\":{},\"id\":{id}}}", quoted(k))));
                }
            }
            "best_of_session_late" | "best_of_session_late_changes" | "best_of_session_late_every" => {
                for (k, rows) in self.rows_of_sessions(3, Some(4)) {
                    best(rows, 2).iter().for_each(|id| add(format!("{{\"k\":{},\"id\":{id}}}", quoted(k))));
                }
            }
            "session_leaders" | "session_leaders_every" => {
                self.rows_of_sessions(3, None).iter().flat_map(leaders).for_each(add);
            }
            "session_leaders_late" | "session_leaders_late_changes" => {
                self.rows_of_sessions(3, Some(4)).iter().flat_map(leaders).for_each(add);
            }
            "rows_leaders" | "rows_leaders_every" => {
                for (k, mut rows) in self.by_key() {
                    rows.retain(|(_, row, watermark)| row.at >= *watermark);
                    rows.sort_by_key(|(id, row, _)| (row.at, *id));
                    rows.chunks(4).flat_map(|rows| leaders(&(k, rows.to_vec()))).for_each(&mut add);
                }
            }
            "best_of_hops" | "best_united" => {
                for ((_, k), rows) in self.groups(6, 4, 0) {
                    best(rows, 1).iter().for_each(|id| add(format!("{{\"k\":{},\"id\":{id}}}", quoted(k))));
                }
            }
            "best_of_session" | "best_of_session_every" | "best_of_rows" => {
                for (k, mut rows) in self.by_key() {
                    rows.retain(|(_, row, watermark)| row.at >= *watermark);
                    rows.sort_by_key(|(id, row, _)| (row.at, *id));
                    let mut windows: Vec<Group> = vec![];
                    for row in rows {
                        let goes_on = windows.last().is_some_and(|open| {
                            let (first, last) = (open[0].1.at, open[open.len() - 1].1.at);
                            match stream {
                                "best_of_rows" => open.len() < 3,
                                "best_of_session" => row.1.at < last + 3,
                                _ => row.1.at < last + 3 && row.1.at < first + 4,
                            }
                        });
                        if !goes_on {
                            windows.push(vec![]);
                        }
                        windows.last_mut().expect("a window").push(row);
                    }
                    let limit = if stream == "best_of_session" { 2 } else { 1 };
                    for id in windows.into_iter().flat_map(|rows| best(rows, limit)) {
                        add(format!("{{\"k\":{},\"id\":{id}}}", quoted(k)));
                    }
                }
            }
            "leaders" | "leaders_every" | "leaders_late" => {
                let groups = self.groups(5, 5, if stream == "leaders_late" { 4 } else { 0 });
                let mut windows: BTreeMap<i64, Vec<(Option<&str>, usize)>> = BTreeMap::new();
                for ((start, k), rows) in groups {
                    windows.entry(start).or_default().push((k, rows.len()));
                }
                for groups in windows.values() {
                    let first = groups.iter().min_by_key(|(k, n)| (std::cmp::Reverse(*n), *k));
                    first.iter().for_each(|(k, n)| add(format!("{{\"k\":{},\"n\":{n}}}", quoted(*k))));
                }
            }
            "changes_inner" => {
                for (k, n) in self.counts() {
                    let ids = self.best_ids().into_iter().filter(|(other, _)| k.is_some() && *other == k);
                    ids.for_each(|(_, id)| add(format!("{{\"k\":{},\"n\":{n},\"id\":{id}}}", quoted(k))));
                }
            }
            "changes_left" => {
                for (k, n) in self.counts() {
                    let last = self.in_time().filter(|(_, row, _)| k.is_some() && row.k == k);
                    let last = last.map(|(id, row, _)| (row.at, *id)).max();
                    let id = last.filter(|(_, id)| n < *id).map(|(_, id)| id);
                    add(format!("{{\"k\":{},\"n\":{n},\"id\":{}}}", quoted(k), json(id)));
                }
            }
            "changes_full" => {
                let counts = self.counts();
                let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
                counts.iter().for_each(|(_, n)| *sizes.entry(*n).or_default() += 1);
                let row =
                    |k: String, n: String, keys: String| format!("{{\"k\":{k},\"n\":{n},\"keys\":{keys}}}");
                for (k, n) in counts {
                    let keys = Some(sizes[&n]).filter(|keys| *keys > 1);
                    add(row(quoted(k), json(keys.map(|_| n)), json(keys)));
                }
                let alone = sizes.into_iter().filter(|(_, keys)| *keys < 2);
                alone.for_each(|(n, keys)| add(row("null".into(), n.to_string(), keys.to_string())));
            }
            "changes_semi" | "changes_anti" => {
                let counts = self.counts();
                for (k, id) in self.best_ids() {
                    let has = k.is_some() && counts.iter().any(|(other, n)| *other == k && *n > 2);
                    if has == (stream == "changes_semi") {
                        add(format!("{{\"id\":{id}}}"));
                    }
                }
            }
            "changes_right" => {
                for (k, n) in self.counts() {
                    let is_pair = |row: &Row| k.is_some() && row.k == k && row.v == Some(n as i64);
                    let ids: Vec<usize> =
                        self.rows.iter().filter(|(_, row, _)| is_pair(row)).map(|(id, ..)| *id).collect();
                    let mut pair = |id| add(format!("{{\"id\":{},\"k\":{},\"n\":{n}}}", json(id), quoted(k)));
                    ids.iter().for_each(|id| pair(Some(*id)));
                    if ids.is_empty() {
                        pair(None);
                    }
                }
            }
            other => panic!("no reference for {other}"),
        }
        table
    }

    /// How many rows each key has.
    fn counts(&self) -> Vec<(Option<&'static str>, usize)> {
        self.by_key().into_iter().map(|(k, rows)| (k, rows.len())).collect()
    }

    /// The two best rows of each key.
    fn best_ids(&self) -> Vec<(Option<&'static str>, usize)> {
        let of_key = |(k, rows)| best(rows, 2).into_iter().map(move |id| (k, id));
        self.by_key().into_iter().flat_map(of_key).collect()
    }

    /// The same, with a row for each window without rows that begins less than 5 s behind the last row of its key
    /// before it.
    fn filled(&self, size: i64, step: i64, lateness: i64) -> Vec<String> {
        let groups = self.groups(size, step, lateness);
        let row = |(start, k): (i64, Option<&str>), n: usize, rows: &Group| {
            let (k, w, s) = (quoted(k), start * 1_000_000, json(sum(rows)));
            format!("{{\"k\":{k},\"w\":{w},\"n\":{n},\"s\":{s}}}")
        };
        let mut found = vec![];
        for (window, rows) in &groups {
            found.push(row(*window, rows.len(), rows));
            let last = rows.iter().map(|(_, row, _)| row.at).max().unwrap_or(0);
            let behind = (1..).map(|n| (window.0 + n * step, window.1));
            let filled = behind.take_while(|next| next.0 < last + 5 && !groups.contains_key(next));
            found.extend(filled.map(|next| row(next, 0, rows)));
        }
        found
    }

    /// Each key's count and sum in each window of a size that begins at a multiple of a step.
    fn windows(&self, size: i64, step: i64, lateness: i64) -> Vec<String> {
        let groups = self.groups(size, step, lateness);
        let row = |((start, k), rows): (&(i64, Option<&str>), &Group)| {
            let (k, w, s) = (quoted(*k), start * 1_000_000, json(sum(rows)));
            format!("{{\"k\":{k},\"w\":{w},\"n\":{},\"s\":{s}}}", rows.len())
        };
        groups.iter().map(row).collect()
    }

    /// The rows of each key in each window.
    fn groups(
        &self,
        size: i64,
        step: i64,
        lateness: i64,
    ) -> BTreeMap<(i64, Option<&'static str>), Group<'r>> {
        let mut groups: BTreeMap<_, Group> = BTreeMap::new();
        for row in &self.rows {
            let last = row.1.at.div_euclid(step) * step;
            for start in (0..).map(|n| last - n * step).take_while(|start| row.1.at < start + size) {
                if row.1.at >= row.2 || lateness > 0 && start + size + lateness > row.2 {
                    groups.entry((start, row.1.k)).or_default().push(*row);
                }
            }
        }
        groups
    }

    /// Each key's sessions, row by row in the order of arrival: a row joins all sessions of its key that it is
    /// near to and that are not over for it.
    fn rows_of_sessions(&self, gap: i64, lateness: Option<i64>) -> Vec<(Option<&'static str>, Group<'r>)> {
        let mut found = vec![];
        for (k, rows) in self.by_key() {
            let mut sessions: Vec<Group> = vec![];
            let end = |session: &Group| end(session, gap);
            for (id, row, watermark) in rows {
                let is_late = row.at < watermark;
                let counts = |end: i64| !is_late || lateness.is_some_and(|late| end + late > watermark);
                let takes = |s: &mut Group| counts(end(s)) && row.at < end(s) && first(s) < row.at + gap;
                let mut joined: Group = sessions.extract_if(.., takes).flatten().collect();
                if joined.is_empty() && !counts(row.at + gap) {
                    continue;
                }
                joined.push((id, row, watermark));
                sessions.push(joined);
            }
            found.extend(sessions.into_iter().map(|session| (k, session)));
        }
        found
    }

    fn sessions(&self, gap: i64, lateness: Option<i64>) -> Vec<String> {
        let sessions = self.rows_of_sessions(gap, lateness);
        sessions.iter().map(|(k, session)| bounded(*k, first(session), end(session, gap), session)).collect()
    }

    /// Of each window of 5 s, the rows in order.
    fn sorted(&self) -> Vec<String> {
        let mut rows: Vec<_> = self.in_time().collect();
        rows.sort_by_key(|(id, row, _)| (row.at.div_euclid(5), std::cmp::Reverse(row.v), row.at, *id));
        rows.iter().map(|(id, ..)| format!("{{\"id\":{id}}}")).collect()
    }

    /// Of each window of 5 s, the largest group, of equal ones the first key.
    fn first(&self) -> Vec<String> {
        let mut windows: BTreeMap<i64, BTreeMap<Option<&str>, usize>> = BTreeMap::new();
        for (_, row, _) in self.in_time() {
            *windows.entry(row.at.div_euclid(5)).or_default().entry(row.k).or_default() += 1;
        }
        let first = windows
            .values()
            .filter_map(|groups| groups.iter().min_by_key(|(k, n)| (std::cmp::Reverse(**n), **k)));
        first.map(|(k, n)| format!("{{\"k\":{},\"n\":{n}}}", quoted(*k))).collect()
    }
}

fn first(rows: &Group) -> i64 {
    rows.iter().map(|(_, row, _)| row.at).min().unwrap_or(0)
}

fn end(rows: &Group, gap: i64) -> i64 {
    rows.iter().map(|(_, row, _)| row.at + gap).max().unwrap_or(0)
}

/// The two most frequent values of a key's window.
fn leaders((k, rows): &(Option<&'static str>, Group)) -> Vec<String> {
    let mut counts: BTreeMap<Option<i64>, usize> = BTreeMap::new();
    rows.iter().for_each(|(_, row, _)| *counts.entry(row.v).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(v, n)| (std::cmp::Reverse(*n), *v));
    let row = |(v, n)| format!("{{\"k\":{},\"v\":{},\"n\":{n}}}", quoted(*k), json(v));
    counts.into_iter().take(2).map(row).collect()
}

/// The rows with the greatest values, of equal ones the first.
fn best(mut rows: Vec<(usize, &Row, i64)>, limit: usize) -> Vec<usize> {
    rows.sort_by_key(|(id, row, _)| (std::cmp::Reverse(row.v), row.at, *id));
    rows.into_iter().take(limit).map(|(id, ..)| id).collect()
}

/// A row of a window with bounds in seconds.
fn bounded(k: Option<&str>, start: i64, end: i64, rows: &[(usize, &Row, i64)]) -> String {
    let (k, w, e, s) = (quoted(k), start * 1_000_000, end * 1_000_000, json(sum(rows)));
    format!("{{\"k\":{k},\"w\":{w},\"e\":{e},\"n\":{},\"s\":{s}}}", rows.len())
}

/// Null for no value at all.
fn sum(rows: &[(usize, &Row, i64)]) -> Option<i64> {
    let values: Vec<i64> = rows.iter().filter_map(|(_, row, _)| row.v).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}
