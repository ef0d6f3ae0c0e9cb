//! The events of the Nexmark benchmark as JSON lines (Tucker, Tufte, Papadimos, Maier: NEXMark, a benchmark
//! for queries over data streams, 2002; the generator is that of Apache Beam, by the crate `nexmark`).

use super::{Input, Open, Partition, text_option};
use millstream_ir::flow::ConnectorSpec;
use millstream_ir::value::Value;
use nexmark::EventGenerator;
use nexmark::config::NexmarkConfig;
use nexmark::event::{Event, EventType};
use std::io::{self, Read};

/// 2024-01-01T00:00:00Z, when the first event happens.
const START_MS: u64 = 1_704_067_200_000;

/// How far the numbers of events of two seeds are apart: of the hundred billion before it, none is used again.
const SEED_STEP: usize = 100_000_000_000;

pub fn partitions(spec: &ConnectorSpec) -> Vec<Partition> {
    let number = |name: &str| match spec.options.get(name) {
        Some(Value::Int(n)) => usize::try_from(*n).unwrap_or_default(),
        _ => 0,
    };
    let (kind, first) = match text_option(spec, "kind") {
        "person" => (EventType::Person, 0),
        "auction" => (EventType::Auction, 1),
        _ => (EventType::Bid, 4),
    };
    let rate = number("rate").max(1);
    let config = NexmarkConfig {
        base_time: START_MS,
        first_event_id: number("seed") % N_SEEDS * SEED_STEP,
        first_rate: rate,
        next_rate: rate,
        ..NexmarkConfig::default()
    };
    let proportion = match kind {
        EventType::Person => config.person_proportion,
        EventType::Auction => config.auction_proportion,
        EventType::Bid => config.bid_proportion,
    };
    let all = config.person_proportion + config.auction_proportion + config.bid_proportion;
    let events = number("events");
    let n = events / all * proportion + (events % all).saturating_sub(first).min(proportion);
    let generator = EventGenerator::new(config).with_type_filter(kind);
    let lines = Lines { generator, n_left: n, made: vec![], n_read: 0 };
    let open: Open = Box::new(move || Ok(Box::new(lines)));
    let name = format!("nexmark {}", text_option(spec, "kind"));
    vec![Partition { name, size: None, live: false, file: None, open }]
}

/// Events to come, and the text of some of them.
struct Lines {
    generator: EventGenerator,
    n_left: usize,
    made: Vec<u8>,
    n_read: usize,
}

/// How many seeds have events of their own: numbers of events are no larger than 64 bits.
const N_SEEDS: usize = 100_000_000;

/// About so many bytes are made at once.
const MADE: usize = 1 << 16;

impl Input for Lines {}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_read == self.made.len() {
            self.made.clear();
            self.n_read = 0;
            while self.made.len() < MADE && self.n_left > 0 {
                self.n_left -= 1;
                self.generator.next().map_or(Ok(()), |event| write(&event, &mut self.made))?;
            }
        }
        let n = buffer.len().min(self.made.len() - self.n_read);
        buffer[..n].copy_from_slice(&self.made[self.n_read..self.n_read + n]);
        self.n_read += n;
        Ok(n)
    }
}

fn write(event: &Event, to: &mut Vec<u8>) -> io::Result<()> {
    match event {
        Event::Person(person) => serde_json::to_writer(&mut *to, person)?,
        Event::Auction(auction) => serde_json::to_writer(&mut *to, auction)?,
        Event::Bid(bid) => serde_json::to_writer(&mut *to, bid)?,
    }
    to.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(kind: &str, events: i64) -> Vec<serde_json::Value> {
        let options =
            [("kind", Value::string(kind)), ("events", Value::Int(events)), ("rate", Value::Int(1000))];
        let options = options.map(|(name, value)| (name.into(), value)).into_iter().collect();
        let spec = ConnectorSpec { name: "nexmark".into(), options, span: Default::default() };
        let Ok(mut input) = (partitions(&spec).remove(0).open)() else { return vec![] };
        let mut text = String::new();
        input.read_to_string(&mut text).expect("it can be read");
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    #[test]
    fn events_are_shared_out_among_the_kinds() {
        for (events, expected) in
            [(0, [0, 0, 0]), (1, [1, 0, 0]), (5, [1, 3, 1]), (50, [1, 3, 46]), (153, [4, 11, 138])]
        {
            let found = ["person", "auction", "bid"].map(|kind| lines(kind, events).len());
            assert_eq!(found, expected, "{events}");
        }
    }

    #[test]
    fn events_come_in_the_order_of_their_times() {
        let times: Vec<u64> =
            lines("bid", 5_000).iter().filter_map(|bid| bid["date_time"].as_u64()).collect();
        assert_eq!(times.len(), 4_600);
        assert!(times.is_sorted());
        assert_eq!(times.first(), Some(&(START_MS + 4)));
        assert_eq!(times.last(), Some(&(START_MS + 4_999)));
    }
}
