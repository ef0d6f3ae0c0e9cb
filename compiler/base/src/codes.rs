//! The registry of diagnostic codes: one line each. Everything else — `explain --list`, the book's
//! index, completion, links in editors — is derived from it.
//!
//! A number is never reused. The first two digits are the phase: E00 lexing, E01 parsing, E02 names,
//! E03 types, E04 time and windows, E05 patterns, E06 planning and what is not carried out,
//! E07 code generation, E08 data at run time, E09 connectors, files and configuration.
//! `W` is a warning, `B` a fault in Millstream. To add one: a line here and a page `codes/<CODE>.md`.

use crate::diagnostic::Severity;
use std::fmt;

/// An entry of the registry.
#[derive(Debug)]
pub struct CodeInfo {
    /// `E0301`
    pub name: &'static str,
    /// `type-mismatch`: names the fault, accepted wherever a code is.
    pub slug: &'static str,
    /// The Markdown page that explains it.
    pub page: &'static str,
}

/// A registered code; an index into [`CODES`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    pub fn info(self) -> &'static CodeInfo {
        &CODES[self.0 as usize]
    }

    pub fn name(self) -> &'static str {
        self.info().name
    }

    pub fn slug(self) -> &'static str {
        self.info().slug
    }

    pub fn severity(self) -> Severity {
        match self.name().as_bytes()[0] {
            b'W' => Severity::Warning,
            b'B' => Severity::Bug,
            _ => Severity::Error,
        }
    }

    /// The code with this name (any case) or slug.
    pub fn find(text: &str) -> Option<Code> {
        all().find(|c| c.name().eq_ignore_ascii_case(text) || c.slug() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every code, in the order of the registry.
pub fn all() -> impl Iterator<Item = Code> {
    (0..CODES.len()).map(|i| Code(i as u16))
}

macro_rules! codes {
    ($($name:ident $slug:literal;)*) => {
        pub static CODES: &[CodeInfo] = &[$(CodeInfo {
            name: stringify!($name),
            slug: $slug,
            page: include_str!(concat!("../codes/", stringify!($name), ".md")),
        }),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Index { $($name),* }
        $(pub const $name: Code = Code(Index::$name as u16);)*
    };
}

codes! {
    E0001 "unknown-character";
    E0002 "open-text";
    E0003 "bad-escape";
    E0004 "bad-number";
    E0005 "bad-duration";
    E0006 "bad-timestamp";
    E0007 "single-quotes";
    E0008 "bad-quoted-name";
    E0009 "name-needs-backticks";
    E0010 "foreign-operator";
    E0011 "foreign-comment";
    E0012 "needless-semicolon";
    E0013 "lone-brace";
    E0101 "unexpected-token";
    E0102 "too-deep";
    E0103 "given-twice";
    E0104 "positional-after-named";
    E0105 "missing-body";
    E0106 "single-equals";
    E0107 "chained-comparison";
    E0108 "reserved-word";
    E0109 "unclosed-bracket";
    E0110 "trailing-comma";
    E0201 "unknown-name";
    E0202 "duplicate-name";
    E0203 "unknown-stream";
    E0204 "unknown-type";
    E0205 "unknown-function";
    E0206 "stream-cycle";
    E0207 "file-cycle";
    E0208 "ambiguous-column";
    E0209 "type-cycle";
    E0210 "recursive-function";
    E0211 "unknown-module";
    E0212 "name-not-in-used-file";
    E0213 "missing-param";
    E0214 "bad-param-value";
    E0215 "secret-in-expression";
    E0217 "not-a-value";
    E0218 "not-grouped";
    E0219 "builtin-name";
    E0220 "unreadable-file";
    E0221 "no-window";
    E0222 "function-too-large";
    E0230 "unnamed-column";
    E0231 "duplicate-column";
    E0232 "own-new-name";
    E0233 "unknown-star-column";
    E0234 "union-columns-differ";
    E0235 "star-of-no-record";
    E0236 "star-of-group";
    E0237 "unnest-not-a-list";
    E0240 "given-not-a-source";
    E0241 "unknown-test-column";
    E0242 "missing-test-column";
    E0243 "test-row-not-a-record";
    E0301 "type-mismatch";
    E0302 "null-not-allowed";
    E0303 "operator-types";
    E0304 "incomparable";
    E0305 "unknown-choice";
    E0306 "decimal-scale-too-large";
    E0307 "decimal-literal";
    E0308 "int-too-large";
    E0309 "no-common-type";
    E0310 "missing-argument";
    E0311 "too-many-arguments";
    E0312 "unknown-argument";
    E0313 "argument-twice";
    E0314 "argument-type";
    E0315 "no-overload";
    E0316 "bad-regex";
    E0317 "not-constant";
    E0318 "constant-fails";
    E0319 "not-positive";
    E0320 "no-conversion";
    E0321 "unknown-field";
    E0322 "no-index";
    E0323 "not-a-list";
    E0324 "null-comparison";
    E0325 "duplicate-field";
    E0326 "aggregate-without-group";
    E0327 "nested-aggregate";
    E0328 "aggregate-argument";
    E0329 "no-distinct";
    E0330 "no-filter";
    E0331 "malformed-type";
    E0332 "bad-scale";
    E0333 "row-not-a-record";
    E0334 "unknown-encoding";
    E0335 "encoding-of-type";
    E0336 "unknown-time-zone";
    E0337 "bad-time-pattern";
    E0338 "type-too-large";
    E0339 "constant-takes-too-long";
    E0350 "percentile-range";
    E0351 "aggregate-member-missing";
    E0352 "aggregate-member-twice";
    E0353 "no-such-state";
    E0354 "merge-incomplete";
    E0401 "window-inside-window";
    E0402 "group-without-select";
    E0403 "time-inside-window";
    E0404 "bad-time-field";
    E0405 "nothing-late";
    E0406 "late-columns-differ";
    E0407 "misplaced-emit";
    E0408 "second-on-error";
    E0409 "negative-duration";
    E0410 "unbounded-group";
    E0411 "keep-in-window";
    E0412 "needs-append-only";
    E0413 "cannot-take-back";
    E0414 "changes-in-plain-format";
    E0415 "never-final";
    E0417 "order-of-what";
    E0418 "bad-source-key";
    E0430 "foreign-window-option";
    E0431 "bad-window-size";
    E0432 "union-of-windows";
    E0433 "window-not-ended";
    E0434 "ungrouped-window-key";
    E0435 "unbounded-rows";
    E0436 "until-in-window";
    E0437 "nothing-to-fill";
    E0438 "fill-does-not-fit";
    E0440 "window-key-not-known";
    E0441 "nothing-to-correct";
    E0442 "lead-outside-window";
    E0451 "unbounded-history";
    E0452 "misplaced-function-over-rows";
    E0453 "expire-and-forever";
    E0454 "other-rows-in-frame";
    E0455 "cannot-forget";
    E0456 "group-in-frame";
    E0480 "unbounded-join";
    E0481 "empty-range";
    E0482 "same-alias";
    E0483 "join-in-window";
    E0484 "as-of-stream";
    E0485 "final-with-lateness";
    E0486 "tests-nothing";
    E0487 "test-twice";
    E0490 "table-as-stream";
    E0491 "as-of-without-time";
    E0492 "as-of-other-time";
    E0493 "unmatched-of-table";
    E0494 "bound-of-table";
    E0495 "table-of-other-key";
    E0496 "refresh";
    E0497 "in-table";
    E0501 "unbounded-pattern";
    E0502 "variable-twice";
    E0503 "variable-not-bound-yet";
    E0504 "list-as-event";
    E0505 "bad-quantifier";
    E0506 "no-partition-key";
    E0507 "key-types-differ";
    E0508 "several-variables";
    E0509 "empty-pattern";
    E0510 "empty-last-step";
    E0511 "not-beside-next";
    E0512 "needless-limit";
    E0550 "reuse-of-unknown";
    E0551 "needless-reuse";
    E0552 "open-not";
    E0553 "timer-without-start";
    E0554 "computed-before";
    E0555 "greedy-for-ever";
    E0556 "greedy-with-all";
    E0557 "other-part";
    E0558 "other-branch";
    E0559 "never-bound";
    E0560 "never-times-out";
    E0561 "pattern-too-large";
    E0562 "never-holds";
    E0563 "timer-without-max";
    E0564 "endless-timer";
    E0565 "never-taken";
    E0612 "retry-not-yet";
    E0614 "sideline-not-yet";
    E0617 "query-too-long";
    E0651 "aggregate-not-yet";
    E0654 "nested-input-data";
    E0655 "computed-pattern";
    E0656 "relative-time";
    E0801 "row-failed";
    E0802 "state-not-usable";
    E0803 "checkpoints-damaged";
    E0804 "state-of-another-program";
    E0805 "input-changed";
    E0806 "output-changed";
    E0810 "other-rows-than-expected";
    E0820 "state-too-large";
    E0901 "connector-not-in-this-build";
    E0902 "cannot-open";
    E0903 "no-file-matches";
    E0904 "bad-file-pattern";
    E0905 "is-a-folder";
    E0906 "cannot-follow-packed";
    E0907 "cannot-create";
    E0908 "read-failed";
    E0909 "write-failed";
    E0920 "unknown-connector";
    E0921 "wrong-direction";
    E0922 "unknown-option";
    E0923 "missing-option";
    E0924 "option-twice";
    E0925 "no-connector";
    E0926 "unknown-override";
    E0927 "missing-variable";
    E0928 "same-output";
    E0929 "no-changes";
    E0930 "unknown-word";
    E0931 "standard-input-twice";
    E0932 "id-is-a-column";
    E0940 "nothing-to-ask-about";
    E0941 "not-a-match";
    E0942 "key-not-said";
    E0943 "parts-of-key";
    E0944 "key-of-other-type";
    E0945 "never-ends";
    E0950 "unknown-command";
    E0951 "wrong-argument";
    E0952 "nothing-called-so";
    E0953 "still-used";
    E0954 "nothing-known";
    E0955 "of-another-system";
    E0960 "no-format";
    E0961 "no-rows";
    E0962 "no-project-name";
    E0963 "project-in-use";
    E0964 "not-a-picture";
    E0965 "nothing-to-preview";
    E0966 "no-such-test";
    E0970 "unread-program";
    E0971 "no-rows-declared";
    W0001 "glued-comment";
    W0002 "stray-doc-comment";
    W0003 "join-without-equality";
    B0201 "library-lacks-function";
    B0202 "library-body-wrong";
    B0701 "not-compiled";
    B0801 "other-answer";
}
