//! What keys do that no script can: Ctrl-C, Ctrl-D, history, lines that are edited, queries that go on until a key.

use crate::support::terminal::Terminal;
use crate::support::{Folder, quit};

const ENDLESS: &str =
    "source bids: { auction: int, price: int } from nexmark(kind: \"bid\", events: 1000000000)\r";

/// A session with a prompt.
fn session(folder: &Folder) -> (Terminal, u16) {
    let terminal = Terminal::start(folder, "repl");
    let prompt = terminal.prompt_below(None);
    (terminal, prompt)
}

#[test]
fn ctrl_c_stops_a_query_and_not_the_session() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press(ENDLESS);
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from bids where price < 0\r");
    // The line of progress: it runs.
    terminal.wait_for_text("B/s");
    terminal.press("\x03");
    let prompt = terminal.prompt_below(Some(prompt));
    assert!(
        terminal.screen().contains("> from bids where price < 0\n0 rows; stopped\n>"),
        "{}",
        terminal.screen()
    );
    terminal.press("1 + 2\r");
    terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().ends_with("> 1 + 2\n3\n>\n"), "{}", terminal.screen());
}

/// Goes through 40,000,000,000 pairs.
const SLOW: &str = "length([length([x * y for y in range(0, 200000)]) for x in range(0, 200000)])";

#[test]
fn ctrl_c_stops_an_expression_and_what_was_pasted_behind_it() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press(&pasted(&format!("4 + 4\n{SLOW}\n5 + 5")));
    terminal.press("\r");
    // The first has been answered, so that nobody reads keys.
    terminal.wait_for_text("\n8\n");
    terminal.press("\x03");
    let prompt = terminal.prompt_below(Some(prompt + 3));
    terminal.press("1 + 2\r");
    terminal.prompt_below(Some(prompt));
    let shown = terminal.screen();
    assert!(shown.ends_with("200000)])\nstopped\n> 1 + 2\n3\n>\n"), "{shown}");
}

#[test]
fn ctrl_c_stops_a_query_at_a_row_that_takes_long() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n");
    let (terminal, prompt) = session(&folder);
    terminal.press("source rows: { a: int } from file(\"in.ndjson\")\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press(&format!("from rows where a < {}\r", SLOW.replace("x * y", "x * y + a")));
    // The line of progress: the row has been read.
    terminal.wait_for_text("1 rows  ");
    terminal.press("\x03");
    let prompt = terminal.prompt_below(Some(prompt + 1));
    terminal.press("from rows\r");
    terminal.prompt_below(Some(prompt));
    let shown = terminal.screen();
    assert!(shown.contains("200000)])\n0 rows; stopped\n>"), "{shown}");
    assert!(shown.ends_with("> from rows\na\n─\n1\n1 row\n>\n"), "{shown}");
}

#[test]
fn ctrl_c_leaves_what_is_typed_and_ctrl_d_ends() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press("from paym");
    terminal.wait_for_text("> from paym");
    terminal.press("\x03");
    terminal.prompt_below(Some(prompt));
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn an_entry_of_several_lines_is_one_in_the_history_and_in_the_next_session() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press("fn double(x: int) -> int =\r  2 * x\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("double(21)\r");
    terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().ends_with("> double(21)\n42\n>\n"), "{}", terminal.screen());
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
    let (terminal, prompt) = session(&folder);
    // Twice up: both lines of the function stand there again.
    terminal.press("\x1b[A\x1b[A");
    terminal.wait_for_text("> fn double(x: int) -> int =\n  2 * x");
    terminal.press("\r");
    terminal.prompt_below(Some(prompt));
    terminal.wait_for_text("defined fn double");
}

