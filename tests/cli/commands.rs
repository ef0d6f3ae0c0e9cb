//! The commands beside `run`: help, exit codes, `fmt`, `emit`, `explain`, `check`.

use crate::support::Folder;

const PROGRAM: &str = "\
--- One click.
source clicks: { user: string, price: int?, at: timestamp }
  from file(\"in.ndjson\") format json
  time at disorder 5s

stream totals =
  from clicks
  where price > 1 + 1
  window tumbling 1m
  group by user
  select user, sum(price) as total

sink out from totals to stdout format json
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", PROGRAM).write("wrong.stream", "stream s = from nothing\n");
    folder.write("in.ndjson", "{\"user\":\"a\",\"price\":3,\"at\":\"2024-05-01T00:00:00Z\"}\n");
    folder
}

macro_rules! layers {
    ($($test:ident $arguments:literal;)*) => {
        $(#[test]
        fn $test() {
            insta::assert_snapshot!(folder().run(&format!("emit {} p.stream", $arguments)).code(0).stdout);
        })*
    };
}

layers! {
    emits_tokens "tokens";
    emits_the_tree "ast";
    emits_the_typed_program "hir";
    emits_the_plan "plan";
    emits_the_optimized_plan "plan --opt";
    emits_the_flow "flow";
}

#[test]
fn emits_machine_code() {
    // Its text depends on the machine; its functions do not.
    let text = folder().run("emit clif p.stream").code(0).stdout;
    assert!(text.contains("function u0:") && text.contains("block0("), "{text}");
    assert!(text.contains("iadd") && text.contains("icmp"), "{text}");
}

#[test]
fn options_of_other_layers_are_refused() {
    let folder = Folder::new();
    folder.write("p.stream", "param a: int = 1\n");
    for (line, said) in [
        ("emit ast --dot p.stream", "`--dot` is of the layer `nfa`, not of `ast`"),
        ("emit hir --opt p.stream", "`--opt` is of the layer `plan`, not of `hir`"),
        ("emit plan --opt --spans p.stream", "`--spans` is of the layer `ast`, not of `plan`"),
    ] {
        folder.run(line).code(64).stderr_has(said).stderr_has("write `millstream emit ");
    }
}

#[test]
fn what_is_no_data_and_no_state_is_told_at_its_place() {
    let folder = Folder::new();
    folder.write("p.stream", "param a: int = 1\n").write("data/orders.ndjson", "{\"a\":1}\n");
    folder
        .run("infer p.stream")
        .code(1)
        .stderr_has("E0961")
        .stderr_has("`p.stream` is a program, and no data");
    let near = folder.run("infer data/oders.ndjson").code(64);
    let near = near.stderr_has("E0902").stderr_has("did you mean `data/orders.ndjson`?");
    assert!(!near.stderr.contains("a relative path in a program"), "{}", near.stderr);
    let data = "cannot read `data/orders.ndjson`: it is data, and no program";
    for command in ["check", "run", "fmt", "preview", "repl"] {
        let ran = folder.run(&format!("{command} data/orders.ndjson")).code(64);
        ran.stderr_has("E0970").stderr_has(data).stderr_has("`millstream infer` declares a source");
    }
    folder.run("state data").code(1).stderr_has("E0803").stderr_has("there are no checkpoints in `data`");
}

#[test]
fn emits_automata() {
    let folder = folder();
    let pattern = "stream s = match by user a: clicks[price > 1]+ then not x: clicks[price == 0] for 5m within 1h select user\nsink found from s to file(\"found.ndjson\")\n";
    folder.write("m.stream", &(PROGRAM.to_string() + pattern));
    let text = folder.run("emit nfa m.stream").code(0).stdout;
    assert!(
        text.starts_with("stream s: a: clicks[price > 1]+ then not clicks[price == 0] for 5m\nstate 0\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "  after 5m -> 2, no clicks[price == 0]\n  a: clicks[price > 1] -> 1\nstate 2 complete\n"
        ),
        "{text}"
    );
    let graph = folder.run("emit nfa --dot m.stream").code(0).stdout;
    assert!(
        graph.starts_with("digraph \"s\" {\n") && graph.contains("  2 [shape=doublecircle];\n"),
        "{graph}"
    );
    let none = folder.run("emit nfa p.stream").code(0);
    assert_eq!((&*none.stdout, &*none.stderr), ("", "`p.stream` has no pattern\n"));
}

#[test]
fn explains_a_program_and_a_code() {
    let folder = folder();
    insta::assert_snapshot!(folder.run("explain p.stream").code(0).stdout);
    let by_number = folder.run("explain E0301").code(0).stdout;
    assert!(by_number.starts_with("E0301: ") && by_number.contains("\nWrong\n"), "{by_number}");
    assert_eq!(folder.run("explain type-mismatch").code(0).stdout, by_number);
    folder.run("explain E9999").code(64).stderr_has("those beside it are `E09");
    folder.run("explain E301").code(64).stderr_has("did you mean `E0301`?");
    folder.run("explain wrong.stream").code(2).stderr_has("error[E0203]");
}

