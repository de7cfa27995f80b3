//! The user's key table: other keys for what the table in the binary has, the rest as it was.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use toml::Spanned;

use super::{Binding, KeyTableError, Keymap, Place, Row, Verb};
use crate::train::config::fields::edit_distance;

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

/// The name of `known` spelled most like `name`.
pub(in crate::ui) fn nearest(name: &str, known: impl IntoIterator<Item = String>) -> String {
    let best = known.into_iter().min_by_key(|one| edit_distance(name, one));
    best.unwrap_or_default()
}

impl Keymap {
    /// This table with the keys that `text`, the content of `file`, gives instead.
    ///
    /// # Errors
    /// Names file and line of what is no TOML, an unknown verb, place or key, a binding that is not there to be changed, and
    /// a key that is taken already.
    pub fn patched(&self, text: &str, file: &str) -> Result<Self, PatchError> {
        let wrong = |at: usize, message: String| PatchError {
            file: file.to_owned(),
            line: line_of(text, at),
            message,
        };
        let patch: Patch = toml::from_str(text).map_err(|error| {
            let message = error.message().split(", expected").next();
            let message = message.unwrap_or_default().to_owned();
            wrong(error.span().map_or(0, |span| span.start), message)
        })?;
        let mut keymap = self.clone();
        for row in &patch.binding {
            let changed = keymap.change(row.get_ref());
            changed.map_err(|(at, message)| wrong(at.unwrap_or(row.span().start), message))?;
        }
        keymap.check_duplicates().map_err(|error| {
            let at = blamed(&patch, &error).unwrap_or(0);
            wrong(at, error.bare())
        })?;
        Ok(keymap)
    }

    /// Takes the keys of a row; else what is wrong with it, and where if not with all of it.
    fn change(&mut self, row: &PatchRow) -> Result<(), (Option<usize>, String)> {
        let unknown = |what: &str, name: &Spanned<String>, known: Vec<String>| {
            let (at, name) = (name.span().start, name.get_ref());
            let nearest = nearest(name, known);
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

/// Where the row stands that brought a key in that was taken: the last of the two verbs'.
fn blamed(patch: &Patch, error: &KeyTableError) -> Option<usize> {
    let KeyTableError::Duplicate { first, second, .. } = error else {
        return None;
    };
    let mut rows = patch.binding.iter().rev();
    let row = rows.find(|row| {
        let verb = row.get_ref().verb();
        verb.is_some_and(|verb| [*first, *second].contains(&verb))
    })?;
    Some(row.span().start)
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

    fn patched(text: &str) -> Result<Keymap, PatchError> {
        Keymap::embedded()
            .expect("sound")
            .patched(text, "keys.toml")
    }

    #[test]
    fn a_patch_changes_its_keys_and_nothing_else() {
        let keymap = patched(&row("quit", "everywhere", "\"Q\", \"ctrl-q\"")).expect("sound");
        let press = |name: &str| {
            let chord = Chord::parse(name).expect("a key");
            keymap.lookup(Place::Training, &[chord])
        };
        assert_eq!(press("Q"), Lookup::Verb(Verb::Quit));
        assert_eq!(press("ctrl-q"), Lookup::Verb(Verb::Quit));
        assert_eq!(press("q"), Lookup::Unknown);
        assert_eq!(press("t"), Lookup::Verb(Verb::StartTraining));
        let embedded = Keymap::embedded().expect("sound");
        assert_eq!(keymap.bindings().len(), embedded.bindings().len());
        assert!(patched("").is_ok(), "an empty file changes nothing");
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
            let error = patched(&text).expect_err("refused");
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
