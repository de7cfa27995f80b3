//! Why there is no configuration, and where the value was said that is to blame.

use std::fmt;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, with its line (from 1).
    File { name: String, line: usize },
    /// `--set`, as it was typed.
    Set(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { name, line } => write!(f, "{name}:{line}"),
            Source::Set(typed) => write!(f, "--set {typed}"),
        }
    }
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("unknown preset {name:?}; there are {known}")]
    UnknownPreset { name: String, known: String },
    #[error("{at}: unknown key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        key: String,
        nearest: String,
        at: Source,
    },
    #[error("{at}: `{key}` is TRL's or PEFT's and is not built here: {instead}")]
    NotBuilt {
        key: String,
        instead: &'static str,
        at: Source,
    },
    #[error("{}`{key}` is {value}; it takes {allowed}", prefix(at.as_ref()))]
    Refused {
        key: String,
        value: String,
        allowed: String,
        at: Option<Source>,
    },
    #[error("--set {typed}: expected key=value, e.g. grpo.beta=0.04")]
    NotAnAssignment { typed: String },
    #[error("{name}:{line}: {message}")]
    NotToml {
        name: String,
        line: usize,
        message: String,
    },
    #[error("configuration does not fit its types: {message}")]
    Types { message: String },
}

fn prefix(at: Option<&Source>) -> String {
    at.map_or_else(String::new, |source| format!("{source}: "))
}

impl ConfigError {
    /// Whether the command line is to blame, not a file.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::UnknownPreset { .. } | Self::NotAnAssignment { .. } => true,
            Self::UnknownKey { at, .. }
            | Self::NotBuilt { at, .. }
            | Self::Refused { at: Some(at), .. } => {
                matches!(at, Source::Set(_))
            }
            _ => false,
        }
    }

    pub(super) fn refused(key: &str, value: &str, allowed: &str, at: Option<Source>) -> Self {
        Self::Refused {
            key: key.to_owned(),
            value: value.to_owned(),
            allowed: allowed.to_owned(),
            at,
        }
    }
}
