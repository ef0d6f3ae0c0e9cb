//! The queries of Nexmark over its events, against a few lines for each that look at all events at once.

mod support;

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::Folder;

/// Of a small auction house: 30 events a second for three minutes.
fn settings(seed: u64) -> String {
    format!("--set events=5400 --set rate=30 --set seed={seed}")
}

/// What happened, in order.
struct Events {
    people: Vec<Person>,
    auctions: Vec<Auction>,
    bids: Vec<Bid>,
}

struct Person {
    id: i64,
    name: String,
    city: String,
    state: String,
    at: i64,
}

struct Auction {
    id: i64,
    item_name: String,
    seller: i64,
    category: i64,
    at: i64,
    expires: i64,
}

struct Bid {
    auction: i64,
    bidder: i64,
    price: i64,
    channel: String,
    url: String,
    /// Milliseconds since the first event.
    at: i64,
    extra: String,
}

/// A row of a result by the names of its columns.
type Row = Map<String, Value>;

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        other => panic!("{other} is no row"),
    }
}

/// What a query should give, in any order.
type Reference = fn(&Events) -> Vec<Value>;

const QUERIES: &[(&str, Reference)] = &[
    ("q0", q0),
    ("q1", q1),
    ("q2", q2),
    ("q3", q3),
    ("q4", q4),
    ("q5", q5),
    ("q6", q6),
    ("q7", q7),
    ("q8", q8),
    ("q9", q9),
    ("q10", q10),
    ("q11", q11),
    ("q13", q13),
    ("q14", q14),
    ("q15", q15),
    ("q16", q16),
    ("q17", q17),
    ("q18", q18),
    ("q19", q19),
    ("q20", q20),
    ("q21", q21),
    ("q22", q22),
];

#[test]
fn queries_give_what_looking_at_all_events_gives() {
    // Of the first, every query has rows.
    for seed in [0, support::seed() % 1_000_000] {
        compare_all(seed);
    }
}

fn compare_all(seed: u64) {
    let folder = Folder::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/nexmark");
    let events = Events::read(&folder, examples, seed);
    for (name, reference) in QUERIES {
        let out = folder.path().join(format!("{name}.ndjson"));
        let settings = settings(seed);
        let arguments = format!("run {examples}/{name}.stream -q {settings} --sink out={}", out.display());
        folder.run(&arguments).code(0);
        let mut found = table(&folder.read(&format!("{name}.ndjson")));
        let mut expected: Vec<String> = reference(&events).into_iter().map(row).map(text).collect();
        found.sort();
        expected.sort();
        assert!(seed > 0 || !found.is_empty(), "{name} has no row");
        let wrong = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!(wrong, None, "{name}, seed {seed}");
        assert_eq!(found.len(), expected.len(), "{name}, seed {seed}");
    }
}

fn text(row: Row) -> String {
    Value::Object(row).to_string()
}

/// The rows of a sink, those of an updating stream as they stand at the end.
fn table(lines: &str) -> Vec<String> {
    let mut table: BTreeMap<String, i64> = BTreeMap::new();
    for line in lines.lines() {
        let row: Value = serde_json::from_str(line).expect("each line is JSON");
        let (row, n) = match (row.get("change").and_then(Value::as_str), row.get("row")) {
            (Some(change), Some(row)) => (row.clone(), if change == "+" { 1 } else { -1 }),
            _ => (row, 1),
        };
        *table.entry(row.to_string()).or_default() += n;
    }
    table.into_iter().flat_map(|(row, n)| (0..n).map(move |_| row.clone())).collect()
}

impl Events {
    fn read(folder: &Folder, examples: &str, seed: u64) -> Events {
        folder.write(
            "raw.stream",
            format!(
                "use \"{examples}/events.stream\"\n\
                 stream b = from bids select * replace (int(at) as at)\n\
                 stream a = from auctions select * replace (int(at) as at, int(expires) as expires)\n\
                 stream p = from people select * replace (int(at) as at)\n\
                 sink b from b to file(\"b.ndjson\")\n\
                 sink a from a to file(\"a.ndjson\")\n\
                 sink p from p to file(\"p.ndjson\")"
            ),
        );
        folder.run(&format!("run raw.stream -q {}", settings(seed))).code(0);
        let lines = |name: &str| -> Vec<Value> {
            let text = folder.read(name);
            text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
        };
        let number = |line: &Value, name: &str| line[name].as_i64().expect("a number");
        let text = |line: &Value, name: &str| line[name].as_str().expect("a text").to_string();
        let since_start = |line: &Value, name: &str| number(line, name) / 1000 - 1_704_067_200_000;
        let at = |line: &Value| since_start(line, "at");
        let bid = |line: &Value| Bid {
            auction: number(line, "auction"),
            bidder: number(line, "bidder"),
            price: number(line, "price"),
            channel: text(line, "channel"),
            url: text(line, "url"),
            at: at(line),
            extra: text(line, "extra"),
        };
        let auction = |line: &Value| Auction {
            id: number(line, "id"),
            item_name: text(line, "item_name"),
            seller: number(line, "seller"),
            category: number(line, "category"),
            at: at(line),
            expires: since_start(line, "expires"),
        };
        let person = |line: &Value| Person {
            id: number(line, "id"),
            name: text(line, "name"),
            city: text(line, "city"),
            state: text(line, "state"),
            at: at(line),
        };
        Events {
            people: lines("p.ndjson").iter().map(person).collect(),
            auctions: lines("a.ndjson").iter().map(auction).collect(),
            bids: lines("b.ndjson").iter().map(bid).collect(),
        }
    }
}

