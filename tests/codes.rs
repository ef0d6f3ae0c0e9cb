//! Every code's page is a test: its wrong example raises exactly that code, its right one none.

mod support;

use millstream_base::codes::{self, Code};
use support::{Folder, Ran};

/// Constructs that are not carried out yet; pages may use them to show another fault. Remove a code
/// with the issue that carries its construct out.
const NOT_YET: [&str; 5] = ["E0601", "E0602", "E0625", "E0627", "E0633"];

#[test]
fn wrong_examples_raise_their_code_and_right_ones_none() {
    let mut faults = vec![];
    // No program raises a fault of our own.
    let shown = |c: &Code| !c.name().starts_with('B');
    for code in codes::all().filter(shown) {
        let page = code.info().page;
        let (Some(wrong), Some(right)) = (Example::of(page, "Wrong"), Example::of(page, "Right")) else {
            faults.push(format!("{code}: the page has no pair of examples"));
            continue;
        };
        let mut raised = wrong.raised(code);
        raised.retain(|c| c == code.name() || !NOT_YET.contains(&c.as_str()));
        if raised != [code.name()] {
            faults.push(format!("{code}: the wrong example raises {raised:?}\n{wrong:?}"));
        }
        let ran = right.check();
        if codes_in(&ran.stdout).iter().any(|c| !NOT_YET.contains(&c.as_str())) || ran.code == 64 {
            faults.push(format!("{code}: the right example raises\n{}{}", ran.stdout, ran.stderr));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A part of a page: the program, the files beside it (` ```stream NAME `), and how it is checked
/// (` ```sh `) if that takes arguments.
#[derive(Debug)]
struct Example<'a> {
    program: &'a str,
    others: Vec<(&'a str, &'a str)>,
    arguments: &'a str,
}

impl<'a> Example<'a> {
    fn of(page: &'a str, part: &str) -> Option<Example<'a>> {
        let part = page.split(&format!("## {part}\n")).nth(1)?.split("\n## ").next()?;
        let mut example = Example { program: "", others: vec![], arguments: "" };
        for block in part.split("```").skip(1).step_by(2) {
            let (kind, body) = block.split_once('\n')?;
            match kind.split_once(' ') {
                None if kind == "stream" => example.program = body,
                None if kind == "sh" => example.arguments = body.trim().split_once("program.stream")?.1,
                Some(("stream", name)) => example.others.push((name, body)),
                _ => return None,
            }
        }
        (!example.program.is_empty()).then_some(example)
    }

    fn check(&self) -> Ran {
        self.folder().run(&format!("check --format json program.stream{}", self.arguments))
    }

    /// The codes that it raises, each once: in `check`, or in `run` for what only a run can find.
    fn raised(&self, code: Code) -> Vec<String> {
        let checked = self.check();
        let at_run_time = code.name().starts_with("E08") || code.name().starts_with("E09");
        if at_run_time && checked.stdout.is_empty() {
            return codes_in_text(&self.folder().run("run -q program.stream"));
        }
        codes_in(&checked.stdout)
    }

    /// The example among the files that pages speak of.
    fn folder(&self) -> Folder {
        let folder = Folder::new();
        folder.write("shared.stream", "type Shared = { id: int }\n");
        folder.write("data.ndjson", "{\"user\":\"a\"}\n");
        folder.write("words.ndjson", "{\"value\":\"many\"}\n");
        // The empty gzip member of RFC 1952, and one that breaks off.
        let empty = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        folder.write("data.ndjson.gz", empty);
        folder.write("damaged.ndjson.gz", &empty[..12]);
        for (name, text) in &self.others {
            folder.write(name, text);
        }
        folder.write("program.stream", self.program);
        folder
    }
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
