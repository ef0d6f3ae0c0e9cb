//! The states of operators on their way from who holds them to who keeps them: parts, each with the number of its node
//! and its length, and behind the last how much memory that took.
//!
//! Large ones come from a copy of the process where the system makes such: then the run goes on meanwhile, and what
//! comes is what was at the moment of the checkpoint.

use crate::contents::Count;
use crate::graph::{Graph, Outlet};
use crate::snapshot::SnapshotWriter;
use crate::workers::Workers;
use millstream_ir::flow::{Flow, NodeId};
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::os::fd::RawFd;

/// What comes next.
pub enum Part {
    /// Of the state of a node, behind what came of it before.
    Of(NodeId, Vec<u8>),
    /// How much the node holds whose state has come.
    Amount(NodeId, Count),
    End {
        /// Bytes of memory that were taken meanwhile, beside those that the run had.
        memory: u64,
    },
}

/// Stands in the place of a node's number where the last part was.
const END: u32 = u32::MAX;

/// The same in front of what says how much a node holds: its number, how many, and of what.
const AMOUNT: u32 = u32::MAX - 1;

/// To copy the process takes at least as long as to read so many bytes out.
#[cfg(all(target_os = "linux", not(miri)))]
const SMALL: u64 = 1 << 16;

/// The states of a graph at this moment, which can be read from what is given back. They may be so large; parts of them
/// stand in these files.
pub fn states<O: Outlet>(
    flow: &Flow,
    graph: &Graph<O>,
    workers: &Workers,
    (size, files): (u64, &[RawFd]),
) -> Box<dyn Read + Send> {
    #[cfg(all(target_os = "linux", not(miri)))]
    if size > SMALL {
        use crate::kernel::fork::{Copy, own_memory};
        let copy = || Copy::of_process(files, |output| send(flow, graph, output, |_| own_memory()));
        if let Ok(copy) = workers.while_still(copy) {
            return Box::new(copy);
        }
    }
    // Where the system makes no copies, or has no room for one, the run waits for large ones too.
    let _ = (workers, size, files);
    let mut bytes = vec![];
    match send(flow, graph, &mut bytes, |n_sent| n_sent) {
        Ok(()) => Box::new(Cursor::new(bytes)),
        Err(_) => Box::new(io::empty()),
    }
}

fn send<O: Outlet>(
    flow: &Flow,
    graph: &Graph<O>,
    output: &mut dyn Write,
    memory: impl FnOnce(u64) -> u64,
) -> io::Result<()> {
    let mut n_sent = 0;
    for id in flow.ids() {
        let mut sent = Ok(());
        let mut onward = |part: &[u8]| {
            n_sent += part.len() as u64;
            if sent.is_ok() {
                sent = send_part(output, id.0, part);
            }
        };
        let mut writer = SnapshotWriter::in_parts(&mut onward);
        let has_state = graph.snapshot(id, &mut writer);
        if has_state {
            writer.hand_on();
        }
        let failed = writer.failure();
        sent?;
        failed.map_or(Ok(()), Err)?;
        if let Some(amount) = graph.amount(id).filter(|_| has_state) {
            send_part(
                output,
                AMOUNT,
                &[&id.0.to_le_bytes()[..], &amount.n.to_le_bytes(), amount.what.as_bytes()].concat(),
            )?;
        }
    }
    send_part(output, END, &memory(n_sent).to_le_bytes())
}

fn send_part(output: &mut dyn Write, number: u32, part: &[u8]) -> io::Result<()> {
    let mut head = [0; 8];
    head[..4].copy_from_slice(&number.to_le_bytes());
    head[4..].copy_from_slice(&(part.len() as u32).to_le_bytes());
    output.write_all(&head)?;
    output.write_all(part)
}

pub fn receive(input: &mut dyn Read) -> io::Result<Part> {
    let mut word = || {
        let mut bytes = [0; 4];
        input.read_exact(&mut bytes).map_err(cut_off)?;
        Ok::<u32, io::Error>(u32::from_le_bytes(bytes))
    };
    let (number, length) = (word()?, word()?);
    let mut part = vec![0; length as usize];
    input.read_exact(&mut part).map_err(cut_off)?;
    Ok(match number {
        END => {
            let memory = part.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Part::End { memory }
        }
        AMOUNT => amount(&part).ok_or(ErrorKind::InvalidData)?,
        number => Part::Of(NodeId(number), part),
    })
}

fn amount(part: &[u8]) -> Option<Part> {
    let (number, rest) = part.split_first_chunk()?;
    let (n, what) = rest.split_first_chunk()?;
    let what = String::from_utf8_lossy(what).into_owned().into();
    Some(Part::Amount(NodeId(u32::from_le_bytes(*number)), Count { n: u64::from_le_bytes(*n), what }))
}

/// States that come, of the nodes in order.
#[cfg(test)]
pub fn sent(states: &[Vec<u8>]) -> Box<dyn Read + Send> {
    let mut sent = vec![];
    for (number, state) in states.iter().enumerate() {
        for part in state.chunks(100) {
            send_part(&mut sent, number as u32, part).expect("memory can be written to");
        }
    }
    send_part(&mut sent, END, &7u64.to_le_bytes()).expect("memory can be written to");
    Box::new(Cursor::new(sent))
}

/// The copy of the process has ended: it was killed, or had no memory.
fn cut_off(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("the process that reads the state out has ended early"),
        _ => error,
    }
}
