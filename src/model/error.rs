//! What can go wrong with models, adapters and tokenizers; each message names the file, tensor or field.

use std::path::{Path, PathBuf};

use super::sampler::Sampling;

/// An error of the model layer.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{path}: {cause}")]
    Io {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("{path}: there is no such file; {advice}")]
    NoFile { path: PathBuf, advice: String },
    #[error("{path}: {reason}")]
    Config { path: PathBuf, reason: Refusal },
    #[error("{path}: not readable as JSON: {reason}; is it a whole download?")]
    Json { path: PathBuf, reason: String },
    #[error("{path}: not a readable safetensors file: {reason}")]
    Safetensors { path: PathBuf, reason: String },
    #[error("{path}: not a usable GGUF file: {reason}")]
    Gguf { path: PathBuf, reason: String },
    #[error(
        "{name}: not `nano`, no folder, no GGUF file, and no model of that name in the Hugging Face cache ({cache}); {}--model takes \
         a folder or GGUF file too",
        download(name)
    )]
    NoModel { name: String, cache: PathBuf },
    #[error("device {device}: {reason}")]
    Device { device: String, reason: String },
    #[error(
        "{path}: tensor {name} is missing: the file is not whole, or of another model than it is to fit; fetch it again, or take both from one"
    )]
    MissingTensor { path: PathBuf, name: String },
    #[error(
        "{path}: tensor {name} has shape {found:?}, expected {expected:?}: the file and what is to hold it are of \
         different models; take both from one"
    )]
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
        "a text of {tokens} tokens exceeds the model's {limit} positions: shorten it, or take a model with more \
         (max_position_embeddings in its config.json)"
    )]
    TextTooLong { tokens: usize, limit: usize },
    #[error(
        "{path}: tensor {name} holds values that are not finite: the file is damaged, or its training has diverged"
    )]
    NotFinite { path: PathBuf, name: String },
    #[error(
        "{path}: this folder is not empty, and what it holds would count as the model's: name a new folder"
    )]
    Occupied { path: PathBuf },
    #[error("tensor {name} got no gradient")]
    NoGradient { name: String },
    #[error("tensor {name} got a gradient that is not finite")]
    NonFinite { name: String },
    #[error(transparent)]
    Candle(candle_core::Error),
}

impl From<candle_core::Error> for ModelError {
    fn from(error: candle_core::Error) -> Self {
        Self::Candle(without_stack(error))
    }
}

/// What candle says, without the stack it adds where `RUST_BACKTRACE` is set: that is for its own makers.
pub(crate) fn without_stack(error: candle_core::Error) -> candle_core::Error {
    use candle_core::Error;
    match error {
        Error::WithBacktrace { inner, .. } => without_stack(*inner),
        Error::WithPath { inner, path } => Error::WithPath {
            inner: Box::new(without_stack(*inner)),
            path,
        },
        Error::Context { inner, context } => Error::Context {
            inner: Box::new(without_stack(*inner)),
            context,
        },
        plain => plain,
    }
}

/// How to fetch what may be a model of the hub.
fn download(name: &str) -> String {
    let model = name.split_once('@').map_or(name, |(model, _)| model);
    let parts: Vec<&str> = model.split('/').collect();
    let is_plain = |part: &&str| !part.is_empty() && !part.starts_with(['.', '~']);
    match parts.len() == 2 && parts.iter().all(is_plain) {
        true => format!("`hf download {model}` fetches one of the hub, "),
        false => String::new(),
    }
}

