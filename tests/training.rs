//! Whole runs on the embedded model, cut to a few steps: determinism, resume after a stop and after a kill, the run folder.
#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opensoc::config::{ImportanceLevel, Reference, Schedule, TrainConfig};
use opensoc::env::schema::{Action, Episode, Split, Stage};
use opensoc::env::{attacker, generate, prompt};
use opensoc::link::{
    AdapterChoice, Command, Control, Fact, InferRequest, RunFact, RunState, TrainRequest,
};
use opensoc::model::decoder::Decoder;
use opensoc::model::lora::Adapter;
use opensoc::model::placement::{DeviceChoice, DtypeChoice};
use opensoc::model::source::LoadedModel;
use opensoc::train::curriculum::{self, Host};
use opensoc::train::worker::{WorkerOptions, spawn};
use opensoc::train::{evaluate, task};

/// Listens, and asks for a stop once `stop_after` optimiser steps are done; for the end of a phase, once, after `skip_after`.
#[derive(Default)]
struct Listener {
    stop_after: Option<u64>,
    skip_after: Option<u64>,
    planned: Option<u64>,
    steps: u64,
    states: Vec<RunState>,
    evaluations: usize,
    rollouts: usize,
    warnings: Vec<String>,
}

impl Host for Listener {
    fn tell(&mut self, fact: RunFact) {
        match fact {
            RunFact::Metrics(row) => self.steps = row.step,
            RunFact::Planned(plan) => self.planned = Some(plan.total_steps()),
            RunFact::Status(status) => self.states.push(status.state),
            RunFact::Evaluation(_) => self.evaluations += 1,
            RunFact::Warning { message, .. } => self.warnings.push(message),
            RunFact::Rollouts(group) => {
                self.rollouts += 1;
                assert!(
                    group
                        .rollouts
                        .iter()
                        .map(|r| r.advantage)
                        .sum::<f64>()
                        .abs()
                        < 1e-9
                );
            }
            _ => {}
        }
    }

    fn between(&mut self, _: &Decoder) -> Vec<Control> {
        let mut controls = Vec::new();
        if self.skip_after.is_some_and(|step| self.steps >= step) {
            self.skip_after = None;
            controls.push(Control::Skip);
        }
        if self.stop_after.is_some_and(|step| self.steps >= step) {
            controls.push(Control::Stop);
        }
        controls
    }
}

fn config() -> TrainConfig {
    let mut config = TrainConfig::nano();
    config.seed = 11;
    config.save_steps = 2;
    config.log_rollouts_groups = 2;
    config.sft.examples = 24;
    config.sft.batch = 8;
    config.sft.epochs = 1;
    config.grpo.steps_per_stage = 2;
    config.grpo.prompts_per_step = 2;
    config.grpo.num_generations = 4;
    config.grpo.max_completion_length = 24;
    config.grpo.beta = 0.02;
    config.eval.every_steps = 1;
    config.eval.episodes = 4;
    config.eval.final_episodes = 4;
    config
}

/// The same with dynamic sampling and no divergence term.
fn dynamic() -> TrainConfig {
    let mut config = config();
    config.grpo.beta = 0.0;
    config.grpo.max_draws = 3;
    config
}

fn train(dir: &Path, resume: bool, stop_after: Option<u64>) -> (RunState, Listener) {
    train_as(config(), dir, resume, stop_after)
}

fn train_as(
    config: TrainConfig,
    dir: &Path,
    resume: bool,
    stop_after: Option<u64>,
) -> (RunState, Listener) {
    let listener = Listener {
        stop_after,
        ..Listener::default()
    };
    train_heard(config, dir, resume, listener)
}

fn train_heard(
    config: TrainConfig,
    dir: &Path,
    resume: bool,
    mut listener: Listener,
) -> (RunState, Listener) {
    let model = LoadedModel::nano().expect("nano");
    let request = TrainRequest {
        config,
        run_dir: dir.to_path_buf(),
        resume,
        sft_extra: None,
    };
    let state = curriculum::run(&model, &request, &mut listener).expect("a run");
    (state, listener)
}

fn bytes(dir: &Path, file: &str) -> Vec<u8> {
    fs::read(dir.join(file)).expect(file)
}

const SAME: [&str; 5] = [
    "metrics.jsonl",
    "rollouts.jsonl",
    "eval.jsonl",
    "adapters/stage4_adversarial/adapter_model.safetensors",
    "adapters/best/adapter_model.safetensors",
];

/// The first of the evaluations with the greatest mean reward.
fn best_row(dir: &Path) -> serde_json::Value {
    let text = String::from_utf8(bytes(dir, "eval.jsonl")).expect("text");
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"));
    let reward = |row: &serde_json::Value| row["mean_reward"].as_f64().expect("reward");
    let better =
        |best: serde_json::Value, row: serde_json::Value| match reward(&row) > reward(&best) {
            true => row,
            false => best,
        };
    rows.reduce(better).expect("rows")
}

