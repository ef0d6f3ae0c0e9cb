//! Windows: of ksqlDB behind `WINDOW`, of Flink as functions of tables and of keys, of Siddhi and Esper behind a stream.

use super::granted;
use super::terms::duration;
use super::tokens::Tokens;
use super::words;
use crate::lexer::lex;
use crate::token::TokenKind;
use millstream_base::FileId;

/// A window in our words.
#[derive(Clone, Debug)]
pub struct Window {
    /// `window tumbling 5m`
    clause: String,
    /// Of each row: its keys stand in the clause.
    is_of_each_row: bool,
    counts_rows: bool,
    /// What does not go without saying.
    granted: Option<String>,
    /// By which sessions are parted that Siddhi gives a key.
    key: Option<String>,
    /// How late rows may come that the result still takes in.
    grace: Option<String>,
}

impl Window {
    fn of(clause: String) -> Window {
        Window { clause, is_of_each_row: false, counts_rows: false, granted: None, key: None, grace: None }
    }

    /// The rows of all keys are counted together elsewhere, those of each alone here.
    pub fn counts_rows(&self) -> bool {
        self.counts_rows
    }

    /// With results that are told at each change: those that late rows change are, too.
    pub fn told_at_changes(mut self) -> Window {
        let lateness = self.grace.take().map(|grace| format!(" lateness {grace}"));
        self.clause += &lateness.unwrap_or_default();
        self
    }

    /// What does not go without saying.
    pub fn granted(&self) -> Option<String> {
        let grace = self.grace.as_ref().map(|grace| granted::grace(grace));
        grace.or_else(|| self.granted.clone())
    }

    /// Whether it hands on what it has gathered at once, a chunk.
    pub fn is_batch(&self) -> bool {
        self.clause.starts_with("window tumbling")
    }

    /// Whether groups of such keys can stand in it.
    pub fn fits(&self, keys: &[String]) -> bool {
        let has_own = self.key.as_ref().is_none_or(|key| keys.contains(key));
        has_own && (keys.is_empty() || !self.counts_rows)
    }

    pub fn takes_keys(&self) -> bool {
        self.is_of_each_row
    }

    pub fn clause(&self, keys: &[String]) -> String {
        match (self.is_of_each_row && !keys.is_empty(), self.counts_rows) {
            (true, true) => format!("{} by {} forever", self.clause, keys.join(", ")),
            (true, false) => format!("{} by {}", self.clause, keys.join(", ")),
            (false, _) => self.clause.clone(),
        }
    }
}

const SESSIONS_OF_KEYS: &str = "each key has sessions of its own";
const FROM_1970: &str = "windows are counted from 1970-01-01, not from the first row";

/// `TUMBLING (SIZE 5 MINUTES, GRACE PERIOD 10 SECONDS)`, `HOPPING (SIZE 1 HOUR, ADVANCE BY 5 MINUTES)`, `SESSION (30 MINUTES)`
pub fn of_ksqldb(tokens: Tokens) -> Option<Window> {
    let close = tokens.close(1).filter(|close| close + 1 == tokens.all.len())?;
    let (mut size, mut every, mut grace) = (None, None, None);
    for part in tokens.part(2..close).parts() {
        let (place, skip) = match part.word(0).as_str() {
            "size" => (&mut size, 1),
            "advance" => (&mut every, 2),
            "grace" => (&mut grace, 2),
            "retention" => continue,
            _ => (&mut size, 0),
        };
        let (text, n) = duration(part.part(skip..))?;
        if skip + n != part.all.len() {
            return None;
        }
        *place = Some(text);
    }
    let kind = match tokens.word(0).as_str() {
        "tumbling" => "tumbling",
        "hopping" => "hopping",
        "session" => "session",
        _ => return None,
    };
    let every = every.map_or(String::new(), |every| format!(" every {every}"));
    Some(Window { grace, ..Window::of(format!("window {kind} {}{every}", size?)) })
}

pub fn is_function(word: &str) -> bool {
    matches!(word, "table" | "tumble" | "hop" | "cumulate" | "session")
}

/// `TUMBLE(TABLE payments, DESCRIPTOR(at), INTERVAL '5' MINUTES)`, with the stream that it is of.
pub fn of_table_function(tokens: Tokens) -> Option<(String, Window)> {
    let close = tokens.close(1).filter(|close| close + 1 == tokens.all.len())?;
    let parts = tokens.part(2..close).parts();
    let of = parts.first()?;
    let name = of.written(usize::from(of.is(0, "table"))).to_string();
    Some((name, of_sizes(&tokens.word(0), parts.get(2..)?)?))
}

/// `TUMBLE(at, INTERVAL '5' MINUTE)` among the keys of a group.
pub fn of_function(tokens: Tokens) -> Option<Window> {
    let close = tokens.close(1).filter(|close| close + 1 == tokens.all.len() && *close > 1)?;
    of_sizes(&tokens.word(0), tokens.part(2..close).parts().get(1..)?)
}

fn of_sizes(function: &str, sizes: &[Tokens]) -> Option<Window> {
    let size = |n: usize| -> Option<String> {
        let size = sizes.get(n)?;
        let size = size.part(usize::from(size.is(0, "interval"))..);
        duration(size).filter(|(_, n)| *n == size.all.len()).map(|(text, _)| text)
    };
    Some(Window::of(match (function, sizes.len()) {
        ("tumble", 1) => format!("window tumbling {}", size(0)?),
        ("hop", 2) => format!("window hopping {} every {}", size(1)?, size(0)?),
        ("cumulate", 2) => format!("window cumulative {} every {}", size(1)?, size(0)?),
        ("session", 1) => format!("window session {}", size(0)?),
        _ => return None,
    }))
}

