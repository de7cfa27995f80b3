//! `opensoc triage` from the outside: alerts of several programs in, a decision a line out.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[test]
fn joined_alerts_are_decided_on_with_what_went_on_before_them() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("day.jsonl");
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records");
    let names = ["zeek.jsonl", "eve.jsonl", "wazuh.jsonl"];
    let texts = names.map(|name| std::fs::read_to_string(records.join(name)).expect("read"));
    let lines = texts.concat() + "{\"timestamp\":\"x\",\"rule\":{\"level\":3},\"agent\":{}}\n";
    std::fs::write(&file, lines).expect("written");
    let triage = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
        let file = file.to_str().expect("a path");
        let output = command.args(["triage", file]).args(args).output();
        let output = output.expect("starts");
        assert_eq!(output.status.code(), Some(1), "one line is bad");
        let lines = String::from_utf8(output.stdout).expect("text");
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    let answers = triage(&["--join"]);
    assert_eq!(
        answers.len(),
        5,
        "a notice, an EVE alert, two of Wazuh and an error: {answers:?}"
    );
    // The host's four records of Zeek, and the two of Suricata by the time of its alert.
    for (at, format, found) in [(0, "zeek", 6), (1, "suricata", 6), (2, "wazuh", 0)] {
        let answer = &answers[at];
        assert_eq!(answer["format"], format, "{answer}");
        assert_eq!(answer["joined"]["found"], found, "{answer}");
        let shown = answer["joined"]["shown"].as_u64().expect("a count");
        assert!(shown <= found && (shown > 0) == (found > 0), "{answer}");
        if answer["cited_in_window"] == true {
            assert_eq!(answer["cited_event"]["log_id"], answer["cited_log_id"]);
        }
    }
    assert_eq!(
        (&answers[4]["line"], &answers[4]["field"]),
        (&11.into(), &"timestamp".into())
    );
    let alone = triage(&[]);
    assert_eq!(alone.len(), 11, "each line has an answer or an error");
    assert_eq!(alone[5]["field"], "event_type");
    assert!(alone[0].get("joined").is_none());
}

#[test]
fn every_alert_gets_a_decision_and_a_bad_line_an_error() {
    let opensoc = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
        command.args(args).output().expect("starts")
    };
    let args = [
        "generate", "--stage", "3", "--split", "holdout", "--count", "10",
    ];
    let episodes = opensoc(&args).stdout;
    let mut input = episodes.clone();
    input.extend(
        b"{\"timestamp\":\"2026-01-02T03:04:05+0000\",\"flow_id\":7,\"event_type\":\"alert\",\"src_ip\":\"203.0.113.9\",\
          \"alert\":{\"signature\":\"scan\",\"category\":\"Attempted Recon\",\"severity\":2}}\n{\"a\":1}\n",
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &input).expect("written");
    let output = opensoc(&["triage", file.path().to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1), "one line is bad");
    let lines = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), 12);
    let mut right = 0;
    for (answer, episode) in answers.iter().zip(episodes.split(|b| *b == b'\n')).take(10) {
        let episode: Value = serde_json::from_slice(episode).expect("JSON");
        assert_eq!(answer["alert_id"], episode["alert"]["alert_id"]);
        let action = answer["action"].as_str().expect("well formed");
        right += usize::from(episode["truth"]["action"] == action);
        let shares = answer["probabilities"].as_object().expect("shares");
        let sum: f64 = shares.values().filter_map(Value::as_f64).sum();
        assert!(shares.len() == 5 && (sum - 1.0).abs() < 1e-9);
        let most = shares
            .values()
            .filter_map(Value::as_f64)
            .fold(0.0, f64::max);
        assert_eq!(
            shares[action].as_f64(),
            Some(most),
            "what is likeliest is said"
        );
    }
    assert!(right >= 3, "{right} of 10 right: worse than guessing");
    assert_eq!(
        (&answers[10]["format"], &answers[10]["alert_id"]),
        (&"suricata".into(), &"7".into())
    );
    assert_eq!(answers[11]["line"], 12);
}

#[test]
fn a_nul_is_named_by_line_and_field_and_the_other_lines_are_answered() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("lines.jsonl");
    let opensoc = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
        command.args(args).output().expect("starts")
    };
    let made = opensoc(&["generate", "--stage", "2", "--count", "1"]).stdout;
    let sound: Value = serde_json::from_slice(&made).expect("an episode");
    let mut noted = sound.clone();
    noted["log_window"][0]["fields"]["note"] = "a\0b".into();
    let record =
        r#"{"@timestamp":"2026-01-02T03:04:05Z","event.kind":"alert","message":"a\u0000b"}"#;
    let note = "log_window[0].fields.note";
    for (command, foreign) in [("verify", false), ("score", false), ("triage", true)] {
        let line = |episode: &Value| match command {
            "score" => serde_json::json!({"episode": episode, "response": "a\0b"}).to_string(),
            _ => episode.to_string(),
        };
        let escaped = line(&noted);
        // As a byte of its own in the note, which stands before any response.
        let raw = escaped.replacen("\\u0000", "\0", 1);
        let mut lines = vec![line(&sound), escaped, raw, line(&sound)];
        lines.extend(foreign.then(|| record.to_owned()));
        std::fs::write(&file, lines.join("\n")).expect("written");
        let output = opensoc(&[command, file.to_str().expect("a path")]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let printed = String::from_utf8(output.stdout).expect("text");
        let answers = printed.lines().map(serde_json::from_str);
        let answers: Vec<Value> = answers.collect::<Result<_, _>>().expect("JSON");
        assert_eq!(answers.len(), lines.len(), "{command}: {printed}");
        for at in [0, 3] {
            assert!(answers[at].get("error").is_none(), "{command}: {printed}");
        }
        let prefix = if command == "score" { "episode." } else { "" };
        let mut bad = vec![
            (1, format!("{prefix}{note}")),
            (2, format!("{prefix}{note}")),
        ];
        bad.extend(foreign.then(|| (4, "message".to_owned())));
        for (at, field) in bad {
            assert_eq!(answers[at]["line"], at + 1, "{command}: {printed}");
            assert_eq!(answers[at]["field"], field, "{command}: {printed}");
            let error = answers[at]["error"].as_str().expect("words");
            assert!(error.contains("NUL"), "{command}: {printed}");
        }
    }
}
