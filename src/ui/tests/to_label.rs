//! From an alert on the episodes screen to its label; and what the labelling screen tells of the alerts it has.

use crate::env::schema::Split;
use crate::label::State;
use crate::ui::app::{ScreenName, update};
use crate::ui::clerk::Outcome;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::queue::QueuePane;
use crate::ui::tests::fixtures::{press, seen};
use crate::ui::tests::label_desk::{Desk, imported};

const SMALL: (u16, u16) = (80, 24);

#[test]
fn a_train_alert_is_taken_into_the_labelling_queue_and_is_there_the_next_time() {
    let mut desk = Desk::on(&imported());
    desk.press("F1 L");
    assert!(desk.said().contains("hold-out alert"), "{}", desk.said());
    assert_eq!(desk.app.screen, ScreenName::Episodes);
    desk.press("t ] ]");
    assert_eq!(desk.app.queue.split(), Split::Train);
    let wanted = desk.app.queue.current().expect("an alert").episode.clone();
    assert_eq!(wanted.split, Split::Train);
    desk.press("L");
    assert_eq!(desk.app.screen, ScreenName::Labelling);
    assert!(desk.app.labelling.is_selected(&wanted.episode_id));
    assert!(desk.said().contains("is in the labelling queue"));
    assert_eq!(desk.clerk.store.episodes().expect("read").len(), 5);
    // Once more it is the same one.
    desk.press("g g F1 L");
    assert!(desk.app.labelling.is_selected(&wanted.episode_id));
    assert_eq!(desk.clerk.store.episodes().expect("read").len(), 5);
    assert_eq!(desk.app.labelling.items().len(), 5);
    desk.press("2 e");
    desk.type_line("seen before");
    desk.press("Enter");
    let mut desk = desk.again();
    let items = desk.app.labelling.items();
    assert_eq!(items[4].entry.episode, wanted);
    assert_eq!(items[4].decision.state, State::Submitted);
    // An import, which takes generated alerts away, leaves those that were taken in.
    desk.press("F1 t L t");
    assert!(desk.app.labelling.items().len() > 40);
    desk.press("t");
    assert_eq!(desk.app.labelling.items().len(), 6, "{}", desk.said());
}

#[test]
fn an_alert_is_taken_in_before_the_labels_have_ever_been_looked_at() {
    let mut desk = Desk::on(&[]);
    let mut app = crate::ui::tests::fixtures::app();
    std::mem::swap(&mut desk.app, &mut app);
    desk.press("t ] L");
    let episode = &desk.app.queue.current().expect("an alert").episode;
    assert!(desk.app.labelling.is_selected(&episode.episode_id));
    assert!(desk.app.labelling.is_endless(), "it is one of our own");
    let effects = press(&mut desk.app, "F1 L");
    let is_add = |effect: &Effect| matches!(effect, Effect::Label(_));
    assert_eq!(effects.iter().filter(|effect| is_add(effect)).count(), 2);
    let refused = Outcome::NotAdded {
        alert_id: "A-1".into(),
        why: "no space left".into(),
    };
    update(&mut desk.app, Msg::Label(refused));
    assert_eq!(
        desk.said(),
        "A-1 is not in the labelling queue: no space left"
    );
}

#[test]
fn each_split_is_left_as_it_was_and_its_answers_are_its_own() {
    let mut desk = Desk::on(&imported());
    desk.press("F1 ] 3 Enter");
    let (id, own) = {
        let entry = desk.app.queue.current().expect("an alert");
        (entry.episode.episode_id.clone(), entry.desk.own.clone())
    };
    assert!(own.is_some());
    desk.press("t");
    assert_eq!(desk.app.queue.selected(), 0);
    assert!(seen(&desk.app, SMALL).contains("stage3_mixed train"));
    desk.press("u");
    assert!(
        desk.said().contains("nothing to undo"),
        "of the other split"
    );
    desk.press("t");
    let entry = desk.app.queue.current().expect("an alert");
    assert_eq!((&entry.episode.episode_id, &entry.desk.own), (&id, &own));
    desk.press("u");
    assert!(!desk.app.queue.current().expect("an alert").desk.is_revealed);
}

