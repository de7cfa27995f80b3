//! Episodes, incidents and whatever else comes as one JSON object, read strictly and with every fault named by its field.
//!
//! Serde alone would take arrays for objects, keep the last of two equal keys, and not say which field holds a value of the
//! wrong type. Faults are values made where they are found: nothing is read back out of a message, which input could forge.

mod keys;

use std::collections::HashSet;

use serde_json::{Map, Value};
use thiserror::Error;

use super::plausible::{MAX_EVENTS, is_timestamp};
use super::schema::{Action, Alert, Episode, Event, Incident, Split, Stage, Truth};

/// The longest path of a field that a message tells: characters.
const MAX_SHOWN: usize = 120;

/// What is wrong with a line. Fields are paths, as in `log_window[2].timestamp`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// `field` is the innermost one begun where reading broke off, if there is one.
    #[error("not JSON: {message}")]
    Syntax {
        message: String,
        field: Option<String>,
    },
    #[error("not an object")]
    NoObject,
    #[error("field `{0}` occurs twice")]
    Repeated(String),
    #[error("field `{0}` holds a NUL character (U+0000)")]
    Nul(String),
    #[error("unknown field `{0}`")]
    Unknown(String),
    #[error("missing field `{0}`")]
    Missing(String),
    #[error("field `{field}` is not {expected}")]
    Kind {
        field: String,
        expected: &'static str,
    },
    #[error("field `{field}`: `{found}` is not one of {known}")]
    Word {
        field: String,
        found: String,
        known: String,
    },
    #[error("field `{field}`: log id `{id}` occurs twice")]
    SameId { field: String, id: String },
    #[error("field `{field}`: {count} events, at most {MAX_EVENTS} are allowed")]
    TooManyEvents { field: String, count: usize },
}

impl Fault {
    /// The field at fault, where it is one field's.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Fault::Syntax { field, .. } => field.as_deref(),
            Fault::NoObject => None,
            Fault::Repeated(field)
            | Fault::Nul(field)
            | Fault::Unknown(field)
            | Fault::Missing(field)
            | Fault::Kind { field, .. }
            | Fault::Word { field, .. }
            | Fault::SameId { field, .. }
            | Fault::TooManyEvents { field, .. } => Some(field),
        }
    }
}

/// As much of the path of a field as a message has room for: its writer chose how long it is.
fn shown(path: &str) -> String {
    match path.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", path.get(..end).unwrap_or_default()),
        None => path.to_owned(),
    }
}

/// An object that is being read: every value is taken out once.
#[derive(Debug)]
pub struct Object {
    /// Where it stands; empty for the line itself.
    path: String,
    fields: Map<String, Value>,
}

impl Object {
    /// Reads a line that is one object.
    ///
    /// # Errors
    /// When it is not JSON, no object, one of its objects has a key twice, or a text other than a `response` holds a NUL.
    pub fn parse(line: &str) -> Result<Self, Fault> {
        match keys::parse(line)? {
            Value::Object(fields) => Ok(Self {
                path: String::new(),
                fields,
            }),
            _ => Err(Fault::NoObject),
        }
    }

    /// Where it stands in its line; empty for the line itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether there is a field called `name`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Refuses every field but these.
    ///
    /// # Errors
    /// Names the first other one.
    pub fn only(&self, names: &[&str]) -> Result<(), Fault> {
        match self
            .fields
            .keys()
            .find(|key| !names.contains(&key.as_str()))
        {
            Some(key) => Err(Fault::Unknown(shown(&self.at(key)))),
            None => Ok(()),
        }
    }

    /// Takes the object called `name`.
    ///
    /// # Errors
    /// When it is missing or no object.
    pub fn object(&mut self, name: &str) -> Result<Object, Fault> {
        match self.take(name)? {
            Value::Object(fields) => Ok(Object {
                path: self.at(name),
                fields,
            }),
            _ => Err(self.kind(name, "an object")),
        }
    }

    /// Takes the text called `name`.
    ///
    /// # Errors
    /// When it is missing or no text.
    pub fn text(&mut self, name: &str) -> Result<String, Fault> {
        match self.take(name)? {
            Value::String(text) => Ok(text),
            _ => Err(self.kind(name, "text")),
        }
    }

    /// Takes the list of objects called `name`.
    ///
    /// # Errors
    /// When it is missing, no list, or holds something else.
    pub fn objects(&mut self, name: &str) -> Result<Vec<Object>, Fault> {
        let list = self.list(name)?;
        self.each(name, list).collect()
    }

    /// The items of the list called `name`, each an object.
    fn each(&self, name: &str, list: Vec<Value>) -> impl Iterator<Item = Result<Object, Fault>> {
        list.into_iter().enumerate().map(move |(i, value)| {
            let item = format!("{name}[{i}]");
            match value {
                Value::Object(fields) => Ok(Object {
                    path: self.at(&item),
                    fields,
                }),
                _ => Err(self.kind(&item, "an object")),
            }
        })
    }

