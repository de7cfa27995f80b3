//! The shape of a model, as a Hugging Face `config.json` has it.

mod read;

use std::path::Path;

use serde_json::{Value, json};

use super::error::{ModelError, Refusal, Result};
use crate::disk;

pub(super) use read::needs;

/// Base of the rotary angles, and what is added to variances, where a file is silent: as in transformers.
pub(super) const THETA: f64 = 10_000.0;
pub(super) const EPSILON: f64 = 1e-6;
/// The largest number that a file may give as a size.
pub(super) const MOST_SIZE: u64 = 1 << 24;
/// Bounds the table of rotary angles a hostile config could ask for.
const MOST_POSITIONS: usize = 1 << 20;
/// The longest `config.json` that is read, in bytes.
const MOST_CONFIG: u64 = 1 << 20;

/// The families of decoders that the one forward pass serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Biases on query, key and value.
    Qwen2,
    /// No biases.
    Llama,
    /// Llama with biases on all four projections of the attention (`attention_bias`).
    LlamaBiased,
}

impl Architecture {
    /// All there are.
    pub const ALL: [Architecture; 3] = [
        Architecture::Qwen2,
        Architecture::Llama,
        Architecture::LlamaBiased,
    ];

    /// `model_type` of a `config.json`, and `general.architecture` of a GGUF file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Architecture::Qwen2 => "qwen2",
            Architecture::Llama | Architecture::LlamaBiased => "llama",
        }
    }

    /// The class transformers loads it with.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Architecture::Qwen2 => "Qwen2ForCausalLM",
            Architecture::Llama | Architecture::LlamaBiased => "LlamaForCausalLM",
        }
    }

    /// The architecture called `name`; Llama is the one without biases.
    ///
    /// # Errors
    /// Names those there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|a| a.as_str() == name);
        known.ok_or_else(|| format!("architecture {name} is not supported; qwen2 and llama are"))
    }

    /// Whether a projection has a bias.
    #[must_use]
    pub const fn has_bias(self, projection: Projection) -> bool {
        match projection {
            Projection::Q | Projection::K | Projection::V => !matches!(self, Architecture::Llama),
            Projection::O => matches!(self, Architecture::LlamaBiased),
            Projection::Gate | Projection::Up | Projection::Down => false,
        }
    }
}

/// Sizes and constants of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub architecture: Architecture,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub max_positions: usize,
    pub rms_norm_eps: f64,
    pub rope_theta: f64,
    /// The output embedding is the input embedding.
    pub tied: bool,
}

impl ModelConfig {
    /// Width of one attention head.
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }

    /// Rows and columns of a projection's weight, `[out, in]`.
    #[must_use]
    pub fn projection_shape(&self, projection: Projection) -> [usize; 2] {
        let (d, ffn, kv) = (
            self.hidden_size,
            self.intermediate_size,
            self.kv_heads * self.head_dim(),
        );
        match projection {
            Projection::Q | Projection::O => [d, d],
            Projection::K | Projection::V => [kv, d],
            Projection::Gate | Projection::Up => [ffn, d],
            Projection::Down => [d, ffn],
        }
    }

    /// Trainable numbers of the whole model.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        let numbers = |&p: &Projection| {
            let [out, inner] = self.projection_shape(p);
            out * inner
                + if self.architecture.has_bias(p) {
                    out
                } else {
                    0
                }
        };
        let layer = Projection::ALL.iter().map(numbers).sum::<usize>() + 2 * self.hidden_size;
        let embeddings = self.vocab_size * self.hidden_size * if self.tied { 1 } else { 2 };
        // A hostile config's are more than fit.
        let layers = (layer as u64).saturating_mul(self.layers as u64);
        layers.saturating_add((embeddings + self.hidden_size) as u64)
    }

    /// Reads `config.json`.
    ///
    /// # Errors
    /// On an unreadable file, an unknown architecture, a missing or impossible size; the field is named.
    pub fn load(path: &Path) -> Result<Self> {
        let text = disk::read_text(path, MOST_CONFIG).map_err(ModelError::in_folder(path))?;
        Self::parse(&text).map_err(|reason| ModelError::Config {
            path: path.to_path_buf(),
            reason,
        })
    }

    /// Reads the text of a `config.json`; the error says which field is wrong.
    ///
    /// # Errors
    /// As [`ModelConfig::load`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        read::parse(text)
    }

    /// Refuses sizes that do not make a decoder.
    ///
    /// # Errors
    /// Names the fields that do not go together.
    pub fn check(&self) -> Result<(), String> {
        if !self.hidden_size.is_multiple_of(self.heads) || !self.head_dim().is_multiple_of(2) {
            return Err(
                "hidden_size does not divide into num_attention_heads of even width".into(),
            );
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err("num_attention_heads is no multiple of num_key_value_heads".into());
        }
        if self.max_positions > MOST_POSITIONS {
            return Err(format!(
                "max_position_embeddings {} is beyond the supported {MOST_POSITIONS}",
                self.max_positions
            ));
        }
        Ok(())
    }

    /// The `config.json` other programs read, with `eos` as the end token.
    #[must_use]
    pub fn to_json(&self, eos: u32, pad: u32) -> Value {
        let mut json = json!({
            "architectures": [self.architecture.class()],
            "attention_dropout": 0.0,
            "bos_token_id": null,
            "eos_token_id": eos,
            "pad_token_id": pad,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_positions,
            "max_window_layers": self.layers,
            "model_type": self.architecture.as_str(),
            "num_attention_heads": self.heads,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "sliding_window": null,
            "tie_word_embeddings": self.tied,
            "torch_dtype": "float32",
            "use_cache": true,
            "use_sliding_window": false,
            "vocab_size": self.vocab_size
        });
        if self.architecture == Architecture::LlamaBiased {
            json["attention_bias"] = true.into();
        }
        json
    }
}

