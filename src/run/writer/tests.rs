//! What a run leaves on disk, byte by byte.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::*;
use crate::config::TrainConfig;
use crate::env::schema::Action;
use crate::link::RunState;
use crate::run::reader::read_status;

fn start(folder: &Path) -> RunWriter {
    let dir = RunDir::new(folder);
    let config = TrainConfig::nano();
    let plan = config.plan(0);
    let manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
    RunWriter::create(dir, &manifest).expect("starts")
}

fn row(step: u64, loss: f64) -> MetricRow {
    MetricRow {
        step,
        stage: "sft".to_owned(),
        values: BTreeMap::from([("loss".to_owned(), loss), ("lr".to_owned(), 1e-3)]),
    }
}

fn text(writer: &RunWriter, journal: Journal) -> String {
    fs::read_to_string(writer.dir().journal(journal)).expect("there")
}

#[test]
fn cut_back_and_append_equals_never_having_stopped() {
    let straight = tempfile::tempdir().expect("folder");
    let mut writer = start(straight.path());
    for step in 1..=20 {
        writer
            .metrics(&row(step, 1.0 / step as f64))
            .expect("written");
    }
    let broken = tempfile::tempdir().expect("folder");
    let mut first = start(broken.path());
    for step in 1..=7 {
        first
            .metrics(&row(step, 1.0 / step as f64))
            .expect("written");
    }
    let lengths = first.lengths().expect("synced");
    for step in 8..=13 {
        first
            .metrics(&row(step, 1.0 / step as f64))
            .expect("written");
    }
    let path = first.dir().journal(Journal::Metrics);
    drop(first);
    // The crash came in the middle of a line.
    let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
    file.write_all(b"{\"step\":14,\"sta").expect("torn");
    drop(file);
    let mut second = RunWriter::resume(RunDir::new(broken.path()), &lengths).expect("resumes");
    for step in 8..=20 {
        second
            .metrics(&row(step, 1.0 / step as f64))
            .expect("written");
    }
    assert_eq!(
        text(&second, Journal::Metrics),
        text(&writer, Journal::Metrics)
    );
    assert_eq!(
        second.lengths().expect("synced")["metrics.jsonl"],
        fs::metadata(&path).expect("there").len()
    );
}

#[test]
fn a_torn_last_line_goes_when_the_file_is_opened() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("metrics.jsonl");
    for (left, kept) in [("a\nb\nhal", 4), ("half", 0), ("", 0), ("a\n", 2)] {
        fs::write(&path, left).expect("left");
        assert_eq!(
            OpenJournal::open(&path).expect("opens").bytes,
            kept,
            "{left:?}"
        );
        assert_eq!(fs::metadata(&path).expect("there").len(), kept);
    }
    fs::write(&path, format!("a\n{}", "x".repeat(200_000))).expect("left");
    assert_eq!(OpenJournal::open(&path).expect("opens").bytes, 2);
}

#[test]
fn a_file_shorter_than_recorded_is_named_and_nothing_is_cut() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    writer.metrics(&row(1, 0.5)).expect("written");
    let before = writer.lengths().expect("synced");
    let mut lengths = RunWriter::no_lengths();
    lengths.insert("rollouts.jsonl".to_owned(), 10);
    let message = writer.cut_back(&lengths).expect_err("shorter").to_string();
    assert!(
        message.contains("rollouts.jsonl: 0 bytes, but the checkpoint recorded 10"),
        "{message}"
    );
    assert_eq!(writer.lengths().expect("synced"), before);
    lengths.remove("rollouts.jsonl");
    assert!(matches!(
        writer.cut_back(&lengths),
        Err(RunError::NotRecorded { .. })
    ));
    lengths = RunWriter::no_lengths();
    lengths.insert("../../etc/passwd".to_owned(), 0);
    assert!(matches!(
        writer.cut_back(&lengths),
        Err(RunError::NotRecorded { .. })
    ));
    assert_eq!(writer.lengths().expect("synced"), before);
}

#[test]
fn values_that_are_not_finite_are_left_out_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    writer.metrics(&row(3, f64::NAN)).expect("written");
    let line = text(&writer, Journal::Metrics);
    assert_eq!(line, "{\"step\":3,\"stage\":\"sft\",\"lr\":0.001}\n");
    let log = text(&writer, Journal::Log);
    assert!(
        log.ends_with(" warning step=3 non_finite: loss=NaN\n"),
        "{log}"
    );
}

