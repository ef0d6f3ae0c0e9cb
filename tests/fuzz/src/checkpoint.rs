//! Any bytes read as a checkpoint, or as a state in one, give it or say what is wrong, and nothing else happens. What
//! checksums would find out is looked behind: they are made to fit.
//!
//! Up to the first line break stands the manifest, behind it the states.

use millstream_ir::types::Type;
use millstream_runtime::checkpoint::decode;
use millstream_runtime::snapshot::{SnapshotReader, SnapshotWriter};
use std::io;

pub fn property(data: &[u8]) {
    let no_piece = |_: &str| Err(io::ErrorKind::NotFound.into());
    let _ = decode(data, &no_piece);
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (manifest, states) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    for version in [1, 2] {
        let first =
            format!("millstream checkpoint {version} {} {:08x}\n", manifest.len(), crc32fast::hash(manifest));
        let bytes = [first.as_bytes(), manifest, b"\n", states].concat();
        // Any piece is what its name says.
        let of_its_name = |name: &str| Ok(name.as_bytes().to_vec());
        if let Ok(checkpoint) = decode(&bytes, &of_its_name) {
            let operators = checkpoint.manifest.operators.iter().map(|operator| operator.bytes);
            let lengths = checkpoint.states.iter().map(|state| state.len() as u64);
            assert!(operators.eq(lengths), "states are not as long as the manifest says");
        }
    }
    state(states);
}

/// What can be read as values or as a batch is written as it was read.
fn state(bytes: &[u8]) {
    let values = SnapshotReader::new(bytes).sequence(SnapshotReader::value);
    if let Ok(values) = values {
        let mut writer = SnapshotWriter::default();
        writer.sequence(values.iter(), SnapshotWriter::value);
        let written = writer.finish();
        let back = SnapshotReader::new(&written).sequence(SnapshotReader::value);
        assert_eq!(back.map(|back| format!("{back:?}")), Ok(format!("{values:?}")));
    }
    let types = [Type::INT, Type::STRING.nullable(), Type::list(Type::decimal(2))];
    let _ = SnapshotReader::new(bytes).batch(&types);
}
