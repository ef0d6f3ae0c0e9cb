//! Where the pieces of a broken program begin: items, clauses, test steps, fields, members, options.
//!
//! Used only when a parse has failed, so it may guess; it must find the same items as the parser on
//! programs that are right. Words of the language are names in most places, so a word alone does not
//! begin a piece: its place on the line and what follows it count as well. An unclosed bracket does not
//! hide the pieces behind it.

use crate::elsewhere::{statements, tokens};
use crate::token::{Token, TokenKind};
use millstream_base::suggest;

/// Tokens of a file with the text they stand in.
#[derive(Clone, Copy)]
pub struct Tokens<'a> {
    pub text: &'a str,
    pub all: &'a [Token],
}

impl Tokens<'_> {
    fn kind(&self, i: usize) -> Option<TokenKind> {
        self.all.get(i).map(|t| t.kind)
    }

    fn before(&self, i: usize) -> Option<TokenKind> {
        i.checked_sub(1).and_then(|i| self.kind(i))
    }

    fn is_name(&self, i: usize) -> bool {
        self.kind(i).is_some_and(TokenKind::is_name)
    }

    fn first_on_line(&self, i: usize) -> bool {
        self.all.get(i).is_some_and(|t| t.first_on_line)
    }

    fn in_first_column(&self, i: usize) -> bool {
        let Some(token) = self.all.get(i) else { return false };
        let start = token.start as usize;
        token.first_on_line
            && (start == 0 || self.text.as_bytes().get(start - 1).is_some_and(|b| *b == b'\n' || *b == b'\r'))
    }

    /// Whether an item begins at token `i`.
    pub fn starts_item(&self, i: usize) -> bool {
        use TokenKind::*;
        let Some(kind) = self.kind(i) else { return false };
        if !self.first_on_line(i) {
            return false;
        }
        if !kind.is_item_word() {
            let is_indented = self.is_large_statement(i) && !self.is_in_query(i);
            return is_indented
                || self.in_first_column(i) && (self.is_misspelt_item(i) || self.begins_statement(i));
        }
        let next = self.kind(i + 1);
        let after_comma = self.before(i) == Some(Comma);
        let is_operand = matches!(
            next,
            Some(
                Comma
                    | Dot
                    | Colon
                    | RightParenthesis
                    | RightBracket
                    | RightBrace
                    | Equal
                    | NotEqual
                    | Less
                    | LessEqual
                    | Greater
                    | GreaterEqual
                    | Plus
                    | PlusPlus
                    | Minus
                    | Star
                    | Slash
                    | Percent
                    | Coalesce
                    | And
                    | Or
                    | Then
                    | Else
                    | LeftBracket
            )
        );
        let is_element = after_comma && !self.is_name(i + 1);
        self.has_shape_of_item(i) || (self.in_first_column(i) && !is_operand && !is_element)
    }

    /// The first word of the clause that an offset is in; of a pattern `match`.
    pub fn clause_at(&self, offset: usize) -> Option<TokenKind> {
        let end = self.all.partition_point(|t| (t.start as usize) < offset);
        let starts_pattern =
            |i| self.kind(i) == Some(TokenKind::Match) && self.before(i) == Some(TokenKind::Assign);
        let starts = |i: &usize| self.starts_item(*i) || self.starts_clause(*i, 0) || starts_pattern(*i);
        let first = (0..end).rev().find(starts)?;
        self.kind(first).filter(|kind| !kind.is_item_word())
    }

    /// Whether the tokens from `i` on are the beginning of an item, wherever they stand.
    pub fn has_shape_of_item(&self, i: usize) -> bool {
        use TokenKind::*;
        let (next, after) = (self.kind(i + 1), self.kind(i + 2));
        // A reserved word as a name is a mistake of its own.
        let named = next.is_some_and(|n| n.is_name() || n.is_reserved());
        match self.kind(i) {
            Some(Use) => next == Some(String),
            Some(Param | Source) => named && after == Some(Colon),
            Some(Fn | Aggregate) => named && after == Some(LeftParenthesis),
            Some(Type | Stream) => named && after == Some(Assign),
            Some(Table) => named && matches!(after, Some(Colon | Key)),
            Some(Sink) => named && after == Some(From),
            Some(Test) => next == Some(String) && after == Some(LeftBrace),
            _ => false,
        }
    }

    /// Whether a statement of another language begins at token `i`.
    fn begins_statement(&self, i: usize) -> bool {
        // What is above is looked at for few words only.
        statements::begins(self.part(i..), false) && statements::begins(self.part(i..), self.is_in_query(i))
    }

    /// `SELECT …`, which no clause begins with, wherever its line does.
    fn is_large_statement(&self, i: usize) -> bool {
        let word = self.part(..).written(i);
        matches!(word, "SELECT" | "CREATE" | "INSERT") && statements::begins(self.part(i..), false)
    }

    /// Some tokens, as they are read that belong to another language.
    pub fn part(&self, range: impl std::slice::SliceIndex<[Token], Output = [Token]>) -> tokens::Tokens<'_> {
        tokens::Tokens { text: self.text, all: self.all }.part(range)
    }

    /// Whether what stands in front of token `i` is the query of a stream or a statement, which goes on.
    pub fn is_in_query(&self, i: usize) -> bool {
        const FARTHEST: usize = 1000;
        let all = self.part(..);
        for at in (i.saturating_sub(FARTHEST)..i).rev() {
            if all.gap(at + 1).contains(';') {
                return false;
            }
            let Some(kind) = self.kind(at).filter(|_| self.first_on_line(at)) else { continue };
            if kind.is_item_word() && self.starts_item(at) {
                let is_query = (at..i).any(|at| self.kind(at) == Some(TokenKind::Assign));
                return matches!(kind, TokenKind::Stream | TokenKind::Table) && is_query;
            }
            let is_statement = || statements::begins(self.part(at..), false);
            if self.in_first_column(at) && is_statement() || self.is_large_statement(at) {
                return !statements::is_annotation(self.part(at..));
            }
        }
        false
    }

    /// `strem totals =` in the first column.
    fn is_misspelt_item(&self, i: usize) -> bool {
        use TokenKind::*;
        let Some(token) = self.all.get(i).filter(|t| t.kind == Identifier) else { return false };
        let behind = matches!(self.kind(i + 1), Some(String)) || self.is_name(i + 1);
        let shape =
            matches!(self.kind(i + 2), Some(Assign | Colon | LeftParenthesis | From | LeftBrace | Key));
        let words = ["param", "aggregate", "type", "source", "table", "stream", "sink", "test"];
        let word = token.text(self.text);
        behind && shape && (suggest::did_you_mean(word, words).is_some() || is_function_elsewhere(word))
    }

    /// Whether a clause of a query begins at token `i`, `depth` brackets deep in the query.
    pub fn starts_clause(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let Some(kind) = self.kind(i) else { return false };
        let next = self.kind(i + 1);
        // A field's name follows its point on the same line.
        if next == Some(Colon) || self.before(i) == Some(Dot) && !self.first_on_line(i) {
            return false;
        }
        let at_ease = depth == 0 || self.first_on_line(i);
        match kind {
            // `filter (where …)`
            Where if self.before(i) == Some(LeftParenthesis) => false,
            // … as it should be
            Where if self.before(i) == Some(Filter) && !self.first_on_line(i) => false,
            _ if kind.is_clause_word() && !kind.is_name() => at_ease,
            Window => {
                at_ease && matches!(next, Some(Tumbling | Hopping | Cumulative | Session | Sliding | Running))
                    || self.alone(i, depth)
            }
            Group | Order => at_ease && next == Some(By) || self.alone(i, depth),
            Changes => at_ease && matches!(next, Some(By | Of)) || self.alone(i, depth),
            Top => at_ease && next == Some(Integer) || self.alone(i, depth),
            On => {
                at_ease
                    && next == Some(Error)
                    && self.kind(i + 2).is_some_and(|k| matches!(k, Fail | Sideline | Retry))
                    || self.alone_error(i, depth)
            }
            Time => self.alone(i, depth),
            _ => false,
        }
    }

    /// Whether some word for a clause that the language does not have may stand at token `i`, or what
    /// belongs to such a clause.
    pub fn may_start_misspelt_clause(&self, i: usize) -> bool {
        use TokenKind::*;
        let Some(kind) = self.kind(i) else { return false };
        let is_operator = matches!(
            kind,
            And | Or | Not | In | Is | Like | Matches | Between | If | Then | Else | True | False | Null
        );
        let is_word = kind.is_name() || kind.is_reserved() && !is_operator;
        let behind_operand = self.before(i).is_some_and(|before| {
            before.is_name()
                || before.closes()
                || matches!(
                    before,
                    Integer
                        | Decimal
                        | Float
                        | Duration
                        | Timestamp
                        | String
                        | RawString
                        | TemplateEnd
                        | True
                        | False
                        | Null
                )
        });
        matches!(kind, Comma | Assign) || is_word && (behind_operand || self.first_on_line(i))
    }

    /// A word that could be a name begins a clause if its line does and it is no operand.
    fn alone(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let behind_list = matches!(
            self.before(i),
            Some(
                Comma
                    | And
                    | Or
                    | Not
                    | Equal
                    | NotEqual
                    | Less
                    | LessEqual
                    | Greater
                    | GreaterEqual
                    | Plus
                    | PlusPlus
                    | Minus
                    | Star
                    | Slash
                    | Percent
                    | Coalesce
                    | Assign
                    | LeftParenthesis
                    | LeftBracket
                    | LeftBrace
                    | If
                    | Then
                    | Else
            )
        );
        let is_operand = matches!(
            self.kind(i + 1),
            Some(
                Comma
                    | Dot
                    | Colon
                    | RightParenthesis
                    | RightBracket
                    | RightBrace
                    | Equal
                    | NotEqual
                    | Less
                    | LessEqual
                    | Greater
                    | GreaterEqual
                    | PlusPlus
                    | Star
                    | Slash
                    | Percent
                    | Coalesce
                    | And
                    | Or
                    | Is
                    | In
                    | Like
                    | Between
                    | As
                    | Assign
            )
        );
        depth == 0 && self.first_on_line(i) && !behind_list && !is_operand
    }

    fn alone_error(&self, i: usize, depth: usize) -> bool {
        depth == 0
            && self.first_on_line(i)
            && self.kind(i + 1) == Some(TokenKind::Error)
            && !self.first_on_line(i + 1)
    }

    /// `format json` at the beginning of a line: two names side by side are no expression.
    fn begins_line_with_name(&self, i: usize) -> bool {
        self.first_on_line(i) && self.is_name(i + 1) && !self.first_on_line(i + 1)
    }

    /// Whether an option of a source or an input table begins at token `i`.
    pub fn starts_source_option(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let Some(kind) = self.kind(i) else { return false };
        let is_operand =
            matches!(self.before(i), Some(Key | Comma | Colon | Dot)) && !self.begins_line_with_name(i);
        if is_operand || matches!(self.kind(i + 1), Some(Colon | Comma)) {
            return false;
        }
        let at_ease = depth == 0 || self.first_on_line(i);
        match kind {
            From => at_ease && self.kind(i + 1) != Some(String),
            Format | Time | Refresh => at_ease,
            On => at_ease && self.kind(i + 1) == Some(Error),
            _ => false,
        }
    }

    /// Whether an option of a sink begins at token `i`.
    pub fn starts_sink_option(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let Some(kind) = self.kind(i) else { return false };
        let is_operand = matches!(self.before(i), Some(Sink | From | To | Comma | Colon | Dot))
            && !self.begins_line_with_name(i);
        if is_operand || self.kind(i + 1) == Some(Colon) {
            return false;
        }
        let at_ease = depth == 0 || self.first_on_line(i);
        match kind {
            Format | Ordered => at_ease,
            On => at_ease && self.kind(i + 1) == Some(Error),
            _ => false,
        }
    }

    /// Whether a step of a test begins at token `i`.
    pub fn starts_test_step(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let at_ease = depth == 0 || self.first_on_line(i);
        match self.kind(i) {
            Some(Given | Expect) => {
                at_ease
                    && self.is_name(i + 1)
                    && self.before(i) != Some(Given)
                    && self.before(i) != Some(Expect)
            }
            Some(Advance) => at_ease && self.kind(i + 1) == Some(To),
            _ => false,
        }
    }

    /// Whether a member of an aggregate begins at token `i`.
    pub fn starts_member(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let (next, after) = (self.kind(i + 1), self.kind(i + 2));
        let at_ease = depth == 0 || self.first_on_line(i);
        if self.before(i) == Some(Comma) && !self.first_on_line(i) {
            return false;
        }
        match self.kind(i) {
            Some(State) => at_ease && self.is_name(i + 1) && after == Some(Colon),
            Some(Add | Remove) => at_ease && self.is_name(i + 1) && after == Some(Assign),
            Some(Merge) => at_ease && self.is_name(i + 1) && after == Some(Comma),
            Some(Result) => self.first_on_line(i) && !matches!(next, Some(Assign | Dot | Comma)),
            _ => false,
        }
    }

    /// Whether a field of a record type begins at token `i`.
    pub fn starts_field(&self, i: usize, depth: usize) -> bool {
        use TokenKind::*;
        let named = self.is_name(i) || self.kind(i).is_some_and(TokenKind::is_reserved);
        let after_separator = matches!(self.before(i), Some(Comma | LeftBrace));
        let is_named_field = self.kind(i + 1) == Some(Colon) && (self.first_on_line(i) || after_separator);
        depth == 0 && named && (is_named_field || self.first_on_line(i) && after_separator)
    }
}

/// What begins the definition of a function in other languages.
pub fn is_function_elsewhere(word: &str) -> bool {
    matches!(word, "def" | "func" | "fun" | "function")
}
