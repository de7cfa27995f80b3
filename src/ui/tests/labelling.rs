//! Key scripts of the labelling screen: decisions, undo, the model's answer, and what is on disk of them.

use crate::env::schema::{Action, Stage};
use crate::label::{Decision, State};
use crate::ui::app::update;
use crate::ui::clerk::{Outcome, Request};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{press, ready, seen};
use crate::ui::tests::label_desk::{Desk, imported};

#[test]
fn a_label_is_chosen_cited_reasoned_submitted_and_on_disk() {
    let mut desk = Desk::on(&imported());
    desk.press("Enter");
    assert!(desk.said().contains("1-5 first"), "{}", desk.said());
    assert_eq!(desk.on_disk(0), None);
    desk.press("3 Tab j Space");
    let draft = desk.on_disk(0).expect("a draft is on disk");
    assert_eq!((draft.revision, draft.decision.state), (2, State::Draft));
    let cited = imported()[0].log_window[1].log_id.clone();
    assert_eq!(draft.decision.cited_log_id, Some(cited));
    desk.press("Enter");
    assert!(matches!(desk.app.layers.last(), Some(Layer::Line { .. })));
    desk.type_line("");
    assert!(desk.said().contains("needs a rationale"), "{}", desk.said());
    assert_eq!(desk.decision(0).state, State::Draft);
    desk.press("Enter");
    desk.type_line("seen before");
    let label = desk.on_disk(0).expect("a label");
    assert_eq!(label.decision.state, State::Submitted);
    assert_eq!(label.decision.action, Some(Action::QuarantineHost));
    assert_eq!(label.decision.rationale, "seen before");
    assert!(label.unix_time > 1_700_000_000);
    assert_eq!(desk.app.labelling.selected(), 1, "on to the next");
    // A later change is a draft again, and a new revision.
    desk.press("[ 4");
    assert_eq!(desk.decision(0).state, State::Draft);
    desk.press("Enter");
    assert_eq!(
        desk.on_disk(0).expect("again").decision.action,
        Some(Action::BlockIp)
    );
    assert!(desk.on_disk(0).expect("again").revision > label.revision);
}

#[test]
fn undo_and_redo_have_no_limit_and_each_step_is_a_revision() {
    let mut desk = Desk::on(&imported());
    let steps = 300;
    for n in 0..steps {
        desk.press(&format!("{}", n % 5 + 1));
    }
    desk.press("] f");
    desk.press("u");
    assert_eq!(desk.app.labelling.selected(), 1);
    assert!(!desk.decision(1).is_flagged);
    for _ in 0..steps {
        desk.press("u");
    }
    assert_eq!(desk.app.labelling.selected(), 0);
    assert_eq!(desk.decision(0), &Decision::default());
    let blank = desk.on_disk(0).expect("a revision");
    assert_eq!(blank.decision, Decision::default());
    assert_eq!(blank.revision, 2 * steps);
    desk.press("u");
    assert!(desk.said().contains("nothing to undo"), "{}", desk.said());
    for _ in 0..=steps {
        desk.press("ctrl-r");
    }
    assert_eq!(desk.decision(0).action, Some(Action::Escalate));
    assert!(desk.on_disk(1).expect("flagged").decision.is_flagged);
    desk.press("u 1 ctrl-r");
    assert!(
        desk.said().contains("nothing to undo"),
        "a change forgets what was undone"
    );
}

