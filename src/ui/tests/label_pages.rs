//! The labelling screen's pages: what cannot be opened, filters, agreement, guidelines, progress.

use crate::env::schema::Action;
use crate::label::Store;
use crate::ui::app::ScreenName;
use crate::ui::clerk::{Clerk, Outcome, Request};
use crate::ui::labelling::Access;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::tests::fixtures::{app, seen};
use crate::ui::tests::label_desk::{Desk, imported};

#[test]
fn labels_that_cannot_be_opened_are_said_and_tried_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::new(folder.path());
    let clerk = |store: &Store| Clerk {
        store: store.clone(),
        annotator: "analyst".into(),
        desk: None,
    };
    let mut other = clerk(&store);
    assert!(matches!(other.answer(Request::Open), Outcome::Opened(_)));
    let mut desk = Desk {
        folder,
        app: app(),
        clerk: clerk(&store),
    };
    desk.press("F3");
    let shown = seen(&desk.app, (80, 24));
    assert!(shown.contains("F3 tries again"), "{shown}");
    desk.press("3");
    assert!(desk.said().contains("another process"), "{}", desk.said());
    drop(other);
    desk.press("F3");
    assert_eq!(desk.app.labelling.access, Access::Open);
    drop(desk.folder);
}

#[test]
fn the_filter_knows_states_and_tells_no_truth() {
    let mut desk = Desk::on(&imported());
    desk.press("s 4 f");
    let mut filter = |text: &str| {
        desk.app.labelling.set_filter(text).expect("a filter");
        desk.app.labelling.visible()
    };
    assert_eq!(filter("state:skipped"), [0]);
    assert_eq!(filter("you:block_ip flagged:yes"), [1]);
    assert_eq!(filter("state:pending"), [2, 3]);
    let refused = |desk: &mut Desk, text: &str| {
        let why = desk.app.labelling.set_filter(text).expect_err("no filter");
        why.to_string()
    };
    for hidden in [
        format!("rule:{}", imported()[0].truth.rule),
        "truth:d".to_owned(),
    ] {
        let why = refused(&mut desk, &hidden);
        assert!(why.starts_with("no field"), "{hidden}: {why}");
    }
    let why = refused(&mut desk, "state:done");
    assert!(why.contains("state is one of pending draft"), "{why}");
    desk.press("F1 F3 / ctrl-u s t a t e : d r a f t Enter");
    assert_eq!(desk.app.labelling.visible(), [1]);
    desk.press("Esc");
    assert!(!desk.app.labelling.is_filtered());
    assert_eq!(desk.app.screen, ScreenName::Labelling);
}

