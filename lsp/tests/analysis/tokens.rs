//! What each word is.

use crate::helper::payments;
use millstream_lsp::analysis::semantic_tokens;

/// The tokens of what follows [`crate::helper::PAYMENTS`].
fn shown(program: &str) -> String {
    let at = payments(program);
    let text = at.analysis.text();
    let line = |t: &millstream_lsp::analysis::SemanticToken| {
        let marks = [(t.is_definition, " defined"), (t.is_given, " given")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        format!("{:?} {}{marks}\n", t.kind, text.get(t.range.clone()).unwrap_or("?"))
    };
    let tokens = semantic_tokens(&at.analysis, at.file);
    tokens.iter().filter(|t| t.range.start >= at.offset).map(line).collect()
}

#[test]
fn words_by_what_they_stand_for() {
    insta::assert_snapshot!(shown(
        "$0-- a note
param least: decimal(2) = 1.00
fn large(amount: decimal(2)) -> bool = amount > least
stream a = from payments as p where large(p.amount) and p.place.city != \"\" let time = trim(card)
  select card, time as window, f\"{card}!\" as text
sink out from a to file(path: \"a\", append: true) format json
"
    ));
}

#[test]
fn scopes_are_no_words_where_they_are_asked_for_their_bounds() {
    insta::assert_snapshot!(shown(
        "stream a = from payments window tumbling 1h group by card
  select$0 card, window.start as opened, `window`.end"
    ));
}
