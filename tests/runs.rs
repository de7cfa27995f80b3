//! Runs from the outside: started in a process of their own, listed, followed, exported, fed with labelled examples.

#![expect(clippy::expect_used, reason = "a test stops where it goes wrong")]

mod command;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use command::{opensoc, text};

/// A run of a few small steps.
const SHORT: [&str; 14] = [
    "--set",
    "sft.examples=20",
    "--set",
    "sft.epochs=1",
    "--set",
    "grpo.steps_per_stage=1",
    "--set",
    "grpo.prompts_per_step=2",
    "--set",
    "eval.every_steps=0",
    "--set",
    "eval.episodes=4",
    "--set",
    "eval.final_episodes=4",
];

fn listed(home: &Path) -> Vec<Value> {
    let runs = opensoc(home, &["runs", "--json"]);
    assert!(runs.status.success());
    let lines = text(&runs.stdout);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.collect()
}

#[test]
fn a_detached_run_is_listed_followed_to_its_end_and_exported() {
    let home = tempfile::tempdir().expect("folder");
    let none = opensoc(home.path(), &["runs"]);
    let none = text(&none.stdout);
    assert!(none.contains("opensoc train"), "what to do: {none}");
    let shipped = none.lines().nth(1).expect("a row");
    assert!(shipped.starts_with("shipped  finished"), "{none}");
    assert!(none.contains("read-only"), "{none}");
    assert!(!opensoc(home.path(), &["watch"]).status.success());

    let started = opensoc(home.path(), &[&["train", "--detach"], &SHORT[..]].concat());
    assert!(started.status.success(), "{}", text(&started.stderr));
    assert!(text(&started.stdout).contains("opensoc watch"));
    let watched = opensoc(home.path(), &["watch"]);
    let told = text(&watched.stdout);
    assert!(told.contains("all stages done"), "{told}");

    let runs = listed(home.path());
    let [run, shipped] = &runs[..] else {
        panic!("{runs:?}");
    };
    assert_eq!(
        (&shipped["run_id"], &shipped["run_dir"]),
        (&"shipped".into(), &Value::Null)
    );
    assert_eq!(
        (&run["standing"], &run["step"]),
        (&"finished".into(), &5.into())
    );
    let id = run["run_id"].as_str().expect("an id");
    let csv = text(&opensoc(home.path(), &["export", id]).stdout);
    assert!(csv.starts_with("step,stage,"));
    assert_eq!(csv.lines().count(), 1 + 5);
    let rows = text(&opensoc(home.path(), &["export", id, "--format", "jsonl"]).stdout);
    let last: Value = serde_json::from_str(rows.lines().last().expect("rows")).expect("JSON");
    assert_eq!(
        (&last["step"], &last["stage"]),
        (&5.into(), &"stage4_adversarial".into())
    );
    let events = opensoc(home.path(), &["export", id, "--format", "tensorboard"]).stdout;
    let length = u64::from_le_bytes(events[..8].try_into().expect("eight bytes"));
    assert_eq!(events[12..12 + length as usize].len() as u64, length);
    let names = ["brain.Event:2", "loss", "reward"];
    let holds = |name: &&str| events.windows(name.len()).any(|w| w == name.as_bytes());
    assert!(names.iter().all(holds));
    let eval = opensoc(home.path(), &["export", id, "--what", "eval"]);
    assert!(text(&eval.stdout).contains("episodes"));
    assert!(
        !opensoc(home.path(), &["export", "no-such-run"])
            .status
            .success()
    );
}

