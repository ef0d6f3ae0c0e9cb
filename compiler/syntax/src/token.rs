//! What the text is cut into: the kinds of tokens and the words of the language.
//!
//! To add a word, add a line to `words!` here and to the tokens of `grammar/millstream.lalrpop`.
//! Cutting itself is in `lexer`.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A token and where it stands. Its text is the slice of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: TokenKind,
    pub start: u32,
    pub end: u32,
    /// Nothing but blanks stands before it on its line.
    pub first_on_line: bool,
}

impl Token {
    pub fn text<'a>(&self, file_text: &'a str) -> &'a str {
        file_text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

macro_rules! words {
    (
        others { $($other:ident $shown:literal,)* }
        reserved { $($reserved:ident $reserved_text:literal,)* }
        contextual { $($contextual:ident $contextual_text:literal,)* }
    ) => {
        /// The kind of a token.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum TokenKind {
            $($other,)*
            $($reserved,)*
            $($contextual,)*
        }

        /// Words that can't be names unless they stand in backticks, after a `.` or before a `:`.
        pub const RESERVED: &[&str] = &[$($reserved_text),*];

        /// Words with a meaning in some places that are ordinary names in all others.
        pub const CONTEXTUAL: &[&str] = &[$($contextual_text),*];

        static WORDS: LazyLock<HashMap<&'static str, TokenKind>> = LazyLock::new(|| HashMap::from([
            $(($reserved_text, TokenKind::$reserved),)*
            $(($contextual_text, TokenKind::$contextual),)*
        ]));

        impl TokenKind {
            /// As messages show it: the text of words and signs, a description of the rest.
            pub fn shown(self) -> &'static str {
                match self {
                    $(TokenKind::$other => $shown,)*
                    $(TokenKind::$reserved => $reserved_text,)*
                    $(TokenKind::$contextual => $contextual_text,)*
                }
            }
        }
    };
}

words! {
    others {
        // Only in front of a token stream: what the parser is asked to read.
        StartProgram "a program",
        StartItem "an item",
        StartQuery "a query",
        StartHead "`from` or `match`",
        StartClause "a clause",
        StartTestStep "a test step",
        StartField "a field",
        StartMember "a member",
        StartSourceOption "an option",
        StartSinkOption "an option",
        StartExpr "an expression",

        Identifier "a name",
        Integer "an integer",
        Decimal "a number",
        Float "a number",
        Duration "a duration",
        Timestamp "a timestamp",
        String "text",
        RawString "text",
        TemplateStart "f\"",
        TemplateText "text",
        TemplateOpen "{",
        TemplateClose "}",
        TemplateEnd "\"",

        LeftJoin "left join",
        RightJoin "right join",
        FullJoin "full join",
        SemiJoin "semi join",
        AntiJoin "anti join",

        LeftParenthesis "(",
        RightParenthesis ")",
        LeftBracket "[",
        RightBracket "]",
        LeftBrace "{",
        RightBrace "}",
        Comma ",",
        Dot ".",
        DotDot "..",
        Colon ":",
        Assign "=",
        Equal "==",
        NotEqual "!=",
        Less "<",
        LessEqual "<=",
        Greater ">",
        GreaterEqual ">=",
        Plus "+",
        PlusPlus "++",
        Minus "-",
        Star "*",
        Slash "/",
        Percent "%",
        Question "?",
        Coalesce "??",
        Pipe "|",
        Arrow "->",
    }
    reserved {
        And "and",
        Or "or",
        Not "not",
        If "if",
        Then "then",
        Else "else",
        True "true",
        False "false",
        Null "null",
        Distinct "distinct",
        Where "where",
        Select "select",
        Let "let",
        Join "join",
        Unnest "unnest",
        Union "union",
        Dedupe "dedupe",
        Throttle "throttle",
        Emit "emit",
    }
    contextual {
        Add "add",
        Adjacent "adjacent",
        Advance "advance",
        Aggregate "aggregate",
        Ahead "ahead",
        All "all",
        As "as",
        Asc "asc",
        Backoff "backoff",
        Between "between",
        By "by",
        Change "change",
        Changes "changes",
        Contains "contains",
        Count "count",
        Cumulative "cumulative",
        Day "day",
        Delete "delete",
        Desc "desc",
        Disorder "disorder",
        Empty "empty",
        Error "error",
        Errors "errors",
        Every "every",
        Except "except",
        Expect "expect",
        Expire "expire",
        Fail "fail",
        Fill "fill",
        Filter "filter",
        Final "final",
        Fn "fn",
        For "for",
        Forever "forever",
        Format "format",
        From "from",
        Given "given",
        Greedy "greedy",
        Group "group",
        Hopping "hopping",
        Hour "hour",
        Idle "idle",
        In "in",
        Is "is",
        Keep "keep",
        Key "key",
        Last "last",
        Late "late",
        Lateness "lateness",
        Like "like",
        Limit "limit",
        Match "match",
        Matches "matches",
        Max "max",
        Merge "merge",
        Month "month",
        Next "next",
        Of "of",
        Offset "offset",
        On "on",
        Once "once",
        Order "order",
        Ordered "ordered",
        Overlapping "overlapping",
        Param "param",
        Per "per",
        Previous "previous",
        Quarter "quarter",
        Refresh "refresh",
        Remove "remove",
        Replace "replace",
        Result "result",
        Retry "retry",
        Reuse "reuse",
        Rows "rows",
        Running "running",
        Session "session",
        Sideline "sideline",
        Sink "sink",
        Sliding "sliding",
        Source "source",
        State "state",
        Stream "stream",
        Table "table",
        Test "test",
        Time "time",
        Timeout "timeout",
        To "to",
        Top "top",
        Tumbling "tumbling",
        Type "type",
        Unordered "unordered",
        Until "until",
        Use "use",
        Week "week",
        When "when",
        Window "window",
        Within "within",
        Without "without",
        Year "year",
    }
}

