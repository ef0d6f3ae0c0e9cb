//! Hashes and checksums.

use super::text::hex;
use super::{Result, misuse, scale_of, total};
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::value::{Value, canonical_float};
use sha2::{Digest, Sha256, Sha512};

pub static FUNCTIONS: &[ScalarFunction] = &[
    total("hash", hash),
    total("sha256", |t, v| digest(t, v, |data| hex(&Sha256::digest(data)))),
    total("sha512", |t, v| digest(t, v, |data| hex(&Sha512::digest(data)))),
    total("md5", |t, v| digest(t, v, |data| hex(&md5(data)))),
    total("hmac_sha256", hmac_sha256),
    total("crc32", crc32),
];

fn bytes_of(values: &[Value]) -> Option<&[u8]> {
    match values {
        [Value::String(text)] => Some(text.as_bytes()),
        [Value::Bytes(bytes)] => Some(bytes),
        _ => None,
    }
}

fn digest(types: &CallTypes, values: &[Value], digest: fn(&[u8]) -> String) -> Result {
    match bytes_of(values) {
        Some(data) => Ok(Value::string(digest(data))),
        None => misuse(types),
    }
}

/// FNV-1a of an unambiguous encoding, mixed once more so that the low bits are good.
/// Its results are part of the language: programs store them.
fn hash(types: &CallTypes, values: &[Value]) -> Result {
    let [value] = values else { return misuse(types) };
    let mut encoded = vec![scale_of(types.arguments.first())];
    encode(&mut encoded, value);
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in encoded {
        hash = (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    Ok(Value::Int((hash ^ hash >> 31) as i64))
}

/// Equal values, and no others, have the same encoding.
fn encode(out: &mut Vec<u8>, value: &Value) {
    let block = |out: &mut Vec<u8>, tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null => out.push(0),
        Value::Bool(b) => out.extend_from_slice(&[1, *b as u8]),
        Value::Int(i) => block(out, 2, &i.to_le_bytes()),
        Value::Float(x) => block(out, 3, &canonical_float(*x).to_bits().to_le_bytes()),
        Value::Decimal(d) => block(out, 4, &d.to_le_bytes()),
        Value::String(s) => block(out, 5, s.as_bytes()),
        Value::Bytes(b) => block(out, 6, b),
        Value::Timestamp(t) => block(out, 7, &t.to_le_bytes()),
        Value::Duration(d) => block(out, 8, &d.to_le_bytes()),
        Value::Json(json) => block(out, 9, json.to_string().as_bytes()),
        Value::List(items) | Value::Record(items) => {
            block(out, 10, &(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| encode(out, item));
        }
        Value::Map(map) => {
            block(out, 11, &(map.len() as u64).to_le_bytes());
            for (key, item) in map.iter() {
                block(out, 5, key.as_bytes());
                encode(out, item);
            }
        }
    }
}

/// RFC 2104.
fn hmac_sha256(types: &CallTypes, values: &[Value]) -> Result {
    const BLOCK: usize = 64;
    let [Value::String(text), Value::String(key)] = values else { return misuse(types) };
    let mut block =
        if key.len() > BLOCK { Sha256::digest(key.as_bytes()).to_vec() } else { key.as_bytes().to_vec() };
    block.resize(BLOCK, 0);
    let padded = |pad: u8| block.iter().map(|b| b ^ pad).collect::<Vec<u8>>();
    let inner = Sha256::new_with_prefix(padded(0x36)).chain_update(text.as_bytes()).finalize();
    let outer = Sha256::new_with_prefix(padded(0x5c)).chain_update(inner).finalize();
    Ok(Value::string(hex(&outer)))
}

fn crc32(types: &CallTypes, values: &[Value]) -> Result {
    let Some(data) = bytes_of(values) else { return misuse(types) };
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= *byte as u32;
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    Ok(Value::Int(!crc as i64))
}

/// RFC 1321.
fn md5(data: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut padded = data.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(data.len() as u64).wrapping_mul(8).to_le_bytes());
    let mut state = [0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for chunk in padded.chunks_exact(64) {
        let mut words = [0u32; 16];
        for (word, bytes) in words.iter_mut().zip(chunk.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | *byte as u32);
        }
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (mixed, word) = match i / 16 {
                0 => (b & c | !b & d, i),
                1 => (d & b | !d & c, 5 * i + 1),
                2 => (b ^ c ^ d, 3 * i + 5),
                _ => (c ^ (b | !d), 7 * i),
            };
            let sine = (libm::sin((i + 1) as f64).abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mixed).wrapping_add(sine).wrapping_add(words[word % 16]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4])));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut result = [0; 16];
    for (bytes, word) in result.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::super::call;
    use super::*;
    use millstream_ir::types::Type;

    fn text(s: &str) -> (Value, Type) {
        (Value::string(s), Type::STRING)
    }

    #[test]
    fn digests_agree_with_their_standards() {
        let cases = [
            ("md5", "", "d41d8cd98f00b204e9800998ecf8427e"),
            ("md5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
            (
                "md5",
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
            ("sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ];
        for (name, data, expected) in cases {
            assert_eq!(call(name, &[text(data)], Type::STRING), Ok(Value::string(expected)));
        }
        assert_eq!(call("crc32", &[text("123456789")], Type::INT), Ok(Value::Int(0xcbf4_3926)));
        let hmac = call("hmac_sha256", &[text("what do ya want for nothing?"), text("Jefe")], Type::STRING);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac, Ok(Value::string(expected)));
    }

    #[test]
    fn hash_stays_as_it_is_and_tells_values_apart() {
        let of = |value: Value, ty: Type| call("hash", &[(value, ty)], Type::INT).unwrap();
        assert_eq!(of(Value::string("a"), Type::STRING), Value::Int(3753617255984212158));
        assert_eq!(of(Value::Float(-0.0), Type::FLOAT), of(Value::Float(0.0), Type::FLOAT));
        assert_ne!(of(Value::Decimal(10), Type::decimal(1)), of(Value::Decimal(10), Type::decimal(2)));
        let list = |items: &[&str]| {
            let items = items.iter().map(Value::string).collect();
            of(Value::List(items), Type::list(Type::STRING))
        };
        assert_ne!(list(&["ab", ""]), list(&["a", "b"]));
    }
}
