//! E0480 and on: joins.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};
use millstream_ir::text::format_duration;

pub fn unbounded_join(span: Span, end: Span) -> Diagnostic {
    Diagnostic::new(E0480, span, "all rows of both streams would be kept for ever")
        .label("says nothing of how far apart partners may be")
        .fix("bound it", end, " within 5m")
        .help("or join in a window, or say `forever` if both streams are small")
}

/// `bounds`: those of the range, in microseconds.
pub fn empty_range(span: Span, [low, high]: [i64; 2]) -> Diagnostic {
    let turned = format!("{}..{}", format_duration(high), format_duration(low));
    Diagnostic::new(E0481, span, "no time lies within this range").label("ends before it begins").fix(
        "put the lower bound first",
        span,
        turned,
    )
}

pub fn same_alias(span: Span, alias: &str, other: Span) -> Diagnostic {
    Diagnostic::new(E0482, span, format!("`{alias}` names the rows on both sides"))
        .label("taken")
        .also(other, "by these rows")
        .help(format!("give them other names: `{alias} as other`"))
}

/// Where a query ends below a join: the columns of a name, each with where its rows are named, and what would
/// keep the first of each.
pub fn same_name_on_both_sides(
    name: &str,
    [first, second]: [(String, Span); 2],
    end: Span,
    select: String,
) -> Diagnostic {
    let headline = format!("two columns would be called `{name}`: `{}` and `{}`", first.0, second.0);
    Diagnostic::new(E0231, second.1, headline)
        .label(format!("has `{}`", second.0))
        .also(first.1, format!("has `{}`", first.0))
        .help("say in a `select` which columns the rows have, and what they are called")
        .fix("keep one of each name", end, select)
}

pub fn join_in_window(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0483, span, "the rows of another stream have no place in windows of this kind")
        .label("bounded by a window")
        .also(window, "which only its own rows make")
        .help("say how far apart partners may be, `within 5m`, or join above the window")
}

/// Both `within` and `forever`; `clause` is the latter with the space before it.
pub fn second_bound(forever: Span, within: Span, clause: Span) -> Diagnostic {
    Diagnostic::new(E0494, forever, "a join has one bound")
        .label("bounds nothing beside `within`")
        .also(within, "how far apart partners may be")
        .fix("leave it out", clause, "")
}

/// `within` or `forever` of a join below a window that has its place in time; `clause` is that
/// with the space before it.
pub fn bound_in_window(bound: Span, window: Span, clause: Span) -> Diagnostic {
    Diagnostic::new(E0494, bound, "below a window, a join is bounded by the window")
        .label("a second bound")
        .also(window, "partners are in one window")
        .fix("leave it out", clause, "")
        .help("or join above the window")
}

/// A join within a window that late rows would correct, or there with versions of a table.
pub fn join_with_lateness(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0441, span, "late rows find no partners in this join, and so they correct nothing")
        .label("joins rows that come in time")
        .also(window, "late rows are to correct this window")
        .help("leave `lateness` away, and give the sources as much `disorder` as rows are late")
}

/// `clause`: from the end of `on` to that of `as of`. `is_bounded`: whether anything says how far apart partners are.
pub fn as_of_stream(span: Span, name: &str, clause: Span, is_bounded: bool) -> Diagnostic {
    let fault = Diagnostic::new(E0484, span, format!("`{name}` is a stream: it has no versions"))
        .label("versions are those of a table")
        .help("`as of` asks for the row of a table that was valid then");
    match is_bounded {
        true => fault.fix("leave `as of` out", clause, ""),
        false => fault.fix("say how far apart partners may be", clause, " within 5m"),
    }
}

/// A join of streams of which one is updating: `right` and its key, or the left one. A table can stand on the right.
pub fn or_keep_table(fault: Diagnostic, right: Option<(&str, Vec<&str>)>, table: &str) -> Diagnostic {
    let fault = fault.help("or join with `forever`: when a row goes, its pairs go with it");
    match right {
        Some((right, key)) if !key.is_empty() => fault.help(format!(
            "or keep its rows in a table, `table {right}_rows key {} = from {right}`, and join that, without a bound",
            key.join(", ")
        )),
        Some(_) => fault,
        None => fault.help(format!(
            "or make a table of what `{table}` is, `table … key … = from …`: rows that change can look a table up"
        )),
    }
}

/// A note on the cost.
pub fn no_equality(span: Span, is_of_table: bool) -> Diagnostic {
    all_are_compared(span, is_of_table)
        .label("no equality between the two sides")
        .help("an equality, such as `a.user == b.user`, finds partners by a look-up")
}

/// Why an equality finds no partners by a look-up.
pub enum NoKey {
    Float,
    /// One side is brought to this scale.
    Scale(u8),
    CanFail,
    /// Of a table: not a column, but something computed of it.
    Computed,
}

/// As [`no_equality`], where there is one.
pub fn equality_of_no_use(span: Span, why: &NoKey, is_of_table: bool) -> Diagnostic {
    let fault = all_are_compared(span, is_of_table);
    let above = "in a `let` above the join, on the other side in a stream of its own";
    match why {
        NoKey::Float => fault
            .label("an equality of floats is no look-up: NaN equals nothing")
            .help("compare what is exact: ints, decimals, text"),
        NoKey::Scale(scale) => {
            fault.label(format!("a value may not fit `decimal({scale})`, which fails its row")).help(format!(
                "give both sides this scale before, as declared or by `decimal(…, {scale})` {above}"
            ))
        }
        NoKey::CanFail => fault
            .label("it can fail, which is asked of each pair")
            .help(format!("compute what can fail before: {above}")),
        NoKey::Computed => fault
            .label("a table is looked up by its columns, not by what is computed of them")
            .help("compare a column itself, and bring the other side to it in a `let` above"),
    }
}

fn all_are_compared(span: Span, is_of_table: bool) -> Diagnostic {
    let others = if is_of_table { "row of the table" } else { "row that is kept of the other stream" };
    Diagnostic::new(W0003, span, format!("every row is compared with every {others}"))
}