/// What makes room for a prompt and its answer.
fn more_room(tokens: usize, limit: usize) -> String {
    const OTHER: &str = "a model with more (max_position_embeddings in its config.json)";
    match limit.saturating_sub(tokens) {
        // Evaluations take as much.
        left if left < Sampling::default().max_tokens => format!("take {OTHER}"),
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

    /// For `map_err` where a file with weights is opened: says what to do where it is not there.
    pub(crate) fn weights(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| {
            if let Some(misplaced) = Self::misplaced(path, &cause) {
                return misplaced;
            }
            if cause.kind() != std::io::ErrorKind::NotFound {
                return Self::io(path)(cause);
            }
            let pickled = ["pytorch_model.bin", "adapter_model.bin"];
            let is_pickled = |name: &&str| path.with_file_name(name).is_file();
            let advice = match pickled.into_iter().find(is_pickled) {
                Some(name) => format!(
                    "the folder has {name}, a Python pickle, which is not read: save it as safetensors (save_pretrained does)"
                ),
                None => "is the download finished, and is it a folder of weights?".to_owned(),
            };
            Self::NoFile {
                path: path.to_path_buf(),
                advice,
            }
        }
    }

    /// For `map_err` where another file of a model's folder is read: says what to do where it is not there.
    pub(crate) fn in_folder(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| {
            if let Some(misplaced) = Self::misplaced(path, &cause) {
                return misplaced;
            }
            if cause.kind() != std::io::ErrorKind::NotFound {
                return Self::io(path)(cause);
            }
            let has = |name: &str| path.with_file_name(name).is_file();
            let advice = if has("adapter_config.json") {
                "the folder holds an adapter: name it with --adapter, and its base model with --model"
            } else if path.ends_with("tokenizer.json")
                && (has("vocab.json") || has("tokenizer.model"))
            {
                "the folder has a slow tokenizer only: load it with transformers' AutoTokenizer and save_pretrained it there"
            } else {
                "is the download finished, and is it the folder of a model?"
            };
            Self::NoFile {
                path: path.to_path_buf(),
                advice: advice.to_owned(),
            }
        }
    }

    /// What to do where a folder stands in the file's place, or a file in its folder's.
    fn misplaced(path: &Path, cause: &std::io::Error) -> Option<Self> {
        let holder = path.parent().unwrap_or(path).display();
        let advice = match (path.is_dir(), cause.kind()) {
            (true, _) => "a folder of that name stands there: is it a whole download?".to_owned(),
            (_, std::io::ErrorKind::NotADirectory) => {
                format!("{holder} is a file: name the folder that holds it")
            }
            _ => return None,
        };
        Some(Self::NoFile {
            path: path.to_path_buf(),
            advice,
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

/// Why a `config.json` cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is missing, of another type, or impossible.
    #[error("not a model config: {0}")]
    Wrong(String),
    /// A feature that would give other logits than ours.
    #[error("this model needs {needs}, which is not built: {there}; take another model")]
    Unsupported {
        needs: String,
        /// What is built in its place.
        there: &'static str,
    },
    /// Weights packed by a method (GPTQ, AWQ, bitsandbytes …) whose tensors are not read.
    #[error(
        "its weights are quantised by {0} (quantization_config), which is not read: take the unquantised repository or a GGUF of this model"
    )]
    Quantised(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let told = |name: &str| {
            let path = dir.path().join(name);
            let cause = std::io::Error::from(std::io::ErrorKind::NotFound);
            ModelError::in_folder(&path)(cause).to_string()
        };
        assert!(told("config.json").contains("the folder of a model?"));
        std::fs::write(dir.path().join("vocab.json"), "{}").expect("written");
        assert!(told("tokenizer.json").contains("save_pretrained"));
        std::fs::write(dir.path().join("adapter_config.json"), "{}").expect("written");
        assert!(told("config.json").contains("--adapter"));
        let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let path = dir.path().join("config.json");
        let told = ModelError::in_folder(&path)(other).to_string();
        assert!(told.contains("permission denied"), "{told}");
    }

    #[test]
    fn candle_is_told_without_its_stack() {
        use candle_core::Error;
        let stacked = |error| Error::WithBacktrace {
            inner: Box::new(error),
            backtrace: Box::new(std::backtrace::Backtrace::force_capture()),
        };
        let plain = || Error::Msg("unknown magic".into());
        assert!(stacked(plain()).to_string().lines().count() > 1);
        let told = ModelError::from(stacked(stacked(plain()))).to_string();
        assert_eq!(told, "unknown magic");
        let within = stacked(stacked(plain()).context("while reading"));
        let told = ModelError::from(within).to_string();
        assert_eq!(told, "while reading\nunknown magic");
    }

    #[test]
    fn a_folder_in_the_place_of_weights_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let cause = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        let told = ModelError::weights(dir.path())(cause).to_string();
        assert!(
            told.contains("a folder of that name") && told.contains("whole download"),
            "{told}"
        );
    }

    #[test]
    fn a_file_in_the_place_of_a_folder_and_a_folder_in_that_of_a_file_are_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("adapter_model.safetensors");
        std::fs::write(&file, "").expect("written");
        let inside = file.join("adapter_config.json");
        let cause = || std::fs::read(&inside).expect_err("no folder");
        for told in [
            ModelError::weights(&inside)(cause()),
            ModelError::in_folder(&inside)(cause()),
        ] {
            let told = told.to_string();
            assert!(
                told.ends_with(
                    "adapter_model.safetensors is a file: name the folder that holds it"
                ),
                "{told}"
            );
        }
        let cause = std::io::ErrorKind::IsADirectory.into();
        let told = ModelError::in_folder(dir.path())(cause).to_string();
        assert!(told.contains("a folder of that name"), "{told}");
    }

    #[test]
    fn only_what_may_be_of_the_hub_is_to_be_downloaded() {
        let told = |name: &str| {
            let error = ModelError::NoModel {
                name: name.to_owned(),
                cache: "/cache".into(),
            };
            error.to_string()
        };
        assert!(told("Qwen/Tiny@v2").contains("`hf download Qwen/Tiny`"));
        for path in ["/nonexist", "./a", "../a/b", "~/m", "a/b/c", "m.gguf"] {
            let told = told(path);
            assert!(
                !told.contains("hf download") && told.contains("--model"),
                "{told}"
            );
        }
    }
}
