//! The rows between two clauses: their columns, what qualifies them, and what is known of their nulls.

use crate::check::Proved;
use crate::hir::{Because, ColumnsDefined, Input};
use crate::scope::{Events, OnlyAsked, Scope, ScopeColumn};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Column, Schema};
use millstream_ir::types::Type;
use millstream_syntax::ast;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub columns: Vec<RowColumn>,
    /// The column that holds the event time.
    pub time: usize,
    /// Others that hold the same.
    pub same_time: Vec<usize>,
    /// Set where rows can be withdrawn again.
    pub updating: Option<Updating>,
    /// Hidden columns that a select keeps: what an open window knows of its rows.
    pub carried: Vec<usize>,
    /// What conditions have proved.
    pub proved: Proved,
    /// Names that the pattern above gives to events that must not come.
    pub unbound: Vec<(Arc<str>, Span)>,
    /// The streams whose rows have only been asked for by a `semi join` or an `anti join` above.
    pub asked: Vec<OnlyAsked>,
    /// Whether the columns are known. Where they are not, which has been reported, nothing is said of
    /// the names in expressions.
    pub known: bool,
}

/// What is known of rows that can be withdrawn again.
#[derive(Clone, Debug)]
pub(crate) struct Updating {
    /// The column that tells whether a row is added or withdrawn.
    pub sign: usize,
    /// The columns that together name a row, if all are still there.
    pub key: Option<Vec<usize>>,
    /// The clause or item that made it so.
    pub because: Because,
}

#[derive(Clone, Debug)]
pub(crate) struct RowColumn {
    pub name: Arc<str>,
    pub ty: Type,
    pub hidden: bool,
    /// The alias in front of the point.
    pub qualifier: Option<Arc<str>>,
    /// Whether it is hidden but for `qualifier.name`, as `match.start`.
    pub qualified_only: bool,
    /// Set for the list of a repeated variable of the pattern above.
    pub events: Option<Events>,
    /// Where it was declared.
    pub span: Span,
    /// Where its name is defined, if the program does that.
    pub defined: Option<Span>,
}

impl RowColumn {
    pub fn new(name: impl Into<Arc<str>>, ty: Type, span: Span) -> RowColumn {
        RowColumn {
            name: name.into(),
            ty,
            hidden: false,
            qualifier: None,
            qualified_only: false,
            events: None,
            span,
            defined: Some(span),
        }
    }
}

