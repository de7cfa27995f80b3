//! A checker of JSON against the part of JSON Schema 2020-12 that our schemas use. Any other keyword is an error.

use serde_json::{Map, Value};

type Checked = Result<(), String>;

/// Holds `value` against `schema`, whose `$ref`s point into its own `$defs`.
pub fn check(schema: &Value, value: &Value) -> Checked {
    against(schema, schema, value, "")
}

/// Whether every keyword is known and every reference leads somewhere, in `$defs` too.
pub fn well_formed(schema: &Value) -> Checked {
    walk(schema, schema)?;
    let defs = schema["$defs"].as_object().ok_or("no $defs")?;
    defs.values().try_for_each(|one| walk(schema, one))
}

fn walk(root: &Value, schema: &Value) -> Checked {
    let Some(map) = schema.as_object() else {
        return if schema.is_boolean() {
            Ok(())
        } else {
            Err(format!("no schema: {schema}"))
        };
    };
    for (key, said) in map {
        match key.as_str() {
            "$ref" => drop(resolve(root, said)?),
            "properties" => {
                let properties = said.as_object().ok_or("properties is no object")?;
                properties.values().try_for_each(|one| walk(root, one))?;
            }
            "items" | "additionalProperties" => walk(root, said)?,
            "anyOf" => {
                let all = said.as_array().ok_or("anyOf is no list")?;
                all.iter().try_for_each(|one| walk(root, one))?;
            }
            "$schema" | "$defs" | "title" | "description" | "type" | "enum" | "required"
            | "pattern" | "minimum" | "maximum" | "minItems" | "maxItems" => {}
            other => return Err(format!("keyword `{other}` is not known to this checker")),
        }
    }
    Ok(())
}

fn resolve<'a>(root: &'a Value, to: &Value) -> Result<&'a Value, String> {
    let path = to.as_str().and_then(|to| to.strip_prefix('#'));
    path.and_then(|path| root.pointer(path))
        .ok_or_else(|| format!("{to} leads nowhere"))
}

fn against(root: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    let map = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Object(map) => map,
        _ => return Err(format!("{at}: nothing is allowed here")),
    };
    for (key, said) in map {
        let is_met = match key.as_str() {
            "$ref" => against(root, resolve(root, said)?, value, at).map(|()| true)?,
            "type" => types(said).iter().any(|name| has_type(value, name)),
            "enum" => said.as_array().is_some_and(|all| all.contains(value)),
            "pattern" => matches(said, value)?,
            "minimum" => number(value).is_none_or(|v| Some(v) >= said.as_f64()),
            "maximum" => number(value).is_none_or(|v| Some(v) <= said.as_f64()),
            "minItems" => value
                .as_array()
                .is_none_or(|v| Some(v.len() as u64) >= said.as_u64()),
            "maxItems" => value
                .as_array()
                .is_none_or(|v| Some(v.len() as u64) <= said.as_u64()),
            "required" => required(said, value),
            "anyOf" => {
                let all = said.as_array().ok_or("anyOf is no list")?;
                all.iter().any(|one| against(root, one, value, at).is_ok())
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    against(root, said, item, &format!("{at}/{n}"))?;
                }
                true
            }
            // Held against the members below, or not against anything.
            _ => true,
        };
        if !is_met {
            return Err(format!("{at}: {key} {said} does not hold of {value}"));
        }
    }
    members(root, map, value, at)
}

fn members(root: &Value, schema: &Map<String, Value>, value: &Value, at: &str) -> Checked {
    let (Some(object), empty) = (value.as_object(), Map::new()) else {
        return Ok(());
    };
    let known = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    for (key, member) in object {
        let at = format!("{at}/{key}");
        match (known.get(key), schema.get("additionalProperties")) {
            (Some(one), _) => against(root, one, member, &at)?,
            (None, Some(rest)) => against(root, rest, member, &at)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn types(said: &Value) -> Vec<&str> {
    match said {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn matches(pattern: &Value, value: &Value) -> Result<bool, String> {
    let Some(text) = value.as_str() else {
        return Ok(true);
    };
    let pattern = pattern.as_str().ok_or("pattern is no text")?;
    let regex = fancy_regex::Regex::new(pattern).map_err(|e| e.to_string())?;
    regex.is_match(text).map_err(|e| e.to_string())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn required(said: &Value, value: &Value) -> bool {
    let mut names = said.as_array().into_iter().flatten();
    let is_there = |object: &Map<String, Value>| {
        names.all(|name| name.as_str().is_some_and(|name| object.contains_key(name)))
    };
    value.as_object().is_none_or(is_there)
}
