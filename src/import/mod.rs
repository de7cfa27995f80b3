//! Alerts of other programs as ours: which format a line is in, and the alert and log window it tells of.
//!
//! A record that has no truth gets none. Its log window is what the record itself says: one event, or each of its evidences;
//! [`joining`] puts what went on around it before that. Reads values, opens no files; knows neither models nor terminals.

mod ecs;
mod elastic;
mod fields;
pub mod joining;
mod names;
mod ocsf;
mod paths;
pub mod room;
mod suricata;
pub mod table;
mod wazuh;
mod windows;
mod zeek;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::sha256;
use crate::env::events::{self, Kind};
use crate::env::plausible::MAX_EVENTS;
use crate::env::read::{self, Fault, Object};
use crate::env::schema::{
    Action, Alert, ENV_VERSION, Episode, Event, Incident, Split, Stage, Truth,
};

/// Longest text taken over into an alert or a field: a prompt has to fit.
const MAX_TEXT: usize = 300;

/// One of these a record of the Elastic Common Schema has.
const ELASTIC: [&str; 3] = ["ecs.version", "event.kind", "event.category"];

/// Hexadecimal digits of a hash that make an id.
const ID_DIGITS: usize = 16;

/// Formats that are told apart by their first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An episode, an incident, or alert and log window.
    Opensoc,
    Elastic,
    Ocsf,
    Suricata,
    Wazuh,
    Windows,
    Zeek,
}

/// An alert with its log window.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    pub format: Format,
    /// Whether a detection says so; else it is only something that went on.
    pub is_alert: bool,
    pub alert: Alert,
    pub log_window: Vec<Event>,
}

/// Why a line is no alert.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error(transparent)]
    Json(#[from] Fault),
    #[error("field `{field}`: {message}")]
    Field { field: String, message: String },
    #[error(
        "no known kind of alert: neither ours nor ECS, OCSF, Suricata EVE, Sysmon or Windows events, Wazuh or Zeek"
    )]
    Unknown,
}

