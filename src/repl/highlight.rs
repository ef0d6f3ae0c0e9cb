//! Colors of what is typed, by its tokens.

use millstream_base::FileId;
use millstream_syntax::lexer::lex;
use millstream_syntax::token::TokenKind;

const WORD: &str = "\x1b[1;34m";
const TEXT: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[36m";
const COMMENT: &str = "\x1b[2m";
const COMMAND: &str = "\x1b[1m";
const END: &str = "\x1b[0m";

/// The text with colors, as wide as without.
pub fn painted(text: &str) -> String {
    if text.trim_start().starts_with(':') {
        let blanks = text.len() - text.trim_start().len();
        let end = text[blanks..].find(char::is_whitespace).map_or(text.len(), |end| blanks + end);
        return format!("{COMMAND}{}{END}{}", &text[..end], painted_entry(&text[end..]));
    }
    painted_entry(text)
}

fn painted_entry(text: &str) -> String {
    let lexed = lex(FileId::default(), text);
    let tokens = lexed.tokens.iter().filter_map(|token| Some((token.start, token.end, paint(token.kind)?)));
    let comments = lexed.comments.iter().map(|comment| (comment.start, comment.end, COMMENT));
    let mut pieces: Vec<(u32, u32, &str)> = tokens.chain(comments).collect();
    pieces.sort_unstable();
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for (start, end, paint) in pieces {
        let (start, end) = (start as usize, end as usize);
        let (Some(between), Some(piece)) = (text.get(from..start), text.get(start..end)) else { continue };
        out += between;
        out += &format!("{paint}{piece}{END}");
        from = end;
    }
    out + text.get(from..).unwrap_or_default()
}

fn paint(kind: TokenKind) -> Option<&'static str> {
    use TokenKind::*;
    match kind {
        String | RawString | TemplateStart | TemplateText | TemplateEnd => Some(TEXT),
        Integer | Decimal | Float | Duration | Timestamp => Some(NUMBER),
        kind if kind.is_sided_join() || kind.is_reserved() || kind.is_name() && kind != Identifier => {
            Some(WORD)
        }
        _ => None,
    }
}