impl TokenKind {
    /// The word with this text, if the language knows it.
    pub fn word(text: &str) -> Option<TokenKind> {
        WORDS.get(text).copied()
    }

    /// May stand wherever a name may: a plain name, or a word that is not reserved.
    pub fn is_name(self) -> bool {
        self == TokenKind::Identifier || (self as usize) >= TokenKind::Add as usize
    }

    pub fn is_reserved(self) -> bool {
        (self as usize) >= TokenKind::And as usize && (self as usize) < TokenKind::Add as usize
    }

    /// Begins an item.
    pub fn is_item_word(self) -> bool {
        use TokenKind::*;
        matches!(self, Use | Param | Fn | Aggregate | Type | Source | Table | Stream | Sink | Test)
    }

    /// Begins a clause of a query. Those that are not reserved are names in other places.
    pub fn is_clause_word(self) -> bool {
        use TokenKind::*;
        self.is_sided_join()
            || matches!(self, Where | Select | Let | Join | Unnest | Union | Dedupe | Throttle | Emit)
            || matches!(self, Window | Group | Order | Changes | Top)
    }

    /// `left join` and the like, which are one token.
    pub fn is_sided_join(self) -> bool {
        use TokenKind::*;
        matches!(self, LeftJoin | RightJoin | FullJoin | SemiJoin | AntiJoin)
    }

    pub fn opens(self) -> bool {
        use TokenKind::*;
        matches!(self, LeftParenthesis | LeftBracket | LeftBrace | TemplateOpen)
    }

    pub fn closes(self) -> bool {
        use TokenKind::*;
        matches!(self, RightParenthesis | RightBracket | RightBrace | TemplateClose)
    }
}

/// A name as it is written, in backticks where it needs them.
pub fn in_backticks(name: &str) -> String {
    if needs_backticks(name) { format!("`{name}`") } else { name.to_string() }
}

/// Whether a name must stand in backticks to be read as a name everywhere but in patterns, where
/// `by`, `all`, `once`, `overlapping` and `within` need them too.
pub fn needs_backticks(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    !plain || RESERVED.contains(&name)
}
