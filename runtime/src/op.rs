//! Operators: one file each. To add one: a node in `ir::flow`, a file here, a line in [`build`].

pub mod assign_time;
pub mod assign_windows;
mod changes;
pub mod dispatch;
pub mod errors;
pub mod exchange;
mod failed_rows;
pub mod fill_updating;
pub mod fill_windows;
pub mod frame;
pub mod gather_windows;
pub mod history;
pub mod identify;
mod interleave;
pub mod join;
mod join_of_changes;
pub mod keyed_windows;
pub mod late;
pub mod latest_of_key;
pub mod leave_out_late;
mod left_behind;
pub mod look_up;
pub mod match_pattern;
mod merge;
mod multiples;
pub mod order;
mod pair_filter;
mod reorder;
mod scope;
pub mod segment;
pub mod sort_window;
mod spilled_parts;
mod spilled_rows;
mod sweep;
pub mod table;
#[cfg(test)]
mod testing;
pub mod top;
pub mod union;
pub mod unnest;
pub mod updating_aggregate;
pub mod updating_windows;
pub mod window_aggregate;

use crate::operator::Operator;
use crate::seed;
use crate::workers::Workers;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Breaker, Flow, JoinBound, NodeId, NodeKind, Partners, TopScope};
use table::store::Stores;

/// The operator of a node. None for sources and sinks, which the job drives itself. The nodes of a flow are built
/// in their order: tables leave their stores in `stores` for their readers.
pub fn build(
    flow: &Flow,
    id: NodeId,
    compiled: &dyn Compiled,
    workers: &Workers,
    stores: &mut Stores,
) -> Option<Box<dyn Operator>> {
    let node = flow.node(id);
    let input = |i: usize| &flow.node(node.inputs[i]).schema;
    Some(match &node.kind {
        NodeKind::Source(_) | NodeKind::Sink(_) => return None,
        NodeKind::Segment(segment) => Box::new(segment::SegmentOperator::new(
            segment.clone(),
            input(0),
            &node.schema,
            compiled.segment(id),
        )),
        NodeKind::Breaker(breaker) => match &**breaker {
            Breaker::WindowAggregate(spec) => {
                let seed = seed::drawn();
                match keyed_windows::KeyedWindows::new(node, spec, input(0), seed) {
                    Some(operator) => Box::new(operator),
                    None => Box::new(window_aggregate::WindowAggregateOperator::new(
                        node,
                        spec,
                        input(0),
                        &|| compiled.accumulate(id),
                        (seed, workers),
                    )),
                }
            }
            Breaker::FillWindows(spec) if spec.corrected.is_some() => {
                Box::new(fill_updating::FillUpdatingOperator::new(spec, &node.schema)?)
            }
            Breaker::FillWindows(spec) => {
                Box::new(fill_windows::FillWindowsOperator::new(spec, &node.schema)?)
            }
            Breaker::LeaveOutLate => Box::new(leave_out_late::LeaveOutLate),
            Breaker::AssignWindows(window) => {
                let windows = millstream_ir::window::TimeWindows::new(window)?;
                Box::new(assign_windows::AssignWindows::new(windows, input(0).time))
            }
            Breaker::GatherWindows(spec) => {
                Box::new(gather_windows::GatherWindowsOperator::new(spec, input(0), seed::drawn())?)
            }
            Breaker::UpdatingAggregate(spec) => Box::new(updating_aggregate::UpdatingAggregateOperator::new(
                node,
                spec,
                input(0),
                seed::drawn(),
            )),
            Breaker::UpdatingWindows(spec) => {
                Box::new(updating_windows::UpdatingWindowsOperator::new(node, spec, input(0))?)
            }
            Breaker::Table(spec) => {
                let is_loaded = table::comes_in_loads(flow, id);
                let seed = seed::drawn();
                let operator = table::TableOperator::new(node, spec, is_loaded, seed);
                stores.add(id, operator.store().clone());
                Box::new(operator)
            }
            Breaker::LatestOfKey(spec) => {
                let share = (spec.clone(), input(0).clone());
                let make = move || -> Box<dyn Operator> {
                    Box::new(latest_of_key::LatestOfKeyOperator::new(&share.0, &share.1))
                };
                exchange::shared(node, breaker, input(0), Box::new(make), workers)
            }
            Breaker::SortWindow(spec) => Box::new(sort_window::SortWindowOperator::new(spec, input(0))),
            Breaker::Top(spec) if matches!(spec.scope, TopScope::OfKeys { lateness: 1.., .. }) => {
                Box::new(top::of_sessions::TopOfSessions::new(spec, input(0))?)
            }
            // In shares only where its rows leave at once: [`Breaker::sharing`] says so.
            Breaker::Top(spec) => {
                let share = (spec.clone(), input(0).clone(), seed::drawn());
                let make = move || -> Box<dyn Operator> {
                    Box::new(top::TopOperator::new(&share.0, &share.1, share.2))
                };
                exchange::shared(node, breaker, input(0), Box::new(make), workers)
            }
            Breaker::Frame(spec) => Box::new(frame::FrameOperator::new(node, spec, input(0), seed::drawn())),
            Breaker::History(spec) if spec.looks_ahead() => {
                Box::new(history::lead::LeadOperator::new(spec, input(0), seed::drawn())?)
            }
            Breaker::History(spec) => Box::new(history::History::new(spec, input(0), seed::drawn())),
        },
        NodeKind::Union => {
            let union = union::Union::new(node.schema.types(), union::reads_together(flow, node));
            Box::new(union.merging(union::come_in_order(flow, node), node.schema.time))
        }
        NodeKind::Dispatch(spec) => {
            let together = match_pattern::together::hold(flow, id);
            together.iter().for_each(|together| stores.hold(match_pattern::together::Held::all(together)));
            Box::new(dispatch::DispatchOperator::new(spec, input(0), &node.schema).holding(together))
        }
        NodeKind::Unnest { list } => Box::new(unnest::Unnest::new(*list, &node.schema)),
        NodeKind::AssignTime { disorder } => {
            let in_order = flow.gives_in_order(*node.inputs.first()?);
            Box::new(assign_time::AssignTime::new(input(0), &node.schema, *disorder, in_order))
        }
        NodeKind::Order => Box::new(order::Order::new(node.schema.types(), node.schema.time)),
        NodeKind::Late => Box::new(late::Late),
        NodeKind::Errors { of } => Box::new(union::Union::new(vec![], vec![false; of.len()])),
        NodeKind::Join(spec) => match spec.partners {
            Partners::Stream(JoinBound::OfChanges) => Box::new(join_of_changes::JoinOfChanges::new(
                spec,
                [input(0), input(1)],
                compiled.segment(id),
                union::reads_together(flow, node)[0],
            )),
            Partners::Stream(bound) => Box::new(join::JoinOperator::new(
                spec,
                bound,
                [input(0), input(1)],
                compiled.segment(id),
                union::reads_together(flow, node)[0],
                seed::drawn(),
            )),
            Partners::Table(version) => Box::new(look_up::LookUpOperator::new(
                spec,
                version,
                [input(0), input(1)],
                compiled.segment(id),
                stores.of(*node.inputs.get(1)?)?,
            )),
        },
        NodeKind::Match(spec) => Box::new(match stores.held(id) {
            Some(held) => match_pattern::MatchPattern::held(flow, id, spec.clone(), held),
            None => match_pattern::MatchPattern::new(flow, id, spec.clone(), Some(compiled)),
        }),
    })
}