#[test]
fn undo_and_redo_go_on_after_a_restart_and_leave_others_alone() {
    let mut desk = Desk::on(&imported());
    desk.press("2 ] 3 f");
    let store = desk.clerk.store.clone();
    let mut bob = crate::label::Writer::open(&store, "bob").expect("free");
    let decision = crate::label::testing::decided(Action::Dismiss, "L1-0", "r");
    let of_bob = crate::label::testing::label("bob", &imported()[0].episode_id, decision);
    bob.append(&of_bob).expect("written");
    let mut desk = desk.again();
    desk.press("u u");
    assert_eq!(desk.app.labelling.selected(), 1);
    assert_eq!(desk.decision(1), &Decision::default());
    assert_eq!(desk.decision(0).action, Some(Action::Monitor));
    // Half-way back, and again from there.
    let mut desk = desk.again();
    desk.press("u");
    assert_eq!(desk.decision(0), &Decision::default());
    desk.press("u");
    assert!(desk.said().contains("nothing to undo"), "{}", desk.said());
    let mut desk = desk.again();
    desk.press("ctrl-r ctrl-r ctrl-r");
    assert_eq!(desk.decision(0).action, Some(Action::Monitor));
    let again = desk.on_disk(1).expect("brought again");
    assert!(again.decision.is_flagged && again.decision.action == Some(Action::QuarantineHost));
    assert_eq!(again.revision, 6);
    desk.press("ctrl-r");
    assert!(desk.said().contains("nothing to undo"), "{}", desk.said());
    // A change forgets what was undone, also over a restart.
    desk.press("u 5");
    let mut desk = desk.again();
    desk.press("ctrl-r");
    assert!(desk.said().contains("nothing to undo"), "{}", desk.said());
    let labels = store.labels().expect("read");
    assert_eq!(labels.get("bob", &of_bob.episode_id), Some(&of_bob));
}

#[test]
fn the_models_answer_is_hidden_and_taken_over_only_after_ones_own_choice() {
    let mut desk = Desk::on(&imported());
    let effects = update(&mut desk.app, ready());
    desk.settle(effects);
    let truth = imported()[0].truth.clone();
    let shown = seen(&desk.app, (100, 40));
    assert!(shown.contains("hidden until you have chosen"), "{shown}");
    assert!(
        !shown.contains("as the rule says") && !shown.contains("▸ M"),
        "{shown}"
    );
    desk.press("a");
    assert!(
        desk.said().contains("own choice comes first"),
        "{}",
        desk.said()
    );
    assert_eq!(desk.decision(0).action, None);
    let other = Action::ALL
        .into_iter()
        .find(|a| *a != truth.action)
        .expect("five");
    desk.press(&format!("{}", other.index() + 1));
    let shown = seen(&desk.app, (100, 40));
    assert!(
        shown.contains("as the rule says") && shown.contains("not as you"),
        "{shown}"
    );
    desk.press("a");
    let decision = desk.decision(0).clone();
    assert_eq!(decision.action, Some(truth.action));
    assert_eq!(decision.cited_log_id, Some(truth.triggering_log_id.clone()));
    let mut window = imported()[0].log_window.clone().into_iter();
    let cited = window.position(|event| event.log_id == truth.triggering_log_id);
    assert_eq!(Some(desk.app.labelling.line), cited, "the cursor is on it");
    assert!(decision.is_accepted && decision.state == State::Draft);
    assert!(decision.model.is_some_and(|model| model.adapter == "sft"));
    desk.press("Enter");
    let label = desk.on_disk(0).expect("a label").decision;
    assert!(label.is_accepted && label.state == State::Submitted);
    assert_eq!(desk.app.labelling.counts().accepted, 1);
    // One's own again: no longer the model's answer.
    desk.press(&format!("[ {}", other.index() + 1));
    assert!(!desk.decision(0).is_accepted);
}

#[test]
fn skipping_discarding_flagging_and_notes() {
    let mut desk = Desk::on(&imported());
    desk.press("s x f c");
    desk.type_line("ask the network team");
    assert_eq!(
        desk.on_disk(0).expect("skipped").decision.state,
        State::Skipped
    );
    assert_eq!(
        desk.on_disk(1).expect("discarded").decision.state,
        State::Discarded
    );
    let flagged = desk.on_disk(2).expect("flagged").decision;
    assert!(flagged.is_flagged && flagged.state == State::Pending);
    assert_eq!(flagged.note, "ask the network team");
    let counts = desk.app.labelling.counts();
    assert_eq!((counts.states, counts.flagged), ([2, 0, 0, 1, 1], 1));
    desk.press("g g s");
    assert_eq!(desk.decision(0).state, State::Pending, "taken back");
    desk.press("s s s p");
    assert!(
        desk.said().contains("no other alert waits"),
        "{}",
        desk.said()
    );
}