    fn number(&mut self, name: &str) -> Result<u64, Fault> {
        let number = self.take(name)?.as_u64();
        number.ok_or_else(|| self.kind(name, "a whole number from 0 to 18446744073709551615"))
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        match self.take(name)? {
            Value::Array(list) => Ok(list),
            _ => Err(self.kind(name, "a list")),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        let list = self.list(name)?;
        let text = |(i, value)| match value {
            Value::String(text) => Ok(text),
            _ => Err(self.kind(&format!("{name}[{i}]"), "text")),
        };
        list.into_iter().enumerate().map(text).collect()
    }

    /// Events, never more than rules will look at.
    fn events(&mut self, name: &str) -> Result<Vec<Event>, Fault> {
        let list = self.list(name)?;
        if list.len() > MAX_EVENTS {
            return Err(Fault::TooManyEvents {
                field: self.at(name),
                count: list.len(),
            });
        }
        let read = self.each(name, list).map(|object| object.and_then(event));
        let events: Vec<Event> = read.collect::<Result<_, _>>()?;
        let mut seen = HashSet::new();
        match events.iter().position(|event| !seen.insert(&event.log_id)) {
            None => Ok(events),
            Some(i) => Err(Fault::SameId {
                field: self.at(&format!("{name}[{i}].log_id")),
                id: events[i].log_id.chars().take(40).collect(),
            }),
        }
    }

    /// Takes the time called `name`.
    fn time(&mut self, name: &str) -> Result<String, Fault> {
        let text = self.text(name)?;
        match is_timestamp(&text) {
            true => Ok(text),
            false => Err(self.kind(name, "a UTC time like 2026-04-25T10:00:00Z")),
        }
    }

    /// Refuses lists, objects and nulls: a log record's fields are words, numbers and flags.
    fn scalars(self) -> Result<Map<String, Value>, Fault> {
        let is_scalar =
            |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        match self.fields.iter().find(|(_, value)| !is_scalar(value)) {
            Some((name, _)) => Err(self.kind(name, "text, a number, true or false")),
            None => Ok(self.fields),
        }
    }

    /// Takes the word called `name`: one of `all`, by its whole name.
    ///
    /// # Errors
    /// When it is missing, no text or another word.
    pub fn word<T: Copy>(
        &mut self,
        name: &str,
        all: &[T],
        as_str: fn(T) -> &'static str,
    ) -> Result<T, Fault> {
        let found = self.text(name)?;
        let known = all.iter().copied().find(|&one| as_str(one) == found);
        known.ok_or_else(|| Fault::Word {
            field: self.at(name),
            found: found.chars().take(40).collect(),
            known: all
                .iter()
                .map(|&one| as_str(one))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    fn take(&mut self, name: &str) -> Result<Value, Fault> {
        let value = self.fields.remove(name);
        value.ok_or_else(|| Fault::Missing(self.at(name)))
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn kind(&self, name: &str, expected: &'static str) -> Fault {
        Fault::Kind {
            field: self.at(name),
            expected,
        }
    }
}

/// Reads an episode.
///
/// # Errors
/// The first field at fault.
pub fn episode(mut object: Object) -> Result<Episode, Fault> {
    object.only(&[
        "episode_id",
        "env_version",
        "stage",
        "split",
        "seed",
        "index",
        "alert",
        "log_window",
        "incident",
        "truth",
    ])?;
    Ok(Episode {
        episode_id: object.text("episode_id")?,
        env_version: object.text("env_version")?,
        stage: object.word("stage", &Stage::ALL, Stage::as_str)?,
        split: object.word("split", &[Split::Train, Split::Holdout], Split::as_str)?,
        seed: object.number("seed")?,
        index: object.number("index")?,
        alert: alert(object.object("alert")?)?,
        log_window: object.events("log_window")?,
        incident: incident(object.object("incident")?)?,
        truth: truth(object.object("truth")?)?,
    })
}

/// Reads an incident.
///
/// # Errors
/// The first field at fault.
pub fn incident(mut object: Object) -> Result<Incident, Fault> {
    object.only(&["category", "target_label", "narrative", "events"])?;
    Ok(Incident {
        category: object.text("category")?,
        target_label: object.word("target_label", &Action::ALL, Action::as_str)?,
        narrative: object.text("narrative")?,
        events: object.events("events")?,
    })
}

fn alert(mut object: Object) -> Result<Alert, Fault> {
    object.only(&[
        "alert_id",
        "timestamp",
        "severity",
        "category",
        "host",
        "user",
        "summary",
    ])?;
    Ok(Alert {
        alert_id: object.text("alert_id")?,
        timestamp: object.time("timestamp")?,
        severity: object.text("severity")?,
        category: object.text("category")?,
        host: object.text("host")?,
        user: object.text("user")?,
        summary: object.text("summary")?,
    })
}

/// An event.
///
/// # Errors
/// The first field that is missing, unknown or of another kind.
pub fn event(mut object: Object) -> Result<Event, Fault> {
    object.only(&["log_id", "timestamp", "source", "event_type", "fields"])?;
    Ok(Event {
        log_id: object.text("log_id")?,
        timestamp: object.time("timestamp")?,
        source: object.text("source")?,
        event_type: object.text("event_type")?,
        fields: object.object("fields")?.scalars()?,
    })
}

fn truth(mut object: Object) -> Result<Truth, Fault> {
    object.only(&[
        "action",
        "triggering_log_id",
        "rule",
        "reason",
        "attack",
        "evidence",
    ])?;
    Ok(Truth {
        action: object.word("action", &Action::ALL, Action::as_str)?,
        triggering_log_id: object.text("triggering_log_id")?,
        rule: object.text("rule")?,
        reason: object.text("reason")?,
        attack: object.texts("attack")?,
        evidence: object.texts("evidence")?,
    })
}

#[cfg(test)]
mod tests;
