//! What can go wrong with models, adapters and tokenizers; each message names the file, tensor or field.

use std::path::{Path, PathBuf};

/// An error of the model layer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{path}: {cause}")]
    Io {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("{path}: not a model config: {reason}")]
    Config { path: PathBuf, reason: String },
    #[error("{path}: not a readable safetensors file: {reason}")]
    Safetensors { path: PathBuf, reason: String },
    #[error("{path}: not a usable GGUF file: {reason}")]
    Gguf { path: PathBuf, reason: String },
    #[error(
        "{name}: not `nano`, no folder, no GGUF file, and no model of that name in the Hugging Face cache ({cache})"
    )]
    NoModel { name: String, cache: PathBuf },
    #[error("device {device}: {reason}")]
    Device { device: String, reason: String },
    #[error("{path}: tensor {name} is missing")]
    MissingTensor { path: PathBuf, name: String },
    #[error("{path}: tensor {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        path: PathBuf,
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    #[error(
        "{path}: tensor {name} is there, but {config}: leaving it out would give wrong answers; is the config of another model?"
    )]
    Unexpected {
        path: PathBuf,
        name: String,
        /// What the config says instead.
        config: String,
    },
    #[error("{path}: tensor {name} has element type {dtype}; F32, F16 and BF16 can be read")]
    Dtype {
        path: PathBuf,
        name: String,
        dtype: String,
    },
    #[error("{path}: this adapter cannot be used: {reason}")]
    Adapter { path: PathBuf, reason: String },
    #[error("{path}: not a usable tokenizer: {reason}")]
    Tokenizer { path: PathBuf, reason: String },
    #[error(
        "a prompt of {tokens} tokens and an answer of up to {answer} exceed the model's {limit} positions: {}",
        more_room(*tokens, *limit)
    )]
    TooLong {
        tokens: usize,
        answer: usize,
        limit: usize,
    },
    #[error(
        "tensor {name} holds values that are not finite: the file is damaged, or its training has diverged"
    )]
    NotFinite { name: String },
    #[error("tensor {name} got no gradient")]
    NoGradient { name: String },
    #[error("tensor {name} got a gradient that is not finite")]
    NonFinite { name: String },
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// What makes room for a prompt and its answer.
fn more_room(tokens: usize, limit: usize) -> String {
    const OTHER: &str = "a model with more (max_position_embeddings in its config.json)";
    match limit.saturating_sub(tokens) {
        0 => format!("take {OTHER}"),
        left => format!(
            "leave at most {left} tokens for the answer (grpo.max_completion_length in training), or take {OTHER}"
        ),
    }
}

impl ModelError {
    /// A tensor that is not there.
    pub(crate) fn missing(path: &Path, name: &str) -> Self {
        Self::MissingTensor {
            path: path.to_path_buf(),
            name: name.into(),
        }
    }

    /// Refuses a tensor of another shape than `expected`.
    pub(crate) fn check_shape(
        path: &Path,
        name: &str,
        found: &[usize],
        expected: &[usize],
    ) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        Err(Self::Shape {
            path: path.to_path_buf(),
            name: name.into(),
            found: found.to_vec(),
            expected: expected.to_vec(),
        })
    }

    /// For `map_err` on file operations.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| Self::Io {
            path: path.to_path_buf(),
            cause,
        }
    }
}

/// Result of the model layer.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;
