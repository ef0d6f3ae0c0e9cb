//! Sessions, windows of rows and `until` from their definitions, over all rows of a key in their order.

use super::aggregate::reference_aggregate;
use super::timed;
use millstream_ir::flow::{Keep, WindowAggregate, WindowAssigner};
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// A window of a key, and its rows.
struct Found<'a> {
    start: i64,
    last: i64,
    end: i64,
    rows: Vec<&'a [Value]>,
}

/// What windows that each key has of its own give for rows in their total order, none of them late; sorted
/// by time, start and key. Also counts the rows that fail and those that come too late for their key.
pub fn reference_keyed_windows(
    spec: &WindowAggregate,
    rows: &[Vec<Value>],
) -> (Vec<Vec<Value>>, usize, usize) {
    let mut sorted: Vec<(&[Value], i64)> = timed(rows).collect();
    sorted.sort_by_key(|(_, time)| *time);
    let by: Vec<usize> = match &spec.window {
        WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. } => by.clone(),
        _ => (0..spec.keys.len()).collect(),
    };
    let mut of_keys: BTreeMap<Vec<Value>, Vec<(&[Value], i64)>> = BTreeMap::new();
    for (row, time) in sorted {
        let key = by.iter().map(|key| row[spec.keys[*key]].clone()).collect();
        of_keys.entry(key).or_default().push((row, time));
    }
    let (mut output, mut n_failed, mut n_late) = (vec![], 0, 0);
    for rows in of_keys.into_values() {
        let mut windows: Vec<Found> = vec![];
        for (row, time) in rows {
            let until = match &spec.window {
                WindowAssigner::Until { column } => match row[*column] {
                    Value::Timestamp(until) => until,
                    _ => continue,
                },
                _ => time,
            };
            let goes_on = windows.last().is_some_and(|window| match &spec.window {
                WindowAssigner::Session { gap, max, .. } => {
                    time - window.last < *gap && max.is_none_or(|max| time - window.start < max)
                }
                WindowAssigner::Rows { count, keep, .. } => {
                    (window.rows.len() as u64) < *count
                        && match keep {
                            Keep::Expire(duration) => time - window.last < *duration,
                            Keep::Forever => true,
                        }
                }
                _ => time < window.end,
            });
            match windows.last_mut().filter(|_| goes_on) {
                Some(window) => {
                    (window.last, window.end) = (time, window.end.max(until));
                    window.rows.push(row);
                }
                None if matches!(spec.window, WindowAssigner::Until { .. }) && until <= time => n_late += 1,
                None => windows.push(Found { start: time, last: time, end: until, rows: vec![row] }),
            }
        }
        for window in windows {
            let end = match &spec.window {
                WindowAssigner::Session { gap, max, .. } => {
                    let end = window.last + gap;
                    max.map_or(end, |max| end.min(window.start + max))
                }
                _ => window.end,
            };
            let time = if matches!(spec.window, WindowAssigner::Rows { .. }) { window.last } else { end - 1 };
            let mut groups: BTreeMap<Vec<Value>, Vec<&[Value]>> = BTreeMap::new();
            for row in window.rows {
                let key = spec.keys.iter().map(|k| row[*k].clone()).collect();
                groups.entry(key).or_default().push(row);
            }
            for (key, rows) in groups {
                let results = spec.aggregates.iter().map(|call| reference_aggregate(call, &rows));
                match results.collect::<Option<Vec<Value>>>() {
                    Some(results) => output.push((
                        (time, window.start, key.clone()),
                        [key, results, [window.start, end, time].map(Value::Timestamp).to_vec()].concat(),
                    )),
                    None => n_failed += 1,
                }
            }
        }
    }
    output.sort_by(|(a, _), (b, _)| a.cmp(b));
    (output.into_iter().map(|(_, row)| row).collect(), n_failed, n_late)
}
