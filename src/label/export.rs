//! Submitted labels as examples for trainers: prompt and completion, messages, preferences. Pure.
//!
//! Columns beside the messages are for people and other tools; trainers pass over them.

use serde_json::{Value, json};

use super::{Decision, Label, State};
use crate::env::prompt;
use crate::env::response;
use crate::env::reward;
use crate::env::schema::{Action, Episode, Truth};

/// What a line of an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `prompt` and `completion`: SFT on the answer only
    PromptCompletion,
    /// One conversation under `messages`
    Messages,
    /// `prompt`, `chosen` (the label) and `rejected` (see --rejected): pairs for DPO
    Preference,
}

/// Which answer a pair rejects. One that is made has the label's own words, so that a pair differs in one line only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Rejected {
    /// The model's where it differs from the label, else as `action`
    #[default]
    ModelOrAction,
    /// The model's where it differs from the label, else no line
    Model,
    /// The label with the other action that earns least where the label is right; of equals the one that costs less
    Action,
    /// The label with another citation: the first other event of the log window
    Citation,
}

/// Why a label gives no example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("{} is not submitted", .0.as_str())]
    NotSubmitted(State),
    #[error("the label is not whole: {0}")]
    NotWhole(response::Malformed),
    #[error("`{0}` is not in the log window")]
    NoSuchEvent(String),
    #[error("no answer of the model was seen")]
    NoModel,
    #[error("the model's answer is the same")]
    SameAsModel,
    #[error("the log window has no other event to cite")]
    OneEvent,
}

/// One line of an export.
///
/// # Errors
/// Why the label gives none.
pub fn example(
    format: Format,
    rejected: Rejected,
    label: &Label,
    episode: &Episode,
) -> Result<Value, Unfit> {
    let decision = &label.decision;
    if decision.state != State::Submitted {
        return Err(Unfit::NotSubmitted(decision.state));
    }
    let answer = decision.response().map_err(Unfit::NotWhole)?;
    let cited = decision.cited_log_id.as_deref().unwrap_or_default();
    if !episode.log_window.iter().any(|event| event.log_id == cited) {
        return Err(Unfit::NoSuchEvent(cited.to_owned()));
    }
    let user = prompt::user_message(&episode.alert, &episode.log_window);
    let asked = [message("system", prompt::SYSTEM), message("user", &user)];
    let said = message("assistant", &answer);
    let turns = match format {
        Format::PromptCompletion => json!({"prompt": asked, "completion": [said]}),
        Format::Messages => {
            let [system, user] = asked;
            json!({"messages": [system, user, said]})
        }
        Format::Preference => {
            let (origin, other) = other_answer(rejected, decision, episode)?;
            let other = message("assistant", &other);
            json!({"rejected_from": origin, "prompt": asked, "chosen": [said], "rejected": [other]})
        }
    };
    Ok(with_origin(turns, label, episode))
}

fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// What is rejected, after where it comes from.
fn other_answer(
    rejected: Rejected,
    decision: &Decision,
    episode: &Episode,
) -> Result<(&'static str, String), Unfit> {
    let of_action = || Ok(("action", other_action(decision)?));
    match rejected {
        Rejected::Model => Ok(("model", of_model(decision)?.to_owned())),
        Rejected::ModelOrAction => match of_model(decision) {
            Ok(answer) => Ok(("model", answer.to_owned())),
            Err(_) => of_action(),
        },
        Rejected::Action => of_action(),
        Rejected::Citation => Ok(("citation", other_citation(decision, episode)?)),
    }
}

/// The model's answer where it decides otherwise, cites otherwise, or is malformed.
fn of_model(decision: &Decision) -> Result<&str, Unfit> {
    let model = decision.model.as_ref().ok_or(Unfit::NoModel)?;
    let is_same = response::parse(&model.response).is_ok_and(|answer| {
        Some(answer.action) == decision.action && Some(answer.cited_log_id) == decision.cited_log_id
    });
    match is_same {
        true => Err(Unfit::SameAsModel),
        false => Ok(&model.response),
    }
}

