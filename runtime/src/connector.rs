//! Connectors: where bytes come from and where they go. One file per connector.
//!
//! A source is a list of partitions, each with an order of its own; a sink is something to write to.

pub mod file;
pub mod follow;
pub mod given;
mod nexmark;
mod pipe;

use crate::errors;
use millstream_base::Diagnostic;
use millstream_ir::flow::ConnectorSpec;
use millstream_ir::value::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The connectors that this build carries out; programs may name others, which `check` accepts.
pub const SOURCES: &[&str] = &["file", "nexmark"];
pub const SINKS: &[&str] = &["file", "stdout"];

/// One ordered part of a source's input.
pub struct Partition {
    /// What messages call it: the path, or `standard input`.
    pub name: String,
    /// Bytes on disk, for showing progress.
    pub size: Option<u64>,
    /// Whether more may come at any time: a pipe, a followed file.
    pub live: bool,
    pub open: Open,
}

pub type Open = Box<dyn FnOnce() -> std::io::Result<Box<dyn Read + Send>> + Send>;

/// What a job's connectors share.
#[derive(Clone)]
pub struct Surroundings {
    /// Relative paths are relative to this: the program's folder.
    pub base: PathBuf,
    /// Set when reading is to stop.
    pub stop: Arc<AtomicBool>,
    /// The files that the job reads, which nothing may write; filled in by the job.
    pub inputs: Vec<PathBuf>,
}

/// What a sink writes to.
pub trait Output: Write + Send {
    /// Whether something stands there already, behind which is written.
    fn is_begun(&self) -> bool {
        false
    }

    /// Writes what belongs at the end. Nothing is written behind it.
    fn finish(&mut self) -> std::io::Result<()> {
        self.flush()
    }
}

impl Output for std::fs::File {
    fn is_begun(&self) -> bool {
        self.metadata().is_ok_and(|facts| facts.len() > 0)
    }
}

impl Output for std::io::Stdout {}

/// The partitions of the source called `name`, in a fixed order.
pub fn partitions(
    spec: &ConnectorSpec,
    name: &str,
    around: &Surroundings,
) -> Result<Vec<Partition>, Box<Diagnostic>> {
    match &*spec.name {
        "file" => file::partitions(spec, around),
        "nexmark" => Ok(nexmark::partitions(spec)),
        "given" => Ok(given::partitions(spec)),
        _ => Err(Box::new(errors::connector_not_in_this_build(spec, &format!("--source {name}")))),
    }
}

/// What the sink called `name` writes to.
pub fn writer(
    spec: &ConnectorSpec,
    name: &str,
    around: &Surroundings,
) -> Result<Box<dyn Output>, Box<Diagnostic>> {
    match &*spec.name {
        _ if is_standard_output(spec) => Ok(Box::new(std::io::stdout())),
        "file" => file::writer(spec, around),
        _ => Err(Box::new(errors::connector_not_in_this_build(spec, &format!("--sink {name}")))),
    }
}

/// Whether a sink writes to standard output.
pub fn is_standard_output(spec: &ConnectorSpec) -> bool {
    &*spec.name == "stdout" || &*spec.name == "file" && text_option(spec, "path") == "-"
}

/// A text option; empty where it is not given.
pub fn text_option<'a>(spec: &'a ConnectorSpec, name: &str) -> &'a str {
    match spec.options.get(name) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

pub fn flag_option(spec: &ConnectorSpec, name: &str) -> bool {
    matches!(spec.options.get(name), Some(Value::Bool(true)))
}

pub fn resolve(path: &str, around: &Surroundings) -> PathBuf {
    if Path::new(path).is_absolute() { PathBuf::from(path) } else { around.base.join(path) }
}
