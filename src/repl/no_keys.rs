//! Stands in for `keys` where there are no terminals of unix: only Ctrl-C ends a query.

#[derive(Clone, Default)]
pub struct Quits;

impl Quits {
    pub fn listen(_: &tokio::runtime::Runtime) -> Quits {
        Quits
    }
}

pub struct Unseen;

impl Unseen {
    pub fn begin(_: &Quits) -> Option<Unseen> {
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
