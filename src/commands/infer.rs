//! `millstream infer`: the declarations of data files.

use crate::cli::Infer;
use crate::command_line::said;
use crate::infer::infer as declarations;
use crate::program::show;
use crate::{FAILED, WRONG_USAGE, terminal};
use millstream_base::{SourceMap, codes};

pub fn infer(arguments: Infer) -> u8 {
    let words: Vec<&str> = ["infer"].into_iter().chain(arguments.files.iter().map(String::as_str)).collect();
    let mut files = SourceMap::default();
    let said = said(&words, &mut files);
    match declarations(&said[1..], arguments.rows) {
        Ok(text) => terminal::out(text),
        Err(fault) => {
            let is_named_wrong =
                [codes::E0902, codes::E0903, codes::E0904, codes::E0905].contains(&fault.code);
            show(&files, &[*fault]);
            if is_named_wrong { WRONG_USAGE } else { FAILED }
        }
    }
}
