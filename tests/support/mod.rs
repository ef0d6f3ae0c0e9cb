//! Runs the binary as a user would: in a folder of its own, with files, arguments and standard input.

#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod compiled;
pub mod document;
pub mod page;
pub mod random;
#[cfg(unix)]
pub mod terminal;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The programs in a folder and those in it.
pub fn programs_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for path in std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(programs_below(&path));
        } else if path.extension().is_some_and(|e| e == "stream") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A folder that is removed when the test ends.
pub struct Folder(tempfile::TempDir);

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> &Folder {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        std::fs::write(path, contents).expect("files can be written");
        self
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// `millstream ARGUMENTS` in this folder; arguments are separated by single spaces.
    pub fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, "")
    }

    pub fn run_with(&self, arguments: &str, stdin: impl AsRef<[u8]>) -> Ran {
        self.run_in(arguments, stdin, &[])
    }

    /// With these variables in the environment.
    pub fn run_in(&self, arguments: &str, stdin: impl AsRef<[u8]>, variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        finish(command.envs(variables.iter().copied()), stdin.as_ref())
    }

    /// A command of the shell, in which `$M` is the binary.
    pub fn shell(&self, script: &str) -> Ran {
        finish(self.prepared("sh").args(["-c", script]).env("M", BINARY), &[])
    }

    /// A command of the shell in which the binary is called by its name, not started yet.
    pub fn line(&self, line: &str) -> Command {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let own = Path::new(BINARY).parent().expect("the binary is in a folder").to_path_buf();
        let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&folders)));
        let mut command = self.prepared("sh");
        command.args(["-c", line]).env("PATH", path.expect("folders without a separator"));
        command
    }

    /// `millstream ARGUMENTS`, not started yet.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = self.prepared(BINARY);
        command.args(arguments.split(' '));
        command
    }

    fn prepared(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            // The variable that the page of E0927 reads.
            .env("CLICKS", "data.ndjson")
            // Where random cases are asked for, these are not for programs that have such parameters.
            .env_remove("MILLSTREAM_CASES")
            .env_remove("MILLSTREAM_SEED")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

const BINARY: &str = env!("CARGO_BIN_EXE_millstream");

fn finish(command: &mut Command, stdin: &[u8]) -> Ran {
    let mut child = command.spawn().expect("the command starts");
    // A program that does not read its input may close it early.
    let _ = child.stdin.take().expect("piped").write_all(stdin);
    let output = child.wait_with_output().expect("the command ends");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    /// Asserts the exit code, showing what was printed if it differs.
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Ran {
        assert!(self.stderr.contains(text), "{text:?} is not in\n{}", self.stderr);
        self
    }
}

/// Asks a process to end, as a service manager does.
#[cfg(unix)]
pub fn terminate(id: u32) {
    signal(id, rustix::process::Signal::TERM);
}

/// Interrupts a process, as Ctrl-C does.
#[cfg(unix)]
pub fn interrupt(id: u32) {
    signal(id, rustix::process::Signal::INT);
}

/// Sends what Ctrl-\ does.
#[cfg(unix)]
pub fn quit(id: u32) {
    signal(id, rustix::process::Signal::QUIT);
}

#[cfg(unix)]
fn signal(id: u32, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(id as i32).expect("a process");
    // It may have ended by itself.
    let _ = rustix::process::kill_process(id, signal);
}

/// How many random cases to run: a tenth of `full` unless MILLSTREAM_CASES says `full`.
pub fn cases(full: usize) -> usize {
    if std::env::var("MILLSTREAM_CASES").is_ok_and(|v| v == "full") { full } else { full / 10 }
}

/// The seed of random cases: fixed, unless MILLSTREAM_SEED is set.
pub fn seed() -> u64 {
    std::env::var("MILLSTREAM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(42)
}
