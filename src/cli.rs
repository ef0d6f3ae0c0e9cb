//! The command line: every command, its arguments and its help.

use crate::completions;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Parser)]
#[command(
    name = "millstream",
    version,
    long_version = concat!(env!("CARGO_PKG_VERSION"), "\ntime zones: ", env!("MILLSTREAM_TZDATA")),
    about = "Queries over streams of events: write a .stream program, run it from one binary",
    after_help = "Examples:
  millstream new shop                               start a project that runs
  millstream run fraud.stream                       run a program
  millstream test fraud.stream                      run the tests that stand in it
  millstream check fraud.stream                     say all that is wrong with it
  tail -f log.ndjson | millstream run p.stream --source events=-
  millstream explain fraud.stream                   what each stream holds, keeps and waits for
  millstream explain E0301                          what an error code means
  millstream                                        try queries out, one by one"
)]
pub struct Arguments {
    /// Without one, `repl`
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run a program until its inputs end
    Run(Run),
    /// Run the tests that stand in programs
    Test(Test),
    /// Show the first rows behind every clause, and what each passed on and dropped
    Preview(Preview),
    /// Say why there is a match, or none; which clause dropped a row, and what a stream waits for
    Why(Why),
    /// Start a project: a program with a test, its input and a README
    New(New),
    /// Declare the types and sources of data files, with what is unsure about them
    Infer(Infer),
    /// Report everything that is wrong with programs, without running them
    Check(Check),
    /// Show what the checkpoints of a run hold, and whether they are whole
    State(State),
    /// Bring programs into the standard layout
    Fmt(Fmt),
    /// Explain a program in plain words, or an error code
    Explain(Explain),
    /// Draw what reads what in a program, what each part holds and how late it is
    Graph(Graph),
    /// Print what a program is in one of the compiler's layers
    Emit(Emit),
    /// Talk to an editor, which starts this by itself: the language server, over standard input and output
    #[command(after_help = "Examples:
  millstream lsp                  what an editor is told to start for files that end in .stream
  nvim fraud.stream               an editor that has been told so starts it

The editors' pages of the book say how each is told: Visual Studio Code, Neovim, Helix, Zed, Emacs.")]
    Lsp,
    /// Try out expressions, queries and definitions, one by one
    Repl(Repl),
    /// Write the script with which a shell completes command lines
    Completions(Completions),
    /// Write the manual pages
    Man(Man),
}

/// Values for a program's parameters, and replacements for its inputs and outputs.
#[derive(Args, Clone, Default)]
pub struct Bindings {
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, add = completions::params())]
    pub set: Vec<(String, String)>,
    /// Read a source from this file, pattern or `-`; the format follows the extension
    #[arg(long = "source", value_name = "NAME=PATH", value_parser = pair, add = completions::sources())]
    pub source: Vec<(String, String)>,
    /// Write a sink to this file or `-`; the format follows the extension
    #[arg(long = "sink", value_name = "NAME=PATH", value_parser = pair, add = completions::sinks())]
    pub sink: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

fn rows(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected a number of rows, such as 100".into())
}

/// Where none would show nothing.
fn shown_rows(text: &str) -> Result<u64, String> {
    rows(text).ok().filter(|rows| *rows > 0).ok_or_else(|| "expected a number of rows, at least 1".into())
}

/// `2GB`, `512MiB`, `65536`
fn size(text: &str) -> Result<u64, String> {
    let expected = "expected a size such as 500MB, 2GB or 4GiB";
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(expected.into()),
    };
    let number: f64 = number.parse().map_err(|_| expected)?;
    Ok((number * factor) as u64)
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream run fraud.stream
  millstream run fraud.stream --set threshold=100.00
  millstream run fraud.stream --source payments='day-*.ndjson.gz' --sink alerts=alerts.csv
  zcat day1.ndjson.gz | millstream run fraud.stream --source payments=-
  millstream run fraud.stream --until 2024-05-02 --report json
  millstream run fraud.stream --state fraud.state             go on where the last run was

