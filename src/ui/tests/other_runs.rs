//! Key scripts where another run than the one in progress is on screen, where a run goes on that had begun before, and what is
//! read from folders while it is looked at.

use std::collections::BTreeMap;
use std::path::Path;

use crate::link::{Fact, RunFact, RunState};
use crate::run::groups::Wanted;
use crate::run::summary::Standing;
use crate::run::{Manifest, RunDir, RunWriter};
use crate::ui::app::{App, update};
use crate::ui::errand::{Errand, Listing, Porter, Report};
use crate::ui::msg::{Effect, Msg};
use crate::ui::tending::wants_looks;
use crate::ui::tests::fixtures::{
    app, config, controls, errands, group, plan, press, row, seen, status, summary, toast, train,
    with_runs,
};
use crate::ui::told::Watching;
use crate::ui::watching::TrainingPane;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 60);

fn tell(app: &mut App, fact: RunFact) -> Vec<Effect> {
    update(app, Msg::Fact(Fact::Run(fact)))
}

/// A run of so many steps, as it is read from its folder.
fn opened(dir: &str, steps: u64, state: RunState) -> Watching {
    let mut run = Watching::opened();
    run.apply(RunFact::Started {
        run_dir: dir.into(),
        run_id: dir.rsplit('/').next().unwrap_or_default().into(),
        plan: plan(),
    });
    for step in 1..=steps {
        run.apply(RunFact::Metrics(row(step)));
    }
    run.apply(RunFact::Status(status(steps, state)));
    run
}

fn open(app: &mut App, run: Watching) {
    update(app, Msg::Report(Report::Opened(Box::new(run))));
}

#[test]
fn keys_steer_only_the_run_on_screen() {
    let mut app = app();
    train(&mut app, 90);
    press(&mut app, "F2");
    assert!(seen(&app, LARGE).contains("p pause"));
    let others: [&dyn Fn(&mut App); 2] = [
        &|app| open(app, opened("/runs/other", 50, RunState::Running)),
        &|app| drop(press(app, "v")),
    ];
    for show in others {
        show(&mut app);
        for key in ["p", "x", "S", "E"] {
            let effects = press(&mut app, key);
            assert!(controls(&effects).is_empty() && app.layers.is_empty());
            assert!(toast(&app).contains("v shows the run"), "{}", toast(&app));
        }
        press(&mut app, "j");
        let shown = seen(&app, LARGE);
        assert!(
            !shown.contains("p pause") && !shown.contains("x stop"),
            "{shown}"
        );
        let mut turns = 0;
        while !app.training.shown().is_some_and(Watching::is_in_progress) {
            press(&mut app, "v");
            turns += 1;
            assert!(turns < 4, "v comes round");
        }
        assert_eq!(controls(&press(&mut app, "S")).len(), 1);
    }
}

