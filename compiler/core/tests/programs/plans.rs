//! What programs become: typed tree, plan, optimized plan, dataflow.

use crate::helper::payments;

#[test]
fn filter_and_select() {
    let done =
        payments("stream large = from payments where amount > 10.00 select card, amount * 2 as double");
    println!("{}\n{}\n{}\n{}\n{}", done.program, done.plan, done.trace, done.optimized, done.flow.unwrap());
    let done = payments("stream spend = from payments where country is not null window tumbling 5m group by card, country select card, country, count() as n, sum(amount) as total, window.start as opened where n >= 3
    sink out from spend to stdout format json
    sink bad from errors(spend) to stdout format json
    sink late from late(payments) to stdout format json");
    println!("{}\n{}\n{}\n{}\n{}", done.program, done.plan, done.trace, done.optimized, done.flow.unwrap());
}
