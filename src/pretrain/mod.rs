//! Making nano from nothing: tokenizer, starting weights, and training on windows and notes of the train split.
//!
//! Seeded and resumable: every step's data is a function of seed and step number. Longer windows come in once probes on
//! held-out windows say that the shorter ones are read.

pub mod corpus;
mod drill;
pub mod encode;
mod folder;
pub mod init;
mod line;
mod marks;
pub mod muon;
mod names;
pub mod note;
pub mod notes;
pub mod probes;
mod trainer;
pub mod vocabulary;
pub mod words;

use std::path::PathBuf;
use std::time::Instant;

use candle_core::Device;

use self::corpus::{Document, Names};
use self::probes::Probes;
use self::trainer::Trainer;
use self::words::Words;
use crate::env::schema::Split;
use crate::model::config::{Architecture, ModelConfig};
use crate::model::error::{ModelError, Result};
use crate::model::tokenizer::Tokenizer;

/// Everything pretraining depends on.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub steps: u64,
    /// Window documents a step, and notes on each.
    pub windows: u64,
    pub notes: usize,
    /// Drill documents a step: windows full of chains.
    pub drills: u64,
    /// Echo documents a step.
    pub echoes: u64,
    pub lr: f64,
    /// Steps between probes (and checkpoints).
    pub probe_every: u64,
    /// The folder that gets model, tokenizer and checkpoints.
    pub out: PathBuf,
    /// A model that has been pretrained before, to go on with: its tokenizer stays, and its windows are long at once.
    pub from: Option<String>,
    pub device: Device,
}

/// Tokens of nano's vocabulary.
const VOCABULARY: usize = 3584;
/// How often the tokenizer's training text holds each fixed word: enough for each to be merged whole.
const FIXED: usize = 2_000;
/// Weights of the four stages' windows, phase by phase.
const PHASES: [[u64; 4]; 3] = [[2, 6, 1, 0], [1, 3, 4, 2], [1, 2, 3, 4]];
/// Nano's shape.
#[must_use]
pub fn nano_config() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen2,
        vocab_size: VOCABULARY,
        hidden_size: 128,
        intermediate_size: 256,
        layers: 8,
        heads: 4,
        kv_heads: 4,
        max_positions: 1024,
        rms_norm_eps: 1e-6,
        rope_theta: 100_000.0,
        tied: true,
    }
}

/// What a step told.
#[derive(Clone, Debug)]
pub struct Progress {
    pub step: u64,
    pub phase: usize,
    pub loss: f64,
    pub tokens_per_second: f64,
    /// Where this step ended in probing.
    pub probes: Option<Probes>,
}

/// The `index`th document a seed's pretraining reads in its last phase, for looking at.
#[must_use]
pub fn sample(tokenizer: &Tokenizer, words: &Words, seed: u64, index: u64) -> Document {
    match index % 8 {
        4 => return corpus::echo(tokenizer, seed, index),
        7 => return corpus::drill(words, (Split::Train, seed, index), 8),
        _ => {}
    }
    corpus::window(
        words,
        (Split::Train, seed, index),
        PHASES[PHASES.len() - 1],
        Names::Mixed,
        16,
    )
}

/// Trains nano's tokenizer on train windows and notes, and on the words (not the sentences) of the fixed texts.
///
/// # Errors
/// Says what the tokenizer library refused.
pub fn train_tokenizer(words: &Words, seed: u64) -> Result<Tokenizer> {
    let windows = (0..6_000).map(|index| {
        let place = (Split::Train, seed ^ 0xb9e, index);
        corpus::window(words, place, PHASES[2], Names::MadeUp, 12).text()
    });
    let single = vocabulary::fixed_words()
        .into_iter()
        .flat_map(|word| std::iter::repeat_n(word, FIXED));
    vocabulary::train(
        windows.chain(single).collect::<Vec<_>>().into_iter(),
        VOCABULARY,
    )
    .map_err(|reason| ModelError::Tokenizer {
        path: PathBuf::from("tokenizer.json"),
        reason,
    })
}

/// Pretrains, from the last checkpoint in `options.out` where there is one, and writes the model there.
///
/// # Errors
/// On unwritable folders, damaged checkpoints, or a gradient that is not finite.
pub fn run(options: &Options, mut tell: impl FnMut(&Progress)) -> Result<()> {
    std::fs::create_dir_all(&options.out).map_err(ModelError::io(&options.out))?;
    let words = Words::of_train_split();
    let mut trainer = Trainer::new(options, words)?;
    trainer.restore()?;
    while trainer.step < options.steps {
        let started = Instant::now();
        let (loss, tokens) = trainer.train_step()?;
        let tokens_per_second = tokens as f64 / started.elapsed().as_secs_f64();
        let probes = trainer.probe_if_due()?;
        let (step, phase) = (trainer.step, trainer.phase);
        tell(&Progress {
            step,
            phase,
            loss,
            tokens_per_second,
            probes,
        });
    }
    trainer.export()
}
