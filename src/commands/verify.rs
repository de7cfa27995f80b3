//! `opensoc verify`: truth and plausibility of incidents and episodes.

use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

use super::Outcome;
use super::lines::{LineError, answer_all};
use crate::env::plausible::{self, Implausible};
use crate::env::read::{self, Object};
use crate::env::schema::Event;
use crate::env::verify;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines, each an episode or an incident; stdin without it
    pub file: Option<PathBuf>,
}

/// Prints a truth a line. Fields that an event type does not have, and times that run backwards, are told as implausible beside
/// it: records of other programs hold more than the registry knows.
///
/// # Errors
/// When the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    answer_all(args.file.as_deref(), out, answer)
}

/// The truth of one line. What an episode says its truth is, is never believed.
fn answer(line: &str) -> Result<Value, LineError> {
    let object = Object::parse(line)?;
    let is_episode = object.has("log_window") || object.has("episode_id");
    let (category, events, name) = if is_episode {
        let episode = read::episode(object)?;
        (episode.incident.category, episode.log_window, "log_window")
    } else {
        let incident = read::incident(object)?;
        (incident.category, incident.events, "events")
    };
    truth_object(&category, &events, name)
}

fn truth_object(category: &str, events: &[Event], name: &str) -> Result<Value, LineError> {
    let truth = verify::truth(events).map_err(|error| LineError::Content {
        message: error.to_string(),
        field: at_fault(&error, events, name),
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

/// The log id that is none, by its path; the whole list where it is at fault.
fn at_fault(error: &Implausible, events: &[Event], name: &str) -> String {
    let Implausible::LogId(id) = error else {
        return name.to_owned();
    };
    let at = events.iter().position(|event| event.log_id == *id);
    at.map_or_else(|| name.to_owned(), |at| format!("{name}[{at}].log_id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::{Action, Split, Stage};

    #[test]
    fn truth_of_an_episode_is_made_anew() {
        let mut episode = generate::episode(Stage::Mixed, Split::Train, 3, 8);
        let truth = episode.truth.clone();
        episode.truth.action = Action::Dismiss;
        episode.truth.rule = "invented".into();
        episode.incident.target_label = Action::Dismiss;
        let value = answer(&serde_json::to_string(&episode).unwrap()).unwrap();
        assert_eq!(value["action"], truth.action.as_str());
        assert_eq!(value["rule"], truth.rule.as_str());
        assert_eq!(value["plausible"], true);
        assert!(value.get("implausible_because").is_none());
        let incident = serde_json::to_string(&episode.incident).unwrap();
        assert_eq!(answer(&incident).unwrap(), value);
    }

    #[test]
    fn implausible_and_unreadable_are_told_apart() {
        let beacon = r#"{"category":"malware","target_label":"dismiss","narrative":"","events":[{"log_id":"L1-0","timestamp":"2026-04-25T10:00:00Z","source":"zeek","event_type":"net.beacon","fields":{"jitter_pct":3,"resp_class":"rented_vps"}}]}"#;
        let value = answer(beacon).unwrap();
        assert_eq!(value["plausible"], false);
        assert_eq!(
            value["implausible_because"],
            "L1-0: net.beacon without `id.resp_h`"
        );
        let unknown = beacon.replacen("\"category\"", "\"mood\":1,\"category\"", 1);
        assert!(answer(&unknown).unwrap_err().to_string().contains("`mood`"));
        let label = beacon.replacen("\"dismiss\"", "\"ignore\"", 1);
        assert!(answer(&label).unwrap_err().to_string().contains("`ignore`"));
        assert!(answer("[]").is_err());
        let empty = r#"{"category":"malware","target_label":"dismiss","narrative":"","events":[]}"#;
        assert!(matches!(
            answer(empty),
            Err(LineError::Content { field, .. }) if field == "events"
        ));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        let mut incident = generate::episode(Stage::Mixed, Split::Train, 3, 8).incident;
        incident.events[1].log_id = "X9".into();
        let error = answer(&serde_json::to_string(&incident).unwrap()).unwrap_err();
        assert!(matches!(&error, LineError::Content { field, .. } if field == "events[1].log_id"));
        let torn = answer(r#"{"category":"malware","#).unwrap_err().to_string();
        assert!(torn.starts_with("not JSON: EOF"), "{torn}");
        assert!(torn.ends_with("at column 22"), "{torn}");
        let long = format!("{{\"{}\":1}}", "k".repeat(500_000));
        let told = answer(&long).unwrap_err().to_string();
        assert!(told.starts_with("unknown field `kkk") && told.len() < 200);
    }

    #[test]
    fn a_window_too_long_is_refused_before_any_rule_is_held_against_it() {
        let mut incident = generate::episode(Stage::Mixed, Split::Train, 3, 8).incident;
        let sweep = |n: usize| Event {
            log_id: format!("L1-{n}"),
            event_type: "net.connection".into(),
            ..incident.events[0].clone()
        };
        incident.events = (0..5_000).map(sweep).collect();
        let error = answer(&serde_json::to_string(&incident).unwrap()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("5000 events, at most 64"), "{message}");
    }

    #[test]
    fn a_key_twice_in_an_event_cannot_change_truth() {
        let episode = generate::episode(Stage::Mixed, Split::Train, 3, 8);
        let line = serde_json::to_string(&episode).unwrap();
        let (name, value) = episode.log_window[0].fields.iter().next().expect("a field");
        let pair = format!("\"{name}\":{value}");
        let twice = line.replacen(&pair, &format!("{pair},{pair}"), 1);
        let message = answer(&twice).unwrap_err().to_string();
        let expected = format!("field `log_window[0].fields.{name}` occurs twice");
        assert_eq!(message, expected);
    }

    #[test]
    fn ids_of_any_length_are_ids() {
        let mut incident = generate::episode(Stage::Mixed, Split::Train, 3, 8).incident;
        let id = "L12345678901-123456789012345";
        incident.events.truncate(1);
        incident.events[0].log_id = id.into();
        let value = answer(&serde_json::to_string(&incident).unwrap()).unwrap();
        assert_eq!(value["triggering_log_id"], id);
        assert_eq!(value["plausible"], true);
    }
}
