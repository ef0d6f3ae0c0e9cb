//! Chooses what is read next.
//!
//! Replay reads in event time: always from the partition that is furthest behind, over all sources,
//! so that a file gives what the live stream gave. Live partitions are taken as they arrive.

use crate::read_ahead::{Arrival, ReadAhead, read_live};
use crate::reader::{Block, Numbering, PartitionReader};
use crate::source::Source;
use crate::workers::Workers;
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
    feeds: Vec<Feed>,
    arrivals: Receiver<Arrival>,
    n_live: usize,
    stop: Arc<AtomicBool>,
}

/// What a partition yields.
struct Feed {
    address: Address,
    input: Input,
    numbering: Numbering,
}

enum Input {
    Ahead(ReadAhead),
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
    pub fn start(
        partitions: Vec<(Address, PartitionReader)>,
        workers: &Workers,
        stop: Arc<AtomicBool>,
    ) -> Intake {
        let (sender, arrivals): (SyncSender<Arrival>, _) = sync_channel(4);
        let n_live = partitions.iter().filter(|(_, reader)| reader.is_live()).count();
        let n_replayed = partitions.len() - n_live;
        let mut feeds = vec![];
        for (address, reader) in partitions {
            let numbering = reader.numbering();
            let input = if reader.is_live() {
                read_live(feeds.len(), reader, sender.clone());
                Input::Live
            } else if n_replayed <= MAX_READ_AHEAD {
                let ahead = 1 + workers.n().div_ceil(n_replayed);
                Input::Ahead(ReadAhead::start(reader, workers.clone(), ahead))
            } else {
                Input::Inline(Box::new(reader))
            };
            feeds.push(Feed { address, input, numbering });
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
                Ok(arrival) => return self.arrive(arrival),
                Err(TryRecvError::Disconnected) => self.n_live = 0,
                Err(TryRecvError::Empty) => {}
            }
        }
        let has_rows = |feed: &&mut Feed| {
            let Address { source, partition } = feed.address;
            !matches!(feed.input, Input::Live) && !sources[source].has_ended(partition)
        };
        let position = |feed: &&mut Feed| sources[feed.address.source].position(feed.address.partition);
        if let Some(feed) = self.feeds.iter_mut().filter(has_rows).min_by_key(position) {
            let Address { source, partition } = feed.address;
            let next = match &mut feed.input {
                _ if sources[source].is_past_until(partition) => Ok(None),
                Input::Ahead(reader) => reader.next_block(),
                Input::Inline(reader) => reader.next_block(),
                Input::Live => Ok(None),
            };
            return feed.answer(next, &self.stop);
        }
        if self.n_live == 0 {
            return Next::Done;
        }
        if !waited {
            return Next::Waiting;
        }
        match self.arrivals.recv_timeout(STOP_POLL) {
            Ok(arrival) => self.arrive(arrival),
            Err(RecvTimeoutError::Timeout) => Next::Waiting,
            Err(RecvTimeoutError::Disconnected) => Next::Done,
        }
    }

    fn arrive(&mut self, (feed, next): Arrival) -> Next {
        if !matches!(next, Ok(Some(_))) {
            self.n_live -= 1;
        }
        self.feeds[feed].answer(next, &self.stop)
    }
}

impl Feed {
    fn answer(&mut self, next: io::Result<Option<Block>>, stop: &AtomicBool) -> Next {
        match next {
            // A reader that was told to stop has not reached its end.
            Ok(None) if stop.load(Ordering::Relaxed) => Next::Stopped,
            Ok(None) => Next::End(self.address),
            Ok(Some(mut block)) => {
                self.numbering.number(&mut block);
                Next::Rows(self.address, block)
            }
            Err(error) => Next::Failed(self.address, error),
        }
    }
}
