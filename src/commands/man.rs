//! `millstream man`: the manual pages.

use crate::cli::Man;
use crate::manual;
use crate::program::plain;
use crate::{FAILED, WRONG_USAGE, terminal};
use millstream_base::did_you_mean;

pub fn man(arguments: Man) -> u8 {
    if let Some(folder) = &arguments.dir {
        return match manual::write_pages(folder) {
            Ok(n) => terminal::out(format_args!("{n} pages in {}\n", folder.display())),
            Err(error) => {
                failed(format_args!("cannot write pages to {}: {}", folder.display(), plain(&error)))
            }
        };
    }
    let command = arguments.command.as_deref();
    match manual::page(command) {
        Some(Ok(page)) => terminal::out(String::from_utf8_lossy(&page)),
        Some(Err(error)) => failed(format_args!("cannot make the page: {}", plain(&error))),
        None => {
            let named = command.unwrap_or_default();
            let names = manual::names();
            let nearest = did_you_mean(named, names.iter().map(String::as_str));
            let hint = nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"));
            terminal::err(format_args!("error: there is no command `{named}`{hint}\n"));
            WRONG_USAGE
        }
    }
}

fn failed(what: std::fmt::Arguments) -> u8 {
    terminal::err(format_args!("error: {what}\n"));
    FAILED
}
