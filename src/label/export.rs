//! Submitted labels as examples for trainers: prompt and completion, messages, preferences. Pure.
//!
//! Columns beside the messages are for people and other tools; trainers pass over them.

use serde_json::{Value, json};

use super::{Label, State};
use crate::env::prompt;
use crate::env::response;
use crate::env::schema::Episode;

/// What a line of an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// `prompt` and `completion`: SFT on the answer only
    PromptCompletion,
    /// One conversation under `messages`
    Messages,
    /// `prompt`, `chosen` (the label) and `rejected` (the model's other answer)
    Preference,
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
}

/// One line of an export.
///
/// # Errors
/// Why the label gives none.
pub fn example(format: Format, label: &Label, episode: &Episode) -> Result<Value, Unfit> {
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
            let rejected = message("assistant", rejected(label)?);
            json!({"prompt": asked, "chosen": [said], "rejected": [rejected]})
        }
    };
    Ok(with_origin(turns, label, episode))
}

fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

/// The model's answer where it decides otherwise, cites otherwise, or is malformed.
fn rejected(label: &Label) -> Result<&str, Unfit> {
    let decision = &label.decision;
    let model = decision.model.as_ref().ok_or(Unfit::NoModel)?;
    let is_same = response::parse(&model.response).is_ok_and(|answer| {
        Some(answer.action) == decision.action && Some(answer.cited_log_id) == decision.cited_log_id
    });
    match is_same {
        true => Err(Unfit::SameAsModel),
        false => Ok(&model.response),
    }
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
        example(format, label, &episode())
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
}
