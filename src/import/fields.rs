//! Fields of foreign records: nested or dotted, one value or a list; times in the spellings they come in.

use serde_json::{Map, Value};

use super::paths::is_program;
use super::{ImportError, MAX_TEXT};

/// The most techniques that are taken over.
const MAX_TECHNIQUES: usize = 8;

/// The value at a dotted path, whichever of its dots are nesting and whichever part of a name. Of a list the first.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let value = match value {
        Value::Array(list) => list.first()?,
        value => value,
    };
    if let Some(found) = value.get(path) {
        return match found {
            Value::Array(list) => list.first(),
            found => Some(found),
        };
    }
    path.match_indices('.').find_map(|(at, _)| {
        let (head, tail) = (path.get(..at)?, path.get(at + 1..)?);
        get(value.get(head)?, tail)
    })
}

/// Whether there is anything at a path.
pub fn is_there(value: &Value, path: &str) -> bool {
    get(value, path).is_some()
}

/// The value at a path as text, numbers and flags spelled out; nothing where it is empty. Long texts are cut.
pub fn text(value: &Value, path: &str) -> Option<String> {
    Some(whole(value, path)?.chars().take(MAX_TEXT).collect())
}

/// As [`text`], however long. A dash says that there is nothing.
pub fn whole(value: &Value, path: &str) -> Option<String> {
    let found = match get(value, path)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return None,
    };
    Some(found).filter(|text| !["", "-"].contains(&text.trim()))
}

/// The whole number at a path, be it written as a number or as text.
pub fn number(value: &Value, path: &str) -> Option<u64> {
    match get(value, path)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Every text at a dotted path, through all lists on the way.
pub fn texts(value: &Value, path: &str) -> Vec<String> {
    if let Value::Array(list) = value {
        return list.iter().flat_map(|value| texts(value, path)).collect();
    }
    if let Some(found) = value.get(path) {
        return match found {
            Value::String(text) => vec![text.clone()],
            Value::Array(list) => list
                .iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
    }
    let parts = path.match_indices('.').filter_map(|(at, _)| {
        let (head, tail) = (path.get(..at)?, path.get(at + 1..)?);
        Some(texts(value.get(head)?, tail))
    });
    parts.flatten().collect()
}

/// Puts the ids of ATT&CK techniques at these paths into the field `attack`, each once; none where there are none.
pub fn put_attack(value: &Value, paths: &[&str], fields: &mut Map<String, Value>) {
    let mut ids: Vec<String> = Vec::new();
    for text in paths.iter().flat_map(|path| texts(value, path)) {
        let id = text.trim().to_uppercase();
        if is_technique(&id) && !ids.contains(&id) && ids.len() < MAX_TECHNIQUES {
            ids.push(id);
        }
    }
    if !ids.is_empty() {
        fields.insert("attack".to_owned(), ids.join(",").into());
    }
}

/// Whether `id` is as `T1105` or `T1059.001`.
fn is_technique(id: &str) -> bool {
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let number = id.strip_prefix('T').unwrap_or_default();
    match number.split_once('.') {
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => digits(number, 4),
    }
}

/// The first of several paths that holds text; a dash where none does.
pub fn first(value: &Value, paths: &[&str]) -> String {
    let found = paths.iter().find_map(|path| text(value, path));
    found.unwrap_or_else(|| "-".to_owned())
}

/// Fields of ours from paths of theirs: `(ours, theirs)`. What is not there is left out; numbers stay numbers. Texts are as
/// long as they are: a name is told from its end, and [`super::event`] cuts them.
pub fn pick(value: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let mut picked = Map::new();
    for (ours, theirs) in names {
        let found = match get(value, theirs) {
            Some(found @ (Value::Number(_) | Value::Bool(_))) => Some(found.clone()),
            // A program's name is no path, whatever stands in it.
            _ if is_program(ours) && theirs.ends_with(".name") => {
                whole(value, theirs).map(|name| last_part(&name).into())
            }
            _ => whole(value, theirs).map(Value::String),
        };
        if let (Some(found), false) = (found, picked.contains_key(*ours)) {
            picked.insert((*ours).to_owned(), found);
        }
    }
    picked
}

/// Fields that we call what the record calls them.
pub fn pick_own(value: &Value, names: &[&str]) -> Map<String, Value> {
    let names: Vec<_> = names.iter().map(|name| (*name, *name)).collect();
    pick(value, &names)
}

/// What follows the last separator.
fn last_part(path: &str) -> &str {
    path.rsplit(['\\', '/']).next().unwrap_or(path)
}

/// The time at the first of several paths, in UTC and whole seconds: RFC 3339, an offset without its colon, a space for the
/// T, no zone (then UTC), or milliseconds since 1970.
///
/// # Errors
/// Names the path whose text is no time, or the first where there is none.
pub fn time(value: &Value, paths: &[&str]) -> Result<String, ImportError> {
    let found = paths
        .iter()
        .find_map(|path| Some((*path, get(value, path)?)));
    let Some((path, found)) = found else {
        let first = paths.first().copied().unwrap_or_default();
        return Err(ImportError::at(first, "is missing"));
    };
    let time = match found {
        Value::Number(millis) => millis
            .as_i64()
            .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()),
        Value::String(text) => of_text(text),
        _ => None,
    };
    spelled(time, path)
}

/// The time at `path`, which is written as text alone.
///
/// # Errors
/// As [`time`], and where it is a number: nothing says of what.
pub fn written_time(value: &Value, path: &str) -> Result<String, ImportError> {
    match get(value, path) {
        Some(Value::Number(_)) => Err(ImportError::at(path, "is a number and no time")),
        _ => time(value, &[path]),
    }
}

/// The time at `path` in seconds since 1970, with or without a fraction; or in the spellings of [`time`].
///
/// # Errors
/// As [`time`].
pub fn seconds(value: &Value, path: &str) -> Result<String, ImportError> {
    let Some(Value::Number(number)) = get(value, path) else {
        return time(value, &[path]);
    };
    let second = number.as_f64().map(f64::floor);
    let time = second.and_then(|second| jiff::Timestamp::from_second(second as i64).ok());
    spelled(time, path)
}

/// In UTC and whole seconds, from 1970 on: no log is older than its clock.
fn spelled(time: Option<jiff::Timestamp>, path: &str) -> Result<String, ImportError> {
    let time = time.ok_or_else(|| ImportError::at(path, "is no time"))?;
    if time < jiff::Timestamp::UNIX_EPOCH {
        return Err(ImportError::at(path, "is before 1970"));
    }
    Ok(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn of_text(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim().replacen(' ', "T", 1);
    let (before, zone) = match text.find(['+', 'Z', 'z']) {
        Some(at) => (text.get(..at)?, text.get(at..)?),
        None => match text.rmatch_indices('-').next() {
            // After the T a minus begins an offset, before it a day.
            Some((at, _)) if text.find('T').is_some_and(|t| at > t) => {
                (text.get(..at)?, text.get(at..)?)
            }
            _ => (text.as_str(), "Z"),
        },
    };
    let zone = match (zone.len(), zone.get(..3), zone.get(3..)) {
        (5, Some(hours), Some(minutes)) => format!("{hours}:{minutes}"),
        _ => zone.to_owned(),
    };
    format!("{before}{zone}").parse().ok()
}
