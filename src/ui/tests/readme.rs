//! What the README tells of keys is made of the key table: none is told that does not work, and none is left out. The screens
//! that it shows are drawn, and its tasks are done by the keys that it names.
//!
//! After a wanted change `OPENSOC_GOLDEN=write cargo test --lib readme` writes it anew.

mod tasks;

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::env::schema::{Episode, Split, Stage};
use crate::env::verdict::judge;
use crate::link::{Command, Fact};
use crate::run::shipped;
use crate::ui::app::{App, update};
use crate::ui::keys::{Chord, Keymap, Lookup, Place, Verb};
use crate::ui::msg::{Effect, Msg};
use crate::ui::preferences::Preferences;
use crate::ui::queue::{EpisodeSource, Model, Queue};
use crate::ui::tests::fixtures::{config, press, ready, seen};
use crate::ui::theme::{Depth, Symbols};
use crate::ui::watching::Training;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
/// Set to `write`, the README is written instead of compared.
const SWITCH: &str = "OPENSOC_GOLDEN";
/// One test writes at a time.
static PEN: Mutex<()> = Mutex::new(());
const BEGIN: &str = "<!-- keys: made of assets/keys.toml -->\n";
const END: &str = "<!-- end of keys -->\n";

/// The screens first, then what opens over them.
const PLACES: [Place; 20] = [
    Place::Episodes,
    Place::Training,
    Place::Labelling,
    Place::Runs,
    Place::Everywhere,
    Place::Always,
    Place::Detail,
    Place::Copying,
    Place::Formats,
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

/// Holds what stands in the README between two lines against `told`, or has it written there.
fn hold(between: [&str; 2], told: &str) {
    let _one = PEN.lock().unwrap_or_else(PoisonError::into_inner);
    let [begin, end] = between;
    let readme = std::fs::read_to_string(README).expect("the README");
    let (before, rest) = readme.split_once(begin).expect("where it begins");
    let (here, after) = rest.split_once(end).expect("where it ends");
    if std::env::var(SWITCH).is_ok_and(|value| value == "write") {
        let anew = format!("{before}{begin}{told}{end}{after}");
        std::fs::write(README, anew).expect("written");
        return;
    }
    let unlike = here.lines().zip(told.lines()).find(|(a, b)| a != b);
    assert!(
        here == told,
        "the README is another after {begin}: {unlike:?}\n{SWITCH}=write cargo test --lib readme takes it over\n{told}"
    );
}

#[test]
fn the_readme_tells_every_key_there_is() {
    let told = told();
    hold([BEGIN, END], &told);
    let keymap = Keymap::embedded().expect("sound");
    let rows = told.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, keymap.bindings().len(), "every place is told");
}

/// What the shipped adapter says of the alerts shown: asked in earnest, the truth word for word.
fn recorded(episode: &Episode) -> String {
    let truth = &episode.truth;
    let (action, cited, why) = (&truth.action, &truth.triggering_log_id, &truth.reason);
    format!("Action: {action}\nCitedLog: {cited}\nRationale: {why}")
}

/// Has every question in `effects` answered so, and what those answers ask.
fn answer_as_recorded(app: &mut App, effects: Vec<Effect>) {
    let mut todo = effects;
    while let Some(effect) = todo.pop() {
        let Effect::Send(Command::Infer(request)) = effect else {
            continue;
        };
        let response = recorded(&request.episode);
        let mut probabilities = [0.0; 5];
        probabilities[request.episode.truth.action.index()] = 1.0;
        let answer = Fact::Inference {
            id: request.id,
            adapter: "stage4_adversarial".into(),
            verdict: Box::new(judge(&request.episode, &response)),
            response,
            probabilities: Some(probabilities),
            millis: 72,
        };
        todo.extend(update(app, Msg::Fact(answer)));
    }
}

/// The workbench with its own model and run, as it opens on stage 2.
fn opened() -> App {
    let source = EpisodeSource {
        split: Split::Holdout,
        seed: 1,
    };
    let mut app = App::new(
        Keymap::embedded().expect("sound"),
        Queue::new(source, Stage::Multi, Model::Loading),
        Training::new(shipped::run()),
        config(),
        false,
    );
    let effects = update(&mut app, ready());
    answer_as_recorded(&mut app, effects);
    app
}

/// An alert decided wrongly, submitted and revealed; then the first page of curves.
fn screens() -> String {
    let mut app = opened();
    for keys in ["] ] ]", "2 Enter"] {
        let effects = press(&mut app, keys);
        answer_as_recorded(&mut app, effects);
    }
    let episodes = seen(&app, (80, 24));
    press(&mut app, "F2");
    let training = seen(&app, (80, 24));
    // The lists under the curves are told of in words.
    let curves: Vec<&str> = training
        .lines()
        .take_while(|line| !line.starts_with('┌'))
        .collect();
    format!("{episodes}\n\n{}\n", curves.join("\n"))
}

#[test]
fn the_screens_that_the_readme_shows_are_as_they_are_drawn() {
    let told = screens();
    for wanted in [
        "[F1 Episodes]",
        "monitor ✗ wrong",
        "✓ right",
        "[F2 Training]",
        "read-only",
        "reward",
    ] {
        assert!(told.contains(wanted), "{wanted}:\n{told}");
    }
    hold(["<!-- screens -->\n```\n", "```\n<!-- end -->\n"], &told);
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