Exit codes: 0 fine, 1 failed while running, 2 the program is wrong, 64 the command line is wrong.")]
pub struct Run {
    /// The program, or `-` for standard input
    #[arg(add = completions::programs())]
    pub file: PathBuf,
    #[command(flatten)]
    pub bindings: Bindings,
    /// Stop after this many rows of output
    #[arg(long, value_name = "ROWS", value_parser = rows, allow_negative_numbers = true)]
    pub limit: Option<u64>,
    /// Read only rows before this time, such as 2024-05-01T12:00:00Z
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Stop when the state of the program takes more than this, such as 500MB or 2GB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub memory: Option<u64>,
    /// Threads that share the work; as many as the machine has cores unless told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), allow_negative_numbers = true)]
    pub workers: Option<u16>,
    /// While live input is read, say every so often (10s unless told) which source and partition holds
    /// results back, since when, and what waits for it
    #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "10s", require_equals = true)]
    pub why: Option<String>,
    /// Keep in this folder what is needed to go on when the run has ended, however it ended, and go on from there
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath, conflicts_with = "limit")]
    pub state: Option<PathBuf>,
    /// With --state: how often that is brought up to date
    #[arg(long, value_name = "EVERY", default_value = "10s", requires = "state")]
    pub checkpoint_every: String,
    /// With --state: go on though the state of this stream, source or sink would be lost, because it does not fit it any more
    #[arg(long, value_name = "NAME", requires = "state", add = completions::keepers())]
    pub drop_state: Vec<String>,
    /// Say nothing at the end of the run
    #[arg(short, long)]
    pub quiet: bool,
    /// The form of the report on standard error at the end of the run
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORM")]
    pub report: ReportFormat,
    /// What computes: machine code, or the slow evaluator that defines the language
    #[arg(long, value_enum, default_value_t = EngineChoice::Jit, value_name = "ENGINE")]
    pub engine: EngineChoice,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum ReportFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum EngineChoice {
    Jit,
    Reference,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream test                              all programs below this folder that have tests
  millstream test fraud.stream --filter alert
  millstream test fraud.stream --filter \"one alert\" --exact
  millstream test --thorough --junit results.xml

A test replaces the sources, tables and sinks of its program, and its clock: nothing is read but what is given.

Exit codes: 0 all tests pass, 2 a program is wrong, 3 a test fails, 64 the command line is wrong.")]
pub struct Test {
    /// Programs, or folders of them; without any, the present folder
    #[arg(add = completions::programs())]
    pub files: Vec<PathBuf>,
    /// Run only tests whose name contains this
    #[arg(long, value_name = "TEXT", add = completions::tests())]
    pub filter: Option<String>,
    /// With --filter: run only tests that are called so, and not what else contains it
    #[arg(long, requires = "filter")]
    pub exact: bool,
    /// Run each test also in other orders of arrival, in other batches and through snapshots
    #[arg(long)]
    pub thorough: bool,
    /// With --thorough: where the orders of arrival come from
    #[arg(long, value_name = "NUMBER", default_value_t = 42)]
    pub seed: u64,
    /// Write the results to this file, as XML for build servers
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, add = completions::params())]
    pub set: Vec<(String, String)>,
    /// What computes: machine code, or the slow evaluator that defines the language
    #[arg(long, value_enum, default_value_t = EngineChoice::Jit, value_name = "ENGINE")]
    pub engine: EngineChoice,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream preview fraud.stream
  millstream preview fraud.stream spend --rows 3
  millstream preview fraud.stream spend --source payments=monday.ndjson --set threshold=100.00

At most 10,000 rows of each input are read, and none is written. Where an input is not to be had, the rows that a
test of the program gives stand in its place.

Exit codes: 0 shown, 1 failed while reading, 2 the program is wrong, 64 the command line is wrong.")]
pub struct Preview {
    /// The program, or `-` for standard input
    #[arg(add = completions::programs())]
    pub file: PathBuf,
    /// The stream, source or table to show; without one, all streams
    #[arg(add = completions::inputs())]
    pub stream: Option<String>,
    /// Show so many rows behind each clause
    #[arg(long, value_name = "ROWS", default_value_t = 5, value_parser = shown_rows, allow_negative_numbers = true)]
    pub rows: u64,
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, add = completions::params())]
    pub set: Vec<(String, String)>,
    /// Read a source from this file, pattern or `-`; the format follows the extension
    #[arg(long = "source", value_name = "NAME=PATH", value_parser = pair, add = completions::sources())]
    pub source: Vec<(String, String)>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream why fraud.stream --match card_testing --key c1
  millstream why fraud.stream --match card_testing --key c1 --at 2024-05-01T12:00:00Z
  millstream why routes.stream --match late --key DE,7 --source stops=monday.ndjson
  millstream why fraud.stream --match card_testing        which keys there are
  millstream why fraud.stream --stream spend              what each clause dropped
  millstream why fraud.stream --stream spend --at 2024-05-01T12:00:00Z      what was open then

