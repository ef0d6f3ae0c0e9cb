//! Compiles the generated parser and the scanner.

fn main() {
    let folder = std::path::Path::new("src");
    let files = ["parser.c", "scanner.c"].map(|name| folder.join(name));
    for file in &files {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    cc::Build::new().std("c11").include(folder).files(&files).compile("tree-sitter-millstream");
}
