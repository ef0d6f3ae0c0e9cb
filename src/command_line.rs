//! What is said on the command line, as a file that diagnostics point into.

use millstream_base::{FileId, SourceMap, Span};

/// A word of the command line, with its place.
#[derive(Clone, Debug)]
pub struct Said {
    pub text: String,
    pub span: Span,
}

/// Adds the words to the files as one line; each with its place in it.
pub fn said(words: &[&str], files: &mut SourceMap) -> Vec<Said> {
    let file = files.add("command line", words.join(" "));
    placed(words, file)
}

fn placed(words: &[&str], file: FileId) -> Vec<Said> {
    let mut start = 0;
    let place = |word: &&str| {
        let span = Span::new(file, start, start + word.len());
        start = span.end as usize + 1;
        Said { text: word.to_string(), span }
    };
    words.iter().map(place).collect()
}
