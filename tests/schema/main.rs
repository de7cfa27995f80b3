//! The JSON Schemas held against what the program prints, by a checker that knows the keywords they use and no others.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it goes wrong"
)]

mod checker;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use checker::check;

fn opensoc(args: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_opensoc"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("ends");
    // A program that refuses its arguments reads nothing.
    let _ = feeder.join().expect("fed");
    String::from_utf8(output.stdout).expect("text")
}

fn objects(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn schema(name: &str) -> Value {
    let text = opensoc(&["schema", name], "");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn assert_fits(name: &str, objects: &[Value]) {
    let schema = schema(name);
    assert!(!objects.is_empty(), "{name}: nothing to hold against it");
    for object in objects {
        check(&schema, object).unwrap_or_else(|why| panic!("{name}: {why}\n{object}"));
    }
}

/// Each object, and each with one field gone, one field more, one value of another type: the latter must not fit.
fn assert_tight(name: &str, object: &Value, changes: &[(&str, Value)]) {
    let schema = schema(name);
    check(&schema, object).expect("fits as it is");
    for (pointer, value) in changes {
        let mut changed = object.clone();
        let (above, key) = pointer.rsplit_once('/').expect("a pointer");
        let above = changed.pointer_mut(above).expect("is there");
        match value {
            Value::Null => drop(above.as_object_mut().expect("object").remove(key)),
            value => above[key] = value.clone(),
        }
        assert!(
            check(&schema, &changed).is_err(),
            "{name}: {pointer} {value}"
        );
    }
}

#[test]
fn every_line_of_generate_verify_and_score_fits() {
    let mut episodes = Vec::new();
    for stage in ["1", "2", "3", "4"] {
        for split in ["train", "holdout"] {
            let args = [
                "generate", "--stage", stage, "--split", split, "--count", "40",
            ];
            episodes.extend(objects(&opensoc(&args, "")));
        }
    }
    assert_eq!(episodes.len(), 320);
    assert_fits("episode", &episodes);
    let lines = |values: &[Value]| values.iter().map(|v| format!("{v}\n")).collect::<String>();
    assert_fits(
        "verified",
        &objects(&opensoc(&["verify"], &lines(&episodes))),
    );
    let responses = |episode: &Value| {
        let truth = &episode["truth"];
        let (action, cited) = (
            truth["action"].as_str(),
            truth["triggering_log_id"].as_str(),
        );
        let right = format!(
            "Action: {}\nCitedLog: {}\nRationale: as told",
            action.expect("text"),
            cited.expect("text")
        );
        [right, "I would dismiss".to_owned()]
    };
    let asked: Vec<Value> = episodes
        .iter()
        .flat_map(|e| responses(e).map(|r| json!({"episode": e, "response": r})))
        .collect();
    assert_fits("score_line", &asked);
    let verdicts = objects(&opensoc(&["score"], &lines(&asked)));
    assert_eq!(verdicts.len(), 640);
    assert_fits("verdict", &verdicts);
    let right: Vec<Value> = asked
        .iter()
        .step_by(2)
        .map(|a| a["response"].clone())
        .collect();
    assert_fits("response", &right);
    assert!(check(&schema("response"), &asked[1]["response"]).is_err());
    assert_fits("error", &objects(&opensoc(&["score"], "{}\n[]\n\u{1}\n")));
}

#[test]
fn the_report_of_an_evaluation_fits() {
    let args = [
        "eval",
        "--adapter",
        "sft",
        "--base",
        "--episodes",
        "8",
        "--bag-episodes",
        "40",
        "--json",
    ];
    let reports = objects(&opensoc(&args, ""));
    assert!(!reports[0]["pairwise"].as_array().expect("list").is_empty());
    assert_fits("eval_report", &reports);
    assert_tight(
        "eval_report",
        &reports[0],
        &[
            ("/results/0/metrics/accuracy/low", Value::Null),
            ("/results/0/confusion/dismiss/malformed", json!(-1)),
            ("/pairwise/0/extra", json!(1)),
        ],
    );
}

#[test]
fn what_is_wrong_does_not_fit() {
    let episode = objects(&opensoc(&["generate", "--stage", "3", "--count", "1"], ""));
    assert_tight(
        "episode",
        &episode[0],
        &[
            ("/seed", json!(-1)),
            ("/seed", json!(1.5)),
            ("/seed", Value::Null),
            ("/hint", json!("x")),
            ("/stage", json!("stage5")),
            ("/truth/action", json!("ignore")),
            ("/truth/evidence", json!([])),
            ("/log_window/0/log_id", json!("1-L")),
            ("/log_window/0/timestamp", json!("yesterday")),
            ("/log_window/0/fields/nested", json!({})),
            ("/alert/host", json!(7)),
        ],
    );
}

#[test]
fn schemas_are_found_by_name_and_refer_to_what_is_there() {
    let all: Value = serde_json::from_str(&opensoc(&["schema"], "")).expect("JSON");
    assert_eq!(
        all["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    for name in all["$defs"].as_object().expect("schemas").keys() {
        checker::well_formed(&schema(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_opensoc"))
        .args(["schema", "epsiode"])
        .output()
        .expect("starts");
    assert_eq!(unknown.status.code(), Some(1));
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        told.contains("epsiode") && told.contains("score_line"),
        "{told}"
    );
}
