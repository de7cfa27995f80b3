//! What the shipped model is and is not: prompt lengths, the state before any SFT, the adapters.

#![expect(clippy::expect_used, reason = "a test stops where it goes wrong")]

use std::path::Path;

use candle_core::Device;
use opensoc::env::generate;
use opensoc::env::schema::{Action, Episode, Split, Stage};
use opensoc::model::nano;
use opensoc::model::placement::Placement;
use opensoc::model::source::LoadedModel;
use opensoc::pretrain;
use opensoc::train::{evaluate, task};

fn holdout(count: u64) -> Vec<Episode> {
    task::holdout_episodes(77, &Stage::ALL, count)
}

#[test]
fn prompts_have_at_most_512_tokens_in_999_of_1000_episodes() {
    let model = LoadedModel::nano().expect("nano");
    let long = |stage: Stage, split: Split, count: u64| {
        let episodes = (0..count).map(|index| generate::episode(stage, split, 3, index));
        let tokens = episodes.map(|e| task::prompt_tokens(&model.tokenizer, &e).len());
        tokens.filter(|&tokens| tokens > 512).count()
    };
    for split in [Split::Train, Split::Holdout] {
        for stage in [Stage::Basic, Stage::Multi, Stage::Mixed] {
            assert_eq!(long(stage, split, 500), 0, "{stage} {split:?}");
        }
        // A quarter of all episodes: four in a thousand of them are one in a thousand of all.
        let most = long(Stage::Adversarial, split, 4_000);
        assert!(most <= 16, "{split:?}: {most} of 4,000");
    }
}

/// Shares right among `episodes`: forced to one of five actions, and in format by itself.
fn before_sft(episodes: &[Episode]) -> (f64, f64) {
    let model = LoadedModel::nano().expect("nano");
    let right = |episode: &&Episode| {
        let scores = evaluate::action_log_probs(&model.decoder, &model.tokenizer, episode);
        let scores = scores.expect("scores");
        let best = (0..5).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        best.map(|i| Action::ALL[i]) == Some(episode.truth.action)
    };
    let forced = episodes.iter().filter(right).count();
    let answers = evaluate::answer(&model.decoder, &model.tokenizer, episodes, || true);
    let in_format = answers
        .expect("answers")
        .iter()
        .filter(|(_, verdict)| verdict.format_ok)
        .count();
    let share = |n: usize| n as f64 / episodes.len() as f64;
    (share(forced), share(in_format))
}

#[test]
fn nano_knows_neither_format_nor_actions_before_sft() {
    let (forced, in_format) = before_sft(&holdout(80));
    // Chance is 0.20; 80 episodes leave a standard deviation of 0.045.
    assert!(forced <= 0.36, "{forced}");
    assert!(in_format <= 0.05, "{in_format}");
}

#[test]
#[ignore = "slow proof: two minutes"]
fn nano_knows_neither_format_nor_actions_before_sft_on_1000_episodes() {
    let (forced, in_format) = before_sft(&holdout(1_000));
    println!("forced choice {forced:.3}, in format {in_format:.3}");
    assert!(forced <= 0.30, "{forced}");
    assert!(in_format <= 0.05, "{in_format}");
}

#[test]
fn the_shipped_adapters_answer_in_format() {
    let model = LoadedModel::nano().expect("nano");
    let adapters = nano::adapters(&model.decoder.config, model.decoder.device()).expect("adapters");
    assert_eq!(adapters.len(), 5);
    for (name, adapter) in adapters {
        let decoder = model.decoder.with_adapter(Some(adapter)).expect("fits");
        let episodes = holdout(40);
        let answers = evaluate::answer(&decoder, &model.tokenizer, &episodes, || true);
        let in_format = answers
            .expect("answers")
            .iter()
            .filter(|(_, verdict)| verdict.format_ok)
            .count();
        assert!(in_format >= 34, "{name}: {in_format} of 40");
    }
}

/// Four small steps of pretraining that goes on from nano; what `out` holds after two of them is copied to `half`.
fn further(out: &Path, half: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
    let options = pretrain::Options {
        seed: 3,
        steps: 4,
        windows: 1,
        notes: 4,
        drills: 1,
        echoes: 1,
        lr: 1e-3,
        probe_every: 2,
        out: out.to_path_buf(),
        from: Some(nano::NAME.into()),
        device: Device::Cpu,
    };
    pretrain::run(&options, |progress| {
        assert_eq!(progress.phase, 2, "the windows are long at once");
        let name = "checkpoint.safetensors";
        if let (2, Some(half)) = (progress.step, half) {
            std::fs::copy(out.join(name), half.join(name)).expect("saved at the probe");
        }
    })?;
    Ok(())
}

#[test]
fn pretraining_goes_on_from_a_model_and_from_its_own_checkpoint()
-> Result<(), Box<dyn std::error::Error>> {
    let (whole, half) = (tempfile::tempdir()?, tempfile::tempdir()?);
    further(whole.path(), Some(half.path()))?;
    let open = |dir: &Path| LoadedModel::open(&dir.display().to_string(), &Placement::cpu());
    let (nano, model) = (LoadedModel::nano()?, open(whole.path())?);
    assert_eq!(model.tokenizer.to_json()?, nano.tokenizer.to_json()?);
    let logits = |model: &LoadedModel| model.decoder.logits(&[40, 41, 42, 40, 41]);
    let (before, after) = (logits(&nano)?, logits(&model)?);
    let pairs = before.iter().zip(&after);
    let moved = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 1e-3 && moved < 5.0, "{moved}");
    further(half.path(), None)?;
    assert_eq!(logits(&open(half.path())?)?, after);
    Ok(())
}
