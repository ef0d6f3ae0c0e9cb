//! Packed files that are written: a series of pieces (members, frames), each of which ends where the output can be
//! cut off later. Whoever unpacks them sees one text.

use super::Output;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};

pub struct Gzip {
    encoder: GzEncoder<File>,
    /// Whether anything has been written since the last piece ended.
    is_open: bool,
}

impl Gzip {
    pub fn new(file: File) -> Gzip {
        let is_open = !file.is_begun();
        Gzip { encoder: GzEncoder::new(file, Compression::default()), is_open }
    }
}

impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_open |= !bytes.is_empty();
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_open { self.encoder.flush() } else { Ok(()) }
    }
}

impl Output for Gzip {
    fn is_begun(&self) -> bool {
        self.encoder.get_ref().is_begun()
    }

    fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.finish()?;
        let file = self.encoder.get_ref().try_clone()?;
        if std::mem::take(&mut self.is_open) {
            self.encoder = GzEncoder::new(file.try_clone()?, Compression::default());
        }
        Ok(Some((file.metadata()?.len(), file)))
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_open { self.encoder.try_finish() } else { Ok(()) }
    }
}

pub struct Zstandard {
    encoder: zstd::Encoder<'static, File>,
    /// Whether anything has been written since the last piece ended.
    is_open: bool,
}

/// How hard it packs.
const LEVEL: i32 = 3;

impl Zstandard {
    pub fn new(file: File) -> io::Result<Zstandard> {
        let is_open = !file.is_begun();
        Ok(Zstandard { encoder: zstd::Encoder::new(file, LEVEL)?, is_open })
    }
}

impl Write for Zstandard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.is_open |= !bytes.is_empty();
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_open { self.encoder.flush() } else { Ok(()) }
    }
}

impl Output for Zstandard {
    fn is_begun(&self) -> bool {
        self.encoder.get_ref().is_begun()
    }

    fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.finish()?;
        let file = self.encoder.get_ref().try_clone()?;
        if std::mem::take(&mut self.is_open) {
            self.encoder = zstd::Encoder::new(file.try_clone()?, LEVEL)?;
        }
        Ok(Some((file.metadata()?.len(), file)))
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_open { self.encoder.do_finish() } else { Ok(()) }
    }
}
