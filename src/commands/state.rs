//! `millstream state`: what the checkpoints of a run hold, and whether they are whole.

use super::errors::{nothing_kept, unread_state};
use crate::cli::State;
use crate::command_line::said;
use crate::program::show;
use crate::{FAILED, stores, terminal};
use millstream_base::SourceMap;
use millstream_ir::text::format_timestamp;
use millstream_runtime::checkpoint::{Damage, Manifest, Role, all};
use millstream_runtime::report::{bytes, thousands};
use millstream_runtime::source::Standing;
use std::fmt::Write;

mod rows;

pub fn state(arguments: State) -> u8 {
    if let Some(file) = &arguments.file {
        return rows::rows(&arguments, file);
    }
    let found = stores::look(&arguments.folder).and_then(|store| all(&*store));
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            let mut files = SourceMap::default();
            let said = said(&["state", &arguments.folder.display().to_string()], &mut files);
            show(&files, &[unread_state(&said[1], &error)]);
            return FAILED;
        }
    };
    if found.is_empty() {
        let mut files = SourceMap::default();
        let said = said(&["state", &arguments.folder.display().to_string()], &mut files);
        show(&files, &[nothing_kept(&said[1])]);
        return FAILED;
    }
    let mut text: String = found.iter().map(|(name, manifest)| line(name, manifest)).collect();
    let newest = found.iter().rev().find_map(|(_, manifest)| manifest.as_ref().ok());
    if let Some(manifest) = newest {
        text += &contents(manifest);
    }
    let told = terminal::out(text);
    // A run would go on, and from the newest.
    let is_sound = found.last().is_some_and(|(_, newest)| newest.is_ok());
    if is_sound { told } else { FAILED }
}

/// A checkpoint: when it was made, how large its states are, and whether it is whole.
fn line(name: &str, manifest: &Result<Manifest, Damage>) -> String {
    match manifest {
        Ok(manifest) => {
            let ended = if manifest.ended { ", at the end of all inputs" } else { "" };
            format!(
                "{name}  {}  {:>10}  whole{ended}\n",
                format_timestamp(manifest.time),
                bytes(manifest.size())
            )
        }
        Err(damage) => format!("{name}  damaged: {damage}\n"),
    }
}

/// What the newest holds that is whole.
fn contents(manifest: &Manifest) -> String {
    let mut text = format!("\ncheckpoint {}\n", manifest.number);
    for source in &manifest.sources {
        let _ = write!(text, "  source {}", source.name);
        let _ = match source.loaded {
            Some(_) => writeln!(text, ", loaded"),
            None => writeln!(text, ", {}", watermark(source.watermark)),
        };
        for partition in &source.partitions {
            let _ = writeln!(
                text,
                "    {}: {} records to byte {}, {}{}",
                partition.name,
                thousands(partition.reached.records),
                thousands(partition.reached.bytes),
                watermark(partition.watermark),
                match partition.standing {
                    Standing::Ended => ", ended",
                    Standing::Idle => ", idle",
                    Standing::Active | Standing::Open => "",
                }
            );
        }
    }
    for operator in &manifest.operators {
        let amount =
            operator.amount.as_ref().map(|amount| format!(", {}: {}", amount.what, thousands(amount.n)));
        let amount = amount.unwrap_or_default();
        let _ = writeln!(text, "  {:>10}  {}{amount}", bytes(operator.bytes), operator.identity);
    }
    for output in &manifest.outputs {
        let role = match output.role {
            Role::Sink => "sink",
            Role::Sideline => "failed rows of",
        };
        let _ = match &output.file {
            Some((path, length)) => {
                writeln!(text, "  {role} {}: {} bytes of {path}", output.name, thousands(*length))
            }
            None => writeln!(text, "  {role} {}: cannot be cut off, rows may come again", output.name),
        };
    }
    text
}

fn watermark(time: i64) -> String {
    match time {
        i64::MIN => "no watermark yet".to_string(),
        i64::MAX => "all of it".to_string(),
        time => format!("watermark {}", format_timestamp(time)),
    }
}
