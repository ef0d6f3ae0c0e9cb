//! Texts of our own that editors open: the declarations of the standard library, and the pages of codes. They have
//! addresses of our own, or are files that are only to be read for editors that cannot ask for such texts.

use crate::address;
use crate::analysis::library;
use crate::client::Client;
use millstream_base::Code;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What addresses of our own begin with.
const SCHEME: &str = "millstream:/";

/// Where an editor finds our texts.
pub struct OwnTexts {
    has_addresses: bool,
    /// Where they are written for an editor to which addresses of our own mean nothing.
    folder: Option<PathBuf>,
    /// The files that are known to be there as they should be.
    written: RefCell<BTreeSet<PathBuf>>,
}

impl OwnTexts {
    /// `caches` is where programs keep what they can make again.
    pub fn new(client: &Client, caches: Option<&Path>) -> OwnTexts {
        let folder = caches.map(|caches| caches.join("millstream").join(env!("CARGO_PKG_VERSION")));
        OwnTexts { has_addresses: client.opens_virtual_files, folder, written: RefCell::default() }
    }

    /// Where the editor finds the declarations of a module.
    pub fn address_of_module(&self, module: &str) -> Option<String> {
        self.address_of(&path_of_module(module))
    }

    /// Where the editor finds the page of a code.
    pub fn address_of_code(&self, code: Code) -> Option<String> {
        self.address_of(&format!("codes/{code}.md"))
    }

    fn address_of(&self, path: &str) -> Option<String> {
        if self.has_addresses {
            return Some(format!("{SCHEME}{path}"));
        }
        let file = self.folder.as_ref()?.join(path);
        let is_there = self.written.borrow().contains(&file) && file.is_file();
        if !is_there {
            write(&file, text_of(path)?).ok()?;
            self.written.borrow_mut().insert(file.clone());
        }
        Some(address::address_of(file.to_str()?))
    }

    /// The module that a file declares, if it is a text of our own and no program.
    pub fn module_of(&self, name: &str) -> Option<&'static str> {
        let in_folder = || Path::new(name).strip_prefix(self.folder.as_ref()?).ok()?.to_str();
        let path = name.strip_prefix(SCHEME).or_else(in_folder)?;
        library::texts().map(|(module, _)| module).find(|module| path_of_module(module) == path)
    }
}

/// The text at an address of our own.
pub fn text_at(address: &str) -> Option<&'static str> {
    text_of(address.strip_prefix(SCHEME)?)
}

fn text_of(path: &str) -> Option<&'static str> {
    let code = path.strip_prefix("codes/").and_then(|name| name.strip_suffix(".md"));
    match code {
        Some(code) => Code::find(code).map(|code| code.info().page),
        None => library::text(&path.strip_suffix(".stream")?.replace('/', ".")),
    }
}

/// `std/text.stream`
fn path_of_module(module: &str) -> String {
    module.replace('.', "/") + ".stream"
}

/// Makes a file if it is not there, or holds what another build says.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|known| known == text) {
        return Ok(());
    }
    std::fs::create_dir_all(file.parent().unwrap_or(file))?;
    // Another server may do the same at the same time.
    let new = file.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&new, text)?;
    let mut permissions = std::fs::metadata(&new)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&new, permissions)?;
    std::fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_files_can_be_read_and_not_written() {
        let caches = tempfile::tempdir().expect("a temporary folder can be made");
        let plain = Client::new(&serde_json::Value::Null);
        let texts = OwnTexts::new(&plain, Some(caches.path()));
        let folder = caches.path().join("millstream").join(env!("CARGO_PKG_VERSION"));
        let of_another_build = folder.join("connectors");
        std::fs::create_dir_all(&of_another_build).expect("it can be made");
        std::fs::write(of_another_build.join("file.stream"), "old").expect("it can be written");
        let code = millstream_base::codes::E0203;
        for (address, path, text) in [
            (texts.address_of_module("std.text"), "std/text.stream", library::text("std.text")),
            (
                texts.address_of_module("connectors.file"),
                "connectors/file.stream",
                library::text("connectors.file"),
            ),
            (texts.address_of_code(code), "codes/E0203.md", Some(code.info().page)),
        ] {
            let file = folder.join(path);
            assert_eq!(address, Some(format!("file://{}", file.display())));
            assert_eq!(std::fs::read_to_string(&file).ok().as_deref(), text);
            assert!(std::fs::metadata(&file).expect("it is there").permissions().readonly());
        }
        // Who clears the caches loses nothing.
        std::fs::remove_dir_all(&folder).expect("it can be removed");
        assert!(texts.address_of_code(code).is_some());
        assert!(folder.join("codes/E0203.md").is_file());
        assert_eq!(texts.address_of_module("std.nothing"), None);
    }
}