impl ImportError {
    /// The field at fault, where it is one field's.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Json(fault) => fault.field(),
            Self::Field { field, .. } => Some(field),
            Self::Unknown => None,
        }
    }

    fn at(field: &str, message: impl Into<String>) -> Self {
        Self::Field {
            field: field.to_owned(),
            message: message.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bare {
    alert: Alert,
    log_window: Vec<Event>,
}

/// Reads a line in whichever format it is, as something to decide on by itself.
///
/// # Errors
/// As [`record`]; and what Suricata logs beside its alerts, and Elastic where it is of no event type of ours.
pub fn read(line: &str) -> Result<Imported, ImportError> {
    let found = record(line)?;
    let is_ours = |event: &Event| events::find(&event.event_type).is_some();
    let field = match found.format {
        Format::Suricata => "event_type",
        Format::Elastic if !found.log_window.iter().all(is_ours) => "event.kind",
        _ => return Ok(found),
    };
    match found.is_alert {
        true => Ok(found),
        false => Err(ImportError::at(
            field,
            "is no alert; --join puts it into the log window of one",
        )),
    }
}

/// Reads a line in whichever format it is, alert or not.
///
/// # Errors
/// What is no JSON, no known format, or lacks what an alert needs.
pub fn record(line: &str) -> Result<Imported, ImportError> {
    // Refuses a key that occurs twice, whoever wrote the line.
    let object = Object::parse(line)?;
    if object.has("episode_id") {
        let episode = read::episode(object)?;
        return ours(episode.alert, episode.log_window);
    }
    if object.has("target_label") {
        let incident = read::incident(object)?;
        return ours(header(&incident), incident.events);
    }
    if object.has("log_id") {
        let event = read::event(object)?;
        return ours(of_one(&event), vec![event]);
    }
    let value: Value =
        serde_json::from_str(line).map_err(|e| ImportError::at("", e.to_string()))?;
    if object.has("log_window") {
        let bare: Bare =
            serde_json::from_value(value).map_err(|e| ImportError::at("alert", e.to_string()))?;
        return ours(bare.alert, bare.log_window);
    }
    let value = unwrapped(value);
    match Format::of(&value) {
        Some(Format::Wazuh) => wazuh::read(&value),
        Some(Format::Zeek) => zeek::read(&value),
        Some(Format::Suricata) => suricata::read(&value),
        Some(Format::Windows) => windows::read(&value),
        Some(Format::Ocsf) => ocsf::read(&value),
        Some(Format::Elastic) => elastic::read(&value),
        Some(Format::Opensoc) | None => Err(ImportError::Unknown),
    }
}

/// What a search of Elasticsearch found: the record is its `_source`, and carries its id where it has none.
fn unwrapped(mut value: Value) -> Value {
    let is_hit = value.get("_index").is_some() && value.get("_source").is_some();
    if !is_hit {
        return value;
    }
    let id = value.get("_id").cloned();
    let mut source = value
        .get_mut("_source")
        .map(Value::take)
        .unwrap_or_default();
    if let (Some(source), Some(id)) = (source.as_object_mut(), id) {
        source.entry("_id").or_insert(id);
    }
    source
}

impl Format {
    /// What a record of another program is; Winlogbeat's are ECS too, so Windows comes before that, and Wazuh passes
    /// Windows events on, so it comes before both.
    fn of(value: &Value) -> Option<Self> {
        let has = |path: &str| fields::get(value, path).is_some();
        let is_windows = has("Event.System.EventID")
            || has("winlog.event_id")
            || (has("EventID") && has("Channel"));
        match () {
            () if wazuh::is_one(value) => Some(Self::Wazuh),
            // What a detection of Elastic's found in such an event.
            () if is_windows && elastic::is_alert(value) => Some(Self::Elastic),
            () if is_windows => Some(Self::Windows),
            () if has("class_uid") && has("metadata") => Some(Self::Ocsf),
            () if has("event_type") && has("timestamp") => Some(Self::Suricata),
            () if has("@timestamp") && ELASTIC.into_iter().any(has) => Some(Self::Elastic),
            () if zeek::is_one(value) => Some(Self::Zeek),
            () => None,
        }
    }
}

fn ours(alert: Alert, log_window: Vec<Event>) -> Result<Imported, ImportError> {
    Imported {
        format: Format::Opensoc,
        is_alert: true,
        alert,
        log_window,
    }
    .checked()
}

/// The header of an event of ours that nobody has raised an alert about.
fn of_one(event: &Event) -> Alert {
    let category = event.event_type.split('.').next().unwrap_or_default();
    let alone = Incident {
        category: category.to_owned(),
        target_label: Action::Dismiss,
        narrative: String::new(),
        events: vec![event.clone()],
    };
    Alert {
        summary: format!("{} of {}", event.event_type, event.source),
        ..header(&alone)
    }
}

/// Hexadecimal digits of the hash of an incident, which name it.
#[must_use]
pub fn incident_id(incident: &Incident) -> String {
    let content = serde_json::to_vec(incident).unwrap_or_default();
    sha256(&content).chars().take(ID_DIGITS).collect()
}

/// What an incident, which has none, gets for a header: labels are made on the prompt that triage asks with. Its narrative
/// is its author's free text and stays out.
#[must_use]
pub fn header(incident: &Incident) -> Alert {
    let events = &incident.events;
    let said = |is_asked: fn(Kind) -> bool| {
        let said = |event| events::texts(event, is_asked).next();
        let found = events.iter().find_map(said);
        found.map_or("-", |(_, text)| text).to_owned()
    };
    let last = events.last();
    let id: String = incident_id(incident).chars().take(8).collect();
    Alert {
        alert_id: format!("I-{id}"),
        timestamp: last.map_or_else(String::new, |event| event.timestamp.clone()),
        severity: "medium".to_owned(),
        category: incident.category.clone(),
        host: said(|kind| kind == Kind::Host),
        user: said(Kind::is_account),
        summary: format!("{} events", events.len()),
    }
}

impl Imported {
    /// The alert where an episode is asked for: alert and log window, and no truth. Its id is the hash of both, so that the
    /// same alert is imported once.
    #[must_use]
    pub fn into_episode(self) -> Episode {
        let content = serde_json::to_vec(&(&self.alert, &self.log_window)).unwrap_or_default();
        let id: String = sha256(&content).chars().take(ID_DIGITS).collect();
        Episode {
            episode_id: format!("alert-{id}"),
            env_version: ENV_VERSION.to_owned(),
            stage: match self.log_window.len() {
                1 => Stage::Basic,
                _ => Stage::Multi,
            },
            split: Split::Train,
            seed: 0,
            index: 0,
            alert: self.alert,
            log_window: self.log_window,
            incident: Incident {
                category: String::new(),
                target_label: Action::Dismiss,
                narrative: String::new(),
                events: Vec::new(),
            },
            truth: Truth {
                action: Action::Dismiss,
                triggering_log_id: String::new(),
                // Without a rule it is none: nothing is compared with it.
                rule: String::new(),
                reason: String::new(),
                attack: Vec::new(),
                evidence: Vec::new(),
            },
        }
    }

    /// Takes the first event of the log window away; the others are numbered anew.
    pub fn drop_first(&mut self) {
        if !self.log_window.is_empty() {
            self.log_window.remove(0);
        }
        self.number();
    }

    /// Gives the events ids in the order they stand.
    fn number(&mut self) {
        for (n, event) in self.log_window.iter_mut().enumerate() {
            event.log_id = format!("L1-{n}");
        }
    }

    /// With the header's machine and account named as in our alerts; then as [`Self::checked`].
    fn named(mut self) -> Result<Self, ImportError> {
        self.alert.host = names::machine(&self.alert.host);
        self.alert.user = names::user(&self.alert.user);
        self.checked()
    }

    /// Something to cite, not too much of it, and each id once.
    fn checked(self) -> Result<Self, ImportError> {
        let count = self.log_window.len();
        if count == 0 || count > MAX_EVENTS {
            let message = format!("{count} events; there have to be 1 to {MAX_EVENTS}");
            return Err(ImportError::at("log_window", message));
        }
        for (at, event) in self.log_window.iter().enumerate() {
            let mut before = self.log_window.iter().take(at);
            if before.any(|other| other.log_id == event.log_id) {
                let field = format!("log_window[{at}].log_id");
                return Err(ImportError::at(&field, "occurs twice"));
            }
        }
        Ok(self)
    }
}

/// An event of a record that has no ids of ours: the `n`th. What its fields name is named as ours is.
fn event(
    n: usize,
    timestamp: &str,
    source: &str,
    kind: &str,
    mut fields: Map<String, Value>,
) -> Event {
    let kind = names::refined(kind, &mut fields);
    Event {
        log_id: format!("L1-{n}"),
        timestamp: timestamp.to_owned(),
        source: source.to_owned(),
        event_type: kind.to_owned(),
        fields: names::as_ours(kind, fields),
    }
}

/// The account that an event is about; a dash where it names none.
fn account(event: &Event) -> String {
    let said = event.text(names::spelled(&event.event_type, "User"));
    said.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests;
