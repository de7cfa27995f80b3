//! The loop's inside: documents in, optimiser steps out, probes and checkpoints between them.

use std::path::PathBuf;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use super::corpus::{self, Names};
use super::encode::{self, Encoded};
use super::folder::{self, write_whole};
use super::muon::Muon;
use super::probes::{self, Probes};
use super::words::Words;
use super::{Options, PHASES, init, nano_config, train_tokenizer};
use crate::config::AdamOptions;
use crate::env::schema::Split;
use crate::model::config::ModelConfig;
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::placement::Placement;
use crate::model::source::LoadedModel;
use crate::model::tensors::{NamedTensors, TensorSource, to_safetensors};
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use crate::stream::Stream;
use crate::train::optim::{AdamW, Gradients, read_state};

/// Shares of all steps at which a phase begins even if the probes do not pass: every window length must be seen.
const LATEST: [f64; 3] = [0.0, 0.3, 0.5];
/// First and last part of the learning rate's schedule, as shares of all steps.
const WARMUP: f64 = 0.02;
const DECAY: f64 = 0.35;

/// Layers after which a line's end has to know its mark, and how much that counts beside the whole loss. Without it a
/// model of 6 layers finds what led up to a line in its last layer alone (a linear classifier on the residual stream at the
/// line's end tells the action of such lines in 0.38 of cases after layer 4 and in 0.78 after layer 5), where nothing
/// after it can read it: SFT then cannot learn these rules.
const EARLY_LAYERS: [usize; 2] = [4, 5];
const EARLY_WEIGHT: f64 = 0.25;

/// Notes on each drill: its marks are what it is for.
const DRILL_NOTES: usize = 6;

/// Model, optimisers and place in the run.
pub(super) struct Trainer<'a> {
    options: &'a Options,
    tokenizer: Tokenizer,
    words: Words,
    decoder: Decoder,
    /// Matrices inside the layers: Muon's.
    matrices: Vec<(String, Var)>,
    /// Embedding, norms, biases: AdamW's.
    others: Vec<(String, Var)>,
    muon: Muon,
    adam: AdamW,
    pub(super) step: u64,
    pub(super) phase: usize,
}

impl<'a> Trainer<'a> {
    pub(super) fn new(options: &'a Options, words: Words) -> Result<Self> {
        let Start {
            tokenizer,
            config,
            weights,
            phase,
        } = Start::of(options, &words)?;
        let (decoder, vars) = Decoder::trainable(config, &weights)?;
        let (matrices, others): (Vec<_>, Vec<_>) = vars
            .into_iter()
            .partition(|(name, var)| name.contains("_proj") && var.rank() == 2);
        let muon = Muon::new(&matrices);
        let longer = AdamOptions {
            beta2: 0.98,
            ..AdamOptions::default()
        };
        let adam = AdamW::new(&others, longer);
        Ok(Self {
            options,
            tokenizer,
            words,
            decoder,
            matrices,
            others,
            muon,
            adam,
            step: 0,
            phase,
        })
    }

    /// Warm-up, plateau, linear decay.
    fn lr(&self) -> f64 {
        let done = (self.step + 1) as f64 / self.options.steps as f64;
        self.options.lr * (done / WARMUP).min(1.0) * ((1.0 - done) / DECAY).clamp(0.01, 1.0)
    }

    /// One optimiser step: the loss, and the tokens read.
    pub(super) fn train_step(&mut self) -> Result<(f64, usize)> {
        let mut encoded = Encoded::default();
        let options = self.options;
        for i in 0..options.windows {
            let index = self.step * options.windows + i;
            let place = (Split::Train, options.seed, index);
            let document = corpus::window(
                &self.words,
                place,
                PHASES[self.phase],
                Names::Mixed,
                options.notes,
            );
            encoded.append(&self.tokenizer, &document);
        }
        for i in 0..options.drills {
            let place = (Split::Train, options.seed, self.step * options.drills + i);
            let document = corpus::drill(&self.words, place, DRILL_NOTES);
            encoded.append(&self.tokenizer, &document);
        }
        for i in 0..options.echoes {
            let document = corpus::echo(
                &self.tokenizer,
                options.seed,
                self.step * options.echoes + i,
            );
            encoded.append(&self.tokenizer, &document);
        }
        let mut stream = Stream::named(options.seed, &["pretrain", "targets"]).fork(self.step);
        let (targets, weights) = encode::weighted(&encoded.targets, &mut stream);
        let (early, early_weights): (Vec<_>, Vec<_>) = encoded.early.into_iter().unzip();
        let tokens = encoded.packed.len();
        let (last, read) = self.decoder.log_probs_and_early(
            &Arc::new(encoded.packed),
            targets,
            &early,
            &EARLY_LAYERS,
        )?;
        let loss = cross_entropy(&last, &weights)?;
        let mut total = loss.clone();
        for read in read {
            total = (total + (cross_entropy(&read, &early_weights)? * EARLY_WEIGHT)?)?;
        }
        let store = total.backward()?;
        let mut for_matrices = Gradients::collect(&self.matrices, &store)?;
        let mut for_others = Gradients::collect(&self.others, &store)?;
        for_matrices.clip(1.0);
        for_others.clip(1.0);
        let lr = self.lr();
        self.muon.step(&self.matrices, &for_matrices, lr, 0.01)?;
        self.adam.step(&self.others, &for_others, lr)?;
        self.step += 1;
        Ok((f64::from(loss.to_scalar::<f32>()?), tokens))
    }

