//! Of the names there are, the one spelled most like one that there is not.

/// The one of `names` spelled most like `name`; of several as near the first.
#[must_use]
pub fn among<T: AsRef<str>>(name: &str, names: impl IntoIterator<Item = T>) -> Option<T> {
    within(name, names, |_| usize::MAX)
}

/// The same, of those no more edits away than `most` grants each.
#[must_use]
pub fn within<T: AsRef<str>>(
    name: &str,
    names: impl IntoIterator<Item = T>,
    most: impl Fn(&str) -> usize,
) -> Option<T> {
    let measured = names.into_iter().filter_map(|known| {
        let edits = edit_distance(name, known.as_ref());
        (edits <= most(known.as_ref())).then_some((edits, known))
    });
    let (_, best) = measured.min_by_key(|(edits, _)| *edits)?;
    Some(best)
}

/// Insertions, deletions and replacements that turn `a` into `b`.
#[must_use]
pub fn edit_distance(a: &str, b: &str) -> usize {
    // Keys are short; a hostile one must not cost time.
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(80).collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_table() {
        for (a, b, want) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("grpo.betta", "grpo.beta", 1),
            ("bteа", "beta", 3),
        ] {
            assert_eq!(edit_distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn the_first_of_the_nearest_is_found() {
        let names = ["mask", "mark", "reveal"];
        assert_eq!(among("marc", names), Some("mark"));
        assert_eq!(among("ma", names), Some("mask"), "of several the first");
        assert_eq!(among("", names), Some("mask"), "nothing is too far");
        assert_eq!(among("mark", Vec::<String>::new()), None);
    }

    #[test]
    fn what_is_further_than_granted_is_passed_over_for_what_is_not() {
        let third = |known: &str| known.len() / 3;
        assert_eq!(within("gi", ["go"], third), None);
        // Two edits from either: of three letters that is too much, of seven it is not.
        let names = ["mtr", "metrics"];
        assert_eq!(among("mtrcs", names), Some("mtr"));
        assert_eq!(within("mtrcs", names, third), Some("metrics"));
    }
}
