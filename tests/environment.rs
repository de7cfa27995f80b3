//! The environment as a whole: frozen bytes, and what stays true of any input.

use opensoc::env::address::{is_external, is_internal};
use opensoc::env::events::{self, Kind};
use opensoc::env::read::{self, Object};
use opensoc::env::response::Malformed;
use opensoc::env::rules::{self, Rule};
use opensoc::env::schema::{ENV_VERSION, Episode, Split, Stage};
use opensoc::env::{generate, gold, plausible, prompt, response, verify};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const FROZEN: &str = include_str!("../assets/holdout_frozen.jsonl");
const FROZEN_SHA256: &str = "63377cabd6cd1d1792ca36b23607a59a75c7c8e23b94f6eedbcd1fdd2de3abac";
const FROZEN_SEED: u64 = 2026;
const PER_STAGE: u64 = 50;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn frozen_hold_out_is_what_the_generator_makes() {
    assert_eq!(sha256(FROZEN.as_bytes()), FROZEN_SHA256);
    let mut frozen = FROZEN.lines();
    for stage in Stage::ALL {
        for index in 0..PER_STAGE {
            let episode = generate::episode(stage, Split::Holdout, FROZEN_SEED, index);
            let line = frozen.next().expect("200 lines");
            assert_eq!(serde_json::to_string(&episode).unwrap(), line);
        }
    }
    assert_eq!(frozen.next(), None);
}

/// What the bytes of this version hash to: episodes, what a model reads and answers, the rule table.
///
/// A change of any of them is another version: raise `ENV_VERSION`, and this test says what to write into the new file. The
/// files of earlier versions stay, so that no version's name is ever used again for other bytes.
#[test]
fn the_bytes_of_this_version_are_pinned() {
    let mut found = String::new();
    for split in [Split::Train, Split::Holdout] {
        for stage in Stage::ALL {
            let episodes: Vec<Episode> = (0..250)
                .map(|index| generate::episode(stage, split, 9, index))
                .collect();
            let json = episodes.iter().map(|e| serde_json::to_string(e).unwrap());
            let json: Vec<String> = json.collect();
            let read = episodes.iter().map(|episode| {
                let message = prompt::user_message(&episode.alert, &episode.log_window);
                [prompt::SYSTEM, &message, &gold::response(episode)].join("\n")
            });
            let read: Vec<String> = read.collect();
            let hashes = [json, read].map(|lines| sha256(lines.join("\n").as_bytes()));
            found += &format!("{split} {stage} {} {}\n", hashes[0], hashes[1]);
        }
    }
    let rule = |rule: &rules::Rule| {
        let Rule {
            id, action, reason, ..
        } = rule;
        format!("{id} {action} {} {reason} {:?}", rule.when(), rule.attack)
    };
    let table: Vec<String> = rules::all().iter().map(rule).collect();
    found += &format!("rules {}\n", sha256(table.join("\n").as_bytes()));
    let path = format!(
        "{}/tests/golden/{ENV_VERSION}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == pinned,
        "the environment's bytes are not those of version {ENV_VERSION}. If that is meant, raise ENV_VERSION and write \
         tests/golden/<version>.txt:\n{found}"
    );
}

#[test]
fn episodes_survive_json_and_refuse_unknown_fields_by_name() {
    let line = FROZEN.lines().last().expect("a line");
    let episode: Episode = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&episode).unwrap(), line);
    let extended = line.replacen('{', "{\"hint\":1,", 1);
    let error = serde_json::from_str::<Episode>(&extended).unwrap_err();
    assert!(error.to_string().contains("`hint`"), "{error}");
}

