//! What holds of a source whatever comes of its partitions, and when: random scripts of rows, silence and
//! ends, against the definitions.

use super::{Pace, Source};
use crate::format::{Decoded, DecodedRows};
use crate::message::{EventTime, Message, Watermark};
use crate::reader::{Block, Reached};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::*;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

const DISORDER: i64 = 3;
const IDLE: i64 = 10;
const AHEAD: i64 = 20;
const PARTITIONS: usize = 3;

#[derive(Clone, Debug)]
enum Event {
    /// Rows of a partition, by how far their times are behind the clock.
    Rows(usize, Vec<i64>),
    /// The clock goes on.
    Clock(i64),
    End(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0..PARTITIONS, prop::collection::vec(-30i64..15, 1..5)).prop_map(|(p, rows)| Event::Rows(p, rows)),
        4 => (1i64..8).prop_map(Event::Clock),
        1 => (0..PARTITIONS).prop_map(Event::End),
    ]
}

/// `{ at: timestamp }`, timed by it.
fn source() -> Source {
    let column = Column { name: "at".into(), ty: Type::TIMESTAMP, hidden: false };
    let field = FieldSpec {
        name: "at".into(),
        input: "at".into(),
        ty: Type::TIMESTAMP,
        encoding: Encoding::Plain,
        default: None,
    };
    let time = TimeSpec { field: 0, disorder: DISORDER, idle: Some(IDLE), ahead: Some(AHEAD) };
    let spec = Arc::new(SourceSpec {
        ordinal: 0,
        connector: ConnectorSpec { name: "script".into(), options: [].into(), span: Default::default() },
        format: None,
        fields: [field].into(),
        columns: vec![0],
        time: Some(time.clone()),
        key: vec![],
        load: None,
    });
    let node = Node {
        name: "events".into(),
        span: Default::default(),
        inputs: vec![],
        schema: Schema::append_only(vec![column], 0),
        kind: NodeKind::Source(spec.clone()),
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let partitions = (0..PARTITIONS).map(|p| (p.to_string(), Pace::of(Some(&time), true)));
    Source::new(NodeId(0), &node, &spec, partitions.collect(), None, 0)
}

fn block(times: &[EventTime], first_record: u64) -> Block {
    let mut column = ColumnBuilder::new(&Type::TIMESTAMP);
    times.iter().for_each(|time| column.push(&Value::Timestamp(*time)));
    let rows = DecodedRows::new(vec![column.finish()], (0..times.len() as u32).collect());
    let decoded = Decoded { batches: vec![rows], unreadable: vec![], n_records: times.len() as u64 };
    Block { decoded, first_record, n_bytes: 0, reached: Reached::default() }
}

/// A partition by the definitions.
#[derive(Clone, Default)]
struct Known {
    /// Of all rows in time so far, less the disorder, and what it took over.
    watermark: Option<EventTime>,
    last: i64,
    idle: bool,
    ended: bool,
}

/// The watermark of a source whose partitions stand so.
fn watermark_of(known: &[Known], now: i64) -> Option<EventTime> {
    let active: Vec<&Known> = known.iter().filter(|p| !p.idle && !p.ended).collect();
    if !active.is_empty() {
        return active.iter().map(|p| p.watermark).min().flatten();
    }
    Some(if known.iter().all(|p| p.ended) { EventTime::MAX } else { now - DISORDER - IDLE })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn watermarks_and_lateness_are_those_of_the_definitions(events in prop::collection::vec(event(), 1..40)) {
        let mut source = source();
        let mut known = vec![Known::default(); PARTITIONS];
        let mut records = [0u64; PARTITIONS];
        let (mut now, mut expected) = (0, None);
        for event in &events {
            let mut risen = None;
            let messages: Vec<Message> = match event {
                Event::Rows(p, _) | Event::End(p) if known[*p].ended => continue,
                Event::Rows(p, behind) => {
                    let times: Vec<EventTime> = behind.iter().map(|behind| now - behind).collect();
                    let partition = &mut known[*p];
                    if std::mem::take(&mut partition.idle) {
                        partition.watermark = partition.watermark.max(expected);
                    }
                    partition.last = now;
                    let mut late = vec![];
                    let in_time = times.iter().filter(|time| **time <= now + AHEAD);
                    for (row, time) in in_time.clone().enumerate() {
                        if partition.watermark.is_some_and(|watermark| *time < watermark) {
                            late.push(row as u32);
                        }
                        partition.watermark = partition.watermark.max(Some(time - DISORDER));
                    }
                    let n_ahead = times.len() - in_time.count();
                    let arrived = source.take(*p, block(&times, records[*p]), now);
                    records[*p] += times.len() as u64;
                    prop_assert_eq!(arrived.failures.len(), n_ahead);
                    let found = arrived.messages.iter().find_map(|message| match message {
                        Message::Batch(batch) => Some(batch.late.iter().map(|late| late.row).collect::<Vec<u32>>()),
                        Message::Watermark(_) => None,
                    });
                    prop_assert_eq!(found.unwrap_or_default(), late);
                    arrived.messages
                }
                Event::Clock(by) => {
                    now += by;
                    // In the order in which they fell silent.
                    let mut silent: Vec<usize> = (0..PARTITIONS).collect();
                    silent.retain(|p| !known[*p].ended && !known[*p].idle && now - known[*p].last >= IDLE);
                    silent.sort_by_key(|p| known[*p].last);
                    for p in silent {
                        known[p].idle = true;
                        risen = risen.max(watermark_of(&known, known[p].last + IDLE));
                    }
                    source.tick(now).into_iter().collect()
                }
                Event::End(p) => {
                    known[*p].ended = true;
                    source.end(*p, now).into_iter().collect()
                }
            };
            // It never falls, and rises as soon as it can.
            let before = expected;
            expected = expected.max(risen).max(watermark_of(&known, now));
            let mut told = messages.iter().filter_map(|message| match message {
                Message::Watermark(watermark) => Some(watermark.0),
                Message::Batch(_) => None,
            });
            prop_assert_eq!(told.next_back(), expected.filter(|_| expected > before));
            prop_assert_eq!(source.watermark(), expected.map_or(Watermark::START, Watermark));
        }
    }
}