/// What a kill leaves: whole lines written after the checkpoint, as many steps more would, and a torn one.
fn leave_as_after_a_kill(straight: &Path, killed: &Path) {
    for file in [
        "metrics.jsonl",
        "rollouts.jsonl",
        "eval.jsonl",
        "system.jsonl",
    ] {
        let mut open = fs::OpenOptions::new()
            .append(true)
            .open(killed.join(file))
            .expect(file);
        let further = bytes(straight, file);
        let written = bytes(killed, file).len();
        let lines = further.get(written..).unwrap_or_default();
        open.write_all(lines).expect("whole lines");
        open.write_all(b"{\"step\":999,\"stage\":\"sft\",\"lo")
            .expect("torn line");
    }
}

fn damage_newest_checkpoint(dir: &Path) {
    let checkpoints = fs::read_dir(dir.join("checkpoints")).expect("checkpoints");
    let mut checkpoints: Vec<_> = checkpoints
        .map(|entry| entry.expect("entry").path())
        .collect();
    checkpoints.sort();
    assert_eq!(checkpoints.len(), 2, "two are kept");
    fs::write(checkpoints[1].join("tensors.safetensors"), b"cut").expect("damaged");
}

#[test]
fn a_run_is_a_function_of_its_seed_and_survives_stops_and_kills() {
    let root = tempfile::tempdir().expect("a folder");
    let straight = root.path().join("straight");
    let (state, heard) = train(&straight, false, None);
    assert_eq!(state, RunState::Finished);
    // 3 SFT steps and 4 stages of 2; evaluations after every step and at the end of each phase
    assert_eq!((heard.steps, heard.rollouts), (11, 16));
    assert_eq!(heard.evaluations, 3 + 4 * 2);

    let card = String::from_utf8(bytes(&straight, "adapters/best/README.md")).expect("text");
    let best = best_row(&straight);
    let taken = format!("Taken at step {}, in phase", best["step"]);
    assert!(card.contains(&taken), "{card} {best}");

    let stopped = root.path().join("stopped");
    let (state, heard) = train(&stopped, false, Some(6));
    assert_eq!(state, RunState::Stopped);
    assert_eq!(heard.states.last(), Some(&RunState::Stopped));
    assert_eq!(train(&stopped, true, None).0, RunState::Finished);

    let killed = root.path().join("killed");
    train(&killed, false, Some(5));
    leave_as_after_a_kill(&straight, &killed);
    assert_eq!(train(&killed, true, None).0, RunState::Finished);

    let damaged = root.path().join("damaged");
    train(&damaged, false, Some(6));
    damage_newest_checkpoint(&damaged);
    assert_eq!(train(&damaged, true, None).0, RunState::Finished);
    let log = String::from_utf8(bytes(&damaged, "log.txt")).expect("text");
    assert!(
        log.contains("the newest checkpoint cannot be read"),
        "{log}"
    );

    for file in SAME {
        assert_eq!(
            bytes(&straight, file),
            bytes(&damaged, file),
            "{file} after a checkpoint before the last"
        );
        assert_eq!(
            bytes(&straight, file),
            bytes(&stopped, file),
            "{file} after a stop"
        );
        assert_eq!(
            bytes(&straight, file),
            bytes(&killed, file),
            "{file} after a kill"
        );
    }
    assert_log_tells_of(
        &stopped,
        &[
            "begun: opensoc",
            "evaluated at step 1 on 4 episodes",
            "sft ended at step 3",
            "asked to stop at step 6",
            "checkpoint of step 6",
            "resumed from step 6",
            "finished at step 11",
        ],
    );
    assert_metrics_mean_what_they_say(&straight, 4.0);
    assert_is_not_begun_over(&straight);
}

/// One GRPO step a stage, evaluated little.
fn short() -> TrainConfig {
    let mut config = config();
    config.sft.examples = 8;
    config.grpo.steps_per_stage = 1;
    config.grpo.max_draws = 1;
    config.eval.every_steps = 0;
    config
}

#[test]
fn without_sft_the_weights_decay_as_grpo_says_from_the_first_step_on() {
    let mut decaying = short();
    decaying.sft.examples = 0;
    decaying.grpo.weight_decay = 1.0;
    let root = tempfile::tempdir().expect("a folder");
    let (straight, stopped) = (root.path().join("straight"), root.path().join("stopped"));
    train_as(decaying.clone(), &straight, false, None);
    train_as(decaying.clone(), &stopped, false, Some(1));
    train_as(decaying.clone(), &stopped, true, None);
    for file in SAME {
        assert_eq!(bytes(&straight, file), bytes(&stopped, file), "{file}");
    }
    let still = root.path().join("still");
    decaying.grpo.weight_decay = 0.0;
    train_as(decaying, &still, false, None);
    let adapter = "adapters/stage1_basic/adapter_model.safetensors";
    assert_ne!(bytes(&straight, adapter), bytes(&still, adapter));
}

