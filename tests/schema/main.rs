//! The JSON Schemas held against what the program prints, by a checker that knows the keywords they use and no others.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where it goes wrong"
)]

mod checker;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use opensoc::label::{Decision, Label, Origin, State, Store, Writer};
use serde_json::{Value, json};

use checker::check;

fn opensoc(args: &[&str], input: &str) -> String {
    opensoc_in(None, args, input)
}

/// As [`opensoc`], with runs and labels in a folder of the test's own.
fn opensoc_in(home: Option<&Path>, args: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
    if let Some(home) = home {
        command.env("OPENSOC_HOME", home);
    }
    let mut child = command
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
        match (value, above) {
            (Value::Null, above) => drop(above.as_object_mut().expect("object").remove(key)),
            (value, Value::Array(list)) => {
                list[key.parse::<usize>().expect("a place")] = value.clone()
            }
            (value, above) => above[key] = value.clone(),
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
fn every_decision_of_triage_fits() {
    let mut lines = opensoc(&["generate", "--stage", "2", "--count", "2"], "");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records");
    for name in ["zeek.jsonl", "eve.jsonl", "wazuh.jsonl"] {
        lines += &std::fs::read_to_string(folder.join(name)).expect("read");
    }
    for join in [false, true] {
        let args: &[&str] = if join {
            &["triage", "--join"]
        } else {
            &["triage"]
        };
        let (errors, decisions): (Vec<_>, Vec<_>) = objects(&opensoc(args, &lines))
            .into_iter()
            .partition(|line| line.get("error").is_some());
        assert!(decisions.len() >= 6, "{decisions:?}");
        assert_fits("decision", &decisions);
        // Suricata's lines beside its alert are nothing to decide on by themselves.
        assert_eq!(errors.len(), if join { 0 } else { 2 }, "{errors:?}");
        let mut changes = vec![
            ("/alert_id", Value::Null),
            ("/format", json!("splunk")),
            ("/action", json!("ignore")),
            ("/rule", json!(1)),
            ("/probabilities/dismiss", json!(1.5)),
            ("/probabilities/escalate", Value::Null),
            ("/extra", json!(1)),
        ];
        if join {
            changes.extend([
                ("/joined/shown", json!(-1)),
                ("/cited_event", json!("L1-0")),
            ]);
        }
        assert_tight("decision", &decisions[0], &changes);
    }
}

#[test]
fn rules_checks_and_the_audit_fit() {
    let rules = objects(&opensoc(&["rules", "--json"], ""));
    assert_fits("rule", &rules);
    assert_tight(
        "rule",
        &rules[0],
        &[
            ("/when", Value::Null),
            ("/attack/0", json!("1218")),
            ("/thresholds/min_events", json!("1")),
            ("/event_types", json!([])),
        ],
    );
    let home = tempfile::tempdir().expect("folder");
    let checks = objects(&opensoc_in(Some(home.path()), &["doctor", "--json"], ""));
    assert_fits("check", &checks);
    assert_tight(
        "check",
        &checks[0],
        &[("/state", json!("bad")), ("/found", Value::Null)],
    );
    let audit = objects(&opensoc(&["audit", "--episodes", "50", "--json"], ""));
    assert_fits("audit_report", &audit);
    assert_tight(
        "audit_report",
        &audit[0],
        &[
            ("/rows/0/accuracy", json!(2)),
            ("/balance/0/detail", Value::Null),
            ("/tables/lifts/0/action", json!("x")),
            ("/tables/constants", Value::Null),
        ],
    );
}

#[test]
fn what_models_and_adapters_say_of_themselves_fits() {
    for (name, args, changes) in [
        (
            "adapter_info",
            &["adapter", "info", "stage4_adversarial", "--json"][..],
            [("/rank", json!(0)), ("/modules/q_proj", json!("8"))],
        ),
        (
            "model_info",
            &["model", "info", "--model", "nano", "--json"],
            [("/layers", json!(1.5)), ("/hashes/x", json!("00"))],
        ),
        (
            "logits",
            &[
                "model",
                "logits",
                "--model",
                "nano",
                "--text",
                "Host: ws-1",
                "--json",
            ],
            [("/tokens", json!([])), ("/logits/0", json!("1"))],
        ),
    ] {
        let printed = objects(&opensoc(args, ""));
        assert_fits(name, &printed);
        assert_tight(name, &printed[0], &changes);
    }
    let args = [
        "adapter",
        "info",
        "stage4_adversarial",
        "--model",
        "nano",
        "--json",
    ];
    assert_fits("adapter_info", &objects(&opensoc(&args, "")));
}

#[test]
fn a_listed_run_fits() {
    let home = tempfile::tempdir().expect("folder");
    let settings = [
        "sft.examples=20",
        "sft.epochs=1",
        "grpo.steps_per_stage=1",
        "grpo.prompts_per_step=2",
        "eval.every_steps=0",
        "eval.episodes=4",
        "eval.final_episodes=4",
    ];
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let args: Vec<&str> = ["train"].into_iter().chain(settings).collect();
    opensoc_in(Some(home.path()), &args, "");
    let runs = objects(&opensoc_in(Some(home.path()), &["runs", "--json"], ""));
    assert_fits("run", &runs);
    assert_tight(
        "run",
        &runs[0],
        &[
            ("/standing", json!("asleep")),
            ("/step", json!(-1)),
            ("/ended_early", json!(1)),
            ("/preset", Value::Null),
        ],
    );
}

#[test]
fn exported_labels_fit() {
    let home = tempfile::tempdir().expect("folder");
    let episodes = opensoc(&["generate", "--stage", "2", "--count", "3"], "");
    opensoc_in(Some(home.path()), &["label", "import", "-"], &episodes);
    let store = Store::new(home.path().join("labels"));
    let mut writer = Writer::open(&store, "ann").expect("free");
    for episode in store.episodes().expect("episodes") {
        let label = Label {
            episode_id: episode.episode_id,
            annotator: "ann".into(),
            revision: 1,
            unix_time: 1_790_000_000,
            origin: Origin::Change,
            decision: Decision {
                state: State::Submitted,
                action: Some(episode.truth.action),
                cited_log_id: Some(episode.truth.triggering_log_id),
                rationale: "as the window shows".into(),
                ..Decision::default()
            },
        };
        writer.append(&label).expect("written");
    }
    let message = json!({"role": "robot", "content": "x"});
    for (name, format, turns) in [
        (
            "label_prompt_completion",
            "prompt-completion",
            "/completion/0",
        ),
        ("label_messages", "messages", "/messages/2"),
        ("label_preference", "preference", "/rejected/0"),
    ] {
        let args = ["label", "export", "--format", format];
        let lines = objects(&opensoc_in(Some(home.path()), &args, ""));
        assert_eq!(lines.len(), 3);
        assert_fits(name, &lines);
        let changes = [(turns, message.clone()), ("/annotator", Value::Null)];
        assert_tight(name, &lines[0], &changes);
    }
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
