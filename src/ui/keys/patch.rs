//! The user's key table: other keys for what the table in the binary has, the rest as it was.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use toml::Spanned;

use super::{Binding, KeyTableError, Keymap, Place, Row, Verb};
use crate::nearest;

/// What is wrong with a user's key table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{file}:{line}: {message}")]
pub struct PatchError {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default)]
    binding: Vec<Spanned<PatchRow>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatchRow {
    verb: Spanned<String>,
    on: Spanned<String>,
    keys: Vec<String>,
}

impl PatchRow {
    /// The verb as the table calls it.
    fn verb(&self) -> Option<Verb> {
        named(self.verb.get_ref())
    }
}

/// The verb or place of that name.
fn named<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    let name: StrDeserializer<'a, Error> = name.into_deserializer();
    T::deserialize(name).ok()
}

impl Keymap {
    /// This table with the keys that `text`, the content of `file`, gives instead; and what is wrong with each row that is
    /// left out: file and line of what is no TOML, an unknown verb, place or key, a binding that is not there to be changed,
    /// a key that is taken already.
    #[must_use]
    pub fn patched(&self, text: &str, file: &str) -> (Self, Vec<PatchError>) {
        let wrong = |at: usize, message: String| PatchError {
            file: file.to_owned(),
            line: line_of(text, at),
            message,
        };
        let patch: Patch = match toml::from_str(text) {
            Ok(patch) => patch,
            Err(error) => {
                let message = error.message().split(", expected").next();
                let message = message.unwrap_or_default().to_owned();
                let at = error.span().map_or(0, |span| span.start);
                return (self.clone(), vec![wrong(at, message)]);
            }
        };
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for row in &patch.binding {
            match self.clone().change(row.get_ref()) {
                Ok(()) => rows.push(row),
                Err((at, message)) => errors.push(wrong(at.unwrap_or(row.span().start), message)),
            }
        }
        // Only together can two rows swap their keys; so all are tried, and one by one left out where they clash.
        loop {
            let keymap = self.with(&rows);
            let Err(clash) = keymap.check_duplicates() else {
                errors.sort_by_key(|error| error.line);
                return (keymap, errors);
            };
            let Some(at) = blamed(&rows, &clash) else {
                return (self.clone(), errors);
            };
            let row = rows.remove(at);
            errors.push(wrong(row.span().start, clash.bare()));
        }
    }

    /// This table with the keys of rows that can be taken.
    fn with(&self, rows: &[&Spanned<PatchRow>]) -> Self {
        let mut keymap = self.clone();
        for row in rows {
            // Each was taken before by itself.
            let _ = keymap.change(row.get_ref());
        }
        keymap
    }

    /// Takes the keys of a row; else what is wrong with it, and where if not with all of it.
    fn change(&mut self, row: &PatchRow) -> Result<(), (Option<usize>, String)> {
        let unknown = |what: &str, name: &Spanned<String>, known: Vec<String>| {
            let (at, name) = (name.span().start, name.get_ref());
            let nearest = nearest::among(name, known).unwrap_or_default();
            let name: String = name.chars().take(40).collect();
            let message = format!("no such {what}: `{name}`; did you mean `{nearest}`?");
            (Some(at), message)
        };
        let verb = row
            .verb()
            .ok_or_else(|| unknown("verb", &row.verb, self.verbs()))?;
        let on = named(row.on.get_ref());
        let on: Place = on.ok_or_else(|| unknown("place", &row.on, self.places()))?;
        if row.keys.is_empty() {
            return Err((None, format!("{} needs a key", verb.name())));
        }
        let mut bindings = self.bindings.iter_mut();
        let binding = bindings
            .find(|binding| (binding.verb, binding.place) == (verb, on))
            .ok_or_else(|| {
                let (verb, on) = (verb.name(), on.title());
                (None, format!("{verb} has no key under \"{on}\" to change"))
            })?;
        let row = Row {
            verb,
            keys: row.keys.clone(),
            on,
            hint: binding.hint.clone(),
            help: binding.help.clone(),
        };
        *binding = Binding::read(row).map_err(|error| (None, error.bare()))?;
        Ok(())
    }

    /// What the table calls its verbs.
    fn verbs(&self) -> Vec<String> {
        let bindings = self.bindings.iter();
        bindings.map(|binding| binding.verb.name()).collect()
    }

    /// What the table calls its places.
    fn places(&self) -> Vec<String> {
        let bindings = self.bindings.iter();
        let places = bindings.map(|binding| super::verb::spelled(binding.place, '_'));
        places.collect()
    }
}

/// Which of the rows brought a key in that was taken: the last of the two verbs'.
fn blamed(rows: &[&Spanned<PatchRow>], error: &KeyTableError) -> Option<usize> {
    let KeyTableError::Duplicate { first, second, .. } = error else {
        return None;
    };
    rows.iter().rposition(|row| {
        let verb = row.get_ref().verb();
        verb.is_some_and(|verb| [*first, *second].contains(&verb))
    })
}

