//! Alerts from outside, as episodes to label: our episodes as they are, our incidents with a header made for them, alerts of
//! other programs as [`crate::import`] reads them.
//!
//! What a line says its truth is, is never believed: the verifier says it anew. Alerts of other programs have none. Pure.

use crate::env::plausible::Implausible;
use crate::env::read::{self, Fault, Object};
use crate::env::schema::{ENV_VERSION, Episode, Incident, Split, Stage};
use crate::env::verify;
use crate::import::room::weight;
use crate::import::{self, ImportError, Imported};

/// Why a line is nothing to label.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Json(#[from] Fault),
    #[error(transparent)]
    Truth(#[from] Implausible),
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// What a line holds.
#[derive(Debug)]
pub enum Line {
    /// An episode, whole.
    Episode(Box<Episode>),
    /// A record of another program, or alert and log window without more.
    Record(Box<Imported>),
}

impl Line {
    /// About how many bytes it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Episode(episode) => weight(&episode.log_window),
            Self::Record(record) => weight(&record.log_window),
        }
    }
}

/// Reads an episode, an incident or a record of another program, alert or not.
///
/// # Errors
/// A line that is none of them, or has a window no truth can be made of.
pub fn line(text: &str) -> Result<Line, Refused> {
    let object = Object::parse(text)?;
    if object.has("episode_id") {
        let mut episode = read::episode(object)?;
        episode.truth = verify::truth(&episode.log_window)?;
        return Ok(Line::Episode(Box::new(episode)));
    }
    if object.has("target_label") {
        let episode = of_incident(read::incident(object)?)?;
        return Ok(Line::Episode(Box::new(episode)));
    }
    Ok(Line::Record(Box::new(import::record(text)?)))
}

/// Reads what can be labelled by itself.
///
/// # Errors
/// As [`line()`]; and records that are no alert where they are not labelled by themselves.
pub fn episode(text: &str) -> Result<Episode, Refused> {
    match line(text)? {
        Line::Episode(episode) => Ok(*episode),
        Line::Record(_) => Ok(import::read(text)?.into_episode()),
    }
}

/// An incident is its own log window. It has no stage, split or number: its events are shown as they stand, and its id is
/// the hash of its content, so that the same incident is imported once.
fn of_incident(incident: Incident) -> Result<Episode, Refused> {
    let truth = verify::truth(&incident.events)?;
    let stage = match incident.events.len() {
        1 => Stage::Basic,
        _ => Stage::Multi,
    };
    Ok(Episode {
        episode_id: format!("incident-{}", import::incident_id(&incident)),
        env_version: ENV_VERSION.to_owned(),
        stage,
        split: Split::Train,
        seed: 0,
        index: 0,
        alert: import::header(&incident),
        log_window: incident.events.clone(),
        incident,
        truth,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::generate;
    use crate::env::schema::Action;

    #[test]
    fn an_episode_is_taken_as_it_is_but_for_its_truth() {
        let episode_in = generate::episode(Stage::Mixed, Split::Train, 3, 8);
        let mut forged = episode_in.clone();
        forged.truth.action = Action::Dismiss;
        forged.truth.rule = "invented".into();
        let line = serde_json::to_string(&forged).expect("a line");
        assert_eq!(episode(&line).expect("an episode"), episode_in);
    }

    #[test]
    fn an_incident_gets_a_header_and_an_id_of_its_content() {
        let incident = generate::episode(Stage::Mixed, Split::Train, 3, 8).incident;
        let line = serde_json::to_string(&incident).expect("a line");
        let found = episode(&line).expect("an episode");
        assert_eq!(found.log_window, incident.events);
        assert_eq!(found.truth, verify::truth(&incident.events).expect("truth"));
        assert_eq!(found, episode(&line).expect("the same again"));
        let asked = import::read(&line).expect("triage reads it too");
        assert_eq!(
            found.alert, asked.alert,
            "labels are made on triage's prompt"
        );
        let mut other = incident;
        other.narrative.push('!');
        let line = serde_json::to_string(&other).expect("a line");
        assert_ne!(
            episode(&line).expect("another").episode_id,
            found.episode_id
        );
    }

    #[test]
    fn what_cannot_be_labelled_is_refused() {
        let mut repeated = generate::episode(Stage::Mixed, Split::Train, 3, 8);
        let id = repeated.log_window[0].log_id.clone();
        repeated.log_window[1].log_id = id;
        let line = serde_json::to_string(&repeated).expect("a line");
        assert!(matches!(
            episode(&line),
            Err(Refused::Json(Fault::SameId { .. }))
        ));
        for line in ["", "[]", "{\"target_label\":1}", "{\"episode_id\":\"e\"}"] {
            assert!(matches!(episode(line), Err(Refused::Json(_))), "{line}");
        }
        let flow = r#"{"timestamp":"2026-01-02T03:04:05+0000","event_type":"flow"}"#;
        for line in ["{}", "{\"mood\":1}", flow] {
            assert!(matches!(episode(line), Err(Refused::Import(_))), "{line}");
        }
    }

    #[test]
    fn an_alert_of_another_program_has_no_truth_and_one_id() {
        let eve = r#"{"timestamp":"2026-01-02T03:04:05+0000","flow_id":7,"event_type":"alert","src_ip":"203.0.113.9",
            "alert":{"signature":"scan","category":"Attempted Recon","severity":2}}"#;
        let found = episode(eve).expect("an alert");
        assert!(found.truth.rule.is_empty() && found.truth.triggering_log_id.is_empty());
        assert_eq!(found.alert.summary, "scan");
        assert_eq!(found, episode(eve).expect("the same again"));
        let other = episode(&eve.replace("scan", "flood")).expect("another");
        assert_ne!(found.episode_id, other.episode_id);
        // It comes back from the folder as it went in.
        let line = serde_json::to_string(&found).expect("a line");
        let object = Object::parse(&line).expect("an object");
        assert_eq!(read::episode(object).expect("an episode"), found);
    }
}
