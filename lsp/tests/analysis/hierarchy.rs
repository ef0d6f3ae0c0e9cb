//! What feeds a stream, and what reads it.

use crate::helper::{Cursor, payments};
use millstream_lsp::analysis::{Link, feeds, readers, station};

fn shown(at: Cursor) -> String {
    let Some(of) = station(&at.analysis, at.file, at.offset) else { return "nothing".to_string() };
    let line = |link: &Link| {
        let (kind, name) = (link.station.kind.word(), &link.station.name);
        format!("  {kind} {name} at {}\n", at.places(link.places.iter().copied()).trim().replace('\n', ", "))
    };
    let list = |links: Vec<Link>| links.iter().map(line).collect::<String>();
    format!(
        "{} {}\nfed by\n{}read by\n{}",
        of.kind.word(),
        of.name,
        list(feeds(&at.analysis, of.name_span)),
        list(readers(&at.analysis, of.name_span))
    )
}

#[test]
fn a_stream_between_others() {
    insta::assert_snapshot!(shown(payments(
        "table cards: { id: string } key id from file(\"c\") format csv
stream big$0 = from payments as p semi join cards on cards.id == p.card
stream pairs = match by card a: big then b: big within 1h select card
stream wrong = from big where nothing > 1
sink out from big to stdout
test \"t\" { given payments [] expect big empty }"
    )));
}

#[test]
fn a_column_is_none() {
    assert_eq!(shown(payments("stream a = from payments where ca$0rd == \"\"")), "nothing");
}