#[test]
fn live_rows_are_updated_in_place_until_a_key() {
    let folder = Folder::new();
    let path = folder.path().join("live.ndjson");
    let append = |text: &str| {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).expect("the file can be written");
    };
    append("{\"k\":\"a\",\"v\":1}\n");
    let (terminal, prompt) = session(&folder);
    terminal.press("source live: { k: string, v: int } from file(\"live.ndjson\", follow: true)\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from live group by k forever select k, sum(v) as total\r");
    terminal.wait_for_text("a      1\n1 row so far; press a key to stop");
    append("{\"k\":\"a\",\"v\":10}\n{\"k\":\"b\",\"v\":5}\n");
    terminal.wait_for_text("a     11\nb      5\n2 rows so far; press a key to stop");
    terminal.press("x");
    let prompt = terminal.prompt_below(Some(prompt));
    let query = "> from live group by k forever select k, sum(v) as total\n";
    let shown = format!("{query}k  total\n─  ─────\na     11\nb      5\n2 rows; stopped\n");
    assert!(terminal.screen().contains(&shown), "{}", terminal.screen());
    // The key was for the query.
    terminal.press(":limit 2\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from live\r");
    // The last two.
    terminal.wait_for_text("k   v\n─  ──\n… 1 row before\na  10\nb   5\n3 rows so far; press a key to stop");
    terminal.press("\x03");
    terminal.prompt_below(Some(prompt));
    terminal.wait_for_text("3 rows, of which the last 2 are shown; stopped");
}

#[test]
fn live_rows_keep_their_head_where_the_terminal_has_no_room_for_all_and_are_all_shown_at_the_end() {
    let folder = Folder::new();
    let rows: String = (1..=30).map(|n| format!("{{\"k\":\"k{n:02}\",\"v\":{n}}}\n")).collect();
    folder.write("live.ndjson", rows);
    let (terminal, prompt) = session(&folder);
    terminal.press("source live: { k: string, v: int } from file(\"live.ndjson\", follow: true)\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press(":limit 100\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.resize(8, 40);
    terminal.press("from live group by k forever select k, sum(v) as total\r");
    let is = |text: &str| terminal.wait_for(text, |screen| screen.contents().trim_end() == text);
    let end = "30 rows so far; press a key to stop";
    is(&format!(
        "k    total\n───  ─────\nk01      1\nk02      2\nk03      3\nk04      4\n… 26 rows more\n{end}"
    ));
    terminal.resize(6, 30);
    is(&format!("k    total\n───  ─────\nk01      1\nk02      2\n… 28 rows more\n{}", &end[..30]));
    terminal.resize(400, 100);
    terminal.wait_for_text(&format!("k30     30\n{end}"));
    terminal.press("x");
    terminal.prompt_below(Some(prompt));
    let screen = terminal.screen();
    assert!(screen.contains("\nk    total\n───  ─────\nk01      1\n"), "{screen}");
    assert!(screen.contains("k29     29\nk30     30\n30 rows; stopped\n>"), "{screen}");
    terminal.resize(7, 40);
    terminal.press("from live\r");
    is(&format!("k     v\n───  ──\n… 27 rows before\nk28  28\nk29  29\nk30  30\n{end}"));
}

#[test]
fn live_rows_tell_of_those_that_are_lost() {
    let folder = Folder::new();
    folder.write("live.ndjson", "{\"v\":1}\n{\"v\":\"x\"}\n{\"v\":0}\n{\"v\":0}\n");
    let (terminal, prompt) = session(&folder);
    terminal.press("source live: { v: int } from file(\"live.ndjson\", follow: true)\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from live select div(1, v) as w\r");
    terminal.wait_for_text("1 row so far, 1 unreadable, 2 failed; press a key to stop");
    terminal.press("x");
    terminal.prompt_below(Some(prompt));
    terminal.wait_for_text("1 row   unreadable");
}

#[test]
fn keys_do_not_break_the_line_of_progress() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press(ENDLESS);
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from bids where price < 0\r");
    terminal.wait_for_text("B/s");
    terminal.press("\r\r:limit 7\r");
    terminal.press("\x03");
    let prompt = terminal.prompt_below(Some(prompt));
    assert!(!terminal.screen().contains("B/s"), "{}", terminal.screen());
    terminal.press("1 + 2\r");
    terminal.prompt_below(Some(prompt));
    assert!(!terminal.screen().contains("B/s"), "{}", terminal.screen());
}

#[test]
fn ctrl_z_leaves_no_line_of_progress_behind() {
    let folder = Folder::new();
    let terminal = Terminal::shell(&folder, "set -m; millstream repl; echo away; fg > again; echo over");
    let prompt = terminal.prompt_below(None);
    terminal.press(ENDLESS);
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from bids where price < 0\r");
    terminal.wait_for_text("B/s");
    terminal.press("\x1a");
    // Below it, the line of progress is drawn again.
    terminal.wait_for_text("> from bids where price < 0\naway\n");
    terminal.wait_for_text("B/s");
    terminal.press("\x03");
    terminal.prompt_below(Some(prompt));
    assert!(!terminal.screen().contains("B/s"), "{}", terminal.screen());
    terminal.press("\x04");
    terminal.wait_for_text("over");
}

