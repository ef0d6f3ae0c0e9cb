//! What is left of habits from other languages when every first fix has been taken.

use crate::helper::PAYMENTS;
use millstream_base::diagnostic::Edit;
use millstream_lsp::analysis::Analysis;

/// What follows [`PAYMENTS`] when nothing more can be mended, and what is wrong with it still.
fn mended(rest: &str) -> String {
    let mut text = format!("{PAYMENTS}{rest}");
    for _ in 0..9 {
        let analysis = Analysis::new("main.stream", text.as_str(), &mut |_, _| Err("no files".to_string()));
        let Some(fix) = analysis.diagnostics().iter().find_map(|d| d.fixes.first()) else {
            let wrong = analysis.diagnostics().iter().map(|d| format!("\n{}: {}", d.code, d.headline));
            return text.replacen(PAYMENTS, "", 1) + &wrong.collect::<String>();
        };
        let mut edits: Vec<Edit> = fix.edits.clone();
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
        for edit in edits {
            text.replace_range(edit.span.range(), &edit.text);
        }
    }
    panic!("its fixes come to no end:\n{text}");
}

#[test]
fn words_of_sql() {
    for (written, meant) in [
        ("where country IS NULL", "where country is null"),
        ("where country IS NOT NULL AND amount > 3", "where country is not null and amount > 3"),
        ("where NOT amount > 3", "where not amount > 3"),
        ("where card LIKE 'x%' OR card IN ('a', 'b')", "where card like \"x%\" or card in [\"a\", \"b\"]"),
        ("where card in ('a', 'b')", "where card in [\"a\", \"b\"]"),
        ("where amount BETWEEN 1 AND 2", "where amount between 1 and 2"),
        ("where amount <> 3 && amount != 4 || not true", "where amount != 3 and amount != 4 or not true"),
        ("where amount>3&&amount<9||!true", "where amount>3 and amount<9 or not true"),
        ("let x = IF amount > 3 then 1 else 2", "let x = if amount > 3 then 1 else 2"),
        ("where amount = 3", "where amount == 3"),
        ("where amount === 3", "where amount == 3"),
        ("where country == null", "where country is null"),
        ("select amount money", "select amount as money"),
        ("window tumbling 1h order by amount desc limit 3", "window tumbling 1h top 3 by amount desc"),
        ("as paid where payd.amount > 3", "as paid where paid.amount > 3"),
        ("where amount × 2 ≥ 3", "where amount * 2 >= 3"),
    ] {
        assert_eq!(
            mended(&format!("stream a = from payments {written}")),
            format!("stream a = from payments {meant}")
        );
    }
}

#[test]
fn whole_queries_of_sql() {
    for (written, meant) in [
        ("SELECT card FROM payments WHERE amount > 3", "from payments where amount > 3 select card"),
        (
            "select card, amount AS paid from payments where country = 'x' and card <> \"y\"",
            "from payments where country == \"x\" and card != \"y\" select card, amount as paid",
        ),
        ("SELECT * FROM payments", "from payments"),
        (
            "SELECT card, COUNT(*) AS n FROM payments GROUP BY card HAVING n > 3 ORDER BY n DESC LIMIT 5",
            "from payments group by card forever select card, count() as n where n > 3 top 5 by n desc forever",
        ),
    ] {
        let found = mended(&format!("stream a = {written}"));
        assert_eq!(found.lines().next(), Some(&*format!("stream a = {meant}")), "{found}");
    }
    assert_eq!(
        mended("\nSELECT card FROM payments WHERE amount > 3"),
        "\nstream result =\n  from payments\n  where amount > 3\n  select card"
    );
}

