//! Where state is kept: in a folder, or in storage for objects where this build has that.

use millstream_runtime::checkpoint::folder::{Folder, Unusable};
use millstream_runtime::checkpoint::store::Store;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// To write to.
pub fn open(place: &Path) -> Result<Arc<dyn Store>, Unusable> {
    match objects(place) {
        Some(store) => Ok(store?),
        None => Ok(Arc::new(Folder::open(place)?)),
    }
}

/// To look at, also while a run writes to it.
pub fn look(place: &Path) -> io::Result<Arc<dyn Store>> {
    objects(place).unwrap_or_else(|| Ok(Arc::new(Folder::look(place)?)))
}

/// None where a place is a folder.
#[cfg(feature = "s3")]
fn objects(place: &Path) -> Option<io::Result<Arc<dyn Store>>> {
    use millstream_objects::{Objects, SCHEME};
    let place = place.to_str().filter(|place| place.starts_with(SCHEME))?;
    Some(Objects::open(place).map(|objects| Arc::new(objects) as Arc<dyn Store>))
}

#[cfg(not(feature = "s3"))]
fn objects(place: &Path) -> Option<io::Result<Arc<dyn Store>>> {
    place.to_str().filter(|place| place.starts_with("s3://"))?;
    let why = "this build keeps state in folders alone; one with the feature `s3`, which is there unless it \
               is left out, keeps it there";
    Some(Err(io::Error::new(io::ErrorKind::Unsupported, why)))
}
