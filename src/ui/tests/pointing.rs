//! What the mouse does on each screen, found by looking where a frame shows it.

use ratatui::layout::Position;

use crate::env::generate;
use crate::env::schema::{Split, Stage};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::msg::{Effect, Msg};
use crate::ui::pointing::{Gesture, Pointer};
use crate::ui::queue::QueuePane;
use crate::ui::tests::fixtures::{app, press, ready, seen, train};
use crate::ui::tests::label_desk::Desk;
use crate::ui::watching::TrainingPane;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

/// The cell where a frame of that size first shows `text`.
fn cell(app: &App, size: (u16, u16), text: &str) -> Position {
    let frame = seen(app, size);
    let rows = frame.lines().enumerate();
    let mut found = rows.filter_map(|(y, row)| {
        let (before, _) = row.split_once(text)?;
        Some((before.chars().count(), y))
    });
    let (x, y) = found
        .next()
        .unwrap_or_else(|| unreachable!("{text}:\n{frame}"));
    Position {
        x: x as u16,
        y: y as u16,
    }
}

fn gesture(app: &mut App, gesture: Gesture, cell: Position) -> Vec<Effect> {
    update(app, Msg::Mouse(Pointer { gesture, cell }))
}

fn click(app: &mut App, size: (u16, u16), text: &str) -> Vec<Effect> {
    let cell = cell(app, size, text);
    gesture(app, Gesture::Click, cell)
}

#[test]
fn a_click_goes_to_the_screen_the_pane_and_the_row_under_it() {
    for size in [SMALL, LARGE] {
        let mut app = app();
        update(&mut app, ready());
        let alert = cell(&app, size, "2a ");
        gesture(&mut app, Gesture::Click, alert);
        assert_eq!(app.queue.selected(), 2);
        click(&mut app, size, "L1-1 ");
        assert_eq!((app.queue.pane, app.queue.line), (QueuePane::Log, 1));
        click(&mut app, size, "Answers");
        assert_eq!(app.queue.pane, QueuePane::Answers);
        for (name, screen) in [
            ("F4 Runs", ScreenName::Runs),
            ("F3 Labelling", ScreenName::Labelling),
            ("F2 Training", ScreenName::Training),
        ] {
            click(&mut app, size, name);
            assert_eq!(app.screen, screen);
        }
        click(&mut app, size, "Evaluations");
        assert_eq!(app.training.pane, TrainingPane::Evaluations);
        click(&mut app, size, "Rollouts");
        assert_eq!(app.training.pane, TrainingPane::Rollouts);
        click(&mut app, size, "F1 Episodes");
        assert_eq!(app.screen, ScreenName::Episodes);
    }
}

#[test]
fn the_wheel_moves_in_the_pane_under_it_and_in_a_dialog_in_front() {
    let mut app = app();
    update(&mut app, ready());
    press(&mut app, "Tab");
    assert_eq!(app.queue.pane, QueuePane::Log);
    let alert = cell(&app, SMALL, "0a ");
    gesture(&mut app, Gesture::WheelDown, alert);
    assert_eq!(
        (app.queue.pane, app.queue.selected()),
        (QueuePane::Alerts, 3)
    );
    gesture(&mut app, Gesture::WheelUp, alert);
    assert_eq!(app.queue.selected(), 0);
    press(&mut app, "?");
    let before = seen(&app, SMALL);
    gesture(&mut app, Gesture::WheelDown, alert);
    assert_ne!(seen(&app, SMALL), before, "help is scrolled");
    gesture(&mut app, Gesture::Click, alert);
    assert!(!app.layers.is_empty(), "what is behind it is not clicked");
    assert_eq!(app.queue.selected(), 0);
}

#[test]
fn labels_are_pointed_at_too() {
    let episodes = (0..4).map(|at| generate::episode(Stage::Multi, Split::Train, 1, at));
    let mut desk = Desk::on(&episodes.collect::<Vec<_>>());
    let app = &mut desk.app;
    let second = cell(app, SMALL, "   2 - ");
    gesture(app, Gesture::Click, second);
    assert_eq!(app.labelling.selected(), 1);
    click(app, SMALL, "L1-0 ");
    assert_eq!(
        (app.labelling.pane, app.labelling.line),
        (QueuePane::Log, 0)
    );
    gesture(app, Gesture::WheelDown, second);
    assert_eq!(app.labelling.pane, QueuePane::Alerts);
    assert!(app.labelling.selected() > 1);
}

#[test]
fn a_click_that_meets_nothing_changes_nothing() {
    let mut app = app();
    train(&mut app, 90);
    let (before, screen) = (seen(&app, SMALL), app.screen);
    let corner = Position { x: 79, y: 0 };
    assert!(gesture(&mut app, Gesture::Click, corner).is_empty());
    assert_eq!(seen(&app, SMALL), before);
    app.size = Some((20, 5));
    let tab = Position { x: 30, y: 0 };
    gesture(&mut app, Gesture::Click, tab);
    assert_eq!(app.screen, screen, "too small to be seen");
}
