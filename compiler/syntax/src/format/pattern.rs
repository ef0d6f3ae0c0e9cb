//! Formats sequence patterns.

use super::writer::{Gap, Writer};
use crate::ast::{Absence, Event, Pattern, PatternKind, PatternLink, Quantifier, QuantifierKind};

impl Writer<'_> {
    /// The pattern of a `match`: a line for each step.
    pub(super) fn steps(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Sequence { first, rest } => self.sequence(first, rest, Gap::Below),
            _ => self.pattern(pattern),
        }
    }

    fn sequence(&mut self, first: &Pattern, rest: &[PatternLink], gap: Gap) {
        self.pattern(first);
        for link in rest {
            self.separate(gap);
            self.exprs(&link.within);
            self.pattern(&link.pattern);
        }
    }

    fn pattern(&mut self, pattern: &Pattern) {
        self.until(pattern.span);
        match &pattern.kind {
            PatternKind::Event(event) => self.event(event),
            PatternKind::Sequence { first, rest } => self.group(|w| w.sequence(first, rest, Gap::Line)),
            PatternKind::Repeat { of, quantifier, .. } => {
                self.pattern(of);
                self.quantifier(quantifier);
            }
            PatternKind::All(parts) | PatternKind::Any(parts) => self.pattern_group(parts),
            PatternKind::Group(of) => self.pattern_group(std::slice::from_ref(of)),
            PatternKind::Absent { of, timer } => {
                self.absence(of);
                if let Some(timer) = timer {
                    self.exprs([Some(&timer.duration), timer.max.as_ref()].into_iter().flatten());
                }
            }
            PatternKind::Error => {}
        }
        self.through(pattern.span);
    }

    /// `(P and Q)`, with a line for each part if it does not fit on one.
    fn pattern_group(&mut self, parts: &[Pattern]) {
        self.group(|w| {
            w.piece();
            w.indent();
            w.separate(Gap::SoftLine);
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    w.separate(Gap::Line);
                }
                w.pattern(part);
            }
            w.dedent_before_closing(Gap::SoftLine);
            w.piece();
        });
    }

    pub(super) fn absence(&mut self, absence: &Absence) {
        for event in &absence.events {
            self.until(event.span);
            self.event(event);
        }
        self.through(absence.span);
    }

    fn event(&mut self, event: &Event) {
        if let Some(variable) = &event.variable {
            self.through(variable.span);
            self.piece();
        }
        self.stream_ref(&event.stream);
        if let Some(condition) = &event.condition {
            self.glue();
            self.group(|w| {
                w.piece();
                w.indent();
                w.separate(Gap::SoftLine);
                w.expr(condition);
                w.dedent_before_closing(Gap::SoftLine);
                w.piece();
            });
        }
        self.through(event.span);
    }

    /// `{2,5}`: no blanks in it.
    fn quantifier(&mut self, quantifier: &Quantifier) {
        let bounds: Vec<_> = match &quantifier.kind {
            QuantifierKind::OneOrMore | QuantifierKind::ZeroOrMore | QuantifierKind::Optional => vec![],
            QuantifierKind::Exactly(n) | QuantifierKind::AtLeast(n) => vec![n],
            QuantifierKind::Between(low, high) => vec![low, high],
        };
        self.glue();
        self.piece();
        for bound in bounds {
            self.glued_to(bound.span.start as usize);
            self.glue();
            self.expr(bound);
        }
        self.glued_to(quantifier.span.end as usize);
    }

    fn glued_to(&mut self, offset: usize) {
        while self.kind_before(offset).is_some() {
            self.glue();
            self.piece();
        }
    }
}
