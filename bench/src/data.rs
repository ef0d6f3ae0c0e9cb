//! Events to measure with: always the same.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        ((self.next() as u128 * n as u128) >> 64) as u64
    }
}

/// The numeric part of Nexmark's bids, a vector per column. Times in microseconds.
#[derive(Default)]
pub struct Bids {
    pub auction: Vec<i64>,
    pub bidder: Vec<i64>,
    pub price: Vec<i64>,
    pub time: Vec<i64>,
}

const START: i64 = 1_700_000_000_000_000;

impl Bids {
    /// `n` bids on `keys` auctions chosen uniformly, over `span` microseconds, in order.
    pub fn new(n: usize, keys: u64, span: i64) -> Bids {
        let mut random = Random(42);
        let mut bids = Bids { auction: vec![], bidder: vec![], price: vec![], time: vec![] };
        for i in 0..n {
            bids.auction.push(1000 + random.below(keys) as i64);
            bids.bidder.push(1000 + random.below(1_000_000) as i64);
            bids.price.push(1 + random.below(10_000_000) as i64);
            bids.time.push(START + (i as i128 * span as i128 / n as i128) as i64);
        }
        bids
    }

    /// The same, but one in ten comes up to `disorder` late.
    pub fn with_late_ones(&self, disorder: i64) -> Bids {
        let mut random = Random(17);
        let mut arrivals: Vec<(i64, usize)> = self
            .time
            .iter()
            .enumerate()
            .map(|(row, time)| match random.below(10) {
                0 => (time + random.below(disorder as u64) as i64, row),
                _ => (*time, row),
            })
            .collect();
        arrivals.sort_unstable();
        let mut late = Bids::default();
        for (_, row) in arrivals {
            late.auction.push(self.auction[row]);
            late.bidder.push(self.bidder[row]);
            late.price.push(self.price[row]);
            late.time.push(self.time[row]);
        }
        late
    }

    /// The bids as JSON lines of seven fields, about 208 bytes each.
    pub fn json(&self, n: usize) -> Vec<u8> {
        self.lines(n, |[auction, bidder, price, channel, url, millis, extra]| {
            format!(
                "{{\"auction\":{auction},\"bidder\":{bidder},\"price\":{price},\"channel\":\"{channel}\",\"url\":\"{url}\",\"dateTime\":{millis},\"extra\":\"{extra}\"}}\n"
            )
        })
    }

    /// The same as CSV without a header, about 138 bytes each.
    pub fn csv(&self, n: usize) -> Vec<u8> {
        self.lines(n, |fields| fields.join(",") + "\n")
    }

    fn lines(&self, n: usize, line: impl Fn([String; 7]) -> String) -> Vec<u8> {
        const CHANNELS: [&str; 8] =
            ["Google", "Facebook", "Baidu", "Apple", "channel-1", "channel-22", "channel-333", "channel-44"];
        let mut random = Random(9);
        let mut word =
            |n: usize| -> String { (0..n).map(|_| (b'a' + random.below(26) as u8) as char).collect() };
        let mut numbers = Random(10);
        let mut out = String::new();
        for i in 0..n {
            let channel = CHANNELS[numbers.below(8) as usize].to_string();
            let url = format!("https://nexmark.com/{}/item.htm?id={}", word(8), numbers.below(100));
            let extra = word(45 + numbers.below(10) as usize);
            let [auction, bidder, price, millis] =
                [self.auction[i], self.bidder[i], self.price[i], self.time[i] / 1000].map(|x| x.to_string());
            out += &line([auction, bidder, price, channel, url, millis, extra]);
        }
        out.into_bytes()
    }
}
