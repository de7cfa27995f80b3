//! Readers of what others wrote, on mutated copies of what they accept: never a panic, and what is accepted is what it says.
//!
//! Each loop runs for `OPENSOC_FUZZ_SECONDS` seconds, 2 where that is not set. A finding prints the input that made it.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use opensoc::commands::lines::{MAX_LINE_BYTES, answer_lines};
use opensoc::env::read::{self, Object};
use opensoc::env::schema::{Episode, Split, Stage};
use opensoc::env::{generate, gold, plausible, prompt, response, verdict, verify};
use opensoc::label::Label;
use opensoc::stream::Stream;
use serde_json::json;

/// What breaks readers: JSON's own signs, numbers at the edges, controls, halves of UTF-8 and of surrogate pairs.
const DICTIONARY: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"0.1",
    b"1E-400",
    b"\0",
    b"\x7f",
    b"\x1b[2J",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\xe2\x80\x8b",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b"  ",
    b"\"log_id\"",
    b"\"L1-0\"",
    b"L1-",
    b"L99999999999-0",
    b"\"timestamp\"",
    b"2026-02-30T25:61:61Z",
    b"0000-00-00T00:00:00Z",
    b"dismiss",
    b"Action: ",
    b"CitedLog: ",
    b"Rationale: ",
    b"Dismiss",
    b"escalate\n",
    b"<|im_end|>",
];

fn seconds() -> Duration {
    let told = std::env::var("OPENSOC_FUZZ_SECONDS").ok();
    Duration::from_secs(told.and_then(|text| text.parse().ok()).unwrap_or(2))
}

