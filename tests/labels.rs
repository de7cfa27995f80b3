//! The labelled set from the outside: alerts in, counts, examples out.

#![expect(clippy::expect_used, reason = "a test stops where it goes wrong")]

mod command;

use opensoc::label::{Decision, Label, Origin, State, Store, Writer};
use serde_json::Value;

use command::{opensoc, text};

#[test]
fn alerts_are_imported_labelled_counted_and_exported() {
    let home = tempfile::tempdir().expect("folder");
    let generate = ["generate", "--stage", "2", "--seed", "9", "--count", "3"];
    let mut lines = text(&opensoc(home.path(), &generate).stdout);
    lines.push_str("{\"mood\":1}\n");
    let file = home.path().join("alerts.jsonl");
    std::fs::write(&file, lines).expect("written");
    let file = file.to_str().expect("a path");
    let imported = opensoc(home.path(), &["label", "import", file]);
    assert_eq!(imported.status.code(), Some(1));
    assert!(text(&imported.stderr).contains("alerts.jsonl: line 4: "));
    assert!(text(&imported.stdout).contains("3 added, 0 there already, 1 bad"));
    let missing = opensoc(home.path(), &["label", "import", "no-such-file"]);
    assert!(text(&missing.stderr).contains("no-such-file"));

    let store = Store::new(home.path().join("labels"));
    let episodes = store.episodes().expect("episodes");
    let mut writer = Writer::open(&store, "ann").expect("free");
    for (at, episode) in episodes.iter().take(2).enumerate() {
        let label = Label {
            episode_id: episode.episode_id.clone(),
            annotator: "ann".into(),
            revision: 1,
            unix_time: 1_790_000_000,
            origin: Origin::Change,
            decision: Decision {
                state: if at == 0 {
                    State::Submitted
                } else {
                    State::Draft
                },
                action: Some(episode.truth.action),
                cited_log_id: Some(episode.truth.triggering_log_id.clone()),
                rationale: "as the window shows".into(),
                ..Decision::default()
            },
        };
        writer.append(&label).expect("written");
    }
    let stats = opensoc(home.path(), &["label", "stats", "--json"]);
    let stats: Value = serde_json::from_slice(&stats.stdout).expect("JSON");
    let ann = &stats["annotators"][0];
    assert_eq!(
        (&ann["states"]["pending"], &ann["states"]["draft"]),
        (&1.into(), &1.into())
    );
    assert_eq!(ann["with_verifier"]["percent"], 100.0);
    let exported = opensoc(home.path(), &["label", "export", "--as", "ann"]);
    let line: Value = serde_json::from_slice(&exported.stdout).expect("one line");
    let answer = line["completion"][0]["content"].as_str().expect("text");
    assert!(
        answer.ends_with("Rationale: as the window shows"),
        "{answer}"
    );
    let nobody = opensoc(home.path(), &["label", "export", "--as", "bob"]);
    assert!(nobody.stdout.is_empty() && text(&nobody.stderr).contains("no submitted labels"));
    let wrong = opensoc(home.path(), &["label", "export", "--as", "../ann"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("no name for an annotator"));
}
