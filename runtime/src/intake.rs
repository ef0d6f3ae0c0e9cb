//! Chooses what is read next.
//!
//! Replay reads in event time: always from the partition that is furthest behind, over all sources,
//! so that a file gives what the live stream gave. Live partitions are taken as they arrive.

use crate::reader::{Arrival, Block, PartitionReader, Prefetched, spawn};
use crate::source::Source;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// With more partitions than this, blocks are read when they are needed rather than ahead.
const MAX_READ_AHEAD: usize = 16;

/// How often a wait for live input looks whether it should go on.
const STOP_POLL: Duration = Duration::from_millis(50);

/// A partition of a source, by position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    pub source: usize,
    pub partition: usize,
}

pub struct Intake {
    feeds: Vec<(Address, Feed)>,
    arrivals: Receiver<Arrival>,
    n_live: usize,
    stop: Arc<AtomicBool>,
}

enum Feed {
    Ahead(Prefetched),
    /// Boxed: readers are large, and most partitions are read ahead.
    Inline(Box<PartitionReader>),
    Live,
}

/// What there is to do next.
pub enum Next {
    Rows(Address, Block),
    /// The partition has ended.
    End(Address),
    Failed(Address, io::Error),
    /// Live inputs have nothing for now; ask again after showing what is ready.
    Waiting,
    /// All inputs have ended.
    Done,
    Stopped,
}

impl Intake {
    /// `partitions`: address, whether it is live, reader.
    pub fn start(partitions: Vec<(Address, bool, PartitionReader)>, stop: Arc<AtomicBool>) -> Intake {
        let (sender, arrivals): (SyncSender<Arrival>, _) = sync_channel(4);
        let read_ahead = partitions.len() <= MAX_READ_AHEAD;
        let mut feeds = vec![];
        let mut n_live = 0;
        for (address, live, reader) in partitions {
            let feed = if live {
                n_live += 1;
                spawn(feeds.len(), reader, sender.clone());
                Feed::Live
            } else if read_ahead {
                Feed::Ahead(Prefetched::start(reader))
            } else {
                Feed::Inline(Box::new(reader))
            };
            feeds.push((address, feed));
        }
        Intake { feeds, arrivals, n_live, stop }
    }

    /// `waited`: the last answer was [`Next::Waiting`], so wait now.
    pub fn next(&mut self, sources: &[Source], waited: bool) -> Next {
        if self.stop.load(Ordering::Relaxed) {
            return Next::Stopped;
        }
        if self.n_live > 0 {
            match self.arrivals.try_recv() {
                Ok((feed, arrived)) => return self.answer(self.feeds[feed].0, true, arrived),
                Err(TryRecvError::Disconnected) => self.n_live = 0,
                Err(TryRecvError::Empty) => {}
            }
        }
        let replayed = self
            .feeds
            .iter_mut()
            .filter(|(a, f)| !matches!(f, Feed::Live) && !sources[a.source].has_ended(a.partition));
        let behind = replayed.min_by_key(|(a, _)| sources[a.source].position(a.partition));
        if let Some((address, feed)) = behind {
            let address = *address;
            let arrived = match feed {
                _ if sources[address.source].is_past_until(address.partition) => Ok(None),
                Feed::Ahead(reader) => reader.next_block(),
                Feed::Inline(reader) => reader.next_block(),
                Feed::Live => Ok(None),
            };
            return self.answer(address, false, arrived);
        }
        if self.n_live == 0 {
            return Next::Done;
        }
        if !waited {
            return Next::Waiting;
        }
        match self.arrivals.recv_timeout(STOP_POLL) {
            Ok((feed, arrived)) => self.answer(self.feeds[feed].0, true, arrived),
            Err(RecvTimeoutError::Timeout) => Next::Waiting,
            Err(RecvTimeoutError::Disconnected) => Next::Done,
        }
    }

    fn answer(&mut self, address: Address, live: bool, arrived: io::Result<Option<Block>>) -> Next {
        if live && !matches!(arrived, Ok(Some(_))) {
            self.n_live -= 1;
        }
        match arrived {
            // A reader that was told to stop has not reached its end.
            Ok(None) if self.stop.load(Ordering::Relaxed) => Next::Stopped,
            Ok(None) => Next::End(address),
            Ok(Some(block)) => Next::Rows(address, block),
            Err(error) => Next::Failed(address, error),
        }
    }
}
