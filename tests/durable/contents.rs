//! What `millstream state` says that operators hold.

use super::resume::run_to;
use super::support::Folder;

const PROGRAM: &str = "\
source payments: { card: string, amount: decimal(2), at: timestamp }
  from file(\"payments.ndjson\") format json
  time at

table cards key card = from payments select card, at

stream spend =
  from payments
  window tumbling 1h
  group by card
  select card, sum(amount) as spent, count() as n

stream probed =
  match by card
    probe: payments[amount < 5.00]{2,}
    then burst: payments[amount > 500.00]
  within 10h
  select card, count(probe) as probes

stream again =
  from payments as p
  left join payments as q on q.card == p.card within 1s..2h
  select p.card, q.amount

stream known = from spend as s join cards as c on c.card == s.card select s.card, c.at

sink spend_out from spend to file(\"spend.ndjson\") format json
sink probed_out from probed to file(\"probed.ndjson\") format json
sink again_out from again to file(\"again.ndjson\") format json
sink known_out from known to file(\"known.ndjson\") format json
";

/// The checkpoint of a run that was stopped when it had read all that there was.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("p.stream", PROGRAM);
    folder.write(
        "payments.ndjson",
        "{\"card\":\"c1\",\"amount\":2.00,\"at\":\"2024-05-01T10:00:05Z\"}\n\
         {\"card\":\"c2\",\"amount\":7.50,\"at\":\"2024-05-01T10:02:40Z\"}\n\
         {\"card\":\"c1\",\"amount\":1.00,\"at\":\"2024-05-01T10:59:30Z\"}\n\
         {\"card\":\"c1\",\"amount\":5.00,\"at\":\"2024-05-01T11:03:00Z\"}\n",
    );
    folder
        .write("followed.stream", PROGRAM.replace("payments.ndjson\")", "payments.ndjson\", follow: true)"));
    run_to(&folder, "followed.stream", 4).code(0);
    folder
}

#[test]
fn operators_show_what_they_hold_as_rows() {
    let folder = folder();
    let shown = folder.run("state state p.stream").code(0).stdout;
    let (head, rows) = shown.split_once('\n').expect("lines");
    assert!(head.starts_with("checkpoint "), "{head}");
    insta::assert_snapshot!(rows);
    let of_one = folder.run("state state p.stream cards --rows 1").code(0).stdout;
    insta::assert_snapshot!(of_one.split_once('\n').expect("lines").1);
    let lines = folder.run("state state p.stream spend --format json").code(0).stdout;
    insta::assert_snapshot!(lines);
}

#[test]
fn what_is_not_there_is_not_shown() {
    let folder = folder();
    folder.run("state state p.stream spent").code(64).stderr_has("ask for `spend`").stderr_has("E0940");
    folder.run("state state p.stream payments").code(1).stderr_has("holds nothing of `payments`");
    folder.write("other.stream", PROGRAM.replace("tumbling 1h", "tumbling 2h"));
    let other = folder.run("state state other.stream spend").code(1).stderr_has("error[E0804]");
    other.stderr_has("the state of `window_agg` of `spend` is not that of this program");
    folder
        .run("state nowhere p.stream")
        .code(1)
        .stderr_has("error[E0802]: cannot read the state in `nowhere`");
    folder.run("state state --rows 3").code(64);
}

/// Of a program with every kind of operator, as an earlier build has left it.
#[test]
fn every_kind_of_operator_shows_what_it_holds() {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/checkpoints/format-2");
    let folder = Folder::new();
    folder.write("p.stream", std::fs::read(format!("{from}/p.stream")).expect("it is there"));
    let shown = folder.run(&format!("state {from}/state p.stream --rows 2")).code(0).stdout;
    insta::assert_snapshot!(shown);
}
