//! Copies tokens and comments, in order, into operations for `layout`.
//!
//! The walkers call [`Writer::up_to`] to copy all tokens before a place of the text, and between tokens say
//! what separates them: [`Writer::separate`] with a [`Gap`]. Where they say nothing, [`Writer::usual_gap`] does.
//! Comments between two tokens are written by whatever separates these, so none can be forgotten.

use super::layout::Op;
use crate::lexer::{Comment, Lexed};
use crate::token::{self, Token, TokenKind};
use millstream_base::Span;

/// What stands between two tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gap {
    Nothing,
    Space,
    /// A space, or a line break if the group is broken.
    Line,
    /// Nothing, or a line break if the group is broken.
    SoftLine,
    /// A line break; an empty line of the author's is kept.
    Below,
    /// A line break; an empty line of the author's is dropped: the first or last of a block.
    Edge,
}

/// A token as it is copied: an f-string is one piece, `left join` is two.
#[derive(Clone, Copy, Debug)]
struct Piece<'a> {
    kind: TokenKind,
    text: &'a str,
    start: usize,
    end: usize,
    first_on_line: bool,
}

pub(super) struct Writer<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    next: usize,
    comments: &'a [Comment],
    next_comment: usize,
    ops: Vec<Op<'a>>,
    /// Indices of the groups that are open.
    open: Vec<usize>,
    /// What separates the next piece from the one before has been written.
    separated: bool,
    /// The end of what was copied last.
    at: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(text: &'a str, lexed: &'a Lexed) -> Writer<'a> {
        Writer {
            text,
            pieces: pieces(text, &lexed.tokens),
            next: 0,
            comments: &lexed.comments,
            next_comment: 0,
            ops: vec![],
            open: vec![],
            separated: true,
            at: 0,
        }
    }

    pub(super) fn finish(self) -> Vec<Op<'a>> {
        self.ops
    }

    /// Copies the tokens that start before `offset`.
    pub(super) fn up_to(&mut self, offset: usize) {
        while self.pieces.get(self.next).is_some_and(|piece| piece.start < offset) {
            self.piece();
        }
    }

    /// Copies the tokens before a span.
    pub(super) fn until(&mut self, span: Span) {
        self.up_to(span.start as usize);
    }

    /// Copies the tokens up to the end of a span.
    pub(super) fn through(&mut self, span: Span) {
        self.up_to(span.end as usize);
    }

    /// Copies the tokens up to the next comma, and the comma: closing parentheses that the tree does not
    /// know may stand before it.
    pub(super) fn comma(&mut self) {
        self.close_parentheses();
        self.piece();
    }

    /// Copies closing parentheses of an expression or type that its span leaves out.
    pub(super) fn close_parentheses(&mut self) {
        while self.next_is(TokenKind::RightParenthesis) {
            self.piece();
        }
    }

    /// Copies the next token.
    pub(super) fn piece(&mut self) {
        let Some(piece) = self.pieces.get(self.next).copied() else { return };
        if !self.separated {
            if piece.kind == TokenKind::Comma && !self.doc_is_next() {
                // A comma stays at what it follows; comments in between come after it. A stray doc comment
                // of them, or one behind the comma, would then belong to the field on the next line.
                self.copy(piece);
                return;
            }
            self.separate(self.usual_gap(piece));
        }
        self.copy(piece);
    }

    fn copy(&mut self, piece: Piece<'a>) {
        self.ops.push(Op::Text(piece.text));
        self.next += 1;
        self.separated = false;
        self.at = self.at.max(piece.end);
    }

    /// Writes what separates the next token from the last, and the comments between them.
    pub(super) fn separate(&mut self, gap: Gap) {
        if self.separated {
            return;
        }
        let is_continued = matches!(gap, Gap::Nothing | Gap::Space);
        let has_comments = self.comment_is_next();
        if has_comments && is_continued {
            self.indent();
        }
        self.comments(gap);
        match gap {
            _ if has_comments => self.hard_line(gap != Gap::Edge && !is_continued && self.blank_is_next()),
            Gap::Nothing if self.must_part() => self.ops.push(Op::Spaces(1)),
            Gap::Nothing => {}
            Gap::Space => self.ops.push(Op::Spaces(1)),
            Gap::Line => self.ops.push(Op::Line),
            Gap::SoftLine => self.ops.push(Op::SoftLine),
            Gap::Below => self.hard_line(self.blank_is_next()),
            Gap::Edge => self.hard_line(false),
        }
        if has_comments && is_continued {
            self.dedent();
        }
        self.separated = true;
    }

    /// Nothing stands between the next token and the last.
    pub(super) fn glue(&mut self) {
        self.separate(Gap::Nothing);
    }

    /// A space of several columns, to align what follows.
    pub(super) fn pad(&mut self, n: usize) {
        if !self.comment_is_next() {
            self.ops.push(Op::Spaces(n));
            self.separated = true;
        }
    }

    /// Writes the comments before the next token, which closes a block, while the block is still indented.
    /// What separates the closing token then is `gap`, or a line break if there were comments.
    pub(super) fn dedent_before_closing(&mut self, gap: Gap) {
        let has_comments = self.comment_is_next();
        self.comments(Gap::Below);
        self.dedent();
        if has_comments {
            self.hard_line(false);
            self.separated = true;
        } else {
            self.separate(gap);
        }
    }

    /// Writes the comments before the next token; line breaks come before each, not after the last.
    fn comments(&mut self, gap: Gap) {
        let copied_to = self.at;
        let mut is_first = true;
        while let Some(comment) = self.pending_comment() {
            // A comma was put before the first comment if a second stands behind the comma.
            if comment.first_on_line || !is_first {
                let blank = self.blank_before(comment.start as usize) && !(is_first && gap == Gap::Edge);
                self.hard_line(blank);
                self.ops.push(Op::Text(self.comment_text(comment)));
            } else {
                self.force();
                self.ops.push(Op::Comment(self.comment_text(comment)));
            }
            self.passed(comment);
            is_first = false;
        }
        // A comma behind the comments may have been copied before them.
        self.at = self.at.max(copied_to);
    }

    /// Writes what stands between two items, which may be the beginning or the end of the file: the comments
    /// that belong to the item above, being indented, then those at the left margin. Returns the line break
    /// at which a missing empty line can be put, if the author has none.
    pub(super) fn between_items(&mut self) -> Option<usize> {
        let is_first = self.ops.is_empty();
        let mut belongs_above = !is_first;
        let mut gap_at = None;
        let mut has_blank = is_first;
        while let Some(comment) = self.pending_comment() {
            let start = comment.start as usize;
            if !comment.first_on_line {
                self.ops.push(Op::Comment(self.comment_text(comment)));
                self.passed(comment);
                continue;
            }
            let blank = self.blank_before(start);
            belongs_above &= !comment.is_doc && !blank && !self.is_at_margin(start);
            if belongs_above {
                self.indent();
            } else {
                gap_at.get_or_insert(self.ops.len());
                has_blank |= blank;
            }
            self.hard_line(blank);
            self.ops.push(Op::Text(self.comment_text(comment)));
            if belongs_above {
                self.dedent();
            }
            self.passed(comment);
        }
        if self.next < self.pieces.len() {
            let blank = self.blank_is_next() && !self.ops.is_empty();
            has_blank |= blank;
            gap_at.get_or_insert(self.ops.len());
            self.hard_line(blank);
        }
        self.separated = true;
        gap_at.filter(|_| !has_blank)
    }

    /// Puts an empty line into a line break that [`Writer::between_items`] returned.
    pub(super) fn add_blank_line(&mut self, at: usize) {
        if let Some(Op::HardLine { blank }) = self.ops.get_mut(at) {
            *blank = true;
        }
    }

    /// Operations written so far, and those from a place on.
    pub(super) fn n_ops(&self) -> usize {
        self.ops.len()
    }

    pub(super) fn ops_from(&self, start: usize) -> &[Op<'a>] {
        self.ops.get(start..).unwrap_or_default()
    }

    pub(super) fn indent(&mut self) {
        self.ops.push(Op::Indent);
    }

    pub(super) fn dedent(&mut self) {
        self.ops.push(Op::Dedent);
    }

    /// Writes a group: on one line, or with all its own lines broken.
    pub(super) fn group(&mut self, write: impl FnOnce(&mut Self)) {
        if !self.separated && self.pieces.get(self.next).is_some() {
            let gap = self.pieces.get(self.next).map_or(Gap::Nothing, |piece| self.usual_gap(*piece));
            self.separate(gap);
        }
        self.open_group();
        write(self);
        self.close_group();
    }

    fn open_group(&mut self) {
        self.open.push(self.ops.len());
        self.ops.push(Op::Open { forced: false });
    }

    fn close_group(&mut self) {
        self.ops.push(Op::Close);
        self.open.pop();
    }

    /// Items between brackets, one per line with a trailing comma if they don't fit on one.
    pub(super) fn bracketed<T>(
        &mut self,
        items: &[T],
        brackets: Brackets,
        mut each: impl FnMut(&mut Self, &T),
    ) {
        let (edge, middle) = match brackets.lines {
            Lines::Each => (Gap::Edge, Gap::Below),
            Lines::Spaced => (Gap::Line, Gap::Line),
            Lines::Tight => (Gap::SoftLine, Gap::Line),
        };
        self.group(|w| {
            w.piece();
            w.indent();
            if !items.is_empty() {
                w.separate(edge);
            }
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    w.comma();
                    w.separate(middle);
                }
                each(w, item);
            }
            if w.next_is(TokenKind::Comma) {
                w.next += 1;
            }
            if brackets.trailing_comma && !items.is_empty() {
                w.ops.push(Op::TrailingComma);
            }
            w.dedent_before_closing(if items.is_empty() { Gap::Nothing } else { edge });
            w.piece();
        });
    }

    /// Items with commas between them behind a word: on the word's line, or below it with one on each line.
    /// A single item stays beside the word.
    pub(super) fn listed<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        if let [item] = items {
            self.separate(Gap::Space);
            each(self, item);
            return;
        }
        self.open_group();
        self.indent();
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.comma();
            }
            self.separate(Gap::Line);
            each(self, item);
        }
        self.dedent();
        self.close_group();
    }

    pub(super) fn next_is(&self, kind: TokenKind) -> bool {
        self.pieces.get(self.next).is_some_and(|piece| piece.kind == kind)
    }

    /// The next token, if it starts before `end`.
    pub(super) fn kind_before(&self, end: usize) -> Option<TokenKind> {
        self.pieces.get(self.next).filter(|piece| piece.start < end).map(|piece| piece.kind)
    }

    /// Whether the author began a line with the token at `offset`.
    pub(super) fn starts_line(&self, offset: usize) -> bool {
        let index = self.pieces.partition_point(|piece| piece.start < offset);
        self.pieces.get(index).is_some_and(|piece| piece.first_on_line)
    }

    pub(super) fn next_starts_line(&self) -> bool {
        self.pieces.get(self.next).is_some_and(|piece| piece.first_on_line)
    }

    fn hard_line(&mut self, blank: bool) {
        self.force();
        self.ops.push(Op::HardLine { blank });
    }

    /// Breaks all open groups.
    fn force(&mut self) {
        for index in &self.open {
            if let Some(Op::Open { forced }) = self.ops.get_mut(*index) {
                *forced = true;
            }
        }
    }

    fn pending_comment(&self) -> Option<Comment> {
        let comment = self.comments.get(self.next_comment)?;
        let next_piece = self.pieces.get(self.next).map_or(usize::MAX, |piece| piece.start);
        ((comment.start as usize) < next_piece).then_some(*comment)
    }

    fn comment_is_next(&self) -> bool {
        self.pending_comment().is_some()
    }

    /// Whether one of the comments before the next token is a doc comment, or the one behind it.
    fn doc_is_next(&self) -> bool {
        let start = |piece: usize| self.pieces.get(piece).map_or(usize::MAX, |piece| piece.start);
        let (next, next_but_one) = (start(self.next), start(self.next + 1));
        let pending = self.comments.iter().skip(self.next_comment);
        pending
            .take_while(|comment| (comment.start as usize) < next_but_one)
            .any(|comment| comment.is_doc && ((comment.start as usize) < next || !comment.first_on_line))
    }

    fn comment_text(&self, comment: Comment) -> &'a str {
        self.text.get(comment.start as usize..comment.end as usize).unwrap_or_default().trim_end()
    }

    fn passed(&mut self, comment: Comment) {
        self.next_comment += 1;
        self.at = comment.end as usize;
    }

    /// Whether an empty line stands before the next token.
    fn blank_is_next(&self) -> bool {
        self.pieces.get(self.next).is_some_and(|piece| self.blank_before(piece.start))
    }

    fn blank_before(&self, start: usize) -> bool {
        let between = self.text.get(self.at..start).unwrap_or_default();
        self.at > 0 && between.bytes().filter(|b| *b == b'\n').count() > 1
    }

    fn is_at_margin(&self, start: usize) -> bool {
        self.text.get(..start).is_none_or(|before| !before.ends_with([' ', '\t']))
    }

    fn last_piece(&self) -> Option<Piece<'a>> {
        self.next.checked_sub(1).and_then(|last| self.pieces.get(last)).copied()
    }

    fn usual_gap(&self, piece: Piece) -> Gap {
        use TokenKind::*;
        let Some(last) = self.last_piece() else { return Gap::Nothing };
        let glued_to_last =
            matches!(piece.kind, Comma | Colon | RightParenthesis | RightBracket | Dot | DotDot | Question);
        let glued_to_next = matches!(last.kind, LeftParenthesis | LeftBracket | Dot | DotDot);
        if glued_to_last || glued_to_next { Gap::Nothing } else { Gap::Space }
    }

    /// Whether the last token and the next would be read as another if nothing stood between them.
    fn must_part(&self) -> bool {
        let (Some(last), Some(next)) = (self.last_piece(), self.pieces.get(self.next)) else { return false };
        let (Some(a), Some(b)) = (last.text.chars().next_back(), next.text.chars().next()) else {
            return false;
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        (is_word(a) && (is_word(b) || b == '"'))
            || matches!(
                (a, b),
                ('-', '-' | '>') | ('?', '?') | ('+', '+') | ('.', '.') | ('<' | '>' | '=' | '!', '=')
            )
    }
}

