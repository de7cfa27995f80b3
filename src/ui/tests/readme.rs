//! What the README tells of keys is made of the key table: none is told that does not work, and none is left out.
//!
//! After a wanted change `OPENSOC_GOLDEN=write cargo test --lib readme` writes it anew.

use std::fmt::Write as _;

use crate::ui::keys::{Chord, Keymap, Lookup, Place, Verb};
use crate::ui::preferences::Preferences;
use crate::ui::theme::{Depth, Symbols};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- keys: made of assets/keys.toml -->\n";
const END: &str = "<!-- end of keys -->\n";

/// The screens first, then what opens over them.
const PLACES: [Place; 19] = [
    Place::Episodes,
    Place::Training,
    Place::Labelling,
    Place::Runs,
    Place::Everywhere,
    Place::Always,
    Place::Detail,
    Place::Copying,
    Place::Groups,
    Place::Adapters,
    Place::ThreeWay,
    Place::Agreement,
    Place::Entry,
    Place::Help,
    Place::StartDialog,
    Place::SkipDialog,
    Place::DeleteDialog,
    Place::QuitDialog,
    Place::UnsavedDialog,
];

fn told() -> String {
    let keymap = Keymap::embedded().expect("sound");
    let mut text = String::new();
    for place in PLACES {
        let _ = write!(text, "\n| {} | |\n|---|---|\n", place.title());
        for binding in keymap.bindings().iter().filter(|b| b.place == place) {
            let keys: Vec<String> = binding.shown.iter().map(|key| code(key)).collect();
            let _ = writeln!(text, "| {} | {} |", keys.join(" "), binding.help);
        }
    }
    text + "\n"
}

/// A key as Markdown has it in a table.
fn code(key: &str) -> String {
    match key {
        "`" => "`` ` ``".to_owned(),
        _ => format!("`{}`", key.replace('|', "\\|")),
    }
}

#[test]
fn the_readme_tells_every_key_there_is() {
    let readme = std::fs::read_to_string(README).expect("the README");
    let (before, rest) = readme.split_once(BEGIN).expect("where they begin");
    let (here, after) = rest.split_once(END).expect("where they end");
    let told = told();
    if std::env::var("OPENSOC_GOLDEN").is_ok_and(|value| value == "write") {
        let anew = format!("{before}{BEGIN}{told}{END}{after}");
        std::fs::write(README, anew).expect("written");
        return;
    }
    assert!(here == told, "the README's keys are not those of keys.toml");
    let keymap = Keymap::embedded().expect("sound");
    let rows = told.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, keymap.bindings().len(), "every place is told");
}

#[test]
fn the_settings_that_the_readme_shows_are_read() {
    let readme = std::fs::read_to_string(README).expect("the README");
    let (_, rest) = readme.split_once("```toml\n").expect("where they begin");
    let (shown, _) = rest.split_once("```").expect("where they end");
    let (config, rest) = shown.split_once("# keys.toml").expect("keys");
    let (keys, theme) = rest.split_once("# themes/mine.toml").expect("a theme");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("themes")).expect("a folder");
    let mine = format!("#{theme}");
    for (name, text) in [
        ("config.toml", config),
        ("keys.toml", &format!("#{keys}")),
        ("themes/mine.toml", &mine),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let read = Preferences::read(Some(folder.path())).expect("a sound table");
    assert!(read.complaints.is_empty(), "{:?}", read.complaints);
    assert_eq!(read.config.theme.as_deref(), Some("light"));
    let key = Chord::parse("J").expect("a key");
    assert_eq!(
        read.keymap.lookup(Place::Episodes, &[key]),
        Lookup::Verb(Verb::NextAlert)
    );
    let mine = read.themes.load("mine", Depth::Truecolor, Symbols::Braille);
    assert!(mine.is_ok());
}
