//! What the episodes screen tells of an alert in depth: probabilities, the table of log lines, all fields, a second
//! answer.

use crate::link::{AdapterChoice, Command};
use crate::ui::app::{App, update};
use crate::ui::msg::Effect;
use crate::ui::queue::Entry;
use crate::ui::record::Role;
use crate::ui::tests::copies::copied;
use crate::ui::tests::fixtures::{
    answer, answered, app, frame, press, ready, right, seen, text, theme, wrong,
};
use crate::ui::theme::{Depth, Symbols};

#[test]
fn probabilities_are_bars_with_numbers_and_wait_for_the_reveal_when_blind() {
    let mut app = answered();
    for size in [(80, 24), (120, 35)] {
        press(&mut app, "Tab Tab");
        let mut shown = seen(&app, size);
        for _ in 0..12 {
            press(&mut app, "j");
            shown += &seen(&app, size);
        }
        for wanted in ["Prob.", "62.5%", "25.0%", "Raw", "CitedLog: L"] {
            assert!(shown.contains(wanted), "{wanted}:\n{shown}");
        }
        press(&mut app, "Tab");
    }
    let ascii = theme(Depth::None, Symbols::Ascii);
    let shown = text(&frame(&app, &ascii, (160, 45)));
    assert!(
        shown.contains("#####") && shown.contains("25.0%"),
        "{shown}"
    );
    let truth = app.queue.current().expect("an alert").episode.truth.action;
    let rows = |shown: &str, word: &str| {
        let mut lines = shown.lines();
        lines.any(|line| line.contains('%') && line.contains(truth.as_str()) && line.contains(word))
    };
    assert!(rows(&shown, "said") && !rows(&shown, "true"), "{shown}");
    press(&mut app, "v");
    let blind = seen(&app, (160, 45));
    assert!(!blind.contains('%') && !blind.contains("Raw"), "{blind}");
    press(&mut app, "r");
    let shown = seen(&app, (160, 45));
    assert!(rows(&shown, "said, true"), "{shown}");
}

#[test]
fn the_log_window_is_a_table_with_times_between_and_roles_after_the_reveal() {
    for size in [(80, 24), (120, 35)] {
        let mut app = answered();
        let before = seen(&app, size);
        assert!(before.contains(" UTC L1-0 "), "{before}");
        assert!(
            before.contains(" +00:") || before.contains(" +01:"),
            "{before}"
        );
        for word in ["trigger", "evidence", "decoy"] {
            assert!(!before.contains(word), "{word} tells the truth:\n{before}");
        }
        press(&mut app, "r");
        let entry = app.queue.current().expect("an alert");
        let after = seen(&app, (120, 45));
        let mut decoys = 0;
        for event in &entry.episode.log_window {
            let Some(role) = Role::of(&entry.episode, &event.log_id) else {
                continue;
            };
            decoys += usize::from(role == Role::Decoy);
            let mut lines = after.lines();
            let is_marked = lines.any(|line| {
                let letter = format!("{} {}", role.letter(), role.word());
                line.contains(&letter) && line.contains(&event.log_id)
            });
            assert!(is_marked, "{role:?} {}:\n{after}", event.log_id);
        }
        assert_eq!(decoys, entry.episode.stage.decoys());
        assert!(after.contains("T trigger, E evidence, D decoy"), "{after}");
    }
}

#[test]
fn a_cited_line_that_is_nothing_to_the_truth_says_so_in_a_word() {
    let begin = || {
        let mut app = app();
        let mut episode = app.queue.current().expect("an alert").episode.clone();
        let trigger = episode.truth.triggering_log_id.clone();
        let mut window = episode.log_window.iter();
        let at = window.position(|event| event.log_id != trigger);
        let at = at.expect("another line");
        let event = episode.log_window[at].clone();
        episode.truth.evidence.retain(|id| *id != event.log_id);
        episode.incident.events.push(event.clone());
        assert_eq!(Role::of(&episode, &event.log_id), None);
        app.queue
            .entries
            .insert(episode.stage, vec![Entry::new(episode)]);
        app.queue.select(0);
        (app, at, event.log_id)
    };
    let says = |app: &App, id: &str| {
        let shown = seen(app, (120, 45));
        shown
            .lines()
            .any(|row| row.contains(" cited ") && row.contains(id))
    };
    let (mut app, line, id) = begin();
    app.queue.line = line;
    press(&mut app, "Space");
    assert!(!says(&app, &id), "there is no column for it yet");
    press(&mut app, "r");
    assert!(says(&app, &id), "{}", seen(&app, (120, 45)));
    let (mut app, _, id) = begin();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        right(episode).replace(&episode.truth.triggering_log_id, &id)
    });
    press(&mut app, "r");
    assert!(says(&app, &id), "{}", seen(&app, (120, 45)));
    let (mut app, _, id) = begin();
    press(&mut app, "r");
    assert!(!says(&app, &id), "nobody cites it");
}