#[test]
fn what_was_labelled_is_there_the_next_time_and_the_next_open_alert_is_first() {
    let mut desk = Desk::on(&imported());
    desk.press("2 e");
    desk.type_line("odd but harmless");
    desk.press("Enter s");
    let mut desk = desk.again();
    assert_eq!(desk.app.labelling.selected(), 2);
    assert_eq!(desk.decision(0).rationale, "odd but harmless");
    let counts = desk.app.labelling.counts();
    assert_eq!(counts.states, [2, 0, 1, 1, 0]);
    desk.press("g g 3");
    assert_eq!(desk.on_disk(0).expect("changed").revision, 4);
}

#[test]
fn an_empty_folder_gives_generated_alerts_and_keeps_those_that_are_labelled() {
    let mut desk = Desk::on(&[]);
    assert!(seen(&desk.app, (80, 24)).contains("generated train alerts of seed 3"));
    assert!(desk.app.labelling.items().len() >= 40);
    let stages = desk.app.labelling.items().iter().take(4);
    let stages: Vec<_> = stages.map(|item| item.entry.episode.stage).collect();
    assert_eq!(stages, Stage::ALL);
    desk.press("] ] 1 e");
    desk.type_line("benign");
    desk.press("Enter");
    let kept = desk.clerk.store.episodes().expect("read");
    assert_eq!(kept.len(), 1, "only what is labelled is kept");
    let labelled = desk.app.labelling.items()[2].entry.episode.clone();
    assert_eq!(kept[0], labelled);
    let desk = desk.again();
    let items = desk.app.labelling.items();
    assert_eq!(items[0].entry.episode, labelled);
    assert_eq!(desk.app.labelling.selected(), 1);
    let same = |item: &&crate::ui::labelling::Item| item.entry.episode == labelled;
    assert_eq!(items.iter().filter(same).count(), 1);
}

#[test]
fn a_label_counts_only_once_it_is_on_disk() {
    let mut desk = Desk::on(&imported());
    let effects = press(&mut desk.app, "2");
    let shown = seen(&desk.app, (80, 24));
    assert!(
        shown.contains("writing") && !shown.contains("saved"),
        "{shown}"
    );
    let [Effect::Label(Request::Save { label, .. })] = &effects[..] else {
        panic!("{effects:?}")
    };
    let label = label.clone();
    let why = "labels.jsonl: cannot write: no space left".to_owned();
    let failed = Outcome::NotSaved { label, why };
    update(&mut desk.app, Msg::Label(failed));
    let shown = seen(&desk.app, (80, 24));
    assert!(
        shown.contains("✗ unsaved") && shown.contains("no space left"),
        "{shown}"
    );
    assert_eq!(desk.app.labelling.counts().states, [4, 0, 0, 0, 0]);
    // The same choice again is written again.
    desk.press("2");
    assert!(seen(&desk.app, (80, 24)).contains("saved, revision 2"));
    assert_eq!(desk.app.labelling.counts().states, [3, 1, 0, 0, 0]);
}

#[test]
fn submitted_labels_are_written_as_examples_for_the_next_run() {
    let mut desk = Desk::on(&imported());
    desk.press("w Enter");
    assert!(
        desk.said().contains("nothing is submitted yet"),
        "{}",
        desk.said()
    );
    assert_eq!(desk.app.sft_extra, None);
    desk.press("3 Tab j Space Enter");
    desk.type_line("seen before");
    // A draft is no example.
    desk.press("2");
    desk.press("w Enter");
    assert!(desk.said().contains("1 example in"), "{}", desk.said());
    let path = desk.app.sft_extra.clone().expect("offered to the next run");
    let text = std::fs::read_to_string(&path).expect("written");
    let examples: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(examples.len(), 1);
    let answer = examples[0]["completion"][0]["content"].as_str();
    let answer = answer.expect("an answer");
    assert!(answer.starts_with("Action: quarantine_host\n") && answer.contains("seen before"));
    let shown = path.file_name().and_then(|name| name.to_str());
    press(&mut desk.app, "F2 t");
    let form = seen(&desk.app, (120, 60));
    assert!(
        form.contains("sft_extra") && form.contains(shown.expect("a name")),
        "{form}"
    );
}
