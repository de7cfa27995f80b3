//! What the screens copy is printed, and tells no truth that is hidden.

use serde_json::Value;

use super::{SOURCE, in_order, told};
use crate::env::prompt;
use crate::env::schema::Stage;
use crate::ui::gate::MAX_CHARS;
use crate::ui::plain::copying::whole;

#[test]
fn line_prompt_episode_and_case_are_printed_as_they_would_be_copied() {
    let episode = SOURCE.episode(Stage::Multi, 0);
    let text = told(
        "y\ncopy line\ncopy prompt\ncopy json\ncase\ncopy song\ncopy json x\nreveal\ncopy json\ncase defanged\nlabelling\ncopy case\n",
    );
    let prompt = prompt::user_message(&episode.alert, &episode.log_window);
    in_order(
        &text,
        &[
            "copy line: the log line under the cursor\n",
            "copy case: the case in Markdown\n",
            &format!("{}\n", prompt::event_line(&episode.log_window[0])),
            &format!("{prompt}\n"),
            "{\"episode_id\":",
            "# Alert\n\n    id: ",
            "    analyst: none\n",
            "# Log window\n",
            "copy line: ",
            "copy json takes defanged, not x",
            "Truth: ",
            "{\"episode_id\":",
            "# Alert\n",
            "# Truth\n",
            "[.]",
            "Labels of ann: ",
            "# Alert\n",
            "    ann: none\n",
        ],
    );
    assert_eq!(text.matches("# Truth").count(), 1, "{text}");
    assert!(!text.contains("clipboard"), "{text}");
    let printed = text.lines().filter(|line| line.starts_with('{'));
    let printed: Vec<Value> = printed
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [hidden, revealed] = &printed[..] else {
        panic!("two of them:\n{text}");
    };
    assert!(hidden.get("truth").is_none() && hidden.get("incident").is_none());
    assert_eq!(revealed["truth"]["rule"], episode.truth.rule.as_str());
}

#[test]
fn a_long_line_is_whole_and_passes_the_gate() {
    let long = "x".repeat(2 * MAX_CHARS + 7);
    assert_eq!(whole(&long), long);
    assert_eq!(
        whole(&format!("{long}\u{1b}[2J")),
        format!("{long}<U+001B>[2J")
    );
    assert_eq!(whole(""), "");
}
