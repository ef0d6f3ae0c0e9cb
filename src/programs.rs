//! The programs that a command line names: files, and all below a folder.

use crate::WRONG_USAGE;
use crate::command_line::said;
use crate::program::show;
use millstream_base::{Diagnostic, SourceMap, codes};
use std::path::{Path, PathBuf};

/// A folder below which there is none.
pub struct Empty(pub PathBuf);

impl Empty {
    /// Says so of the command that has been given the folder.
    pub fn tell(&self, command: &str) -> u8 {
        let mut files = SourceMap::default();
        let folder = self.0.display().to_string();
        let said = said(&[command, &folder], &mut files);
        let headline = format!("there is no program below `{folder}`");
        let fault = Diagnostic::new(codes::E0970, said[1].span, headline)
            .label("named here")
            .help("programs are files that end in `.stream`; `millstream new NAME` makes one to begin with");
        show(&files, &[fault]);
        WRONG_USAGE
    }
}

/// These files, and of each folder the programs below it that are wanted; of the present folder if none is named.
pub fn named(paths: &[PathBuf], is_wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>, Empty> {
    let here = [PathBuf::from(".")];
    let mut found = vec![];
    for path in if paths.is_empty() { &here } else { paths } {
        if path.is_dir() {
            let before = found.len();
            below(path, is_wanted, &mut found);
            if found.len() == before {
                return Err(Empty(path.clone()));
            }
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// Hidden folders hold what tools keep, `target` and `node_modules` what they make.
fn below(folder: &Path, is_wanted: fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                below(&path, is_wanted, found);
            }
        } else if path.extension().is_some_and(|e| e == "stream") && is_wanted(&path) {
            found.push(path.strip_prefix(".").map_or(path.clone(), Path::to_path_buf));
        }
    }
}
