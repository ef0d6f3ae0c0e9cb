//! What a program is asked while it is written: pure functions over byte offsets, one file per question.
