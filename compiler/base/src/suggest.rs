//! "Did you mean …?": the name nearest to one that nobody knows.

/// The candidate that the author most likely meant by `name`, if any is near enough to be worth saying.
///
/// In order: the same name in another case, a candidate within a third of the name's characters in edits,
/// and last a candidate that the name begins (`tum` for `tumbling`). Among equals the first wins, so callers
/// put the likelier candidates (the nearer scope) first.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SHORTEST_BEGINNING: usize = 2;
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    if length == 0 {
        return None;
    }
    // One-letter names are all one edit from each other, so only a change of case tells them.
    let most_edits = if length == 1 { 0 } else { length.div_ceil(3) };
    let score = |candidate: &str| {
        let candidate_lower = candidate.to_lowercase();
        let edits = edit_distance(&lower, &candidate_lower);
        if edits <= most_edits && edits < candidate_lower.chars().count() {
            Some(edits)
        } else if length >= SHORTEST_BEGINNING && candidate_lower.starts_with(&lower) {
            Some(most_edits + 1)
        } else {
            None
        }
    };
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| Some((score(candidate)?, candidate)))
        .min_by_key(|(score, _)| *score)
        .map(|(_, candidate)| candidate)
}

/// The least number of characters inserted, deleted, replaced or swapped with their neighbour that turns
/// `a` into `b` (optimal string alignment).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // Rows of the table for the last two characters of `a` and for the present one.
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = last.clone();
    let mut previous_char = None;
    for (i, x) in a.chars().enumerate() {
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != *y);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if j > 0 && previous_char == Some(*y) && x == b[j - 1] {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        previous_char = Some(x);
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits_and_swaps() {
        assert_eq!(edit_distance("", ""), 0);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", ""), 3);
        assert_eq!(edit_distance("amount", "amuont"), 1);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("größe", "grösse"), 2);
    }

    #[test]
    fn nearest_candidate_wins() {
        assert_eq!(did_you_mean("amuont", ["account", "amount"]), Some("amount"));
        assert_eq!(did_you_mean("Card", ["cord", "card"]), Some("card"));
        assert_eq!(did_you_mean("usr", ["user", "us"]), Some("user"));
    }

    #[test]
    fn beginning_of_a_longer_name_is_enough() {
        assert_eq!(did_you_mean("tum", ["hopping", "tumbling"]), Some("tumbling"));
    }

    #[test]
    fn unrelated_names_are_not_proposed() {
        assert_eq!(did_you_mean("price", ["user", "at"]), None);
        assert_eq!(did_you_mean("x", ["y", "ab"]), None);
        assert_eq!(did_you_mean("", ["a"]), None);
        assert_eq!(did_you_mean("no", ["a"]), None);
    }
}
