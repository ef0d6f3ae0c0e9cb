//! Generates the parser from the grammar at the top of the repository. Nothing generated is checked in.

use std::path::Path;

fn main() {
    let grammar = Path::new("../../grammar");
    println!("cargo:rerun-if-changed={}", grammar.join("millstream.lalrpop").display());
    println!("cargo:rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    lalrpop::Configuration::new()
        .set_in_dir(grammar)
        .set_out_dir(&out)
        .emit_whitespace(false)
        .log_quiet()
        .process()
        .expect("the grammar has no conflicts");
}
