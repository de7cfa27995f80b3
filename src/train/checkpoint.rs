//! Checkpoints: everything a run needs to go on as if it had never stopped.
//!
//! Streams are named by step, so their position is the step number. A checkpoint is a folder `checkpoints/step-<n>`,
//! complete once its `state.json` is there; the two latest are kept.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use super::answers::StepAnswers;
use super::bandit::Bandit;
use super::error::{Result, TrainError};
use super::learner::Learner;
use super::optim::read_state;
use crate::disk;
use crate::model::error::ModelError;
use crate::model::tensors::{NamedTensors, TensorSource, to_safetensors};
use crate::run::RunDir;

/// Where a run stands, besides its tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Index into the plan.
    pub phase: usize,
    /// Optimiser steps done in it.
    pub phase_step: u64,
    /// Optimiser steps done in all.
    pub step: u64,
    /// Prompt and completion tokens seen, the prompt with each of its completions.
    pub num_tokens: u64,
    /// Whether a stop came in the middle of this step's evaluation.
    pub owes_evaluation: bool,
    /// Answers of the last steps, for the warnings.
    pub recent: VecDeque<StepAnswers>,
    /// The greatest mean reward of an evaluation so far, over the first `eval.episodes` episodes of each.
    #[serde(default)]
    pub best: Option<f64>,
    /// What the attacker has learned.
    #[serde(default)]
    pub attacker: Bandit,
    /// Seconds of work so far.
    pub elapsed_s: f64,
    /// Byte lengths of the run's append-only files.
    pub lengths: BTreeMap<String, u64>,
}

const KEPT: usize = 2;
/// The longest `state.json` that is read, in bytes.
const MOST_STATE: u64 = 64 << 20;

/// Writes a checkpoint and drops all but the latest two.
///
/// # Errors
/// When the folder cannot be written.
pub fn save(dir: &RunDir, position: &Position, learner: &Learner) -> Result<()> {
    let folder = dir.checkpoints().join(format!("step-{:08}", position.step));
    fs::create_dir_all(&folder).map_err(ModelError::io(&folder))?;
    let mut tensors: Vec<(String, Tensor)> = learner
        .vars()
        .iter()
        .map(|(name, var)| (name.clone(), var.as_detached_tensor()))
        .collect();
    tensors.extend(learner.adam.state(learner.vars())?);
    let bytes = to_safetensors(&tensors, DType::F32)?;
    crate::run::layout::replace_file(&folder.join("tensors.safetensors"), &bytes)?;
    let state = serde_json::to_vec_pretty(position).map_err(|e| unusable(&folder, &e))?;
    crate::run::layout::replace_file(&folder.join("state.json"), &state)?;
    let mut all = complete(dir)?;
    while all.len() > KEPT {
        let oldest = all.remove(0);
        fs::remove_dir_all(&oldest).map_err(ModelError::io(&oldest))?;
    }
    Ok(())
}

/// A checkpoint that can be gone on from.
#[derive(Debug)]
pub struct Found {
    pub position: Position,
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
    /// Why a newer one cannot be.
    pub passed_over: Option<String>,
}

/// The latest checkpoint that is readable; `None` before the first.
///
/// # Errors
/// Where there are some and none is readable: what is wrong with the newest; or when it cannot be seen whether there are any.
pub fn latest(dir: &RunDir) -> Result<Option<Found>> {
    let mut newest_fault = None;
    for folder in complete(dir)?.into_iter().rev() {
        match read(&folder) {
            Ok(found) => {
                let passed_over = newest_fault.map(|fault: TrainError| fault.to_string());
                return Ok(Some(Found {
                    passed_over,
                    ..found
                }));
            }
            Err(fault) => newest_fault = newest_fault.or(Some(fault)),
        }
    }
    newest_fault.map_or(Ok(None), Err)
}

fn read(folder: &Path) -> Result<Found> {
    let state = folder.join("state.json");
    let bytes = disk::read(&state, MOST_STATE).map_err(ModelError::io(&state))?;
    let position = serde_json::from_slice(&bytes).map_err(|e| unusable(&state, &e))?;
    let path = folder.join("tensors.safetensors");
    Ok(Found {
        position,
        tensors: read_state(&path)?,
        path,
        passed_over: None,
    })
}

/// Puts a checkpoint's tensors back into the learner; gives where it stood.
///
/// # Errors
/// When they belong to another adapter.
pub fn restore(found: Found, learner: &mut Learner) -> Result<Position> {
    let mut named = NamedTensors::new(found.tensors, &found.path);
    for (name, var) in learner.vars() {
        var.set(&named.take(name, var.dims())?)?;
    }
    let vars = learner.vars().to_vec();
    learner.adam.restore(&vars, &mut named)?;
    learner.decoder.merge()?;
    Ok(found.position)
}

/// Complete checkpoints, oldest first. Only a folder that is not there has none for certain.
fn complete(dir: &RunDir) -> Result<Vec<PathBuf>> {
    let all = dir.checkpoints();
    let listed = match fs::read_dir(&all) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed,
    };
    let paths = listed.and_then(|entries| {
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        paths.collect::<std::io::Result<Vec<PathBuf>>>()
    });
    let mut folders = paths.map_err(ModelError::io(&all))?;
    folders.retain(|path| path.join("state.json").is_file());
    folders.sort();
    Ok(folders)
}

fn unusable(path: &Path, error: &serde_json::Error) -> TrainError {
    TrainError::Checkpoint {
        path: path.to_path_buf(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_is_not_there_has_no_checkpoints_for_certain() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir::new(folder.path());
        assert!(latest(&dir).expect("none yet").is_none());
        // As one that may not be listed: it cannot be seen what there is.
        fs::write(dir.checkpoints(), "").expect("written");
        let told = latest(&dir).expect_err("not listed").to_string();
        assert!(told.contains("checkpoints: "), "{told}");
        fs::remove_file(dir.checkpoints()).expect("removed");
        fs::create_dir(dir.checkpoints()).expect("a folder");
        assert!(latest(&dir).expect("none yet").is_none());
    }
}
