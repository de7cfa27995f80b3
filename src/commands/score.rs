//! `opensoc score`: verdicts on responses.

use std::io::Write;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::Outcome;
use super::lines::{LineError, answer_all};
use crate::env::schema::Episode;
use crate::env::{verdict, verify};

/// Arguments of `score`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines of {"episode":{…},"response":"…"}; stdin without it
    pub file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    episode: Episode,
    response: String,
}

/// Prints a verdict a line.
///
/// # Errors
/// When the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    answer_all(args.file.as_deref(), out, answer)
}

/// Truth is made anew from the log window: an edited `truth` earns nothing.
fn answer(line: &str) -> Result<Value, LineError> {
    let mut answered: Answered = serde_json::from_str(line)?;
    answered.episode.truth =
        verify::truth(&answered.episode.log_window).map_err(|error| LineError::Content {
            message: error.to_string(),
            field: "log_window".to_owned(),
        })?;
    let verdict = verdict::judge(&answered.episode, &answered.response);
    Ok(serde_json::to_value(verdict)?)
}
