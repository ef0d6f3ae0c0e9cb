//! One run of a prepared test.

use super::errors;
use super::prepare::{Expected, Prepared, Step};
use super::thorough::Shuffle;
use millstream_base::{Diagnostic, SourceMap};
use millstream_core::hir::TEST_START;
use millstream_ir::flow::SourceSpec;
use millstream_ir::value::Value;
use millstream_runtime::simulate::{Record, Row, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::WorkerThreads;
use std::collections::BTreeMap;

/// How a run goes about it. The answer must not depend on it.
#[derive(Clone, Default)]
pub struct Manner {
    /// At most so many rows arrive at once; all that is given if none.
    pub batch: Option<usize>,
    /// Rows arrive in another order, as far as `disorder` allows.
    pub shuffle: Option<u64>,
    /// Workers that share the rows; one if none are named.
    pub workers: Option<usize>,
    /// Every so many rows, the run goes on from a snapshot of its state.
    pub restore_every: Option<usize>,
}

/// The rows that each expectation sees, in the order of the test.
pub fn execute(
    prepared: &Prepared,
    files: &SourceMap,
    manner: &Manner,
) -> Result<Vec<Vec<Row>>, Box<Diagnostic>> {
    // Virtual time says nothing about silence and future.
    let one = |source: &str, _: &SourceSpec| vec![(source.to_string(), Pace::default())];
    let threads = WorkerThreads::start_eager(manner.workers.unwrap_or(1));
    let mut run = Run {
        simulation: Simulation::new(
            &prepared.flow,
            &*prepared.compiled,
            files,
            TEST_START,
            threads.workers(),
            one,
        ),
        manner,
        span: prepared.test.span,
        n_arrived: 0,
        tables: BTreeMap::new(),
    };
    let mut shuffle = manner.shuffle.map(|seed| Shuffle::new(&prepared.flow, seed));
    let mut seen = vec![];
    for step in &prepared.steps {
        match step {
            Step::Given { source, records } => match &mut shuffle {
                Some(shuffle) => run.arrive(source, &shuffle.given(source, records))?,
                None => run.arrive(source, records)?,
            },
            Step::Advance(to) => {
                shuffle.iter_mut().for_each(|shuffle| shuffle.advance(*to));
                run.simulation.advance(*to)?;
            }
            Step::End => run.simulation.end()?,
            Step::Expect(expected) => seen.push(run.take(expected)),
        }
    }
    Ok(seen)
}

struct Run<'r> {
    simulation: Simulation<'r>,
    manner: &'r Manner,
    span: millstream_base::Span,
    n_arrived: usize,
    /// Of updating streams the rows as they stand, and how often each.
    tables: BTreeMap<String, BTreeMap<Row, i64>>,
}

impl Run<'_> {
    fn arrive(&mut self, source: &str, records: &[Record]) -> Result<(), Box<Diagnostic>> {
        let Some(source) = self.simulation.source(source) else { return Ok(()) };
        let at_once = match self.manner.restore_every {
            Some(_) => 1,
            None => self.manner.batch.unwrap_or(usize::MAX),
        };
        for part in records.chunks(at_once.min(records.len()).max(1)) {
            self.simulation.arrive(source, 0, part)?;
            self.n_arrived += part.len();
            if self.manner.restore_every.is_some_and(|n| self.n_arrived.is_multiple_of(n)) {
                self.simulation.restore().map_err(|_| errors::not_restored(self.span))?;
            }
        }
        Ok(())
    }

    /// What has come out of a stream since this was last asked; of an updating stream all that stands.
    fn take(&mut self, expected: &Expected) -> Vec<Row> {
        let rows = self.simulation.take_rows(expected.sink);
        let visible = |row: &Row| expected.schema.visible().map(|(number, _)| row[number].clone()).collect();
        let Some(sign) = expected.schema.sign else { return rows.iter().map(visible).collect() };
        let table = self.tables.entry(expected.stream.clone()).or_default();
        for row in &rows {
            let change = if row[sign] == Value::Int(-1) { -1 } else { 1 };
            *table.entry(visible(row)).or_default() += change;
        }
        table.retain(|_, n| *n != 0);
        table.iter().flat_map(|(row, n)| (0..*n).map(move |_| row.clone())).collect()
    }
}
