//! JSON in which no object has a key twice. Knows values only, nothing of what they mean.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{Fault, shown};

/// Reads `text` as one JSON value.
///
/// # Errors
/// When it is not JSON, or an object has a key twice.
pub(super) fn parse(text: &str) -> Result<Value, Fault> {
    let repeated = RefCell::new(None);
    let node = Node {
        at: &Step::Root,
        repeated: &repeated,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = node
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    read.map_err(|error| match repeated.take() {
        Some(path) => Fault::Repeated(shown(&path)),
        None => Fault::Syntax(in_column(&error)),
    })
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
    /// The key that is there twice: the error type in between carries text only.
    repeated: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
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

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
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
            if fields.contains_key(&key) {
                self.repeated.replace(Some(step.to_string()));
                return Err(A::Error::custom("repeated key"));
            }
            let node = Node { at: &step, ..self };
            let value = entries.next_value_seed(node)?;
            fields.insert(key, value);
        }
        Ok(fields.into())
    }
}
