//! Key scripts and frames of the runs screen, and its errands on real folders.

use std::collections::BTreeMap;

use crate::gate::is_hostile;
use crate::link::{AdapterChoice, Fact, OfferedAdapter, RunFact, RunState};
use crate::run::lock::RunLock;
use crate::run::summary::{Standing, Summary};
use crate::run::{Manifest, RunDir, RunWriter};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::errand::{Errand, Report, perform};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{
    app, config, dir, errands, plan, press, ready, row, seen, status, summary, toast, train,
    with_runs,
};

fn three() -> Vec<Summary> {
    let mut second = summary("two", Standing::Finished);
    second.note = "higher beta".into();
    second.config.grpo.beta = 0.5;
    second.config.seed = 9;
    second.best_mean_reward = Some(-0.5);
    vec![
        summary("one", Standing::Running),
        second,
        summary("three", Standing::Crashed),
    ]
}

#[test]
fn the_screen_looks_for_runs_and_says_what_to_press_without_any() {
    let mut app = app();
    assert_eq!(errands(&press(&mut app, "F4")), [Errand::List]);
    assert!(seen(&app, (80, 24)).contains("looking for runs"));
    for key in ["Enter", "d", "e", "w", "Space", "b"] {
        assert!(press(&mut app, key).is_empty() && app.layers.is_empty());
        assert_eq!(toast(&app), "there is no run here", "{key}");
    }
    with_runs(&mut app, Vec::new());
    let shown = seen(&app, (80, 24));
    assert!(
        shown.contains("No runs of your own in /runs yet. F2 and then t"),
        "{shown}"
    );
    assert_eq!(errands(&press(&mut app, "F1 g r")), [Errand::List]);
    assert_eq!(errands(&press(&mut app, "r")), [Errand::List]);
}

#[test]
fn a_list_tells_state_steps_reward_and_note_on_80x24() {
    let mut app = app();
    with_runs(&mut app, three());
    press(&mut app, "j");
    let shown = seen(&app, (80, 24));
    for wanted in [
        "[F4 Runs]",
        "Runs 2/3",
        "running",
        "crashed",
        "120/160",
        "-0.500",
        "higher beta",
        "2 values unlike preset nano",
        "grpo.beta",
        "Enter open",
        "d delete",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    press(&mut app, "G Space k");
    let marked = seen(&app, (80, 24));
    assert!(marked.contains("a three"), "{marked}");
    assert!(marked.contains("2 values unlike run three"), "{marked}");
    let tall = seen(&app, (160, 60));
    assert!(tall.contains("1:two") && tall.contains("2:three"), "{tall}");
    press(&mut app, "j Space");
    assert!(app.runs.marks.iter().next().is_none());
}

#[test]
fn details_tell_what_a_run_was_fed_and_on_how_many_episodes_it_is_the_best() {
    let mut app = app();
    let mut runs = three();
    runs[1] = summary("two", Standing::Finished);
    let fed = ("labels".to_owned(), "0123456789abcdef".to_owned());
    runs[1].fed.push(fed);
    with_runs(&mut app, runs);
    press(&mut app, "Space j");
    for size in [(80, 24), (160, 45)] {
        let shown = seen(&app, size);
        for wanted in [
            "1 value unlike run one",
            "weights 5d41402a",
            "labels 01234567",
            "best +0.750 (n=200), last +0.750 (n=2000) at step 160",
        ] {
            assert!(shown.contains(wanted), "{wanted}:\n{shown}");
        }
        let mut rows = shown.lines();
        let is_told = rows.any(|row| row.contains(" labels  ") && row.contains("0123456789ab"));
        assert!(is_told, "{shown}");
    }
    press(&mut app, "k Space");
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("configured as preset nano"), "{shown}");
    let mut fresh = summary("fresh", Standing::New);
    (fresh.best_mean_reward, fresh.best_episodes, fresh.last) = (None, None, None);
    with_runs(&mut app, vec![fresh]);
    assert!(seen(&app, (80, 24)).contains("not evaluated yet"));
}

#[test]
fn a_run_that_lives_is_not_deleted_and_another_only_after_the_question() {
    let mut app = app();
    with_runs(&mut app, three());
    assert!(press(&mut app, "d").is_empty() && app.layers.is_empty());
    assert!(toast(&app).contains("stop it first"));
    press(&mut app, "j d");
    assert_eq!(app.layers, [Layer::Delete { dir: dir("two") }]);
    let question = seen(&app, (80, 24));
    assert!(question.contains("/runs/two goes with"), "{question}");
    assert!(press(&mut app, "Enter").is_empty(), "not by habit");
    assert!(press(&mut app, "Esc").is_empty() && app.layers.is_empty());
    let deleted = press(&mut app, "d y");
    assert_eq!(errands(&deleted), [Errand::Delete(dir("two"))]);
    let after = update(&mut app, Msg::Report(Report::Deleted(dir("two"))));
    assert_eq!(errands(&after), [Errand::List]);
    app.is_read_only = true;
    assert!(press(&mut app, "d").is_empty() && app.layers.is_empty());
    assert!(toast(&app).contains("only watching"));
}

