//! The rows of a query that goes on, as they are by now: they have the terminal to themselves until a key is pressed,
//! and then it is as it was before.
//!
//! A thread draws what there is, again when it or the size of the terminal has changed, and waits for keys meanwhile.

use super::keys::{Key, Keys};
use crate::terminal;
use millstream_ir::batch::Batch;
use millstream_ir::flow::Schema;
use millstream_runtime::format::Encoder;
use millstream_runtime::format::table::TableEncoder;
use millstream_runtime::report::thousands;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is to be seen.
pub struct Scene {
    pub schema: Schema,
    /// Those of the rows that may be shown.
    pub rows: Batch,
    /// How many rows there are.
    pub n_rows: usize,
    /// Whether the last are shown rather than the first.
    pub shows_last: bool,
    /// What was lost on the way, behind the number of rows.
    pub lost: String,
}

/// Until it is dropped, the terminal shows a scene.
pub struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    has_ended: AtomicBool,
    /// The scene that is not drawn yet.
    next: Mutex<Option<Scene>>,
}

/// Another screen, on which lines that are too long are cut and no cursor is seen; and the one before.
const ENTER: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?7h\x1b[?1049l";

/// How often it is looked whether there is something else to draw, where no keys can be waited for.
const PAUSE: Duration = Duration::from_millis(50);

/// How many lines the names of columns take.
const HEAD: usize = 2;

impl Live {
    /// `stop` is set when a key is pressed.
    pub fn begin(scene: Scene, stop: Arc<AtomicBool>) -> Live {
        let shared = Arc::new(Shared::default());
        let told = shared.clone();
        Live { shared, thread: Some(std::thread::spawn(move || watch(&told, scene, &stop))) }
    }

    pub fn show(&self, scene: Scene) {
        *self.shared.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(scene);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn watch(shared: &Shared, mut scene: Scene, stop: &AtomicBool) {
    let keys = Keys::begin();
    let mut size = None;
    let mut drawn = String::new();
    let _ = terminal::out(ENTER);
    while !shared.has_ended.load(Ordering::Relaxed) {
        let next = shared.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let now = (terminal::stdout_width().unwrap_or(80), terminal::stdout_height());
        if next.is_some() || size != Some(now) {
            scene = next.unwrap_or(scene);
            let picture = picture(&scene, now, keys.is_some());
            // The terminal may have cut what it showed when it became another size.
            if picture != drawn || size != Some(now) {
                let _ = terminal::out(&picture);
                (size, drawn) = (Some(now), picture);
            }
        }
        let Some(keys) = &keys else {
            std::thread::sleep(PAUSE);
            continue;
        };
        match keys.next() {
            Some(Key::Suspend) => {
                let _ = terminal::out(LEAVE);
                keys.suspend();
                let _ = terminal::out(ENTER);
                (size, drawn) = (None, String::new());
            }
            Some(Key::Other) => stop.store(true, Ordering::Relaxed),
            None => {}
        }
    }
    let _ = terminal::out(LEAVE);
}

/// What is written over what was there, in one piece, so that no half of it is seen.
fn picture(scene: &Scene, (width, height): (usize, usize), has_keys: bool) -> String {
    let lines = lines(scene, width, height, has_keys).into_iter().take(height);
    let lines: Vec<String> = lines.map(|line| format!("{line}\x1b[K")).collect();
    format!("\x1b[H{}\x1b[J", lines.join("\n"))
}

/// The head of the table and so many rows as there is room for, how many more there are, and how to go on.
fn lines(scene: &Scene, width: usize, height: usize, has_keys: bool) -> Vec<String> {
    let mut encoder = TableEncoder::new(&scene.schema, width);
    let mut table = vec![];
    encoder.encode(&scene.rows, &mut table);
    encoder.flush(&mut table);
    let table = String::from_utf8_lossy(&table);
    let (head, rows): (Vec<&str>, Vec<&str>) = {
        let mut lines = table.lines();
        (lines.by_ref().take(HEAD).collect(), lines.collect())
    };
    // Below the head and above the line that says how to go on; one is for those that are not seen.
    let room = height.saturating_sub(HEAD + 1);
    let n_seen = if scene.n_rows <= room.min(rows.len()) {
        rows.len()
    } else {
        rows.len().min(room.saturating_sub(1))
    };
    let n_unseen = scene.n_rows.saturating_sub(n_seen);
    let unseen = |where_: &str| {
        let rows = if n_unseen == 1 { "row" } else { "rows" };
        (n_unseen > 0 && n_seen > 0).then(|| format!("… {} {rows} {where_}", thousands(n_unseen as u64)))
    };
    let mut shown: Vec<String> = head.into_iter().map(str::to_string).collect();
    let rows = rows.into_iter().map(str::to_string);
    if scene.shows_last {
        shown.extend(unseen("before"));
        shown.extend(rows.skip(scene.rows.n_rows - n_seen.min(scene.rows.n_rows)));
    } else {
        shown.extend(rows.take(n_seen));
        shown.extend(unseen("more"));
    }
    let rows = if scene.n_rows == 1 { "row" } else { "rows" };
    let end = if has_keys { "press a key to stop" } else { "Ctrl-C stops" };
    let status = format!("{} {rows} so far{}; {end}", thousands(scene.n_rows as u64), scene.lost);
    shown.push(status.chars().take(width).collect());
    shown
}