#[test]
fn help_has_examples_and_version_names_the_time_zones() {
    let folder = folder();
    let commands = [
        "",
        "run ",
        "new ",
        "infer ",
        "check ",
        "fmt ",
        "test ",
        "why ",
        "explain ",
        "preview ",
        "graph ",
        "emit ",
        "state ",
        "lsp ",
        "repl ",
        "completions ",
        "man ",
    ];
    for command in commands {
        let help = folder.run(&format!("{command}--help")).code(0).stdout;
        let example = format!("Examples:\n  millstream {command}");
        assert!(help.contains(example.trim_end()), "{command}: {help}");
    }
    let version = folder.run("--version").code(0).stdout;
    assert!(version.starts_with("millstream ") && version.contains("time zones: "), "{version}");
}

#[test]
fn exit_codes_tell_what_kind_of_thing_went_wrong() {
    let folder = folder();
    folder.write(
        "none.stream",
        "source rows: { id: int } from file(\"none.ndjson\")\nsink o from rows to stdout\n",
    );
    for (arguments, code) in [
        ("run -q p.stream", 0),
        ("check p.stream", 0),
        ("run none.stream", 1),
        ("run wrong.stream", 2),
        ("check p.stream wrong.stream", 2),
        ("emit plan wrong.stream", 2),
        ("run no-such.stream", 64),
        ("run .", 64),
        ("run", 64),
        ("run p.stream --bogus", 64),
        ("run p.stream --limit many", 64),
        ("bogus", 64),
        ("emit bogus p.stream", 64),
    ] {
        let ran = folder.run(arguments).code(code);
        assert_eq!(code == 0, ran.stderr.is_empty(), "{arguments}: {}", ran.stderr);
    }
}

#[test]
fn a_program_can_come_from_standard_input() {
    let folder = folder();
    assert_eq!(folder.run_with("run -q -", PROGRAM).code(0).stdout, "{\"user\":\"a\",\"total\":3}\n");
    folder.run_with("check -", "stream s = from nothing\n").code(2).stderr_has("standard input:1:17");
    let explained = folder.run_with("explain -", PROGRAM).code(0).stdout;
    assert_eq!(explained, folder.run("explain p.stream").stdout);
}

#[test]
fn formatting_is_idempotent_and_keeps_comments() {
    let folder = folder();
    let ugly = "-- one\nparam   x:int=1 -- two\n--- three\nstream s=from r where a>1 -- four\nselect a,b\n\n\n\n-- five\n";
    folder.write("u.stream", ugly);
    folder.run("fmt --check u.stream").code(3).stderr_has("u.stream is not in the standard layout");
    assert_eq!(folder.read("u.stream"), ugly);
    let from_stdin = folder.run_with("fmt", ugly).code(0).stdout;
    folder.run("fmt u.stream").code(0);
    assert_eq!(folder.read("u.stream"), from_stdin);
    for comment in ["-- one", "-- two", "--- three", "-- four", "-- five"] {
        assert!(from_stdin.contains(comment), "{comment} is lost:\n{from_stdin}");
    }
    folder.run("fmt --check u.stream").code(0);
    assert_eq!(folder.run_with("fmt -", &from_stdin).code(0).stdout, from_stdin);
    folder.run_with("fmt --check", ugly).code(3);
    folder.write("bad.stream", "stream = \n");
    folder.run("fmt bad.stream").code(2).stderr_has("error[E0101]");
    assert_eq!(folder.read("bad.stream"), "stream = \n", "what does not parse is left alone");
    folder.run("fmt --check u.stream bad.stream p.stream").code(2);
}

#[test]
fn checking_reports_all_that_is_wrong_at_once() {
    let folder = folder();
    folder.write("many.stream", "stream a = from nothing\nparam n: int = \"x\"\nstream b = from\nparam m: int = 1 +\ntype T = { x: integer }\n");
    let ran = folder.run("check --format json many.stream").code(2);
    let codes: Vec<String> = ran
        .stdout
        .lines()
        .map(|l| {
            let finding: serde_json::Value = serde_json::from_str(l).expect("one object a line");
            for part in
                ["severity", "file", "line", "column", "end_line", "end_column", "message", "help", "fixes"]
            {
                assert!(!finding[part].is_null(), "{part} is missing: {l}");
            }
            finding["code"].as_str().expect("text").to_string()
        })
        .collect();
    assert_eq!(codes, ["E0203", "E0301", "E0101", "E0101", "E0204"]);
    assert_eq!(ran.stderr, "", "findings for programs go to standard output only");
}

