//! The examples' own tests pass.

mod support;

use support::Folder;

#[test]
fn the_tests_of_all_examples_pass() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let told = Folder::new().run(&format!("test {examples} --thorough")).code(0).stdout;
    let programs = std::fs::read_dir(examples).expect("a folder").flatten();
    for program in programs.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == "stream"))
    {
        let name = program.display().to_string();
        assert!(told.contains(&format!("{name}\n  ok")), "{name} has no test:\n{told}");
    }
}
