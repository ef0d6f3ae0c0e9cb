//! Every code's page is a test: its wrong example raises exactly that code, its right one none.

mod support;

use millstream_base::codes::{self, Code};
use support::page::{Example, codes_in};

#[test]
fn wrong_examples_raise_their_code_and_right_ones_none() {
    let mut faults = vec![];
    // No program raises a fault of our own.
    let shown = |c: &Code| !c.name().starts_with('B');
    for code in codes::all().filter(shown) {
        let page = code.info().page;
        let (Some(wrong), Some(right)) = (Example::of(page, "Wrong"), Example::of(page, "Right")) else {
            faults.push(format!("{code}: the page has no pair of examples"));
            continue;
        };
        let raised = wrong.raised(code);
        if raised != [code.name()] {
            faults.push(format!("{code}: the wrong example raises {raised:?}\n{wrong:?}"));
        }
        let ran = right.check();
        if !codes_in(&ran.stdout).is_empty() || ran.code == 64 {
            faults.push(format!("{code}: the right example raises\n{}{}", ran.stdout, ran.stderr));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