#[test]
fn a_note_is_typed_kept_and_shown() {
    let mut app = app();
    with_runs(&mut app, three());
    press(&mut app, "j e Space o k");
    assert!(seen(&app, (80, 24)).contains("note on two: higher beta ok_"));
    press(&mut app, "ctrl-u b e s t");
    let kept = press(&mut app, "Enter");
    let text = "best".to_owned();
    assert_eq!(
        errands(&kept),
        [Errand::Note {
            dir: dir("two"),
            text
        }]
    );
    let after = update(&mut app, Msg::Report(Report::Noted(dir("two"))));
    assert_eq!(errands(&after), [Errand::List]);
}

#[test]
fn a_note_that_was_typed_and_not_written_waits_for_the_next_time() {
    let typed = |app: &App| match app.layers.last() {
        Some(Layer::Note { typed, .. }) => typed.to_string(),
        other => panic!("{other:?}"),
    };
    let mut app = app();
    with_runs(&mut app, three());
    press(&mut app, "j e Space o k");
    assert!(press(&mut app, "Esc").is_empty() && app.layers.is_empty());
    assert!(toast(&app).contains("e goes on with it"), "{}", toast(&app));
    press(&mut app, "k e");
    assert_eq!(typed(&app), "", "another run has another note");
    press(&mut app, "Esc j e");
    assert_eq!(typed(&app), "higher beta ok");
    assert_eq!(errands(&press(&mut app, "! Enter")).len(), 1);
    let why = "notes.txt: no space left".to_owned();
    update(&mut app, Msg::Report(Report::Failed(why)));
    press(&mut app, "e");
    assert_eq!(typed(&app), "higher beta ok!", "it could not be written");
    press(&mut app, "Enter");
    update(&mut app, Msg::Report(Report::Noted(dir("two"))));
    press(&mut app, "e");
    assert_eq!(typed(&app), "higher beta", "as the list has it");
    press(&mut app, "Space Esc");
    assert!(!toast(&app).contains("not saved"), "nothing was typed");
    press(&mut app, "e ctrl-u Esc e");
    assert_eq!(typed(&app), "higher beta", "an emptied line is no draft");
}

#[test]
fn the_filter_is_the_one_of_every_screen() {
    let table = [
        ("state:crash", &["three"][..]),
        ("reward>0", &["one", "three"]),
        ("seed=9", &["two"]),
        ("!seed=9 grpo.beta<0.1", &["one", "three"]),
        ("preset:nano model=nano BETA", &["two"]),
        ("step>=200", &[]),
    ];
    for (text, wanted) in table {
        let mut app = app();
        with_runs(&mut app, three());
        press(&mut app, "/");
        for c in text.chars() {
            let key = if c == ' ' {
                "Space".into()
            } else {
                c.to_string()
            };
            press(&mut app, &key);
        }
        let found: Vec<_> = app
            .runs
            .visible()
            .iter()
            .map(|r| r.run_id.clone())
            .collect();
        assert_eq!(found, wanted, "{text}");
        press(&mut app, "Enter");
        assert!(app.layers.is_empty());
        let shown = seen(&app, (80, 24));
        assert!(shown.contains(&format!("of 3 by {text}")), "{shown}");
        press(&mut app, "Esc");
        assert_eq!(app.runs.visible().len(), 3, "Esc takes it off");
    }
}

#[test]
fn a_note_cannot_steer_the_terminal() {
    let hostile = "a\u{1b}]0;x\u{7}\u{202e}\u{9b}2J\nb";
    let mut app = app();
    let mut run = summary(hostile, Standing::Failed);
    run.note = hostile.into();
    run.reason = hostile.into();
    with_runs(&mut app, vec![run]);
    for keys in ["Space", "e", "Esc", "d"] {
        press(&mut app, keys);
        let shown = seen(&app, (200, 60));
        assert!(!shown.chars().any(|c| c != '\n' && is_hostile(c)));
        assert!(shown.contains("<U+001B>"), "{keys}:\n{shown}");
    }
}

#[test]
fn the_cursor_stays_on_its_run_when_others_come() {
    let mut app = app();
    with_runs(&mut app, three());
    press(&mut app, "G");
    let mut more = three();
    more.insert(0, summary("zero", Standing::New));
    with_runs(&mut app, more);
    assert_eq!(app.runs.current().map(|r| r.run_id.as_str()), Some("three"));
    assert_eq!(app.runs.cursor(), 3);
    with_runs(&mut app, vec![summary("zero", Standing::New)]);
    assert_eq!(app.runs.cursor(), 0);
}

