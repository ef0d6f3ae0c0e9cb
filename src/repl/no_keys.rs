//! Stands in for `keys` where there are no terminals of unix: only Ctrl-C ends a query.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub struct Keys;

impl Keys {
    pub fn wait(_pressed: Arc<AtomicBool>) -> Option<Keys> {
        None
    }
}
