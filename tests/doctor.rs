//! `opensoc doctor` from the outside: every thing is looked at, in words and as JSON.
#![expect(clippy::expect_used, reason = "a test stops where it goes wrong")]

use std::process::Command;

use serde_json::Value;

fn doctor(home: &std::path::Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_opensoc"))
        .arg("doctor")
        .args(args)
        .env("OPENSOC_HOME", home)
        .output()
        .expect("starts");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_line_is_ok_or_says_what_to_do() {
    let home = tempfile::tempdir().expect("folder");
    let told = doctor(home.path(), &["--json"]);
    let checks: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let names: Vec<_> = checks.iter().filter_map(|c| c["name"].as_str()).collect();
    let wanted = [
        "version", "device", "threads", "terminal", "size", "colours", "symbols", "settings",
        "runs in", "runs", "labels", "model",
    ];
    assert_eq!(names, wanted);
    for check in &checks {
        assert_eq!(
            check["state"] == "warn",
            check["advice"].is_string(),
            "{check}"
        );
    }
    let settings = checks[7]["found"].as_str().expect("text");
    assert!(
        settings.contains(home.path().to_str().expect("UTF-8")),
        "{settings}"
    );
    let terminal = &checks[3];
    assert_eq!(terminal["state"], "warn", "a pipe is no terminal");
    let labels = checks[10]["found"].as_str().expect("text");
    assert!(
        labels.ends_with("0 alerts, 0 labels of 0 annotators"),
        "{labels}"
    );
    let model = checks[11]["found"].as_str().expect("text");
    assert!(model.contains("model.safetensors sha256 "), "{model}");
    let plain = doctor(home.path(), &[]);
    assert!(
        plain.lines().any(|line| line.starts_with("ok    model ")),
        "{plain}"
    );
    let missing = doctor(home.path(), &["--model", "no/such-model"]);
    assert!(missing.contains("warn  model "), "{missing}");
    assert!(!home.path().join("runs").exists(), "looking makes nothing");
}