/// A time in the first hour of 2024.
fn time(ms: i64) -> String {
    let (minute, second, ms) = (ms / 60_000, ms / 1000 % 60, ms % 1000);
    let fraction = format!(".{ms:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("2024-01-01T00:{minute:02}:{second:02}{fraction}Z")
}

/// A decimal of three digits behind the point, as the number that JSON has.
fn thousandths(n: i64) -> Value {
    serde_json::from_str(&format!("{}.{:03}", n / 1000, n % 1000)).expect("a number")
}

fn q0(events: &Events) -> Vec<Value> {
    let bids = events.bids.iter();
    bids.map(|b| json!({ "auction": b.auction, "bidder": b.bidder, "price": b.price, "at": time(b.at), "extra": b.extra })).collect()
}

fn q1(events: &Events) -> Vec<Value> {
    let bids = events.bids.iter();
    bids.map(|b| json!({ "auction": b.auction, "bidder": b.bidder, "price": thousandths(908 * b.price), "at": time(b.at), "extra": b.extra })).collect()
}

fn q2(events: &Events) -> Vec<Value> {
    let bids = events.bids.iter().filter(|b| b.auction % 123 == 0);
    bids.map(|b| json!({ "auction": b.auction, "price": b.price })).collect()
}

fn q3(events: &Events) -> Vec<Value> {
    let mut rows = vec![];
    for auction in events.auctions.iter().filter(|a| a.category == 10) {
        let sellers = events.people.iter().filter(|p| p.id == auction.seller);
        for person in sellers.filter(|p| ["or", "id", "ca"].contains(&&*p.state)) {
            rows.push(json!({
                "name": person.name, "city": person.city, "state": person.state, "id": auction.id,
            }));
        }
    }
    rows
}

fn q8(events: &Events) -> Vec<Value> {
    let mut rows = vec![];
    for person in &events.people {
        let window = person.at / 10_000;
        if events.auctions.iter().any(|a| a.seller == person.id && a.at / 10_000 == window) {
            rows.push(json!({ "id": person.id, "name": person.name, "starttime": time(window * 10_000) }));
        }
    }
    rows
}

fn q20(events: &Events) -> Vec<Value> {
    let mut rows = vec![];
    for bid in &events.bids {
        for auction in events.auctions.iter().filter(|a| a.id == bid.auction && a.category == 10) {
            rows.push(json!({
                "auction": bid.auction, "bidder": bid.bidder, "price": bid.price, "channel": bid.channel,
                "url": bid.url, "bid_at": time(bid.at), "item_name": auction.item_name,
                "seller": auction.seller, "category": auction.category,
            }));
        }
    }
    rows
}

/// The bids for an auction while it lasted.
fn valid_bids<'e>(events: &'e Events, auction: &Auction) -> Vec<&'e Bid> {
    let is_valid = |b: &&Bid| b.auction == auction.id && (auction.at..=auction.expires).contains(&b.at);
    events.bids.iter().filter(is_valid).collect()
}

fn average(of: &[i64]) -> f64 {
    of.iter().sum::<i64>() as f64 / of.len() as f64
}

fn q4(events: &Events) -> Vec<Value> {
    let mut by_category: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for auction in &events.auctions {
        let highest = valid_bids(events, auction).iter().map(|b| b.price).max();
        by_category.entry(auction.category).or_default().extend(highest);
    }
    let sold = by_category.into_iter().filter(|(_, prices)| !prices.is_empty());
    sold.map(|(category, prices)| json!({ "category": category, "average": average(&prices) })).collect()
}