#[test]
fn a_session_that_is_told_to_quit_ends_also_behind_a_query() {
    let folder = Folder::new();
    folder.write("numbers.ndjson", "{\"n\":1}\n");
    let terminal = Terminal::shell(&folder, "sh -c 'echo $$ > id; exec millstream repl'; echo ended $?");
    let prompt = terminal.prompt_below(None);
    terminal.press("source numbers: { n: int } from file(\"numbers.ndjson\")\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from numbers\r");
    terminal.prompt_below(Some(prompt));
    quit(folder.read("id").trim().parse().expect("a process"));
    terminal.wait_for_text("ended 131");
}

#[test]
fn lines_of_the_history_that_are_no_text_are_put_aside() {
    let folder = Folder::new();
    folder.write("state/millstream/history", b"#V2\n1 + 1\n\xff\xfe\nupper(\"a\")\n");
    let (terminal, prompt) = session(&folder);
    let told = "left out; all of it stands in";
    assert!(terminal.screen().contains(told), "{}", terminal.screen());
    terminal.press("\x1b[A\x1b[A\r");
    terminal.prompt_below(Some(prompt));
    terminal.wait_for_text("> 1 + 1\n2\n");
    terminal.press("\x04");
    assert_eq!(terminal.end(), 0);
    assert_eq!(folder.read("state/millstream/history"), "#V2\n1 + 1\nupper(\"a\")\n1 + 1\n");
    let (terminal, _) = session(&folder);
    assert!(!terminal.screen().contains(told), "{}", terminal.screen());
}

#[test]
fn programs_and_folders_are_completed_where_a_program_is_loaded() {
    let folder = Folder::new();
    folder.write("shop.ndjson", "").write("shop.stream", "param a: int = 1\n").write("shops/b.stream", "");
    let (terminal, prompt) = session(&folder);
    terminal.press(":load shop.\t\r");
    let prompt = terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().contains("> :load shop.stream\ndefined param a\n"), "{}", terminal.screen());
    terminal.press(":load shops\tb\t");
    terminal.wait_for_text("> :load shops/b.stream");
    terminal.press("\x03");
    terminal.prompt_below(Some(prompt));
}

#[test]
fn blanks_in_names_of_files_stay_as_they_are() {
    let folder = Folder::new();
    folder.write("my shops/my first.stream", "param a: int = 1\n");
    let (terminal, prompt) = session(&folder);
    for quote in ["", "\""] {
        terminal.press(&format!(":load {quote}my sh\tmy f\t"));
        terminal.wait_for_text(&format!("> :load {quote}my shops/my first.stream"));
        terminal.press("\x03");
        terminal.prompt_below(Some(prompt));
    }
    terminal.press(":load my\tmy\t\r");
    terminal.wait_for_text("> :load my shops/my first.stream\ndefined param a\n");
    terminal.press("source b: { a: int } from file(\"my\tmy\t");
    terminal.wait_for_text("from file(\"my shops/my first.stream");
}

#[test]
fn alt_enter_begins_a_line_where_enter_would_end_the_entry() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press("1 + 2\x1b\r+ 3\r");
    terminal.prompt_below(Some(prompt + 1));
    assert!(terminal.screen().contains("> 1 + 2\n+ 3\n6\n"), "{}", terminal.screen());
}