/// What tells the bounds of the window that a row is in.
pub fn bound(tokens: Tokens) -> Option<&'static str> {
    let is_call = tokens.kind(1) == Some(TokenKind::LeftParenthesis);
    let is_whole = tokens.all.len() == 1 || is_call && tokens.close(1)? + 1 == tokens.all.len();
    match tokens.word(0).as_str() {
        _ if !is_whole => None,
        "window_start" | "windowstart" | "tumble_start" | "hop_start" | "session_start" => {
            Some("window.start")
        }
        "window_end" | "windowend" | "tumble_end" | "hop_end" | "session_end" => Some("window.end"),
        _ => None,
    }
}

/// How long what Siddhi and Esper write behind a stream is, if a text begins with it: `#window.time(5 min)`,
/// `#log("x")`, `#keepall`.
pub fn handler(text: &str) -> Option<usize> {
    let open = handler_name(text)?.len() + 1;
    if !text[open..].starts_with('(') {
        return Some(open);
    }
    let mut depth = 0_usize;
    let rest = text.get(open..)?.lines().next()?;
    let close = rest.char_indices().find(|(_, c)| {
        depth += usize::from(*c == '(');
        depth = depth.saturating_sub(usize::from(*c == ')'));
        depth == 0
    });
    close.map(|(at, _)| open + at + 1)
}

/// `window.time`, of `#window.time(5 min)`. Without parentheses it would be a comment, but for the names that Esper
/// writes so.
fn handler_name(text: &str) -> Option<&str> {
    const ALONE: [&str; 3] = ["keepall", "lastevent", "firstevent"];
    let call = text.strip_prefix('#')?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let end = call.find(|c| !is_part(c)).unwrap_or(call.len());
    let is_alone = |name: &str| ALONE.iter().any(|alone| name.eq_ignore_ascii_case(alone));
    call.get(..end).filter(|name| !name.is_empty() && call[end..].starts_with('(') || is_alone(name))
}

/// What stands behind streams in Siddhi and Esper: `window.time`, `unique`, by its names. No tokens are read from what
/// Siddhi writes so: it stands directly behind one.
pub fn handlers<'t>(tokens: Tokens<'t>) -> Vec<&'t str> {
    let behind = tokens.all.iter().filter_map(|token| tokens.text.get(token.end as usize..));
    let of_siddhi = behind.flat_map(|mut text| {
        std::iter::from_fn(move || {
            let name = handler_name(text)?;
            text = &text[handler(text)?..];
            Some(name)
        })
    });
    let of_esper = (0..tokens.all.len()).filter(|at| {
        tokens.kind(*at) == Some(TokenKind::Dot)
            && matches!(tokens.word(at + 1).as_str(), "win" | "std" | "ext")
            && tokens.kind(at + 2) == Some(TokenKind::Colon)
    });
    of_siddhi.chain(of_esper.map(|at| tokens.written(at + 3))).collect()
}

/// How long the handlers are that a text begins with.
pub fn glued(text: &str) -> usize {
    let mut end = 0;
    while let Some(length) = text.get(end..).and_then(handler) {
        end += length;
    }
    end
}

/// What a handler is called.
pub fn name_of(written: &str) -> &str {
    handler_name(written).unwrap_or("")
}

/// The window of Siddhi or Esper that a text is: `#window.timeBatch(5 min)`, `#time(30 sec)`.
pub fn of_text(text: &str) -> Option<Window> {
    let call = text.strip_prefix('#')?;
    let lexed = lex(FileId::default(), call);
    let tokens = Tokens { text: call, all: &lexed.tokens };
    let start = if tokens.is(0, "window") && tokens.kind(1) == Some(TokenKind::Dot) { 2 } else { 0 };
    let close = tokens.close(start + 1).filter(|close| close + 1 == tokens.all.len() && *close > start)?;
    named(&tokens.word(start), tokens.part(start + 2..close))
}

/// `time`, `timeBatch`, `length_batch` … of a size, behind the column that is the time of events, or in front of the key
/// of a session.
pub fn named(name: &str, args: Tokens) -> Option<Window> {
    let kind = words::window(name)?;
    let args = args.parts();
    let (time, size, key) = match (args[..].split_first()?, name.starts_with("ext"), kind) {
        ((time, [size]), true, _) => (Some(time), size, None),
        ((size, []), false, _) => (None, size, None),
        ((size, [key]), _, "session") => (None, size, Some(key)),
        _ => return None,
    };
    let counts_rows = name.starts_with("length");
    let size = match counts_rows {
        true => format!("{} rows", size.written(0).parse::<u64>().ok().filter(|_| size.all.len() == 1)?),
        false => duration(*size).filter(|(_, n)| *n == size.all.len())?.0,
    };
    let key = match key {
        Some(key) => Some(key.written(0).to_string()).filter(|_| key.all.len() == 1),
        None => None,
    };
    let by = key.as_ref().map_or(String::new(), |key| format!(" by {key}"));
    let granted = match (kind, time) {
        (_, Some(time)) => Some(granted::time_of_source(time.written(time.all.len() - 1))),
        ("tumbling", _) if !counts_rows => Some(FROM_1970.to_string()),
        ("session", _) if key.is_none() => Some(SESSIONS_OF_KEYS.to_string()),
        _ => None,
    };
    Some(Window {
        is_of_each_row: kind == "sliding",
        counts_rows,
        granted,
        key,
        ..Window::of(format!("window {kind} {size}{by}"))
    })
}
