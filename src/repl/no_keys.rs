//! Stands in for `keys` where there are no terminals of unix: only Ctrl-C ends a query.

pub struct Unseen;

impl Unseen {
    pub fn begin(_: &tokio::runtime::Runtime) -> Option<Unseen> {
        None
    }
}

pub struct Keys;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Suspend,
    Other,
}

impl Keys {
    pub fn begin() -> Option<Keys> {
        None
    }

    pub fn next(&self) -> Option<Key> {
        None
    }

    pub fn suspend(&self) {}
}