    /// Probes and saves where that is due.
    pub(super) fn probe_if_due(&mut self) -> Result<Option<Probes>> {
        if !self.step.is_multiple_of(self.options.probe_every) && self.step != self.options.steps {
            return Ok(None);
        }
        let probes = probes::probe(
            &self.decoder,
            &self.tokenizer,
            &self.words,
            self.options.seed,
        )?;
        let done = self.step as f64 / self.options.steps as f64;
        let due = LATEST.iter().filter(|&&share| done >= share).count() - 1;
        let earned = if probes::passes(&probes) {
            self.phase + 1
        } else {
            self.phase
        };
        self.phase = earned.max(due).min(PHASES.len() - 1);
        self.save()?;
        Ok(Some(probes))
    }

    fn checkpoint(&self) -> PathBuf {
        self.options.out.join("checkpoint.safetensors")
    }

    fn save(&self) -> Result<()> {
        let place = [self.step as f32, self.phase as f32];
        let mut tensors = vec![("place".to_string(), Tensor::new(&place, &Device::Cpu)?)];
        for (name, var) in self.matrices.iter().chain(&self.others) {
            tensors.push((name.clone(), var.as_detached_tensor()));
        }
        for ((name, _), momentum) in self.matrices.iter().zip(&self.muon.momentum) {
            tensors.push((
                format!("muon.{name}"),
                Tensor::new(momentum.as_slice(), &Device::Cpu)?,
            ));
        }
        tensors.extend(self.adam.state(&self.others)?);
        write_whole(&self.checkpoint(), &to_safetensors(&tensors, DType::F32)?)?;
        self.export()
    }

    /// Goes on from the folder's checkpoint, where there is one.
    pub(super) fn restore(&mut self) -> Result<()> {
        let path = self.checkpoint();
        if !path.exists() {
            return Ok(());
        }
        let mut named = NamedTensors::new(read_state(&path)?, &path);
        let place = named.take("place", &[2])?.to_vec1::<f32>()?;
        (self.step, self.phase) = (place[0] as u64, place[1] as usize);
        for (name, var) in self.matrices.iter().chain(&self.others) {
            var.set(&named.take(name, var.dims())?.to_device(var.device())?)?;
        }
        for ((name, var), momentum) in self.matrices.iter().zip(&mut self.muon.momentum) {
            *momentum = named
                .take(&format!("muon.{name}"), &[var.elem_count()])?
                .to_vec1()?;
        }
        self.adam.restore(&self.others, &mut named)
    }

    /// Writes the model as it is.
    pub(super) fn export(&self) -> Result<()> {
        folder::export(&self.options.out, &self.decoder, &self.tokenizer)
    }
}

/// What a run begins with.
struct Start {
    tokenizer: Tokenizer,
    config: ModelConfig,
    weights: Weights,
    phase: usize,
}

impl Start {
    fn of(options: &Options, words: &Words) -> Result<Self> {
        if let Some(from) = &options.from {
            let placement = Placement {
                device: options.device.clone(),
                dtype: DType::F32,
            };
            let model = LoadedModel::open(from, &placement)?;
            return Ok(Self {
                tokenizer: model.tokenizer,
                config: model.decoder.config,
                weights: model.decoder.weights,
                // It has read short windows already.
                phase: PHASES.len() - 1,
            });
        }
        let tokenizer = load_or_train_tokenizer(options, words)?;
        let config = ModelConfig {
            vocab_size: tokenizer.vocabulary(),
            ..nano_config()
        };
        let weights = init::weights(&config, options.seed, &options.device)?;
        Ok(Self {
            tokenizer,
            config,
            weights,
            phase: 0,
        })
    }
}

fn load_or_train_tokenizer(options: &Options, words: &Words) -> Result<Tokenizer> {
    let path = options.out.join("tokenizer.json");
    if path.exists() {
        return Tokenizer::load(&path);
    }
    let tokenizer = train_tokenizer(words, options.seed)?;
    std::fs::write(&path, tokenizer.to_json()?).map_err(ModelError::io(&path))?;
    Ok(tokenizer)
}

/// Weighted mean of minus the log-probabilities, which stand in the first row of `scored`.
fn cross_entropy(scored: &Tensor, weights: &[f32]) -> Result<Tensor> {
    let total: f32 = weights.iter().sum();
    let weights = Tensor::new(weights, scored.device())?;
    Ok(((scored.get(0)? * weights)?.sum_all()? * f64::from(-1.0 / total.max(1.0)))?)
}
