//! Programs that nobody means: each is answered briefly, and none crashes or hangs.

mod support;

use support::{Folder, Ran};

/// The answer to a program that is wrong, which all of its commands give.
fn refused(program: impl AsRef<[u8]>) -> Ran {
    let folder = Folder::new();
    folder.write("p.stream", program);
    let ran = folder.run("fmt --check p.stream").code(2);
    assert!(ran.stderr.len() < 100_000, "{} bytes of answer", ran.stderr.len());
    let ran = folder.run("check p.stream").code(2);
    assert!(ran.stderr.len() < 100_000, "{} bytes of answer", ran.stderr.len());
    ran
}

/// A program of `{ x: int }` that selects an expression, and what it gives for 7.
fn selected(expression: &str) -> Ran {
    selected_by(expression, "jit")
}

fn selected_by(expression: &str, engine: &str) -> Ran {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"x\":7}\n").write(
        "p.stream",
        format!(
            "source a: {{ x: int }} from file(\"in.ndjson\") format json\n\
             stream b = from a select {expression} as y\nsink o from b to stdout format json"
        ),
    );
    folder.run(&format!("run -q p.stream --engine {engine}"))
}

#[test]
fn a_megabyte_of_garbage() {
    let printable = |i: u32| char::from(b' ' + (i.wrapping_mul(2_654_435_761) >> 24) as u8 % 95);
    refused((0..1 << 20).map(printable).collect::<String>());
    refused("\\".repeat(1 << 20));
    refused("\0".repeat(1 << 20));
    refused("stream a = from b where x > 1e\n".repeat(30_000));
    refused([0xC3, 0x28].repeat(1 << 19))
        .stderr_has("cannot read `p.stream`: it is not UTF-8 text: line 1 holds the byte 0xc3");
}

#[test]
fn ten_thousand_brackets() {
    let n = 10_000;
    let ran = selected(&format!("{}x{}", "(".repeat(n), ")".repeat(n))).code(0);
    assert_eq!(ran.stdout, "{\"y\":7}\n");
    for (open, close) in [("[", "]"), ("{ a: ", " }"), ("abs(", ")"), ("- ", ""), ("f\"{", "}\"")] {
        selected(&format!("{}x{}", open.repeat(n), close.repeat(n))).code(2).stderr_has("E0102");
        selected(&open.repeat(n)).code(2);
    }
}

#[test]
fn chains_of_five_thousand_operators() {
    let chain_of = |n: usize, part: &dyn Fn(usize) -> String, operator: &str| {
        (0..n).map(part).collect::<Vec<_>>().join(&format!(" {operator} "))
    };
    let chain = |part: &dyn Fn(usize) -> String, operator: &str| chain_of(5_000, part, operator);
    for (expression, value) in [
        (chain(&|n| format!("x == {n}"), "or"), "true"),
        (chain(&|n| format!("x != {}", n + 8), "and"), "true"),
        // What stands behind the first that decides is not computed.
        (chain(&|n| format!("100 / (x - {}) > 90", n as i64 - 6), "or"), "true"),
        (chain(&|n| if n < 4_999 { "x + null".into() } else { "x".into() }, "??"), "7"),
        (chain(&|_| "x".into(), "+"), "35000"),
        (format!("1000000 - {}", chain(&|n| format!("x % {}", n + 8), "-")), "965000"),
        (format!("x * {}", chain(&|_| "1".into(), "*")), "7"),
        (chain(&|_| "0.5".into(), "+"), "2500.0"),
        (format!("float(x) + {}", chain(&|_| "0.5".into(), "+")), "2507.0"),
        (format!("{} + decimal(x, 2)", chain(&|_| "0.5".into(), "+")), "2507.00"),
        (chain(&|n| format!("x + {n}"), "+"), "12532500"),
        (format!("x / {}", chain(&|_| "1".into(), "/")), "7.0"),
        (format!("length({})", chain(&|_| "string(x)".to_string(), "++")), "5000"),
    ] {
        for engine in ["jit", "reference"] {
            let ran = selected_by(&expression, engine).code(0);
            assert_eq!(ran.stdout, format!("{{\"y\":{value}}}\n"), "{engine}: {}", &expression[..40]);
        }
    }
    selected(&chain_of(20_000, &|_| "x".into(), "+")).code(2).stderr_has("E0102");
    let conditions = chain(&|n| format!("x != {}", n + 8), "and");
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"x\":7}\n").write(
        "p.stream",
        format!("source a: {{ x: int }} from file(\"in.ndjson\") format json\nstream b = from a where {conditions}\nstream c = from b where {conditions}\nsink o from c to stdout format json"),
    );
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, "{\"x\":7}\n");
}

#[test]
fn five_thousand_columns() {
    let folder = Folder::new();
    let each = |one: &dyn Fn(usize) -> String| (0..5_000).map(one).collect::<Vec<_>>().join(", ");
    let row = format!("{{{}}}\n", each(&|i| format!("\"c{i}\":{i}")).replace(", ", ","));
    folder.write("in.ndjson", row.repeat(3)).write(
        "p.stream",
        format!(
            "source a: {{ {} }} from file(\"in.ndjson\") format json\nsink o from a to stdout format json",
            each(&|i| format!("c{i}: int"))
        ),
    );
    assert_eq!(folder.run("run -q p.stream").code(0).stdout, row.repeat(3));
}

#[test]
#[cfg(target_os = "linux")]
fn files_without_end() {
    let folder = Folder::new();
    folder.run("check /dev/zero").code(64).stderr_has("cannot read `/dev/zero`: it is longer than 64 MiB");
    folder.run("run .").code(64).stderr_has("cannot read `.`: it is a folder");
}