#[test]
fn generated_alerts_come_back_after_an_import_and_go_again() {
    let mut desk = Desk::on(&[]);
    desk.press("] 2");
    let touched = desk.app.labelling.current().expect("an alert");
    let touched = touched.entry.episode.episode_id.clone();
    let came = Outcome::Came(imported()[..1].to_vec());
    update(&mut desk.app, Msg::Label(came));
    assert_eq!(
        desk.said(),
        "1 alert has come by import; t brings the generated ones back"
    );
    assert!(seen(&desk.app, SMALL).contains("2 alerts, 1 of them imported"));
    desk.press("t");
    let shown = seen(&desk.app, SMALL);
    assert!(
        shown.contains("1 imported, then generated train alerts"),
        "{shown}"
    );
    let items = desk.app.labelling.items();
    let same = |item: &&crate::ui::labelling::Item| item.entry.episode.episode_id == touched;
    assert_eq!(items.iter().filter(same).count(), 1, "none twice");
    assert!(items.len() >= 40 && desk.app.labelling.is_selected(&touched));
    desk.press("t");
    assert_eq!(desk.app.labelling.items().len(), 2);
    let alone = Desk::on(&imported()[..1]);
    assert!(seen(&alone.app, SMALL).contains("analyst: 1 imported alert "));
    let shown = seen(&alone.app, (120, 35));
    assert!(
        shown.contains("known after 5 labels in this session"),
        "{shown}"
    );
}

/// An alert with one event whose record is longer than any pane.
fn long() -> crate::env::schema::Episode {
    let mut episode = imported()[0].clone();
    episode.log_window.truncate(1);
    let text = (0..150).map(|n| format!("word{n} ")).collect::<String>();
    let note = serde_json::Value::from(text.trim_end());
    episode.log_window[0].fields.insert("note".into(), note);
    episode
}

#[test]
fn an_event_higher_than_its_pane_is_read_to_its_end() {
    for keys in ["j", "ctrl-d", "G"] {
        let mut desk = Desk::on(&[long()]);
        assert!(!seen(&desk.app, SMALL).contains("word149"));
        desk.press("Tab");
        let mut shown = seen(&desk.app, SMALL);
        for _ in 0..40 {
            desk.press(keys);
            shown = seen(&desk.app, SMALL);
        }
        assert!(shown.contains("word149"), "{keys}:\n{shown}");
        desk.press("g g");
        assert!(seen(&desk.app, SMALL).contains("word0 "), "{keys}");
    }
}

#[test]
fn all_fields_of_a_line_are_shown_copied_and_filtered_by_on_labelling_too() {
    let mut desk = Desk::on(&imported());
    desk.press("o l g g");
    let event = imported()[0].log_window[1].clone();
    let shown = seen(&desk.app, SMALL);
    assert!(shown.contains("All fields, line 2/"), "{shown}");
    for name in event.fields.keys() {
        assert!(shown.contains(name.as_str()), "{name}:\n{shown}");
    }
    let copied = press(&mut desk.app, "y");
    assert!(matches!(&copied[..], [Effect::Copy(id)] if *id == event.log_id));
    desk.press("e");
    assert!(desk.said().contains("a what-if is of episodes"));
    assert_eq!(desk.app.layers.len(), 1);
    desk.press("j j j j +");
    let filter = format!("type=\"{}\"", event.event_type);
    assert_eq!(desk.app.labelling.filter_text, filter);
    assert!(desk.app.layers.is_empty() && desk.app.queue.filter_text.is_empty());
    desk.press("o Esc");
    assert!(desk.app.labelling.is_filtered(), "one layer at a time");
}

#[test]
fn the_pane_in_focus_takes_the_whole_screen_and_gives_it_back() {
    let mut desk = Desk::on(&imported());
    desk.press("+");
    let shown = seen(&desk.app, SMALL);
    assert!(
        !shown.contains("Your label") && !shown.contains("Log window"),
        "{shown}"
    );
    assert!(shown.contains("4 imported alerts"), "{shown}");
    desk.press("Tab");
    let shown = seen(&desk.app, SMALL);
    assert!(
        shown.contains("Log window") && !shown.contains("4 imported"),
        "{shown}"
    );
    desk.press("Esc");
    assert!(seen(&desk.app, SMALL).contains("Your label"));
    desk.press("F1 Tab Tab +");
    assert_eq!(desk.app.queue.pane, QueuePane::Answers);
    let shown = seen(&desk.app, SMALL);
    assert!(
        shown.contains("*Answers") && !shown.contains("Log window"),
        "{shown}"
    );
    desk.press("+");
    assert!(seen(&desk.app, SMALL).contains("Log window"));
    assert!(!matches!(
        desk.app.layers.last(),
        Some(Layer::Detail { .. })
    ));
}
