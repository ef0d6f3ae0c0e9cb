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
        for command in ["preview", "infer", "completions"] {
            assert!(script.contains(command), "{shell}: {command}");
        }
        folder.write(shell, script);
        if is_installed(shell) {
            folder.shell(&format!("{check} {shell}")).code(0);
        }
    }
    folder.run("completions csh").code(64).stderr_has("bash");
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = Folder::new();
    folder.write("script", folder.run("completions bash").code(0).stdout);
    let completed = |words: &str, n: usize| {
        let script = format!(
            "bash -c 'source ./script; COMP_WORDS=({words}); COMP_CWORD={n}; _millstream millstream \"${{COMP_WORDS[{n}]}}\" \"${{COMP_WORDS[{n}-1]}}\"; echo ${{COMPREPLY[@]}}'"
        );
        folder.shell(&script).code(0).stdout
    };
    assert_eq!(completed("millstream prev", 1), "preview\n");
    assert_eq!(completed("millstream graph --sv", 2), "--svg\n");
    assert_eq!(completed("millstream emit pl", 2), "plan\n");
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
    folder.run("man previev").code(64).stderr_has("did you mean `preview`?");
    folder.write("file", "");
    folder.run("man --dir file/pages").code(1).stderr_has("cannot write pages to file/pages");
}