impl Rows {
    /// Rows of which nothing is known but that they have a time.
    pub fn unknown() -> Rows {
        let time = RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, Span::default()) };
        Rows {
            columns: vec![time],
            time: 0,
            same_time: vec![],
            updating: None,
            carried: vec![],
            proved: Proved::default(),
            unbound: vec![],
            asked: vec![],
            known: false,
        }
    }

    /// The rows of an input as they are known in a query. `because`: what makes them updating, if they are.
    pub fn of_schema(
        schema: &Schema,
        input: Option<&Input>,
        qualifier: &ast::Name,
        because: Because,
    ) -> Rows {
        let span = qualifier.span;
        let qualifier: Arc<str> = qualifier.text.as_str().into();
        let column = |c: &Column| RowColumn {
            hidden: c.hidden,
            qualifier: Some(qualifier.clone()),
            defined: input.and_then(|input| input.column_defined(&c.name)),
            ..RowColumn::new(c.name.clone(), c.ty.clone(), span)
        };
        let columns = schema.columns.iter().map(column).collect();
        let updating = schema.sign.map(|sign| Updating { sign, key: schema.key.clone(), because });
        Rows {
            columns,
            time: schema.time,
            same_time: vec![],
            updating,
            carried: vec![],
            proved: Proved::default(),
            unbound: vec![],
            asked: vec![],
            known: true,
        }
    }

    pub fn schema(&self) -> Schema {
        let column = |c: &RowColumn| Column { name: c.name.clone(), ty: c.ty.clone(), hidden: c.hidden };
        Schema {
            columns: self.columns.iter().map(column).collect(),
            time: self.time,
            sign: self.updating.as_ref().map(|u| u.sign),
            key: self.updating.as_ref().and_then(|u| u.key.clone()),
        }
    }

    pub fn scope(&self) -> Scope {
        let named = self.columns.iter().enumerate().filter(|(_, c)| !c.hidden || c.qualified_only);
        let columns = named.map(|(number, column)| {
            let scoped = ScopeColumn::new(column.name.clone(), number, column.ty.clone(), column.span)
                .events(column.events);
            let scoped = scoped.defined(column.defined.filter(|_| !column.qualified_only));
            match &column.qualifier {
                Some(qualifier) if column.qualified_only => scoped.only_qualified(qualifier.clone(), None),
                Some(qualifier) => scoped.qualified(qualifier.clone(), Some(column.span)),
                None => scoped,
            }
        });
        let mut scope = Scope::new(columns.collect());
        scope.narrow(self.proved.clone());
        scope.unbound = self.unbound.clone();
        scope.asked = self.asked.clone();
        scope
    }

    pub fn visible(&self) -> impl Iterator<Item = (usize, &RowColumn)> {
        self.columns.iter().enumerate().filter(|(_, c)| !c.hidden)
    }

    pub fn find(&self, name: &str) -> Option<(usize, &RowColumn)> {
        self.visible().find(|(_, c)| &*c.name == name)
    }

    /// The visible columns with the places where their names are defined.
    pub fn columns_defined(&self) -> ColumnsDefined {
        self.visible().filter_map(|(_, column)| Some((column.name.clone(), column.defined?))).collect()
    }

    /// Takes into account that a condition holds.
    pub fn narrow(&mut self, proved: Proved) {
        self.proved.extend(proved);
        for (number, column) in self.columns.iter_mut().enumerate() {
            if column.ty.nullable && self.proved.column_is_present(number) {
                column.ty = column.ty.clone().required();
            }
        }
    }

    /// From here on another column holds the event time.
    pub fn set_time(&mut self, column: usize) {
        self.time = column;
        self.same_time.clear();
    }

    /// The same time stands in another column from here on.
    pub fn move_time(&mut self, column: usize) {
        self.same_time.push(std::mem::replace(&mut self.time, column));
    }

    /// Whether a column holds the event time.
    pub fn is_time(&self, column: usize) -> bool {
        column == self.time || self.same_time.contains(&column)
    }

    pub fn column_expr(&self, number: usize, span: Span) -> Expr {
        let ty = self.columns.get(number).map_or(Type::ERROR, |c| c.ty.clone());
        Expr::column(number, ty, span)
    }

    /// The rows of a select: these columns with their values, and the time, the sign and what is carried,
    /// hidden if they are not among them.
    pub fn selected(
        &self,
        mut columns: Vec<RowColumn>,
        mut values: Vec<Expr>,
        span: Span,
    ) -> (Rows, Vec<Expr>) {
        let place = |values: &[Expr], column: usize| {
            values.iter().position(|value| matches!(value.kind, ExprKind::Column(c) if c == column))
        };
        let time = place(&values, self.time).unwrap_or_else(|| {
            columns.push(RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, span) });
            values.push(self.column_expr(self.time, span));
            values.len() - 1
        });
        let updating = self.updating.as_ref().map(|updating| {
            columns.push(RowColumn { hidden: true, ..RowColumn::new("sign", Type::INT, span) });
            values.push(self.column_expr(updating.sign, span));
            let key = updating.key.iter().flatten().map(|key| place(&values, *key));
            Updating {
                sign: values.len() - 1,
                key: key.collect::<Option<_>>().filter(|_| updating.key.is_some()),
                because: updating.because,
            }
        });
        let carried = self.carried.iter().map(|carried| {
            place(&values, *carried).unwrap_or_else(|| {
                let column = self.columns.get(*carried).cloned();
                let column = column.unwrap_or_else(|| RowColumn::new("?", Type::ERROR, span));
                columns.push(RowColumn { hidden: true, ..column });
                values.push(self.column_expr(*carried, span));
                values.len() - 1
            })
        });
        let carried = carried.collect();
        let is_time = |value: &Expr| matches!(value.kind, ExprKind::Column(column) if self.is_time(column));
        let same_time = (0..values.len()).filter(|number| *number != time && is_time(&values[*number]));
        let same_time = same_time.collect();
        let (proved, unbound, asked) = (Proved::default(), vec![], vec![]);
        let known = self.known;
        let rows = Rows { columns, time, same_time, updating, carried, proved, unbound, asked, known };
        (rows, values)
    }
}
