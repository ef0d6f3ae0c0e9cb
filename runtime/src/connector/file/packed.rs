//! Packed files that are written: a series of pieces (members, frames), each of which ends where the output can be
//! cut off later. Whoever unpacks them sees one text.

use super::{Output, reach_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, Write};

pub struct Gzip {
    file: File,
    /// Between two pieces there is none: it would write an empty piece when it goes, behind what a checkpoint tells of.
    encoder: Option<GzEncoder<File>>,
}

impl Gzip {
    pub fn new(file: File) -> io::Result<Gzip> {
        let mut gzip = Gzip { file, encoder: None };
        // Of no rows it is a piece all the same.
        if !gzip.file.is_begun() {
            gzip.encoder()?;
        }
        Ok(gzip)
    }

    fn encoder(&mut self) -> io::Result<&mut GzEncoder<File>> {
        let encoder = match self.encoder.take() {
            Some(encoder) => encoder,
            None => GzEncoder::new(self.file.try_clone()?, Compression::default()),
        };
        Ok(self.encoder.insert(encoder))
    }
}

impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() { Ok(0) } else { self.encoder()?.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.as_mut().map_or(Ok(()), GzEncoder::flush)
    }
}

impl Output for Gzip {
    fn is_begun(&self) -> bool {
        self.file.is_begun()
    }

    fn reach(&mut self) -> io::Result<Option<(u64, File)>> {
        self.finish()?;
        reach_of(&self.file)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.encoder.take().map_or(Ok(()), |encoder| encoder.finish().map(drop))
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
        if std::mem::take(&mut self.is_open) {
            self.encoder = zstd::Encoder::new(self.encoder.get_ref().try_clone()?, LEVEL)?;
        }
        reach_of(self.encoder.get_ref())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_open { self.encoder.do_finish() } else { Ok(()) }
    }
}
