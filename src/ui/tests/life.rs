//! A watched run that falls silent, crashes, and comes back; and its tokens, likely and unlikely.

use ratatui::style::Modifier;

use crate::link::{Fact, RolloutGroup, RunFact, RunState};
use crate::ui::app::{App, update};
use crate::ui::msg::Msg;
use crate::ui::tests::fixtures::{app, frame, group, press, seen, status, text, theme, train};
use crate::ui::theme::{Depth, Symbols};

fn tell(app: &mut App, fact: RunFact) {
    update(app, Msg::Fact(Fact::Run(fact)));
}

fn toast(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

#[test]
fn a_silent_run_stands_in_every_frame_until_its_next_sign_of_life() {
    let mut app = app();
    train(&mut app, 120);
    press(&mut app, "F2");
    let message =
        "no sign of life for over 30 s\u{1b}; opensoc train --resume --run-dir /r".to_owned();
    tell(
        &mut app,
        RunFact::Silent {
            message: message.clone(),
        },
    );
    assert!(toast(&app).starts_with("the run is silent: no sign of life"));
    press(&mut app, "j");
    for size in [(80, 24), (160, 45)] {
        let shown = seen(&app, size);
        let head: Vec<_> = shown.lines().take(3).collect();
        assert!(head[0].contains("silent 120/160"), "{shown}");
        assert!(head[1].starts_with("silent"), "{shown}");
        assert!(head[2].contains("no sign of life"), "{shown}");
    }
    press(&mut app, "Tab Tab");
    let log = seen(&app, (160, 45));
    assert!(log.contains("--resume --run-dir /r"), "what to do:\n{log}");
    tell(&mut app, RunFact::Silent { message });
    assert_eq!(toast(&app), "", "said once");
    tell(&mut app, RunFact::Status(status(121, RunState::Running)));
    assert_eq!(toast(&app), "the run gives signs of life again");
    let shown = seen(&app, (160, 45));
    assert!(
        shown.contains("training 121/160") && !shown.contains("no sign of life"),
        "{shown}"
    );
    press(&mut app, "j");
    tell(&mut app, RunFact::Status(status(122, RunState::Running)));
    assert_eq!(toast(&app), "", "nothing new");
}

#[test]
fn what_to_do_about_a_silent_run_is_told_in_keys() {
    let mut app = app();
    train(&mut app, 120);
    let dir = app.training.live().and_then(|run| run.run_dir.clone());
    let dir = crate::run::RunDir::new(dir.expect("a folder"));
    let status = status(120, RunState::Running);
    let message = crate::run::reader::silence_words(&dir, &status, 30);
    assert!(message.contains("opensoc train --resume"), "{message}");
    tell(&mut app, RunFact::Silent { message });
    let said = toast(&app);
    let ends = "end that process; t and then Enter continues the run from the last checkpoint";
    assert!(
        said.ends_with(ends) && !said.contains("opensoc train"),
        "{said}"
    );
}

#[test]
fn a_crashed_run_that_is_continued_elsewhere_is_in_progress_again() {
    let mut app = app();
    train(&mut app, 100);
    let message = "its process is gone without a word".to_owned();
    let mut failed = status(100, RunState::Failed);
    failed.reason.clone_from(&message);
    tell(&mut app, RunFact::Status(failed));
    let shown = seen(&app, (160, 45));
    assert!(
        shown.contains("failed 100/160"),
        "not told by its words:\n{shown}"
    );
    tell(&mut app, RunFact::Status(status(100, RunState::Running)));
    tell(&mut app, RunFact::Crashed { message });
    assert!(!app.training.is_in_progress() && toast(&app).starts_with("the run failed"));
    let shown = seen(&app, (160, 45));
    assert!(shown.contains("crashed 100/160"), "{shown}");
    tell(&mut app, RunFact::Status(status(101, RunState::Running)));
    assert!(app.training.is_in_progress() && app.training.failure().is_none());
    assert_eq!(toast(&app), "the run gives signs of life again");
}

/// The text of the cells of a frame that have `modifier`, rows apart.
fn cells_with(app: &App, modifier: Modifier) -> String {
    let buffer = frame(app, &theme(Depth::None, Symbols::Ascii), (160, 45));
    let mut found = String::new();
    for row in 0..buffer.area.height {
        let cells = (0..buffer.area.width).map(|column| &buffer[(column, row)]);
        let told = cells.filter(|cell| cell.modifier.contains(modifier));
        found.extend(told.map(|cell| cell.symbol()));
        found.push('\n');
    }
    found
}

#[test]
fn unlikely_tokens_are_underlined_without_colour_and_the_least_likely_is_named() {
    let mut app = app();
    train(&mut app, 100);
    press(&mut app, "F2 r j");
    let rollout = &app.training.group().expect("a group").rollouts[1];
    let spoken = rollout.spoken();
    let of = |range: std::ops::Range<f64>| {
        let unlikely = spoken.iter().filter(move |(_, p)| range.contains(p));
        unlikely.map(|(text, _)| text.trim()).collect::<Vec<_>>()
    };
    let (underlined, reversed) = (of(0.0..0.5), of(0.0..0.1));
    assert!(underlined.len() > reversed.len() && !reversed.is_empty());
    let shown = cells_with(&app, Modifier::UNDERLINED);
    for token in underlined {
        assert!(shown.contains(token), "{token:?}:\n{shown}");
    }
    let sure = spoken.iter().find(|(text, p)| *p > 0.9 && text.len() > 4);
    let sure = sure.expect("a sure token").0.trim();
    assert!(!shown.contains(sure), "{sure:?}:\n{shown}");
    let shown = cells_with(&app, Modifier::UNDERLINED | Modifier::REVERSED);
    for token in reversed {
        assert!(shown.contains(token), "{token:?}:\n{shown}");
    }
    let shown = seen(&app, (160, 45));
    let named = format!("least likely of {} tokens:", spoken.len());
    assert!(shown.contains(&named) && shown.contains("4.0 %"), "{shown}");
}

#[test]
fn rollouts_of_older_runs_and_lists_that_do_not_fit_are_plain_text() {
    let mut old = serde_json::to_value(group(100)).expect("JSON");
    for rollout in old["rollouts"].as_array_mut().expect("a list") {
        let rollout = rollout.as_object_mut().expect("an object");
        assert!(rollout.remove("tokens").is_some() && rollout.remove("log_probs").is_some());
    }
    let old: RolloutGroup = serde_json::from_value(old).expect("still reads");
    let mut wrong = group(100);
    wrong.rollouts[0].log_probs.pop();
    wrong.rollouts[1].tokens[0] = "\u{1b}[31m".into();
    for group in [old, wrong] {
        let mut app = app();
        train(&mut app, 100);
        tell(&mut app, RunFact::Rollouts(Box::new(group)));
        press(&mut app, "F2 r");
        for _ in 0..2 {
            let shown = text(&frame(&app, &theme(Depth::None, Symbols::Ascii), (160, 45)));
            assert!(shown.contains("Rationale: rollout"), "{shown}");
            assert!(!shown.contains("least likely"), "{shown}");
            assert_eq!(cells_with(&app, Modifier::UNDERLINED).trim(), "");
            press(&mut app, "j");
        }
    }
}
