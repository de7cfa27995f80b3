//! What the binary prints, as a subprocess: prompts, truths and its rule table.

use std::process::Command;

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
    let truth = Answer {
        action: text(episode, "/truth/action"),
        log_id: text(episode, "/truth/triggering_log_id"),
        rule: text(episode, "/truth/rule"),
    };
    Case {
        message: text(prompt, "/prompt/1/content"),
        truth,
    }
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
    found.expect("the binary prints this field").to_owned()
}

fn json_lines(arguments: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
    let output = command
        .args(arguments.split(' '))
        .output()
        .expect("the binary starts");
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
