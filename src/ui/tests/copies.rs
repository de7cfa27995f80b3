//! What is copied of an alert: a line, the window, the case, with nothing of the hidden truth.

use crate::env::events::{self, Kind};
use crate::ui::app::App;
use crate::ui::msg::Effect;
use crate::ui::tests::fixtures::{answered, press};

/// What a key script has copied.
pub(super) fn copied(app: &mut App, keys: &str) -> String {
    let effects = press(app, keys);
    let texts = effects.into_iter().filter_map(|effect| match effect {
        Effect::Copy(text) => Some(text),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn a_copied_case_judges_action_and_citation_apart() {
    let mut app = answered();
    let truth = app.queue.current().expect("an alert").episode.truth.clone();
    let window = &app.queue.current().expect("an alert").episode.log_window;
    assert_ne!(window[0].log_id, truth.triggering_log_id);
    press(
        &mut app,
        &format!("Tab g g Space {} Enter", truth.action.index() + 1),
    );
    let case = copied(&mut app, "y j j j Enter");
    let wanted = format!(
        "analyst: {} (right), cites L1-0 (wrong), reward",
        truth.action
    );
    assert!(case.contains(&wanted), "{case}");
}

#[test]
fn what_is_copied_tells_no_hidden_truth() {
    let mut app = answered();
    let entry = app.queue.current().expect("an alert");
    let (line, truth) = (entry.lines[0].clone(), entry.episode.truth.clone());
    assert_eq!(copied(&mut app, "y y"), line);
    assert_eq!(copied(&mut app, "y Enter"), line);
    assert!(copied(&mut app, "y j Enter").contains("Log window:\n[2026"));
    let json = copied(&mut app, "y j j Enter");
    assert!(
        json.starts_with('{') && json.contains("log_window"),
        "{json}"
    );
    let case = copied(&mut app, "y j j j Enter");
    for wanted in [
        "# Alert",
        "analyst: none",
        "rationale: as the rule says",
        line.as_str(),
    ] {
        assert!(case.contains(wanted), "{wanted}:\n{case}");
    }
    for text in [&json, &case] {
        for hidden in [
            truth.rule.as_str(),
            "\"truth\"",
            "incident",
            "trigger",
            "decoy",
            "right",
        ] {
            assert!(!text.contains(hidden), "{hidden}:\n{text}");
        }
    }
    press(&mut app, "v");
    let blind = copied(&mut app, "y j j j Enter");
    assert!(!blind.contains("model ("), "{blind}");
    press(&mut app, "v 2 Enter");
    let case = copied(&mut app, "y j j j Enter");
    for wanted in [
        truth.rule.as_str(),
        "analyst: monitor",
        "(trigger)",
        "evidence:",
        "techniques:",
    ] {
        assert!(case.contains(wanted), "{wanted}:\n{case}");
    }
}

#[test]
fn a_copied_case_can_be_defanged() {
    let mut app = answered();
    let address = {
        let entry = app.queue.current().expect("an alert");
        let lines = entry.episode.log_window.iter();
        let mut addresses = lines.flat_map(|event| events::texts(event, Kind::is_address));
        addresses.next().expect("an address").1.to_owned()
    };
    press(&mut app, "2 Enter");
    let case = copied(&mut app, "y j j j Enter");
    assert!(case.contains(&address), "{case}");
    let harmless = copied(&mut app, "y j j j d Enter");
    assert!(!harmless.contains(&address), "{harmless}");
    assert!(
        harmless.contains(&address.replace('.', "[.]")),
        "{harmless}"
    );
}
