//! Joins `forever` of streams whose rows are replaced: when a row of a side is withdrawn, so are its pairs, and
//! what has lost its last partner stands without one again.
//!
//! All rows that stand are kept, each with how many partners it has.

use crate::contents::{Around, Contents, Count};
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::{late_of, plain, that_alter};
use crate::op::pair_filter::PairFilter;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::engine::SegmentKernel;
use millstream_ir::flow::{Join, JoinKind, Node, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct JoinOfChanges {
    spec: Join,
    sides: [Side; 2],
    filter: Option<PairFilter>,
    /// The types of the columns that leave, without the time and the sign.
    types: Vec<Type>,
    /// Rows of one batch of a source that came by both inputs: they are taken in the order in which they were read.
    held: Option<Vec<(usize, Batch)>>,
    /// The watermarks that came behind rows that are held.
    risen: [Option<Watermark>; 2],
    watermarks: [Watermark; 2],
    given: Watermark,
}

type Row = Vec<Value>;
type Key = Vec<Value>;

struct Side {
    types: Vec<Type>,
    keys: Vec<usize>,
    time: usize,
    /// None where rows are only added.
    sign: Option<usize>,
    /// The columns by which a row that is withdrawn is found.
    told_apart: Vec<usize>,
    rows: BTreeMap<Key, Vec<Kept>>,
}

/// A row that stands.
#[derive(Clone)]
struct Kept {
    row: Row,
    time: EventTime,
    n_partners: u64,
    /// Whether the condition failed for a pair of it, so that it does not leave without a partner.
    has_failed: bool,
}

/// A row that goes or comes: of a pair, or one side of it.
struct Change {
    rows: [Option<Row>; 2],
    sign: i64,
    time: EventTime,
    cause: u32,
}

impl Side {
    fn new(schema: &Schema, keys: Vec<usize>) -> Side {
        let (types, time, sign) = (schema.types(), schema.time, schema.sign);
        Side { types, keys, time, sign, told_apart: schema.values(), rows: BTreeMap::new() }
    }

    /// None where one of its values is null, which equals nothing.
    fn key(&self, row: &Row) -> Option<Key> {
        let key: Key = self.keys.iter().map(|column| row[*column].clone()).collect();
        (!key.contains(&Value::Null)).then_some(key)
    }

    /// Takes out a row that says the same.
    fn remove(&mut self, key: &Key, row: &Row) -> Option<Kept> {
        let known = self.rows.get_mut(key)?;
        let at = known.iter().position(|kept| self.told_apart.iter().all(|c| kept.row[*c] == row[*c]))?;
        let kept = known.remove(at);
        if known.is_empty() {
            self.rows.remove(key);
        }
        Some(kept)
    }

    fn of_key(&mut self, key: &Key) -> &mut [Kept] {
        self.rows.get_mut(key).map_or(&mut [], Vec::as_mut_slice)
    }
}

impl JoinOfChanges {
    /// `reads_together`: whether both inputs may bring rows of one batch of a source. Without a kernel the
    /// reference evaluator checks pairs.
    pub fn new(
        spec: &Join,
        [left, right]: [&Schema; 2],
        kernel: Option<Box<dyn SegmentKernel>>,
        reads_together: bool,
    ) -> JoinOfChanges {
        let (left_keys, right_keys): (Vec<usize>, Vec<usize>) = spec.keys.iter().copied().unzip();
        let mut types = spec.types(&left.types(), &right.types());
        types.truncate(types.len().saturating_sub(spec.n_added()));
        let [of_left, of_right] = spec.kind.yields_unmatched();
        let n_left = left.columns.len();
        for (number, ty) in types.iter_mut().enumerate() {
            *ty = ty.clone().or_null(if number < n_left { of_right } else { of_left });
        }
        JoinOfChanges {
            sides: [Side::new(left, left_keys), Side::new(right, right_keys)],
            filter: PairFilter::new(spec, [left, right], kernel),
            types,
            held: reads_together.then(Vec::new),
            risen: [None; 2],
            watermarks: [Watermark::START; 2],
            given: Watermark::START,
            spec: spec.clone(),
        }
    }

    fn take(&mut self, input: usize, batch: &Batch, output: &mut Output) {
        let side = &self.sides[input];
        let ColumnData::I64(times) = &batch.columns[side.time].data else { return };
        let signs = side.sign.map(|sign| batch.columns[sign].clone());
        let types = side.types.clone();
        let mut changes = vec![];
        for number in 0..batch.n_rows {
            let row: Row = batch.columns.iter().zip(&types).map(|(c, ty)| c.value(number, ty)).collect();
            let is_withdrawn = matches!(signs.as_ref().map(|signs| &signs.data), Some(ColumnData::I64(signs)) if signs[number] < 0);
            let first = changes.len();
            match is_withdrawn {
                true => self.withdraw(input, &row, times[number], &mut changes),
                false => self.add(input, row, times[number], &mut changes, output),
            }
            changes[first..].iter_mut().for_each(|change: &mut Change| change.cause = number as u32);
            let is_last_of_place =
                number + 1 == batch.n_rows || batch.origin.place(number) != batch.origin.place(number + 1);
            if changes.len() >= BATCH_ROWS && is_last_of_place {
                self.give(std::mem::take(&mut changes), batch, output);
            }
        }
        self.give(changes, batch, output);
    }

    fn add(
        &mut self,
        input: usize,
        row: Row,
        time: EventTime,
        changes: &mut Vec<Change>,
        output: &mut Output,
    ) {
        let mut kept = Kept { row, time, n_partners: 0, has_failed: false };
        let key = self.sides[input].key(&kept.row);
        if let Some(key) = &key {
            let (partners, failed) = self.partners(input, &kept.row, key, Some(output));
            let other = 1 - input;
            for at in failed {
                match input {
                    0 => kept.has_failed = true,
                    _ => {
                        let left = &mut self.sides[other].of_key(key)[at];
                        if !std::mem::replace(&mut left.has_failed, true) && left.n_partners == 0 {
                            let left = left.clone();
                            self.tell_lonely(other, &left, -1, time, changes);
                        }
                    }
                }
            }
            for at in partners {
                let partner = self.sides[other].of_key(key)[at].clone();
                if partner.n_partners == 0 {
                    self.tell_lonely_if(other, &partner, -1, time, changes);
                }
                self.tell_pair([&kept, &partner], input, 1, time, changes);
                self.sides[other].of_key(key)[at].n_partners += 1;
                kept.n_partners += 1;
            }
        }
        if kept.n_partners == 0 {
            self.tell_lonely_if(input, &kept, 1, time, changes);
        }
        if let Some(key) = key {
            self.sides[input].rows.entry(key).or_default().push(kept);
        }
    }

    fn withdraw(&mut self, input: usize, row: &Row, time: EventTime, changes: &mut Vec<Change>) {
        let Some(key) = self.sides[input].key(row) else {
            let kept = Kept { row: row.clone(), time, n_partners: 0, has_failed: false };
            return self.tell_lonely_if(input, &kept, -1, time, changes);
        };
        let Some(mut kept) = self.sides[input].remove(&key, row) else { return };
        if kept.n_partners == 0 {
            return self.tell_lonely_if(input, &kept, -1, time, changes);
        }
        let (partners, _) = self.partners(input, &kept.row, &key, None);
        for at in partners {
            let other = 1 - input;
            let partner = &mut self.sides[other].of_key(&key)[at];
            partner.n_partners = partner.n_partners.saturating_sub(1);
            let partner = partner.clone();
            kept.n_partners = kept.n_partners.saturating_sub(1);
            self.tell_pair([&kept, &partner], input, -1, time, changes);
            if partner.n_partners == 0 {
                self.tell_lonely_if(other, &partner, 1, time, changes);
            }
        }
    }

    /// A row that has no partner, where it leaves like that.
    fn tell_lonely_if(
        &self,
        side: usize,
        kept: &Kept,
        sign: i64,
        time: EventTime,
        changes: &mut Vec<Change>,
    ) {
        if !kept.has_failed {
            self.tell_lonely(side, kept, sign, time, changes);
        }
    }

    fn tell_lonely(&self, side: usize, kept: &Kept, sign: i64, time: EventTime, changes: &mut Vec<Change>) {
        if self.spec.kind.yields_unmatched()[side] {
            let mut rows = [None, None];
            rows[side] = Some(kept.row.clone());
            changes.push(Change { rows, sign, time, cause: 0 });
        }
    }

    /// A pair, or of a semi join its left row with its first or last partner. The first row is of `input`; how many
    /// partners each has beside the other, it knows.
    fn tell_pair(
        &self,
        [own, partner]: [&Kept; 2],
        input: usize,
        sign: i64,
        time: EventTime,
        changes: &mut Vec<Change>,
    ) {
        let [left, right] = if input == 0 { [own, partner] } else { [partner, own] };
        let rows = match self.spec.kind {
            JoinKind::Anti => return,
            JoinKind::Semi if left.n_partners > 0 => return,
            JoinKind::Semi => [Some(left.row.clone()), None],
            _ => [Some(left.row.clone()), Some(right.row.clone())],
        };
        changes.push(Change { rows, sign, time: time.max(partner.time), cause: 0 });
    }

    /// Which rows of the other side's key fulfil the condition together with a row, and which it fails with. With an
    /// output a left row that fails for the first time is reported.
    fn partners(
        &mut self,
        input: usize,
        row: &Row,
        key: &Key,
        output: Option<&mut Output>,
    ) -> (Vec<usize>, Vec<usize>) {
        let sides = &self.sides;
        let known: &[Kept] = sides[1 - input].rows.get(key).map_or(&[], Vec::as_slice);
        let Some(filter) = self.filter.as_mut().filter(|_| !known.is_empty()) else {
            return ((0..known.len()).collect(), vec![]);
        };
        let mut columns: Vec<ColumnRef> = vec![];
        for (side, of_side) in sides.iter().enumerate() {
            for (number, ty) in of_side.types.iter().enumerate() {
                let mut column = ColumnBuilder::new(ty);
                known.iter().for_each(|partner| {
                    column.push(if side == input { &row[number] } else { &partner.row[number] });
                });
                columns.push(Arc::new(column.finish()));
            }
        }
        let (n_rows, origin) = (known.len(), Origin::default());
        let checked = filter.check(Batch { columns, n_rows, origin, late: vec![] });
        if let Some(output) = output {
            // A row fails once, however many pairs of it do.
            let reported: Vec<usize> = match input {
                0 => checked.failed.iter().copied().take(1).collect(),
                _ => checked.failed.iter().copied().filter(|at| !known[*at].has_failed).collect(),
            };
            reported.into_iter().for_each(|at| output.failures.push(checked.explain(at)));
        }
        (checked.passed.clone(), checked.failed.clone())
    }

    fn give(&self, changes: Vec<Change>, batch: &Batch, output: &mut Output) {
        if changes.is_empty() {
            return;
        }
        let n_left = self.sides[0].types.len();
        let mut columns: Vec<ColumnRef> = vec![];
        for (number, ty) in self.types.iter().enumerate() {
            let mut column = ColumnBuilder::new(ty);
            let (side, at) = if number < n_left { (0, number) } else { (1, number - n_left) };
            for change in &changes {
                column.push(change.rows[side].as_ref().map_or(&Value::Null, |row| &row[at]));
            }
            columns.push(Arc::new(column.finish()));
        }
        columns.push(plain(changes.iter().map(|change| change.time)));
        columns.push(plain(changes.iter().map(|change| change.sign)));
        let causes: Vec<u32> = changes.iter().map(|change| change.cause).collect();
        let (origin, late) = (batch.origin.gather(&causes), late_of(&batch.late, &causes));
        let (time, sign) = (columns.len() - 2, columns.len() - 1);
        let made = that_alter(Batch { columns, n_rows: changes.len(), origin, late }, time, sign);
        if made.n_rows > 0 {
            output.messages.push(Message::Batch(made));
        }
    }

    fn advance(&mut self, output: &mut Output) {
        let [left, right] = self.watermarks;
        let promised = left.min(right);
        if promised > self.given {
            self.given = promised;
            output.messages.push(Message::Watermark(promised));
        }
    }
}

impl Operator for JoinOfChanges {
    fn step(&mut self, input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => match &mut self.held {
                Some(held) => held.push((input, batch)),
                None => self.take(input, &batch, output),
            },
            Message::Watermark(watermark) if self.held.as_ref().is_some_and(|held| !held.is_empty()) => {
                self.risen[input] = Some(watermark);
            }
            Message::Watermark(watermark) => {
                self.watermarks[input] = watermark;
                self.advance(output);
            }
        }
    }

    fn settles(&self) -> bool {
        true
    }

    fn settle(&mut self, output: &mut Output) {
        let held = self.held.as_mut().map(std::mem::take).unwrap_or_default();
        if held.is_empty() {
            return;
        }
        let mut rows: Vec<_> = vec![];
        for (number, (input, batch)) in held.iter().enumerate() {
            let place = |row| {
                let place = batch.origin.place(row);
                ((place.source, place.partition, place.offset), *input, number, row as u32)
            };
            rows.extend((0..batch.n_rows).map(place));
        }
        rows.sort();
        for run in rows.chunk_by(|a, b| a.2 == b.2) {
            let (input, batch) = &held[run[0].2];
            let rows: Vec<u32> = run.iter().map(|(_, _, _, row)| *row).collect();
            self.take(*input, &batch.gather(&rows), output);
        }
        for (watermark, risen) in self.watermarks.iter_mut().zip(&mut self.risen) {
            *watermark = risen.take().unwrap_or(*watermark);
        }
        self.advance(output);
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let of_side = |(side, input): (&Side, &&Node)| {
            let kept: Vec<&Kept> = side.rows.values().flatten().collect();
            let partners: Vec<Value> = kept.iter().map(|kept| Value::Int(kept.n_partners as i64)).collect();
            let rows = kept.iter().map(|kept| kept.row.clone());
            Contents::rows_of(format!("rows of {}", input.name), &input.schema, rows).with(
                "n_partners",
                Type::INT,
                partners,
            )
        };
        Some(self.sides.iter().zip(&around.inputs).map(of_side).collect())
    }

    fn amount(&self) -> Option<Count> {
        let rows = self.sides.iter().flat_map(|side| side.rows.values()).map(Vec::len);
        Some(Count::of(rows.sum(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.given.0);
        for (side, watermark) in self.sides.iter().zip(self.watermarks) {
            writer.i64(watermark.0);
            let rows: Vec<&Kept> = side.rows.values().flatten().collect();
            writer.sequence(rows.into_iter(), |writer, kept| {
                kept.row.iter().for_each(|value| writer.value(value));
                writer.i64(kept.time);
                writer.u64(kept.n_partners);
                writer.bool(kept.has_failed);
            });
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.given = Watermark(reader.i64()?);
        for (side, watermark) in self.sides.iter_mut().zip(&mut self.watermarks) {
            *watermark = Watermark(reader.i64()?);
            for _ in 0..reader.count()? {
                let row: Row = side.types.iter().map(|_| reader.value()).collect::<Result<_, _>>()?;
                let (time, n_partners, has_failed) = (reader.i64()?, reader.total()?, reader.bool()?);
                if let Some(key) = side.key(&row) {
                    side.rows.entry(key).or_default().push(Kept { row, time, n_partners, has_failed });
                }
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let of_side = |side: &Side| {
            let n_rows: usize = side.rows.values().map(Vec::len).sum();
            let of_row = size_of::<Kept>() + side.types.len() * size_of::<Value>();
            let of_key = size_of::<(Key, Vec<Kept>)>() + side.keys.len() * size_of::<Value>();
            n_rows * of_row + side.rows.len() * of_key
        };
        self.sides.iter().map(of_side).sum()
    }
}
