//! Fields edited in a copy: truth and answer before and after, and the way back.

use super::{SOURCE, in_order, told};
use crate::env::schema::{Episode, Stage};
use crate::ui::record::printed;

/// Where the first alert differs from its twin: line, field, and what it is in both.
fn difference(here: &Episode, twin: &Episode) -> (usize, String, String, String) {
    let pairs = here.log_window.iter().zip(&twin.log_window).enumerate();
    for (line, (one, two)) in pairs {
        for (name, value) in &one.fields {
            let other = two.fields.get(name).filter(|other| *other != value);
            if let Some(other) = other {
                return (line, name.clone(), printed(value), printed(other));
            }
        }
    }
    panic!("twins differ");
}

#[test]
fn an_alert_edited_into_its_twin_has_the_twins_truth_and_its_own_before() {
    let here = SOURCE.episode(Stage::Multi, 0);
    let twin = SOURCE.episode(Stage::Multi, 1);
    let (line, name, was, now) = difference(&here, &twin);
    let (id, number) = (&here.log_window[line].log_id, line + 1);
    let edit = format!("what-if {id} {name} {now}");
    let text = told(&format!(
        "{edit}\nreveal\nwhat-if {number} {name}\n{edit}\n{edit}\nshow\nundo\nredo\nx\nwhat-if drop\nanswer\n"
    ));
    let change = format!("What-if: {id} {name} was {was}, now {now}\n");
    let truth = |when: &str, of: &Episode| {
        let truth = &of.truth;
        let (action, trigger) = (truth.action, &truth.triggering_log_id);
        let rule = &truth.rule;
        format!("Truth {when}: {action} because of {trigger}, rule {rule}\n")
    };
    let (before, after) = (truth("was", &here), truth("now", &twin));
    in_order(
        &text,
        &[
            "a what-if would tell the truth: submit a decision first",
            &format!("\n{id} {name} is {was}; "),
            &format!("note: the truth is now {}", twin.truth.action),
            "; what-if drop shows the alert\n",
            &change,
            &before,
            "Reason was: ",
            &after,
            &format!("Model was: {} (right)", here.truth.action),
            &format!(
                "Model now: stage4_adversarial: {} (right)",
                twin.truth.action
            ),
            "note: the same value as before: nothing has changed",
            &format!(
                "Alert 0 of stage2_multi, holdout: {}\n",
                here.alert.alert_id
            ),
            &change,
            &format!("{number}. ["),
            &now,
            "What-if: none, the alert is as it was logged",
            &change,
            &before,
            &after,
            "What-if: none, the alert is as it was logged",
            "note: there is no what-if to drop",
            &format!("Model: stage4_adversarial: {} (right)", here.truth.action),
        ],
    );
}

#[test]
fn a_value_that_is_none_or_could_not_be_says_why() {
    let text = told(
        "r\nwhat-if\nwhat-if colour red\nwhat-if 1 timestamp soon\nwhat-if 1 source nowhere\nanswer\n",
    );
    in_order(
        &text,
        &[
            "Fields of L",
            ": timestamp source event_type ",
            "no field colour of L",
            "error: \"soon\" is not a UTC time like",
            "note: that could not have happened: ",
            "What-if: ",
            " source was ",
            ", now nowhere\n",
            "Truth was: ",
            "Truth now: none, for that could not have happened: ",
            "Model now: stage4_adversarial: ",
        ],
    );
    let (_, after) = text.split_once("Model now: ").expect("told");
    assert!(!after.contains("(right)"), "no truth, no right:\n{text}");
}