#[test]
fn tab_completes_names_commands_and_files() {
    let folder = Folder::new();
    folder.write("numbers.ndjson", "{\"amount\":1}\n");
    let (terminal, prompt) = session(&folder);
    terminal.press("source numbers: { amount: int } from file(\"numbers.ndjson\")\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from numb\t where am\t > 0");
    terminal.wait_for_text("> from numbers where amount > 0");
    terminal.press("\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press(":lim\t 5");
    terminal.wait_for_text("> :limit 5");
    terminal.press("\r");
    terminal.prompt_below(Some(prompt));
    terminal.press(":source num\tnumb\t");
    terminal.wait_for_text("> :source numbers=numbers.ndjson");
}

#[test]
fn hints_go_on_with_words_and_show_signatures() {
    let folder = Folder::new();
    let (terminal, _) = session(&folder);
    terminal.press("capi");
    terminal.wait_for_text("> capitalize(");
    // The right arrow takes the hint.
    terminal.press("\x1b[C");
    terminal.wait_for_text("> capitalize(  capitalize(text: string) -> string");
    terminal.press("\r");
    terminal.wait_for_text("  an empty line ends the entry");
}

#[test]
fn a_query_lets_go_of_a_pipe_that_nobody_writes() {
    let folder = Folder::new();
    folder.shell("mkfifo pipe").code(0);
    let (terminal, prompt) = session(&folder);
    terminal.press("source rows: { a: int } from file(\"pipe\") format json\r");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from rows\r");
    terminal.wait_for_text("0 rows so far; press a key to stop");
    terminal.press("\x03");
    let prompt = terminal.prompt_below(Some(prompt));
    terminal.press("from rows\r");
    terminal.wait_for_text("0 rows so far; press a key to stop");
    folder.shell("echo '{\"a\":1}' > pipe").code(0);
    // The end of who wrote is the end of the rows.
    terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().ends_with("> from rows\na\n─\n1\n1 row\n>\n"), "{}", terminal.screen());
}

/// As a terminal sends what is pasted: in one piece, between two marks.
fn pasted(text: &str) -> String {
    format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r"))
}

#[test]
fn entries_that_are_pasted_together_are_answered_one_by_one() {
    let folder = Folder::new();
    folder.write("in.ndjson", "{\"a\":1}\n{\"a\":2}\n");
    let (terminal, prompt) = session(&folder);
    let program =
        "stream large = from rows where a > 1\nsource rows: { a: int }\n  from file(\"in.ndjson\")\n";
    terminal.press(&pasted(&format!("{program}1 + 2\n\nfrom large\n")));
    terminal.wait_for_text("from large\n");
    terminal.press("\r");
    terminal.wait_for_text("1 row\n");
    let prompt = terminal.prompt_below(Some(prompt));
    insta::assert_snapshot!(terminal.screen());
    // Each is remembered by itself.
    terminal.press("\x1b[A\x1b[A\r");
    terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().ends_with("> 1 + 2\n3\n>\n"), "{}", terminal.screen());
}

#[test]
fn what_is_typed_ahead_is_answered_line_by_line() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press("100 + 1\r200 + 1\r300 + 1\r");
    terminal.wait_for_text("\n301\n");
    terminal.prompt_below(Some(prompt));
    let shown = terminal.screen();
    assert!(shown.ends_with("> 100 + 1\n101\n> 200 + 1\n201\n> 300 + 1\n301\n>\n"), "{shown}");
}

#[test]
fn the_last_of_several_that_are_pasted_may_go_on() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press(&pasted("1 + 2\n3 *"));
    terminal.wait_for_text("3 *");
    terminal.press("\r4\r");
    terminal.wait_for_text("\n12\n");
    terminal.prompt_below(Some(prompt));
    assert!(terminal.screen().ends_with("> 1 + 2\n3\n> 3 *\n4\n12\n>\n"), "{}", terminal.screen());
}

#[test]
fn help_is_completed_by_words_codes_and_what_is_defined() {
    let folder = Folder::new();
    let (terminal, prompt) = session(&folder);
    terminal.press("type Payment = { card: string }\r");
    let prompt = terminal.prompt_below(Some(prompt));
    for (begun, whole) in
        [("tumb", "tumbling"), ("E092", "E092"), ("not-a-v", "not-a-value"), ("Pay", "Payment")]
    {
        terminal.press(&format!(":help {begun}\t"));
        terminal.wait_for_text(&format!("> :help {whole}"));
        terminal.press("\x03");
        terminal.prompt_below(Some(prompt));
    }
}

#[test]
fn help_is_broken_between_words_where_the_terminal_ends() {
    let folder = Folder::new();
    let terminal = Terminal::shell(&folder, "stty cols 60 && millstream why --help");
    let screen = terminal.screen_at_end();
    assert!(screen.contains("Usage: millstream why"), "{screen}");
    let told = screen.lines().filter(|line| !line.starts_with("Usage: "));
    let too_wide: Vec<&str> = told.filter(|line| line.chars().count() > 60).collect();
    assert_eq!(too_wide, Vec::<&str>::new());
}
