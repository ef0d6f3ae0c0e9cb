//! `where E`: those rows for which E is true; what it proves of nulls holds below.

use super::QueryChecker;
use crate::hir::ClauseKind;
use millstream_base::Span;
use millstream_syntax::ast;

impl QueryChecker<'_> {
    pub(super) fn check_where(&mut self, condition: &ast::Expr, span: Span) {
        if !self.rows.known {
            return;
        }
        self.join_asked_tables(condition, span);
        let scope = self.scope();
        let (mut checked, proved) = self.checker().check_condition(&scope, condition);
        self.place_window(&mut checked);
        self.rows.narrow(proved);
        self.push(ClauseKind::Where(checked), span);
    }
}
