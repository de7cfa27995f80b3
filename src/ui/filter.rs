//! The one grammar of filters, on every screen: words, `field:value`, `field=value`, comparisons, and `!` before any of them.
//!
//! All terms have to hold. A word holds where the text holds it, letter case aside; `:` where a field's value holds it, `=`
//! where it is it, `<`, `<=`, `>`, `>=` where a number compares so, or a word that has a rank, as severities have. Quotes keep spaces together. Pure: knows no screen.

use std::fmt;

use crate::nearest;

/// Something a filter can be held against.
pub trait Filtered {
    /// Whether its text holds `word`, which is in small letters.
    fn holds(&self, word: &str) -> bool;
    /// What it has under `field`, which is in small letters; nothing where there is no such field, or it is hidden.
    fn values(&self, field: &str) -> Vec<String>;
}

/// What the things of a list can be asked for: a filter that asks for something else is a slip, and is told so.
pub trait Vocabulary {
    /// The fields to tell of.
    const FIELDS: &'static [&'static str];
    /// What other fields are, in words; nothing where there are none.
    const OTHERS: &'static str = "";

    /// Other fields than those.
    fn others(&self) -> Box<dyn Iterator<Item = String> + '_> {
        Box::new(std::iter::empty())
    }

    /// All that `field` can hold, where that is few words; nothing where it can hold anything.
    fn words(&self, field: &str) -> Vec<&'static str>;

    /// The words of a field that are more and less, the least first; nothing where it has no such words.
    fn ranks(&self, _field: &str) -> &'static [&'static str] {
        &[]
    }
}

/// Terms that all have to hold. Without one everything is let through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    is_negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Word(String),
    Field {
        name: String,
        compare: Compare,
        value: String,
        /// What the comparison goes by instead of numbers; often nothing.
        ranks: &'static [&'static str],
    },
}

/// How a field is held against a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Holds,
    Is,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    /// Longest first: `<=` begins with `<`.
    const ALL: [(&str, Compare); 6] = [
        ("<=", Compare::LessOrEqual),
        (">=", Compare::GreaterOrEqual),
        ("<", Compare::Less),
        (">", Compare::Greater),
        (":", Compare::Holds),
        ("=", Compare::Is),
    ];

    const fn is_numeric(self) -> bool {
        !matches!(self, Compare::Holds | Compare::Is)
    }

    fn sign(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, compare)| *compare == self);
        found.map_or("", |(sign, _)| sign)
    }

    /// `found` and `wanted` are in small letters; they are compared by their place in `ranks`, else as numbers.
    fn is_met(self, found: &str, wanted: &str, ranks: &[&str]) -> bool {
        let place = |word: &str| {
            let at = ranks.iter().position(|rank| *rank == word)?;
            u32::try_from(at).ok().map(f64::from)
        };
        let number = |text: &str| match ranks.is_empty() {
            true => text.parse::<f64>().ok(),
            false => place(text),
        };
        let both = || Some((number(found)?, number(wanted)?));
        match self {
            Compare::Holds => found.contains(wanted),
            Compare::Is => found == wanted,
            Compare::Less => both().is_some_and(|(a, b)| a < b),
            Compare::LessOrEqual => both().is_some_and(|(a, b)| a <= b),
            Compare::Greater => both().is_some_and(|(a, b)| a > b),
            Compare::GreaterOrEqual => both().is_some_and(|(a, b)| a >= b),
        }
    }
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// A quote is not closed.
    OpenQuote,
    /// A comparison without a number.
    NoNumber { term: String },
    /// A field without a value.
    NoValue { term: String },
    /// A field that nothing has; those there are.
    NoField {
        name: String,
        nearest: String,
        known: &'static [&'static str],
        others: &'static str,
    },
    /// A field that never holds this; what it can hold.
    NoSuchWord {
        term: String,
        name: String,
        words: Vec<&'static str>,
        /// One of them begins so.
        is_begun: bool,
    },
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterError::OpenQuote => f.write_str("a quote is not closed"),
            FilterError::NoNumber { term } => write!(f, "{term} compares with no number"),
            FilterError::NoValue { term } => write!(f, "{term} has no value"),
            FilterError::NoField {
                name,
                nearest,
                known,
                others,
            } => write!(
                f,
                "no field {name}, the nearest is {nearest}; there are {}{others}",
                known.join(" ")
            ),
            FilterError::NoSuchWord {
                term, name, words, ..
            } => {
                write!(f, "{term}: {name} is one of {}", words.join(" "))
            }
        }
    }
}

impl FilterError {
    /// Whether a term is wrong however it goes on; half a term is only not finished.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NoField { .. }
                | Self::NoSuchWord {
                    is_begun: false,
                    ..
                }
        )
    }
}

