//! Signatures of calls while they are written.

use crate::helper::{Cursor, payments};
use millstream_lsp::analysis::signature_help;

fn shown(at: Cursor) -> String {
    let Some(help) = signature_help(&at.analysis, at.file, at.offset) else { return "nothing".to_string() };
    let line = |(n, s): (usize, &millstream_lsp::analysis::Signature)| {
        let active = if n == help.active { "▶ " } else { "  " };
        let param = s.active_param.and_then(|n| s.params.get(n)).map_or("-", String::as_str);
        format!("{active}{} @ {param}\n", s.label)
    };
    help.signatures.iter().enumerate().map(line).collect()
}

#[test]
fn the_parameter_at_the_cursor() {
    insta::assert_snapshot!(shown(payments(
        "fn f(x: int, y: string) -> int = x\nstream a = from payments where f(1, $0"
    )));
    insta::assert_snapshot!(shown(payments(
        "fn f(x: int, y: string) -> int = x\nstream a = from payments where f(y: \"a\", x: $01) > 0"
    )));
    insta::assert_snapshot!(shown(payments("stream a = from payments where substr(card, 0, $0) == \"a\"")));
}

#[test]
fn calls_in_calls() {
    insta::assert_snapshot!(shown(payments("stream a = from payments where clamp(round(amount, 1), $0")));
    insta::assert_snapshot!(shown(payments("stream a = from payments where least([1, 2$0")));
}

#[test]
fn aggregates_conversions_and_connectors() {
    insta::assert_snapshot!(shown(payments(
        "stream a = from payments window tumbling 1h group by () select percentile(amount, $0"
    )));
    insta::assert_snapshot!(shown(payments("stream a = from payments where try_decimal(card, $0")));
    insta::assert_snapshot!(shown(payments("source b: Payment from file($0)")));
}

#[test]
fn no_call() {
    assert_eq!(shown(payments("stream a = from payments where (amount$0 > 1.00)")), "nothing");
    assert_eq!(shown(payments("stream a = from payments where trim(card) == \"\" $0")), "nothing");
}