/// How a bracketed list is written.
#[derive(Clone, Copy)]
pub(super) struct Brackets {
    pub lines: Lines,
    /// The language allows a comma behind the last item.
    pub trailing_comma: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Lines {
    /// One line per item in any case.
    Each,
    /// `{ a, b }` if it fits.
    Spaced,
    /// `[a, b]` if it fits.
    Tight,
}

impl Brackets {
    pub(super) const TIGHT: Brackets = Brackets { lines: Lines::Tight, trailing_comma: true };
    pub(super) const SPACED: Brackets = Brackets { lines: Lines::Spaced, trailing_comma: true };
    pub(super) const EACH: Brackets = Brackets { lines: Lines::Each, trailing_comma: true };
    pub(super) const NO_COMMA: Brackets = Brackets { lines: Lines::Tight, trailing_comma: false };
}

fn pieces<'a>(text: &'a str, tokens: &[Token]) -> Vec<Piece<'a>> {
    use TokenKind::*;
    let mut pieces: Vec<Piece> = Vec::with_capacity(tokens.len());
    let mut n_open_templates = 0_usize;
    for token in tokens {
        let (start, end) = (token.start as usize, token.end as usize);
        let piece = |start: usize, end: usize| {
            let text = text.get(start..end).unwrap_or_default();
            Piece { kind: token.kind, text, start, end, first_on_line: token.first_on_line }
        };
        if n_open_templates > 0 {
            // Inside an f-string: the piece that began it grows.
            if let Some(last) = pieces.last_mut() {
                last.end = last.end.max(end);
                last.text = text.get(last.start..last.end).unwrap_or_default();
            }
        } else if token.kind.is_sided_join() {
            // A comment may stand between the two words.
            const JOIN: usize = "join".len();
            let first = token.kind.shown().len() - JOIN - 1;
            pieces.push(piece(start, start + first));
            pieces.push(Piece { kind: Join, first_on_line: false, ..piece(end - JOIN, end) });
        } else {
            let piece = piece(start, end);
            pieces.push(Piece { text: without_needless_backticks(piece.text), ..piece });
        }
        match token.kind {
            TemplateStart => n_open_templates += 1,
            TemplateEnd => n_open_templates = n_open_templates.saturating_sub(1),
            _ => {}
        }
    }
    pieces
}

/// Words of the language keep their backticks: whether they need them depends on where they stand.
fn without_needless_backticks(text: &str) -> &str {
    match text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        Some(name) if !token::needs_backticks(name) && TokenKind::word(name).is_none() => name,
        _ => text,
    }
}
