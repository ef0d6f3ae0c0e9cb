//! A pattern whose runs stand in groups, by itself.

use super::Matcher;
use super::contents::Run;
use super::front::Front;
use super::ground::Ground;
use super::groups::Groups;
use super::groups::group::MOST_WORDS;
use super::groups::snapshot::{Names, Restored};
use super::pattern::Pattern;
use super::rows::Answers;
use super::rule::Rule;
use super::transitions::code_of;
use crate::message::Watermark;
use crate::op::reorder::Due;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::engine::Compiled;
use std::slice::{from_mut, from_ref};

struct Alone<const N: usize> {
    rule: Rule,
    front: Front,
    groups: Groups<N>,
}

/// With groups of as many words as the rule needs: what most rules need is one.
pub fn alone(rule: Rule, compiled: Option<&dyn Compiled>) -> Box<dyn Matcher> {
    match rule.n_words() {
        ..=1 => Box::new(Alone::<1>::new(rule, compiled)),
        2 => Box::new(Alone::<2>::new(rule, compiled)),
        _ => Box::new(Alone::<MOST_WORDS>::new(rule, compiled)),
    }
}

impl<const N: usize> Alone<N> {
    fn new(rule: Rule, compiled: Option<&dyn Compiled>) -> Alone<N> {
        let code = compiled.and_then(|compiled| code_of(&rule.course, rule.moves_in_place, compiled));
        let (front, groups) = (rule.front(), Groups::new(from_ref(&rule), &rule.key_types(), code));
        Alone { rule, front, groups }
    }
}

impl<const N: usize> Matcher for Alone<N> {
    fn take(&mut self, pattern: &Pattern, due: Due, answers: &mut Answers) {
        let Alone { rule, front, groups } = self;
        let (parts, events) = front.take(&mut groups.ground, pattern, due);
        groups.add_partitions();
        let views = front.views(&parts, groups.code.as_ref());
        for (at, located) in events.iter().copied().enumerate() {
            groups.request(|n| events.get(at + n).map(|later| later.partition));
            let part = located.part as usize;
            let mut event = parts[part].event(&views[part], located.row);
            let begins = event.passes & rule.course.begins != 0;
            // Where groups see an event in their places none see it where there are none: that costs less than to foresee it.
            if !begins && !rule.moves_in_place && groups.is_empty(located.partition) {
                continue;
            }
            if rule.course.shortest_clock.is_some() {
                groups.run_clocks(from_ref(rule), event.time, from_mut(answers));
            }
            groups.take_event(rule, &mut event, located.partition, answers);
        }
        groups.clear();
        front.end(&mut groups.ground, parts, events);
    }

    fn pass(&mut self, _: &Pattern, watermark: Watermark, answers: &mut Answers) {
        self.groups.run_clocks(from_ref(&self.rule), watermark.0, from_mut(answers));
        self.groups.sweep(from_ref(&self.rule), watermark.0, None);
    }

    fn each_run(&self, pattern: &Pattern, visit: &mut dyn FnMut(Run)) {
        let keys = &self.groups.ground.keys;
        let live = (0..keys.n_numbers() as u32).filter(|number| keys.is_live(*number));
        live.for_each(|number| self.groups.each_run(pattern, number, visit));
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        let Alone { rule, groups, .. } = self;
        let keys = &groups.ground.keys;
        let live: Vec<u32> = (0..keys.n_numbers() as u32).filter(|number| keys.is_live(*number)).collect();
        let names = Names { key: &|number, writer| keys.snapshot(number, writer), event: &|event| event };
        groups.write_head(live.len(), writer);
        rule.reporting.snapshot_log(&groups.ground.log, writer);
        groups.write(from_ref(rule), live, &names, writer);
    }

    fn restore(&mut self, _: &Pattern, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let Alone { rule, groups, .. } = self;
        groups.read_head(reader)?;
        let log = rule.reporting.restore_log(reader)?;
        let passes = rule.passes(&log);
        let moved = groups.ground.log.take_over(log, &|columns| columns);
        let key = &|ground: &mut Ground, reader: &mut SnapshotReader<'_>| ground.keys.restore(reader);
        groups.read(&Restored { rule, number: 0, key, moved, passes }, reader)
    }

    fn state_bytes(&self) -> usize {
        self.groups.state_bytes()
    }
}
