//! Every screen and state as text in files under `golden/`, so that a change of a screen is seen in a diff.
//!
//! Each is a frame of 100x30 without colour; one screen stands there at every colour depth, under each row the cells that are
//! styled. After a wanted change `OPENSOC_GOLDEN=write cargo test --lib golden` writes them anew: read the diff.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::ui::app::{App, ScreenName};
use crate::ui::tests::fixtures::{app, frame, press, states, text, theme, train};
use crate::ui::theme::{Depth, Symbols};

/// Set to `write`, the files are written instead of compared.
const SWITCH: &str = "OPENSOC_GOLDEN";

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ui/tests/golden"))
}

/// The screen, what is in front on it, and a number where there are more of them.
fn names(states: &[App]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let name = |app: &App| {
        let front = match (app.layers.last(), app.screen) {
            (Some(layer), _) => format!("{layer:?}"),
            (None, ScreenName::Training) => format!("{:?}", app.training.pane),
            (None, ScreenName::Runs) => format!("{:?}", app.runs.pane),
            (None, _) => "Alone".to_owned(),
        };
        let front = front.split(|c: char| !c.is_alphanumeric()).next();
        let name = format!("{:?}-{}", app.screen, front.unwrap_or_default()).to_lowercase();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        format!("{name}-{count}.txt")
    };
    states.iter().map(name).collect()
}

/// Foreground and modifiers in words; nothing for a cell as the terminal has it.
fn style_of(cell: &Cell) -> String {
    let mut words = Vec::new();
    if cell.fg != Color::Reset {
        words.push(cell.fg.to_string());
    }
    if cell.bg != Color::Reset {
        words.push(format!("on {}", cell.bg));
    }
    if cell.modifier != Modifier::empty() {
        words.push(format!("{:?}", cell.modifier).to_lowercase());
    }
    words.join(" ")
}

/// Rows, and under each its columns that are styled, from and to.
fn with_styles(buffer: &Buffer) -> String {
    let mut told = String::new();
    for (row, line) in (0..).zip(text(buffer).lines()) {
        writeln!(told, "{line}").expect("a string");
        let styles: Vec<_> = (0..buffer.area.width)
            .map(|x| style_of(&buffer[(x, row)]))
            .collect();
        let mut from = 0;
        for run in styles.chunk_by(|a, b| a == b) {
            if !run[0].is_empty() {
                let to = from + run.len() - 1;
                writeln!(told, "    {from}-{to} {}", run[0]).expect("a string");
            }
            from += run.len();
        }
    }
    told
}

fn frames() -> Vec<(String, String)> {
    let plain = theme(Depth::None, Symbols::Braille);
    let states = states();
    let shown = states
        .iter()
        .map(|app| text(&frame(app, &plain, (100, 30))) + "\n");
    let mut frames: Vec<_> = names(&states).into_iter().zip(shown).collect();
    let mut coloured = app();
    train(&mut coloured, 120);
    press(&mut coloured, "F2 r j");
    for (depth, name) in [
        (Depth::None, "none"),
        (Depth::Ansi16, "16"),
        (Depth::Xterm256, "256"),
        (Depth::Truecolor, "truecolor"),
    ] {
        let buffer = frame(&coloured, &theme(depth, Symbols::Braille), (80, 24));
        frames.push((format!("depth-{name}.txt"), with_styles(&buffer)));
    }
    frames.extend(of_sizes());
    frames
}

/// Each screen in each layout, and the page below the smallest.
fn of_sizes() -> Vec<(String, String)> {
    let plain = theme(Depth::None, Symbols::Braille);
    let mut frames = Vec::new();
    for key in ["F1", "F2", "F3", "F4"] {
        let mut app = app();
        train(&mut app, 120);
        press(&mut app, key);
        for (width, height) in [(59, 15), (80, 24), (120, 35), (200, 60)] {
            let shown = text(&frame(&app, &plain, (width, height))) + "\n";
            frames.push((format!("size-{width}x{height}-{key}.txt"), shown));
        }
    }
    frames
}

#[test]
fn every_screen_and_state_is_as_it_was() {
    let frames = frames();
    let names: BTreeSet<_> = frames.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), frames.len(), "each has a name of its own");
    let writes = std::env::var(SWITCH).is_ok_and(|value| value == "write");
    if writes {
        std::fs::create_dir_all(folder()).expect("a folder");
    }
    let listed = std::fs::read_dir(folder()).expect("the folder of the files");
    let listed = listed.map(|entry| entry.expect("an entry").file_name());
    let known: BTreeSet<_> = listed
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if writes {
        for old in known.difference(&names) {
            std::fs::remove_file(folder().join(old)).expect("removed");
        }
        for (name, shown) in &frames {
            std::fs::write(folder().join(name), shown).expect("written");
        }
        return;
    }
    let gone: Vec<_> = known.difference(&names).collect();
    assert!(gone.is_empty(), "no state makes these any more: {gone:?}");
    for (name, shown) in &frames {
        let wanted = std::fs::read_to_string(folder().join(name)).unwrap_or_default();
        let unlike = wanted.lines().zip(shown.lines()).find(|(a, b)| a != b);
        assert!(
            wanted == *shown,
            "{name} is another: {unlike:?}\n{SWITCH}=write cargo test --lib golden takes it over\n{shown}"
        );
    }
}

#[test]
fn frames_are_the_same_twice_and_depths_differ() {
    let (one, two) = (frames(), frames());
    assert!(one == two, "a frame depends on more than its state");
    let depths: BTreeSet<_> = one
        .iter()
        .filter(|(name, _)| name.starts_with("depth-"))
        .map(|(_, shown)| shown)
        .collect();
    assert_eq!(depths.len(), 4);
}
