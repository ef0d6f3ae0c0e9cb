//! Expressions as text: as the language writes them, with `#0` for columns and `$0` for locals.

use super::{CastMode, Expr, ExprKind};
use crate::text;
use crate::types::{Type, TypeKind};
use crate::value::Value;
use std::fmt::{self, Display, Formatter};

impl Expr {
    /// The text with other names for its columns.
    pub fn text<'a>(&'a self, names: &'a dyn Fn(usize) -> String) -> ExprText<'a> {
        ExprText { expr: self, names, is_events: &|_| false, local: None }
    }

    /// The text with other names for its columns, some of which are the events of a variable of a pattern, of which it
    /// speaks as a program does: `last(a)`, `count(a)`, `sum(a.price)`.
    pub fn text_of_pattern<'a>(
        &'a self,
        names: &'a dyn Fn(usize) -> String,
        is_events: &'a dyn Fn(usize) -> bool,
    ) -> ExprText<'a> {
        ExprText { expr: self, names, is_events, local: None }
    }
}

/// An expression and what its columns are called.
#[derive(Clone, Copy)]
pub struct ExprText<'a> {
    expr: &'a Expr,
    names: &'a dyn Fn(usize) -> String,
    is_events: &'a dyn Fn(usize) -> bool,
    /// A local that is called as a column.
    local: Option<(usize, usize)>,
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.text(&|number| format!("#{number}")).fmt(f)
    }
}

impl Display for ExprText<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.write(f)
    }
}

/// How tightly an operator binds; what is looser stands in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Whole,
    Or,
    And,
    Not,
    Compare,
    Coalesce,
    Concat,
    Sum,
    Product,
    Negate,
    Postfix,
}