#[test]
fn what_commands_are_told_is_refused_with_a_code_its_place_and_a_fix() {
    let folder = Folder::new();
    folder.write(
        "shop.stream",
        "source a: { x: int } from file(\"a.ndjson\")\nstream big = from a where x > 1\n",
    );
    std::fs::create_dir_all(folder.path().join("shop.state")).expect("a folder");
    let lines = [
        ("state shop.stat", 1),
        ("check shop.stream --against nowhere", 1),
        ("check shop.stream --against shop.state", 1),
        ("explain type-mismatsh", 64),
        ("explain shop", 64),
        ("explain shop.stream bigg", 64),
        ("man runn", 64),
        ("man --dir shop.stream/pages", 1),
    ];
    let refused =
        lines.map(|(line, code)| format!("$ millstream {line}\n{}", folder.run(line).code(code).stderr));
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn one_stream_of_a_program_is_explained() {
    let folder = Folder::new();
    folder.write(
        "p.stream",
        "source a: { x: int } from file(\"a.ndjson\")\nstream ab = from a where x > 1\nstream b = from ab\n",
    );
    let told = folder.run("explain p.stream ab").code(0).stdout;
    assert!(told.starts_with("stream ab\n  columns: x: int\n") && !told.contains("stream b\n"), "{told}");
    assert!(folder.run("explain p.stream").code(0).stdout.contains(&told));
}

#[test]
fn what_others_call_commands_and_flags_is_known() {
    let folder = Folder::new();
    folder.write("data.ndjson", "{\"a\":1}\n").write("p.stream", PROGRAM);
    for (arguments, tip) in [
        ("p.stream", "to run a program: `millstream run p.stream`"),
        ("gone.stream", "to run a program: `millstream run gone.stream`"),
        ("data.ndjson", "to read data, declare it: `millstream infer data.ndjson`"),
        ("build p.stream", "this is `millstream check`"),
        ("version", "this is `millstream --version`"),
        (
            "why p.stream",
            "`--stream NAME` asks what its clauses dropped, `--match NAME` what its pattern did",
        ),
        (
            "why p.stream big",
            "`--stream big` asks what its clauses dropped, `--match big` what its pattern did",
        ),
        ("graph p.stream --out p.svg", "this is `--svg FILE`"),
        ("run p.stream -o out.csv", "this is `--sink NAME=PATH`"),
        ("run p.stream --param=a", "this is `--set NAME=VALUE`"),
        ("test p.stream -k name", "this is `--filter TEXT`"),
        ("preview p.stream -n 3", "this is `--rows ROWS`"),
        ("check p.stream --json", "this is `--format json`"),
        ("fmt p.stream --dry-run", "this is `--check`"),
    ] {
        folder.run(arguments).code(64).stderr_has(tip);
    }
    folder.run("chek p.stream").code(64).stderr_has("did you mean `check`?");
}

/// What clap refuses is told as everything else is.
#[test]
fn a_command_line_that_cannot_be_taken_is_a_finding() {
    let folder = Folder::new();
    folder.write("p.stream", PROGRAM);
    let lines = [
        "rnu p.stream",
        "run",
        "run p.stream q.stream",
        "run p.stream --qiuet",
        "run p.stream --set",
        "run p.stream --set x",
        "run p.stream --workers many",
        "check p.stream --format yaml",
        "emit flow p.stream --spans",
    ];
    let told: Vec<String> = lines.map(|line| folder.run(line).code(64).stderr).into();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn folders_stand_for_the_programs_below_them() {
    let folder = Folder::new();
    let wrong = "stream a = from nothing\n";
    for place in ["a/b", "target", ".hidden", "node_modules", "empty"] {
        std::fs::create_dir_all(folder.path().join(place)).expect("folders are made");
    }
    let places = [
        "top.stream",
        "a/b/deep.stream",
        "target/made.stream",
        ".hidden/kept.stream",
        "node_modules/x.stream",
    ];
    for place in places {
        folder.write(place, wrong);
    }
    folder.write("a/data.ndjson", "");
    for command in ["check . --format concise", "check --format concise"] {
        let told = folder.run(command).code(2).stderr;
        let found: Vec<&str> = told.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(found, ["a/b/deep.stream", "top.stream"], "{told}");
    }
    folder.run("check empty").code(64).stderr_has("error[E0970]: there is no program below `empty`");
    folder.write("a/b/deep.stream", "stream   a=from s\n");
    folder.write("top.stream", "stream a =\n  from s\n");
    let told = folder.run("fmt --check a top.stream").code(3).stderr;
    assert_eq!(told, "a/b/deep.stream is not in the standard layout\n");
    folder.run("fmt .").code(0);
    folder.run("fmt --check .").code(0);
    let kept = std::fs::read_to_string(folder.path().join("target/made.stream"));
    assert_eq!(kept.expect("it is there"), wrong);
}

#[test]
fn numbers_that_are_none_are_said_to_be() {
    let folder = Folder::new();
    folder.write("p.stream", "");
    for (command, told) in [
        ("preview p.stream --rows -1", "expected a number of rows, at least 1"),
        ("preview p.stream --rows 0", "expected a number of rows, at least 1"),
        ("preview p.stream --rows many", "expected a number of rows, at least 1"),
        ("infer p.csv --rows -1", "expected a number of rows, at least 1"),
        ("run p.stream --limit -1", "expected a number of rows, such as 100"),
        ("run p.stream --workers -1", "-1 is not in 1..=256"),
        ("run p.stream --until -1", "error[E0951]: `--until -1` does not say a time"),
        ("run p.stream --why=soon", "write it as `--why=10s`"),
        ("run p.stream --state s --checkpoint-every x", "write it as `--checkpoint-every 10s`"),
    ] {
        folder.run(command).code(64).stderr_has(told);
    }
}