#[test]
fn joins_of_sql() {
    for (written, meant) in [
        ("left outer join b on b.card == a.card within 5m", "left join b on b.card == a.card within 5m"),
        ("FULL OUTER JOIN b ON b.card = a.card within 5m", "full join b on b.card == a.card within 5m"),
        ("LEFT JOIN b ON b.card == a.card within 5m", "left join b on b.card == a.card within 5m"),
        ("inner join b on b.card == a.card within 5m", "join b on b.card == a.card within 5m"),
        ("left semi join b on b.card == a.card within 5m", "semi join b on b.card == a.card within 5m"),
        ("cross join b as c within 5m", "join b as c on true within 5m"),
        ("cross join b", "join b on true within 5m"),
        ("join b using (card) within 5m", "join b on a.card == b.card within 5m"),
        (
            "join b as c using (card, amount) within 5m",
            "join b as c on a.card == c.card and a.amount == c.amount within 5m",
        ),
        (", b where a.card = b.card", "join b on a.card == b.card within 5m"),
        (", b as c", "join b as c on true within 5m"),
        ("asof join rates on rates.k == a.card", "join rates on rates.k == a.card"),
        ("join b on b.card == a.card within -5s", "join b on b.card == a.card within -5s..0s"),
        (
            "join rates on rates.k == a.card as of a.at within -5s",
            "join rates on rates.k == a.card as of a.at within 5s",
        ),
        ("join b on b.card == a.card as of a.at", "join b on b.card == a.card within 5m"),
    ] {
        let around = "stream b = from payments\ntable rates: { k: string, at: timestamp } key k from file(\"r.csv\") format csv time at\n";
        let query = |join: &str| {
            let space = if join.starts_with(',') { "" } else { " " };
            format!("{around}stream x = from payments as a{space}{join} select a.card")
        };
        let found = mended(&query(written));
        // That pairs of all rows are many is said of a program that is right.
        assert_eq!(found.split("\nW0003").next(), Some(&*query(meant)));
    }
}

#[test]
fn keys_of_tables() {
    let meant = "table t: { k: string, n: int } key k from file(\"t.csv\") format csv";
    for written in [
        "table t key k: { k: string, n: int } from file(\"t.csv\") format csv",
        "table t: { k: string, n: int } from file(\"t.csv\") format csv key k",
        "table t: { k: string, n: int } from file(\"t.csv\") format csv",
    ] {
        assert_eq!(mended(written), meant);
    }
    let two = "source t: { k: string, n: int } from file(\"t.csv\") format csv key k, n";
    assert_eq!(mended(two), "source t: { k: string, n: int } key k, n from file(\"t.csv\") format csv");
}

#[test]
fn what_has_no_fix_gets_help() {
    let helps = |rest: &str| -> Vec<String> {
        let text = format!("{PAYMENTS}{rest}");
        let analysis = Analysis::new("main.stream", text, &mut |_, _| Err("no files".to_string()));
        analysis.diagnostics().iter().flat_map(|d| d.helps.clone()).collect()
    };
    insta::assert_debug_snapshot!(helps("stream a = match 3 {"));
    insta::assert_debug_snapshot!(helps("stream a = from payments limit 3"));
    insta::assert_debug_snapshot!(helps("stream a = from payments let n = 5 § 2"));
    let typed = "a parameter stands with its type: `fn f(n: int) -> int = n + 1`";
    for header in ["fn f(x) = x + 1", "fn f(x): x + 1", "fn f(x, y) = x"] {
        assert_eq!(helps(header), [typed]);
    }
}

#[test]
fn columns_of_an_event_in_its_own_condition() {
    for (written, meant) in [
        ("a: payments[a.amount > 3.00] then b: payments", "a: payments[amount > 3.00] then b: payments"),
        (
            "a: payments then not n: payments[n.amount > 3.00] then b: payments",
            "a: payments then not n: payments[amount > 3.00] then b: payments",
        ),
    ] {
        let query = |pattern: &str| format!("stream x = match by card {pattern} within 1h select card\n");
        assert_eq!(mended(&query(written)), query(meant));
    }
}

#[test]
fn headers_of_other_languages() {
    for (written, meant) in [
        ("fn i(x int) -> int = x", "fn i(x: int) -> int = x"),
        ("fn f(x: int) { x }", "fn f(x: int) -> int = x"),
        ("fn f(x: int) { return x }", "fn f(x: int) -> int = x"),
        (
            "source g { a: int } from file(\"g.csv\") format csv",
            "source g: { a: int } from file(\"g.csv\") format csv",
        ),
        ("stream x { from payments }", "stream x = from payments"),
    ] {
        assert_eq!(mended(written).trim_end(), meant);
    }
}

#[test]
fn a_clause_is_taken_for_no_parameter() {
    for written in
        ["window tumbling group by card select card", "window tumbling\n  group by card\n  select card"]
    {
        let found = mended(&format!("stream a = from payments {written}"));
        assert!(found.starts_with(&format!("stream a = from payments {written}\nE0101: ")), "{found}");
    }
}
