//! What a query reads: `payments p`, `payments[amount > 10]#window.time(5 min)`, `TABLE(TUMBLE(…))`, and its joins.

use crate::elsewhere::granted::{self, longest};
use crate::elsewhere::patterns;
use crate::elsewhere::terms::{duration, expression};
use crate::elsewhere::tokens::Tokens;
use crate::elsewhere::windows::{self, Window};
use crate::literal;
use crate::token::TokenKind;

/// What a query reads.
pub(super) struct Read {
    pub clauses: Vec<String>,
    pub window: Option<Window>,
    pub granted: Vec<String>,
}

impl Read {
    pub fn of(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Read> {
        let (first, mut at) = source(tokens)?;
        first.as_of.is_none().then_some(())?;
        let mut clauses = vec![format!("from {}", first.written())];
        clauses.extend(first.condition.map(|condition| format!("where {condition}")));
        let mut granted = vec![];
        while at < tokens.all.len() {
            let join = Join::of(tokens.part(at..), is_table)?;
            clauses.push(join.clause);
            granted.extend(join.granted);
            at += join.n_tokens;
        }
        Some(Read { clauses, window: first.window, granted })
    }
}

struct Source {
    name: String,
    alias: Option<String>,
    window: Option<Window>,
    condition: Option<String>,
    /// The time of which it is asked, a table's.
    as_of: Option<String>,
}

impl Source {
    fn written(&self) -> String {
        match &self.alias {
            Some(alias) => format!("{} as {alias}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The stream that tokens begin with, and how many they are: `payments p`, `TABLE(TUMBLE(TABLE payments, …))`,
/// `payments[amount > 10]#window.time(5 min)`.
fn source(tokens: Tokens) -> Option<(Source, usize)> {
    let mut at = 1;
    let is_call = tokens.kind(1) == Some(TokenKind::LeftParenthesis);
    let (name, mut window) = if is_call && windows::is_function(&tokens.word(0)) {
        let close = tokens.close(1)?;
        at = close + 1;
        let inside = match tokens.is(0, "table") {
            true => tokens.part(2..close),
            false => tokens.part(..=close),
        };
        windows::of_table_function(inside).map(|(name, window)| (name, Some(window)))?
    } else {
        tokens.kind(0).filter(|kind| kind.is_name())?;
        (tokens.written(0).to_string(), None)
    };
    let mut condition = None;
    if matches!(tokens.kind(at), Some(TokenKind::LeftBracket | TokenKind::LeftParenthesis)) {
        let close = tokens.close(at)?;
        condition = Some(patterns::condition(tokens.part(at + 1..close), None)?);
        at = close + 1;
    }
    // Of Esper: `payments.win:time(30 sec)`.
    if tokens.kind(at) == Some(TokenKind::Dot) && tokens.kind(at + 2) == Some(TokenKind::Colon) {
        let close = tokens.close(at + 4)?;
        window = Some(windows::named(&tokens.word(at + 3), tokens.part(at + 5..close))?);
        at = close + 1;
    }
    let end = tokens.all.get(at - 1)?.end as usize;
    let behind = tokens.text.get(end..).unwrap_or("");
    if behind.starts_with('#') {
        window = Some(windows::of_text(behind.get(..windows::handler(behind)?)?)?);
    }
    let mut as_of = None;
    if tokens.is(at, "for") && tokens.is(at + 1, "system_time") && tokens.is(at + 2, "as") {
        let time = tokens.part(at + 4..);
        let is_end = |end: &usize| time.is(*end, "as") || begins_join(time, *end);
        let end = time.outside().find(is_end).filter(|_| tokens.is(at + 3, "of"))?;
        as_of = Some(expression(time.part(..end))?);
        at += 4 + end;
    }
    let mut alias = None;
    let is_as = tokens.is(at, "as");
    let is_name = |at: usize| tokens.kind(at).is_some_and(TokenKind::is_name);
    if is_as && is_name(at + 1) || is_name(at) && !begins_join(tokens, at) {
        alias = Some(tokens.written(at + usize::from(is_as)).to_string());
        at += 1 + usize::from(is_as);
    }
    Some((Source { name, alias, window, condition, as_of }, at))
}

fn begins_join(tokens: Tokens, at: usize) -> bool {
    let word = tokens.word(at);
    matches!(
        word.as_str(),
        "join" | "inner" | "left" | "right" | "full" | "cross" | "within" | "on" | "unidirectional"
    ) || word.ends_with("join")
}

struct Join {
    clause: String,
    granted: Option<String>,
    n_tokens: usize,
}

impl Join {
    /// The join that tokens begin with.
    fn of(tokens: Tokens, is_table: &dyn Fn(&str) -> bool) -> Option<Join> {
        let mut words: Vec<String> = vec![];
        let mut at = 0;
        while !words.last().is_some_and(|word| word.ends_with("join")) {
            words.push(tokens.word(at));
            at += 1;
            if at > 4 {
                return None;
            }
        }
        let side = words.join(" ");
        let kind = match side.split_whitespace().filter(|word| *word != "outer").collect::<Vec<_>>()[..] {
            ["join"] | ["inner", "join"] => "join",
            ["left", "join"] => "left join",
            ["right", "join"] => "right join",
            ["full", "join"] => "full join",
            _ => return None,
        };
        let (other, n) = source(tokens.part(at..))?;
        if other.window.is_some() || other.condition.is_some() {
            return None;
        }
        at += n;
        let mut within = None;
        if tokens.is(at, "within") {
            let bound = Bound::of(tokens.part(at + 1..))?;
            at += 1 + bound.n_tokens;
            within = Some(bound);
        }
        tokens.is(at, "on").then_some(())?;
        let start = at + 1;
        let rest = tokens.part(start..);
        let end = rest.outside().find(|at| begins_join(rest, *at)).unwrap_or(rest.all.len());
        let written = rest.part(..end);
        let condition = expression(written)?;
        at = start + end;
        if within.is_none() && tokens.is(at, "within") {
            let bound = Bound::of(tokens.part(at + 1..))?;
            at += 1 + bound.n_tokens;
            within = Some(bound);
        }
        // Partners that may be however far apart would be kept for ever.
        let is_bounded = within.is_some() || other.as_of.is_some() || is_table(&other.name);
        let taken = (!is_bounded).then(|| longest(written).unwrap_or("5m".to_string()));
        let (within, grace) = within.map_or((None, None), |bound| (Some(bound.within), bound.grace));
        let granted = match &taken {
            Some(taken) => Some(format!("both rows of a pair are at most {taken} apart")),
            None => grace.map(|grace| granted::grace(&grace)),
        };
        let as_of = other.as_of.as_ref().map_or(String::new(), |time| format!(" as of {time}"));
        let bound = within.or(taken).map_or(String::new(), |bound| format!(" within {bound}"));
        Some(Join {
            clause: format!("{kind} {} on {condition}{as_of}{bound}", other.written()),
            granted,
            n_tokens: at,
        })
    }
}

/// How far apart the rows of a pair may be.
struct Bound {
    within: String,
    /// How late a row may come.
    grace: Option<String>,
    n_tokens: usize,
}

impl Bound {
    /// `5 MINUTES`, `(0 SECONDS, 5 MINUTES) GRACE PERIOD 10 SECONDS`
    fn of(tokens: Tokens) -> Option<Bound> {
        let (within, mut n_tokens) = match tokens.kind(0)? {
            TokenKind::LeftParenthesis => {
                let close = tokens.close(0)?;
                let sides: Vec<Tokens> = tokens.part(1..close).parts();
                let [before, after] = <[Tokens; 2]>::try_from(sides).ok()?.map(whole_duration);
                let (before, after) = (before?, after?);
                let is_nothing = literal::duration(&before) == Ok(0);
                let before = if is_nothing { before } else { format!("-{before}") };
                (format!("{before}..{after}"), close + 1)
            }
            _ => duration(tokens)?,
        };
        let mut grace = None;
        if tokens.is(n_tokens, "grace") && tokens.is(n_tokens + 1, "period") {
            let (period, n) = duration(tokens.part(n_tokens + 2..))?;
            grace = Some(period);
            n_tokens += 2 + n;
        }
        Some(Bound { within, grace, n_tokens })
    }
}

fn whole_duration(tokens: Tokens) -> Option<String> {
    duration(tokens).filter(|(_, n)| *n == tokens.all.len()).map(|(text, _)| text)
}