The inputs of the program are read again, to their end; its sinks are not written. A key of several parts is
given as DE,7 or as --key DE --key 7; text need not be quoted, null is the key null.

Exit codes: 0 answered, 1 failed while reading, 2 the program is wrong, 64 the command line is wrong.")]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub struct Why {
    /// The program, or `-` for standard input
    #[arg(add = completions::programs())]
    pub file: PathBuf,
    /// The stream whose pattern is asked about
    #[arg(long = "match", value_name = "NAME", group = "subject", add = completions::streams())]
    pub of_match: Option<String>,
    /// The stream whose clauses are asked about
    #[arg(long, value_name = "NAME", group = "subject", add = completions::inputs())]
    pub stream: Option<String>,
    /// The key of which it is told
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub key: Vec<String>,
    /// Tell of what was live at this time, such as 2024-05-01T12:00:00Z, what led to it and what came next
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Tell of at most so many events [default: 15]
    #[arg(long, value_name = "EVENTS")]
    pub limit: Option<usize>,
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, add = completions::params())]
    pub set: Vec<(String, String)>,
    /// Read a source from this file, pattern or `-`; the format follows the extension
    #[arg(long = "source", value_name = "NAME=PATH", value_parser = pair, add = completions::sources())]
    pub source: Vec<(String, String)>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream new shop                  makes shop/shop.stream, shop/orders.ndjson and shop/README.md
  millstream new work/streams/shop

Nothing is overwritten: a folder that has files in it is refused.

