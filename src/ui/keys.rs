//! Keys: one table (`assets/keys.toml`) gives dispatch, hints, help and palette.
//!
//! What a key does is a [`Verb`] (the word action belongs to the five triage actions). Knows no screen's state.

mod chord;
mod patch;
mod verb;

use serde::Deserialize;

pub use chord::Chord;
pub use patch::PatchError;
pub(super) use patch::line_of;
pub use verb::Verb;

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Inside dialogs too.
    Always,
    /// On every screen.
    Everywhere,
    Episodes,
    Training,
    Runs,
    Labelling,
    Agreement,
    StartDialog,
    DeleteDialog,
    SkipDialog,
    QuitDialog,
    UnsavedDialog,
    Help,
    /// All fields of a log line.
    Detail,
    /// The list of what can be copied.
    Copying,
    /// The list of what labels can be written as.
    Formats,
    /// The list of groups of alerts.
    Groups,
    /// The list of adapters that can be asked.
    Adapters,
    /// How far analyst, model and truth agree.
    ThreeWay,
    /// Palette and search: letters are text there.
    Entry,
}

impl Place {
    /// The places whose keys work while this one is in front, nearest first.
    #[must_use]
    pub const fn reach(self) -> &'static [Place] {
        match self {
            Place::Episodes => &[Place::Episodes, Place::Everywhere, Place::Always],
            Place::Training => &[Place::Training, Place::Everywhere, Place::Always],
            Place::Runs => &[Place::Runs, Place::Everywhere, Place::Always],
            Place::DeleteDialog => &[Place::DeleteDialog, Place::Always],
            Place::SkipDialog => &[Place::SkipDialog, Place::Always],
            Place::Labelling => &[Place::Labelling, Place::Everywhere, Place::Always],
            Place::Agreement => &[Place::Agreement, Place::Always],
            Place::StartDialog => &[Place::StartDialog, Place::Always],
            Place::QuitDialog => &[Place::QuitDialog, Place::Always],
            Place::UnsavedDialog => &[Place::UnsavedDialog, Place::Always],
            Place::Help => &[Place::Help, Place::Always],
            Place::Detail => &[Place::Detail, Place::Always],
            Place::Copying => &[Place::Copying, Place::Always],
            Place::Formats => &[Place::Formats, Place::Always],
            Place::Groups => &[Place::Groups, Place::Always],
            Place::Adapters => &[Place::Adapters, Place::Always],
            Place::ThreeWay => &[Place::ThreeWay, Place::Always],
            Place::Entry => &[Place::Entry, Place::Always],
            Place::Everywhere => &[Place::Everywhere, Place::Always],
            Place::Always => &[Place::Always],
        }
    }

    /// The heading over this place's keys in help.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Place::Always => "Always",
            Place::Everywhere => "Every screen",
            Place::Episodes => "Episodes",
            Place::Training => "Training",
            Place::Runs => "Runs",
            Place::DeleteDialog => "When deleting a run",
            Place::SkipDialog => "When ending a stage early",
            Place::Labelling => "Labelling",
            Place::Agreement => "On the agreement page",
            Place::StartDialog => "When starting a run",
            Place::QuitDialog => "When quitting",
            Place::UnsavedDialog => "When quitting would lose something",
            Place::Help => "In help",
            Place::Detail => "In all fields of a line",
            Place::Copying => "When copying",
            Place::Formats => "When writing labels",
            Place::Groups => "In the list of groups",
            Place::Adapters => "In the list of adapters",
            Place::ThreeWay => "On the page of you, model and truth",
            Place::Entry => "While typing",
        }
    }
}

/// One line of the key table.
#[derive(Clone, Debug)]
pub struct Binding {
    pub verb: Verb,
    /// Alternatives, each a sequence of presses.
    pub keys: Vec<Vec<Chord>>,
    /// The same as written in the table.
    pub shown: Vec<String>,
    pub place: Place,
    pub hint: Option<String>,
    pub help: String,
}

/// What is wrong with a key table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyTableError {
    #[error("assets/keys.toml: {0}")]
    Toml(String),
    #[error("assets/keys.toml: binding {}: no such key: `{key}`", verb.name())]
    UnknownKey { verb: Verb, key: String },
    #[error("assets/keys.toml: `{key}` is taken twice: by {} and by {}", first.name(), second.name())]
    Duplicate {
        key: String,
        first: Verb,
        second: Verb,
    },
}

impl KeyTableError {
    /// Without the name of the table in the binary.
    fn bare(&self) -> String {
        let text = self.to_string();
        let bare = text.strip_prefix("assets/keys.toml: ").unwrap_or(&text);
        bare.to_owned()
    }
}

/// What a sequence of presses means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Verb(Verb),
    /// The beginning of a longer sequence.
    Pending,
    Unknown,
}

/// The key table.
#[derive(Clone, Debug)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    binding: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    verb: Verb,
    keys: Vec<String>,
    on: Place,
    hint: Option<String>,
    help: String,
}

