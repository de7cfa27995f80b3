//! Runs of other processes that are found, and alerts that are imported, while the workbench is there.

use std::path::PathBuf;

use crate::env::schema::Split;
use crate::link::{Command, Control, Fact, RunFact, RunState};
use crate::run::summary::Standing;
use crate::ui::app::{App, ScreenName, update};
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{
    app, controls, errands, plan, press, row, seen, status, summary, toast, train, with_runs,
};
use crate::ui::tests::label_desk::{Desk, imported};
use crate::ui::told::Watching;

const SMALL: (u16, u16) = (80, 24);

/// A run in another process is found, and has told this many steps.
fn find(app: &mut App, id: &str, steps: u64) {
    update(app, Msg::Fact(Fact::Found));
    let started = RunFact::Started {
        run_dir: format!("/runs/{id}").into(),
        run_id: id.into(),
        plan: plan(),
    };
    let rows = (1..=steps).map(|step| RunFact::Metrics(row(step)));
    let ended = RunFact::Status(status(steps, RunState::Running));
    for fact in [started].into_iter().chain(rows).chain([ended]) {
        update(app, Msg::Fact(Fact::Elsewhere(fact)));
    }
}

fn followed(effects: &[Effect]) -> Vec<PathBuf> {
    let dir = |effect: &Effect| match effect {
        Effect::Send(Command::Follow(dir)) => Some(dir.clone()),
        _ => None,
    };
    effects.iter().filter_map(dir).collect()
}

#[test]
fn a_run_that_another_process_begins_is_told_of_shown_and_steered() {
    let mut app = app();
    find(&mut app, "far", 5);
    assert_eq!(
        toast(&app),
        "a run in another process is in progress: F2 shows it"
    );
    assert!(app.is_elsewhere && app.training.is_in_progress());
    press(&mut app, "F2");
    assert_eq!(app.training.shown().map(|run| run.last_step), Some(5));
    assert_eq!(controls(&press(&mut app, "p")), [Control::Pause]);
    press(&mut app, "t");
    assert!(app.layers.is_empty(), "no second one is offered");
}

#[test]
fn a_run_begun_here_goes_before_one_found_at_that_moment() {
    let mut app = app();
    train(&mut app, 3);
    find(&mut app, "far", 5);
    assert!(!app.is_elsewhere);
    let live = app.training.live().expect("a run");
    assert_eq!((live.last_step, live.run_id == "far"), (3, false));
}

#[test]
fn an_opened_run_stays_on_screen_when_another_is_found() {
    let mut app = app();
    let mut opened = Watching::opened();
    opened.run_id = "old".into();
    app.training.open(opened);
    find(&mut app, "far", 5);
    let id = |run: Option<&Watching>| run.map(|run| run.run_id.clone());
    assert_eq!(id(app.training.shown()).as_deref(), Some("old"));
    assert_eq!(id(app.training.live()).as_deref(), Some("far"));
}

#[test]
fn a_found_run_takes_the_place_of_the_shipped_one_and_is_told_once() {
    let mut app = app();
    press(&mut app, "F2");
    assert!(seen(&app, SMALL).contains("shipped"));
    find(&mut app, "far", 5);
    assert_eq!(
        app.training.shown().map(|run| run.run_id.as_str()),
        Some("far")
    );
    // Found again, as after a crash: told from its beginning, not twice.
    find(&mut app, "far", 4);
    let live = app.training.live().expect("a run");
    assert_eq!(live.last_step, 4);
}

#[test]
fn opening_a_run_that_lives_means_to_steer_it() {
    let mut app = app();
    press(&mut app, "F4");
    with_runs(&mut app, vec![summary("one", Standing::Running)]);
    let effects = press(&mut app, "Enter");
    assert_eq!(followed(&effects), [PathBuf::from("/runs/one")]);
    assert_eq!(app.screen, ScreenName::Training);
    find(&mut app, "one", 2);
    press(&mut app, "F4");
    let effects = press(&mut app, "Enter");
    assert!(followed(&effects).is_empty(), "it is shown already");
    assert_eq!(app.screen, ScreenName::Training);
    // With a run of its own in progress, the workbench only looks at others.
    let mut busy = app_with_own_run();
    let effects = press(&mut busy, "Enter");
    assert!(followed(&effects).is_empty() && errands(&effects).len() == 1);
}

fn app_with_own_run() -> App {
    let mut app = app();
    train(&mut app, 3);
    press(&mut app, "F4");
    with_runs(&mut app, vec![summary("one", Standing::Running)]);
    app
}

#[test]
fn imported_alerts_take_the_place_of_generated_ones_that_nobody_touched() {
    let mut desk = Desk::on(&[]);
    desk.press("2");
    let touched = desk.app.labelling.items()[0].entry.episode.clone();
    assert_eq!(touched.split, Split::Train);
    let other = crate::label::Store::new(desk.folder.path().join("labels"));
    other.add_episodes(&imported()).expect("added");
    desk.press("F1 F3");
    assert_eq!(
        desk.said(),
        "4 alerts have come by import; t brings the generated ones back"
    );
    let ids = |desk: &Desk| -> Vec<String> {
        let items = desk.app.labelling.items().iter();
        items
            .map(|item| item.entry.episode.episode_id.clone())
            .collect()
    };
    let mut wanted = vec![touched.episode_id.clone()];
    wanted.extend(imported().into_iter().map(|episode| episode.episode_id));
    assert_eq!(ids(&desk), wanted);
    assert!(desk.app.labelling.is_selected(&touched.episode_id));
    // Nothing new: nothing is said and nothing moves.
    desk.app.toast = None;
    desk.press("F1 F3");
    assert_eq!((desk.said(), ids(&desk)), ("", wanted.clone()));
    assert_eq!(ids(&desk.again()), wanted, "as after a start");
}