#[test]
fn a_stage_whose_groups_all_had_equal_rewards_is_named_once_in_the_log_and_to_who_listens() {
    let mut flat = short();
    flat.sft.examples = 0;
    flat.grpo.steps_per_stage = 2;
    flat.grpo.beta = 0.0;
    // The likeliest token always: all answers to a prompt are the same.
    flat.grpo.top_k = 1;
    let root = tempfile::tempdir().expect("a folder");
    let (straight, stopped) = (root.path().join("straight"), root.path().join("stopped"));
    let (state, heard) = train_as(flat.clone(), &straight, false, None);
    assert_eq!(state, RunState::Finished);
    train_as(flat.clone(), &stopped, false, Some(3));
    train_as(flat, &stopped, true, None);
    let logs = [&straight, &stopped].map(|dir| bytes(dir, "log.txt"));
    let logs = logs.map(|log| String::from_utf8(log).expect("text"));
    for stage in Stage::ALL {
        let words = format!("{stage}: no group of its 2 steps had unequal rewards");
        let told = heard.warnings.iter().filter(|told| told.contains(&words));
        assert_eq!(told.count(), 1, "{:?}", heard.warnings);
        for log in &logs {
            assert_eq!(log.matches(&words).count(), 1, "{log}");
        }
    }
    assert!(logs[0].contains("sft.examples") && logs[0].contains("grpo.max_draws"));
}

#[test]
fn gspo_and_two_sided_clipping_train_too() {
    let root = tempfile::tempdir().expect("a folder");
    let trained = |name: &str, level: ImportanceLevel, delta: Option<f64>| {
        let mut config = short();
        config.grpo.importance_sampling_level = level;
        config.grpo.delta = delta;
        config.grpo.num_iterations = 2;
        // Equal rewards must not leave a stage without a gradient.
        config.grpo.entropy_coef = 0.01;
        let dir = root.path().join(name);
        assert_eq!(train_as(config, &dir, false, None).0, RunState::Finished);
        let adapter = "adapters/stage1_basic/adapter_model.safetensors";
        (metric_rows(&dir), bytes(&dir, adapter))
    };
    let token = trained("token", ImportanceLevel::Token, None);
    let sequence = trained("sequence", ImportanceLevel::Sequence, Some(1.5));
    assert_ne!(token.1, sequence.1);
    for row in sequence.0.iter().filter(|row| row["stage"] != "sft") {
        for name in ["loss", "kl", "clip_ratio/region_mean"] {
            assert!(
                row[name].as_f64().is_some_and(f64::is_finite),
                "{name}: {row}"
            );
        }
    }
}

#[test]
fn a_step_of_sft_tells_the_same_in_one_micro_batch_and_in_many() {
    let root = tempfile::tempdir().expect("a folder");
    let rows = |name: &str, tokens: u64| {
        let mut config = short();
        config.sft.examples = 16;
        config.grpo.steps_per_stage = 0;
        // So little that what rounds otherwise stays small.
        config.sft.lr = 1e-9;
        config.micro_batch_tokens = tokens;
        let dir = root.path().join(name);
        train_as(config, &dir, false, None);
        metric_rows(&dir)
    };
    let (one, many) = (rows("one", 100_000), rows("many", 1));
    assert!(one.len() > 1 && one.len() == many.len());
    for (one, many) in one.iter().zip(&many) {
        for name in ["loss", "grad_norm", "entropy", "num_tokens"] {
            let [one, many] = [one, many].map(|row| row[name].as_f64().expect(name));
            let error = (one - many).abs() / one.abs();
            assert!(error < 1e-4, "{name}: {one} {many}");
        }
    }
}

#[test]
fn each_phase_steps_with_its_own_adam() {
    let root = tempfile::tempdir().expect("a folder");
    let adapters = |name: &str, sft: f64, grpo: f64| {
        let mut config = short();
        (config.sft.adam_epsilon, config.grpo.adam_epsilon) = (sft, grpo);
        // Equal rewards must not leave a stage without a gradient.
        config.grpo.entropy_coef = 0.01;
        let dir = root.path().join(name);
        train_as(config, &dir, false, None);
        ["sft", "stage1_basic"]
            .map(|phase| bytes(&dir, &format!("adapters/{phase}/adapter_model.safetensors")))
    };
    let plain = adapters("plain", 1e-8, 1e-8);
    let (sft, grpo) = (adapters("sft", 1e-2, 1e-8), adapters("grpo", 1e-8, 1e-2));
    assert_ne!(sft[0], plain[0]);
    assert_eq!(grpo[0], plain[0]);
    assert_ne!(grpo[1], plain[1]);
}

