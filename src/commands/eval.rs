//! `opensoc eval`: metrics with intervals on hold-out episodes, adapters compared pairwise, baselines beside.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use rayon::prelude::*;

use super::Outcome;
use super::generate::{parse_split, parse_stage};
use crate::env::generate;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::verdict;
use crate::eval::baselines::Baseline;
use crate::eval::metrics::Case;
use crate::eval::report::{Answers, Contestant, Report};
use crate::model::decoder::Decoder;
use crate::model::lora::Adapter;
use crate::model::source::LoadedModel;
use crate::train::{evaluate, task};

/// Arguments of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `nano`, or a Hugging Face folder
    #[arg(long, default_value = "nano")]
    pub model: String,
    /// A PEFT folder, or the name of a shipped adapter; may be repeated. Without any: the base model
    #[arg(long = "adapter", value_name = "A")]
    pub adapters: Vec<String>,
    /// Also evaluate the base model beside the adapters
    #[arg(long)]
    pub base: bool,
    /// Responses of another model to score alike: {"episode_id","response"} a line
    #[arg(long, value_name = "FILE")]
    pub responses: Option<PathBuf>,
    /// train or holdout
    #[arg(long, default_value = "holdout", value_parser = parse_split)]
    pub split: Split,
    /// A stage's name or number, or all
    #[arg(long, default_value = "all")]
    pub stage: String,
    /// Seed of the episodes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many episodes, evenly over the stages
    #[arg(long, default_value_t = 2_000)]
    pub episodes: u64,
    /// Seed of the run whose episodes the bag-of-tokens baseline learns from
    #[arg(long, default_value_t = 0)]
    pub bag_seed: u64,
    /// How many train episodes the bag of tokens learns from
    #[arg(long, default_value_t = 8_000)]
    pub bag_episodes: u64,
    /// Leave the baselines out
    #[arg(long)]
    pub no_baselines: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Evaluates and prints.
///
/// # Errors
/// On an unusable model, adapter or responses file.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let stages = if args.stage == "all" {
        Stage::ALL.to_vec()
    } else {
        vec![stage(&args.stage)?]
    };
    let episodes = episodes(args, &stages);
    let mut answers = Vec::new();
    if let Some(path) = &args.responses {
        answers.push(from_file(path, &episodes)?);
    }
    if args.responses.is_none() || !args.adapters.is_empty() || args.base {
        answers.extend(of_models(args, &episodes)?);
    }
    if !args.no_baselines {
        answers.extend(of_baselines(args, &stages, &episodes));
    }
    let report = Report::build(&args.model, args.split, args.seed, &answers)?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{}", report.table())?;
    }
    Ok(Outcome::Complete)
}

fn stage(name: &str) -> anyhow::Result<Stage> {
    parse_stage(name).map_err(|e| anyhow::anyhow!("--stage {name}: {e}"))
}

fn episodes(args: &Args, stages: &[Stage]) -> Vec<Episode> {
    let n = stages.len() as u64;
    let episode =
        |i: u64| generate::episode(stages[(i % n) as usize], args.split, args.seed, i / n);
    (0..args.episodes).into_par_iter().map(episode).collect()
}

fn of_models(args: &Args, episodes: &[Episode]) -> anyhow::Result<Vec<Answers>> {
    let model = LoadedModel::open(&args.model)?;
    let mut answers = Vec::new();
    if args.adapters.is_empty() || args.base {
        answers.push(of_decoder(
            Contestant::Base,
            &model,
            &model.decoder,
            episodes,
        )?);
    }
    for name in &args.adapters {
        let adapter = adapter(name, &model)?;
        let decoder = model.decoder.with_adapter(Some(adapter))?;
        answers.push(of_decoder(
            Contestant::Adapter(name.clone()),
            &model,
            &decoder,
            episodes,
        )?);
    }
    Ok(answers)
}

/// A shipped adapter's name, or a folder.
pub fn adapter(name: &str, model: &LoadedModel) -> anyhow::Result<Adapter> {
    if model.name == crate::model::nano::NAME {
        let shipped = crate::model::nano::adapters(&model.decoder.config)?;
        if let Some((_, adapter)) = shipped.into_iter().find(|(known, _)| known == name) {
            return Ok(adapter);
        }
    }
    Ok(Adapter::load(
        name.as_ref(),
        &model.decoder.config,
        &candle_core::Device::Cpu,
    )?)
}

fn of_decoder(
    who: Contestant,
    model: &LoadedModel,
    decoder: &Decoder,
    episodes: &[Episode],
) -> anyhow::Result<Answers> {
    let answers = evaluate::answer(decoder, &model.tokenizer, episodes, || true)?;
    let cases = episodes
        .iter()
        .zip(&answers)
        .map(|(episode, (_, verdict))| Case::new(episode, verdict));
    Ok(Answers::new(who, cases.collect()))
}

fn of_baselines(args: &Args, stages: &[Stage], episodes: &[Episode]) -> Vec<Answers> {
    let seed = task::derived_seed(args.bag_seed, "prompts");
    let n = stages.len() as u64;
    let train: Vec<Episode> = (0..args.bag_episodes)
        .into_par_iter()
        .map(|i| generate::episode(stages[(i % n) as usize], Split::Train, seed, i / n))
        .collect();
    let judged = |baseline: &Baseline| {
        let cases = episodes
            .iter()
            .map(|e| Case::new(e, &verdict::judge(e, &baseline.respond(e))))
            .collect();
        Answers::new(Contestant::Baseline(baseline.name()), cases)
    };
    Baseline::all(&train).iter().map(judged).collect()
}

/// Responses by episode id; an episode without one counts as malformed.
fn from_file(path: &std::path::Path, episodes: &[Episode]) -> anyhow::Result<Answers> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        episode_id: String,
        response: String,
    }
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut responses = std::collections::HashMap::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("{}:{}", path.display(), number + 1))?;
        responses.insert(line.episode_id, line.response);
    }
    let respond = |e: &Episode| responses.get(&e.episode_id).map_or("", String::as_str);
    let cases = episodes
        .iter()
        .map(|e| Case::new(e, &verdict::judge(e, respond(e))))
        .collect();
    Ok(Answers::new(
        Contestant::Responses(path.display().to_string()),
        cases,
    ))
}
