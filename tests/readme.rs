//! What the README shows is what happens: its program is the example, and its outputs are printed.

mod support;

use support::Folder;

fn readme() -> String {
    file("README.md")
}

fn file(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The first block of a kind.
fn block(kind: &str) -> String {
    let readme = readme();
    let rest = readme.split(&format!("```{kind}\n")).nth(1).expect("the README has such a block");
    rest.split("```").next().unwrap_or_default().to_string()
}

/// Without remarks, which explain the program to readers of the README.
fn without_remarks(program: &str) -> String {
    let line = |line: &str| line.split(" -- ").next().unwrap_or_default().trim_end().to_string();
    program.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn example() -> Folder {
    let folder = Folder::new();
    folder.write("fraud.stream", file("examples/fraud.stream"));
    folder.write("payments.ndjson", file("examples/payments.ndjson"));
    folder
}

#[test]
fn the_program_is_the_example() {
    let program = without_remarks(&block("stream"));
    assert_eq!(file("examples/fraud.stream").split("\n\ntest ").next(), Some(program.as_str()));
}

#[test]
fn the_example_prints_the_alerts() {
    assert_eq!(example().run("run fraud.stream").code(0).stdout, block("json"));
}

#[test]
fn mistakes_are_said_as_shown() {
    let folder = example();
    let broken = folder.read("fraud.stream").replace("amount > 1.00", "amuont > 1.00");
    folder.write("fraud.stream", broken.replace("sum(amount)", "total(amount)"));
    assert_eq!(folder.run("check fraud.stream").code(2).stderr.trim_end(), block("text").trim_end());
}
