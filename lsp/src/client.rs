//! The editor: what it said of itself when the conversation began.

use crate::address;
use crate::line_index::Encoding;
use serde_json::Value;

#[derive(Debug)]
pub struct Client {
    pub encoding: Encoding,
    /// Edits may say which state of a file they are for.
    pub has_versioned_edits: bool,
    /// Tells of files that change outside of it, if it is asked to.
    pub watches_files: bool,
    /// Asks us for texts that are in no file, and so can open links to them.
    pub opens_virtual_files: bool,
    /// Asks for what is wrong with the texts that are open in it, and can be told that it should ask again.
    pub pulls_diagnostics: bool,
    /// Completions may have places to fill in.
    pub has_snippets: bool,
    /// The folders that are open in it, by name.
    pub folders: Vec<String>,
}

impl Client {
    /// From the parameters of `initialize`. What an editor does not say it cannot do.
    pub fn new(params: &Value) -> Client {
        let can = |path: &str| params["capabilities"].pointer(path).and_then(Value::as_bool) == Some(true);
        Client {
            encoding: encoding(params),
            has_versioned_edits: can("/workspace/workspaceEdit/documentChanges"),
            watches_files: can("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            opens_virtual_files: params["capabilities"]["workspace"]["textDocumentContent"].is_object(),
            pulls_diagnostics: params["capabilities"]["textDocument"]["diagnostic"].is_object()
                && can("/workspace/diagnostics/refreshSupport"),
            has_snippets: can("/textDocument/completion/completionItem/snippetSupport"),
            folders: folders(params),
        }
    }
}

/// The first that we know of those that the editor would like.
fn encoding(params: &Value) -> Encoding {
    let offered = params["capabilities"]["general"]["positionEncodings"].as_array();
    let known = |name: &Value| match name.as_str()? {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    offered.into_iter().flatten().find_map(known).unwrap_or(Encoding::Utf16)
}

fn folders(params: &Value) -> Vec<String> {
    let many = params["workspaceFolders"].as_array().into_iter().flatten().map(|folder| &folder["uri"]);
    let mut addresses: Vec<&str> = many.filter_map(Value::as_str).collect();
    if addresses.is_empty() {
        addresses.extend(params["rootUri"].as_str());
    }
    addresses.into_iter().map(address::name_of).filter(|name| address::is_path(name)).collect()
}
