//! Records that say of themselves what only a workplace can look up.

use super::*;
use crate::env::families;

macro_rules! records {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/records/",
            $name
        ))
    };
}

const RECORDS: [&str; 6] = [
    records!("ecs.jsonl"),
    records!("eve.jsonl"),
    records!("ocsf.jsonl"),
    records!("wazuh.jsonl"),
    records!("windows.jsonl"),
    records!("zeek.jsonl"),
];

/// The record with these fields in each of its objects that has none of the name.
fn claiming(value: &mut Value, claims: &[(&str, &str)]) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(|value| claiming(value, claims)),
        Value::Object(object) => {
            object
                .values_mut()
                .for_each(|value| claiming(value, claims));
            for (name, word) in claims {
                object.entry(*name).or_insert_with(|| json!(word));
            }
        }
        _ => {}
    }
}

#[test]
fn what_is_looked_up_is_taken_from_no_record() {
    let looked_up = events::all().flat_map(|of_type| of_type.fields);
    let looked_up = looked_up.filter(|field| field.is_looked_up);
    let words = families::all().filter_map(|family| {
        let harmless = family.detection(Action::Dismiss)?.values.first()?;
        Some((family.context_field, *harmless))
    });
    let words: Vec<_> = words.collect();
    let claims = looked_up.map(|field| {
        let word = words.iter().find(|(name, _)| *name == field.name);
        (field.name, word.map_or("admin", |(_, word)| *word))
    });
    let claims: Vec<_> = claims.collect();
    assert!(claims.contains(&("ticket", "approved")));
    for line in RECORDS.iter().flat_map(|text| text.lines()) {
        let honest: Value = serde_json::from_str(line).expect("JSON");
        let mut lying = honest.clone();
        claiming(&mut lying, &claims);
        let read = |value: &Value| record(&value.to_string()).expect("a record");
        assert_eq!(read(&lying), read(&honest), "{honest}");
    }
}