fn q6(events: &Events) -> Vec<Value> {
    let mut auctions: Vec<&Auction> = events.auctions.iter().collect();
    // Of groups that end at once, the one that began first comes first.
    auctions.sort_by_key(|a| (a.expires, valid_bids(events, a).first().map(|b| b.at), a.id));
    let mut by_seller: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    let mut rows = vec![];
    for auction in auctions {
        if let Some(highest) = valid_bids(events, auction).iter().map(|b| b.price).max() {
            let prices = by_seller.entry(auction.seller).or_default();
            prices.push(highest);
            let last = &prices[prices.len().saturating_sub(10)..];
            rows.push(json!({ "seller": auction.seller, "average": average(last) }));
        }
    }
    rows
}

fn q9(events: &Events) -> Vec<Value> {
    let row = |a: &Auction| {
        let bids = valid_bids(events, a);
        let price = bids.iter().map(|b| b.price).max()?;
        let best = bids.iter().find(|b| b.price == price)?;
        Some(json!({
            "id": a.id, "item_name": a.item_name, "seller": a.seller, "category": a.category,
            "at": time(a.at), "expires": time(a.expires),
            "bidder": best.bidder, "price": price, "bid_at": time(best.at),
        }))
    };
    events.auctions.iter().filter_map(row).collect()
}

fn q10(events: &Events) -> Vec<Value> {
    let minute = |b: &Bid| format!("00:{:02}", b.at / 60_000);
    let bids = events.bids.iter();
    bids.map(|b| {
        json!({
            "auction": b.auction, "bidder": b.bidder, "price": b.price, "at": time(b.at), "extra": b.extra,
            "day": "2024-01-01", "minute": minute(b),
        })
    })
    .collect()
}

fn q13(events: &Events) -> Vec<Value> {
    let value = |b: &Bid| (b.auction % 10_000).to_string();
    let bids = events.bids.iter();
    bids.map(|b| json!({ "auction": b.auction, "bidder": b.bidder, "price": b.price, "at": time(b.at), "value": value(b) })).collect()
}

fn q5(events: &Events) -> Vec<Value> {
    let last = events.bids.iter().map(|b| b.at).max().unwrap_or_default();
    let mut rows = vec![];
    for end in (2000..last + 12_000).step_by(2000) {
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for bid in events.bids.iter().filter(|b| (end - 10_000..end).contains(&b.at)) {
            *counts.entry(bid.auction).or_default() += 1;
        }
        let most = counts.values().max().copied();
        let best = counts.iter().filter(|(_, num)| Some(**num) == most);
        rows.extend(best.map(|(auction, num)| json!({ "auction": auction, "num": num })));
    }
    rows
}

fn q7(events: &Events) -> Vec<Value> {
    let highest = |window: i64| events.bids.iter().filter(|b| b.at / 10_000 == window).map(|b| b.price).max();
    let best = events.bids.iter().filter(|b| Some(b.price) == highest(b.at / 10_000));
    best.map(|b| json!({ "auction": b.auction, "price": b.price, "bidder": b.bidder, "at": time(b.at) }))
        .collect()
}

fn q11(events: &Events) -> Vec<Value> {
    let mut sessions: BTreeMap<i64, Vec<(i64, i64, i64)>> = BTreeMap::new();
    for bid in &events.bids {
        let of_bidder = sessions.entry(bid.bidder).or_default();
        match of_bidder.last_mut() {
            Some((n, _, last)) if bid.at - *last < 10_000 => (*n, *last) = (*n + 1, bid.at),
            _ => of_bidder.push((1, bid.at, bid.at)),
        }
    }
    let row = |bidder: i64, (n, first, last): (i64, i64, i64)| json!({ "bidder": bidder, "bid_count": n, "starttime": time(first), "endtime": time(last + 10_000) });
    sessions.into_iter().flat_map(|(bidder, all)| all.into_iter().map(move |one| row(bidder, one))).collect()
}

fn q14(events: &Events) -> Vec<Value> {
    let euros = |b: &Bid| 908 * b.price;
    let bids = events.bids.iter().filter(|b| euros(b) > 1_000_000_000 && euros(b) < 50_000_000_000);
    // All of it happens between midnight and one.
    bids.map(|b| {
        json!({
            "auction": b.auction, "bidder": b.bidder, "price": thousandths(euros(b)), "bid_time_type": "nightTime",
            "at": time(b.at), "extra": b.extra, "c_counts": b.extra.matches('c').count(),
        })
    })
    .collect()
}

/// The four columns of a statistic: of all bids, of the low, of the middling and of the high ones.
fn ranked(bids: &[&Bid], n: impl Fn(&[&Bid]) -> usize) -> [usize; 4] {
    let between = |low: i64, high: i64| -> Vec<&Bid> {
        bids.iter().copied().filter(|b| (low..high).contains(&b.price)).collect()
    };
    [n(bids), n(&between(0, 10_000)), n(&between(10_000, 1_000_000)), n(&between(1_000_000, i64::MAX))]
}

