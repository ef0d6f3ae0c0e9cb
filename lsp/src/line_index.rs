//! Places in a text as editors count them: a line, and units of the encoding that was agreed on.
//!
//! Lines end with `\n`, `\r\n` or a lone `\r`, as the protocol wants it. Whatever place an editor names, there
//! is an offset for it: behind the end of a line is its end, behind the last line is the end of the text, inside
//! a character is its start.

/// What columns count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    Utf8,
    Utf16,
    Utf32,
}

impl Encoding {
    fn units(self, c: char) -> usize {
        match self {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
            Encoding::Utf32 => 1,
        }
    }
}

/// A line and a column in it, both from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Where the lines of one text begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
    /// Each byte is a column, in any encoding.
    is_ascii: bool,
}

impl LineIndex {
    pub fn new(text: &str) -> LineIndex {
        let bytes = text.as_bytes();
        let ends_line = |i: usize| match bytes[i] {
            b'\n' => true,
            b'\r' => bytes.get(i + 1) != Some(&b'\n'),
            _ => false,
        };
        let after_breaks = (0..bytes.len()).filter(|i| ends_line(*i)).map(|i| i as u32 + 1);
        LineIndex { starts: std::iter::once(0).chain(after_breaks).collect(), is_ascii: text.is_ascii() }
    }

    /// The place of a byte of `text`, which is the text that the index was made of.
    pub fn place(&self, text: &str, offset: usize, encoding: Encoding) -> Place {
        let offset = text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start as usize <= offset) - 1;
        let before = &text[self.starts[line] as usize..offset];
        // Inside of `\r\n` is the end of the line.
        let before = before.strip_suffix('\r').unwrap_or(before);
        let column = match self.is_ascii || encoding == Encoding::Utf8 || before.is_ascii() {
            true => before.len(),
            false => before.chars().map(|c| encoding.units(c)).sum(),
        };
        Place { line, column }
    }

    /// The byte at a place, or the nearest before it.
    pub fn offset(&self, text: &str, place: Place, encoding: Encoding) -> usize {
        let Some(start) = self.starts.get(place.line).map(|start| *start as usize) else {
            return text.len();
        };
        let next = self.starts.get(place.line + 1).map_or(text.len(), |start| *start as usize);
        let line = text[start..next].trim_end_matches(['\n', '\r']);
        let mut units = 0;
        for (at, c) in line.char_indices() {
            units += encoding.units(c);
            if units > place.column {
                return start + at;
            }
        }
        start + line.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a🎉é\r\nb\rc\n\n価🦀";

    #[test]
    fn every_boundary_of_a_character_is_a_place_and_back() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            let index = LineIndex::new(TEXT);
            let inside_break = TEXT.find("\r\n").expect("there is one") + 1;
            for (offset, _) in TEXT.char_indices().filter(|(offset, _)| *offset != inside_break) {
                let place = index.place(TEXT, offset, encoding);
                assert_eq!(index.offset(TEXT, place, encoding), offset, "{encoding:?} {place:?}");
            }
        }
    }

    #[test]
    fn columns_count_what_was_agreed_on() {
        let index = LineIndex::new(TEXT);
        let end_of_first_line = TEXT.find('\r').expect("there is one");
        let column = |encoding| index.place(TEXT, end_of_first_line, encoding).column;
        assert_eq!([Encoding::Utf8, Encoding::Utf16, Encoding::Utf32].map(column), [7, 4, 3]);
        assert_eq!(index.place(TEXT, TEXT.len(), Encoding::Utf16), Place { line: 4, column: 3 });
    }

    #[test]
    fn places_that_are_nowhere_are_the_nearest_before() {
        let index = LineIndex::new(TEXT);
        let offset = |line, column| index.offset(TEXT, Place { line, column }, Encoding::Utf16);
        let end_of_first_line = TEXT.find('\r').expect("there is one");
        assert_eq!(offset(0, 99), end_of_first_line, "behind the end of a line");
        assert_eq!(offset(0, 2), 1, "between the halves of a surrogate pair");
        assert_eq!(offset(99, 0), TEXT.len(), "behind the last line");
        assert_eq!(offset(3, 5), TEXT.find('価').expect("there is one") - 1, "in an empty line");
    }

    #[test]
    fn offsets_that_are_nowhere_are_the_nearest_before() {
        let index = LineIndex::new(TEXT);
        assert_eq!(
            index.place(TEXT, 3, Encoding::Utf16),
            Place { line: 0, column: 1 },
            "inside of a character"
        );
        let break_at = TEXT.find("\r\n").expect("there is one");
        let [before, inside] = [0, 1].map(|i| index.place(TEXT, break_at + i, Encoding::Utf16));
        assert_eq!(inside, before, "inside of a line break");
        assert_eq!(index.place(TEXT, 999, Encoding::Utf16), index.place(TEXT, TEXT.len(), Encoding::Utf16));
        assert_eq!(LineIndex::new("").place("", 0, Encoding::Utf8), Place { line: 0, column: 0 });
    }
}