fn attack(refused: Option<String>) -> AttackRow {
    AttackRow {
        step: 4,
        arm: "net.beacon+flood".to_owned(),
        won: 0.5,
        refused,
    }
}

#[test]
fn a_try_of_the_attacker_is_a_line() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    writer.attack(&attack(None)).expect("written");
    assert_eq!(
        text(&writer, Journal::Attacker),
        "{\"step\":4,\"arm\":\"net.beacon+flood\",\"won\":0.5}\n"
    );
}

#[test]
fn a_rollout_without_a_finite_advantage_is_left_out_and_named() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    let rollout = |advantage: f64| Rollout {
        response: "Action: dismiss\n".to_owned(),
        action: None,
        cited_log_id: None,
        reward: 1.0,
        components: BTreeMap::new(),
        advantage,
        truncated: false,
        tokens: Vec::new(),
        log_probs: Vec::new(),
    };
    let group = RolloutGroup {
        step: 9,
        stage: "stage1_basic".to_owned(),
        group_id: 5,
        episode_id: "e".to_owned(),
        summary: "s".to_owned(),
        truth_action: Action::Dismiss,
        truth_log_id: "L1-0".to_owned(),
        rule: "r".to_owned(),
        rollouts: vec![rollout(0.5), rollout(f64::NAN), rollout(-0.5)],
    };
    writer.rollouts(&group).expect("written");
    let back: RolloutGroup =
        serde_json::from_str(&text(&writer, Journal::Rollouts)).expect("parses");
    assert_eq!(back.rollouts, [rollout(0.5), rollout(-0.5)]);
    let log = text(&writer, Journal::Log);
    assert!(
        log.ends_with("non_finite: rollouts 1 of group 5 left out\n"),
        "{log}"
    );
}

#[test]
fn log_messages_stay_on_their_line() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    writer.log("a\nb\u{1b}[2J\tc").expect("written");
    let log = text(&writer, Journal::Log);
    assert!(log.ends_with(" info a\\nb\\u{1b}[2J\\tc\n"), "{log}");
    assert_eq!(log.lines().count(), 1);
}

#[test]
fn a_line_too_long_for_readers_is_not_written() {
    let folder = tempfile::tempdir().expect("folder");
    let mut writer = start(folder.path());
    let long = attack(Some("x".repeat(MAX_LINE)));
    assert!(matches!(
        writer.attack(&long),
        Err(RunError::TooLong { .. })
    ));
    assert_eq!(text(&writer, Journal::Attacker), "");
}

#[test]
fn a_run_is_not_started_twice_nor_by_two() {
    let folder = tempfile::tempdir().expect("folder");
    let writer = start(folder.path());
    let dir = RunDir::new(folder.path());
    let manifest = Manifest::read(&dir).expect("written");
    let lengths = RunWriter::no_lengths();
    assert!(matches!(
        RunWriter::resume(dir.clone(), &lengths),
        Err(RunError::Held { .. })
    ));
    drop(writer);
    assert!(matches!(
        RunWriter::create(dir.clone(), &manifest),
        Err(RunError::Exists { .. })
    ));
    RunWriter::resume(dir, &lengths).expect("free");
    let empty = RunDir::new(folder.path().join("none"));
    assert!(matches!(
        RunWriter::resume(empty, &lengths),
        Err(RunError::NotARun { .. })
    ));
}

#[test]
fn status_is_read_as_written() {
    let folder = tempfile::tempdir().expect("folder");
    let writer = start(folder.path());
    assert_eq!(read_status(writer.dir()).expect("none yet"), None);
    let mut status = Status {
        state: RunState::Running,
        phase: "sft".to_owned(),
        step: 3,
        total_steps: 10,
        elapsed_s: 1.5,
        eta_s: Some(f64::INFINITY),
        heartbeat: 1_700_000_000,
        pid: 1,
        reason: String::new(),
    };
    writer.status(&status).expect("written");
    status.eta_s = None;
    assert_eq!(read_status(writer.dir()).expect("read"), Some(status));
}
