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
            ("nullif", 2) => {
                let [x, y] = <[_; 2]>::try_from(args()?).ok()?;
                let text = format!("if {x} == {y} then null else {x}");
                if is_alone { text } else { format!("({text})") }
            }
            ("date_trunc", 2) => {
                let [unit, time] = <[_; 2]>::try_from(args()?).ok()?;
                format!("start_of({time}, {})", unit.to_ascii_lowercase())
            }
            // Positions begin at 1 there, and at 0 here.
            ("substring" | "mid", 2 | 3) => {
                let mut args = args()?;
                let start = args.get_mut(1)?;
                *start =
                    start.parse::<u32>().ok().filter(|start| *start > 0).map(|start| start - 1)?.to_string();
                format!("substr({})", args.join(", "))
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
        self.operand(&text, n);
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

/// An argument, with its name if it has one.
fn argument(tokens: Tokens) -> Option<String> {
    match tokens.kind(1) {
        Some(TokenKind::Colon) if tokens.kind(2) != Some(TokenKind::Colon) => {
            Some(format!("{}: {}", tokens.written(0), expression(tokens.part(2..))?))
        }
        _ => expression(tokens),
    }
}