Exit codes: 0 made, 64 the command line is wrong.")]
pub struct New {
    /// The folder to make; the program in it is called the same
    pub name: String,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream infer payments.ndjson
  millstream infer payments.ndjson customers.csv > shop.stream
  millstream infer 'logs/*.ndjson.gz'              files of one source
  zcat day1.csv.gz | millstream infer - --rows 1000

The declarations are written to standard output, as a program that reads these files when it stands where the
command is run. What is unsure is said in comments.

Exit codes: 0 declared, 1 nothing can be told of the data, 64 the command line is wrong.")]
pub struct Infer {
    /// Files of JSON lines or of fields between delimiters, packed or not; a pattern of files in quotes, or `-`
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<String>,
    /// Look at so many rows of each at most
    #[arg(long, value_name = "ROWS", default_value_t = 100_000, value_parser = shown_rows, allow_negative_numbers = true)]
    pub rows: u64,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream state fraud.state                       the checkpoints, and what the newest holds
  millstream state fraud.state fraud.stream          what each operator of the program holds, as rows
  millstream state fraud.state fraud.stream spend --rows 100
  millstream state fraud.state fraud.stream spend --format json > spend.ndjson

The folder is that of `run --state`; the run may go on meanwhile. The rows are those of the newest checkpoint that is
whole; the program is the one that has written it, with the parameters that it had.

Exit codes: 0 the newest checkpoint is whole, 1 it is not, or there is none, 64 the command line is wrong.")]
pub struct State {
    /// The folder of the checkpoints
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub folder: PathBuf,
    /// The program of the run: show what its operators hold
    #[arg(add = completions::programs())]
    pub file: Option<PathBuf>,
    /// The source, table or stream whose operators are shown; without one, all
    #[arg(add = completions::inputs())]
    pub stream: Option<String>,
    /// Show so many rows of each operator
    #[arg(long, value_name = "ROWS", default_value_t = 20, requires = "file")]
    pub rows: usize,
    /// As tables, or as one JSON object a line, of all rows
    #[arg(long, value_enum, default_value_t = RowsFormat::Table, value_name = "FORM", requires = "file")]
    pub format: RowsFormat,
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, requires = "file", add = completions::params())]
    pub set: Vec<(String, String)>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum RowsFormat {
    Table,
    Json,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream check fraud.stream
  millstream check --format json *.stream      one object a line, for editors and CI
  millstream check fraud.stream --against fraud.state        what an edit would keep of a run's state

Exit codes: 0 nothing is wrong (there may be warnings), 2 something is, 64 the command line is wrong.")]
pub struct Check {
    /// Programs, or folders of them, or `-` for standard input; without any, the present folder
    #[arg(add = completions::programs())]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub bindings: Bindings,
    /// Say what a run of the program would keep of the state in this folder, and what it would lose
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub against: Option<PathBuf>,
    /// How to show what is wrong
    #[arg(long, value_enum, default_value_t = Face::Full)]
    pub format: Face,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Face {
    /// With the lines of the program
    Full,
    /// One line each
    Concise,
    /// One JSON object a line
    Json,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream fmt fraud.stream          rewrite the file
  millstream fmt .                     rewrite all programs below this folder
  millstream fmt --check .             exit with 3 if a file would change
  millstream fmt < in.stream           format standard input to standard output")]
pub struct Fmt {
    /// Programs, or folders of them; none or `-` formats standard input to standard output
    #[arg(add = completions::programs())]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit with 3 if a file is not in the standard layout
    #[arg(long)]
    pub check: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream explain fraud.stream
  millstream explain fraud.stream spend     of one stream
  millstream explain E0301
  millstream explain type-mismatch
  millstream explain --list")]
pub struct Explain {
    /// A program, or the number or name of an error code
    #[arg(required_unless_present = "list", add = completions::subjects())]
    pub subject: Option<String>,
    /// Of a program: the stream, source or table to explain; without one, all of it
    #[arg(add = completions::inputs())]
    pub stream: Option<String>,
    #[command(flatten)]
    pub bindings: Bindings,
    /// List all error codes
    #[arg(long)]
    pub list: bool,
    /// With --list: as JSON
    #[arg(long, requires = "list")]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream graph fraud.stream
  millstream graph fraud.stream --svg fraud.svg
  millstream graph fraud.stream --svg - | rsvg-convert > fraud.png

Dashed lines are side streams and what tables hold.

Exit codes: 0 drawn, 2 the program is wrong, 64 the command line is wrong.")]
pub struct Graph {
    /// The program, or `-` for standard input
    #[arg(add = completions::programs())]
    pub file: PathBuf,
    #[command(flatten)]
    pub bindings: Bindings,
    /// Write a drawing to this file, or to standard output if it is `-`, instead of text
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub svg: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream completions bash > ~/.local/share/bash-completion/completions/millstream
  millstream completions zsh > ~/.zfunc/_millstream
  millstream completions fish > ~/.config/fish/completions/millstream.fish")]
pub struct Completions {
    /// The shell that reads the script
    pub shell: clap_complete::Shell,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream man | man -l -
  millstream man run | man -l -
  millstream man --dir ~/.local/share/man/man1           all pages, for `man millstream`

Exit codes: 0 written, 1 the folder cannot be written, 64 the command line is wrong.")]
pub struct Man {
    /// The command whose page is written; without one, that of the whole
    #[arg(conflicts_with = "dir", add = completions::commands())]
    pub command: Option<String>,
    /// Write all pages into this folder
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  millstream emit plan fraud.stream
  millstream emit plan --opt fraud.stream
  millstream emit clif fraud.stream
  millstream emit nfa --dot fraud.stream | dot -Tsvg > fraud.svg")]
pub struct Emit {
    #[arg(value_enum)]
    pub layer: Layer,
    /// The program, or `-` for standard input
    #[arg(add = completions::programs())]
    pub file: PathBuf,
    #[command(flatten)]
    pub bindings: Bindings,
    /// With `plan`: after optimization, with what each rule changed
    #[arg(long)]
    pub opt: bool,
    /// With `ast`: with the byte range of each node
    #[arg(long)]
    pub spans: bool,
    /// With `nfa`: as graphs for graphviz
    #[arg(long)]
    pub dot: bool,
}

#[derive(Args, Default)]
#[command(after_help = "Examples:
  millstream repl
  millstream repl fraud.stream                 begin with the definitions of a program
  millstream repl fraud.stream --source payments=monday.ndjson
  millstream repl < script                     a script: as it is typed, without prompts

In the session `:help` tells what can be typed.

Exit codes: 0 fine, 1 a query of a script failed, 2 something in a script is wrong, 64 the command line is wrong.")]
pub struct Repl {
    /// A program whose definitions the session begins with
    #[arg(add = completions::programs())]
    pub file: Option<PathBuf>,
    /// Give a parameter a value (also from the environment: MILLSTREAM_NAME)
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair, add = completions::params())]
    pub set: Vec<(String, String)>,
    /// Read a source from this file or pattern; the format follows the extension
    #[arg(long = "source", value_name = "NAME=PATH", value_parser = pair, add = completions::sources())]
    pub source: Vec<(String, String)>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Layer {
    /// What the lexer makes of the text
    Tokens,
    /// The syntax tree
    Ast,
    /// The typed program
    Hir,
    /// The logical plan
    Plan,
    /// The physical dataflow
    Flow,
    /// The automata of its sequence patterns
    Nfa,
    /// Cranelift's intermediate code
    Clif,
}
