//! Who looks for what: of the ways in which a reader can be told its rows, the one by which it gets the fewest.

use super::wanted::{Values, Wanted, constant};
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{NodeId, Seeker};
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// So many readers must look for values of an expression before it is worth computing for all rows.
const SHARED: usize = 4;

#[derive(Default)]
pub struct Table {
    pub readers: Vec<NodeId>,
    /// Of each, about which part of all rows it gets.
    pub parts: Vec<f64>,
    /// For each value who looks for it, readers as they are counted.
    pub lookups: Vec<(Expr, BTreeMap<Value, Vec<Seeker>>)>,
}

impl Table {
    /// Of those readers that look for values of expressions for which enough others look too.
    pub fn of(readers: Vec<(NodeId, Wanted)>) -> Table {
        let mut exprs = Exprs::default();
        let mut sought: Vec<Sought> = vec![];
        for (number, (_, wanted)) in readers.iter().enumerate() {
            for (expr, value) in wanted.tests.iter().flat_map(|(_, ways)| ways).flatten() {
                let place = exprs.add(expr);
                sought.resize_with(sought.len().max(place + 1), Sought::default);
                sought[place].values.insert(value);
                sought[place].readers.insert(number);
            }
        }
        // Who knows nothing else takes all values to be equally frequent.
        let part = |(expr, _): &(Expr, Value)| {
            let sought = &sought[exprs.find(expr)?];
            (sought.readers.len() >= SHARED).then(|| 1.0 / sought.values.len() as f64)
        };
        let part_of_way = |way: &Values| way.iter().map(part).sum::<Option<f64>>();
        let mut lookups: Vec<BTreeMap<Value, Vec<Seeker>>> = vec![BTreeMap::new(); exprs.all.len()];
        let mut table = Table::default();
        for (id, wanted) in &readers {
            let best = wanted.tests.iter().map(|(test, ways)| {
                let parts = ways.iter().filter_map(|way| Some((way, part_of_way(way)?)));
                let (way, part) = parts.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
                Some((*test, way, part))
            });
            let Some(best) = best.collect::<Option<Vec<(usize, &Values, f64)>>>() else { continue };
            let reader = table.readers.len() as u32;
            for (test, way, _) in &best {
                for (expr, value) in *way {
                    let Some(place) = exprs.find(expr) else { continue };
                    let seekers = lookups[place].entry(value.clone()).or_default();
                    add_test(seekers, reader, 1u64.checked_shl(*test as u32).unwrap_or(0));
                }
            }
            table.readers.push(*id);
            table.parts.push(best.iter().map(|(_, _, part)| part).sum());
        }
        let lookups = exprs.all.into_iter().zip(lookups);
        table.lookups = lookups.filter(|(_, values)| !values.is_empty()).collect();
        table
    }

    /// Whether rows are handed on for no other reason than that this holds.
    pub fn decides(&self, condition: &Expr) -> bool {
        let ExprKind::Binary(BinaryOp::Equal, a, b) = &condition.kind else { return false };
        let is_looked_up = |expr: &Expr| self.lookups.iter().any(|(looked_up, _)| looked_up.same(expr));
        is_looked_up(a) && constant(b).is_some() || is_looked_up(b) && constant(a).is_some()
    }

    /// The same when so many nodes have been put behind another.
    pub fn moved(mut self, behind: NodeId, n_nodes: u32) -> Table {
        self.readers.iter_mut().filter(|reader| **reader > behind).for_each(|reader| reader.0 += n_nodes);
        self
    }
}

/// Adds a test of the last of the readers to who looks for a value.
fn add_test(seekers: &mut Vec<Seeker>, reader: u32, test: u64) {
    match seekers.last_mut() {
        Some(last) if last.reader == reader => last.tests |= test,
        _ => seekers.push(Seeker { reader, tests: test }),
    }
}

/// What is looked for in an expression, and by whom.
#[derive(Default)]
struct Sought<'a> {
    values: BTreeSet<&'a Value>,
    readers: BTreeSet<usize>,
}

/// Expressions, each once.
#[derive(Default)]
pub struct Exprs {
    pub all: Vec<Expr>,
    /// By their text, which tells nearly all of them apart.
    places: HashMap<String, Vec<usize>>,
}

impl Exprs {
    pub fn find(&self, expr: &Expr) -> Option<usize> {
        let known = self.places.get(&expr.to_string())?;
        known.iter().copied().find(|place| self.all[*place].same(expr))
    }

    /// The place of an expression, which is a new one if it is not known.
    pub fn add(&mut self, expr: &Expr) -> usize {
        if let Some(known) = self.find(expr) {
            return known;
        }
        let place = self.all.len();
        self.places.entry(expr.to_string()).or_default().push(place);
        self.all.push(expr.clone());
        place
    }
}

/// Whether an expression is there without being computed.
pub fn is_there(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Column(_) | ExprKind::Literal(_))
}
