use super::*;
use crate::env::generate;
use serde_json::json;

fn made() -> Episode {
    generate::episode(Stage::Mixed, Split::Train, 3, 8)
}

fn read(line: &str) -> Result<Episode, Fault> {
    Object::parse(line).and_then(episode)
}

/// What an episode's line is refused for, with the value at a JSON pointer replaced.
fn with(pointer: &str, value: Value) -> Fault {
    let mut line = json!(made());
    let (object, name) = pointer.rsplit_once('/').expect("a pointer");
    match line.pointer_mut(object).expect("what holds it") {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        list => list[name.parse::<usize>().expect("a place")] = value,
    }
    read(&line.to_string()).expect_err("a fault")
}

#[test]
fn what_is_written_is_read_back() {
    for stage in Stage::ALL {
        let episode = generate::episode(stage, Split::Holdout, 5, 3);
        assert_eq!(read(&json!(episode).to_string()), Ok(episode));
    }
    let incident = made().incident;
    let line = json!(incident).to_string();
    assert_eq!(Object::parse(&line).and_then(super::incident), Ok(incident));
}

#[test]
fn every_wrong_value_is_named_by_its_field() {
    let table = [
        ("/stage", json!("stage9"), "stage"),
        ("/stage", json!("1"), "stage"),
        ("/split", json!(5), "split"),
        ("/seed", json!(-1), "seed"),
        ("/seed", json!(1.5), "seed"),
        ("/index", Value::Null, "index"),
        ("/alert", json!([]), "alert"),
        ("/alert/host", json!(5), "alert.host"),
        ("/log_window", json!({}), "log_window"),
        ("/log_window/1", json!(["L1-1"]), "log_window[1]"),
        ("/log_window/1/fields", json!([]), "log_window[1].fields"),
        ("/log_window/0/log_id", json!(1), "log_window[0].log_id"),
        ("/incident", json!(["malware"]), "incident"),
        ("/incident/category", json!(5), "incident.category"),
        ("/incident/narrative", Value::Null, "incident.narrative"),
        ("/incident/events/0", json!(7), "incident.events[0]"),
        ("/truth/action", json!("ignore"), "truth.action"),
        ("/truth/evidence", json!("L1-0"), "truth.evidence"),
        ("/truth/attack", json!(["T1", 2]), "truth.attack[1]"),
        (
            "/log_window/1/timestamp",
            json!("2026-02-30T10:00:00Z"),
            "log_window[1].timestamp",
        ),
        (
            "/log_window/0/timestamp",
            json!("2026-04-25T10:00:60Z"),
            "log_window[0].timestamp",
        ),
        (
            "/alert/timestamp",
            json!("2026-04-25T10:00:00"),
            "alert.timestamp",
        ),
        (
            "/incident/events/0/fields/note",
            Value::Null,
            "incident.events[0].fields.note",
        ),
        (
            "/log_window/0/fields/note",
            json!(["x"]),
            "log_window[0].fields.note",
        ),
        (
            "/log_window/2/log_id",
            json!("L1-1"),
            "log_window[2].log_id",
        ),
    ];
    for (pointer, value, field) in table {
        let fault = with(pointer, value);
        assert_eq!(fault.field(), Some(field), "{fault}");
        assert!(fault.to_string().contains(&format!("`{field}`")), "{fault}");
    }
}

#[test]
fn what_input_says_never_passes_for_a_field() {
    let fault = with("/incident/target_label", json!("field `evil`"));
    assert_eq!(fault.field(), Some("incident.target_label"));
}

#[test]
fn missing_and_unknown_fields_are_named() {
    let mut line = json!(made());
    line["alert"]["mood"] = json!(1);
    let fault = read(&line.to_string()).unwrap_err();
    assert_eq!(fault, Fault::Unknown("alert.mood".into()));
    let mut line = json!(made());
    line["log_window"][2]
        .as_object_mut()
        .expect("an event")
        .remove("source");
    let fault = read(&line.to_string()).unwrap_err();
    assert_eq!(fault, Fault::Missing("log_window[2].source".into()));
}