#[test]
fn every_frozen_address_is_inside_or_outside_and_every_window_is_plausible() {
    for line in FROZEN.lines() {
        let episode = Object::parse(line).and_then(read::episode).unwrap();
        assert_eq!(serde_json::to_string(&episode).unwrap(), line);
        let addresses = episode
            .log_window
            .iter()
            .flat_map(|event| events::texts(event, Kind::is_address));
        for (_, ip) in addresses {
            assert_ne!(is_internal(ip), Some(is_external(ip)), "{ip}");
        }
        let verdict = plausible::check(&episode.incident.category, &episode.log_window);
        assert_eq!(verdict, Ok(()), "{}", episode.episode_id);
    }
}

#[test]
fn prompts_are_short_and_show_every_log_id() {
    for line in FROZEN.lines() {
        let episode: Episode = serde_json::from_str(line).unwrap();
        let text = prompt::user_message(&episode.alert, &episode.log_window);
        assert!(text.chars().count() < 2_400, "{}", text.chars().count());
        for event in &episode.log_window {
            assert!(text.contains(&format!("] {} src=", event.log_id)));
        }
    }
}

proptest! {
    #[test]
    fn of_any_text_the_lines_are_counted_first(text in "(?s).{0,400}|[a-z:\n ]{0,20}") {
        let lines = text.trim_end().split('\n').count();
        match response::parse(&text) {
            Err(Malformed::Empty) => prop_assert_eq!(text.trim(), ""),
            Err(Malformed::LineCount(told)) => prop_assert!(told == lines && lines != 3),
            _ => prop_assert_eq!(lines, 3),
        }
    }

    #[test]
    fn a_line_of_other_text_is_named(at in 0usize..3, text in "[^\r\n\u{85}]{0,60}x") {
        let mut lines = ["Action: monitor", "CitedLog: L1-0", "Rationale: a beacon"];
        lines[at] = &text;
        let labels = [Malformed::ActionLabel, Malformed::CitationLabel, Malformed::RationaleLabel];
        let because = response::parse(&lines.join("\n")).unwrap_err();
        prop_assert_eq!(because, labels[at].clone());
    }

    #[test]
    fn a_value_that_is_none_is_named(value in "[^\r\n\u{85}]{0,30}x") {
        // No action and no log id ends so.
        let action = format!("Action: {value}\nCitedLog: L1-0\nRationale: a beacon");
        let because = response::parse(&action).unwrap_err();
        prop_assert_eq!(because, Malformed::UnknownAction(value.clone()));
        let cited = format!("Action: monitor\nCitedLog: {value}\nRationale: a beacon");
        prop_assert_eq!(response::parse(&cited).unwrap_err(), Malformed::LogId(value));
    }

    #[test]
    fn a_rationale_that_is_too_long_is_named_with_its_length(more in 1usize..50) {
        let text = format!("Action: monitor\nCitedLog: L1-0\nRationale: {}", "é".repeat(200 + more));
        prop_assert_eq!(response::parse(&text).unwrap_err(), Malformed::RationaleLength(200 + more));
    }

    #[test]
    fn what_is_well_formed_is_read_back(n in 0u32..1000, rationale in "[a-zA-Zé][^\r\n\u{85}]{0,150}x") {
        let text = format!("Action: monitor\nCitedLog: L1-{n}\nRationale: {rationale}");
        let answer = response::parse(&text).unwrap();
        prop_assert_eq!(answer.cited_log_id, format!("L1-{n}"));
        prop_assert_eq!(answer.rationale, rationale);
    }

    #[test]
    fn truth_is_total_on_shuffled_and_cut_windows(seed in 0u64..500, stage in 0usize..4, cut in 1usize..10) {
        let mut episode = generate::episode(Stage::ALL[stage], Split::Train, seed, seed);
        episode.log_window.reverse();
        episode.log_window.truncate(cut);
        let truth = verify::truth(&episode.log_window).unwrap();
        let has = |id: &String| episode.log_window.iter().any(|event| event.log_id == *id);
        prop_assert!(has(&truth.triggering_log_id));
        prop_assert!(truth.evidence.iter().all(has));
    }
}
