//! What feeds a stream and what reads it, as the callees and callers of the protocol. Readers are looked for in all
//! programs, also in those that are not open.

use super::{Refusal, cursor};
use crate::address;
use crate::analysis::{feeds, readers, station};
use crate::convert::Converter;
use crate::workspace::{Program, Workspace};
use lsp_server::ErrorCode;
use lsp_types::{
    CallHierarchyIncomingCall, CallHierarchyIncomingCallsParams, CallHierarchyItem,
    CallHierarchyOutgoingCall, CallHierarchyOutgoingCallsParams, CallHierarchyPrepareParams,
};
use millstream_base::Span;
use std::rc::Rc;

pub fn prepare(
    workspace: &mut Workspace,
    params: CallHierarchyPrepareParams,
) -> Result<Option<Vec<CallHierarchyItem>>, Refusal> {
    let cursor = cursor(workspace, &params.text_document_position_params)?;
    let station = station(&cursor.program.analysis, cursor.file, cursor.offset);
    let converter = Converter::new(workspace, &cursor.program);
    Ok(station.and_then(|station| converter.call_hierarchy_item(&station)).map(|item| vec![item]))
}

pub fn incoming(
    workspace: &mut Workspace,
    params: CallHierarchyIncomingCallsParams,
) -> Result<Option<Vec<CallHierarchyIncomingCall>>, Refusal> {
    let (program, name) = named(workspace, &params.item)?;
    let mut calls = vec![];
    for (program, name) in workspace.sharing(&program, name) {
        let converter = Converter::new(workspace, &program);
        let links = readers(&program.analysis, name);
        for call in links.iter().filter_map(|link| converter.incoming_call(link)) {
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
    }
    Ok(Some(calls))
}

pub fn outgoing(
    workspace: &mut Workspace,
    params: CallHierarchyOutgoingCallsParams,
) -> Result<Option<Vec<CallHierarchyOutgoingCall>>, Refusal> {
    let (program, name) = named(workspace, &params.item)?;
    let converter = Converter::new(workspace, &program);
    let links = feeds(&program.analysis, name);
    Ok(Some(links.iter().filter_map(|link| converter.outgoing_call(link)).collect()))
}

/// The name of an item that was given before, in a program that it is part of.
fn named(workspace: &mut Workspace, item: &CallHierarchyItem) -> Result<(Rc<Program>, Span), Refusal> {
    let name = address::name_of(item.uri.as_str());
    let program = workspace.program_with(&name);
    let place = program.and_then(|program| {
        let file = program.file(&name)?;
        let span = Converter::new(workspace, &program).span(file, item.selection_range);
        Some((program, span))
    });
    place.ok_or_else(|| Refusal::new(ErrorCode::InvalidParams, format!("{} is not open", item.uri.as_str())))
}
