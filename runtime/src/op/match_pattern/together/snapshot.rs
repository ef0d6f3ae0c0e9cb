//! The state of one of the patterns that are held together, as if it stood alone.

use super::super::event_log::{EventId, EventLog, NOT_KEPT};
use super::super::ground::Ground;
use super::super::groups::RuleNumber;
use super::super::groups::snapshot::{Names, Restored};
use super::super::test_columns::Tests;
use super::Together;
use super::member::Source;
use crate::kernel::key_index::KeyIndex;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin, RowPlace};
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

impl Together {
    /// Those of a rule.
    pub(super) fn partitions_of(&mut self, rule: RuleNumber) -> Vec<u32> {
        if self.listed.is_none() {
            self.settle();
        }
        let listed = self.listed.get_or_insert_with(|| self.groups.of_rules(self.rules.len()));
        listed[rule as usize].clone()
    }

    pub fn write(&mut self, rule: RuleNumber, writer: &mut SnapshotWriter) {
        let partitions = self.partitions_of(rule);
        self.groups.write_head(partitions.len(), writer);
        let (log, ids) = self.events_of(rule, &partitions);
        self.members[rule as usize].written.snapshot_log(&log, writer);
        // Their keys without the number of the rule.
        let mut keys = KeyIndex::new(&self.rules[rule as usize].key_types(), 0);
        let mut numbers = vec![];
        let of_both: Vec<ColumnRef> =
            self.groups.ground.keys.columns(&partitions).into_iter().map(Arc::new).collect();
        let of_keys: Vec<&ColumnRef> = of_both.iter().take(self.keys.len()).collect();
        keys.find_all(&of_keys, partitions.len(), &mut numbers);
        let numbers: HashMap<u32, u32> = partitions.iter().copied().zip(numbers).collect();
        let names = Names {
            key: &|partition, writer| keys.snapshot(numbers[&partition], writer),
            event: &|event| ids.get(&event).copied().unwrap_or_default(),
        };
        self.groups.write(&self.rules, partitions, &names, writer);
    }

    /// The events that partitions of a rule look back to, and what each is called there.
    fn events_of(&self, rule: RuleNumber, partitions: &[u32]) -> (EventLog, HashMap<EventId, EventId>) {
        let mut events: BTreeMap<EventId, Tests> = BTreeMap::new();
        for partition in partitions {
            self.groups
                .each_event(*partition, &mut |event, passes| *events.entry(event).or_default() |= passes);
        }
        let member = &self.members[rule as usize];
        let types: Vec<&Type> = member.written.kept_types(0).iter().collect();
        let mut columns: Vec<ColumnBuilder> = types.iter().map(|ty| ColumnBuilder::new(ty)).collect();
        let mut places: Vec<RowPlace> = vec![];
        for (event, passes) in &events {
            let kept = self.groups.ground.log.get(*event);
            places.push(kept.place());
            for (column, source) in columns.iter_mut().zip(&member.sources) {
                column.push(&match source {
                    Source::Column(of) => kept.columns()[*of].value(kept.row, member.type_of(*of)),
                    Source::Tests(tests) => Value::Bool(passes & tests != 0),
                });
            }
        }
        let columns = columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        let (n_rows, origin) = (places.len(), Origin::of_places(&places));
        let log = match n_rows {
            0 => EventLog::default(),
            _ => EventLog::of_events(0, Batch { columns, n_rows, origin, late: vec![] }),
        };
        (log, events.into_keys().zip(0..).collect())
    }

    pub fn read(&mut self, rule: RuleNumber, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let Together { rules, members, groups, .. } = self;
        let (of, member) = (&rules[rule as usize], &members[rule as usize]);
        groups.read_head(reader)?;
        let log = member.written.restore_log(reader)?;
        let passes = of.passes(&log);
        let moved = groups.ground.log.take_over(log, &|columns| member.in_dispatch(columns, &NOT_KEPT));
        let key_types = of.key_types();
        let key = |ground: &mut Ground, reader: &mut SnapshotReader<'_>| {
            let mut keys = KeyIndex::new(&key_types, 0);
            let number = keys.restore(reader)?;
            let mut columns: Vec<ColumnRef> = keys.columns(&[number]).into_iter().map(Arc::new).collect();
            let data = ColumnData::I64([i64::from(rule)].into_iter().collect());
            columns.push(Arc::new(Column { data, validity: None }));
            let mut numbers = vec![];
            ground.keys.find(&columns.iter().collect::<Vec<_>>(), &[0], &mut numbers);
            numbers.first().copied().ok_or(Corrupt)
        };
        groups.read(&Restored { rule: of, number: rule, key: &key, moved, passes }, reader)
    }
}
