//! Items as symbols, and as what calls and is called.

use super::Converter;
use crate::analysis::{Link, Station, Symbol};
use lsp_types::{
    CallHierarchyIncomingCall, CallHierarchyItem, CallHierarchyOutgoingCall, DocumentSymbol, Location, OneOf,
    Range, SymbolKind, WorkspaceSymbol,
};
use millstream_base::Span;
use millstream_core::facts::DefinitionKind;

impl Converter<'_> {
    pub fn locations(&self, spans: impl IntoIterator<Item = Span>) -> Vec<Location> {
        spans.into_iter().filter_map(|span| self.location(span)).collect()
    }

    #[allow(deprecated, reason = "a member of the protocol that has to be given")]
    pub fn document_symbol(&self, symbol: Symbol) -> DocumentSymbol {
        let children: Vec<_> = symbol.children.into_iter().map(|child| self.document_symbol(child)).collect();
        DocumentSymbol {
            name: symbol.name,
            detail: Some(symbol.detail).filter(|detail| !detail.is_empty()),
            kind: symbol_kind(symbol.kind),
            tags: None,
            deprecated: None,
            range: self.range(symbol.span),
            selection_range: self.range(symbol.name_span),
            children: (!children.is_empty()).then_some(children),
        }
    }

    pub fn workspace_symbol(&self, symbol: Symbol) -> Option<WorkspaceSymbol> {
        Some(WorkspaceSymbol {
            name: symbol.name,
            kind: symbol_kind(symbol.kind),
            tags: None,
            container_name: None,
            location: OneOf::Left(self.location(symbol.name_span)?),
            data: None,
        })
    }

    pub fn call_hierarchy_item(&self, station: &Station) -> Option<CallHierarchyItem> {
        Some(CallHierarchyItem {
            name: station.name.clone(),
            kind: symbol_kind(station.kind),
            tags: None,
            detail: Some(station.kind.word().to_string()),
            uri: self.location(station.span)?.uri,
            range: self.range(station.span),
            selection_range: self.range(station.name_span),
            data: None,
        })
    }

    pub fn incoming_call(&self, link: &Link) -> Option<CallHierarchyIncomingCall> {
        let from = self.call_hierarchy_item(&link.station)?;
        Some(CallHierarchyIncomingCall { from, from_ranges: self.places(link) })
    }

    pub fn outgoing_call(&self, link: &Link) -> Option<CallHierarchyOutgoingCall> {
        let to = self.call_hierarchy_item(&link.station)?;
        Some(CallHierarchyOutgoingCall { to, from_ranges: self.places(link) })
    }

    fn places(&self, link: &Link) -> Vec<Range> {
        link.places.iter().map(|place| self.range(*place)).collect()
    }
}

/// The nearest that the protocol has, so that the kinds of items look different.
fn symbol_kind(kind: DefinitionKind) -> SymbolKind {
    match kind {
        DefinitionKind::Type => SymbolKind::STRUCT,
        DefinitionKind::Source => SymbolKind::EVENT,
        DefinitionKind::Table => SymbolKind::ARRAY,
        DefinitionKind::Stream => SymbolKind::CLASS,
        DefinitionKind::Sink => SymbolKind::INTERFACE,
        DefinitionKind::Param => SymbolKind::CONSTANT,
        DefinitionKind::Function => SymbolKind::FUNCTION,
        DefinitionKind::Aggregate => SymbolKind::OPERATOR,
        DefinitionKind::Test => SymbolKind::METHOD,
        DefinitionKind::Field | DefinitionKind::Column | DefinitionKind::State => SymbolKind::FIELD,
        DefinitionKind::Alias | DefinitionKind::Variable | DefinitionKind::Element => SymbolKind::VARIABLE,
        DefinitionKind::Parameter => SymbolKind::TYPE_PARAMETER,
    }
}
