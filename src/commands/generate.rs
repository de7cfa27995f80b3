//! `opensoc generate`: episodes or SFT examples as JSON lines.

use std::io::Write;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::Outcome;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::{generate, gold, prompt};

/// Arguments of `generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stage by id or number (stage1_basic or 1 … stage4_adversarial or 4)
    #[arg(long, value_parser = parse_stage)]
    pub stage: Stage,
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How many
    #[arg(long, default_value_t = 10)]
    pub count: u64,
    #[arg(long, default_value = "train", value_parser = parse_split)]
    pub split: Split,
    #[arg(long, value_enum, default_value_t = Format::Episodes)]
    pub format: Format,
}

/// What a line of output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Episodes,
    Sft,
}

/// Reads a stage off the command line.
pub fn parse_stage(text: &str) -> Result<Stage, String> {
    Stage::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        format!("no such stage; one of {} or 1-4", names.join(", "))
    })
}

/// Reads one stage or `all` off the command line.
pub fn parse_stages(text: &str) -> Result<Stages, String> {
    if text == "all" {
        return Ok(Stages(Stage::ALL.to_vec()));
    }
    let stage = parse_stage(text).map_err(|message| format!("{message}, or all"))?;
    Ok(Stages(vec![stage]))
}

/// Some stages: a type of its own, because clap takes a `Vec` for an argument that may be repeated.
#[derive(Clone, Debug)]
pub struct Stages(pub Vec<Stage>);

/// Reads a split off the command line.
pub fn parse_split(text: &str) -> Result<Split, String> {
    Split::from_name(text).ok_or_else(|| "no such split; train or holdout".to_owned())
}

/// Prints the episodes.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let episodes = generate::episodes(args.stage, args.split, args.seed, 0);
    for episode in episodes.take(args.count as usize) {
        match args.format {
            Format::Episodes => serde_json::to_writer(&mut *out, &episode)?,
            Format::Sft => serde_json::to_writer(&mut *out, &sft_example(&episode))?,
        }
        out.write_all(b"\n")?;
    }
    Ok(Outcome::Complete)
}

/// Prompt and completion as messages, the way TRL's trainers take them.
#[must_use]
pub fn sft_example(episode: &Episode) -> Value {
    json!({
        "id": episode.episode_id,
        "stage": episode.stage,
        "prompt": [
            {"role": "system", "content": prompt::SYSTEM},
            {"role": "user", "content": prompt::user_message(&episode.alert, &episode.log_window)},
        ],
        "completion": [{"role": "assistant", "content": gold::response(episode)}],
    })
}
