//! `millstream new`: a project that runs and tests at once, and none where something stands.

use crate::support::Folder;

#[test]
fn a_new_project_runs_and_tests_at_once() {
    let folder = Folder::new();
    let told = folder.run("new work/shop").code(0).stdout;
    insta::assert_snapshot!(told, @r"
    work/shop/shop.stream    a program with a test
    work/shop/orders.ndjson  its input
    work/shop/README.md      what to do with them

    Run it:  millstream run work/shop/shop.stream
    Test it: millstream test work/shop/shop.stream
    ");
    let rows = folder.run("run -q work/shop/shop.stream").code(0).stdout;
    insta::assert_snapshot!(rows, @r#"
    {"customer":"ada","hour":"2024-05-01T08:00:00Z","n":1,"total":12.50}
    {"customer":"bob","hour":"2024-05-01T08:00:00Z","n":1,"total":40.00}
    {"customer":"cleo","hour":"2024-05-01T08:00:00Z","n":1,"total":8.25}
    {"customer":"ada","hour":"2024-05-01T09:00:00Z","n":1,"total":99.99}
    {"customer":"bob","hour":"2024-05-01T09:00:00Z","n":1,"total":3.10}
    {"customer":"cleo","hour":"2024-05-01T09:00:00Z","n":2,"total":22.75}
    "#);
    let tested = folder.run("test --thorough work/shop").code(0).stdout;
    assert!(tested.contains("1 passed, 0 failed"), "{tested}");
    folder.run("fmt --check work/shop/shop.stream").code(0);
}

#[test]
fn its_readme_says_what_works() {
    let folder = Folder::new();
    folder.run("new shop").code(0);
    let readme = folder.read("shop/README.md");
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("millstream ")).collect();
    assert_eq!(commands.len(), 9, "{readme}");
    for command in commands {
        folder.shell(&format!("cd shop && $M {command}")).code(0);
    }
}

#[test]
fn what_it_says_can_be_typed_whatever_it_is_called() {
    for name in [
        "my first shop's",
        "-x",
        "--help",
        "- a b",
        "läden",
        "\"quoted\"",
        "~x",
        "$HOME",
        "a;b & c",
        "*",
        "#1",
        "a\\b",
        "x=y",
        "!x",
    ] {
        let folder = Folder::new();
        let word = format!("'{}'", name.replace('\'', "'\\''"));
        let told = folder.shell(&format!("$M new -- {word}")).code(0).stdout;
        let runs = told.lines().filter_map(|line| line.split_once(": ").map(|(_, command)| command.trim()));
        let runs: Vec<&str> = runs.filter_map(|command| command.strip_prefix("millstream ")).collect();
        assert_eq!(runs.len(), 2, "{told}");
        runs.iter().for_each(|command| _ = folder.shell(&format!("$M {command}")).code(0));
        let readme = folder.read(&format!("{name}/README.md"));
        for command in readme.lines().filter_map(|line| line.strip_prefix("millstream ")) {
            folder.shell(&format!("cd -- {word} && $M {command} < /dev/null")).code(0);
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = Folder::new();
    folder.write("shop/notes.txt", "mine").write("bakery", "a file");
    std::fs::create_dir(folder.path().join("empty")).expect("a folder can be made");
    for (arguments, code, said) in [
        ("new shop", 64, "error[E0963]: `shop` is there already, with files in it"),
        ("new bakery", 64, "error[E0963]: `bakery` is there already, as a file"),
        ("new bakery/shop", 64, "error[E0907]: cannot write `bakery/shop`: not a directory"),
        ("new shop.stream", 64, "error[E0962]: `shop.stream` is no name of a project"),
        ("new ..", 64, "error[E0962]"),
        ("new", 64, "NAME"),
        ("new empty", 0, ""),
    ] {
        folder.run(arguments).code(code).stderr_has(said);
    }
    assert_eq!(folder.read("shop/notes.txt"), "mine");
}
