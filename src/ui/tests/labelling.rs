//! Key scripts and frames of the labelling screen, with a clerk that keeps labels in a folder of the test's own.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::env::generate;
use crate::env::schema::{Action, Episode, Split, Stage};
use crate::env::verdict::judge;
use crate::label::{Decision, Label, State, Store};
use crate::link::{Command, Fact};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::clerk::{Clerk, Outcome, Request};
use crate::ui::labelling::Standing;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{app, press, ready, right, seen};

/// A workbench with a folder of labels.
struct Desk {
    folder: tempfile::TempDir,
    app: App,
    clerk: Clerk,
}

impl Desk {
    /// On these episodes; the screen is open.
    fn on(episodes: &[Episode]) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path().join("labels"));
        store.add_episodes(episodes).expect("added");
        let mut desk = Self {
            app: app(),
            clerk: Clerk {
                store,
                annotator: "analyst".into(),
                desk: None,
            },
            folder,
        };
        desk.press("F3");
        assert_eq!(desk.app.labelling.standing, Standing::Open);
        desk
    }

    /// The workbench started again on the same folder.
    fn again(self) -> Self {
        let store = self.clerk.store.clone();
        // The lock goes with the old one.
        drop(self.clerk);
        let mut desk = Self {
            app: app(),
            clerk: Clerk {
                store,
                annotator: "analyst".into(),
                desk: None,
            },
            folder: self.folder,
        };
        desk.press("F3");
        desk
    }

    /// Presses keys; the clerk and a model that is right answer.
    fn press(&mut self, keys: &str) {
        let effects = press(&mut self.app, keys);
        self.settle(effects);
    }

    fn type_line(&mut self, text: &str) {
        for c in text.chars() {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            update(&mut self.app, Msg::Key(key));
        }
        self.press("Enter");
    }

    fn settle(&mut self, effects: Vec<Effect>) {
        let mut todo = effects;
        while let Some(effect) = todo.pop() {
            let message = match effect {
                Effect::Label(request) => Msg::Label(self.clerk.answer(request)),
                Effect::Send(Command::Infer(request)) => {
                    let response = right(&request.episode);
                    Msg::Fact(Fact::Inference {
                        id: request.id,
                        adapter: "sft".into(),
                        verdict: Box::new(judge(&request.episode, &response)),
                        response,
                        millis: 1,
                    })
                }
                _ => continue,
            };
            todo.extend(update(&mut self.app, message));
        }
    }

    /// What is on disk of the alert at `at`.
    fn on_disk(&self, at: usize) -> Option<Label> {
        let id = &self.app.labelling.items()[at].entry.episode.episode_id;
        let labels = self.clerk.store.labels().expect("read");
        labels.get("analyst", id).cloned()
    }

    fn decision(&self, at: usize) -> &Decision {
        &self.app.labelling.items()[at].decision
    }

    fn said(&self) -> &str {
        self.app.toast.as_ref().map_or("", |t| t.text.as_str())
    }
}

/// Alerts from outside: no generator of ours makes them at the workbench's seed.
fn imported() -> Vec<Episode> {
    (0..4)
        .map(|n| generate::episode(Stage::Multi, Split::Holdout, 77, n))
        .collect()
}

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
    desk.press("s x f o");
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
fn labels_that_cannot_be_opened_are_said_and_tried_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::new(folder.path());
    let clerk = |store: &Store| Clerk {
        store: store.clone(),
        annotator: "analyst".into(),
        desk: None,
    };
    let mut other = clerk(&store);
    assert!(matches!(
        other.answer(Request::Open),
        Outcome::Opened { .. }
    ));
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
    assert_eq!(desk.app.labelling.standing, Standing::Open);
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
    assert!(filter(&format!("rule:{}", imported()[0].truth.rule)).is_empty());
    assert!(filter("truth:d").is_empty());
    desk.press("F1 F3 / s t a t e : d r a f t Enter");
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
