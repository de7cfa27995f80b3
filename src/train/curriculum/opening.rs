//! How a run begins, or goes on: what made it, where it stands, and what it writes to.

use crate::config::TrainConfig;
use crate::link::{MetricRow, RunState, TrainRequest};
use crate::model::placement::device_name;
use crate::model::source::LoadedModel;
use crate::run::layout::Journal;
use crate::run::{Manifest, RunDir, RunWriter, reader};
use crate::train::checkpoint::{self, Found};
use crate::train::error::{Result, TrainError};
use crate::train::extra::Extra;
use crate::train::learner::Learner;
use crate::train::start::Start;

/// What made the run, and its last checkpoint where it is to be continued.
pub(super) fn manifest(
    model: &LoadedModel,
    request: &TrainRequest,
    extra: &Extra,
    start: Option<&Start>,
    dir: &RunDir,
) -> Result<(Manifest, Option<Found>)> {
    let fresh = |config: &TrainConfig| {
        let plan = config.plan(extra.examples.len() as u64);
        let mut hashes = model.hashes.clone();
        hashes.extend(extra.hash());
        hashes.extend(start.map(Start::hash));
        let device = device_name(model.decoder.device());
        Manifest::new(dir, config.clone(), plan, &model.name, &device, hashes)
    };
    if !request.resume {
        return Ok((fresh(&request.config), None));
    }
    let manifest = Manifest::read(dir)?;
    manifest.check_resumable(&fresh(&manifest.config), dir)?;
    let found = checkpoint::latest(dir)?;
    if found.is_none() {
        refuse_lost(dir, &manifest.config)?;
    }
    Ok((manifest, found))
}

/// What is trained: an adapter that was there before, or a new one.
pub(super) fn learner(
    model: &LoadedModel,
    config: &TrainConfig,
    start: Option<&Start>,
) -> Result<Learner> {
    match start {
        Some(start) => Learner::of(start.adapter(model, config)?, model, config),
        None => Learner::fresh(model, config),
    }
}

/// Keeps the adapter that a new run goes on from, and warns where it was made for another base model.
pub(super) fn take_over(start: &Start, model: &LoadedModel, writer: &mut RunWriter) -> Result<()> {
    start.keep(writer.dir())?;
    if let Some(told) = start.stranger_to(model)? {
        writer.warn(0, &format!("adapter {}: {told}", start.name()))?;
    }
    Ok(())
}

/// Refuses to begin a run over in its own folder, which would cut all its files, where it must have come to a checkpoint.
fn refuse_lost(dir: &RunDir, config: &TrainConfig) -> Result<()> {
    let mut steps = 0;
    reader::every_row(dir, Journal::Metrics, |row: MetricRow| steps = row.step)?;
    let state = reader::read_status(dir)?.map(|status| status.state);
    let has_ended = matches!(state, Some(RunState::Finished | RunState::Stopped));
    let is_past_one = config.save_steps > 0 && steps > config.save_steps;
    if has_ended || is_past_one {
        return Err(TrainError::LostCheckpoints {
            path: dir.checkpoints(),
            steps,
        });
    }
    Ok(())
}

/// Warns where the newest checkpoint is not the one that is gone on from.
pub(super) fn tell_of_passed_over(found: &Found, writer: &mut RunWriter) -> Result<()> {
    let Some(why) = &found.passed_over else {
        return Ok(());
    };
    let step = found.position.step;
    let told = format!("the newest checkpoint cannot be read ({why}): going on from step {step}");
    Ok(writer.warn(step, &told)?)
}

/// The files of a run: new ones, or those that are there, cut back to what its checkpoint knows of them.
pub(super) fn writer(
    dir: &RunDir,
    manifest: &Manifest,
    found: Option<&Found>,
    is_resumed: bool,
) -> Result<RunWriter> {
    Ok(match (found, is_resumed) {
        (Some(found), _) => RunWriter::resume(dir.clone(), &found.position.lengths)?,
        (None, true) => RunWriter::resume(dir.clone(), &RunWriter::no_lengths())?,
        (None, false) => RunWriter::create(dir.clone(), manifest)?,
    })
}