impl Keymap {
    /// The table in the binary.
    pub fn embedded() -> Result<Self, KeyTableError> {
        Self::parse(include_str!("../../assets/keys.toml"))
    }

    /// Reads a table; unknown verbs, keys and fields and keys taken twice are errors.
    pub fn parse(text: &str) -> Result<Self, KeyTableError> {
        let table: Table =
            toml::from_str(text).map_err(|error| KeyTableError::Toml(error.to_string()))?;
        let bindings = table
            .binding
            .into_iter()
            .map(Binding::read)
            .collect::<Result<_, _>>()?;
        let keymap = Self { bindings };
        keymap.check_duplicates()?;
        Ok(keymap)
    }

    fn check_duplicates(&self) -> Result<(), KeyTableError> {
        for (at, first) in self.bindings.iter().enumerate() {
            for second in self.bindings.iter().skip(at + 1) {
                let meet = first.place.reach().contains(&second.place)
                    || second.place.reach().contains(&first.place);
                let clash = first
                    .keys
                    .iter()
                    .find(|one| second.keys.iter().any(|two| overlaps(one, two)));
                if let (true, Some(keys)) = (meet, clash) {
                    return Err(KeyTableError::Duplicate {
                        key: spell(keys),
                        first: first.verb,
                        second: second.verb,
                    });
                }
            }
        }
        Ok(())
    }

    /// Every binding, in the order of the table.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What `presses` mean while `place` is in front.
    #[must_use]
    pub fn lookup(&self, place: Place, presses: &[Chord]) -> Lookup {
        let mut pending = false;
        for near in place.reach() {
            for binding in self.bindings.iter().filter(|b| b.place == *near) {
                if binding.keys.iter().any(|keys| keys == presses) {
                    return Lookup::Verb(binding.verb);
                }
                pending |= binding.keys.iter().any(|keys| keys.starts_with(presses));
            }
        }
        if pending {
            Lookup::Pending
        } else {
            Lookup::Unknown
        }
    }

    /// Bindings that work while `place` is in front, nearest first.
    pub fn reachable(&self, place: Place) -> impl Iterator<Item = &Binding> {
        place
            .reach()
            .iter()
            .flat_map(|near| self.bindings.iter().filter(move |b| b.place == *near))
    }

    /// Key and short word for the hints bar.
    pub fn hints(&self, place: Place) -> impl Iterator<Item = (&str, &str, Verb)> {
        self.reachable(place).filter_map(|binding| {
            let key = binding.shown.first()?;
            Some((key.as_str(), binding.hint.as_deref()?, binding.verb))
        })
    }

    /// The keys that can follow `presses`, with what they would do.
    pub fn next_keys(&self, place: Place, presses: &[Chord]) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        for binding in self.reachable(place) {
            for keys in binding.keys.iter().filter(|k| k.starts_with(presses)) {
                if let Some(rest) = keys.get(presses.len()..) {
                    found.push((spell(rest), binding.help.as_str()));
                }
            }
        }
        found
    }
}

impl Binding {
    /// Everything that a search for keys looks through: keys, help, hint, verb, and where it works.
    #[must_use]
    pub fn sought(&self) -> String {
        let hint = self.hint.as_deref().unwrap_or_default();
        let (keys, verb, place) = (self.shown.join(" "), self.verb.words(), self.place.title());
        format!("{keys} {} {hint} {verb} {place}", self.help)
    }

    fn read(row: Row) -> Result<Self, KeyTableError> {
        let parse = |shown: &String| {
            let unknown = || KeyTableError::UnknownKey {
                verb: row.verb,
                key: shown.clone(),
            };
            let chords = shown.split(' ').map(Chord::parse);
            chords.collect::<Option<Vec<_>>>().ok_or_else(unknown)
        };
        let keys = row.keys.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self {
            verb: row.verb,
            keys,
            shown: row.keys,
            place: row.on,
            hint: row.hint,
            help: row.help,
        })
    }
}

/// Whether `text` holds every one of `words`. Letter case of keys matters, but nobody searches by it.
#[must_use]
pub fn holds(text: &str, words: &str) -> bool {
    let (text, words) = (text.to_lowercase(), words.to_lowercase());
    words.split_whitespace().all(|word| text.contains(word))
}

fn overlaps(one: &[Chord], two: &[Chord]) -> bool {
    one.starts_with(two) || two.starts_with(one)
}

