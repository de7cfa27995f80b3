//! What the training screen says of a run: true of what it is, in the keys of the workbench, each thing once.

use crate::link::{AttackRow, Control, EvalRow, Fact, RunFact, RunState};
use crate::run::summary::Standing;
use crate::ui::app::{App, update};
use crate::ui::layer::Layer;
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{
    app, controls, frame, group, press, row, seen, status, summary, text, theme, toast, train,
    with_runs,
};
use crate::ui::theme::{Depth, Symbols};

const LARGE: (u16, u16) = (200, 60);

fn tell(app: &mut App, fact: RunFact) {
    update(app, Msg::Fact(Fact::Run(fact)));
}

fn search(app: &mut App, words: &str) {
    let keys: Vec<_> = words.chars().map(|c| c.to_string()).collect();
    press(app, &format!("/ {} Enter", keys.join(" ")));
}

#[test]
fn a_list_without_lines_says_whether_any_will_come() {
    let mut app = app();
    press(&mut app, "F2 Tab");
    let none = "the shipped run keeps no rollouts: t starts one that does";
    assert!(seen(&app, LARGE).contains(none), "{}", seen(&app, LARGE));
    press(&mut app, "Tab Tab Tab");
    assert!(seen(&app, LARGE).contains("the shipped run keeps no tries of the attacker"));
    train(&mut app, 3);
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("no tries of the attacker yet: they come with stage 4"),
        "{shown}"
    );
    tell(&mut app, RunFact::Status(status(160, RunState::Finished)));
    let none = "this run is over and has left no tries of the attacker";
    assert!(seen(&app, LARGE).contains(none), "{}", seen(&app, LARGE));
}

#[test]
fn a_group_says_that_its_step_has_more() {
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, "F2 Tab");
    assert!(!seen(&app, LARGE).contains("of this step"), "not told");
    let mut metrics = row(61);
    metrics.values.insert("rollout_groups".into(), 40.0);
    tell(&mut app, RunFact::Metrics(metrics));
    tell(&mut app, RunFact::Rollouts(Box::new(group(61))));
    for size in [(80, 24), (120, 35), LARGE] {
        let shown = seen(&app, size);
        assert!(shown.contains("one group of 40"), "{shown}");
    }
    let mut craft = group(61);
    craft.group_id += 1;
    tell(&mut app, RunFact::Rollouts(Box::new(craft)));
    assert!(
        seen(&app, LARGE).contains("one of 2 groups kept of 40"),
        "{}",
        seen(&app, LARGE)
    );
}

#[test]
fn a_search_finds_what_is_drawn() {
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, "F2 Tab");
    for (words, at) in [
        ("malformed", 6),
        ("monitor", 1),
        ("+0.15", 5),
        ("+0.70", 7),
        ("cut", 6),
    ] {
        press(&mut app, "g g");
        search(&mut app, words);
        assert_eq!(app.training.cursor(), at, "{words}");
    }
    let attack = |arm: &str, won| AttackRow {
        step: 60,
        arm: arm.into(),
        won,
        refused: None,
    };
    tell(&mut app, RunFact::Attack(attack("a+flood", 1.0)));
    tell(&mut app, RunFact::Attack(attack("b+flood", 0.25)));
    for (step, accuracy) in [(50, 0.5), (60, 0.75)] {
        let values = [("accuracy".to_owned(), accuracy)].into();
        tell(
            &mut app,
            RunFact::Evaluation(EvalRow {
                step,
                stage: "stage1_basic".into(),
                episodes: 10,
                values,
                ..EvalRow::default()
            }),
        );
    }
    press(&mut app, "Tab Tab");
    search(&mut app, "0.500");
    assert_eq!(app.training.cursor(), 1, "the older one");
    search(&mut app, "confusion");
    assert!(toast(&app).contains("no line of this list holds"));
    press(&mut app, "Tab");
    search(&mut app, "25%");
    assert_eq!(app.training.cursor(), 1);
}

#[test]
fn a_run_that_is_stopping_takes_no_other_control() {
    let mut app = app();
    train(&mut app, 50);
    press(&mut app, "F2");
    press(&mut app, "E");
    assert!(matches!(app.layers.last(), Some(Layer::Skip { .. })));
    press(&mut app, "Esc");
    assert_eq!(controls(&press(&mut app, "x")), [Control::Stop]);
    for keys in ["p", "S", "E"] {
        assert!(press(&mut app, keys).is_empty(), "{keys}");
        assert!(app.layers.is_empty(), "{keys}");
        assert!(
            toast(&app).starts_with("the run is stopping"),
            "{keys}: {}",
            toast(&app)
        );
    }
    assert_eq!(controls(&press(&mut app, "x")), [Control::Stop]);
    tell(&mut app, RunFact::Status(status(51, RunState::Stopped)));
    assert!(!app.training.is_stopping());
}

#[test]
fn the_question_whether_to_end_a_stage_goes_with_its_stage() {
    for ended in [RunState::Stopped, RunState::Running] {
        let mut app = app();
        train(&mut app, 50);
        press(&mut app, "F2 E");
        assert!(matches!(app.layers.last(), Some(Layer::Skip { .. })));
        let mut next = status(101, ended);
        next.phase = "stage2_multi".into();
        tell(&mut app, RunFact::Status(next));
        assert!(app.layers.is_empty(), "{ended:?}");
        assert_eq!(toast(&app), "that stage has ended meanwhile");
    }
}