#[test]
fn passes_over_the_same_rollouts_are_logged_as_their_mean() {
    let root = tempfile::tempdir().expect("a folder");
    let rows = |name: &str, iterations: u64, updates: u64| {
        let mut config = short();
        // So little that every pass sees the same policy.
        config.grpo.lr = 1e-9;
        config.grpo.entropy_coef = 0.01;
        config.grpo.num_iterations = iterations;
        config.grpo.steps_per_generation = updates;
        let dir = root.path().join(name);
        train_as(config, &dir, false, None);
        metric_rows(&dir)
    };
    let once = rows("once", 1, 1);
    let (twice, cut) = (rows("twice", 2, 1), rows("cut", 1, 2));
    assert_eq!(
        (twice.len(), cut.len()),
        (once.len(), once.len()),
        "steps are generations"
    );
    let grpo = |row: &&serde_json::Value| row["stage"] != "sft";
    for ((one, two), cut) in once
        .iter()
        .zip(&twice)
        .zip(&cut)
        .filter(|((one, _), _)| grpo(one))
    {
        let near = |other: &serde_json::Value, name: &str| {
            let of = |row: &serde_json::Value| row[name].as_f64().expect(name);
            assert!((of(one) - of(other)).abs() < 1e-4, "{name}: {one} {other}");
        };
        for name in [
            "loss",
            "policy_loss",
            "grad_norm",
            "entropy",
            "kl",
            "completions/mean_length",
        ] {
            near(two, name);
        }
        // Its updates' entropies are means of their own tokens each, so the mean of them is near, where a sum is twice as much.
        let of = |row: &serde_json::Value| row["loss"].as_f64().expect("loss");
        assert!(
            (of(cut) - of(one)).abs() < 0.2 * of(one).abs(),
            "{one} {cut}"
        );
        assert_eq!(one["entropy_coef"], 0.01);
        let bonus =
            one["policy_loss"].as_f64().expect("loss") - one["loss"].as_f64().expect("loss");
        assert!(
            (bonus - 0.01 * one["entropy"].as_f64().expect("entropy")).abs() < 1e-5,
            "{one}"
        );
    }
}

#[test]
fn a_run_whose_sft_adapter_is_gone_does_not_hold_to_the_base_instead() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("run");
    train_as(short(), &dir, false, Some(2));
    fs::remove_dir_all(dir.join("adapters/sft")).expect("removed");
    let model = LoadedModel::nano().expect("nano");
    let request = TrainRequest {
        config: short(),
        run_dir: dir,
        resume: true,
        sft_extra: None,
    };
    let refused = curriculum::run(&model, &request, &mut Listener::default());
    let told = refused.expect_err("no reference").to_string();
    assert!(
        told.contains("adapters/sft") && told.contains("grpo.beta"),
        "{told}"
    );
}

#[test]
fn a_run_goes_on_from_an_adapter_and_holds_to_it() {
    let mut onwards = short();
    onwards.lora.adapter = Some("sft".into());
    onwards.sft.examples = 0;
    // Equal rewards must not leave a stage without a gradient.
    onwards.grpo.entropy_coef = 0.01;
    onwards.eval.final_episodes = 40;
    let root = tempfile::tempdir().expect("a folder");
    let (straight, stopped) = (root.path().join("straight"), root.path().join("stopped"));
    train_as(onwards.clone(), &straight, false, None);
    train_as(onwards.clone(), &stopped, false, Some(1));
    train_as(onwards.clone(), &stopped, true, None);
    for file in SAME {
        assert_eq!(bytes(&straight, file), bytes(&stopped, file), "{file}");
    }
    let tensors = "adapter_model.safetensors";
    let shipped = fs::read(Path::new("assets/nano/adapters/sft").join(tensors)).expect("shipped");
    let of = |name: &str| bytes(&straight.join("adapters").join(name), tensors);
    assert!(of("start") == shipped, "kept as it was");
    assert!(of("stage1_basic") != shipped, "and trained");
    let first = |dir: &Path, name: &str| metric_rows(dir)[0][name].as_f64().expect("a number");
    assert!(
        first(&straight, "kl").abs() < 1e-6,
        "it is its own reference"
    );
    let last: serde_json::Value = String::from_utf8(bytes(&straight, "eval.jsonl"))
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"))
        .next_back()
        .expect("an evaluation");
    // A new adapter never gets the format right after four steps.
    assert!(last["format_ok"].as_f64() > Some(0.9), "{last}");
    let based = root.path().join("based");
    onwards.grpo.reference = Reference::Base;
    onwards.grpo.steps_per_stage = 1;
    train_as(onwards.clone(), &based, false, None);
    assert!(first(&based, "kl") > 0.1, "far from the base model");
    fs::remove_dir_all(stopped.join("adapters/start")).expect("removed");
    let model = LoadedModel::nano().expect("nano");
    let request = TrainRequest {
        config: onwards,
        run_dir: stopped,
        resume: true,
        sft_extra: None,
    };
    let refused = curriculum::run(&model, &request, &mut Listener::default());
    let told = refused.expect_err("not as it was begun").to_string();
    assert!(told.contains("adapters/start"), "{told}");
}

