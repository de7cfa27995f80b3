//! An annotator's submitted labels as a file of examples beside them, for `train --sft-extra` and the start form.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::export::{Format, Rejected, example};
use super::{LabelError, Store};
use crate::disk;

/// A file of examples that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub path: PathBuf,
    /// Lines in it; none, and no file, where nothing is submitted.
    pub examples: usize,
    pub format: Format,
}

/// What the name of a file of that format begins with.
const fn begins(format: Format) -> &'static str {
    match format {
        Format::PromptCompletion => "examples",
        Format::Messages => "messages",
        Format::Preference => "preferences",
    }
}

/// Writes the examples of `annotator` into the folder, over those of before; a reader sees the old file or the new one. Each
/// format has a file of its own.
///
/// # Errors
/// When the folder cannot be read, or the file not be written.
pub fn write(store: &Store, annotator: &str, format: Format) -> Result<Written, LabelError> {
    let episodes = store.episodes()?.into_iter();
    let episodes: BTreeMap<String, _> = episodes.map(|e| (e.episode_id.clone(), e)).collect();
    let (mut text, mut examples) = (String::new(), 0);
    for label in store.labels()?.of(annotator) {
        let Some(episode) = episodes.get(&label.episode_id) else {
            return Err(LabelError::NoEpisode {
                dir: store.path().to_owned(),
                episode_id: label.episode_id.clone(),
            });
        };
        // What is no example is a draft, or was set aside.
        if let Ok(line) = example(format, Rejected::default(), label, episode) {
            text.push_str(&line.to_string());
            text.push('\n');
            examples += 1;
        }
    }
    let name = format!("{}-{annotator}.jsonl", begins(format));
    let path = store.path().join(name);
    if examples > 0 {
        disk::replace(&path, text.as_bytes()).map_err(LabelError::io(&path, "write it"))?;
    }
    Ok(Written {
        path,
        examples,
        format,
    })
}