#[test]
fn keys_stand_where_files_name_commands_and_each_thing_once() {
    let mut app = app();
    train(&mut app, 50);
    press(&mut app, "F2");
    let mut now = status(50, RunState::Running);
    now.reason = "training".into();
    tell(&mut app, RunFact::Status(now));
    let first = |app: &App, size| seen(app, size).lines().nth(1).unwrap_or("").to_owned();
    let line = first(&app, LARGE);
    assert_eq!(line.matches("training").count(), 1, "{line}");
    assert!(line.contains("left  run"), "{line}");
    let mut stopped = status(51, RunState::Stopped);
    stopped.reason = "stopped by request; --resume continues it".into();
    tell(&mut app, RunFact::Status(stopped));
    let line = first(&app, LARGE);
    assert!(
        line.contains("by request; t and then Enter continues it"),
        "{line}"
    );
    assert!(!seen(&app, LARGE).contains("--resume"));
    let narrow = text(&frame(
        &app,
        &theme(Depth::None, Symbols::Braille),
        (60, 16),
    ));
    let line = narrow.lines().nth(1).unwrap_or("");
    assert!(line.trim_end().ends_with('…'), "{line}");
    let dir = crate::run::RunDir::new("/tmp/run");
    let message = crate::run::reader::crash_words(&dir);
    tell(&mut app, RunFact::Crashed { message });
    let shown = seen(&app, LARGE);
    assert!(
        shown.contains("t and then Enter continues it from the last checkpoint"),
        "{shown}"
    );
    press(&mut app, "t");
    let form = seen(&app, LARGE);
    assert!(
        form.contains("50 of its 160 optimiser steps are done: sft 40"),
        "{form}"
    );
    assert!(!form.contains("in this process"), "{form}");
}

#[test]
fn the_list_of_runs_tells_more_where_there_is_room() {
    let mut app = app();
    with_runs(&mut app, vec![summary("one", Standing::Finished)]);
    let heads = [(80, 24), (120, 35), LARGE, (240, 60)].map(|size| {
        let shown = seen(&app, size);
        let head = shown.lines().find(|line| line.contains("preset"));
        ["accuracy", "created", "model"].map(|title| head.unwrap_or("").contains(title))
    });
    let wanted = [
        [false; 3],
        [true, true, true],
        [true, true, false],
        [true, true, true],
    ];
    assert_eq!(heads, wanted);
    let shown = seen(&app, LARGE);
    assert!(shown.contains("0.875    2026-01-01 00:00"), "{shown}");
}

#[test]
fn a_shipped_run_is_called_so_once() {
    let mut app = app();
    press(&mut app, "F2");
    let shown = seen(&app, LARGE);
    let line = shown.lines().nth(1).unwrap_or("");
    assert_eq!(line.matches("shipped").count(), 1, "{line}");
}

#[test]
fn a_list_of_rollouts_is_whole_again_where_it_has_room() {
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, "F2 Tab G");
    seen(&app, (80, 24));
    let shown = seen(&app, (120, 60));
    for response in 0..8 {
        let advantage = format!("{:+.2}", f64::from(response) / 10.0 - 0.35);
        assert!(shown.contains(&advantage), "{advantage}:\n{shown}");
    }
}

#[test]
fn a_run_that_is_only_watched_is_continued_by_the_command() {
    let mut app = app();
    app.is_read_only = true;
    train(&mut app, 50);
    press(&mut app, "F2");
    let mut stopped = status(51, RunState::Stopped);
    stopped.reason = "stopped by request; --resume continues it".into();
    tell(&mut app, RunFact::Status(stopped));
    let shown = seen(&app, LARGE);
    let wanted = "opensoc train --resume --run-dir /tmp/run continues it";
    assert!(shown.contains(wanted), "{shown}");
    assert!(
        !shown.contains("t and then"),
        "no key does it here:\n{shown}"
    );
}

#[test]
fn the_details_of_a_run_say_what_continues_it_from_the_list() {
    let mut run = summary("one", Standing::Stopped);
    run.reason = "stopped by request; --resume continues it".into();
    for (is_read_only, wanted) in [
        (
            false,
            "stopped in stage1_basic: stopped by request; Enter opens it, then t continues it",
        ),
        (
            true,
            "stopped by request; opensoc train --resume --run-dir /runs/one",
        ),
    ] {
        let mut app = app();
        app.is_read_only = is_read_only;
        with_runs(&mut app, vec![run.clone()]);
        let shown = seen(&app, (200, 60));
        assert!(shown.contains(wanted), "{shown}");
        assert!(shown.contains("created, UTC"), "{shown}");
    }
}

#[test]
fn what_was_wrong_with_a_run_that_has_ended_takes_no_room_over_its_curves() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2");
    let warns = |app: &App| {
        let shown = seen(app, (80, 24));
        shown.lines().any(|line| line.starts_with("warning"))
    };
    assert!(warns(&app), "it goes on");
    let signs = |app: &App| app.training.shown().map_or(0, |run| run.signs().count());
    let before = signs(&app);
    tell(&mut app, RunFact::Status(status(160, RunState::Finished)));
    assert!(!warns(&app), "{}", seen(&app, (80, 24)));
    assert_eq!(signs(&app), before, "its log has them");
}
