//! The partners of the rows of a batch, and what leaves of them.

use super::changes::is_withdrawn;
use super::{Access, LookUpOperator, Work};
use crate::message::Message;
use crate::op::table::NO_ROW;
use crate::op::table::store::Store;
use crate::operator::Output;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::flow::JoinKind;

/// Rows of the left, ascending, each with a row of the table or [`NO_ROW`].
#[derive(Default)]
pub struct Pairs {
    pub rows: Vec<u32>,
    pub partners: Vec<u32>,
}

impl Pairs {
    fn push(&mut self, row: u32, partner: u32) {
        self.rows.push(row);
        self.partners.push(partner);
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.partners.clear();
    }
}

impl LookUpOperator {
    /// Goes on with what came last; whether there is more.
    pub(super) fn answer(&mut self, work: &mut Work, store: &Store, output: &mut Output) -> bool {
        let n_pairs = work.pairs.rows.len();
        if work.n_left < n_pairs {
            let to = n_pairs.min(work.n_left + BATCH_ROWS);
            let (rows, partners) = (&work.pairs.rows[work.n_left..to], &work.pairs.partners[work.n_left..to]);
            let batch = match self.kind.yields_left_only() {
                true => left_of(&work.batch, rows),
                false => self.joined(&work.batch, rows, partners, store),
            };
            output.messages.push(Message::Batch(batch));
            work.n_left = to;
            return true;
        }
        if work.row == work.batch.n_rows {
            return false;
        }
        work.pairs.clear();
        work.n_left = 0;
        match (&self.access, &self.filter) {
            (Access::Key { .. }, None) => self.pair_all(work),
            _ => self.pair_some(work, store, output),
        }
        true
    }

    /// Where there is one partner at most, and nothing else to ask of it.
    pub(super) fn pair_all(&self, work: &mut Work) {
        work.row = work.batch.n_rows;
        let found = std::mem::take(&mut work.found);
        let rows = 0..found.len() as u32;
        work.pairs = match self.kind {
            JoinKind::Inner | JoinKind::Semi if !found.contains(&NO_ROW) => {
                Pairs { rows: rows.collect(), partners: found }
            }
            JoinKind::Inner | JoinKind::Semi => {
                let (rows, partners) = rows.zip(found).filter(|(_, partner)| *partner != NO_ROW).unzip();
                Pairs { rows, partners }
            }
            JoinKind::Anti => {
                let (rows, partners) = rows.zip(found).filter(|(_, partner)| *partner == NO_ROW).unzip();
                Pairs { rows, partners }
            }
            // A table has no rows that leave without a partner.
            JoinKind::Left | JoinKind::Right | JoinKind::Full => {
                Pairs { rows: rows.collect(), partners: found }
            }
        };
    }

    /// Takes rows until there is a batch of candidates.
    pub(super) fn pair_some(&mut self, work: &mut Work, store: &Store, output: &mut Output) {
        let first = work.row as u32;
        let mut candidates = Pairs::default();
        let mut standing = vec![];
        while work.row < work.batch.n_rows && candidates.rows.len() < BATCH_ROWS {
            let row = work.row as u32;
            let found = work.found[work.row];
            work.row += 1;
            match &self.access {
                Access::Key { .. } if found != NO_ROW => candidates.push(row, found),
                Access::Key { .. } => {}
                Access::Index { index, .. } => {
                    let Some(moment) = LookUpOperator::asked(self.version, &work.batch).of(row) else {
                        continue;
                    };
                    store.standing.standing(*index, found, moment, &mut standing);
                    standing.drain(..).for_each(|partner| candidates.push(row, partner));
                }
            }
        }
        let passed = self.passing(work, &candidates, store, output);
        let mut passed = passed.into_iter().peekable();
        for row in first..work.row as u32 {
            let of_row = |number: &usize| candidates.rows[*number] == row;
            let is_matched = passed.peek().is_some_and(of_row);
            let has_failed = work.has_failed.get(row as usize).is_some_and(|failed| *failed);
            while let Some(number) = passed.next_if(of_row) {
                if !self.kind.yields_left_only() {
                    work.pairs.push(row, candidates.partners[number]);
                }
            }
            let leaves_alone = match self.kind {
                JoinKind::Semi => is_matched,
                JoinKind::Inner | JoinKind::Right => false,
                JoinKind::Left | JoinKind::Full | JoinKind::Anti => !is_matched,
            };
            if leaves_alone && !has_failed {
                work.pairs.push(row, NO_ROW);
            }
        }
    }

    /// The numbers of the candidates that fulfil the condition.
    fn passing(
        &mut self,
        work: &mut Work,
        candidates: &Pairs,
        store: &Store,
        output: &mut Output,
    ) -> Vec<usize> {
        let n_candidates = candidates.rows.len();
        if self.filter.is_none() {
            return (0..n_candidates).collect();
        }
        let sign = self.changes.as_ref().map(|changes| changes.sign);
        let mut passed = vec![];
        for first in (0..n_candidates).step_by(BATCH_ROWS) {
            let to = n_candidates.min(first + BATCH_ROWS);
            let (rows, partners) = (&candidates.rows[first..to], &candidates.partners[first..to]);
            let all: Vec<usize> = (0..store.standing.n_columns()).collect();
            let pairs = self.both(&work.batch, rows, partners, store, &all);
            let Some(filter) = &mut self.filter else { continue };
            let checked = filter.check(pairs);
            passed.extend(checked.passed.iter().map(|number| first + number));
            for failed in checked.failed.iter().copied() {
                // A row fails once, however many pairs of it do, and not again when it is withdrawn.
                let is_known = std::mem::replace(&mut work.has_failed[rows[failed] as usize], true);
                if !is_known && !is_withdrawn(sign, &work.batch, rows[failed]) {
                    output.failures.push(checked.explain(failed));
                }
            }
        }
        passed
    }

    /// The columns of both that leave, and the time.
    fn joined(&self, batch: &Batch, rows: &[u32], partners: &[u32], store: &Store) -> Batch {
        let mut joined = self.both(batch, rows, partners, store, &self.leaving);
        joined.columns.push(joined.columns[self.time].clone());
        joined
    }

    /// The columns of the left, and these of the table.
    fn both(&self, batch: &Batch, rows: &[u32], partners: &[u32], store: &Store, columns: &[usize]) -> Batch {
        let mut both = left_of(batch, rows);
        both.columns.truncate(self.types.len());
        let all_have_one = !partners.contains(&NO_ROW);
        // What is equal need not be fetched once more.
        let equal = |number: usize| self.equal.iter().find(|(_, right)| all_have_one && *right == number);
        let others: Vec<usize> = columns.iter().copied().filter(|number| equal(*number).is_none()).collect();
        let mut others = store.standing.gather(&others, partners).into_iter();
        for number in columns {
            let column = match equal(*number) {
                Some((left, _)) => Some(both.columns[*left].clone()),
                None => others.next(),
            };
            both.columns.extend(column);
        }
        both
    }
}

/// Rows of a batch; all of them are not copied.
fn left_of(batch: &Batch, rows: &[u32]) -> Batch {
    let are_all = rows.len() == batch.n_rows && (0..).zip(rows).all(|(number, row)| number == *row);
    if are_all { batch.clone() } else { batch.gather(rows) }
}
