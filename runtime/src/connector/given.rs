//! Bytes in memory in the place of an input. No program can name this connector: what shows a program over a sample
//! puts it where the program reads.

use super::{Input, Open, Partition};
use millstream_base::Span;
use millstream_ir::flow::ConnectorSpec;
use millstream_ir::value::Value;
use std::io::Cursor;
use std::sync::Arc;

impl Input for Cursor<Arc<[u8]>> {}

const NAMES: &str = "names";
const BYTES: &str = "bytes";

/// An input of these partitions, each with its name.
pub fn spec(partitions: Vec<(String, Vec<u8>)>, span: Span) -> ConnectorSpec {
    let (names, bytes): (Vec<Value>, Vec<Value>) = partitions
        .into_iter()
        .map(|(name, bytes)| (Value::string(&name), Value::Bytes(bytes.into())))
        .unzip();
    let options = [(NAMES.into(), Value::List(names.into())), (BYTES.into(), Value::List(bytes.into()))];
    ConnectorSpec { name: "given".into(), options: options.into(), span }
}

pub fn partitions(spec: &ConnectorSpec) -> Vec<Partition> {
    let list = |name: &str| match spec.options.get(name) {
        Some(Value::List(list)) => list.clone(),
        _ => [].into(),
    };
    let partition = |(name, bytes): (&Value, &Value)| {
        let (Value::String(name), Value::Bytes(bytes)) = (name, bytes) else { return None };
        let (name, size, bytes) = (name.to_string(), bytes.len() as u64, bytes.clone());
        let open: Open = Box::new(move || Ok(Box::new(Cursor::new(bytes))));
        Some(Partition { name, size: Some(size), live: false, file: None, open })
    };
    list(NAMES).iter().zip(list(BYTES).iter()).filter_map(partition).collect()
}
