//! `opensoc score`: verdicts on responses.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::Outcome;
use super::lines::{LineError, answer_all};
use crate::env::read::{self, Object};
use crate::env::{verdict, verify};

/// Arguments of `score`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines of {"episode":{…},"response":"…"}; stdin without it
    pub file: Option<PathBuf>,
}

/// Prints a verdict a line.
///
/// # Errors
/// When the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    answer_all(args.file.as_deref(), out, answer)
}

/// Truth is made anew from the log window: an edited `truth` earns nothing.
fn answer(line: &str) -> Result<Value, LineError> {
    let mut object = Object::parse(line)?;
    object.only(&["episode", "response"])?;
    let mut episode = read::episode(object.object("episode")?)?;
    let response = object.text("response")?;
    episode.truth = verify::truth(&episode.log_window).map_err(|error| LineError::Content {
        message: error.to_string(),
        field: "episode.log_window".to_owned(),
    })?;
    Ok(serde_json::to_value(verdict::judge(&episode, &response))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::{Action, Split, Stage};
    use crate::env::{generate, gold};
    use serde_json::json;

    #[test]
    fn an_edited_truth_earns_nothing() {
        let episode = generate::episode(Stage::Multi, Split::Train, 3, 8);
        let response = gold::response(&episode);
        let mut edited = episode.clone();
        edited.truth.action = Action::ALL[(episode.truth.action.index() + 1) % 5];
        for episode in [episode, edited] {
            let line = json!({"episode": episode, "response": response}).to_string();
            let verdict = answer(&line).unwrap();
            assert_eq!(verdict["correct_action"], true);
            assert_eq!(verdict["components"]["correct_citation_bonus"], 0.1);
        }
    }

    #[test]
    fn malformed_responses_get_a_verdict_and_unknown_fields_an_error() {
        let episode = generate::episode(Stage::Multi, Split::Train, 3, 8);
        let line = json!({"episode": episode, "response": "I would escalate"});
        let verdict = answer(&line.to_string()).unwrap();
        assert_eq!(verdict["format_ok"], false);
        assert_eq!(verdict["malformed_because"], "1 line(s) instead of three");
        let line = json!({"episode": episode, "response": "", "hint": 1}).to_string();
        assert!(answer(&line).unwrap_err().to_string().contains("`hint`"));
    }

    #[test]
    fn lists_are_no_objects_and_wrong_values_are_named() {
        let episode = generate::episode(Stage::Multi, Split::Train, 3, 8);
        let line = json!([episode, "Action: dismiss"]).to_string();
        assert_eq!(answer(&line).unwrap_err().to_string(), "not an object");
        let line = json!({"episode": episode, "response": 5}).to_string();
        let message = answer(&line).unwrap_err().to_string();
        assert_eq!(message, "field `response` is not text");
        let mut line = json!({"episode": episode, "response": ""});
        line["episode"]["seed"] = json!(-1);
        let message = answer(&line.to_string()).unwrap_err().to_string();
        assert!(message.contains("`episode.seed`"), "{message}");
    }

    #[test]
    fn a_citation_of_any_length_is_well_formed_and_wrong() {
        let episode = generate::episode(Stage::Multi, Split::Train, 3, 8);
        let action = episode.truth.action;
        let response = format!(
            "Action: {action}\nCitedLog: L1-{}\nRationale: a",
            "7".repeat(40)
        );
        let line = json!({"episode": episode, "response": response}).to_string();
        let verdict = answer(&line).unwrap();
        assert_eq!(verdict["format_ok"], true);
        assert_eq!(verdict["correct_citation"], false);
        assert_eq!(verdict["reward"], 1.0);
    }
}
