//! `opensoc triage` from the outside: alerts of several programs in, a decision a line out.

use std::process::Command;

use serde_json::Value;

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
