//! `millstream lsp`: the language server, for editors.

use crate::program::plain;
use crate::{FAILED, FINE, terminal};
use millstream_lsp::{Ended, serve_stdio};
use std::io::IsTerminal;

pub fn lsp() -> u8 {
    if std::io::stdin().is_terminal() {
        terminal::err(
            "An editor starts `millstream lsp` by itself and talks to it; nothing is to be typed here.\n",
        );
    }
    match serve_stdio() {
        Ok(Ended::AsAgreed) => FINE,
        Ok(Ended::Early) => FAILED,
        Err(error) => {
            terminal::err(format_args!("error: the editor's messages cannot be read: {}\n", plain(&error)));
            FAILED
        }
    }
}
