//! Between the addresses by which editors know files and the names by which the compiler does.
//!
//! The name of a file is its path, without `.` and `..`, so that a file has one name however a `use` leads to
//! it. What has no path, such as a text that was never saved, keeps its address as its name.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::path::{Component, Path, PathBuf};

/// What a path in an address cannot hold as it is (RFC 3986, `pchar` and `/`).
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

pub fn name_of(address: &str) -> String {
    path_of(address).map_or_else(|| address.to_string(), |path| tidied(&path))
}

pub fn address_of(name: &str) -> String {
    if is_path(name) { format!("file://{}", utf8_percent_encode(name, ESCAPED)) } else { name.to_string() }
}

/// Whether a name is a path, and so the name of something that can be on the disk.
pub fn is_path(name: &str) -> bool {
    name.starts_with('/')
}

/// The name of the file that `use` means by a path in the file `user`.
pub fn used(user: &str, path: &str) -> Option<String> {
    let folder = Path::new(user).parent().filter(|_| is_path(user));
    (folder.is_some() || is_path(path)).then(|| tidied(&folder.unwrap_or(Path::new("/")).join(path)))
}

/// Of `file:/a` and `file:///a`; none of a file that is on another machine (RFC 8089).
fn path_of(address: &str) -> Option<PathBuf> {
    let (scheme, rest) = address.split_once(':')?;
    let is_file = scheme.eq_ignore_ascii_case("file");
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/')?);
            (host.is_empty() || host.eq_ignore_ascii_case("localhost")).then_some(path)?
        }
        None => rest,
    };
    let path = percent_decode_str(path).decode_utf8().ok()?;
    (is_file && is_path(&path)).then(|| PathBuf::from(&*path))
}

/// Without `.` and `..`, as if no folder were a link to another.
fn tidied(path: &Path) -> String {
    let mut tidied = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                tidied.pop();
            }
            other => tidied.push(other),
        }
    }
    tidied.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files_are_paths_and_back() {
        for (address, name) in [
            ("file:///home/a/b.stream", "/home/a/b.stream"),
            ("file:///home/a%20b/%C3%A9%23.stream", "/home/a b/é#.stream"),
            ("untitled:Untitled-1", "untitled:Untitled-1"),
        ] {
            assert_eq!(name_of(address), name);
            assert_eq!(address_of(name), address);
        }
        assert_eq!(name_of("file://localhost/a/./b/../c.stream"), "/a/c.stream");
        assert_eq!(name_of("file:///a%FF"), "file:///a%FF", "no text, and so no name");
        assert_eq!(name_of("file:nowhere"), "file:nowhere");
        assert_eq!(
            name_of("FILE:///a/b.stream"),
            "/a/b.stream",
            "a scheme is told by its letters, large or small"
        );
        assert_eq!(name_of("file:/a/b.stream"), "/a/b.stream");
        assert_eq!(name_of("file://LocalHost/a.stream"), "/a.stream");
        assert_eq!(name_of("file://elsewhere/a.stream"), "file://elsewhere/a.stream", "on another machine");
        assert_eq!(name_of("http:/a"), "http:/a");
    }

    #[test]
    fn used_files_are_found_from_the_file_that_uses_them() {
        assert_eq!(used("/a/b/main.stream", "../shared.stream").as_deref(), Some("/a/shared.stream"));
        assert_eq!(used("/a/main.stream", "/x/y.stream").as_deref(), Some("/x/y.stream"));
        assert_eq!(used("untitled:Untitled-1", "shared.stream"), None);
    }
}
