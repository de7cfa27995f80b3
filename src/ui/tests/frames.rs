//! Frames in text: what the screens show, at every size, without colour, and with hostile text in them.

use crate::env::schema::Stage;
use crate::gate;
use crate::link::{Fact, RunFact, RunState, Status};
use crate::ui::app::update;
use crate::ui::layer::Layer;
use crate::ui::msg::Msg;
use crate::ui::queue::Entry;
use crate::ui::tests::fixtures::{
    answer, app, frame, group, press, ready, right, seen, states, status, text, theme, train, wrong,
};
use crate::ui::theme::{Depth, Symbols};

#[test]
fn every_state_draws_at_every_size() {
    let looks = [
        theme(Depth::None, Symbols::Ascii),
        theme(Depth::Truecolor, Symbols::Braille),
        theme(Depth::Ansi16, Symbols::Blocks),
    ];
    for (at, app) in states().iter().enumerate() {
        let look = &looks[at % looks.len()];
        for width in 0..=100 {
            for height in 0..=40 {
                // Every state up to 30x30; beyond, steps are enough to meet every layout.
                let is_small = width < 60 || height < 16;
                let is_every = width <= 30 && height <= 30;
                if !is_every && (width + height) % 3 != at as u16 % 3 {
                    continue;
                }
                let buffer = frame(app, look, (width, height));
                // A question before quitting stands there even so.
                let asks = app.layers.last().is_some_and(Layer::asks_to_quit);
                if is_small && width >= 20 && height > 0 && !asks {
                    assert!(text(&buffer).contains("needs 60x16"), "{width}x{height}");
                }
            }
        }
        frame(app, look, (300, 100));
    }
}

#[test]
fn an_alert_can_be_read_and_decided_on_80x24() {
    let mut app = app();
    let before = seen(&app, (80, 24));
    assert!(before.contains("loading the weights"), "{before}");
    let entry = app.queue.current().expect("an alert");
    let alert_id = entry.episode.alert.alert_id.clone();
    let (rule, reason) = (
        entry.episode.truth.rule.clone(),
        entry.episode.truth.reason.clone(),
    );
    assert!(
        before.contains(&alert_id) && before.contains("L"),
        "{before}"
    );
    assert!(
        before.contains("? help") && before.contains("q quit"),
        "{before}"
    );
    assert!(!before.contains(&rule), "truth is hidden:\n{before}");
    let effects = update(&mut app, ready());
    assert!(seen(&app, (80, 24)).contains("thinking"));
    answer(&mut app, effects, wrong);
    let shown = seen(&app, (80, 24));
    assert!(
        shown.contains("cites L9-99") && !shown.contains("wrong"),
        "{shown}"
    );
    press(&mut app, "2 Enter");
    let after = seen(&app, (100, 40));
    let reason_start: String = reason.chars().take(20).collect();
    for wanted in [rule.as_str(), &reason_start, "✗ wrong", "reward", "monitor"] {
        assert!(after.contains(wanted), "{wanted}:\n{after}");
    }
}

#[test]
fn the_truth_is_in_sight_after_the_reveal_at_every_size() {
    for size in [(80, 24), (60, 16), (160, 45)] {
        for at in 0..6 {
            let mut app = app();
            let effects = update(&mut app, ready());
            answer(&mut app, effects, wrong);
            for _ in 0..at {
                let effects = press(&mut app, "]");
                answer(&mut app, effects, wrong);
            }
            press(&mut app, "r");
            let truth = app.queue.current().expect("an alert").episode.truth.clone();
            let shown = seen(&app, size);
            let mut lines = shown.lines();
            let is_marked = |line: &str| {
                let marks = line.contains('▸') && line.contains(" T ");
                marks && line.contains(&truth.triggering_log_id)
            };
            assert!(lines.any(is_marked), "{size:?} {at}:\n{shown}");
            let reason: String = truth.reason.chars().take(20).collect();
            for wanted in [truth.rule.as_str(), truth.action.as_str(), &reason] {
                assert!(shown.contains(wanted), "{wanted} {size:?}:\n{shown}");
            }
            if size == (80, 24) {
                assert!(shown.contains("reward"), "{shown}");
            }
        }
    }
}

#[test]
fn answers_longer_than_their_pane_can_be_scrolled() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        right(episode).replace("as the rule says", "the very last words")
    });
    press(&mut app, "r S-Tab");
    let shown = seen(&app, (60, 16));
    assert!(shown.contains("Answers ↓"), "{shown}");
    assert!(!shown.contains("very last words"), "{shown}");
    press(&mut app, "G");
    let shown = seen(&app, (60, 16));
    assert!(shown.contains("very last words"), "{shown}");
    assert!(shown.contains("Answers ↑"), "{shown}");
    press(&mut app, "]");
    assert_eq!(app.queue.answers_scroll.first(), 0);
}

#[test]
fn a_log_line_longer_than_the_pane_begins_at_its_first_row() {
    let mut app = app();
    let mut episode = app.queue.current().expect("an alert").episode.clone();
    for event in &mut episode.log_window {
        let note = "very long words ".repeat(40);
        event.fields.insert("note".into(), note.into());
    }
    let ids: Vec<_> = episode
        .log_window
        .iter()
        .map(|e| e.log_id.clone())
        .collect();
    app.queue
        .entries
        .insert(Stage::Mixed, vec![Entry::new(episode)]);
    app.queue.select(0);
    press(&mut app, "Tab");
    for (at, id) in ids.iter().enumerate() {
        let shown = seen(&app, (80, 24));
        let mut lines = shown.lines();
        let is_there = lines.any(|line| line.contains('▸') && line.contains(id));
        assert!(is_there, "{id}:\n{shown}");
        let arrows = if at == 0 { "↓" } else { "↑↓" };
        let place = format!("Log window {}/{} {arrows}:", at + 1, ids.len());
        assert!(shown.contains(&place), "{place}:\n{shown}");
        // To its end first, then to the next.
        for _ in 0..40 {
            let before = app.queue.line;
            press(&mut app, "j");
            if app.queue.line != before {
                break;
            }
            seen(&app, (80, 24));
        }
    }
}