impl Filter {
    /// Reads a filter on a list that knows these fields and words.
    ///
    /// # Errors
    /// Says which term is wrong.
    pub fn parse(text: &str, known: &impl Vocabulary) -> Result<Self, FilterError> {
        let terms = pieces(text)?.into_iter().map(Term::parse);
        let terms = terms.map(|term| term?.settle(known));
        let terms = terms.collect::<Result<Vec<Term>, _>>()?;
        Ok(Self { terms })
    }

    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The words that have to be held, in small letters.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let wanted = self.terms.iter().filter(|term| !term.is_negated);
        wanted.filter_map(|term| match &term.test {
            Test::Word(word) => Some(word.as_str()),
            Test::Field { .. } => None,
        })
    }

    /// Whether every term holds of `thing`.
    #[must_use]
    pub fn admits(&self, thing: &impl Filtered) -> bool {
        self.terms.iter().all(|term| term.holds(thing))
    }
}

/// Where a cursor at `here` goes when only `visible` positions are left: ahead first, else to the last listed.
#[must_use]
pub fn nearest(visible: &[usize], here: usize) -> Option<usize> {
    let ahead = visible.iter().find(|at| **at >= here);
    ahead.or(visible.last()).copied()
}

/// A word with quotes around what they keep together.
struct Piece {
    /// In small letters, quotes taken off.
    text: String,
    /// Where its first quoted part begins: operators from there on are text.
    quoted_from: usize,
}

fn pieces(text: &str) -> Result<Vec<Piece>, FilterError> {
    let (mut pieces, mut piece) = (Vec::new(), None::<Piece>);
    let mut is_quoted = false;
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_whitespace() && !is_quoted {
            pieces.extend(piece.take());
            continue;
        }
        let piece = piece.get_or_insert(Piece {
            text: String::new(),
            quoted_from: usize::MAX,
        });
        if c == '"' {
            is_quoted = !is_quoted;
            piece.quoted_from = piece.quoted_from.min(piece.text.len());
        } else {
            piece.text.push(c);
        }
    }
    if is_quoted {
        return Err(FilterError::OpenQuote);
    }
    pieces.extend(piece);
    Ok(pieces)
}

impl Term {
    fn parse(piece: Piece) -> Result<Self, FilterError> {
        let is_negated = piece.quoted_from > 0 && piece.text.starts_with('!');
        let skipped = usize::from(is_negated);
        let text = piece.text.get(skipped..).unwrap_or_default();
        let unquoted = piece.quoted_from.saturating_sub(skipped).min(text.len());
        let found = Compare::ALL.iter().filter_map(|(sign, compare)| {
            let at = text.get(..unquoted)?.find(sign)?;
            (at > 0).then_some((at, sign.len(), *compare))
        });
        // The first sign divides; of two at one place the longer, which stands first in the table.
        let test = match found.min_by_key(|(at, ..)| *at) {
            None => Test::Word(text.to_owned()),
            Some((at, len, compare)) => field(text, at, len, compare)?,
        };
        Ok(Self { is_negated, test })
    }

    /// Takes what the list knows of its field; says what is wrong with it there.
    fn settle<V: Vocabulary>(mut self, known: &V) -> Result<Self, FilterError> {
        let Test::Field {
            name,
            compare,
            value,
            ranks,
        } = &mut self.test
        else {
            return Ok(self);
        };
        let is_told = V::FIELDS.contains(&name.as_str());
        // Records have large letters in their names, and a filter is read in small ones.
        let is_it = |other: &String| other.eq_ignore_ascii_case(name);
        if !is_told && !known.others().any(|other| is_it(&other)) {
            return Err(no_field(name, known));
        }
        if compare.is_numeric() {
            *ranks = known.ranks(name);
        }
        let words = match ranks.is_empty() {
            true => known.words(name),
            false => ranks.to_vec(),
        };
        let term = format!("{name}{}{value}", compare.sign());
        if words.is_empty() && compare.is_numeric() && value.parse::<f64>().is_err() {
            return Err(FilterError::NoNumber { term });
        }
        let fits = |word: &&str| match ranks.is_empty() {
            true => compare.is_met(word, value, &[]),
            false => word == value,
        };
        if words.is_empty() || words.iter().any(fits) {
            return Ok(self);
        }
        Err(FilterError::NoSuchWord {
            is_begun: !ranks.is_empty() && words.iter().any(|word| word.starts_with(&**value)),
            name: name.clone(),
            term,
            words,
        })
    }

    fn holds(&self, thing: &impl Filtered) -> bool {
        let is_met = match &self.test {
            // A lone `!` is the beginning of a term.
            Test::Word(word) if word.is_empty() => return true,
            Test::Word(word) => thing.holds(word),
            Test::Field {
                name,
                compare,
                value,
                ranks,
            } => {
                let found = thing.values(name);
                found
                    .iter()
                    .any(|v| compare.is_met(&v.to_lowercase(), value, ranks))
            }
        };
        is_met != self.is_negated
    }
}

