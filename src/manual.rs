//! The manual pages, which are made of the definition of the command line.

use crate::cli::Arguments;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io::{Error, Result, Write};
use std::path::{Path, PathBuf};

/// All commands, the whole one first, as they are called: `millstream`, `millstream run`.
fn commands() -> Vec<Command> {
    let mut whole = Arguments::command().disable_help_subcommand(true);
    whole.build();
    let parts: Vec<Command> = whole.get_subcommands().cloned().collect();
    [whole].into_iter().chain(parts).collect()
}

/// The page of a command, or of the whole one; none if there is no such command.
pub fn page(command: Option<&str>) -> Option<Result<Vec<u8>>> {
    let is_it = |found: &Command| found.get_name() == command.unwrap_or("millstream");
    commands().into_iter().find(is_it).map(written)
}

/// The names of the commands that have a page of their own.
pub fn names() -> Vec<String> {
    commands().iter().skip(1).map(|command| command.get_name().to_string()).collect()
}

/// Writes all pages into a folder; how many, or what cannot be written.
pub fn write_pages(folder: &Path) -> std::result::Result<usize, (PathBuf, Error)> {
    std::fs::create_dir_all(folder).map_err(|error| (folder.to_path_buf(), error))?;
    let commands = commands();
    for command in &commands {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let path = folder.join(format!("{name}.1"));
        let page = written(command.clone()).and_then(|page| std::fs::write(&path, page));
        page.map_err(|error| (path, error))?;
    }
    Ok(commands.len())
}

/// The page in the language of `man`. What stands below the options in `--help` has sections of its own here.
fn written(command: Command) -> Result<Vec<u8>> {
    let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man =
        Man::new(command).manual("Millstream").source(concat!("millstream ", env!("CARGO_PKG_VERSION")));
    let mut page = vec![];
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    for part in below.split("\n\n") {
        match (part.strip_prefix("Examples:\n"), part.strip_prefix("Exit codes: ")) {
            (Some(examples), _) => writeln!(page, ".SH EXAMPLES\n.nf\n{}\n.fi", escaped(examples))?,
            (_, Some(codes)) => writeln!(page, ".SH \"EXIT STATUS\"\n{}", escaped(codes))?,
            _ if part.is_empty() => {}
            _ => writeln!(page, ".SH NOTES\n{}", escaped(part))?,
        }
    }
    Ok(without_preambles(&page))
}

/// Each part of a page is written with what a page begins with, of which one is enough.
fn without_preambles(page: &[u8]) -> Vec<u8> {
    let page = String::from_utf8_lossy(page);
    let mut is_begun = false;
    let kept = page.lines().filter(|line| {
        let is_preamble = line.starts_with(".ie ") || line.starts_with(".el ");
        is_begun |= !is_preamble;
        !is_preamble || !is_begun
    });
    kept.flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// Text in which nothing is a request of roff.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
        if line.starts_with('.') { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    /// The examples of a help text, without remarks and what else is in the line of the shell.
    fn examples(help: &str) -> Vec<String> {
        let examples = help.split("\n\n").filter_map(|part| part.strip_prefix("Examples:\n"));
        let of_line = |line: &str| {
            let command = line.trim().split("  ").next().unwrap_or_default();
            let parts = command.split(" | ").filter(|part| part.starts_with("millstream"));
            parts
                .map(|part| {
                    part.split([' '])
                        .take_while(|word| !matches!(*word, ">" | "<"))
                        .collect::<Vec<_>>()
                        .join(" ")
                })
                .collect::<Vec<_>>()
        };
        examples.flat_map(str::lines).flat_map(of_line).collect()
    }

    #[test]
    fn every_example_of_a_help_text_is_a_valid_command_line() {
        for command in commands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = examples(&help);
            let is_started_by_others = command.get_name() == "lsp";
            assert!(!examples.is_empty() || is_started_by_others, "{} has no examples", command.get_name());
            for example in examples {
                let words = example.split(' ').map(|word| word.trim_matches('\''));
                if let Err(fault) = Arguments::try_parse_from(words) {
                    panic!("{example}\n{fault}");
                }
            }
        }
    }

    #[test]
    fn every_command_has_a_page_with_its_options_and_examples() {
        for command in commands() {
            let name = command.get_name().to_string();
            let page = String::from_utf8(written(command).expect("written")).expect("text");
            assert!(page.contains(".SH NAME") && page.contains(".SH OPTIONS"), "{name}\n{page}");
            assert!(page.contains(".SH EXAMPLES") || name == "lsp", "{name}\n{page}");
        }
    }
}