#[test]
fn labelled_examples_are_learned_from_and_stay_with_the_run() {
    let home = tempfile::tempdir().expect("folder");
    let generated = opensoc(
        home.path(),
        &[
            "generate", "--stage", "1", "--count", "20", "--format", "sft",
        ],
    );
    let file = home.path().join("extra.jsonl");
    std::fs::write(&file, &generated.stdout).expect("written");
    let file = file.to_str().expect("a path");
    let run = home.path().join("run");
    let run = run.to_str().expect("a path");
    let head = ["train", "--headless", "--run-dir", run, "--sft-extra", file];
    let trained = opensoc(home.path(), &[&head[..], &SHORT[..]].concat());
    assert!(trained.status.success(), "{}", text(&trained.stderr));
    // Twenty gold examples are a step; twenty labels, read eight times, are eight more.
    assert!(
        text(&trained.stdout).contains("sft 9, "),
        "{}",
        text(&trained.stdout)
    );
    let manifest = std::fs::read(Path::new(run).join("run.json")).expect("run.json");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert!(manifest["hashes"]["sft_extra.jsonl"].is_string());
    let kept = std::fs::read(Path::new(run).join("sft_extra.jsonl")).expect("a copy");
    assert_eq!(kept, generated.stdout);

    std::fs::write(file, "{\"messages\":[]}\n").expect("written");
    let refused = opensoc(home.path(), &["train", "--headless", "--sft-extra", file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("extra.jsonl:1: "),
        "{}",
        text(&refused.stderr)
    );
    let listed = listed(home.path());
    assert!(
        listed.iter().all(|run| run["run_dir"].is_null()),
        "no folder is left behind: {listed:?}"
    );
}

/// A headless run with these options, its output to be read.
fn started(home: &Path, options: &[&str]) -> Child {
    headless(home, options).spawn().expect("starts")
}

fn headless(home: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_opensoc"));
    command
        .args(["train", "--headless"])
        .args(options)
        .env("OPENSOC_HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The next line of something; empty at its end.
fn next_line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("text");
    line
}

/// Names of the threads of a run after its third step.
#[cfg(target_os = "linux")]
fn threads_of(mut command: Command) -> Vec<String> {
    let mut child = command.spawn().expect("starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let lines = std::iter::repeat_with(|| next_line(&mut stdout));
    let mut lines = lines.take_while(|line| !line.is_empty());
    assert!(lines.any(|line| line.starts_with("sft 3 ")), "three steps");
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).expect("threads");
    let names = tasks.filter_map(|task| {
        let name = std::fs::read_to_string(task.ok()?.path().join("comm"));
        Some(name.ok()?.trim().to_owned())
    });
    let names = names.collect();
    child.kill().expect("killed");
    child.wait().expect("ended");
    names
}

#[test]
#[cfg(target_os = "linux")]
fn candle_has_no_helpers_that_spin_beside_a_run_unless_it_is_told_to() {
    let home = tempfile::tempdir().expect("folder");
    let options = ["--set", "sft.examples=400", "--set", "eval.every_steps=0"];
    let has_helpers = |threads: Option<&str>| {
        let mut command = headless(home.path(), &options);
        command.env_remove("CANDLE_NUM_THREADS");
        command.envs(threads.map(|count| ("CANDLE_NUM_THREADS", count)));
        let names = threads_of(command);
        assert!(names.iter().any(|name| name == "opensoc"), "{names:?}");
        names.iter().any(|name| name.starts_with("candle-bp"))
    };
    assert!(!has_helpers(None));
    assert!(has_helpers(Some("2")), "candle's pool has another name now");
}

/// Bytes of memory that this machine has.
fn memory() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.map_or(u64::MAX, |kib| kib * 1_024)
}

#[test]
fn a_run_far_larger_than_the_memory_is_refused_with_what_to_set_and_leaves_no_folder() {
    // It needs more than 700 GB.
    if memory() > 500_000_000_000 {
        return;
    }
    let home = tempfile::tempdir().expect("folder");
    let settings = [
        "grpo.num_generations=256",
        "grpo.prompts_per_step=4096",
        "sft.examples=0",
        "micro_batch_tokens=10000000",
    ];
    let options: Vec<&str> = settings.iter().flat_map(|&set| ["--set", set]).collect();
    let mut child = started(home.path(), &options);
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let begun = next_line(&mut stdout);
    if !begun.is_empty() {
        // Before it fills the memory.
        child.kill().expect("killed");
    }
    let ended = child.wait_with_output().expect("ended");
    let told = text(&ended.stderr);
    assert_eq!(
        (begun.as_str(), ended.status.code()),
        ("", Some(1)),
        "{told}"
    );
    assert!(
        told.contains("this run needs about") && told.contains("try --set "),
        "{told}"
    );
    assert!(
        listed(home.path())
            .iter()
            .all(|run| run["run_dir"].is_null())
    );
}

#[test]
fn a_second_signal_ends_a_headless_run_in_the_middle_of_its_step() {
    let home = tempfile::tempdir().expect("folder");
    let run = home.path().join("run");
    let run = run.to_str().expect("a path");
    // One step of many examples: far longer than this test.
    let options = [
        "--run-dir",
        run,
        "--set",
        "sft.examples=4096",
        "--set",
        "sft.batch=4096",
        "--set",
        "sft.epochs=4",
    ];
    let mut child = started(home.path(), &options);
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a pid");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    // By then `status.json` says so too.
    let lines = std::iter::repeat_with(|| next_line(&mut stdout));
    let mut lines = lines.take_while(|line| !line.is_empty());
    assert!(lines.any(|line| line.contains(" running: ")));
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    for (signals, words) in [
        // What a wrapper passes on comes twice, and is one.
        (2, "a second signal ends the run at once"),
        (1, "opensoc train --headless --resume --run-dir"),
    ] {
        for _ in 0..signals {
            kill_process(pid, Signal::INT).expect("signalled");
            std::thread::sleep(Duration::from_millis(100));
        }
        let told = next_line(&mut stderr);
        assert!(told.contains(words), "{told}");
        std::thread::sleep(Duration::from_millis(1_200));
    }
    let status = child.wait().expect("ended");
    assert_eq!(status.code(), Some(130));
    let status = std::fs::read_to_string(Path::new(run).join("status.json")).expect("status");
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(
        (&status["state"], &status["step"]),
        (&"running".into(), &0.into())
    );
}
