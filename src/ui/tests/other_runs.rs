//! Key scripts where another run than the one in progress is on screen, and where a run goes on that had begun before.

use crate::link::{Fact, RunFact, RunState};
use crate::run::RunDir;
use crate::ui::app::{App, update};
use crate::ui::errand::{Errand, Report};
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{
    app, controls, errands, group, plan, press, row, seen, status, toast, train,
};
use crate::ui::told::Watching;

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
