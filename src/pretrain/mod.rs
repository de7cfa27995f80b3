//! Making nano from nothing: tokenizer, starting weights, and training on windows and notes of the train split.
//!
//! Seeded and resumable: every step's data is a function of seed and step number. Longer windows come in once probes on
//! held-out windows say that the shorter ones are read.

pub mod corpus;
pub mod encode;
pub mod init;
mod line;
mod marks;
pub mod muon;
mod names;
pub mod notes;
pub mod probes;
pub mod vocabulary;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor, Var};

use self::corpus::{Document, Names, Words};
use self::encode::Encoded;
use self::muon::Muon;
use self::probes::Probes;
use crate::env::schema::Split;
use crate::model::config::{Architecture, ModelConfig};
use crate::model::decoder::Decoder;
use crate::model::error::{ModelError, Result};
use crate::model::tensors::{NamedTensors, TensorSource, to_safetensors};
use crate::model::tokenizer::Tokenizer;
use crate::model::weights::Weights;
use crate::stream::Stream;
use crate::train::config::AdamOptions;
use crate::train::optim::{AdamW, Gradients, read_state};

/// Everything pretraining depends on.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub steps: u64,
    /// Window documents a step, and notes on each.
    pub windows: u64,
    pub notes: usize,
    /// Echo documents a step.
    pub echoes: u64,
    pub lr: f64,
    /// Steps between probes (and checkpoints).
    pub probe_every: u64,
    /// The folder that gets model, tokenizer and checkpoints.
    pub out: PathBuf,
}

/// Tokens of nano's vocabulary.
const VOCABULARY: usize = 3584;
/// How often the tokenizer's training text holds each fixed word: enough for each to be merged whole.
const FIXED: usize = 2_000;
/// Weights of the four stages' windows, phase by phase.
const PHASES: [[u64; 4]; 3] = [[2, 6, 1, 0], [1, 3, 4, 2], [1, 2, 3, 4]];
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
    if index % 5 == 4 {
        return corpus::echo(tokenizer, seed, index);
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
    let tokenizer = load_or_train_tokenizer(options, &words)?;
    let mut trainer = Trainer::new(options, tokenizer, words)?;
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

fn load_or_train_tokenizer(options: &Options, words: &Words) -> Result<Tokenizer> {
    let path = options.out.join("tokenizer.json");
    if path.exists() {
        return Tokenizer::load(&path);
    }
    let tokenizer = train_tokenizer(words, options.seed)?;
    std::fs::write(&path, tokenizer.to_json()?).map_err(ModelError::io(&path))?;
    Ok(tokenizer)
}

struct Trainer<'a> {
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
    step: u64,
    phase: usize,
}

impl<'a> Trainer<'a> {
    fn new(options: &'a Options, tokenizer: Tokenizer, words: Words) -> Result<Self> {
        let config = ModelConfig {
            vocab_size: tokenizer.vocabulary(),
            ..nano_config()
        };
        let weights = init::weights(&config, options.seed)?;
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
            phase: 0,
        })
    }

    /// Warm-up, plateau, linear decay.
    fn lr(&self) -> f64 {
        let done = (self.step + 1) as f64 / self.options.steps as f64;
        self.options.lr * (done / WARMUP).min(1.0) * ((1.0 - done) / DECAY).clamp(0.01, 1.0)
    }

    fn train_step(&mut self) -> Result<(f64, usize)> {
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

    fn probe_if_due(&mut self) -> Result<Option<Probes>> {
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

    fn restore(&mut self) -> Result<()> {
        let path = self.checkpoint();
        if !path.exists() {
            return Ok(());
        }
        let mut named = NamedTensors::new(read_state(&path)?, &path);
        let place = named.take("place", &[2])?.to_vec1::<f32>()?;
        (self.step, self.phase) = (place[0] as u64, place[1] as usize);
        for (name, var) in self.matrices.iter().chain(&self.others) {
            var.set(&named.take(name, var.dims())?)?;
        }
        for ((name, var), momentum) in self.matrices.iter().zip(&mut self.muon.momentum) {
            *momentum = named
                .take(&format!("muon.{name}"), &[var.elem_count()])?
                .to_vec1()?;
        }
        self.adam.restore(&self.others, &mut named)
    }

    /// Writes the Hugging Face folder: config, weights, tokenizer files.
    fn export(&self) -> Result<()> {
        let dir = &self.options.out;
        let write = |name: &str, text: String| write_whole(&dir.join(name), text.as_bytes());
        let (end, pad) = (self.tokenizer.end(), self.tokenizer.pad());
        write(
            "config.json",
            format!("{:#}\n", self.decoder.config.to_json(end, pad)),
        )?;
        write("tokenizer.json", self.tokenizer.to_json()?)?;
        let generation =
            serde_json::json!({"eos_token_id": end, "pad_token_id": pad, "do_sample": false});
        write("generation_config.json", format!("{generation:#}\n"))?;
        write(
            "tokenizer_config.json",
            format!("{:#}\n", tokenizer_config()),
        )?;
        let weights: &Weights = &self.decoder.weights;
        let tensors: Vec<(String, Tensor)> = weights
            .named()
            .into_iter()
            .map(|(n, t)| (n, t.detach()))
            .collect();
        write_whole(
            &dir.join("model.safetensors"),
            &to_safetensors(&tensors, DType::F32)?,
        )
    }
}

/// Weighted mean of minus the log-probabilities, which stand in the first row of `scored`.
fn cross_entropy(scored: &Tensor, weights: &[f32]) -> Result<Tensor> {
    let total: f32 = weights.iter().sum();
    let weights = Tensor::new(weights, &Device::Cpu)?;
    Ok(((scored.get(0)? * weights)?.sum_all()? * f64::from(-1.0 / total.max(1.0)))?)
}

fn tokenizer_config() -> serde_json::Value {
    serde_json::json!({
        "add_prefix_space": false,
        // transformers 5 gives every model of type qwen2 its own Qwen2Tokenizer, which replaces the splitting pattern of
        // tokenizer.json by Qwen's; only a tokenizer_config that has an auto_map gets the class it names below.
        "auto_map": { "AutoTokenizer": ["", null] },
        "bos_token": null,
        "chat_template": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "clean_up_tokenization_spaces": false,
        "eos_token": "<|im_end|>",
        "model_max_length": 1024,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": null
    })
}

/// Replaces a file whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("partial");
    std::fs::write(&temporary, bytes).map_err(ModelError::io(&temporary))?;
    std::fs::rename(&temporary, path).map_err(ModelError::io(path))
}