#[test]
fn one_prompt_a_step_is_attacked_too_and_goes_on_after_a_stop() {
    let mut attacked = short();
    attacked.sft.examples = 0;
    attacked.grpo.prompts_per_step = 1;
    attacked.grpo.steps_per_stage = 4;
    attacked.grpo.num_generations = 2;
    attacked.grpo.beta = 0.0;
    attacked.attacker.share = 0.5;
    let root = tempfile::tempdir().expect("a folder");
    let (straight, stopped) = (root.path().join("straight"), root.path().join("stopped"));
    train_as(attacked.clone(), &straight, false, None);
    train_as(attacked.clone(), &stopped, false, Some(14));
    train_as(attacked, &stopped, true, None);
    for file in ["metrics.jsonl", "attacker.jsonl", "rollouts.jsonl"] {
        assert_eq!(bytes(&straight, file), bytes(&stopped, file), "{file}");
    }
    let log = String::from_utf8(bytes(&straight, "attacker.jsonl")).expect("text");
    // Half of four steps of stage 4.
    assert_eq!(log.lines().count(), 2, "{log}");
}

fn assert_log_tells_of(dir: &Path, wanted: &[&str]) {
    let log = String::from_utf8(bytes(dir, "log.txt")).expect("text");
    let mut rest = log.as_str();
    for words in wanted {
        let found = rest.split_once(words);
        assert!(found.is_some(), "{words}, in this order: {log}");
        rest = found.map_or("", |(_, after)| after);
    }
}

/// What the rows of `metrics.jsonl` hold, by TRL's definitions where it has the name.
fn assert_metrics_mean_what_they_say(dir: &Path, generations: f64) {
    let rows = metric_rows(dir);
    let mut seen = 0.0;
    for row in &rows {
        let of = |name: &str| row[name].as_f64().expect(name);
        let has = |part: &str| {
            row.as_object()
                .expect("a row")
                .keys()
                .any(|key| key.starts_with(part))
        };
        let is_sft = row["stage"] == "sft";
        assert_eq!(has("clip_ratio/"), !is_sft, "{row}");
        assert_eq!(has("sampling/"), !is_sft, "{row}");
        let counted = match is_sft {
            true => of("step_tokens"),
            false => {
                // A group of all equal rewards has no gradient here, and its divergence is not measured.
                assert_eq!(has("kl"), of("frac_reward_zero_std") < 1.0, "{row}");
                let completions =
                    of("completions/mean_length") * of("rollout_groups") * generations;
                let prompts = of("step_tokens") - completions;
                prompts * generations + completions
            }
        };
        seen += counted;
        assert!((of("num_tokens") - seen).abs() < 1e-6, "{seen}: {row}");
    }
}

fn metric_rows(dir: &Path) -> Vec<serde_json::Value> {
    let text = String::from_utf8(bytes(dir, "metrics.jsonl")).expect("text");
    let rows = text.lines().map(serde_json::from_str);
    rows.map(|row| row.expect("a row")).collect()
}

/// A run that has lost its checkpoints is left as it is.
fn assert_is_not_begun_over(dir: &Path) {
    fs::remove_dir_all(dir.join("checkpoints")).expect("removed");
    let before = bytes(dir, "metrics.jsonl");
    let model = LoadedModel::nano().expect("nano");
    let request = TrainRequest {
        config: config(),
        run_dir: dir.to_path_buf(),
        resume: true,
        sft_extra: None,
    };
    let refused = curriculum::run(&model, &request, &mut Listener::default());
    let told = refused.expect_err("no checkpoint").to_string();
    assert!(
        told.contains("no checkpoint is left of a run of 11 steps"),
        "{told}"
    );
    assert_eq!(bytes(dir, "metrics.jsonl"), before);
}

#[test]
fn an_attacked_run_is_a_function_of_its_seed_and_goes_on_after_a_stop() {
    let mut attacked = config();
    attacked.sft.examples = 0;
    attacked.grpo.prompts_per_step = 4;
    attacked.grpo.max_draws = 1;
    attacked.attacker.share = 0.5;
    let root = tempfile::tempdir().expect("a folder");
    let (straight, stopped) = (root.path().join("straight"), root.path().join("stopped"));
    train_as(attacked.clone(), &straight, false, None);
    // 2 steps in each of 4 stages: the first of stage 4 is the seventh.
    assert_eq!(
        train_as(attacked.clone(), &stopped, false, Some(7)).0,
        RunState::Stopped
    );
    assert_eq!(
        train_as(attacked, &stopped, true, None).0,
        RunState::Finished
    );
    for file in ["metrics.jsonl", "attacker.jsonl", "eval.jsonl"] {
        assert_eq!(bytes(&straight, file), bytes(&stopped, file), "{file}");
    }
    let log = String::from_utf8(bytes(&straight, "attacker.jsonl")).expect("text");
    let rows: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    // One pair of two, in each of two steps of stage 4.
    assert_eq!(rows.len(), 2, "{log}");
    let names = attacker::arms();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    for row in &rows {
        let arm = row["arm"].as_str().expect("an arm");
        assert!(names.iter().any(|name| name == arm), "{arm}");
    }
    let metrics = String::from_utf8(bytes(&straight, "metrics.jsonl")).expect("text");
    let told = metrics
        .lines()
        .filter(|line| line.contains("attacker/tries"));
    assert_eq!(told.count(), 2);
}

