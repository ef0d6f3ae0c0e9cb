//! Where the groups of partitions stand: the only one of a partition in its line of memory, several in a list.

use super::super::arena::NONE;
use super::RuleNumber;
use super::group::Group;
use crate::kernel::huge_vec::HugeVec;
use crate::kernel::prefetch::prefetch;
use crate::message::EventTime;

/// What is kept of a key.
#[derive(Clone, Copy)]
pub struct Partition<const N: usize> {
    /// When something may next happen without an event.
    pub due: EventTime,
    /// Whose it is.
    pub rule: RuleNumber,
    /// What is kept beside its groups, if anything is.
    pub beside: u32,
    groups: Held<N>,
}

/// Groups that remember one word have one line.
const _: () = assert!(size_of::<Partition<1>>() == 64);

/// The only group of a partition; or, at a place where no group can be, numbers that say where its list stands. So
/// both are looked at without a branch on which it is, as nobody can tell.
#[derive(Clone, Copy)]
struct Held<const N: usize>(Group<N>);

/// The place of what stands for a list.
const LIST: u16 = u16::MAX;

/// Groups that stand behind each other: of the room for `2 << class` of them, these are used.
#[derive(Clone, Copy)]
struct List {
    at: u32,
    len: u32,
    class: u32,
}

const SMALLEST: usize = 2;
/// The class of a list that has no room.
const NO_ROOM: u32 = u32::MAX;
const EMPTY: List = List { at: 0, len: 0, class: NO_ROOM };

impl<const N: usize> Held<N> {
    const fn several(list: List) -> Held<N> {
        Held(Group { above: list.at, below: list.len, root: list.class, place: LIST, ..Group::NOTHING })
    }

    #[inline(always)]
    fn list(&self) -> Option<List> {
        let Held(Group { above: at, below: len, root: class, place, .. }) = *self;
        (place == LIST).then_some(List { at, len, class })
    }

    /// Where its list stands, and how many are in it: nowhere, and none, if it is no list.
    #[inline(always)]
    fn span(&self) -> (u32, u32) {
        let of_list = u32::from(self.0.place == LIST).wrapping_neg();
        (self.0.above & of_list, self.0.below & of_list)
    }
}

impl List {
    fn range(&self) -> std::ops::Range<usize> {
        self.at as usize..(self.at + self.len) as usize
    }

    fn is_full(&self) -> bool {
        self.class == NO_ROOM || self.len as usize == SMALLEST << self.class
    }
}

impl<const N: usize> Partition<N> {
    pub const EMPTY: Partition<N> =
        Partition { due: EventTime::MAX, rule: 0, beside: NONE, groups: Held::several(EMPTY) };
}

/// Partitions by the numbers of their keys, with their groups.
pub struct Store<const N: usize> {
    pub partitions: HugeVec<Partition<N>>,
    lists: HugeVec<Group<N>>,
    /// Per class, where there is room.
    free: Vec<Vec<u32>>,
}

impl<const N: usize> Default for Store<N> {
    fn default() -> Store<N> {
        Store { partitions: HugeVec::default(), lists: HugeVec::default(), free: vec![] }
    }
}

/// So many lines of a list are requested at most.
const LINES: usize = 6;

impl<const N: usize> Store<N> {
    #[inline(always)]
    pub fn groups(&self, partition: u32) -> &[Group<N>] {
        let held = &self.partitions[partition as usize].groups;
        match held.list() {
            None => std::slice::from_ref(&held.0),
            Some(list) => &self.lists[list.range()],
        }
    }

    #[inline(always)]
    pub fn groups_mut(&mut self, partition: u32) -> &mut [Group<N>] {
        let held = &mut self.partitions[partition as usize].groups;
        match held.list() {
            None => std::slice::from_mut(&mut held.0),
            Some(list) => &mut self.lists[list.range()],
        }
    }

    #[inline(always)]
    pub fn is_empty(&self, partition: u32) -> bool {
        self.partitions[partition as usize].groups.list().is_some_and(|list| list.len == 0)
    }

    /// Asks for the memory of a partition.
    #[inline(always)]
    pub fn request(&self, partition: u32) {
        let start: *const u8 = self.partitions.as_ptr().wrapping_add(partition as usize).cast();
        (0..size_of::<Partition<N>>()).step_by(64).for_each(|at| prefetch(start.wrapping_add(at)));
    }

    /// Asks for the groups of a partition that has come from memory, if they stand elsewhere.
    #[inline(always)]
    pub fn request_groups(&self, partition: u32) {
        let Some(Partition { groups, .. }) = self.partitions.get(partition as usize) else { return };
        // It does no harm to ask for what is there already.
        let (at, len) = groups.span();
        let start: *const u8 = self.lists.as_ptr().wrapping_add(at as usize).cast();
        (0..2).for_each(|line| prefetch(start.wrapping_add(64 * line)));
        let n_bytes = len as usize * size_of::<Group<N>>();
        (128..n_bytes).step_by(64).take(LINES - 2).for_each(|at| prefetch(start.wrapping_add(at)));
    }

    #[inline]
    pub fn push(&mut self, partition: u32, group: Group<N>) {
        let held = self.partitions[partition as usize].groups;
        let list = match held.list() {
            Some(list) if list.len == 0 => {
                self.partitions[partition as usize].groups = Held(group);
                return;
            }
            None => {
                let at = self.room(0);
                self.lists[at as usize] = held.0;
                List { at, len: 1, class: 0 }
            }
            Some(list) if list.is_full() => {
                let larger = List { at: self.room(list.class + 1), class: list.class + 1, ..list };
                self.lists.copy_within(list.range(), larger.at as usize);
                self.free[list.class as usize].push(list.at);
                larger
            }
            Some(list) => list,
        };
        self.lists[(list.at + list.len) as usize] = group;
        self.partitions[partition as usize].groups = Held::several(List { len: list.len + 1, ..list });
    }

    /// Keeps so many of the first groups of a partition.
    #[inline]
    pub fn truncate(&mut self, partition: u32, len: usize) {
        let held = &mut self.partitions[partition as usize].groups;
        match held.list() {
            None if len == 0 => *held = Held::several(EMPTY),
            Some(list) if len > 1 => *held = Held::several(List { len: list.len.min(len as u32), ..list }),
            Some(list) if list.class != NO_ROOM => {
                self.free[list.class as usize].push(list.at);
                *held = match len {
                    0 => Held::several(EMPTY),
                    _ => Held(self.lists[list.at as usize]),
                };
            }
            _ => {}
        }
    }

    /// Where there is room for a list of a class.
    fn room(&mut self, class: u32) -> u32 {
        let n_classes = self.free.len().max(class as usize + 1);
        self.free.resize(n_classes, vec![]);
        self.free[class as usize].pop().unwrap_or_else(|| {
            let at = self.lists.len();
            self.lists.grow_with(at + (SMALLEST << class), || Group::NOTHING);
            at as u32
        })
    }

    /// How many bytes lists take.
    pub fn bytes_of_lists(&self) -> usize {
        let free = (0..).zip(&self.free).map(|(class, free)| free.len() * (SMALLEST << class));
        (self.lists.len() - free.sum::<usize>()) * size_of::<Group<N>>()
    }
}
