//! Files: one path, a glob (one partition per file, by name), `-` for standard input;
//! `.gz` and `.zst` are unpacked and packed by extension.

mod packed;
mod rereadable;

use super::follow::{Follow, Followed};
use super::pipe::{self, Pipe};
use super::{Input, Open, Output, Partition, Surroundings, flag_option, reach_of, resolve, text_option};
use crate::errors;
use flate2::read::MultiGzDecoder;
use millstream_base::Diagnostic;
use millstream_ir::flow::ConnectorSpec;
pub use rereadable::{Mark, Rereadable};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How the end of a path says that its bytes are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    None,
    Gzip,
    Zstandard,
}

impl Packing {
    fn of(path: &Path) -> Packing {
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstandard,
            _ => Packing::None,
        }
    }
}

/// The files that a source will read, as far as they can be found; pipes and devices are none.
pub fn inputs(spec: &ConnectorSpec, around: &Surroundings) -> Vec<PathBuf> {
    let paths = paths(spec, text_option(spec, "path"), around).unwrap_or_default();
    paths.iter().filter(|p| p.is_file()).filter_map(|p| p.canonicalize().ok()).collect()
}

fn paths(spec: &ConnectorSpec, path: &str, around: &Surroundings) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    if path.contains(['*', '?', '[']) && !resolve(path, around).exists() {
        matching(spec, path, around)
    } else {
        Ok(vec![resolve(path, around)])
    }
}

pub fn partitions(spec: &ConnectorSpec, around: &Surroundings) -> Result<Vec<Partition>, Box<Diagnostic>> {
    let path = text_option(spec, "path");
    if path == "-" {
        let open: Open = Box::new(|| Ok(Box::new(io::stdin())));
        return Ok(vec![Partition {
            name: "standard input".into(),
            size: None,
            live: true,
            file: None,
            open,
        }]);
    }
    paths(spec, path, around)?.into_iter().map(|path| partition(spec, path, around)).collect()
}

fn matching(
    spec: &ConnectorSpec,
    pattern: &str,
    around: &Surroundings,
) -> Result<Vec<PathBuf>, Box<Diagnostic>> {
    let full = resolve(pattern, around);
    let found = glob::glob(&full.to_string_lossy()).map_err(|e| errors::bad_glob(spec, pattern, e.msg))?;
    let mut paths: Vec<PathBuf> = found.filter_map(Result::ok).filter(|p| !p.is_dir()).collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Box::new(errors::no_file_matches(spec, &full)));
    }
    Ok(paths)
}

fn partition(
    spec: &ConnectorSpec,
    path: PathBuf,
    around: &Surroundings,
) -> Result<Partition, Box<Diagnostic>> {
    let facts = std::fs::metadata(&path).map_err(|e| errors::cannot_open(spec, &path, &e))?;
    if facts.is_dir() {
        return Err(Box::new(errors::is_a_directory(spec, &path)));
    }
    // Opened once now, so that a file that may not be read is reported before anything runs.
    let is_pipe = !facts.is_file();
    let file = if is_pipe { pipe::open(&path) } else { File::open(&path) };
    let file = file.map_err(|e| errors::cannot_open(spec, &path, &e))?;
    let name = path.display().to_string();
    let packing = Packing::of(&path);
    let follow = flag_option(spec, "follow");
    if follow && packing != Packing::None {
        return Err(Box::new(errors::cannot_follow_packed(spec, &path)));
    }
    let stop = around.stop.clone();
    let followed = match follow {
        true => {
            let file = file.try_clone().map_err(|e| errors::cannot_open(spec, &path, &e))?;
            Some(Arc::new(Followed::new(path.clone(), file)))
        }
        false => None,
    };
    let again = Rereadable { path, is_packed: packing != Packing::None, followed: followed.clone() };
    let open: Open = Box::new(move || {
        let input: Box<dyn Input> = match followed {
            Some(followed) => return Ok(Box::new(Follow::new(followed, stop)?)),
            None if is_pipe => Box::new(Pipe::new(file, stop)),
            None => Box::new(file),
        };
        Ok(match packing {
            Packing::None => input,
            Packing::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, input))),
            Packing::Zstandard => Box::new(zstd::Decoder::new(input)?),
        })
    });
    let size = (!is_pipe).then_some(facts.len());
    let file = (!is_pipe).then_some(again);
    Ok(Partition { name, size, live: follow || is_pipe, file, open })
}

/// The file that a sink writes to, as a later run finds it.
pub fn written(spec: &ConnectorSpec, around: &Surroundings) -> String {
    let path = resolve(text_option(spec, "path"), around);
    Rereadable { path, is_packed: false, followed: None }.known_as(&around.base)
}

pub fn writer(
    spec: &ConnectorSpec,
    around: &Surroundings,
    from: Option<u64>,
) -> Result<Box<dyn Output>, Box<Diagnostic>> {
    let path = resolve(text_option(spec, "path"), around);
    if path.canonicalize().is_ok_and(|p| around.inputs.contains(&p)) {
        return Err(Box::new(errors::writes_what_is_read(spec, &path)));
    }
    let append = flag_option(spec, "append");
    let cannot = |e| errors::cannot_create(spec, &path, &e);
    let file = match from {
        Some(length) => cut_off(spec, &path, length)?,
        None => {
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(append).truncate(!append);
            options.open(&path).map_err(cannot)?
        }
    };
    Ok(match Packing::of(&path) {
        Packing::None => Box::new(file),
        Packing::Gzip => Box::new(packed::Gzip::new(file).map_err(cannot)?),
        Packing::Zstandard => Box::new(packed::Zstandard::new(file).map_err(cannot)?),
    })
}

/// What an earlier run has written, up to this length; the rest is gone.
fn cut_off(spec: &ConnectorSpec, path: &Path, length: u64) -> Result<File, Box<Diagnostic>> {
    let opened = OpenOptions::new().write(true).open(path);
    let mut file = opened.map_err(|e| errors::output_gone(spec, path, length, &e))?;
    let cut = file.metadata().and_then(|facts| match facts.len() >= length {
        true => {
            file.set_len(length)?;
            file.seek(SeekFrom::End(0)).map(|_| None)
        }
        false => Ok(Some(facts.len())),
    });
    match cut {
        Ok(None) => Ok(file),
        Ok(Some(found)) => Err(Box::new(errors::output_shrank(spec, path, length, found))),
        Err(error) => Err(Box::new(errors::cannot_create(spec, path, &error))),
    }
}

/// The part of a path's name that tells the format: `day.ndjson.gz` is `ndjson`.
pub fn format_extension(path: &str) -> Option<&str> {
    let name = path.strip_suffix(".gz").or_else(|| path.strip_suffix(".zst")).unwrap_or(path);
    Path::new(name).extension().and_then(|e| e.to_str())
}

/// Reads until the buffer is full or the input ends; a live input gives what it has.
pub fn fill(input: &mut dyn Read, buffer: &mut [u8], live: bool) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match input.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(k) => n += k,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        if live {
            break;
        }
    }
    Ok(n)
}
