//! The list of runs and an opened run as their folders change behind them.

use std::collections::BTreeMap;
use std::path::Path;

use crate::link::RunState;
use crate::run::summary::Standing;
use crate::run::{Manifest, RunDir, RunWriter};
use crate::ui::app::{App, update};
use crate::ui::errand::{Errand, Listing, Porter, Report};
use crate::ui::msg::{Effect, Msg};
use crate::ui::tending::wants_looks;
use crate::ui::tests::fixtures::{
    app, config, errands, plan, press, row, seen, status, summary, toast, train, with_runs,
};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

#[test]
fn a_list_that_says_the_same_draws_nothing() {
    let mut app = app();
    assert!(!wants_looks(&app));
    let runs = || vec![summary("one", Standing::Running)];
    with_runs(&mut app, runs());
    assert!(wants_looks(&app));
    assert_eq!(errands(&update(&mut app, Msg::LookAgain)), [Errand::List]);
    let second = update(&mut app, Msg::LookAgain);
    assert!(second.is_empty(), "the first is not answered");
    app.take_change();
    let listed = |runs| {
        let root = "/runs".into();
        Msg::Report(Report::Listed(Listing { root, runs }))
    };
    update(&mut app, listed(runs()));
    assert!(app.take_change().is_none(), "nothing changed");
    update(&mut app, listed(vec![summary("one", Standing::Crashed)]));
    assert!(app.take_change().is_some());
    assert!(seen(&app, SMALL).contains("crashed"));
    press(&mut app, "F1");
    assert!(!wants_looks(&app));
}

#[test]
fn watchers_write_no_notes() {
    let mut app = app();
    app.is_read_only = true;
    with_runs(&mut app, vec![summary("one", Standing::Finished)]);
    for key in ["e", "E"] {
        assert!(press(&mut app, key).is_empty() && app.layers.is_empty());
        assert!(toast(&app).contains("only watching"), "{key}");
    }
    press(&mut app, "j");
    assert!(!seen(&app, LARGE).contains("e note"));
}

/// A run on disk, and who writes it.
fn writer(root: &Path, id: &str) -> (RunDir, RunWriter) {
    let dir = RunDir::new(root.join(id));
    let manifest = Manifest::new(&dir, config(), plan(), "nano", "cpu", BTreeMap::new());
    let writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
    (dir, writer)
}

#[test]
fn an_opened_run_that_goes_on_is_followed_while_it_is_looked_at() {
    let root = tempfile::tempdir().expect("folder");
    let (_, mut writer) = writer(root.path(), "here");
    let alive = |step| crate::link::Status {
        heartbeat: crate::run::summary::now(),
        ..status(step, RunState::Running)
    };
    writer.metrics(&row(1)).expect("written");
    writer.status(&alive(1)).expect("written");
    let mut porter = Porter::new(root.path());
    let mut app = app();
    // With a run of its own in progress the workbench steers that one, and only looks at others.
    train(&mut app, 3);
    let mut run = |app: &mut App, mut todo: Vec<Effect>| {
        while let Some(effect) = todo.pop() {
            if let Effect::Errand(errand) = effect {
                todo.extend(update(app, Msg::Report(porter.perform(errand))));
            }
        }
    };
    let effects = press(&mut app, "F4");
    run(&mut app, effects);
    let effects = press(&mut app, "Enter");
    run(&mut app, effects);
    assert_eq!(app.training.shown().map(|run| run.last_step), Some(1));
    assert!(wants_looks(&app));
    writer.metrics(&row(2)).expect("written");
    writer.status(&alive(2)).expect("written");
    let effects = update(&mut app, Msg::LookAgain);
    run(&mut app, effects);
    assert_eq!(app.training.shown().map(|run| run.last_step), Some(2));
    writer
        .status(&status(2, RunState::Stopped))
        .expect("written");
    let effects = update(&mut app, Msg::LookAgain);
    run(&mut app, effects);
    let shown = app.training.shown().expect("a run");
    assert_eq!(shown.state(), Some(RunState::Stopped));
    assert!(app.training.looked_at().is_none(), "it has ended");
}

#[test]
fn a_folder_that_cannot_be_read_has_a_row_and_can_be_deleted() {
    let root = tempfile::tempdir().expect("folder");
    let (_, writer) = writer(root.path(), "good");
    drop(writer);
    let odd = root.path().join("odd");
    std::fs::create_dir(&odd).expect("folder");
    std::fs::write(odd.join("run.json"), "{").expect("written");
    let mut porter = Porter::new(root.path());
    let mut app = app();
    let mut run = |app: &mut App, keys: &str| {
        let mut todo = press(app, keys);
        while let Some(effect) = todo.pop() {
            if let Effect::Errand(errand) = effect {
                todo.extend(update(app, Msg::Report(porter.perform(errand))));
            }
        }
    };
    run(&mut app, "F4");
    let shown = seen(&app, LARGE);
    assert!(
        !shown.contains("run.json"),
        "not this run's matter:\n{shown}"
    );
    run(&mut app, "j");
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("broken") && shown.contains("run.json"),
        "{shown}"
    );
    run(&mut app, "d y");
    assert!(!odd.exists());
    let left: Vec<_> = app.runs.visible().iter().map(|run| &run.run_id).collect();
    assert_eq!(left, ["good", "shipped"]);
}
