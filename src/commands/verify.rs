//! `opensoc verify`: truth and plausibility of incidents and episodes.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::Outcome;
use super::lines::{LineError, answer_all};
use crate::env::schema::{Episode, Event, Incident};
use crate::env::{plausible, verify};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines, each an episode or an incident; stdin without it
    pub file: Option<PathBuf>,
}

/// Prints a truth a line.
///
/// # Errors
/// When the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    answer_all(args.file.as_deref(), out, answer)
}

/// The truth of one line. What an episode says its truth is, is never believed.
fn answer(line: &str) -> Result<Value, LineError> {
    let object: Map<String, Value> = serde_json::from_str(line)?;
    let is_episode = object.contains_key("log_window") || object.contains_key("episode_id");
    let (category, events, name) = if is_episode {
        let episode: Episode = serde_json::from_str(line)?;
        (episode.incident.category, episode.log_window, "log_window")
    } else {
        let incident: Incident = serde_json::from_str(line)?;
        (incident.category, incident.events, "events")
    };
    truth_object(&category, &events, name)
}

fn truth_object(category: &str, events: &[Event], name: &str) -> Result<Value, LineError> {
    let truth = verify::truth(events).map_err(|error| LineError::Content {
        message: error.to_string(),
        field: name.to_owned(),
    })?;
    let mut value = serde_json::to_value(truth)?;
    if let Value::Object(object) = &mut value {
        let verdict = plausible::check(category, events);
        object.insert("plausible".to_owned(), verdict.is_ok().into());
        if let Err(because) = verdict {
            object.insert("implausible_because".to_owned(), because.to_string().into());
        }
    }
    Ok(value)
}