#[test]
fn all_fields_of_a_line_are_shown_copied_and_filtered_by() {
    let mut app = answered();
    press(&mut app, "o l g g");
    let event = app.queue.current().expect("an alert").episode.log_window[1].clone();
    for size in [(80, 24), (120, 35)] {
        let shown = seen(&app, size);
        for name in event.fields.keys() {
            assert!(shown.contains(name.as_str()), "{name}:\n{shown}");
        }
        assert!(shown.contains("All fields, line 2/"), "{shown}");
        assert!(
            !shown.contains("trigger") && !shown.contains("decoy"),
            "{shown}"
        );
    }
    assert_eq!(copied(&mut app, "y"), event.log_id);
    press(&mut app, "+");
    assert!(
        app.toast
            .as_ref()
            .is_some_and(|t| t.text.contains("cannot be filtered"))
    );
    press(&mut app, "j j j j +");
    assert_eq!(
        app.queue.filter_text,
        format!("type=\"{}\"", event.event_type)
    );
    assert!(app.layers.is_empty() && app.queue.visible().contains(&app.queue.selected()));
    let has_type = |app: &App| {
        let window = &app.queue.current().expect("an alert").episode.log_window;
        window
            .iter()
            .any(|other| other.event_type == event.event_type)
    };
    assert!(has_type(&app));
    app.queue.line = 1;
    press(&mut app, "o g g j j j j -");
    assert_eq!(
        app.queue.filter_text,
        format!("!type=\"{}\"", event.event_type)
    );
    assert!(!has_type(&app), "another alert is in front");
    press(&mut app, "o G Esc");
    assert!(
        app.layers.is_empty() && app.queue.is_filtered(),
        "one layer at a time"
    );
}

#[test]
fn the_list_of_fields_opens_on_a_value_and_keeps_its_name_from_line_to_line() {
    let mut app = answered();
    // The first field of each line, where all of them are text.
    let first_of = |entry: &Entry| -> Option<Vec<(String, String)>> {
        let lines = entry.episode.log_window.iter();
        let first = lines.map(|event| {
            let (name, value) = *crate::ui::record::fields(event).first()?;
            Some((name.to_owned(), value.as_str()?.to_owned()))
        });
        first.collect()
    };
    let is_fit = |entry: &Entry| {
        let other = entry.episode.log_window.get(3);
        let lacks = |name: &str| other.is_some_and(|event| !event.fields.contains_key(name));
        first_of(entry).is_some_and(|first| first[0].0 == first[1].0 && lacks(&first[0].0))
    };
    let at = app.queue.entries().iter().position(is_fit);
    let at = at.expect("two of a kind first, and the fourth another");
    app.queue.select(at);
    let first = first_of(&app.queue.entries()[at]).expect("texts");
    let term = |(name, value): &(String, String)| format!("{name}=\"{value}\"");
    let (wanted, wanted_of_line_3) = (
        term(&(first[0].0.clone(), first[1].1.clone())),
        term(&first[3]),
    );
    press(&mut app, "o l +");
    assert_eq!(app.queue.filter_text, wanted);
    press(&mut app, "Esc");
    app.queue.select(at);
    press(&mut app, "o l l l +");
    assert_eq!(app.queue.filter_text, wanted_of_line_3);
}

