//! JSON in which no object has a key twice and no text a NUL. Knows values only, nothing of what they mean.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Fault, shown};

/// A model's answer in the lines that are scored: whatever it said gets a verdict, NUL or not.
const ANSWER: &str = "response";

/// Reads `text` as one JSON value.
///
/// # Errors
/// When it is not JSON, an object has a key twice, or a text holds a NUL.
pub(super) fn parse(text: &str) -> Result<Value, Fault> {
    let seen = RefCell::default();
    let node = Node {
        at: &Step::Root,
        seen: &seen,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = node
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    read.map_err(|error| {
        let Seen { fault, place } = seen.take();
        let field = place.filter(|place| !place.is_empty());
        let field = field.map(|place| shown(&place));
        // As a byte of its own a NUL is no JSON at all; it is named all the same.
        let nul = field.clone().filter(|_| is_nul(text, &error));
        fault
            .or_else(|| nul.map(Fault::Nul))
            .unwrap_or_else(|| Fault::Syntax {
                message: in_column(&error),
                field,
            })
    })
}

/// Whether reading broke off at a NUL.
fn is_nul(text: &str, error: &serde_json::Error) -> bool {
    let line = text.split('\n').nth(error.line().saturating_sub(1));
    let column = error.column().saturating_sub(1);
    line.and_then(|line| line.as_bytes().get(column)) == Some(&0)
}

/// The reader's message with the column alone: it counts lines from the start of this one, which is not where the file's
/// lines are counted from.
fn in_column(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let column = error.column();
    let place = format!(" at line {} column {column}", error.line());
    match message.strip_suffix(&place) {
        Some(message) => format!("{message} at column {column}"),
        None => message,
    }
}

/// The way to a value. Becomes text only for a fault: a path for every value of a hostile line would fill the memory.
enum Step<'a> {
    Root,
    Key(&'a Step<'a>, &'a str),
    Item(&'a Step<'a>, usize),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Root => Ok(()),
            Step::Key(Step::Root, key) => f.write_str(key),
            Step::Key(above, key) => write!(f, "{above}.{key}"),
            Step::Item(above, i) => write!(f, "{above}[{i}]"),
        }
    }
}

/// Reads the value at a place.
#[derive(Clone, Copy)]
struct Node<'a> {
    at: &'a Step<'a>,
    seen: &'a RefCell<Seen>,
}

/// What the error type in between, which carries text only, cannot tell.
#[derive(Default)]
struct Seen {
    /// What was refused.
    fault: Option<Fault>,
    /// The innermost value that could not be read.
    place: Option<String>,
}

impl Node<'_> {
    /// Refuses what is at `place`.
    fn refused<E: Error>(self, place: &Step, fault: fn(String) -> Fault) -> E {
        let fault = fault(shown(&place.to_string()));
        self.seen.borrow_mut().fault = Some(fault);
        E::custom("refused")
    }

    /// Whether a NUL may stand here: in an answer, and in a line that is no object anyway.
    fn may_hold_nul(self) -> bool {
        matches!(self.at, Step::Root | Step::Key(Step::Root, ANSWER))
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self).inspect_err(|_| {
            let mut seen = self.seen.borrow_mut();
            seen.place.get_or_insert_with(|| self.at.to_string());
        })
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        match value.contains('\0') && !self.may_hold_nul() {
            true => Err(self.refused(self.at, Fault::Nul)),
            false => Ok(value.into()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let node = Node {
                at: &Step::Item(self.at, list.len()),
                ..self
            };
            match items.next_element_seed(node)? {
                Some(item) => list.push(item),
                None => return Ok(list.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let step = Step::Key(self.at, &key);
            if key.contains('\0') {
                return Err(self.refused(&step, Fault::Nul));
            }
            if fields.contains_key(&key) {
                return Err(self.refused(&step, Fault::Repeated));
            }
            let node = Node { at: &step, ..self };
            let value = entries.next_value_seed(node)?;
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}
