//! Many parts in one block of a file, of which each can be read by itself.

use crate::spill::{Block, SpillWriter};
use std::io::{self, ErrorKind};

pub struct SpilledParts {
    block: Block,
    /// Of each part where it begins, and where the last one ends.
    starts: Box<[u32]>,
}

/// In front of each part.
const CHECKSUM: usize = size_of::<u32>();

impl SpilledParts {
    pub fn write(parts: impl Iterator<Item = Vec<u8>>, writer: &mut SpillWriter) -> io::Result<SpilledParts> {
        let (mut bytes, mut starts) = (vec![], vec![0]);
        for part in parts {
            bytes.extend_from_slice(&crc32fast::hash(&part).to_le_bytes());
            bytes.extend_from_slice(&part);
            starts.push(u32::try_from(bytes.len()).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?);
        }
        Ok(SpilledParts { block: writer.put(&bytes)?, starts: starts.into() })
    }

    pub fn part(&self, number: usize) -> io::Result<Vec<u8>> {
        let (Some(start), Some(end)) = (self.starts.get(number), self.starts.get(number + 1)) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let bytes = self.block.read_part(*start..*end)?;
        let (checksum, part) = bytes.split_first_chunk::<CHECKSUM>().ok_or(ErrorKind::InvalidData)?;
        if u32::from_le_bytes(*checksum) != crc32fast::hash(part) {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(part.to_vec())
    }

    /// All of them, read at once.
    pub fn parts(&self) -> io::Result<Vec<Vec<u8>>> {
        let bytes = self.block.read()?;
        let part = |bounds: &[u32]| bytes[bounds[0] as usize + CHECKSUM..bounds[1] as usize].to_vec();
        Ok(self.starts.windows(2).map(part).collect())
    }

    /// Bytes of memory beside it.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.starts[..])
    }
}
