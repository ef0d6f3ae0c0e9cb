//! Calls: functions that have another name or are a sign here, `cast(x as t)`, `f(x) over (…)`.

use super::{Writer, conversion, expression, is_large, is_lost};
use crate::elsewhere::tokens::Tokens;
use crate::elsewhere::words;
use crate::token::TokenKind;

impl Writer<'_> {
    pub(super) fn call(&mut self, name: &str) -> Option<()> {
        let tokens = self.tokens;
        let open = self.at + 1;
        let close = tokens.close(open)?;
        let inside = tokens.part(open + 1..close);
        if tokens.is(close + 1, "over") {
            return self.over(name, inside, close + 2);
        }
        // Which rows take part: `filter (where …)` stands behind the call here, too.
        let filter = match tokens.is(close + 1, "filter") && tokens.is(close + 3, "where") {
            true => Some(tokens.close(close + 2)?),
            false => None,
        };
        let n = close + 1 - self.at;
        let is_alone = n == tokens.all.len();
        let joined = |sign: &str| -> Option<String> {
            let parts: Option<Vec<_>> = inside.parts().into_iter().map(expression).collect();
            let text = parts?.join(sign);
            Some(if is_alone { text } else { format!("({text})") })
        };
        let args = || -> Option<Vec<String>> { inside.parts().into_iter().map(expression).collect() };
        let text = match (name, inside.parts().len()) {
            ("cast" | "try_cast", 1) => {
                let at = inside.outside().find(|at| inside.is(*at, "as"))?;
                let (call, n) = conversion(inside.part(at + 1..))?;
                if at + 1 + n < inside.all.len() {
                    return None;
                }
                let prefix = if name == "cast" { "" } else { "try_" };
                format!("{prefix}{}", call(&expression(inside.part(..at))?))
            }
            ("count", 1) if inside.kind(0) == Some(TokenKind::Star) => "count()".to_string(),
            ("coalesce" | "nvl" | "ifnull" | "isnull", 2..) => joined(" ?? ")?,
            ("concat", 2..) => joined(" ++ ")?,
            ("extract", 1) if inside.is(1, "from") => {
                format!("{}({})", words::part_of_time(&inside.word(0))?, expression(inside.part(2..))?)
            }
            ("if" | "iif" | "ifthenelse", 3) => {
                let [condition, yes, no] = <[_; 3]>::try_from(args()?).ok()?;
                let text = format!("if {condition} then {yes} else {no}");
                if is_alone { text } else { format!("({text})") }
            }
            ("minimum" | "maximum", n) => {
                let function = match (name, n) {
                    ("minimum", 1) => "min",
                    ("minimum", _) => "least",
                    (_, 1) => "max",
                    _ => "greatest",
                };
                format!("{function}({})", args()?.join(", "))
            }
            ("nullif", 2) => {
                let [x, y] = <[_; 2]>::try_from(args()?).ok()?;
                let text = format!("if {x} == {y} then null else {x}");
                if is_alone { text } else { format!("({text})") }
            }
            ("date_trunc", 2) => {
                let [unit, time] = <[_; 2]>::try_from(args()?).ok()?;
                format!("start_of({time}, {})", unit.to_ascii_lowercase())
            }
            ("floor", 1) if inside.outside().any(|at| inside.is(at, "to")) => {
                let to = inside.outside().find(|at| inside.is(*at, "to"))?;
                let unit = words::unit_of_calendar(&inside.word(to + 1))?;
                format!("start_of({}, \"{unit}\")", expression(inside.part(..to))?)
            }
            ("substring" | "mid", 2 | 3) => substring(args()?)?,
            ("substring", 1) if inside.outside().any(|at| inside.is(at, "from")) => {
                let from = inside.outside().find(|at| inside.is(*at, "from"))?;
                let end = inside.outside().find(|at| inside.is(*at, "for")).unwrap_or(inside.all.len());
                let rest = inside.part(end..).part(1..);
                let mut args =
                    vec![expression(inside.part(..from))?, expression(inside.part(from + 1..end))?];
                args.extend(if rest.all.is_empty() { None } else { Some(expression(rest)?) });
                substring(args)?
            }
            // Nulls are passed over unless it is said that they count.
            ("earliest_by_offset" | "latest_by_offset", 1 | 2) => {
                let args = args()?;
                let name = if name.starts_with("latest") { "last" } else { "first" };
                match args.get(1).map(|ignore| ignore.to_ascii_lowercase()).as_deref() {
                    None | Some("true") => format!("{name}({}, ignore_null: true)", args.first()?),
                    Some("false") => format!("{name}({})", args.first()?),
                    _ => return None,
                }
            }
            _ if is_lost(name) => return None,
            _ => {
                let name = match words::function_here(name) {
                    Some(name) => name.to_string(),
                    None if is_large(tokens.written(self.at)) => name.to_string(),
                    None => tokens.written(self.at).to_string(),
                };
                let distinct = usize::from(inside.is(0, "distinct"));
                let inside = inside.part(distinct..);
                let args: Option<Vec<_>> = inside.parts().into_iter().map(argument).collect();
                let distinct = if distinct > 0 { "distinct " } else { "" };
                format!("{name}({distinct}{})", args?.join(", "))
            }
        };
        match filter {
            Some(end) => {
                let condition = expression(tokens.part(close + 4..end))?;
                self.operand(&format!("{text} filter (where {condition})"), end + 1 - self.at);
            }
            None => self.operand(&text, n),
        }
        Some(())
    }

    /// `row_number() over (partition by k order by t)`; `open`: where what is behind `over` begins.
    pub(super) fn over(&mut self, name: &str, inside: Tokens, open: usize) -> Option<()> {
        let close = self.tokens.close(open)?;
        let over = self.tokens.part(open + 1..close);
        // Rows are in the order of their times, never in another.
        if over.outside().any(|at| over.is(at, "desc")) {
            return None;
        }
        let order = over.outside().find(|at| over.is(*at, "order")).unwrap_or(over.all.len());
        let is_parted = over.is(0, "partition") && over.is(1, "by");
        let keys = over.part(if is_parted { 2 } else { 0 }..order);
        let key = match (is_parted, keys.parts().len()) {
            (true, 1) => Some(expression(keys)?),
            (false, 0) => None,
            _ => return None,
        };
        let mut args: Vec<String> = inside.parts().into_iter().map(expression).collect::<Option<_>>()?;
        match (name, args.len()) {
            ("row_number", 0) | ("lag" | "lead", 2) => {}
            ("lag" | "lead", 1) => args.push("1".into()),
            _ => return None,
        }
        let is_parted = key.is_some();
        args.extend(key.map(|key| format!("by: {key}")));
        if name != "lead" && is_parted {
            args.push("forever: true".into());
        }
        self.operand(&format!("{name}({})", args.join(", ")), close + 1 - self.at);
        Some(())
    }
}

/// A part of a text: positions begin at 1 there, and at 0 here.
fn substring(mut args: Vec<String>) -> Option<String> {
    let start = args.get_mut(1)?;
    *start = start.parse::<u32>().ok().filter(|start| *start > 0).map(|start| start - 1)?.to_string();
    Some(format!("substr({})", args.join(", ")))
}

/// An argument, with its name if it has one.
fn argument(tokens: Tokens) -> Option<String> {
    match tokens.kind(1) {
        Some(TokenKind::Colon) if tokens.kind(2) != Some(TokenKind::Colon) => {
            Some(format!("{}: {}", tokens.written(0), expression(tokens.part(2..))?))
        }
        _ => expression(tokens),
    }
}
