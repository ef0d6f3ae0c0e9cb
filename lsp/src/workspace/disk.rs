//! What lies on the disk: programs that are not open below the editor's folders, and what paths in programs may name.

use crate::address;
use std::path::{Path, PathBuf};

/// More than any folder of programs has: what has more is no such folder.
const MOST_FOLDERS: usize = 2_000;

/// More than anyone looks through.
const MOST_PATHS: usize = 1_000;

/// More than any program: what is longer is data, or has no end.
const LONGEST: u64 = 64 << 20;

/// The files of programs below folders, by name. Hidden folders and those of tools are left out.
pub fn programs_below(folders: &[String]) -> Vec<String> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    let mut programs = vec![];
    let mut n_folders = 0;
    while let Some(folder) = waiting.pop() {
        n_folders += 1;
        if n_folders > MOST_FOLDERS {
            break;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !is_of_tools(&path) {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "stream") {
                programs.extend(path.to_str().map(str::to_string));
            }
        }
    }
    programs.sort();
    programs
}

fn is_of_tools(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "target" || name == "node_modules"
}

/// What a path in the file `user` may go on with behind `folder`, by name, and whether each is a folder: programs or
/// data, without what is hidden.
pub fn paths_beside(user: &str, folder: &str, of_programs: bool) -> Vec<(String, bool)> {
    // A path to anything in the folder tells which it is.
    let Some(folder) = address::used(user, &format!("{folder}.")) else { return vec![] };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_PATHS);
    let mut found: Vec<(String, bool)> = entries
        .filter_map(|entry| {
            let path = entry.path();
            let is_program = path.extension().is_some_and(|extension| extension == "stream");
            let is_wanted =
                path.is_dir() && !is_of_tools(&path) || path.is_file() && is_program == of_programs;
            let name = entry.file_name().into_string().ok()?;
            (is_wanted && !name.starts_with('.') && path.to_str() != Some(user))
                .then_some((name, path.is_dir()))
        })
        .collect();
    found.sort();
    found
}

/// The text of a file, or why there is none.
pub fn read(name: &str) -> Result<String, String> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| {
        let text = error.to_string();
        format!("cannot read {name}: {}", text.split(" (os error").next().unwrap_or(&text).to_lowercase())
    };
    let mut text = String::new();
    let file = std::fs::File::open(name).map_err(unreadable)?;
    file.take(LONGEST).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}