/// The line, from 1, of the byte at `at`.
pub(in crate::ui) fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::{Chord, Lookup};

    fn row(verb: &str, on: &str, keys: &str) -> String {
        format!("[[binding]]\nverb = \"{verb}\"\non = \"{on}\"\nkeys = [{keys}]\n")
    }

    fn patched(text: &str) -> (Keymap, Vec<PatchError>) {
        Keymap::embedded()
            .expect("sound")
            .patched(text, "keys.toml")
    }

    fn pressed(keymap: &Keymap, place: Place, name: &str) -> Lookup {
        keymap.lookup(place, &[Chord::parse(name).expect("a key")])
    }

    #[test]
    fn a_row_that_is_wrong_takes_no_other_with_it() {
        let text = row("next_alert", "episodes", "\"J\"")
            + &row("toggle_blind", "episodes", "\"r\"")
            + &row("fly", "everywhere", "\"f\"")
            + &row("quit", "everywhere", "\"Q\"");
        let (keymap, errors) = patched(&text);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("keys.toml:5: `r` is taken twice: by reveal and by toggle_blind"),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("keys.toml:10: no such verb: `fly`"),
            "{told:?}"
        );
        let verb = |name| pressed(&keymap, Place::Episodes, name);
        assert_eq!(verb("J"), Lookup::Verb(Verb::NextAlert));
        assert_eq!(verb("Q"), Lookup::Verb(Verb::Quit));
        assert_eq!(verb("r"), Lookup::Verb(Verb::Reveal));
        assert_eq!(verb("v"), Lookup::Verb(Verb::ToggleBlind));
    }

    #[test]
    fn two_rows_can_swap_their_keys() {
        let text = row("reveal", "episodes", "\"v\"") + &row("toggle_blind", "episodes", "\"r\"");
        let (keymap, errors) = patched(&text);
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(
            pressed(&keymap, Place::Episodes, "v"),
            Lookup::Verb(Verb::Reveal)
        );
        assert_eq!(
            pressed(&keymap, Place::Episodes, "r"),
            Lookup::Verb(Verb::ToggleBlind)
        );
    }

    #[test]
    fn a_patch_changes_its_keys_and_nothing_else() {
        let (keymap, errors) = patched(&row("quit", "everywhere", "\"Q\", \"ctrl-q\""));
        assert!(errors.is_empty(), "{errors:?}");
        let press = |name: &str| pressed(&keymap, Place::Training, name);
        assert_eq!(press("Q"), Lookup::Verb(Verb::Quit));
        assert_eq!(press("ctrl-q"), Lookup::Verb(Verb::Quit));
        assert_eq!(press("q"), Lookup::Unknown);
        assert_eq!(press("t"), Lookup::Verb(Verb::StartTraining));
        let embedded = Keymap::embedded().expect("sound");
        assert_eq!(keymap.bindings().len(), embedded.bindings().len());
        assert!(patched("").1.is_empty(), "an empty file changes nothing");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let good = row("quit", "everywhere", "\"Q\"");
        let table = [
            (
                good.clone() + &row("fly", "everywhere", "\"f\""),
                6,
                "no such verb: `fly`; did you mean `",
            ),
            (
                good.clone() + &row("show_group", "episodes", "\"f\""),
                6,
                "`show_group`; did you mean `show_groups`?",
            ),
            (
                good.clone() + &row("help", "moon", "\"f\""),
                7,
                "no such place: `moon`; did you mean `",
            ),
            (
                good.clone() + &row("help", "everywere", "\"f\""),
                7,
                "did you mean `everywhere`?",
            ),
            (
                good.clone() + &row("help", "everywhere", "\"Hyper\""),
                5,
                "no such key: `Hyper`",
            ),
            (
                good.clone() + &row("help", "everywhere", "\"t\""),
                5,
                "`t` is taken twice",
            ),
            (
                good.clone() + &row("help", "everywhere", ""),
                5,
                "needs a key",
            ),
            (
                good.clone() + &row("submit", "runs", "\"z\""),
                5,
                "no key under \"Runs\"",
            ),
            (good.clone() + "hint = \"x\"\n", 5, "unknown field `hint`"),
            (good + "[[binding\n", 5, ""),
        ];
        for (text, line, message) in table {
            let (_, errors) = patched(&text);
            let [error] = &errors[..] else {
                panic!("{errors:?}");
            };
            assert_eq!(
                (error.file.as_str(), error.line),
                ("keys.toml", line),
                "{error}"
            );
            assert!(error.message.contains(message), "{error}");
            assert!(error.to_string().len() < 200, "{error}");
        }
    }
}
