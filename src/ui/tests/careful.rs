//! Nothing is done unseen, lost unasked, told too early, or taken back without a word.

use crate::env::schema::Action;
use crate::label::State;
use crate::ui::app::{App, update};
use crate::ui::clerk::Outcome;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg, RunFate};
use crate::ui::tests::fixtures::{
    answer, app, exit_of, press, ready, seen, summary, toast, train, with_runs, wrong,
};
use crate::ui::tests::label_desk::{Desk, imported};

const SMALL: (u16, u16) = (80, 24);
const TOO_SMALL: (u16, u16) = (50, 10);

#[test]
fn a_terminal_too_small_for_the_screens_takes_no_key_that_changes_anything() {
    let mut desk = Desk::on(&imported());
    desk.app.size = Some(TOO_SMALL);
    desk.press("x 3 s f p g t F2");
    assert_eq!(desk.on_disk(0), None);
    assert_eq!(desk.app.labelling.selected(), 0);
    update(&mut desk.app, Msg::Paste("x".into()));
    assert!(desk.app.toast.is_none() && desk.app.pending.is_empty());
    assert!(matches!(
        press(&mut desk.app, "ctrl-l ctrl-z")[..],
        [Effect::Redraw, Effect::Suspend]
    ));
    desk.app.size = Some(SMALL);
    desk.press("x");
    assert_eq!(desk.decision(0).state, State::Discarded);
    // A letter that quits is no letter of a text that nobody sees.
    desk.press("/");
    desk.app.size = Some(TOO_SMALL);
    assert!(exit_of(&press(&mut desk.app, "x q")).is_some());
    assert_eq!(desk.app.labelling.filter_text, "");
}

#[test]
fn the_question_before_quitting_is_asked_and_answered_at_any_size() {
    let mut app = app();
    train(&mut app, 3);
    app.size = Some(TOO_SMALL);
    assert!(seen(&app, TOO_SMALL).contains("needs 60x16, has 50x10"));
    assert!(exit_of(&press(&mut app, "q")).is_none());
    let shown = seen(&app, TOO_SMALL);
    for wanted in ["A run is in progress", "l: leave it running", "Esc: stay"] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    press(&mut app, "Esc");
    assert!(app.layers.is_empty());
    let exit = exit_of(&press(&mut app, "q l")).expect("leaves");
    assert_eq!(exit.run, RunFate::LeaveRunning);
}

#[test]
fn quitting_asks_about_text_that_was_left_and_about_text_being_typed() {
    let mut desk = Desk::on(&imported());
    let id = imported()[0].alert.alert_id.clone();
    desk.press("c a s k Esc");
    assert!(exit_of(&press(&mut desk.app, "q")).is_none());
    let shown = seen(&desk.app, SMALL);
    assert!(shown.contains(&format!("the note on {id}")), "{shown}");
    assert!(shown.contains("quit and lose it"), "{shown}");
    desk.press("Esc");
    assert!(desk.app.layers.is_empty(), "one stays");
    desk.press("2 e o d d");
    assert!(exit_of(&press(&mut desk.app, "ctrl-c")).is_none());
    desk.app.size = Some(TOO_SMALL);
    let shown = seen(&desk.app, TOO_SMALL);
    assert!(shown.contains(&format!("the rationale of {id}")), "{shown}");
    assert!(exit_of(&press(&mut desk.app, "y")).is_some());
    // What is kept is asked about no more.
    desk.app.size = Some(SMALL);
    desk.press("Esc c Enter e Enter");
    assert_eq!(desk.decision(0).note, "ask");
    assert!(exit_of(&press(&mut desk.app, "q")).is_some());
}

#[test]
fn quitting_asks_about_a_label_that_is_on_no_disk_and_about_a_runs_note() {
    let mut desk = Desk::on(&imported());
    let effects = press(&mut desk.app, "2");
    let label = effects.into_iter().find_map(|effect| match effect {
        Effect::Label(crate::ui::clerk::Request::Save { label, .. }) => Some(label),
        _ => None,
    });
    let failed = Outcome::NotSaved {
        label: label.expect("a label to save"),
        why: "no space left".into(),
    };
    update(&mut desk.app, Msg::Label(failed));
    assert!(exit_of(&press(&mut desk.app, "q")).is_none());
    assert!(seen(&desk.app, SMALL).contains("the label of"));

    let mut app = app();
    let found = summary("mine", crate::run::summary::Standing::Finished);
    with_runs(&mut app, vec![found]);
    press(&mut app, "e o d d Esc");
    train(&mut app, 3);
    assert!(exit_of(&press(&mut app, "q")).is_none());
    assert_eq!(app.layers.last(), Some(&Layer::Unsaved));
    assert!(exit_of(&press(&mut app, "y")).is_none(), "then of the run");
    assert_eq!(app.layers.last(), Some(&Layer::Quit));
    assert!(exit_of(&press(&mut app, "l")).is_some());
}