#[test]
fn a_run_that_was_opened_can_be_continued_and_is_named() {
    for state in [RunState::Stopped, RunState::Failed] {
        let mut app = app();
        open(&mut app, opened("/runs/old-one", 50, state));
        press(&mut app, "t");
        assert!(seen(&app, SMALL).contains("Enter continues old-one"));
        let effects = press(&mut app, "Enter");
        assert!(
            matches!(&effects[..], [Effect::StartRun { continue_in: Some(dir) }] if dir.ends_with("old-one")),
            "{effects:?}"
        );
        let shown = app.training.shown().expect("the run");
        assert!(
            shown.is_in_progress() && shown.last_step == 50,
            "its past stays"
        );
    }
    let mut app = app();
    open(&mut app, opened("/runs/done", 160, RunState::Finished));
    press(&mut app, "t");
    assert!(seen(&app, SMALL).contains("Enter starts;"));
    let effects = press(&mut app, "Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
}

#[test]
fn what_a_continued_run_told_before_is_read_and_put_under_what_it_tells() {
    let mut app = app();
    press(&mut app, "F2");
    let started = RunFact::Started {
        run_dir: "/runs/old".into(),
        run_id: "old".into(),
        plan: plan(),
    };
    assert!(errands(&tell(&mut app, started)).is_empty());
    let asked = tell(&mut app, RunFact::Status(status(50, RunState::Running)));
    let dir = RunDir::new("/runs/old");
    assert_eq!(errands(&asked), [Errand::Past(dir.clone())]);
    for step in 51..=55 {
        let asked = tell(&mut app, RunFact::Metrics(row(step)));
        assert!(errands(&asked).is_empty(), "once");
        tell(&mut app, RunFact::Rollouts(Box::new(group(step))));
    }
    let message = "one action takes 70 %".to_owned();
    tell(
        &mut app,
        RunFact::Warning {
            step: 55,
            message: message.clone(),
        },
    );
    tell(&mut app, RunFact::Status(status(55, RunState::Paused)));
    // The folder was read when step 53 and the warning were in it.
    let mut past = opened("/runs/old", 53, RunState::Running);
    (45..=53).for_each(|step| past.apply(RunFact::Rollouts(Box::new(group(step)))));
    past.apply(RunFact::Warning { step: 55, message });
    update(&mut app, Msg::Report(Report::Past(Box::new(past))));
    let run = app.training.live().expect("the run");
    let steps: Vec<_> = run
        .curves
        .get("loss")
        .expect("a curve")
        .points()
        .iter()
        .map(|p| p.step)
        .collect();
    assert_eq!(steps, (1..=55).collect::<Vec<_>>());
    let groups: Vec<_> = run.groups.iter().map(|group| group.step).collect();
    assert_eq!(groups, (45..=55).collect::<Vec<_>>());
    assert_eq!(run.warnings.len(), 1);
    assert_eq!(run.state(), Some(RunState::Paused));
    assert!(run.is_in_progress() && !run.is_opened);
    assert_eq!(controls(&press(&mut app, "x")).len(), 1);
}

#[test]
fn a_new_run_and_one_of_another_process_have_no_past_to_be_read() {
    let mut app = app();
    train(&mut app, 3);
    let told = tell(&mut app, RunFact::Status(status(3, RunState::Running)));
    assert!(errands(&told).is_empty());
    app.is_elsewhere = true;
    let started = RunFact::Started {
        run_dir: "/runs/far".into(),
        run_id: "far".into(),
        plan: plan(),
    };
    tell(&mut app, started);
    let told = tell(&mut app, RunFact::Status(status(50, RunState::Running)));
    assert!(errands(&told).is_empty());
}

#[test]
fn rollouts_that_are_no_longer_kept_are_read_and_leafed_through() {
    let mut app = app();
    train(&mut app, 40);
    for step in 41..=140 {
        tell(&mut app, RunFact::Metrics(row(step)));
        tell(&mut app, RunFact::Rollouts(Box::new(group(step))));
    }
    let dir = RunDir::new("/tmp/run");
    let ask = |wanted| Errand::Groups {
        dir: dir.clone(),
        wanted,
    };
    let read = |app: &mut App, wanted, steps: &[u64]| {
        let groups = steps.iter().map(|step| group(*step)).collect();
        let report = Report::Groups {
            dir: dir.clone(),
            wanted,
            groups,
        };
        update(app, Msg::Report(report));
    };
    let step = |app: &App| app.training.group().map(|group| group.step);
    press(&mut app, "F2 s 5 0 Enter");
    assert_eq!(errands(&press(&mut app, "r")), [ask(Wanted::From(50))]);
    read(&mut app, Wanted::From(50), &[50]);
    assert_eq!(step(&app), Some(50));
    assert!(
        seen(&app, LARGE).contains("step 50 group 50"),
        "{}",
        seen(&app, LARGE)
    );
    assert_eq!(errands(&press(&mut app, "[")), [ask(Wanted::Before(50))]);
    read(&mut app, Wanted::Before(50), &[49]);
    assert_eq!(step(&app), Some(49));
    assert_eq!(errands(&press(&mut app, "]")), [ask(Wanted::After(49))]);
    // From the oldest that is kept backwards, and forwards to it again.
    press(&mut app, "Esc Esc r");
    for _ in 0..63 {
        assert!(press(&mut app, "[").is_empty());
    }
    assert_eq!(step(&app), Some(77));
    assert_eq!(errands(&press(&mut app, "[")), [ask(Wanted::Before(77))]);
    read(&mut app, Wanted::Before(77), &[76]);
    assert!(press(&mut app, "]").is_empty());
    assert_eq!((step(&app), app.training.is_leafing()), (Some(77), false));
    read(&mut app, Wanted::Before(77), &[]);
    assert!(toast(&app).contains("no rollouts before step 77"));
    read(&mut app, Wanted::From(45), &[48]);
    assert!(
        toast(&app).contains("nearest are of step 48"),
        "{}",
        toast(&app)
    );
}

#[test]
fn the_log_window_behind_rollouts_stands_under_them_when_there_is_room() {
    use crate::env::generate::episode;
    use crate::env::schema::{Split, Stage};
    let mut app = app();
    train(&mut app, 60);
    let asked = episode(Stage::Multi, Split::Train, 7, 12);
    let mut known = group(61);
    known.episode_id.clone_from(&asked.episode_id);
    known.truth_action = asked.truth.action;
    known
        .truth_log_id
        .clone_from(&asked.truth.triggering_log_id);
    known.rule.clone_from(&asked.truth.rule);
    let mut other = known.clone();
    (other.step, other.rule) = (62, "another rule".into());
    tell(&mut app, RunFact::Rollouts(Box::new(known)));
    press(&mut app, "F2 Tab");
    assert!(!seen(&app, LARGE).contains("log window of"));
    press(&mut app, "Enter");
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains(&format!("log window of {}", asked.episode_id)),
        "{shown}"
    );
    for event in &asked.log_window {
        assert!(
            shown.contains(&format!("] {} src=", event.log_id)),
            "{shown}"
        );
    }
    tell(&mut app, RunFact::Rollouts(Box::new(other)));
    assert!(seen(&app, LARGE).contains("not generated by stage, split, seed and index alone"));
}