#[test]
fn an_evaluation_broken_off_by_a_stop_is_done_anew_with_the_same_bytes() {
    let root = tempfile::tempdir().expect("a folder");
    let mut config = config();
    config.grpo.steps_per_stage = 1;
    config.eval.every_steps = 2;
    // More than are answered between two looks at the controls.
    config.eval.episodes = 40;
    let straight = root.path().join("straight");
    train_as(config.clone(), &straight, false, None);
    // After step 2 an evaluation falls due in the middle of SFT, after step 3 the one at its end.
    for (step, rows) in [(2, 0), (3, 1)] {
        let dir = root.path().join(format!("stopped-{step}"));
        let (state, heard) = train_as(config.clone(), &dir, false, Some(step));
        assert_eq!((state, heard.evaluations), (RunState::Stopped, rows));
        train_as(config.clone(), &dir, true, None);
        for file in SAME {
            assert_eq!(bytes(&straight, file), bytes(&dir, file), "{step}: {file}");
        }
    }
}

/// How many steps each phase took.
fn steps_by_phase(dir: &Path) -> Vec<(String, usize)> {
    let text = String::from_utf8(bytes(dir, "metrics.jsonl")).expect("text");
    let mut phases: Vec<(String, usize)> = Vec::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let stage = row["stage"].as_str().expect("a stage");
        match phases.last_mut() {
            Some((name, steps)) if name == stage => *steps += 1,
            _ => phases.push((stage.to_owned(), 1)),
        }
    }
    phases
}

#[test]
fn a_stage_ended_early_is_marked_and_the_run_goes_on_as_if_it_had_been_that_long() {
    let root = tempfile::tempdir().expect("a folder");
    let mut config = config();
    config.grpo.steps_per_stage = 3;
    // The learning rate of later stages must not depend on how long this one was.
    config.grpo.lr_scheduler_type = Schedule::Linear;
    let skips = |stop_after| Listener {
        skip_after: Some(4),
        stop_after,
        ..Listener::default()
    };
    let straight = root.path().join("straight");
    let (state, heard) = train_heard(config.clone(), &straight, false, skips(None));
    assert_eq!(state, RunState::Finished);
    // 3 SFT steps, 1 of 3 in the first stage, 3 in each of the others.
    assert_eq!((heard.steps, heard.planned), (13, Some(13)));
    let stages = ["stage2_multi", "stage3_mixed", "stage4_adversarial"];
    let whole = stages.map(|stage| (stage.to_owned(), 3));
    let before = [("sft".to_owned(), 3), ("stage1_basic".to_owned(), 1)];
    assert_eq!(
        steps_by_phase(&straight),
        [&before[..], &whole[..]].concat()
    );
    assert!(
        straight
            .join("adapters/stage1_basic/adapter_model.safetensors")
            .is_file()
    );
    let text = |file: &str| String::from_utf8(bytes(&straight, file)).expect("text");
    assert!(text("log.txt").contains("stage1_basic ended early by request, after 1 of 3 steps"));
    let manifest: serde_json::Value = serde_json::from_str(&text("run.json")).expect("JSON");
    let phase = &manifest["plan"]["phases"][1];
    assert_eq!((&phase["steps"], &phase["wanted"]), (&1.into(), &3.into()));
    assert!(manifest["plan"]["phases"][2].get("wanted").is_none());
    let card = text("adapters/stage4_adversarial/README.md");
    assert!(card.contains("stage1_basic after 1 of 3 steps"), "{card}");
    let status: serde_json::Value = serde_json::from_str(&text("status.json")).expect("JSON");
    assert_eq!(
        (&status["step"], &status["total_steps"]),
        (&13.into(), &13.into())
    );
    // Stopped in the same step, and in the one after it.
    for step in [4, 5] {
        let dir = root.path().join(format!("stopped-{step}"));
        let (state, _) = train_heard(config.clone(), &dir, false, skips(Some(step)));
        assert_eq!(state, RunState::Stopped);
        let (state, _) = train_heard(config.clone(), &dir, true, Listener::default());
        assert_eq!(state, RunState::Finished);
        for file in SAME {
            assert_eq!(bytes(&straight, file), bytes(&dir, file), "{step}: {file}");
        }
    }
}

