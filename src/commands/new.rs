//! `millstream new`: starts a project.

use crate::cli::New;
use crate::command_line::said;
use crate::new::new as project;
use crate::program::show;
use crate::{WRONG_USAGE, terminal};
use millstream_base::SourceMap;

pub fn new(arguments: New) -> u8 {
    let mut files = SourceMap::default();
    let said = said(&["new", &arguments.name], &mut files);
    match project(&said[1]) {
        Ok(told) => terminal::out(told),
        Err(fault) => {
            show(&files, &[*fault]);
            WRONG_USAGE
        }
    }
}