/// The label with the action that the reward table punishes most where the label is the truth.
fn other_action(decision: &Decision) -> Result<String, Unfit> {
    let others = Action::ALL
        .into_iter()
        .filter(|a| Some(*a) != decision.action);
    let worst = others.min_by(|one, two| {
        let earns = |action| decision.action.map_or(0.0, |right| earned(action, right));
        // Of equals the first stays, and they stand in rising cost.
        earns(*one).total_cmp(&earns(*two))
    });
    let other = Decision {
        action: worst,
        ..decision.clone()
    };
    other.response().map_err(Unfit::NotWhole)
}

/// What `action` earns where `right` is the truth, without citations.
fn earned(action: Action, right: Action) -> f64 {
    let truth = Truth {
        action: right,
        triggering_log_id: String::new(),
        rule: String::new(),
        reason: String::new(),
        attack: Vec::new(),
        evidence: Vec::new(),
    };
    reward::score(&truth, Some(action), None).0
}

/// The label citing the first event of the window that it does not cite.
fn other_citation(decision: &Decision, episode: &Episode) -> Result<String, Unfit> {
    let mut ids = episode.log_window.iter().map(|event| &event.log_id);
    let other = ids.find(|id| Some(*id) != decision.cited_log_id.as_ref());
    let other = Decision {
        cited_log_id: Some(other.ok_or(Unfit::OneEvent)?.clone()),
        ..decision.clone()
    };
    other.response().map_err(Unfit::NotWhole)
}