/// The seven linear layers of a decoder layer, all of which LoRA can adapt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Projection {
    /// All seven, in forward order.
    pub const ALL: [Projection; 7] = [
        Projection::Q,
        Projection::K,
        Projection::V,
        Projection::O,
        Projection::Gate,
        Projection::Up,
        Projection::Down,
    ];

    /// The name PEFT's `target_modules` uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Projection::Q => "q_proj",
            Projection::K => "k_proj",
            Projection::V => "v_proj",
            Projection::O => "o_proj",
            Projection::Gate => "gate_proj",
            Projection::Up => "up_proj",
            Projection::Down => "down_proj",
        }
    }

    /// The module's path in a Hugging Face checkpoint.
    #[must_use]
    pub fn path(self, layer: usize) -> String {
        let block = match self {
            Projection::Q | Projection::K | Projection::V | Projection::O => "self_attn",
            Projection::Gate | Projection::Up | Projection::Down => "mlp",
        };
        format!("model.layers.{layer}.{block}.{}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> ModelConfig {
        ModelConfig {
            architecture: Architecture::Qwen2,
            vocab_size: 100,
            hidden_size: 16,
            intermediate_size: 24,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            max_positions: 64,
            rms_norm_eps: 1e-6,
            rope_theta: 1e4,
            tied: true,
        }
    }

    #[test]
    fn both_spellings_read_alike_and_what_is_written_reads_back() {
        let config = small();
        let mut json = config.to_json(3, 2);
        assert_eq!(ModelConfig::parse(&json.to_string()), Ok(config.clone()));
        let object = json.as_object_mut().expect("object");
        object.remove("rope_theta");
        object.insert(
            "rope_parameters".into(),
            json!({"rope_theta": 1e4, "rope_type": "default"}),
        );
        assert_eq!(ModelConfig::parse(&json.to_string()), Ok(config));
    }

    #[test]
    fn biases_of_the_attention_are_written_and_read() {
        let config = ModelConfig {
            architecture: Architecture::LlamaBiased,
            ..small()
        };
        let json = config.to_json(3, 2).to_string();
        assert_eq!(ModelConfig::parse(&json), Ok(config.clone()));
        let plain = ModelConfig {
            architecture: Architecture::Llama,
            ..small()
        };
        // Queries, keys, values and outputs of 16, 8, 8 and 16, in two layers.
        assert_eq!(config.parameters() - plain.parameters(), 2 * 48);
    }

    #[test]
    fn parameters_beyond_all_numbers_are_as_many_as_there_can_be() {
        let huge = ModelConfig {
            hidden_size: 1 << 24,
            intermediate_size: 1 << 24,
            layers: 1 << 24,
            ..small()
        };
        assert_eq!(huge.parameters(), u64::MAX);
    }

    #[test]
    fn key_heads_that_are_null_are_as_many_as_there_are_heads() {
        let mut json = small().to_json(3, 2);
        json["num_key_value_heads"] = Value::Null;
        let read = ModelConfig::parse(&json.to_string()).expect("usable");
        assert_eq!((read.kv_heads, read.heads), (4, 4));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("model_type", json!("mamba"), "mamba"),
            ("hidden_size", json!(0), "hidden_size"),
            ("num_key_value_heads", json!(3), "num_key_value_heads"),
            ("hidden_act", json!("gelu"), "gelu"),
            ("max_position_embeddings", json!(1 << 24), "max_position"),
            ("head_dim", json!(8), "head_dim"),
            ("rope_theta", json!("many"), "rope_theta"),
            ("rms_norm_eps", json!(-1.0), "rms_norm_eps"),
            (
                "rope_scaling",
                json!({"type": "yarn", "factor": 4.0}),
                "yarn",
            ),
            ("rope_scaling", json!({"factor": 4.0}), "rope_scaling"),
            ("rope_parameters", json!({"rope_type": "linear"}), "linear"),
            ("rope_parameters", json!({"rope_theta": 0}), "rope_theta"),
        ];
        for (field, value, word) in cases {
            let mut json = small().to_json(3, 2);
            json[field] = value;
            let error = ModelConfig::parse(&json.to_string()).expect_err(field);
            assert!(error.to_string().contains(word), "{field}: {error}");
        }
        let told = ModelConfig::parse("").expect_err("empty").to_string();
        assert!(told.contains("whole download"), "{told}");
    }
}
