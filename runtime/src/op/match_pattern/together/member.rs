//! One of the patterns that are held together: its conditions and its columns, which it knows as those of the segment in
//! front of it, as those of the dispatch.

use super::super::course::Course;
use super::super::pattern::Pattern;
use super::super::reporting::Reporting;
use super::super::rule::Rule;
use super::super::test_columns::{TestColumns, Tests, is_true};
use super::come_in_order;
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnRef;
use millstream_ir::eval::eval;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Flow, NodeId, NodeKind, Schema};
use millstream_ir::pattern::MatchSpec;
use millstream_ir::segment::{Segment, Step};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

pub struct Member {
    pub node: NodeId,
    /// Which reader of the dispatch the segment in front of it is.
    pub reader: usize,
    /// Whether it takes its rows itself.
    pub has_left: bool,
    /// What must hold for each test beside what rows are looked up by: behind each other, as they are asked for every row
    /// that may matter.
    parts: Box<[(Tests, Part)]>,
    pub begins_by: Condition,
    /// Of the columns of the dispatch, for conditions that are asked.
    types: Arc<[Type]>,
    /// What would be kept of events behind the segment, and where it comes from: so a state is written.
    pub written: Reporting,
    pub sources: Vec<Source>,
}

/// What an event must be to begin a run.
#[derive(Default)]
pub struct Condition {
    /// All of these hold, in the columns of the dispatch.
    parts: Vec<Expr>,
    pub sought: Sought,
}

impl Condition {
    pub fn is_same(&self, other: &Condition) -> bool {
        let are_same = |(a, b): (&Expr, &Expr)| a.same(b);
        self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(are_same)
            && self.sought == other.sought
    }
}

/// Values of columns of which a row must have one.
pub type Sought = BTreeSet<(usize, Value)>;

/// A part of a condition.
enum Part {
    Column(usize),
    Asked(Box<Expr>),
}

/// Where a column comes from that stands in a state.
pub enum Source {
    Column(usize),
    /// It is true for what passes one of these tests.
    Tests(Tests),
}

impl Part {
    fn of(condition: &Expr) -> Part {
        match condition.kind {
            ExprKind::Column(column) => Part::Column(column),
            _ => Part::Asked(Box::new(condition.clone())),
        }
    }
}

/// Whether a row that has one of these values has all that a condition asks for.
fn says(condition: &Expr, sought: &Sought) -> bool {
    let value = |expr: &Expr| match &expr.kind {
        ExprKind::Literal(value) => Some(value.clone()),
        _ => None,
    };
    let (of, values) = match &condition.kind {
        ExprKind::Binary(BinaryOp::Equal, a, b) => match value(a) {
            Some(value) => (b, Some(vec![value])),
            None => (a, value(b).map(|value| vec![value])),
        },
        ExprKind::In { value: of, list } => (of, list.iter().map(value).collect()),
        _ => return false,
    };
    let (ExprKind::Column(column), Some(values)) = (&of.kind, values) else { return false };
    sought.iter().all(|(of, value)| of == column && values.contains(value)) && !sought.is_empty()
}

impl Member {
    /// A pattern behind a segment that reads the dispatch; none if its runs do not stand in groups, or if it looks at more
    /// than columns of the dispatch.
    pub fn of(
        flow: &Flow,
        dispatch: NodeId,
        reader: usize,
        segment: NodeId,
        node: NodeId,
        sought: &[Sought],
    ) -> Option<(Rule, Member)> {
        let NodeKind::Match(spec) = &flow.node(node).kind else { return None };
        let (schema, front) = (&flow.node(dispatch).schema, flow.node(segment));
        let NodeKind::Segment(computed) = &front.kind else { return None };
        let plain = |step: &Step| matches!(step, Step::Let { value, .. } if !value.can_fail());
        if flow.node(node).inputs != [segment]
            || spec.minds_all_events()
            || !come_in_order(flow, segment)
            || !computed.steps.iter().all(plain)
        {
            return None;
        }
        let alone = Rule::of(&Arc::new(Pattern::new(spec.clone())), &[&front.schema])?;
        let columns = Columns { segment: computed };
        let no_values = Sought::new();
        let sought = |test: usize| sought.get(test).unwrap_or(&no_values);
        let conditions = columns.conditions(&alone.tests);
        let parts = conditions.iter().flat_map(|(test, parts)| {
            let asked = parts.iter().filter(|part| !says(part, sought(*test)));
            asked.map(move |part| (1 << test, Part::of(part)))
        });
        let parts = parts.collect();
        let is_first = |(test, _): &&(usize, Vec<Expr>)| 1 << test == alone.course.begins;
        let begins_by = conditions.iter().find(is_first).map_or_else(Condition::default, |(test, parts)| {
            Condition { parts: parts.clone(), sought: sought(*test).clone() }
        });
        let source = |column: &usize| columns.source(*column, &alone.tests);
        let sources = alone.reporting.kept(0).iter().map(source).collect::<Option<Vec<Source>>>()?;
        let rule = columns.rule(alone.course, &alone.reporting, &alone.tests, spec, schema)?;
        let member = Member {
            node,
            reader,
            has_left: false,
            parts,
            begins_by,
            types: schema.types().into(),
            written: alone.reporting,
            sources,
        };
        Some((rule, member))
    }