#[test]
fn a_failure_is_shown_whole_and_its_end_too() {
    let reason = "the folder runs/20260101T000000Z is being written by process 4711 on this machine: stop it there first, \
                  or take the file lock away when that process is gone";
    let mut app = app();
    press(&mut app, "F2 t Enter");
    let status = Status {
        reason: reason.into(),
        phase: String::new(),
        total_steps: 0,
        ..status(0, RunState::Failed)
    };
    update(&mut app, Msg::Fact(Fact::Run(RunFact::Status(status))));
    let words = |text: &str| {
        let cells = text.replace(['│', '┌', '─', '└'], " ");
        cells.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let toast = seen(&app, (80, 24));
    assert!(
        toast.contains("failed") && !toast.contains("starting"),
        "{toast}"
    );
    assert!(!toast.contains("0/0"), "{toast}");
    assert!(
        words(&toast).contains(&format!("error: the run failed: {reason}")),
        "{toast}"
    );
    press(&mut app, "F1");
    update(&mut app, Msg::ToastExpired);
    press(&mut app, "F2");
    let screen = seen(&app, (80, 24));
    assert!(words(&screen).contains(reason), "{screen}");
    press(&mut app, "Tab Tab");
    let log = seen(&app, (80, 40));
    let log = log.rsplit("[Log]").next().unwrap_or("");
    assert!(words(log).contains(reason), "{log}");
}

#[test]
fn right_and_wrong_differ_without_colour() {
    for symbols in [Symbols::Braille, Symbols::Ascii] {
        let theme = theme(Depth::None, symbols);
        let mut marks = Vec::new();
        for reply in [right, wrong] {
            let mut app = app();
            let effects = update(&mut app, ready());
            answer(&mut app, effects, reply);
            press(&mut app, "r");
            let buffer = frame(&app, &theme, (80, 24));
            assert!(
                buffer
                    .content
                    .iter()
                    .all(|cell| cell.fg == ratatui::style::Color::Reset)
            );
            marks.push(text(&buffer));
        }
        let (good, bad) = (theme.glyphs.right, theme.glyphs.wrong);
        assert!(marks[0].contains(&format!("{good} right")), "{}", marks[0]);
        assert!(marks[1].contains(&format!("{bad} wrong")), "{}", marks[1]);
        assert!(!marks[1].contains("right "), "{}", marks[1]);
    }
}

#[test]
fn the_shipped_run_is_shown_before_any_other() {
    let mut app = app();
    press(&mut app, "F2");
    let shown = seen(&app, (200, 60));
    for wanted in [
        "shipped",
        "read-only",
        "reward",
        "stage1_basic",
        "1:format",
        "5:escalate",
        "share/monitor",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    assert!(
        shown
            .chars()
            .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
        "{shown}"
    );
    assert!(
        shown.contains("\n   1.0 ") && shown.contains("\n  -1.0 "),
        "{shown}"
    );
}

#[test]
fn a_run_shows_state_times_rollouts_and_warnings() {
    let mut app = app();
    train(&mut app, 100);
    press(&mut app, "g t Tab");
    let shown = seen(&app, (80, 24));
    for wanted in [
        "training",
        "2m30s",
        "1m30s left",
        "step 100 of 160",
        "block_ip",
        "p pause",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    let wide = seen(&app, (160, 45));
    assert!(
        wide.contains("cut off") && wide.contains("malformed"),
        "{wide}"
    );
    press(&mut app, "Tab");
    assert!(seen(&app, (160, 45)).contains("8 equal rewards"));
}

#[test]
fn no_hostile_character_reaches_a_cell() {
    let hostile = "a\u{1b}]0;x\u{7}b\u{202e}c\u{200b}d\u{9b}2Je\rf\ng";
    let mut app = app();
    train(&mut app, 60);
    let mut episode = app.queue.current().expect("an alert").episode.clone();
    episode.alert.host = hostile.into();
    episode.alert.summary = hostile.into();
    episode.alert.alert_id = hostile.into();
    episode.alert.severity = hostile.into();
    episode.truth.reason = hostile.into();
    for event in &mut episode.log_window {
        event.source = hostile.into();
        event.fields.insert("note".into(), hostile.into());
    }
    app.queue
        .entries
        .insert(Stage::Mixed, vec![Entry::new(episode)]);
    app.queue.select(0);
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |_| hostile.into());
    let mut bad_group = group(61);
    bad_group.summary = hostile.into();
    bad_group.rollouts[0].response = hostile.into();
    let message: String = hostile.into();
    for fact in [
        Fact::Run(RunFact::Rollouts(Box::new(bad_group))),
        Fact::Run(RunFact::Warning {
            step: 1,
            message: message.clone(),
        }),
        Fact::ModelFailed { message },
    ] {
        update(&mut app, Msg::Fact(fact));
    }
    for keys in ["v", "r", "F2", "Tab", "Tab", "t"] {
        press(&mut app, keys);
        for size in [(80, 24), (200, 60)] {
            let buffer = frame(&app, &theme(Depth::Truecolor, Symbols::Braille), size);
            let cells = buffer.content.iter().flat_map(|cell| cell.symbol().chars());
            assert_eq!(cells.filter(|c| gate::is_hostile(*c)).count(), 0);
            let shown = text(&buffer);
            assert!(
                keys == "t" || shown.contains("<U+001B>"),
                "{keys}:\n{shown}"
            );
        }
    }
}
