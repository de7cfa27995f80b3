//! What is said of a run that stands still, and of a disk that is nearly full.

use crate::link::{EvalRow, Fact, RunFact, RunState};
use crate::run::RunDir;
use crate::run::room::LITTLE;
use crate::ui::app::{App, update};
use crate::ui::errand::{Errand, Report, perform};
use crate::ui::msg::Msg;
use crate::ui::tending::wants_looks;
use crate::ui::tests::fixtures::{app, errands, press, row, seen, status, toast, train};

const LARGE: (u16, u16) = (160, 45);

fn tell(app: &mut App, fact: RunFact) {
    update(app, Msg::Fact(Fact::Run(fact)));
}

fn room(app: &mut App, free: Option<u64>) {
    let dir = RunDir::new("/tmp/run");
    update(app, Msg::Report(Report::Room { dir, free }));
}

#[test]
fn the_disk_of_a_run_in_progress_is_looked_at_on_every_screen() {
    let mut app = app();
    assert!(!wants_looks(&app));
    train(&mut app, 3);
    assert!(wants_looks(&app));
    let wanted = [Errand::Room(RunDir::new("/tmp/run"))];
    assert_eq!(errands(&update(&mut app, Msg::LookAgain)), wanted);
    assert!(
        update(&mut app, Msg::LookAgain).is_empty(),
        "not answered yet"
    );
    room(&mut app, Some(LITTLE));
    press(&mut app, "F4");
    let both = errands(&update(&mut app, Msg::LookAgain));
    assert_eq!(both, [&[Errand::List], &wanted[..]].concat());
    tell(&mut app, RunFact::Status(status(3, RunState::Finished)));
    press(&mut app, "F2");
    assert!(!wants_looks(&app), "it has ended");
    let root = tempfile::tempdir().expect("folder");
    let there = Errand::Room(RunDir::new(root.path()));
    let told = perform(root.path(), there);
    assert!(matches!(told, Report::Room { free: Some(free), .. } if free > 0));
}

#[test]
fn little_room_is_said_once_and_stands_over_the_curves_as_long_as_it_is_so() {
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, "F2");
    app.take_change();
    for plenty in [Some(LITTLE), None] {
        room(&mut app, plenty);
        assert!(app.take_change().is_none() && toast(&app).is_empty());
    }
    room(&mut app, Some(LITTLE / 2));
    assert!(toast(&app).contains("nearly full, 0.5 GiB left: make room"));
    let head = |app: &App| seen(app, LARGE).lines().nth(2).map(str::to_owned);
    let stands = |app: &App| {
        let head = head(app).unwrap_or_default();
        head.starts_with("warning") && head.contains("nearly full")
    };
    assert!(stands(&app), "{:?}", head(&app));
    app.take_change();
    room(&mut app, Some(LITTLE / 2));
    assert!(app.take_change().is_none(), "nothing new");
    press(&mut app, "j");
    room(&mut app, Some(LITTLE / 4));
    assert!(
        app.take_change().is_some() && toast(&app).is_empty(),
        "said"
    );
    assert!(seen(&app, LARGE).contains("0.2 GiB left"));
    room(&mut app, Some(LITTLE * 2));
    assert!(!stands(&app), "{:?}", head(&app));
    // A run that has ended writes no more.
    room(&mut app, Some(0));
    assert!(stands(&app));
    tell(&mut app, RunFact::Status(status(60, RunState::Stopped)));
    room(&mut app, Some(0));
    assert!(!stands(&app), "{:?}", head(&app));
}

#[test]
fn a_run_that_gets_no_better_says_so_until_it_does() {
    let mut app = app();
    train(&mut app, 60);
    let evaluate = |app: &mut App, step: u64, reward: f64| {
        let row = EvalRow {
            step,
            stage: "stage1_basic".into(),
            episodes: 8,
            values: [("mean_reward".to_owned(), reward)].into(),
            ..EvalRow::default()
        };
        tell(app, RunFact::Evaluation(row));
    };
    let said = |app: &App| {
        let run = app.training.live().expect("a run");
        let signs = run.signs().map(|sign| sign.text(true));
        signs.collect::<Vec<_>>().join("\n")
    };
    let says = |app: &App| said(app).contains("no better hold-out reward");
    (1..=8).for_each(|step| evaluate(&mut app, step, 0.5));
    assert!(!says(&app));
    evaluate(&mut app, 9, 0.25);
    assert!(says(&app));
    assert!(said(&app).contains("evaluations: x stops; the best"));
    // Resumed from before: the later evaluations are told again.
    evaluate(&mut app, 8, 0.5);
    assert!(!says(&app));
    evaluate(&mut app, 9, 0.5);
    assert!(says(&app));
    evaluate(&mut app, 10, 0.75);
    assert!(!says(&app));
}

#[test]
fn what_begins_to_go_wrong_is_said_once_on_every_other_screen() {
    let malformed = |app: &mut App, steps: std::ops::RangeInclusive<u64>| {
        for step in steps {
            let mut told = row(step);
            told.values.insert("format_ok".into(), 0.1);
            tell(app, RunFact::Metrics(told));
        }
    };
    for (keys, is_told) in [("F1", true), ("F3", true), ("F4", true), ("F2", false)] {
        let mut app = app();
        train(&mut app, 60);
        press(&mut app, keys);
        app.toast = None;
        malformed(&mut app, 61..=90);
        let said = toast(&app);
        assert_eq!(
            said.contains("malformed; F2 says"),
            is_told,
            "{keys}: {said}"
        );
        app.toast = None;
        malformed(&mut app, 91..=100);
        assert!(toast(&app).is_empty(), "{keys}: {}", toast(&app));
    }
}