fn statistics(of: Value, bids: &[&Bid]) -> Value {
    let distinct =
        |bids: &[&Bid], of: fn(&Bid) -> i64| bids.iter().map(|b| of(b)).collect::<BTreeSet<_>>().len();
    let mut all = row(of);
    for (name, counts) in [
        ("bids", ranked(bids, |bids| bids.len())),
        ("bidders", ranked(bids, |bids| distinct(bids, |b| b.bidder))),
        ("auctions", ranked(bids, |bids| distinct(bids, |b| b.auction))),
    ] {
        for (rank, count) in ["total", "rank1", "rank2", "rank3"].iter().zip(counts) {
            all.insert(format!("{rank}_{name}"), json!(count));
        }
    }
    Value::Object(all)
}

fn q15(events: &Events) -> Vec<Value> {
    let all: Vec<&Bid> = events.bids.iter().collect();
    vec![statistics(json!({ "day": "2024-01-01" }), &all)]
}

fn q16(events: &Events) -> Vec<Value> {
    let channels: BTreeSet<&str> = events.bids.iter().map(|b| &*b.channel).collect();
    let of_channel = |channel: &str| {
        let bids: Vec<&Bid> = events.bids.iter().filter(|b| b.channel == channel).collect();
        let minute = bids.iter().map(|b| b.at / 60_000).max().unwrap_or_default();
        let of = json!({ "channel": channel, "day": "2024-01-01", "minute": format!("00:{minute:02}") });
        statistics(of, &bids)
    };
    channels.into_iter().map(of_channel).collect()
}

fn q17(events: &Events) -> Vec<Value> {
    let auctions: BTreeSet<i64> = events.bids.iter().map(|b| b.auction).collect();
    let of_auction = |auction: i64| {
        let bids: Vec<&Bid> = events.bids.iter().filter(|b| b.auction == auction).collect();
        let [total, low, middling, high] = ranked(&bids, |bids| bids.len());
        let prices = || bids.iter().map(|b| b.price);
        let sum: i64 = prices().sum();
        json!({
            "auction": auction, "day": "2024-01-01",
            "total_bids": total, "rank1_bids": low, "rank2_bids": middling, "rank3_bids": high,
            "min_price": prices().min(), "max_price": prices().max(),
            "avg_price": sum as f64 / bids.len() as f64, "sum_price": sum,
        })
    };
    auctions.into_iter().map(of_auction).collect()
}

fn whole(b: &Bid) -> Value {
    json!({
        "auction": b.auction, "bidder": b.bidder, "price": b.price, "channel": b.channel, "url": b.url,
        "at": time(b.at), "extra": b.extra,
    })
}

fn q18(events: &Events) -> Vec<Value> {
    let last: BTreeMap<(i64, i64), &Bid> = events.bids.iter().map(|b| ((b.bidder, b.auction), b)).collect();
    last.into_values().map(whole).collect()
}

fn q19(events: &Events) -> Vec<Value> {
    let mut by_auction: BTreeMap<i64, Vec<&Bid>> = BTreeMap::new();
    events.bids.iter().for_each(|b| by_auction.entry(b.auction).or_default().push(b));
    // The sort is stable: of equal prices the first bid comes first.
    by_auction.values_mut().for_each(|bids| bids.sort_by_key(|b| -b.price));
    by_auction.into_values().flat_map(|bids| bids.into_iter().take(10).map(whole)).collect()
}

fn q21(events: &Events) -> Vec<Value> {
    let number = |b: &Bid| match &*b.channel.to_lowercase() {
        "apple" => Some("0".to_string()),
        "google" => Some("1".to_string()),
        "facebook" => Some("2".to_string()),
        "baidu" => Some("3".to_string()),
        _ => Some(b.url.split("&channel_id=").nth(1)?.split('&').next()?.to_string()),
    };
    let numbered = events.bids.iter().filter_map(|b| Some((b, number(b)?)));
    numbered
        .map(|(b, id)| json!({ "auction": b.auction, "bidder": b.bidder, "price": b.price, "channel": b.channel, "channel_id": id }))
        .collect()
}

fn q22(events: &Events) -> Vec<Value> {
    let directory = |b: &Bid, number: usize| b.url.split('/').nth(number).map(str::to_string);
    let bids = events.bids.iter();
    bids.map(|b| {
        json!({
            "auction": b.auction, "bidder": b.bidder, "price": b.price, "channel": b.channel,
            "dir1": directory(b, 3), "dir2": directory(b, 4), "dir3": directory(b, 5),
        })
    })
    .collect()
}