impl ExprText<'_> {
    fn level(&self) -> Level {
        use super::BinaryOp::*;
        match &self.expr.kind {
            ExprKind::Let { .. } | ExprKind::If { .. } => Level::Whole,
            ExprKind::Or(..) => Level::Or,
            ExprKind::And(..) => Level::And,
            ExprKind::Not(_) => Level::Not,
            ExprKind::IsNull(_) | ExprKind::In { .. } | ExprKind::Like { .. } | ExprKind::Matches { .. } => {
                Level::Compare
            }
            ExprKind::Coalesce(..) => Level::Coalesce,
            ExprKind::Concat(_) => Level::Concat,
            ExprKind::Binary(Add | Subtract, ..) => Level::Sum,
            ExprKind::Binary(Multiply | Divide | Remainder, ..) => Level::Product,
            ExprKind::Binary(..) => Level::Compare,
            ExprKind::Unary(..) => Level::Negate,
            ExprKind::Cast { value, .. } if value.ty.kind == self.expr.ty.kind => self.of(value).level(),
            _ => Level::Postfix,
        }
    }

    fn of<'b>(&'b self, expr: &'b Expr) -> ExprText<'b> {
        ExprText { expr, ..*self }
    }

    /// A part that binds at least so tightly, or else stands in parentheses.
    fn part(&self, f: &mut Formatter, expr: &Expr, least: Level) -> fmt::Result {
        let part = self.of(expr);
        if part.level() >= least { part.write(f) } else { write!(f, "({part})") }
    }

    /// The operator between its sides; of two like it, the left one needs no parentheses.
    fn infix(&self, f: &mut Formatter, a: &Expr, symbol: &str, b: &Expr) -> fmt::Result {
        let level = self.level();
        let tighter = match level {
            Level::Or => Level::And,
            Level::And => Level::Not,
            // Few know by heart which of the two binds tighter.
            Level::Compare => Level::Concat,
            Level::Coalesce => Level::Concat,
            Level::Sum => Level::Product,
            _ => Level::Negate,
        };
        self.part(f, a, if level == Level::Compare { tighter } else { level })?;
        write!(f, " {symbol} ")?;
        self.part(f, b, tighter)
    }

    fn list(&self, f: &mut Formatter, parts: &[Expr], separator: &str) -> fmt::Result {
        for (i, part) in parts.iter().enumerate() {
            let separator = if i == 0 { "" } else { separator };
            write!(f, "{separator}{}", self.of(part))?;
        }
        Ok(())
    }

    fn write(&self, f: &mut Formatter) -> fmt::Result {
        match &self.expr.kind {
            ExprKind::Column(number) => f.write_str(&(self.names)(*number)),
            ExprKind::Literal(value) => f.write_str(&literal(value, &self.expr.ty)),
            ExprKind::Local(number) => match self.local {
                Some((local, column)) if local == *number => f.write_str(&(self.names)(column)),
                _ => write!(f, "${number}"),
            },
            ExprKind::Let { local, value, body } => {
                write!(f, "let ${local} = {} in {}", self.of(value), self.of(body))
            }
            ExprKind::Unary(_, operand) => {
                f.write_str("-")?;
                self.part(f, operand, Level::Postfix)
            }
            ExprKind::Binary(op, a, b) => self.infix(f, a, op.symbol(), b),
            ExprKind::And(a, b) => self.infix(f, a, "and", b),
            ExprKind::Or(a, b) => self.infix(f, a, "or", b),
            ExprKind::Coalesce(a, b) => self.infix(f, a, "??", b),
            ExprKind::Not(operand) => {
                if let ExprKind::IsNull(value) = &operand.kind {
                    self.part(f, value, Level::Coalesce)?;
                    return f.write_str(" is not null");
                }
                f.write_str("not ")?;
                self.part(f, operand, Level::Not)
            }
            ExprKind::IsNull(operand) => {
                self.part(f, operand, Level::Coalesce)?;
                f.write_str(" is null")
            }
            ExprKind::If { condition, then, otherwise } => {
                let (condition, then, otherwise) = (self.of(condition), self.of(then), self.of(otherwise));
                write!(f, "if {condition} then {then} else {otherwise}")
            }
            ExprKind::Concat(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { " ++ " })?;
                    self.part(f, part, Level::Sum)?;
                }
                Ok(())
            }
            ExprKind::In { value, list } => {
                self.part(f, value, Level::Coalesce)?;
                f.write_str(" in [")?;
                self.list(f, list, ", ")?;
                f.write_str("]")
            }
            ExprKind::Like { text, pattern } => {
                self.part(f, text, Level::Coalesce)?;
                write!(f, " like {}", text::quote(&pattern.source))
            }
            ExprKind::Matches { text, regex } => {
                self.part(f, text, Level::Coalesce)?;
                write!(f, " matches r\"{}\"", regex.0.as_str())
            }
            ExprKind::Cast { value, mode } => self.cast(f, value, *mode),
            ExprKind::Field { record, field } => {
                self.part(f, record, Level::Postfix)?;
                match &record.ty.kind {
                    TypeKind::Record(ty) if *field < ty.fields.len() => {
                        write!(f, ".{}", ty.fields[*field].name)
                    }
                    _ => write!(f, ".{field}"),
                }
            }
            ExprKind::Member { json, name } => {
                self.part(f, json, Level::Postfix)?;
                write!(f, ".{name}")
            }
            ExprKind::Index { base, index } => {
                self.part(f, base, Level::Postfix)?;
                write!(f, "[{}]", self.of(index))
            }
            ExprKind::List(parts) => {
                f.write_str("[")?;
                self.list(f, parts, ", ")?;
                f.write_str("]")
            }
            ExprKind::Record(parts) => {
                let names = match &self.expr.ty.kind {
                    TypeKind::Record(ty) => ty.fields.iter().map(|f| &*f.name).collect(),
                    _ => Vec::new(),
                };
                f.write_str("{ ")?;
                for (i, part) in parts.iter().enumerate() {
                    let separator = if i == 0 { "" } else { ", " };
                    let name = names.get(i).unwrap_or(&"_");
                    write!(f, "{separator}{name}: {}", self.of(part))?;
                }
                f.write_str(" }")
            }
            ExprKind::Comprehension { list, local, condition, element } => {
                write!(f, "[{} for ${local} in {}", self.of(element), self.of(list))?;
                if let Some(condition) = condition {
                    write!(f, " if {}", self.of(condition))?;
                }
                f.write_str("]")
            }
            ExprKind::Bucket { time, size, offset } => {
                write!(f, "bucket({}, {}", self.of(time), text::format_duration(*size))?;
                if *offset != 0 {
                    write!(f, ", offset: {}", text::format_duration(*offset))?;
                }
                f.write_str(")")
            }
            ExprKind::Call { function, arguments } => {
                if let Some(text) = self.of_events(function.name, arguments) {
                    return f.write_str(&text);
                }
                write!(f, "{}(", function.name)?;
                self.list(f, arguments, ", ")?;
                f.write_str(")")
            }
        }
    }

    /// A call that speaks of the events of a variable, as a program writes it.
    fn of_events(&self, function: &str, arguments: &[Expr]) -> Option<String> {
        let variable = |expr: &Expr| match expr.kind {
            ExprKind::Column(column) if (self.is_events)(column) => Some(column),
            _ => None,
        };
        match (function, arguments) {
            ("length", [events]) => Some(format!("count({})", (self.names)(variable(events)?))),
            ("get", [events, place]) => {
                let name = (self.names)(variable(events)?);
                Some(match &*self.of(place).to_string() {
                    "0" => format!("first({name})"),
                    "-1" => format!("last({name})"),
                    place => format!("{name}[{place}]"),
                })
            }
            (_, [values]) => {
                let ExprKind::Comprehension { list, local, condition: None, element } = &values.kind else {
                    return None;
                };
                let element = ExprText { local: Some((*local, variable(list)?)), ..self.of(element) };
                Some(format!("{}({element})", function.strip_prefix("list_")?))
            }
            _ => None,
        }
    }

    /// Not shown where only null comes to the type or leaves it.
    fn cast(&self, f: &mut Formatter, value: &Expr, mode: CastMode) -> fmt::Result {
        let inner = self.of(value);
        let target = &self.expr.ty;
        if value.ty.kind == target.kind {
            return inner.write(f);
        }
        let attempt = if mode == CastMode::Try { "try_" } else { "" };
        match &target.kind {
            TypeKind::Decimal(scale) => write!(f, "{attempt}decimal({inner}, {scale})"),
            TypeKind::List(_) | TypeKind::Map(_) | TypeKind::Record(_) | TypeKind::OneOf(_) => {
                write!(f, "{attempt}cast({inner}, {})", target.clone().required())
            }
            _ => write!(f, "{attempt}{}({inner})", target.clone().required()),
        }
    }
}

