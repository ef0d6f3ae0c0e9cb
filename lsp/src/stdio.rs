//! Messages over standard input and output, each behind a header that says how long it is.
//!
//! A message that is none is answered as JSON-RPC wants it, and what follows is read. Behind a header that is none
//! nobody knows where the next message begins, so that it ends the conversation.

use lsp_server::{Connection, ErrorCode, Message};
use serde_json::{Value, json};
use std::io::{self, BufRead, Read, Write, stdin, stdout};
use std::thread::JoinHandle;

/// More bytes than any editor sends at once.
const LONGEST: usize = 256 << 20;

/// More bytes than a line of a header has.
const LONGEST_LINE: u64 = 4096;

/// What reads and writes while messages are dealt with.
pub struct Threads {
    reader: JoinHandle<io::Result<()>>,
    writer: JoinHandle<io::Result<()>>,
}

/// A connection to whoever is at the other end of standard input and output. It holds nothing back: what cancels a request
/// is there while the one before it is answered.
pub fn connect() -> io::Result<(Connection, Threads)> {
    let (Connection { sender, receiver }, ours) = Connection::memory();
    let reader = std::thread::Builder::new().name("reader".into());
    let reader = reader.spawn(move || {
        let mut input = stdin().lock();
        while let Some(body) = next_body(&mut input)? {
            match message(&body) {
                Ok(message) => {
                    let is_last = matches!(&message, Message::Notification(last) if last.method == "exit");
                    if sender.send(message).is_err() || is_last {
                        break;
                    }
                }
                Err(refusal) => write_body(&refusal.to_string())?,
            }
        }
        Ok(())
    })?;
    let writer = std::thread::Builder::new().name("writer".into());
    let writer = writer
        .spawn(move || receiver.into_iter().try_for_each(|message| message.write(&mut stdout().lock())))?;
    Ok((ours, Threads { reader, writer }))
}

impl Threads {
    /// Waits until all has been written; what went wrong on the way.
    pub fn join(self) -> io::Result<()> {
        let ended = [self.reader, self.writer].map(|thread| {
            thread.join().unwrap_or_else(|panic| Err(io::Error::other(crate::server::words_of(&*panic))))
        });
        ended.into_iter().collect()
    }
}

fn write_body(body: &str) -> io::Result<()> {
    let mut output = stdout().lock();
    write!(output, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    output.flush()
}

/// What stands behind the next header; none where the input ends in front of one.
fn next_body(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let Some(length) = length(input)? else { return Ok(None) };
    if length > LONGEST {
        return Err(wrong(format!(
            "a message of {length} bytes is announced, and at most {LONGEST} are read"
        )));
    }
    // What is announced is made room for when it comes.
    let mut body = vec![];
    input.take(length as u64).read_to_end(&mut body)?;
    match body.len() == length {
        true => Ok(Some(body)),
        false => Err(wrong(format!("the input ends in a message, behind {} of {length} bytes", body.len()))),
    }
}

/// What a header says of its message.
fn length(input: &mut impl BufRead) -> io::Result<Option<usize>> {
    let (mut length, mut is_begun) = (None, false);
    loop {
        let mut line = vec![];
        if input.take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 && !is_begun {
            return Ok(None);
        }
        is_begun = true;
        let line = String::from_utf8_lossy(&line);
        let Some(text) = line.strip_suffix('\n').map(str::trim_end) else {
            return Err(wrong(format!(
                "a header is expected, such as `Content-Length: 100`, found {}",
                shown(&line)
            )));
        };
        if text.is_empty() {
            let missing = "a message has no `Content-Length` in its header, which says how many bytes it has";
            return length.map(Some).ok_or_else(|| wrong(missing));
        }
        let Some((name, value)) = text.split_once(':') else {
            return Err(wrong(format!(
                "a header is expected, such as `Content-Length: 100`, found {}",
                shown(text)
            )));
        };
        if name.eq_ignore_ascii_case("Content-Length") {
            let number = value.trim().parse();
            length = Some(number.map_err(|_| {
                wrong(format!("`Content-Length` takes a number of bytes, found {}", shown(value.trim())))
            })?);
        }
    }
}

/// The beginning of what was found.
fn shown(text: &str) -> String {
    let begun: String = text.chars().take(40).collect();
    format!("{begun:?}")
}

fn wrong(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The message that bytes are, or what is answered to them.
fn message(body: &[u8]) -> Result<Message, Value> {
    let refusal = |code: ErrorCode, id: Value, why: String| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code as i32, "message": why } });
    let no_json = |error| refusal(ErrorCode::ParseError, Value::Null, format!("no JSON: {error}"));
    let value: Value = serde_json::from_slice(body).map_err(no_json)?;
    let id = value.get("id").filter(|id| id.is_string() || id.is_i64()).cloned().unwrap_or_default();
    let no_message =
        |_| refusal(ErrorCode::InvalidRequest, id, "no request, notification or response".into());
    serde_json::from_value(value).map_err(no_message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bodies that are found, and why no more are.
    fn bodies(mut input: &[u8]) -> Vec<String> {
        let mut found = vec![];
        loop {
            match next_body(&mut input) {
                Ok(Some(body)) => found.push(String::from_utf8_lossy(&body).into_owned()),
                Ok(None) => return found,
                Err(error) => {
                    found.push(format!("error: {error}"));
                    return found;
                }
            }
        }
    }

    #[test]
    fn headers_say_how_long_messages_are() {
        let input = b"Content-Length: 2\r\n\r\n{}content-length:3\nContent-Type: x\n\n[1]";
        assert_eq!(bodies(input), ["{}", "[1]"]);
        assert_eq!(bodies(b""), [""; 0]);
        for (input, why) in [
            (
                &b"Content-Length: 18446744073709551615\r\n\r\n"[..],
                "a message of 18446744073709551615 bytes is announced, and at most 268435456 are read",
            ),
            (
                b"Content-Length: 99999999999999999999999\r\n\r\n",
                "`Content-Length` takes a number of bytes, found \"99999999999999999999999\"",
            ),
            (b"Content-Length: -1\r\n\r\n", "`Content-Length` takes a number of bytes, found \"-1\""),
            (
                b"Content-Type: x\r\n\r\n{}",
                "a message has no `Content-Length` in its header, which says how many bytes it has",
            ),
            (b"nonsense\r\n\r\n", "a header is expected, such as `Content-Length: 100`, found \"nonsense\""),
            (
                b"Content-Length: 2",
                "a header is expected, such as `Content-Length: 100`, found \"Content-Length: 2\"",
            ),
            (&[0; 5000], "a header is expected"),
            (b"Content-Length: 9\r\n\r\n{}", "the input ends in a message, behind 2 of 9 bytes"),
        ] {
            let found = bodies(input);
            assert!(
                found.len() == 1 && found[0].starts_with("error: ") && found[0].contains(why),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_is_no_message_is_answered() {
        let refused = |body: &[u8]| message(body).expect_err("no message").to_string();
        let parse_error = refused(b"{{{{");
        assert!(
            parse_error.contains("\"code\":-32700") && parse_error.contains("\"id\":null"),
            "{parse_error}"
        );
        assert!(refused(b"\xff\"").contains("-32700"));
        for (body, id) in [(&b"[]"[..], "null"), (b"{}", "null"), (b"{\"id\":3}", "3"), (b"7", "null")] {
            let refused = refused(body);
            assert!(refused.contains("-32600") && refused.contains(&format!("\"id\":{id}")), "{refused}");
        }
        assert!(message(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"shutdown\"}").is_ok());
    }
}
