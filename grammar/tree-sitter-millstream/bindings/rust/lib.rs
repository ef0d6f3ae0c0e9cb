//! The tree-sitter grammar of Millstream for programs in Rust, with its queries.
//!
//! Editors take `src/` and `queries/` as they are; the tests beside this folder take this crate.

use tree_sitter_language::LanguageFn;

unsafe extern "C" {
    fn tree_sitter_millstream() -> *const ();
}

/// The language, for `tree_sitter::Parser::set_language`.
// SAFETY: the generated function returns a pointer to a static table.
pub const LANGUAGE: LanguageFn = unsafe { LanguageFn::from_raw(tree_sitter_millstream) };

pub const HIGHLIGHTS: &str = include_str!("../../queries/highlights.scm");
pub const FOLDS: &str = include_str!("../../queries/folds.scm");
pub const INDENTS: &str = include_str!("../../queries/indents.scm");
pub const INJECTIONS: &str = include_str!("../../queries/injections.scm");
pub const LOCALS: &str = include_str!("../../queries/locals.scm");
