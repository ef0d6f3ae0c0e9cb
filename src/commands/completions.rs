//! `millstream completions`: scripts with which shells complete command lines.

use crate::cli::Completions;
use crate::{manual, terminal};

pub fn completions(arguments: Completions) -> u8 {
    terminal::out(String::from_utf8_lossy(&manual::completions(arguments.shell)))
}
