//! How functions of the standard library come into programs: as values.
//! `stdlib` fills a [`Catalog`]; the compiler resolves calls against it; evaluator and machine code call it.

use crate::types::Type;
use crate::value::Value;
use std::fmt;

/// A function that is implemented in Rust. Pure: the same arguments give the same result everywhere.
pub struct ScalarFunction {
    /// The name by which `native` declarations in `stdlib/decls` refer to it.
    pub name: &'static str,
    /// Whether a null argument makes the result null without a call. Otherwise the function sees nulls.
    pub strict: bool,
    /// Whether it can fail the row.
    pub can_fail: bool,
    pub evaluate: Evaluate,
}

/// Computes a result from argument values; `Err` is the reason that fails the row, in the user's words.
pub type Evaluate = fn(&CallTypes, &[Value]) -> Result<Value, String>;

/// The types of a call, after checking.
pub struct CallTypes<'a> {
    pub arguments: &'a [Type],
    pub result: &'a Type,
}

impl fmt::Debug for ScalarFunction {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a program may use without declaring it.
pub struct Catalog {
    /// The declarations: module name (`std.text`) and text in the language, where a function whose
    /// body is the word `native` is implemented by the entry of `functions` with its name.
    pub modules: &'static [Module],
    /// The options of connectors and formats: modules `connectors.NAME` and `formats.NAME`, each with a
    /// record type `source`, `sink` or both.
    pub connectors: &'static [Module],
    pub functions: &'static [&'static ScalarFunction],
}

pub struct Module {
    pub name: &'static str,
    pub text: &'static str,
}

impl Catalog {
    pub fn function(&self, name: &str) -> Option<&'static ScalarFunction> {
        self.functions.iter().find(|f| f.name == name).copied()
    }
}
