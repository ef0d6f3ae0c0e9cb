//! `states FOLDER`: puts the states of a checkpoint of the repository into a folder, as seeds of the target `state`.

use millstream_fuzz::state::{CHECKPOINT, States};
use std::io;
use std::path::PathBuf;

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: states FOLDER"));
    };
    std::fs::create_dir_all(&folder)?;
    let states = States::of(CHECKPOINT);
    (0..states.n()).try_for_each(|operator| {
        let seed = [&(operator as u16).to_le_bytes()[..], states.state(operator)].concat();
        std::fs::write(folder.join(format!("{operator:03}.seed")), seed)
    })
}
