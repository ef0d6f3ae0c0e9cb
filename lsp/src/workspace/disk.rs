//! What lies on the disk: programs that are not open below the editor's folders, and what paths in programs may name.

use crate::address;
use millstream_base::span::{LONGEST_PROGRAM, longer_than_programs};
use std::path::{Path, PathBuf};

/// More than any folder of programs has: what has more is no such folder.
const MOST_FOLDERS: usize = 2_000;

/// More than anyone looks through.
const MOST_PATHS: usize = 1_000;

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
            } else if path.extension().is_some_and(|extension| extension == "stream") && path.is_file() {
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

/// The text of a file, or why there is none. What is neither a file nor a folder is not opened: a pipe may have no writer,
/// a device no end, and standard input is the editor's.
pub fn read(name: &str) -> Result<String, String> {
    use std::io::Read;
    let refused = |why: &str| format!("cannot read {name}: {why}");
    let unreadable = |error: std::io::Error| {
        let text = error.to_string();
        refused(&text.split(" (os error").next().unwrap_or(&text).to_lowercase())
    };
    let kind = std::fs::metadata(name).map_err(unreadable)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(refused("it is a pipe or a device, not a file"));
    }
    let mut text = String::new();
    let file = std::fs::File::open(name).map_err(unreadable)?;
    file.take(LONGEST_PROGRAM + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > LONGEST_PROGRAM {
        return Err(refused(&format!("it is {}", longer_than_programs())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("its name is text").to_string();
        std::fs::write(path("a.stream"), "").expect("written");
        let made = std::process::Command::new("mkfifo").arg(path("pipe.stream")).status();
        assert!(made.expect("there is such a command").success());
        let refused = |name: &str| format!("cannot read {name}: it is a pipe or a device, not a file");
        assert_eq!(read(&path("pipe.stream")), Err(refused(&path("pipe.stream"))));
        assert_eq!(read("/dev/zero"), Err(refused("/dev/zero")));
        assert_eq!(programs_below(&[path("")]), [path("a.stream")]);
    }

    #[test]
    fn a_file_that_is_longer_than_any_program_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(LONGEST_PROGRAM + 1).expect("it grows");
        let name = file.path().to_str().expect("its name is text");
        assert_eq!(read(name), Err(format!("cannot read {name}: it is longer than 64 MiB")));
    }
}
