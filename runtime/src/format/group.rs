//! What the fast paths of JSON and CSV share: fields of a group of rows that one kernel reads.

use super::columns::{Data, Writer};
use super::field::{Fast, Field};
use crate::kernel::decode::fields::{GROUP, Group, Nulls};
use crate::kernel::decode::literal::Literal;
use crate::kernel::simd::Level;
use millstream_ir::column::View;
use std::sync::Arc;

/// How the format writes what both have.
#[derive(Clone, Copy, PartialEq)]
pub enum Syntax {
    Json,
    /// With this delimiter.
    Csv(u8),
}

/// Where the rows of a group begin in a column: a multiple of 64.
#[derive(Clone, Copy)]
pub struct At {
    pub first_row: usize,
    pub level: Level,
    pub syntax: Syntax,
}

impl At {
    /// What is null in a column.
    pub fn nulls<'a>(self, column: &'a mut Option<millstream_ir::column::Bitmap>) -> Nulls<'a> {
        match column.as_mut().and_then(|validity| validity.words.get_mut(self.first_row / GROUP)) {
            None => Nulls::None,
            Some(validity) => match self.syntax {
                Syntax::Json => Nulls::Word { validity },
                Syntax::Csv(delimiter) => Nulls::Empty { validity, delimiter },
            },
        }
    }

    /// Reads a field of the group that is a number, a bool or a time; false if it is none.
    pub fn read_scalar(
        self,
        group: &mut Group,
        literal: &Literal,
        column: &mut Writer,
        field: &Field,
    ) -> bool {
        let nulls = self.nulls(&mut column.validity);
        let level = self.level;
        match (field.fast, &mut column.data) {
            (Fast::Int, Data::I64(out)) => group.int(level, literal, &mut out[self.first_row..], nulls),
            (Fast::Epoch { multiply, divide }, Data::I64(out)) => {
                group.scaled_int(level, literal, (multiply, divide), &mut out[self.first_row..], nulls);
            }
            (Fast::Timestamp, Data::I64(out)) => match self.syntax {
                Syntax::Json => group.timestamp(level, literal, &mut out[self.first_row..], nulls),
                Syntax::Csv(_) => group.bare_timestamp(level, literal, &mut out[self.first_row..], nulls),
            },
            (Fast::Decimal(scale), Data::Decimal { narrow, .. }) => {
                let how = (scale, self.syntax == Syntax::Json);
                group.decimal(level, literal, how, &mut narrow[self.first_row..], nulls);
            }
            (Fast::Float, Data::F64(out)) => group.float(level, literal, &mut out[self.first_row..], nulls),
            (Fast::Bool, Data::Bool(out)) => group.bool(level, literal, &mut out[self.first_row..], nulls),
            _ => return false,
        }
        true
    }

    /// Of these rows, those whose text is null or one of the strings that the field allows.
    pub fn check_one_of(self, block: &[u8], rows: u64, column: &Writer, field: &Field) -> u64 {
        let (Some(known), Data::Text { views, heaps }) = (field.one_of(), &column.data) else { return rows };
        let is_fine = |row: &usize| {
            let row = self.first_row + row;
            let is_null = column.validity.as_ref().is_some_and(|v| !v.get(row));
            is_null || is_one_of(views[row], known, block, heaps)
        };
        rows_of(rows).filter(is_fine).fold(0, |rows, row| rows | 1 << row)
    }
}

/// Whether a view, of a column under construction, is of one of these strings.
fn is_one_of(view: u128, known: &[Arc<str>], block: &[u8], heaps: &[Vec<u8>]) -> bool {
    let inline = view.to_le_bytes();
    let view = View(view);
    let len = view.len();
    let text = if len <= View::INLINE {
        &inline[4..4 + len]
    } else {
        let (heap, offset) = view.place();
        let heap = if heap == 0 { block } else { &heaps[heap as usize - 1] };
        &heap[offset as usize..offset as usize + len]
    };
    known.iter().any(|string| string.as_bytes() == text)
}

/// The rows of a mask.
pub fn rows_of(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let row = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        row
    })
}