fn spell(chords: &[Chord]) -> String {
    let names: Vec<_> = chords.iter().map(Chord::to_string).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;

    fn chords(text: &str) -> Vec<Chord> {
        text.split(' ')
            .map(|name| Chord::parse(name).expect("a key"))
            .collect()
    }

    #[test]
    fn the_embedded_table_is_sound() {
        let keymap = Keymap::embedded().expect("sound table");
        for binding in keymap.bindings() {
            assert!(!binding.keys.is_empty() && !binding.help.is_empty());
            let spelled: Vec<_> = binding.keys.iter().map(|keys| spell(keys)).collect();
            assert_eq!(spelled, binding.shown, "{:?}", binding.verb);
        }
    }

    #[test]
    fn the_contract_keys_do_what_they_say() {
        let keymap = Keymap::embedded().expect("sound table");
        let table = [
            (Place::Episodes, "F2", Verb::ShowTraining),
            (Place::Training, "g e", Verb::ShowEpisodes),
            (Place::Episodes, "3", Verb::ChooseQuarantineHost),
            (Place::Episodes, "g g", Verb::Top),
            (Place::Training, "G", Verb::Bottom),
            (Place::Episodes, "m", Verb::NextMismatch),
            (Place::Episodes, "Space", Verb::Mark),
            (Place::Training, "S-Tab", Verb::PreviousPane),
            (Place::QuitDialog, "ctrl-c", Verb::Interrupt),
            (Place::Entry, "Esc", Verb::Back),
            (Place::Episodes, "F4", Verb::ShowRuns),
            (Place::Training, "g r", Verb::ShowRuns),
            (Place::Runs, "d", Verb::DeleteRun),
            (Place::Runs, "Space", Verb::MarkRun),
            (Place::Episodes, "F3", Verb::ShowLabelling),
            (Place::Training, "g l", Verb::ShowLabelling),
            (Place::Labelling, "a", Verb::AcceptAnswer),
            (Place::Labelling, "5", Verb::ChooseEscalate),
            (Place::Help, "ctrl-z", Verb::Suspend),
        ];
        for (place, keys, verb) in table {
            assert_eq!(keymap.lookup(place, &chords(keys)), Lookup::Verb(verb));
        }
        assert_eq!(
            keymap.lookup(Place::Training, &chords("g")),
            Lookup::Pending
        );
        assert_eq!(
            keymap.lookup(Place::Training, &chords("3")),
            Lookup::Unknown
        );
        assert_eq!(keymap.lookup(Place::Entry, &chords("q")), Lookup::Unknown);
    }

    #[test]
    fn a_search_finds_a_key_by_its_hint_its_verb_and_its_place() {
        let keymap = Keymap::embedded().expect("sound table");
        let found = |words: &str| -> Vec<Verb> {
            let all = keymap.bindings().iter();
            let found = all.filter(|binding| holds(&binding.sought(), words));
            found.map(|binding| binding.verb).collect()
        };
        for (words, verb) in [
            ("mismatch", Verb::NextMismatch),
            ("blind", Verb::ToggleBlind),
            ("score", Verb::ShowThreeWay),
            ("ZOOM", Verb::ZoomIn),
            ("smoothing", Verb::ToggleSmoothing),
            ("what-if drop", Verb::DropWhatIf),
            ("checkpoint save", Verb::SaveCheckpoint),
            ("labelling flag", Verb::FlagAlert),
            ("pin run", Verb::PinRun),
        ] {
            assert!(found(words).contains(&verb), "{words}: {:?}", found(words));
        }
        assert!(found("zzz").is_empty());
    }

    #[test]
    fn bad_tables_are_named() {
        let row = |keys: &str, verb: &str, on: &str| {
            format!(
                "[[binding]]\nverb = \"{verb}\"\nkeys = [\"{keys}\"]\non = \"{on}\"\nhelp = \"x\"\n"
            )
        };
        let bad_key = Keymap::parse(&row("Hyper", "quit", "everywhere"));
        assert!(matches!(bad_key, Err(KeyTableError::UnknownKey { .. })));
        let twice = row("q", "quit", "everywhere") + &row("q", "help", "episodes");
        assert!(matches!(
            Keymap::parse(&twice),
            Err(KeyTableError::Duplicate { .. })
        ));
        let prefix = row("g", "quit", "everywhere") + &row("g g", "top", "training");
        assert!(Keymap::parse(&prefix).is_err());
        let unknown = Keymap::parse(&row("q", "fly", "everywhere")).expect_err("unknown verb");
        assert!(unknown.to_string().contains("fly"), "{unknown}");
    }

    #[test]
    fn shift_and_control_are_normalised() {
        let event = |code, modifiers| Chord::of(KeyEvent::new(code, modifiers));
        assert_eq!(
            event(KeyCode::Char('G'), KeyModifiers::SHIFT),
            Chord::parse("G")
        );
        assert_eq!(
            event(KeyCode::BackTab, KeyModifiers::SHIFT),
            Chord::parse("S-Tab")
        );
        assert_eq!(
            event(KeyCode::Char('C'), KeyModifiers::CONTROL),
            Chord::parse("ctrl-c")
        );
        assert_eq!(
            event(KeyCode::Char('x'), KeyModifiers::ALT),
            Chord::parse("alt-x")
        );
    }
}