fn no_field<V: Vocabulary>(name: &str, known: &V) -> FilterError {
    let told = V::FIELDS.iter().map(ToString::to_string);
    let all = told.chain(known.others());
    FilterError::NoField {
        name: name.to_owned(),
        nearest: nearest::among(name, all).unwrap_or_default(),
        known: V::FIELDS,
        others: V::OTHERS,
    }
}

fn field(text: &str, at: usize, len: usize, compare: Compare) -> Result<Test, FilterError> {
    let name = text.get(..at).unwrap_or_default().to_owned();
    let value = text.get(at + len..).unwrap_or_default().to_owned();
    if value.is_empty() {
        let term = text.to_owned();
        return Err(FilterError::NoValue { term });
    }
    Ok(Test::Field {
        name,
        compare,
        value,
        ranks: &[],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing;

    impl Filtered for Thing {
        fn holds(&self, word: &str) -> bool {
            "admin signed in from 10.0.0.7".contains(word)
        }

        fn values(&self, field: &str) -> Vec<String> {
            match field {
                "user" => vec!["A.Blanc".into()],
                "bytes" => vec!["7".into(), "900".into()],
                "summary" => vec!["rule match on pc-01".into()],
                "level" => vec!["Mid".into()],
                "id.orighost" => vec!["PC-01".into()],
                _ => Vec::new(),
            }
        }
    }

    struct Known;

    impl Vocabulary for Known {
        const FIELDS: &'static [&'static str] = &["user", "bytes", "state", "level"];
        const OTHERS: &'static str = " and more";

        fn others(&self) -> Box<dyn Iterator<Item = String> + '_> {
            Box::new(["summary".to_owned(), "id.origHost".to_owned()].into_iter())
        }

        fn words(&self, field: &str) -> Vec<&'static str> {
            match field {
                "state" => vec!["running", "finished"],
                _ => Vec::new(),
            }
        }

        fn ranks(&self, field: &str) -> &'static [&'static str] {
            match field {
                "level" => &["low", "mid", "high"],
                _ => &[],
            }
        }
    }

    fn admits(text: &str) -> bool {
        Filter::parse(text, &Known)
            .expect("a filter")
            .admits(&Thing)
    }

    #[test]
    fn terms_all_hold_letter_case_aside() {
        for text in [
            "",
            "  ",
            "admin",
            "ADMIN signed",
            "user:blanc",
            "user=a.blanc",
            "!user=blanc",
            "bytes>100",
            "bytes<8",
            "bytes>=900 bytes<=7",
            "!guest !summary:x",
            "\"signed in\"",
            "summary:\"match on\"",
            "!\"signed out\"",
            "10.0.0.7",
            "id.origHost:pc-01",
            "id.orighost=\"PC-01\"",
            "level>=mid",
            "level>low level<high level<=mid",
            "!level>MID",
            "level:mi",
        ] {
            assert!(admits(text), "{text}");
        }
        for text in [
            "guest",
            "admin guest",
            "!admin",
            "user=blanc",
            "bytes>900",
            "state:run",
            "user>3",
            "\"in admin\"",
            "\"user:blanc\"",
            "level>mid",
            "level<mid",
        ] {
            assert!(!admits(text), "{text}");
        }
    }

    #[test]
    fn the_cursor_goes_ahead_first() {
        let table = [
            (vec![], 3, None),
            (vec![1, 5, 7], 3, Some(5)),
            (vec![1, 2], 3, Some(2)),
        ];
        for (visible, here, wanted) in table {
            assert_eq!(nearest(&visible, here), wanted);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| {
            let error = Filter::parse(text, &Known).expect_err("no filter");
            (error.to_string(), error.is_final())
        };
        for (text, said, is_final) in [
            ("user:", "user: has no value", false),
            ("a bytes>many", "bytes>many compares with no number", false),
            ("\"open", "a quote is not closed", false),
            (
                "!sumary:x",
                "no field sumary, the nearest is summary; there are user bytes state level and more",
                true,
            ),
            (
                "state:failed",
                "state:failed: state is one of running finished",
                true,
            ),
            (
                "!state=run",
                "state=run: state is one of running finished",
                true,
            ),
            ("state>3", "state>3: state is one of running finished", true),
            ("level>3", "level>3: level is one of low mid high", true),
            (
                "level>=hi",
                "level>=hi: level is one of low mid high",
                false,
            ),
        ] {
            assert_eq!(wrong(text), (said.to_owned(), is_final));
        }
        assert!(
            Filter::parse(":x =y !", &Known).is_ok(),
            "a sign at the front is a word"
        );
    }
}
