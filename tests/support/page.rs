//! The pages of diagnostic codes as programs: what stands under `## Wrong` and `## Right`.

use super::{Folder, Ran};
use millstream_base::codes::Code;

/// A part of a page: the program, the files beside it (` ```stream NAME `, ` ```input NAME `), and how it is
/// checked (` ```sh `) if that takes arguments.
#[derive(Debug)]
pub struct Example<'a> {
    pub program: &'a str,
    others: Vec<(&'a str, &'a str)>,
    /// What stands behind the program's name, with a space in front; all behind the command where there is no program.
    pub arguments: &'a str,
    /// `check`, or the command that it is about, such as `why`; `repl` of what is typed in a session.
    command: &'a str,
}

impl<'a> Example<'a> {
    pub fn of(page: &'a str, part: &str) -> Option<Example<'a>> {
        let part = page.split(&format!("## {part}\n")).nth(1)?.split("\n## ").next()?;
        let mut example = Example { program: "", others: vec![], arguments: "", command: "check" };
        for block in part.split("```").skip(1).step_by(2) {
            let (kind, body) = block.split_once('\n')?;
            match kind.split_once(' ') {
                None if kind == "stream" => example.program = body,
                None if kind == "repl" => (example.program, example.command) = (body, "repl"),
                None if kind == "sh" => {
                    let line = body.trim().strip_prefix("millstream ")?;
                    let (command, rest) = line.split_once(' ')?;
                    // What is wrong with a program is found by `check`, as far as it can be.
                    example.command = if matches!(command, "run" | "test") { "check" } else { command };
                    example.arguments = rest.strip_prefix("program.stream").unwrap_or(rest);
                }
                Some(("stream" | "input", name)) => example.others.push((name, body)),
                _ => return None,
            }
        }
        (!example.program.is_empty() || !example.arguments.is_empty()).then_some(example)
    }

    pub fn check(&self) -> Ran {
        match self.command {
            "repl" => {
                let ran = self.typed();
                let found = codes_in_text(&ran);
                let stdout = found.iter().map(|code| format!("{{\"code\":\"{code}\"}}\n")).collect();
                Ran { stdout, ..ran }
            }
            "check" => self.folder().run(&format!("check --format json program.stream{}", self.arguments)),
            _ => self.folder().run(&self.line("program.stream")),
        }
    }

    /// Its command, about a program in a file of this name if it is about one.
    fn line(&self, program: &str) -> String {
        match self.program {
            "" => format!("{} {}", self.command, self.arguments),
            _ => format!("{} {program}{}", self.command, self.arguments),
        }
    }

    /// What says what is wrong with it, if `check` does not.
    pub fn line_that_finds(&self, code: Code, program: &str) -> String {
        match (self.command, code.name()) {
            ("check", "E0810" | "E0966") => format!("test {program}{}", self.arguments),
            ("check", _) => format!("run -q {program}{}", self.arguments),
            _ => self.line(program),
        }
    }

    pub fn is_session(&self) -> bool {
        self.command == "repl"
    }

    /// What a session says to it.
    pub fn typed(&self) -> Ran {
        self.folder().run_with("repl", self.program)
    }

    /// The codes that it raises, each once: in `check`, or in `run` for what only a run can find.
    pub fn raised(&self, code: Code) -> Vec<String> {
        let checked = self.check();
        if found_by_run(code) && checked.stdout.is_empty() {
            return codes_in_text(&self.folder().run(&self.line_that_finds(code, "program.stream")));
        }
        codes_in(&checked.stdout)
    }

    /// The example among the files that pages speak of.
    pub fn folder(&self) -> Folder {
        let folder = Folder::new();
        self.write_to(&folder, ".");
        folder
    }

    /// Its files and those that pages speak of, in a folder of a folder.
    pub fn write_to(&self, folder: &Folder, below: &str) {
        let write = |name: &str, text: &[u8]| {
            folder.write(&format!("{below}/{name}"), text);
        };
        write("shared.stream", b"type Shared = { id: int }\n");
        write("data.ndjson", b"{\"user\":\"a\"}\n");
        write("words.ndjson", b"{\"value\":\"many\"}\n");
        // The empty gzip member of RFC 1952, and one that breaks off.
        let empty = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        write("data.ndjson.gz", &empty);
        write("damaged.ndjson.gz", &empty[..12]);
        for (name, text) in &self.others {
            write(name, text.as_bytes());
        }
        write("program.stream", self.program.as_bytes());
    }
}

/// Whether `check` may be unable to find it.
pub fn found_by_run(code: Code) -> bool {
    code.name().starts_with("E08") || code.name().starts_with("E09")
}

/// The codes in findings as JSON, each once.
pub fn codes_in(json: &str) -> Vec<String> {
    let mut found: Vec<String> = json
        .lines()
        .filter_map(|l| l.split("\"code\":\"").nth(1)?.split('"').next().map(str::to_string))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn codes_in_text(ran: &Ran) -> Vec<String> {
    let known = millstream_base::codes::all().map(|c| c.name());
    let said = format!("{}{}", ran.stdout, ran.stderr);
    known.filter(|n| said.contains(&format!("[{n}]"))).map(str::to_string).collect()
}
