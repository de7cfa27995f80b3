//! What the user has set down in the configuration folder: `config.toml`, `keys.toml` and `themes/*.toml`.
//!
//! Read once, at the start. What is wrong is told and left out; it never keeps the workbench from starting.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::nearest;
use crate::run::layout::read_bounded;
use crate::ui::keys::{KeyTableError, Keymap, line_of};
use crate::ui::theme::{ColorChoice, DEFAULT, Depth, Symbols, Themes};

/// The longest of these files: bytes.
const LIMIT: u64 = 1 << 18;

/// Themes read at most.
const MOST_THEMES: usize = 200;

/// The content of `config.toml`; the command line goes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub theme: Option<String>,
    pub color: Option<ColorChoice>,
    pub symbols: Option<Symbols>,
    /// Whether clicks and the wheel come here and not to the terminal; they do not unless asked for.
    pub mouse: Option<bool>,
    /// Whether the model's answers wait for the reveal from the start; they do not unless asked for.
    pub blind: Option<bool>,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Preferences {
    pub config: Config,
    pub keymap: Keymap,
    pub themes: Themes,
    /// What is wrong, by file and line.
    pub complaints: Vec<String>,
}

/// The configuration folder: `$OPENSOC_HOME`, else `opensoc` where the system keeps configuration.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let home = std::env::var_os("OPENSOC_HOME").filter(|home| !home.is_empty());
    let system =
        || directories::ProjectDirs::from("", "", "opensoc").map(|d| d.config_dir().to_owned());
    home.map(PathBuf::from).or_else(system)
}

/// The names of its fields.
const FIELDS: [&str; 5] = ["theme", "color", "symbols", "mouse", "blind"];

impl Config {
    /// Takes one field over; else what is wrong with it.
    fn take(&mut self, name: &str, value: toml::Value) -> Result<(), String> {
        match name {
            "theme" => self.theme = Some(read_as(value)?),
            "color" => self.color = Some(read_as(value)?),
            "symbols" => self.symbols = Some(read_as(value)?),
            "mouse" => self.mouse = Some(read_as(value)?),
            "blind" => self.blind = Some(read_as(value)?),
            _ => {
                let nearest = nearest::among(name, FIELDS).unwrap_or_default();
                let name: String = name.chars().take(40).collect();
                return Err(format!("unknown field `{name}`; did you mean `{nearest}`?"));
            }
        }
        Ok(())
    }
}