#[test]
fn the_agreement_page_lists_disagreements_and_goes_to_their_alerts() {
    let mut desk = Desk::on(&imported());
    desk.press("v");
    let shown = seen(&desk.app, (80, 24));
    assert!(shown.contains("no alert that both have decided"), "{shown}");
    desk.press("Enter");
    assert!(desk.said().contains("no disagreement"), "{}", desk.said());
    // Bob is wrong on the first two; the analyst is right on the first and the third and wrong on the second.
    let truth = |at: usize| imported()[at].truth.action;
    let other = |at: usize| {
        Action::ALL
            .into_iter()
            .find(|a| *a != truth(at))
            .expect("five")
    };
    let store = desk.clerk.store.clone();
    let mut bob = crate::label::Writer::open(&store, "bob").expect("free");
    for at in 0..2 {
        let decision = crate::label::testing::decided(other(at), "L1-0", "r");
        let label = crate::label::testing::label("bob", &imported()[at].episode_id, decision);
        bob.append(&label).expect("written");
    }
    let mut desk = desk.again();
    for action in [truth(0), other(1), truth(2)] {
        desk.press(&format!("{} Enter", action.index() + 1));
        desk.type_line("as I see it");
    }
    desk.press("v");
    let shown = seen(&desk.app, (100, 30));
    for wanted in [
        "analyst and the verifier",
        "2 of 3 actions the same (66.7 %)",
        "analyst and bob",
        "1 of 2 actions the same (50.0 %)",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    let alike = [
        1 + usize::from(truth(2) == truth(0)),
        usize::from(other(1) == truth(0)),
    ];
    matrices_are_of_the_side_under_the_cursor(&mut desk, truth(0), alike);
    desk.press("Enter");
    assert_eq!(
        desk.app.labelling.selected(),
        1,
        "the verifier's comes first"
    );
    desk.press("v j j j Enter");
    assert_eq!(desk.app.labelling.selected(), 0, "bob's, and no further");
    assert!(desk.app.layers.is_empty());
}

/// The page is open on two sides with a disagreement each; so often both the analyst and a side say `action`.
fn matrices_are_of_the_side_under_the_cursor(desk: &mut Desk, action: Action, alike: [usize; 2]) {
    let own_row = |shown: &str| {
        // Below the list, which names actions too.
        let mut matrix = shown.lines().skip_while(|line| !line.contains("you / "));
        let row = matrix.find(|line| line.contains(&format!("  {:<16}", action.as_str())));
        row.unwrap_or_else(|| panic!("{action}:\n{shown}"))
            .to_owned()
    };
    let wide = seen(&desk.app, (100, 30));
    let has_both = |line: &str| line.contains("you / verifier") && line.contains("you / bob  ");
    assert!(wide.lines().any(has_both), "{wide}");
    for (name, alike, key) in [("verifier", alike[0], "j"), ("bob", alike[1], "k")] {
        let small = seen(&desk.app, (80, 24));
        let corner = format!("you / {name}");
        assert!(
            small.contains(&format!("{corner:<16} dism moni")),
            "{small}"
        );
        assert_eq!(small.matches("you / ").count(), 1, "room for one:\n{small}");
        assert!(own_row(&small).contains(&format!("={alike}")), "{small}");
        desk.press(key);
    }
    let least = seen(&desk.app, (60, 16));
    assert!(
        !least.contains("you / "),
        "the list needs the room:\n{least}"
    );
    for height in 16..=40 {
        for width in (60..=130).step_by(7) {
            seen(&desk.app, (width, height));
        }
    }
}

#[test]
fn the_list_of_disagreements_holds_citations_too_and_goes_to_their_alerts() {
    let mut desk = Desk::on(&imported());
    desk.press("v d");
    let shown = seen(&desk.app, (80, 24));
    assert!(shown.contains("0 on actions, 0 on citations"), "{shown}");
    desk.press("Enter");
    assert!(desk.said().contains("no disagreement"), "{}", desk.said());
    // The analyst is right on the first but for the citation, and wrong on the third.
    let truth = imported()[0].truth.clone();
    let window = &imported()[0].log_window;
    let other = window
        .iter()
        .position(|e| e.log_id != truth.triggering_log_id);
    let other = other.expect("a second event");
    desk.press(&format!("{} Tab", truth.action.index() + 1));
    desk.press("k k k k k k k k k k");
    (0..other).for_each(|_| desk.press("j"));
    desk.press("Space Enter");
    desk.type_line("as I see it");
    let wrong = Action::ALL
        .into_iter()
        .find(|a| *a != imported()[2].truth.action);
    let wrong = wrong.expect("five");
    desk.press(&format!("] {} Enter", wrong.index() + 1));
    desk.type_line("as I see it");
    desk.press("v d");
    let shown = seen(&desk.app, (100, 24));
    for wanted in [
        "1 on actions, 1 on citations only".to_owned(),
        format!("{} {}", truth.action, window[other].log_id),
        format!("{} {}", truth.action, truth.triggering_log_id),
        " verifier ".to_owned(),
    ] {
        assert!(shown.contains(&wanted), "{wanted}:\n{shown}");
    }
    desk.press("j j Enter");
    assert_eq!(desk.app.labelling.selected(), 0, "actions come first");
    assert!(desk.app.layers.is_empty(), "both pages are left");
    // The list opens where it was left, and one layer at a time is left.
    desk.press("v d");
    assert_eq!(
        desk.app.layers.last(),
        Some(&Layer::Disagreements { cursor: 1 })
    );
    desk.press("k Esc");
    assert_eq!(desk.app.layers, [Layer::Agreement { cursor: 0 }]);
    desk.press("d d Esc");
    assert!(desk.app.layers.is_empty());
}

#[test]
fn guidelines_progress_and_keys_are_on_the_screen() {
    let mut desk = Desk::on(&imported());
    desk.press("i");
    let shown = seen(&desk.app, (80, 24));
    assert!(
        shown.contains("What a label is") && shown.contains("↓"),
        "{shown}"
    );
    desk.press("G");
    assert!(seen(&desk.app, (80, 24)).contains("The model's answer"));
    desk.press("Esc 2 e");
    let shown = seen(&desk.app, (80, 24));
    assert!(
        shown.contains("rationale: _") && shown.contains("Enter keep"),
        "{shown}"
    );
    desk.type_line("as told");
    desk.press("Enter");
    let shown = seen(&desk.app, (80, 24));
    for wanted in [
        "1 of 4 submitted: dismiss 0 monitor 1",
        "[F3 Labelling]",
        "1-5 decide",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    let wide = seen(&desk.app, (160, 45));
    for wanted in ["Progress", "3 pending", "1 submitted", "monitor 1", "Rate"] {
        assert!(wide.contains(wanted), "{wanted}:\n{wide}");
    }
}

#[test]
fn techniques_that_came_with_an_imported_alert_can_be_filtered_by() {
    let eve = r#"{"timestamp":"2026-01-02T03:04:05Z","event_type":"alert","src_ip":"203.0.113.9",
        "alert":{"signature":"s","metadata":{"mitre_technique_id":["T1105","T1190"]}}}"#;
    let alert = crate::label::import::episode(eve).expect("an alert");
    let mut generated = imported().into_iter();
    let generated = generated.find(|episode| !episode.truth.attack.is_empty());
    let generated = generated.expect("one with techniques");
    let hidden = generated.truth.attack[0].clone();
    let mut desk = Desk::on(&[generated, alert]);
    let mut filter = |text: &str| {
        desk.app.labelling.set_filter(text).expect("a filter");
        desk.app.labelling.visible()
    };
    assert_eq!(filter("attack:T1105"), [1]);
    assert_eq!(filter("attack:t1190"), [1]);
    assert!(filter("attack:T1999").is_empty());
    assert!(
        !filter(&format!("attack:{hidden}")).contains(&0),
        "the truth is no field here"
    );
}

#[test]
fn what_to_copy_is_chosen_and_tells_the_label_and_no_truth() {
    let mut desk = Desk::on(&imported());
    desk.press("2 c a s k Enter y");
    assert!(matches!(desk.app.layers.last(), Some(Layer::Copy { .. })));
    let effects = crate::ui::tests::fixtures::press(&mut desk.app, "j j j Enter");
    let [Effect::Copy(case)] = &effects[..] else {
        panic!("{effects:?}");
    };
    for wanted in [
        "analyst: monitor, cites nothing (draft)",
        "note: ask",
        "# Log window",
    ] {
        assert!(case.contains(wanted), "{wanted}:\n{case}");
    }
    assert!(!case.contains(&imported()[0].truth.rule), "{case}");
    let effects = crate::ui::tests::fixtures::press(&mut desk.app, "y j j Enter");
    let [Effect::Copy(json)] = &effects[..] else {
        panic!("{effects:?}");
    };
    let id = &imported()[0].alert.alert_id;
    assert!(json.contains(id) && !json.contains("\"truth\""), "{json}");
}

#[test]
fn a_disagreement_is_called_by_its_alert() {
    let mut desk = Desk::on(&imported());
    let truth = imported()[0].truth.action;
    let wrong = Action::ALL.into_iter().find(|action| *action != truth);
    let wrong = wrong.expect("five").index() + 1;
    desk.press(&format!("{wrong} Enter"));
    desk.type_line("as I see it");
    let id = format!("{} ", imported()[0].alert.alert_id);
    let begins: String = imported()[0].episode_id.chars().take(12).collect();
    for keys in ["v", "d"] {
        desk.press(keys);
        let shown = seen(&desk.app, (120, 30));
        let row = shown.lines().find(|row| row.contains(&begins));
        let row = row.unwrap_or_else(|| panic!("{keys}:\n{shown}"));
        assert!(row.contains(&id), "{keys}:\n{shown}");
    }
}
