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
    assert_eq!(nobody.status.code(), Some(1));
    assert!(nobody.stdout.is_empty() && text(&nobody.stderr).contains("no labels of `bob`"));
    let wrong = opensoc(home.path(), &["label", "export", "--as", "../ann"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("no name for an annotator"));
}

#[test]
fn alerts_of_other_programs_are_imported_packed_and_joined() {
    let home = tempfile::tempdir().expect("folder");
    let records = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records/");
    let file = |name: &str| format!("{records}{name}");
    let packed = home.path().join("zeek.jsonl.gz");
    let zeek = std::fs::read(file("zeek.jsonl")).expect("read");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &zeek).expect("packed");
    std::fs::write(&packed, encoder.finish().expect("packed")).expect("written");
    let packed = packed.to_str().expect("a path");
    let args = ["label", "import", "--join", packed, &file("eve.jsonl")];
    let imported = opensoc(home.path(), &args);
    let said = text(&imported.stdout);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert!(
        said.contains("2 added, 0 there already, 0 bad, 6 events looked at"),
        "{said}"
    );
    assert!(text(&opensoc(home.path(), &args).stdout).contains("0 added, 2 there already"));
    let store = Store::new(home.path().join("labels"));
    let episodes = store.episodes().expect("episodes");
    let windows: Vec<_> = episodes.iter().map(|e| e.log_window.len()).collect();
    assert_eq!(windows, [7, 7]);
    // They have no truth to agree with, but are examples like others.
    let label = Label {
        episode_id: episodes[0].episode_id.clone(),
        annotator: "ann".into(),
        revision: 1,
        unix_time: 1_790_000_000,
        origin: Origin::Change,
        decision: Decision {
            state: State::Submitted,
            action: Some(opensoc::env::schema::Action::Monitor),
            cited_log_id: Some("L1-6".into()),
            rationale: "self signed, nothing else".into(),
            ..Decision::default()
        },
    };
    let mut writer = Writer::open(&store, "ann").expect("free");
    writer.append(&label).expect("written");
    let stats = opensoc(home.path(), &["label", "stats", "--json"]);
    let stats: Value = serde_json::from_slice(&stats.stdout).expect("JSON");
    assert_eq!(stats["annotators"][0]["with_verifier"]["both"], 0);
    let preference = [
        "label",
        "export",
        "--format",
        "preference",
        "--rejected",
        "citation",
    ];
    let exported = opensoc(home.path(), &preference);
    let line: Value = serde_json::from_slice(&exported.stdout).expect("one line");
    let rejected = line["rejected"][0]["content"].as_str().expect("text");
    assert!(rejected.contains("CitedLog: L1-0\n"), "{rejected}");
}