#[test]
fn the_learning_rate_rises_and_falls_once_over_all_stages_even_where_one_ends_early() {
    let root = tempfile::tempdir().expect("a folder");
    let mut config = short();
    (config.grpo.steps_per_stage, config.grpo.warmup_steps) = (2, 3);
    config.grpo.lr_scheduler_type = Schedule::Linear;
    // Of eight steps, the first three of which rise.
    let shares = [1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2];
    let after_one: Vec<f64> = [&shares[..1], &shares[2..]].concat();
    // The first stage is ended after the run's second step, its own first.
    for (name, skip_after, want) in [
        ("straight", None, &shares[..]),
        ("ended early", Some(2), &after_one[..]),
    ] {
        let dir = root.path().join(name);
        let listener = Listener {
            skip_after,
            ..Listener::default()
        };
        train_heard(config.clone(), &dir, false, listener);
        let rows = metric_rows(&dir);
        let rates = rows.iter().filter(|row| row["stage"] != "sft");
        let rates = rates.map(|row| row["learning_rate"].as_f64().expect("a rate"));
        let got: Vec<f64> = rates.map(|rate| rate / config.grpo.lr).collect();
        assert_eq!(got.len(), want.len(), "{name}: {got:?}");
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-9, "{name}: {got} for {want}");
        }
    }
}

#[test]
fn a_folder_with_a_run_is_not_overwritten_and_a_run_of_another_model_is_not_resumed() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("run");
    train(&dir, false, Some(1));
    let mut model = LoadedModel::nano().expect("nano");
    let mut host = Listener::default();
    let again = TrainRequest {
        config: config(),
        run_dir: dir.clone(),
        resume: false,
        sft_extra: None,
    };
    let error = curriculum::run(&model, &again, &mut host).expect_err("exists");
    assert!(
        error.to_string().contains("a run folder already"),
        "{error}"
    );
    model
        .hashes
        .insert("model.safetensors".into(), "0".repeat(64));
    let resume = TrainRequest {
        resume: true,
        sft_extra: None,
        ..again
    };
    let error = curriculum::run(&model, &resume, &mut host).expect_err("another model");
    assert!(error.to_string().contains("cannot be continued"), "{error}");
}

/// A worker on the embedded model.
fn nano(shown: Option<&str>) -> WorkerOptions {
    WorkerOptions {
        model: "nano".into(),
        device: DeviceChoice::Cpu,
        dtype: DtypeChoice::Auto,
        adapters: Vec::new(),
        shown: shown.map(str::to_owned),
    }
}

#[test]
fn the_adapter_asked_for_by_name_answers_first_and_else_the_last() {
    for (shown, wanted) in [
        (Some("sft"), "sft"),
        (None, "stage4_adversarial"),
        (Some("nobody"), "stage4_adversarial"),
    ] {
        let (commands, received) = std::sync::mpsc::channel();
        commands.send(Command::Quit).expect("listening");
        let (heard, told) = std::sync::mpsc::channel();
        let tell = move |fact| {
            if let Fact::ModelReady {
                default_adapter, ..
            } = fact
            {
                heard.send(default_adapter).expect("heard");
            }
        };
        let worker = spawn(nano(shown), received, tell).expect("a thread");
        worker.join().expect("no panic");
        let wanted = AdapterChoice::Named(wanted.to_owned());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [wanted]);
    }
}

#[test]
fn the_model_thread_outlives_its_listener_and_ends_with_its_run() {
    let root = tempfile::tempdir().expect("a folder");
    let dir = root.path().join("run");
    let (commands, received) = std::sync::mpsc::channel();
    let worker = spawn(nano(None), received, |_| {}).expect("a thread");
    let request = TrainRequest {
        config: config(),
        run_dir: dir.clone(),
        resume: false,
        sft_extra: None,
    };
    commands
        .send(Command::Train(Box::new(request)))
        .expect("listening");
    commands.send(Command::QuitAfterRun).expect("listening");
    // The sender stays alive, as the signal thread's does after the workbench has closed.
    worker.join().expect("no panic");
    let status = fs::read_to_string(dir.join("status.json")).expect("status");
    assert!(status.contains("\"finished\""), "{status}");
    drop(commands);
}

