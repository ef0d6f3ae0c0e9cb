//! Types and state that are told beside the text.

use crate::helper::payments;
use millstream_lsp::analysis::inlay_hints;

#[test]
fn types_of_columns_and_what_streams_keep() {
    let at = payments(
        "$0stream spend =
  from payments
  let net = amount * 0.98, length_of_card = length(card)
  window tumbling 5m
  group by card, upper(country) as land
  select card, land, sum(net) as total, count(), window.start as opened
stream plain = from payments
stream wrong = from payments let x = nothing",
    );
    let mut text = at.analysis.text().to_string();
    let hints = inlay_hints(&at.analysis, at.file, at.offset..text.len());
    for hint in hints.iter().rev() {
        text.insert_str(hint.offset, &format!("⟨{}⟩", hint.label));
    }
    insta::assert_snapshot!(text.get(at.offset..).unwrap_or("?"));
    insta::assert_snapshot!(hints.iter().find_map(|h| h.tooltip.clone()).unwrap_or_default());
    assert_eq!(inlay_hints(&at.analysis, at.file, at.offset..at.offset + 12).len(), 1);
}
