//! The options of a window: which belong to which kind.

use crate::clauses::QueryChecker;
use crate::errors::windows as errors;
use millstream_base::Span;
use millstream_syntax::ast;

fn is_rows(size: &ast::Size) -> bool {
    matches!(size, ast::Size::Rows(_))
}

impl QueryChecker<'_> {
    /// Reports options that do not belong to the kind of window. The answer is how long after its end a late row
    /// still corrects a window, if the window says so.
    pub(super) fn check_window_options(&mut self, window: &ast::Window) -> Option<i64> {
        use ast::WindowKind::*;
        // Such a window has no meaning, nor have its options.
        if matches!(&window.kind, Hopping { size, every } if is_rows(size) || is_rows(every)) {
            return None;
        }
        let is_duration = |size: &ast::Size| matches!(size, ast::Size::Duration(_));
        let is_calendar = matches!(window.kind, Tumbling(ast::Size::Calendar(_)));
        let is_of_time = match &window.kind {
            Tumbling(size) => is_calendar || is_duration(size),
            Hopping { .. } | Cumulative { .. } => true,
            Session { .. } | Sliding(_) | Running => false,
        };
        let is_kept_by_key =
            matches!(window.kind, Session { .. } | Tumbling(ast::Size::Rows(_)) | Sliding(_) | Running);
        let mut all_belong = true;
        if let Some(zone) = window.zone.as_ref().filter(|_| !is_calendar) {
            let fault =
                errors::zone_of_duration(zone.span, window.kind_span, &zone.value, self.unit_of(window));
            self.diagnostics.push(fault);
            all_belong = false;
        }
        let mut foreign = |span: Option<Span>, option: &str, belongs: bool, owners: &str| {
            if let Some(span) = span.filter(|_| !belongs) {
                self.diagnostics.push(errors::foreign_option(span, option, window.kind_span, owners));
                all_belong = false;
            }
        };
        let offset = window.offset.as_ref().map(|o| o.span);
        foreign(offset, "offset", is_of_time, "windows of time: `tumbling`, `hopping`, `cumulative`");
        let max = window.max.as_ref().map(|m| m.span);
        foreign(max, "max", matches!(window.kind, Session { .. }), "`window session`");
        let lateness = window.lateness.as_ref().map(|l| l.span);
        let owners = "windows that end by the time: `tumbling`, `hopping`, `cumulative`, `session`";
        let takes_late = is_of_time || matches!(window.kind, Session { .. } | Tumbling(ast::Size::Rows(_)));
        foreign(lateness, "lateness", takes_late, owners);
        let fill = window.fill.as_ref().map(|f| f.span);
        foreign(fill, "fill", is_of_time, "windows of time: `tumbling`, `hopping`, `cumulative`");
        let by = window.by.first().map(|b| b.span);
        let owners =
            "windows that each key has of its own: `session`, `tumbling N rows`, `sliding`, `running`";
        foreign(by, "by", is_kept_by_key, owners);
        let keep = window.keep.as_ref().map(|k| k.span);
        let counts_rows =
            matches!(window.kind, Tumbling(ast::Size::Rows(_)) | Sliding(ast::Size::Rows(_)) | Running);
        let option = match window.keep.as_ref().map(|k| &k.kind) {
            Some(ast::KeepKind::Expire(_)) => "expire",
            _ => "forever",
        };
        foreign(
            keep,
            option,
            counts_rows,
            "windows without an end in time: `running`, and those that count rows",
        );
        if all_belong { self.check_option_values(window) } else { None }
    }

    /// The unit of the calendar that is as long as a tumbling window without an offset.
    fn unit_of(&mut self, window: &ast::Window) -> Option<&'static str> {
        let ast::WindowKind::Tumbling(ast::Size::Duration(size)) = &window.kind else { return None };
        let ast::ExprKind::Literal(ast::Literal::Duration(micros)) = &size.kind else { return None };
        const HOUR: i64 = 3_600_000_000;
        match *micros {
            HOUR => Some("hour"),
            micros if micros == 24 * HOUR => Some("day"),
            micros if micros == 7 * 24 * HOUR => Some("week"),
            _ => None,
        }
    }

    fn check_option_values(&mut self, window: &ast::Window) -> Option<i64> {
        if matches!(window.kind, ast::WindowKind::Sliding(_) | ast::WindowKind::Running) {
            for key in &window.by {
                self.expr(key, None);
            }
        }
        let lateness = window.lateness.as_ref()?;
        let is_cut = window.max.is_some();
        if is_cut || matches!(window.kind, ast::WindowKind::Tumbling(ast::Size::Rows(_))) {
            self.diagnostics.push(errors::lateness_of_order(lateness.span, window.kind_span, is_cut));
        }
        self.checker().check_positive_duration(lateness)
    }
}