#[test]
fn a_run_in_progress_that_changes_state_is_looked_at_again() {
    let mut app = app();
    train(&mut app, 3);
    let says = |app: &mut App, state| {
        let fact = RunFact::Status(status(4, state));
        errands(&update(app, Msg::Fact(Fact::Run(fact))))
    };
    assert!(says(&mut app, RunState::Paused).is_empty(), "not in sight");
    press(&mut app, "F4");
    assert!(says(&mut app, RunState::Paused).is_empty(), "as before");
    assert_eq!(says(&mut app, RunState::Running), [Errand::List]);
    let message = "gone".to_owned();
    let crashed = Msg::Fact(Fact::Run(RunFact::Crashed { message }));
    assert!(errands(&update(&mut app, crashed)).contains(&Errand::List));
}

/// A run on disk that ended with its writer.
fn on_disk(root: &std::path::Path, id: &str) -> RunDir {
    let dir = RunDir::new(root.join(id));
    std::fs::create_dir(dir.path()).expect("folder");
    let manifest = Manifest::new(&dir, config(), plan(), "nano", "cpu", BTreeMap::new());
    let mut writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
    for step in 1..=50 {
        writer.metrics(&row(step)).expect("written");
    }
    let crashed = status(50, RunState::Running);
    writer.status(&crashed).expect("written");
    dir
}

#[test]
fn errands_read_note_export_and_delete_real_folders() {
    let root = tempfile::tempdir().expect("folder");
    let dir = on_disk(root.path(), "20260101-000000-s1");
    let mut app = app();
    let run = |app: &mut App, keys: &str| {
        let mut todo = press(app, keys);
        while let Some(effect) = todo.pop() {
            if let Effect::Errand(errand) = effect {
                todo.extend(update(app, Msg::Report(perform(root.path(), errand))));
            }
        }
    };
    run(&mut app, "F4");
    let standing = app.runs.current().map(|run| run.standing);
    assert_eq!(standing, Some(Standing::Crashed));
    run(&mut app, "e g o o d Enter");
    assert!(seen(&app, (80, 24)).contains("good"));
    run(&mut app, "w");
    let csv = std::fs::read_to_string(dir.export().join("metrics.csv")).expect("exported");
    assert_eq!(csv.lines().count(), 51);
    assert!(toast(&app).contains("metrics.csv"), "{}", toast(&app));
    run(&mut app, "Enter");
    assert_eq!(app.screen, ScreenName::Training);
    let shown = app.training.shown().expect("the run opened");
    assert!(shown.is_opened && shown.last_step == 50 && !app.training.is_in_progress());
    let shown = seen(&app, (80, 24));
    assert!(shown.contains("opened, read-only crashed"), "{shown}");
    press(&mut app, "v");
    assert!(app.training.shown().is_some_and(|run| run.is_shipped));
    press(&mut app, "v");
    assert!(app.training.shown().is_some_and(|run| run.is_opened));
    run(&mut app, "F4");
    let lock = RunLock::acquire(&dir).expect("free");
    run(&mut app, "d y");
    assert!(app.toast.as_ref().is_some_and(|toast| toast.is_bad));
    assert!(dir.is_run(), "somebody took it up meanwhile");
    drop(lock);
    run(&mut app, "d y");
    assert!(!dir.path().exists() && !app.runs.has_own());
    assert!(app.training.shown().is_some_and(|run| run.is_shipped));
}

#[test]
fn a_deleted_run_whose_adapter_was_asked_leaves_the_default_one() {
    let mut app = app();
    update(&mut app, ready());
    with_runs(&mut app, vec![summary("one", Standing::Finished)]);
    let adapter = OfferedAdapter {
        name: "one/sft".into(),
        dir: dir("one").adapter("sft"),
        written: None,
    };
    let offered = Fact::Offered {
        adapters: vec![adapter],
        refused: Vec::new(),
    };
    update(&mut app, Msg::Fact(offered));
    // The last of the choices is the one that was offered.
    app.queue.step_adapter(1);
    let asked = |app: &App| app.queue.adapter().cloned();
    let of_run = AdapterChoice::Named("one/sft".into());
    assert_eq!(asked(&app), Some(of_run));
    update(&mut app, Msg::Report(Report::Deleted(dir("one"))));
    let wanted = AdapterChoice::Named("stage4_adversarial".into());
    assert_eq!(asked(&app), Some(wanted));
    let said = "deleted one; its adapter is gone: asking stage4_adversarial";
    assert_eq!(toast(&app), said);
}
