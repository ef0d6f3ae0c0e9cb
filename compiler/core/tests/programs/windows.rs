//! What `explain` says of windows: what they keep, as a formula, and how far results lag behind events.

use crate::helper::payments;
use millstream_core::explain::explain;

/// The lines on state and delay of a stream.
fn said(query: &str) -> String {
    let format = if query.contains("lateness") { "json(changes: retract)" } else { "json" };
    let done =
        payments(&format!("stream s = from payments {query}\nsink out from s to stdout format {format}"));
    let text = explain(&done.program, &done.flow.unwrap_or_default());
    let lines = text.lines().skip_while(|line| *line != "stream s");
    let lines = lines.map(str::trim).filter(|line| line.starts_with("keeps") || line.starts_with("delay"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn windows_say_what_they_keep_and_how_long() {
    let select = "group by card select card, count() as n";
    let mut text = String::new();
    for window in [
        "window hopping 1h every 10m",
        "window hopping 1h every 25m",
        "window hopping 1h every 1m lateness 2h",
        "window session 30m lateness 2h",
        "window hopping 1m every 1h",
        "window cumulative 1d every 1h",
        "window tumbling month in \"Europe/Paris\"",
        "window tumbling 1m fill 0 for 1h",
        "window session 30m",
        "window session 30m max 12h",
        "window tumbling 100 rows forever",
        "window tumbling 100 rows expire 1h",
        "",
    ] {
        let query = match window {
            "" => "group by card until at + 10m select card, count() as n".to_string(),
            window => format!("{window} {select}"),
        };
        text += &format!("{query}\n{}", said(&query));
    }
    insta::assert_snapshot!(text);
}
