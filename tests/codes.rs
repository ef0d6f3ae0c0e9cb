//! Every code's page is a test: its wrong example raises exactly that code, its right one none.

mod support;

use millstream_base::codes::{self, Code};
use support::{Folder, Ran};

#[test]
fn wrong_examples_raise_their_code_and_right_ones_none() {
    let mut faults = vec![];
    for code in codes::all() {
        // What a terminal, a pipe or a fault of our own would be needed for has no example.
        let page = code.info().page;
        let (Some(wrong), Some(right)) = (example(page, "Wrong"), example(page, "Right")) else {
            faults.push(format!("{code}: the page has no pair of examples"));
            continue;
        };
        let raised = raised(code, wrong);
        if raised != [code.name()] {
            faults.push(format!("{code}: the wrong example raises {raised:?}\n{wrong}"));
        }
        let folder = folder(right);
        let ran = folder.run("check --format json p.stream");
        if ran.code != 0 || !codes_in(&ran.stdout).is_empty() {
            faults.push(format!("{code}: the right example raises\n{}", ran.stdout));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The codes that an example raises, each once: in `check`, or in `run` for what only a run can find.
fn raised(code: Code, program: &str) -> Vec<String> {
    let folder = folder(program);
    let checked = folder.run("check --format json p.stream");
    let at_run_time = code.name().starts_with("E08") || code.name().starts_with("E09");
    if at_run_time && checked.stdout.is_empty() {
        return codes_in_text(&folder.run("run -q p.stream"));
    }
    codes_in(&checked.stdout)
}

fn folder(program: &str) -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", program);
    folder.write("shared.stream", "type Shared = { id: int }\n");
    folder.write("data.ndjson", "{\"user\":\"a\"}\n");
    folder.write("words.ndjson", "{\"value\":\"many\"}\n");
    // The empty gzip member of RFC 1952, and one that breaks off.
    let empty = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    folder.write("data.ndjson.gz", empty);
    folder.write("damaged.ndjson.gz", &empty[..12]);
    folder
}

fn example<'a>(page: &'a str, part: &str) -> Option<&'a str> {
    let part = page.split(&format!("## {part}")).nth(1)?;
    part.split("```stream\n").nth(1)?.split("```").next()
}

fn codes_in(json: &str) -> Vec<String> {
    let mut found: Vec<String> = json
        .lines()
        .filter_map(|l| l.split("\"code\":\"").nth(1)?.split('"').next().map(str::to_string))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn codes_in_text(ran: &Ran) -> Vec<String> {
    let known = codes::all().map(|c| c.name()).filter(|n| ran.stderr.contains(&format!("[{n}]")));
    known.map(str::to_string).collect()
}
