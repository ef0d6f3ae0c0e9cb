//! `millstream completions` and `millstream man`: what is made of the command line's definition can be used.

use crate::support::Folder;
use std::process::Command;

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn completion_scripts_can_be_read_by_their_shells() {
    let folder = Folder::new();
    for (shell, check) in [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute")] {
        let script = folder.run(&format!("completions {shell}")).code(0).stdout;
        folder.write(shell, script);
        if is_installed(shell) {
            folder.shell(&format!("{check} {shell}")).code(0);
        }
    }
    folder.run("completions csh").code(64).stderr_has("bash");
}

/// What a shell is told that asks how a line can go on, each with what is said of it.
fn completed(folder: &Folder, line: &str) -> String {
    folder.run_in(&format!("-- millstream {line}"), "", &[("_MILLSTREAM_COMPLETE", "fish")]).code(0).stdout
}

fn with_a_program() -> Folder {
    let folder = Folder::new();
    let program = "param least: int = 1\nsource rows: { a: int } from file(\"rows.ndjson\")\nstream large = from rows\nsink out from large to stdout format json\ntest \"nothing large\" { given rows [] expect large empty }\n";
    folder.write("p.stream", program);
    folder.write("rows.ndjson", "");
    folder
}

#[test]
fn what_may_stand_in_a_place_is_completed() {
    let folder = with_a_program();
    for (line, values) in [
        ("prev", "preview"),
        ("graph --sv", "--svg"),
        ("emit pl", "plan"),
        ("completions b", "bash"),
        ("man inf", "infer"),
        ("explain E092", "E0920 E0921 E0922 E0923 E0924 E0925 E0926 E0927 E0928 E0929"),
        ("explain not-a-v", "not-a-value"),
        ("explain p.", "p.stream"),
        ("emit plan ./", "./p.stream"),
        ("run p.stream --set l", "least="),
        ("run p.stream --source r", "rows="),
        ("run p.stream --source rows=r", "rows=rows.ndjson"),
        ("run p.stream --sink o", "out="),
        ("preview p.stream l", "large"),
        ("why p.stream --match l", "large"),
        ("why p.stream --stream r", "rows"),
        ("why none.stream --stream r", ""),
        ("run p.stream --report ", "text json"),
        ("test p.stream --filter n", "nothing large"),
        ("test --filter n", "nothing large"),
        ("run p.stream --state s --drop-state l", "large"),
    ] {
        let told = completed(&folder, line);
        let found: Vec<&str> = told.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(found.join(" "), values, "{line}");
    }
    assert_eq!(completed(&folder, "explain E0201"), "E0201\ta name that nothing here has\n");
}

#[test]
fn bash_and_fish_complete_commands_and_what_stands_behind_them() {
    let folder = with_a_program();
    let path = "PATH=$(dirname $M):$PATH";
    if is_installed("bash") {
        folder.write("script", folder.run("completions bash").code(0).stdout);
        let completed = |words: &str, n: usize| {
            let script = format!(
                "{path} bash -c 'source ./script; COMP_WORDS=({words}); COMP_CWORD={n}; _clap_complete_millstream millstream \"${{COMP_WORDS[{n}]}}\" \"${{COMP_WORDS[{n}-1]}}\"; echo ${{COMPREPLY[@]}}'"
            );
            folder.shell(&script).code(0).stdout
        };
        assert_eq!(completed("millstream prev", 1), "preview\n");
        assert_eq!(completed("millstream emit pl", 2), "plan\n");
        assert_eq!(completed("millstream preview p.stream la", 3), "large\n");
    }
    if is_installed("fish") {
        let completed = |line: &str| {
            let script = format!(
                "{path} fish -c 'source ($M completions fish | psub); complete -C \"millstream {line}\"'"
            );
            folder.shell(&script).code(0).stdout
        };
        assert_eq!(completed("emit pl"), "plan\tThe logical plan\n");
        assert_eq!(completed("completions z"), "zsh\n");
        assert_eq!(completed("preview p.stream la"), "large\tstream\n");
    }
}

#[test]
fn manual_pages_are_written_for_every_command() {
    let folder = Folder::new();
    folder.run("man --dir pages").code(0);
    let mut pages: Vec<String> = std::fs::read_dir(folder.path().join("pages"))
        .expect("a folder of pages")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    assert!(
        pages.contains(&"millstream.1".to_string()) && pages.contains(&"millstream-run.1".to_string()),
        "{pages:?}"
    );
    let page = folder.run("man preview").code(0).stdout;
    assert_eq!(page, folder.read("pages/millstream-preview.1"));
    insta::assert_snapshot!(page);
    if is_installed("groff") {
        for page in pages {
            let said = folder.shell(&format!("groff -ww -man -Tutf8 pages/{page} > text")).code(0).stderr;
            assert_eq!(said, "", "{page}");
        }
    }
}
