//! What the screens copy is printed, and tells no truth that is hidden.

use serde_json::Value;

use super::{Bench, SOURCE, in_order, obey, text, told};
use crate::env::prompt;
use crate::env::schema::Stage;
use crate::gate::{MAX_CHARS, is_hostile};
use crate::ui::plain::copying::{escaped, whole};
use crate::ui::tests::fixtures::right;

#[test]
fn line_prompt_episode_and_case_are_printed_as_they_would_be_copied() {
    // An alert with an address outside.
    let episode = SOURCE.episode(Stage::Multi, 4);
    let text = told(
        "next\nnext\nnext\nnext\ny\ncopy line\ncopy prompt\ncopy json\ncase\ncopy song\ncopy json x\nreveal\ncopy json\ncase defanged\nlabelling\ncopy case\n",
    );
    let prompt = prompt::user_message(&episode.alert, &episode.log_window);
    in_order(
        &text,
        &[
            "copy line: the log line under the cursor\n",
            "copy case: the case in Markdown\n",
            "Hidden characters are spelled out, as <U+200B>; in json they are escaped",
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
fn hostile_characters_are_spelled_out_in_a_prompt_and_escaped_in_json() {
    let hostile =
        "\"z\u{200d}w\\\u{202e}bidi\u{9b}31m\u{7f}\u{e0041}e\u{301}\u{301}\u{301}\u{1b}[2J\n日本";
    let bench = Bench::new(right);
    let mut out = Vec::new();
    let (mut plain, _teller) = bench.sit(&mut out);
    let list = plain.app.queue.entries.get_mut(&Stage::Multi);
    let entry = &mut list.expect("a list")[0];
    entry.episode.alert.summary = hostile.into();
    entry.episode.log_window[0]
        .fields
        .insert("note".into(), hostile.into());
    let mut wanted = serde_json::to_value(&entry.episode).expect("JSON");
    obey(&mut plain, "copy json\ncopy prompt\n");
    drop(plain);
    let text = text(out);
    assert!(
        !text.chars().any(|c| c != '\n' && is_hostile(c)),
        "{text:?}"
    );
    let json = text.lines().find(|line| line.starts_with('{'));
    let json = json.expect("printed");
    for part in ["z\\u200dw", "\\u009b31m\\u007f", "\\udb40\\udc41e", "日本"] {
        assert!(json.contains(part), "{part}: {json}");
    }
    assert!(!json.contains("<U+"), "{json}");
    let read: Value = serde_json::from_str(json).expect("JSON");
    let object = wanted.as_object_mut().expect("an object");
    object.remove("truth");
    object.remove("incident");
    assert_eq!(read, wanted);
    assert!(
        text.contains("z<U+200D>w"),
        "the prompt is spelled out:\n{text}"
    );
    assert_eq!(escaped("{\"a\":1}"), "{\"a\":1}");
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
