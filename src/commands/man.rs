//! `millstream man`: the manual pages.

use super::errors::unknown_page;
use crate::cli::Man;
use crate::command_line::{cannot_create, said};
use crate::manual;
use crate::program::{Problem, plain, show};
use crate::{FAILED, WRONG_USAGE, terminal};
use millstream_base::SourceMap;
use std::path::Path;

pub fn man(arguments: Man) -> u8 {
    if let Some(folder) = &arguments.dir {
        return match manual::write_pages(folder) {
            Ok(n) => terminal::out(format_args!("{n} pages in {}\n", folder.display())),
            Err((path, error)) => unwritten(folder, &path, &error),
        };
    }
    let command = arguments.command.as_deref();
    match manual::page(command) {
        Some(Ok(page)) => terminal::out(String::from_utf8_lossy(&page)),
        Some(Err(error)) => {
            Problem { message: format!("cannot make the page: {}", plain(&error)), code: FAILED }.tell()
        }
        None => {
            let mut files = SourceMap::default();
            let said = said(&["man", command.unwrap_or_default()], &mut files);
            show(&files, &[unknown_page(&said[1], &manual::names())]);
            WRONG_USAGE
        }
    }
}

/// `path`: what could not be written for the folder that is named.
fn unwritten(folder: &Path, path: &Path, error: &std::io::Error) -> u8 {
    let mut files = SourceMap::default();
    let said = said(&["man", "--dir", &folder.display().to_string()], &mut files);
    show(&files, &[cannot_create(said[2].span, path, error)]);
    FAILED
}
