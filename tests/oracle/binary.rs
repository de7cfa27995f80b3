//! What the binary prints, as a subprocess: prompts, truths and its rule table.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

use crate::rules::Answer;

/// A prompt and the truth of the binary about it.
pub struct Case {
    pub message: String,
    pub truth: Answer,
}

/// Both halves of every stage, `each` episodes a half.
pub fn cases(seed: u32, each: u32) -> Vec<Case> {
    let mut all = Vec::new();
    for stage in 1..=4 {
        for split in ["train", "holdout"] {
            let command = format!(
                "generate --stage {stage} --seed {seed} --split {split} --count {each} --format"
            );
            let prompts = json_lines(&format!("{command} sft"));
            let episodes = json_lines(&format!("{command} episodes"));
            assert_eq!(
                prompts.len(),
                episodes.len(),
                "{command}: as many prompts as episodes"
            );
            all.extend(
                prompts
                    .iter()
                    .zip(&episodes)
                    .map(|(prompt, episode)| case(prompt, episode)),
            );
        }
    }
    assert_eq!(
        all.len(),
        8 * each as usize,
        "as many episodes as asked for"
    );
    all
}

fn case(prompt: &Value, episode: &Value) -> Case {
    // The ids pair the two outputs and are used for nothing else.
    assert_eq!(
        text(prompt, "/id"),
        text(episode, "/episode_id"),
        "both outputs have one order"
    );
    assert_eq!(
        text(prompt, "/prompt/1/role"),
        "user",
        "the second message is the user's"
    );
    let truth = episode.get("truth").expect("an episode has a truth");
    Case {
        message: text(prompt, "/prompt/1/content"),
        truth: answer(truth),
    }
}

fn answer(truth: &Value) -> Answer {
    Answer {
        action: text(truth, "/action"),
        log_id: text(truth, "/triggering_log_id"),
        rule: text(truth, "/rule"),
    }
}

/// The binary's truth about each of these incidents, all asked in one go.
pub fn verify(incidents: &[Value]) -> Vec<Answer> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
    command
        .arg("verify")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("its input is a pipe");
    let lines: String = incidents
        .iter()
        .map(|incident| format!("{incident}\n"))
        .collect();
    // Written aside: the binary stops reading while nobody takes what it prints.
    let writer = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("the binary ends");
    let truths = parsed("verify", output);
    let written = writer.join().expect("the writer ends");
    written.expect("the binary reads all incidents");
    assert_eq!(truths.len(), incidents.len(), "as many truths as incidents");
    truths.iter().map(answer).collect()
}

/// Id and action of every rule, in the order of the table.
pub fn rule_table() -> Vec<(String, String)> {
    json_lines("rules --json")
        .iter()
        .map(|rule| (text(rule, "/id"), text(rule, "/action")))
        .collect()
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    assert!(found.is_some(), "no {pointer} in {value}");
    found.unwrap_or_default().to_owned()
}

fn json_lines(arguments: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
    let output = command
        .args(arguments.split(' '))
        .output()
        .expect("the binary starts");
    parsed(arguments, output)
}

fn parsed(arguments: &str, output: Output) -> Vec<Value> {
    assert!(
        output.status.success(),
        "{arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8(output.stdout).expect("the binary prints UTF-8");
    printed
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}