#[test]
fn keys_that_occur_twice_are_refused_wherever_they_are() {
    let line = json!(made()).to_string();
    let twice = |from: &str, to: &str| read(&line.replacen(from, to, 1)).unwrap_err();
    assert_eq!(twice("{", r#"{"seed":1,"#), Fault::Repeated("seed".into()));
    let fault = twice(r#""fields":{"#, r#""fields":{"x":{"y":[{"a":1,"a":2}]},"#);
    assert_eq!(
        fault,
        Fault::Repeated("log_window[0].fields.x.y[0].a".into())
    );
}

#[test]
fn more_events_than_are_looked_at_are_refused() {
    let event = json!(made().log_window[0]);
    let fault = with("/incident/events", json!(vec![event; MAX_EVENTS + 1]));
    assert_eq!(fault.field(), Some("incident.events"));
    assert!(fault.to_string().contains("65 events"), "{fault}");
}

#[test]
fn what_is_no_object_or_no_json_says_so_and_its_column_alone() {
    assert_eq!(Object::parse("[]").unwrap_err(), Fault::NoObject);
    for line in ["{", "{} {}", r#"{"a":1e999}"#, "nul", &"[".repeat(500)] {
        match Object::parse(line).unwrap_err() {
            Fault::Syntax { message, .. } => {
                assert!(message.contains(" at column "), "{message}");
                assert!(!message.contains("line"), "{message}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn where_a_line_is_no_json_its_innermost_field_is_named() {
    let made = json!(made()).to_string();
    let summary = made.find("\"summary\":\"").expect("a summary") + "\"summary\":\"".len();
    let broken = |at: usize, text: &str| {
        let mut line = made.clone();
        line.insert_str(at, text);
        Object::parse(&line).expect_err("no JSON")
    };
    // A control character, half of a surrogate pair, an escape there is not.
    for text in ["\u{1}", "\\ud800", "\\q"] {
        assert_eq!(broken(summary, text).field(), Some("alert.summary"));
    }
    let seed = made.find("\"seed\":").expect("a seed") + "\"seed\":".len();
    assert_eq!(broken(seed, "1e400").field(), Some("seed"));
    assert_eq!(broken(0, "}").field(), None, "of no field");
}

#[test]
fn a_nul_in_a_text_is_refused_and_its_field_named() {
    let table = [
        ("/alert/summary", "alert.summary"),
        ("/alert/host", "alert.host"),
        ("/log_window/1/event_type", "log_window[1].event_type"),
        ("/log_window/0/fields/note", "log_window[0].fields.note"),
        ("/incident/events/0/source", "incident.events[0].source"),
        ("/truth/attack", "truth.attack[1]"),
    ];
    for (pointer, field) in table {
        let value = match pointer {
            "/truth/attack" => json!(["T1", "x\0"]),
            _ => json!("a\0b"),
        };
        let mut line = json!(made());
        let (object, name) = pointer.rsplit_once('/').expect("a pointer");
        line.pointer_mut(object).expect("what holds it")[name] = value;
        let escaped = line.to_string();
        assert!(escaped.contains("\\u0000") && !escaped.contains('\0'));
        // As an escape, and as a byte of its own.
        for line in [escaped.clone(), escaped.replace("\\u0000", "\0")] {
            let fault = read(&line).expect_err("a NUL");
            assert_eq!(fault, Fault::Nul(field.into()));
            assert!(fault.to_string().contains("NUL"), "{fault}");
        }
    }
}

#[test]
fn a_nul_in_a_name_is_refused_and_in_an_answer_it_is_read() {
    let note = |name: &str| {
        let mut line = json!(made());
        line["log_window"][0]["fields"][name] = json!("x");
        read(&line.to_string()).expect_err("a NUL")
    };
    assert_eq!(
        note("a\0").field(),
        Some("log_window[0].fields.a\0"),
        "a name is shown to a model too"
    );
    let answer = json!({"episode_id": "x", "response": "Action:\0"}).to_string();
    let mut object = Object::parse(&answer).expect("an object");
    assert_eq!(object.text("response"), Ok("Action:\0".into()));
    let deeper = json!({"alert": {"response": "\0"}}).to_string();
    let fault = Object::parse(&deeper).expect_err("a NUL");
    assert_eq!(fault, Fault::Nul("alert.response".into()));
    // Outside of texts it is no JSON like anything else.
    let torn = Object::parse("{}\0").expect_err("no JSON");
    assert!(matches!(torn, Fault::Syntax { .. }), "{torn}");
}
