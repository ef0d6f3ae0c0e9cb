//! The definitions of a session as a program in a file of its own, in which relative paths lead where they did.

use super::session::{Definition, Session, TYPED};
use millstream_syntax::cursor;
use std::path::{Component, Path, PathBuf};

/// The program as it is written to a file in `folder`.
pub fn program(session: &Session, folder: &Path) -> String {
    let text = session.program(|definition| moved(definition, folder));
    millstream_syntax::format(TYPED, &text).unwrap_or(text)
}

/// A definition as a file in another folder has it.
fn moved(definition: &Definition, folder: &Path) -> String {
    let (mut moved, mut end) = (String::new(), 0);
    for path in cursor::paths(definition.text()) {
        let written = &definition.text()[path.clone()];
        if let Some(from_there) = from_other_folder(definition.folder(), folder, written) {
            moved += &definition.text()[end..path.start];
            moved += &from_there;
            end = path.end;
        }
    }
    moved + &definition.text()[end..]
}

/// A path of one folder from another; none if it is the same from there.
fn from_other_folder(folder: &Path, other: &Path, path: &str) -> Option<String> {
    // What has to be escaped in a text is not in the way of a path.
    if Path::new(path).is_absolute() || path == "-" || path.contains('\\') {
        return None;
    }
    let (folder, other) = (plain(folder)?, plain(other)?);
    if folder == other {
        return None;
    }
    let meant = plain(&folder.join(path))?;
    let n_shared = meant.components().zip(other.components()).take_while(|(a, b)| a == b).count();
    let up = other.components().skip(n_shared).map(|_| Component::ParentDir);
    let moved: PathBuf = up.chain(meant.components().skip(n_shared)).collect();
    // The language writes paths with slashes wherever it runs.
    let parts = moved.components().map(|part| part.as_os_str().to_str());
    Some(parts.collect::<Option<Vec<&str>>>()?.join("/"))
}

/// From the root, without `.` and `..`.
fn plain(path: &Path) -> Option<PathBuf> {
    let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let mut plain = PathBuf::new();
    for part in std::path::absolute(here).ok()?.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_they_did() {
        let moved = |folder: &str, other: &str, path: &str| {
            from_other_folder(Path::new(folder), Path::new(other), path).unwrap_or_else(|| path.to_string())
        };
        assert_eq!(moved("", "below", "a.csv"), "../a.csv");
        assert_eq!(moved("below", "", "a.csv"), "below/a.csv");
        assert_eq!(moved("below", "beside/deep", "../b/*.csv"), "../../b/*.csv");
        assert_eq!(moved("below", "./x/../below", "a.csv"), "a.csv");
        assert_eq!(moved("below", "", "/tmp/a.csv"), "/tmp/a.csv");
        assert_eq!(moved("below", "", "-"), "-");
    }
}
