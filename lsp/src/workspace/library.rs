//! The declarations of the standard library as texts that editors open: at addresses of our own, or, for editors that
//! cannot ask for such texts, as files that are only to be read.

use crate::address;
use crate::analysis::library::text;
use crate::client::Client;
use std::path::{Path, PathBuf};

/// What addresses of our own begin with.
pub const SCHEME: &str = "millstream:/";

/// Where the editor finds the declarations of a module.
pub fn address_of(client: &Client, module: &str) -> Option<String> {
    if client.opens_virtual_files {
        return Some(format!("{SCHEME}{}", path_of(module)));
    }
    let file = written(&folder()?, module).ok()?;
    Some(address::address_of(file.to_str()?))
}

/// The declarations at an address of our own.
pub fn text_at(address: &str) -> Option<&'static str> {
    let module = address.strip_prefix(SCHEME)?.strip_suffix(".stream")?;
    text(&module.replace('/', "."))
}

/// Whether a file holds declarations of the library rather than a program.
pub fn holds(name: &str) -> bool {
    name.starts_with(SCHEME) || folder().is_some_and(|folder| Path::new(name).starts_with(folder))
}

/// `std/text.stream`
fn path_of(module: &str) -> String {
    module.replace('.', "/") + ".stream"
}

/// Where programs keep what they can make again (the XDG base directory specification).
fn folder() -> Option<PathBuf> {
    let told = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = told.or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    Some(caches.join("millstream").join(env!("CARGO_PKG_VERSION")))
}

/// The file of a module, which is made if it is not there, or holds what another build declares.
fn written(folder: &Path, module: &str) -> std::io::Result<PathBuf> {
    let text = text(module).ok_or(std::io::ErrorKind::NotFound)?;
    let file = folder.join(path_of(module));
    if std::fs::read_to_string(&file).is_ok_and(|known| known == text) {
        return Ok(file);
    }
    std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
    // Another server may do the same at the same time.
    let new = file.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&new, text)?;
    let mut permissions = std::fs::metadata(&new)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&new, permissions)?;
    std::fs::rename(&new, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_library_can_be_read_and_not_written() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = written(folder.path(), "std.text").expect("it can be written");
        assert_eq!(file, folder.path().join("std/text.stream"));
        let of_another_build = folder.path().join("connectors");
        std::fs::create_dir(&of_another_build).expect("it can be made");
        std::fs::write(of_another_build.join("file.stream"), "old").expect("it can be written");
        let file = written(folder.path(), "connectors.file").expect("it can be replaced");
        assert_eq!(std::fs::read_to_string(&file).ok().as_deref(), text("connectors.file"));
        assert!(std::fs::metadata(&file).expect("it is there").permissions().readonly());
        assert_eq!(written(folder.path(), "connectors.file").ok(), Some(file));
        assert!(written(folder.path(), "std.nothing").is_err());
    }
}