#[test]
fn a_window_does_not_survive_another_run() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2 Left + +");
    open(&mut app, opened("/runs/short", 12, RunState::Finished));
    let view = &app.training.view;
    assert!(!view.is_zoomed() && view.cursor.is_none());
    press(&mut app, "+ f v");
    assert!(!app.training.view.is_zoomed() && !app.training.view.is_held());
}

#[test]
fn before_leaving_a_paused_run_it_is_said_that_it_goes_on() {
    let mut app = app();
    train(&mut app, 3);
    press(&mut app, "q");
    assert!(seen(&app, SMALL).contains("l  leave it running"));
    press(&mut app, "Esc");
    tell(&mut app, RunFact::Status(status(3, RunState::Paused)));
    press(&mut app, "q");
    assert!(seen(&app, SMALL).contains("resume it, leave it running"));
    app.is_elsewhere = true;
    assert!(!seen(&app, SMALL).contains("resume it"));
}

#[test]
fn a_promise_that_was_kept_stands_no_longer() {
    let mut app = app();
    train(&mut app, 3);
    press(&mut app, "F2 p");
    assert!(toast(&app).contains("pausing after this step"));
    tell(&mut app, RunFact::Status(status(4, RunState::Running)));
    assert!(toast(&app).contains("pausing"), "not yet");
    tell(&mut app, RunFact::Status(status(4, RunState::Paused)));
    assert_eq!(toast(&app), "");
}

#[test]
fn hints_follow_the_pane() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2");
    let last = |app: &App| seen(app, (140, 24)).lines().last().unwrap_or("").to_owned();
    assert!(!last(&app).contains("older"), "{}", last(&app));
    press(&mut app, "Tab");
    assert_eq!(app.training.pane, TrainingPane::Rollouts);
    let hints = last(&app);
    assert!(hints.starts_with(" [ older  ] newer  s step"), "{hints}");
    press(&mut app, "Tab");
    let wide = seen(&app, (300, 24));
    let wide = wide.lines().last().unwrap_or("");
    for hint in ["f freeze", "L log", "X x axis", "Y y axis", "E end stage"] {
        assert!(wide.contains(hint), "{hint}: {wide}");
    }
}

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
    assert!(!wants_looks(&app), "it has ended");
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
    run(&mut app, "G");
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("broken") && shown.contains("run.json"),
        "{shown}"
    );
    run(&mut app, "d y");
    assert!(!odd.exists() && app.runs.count() == 1);
}
