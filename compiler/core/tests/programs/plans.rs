//! What programs become: typed tree, plan, optimized plan, dataflow.

use crate::helper::payments;

fn show(rest: &str) {
    let done = payments(rest);
    println!(
        "=== {rest}\n{}\n{}\n{}\n{}\n{}",
        done.program,
        done.plan,
        done.trace,
        done.optimized,
        done.flow.unwrap()
    );
}

#[test]
fn filter_and_select() {
    show(
        "stream tags = from payments where amount > 10.00 unnest tags as tag where tag != \"x\" where 1 + 1 == 2 window tumbling 1m let k = tag ++ \"!\" group by k, window.start as w select k, w, count() filter (where amount > 5.00) as n, avg(amount) + 1 as a",
    );
    show(
        "stream a = from payments time at - 1m disorder 2s
    stream b = from a select card, at union errors_of
    stream errors_of = from errors(payments) select reason as card, at
    stream l = from late(a)
    sink x from b to stdout format json
    sink y from l to file(\"y.csv\")",
    );
    show(
        "stream a = from payments where amount > 1.00 select card, amount
    stream b = from payments where amount > 1.00 select card, amount where card == \"x\"
    sink x from b to stdout format json
    sink y from a to file(\"y.csv\")",
    );
    show(
        "stream a = from payments where country is not null let n = amount + 1 where country == \"US\"
     window tumbling 1h offset 30m select count() as n, max(n) as m",
    );
}

#[test]
fn explained() {
    let done = payments(
        "stream spend = from payments where amount > 1.00 window tumbling 5m group by card select card, count() as n, sum(amount) as total",
    );
    println!("{}", millstream_core::explain::explain(&done.program, done.flow.as_ref().unwrap()));
}