#[test]
fn a_submitted_label_becomes_a_draft_only_by_another_choice_and_with_a_word() {
    let mut desk = Desk::on(&imported());
    desk.press("4 e");
    desk.type_line("seen before");
    desk.press("Enter [");
    let revision = desk.on_disk(0).expect("submitted").revision;
    desk.press("4");
    assert!(desk.said().contains("submitted as block_ip already"));
    assert_eq!(desk.on_disk(0).expect("as it was").revision, revision);
    for keys in ["5", "Tab j Space", "e x Enter"] {
        desk.press(keys);
        assert_eq!(desk.decision(0).state, State::Draft, "{keys}");
        assert!(desk.said().contains("a draft again"), "{}", desk.said());
        desk.press("u");
        assert_eq!(desk.decision(0).state, State::Submitted, "{keys}");
        assert_eq!(desk.decision(0).action, Some(Action::BlockIp));
    }
    desk.press("f");
    assert_eq!(desk.decision(0).state, State::Submitted, "a flag is none");
}

#[test]
fn skipping_and_discarding_say_what_they_did_before_they_go_on() {
    let mut desk = Desk::on(&imported()[..3]);
    let ids: Vec<String> = imported().into_iter().map(|e| e.alert.alert_id).collect();
    desk.press("s");
    assert_eq!(desk.said(), format!("{} skipped; u takes it back", ids[0]));
    desk.press("x");
    let wanted = format!("{} discarded; u takes it back", ids[1]);
    assert_eq!(desk.said(), wanted);
    desk.press("s");
    assert!(desk.said().ends_with("no other alert waits for its label"));
    desk.press("s");
    assert_eq!(desk.said(), format!("{} is no longer skipped", ids[2]));
}

/// A workbench whose model has got every alert wrong that it was asked about.
fn mistaken() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, wrong);
    app
}

#[test]
fn blind_the_next_mismatch_is_one_that_is_revealed_already() {
    let mut app = mistaken();
    press(&mut app, "v");
    let effects = press(&mut app, "m");
    assert!(effects.is_empty(), "nothing is asked about on the way");
    assert_eq!(app.queue.selected(), 0);
    assert!(
        toast(&app).starts_with("no mismatch among 0 revealed alerts besides this one"),
        "{}",
        toast(&app)
    );
    press(&mut app, "] ] r [ [ m");
    assert_eq!(app.queue.selected(), 2);
    assert!(toast(&app).contains("action and citation are wrong here"));
    press(&mut app, "v g g m");
    assert_eq!(app.queue.selected(), 1, "not blind it may be any");
}

#[test]
fn a_key_that_is_none_says_so_everywhere_and_hides_no_text_that_is_typed() {
    let mut app = app();
    for (keys, wanted) in [
        ("F9", "F9 does nothing here: ? lists the keys"),
        ("g z", "g z does nothing here: ? lists the keys"),
        ("o F9", "F9 does nothing here: ? lists the keys"),
        ("? F9", "F9 does nothing here: Esc goes back"),
        ("Esc Esc F2 F9", "F9 does nothing here: ? lists the keys"),
        ("F3 ctrl-g", "ctrl-g does nothing here: ? lists the keys"),
    ] {
        press(&mut app, keys);
        assert_eq!(toast(&app), wanted);
    }
    press(&mut app, "g Esc");
    assert!(app.toast.is_none(), "the way out of a sequence is silent");
    press(&mut app, "F1 / a b F9");
    let shown = seen(&app, SMALL);
    assert!(shown.contains("filter: ab"), "{shown}");
    assert!(shown.contains("F9 does nothing while you type"), "{shown}");
    press(&mut app, "c");
    assert!(app.toast.is_none(), "it is no answer to another key");
}

#[test]
fn a_long_note_is_read_whole() {
    let mut app = app();
    let text = "one two three ".repeat(12);
    app.say(format!("{text}end"));
    let shown = seen(&app, SMALL);
    assert!(shown.contains("three end"), "{shown}");
}