#[test]
fn two_adapters_answer_the_same_alert_side_by_side() {
    let mut app = app();
    press(&mut app, "c");
    assert!(
        app.toast
            .as_ref()
            .is_some_and(|t| t.text.contains("no second adapter"))
    );
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    press(&mut app, "C");
    assert!(
        app.toast
            .as_ref()
            .is_some_and(|t| t.text.contains("c compares"))
    );
    let effects = press(&mut app, "c");
    let [Effect::Send(Command::Infer(request))] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(request.adapter, AdapterChoice::Named("sft".into()));
    assert_eq!(request.episode.index, 0, "the same alert");
    assert!(seen(&app, (160, 45)).contains("not answered yet"));
    answer(&mut app, effects, wrong);
    for size in [(80, 24), (120, 35), (160, 45)] {
        let shown = seen(&app, size);
        assert!(
            shown.contains("another action, another citation"),
            "{shown}"
        );
        let mut lines = shown.lines();
        let is_beside = |line: &str| {
            line.contains("Model with stage4_adversarial") && line.contains("Model with sft")
        };
        assert!(lines.any(is_beside), "{shown}");
        assert!(
            !shown.contains("wrong") && !shown.contains("reward"),
            "{shown}"
        );
    }
    let narrow = seen(&app, (60, 45));
    assert!(narrow.contains("Model with stage4_adversarial"), "{narrow}");
    press(&mut app, "r");
    let shown = seen(&app, (160, 50));
    assert!(
        shown.contains("✓ right") && shown.contains("✗ wrong"),
        "{shown}"
    );
    press(&mut app, "u v");
    let blind = seen(&app, (160, 50));
    assert!(
        !blind.contains("another action") && !blind.contains("cites L9"),
        "{blind}"
    );
}

#[test]
fn the_second_adapter_is_never_the_chosen_one() {
    let mut app = answered();
    press(&mut app, "c C");
    assert_eq!(app.queue.second_adapter(), Some(&AdapterChoice::Base));
    press(&mut app, "C a");
    assert_eq!(
        app.queue.second_adapter(),
        Some(&AdapterChoice::Named("sft".into()))
    );
    press(&mut app, "c");
    assert_eq!(app.queue.second_adapter(), None);
}

#[test]
fn the_queue_is_listed_in_orders_that_tell_no_hidden_truth() {
    let mut app = answered();
    press(&mut app, "O");
    let severities = |app: &App| -> Vec<String> {
        let entries = app.queue.entries();
        let listed = app.queue.visible().into_iter();
        listed
            .map(|at| entries[at].episode.alert.severity.clone())
            .collect()
    };
    let mut groups = severities(&app);
    let all = groups.len();
    groups.dedup();
    assert_eq!(app.queue.selected(), 0, "the alert stays");
    let unique: std::collections::BTreeSet<_> = groups.iter().collect();
    assert_eq!(unique.len(), groups.len(), "{groups:?}");
    let here = app
        .queue
        .current()
        .expect("an alert")
        .episode
        .alert
        .severity
        .clone();
    let count = severities(&app).iter().filter(|one| **one == here).count();
    assert_eq!(all, 2_000, "all that a filter looks through, at once");
    for (size, place) in [
        ((80, 24), "stage3_mixed holdout"),
        ((120, 35), "stage3 holdout"),
    ] {
        let shown = seen(&app, size);
        let wanted = format!("{place}, by severity: {here} {count}/{all} ");
        assert!(shown.contains(&wanted), "{wanted}:\n{shown}");
    }
    press(&mut app, "G");
    assert_eq!(app.queue.visible().last(), Some(&app.queue.selected()));
    assert_eq!(app.queue.entries().len(), all, "nothing came below it");
    press(&mut app, "g g");
    assert_eq!(app.queue.selected(), app.queue.visible()[0]);
    let second = app.queue.visible()[1];
    press(&mut app, "]");
    assert_eq!(app.queue.selected(), second);
    press(&mut app, "O O O O");
    let before = app.queue.visible();
    assert!(before.is_sorted(), "hidden rules order nothing: {before:?}");
    press(&mut app, "r");
    assert_eq!(app.queue.visible(), before, "a reveal moves no row");
    press(&mut app, "O O O O O O");
    assert_eq!(
        app.queue.visible()[0],
        second,
        "the only rule that is known"
    );
    press(&mut app, "O");
    assert!(app.queue.visible().is_sorted());
}