/// A value as the language writes it.
pub fn literal(value: &Value, ty: &Type) -> String {
    let all =
        |items: &[Value], ty: &Type| items.iter().map(|v| literal(v, ty)).collect::<Vec<_>>().join(", ");
    match (value, &ty.kind) {
        (Value::Null, _) => "null".to_string(),
        (Value::Timestamp(t), _) if text::has_literal(*t) => format!("@{}", text::format_timestamp(*t)),
        // Sums of times and durations go further than literals.
        (Value::Timestamp(t), _) => format!("timestamp({})", quoted(&text::format_timestamp(*t))),
        (Value::Duration(d), _) => text::format_duration(*d),
        (Value::Float(x), _) => text::format_float(*x),
        (Value::String(text), _) => quoted(text),
        (Value::Json(json), _) => format!("json({json})"),
        (Value::List(items), TypeKind::List(element)) => format!("[{}]", all(items, element)),
        (Value::Record(values), TypeKind::Record(record)) => {
            let fields = record.fields.iter().zip(values.iter());
            let fields: Vec<String> =
                fields.map(|(field, v)| format!("{}: {}", field.name, literal(v, &field.ty))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        _ => text::written(|out| text::write_json(out, value, ty)),
    }
}

/// A text in quotes, with the language's escapes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c if c.is_control() => out += &format!("\\u{{{:x}}}", c as u32),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{BinaryOp, UnaryOp};
    use millstream_base::Span;

    fn expr(kind: ExprKind, ty: Type) -> Expr {
        Expr::new(kind, ty, Span::default())
    }

    #[test]
    fn a_text_is_written_with_the_escapes_of_the_language() {
        let text = Value::string("a\"b\\\n\t\u{1}\u{9b}é");
        assert_eq!(literal(&text, &Type::STRING), r#""a\"b\\\n\t\u{1}\u{9b}é""#);
    }

    #[test]
    fn a_time_beyond_literals_is_written_as_it_is_converted_from_text() {
        let written = |micros| literal(&Value::Timestamp(micros), &Type::TIMESTAMP);
        assert_eq!(written(0), "@1970-01-01T00:00:00Z");
        assert_eq!(written(253_402_300_799_999_999), "@9999-12-31T23:59:59.999999Z");
        assert_eq!(written(253_402_300_800_000_000), "timestamp(\"+010000-01-01T00:00:00Z\")");
        assert_eq!(written(-62_135_596_800_000_001), "timestamp(\"0000-12-31T23:59:59.999999Z\")");
    }

    fn int(value: i64) -> Expr {
        expr(ExprKind::Literal(Value::Int(value)), Type::INT)
    }

    fn column() -> Box<Expr> {
        Box::new(expr(ExprKind::Column(3), Type::INT.nullable()))
    }

    fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
        let ty = if op.is_comparison() { Type::BOOL } else { Type::INT };
        expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
    }

    #[test]
    fn parentheses_stand_only_where_they_are_needed() {
        use BinaryOp::*;
        let cases = [
            (binary(Add, int(1), binary(Multiply, int(2), int(3))), "1 + 2 * 3"),
            (binary(Multiply, binary(Add, int(1), int(2)), int(3)), "(1 + 2) * 3"),
            (binary(Subtract, binary(Subtract, int(1), int(2)), int(3)), "1 - 2 - 3"),
            (binary(Subtract, int(1), binary(Subtract, int(2), int(3))), "1 - (2 - 3)"),
            (binary(Equal, binary(Less, int(1), int(2)), binary(Less, int(3), int(4))), "(1 < 2) == (3 < 4)"),
            (
                expr(ExprKind::Unary(UnaryOp::Negate, Box::new(binary(Add, int(1), int(2)))), Type::INT),
                "-(1 + 2)",
            ),
            (
                expr(ExprKind::Not(Box::new(expr(ExprKind::IsNull(column()), Type::BOOL))), Type::BOOL),
                "#3 is not null",
            ),
        ];
        for (expr, expected) in cases {
            assert_eq!(expr.to_string(), expected);
        }
    }

    #[test]
    fn shows_conversions_and_literals() {
        let cast = |ty: Type, mode| expr(ExprKind::Cast { value: column(), mode }, ty);
        assert_eq!(cast(Type::decimal(2), CastMode::Strict).to_string(), "decimal(#3, 2)");
        assert_eq!(cast(Type::FLOAT.nullable(), CastMode::Try).to_string(), "try_float(#3)");
        assert_eq!(cast(Type::INT, CastMode::Strict).to_string(), "#3");
        let names = |n: usize| format!("column {n}");
        assert_eq!(cast(Type::STRING, CastMode::Strict).text(&names).to_string(), "string(column 3)");
        let literals = [
            (Value::Decimal(1230), Type::decimal(2), "12.30"),
            (Value::Timestamp(0), Type::TIMESTAMP, "@1970-01-01T00:00:00Z"),
            (Value::Duration(90_000_000), Type::DURATION, "1m30s"),
            (Value::string("a\"b"), Type::STRING, "\"a\\\"b\""),
            (Value::Float(f64::NAN), Type::FLOAT, "NaN"),
            (
                Value::List([Value::Decimal(5), Value::Null].into()),
                Type::list(Type::decimal(1).nullable()),
                "[0.5, null]",
            ),
        ];
        for (value, ty, expected) in literals {
            assert_eq!(expr(ExprKind::Literal(value), ty).to_string(), expected);
        }
    }
}