/// A copy of one of `corpus` with some changes.
fn mutated(corpus: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = corpus[stream.index(corpus.len())].clone();
    for _ in 0..stream.between(1, 6) {
        let at = stream.index(bytes.len() + 1);
        let end = (at + stream.index(24)).min(bytes.len());
        match stream.index(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << stream.index(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                let copies = stream.between(1, 3) as usize;
                bytes.splice(at..at, piece.repeat(copies));
            }
            3 => {
                let other = &corpus[stream.index(corpus.len())];
                let from = stream.index(other.len());
                let to = (from + stream.index(64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            4 => bytes.truncate(at),
            _ => {
                let word = DICTIONARY[stream.index(DICTIONARY.len())];
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}

/// Runs `check` on mutations until the time is over; says how many it accepted, of how many.
fn run(name: &str, corpus: &[Vec<u8>], mut check: impl FnMut(&[u8]) -> bool) -> String {
    let (started, limit) = (Instant::now(), seconds());
    let mut stream = Stream::named(limit.as_secs(), &["mutation", name]);
    let (mut all, mut accepted) = (0u64, 0u64);
    while started.elapsed() < limit {
        let input = mutated(corpus, &mut stream);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&input)));
        match outcome {
            Ok(is_accepted) => accepted += u64::from(is_accepted),
            Err(_) => unreachable!("{name} failed on {:?}", String::from_utf8_lossy(&input)),
        }
        all += 1;
    }
    assert!(accepted > 0 && accepted < all, "{accepted} of {all}");
    format!("{name}: {accepted} of {all} mutations accepted")
}

fn episodes() -> Vec<Episode> {
    let of = |stage| (0..12).map(move |i| generate::episode(stage, Split::Holdout, 7, i));
    Stage::ALL.into_iter().flat_map(of).collect()
}

fn lines(make: impl Fn(&Episode) -> String) -> Vec<Vec<u8>> {
    episodes().iter().map(|e| make(e).into_bytes()).collect()
}

#[test]
fn episodes_are_refused_or_read_as_they_stand() {
    let corpus = lines(|episode| serde_json::to_string(episode).expect("serialises"));
    let told = run("episode", &corpus, |input| {
        let Ok(text) = std::str::from_utf8(input) else {
            return false;
        };
        let Ok(episode) = Object::parse(text).and_then(read::episode) else {
            return false;
        };
        // What was read says the same when it is written and read again, and carries on without a panic.
        let again = serde_json::to_string(&episode).expect("serialises");
        assert_eq!(
            Object::parse(&again).and_then(read::episode),
            Ok(episode.clone())
        );
        let shown = prompt::user_message(&episode.alert, &episode.log_window);
        assert!(shown.lines().count() >= episode.log_window.len());
        let _ = plausible::check(&episode.incident.category, &episode.log_window);
        if let Ok(truth) = verify::truth(&episode.log_window) {
            let ids = || episode.log_window.iter().map(|event| &event.log_id);
            assert!(ids().any(|id| *id == truth.triggering_log_id));
            assert!(
                truth
                    .evidence
                    .iter()
                    .all(|id| ids().any(|known| known == id))
            );
        }
        true
    });
    println!("{told}");
}

#[test]
fn incidents_are_refused_or_read_as_they_stand() {
    let corpus = lines(|episode| serde_json::to_string(&episode.incident).expect("serialises"));
    let told = run("incident", &corpus, |input| {
        let text = std::str::from_utf8(input).unwrap_or_default();
        let Ok(incident) = Object::parse(text).and_then(read::incident) else {
            return false;
        };
        let again = serde_json::to_string(&incident).expect("serialises");
        assert_eq!(Object::parse(&again).and_then(read::incident), Ok(incident));
        true
    });
    println!("{told}");
}

#[test]
fn responses_are_refused_or_are_three_lines() {
    let corpus = lines(gold::response);
    let episode = &episodes()[0];
    let told = run("response", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        let judged = verdict::judge(episode, &text);
        assert!((-1.5..=1.1).contains(&judged.reward));
        let parts: f64 = judged.components.values().sum();
        assert!((parts - judged.reward).abs() < 1e-9);
        let parsed = response::parse(&text);
        assert_eq!(parsed.is_ok(), judged.format_ok);
        let Ok(answer) = parsed else { return false };
        let whole = format!(
            "Action: {}\nCitedLog: {}\nRationale: {}",
            answer.action, answer.cited_log_id, answer.rationale
        );
        assert_eq!(text.trim_end(), whole.trim_end());
        let length = answer.rationale.chars().count();
        assert!((1..=200).contains(&length), "{length}");
        true
    });
    println!("{told}");
}

/// Records of other programs, a line each.
fn records() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the records")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let text = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("text");
    let all: Vec<String> = paths.iter().map(text).collect();
    let lines = all.iter().flat_map(|text| text.lines());
    let lines = lines.filter(|line| !line.trim().is_empty());
    lines.map(|line| line.as_bytes().to_vec()).collect()
}

#[test]
fn records_of_other_programs_are_refused_or_become_an_episode_that_reads_back() {
    let corpus = records();
    assert!(corpus.len() >= 15, "{} records", corpus.len());
    let mut table = opensoc::import::table::Table::default();
    let told = run("record", &corpus, |input| {
        let text = String::from_utf8_lossy(input);
        // Header lines of a table stay in force, as in a file put together of several.
        let Ok(Some(line)) = table.line(&text) else {
            return false;
        };
        let Ok(record) = opensoc::import::record(&line) else {
            return false;
        };
        let episode = record.into_episode();
        let again = serde_json::to_string(&episode).expect("serialises");
        assert_eq!(
            Object::parse(&again).and_then(read::episode),
            Ok(episode.clone())
        );
        let shown = prompt::user_message(&episode.alert, &episode.log_window);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        let _ = verify::truth(&episode.log_window);
        true
    });
    println!("{told}");
}

#[test]
fn labels_are_refused_or_read_as_they_stand() {
    let corpus = lines(|episode| {
        json!({
            "episode_id": episode.episode_id, "annotator": "ann", "revision": 3, "unix_time": 1_767_348_000,
            "decision": {
                "state": "submitted", "action": episode.truth.action, "cited_log_id": episode.truth.triggering_log_id,
                "rationale": "seen before", "note": "ask ann", "is_flagged": false, "model": null, "is_accepted": false
            }
        })
        .to_string()
    });
    let told = run("label", &corpus, |input| {
        let Ok(label) = serde_json::from_slice::<Label>(input) else {
            return false;
        };
        let again = serde_json::to_string(&label).expect("serialises");
        assert_eq!(
            serde_json::from_str::<Label>(&again).expect("its own"),
            label
        );
        true
    });
    println!("{told}");
}

/// What is printed for lines of objects that nobody looks into.
fn answered(text: &[u8]) -> String {
    let mut out = Vec::new();
    let answer = |line: &str| {
        Object::parse(line)?;
        Ok(json!("read"))
    };
    answer_lines("memory", text, &mut out, answer).expect("writes to memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn every_line_is_answered_whatever_stands_before_it() {
    let corpus = lines(|episode| {
        let line = json!({"episode": episode, "response": gold::response(episode)});
        line.to_string()
    });
    let sound = corpus[0].clone();
    let told = run("line", &corpus, |input| {
        // A line feed that a mutation put in makes two lines of one.
        let one: Vec<u8> = input.iter().copied().filter(|&b| b != b'\n').collect();
        let text = [&one, &b"\n"[..], &sound, &b"\n"[..]].concat();
        let out = answered(&text);
        let answers: Vec<&str> = out.lines().collect();
        assert_eq!(
            answers.last(),
            Some(&"\"read\""),
            "the sound line is answered"
        );
        assert!(answers.len() <= 2);
        for line in &answers {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(value == "read" || value["line"] == 1, "{line}");
        }
        answers.first() == Some(&"\"read\"") && answers.len() == 2
    });
    println!("{told}");
}

#[test]
fn a_huge_line_is_named_and_the_next_one_answered() {
    let huge = vec![b'['; 3 * MAX_LINE_BYTES];
    let text = [&huge, &b"\n{}\n"[..]].concat();
    let out = answered(&text);
    let answers: Vec<&str> = out.lines().collect();
    assert!(answers[0].contains("longer than 1 MiB") && answers[0].contains("\"line\":1"));
    assert_eq!(answers[1], "\"read\"");
}