fn with_origin(turns: Value, label: &Label, episode: &Episode) -> Value {
    let mut line = json!({
        "id": label.episode_id,
        "annotator": label.annotator,
        "revision": label.revision,
        "stage": episode.stage,
        "split": episode.split,
    });
    if let (Value::Object(line), Value::Object(turns)) = (&mut line, turns) {
        line.extend(turns);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Action, Split, Stage};
    use crate::label::ModelAnswer;
    use crate::label::testing::{decided, label};

    fn episode() -> Episode {
        generate::episode(Stage::Multi, Split::Train, 3, 4)
    }

    /// A label on it that decides `action`, seen beside an answer of the model that says `model`.
    fn seen(action: Action, model: Option<&str>) -> Label {
        let episode = episode();
        let mut decision = decided(action, &episode.log_window[0].log_id, "as told");
        decision.model = model.map(|response| ModelAnswer {
            adapter: "sft".into(),
            response: response.into(),
        });
        label("ann", &episode.episode_id, decision)
    }

    fn export(format: Format, label: &Label) -> Result<Value, Unfit> {
        example(format, Rejected::Model, label, &episode())
    }

    /// What a pair of `label` rejects, and from where that is.
    fn rejected(from: Rejected, label: &Label) -> Result<(String, String), Unfit> {
        let line = example(Format::Preference, from, label, &episode())?;
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Ok((
            text(&line["rejected_from"]),
            text(&line["rejected"][0]["content"]),
        ))
    }

    #[test]
    fn the_same_conversation_in_both_sft_shapes() {
        let label = seen(Action::Monitor, None);
        let parts = export(Format::PromptCompletion, &label).expect("whole");
        let whole = export(Format::Messages, &label).expect("whole");
        let roles: Vec<_> = (0..3)
            .map(|at| whole["messages"][at]["role"].clone())
            .collect();
        assert_eq!(roles, ["system", "user", "assistant"]);
        assert_eq!(whole["messages"][1], parts["prompt"][1]);
        assert_eq!(whole["messages"][2], parts["completion"][0]);
        let cited = &episode().log_window[0].log_id;
        assert_eq!(
            parts["completion"][0]["content"],
            format!("Action: monitor\nCitedLog: {cited}\nRationale: as told")
        );
        assert_eq!(
            (&parts["annotator"], &parts["split"]),
            (&"ann".into(), &"train".into())
        );
    }

    #[test]
    fn a_preference_needs_an_answer_that_differs() {
        let cited = episode().log_window[0].log_id.clone();
        let said = |action: &str, cited: &str| {
            format!("Action: {action}\nCitedLog: {cited}\nRationale: other words")
        };
        let of = |model: Option<&str>| export(Format::Preference, &seen(Action::Monitor, model));
        assert_eq!(of(None), Err(Unfit::NoModel));
        assert_eq!(of(Some(&said("monitor", &cited))), Err(Unfit::SameAsModel));
        for other in [
            said("escalate", &cited),
            said("monitor", "L9-99"),
            "Well.".into(),
        ] {
            let line = of(Some(&other)).expect("differs");
            assert_eq!(line["rejected"][0]["content"], other);
            let chosen = line["chosen"][0]["content"].as_str().expect("text");
            assert!(chosen.starts_with("Action: monitor\n"), "{chosen}");
            assert_eq!(line["prompt"].as_array().map(Vec::len), Some(2));
        }
    }

    #[test]
    fn what_is_not_whole_gives_no_example() {
        let mut draft = seen(Action::Monitor, None);
        draft.decision.state = State::Draft;
        let refused = export(Format::Messages, &draft);
        assert_eq!(refused, Err(Unfit::NotSubmitted(State::Draft)));
        let mut silent = seen(Action::Monitor, None);
        silent.decision.rationale.clear();
        assert!(matches!(
            export(Format::Messages, &silent),
            Err(Unfit::NotWhole(_))
        ));
        let mut elsewhere = seen(Action::Monitor, None);
        elsewhere.decision.cited_log_id = Some("L9-99".into());
        let refused = export(Format::PromptCompletion, &elsewhere);
        assert_eq!(refused, Err(Unfit::NoSuchEvent("L9-99".into())));
    }

    #[test]
    fn a_pair_has_exactly_the_columns_a_preference_trainer_reads() {
        let model = "Action: escalate\nCitedLog: L1-0\nRationale: x";
        let line = export(Format::Preference, &seen(Action::Monitor, Some(model)));
        let line = line.expect("a pair");
        let lists = ["prompt", "chosen", "rejected"].map(|name| {
            let messages = line[name].as_array().expect("a list of messages");
            for message in messages {
                let keys: Vec<_> = message.as_object().expect("an object").keys().collect();
                assert_eq!(keys, ["role", "content"]);
            }
            messages
                .iter()
                .map(|m| m["role"].clone())
                .collect::<Vec<_>>()
        });
        assert_eq!(lists[0], ["system", "user"]);
        assert_eq!(
            (&lists[1], &lists[2]),
            (&vec!["assistant".into()], &vec!["assistant".into()])
        );
        // Trainers detect a format by these; any other of them would make it another format.
        for other in ["messages", "completion", "label", "images"] {
            assert!(line.get(other).is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_made_differs_from_the_label_in_one_line() {
        use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
        for (action, worst) in [
            (Dismiss, QuarantineHost),
            (Monitor, Dismiss),
            (QuarantineHost, Dismiss),
            (BlockIp, Dismiss),
            (Escalate, Dismiss),
        ] {
            let label = seen(action, None);
            let chosen = label.decision.response().expect("whole");
            for from in [Rejected::Action, Rejected::ModelOrAction] {
                let (origin, made) = rejected(from, &label).expect("made");
                assert_eq!(origin, "action");
                let of = |action: Action| format!("Action: {action}");
                assert_eq!(made, chosen.replace(&of(action), &of(worst)));
            }
            let (origin, made) = rejected(Rejected::Citation, &label).expect("made");
            assert_eq!(origin, "citation");
            let window = episode().log_window;
            let of = |at: usize| format!("CitedLog: {}\n", window[at].log_id);
            assert_eq!(made, chosen.replace(&of(0), &of(1)));
        }
    }

    #[test]
    fn the_models_answer_is_taken_before_one_is_made() {
        let cited = episode().log_window[0].log_id.clone();
        let model = format!("Action: block_ip\nCitedLog: {cited}\nRationale: x");
        let differs = seen(Action::Monitor, Some(&model));
        let (origin, found) = rejected(Rejected::ModelOrAction, &differs).expect("a pair");
        assert_eq!((origin.as_str(), found), ("model", model.clone()));
        let same = seen(Action::BlockIp, Some(&model));
        let (origin, _) = rejected(Rejected::ModelOrAction, &same).expect("a pair");
        assert_eq!(origin, "action");
        let mut alone = episode();
        alone.log_window.truncate(1);
        let found = example(Format::Preference, Rejected::Citation, &same, &alone);
        assert_eq!(found, Err(Unfit::OneEvent));
    }
}
