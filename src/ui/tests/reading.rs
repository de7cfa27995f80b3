//! What is read of an alert is read whole, or ends in a mark, at every size.

use crate::env::schema::{Episode, Stage};
use crate::link::Fact;
use crate::ui::app::{App, update};
use crate::ui::msg::Msg;
use crate::ui::queue::Entry;
use crate::ui::record;
use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, wrong};
use crate::ui::tests::label_desk::{Desk, imported};

const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 35), (200, 60)];

/// A workbench whose first alert is `change`d.
fn with(change: impl Fn(&mut Episode)) -> App {
    let mut app = app();
    let mut episode = app.queue.current().expect("an alert").episode.clone();
    change(&mut episode);
    let entries = vec![Entry::new(episode)];
    app.queue.entries.insert(Stage::Mixed, entries);
    app.queue.select(0);
    app
}

/// A frame without borders, one space between words.
fn words(frame: &str) -> String {
    let bare = frame.replace(['│', '┌', '─', '└', '┐', '┘'], " ");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words above the log window.
fn header_of(shown: &str) -> String {
    let header = shown.lines().take_while(|l| !l.contains("Log window"));
    words(&header.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_header_is_whole_or_marked_with_its_time_and_techniques_once_revealed() {
    let mut app = with(|episode| {
        episode.alert.severity = "high".into();
        episode.alert.category = "credential_access".into();
        episode.alert.host = "laptop-finance-0123".into();
        episode.alert.user = "y.tanaka-the-elder".into();
        episode.truth.attack = vec!["T1567.002".into(), "T1078".into()];
    });
    for size in SIZES {
        let shown = seen(&app, size);
        for wanted in [
            "severity=high",
            "host=laptop-finance-0123",
            "user=y.tanaka-the-elder",
        ] {
            assert!(shown.contains(wanted), "{wanted} {size:?}:\n{shown}");
        }
        // With names as long as these it gives way to the time.
        assert!(
            size.0 == 60 || shown.contains("category=credential_access"),
            "{size:?}:\n{shown}"
        );
        assert!(
            !shown.contains("T1567.002"),
            "the truth is hidden:\n{shown}"
        );
        let (id, time) = {
            let alert = &app.queue.current().expect("an alert").episode.alert;
            (alert.alert_id.clone(), record::utc(&alert.timestamp))
        };
        assert!(time.ends_with(" UTC"));
        let line = shown.lines().find(|l| l.contains(&time));
        assert!(line.is_some_and(|l| l.contains(&id)), "{size:?}:\n{shown}");
    }
    press(&mut app, "r");
    for size in SIZES {
        let shown = seen(&app, size);
        let header = header_of(&shown);
        assert!(
            header.contains("ATT&CK=T1567.002 T1078") || header.contains('…'),
            "{size:?}:\n{shown}"
        );
        assert!(
            size.0 == 60 || header.contains("T1078"),
            "{size:?}:\n{shown}"
        );
    }
    let mut plain = with(|episode| episode.truth.attack.clear());
    press(&mut plain, "r");
    assert!(seen(&plain, (80, 24)).contains("ATT&CK=none"));
}

#[test]
fn a_summary_without_room_ends_in_a_mark() {
    let app = with(|episode| episode.alert.summary = "many words ".repeat(60) + "the end");
    for size in SIZES {
        let shown = seen(&app, size);
        let header = header_of(&shown);
        assert!(
            header.contains('…') || header.contains("the end"),
            "{shown}"
        );
    }
}

#[test]
fn a_summary_and_a_category_give_way_to_the_time_of_an_alert_to_label() {
    let mut episode = imported().remove(0);
    episode.alert.category = "credential_access".into();
    episode.alert.summary = "many words ".repeat(60);
    let time = record::utc(&episode.alert.timestamp);
    let desk = Desk::on(&[episode]);
    for size in SIZES {
        let shown = seen(&desk.app, size);
        assert!(shown.contains(&time), "{size:?}:\n{shown}");
    }
}

#[test]
fn keys_reasons_and_rewards_are_read_whole() {
    for size in SIZES {
        let mut app = app();
        let shown = words(&seen(&app, size));
        let keys = "1 dismiss 2 monitor 3 quarantine_host 4 block_ip 5 escalate";
        assert!(shown.contains(keys), "{size:?}: {shown}");
        let message = "the weights in assets/nano/model.safetensors cannot be read: the file ends after its header";
        update(
            &mut app,
            Msg::Fact(Fact::ModelFailed {
                message: message.into(),
            }),
        );
        update(&mut app, Msg::ToastExpired);
        let shown = words(&seen(&app, size));
        for wanted in ["no model: the weights", "ends after its header"] {
            assert!(shown.contains(wanted), "{size:?}: {shown}");
        }
    }
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    press(&mut app, "r S-Tab");
    for width in 60..110 {
        let shown = words(&seen(&app, (width, 45)));
        let reward = "reward +1.10 = correct_action +1.00 correct_citation_bonus +0.10";
        assert!(shown.contains(reward), "{width}: {shown}");
        assert!(
            shown.contains("(stage4_adversarial, 12 ms)"),
            "{width}: {shown}"
        );
    }
}

#[test]
fn a_what_if_tells_both_values_of_a_long_change_whole() {
    let value = "a-very-long-host-name-".repeat(5);
    let mut app = with(|episode| {
        episode.log_window[0]
            .fields
            .insert("note".into(), value.clone().into());
    });
    press(&mut app, "r");
    app.queue.line = 0;
    let names = crate::ui::detail::rows(app.queue.shown().expect("an alert"), 0);
    let down = names.iter().position(|row| row.name == "note");
    press(&mut app, "e g g");
    (0..down.expect("a note")).for_each(|_| drop(press(&mut app, "j")));
    press(&mut app, "Enter ctrl-u x y z Enter");
    let edit = app.queue.what_if().expect("an edit").changes();
    assert_eq!(edit.len(), 1);
    for width in [60, 80, 120] {
        let shown = seen(&app, (width, 60)).replace('│', " ");
        let bare: String = shown.split_whitespace().collect();
        let both = format!("was{value},nowxyz");
        // Beside the queue the rows of both stand side by side.
        assert!(bare.contains(&both) || width == 120, "{width}:\n{shown}");
        assert!(shown.contains("now xyz"), "{width}:\n{shown}");
    }
}

#[test]
fn bars_of_two_adapters_stand_under_each_other() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    let effects = press(&mut app, "c");
    answer(&mut app, effects, wrong);
    let shown = seen(&app, (160, 60));
    let bars = shown.lines().filter(|line| line.contains('%'));
    let places: Vec<_> = bars
        .map(|line| line.chars().position(|c| c == '█' || c == '░'))
        .collect();
    assert_eq!(places.len(), 5, "{shown}");
    assert!(places.iter().all(|place| *place == places[0]), "{shown}");
}

#[test]
fn the_bar_of_what_is_said_comes_first_and_a_pane_in_focus_has_the_room() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        right(episode).replace(episode.truth.action.as_str(), "escalate")
    });
    let first = |app: &App, size| {
        let shown = seen(app, size);
        let line = shown.lines().find(|line| line.contains("Prob."));
        line.unwrap_or(&shown).to_owned()
    };
    for size in [(80, 24), (120, 35)] {
        let line = first(&app, size);
        assert!(line.contains("escalate") && line.contains("said"), "{line}");
    }
    press(&mut app, "r");
    let height = |app: &App| {
        let shown = seen(app, (80, 24));
        let from = shown.lines().position(|line| line.contains("Log window"));
        let to = shown.lines().position(|line| line.contains("Answers"));
        to.expect("answers") - from.expect("a log window")
    };
    let narrow = height(&app);
    press(&mut app, "Tab");
    assert!(height(&app) > narrow, "{}", seen(&app, (80, 24)));
    press(&mut app, "Tab u");
    assert!(height(&app) < 8, "{}", seen(&app, (80, 24)));
}

#[test]
fn a_filter_and_its_count_are_in_the_title_at_every_size() {
    let mut app = app();
    press(&mut app, "O O");
    app.queue.set_filter("severity:high").expect("a filter");
    for size in SIZES {
        let shown = seen(&app, size);
        let (found, all) = (app.queue.visible().len(), app.queue.entries().len());
        let wanted = format!("{found} of {all} match severity:high");
        assert!(shown.contains(&wanted), "{wanted} {size:?}:\n{shown}");
    }
    let alert = &app.queue.current().expect("an alert").episode.alert;
    let (id, category) = (alert.alert_id.clone(), alert.category.clone());
    let shown = seen(&app, (120, 35));
    let row = shown.lines().find(|line| line.contains(" category "));
    assert!(row.is_some(), "a column of its own:\n{shown}");
    let start: String = category.chars().take(6).collect();
    let mut rows = shown.lines();
    assert!(rows.any(|l| l.contains(&id) && l.contains(&start)));
}
