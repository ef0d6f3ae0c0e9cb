//! What feeds a stream, and what reads it.

use super::Analysis;
use super::definition::definition;
use millstream_base::{FileId, Span};
use millstream_core::facts::{DefinitionKind, Target};
use millstream_syntax::ast;
use std::collections::BTreeMap;

/// A source, table, stream, sink or test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Station {
    pub name: String,
    pub kind: DefinitionKind,
    /// Of the item, and of its name.
    pub span: Span,
    pub name_span: Span,
}

/// What rows come from or go to, and the places where it is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub station: Station,
    pub places: Vec<Span>,
}

/// The station whose name is under the cursor.
pub fn station(analysis: &Analysis, file: FileId, offset: usize) -> Option<Station> {
    let defined = definition(analysis, file, offset).into_iter();
    defined.filter_map(|name| analysis.item_named(name)).find_map(station_of)
}

/// What feeds the station whose name stands at a place.
pub fn feeds(analysis: &Analysis, name: Span) -> Vec<Link> {
    let Some(item) = analysis.item_named(name) else { return vec![] };
    let facts = &analysis.compilation.facts;
    let start = facts.uses.partition_point(|u| u.span < item.span);
    let inside = facts.uses.get(start..).unwrap_or_default().iter();
    let inside = inside.take_while(|u| u.span.file == item.span.file && u.span.end <= item.span.end);
    let named = inside.filter_map(|found| match &found.target {
        Target::Defined(span) => Some((*span, found.span)),
        _ => None,
    });
    links(named, |defined| analysis.item_named(defined).and_then(station_of))
}

/// What reads the station whose name stands at a place.
pub fn readers(analysis: &Analysis, name: Span) -> Vec<Link> {
    let uses = analysis.compilation.facts.uses.iter();
    let places = uses.filter(|found| found.target == Target::Defined(name)).map(|found| found.span);
    let around = |place: Span| analysis.item_at(place.file, place.start as usize).and_then(station_of);
    let named = places.filter_map(|place| Some((around(place)?.name_span, place)));
    links(named, |reader| analysis.item_named(reader).and_then(station_of))
}

/// Puts together what belongs to one station, in the order of the stations.
fn links(named: impl Iterator<Item = (Span, Span)>, station: impl Fn(Span) -> Option<Station>) -> Vec<Link> {
    let mut by_station: BTreeMap<Span, Vec<Span>> = BTreeMap::new();
    for (name, place) in named {
        by_station.entry(name).or_default().push(place);
    }
    let link = |(name, places)| Some(Link { station: station(name)?, places });
    by_station.into_iter().filter_map(link).collect()
}

fn station_of(item: &ast::Item) -> Option<Station> {
    let kind = match &item.kind {
        ast::ItemKind::Source(_) => DefinitionKind::Source,
        ast::ItemKind::Table(_) => DefinitionKind::Table,
        ast::ItemKind::Stream(_) => DefinitionKind::Stream,
        ast::ItemKind::Sink(_) => DefinitionKind::Sink,
        ast::ItemKind::Test(test) => {
            let (name, name_span) = (test.name.value.clone(), test.name.span);
            return Some(Station { name, kind: DefinitionKind::Test, span: item.span, name_span });
        }
        _ => return None,
    };
    let name = item.kind.name()?;
    Some(Station { name: name.text.clone(), kind, span: item.span, name_span: name.span })
}