    /// The columns of the dispatch that are kept of its events.
    pub fn kept(&self) -> impl Iterator<Item = usize> {
        self.sources.iter().filter_map(|source| match source {
            Source::Column(column) => Some(*column),
            Source::Tests(_) => None,
        })
    }

    /// Of these tests, for which a row has been looked up, those that it passes, or may pass where there is more to them.
    pub fn passed(&self, tests: Tests, batch: &Batch, row: usize) -> Tests {
        let holds = |part: &Part| match part {
            Part::Column(column) => is_true(&batch.columns[*column], row),
            Part::Asked(condition) => {
                let value = |column: usize| batch.columns[column].value(row, &self.types[column]);
                eval(condition, &value) == Ok(Value::Bool(true))
            }
        };
        self.parts.iter().fold(tests, |passes, (test, part)| match passes & test != 0 && !holds(part) {
            true => passes & !test,
            false => passes,
        })
    }

    /// Columns that were read of a state, as those of the dispatch.
    pub fn in_dispatch(&self, read: Vec<ColumnRef>, not_kept: &ColumnRef) -> Vec<ColumnRef> {
        let mut columns = vec![not_kept.clone(); self.types.len()];
        for (column, source) in read.into_iter().zip(&self.sources) {
            if let Source::Column(place) = source {
                columns[*place] = column;
            }
        }
        columns
    }

    pub fn type_of(&self, column: usize) -> &Type {
        &self.types[column]
    }
}

/// The columns behind a segment, as those in front of it.
struct Columns<'a> {
    segment: &'a Segment,
}

impl Columns<'_> {
    fn expr(&self, column: usize) -> Expr {
        let number = self.segment.outputs[column];
        let ty = self.segment.column_type(number).clone();
        self.segment.resolved(&Expr::column(number, ty, Default::default()))
    }

    /// The column in front that one behind is.
    fn column(&self, column: usize) -> Option<usize> {
        match self.expr(column).kind {
            ExprKind::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Of each test, what must hold, as far as the event alone says.
    fn conditions(&self, tests: &TestColumns) -> Vec<(usize, Vec<Expr>)> {
        let parts = |column: &usize| self.expr(*column).conjuncts().into_iter().cloned().collect::<Vec<_>>();
        let of_test = |(test, needed): &(usize, Vec<usize>)| (*test, needed.iter().flat_map(parts).collect());
        tests.0[0].iter().map(of_test).collect()
    }

    fn source(&self, column: usize, tests: &TestColumns) -> Option<Source> {
        if let Some(column) = self.column(column) {
            return Some(Source::Column(column));
        }
        let by = tests.0[0].iter().filter(|(_, needed)| needed.contains(&column));
        let by = by.fold(0, |tests, (test, _)| tests | 1 << test);
        (by != 0).then_some(Source::Tests(by))
    }

    /// The rule in the columns in front.
    fn rule(
        &self,
        mut course: Course,
        written: &Reporting,
        tests: &TestColumns,
        spec: &MatchSpec,
        schema: &Schema,
    ) -> Option<Rule> {
        let kept = written.kept(0);
        course.renumber(&|column| self.column(column), &|place| self.column(*kept.get(place)?))?;
        let mut spec = spec.clone();
        let input = &mut spec.inputs[0];
        input.keys = input.keys.iter().map(|key| self.column(*key)).collect::<Option<_>>()?;
        let field = |field: &Option<usize>| match field {
            Some(column) => self.column(*column).map(Some),
            None => Some(None),
        };
        input.fields = input.fields.iter().map(field).collect::<Option<_>>()?;
        let pattern = Arc::new(Pattern::new(Arc::new(spec)));
        let all = (0..schema.columns.len()).collect();
        let reporting = Reporting::new(&pattern.spec, &[schema], &[all]);
        Some(Rule::new(pattern, course, tests.clone(), reporting, &[schema]))
    }
}