fn read_as<T: DeserializeOwned>(value: toml::Value) -> Result<T, String> {
    value
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

impl Preferences {
    /// Reads what is in `folder`; without one all is as in the binary.
    ///
    /// # Errors
    /// Only where the key table in the binary is broken.
    pub fn read(folder: Option<&Path>) -> Result<Self, KeyTableError> {
        let mut preferences = Self {
            config: Config::default(),
            keymap: Keymap::embedded()?,
            themes: Themes::embedded(),
            complaints: Vec::new(),
        };
        if let Some(folder) = folder {
            preferences.read_config(&folder.join("config.toml"));
            preferences.read_keys(&folder.join("keys.toml"));
            preferences.read_themes(&folder.join("themes"));
        }
        Ok(preferences)
    }

    /// Each field by itself: one that is wrong takes no other with it.
    fn read_config(&mut self, path: &Path) {
        let Some(text) = self.text(path) else { return };
        let mut complain = |at: usize, message: &str| {
            let (path, line) = (path.display(), line_of(&text, at));
            self.complaints.push(format!("{path}:{line}: {message}"));
        };
        let fields: BTreeMap<Spanned<String>, toml::Value> = match toml::from_str(&text) {
            Ok(fields) => fields,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                return complain(at, error.message());
            }
        };
        let mut fields: Vec<_> = fields.into_iter().collect();
        fields.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in fields {
            if let Err(message) = self.config.take(name.get_ref(), value) {
                complain(name.span().start, &message);
            }
        }
    }

    fn read_keys(&mut self, path: &Path) {
        let Some(text) = self.text(path) else { return };
        let (keymap, errors) = self.keymap.patched(&text, &path.display().to_string());
        self.keymap = keymap;
        let errors = errors.iter().map(ToString::to_string);
        self.complaints.extend(errors);
    }

    fn read_themes(&mut self, folder: &Path) {
        // No folder, no themes.
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .collect();
        // By name before any is left out: a folder lists in no order, and which are read must not depend on it.
        paths.sort();
        paths.truncate(MOST_THEMES);
        // Each is put before those added earlier: the first by name comes to stand first.
        for path in paths.iter().rev() {
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some(name), Some(text)) = (name, self.text(path)) {
                self.themes.add(name, &path.display().to_string(), text);
            }
        }
    }

    /// What is said of what is wrong at the start; there is one line for it.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let all = self.all_complaints();
        let (first, others) = all.split_first()?;
        Some(match others.len() {
            0 => format!("{first}; that is left out, the rest counts"),
            more => format!(
                "{} faults in your settings, `opensoc doctor` lists them: {first}",
                more + 1
            ),
        })
    }

    /// Everything that is wrong, also with themes that nobody has chosen yet.
    #[must_use]
    pub fn all_complaints(&self) -> Vec<String> {
        let mut names = self.themes.names();
        names.push(self.config.theme.clone().unwrap_or(DEFAULT.to_owned()));
        let mut complaints = self.complaints.clone();
        for name in names {
            let loaded = self.themes.load(&name, Depth::Truecolor, Symbols::Ascii);
            let wrong = loaded.err().map(|error| error.to_string());
            complaints.extend(wrong.filter(|wrong| !complaints.contains(wrong)));
        }
        complaints
    }

    /// The text of a file; nothing where there is none, or it cannot be read.
    fn text(&mut self, path: &Path) -> Option<String> {
        let read = match read_bounded(path, LIMIT) {
            Ok(bytes) => bytes.map(String::from_utf8),
            Err(error) => {
                self.complaints.push(error.to_string());
                None
            }
        };
        let text = read?.ok();
        if text.is_none() {
            self.complaints
                .push(format!("{}: not UTF-8", path.display()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::{Chord, Lookup, Place, Verb};
    use crate::ui::theme::Depth;

    fn read(files: &[(&str, &[u8])]) -> Preferences {
        let folder = tempfile::tempdir().expect("folder");
        fs::create_dir(folder.path().join("themes")).expect("folder");
        for (name, content) in files {
            fs::write(folder.path().join(name), content).expect("written");
        }
        Preferences::read(Some(folder.path())).expect("a sound table")
    }

    fn press(preferences: &Preferences, key: &str) -> Lookup {
        let chord = Chord::parse(key).expect("a key");
        preferences.keymap.lookup(Place::Training, &[chord])
    }

    #[test]
    fn what_is_set_down_is_taken() {
        let found = read(&[
            (
                "config.toml",
                b"theme = \"mine\"\ncolor = \"never\"\nsymbols = \"ascii\"\nmouse = true\nblind = true\n",
            ),
            (
                "keys.toml",
                b"[[binding]]\nverb = \"quit\"\non = \"everywhere\"\nkeys = [\"Q\"]\n",
            ),
            ("themes/mine.toml", b"inherits = \"mono\"\n"),
        ]);
        assert!(found.complaints.is_empty(), "{:?}", found.complaints);
        let config = Config {
            theme: Some("mine".to_owned()),
            color: Some(ColorChoice::Never),
            symbols: Some(Symbols::Ascii),
            mouse: Some(true),
            blind: Some(true),
        };
        assert_eq!(found.config, config);
        assert_eq!(press(&found, "Q"), Lookup::Verb(Verb::Quit));
        let theme = found.themes.load("mine", Depth::Ansi16, Symbols::Ascii);
        assert!(theme.is_ok());
        assert!(read(&[]).complaints.is_empty(), "nothing is needed");
    }

    #[test]
    fn what_is_wrong_is_told_and_left_out() {
        let found = read(&[
            (
                "config.toml",
                b"theme = \"light\"\nsymbol = \"ascii\"\ncolor = \"loud\"\nblind = \"yes\"\n",
            ),
            (
                "keys.toml",
                b"\n[[binding]]\nverb = \"fly\"\non = \"everywhere\"\nkeys = [\"f\"]\n",
            ),
            ("themes/mine.toml", b"\xff"),
        ]);
        let config = Config {
            theme: Some("light".to_owned()),
            ..Config::default()
        };
        assert_eq!(found.config, config, "one wrong field takes no other along");
        assert_eq!(press(&found, "q"), Lookup::Verb(Verb::Quit));
        let told = found.complaints.join("\n");
        for wanted in [
            "config.toml:2: unknown field `symbol`; did you mean `symbols`?",
            "config.toml:3: unknown variant `loud`",
            "config.toml:4: invalid type: string \"yes\", expected a boolean",
            "keys.toml:3: ",
            "`fly`; did you mean",
            "mine.toml: not UTF-8",
        ] {
            assert!(told.contains(wanted), "{wanted}:\n{told}");
        }
        assert_eq!(found.complaints.len(), 5);
        let broken = read(&[("config.toml", b"theme = \"light\"\ncolor = = 1\n")]);
        assert!(
            broken.complaints[0].contains("config.toml:2: "),
            "{broken:?}"
        );
    }

    #[test]
    fn of_too_many_themes_the_first_by_name_are_read() {
        let names = (0..MOST_THEMES + 20)
            .rev()
            .map(|at| format!("themes/t{at:03}.toml"));
        let names: Vec<String> = names.collect();
        let files: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), b"inherits = \"mono\"\n".as_slice()))
            .collect();
        let known = read(&files).themes.names();
        let wanted: Vec<String> = (0..MOST_THEMES).map(|at| format!("t{at:03}")).collect();
        assert!(known.ends_with(&wanted), "{known:?}");
    }

    #[test]
    fn themes_that_nobody_chose_are_complained_of_too() {
        let found = read(&[
            ("config.toml", b"theme = \"ligth\"\n"),
            ("themes/mine.toml", b"inherits = \"nobody\"\n"),
        ]);
        assert!(found.complaints.is_empty(), "{:?}", found.complaints);
        let told = found.all_complaints().join("\n");
        for wanted in ["`ligth`", "mine.toml:1: "] {
            assert!(told.contains(wanted), "{wanted}:\n{told}");
        }
        let told = found.told().expect("a line");
        assert!(told.starts_with("2 faults in your settings"), "{told}");
        let sound = read(&[]);
        assert!(sound.all_complaints().is_empty() && sound.told().is_none());
    }
}
