//! What the README tells of keys is made of the key table: none is told that does not work, and none is left out.
//!
//! After a wanted change `OPENSOC_GOLDEN=write cargo test --lib readme` writes it anew.

use std::fmt::Write as _;

use crate::ui::app::{App, update};
use crate::ui::keys::{Chord, Keymap, Lookup, Place, Verb};
use crate::ui::msg::Effect;
use crate::ui::preferences::Preferences;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, train, type_text};
use crate::ui::theme::{Depth, Symbols};
use crate::ui::watching::TrainingPane;

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

/// A row of the table of tasks: what is done, its keys in order, and how many are counted there. Keys before a `…` are pressed as
/// often as the way is long, and not counted.
struct Task {
    name: String,
    keys: Vec<String>,
    counted: usize,
}

fn tasks() -> Vec<Task> {
    let readme = std::fs::read_to_string(README).expect("the README");
    let (_, rest) = readme
        .split_once("| task | keys |\n|---|---|\n")
        .expect("the table");
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let task = |row: &str| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let name = cells.next().expect("a task").to_owned();
        let (keys, count) = cells
            .next()
            .expect("keys")
            .split_once('(')
            .expect("a count");
        let of_way = keys.matches('…').count();
        let keys: Vec<String> = keys
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
        let counted = digits.parse::<usize>().expect("a number");
        assert_eq!(keys.len() - of_way, counted, "{name}");
        Task {
            name,
            keys,
            counted,
        }
    };
    rows.map(task).collect()
}

#[test]
fn the_tasks_of_the_readme_take_the_keys_it_counts() {
    let tasks = tasks();
    assert!(tasks.len() >= 10, "{}", tasks.len());
    for Task {
        name,
        keys,
        counted,
    } in &tasks
    {
        assert!((1..=6).contains(counted), "{name}: {counted}");
        for key in keys {
            assert!(Chord::parse(key).is_some(), "{name}: {key}");
        }
    }
}

/// An alert that the model has answered, in a workbench with a run.
fn at_work() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    train(&mut app, 120);
    app
}

#[test]
fn pressing_the_keys_of_a_task_does_it() {
    type Done = fn(&App, &[Effect]) -> bool;
    let outcomes: [(&str, Done); 7] = [
        ("see the truth", |app, _| {
            app.queue
                .current()
                .is_some_and(|entry| entry.desk.is_revealed)
        }),
        ("like this value", |app, _| app.queue.is_filtered()),
        ("two adapters", |app, _| {
            app.queue.second_adapter().is_some()
        }),
        ("what if", |app, _| app.queue.what_if().is_some()),
        (
            "defanged",
            |_, effects| matches!(effects, [Effect::Copy(case)] if case.starts_with("# Alert")),
        ),
        ("spike", |app, _| {
            app.training.pane == TrainingPane::Rollouts
        }),
        ("another theme", |_, effects| {
            matches!(effects, [Effect::UseTheme(_)])
        }),
    ];
    let tasks = tasks();
    for (name, is_done) in outcomes {
        let task = tasks.iter().find(|task| task.name.contains(name));
        let task = task.expect(name);
        let mut app = at_work();
        let mut effects = Vec::new();
        for key in &task.keys {
            assert!(!is_done(&app, &effects), "{name}: before {key}");
            effects = press(&mut app, key);
            if key == "ctrl-u" {
                // What the table calls the value.
                type_text(&mut app, "changed");
            }
        }
        assert!(is_done(&app, &effects), "{name}: {:?}", app.toast);
    }
}
