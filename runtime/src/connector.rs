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
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
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
    /// The file that can be read again, from any place.
    pub file: Option<file::Rereadable>,
    pub open: Open,
}

impl Partition {
    /// One that has been read to its end and is not there any more.
    pub fn gone(name: &str) -> Partition {
        let open: Open = Box::new(|| Err(io::ErrorKind::NotFound.into()));
        Partition { name: name.into(), size: None, live: false, file: None, open }
    }
}

pub type Open = Box<dyn FnOnce() -> io::Result<Box<dyn Input>> + Send>;

/// What the bytes of a partition come from.
pub trait Input: Read + Send {
    /// Passes over so many bytes from its start, which were read by an earlier run.
    fn pass(&mut self, n: u64) -> io::Result<()> {
        let (mut left, mut passed) = (n, [0; 8192]);
        while left > 0 {
            let most = left.min(passed.len() as u64) as usize;
            match self.read(&mut passed[..most]) {
                Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early")),
                Ok(n) => left -= n as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Which file is being read now: one may take the place of another.
    fn place(&self) -> Place {
        Place::default()
    }
}

/// One of the files that an input has been.
#[derive(Clone, Copy, Default)]
pub struct Place {
    /// From 0.
    pub number: u64,
    /// Bytes that have come before it.
    pub n_before: u64,
}

impl Input for std::io::Stdin {
    /// What has been read of it does not come again.
    fn pass(&mut self, _n: u64) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Read + Send> Input for flate2::read::MultiGzDecoder<R> {}

impl<R: BufRead + Send> Input for zstd::Decoder<'static, R> {}

impl Input for File {
    fn pass(&mut self, n: u64) -> io::Result<()> {
        self.seek(SeekFrom::Current(n as i64)).map(drop)
    }
}

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

    /// Hands on all that has been written. Up to where it stands, if a later run can cut off what comes behind it,
    /// and what has to be made safe from the loss of power for that.
    fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.flush().map(|()| None)
    }

    /// Writes what belongs at the end. Nothing is written behind it.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Output for File {
    fn is_begun(&self) -> bool {
        self.metadata().is_ok_and(|facts| facts.len() > 0)
    }

    fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        reach_of(self)
    }
}

/// Up to where a file stands; none of a pipe or a device, of which nothing can be cut off.
fn reach_of(file: &File) -> io::Result<Option<(u64, File)>> {
    let facts = file.metadata()?;
    if facts.is_file() { Ok(Some((facts.len(), file.try_clone()?))) } else { Ok(None) }
}

impl Output for io::Stdout {}

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

/// What the sink called `name` writes to. `from`: up to where it stands from an earlier run, of which the rest is
/// cut off.
pub fn writer(
    spec: &ConnectorSpec,
    name: &str,
    around: &Surroundings,
    from: Option<u64>,
) -> Result<Box<dyn Output>, Box<Diagnostic>> {
    match &*spec.name {
        _ if is_standard_output(spec) => Ok(Box::new(io::stdout())),
        "file" => file::writer(spec, around, from),
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
