//! Where records and fields of CSV begin and end.

use std::borrow::Cow;

#[derive(Clone, Copy)]
pub struct Syntax {
    pub delimiter: u8,
    pub quote: Option<u8>,
}

/// A field of a record.
#[derive(Debug, PartialEq)]
pub struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub quoted: bool,
}

impl Syntax {
    /// How many bytes from the start are whole records.
    pub fn whole(self, bytes: &[u8]) -> usize {
        let Some(last) = memchr::memrchr(b'\n', bytes) else { return 0 };
        if self.quote.is_none_or(|quote| memchr::memchr(quote, &bytes[..=last]).is_none()) {
            return last + 1;
        }
        let mut whole = 0;
        while let Some(end) = self.record_end(&bytes[whole..]) {
            whole += end + 1;
        }
        whole
    }

    /// Takes the next record that is not an empty line, without its line break.
    pub fn next_record<'a>(self, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
        while !bytes.is_empty() {
            let end = self.record_end(bytes).unwrap_or(bytes.len());
            let record = &bytes[..end];
            *bytes = bytes.get(end + 1..).unwrap_or(&[]);
            let record = record.strip_suffix(b"\r").unwrap_or(record);
            if !record.is_empty() {
                return Some(record);
            }
        }
        None
    }

    /// The position of the line break that ends the first record; none if it does not end.
    fn record_end(self, bytes: &[u8]) -> Option<usize> {
        let line_end = memchr::memchr(b'\n', bytes);
        let Some(quote) = self.quote else { return line_end };
        let line = &bytes[..line_end.unwrap_or(bytes.len())];
        if memchr::memchr(quote, line).is_none() {
            return line_end;
        }
        let mut at = 0;
        loop {
            if bytes.get(at) == Some(&quote) {
                at += 1 + quoted_length(&bytes[at + 1..], quote)?;
            }
            at += memchr::memchr2(self.delimiter, b'\n', &bytes[at..])?;
            if bytes[at] == b'\n' {
                return Some(at);
            }
            at += 1;
        }
    }

    /// The fields of a record, or why they cannot be told apart.
    pub fn cells(self, record: &str) -> Result<Vec<Cell<'_>>, String> {
        let mut cells = vec![];
        let mut rest = record;
        loop {
            let (cell, length) =
                self.cell(rest).map_err(|why| format!("field {}: {why}", cells.len() + 1))?;
            cells.push(cell);
            if length == rest.len() {
                return Ok(cells);
            }
            // Behind the field stands the delimiter, which is one byte.
            rest = &rest[length + 1..];
        }
    }

    /// The first field and how many bytes it takes.
    fn cell(self, rest: &str) -> Result<(Cell<'_>, usize), String> {
        let bytes = rest.as_bytes();
        let quote = self.quote.filter(|quote| bytes.first() == Some(quote));
        let Some(quote) = quote else {
            let length = memchr::memchr(self.delimiter, bytes).unwrap_or(bytes.len());
            return Ok((Cell { text: rest[..length].into(), quoted: false }, length));
        };
        let Some(length) = quoted_length(&bytes[1..], quote) else {
            return Err("its quote is not closed".to_string());
        };
        let content = &rest[1..length];
        let single = (quote as char).to_string();
        let text = match memchr::memchr(quote, content.as_bytes()) {
            Some(_) => content.replace(&single.repeat(2), &single).into(),
            None => content.into(),
        };
        match bytes.get(length + 1) {
            Some(byte) if *byte != self.delimiter => Err("text stands behind its closing quote".to_string()),
            _ => Ok((Cell { text, quoted: true }, length + 1)),
        }
    }
}

/// The bytes up to and with the closing quote, of text behind an opening one.
fn quoted_length(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr(quote, &bytes[at..])? + 1;
        if bytes.get(at) != Some(&quote) {
            return Some(at);
        }
        at += 1;
    }
}