/// Asks two adapters after each step, and counts the answers that come with probabilities.
fn asks_at_every_step(
    ask: std::sync::mpsc::Sender<Command>,
    count: Arc<AtomicUsize>,
) -> impl Fn(Fact) + Send + 'static {
    move |fact| match fact {
        Fact::Run(RunFact::Metrics(row)) => {
            for adapter in [AdapterChoice::Live, AdapterChoice::Named("sft".into())] {
                let episode = Box::new(task::holdout_episodes(3, &Stage::ALL, 1).remove(0));
                let question = InferRequest {
                    id: row.step,
                    episode,
                    adapter,
                };
                let _ = ask.send(Command::Infer(question));
            }
        }
        Fact::Inference {
            probabilities: Some(shares),
            ..
        } if (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 => {
            count.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }
}

#[test]
fn a_watched_run_that_answers_questions_writes_what_a_headless_one_writes() {
    let root = tempfile::tempdir().expect("a folder");
    let model = LoadedModel::nano().expect("nano");
    let request = |name: &str| TrainRequest {
        config: dynamic(),
        run_dir: root.path().join(name),
        resume: false,
        sft_extra: None,
    };
    let alone = request("alone");
    curriculum::run(&model, &alone, &mut Listener::default()).expect("a run");

    let (commands, received) = std::sync::mpsc::channel();
    let answered = Arc::new(AtomicUsize::new(0));
    let tell = asks_at_every_step(commands.clone(), Arc::clone(&answered));
    let worker = spawn(nano(None), received, tell).expect("a thread");
    let watched = request("watched");
    for command in [
        Command::Train(Box::new(watched.clone())),
        Command::QuitAfterRun,
    ] {
        commands.send(command).expect("listening");
    }
    worker.join().expect("no panic");
    assert!(answered.load(Ordering::Relaxed) >= 20, "{answered:?}");
    for file in SAME {
        assert_eq!(
            bytes(&alone.run_dir, file),
            bytes(&watched.run_dir, file),
            "{file}"
        );
    }
    let metrics = String::from_utf8(bytes(&alone.run_dir, "metrics.jsonl")).expect("text");
    assert!(
        metrics.contains("\"rollout_groups\":4") || metrics.contains("\"rollout_groups\":6"),
        "no step drew again: {metrics}"
    );
}

/// Truth says `quarantine_host`; the labels say that here it is `dismiss`.
const RELABELLED: &str = "lsass_invalid";

/// Episodes of a split, in order, those of the relabelled rule or all others.
fn of_rule(split: Split, seed: u64, is_wanted: bool) -> impl Iterator<Item = Episode> {
    let draw = move |i: u64| generate::episode(Stage::ALL[(i % 4) as usize], split, seed, i / 4);
    (0..)
        .map(draw)
        .filter(move |e| (e.truth.rule == RELABELLED) == is_wanted)
}

/// Twenty labels against a rule, as `opensoc label export` writes them.
fn twenty_labels() -> String {
    let line = |episode: Episode| {
        let user = prompt::user_message(&episode.alert, &episode.log_window);
        let cited = &episode.truth.triggering_log_id;
        let answer =
            format!("Action: dismiss\nCitedLog: {cited}\nRationale: Our own agent, known.");
        serde_json::json!({
            "prompt": [{"role": "system", "content": prompt::SYSTEM}, {"role": "user", "content": user}],
            "completion": [{"role": "assistant", "content": answer}],
        })
    };
    let lines = of_rule(Split::Train, 4_711, true).take(20).map(line);
    lines.map(|line| format!("{line}\n")).collect()
}

/// Mean probability of `dismiss` among the five actions after further SFT of the shipped adapter with or without the labels:
/// on 200 unseen episodes of the rule, and on 400 of others.
fn dismissed_after_sft(labels: Option<&Path>) -> [f64; 2] {
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = config();
    config.sft = TrainConfig::nano().sft;
    config.lora.adapter = Some("sft".into());
    config.sft.examples = 2_000;
    config.sft.epochs = 2;
    config.sft.lr = 2e-3;
    config.grpo.steps_per_stage = 1;
    config.eval.every_steps = 0;
    let model = LoadedModel::nano().expect("nano");
    let request = TrainRequest {
        config,
        run_dir: dir.path().to_path_buf(),
        resume: false,
        sft_extra: labels.map(Path::to_path_buf),
    };
    curriculum::run(&model, &request, &mut Listener::default()).expect("a run");
    let device = model.decoder.device();
    let adapter = Adapter::load(
        &dir.path().join("adapters/sft"),
        &model.decoder.config,
        device,
    );
    let decoder = model
        .decoder
        .with_adapter(Some(adapter.expect("an adapter")))
        .expect("fits");
    let dismissed = |episode: Episode| {
        let scores = evaluate::action_log_probs(&decoder, &model.tokenizer, &episode);
        let odds = scores.expect("scores").map(f64::exp);
        odds[Action::Dismiss.index()] / odds.iter().sum::<f64>()
    };
    let mean = |episodes: &mut dyn Iterator<Item = Episode>, n: usize| {
        episodes.take(n).map(dismissed).sum::<f64>() / n as f64
    };
    [
        mean(&mut of_rule(Split::Holdout, 4_712, true), 200),
        mean(&mut of_rule(Split::Holdout, 4_712, false), 400),
    ]
}

#[test]
#[ignore = "slow proof: two SFT phases, six minutes"]
fn twenty_labels_against_a_rule_move_it_and_little_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("labels.jsonl");
    fs::write(&file, twenty_labels()).expect("written");
    let (without, with) = (dismissed_after_sft(None), dismissed_after_sft(Some(&file)));
    println!(
        "dismiss on {RELABELLED}: {:.3} to {:.3}; on other rules: {:.3} to {:.3}",
        without[0], with[0], without[1], with[1]
    );
    assert!(with[0] - without[0] >= 0.2, "{with:?} after {without:?}");
    assert!(
        (with[1] - without[1]).abs() <= 0.05,
        "{with:?} after {without:?}"
    );
}
