//! The records of an input of which no fields are declared yet, one after the other: what declarations are inferred
//! from. They begin and end where the decoders find them.

use super::{MAX_LINE, byte_order_mark};
use crate::connector::file::fill;
use crate::connector::{Input, Partition};
use std::io;

pub use super::csv::record::{Cell, Syntax};

/// Bytes read at once.
const BLOCK: usize = 256 << 10;

/// How lines are told apart that have no fields, such as those of JSON.
pub const LINES: Syntax = Syntax { delimiter: b'\n', quote: None };

pub struct Records {
    input: Box<dyn Input>,
    live: bool,
    /// What has been read, and from where on it has not been given yet.
    bytes: Vec<u8>,
    at: usize,
    /// Up to here, what has been read is whole records, if that has been looked at.
    whole: Option<usize>,
    ended: bool,
}

impl Records {
    /// Opens a partition and reads its first bytes.
    pub fn open(partition: Partition) -> io::Result<Records> {
        let input = (partition.open)()?;
        let mut records =
            Records { input, live: partition.live, bytes: vec![], at: 0, whole: None, ended: false };
        records.read()?;
        records.at = byte_order_mark(&records.bytes);
        Ok(records)
    }

    /// The bytes that the input begins with.
    pub fn start(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next record that is not an empty line, without its line break.
    pub fn next(&mut self, syntax: Syntax) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(whole) = self.whole {
                let mut rest = self.bytes.get(self.at..whole).unwrap_or_default();
                let record = syntax.next_record(&mut rest).map(<[u8]>::to_vec);
                self.at = whole - rest.len();
                if record.is_some() || self.ended {
                    return Ok(record);
                }
                self.bytes.drain(..whole);
                self.at = 0;
                self.read()?;
            }
            // A record over the limit is given as far as it has been read: it is unreadable in any case.
            let is_whole = self.ended || self.bytes.len() - self.at > MAX_LINE;
            self.whole = Some(match self.bytes.get(self.at..) {
                Some(rest) if !is_whole => self.at + syntax.whole(rest),
                _ => self.bytes.len(),
            });
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let from = self.bytes.len();
        self.bytes.resize(from + BLOCK, 0);
        let read = fill(&mut *self.input, self.bytes.get_mut(from..).unwrap_or_default(), self.live);
        self.bytes.truncate(from + read.as_ref().copied().unwrap_or(0));
        self.ended = read? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn records(text: &str, syntax: Syntax) -> Vec<String> {
        let bytes: Arc<[u8]> = text.as_bytes().into();
        let open = Box::new(move || Ok(Box::new(io::Cursor::new(bytes)) as Box<dyn Input>));
        let partition = Partition { name: "in".into(), size: None, live: true, file: None, open };
        let mut records = Records::open(partition).unwrap();
        let mut found = vec![];
        while let Some(record) = records.next(syntax).unwrap() {
            found.push(String::from_utf8(record).unwrap());
        }
        found
    }

    #[test]
    fn lines_end_at_breaks_and_at_the_end() {
        assert_eq!(records("\u{feff}a\r\n\nb\nc", LINES), ["a", "b", "c"]);
        assert_eq!(records("", LINES), [""; 0]);
    }

    #[test]
    fn fields_in_quotes_hold_line_breaks_across_blocks() {
        let long = "x".repeat(BLOCK);
        let syntax = Syntax { delimiter: b',', quote: Some(b'"') };
        let found = records(&format!("a,b\n1,\"{long}\n{long}\"\n2,y\n3,\"open\n"), syntax);
        assert_eq!(
            found,
            ["a,b".to_string(), format!("1,\"{long}\n{long}\""), "2,y".into(), "3,\"open\n".into()]
        );
    }
}
