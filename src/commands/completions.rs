//! `millstream completions`: scripts with which shells complete command lines.

use crate::cli::Completions;
use crate::program::plain;
use crate::{FAILED, completions as complete, terminal};

pub fn completions(arguments: Completions) -> u8 {
    match complete::script(arguments.shell) {
        Ok(script) => terminal::out(String::from_utf8_lossy(&script)),
        Err(error) => {
            terminal::err(format_args!("error: cannot make the script: {}\n", plain(&error)));
            FAILED
        }
    }
}
