//! A run from SFT to the last stage: plan, steps, facts, checkpoints, controls.
//!
//! Every fact is on disk before the host hears of it. What a step draws is a function of seed and step number, so a run
//! continued from a checkpoint gives the bytes it would have given.

mod attack;
mod evaluation;
mod fitting;
mod machine;
mod opening;
mod pace;
mod passes;
mod reference;
mod rollouts;
mod steering;
mod steps;
#[cfg(test)]
mod testing;
mod warnings;
mod work;

use std::time::Instant;

use candle_core::DType;

use evaluation::Evaluated;
use machine::StepClock;
use pace::Pace;
use steering::Wants;
use work::WorkClock;

pub use fitting::{Fit, check_room, check_room_to_answer, fit};

use super::card;
use super::checkpoint::{self, Position};
use super::error::Result;
use super::extra::{Example, Extra};
use super::learner::Learner;
use super::start::Start;
use crate::config::{Plan, SFT, TrainConfig};
use crate::env::schema::Stage;
use crate::link::{
    Control, EvalRow, MetricRow, RolloutGroup, RunFact, RunState, SystemRow, TrainRequest,
};
use crate::model::decoder::Decoder;
use crate::model::placement::device_name;
use crate::model::source::LoadedModel;
use crate::run::control::ControlBox;
use crate::run::layout::replace_file;
use crate::run::summary::now;
use crate::run::{RunDir, RunWriter};

/// Who listens to a run and may steer it. Called between micro-batches.
pub trait Host {
    /// A fact that is on disk now.
    fn tell(&mut self, fact: RunFact);

    /// Controls asked for since the last call; a host that answers questions meanwhile does so with `live`.
    fn between(&mut self, live: &Decoder) -> Vec<Control>;
}

/// Hold-out examples whose gold completions give the validation loss.
const LOSS_EPISODES: u64 = 128;

/// Starts or continues the run that `request` describes, to its end or to a stop; says which.
///
/// # Errors
/// On an unusable run folder, a diverged loss, or anything the model layer refuses. `status.json` says so too.
pub fn run(model: &LoadedModel, request: &TrainRequest, host: &mut dyn Host) -> Result<RunState> {
    let mut run = Run::open(model, request, host)?;
    run.log_beginning(request.resume)?;
    run.host.tell(RunFact::Started {
        run_dir: request.run_dir.clone(),
        run_id: run.writer.dir().id(),
        plan: run.plan.clone(),
    });
    let result = run.phases();
    let (state, reason) = match &result {
        Ok(RunState::Finished) => (RunState::Finished, "all stages done".to_string()),
        Ok(state) => (
            *state,
            "stopped by request; --resume continues it".to_string(),
        ),
        Err(error) => (RunState::Failed, error.to_string()),
    };
    let step = run.position.step;
    run.writer
        .log(&format!("{} at step {step}: {reason}", state.as_str()))?;
    run.status(state, &reason)?;
    result
}

struct Run<'a> {
    model: &'a LoadedModel,
    host: &'a mut dyn Host,
    config: TrainConfig,
    plan: Plan,
    writer: RunWriter,
    control: ControlBox,
    learner: Learner,
    /// Labelled examples beside the gold ones.
    extra: Vec<Example>,
    /// What beta holds the policy to, where there is a beta.
    reference: Option<Decoder>,
    position: Position,
    work: WorkClock,
    pace: Pace,
    last_heartbeat: Instant,
    /// What it said last that it was doing.
    doing: &'static str,
    wants: Wants,
    /// What the attacker's tries of this step won.
    attacks: Vec<f64>,
    /// Seconds this step has spent sampling, where it samples.
    rollout_s: Option<f64>,
}

impl<'a> Run<'a> {
    fn open(
        model: &'a LoadedModel,
        request: &TrainRequest,
        host: &'a mut dyn Host,
    ) -> Result<Self> {
        let dir = RunDir::new(&request.run_dir);
        let extra = Extra::of_run(&dir, request.sft_extra.as_deref(), request.resume)?;
        let named = request.config.lora.adapter.as_deref();
        let start = Start::of_run(&dir, named, model, request.resume)?;
        let (manifest, found) = opening::manifest(model, request, &extra, start.as_ref(), &dir)?;
        let (config, plan) = (manifest.config.clone(), manifest.plan.clone());
        let labels = Extra::file_of_run(&dir, request.sft_extra.as_deref(), request.resume);
        fitting::check_lengths(model, &config, &extra, labels.as_deref())?;
        if !request.resume {
            // One that goes on keeps its settings: it is warned.
            fitting::check_memory(model, &config)?;
        }
        let mut learner = opening::learner(model, &config, start.as_ref())?;
        let mut writer = opening::writer(&dir, &manifest, found.as_ref(), request.resume)?;
        extra.keep(&dir)?;
        if let Some(start) = start.filter(|_| !request.resume) {
            opening::take_over(&start, model, &mut writer)?;
        }
        let phase = found.as_ref().map_or(0, |found| found.position.phase);
        if plan.phases.get(phase).is_none_or(|phase| !phase.is_sft()) {
            learner.reset_optimizer(config.grpo.adam());
        }
        let position = match found {
            Some(found) => {
                opening::tell_of_passed_over(&found, &mut writer)?;
                checkpoint::restore(found, &mut learner)?
            }
            None => Position::default(),
        };
        let control = ControlBox::open(dir)?;
        let elapsed_before = position.elapsed_s;
        let now = Instant::now();
        Ok(Self {
            model,
            host,
            config,
            plan,
            writer,
            control,
            learner,
            extra: extra.examples,
            reference: None,
            position,
            work: WorkClock::new(elapsed_before, now),
            pace: Pace::new(elapsed_before),
            last_heartbeat: now,
            doing: steering::TRAINING,
            wants: Wants::default(),
            attacks: Vec::new(),
            rollout_s: None,
        })
    }

    /// The first line of a run in `log.txt`, and of each time it is gone on with.
    fn log_beginning(&mut self, is_resumed: bool) -> Result<()> {
        let step = self.position.step;
        let begun = match is_resumed {
            true => format!("resumed from step {step}"),
            false => "begun".to_owned(),
        };
        let (name, seed, threads) = (&self.model.name, self.config.seed, self.config.threads);
        let device = device_name(self.model.decoder.device());
        let version = env!("CARGO_PKG_VERSION");
        self.writer.log(&format!(
            "{begun}: opensoc {version}, model {name} on {device}, seed {seed}, {threads} threads"
        ))?;
        Ok(())
    }

    fn phases(&mut self) -> Result<RunState> {
        let needs = self.fit()?;
        self.status(RunState::Running, &needs)?;
        while let Some(phase) = self.plan.phases.get(self.position.phase).cloned() {
            let stage = Stage::from_name(&phase.name);
            if stage.is_some() {
                self.open_reference()?;
            }
            if self.position.owes_evaluation && self.evaluate_between()? {
                return Ok(RunState::Stopped);
            }
            while self.position.phase_step < self.phase_end() {
                let clock = StepClock::start();
                let row = match stage {
                    None => self.sft_step(phase.wanted_steps())?,
                    Some(stage) => self.grpo_step(stage)?,
                };
                self.finish_step(row, &clock)?;
                let stops = self.after_step()?;
                self.pace.note(&phase.name, self.elapsed());
                if stops {
                    return Ok(RunState::Stopped);
                }
            }
            if self.finish_phase(&phase.name)? {
                return Ok(RunState::Stopped);
            }
            self.pace.skip(self.elapsed());
        }
        Ok(RunState::Finished)
    }

    /// Writes what a step told, and what it cost.
    fn finish_step(&mut self, row: MetricRow, clock: &StepClock) -> Result<()> {
        self.writer.metrics(&row)?;
        let device = self.model.decoder.device();
        let tokens = row.values.get("step_tokens").copied().unwrap_or(0.0);
        let system = SystemRow {
            step: row.step,
            stage: row.stage.clone(),
            time: now(),
            device: device_name(device),
            values: clock.values(tokens, self.rollout_s.take(), device),
        };
        self.writer.system(&system)?;
        self.host.tell(RunFact::Metrics(row));
        self.host.tell(RunFact::System(system));
        Ok(())
    }

    fn save(&mut self) -> Result<()> {
        let step = self.position.step;
        self.writer.log(&format!("checkpoint of step {step}"))?;
        self.position.elapsed_s = self.elapsed();
        self.position.lengths = self.writer.lengths()?;
        checkpoint::save(self.writer.dir(), &self.position, &self.learner)
    }

    /// Evaluates, writes the adapter, goes on to the next phase; true when a stop came before it was done.
    fn finish_phase(&mut self, name: &str) -> Result<bool> {
        let last = self.position.phase + 1 == self.plan.phases.len();
        let episodes = if last {
            self.config.eval.final_episodes
        } else {
            self.config.eval.episodes
        };
        let Evaluated::Whole(evaluation) = self.evaluate(episodes)? else {
            self.save()?;
            return Ok(true);
        };
        self.write_adapter(name, evaluation.as_deref())?;
        let step = self.position.step;
        self.writer.log(&format!(
            "{name} ended at step {step}; its adapter is written"
        ))?;
        self.forget_skip(name)?;
        if name == SFT {
            self.learner.reset_optimizer(self.config.grpo.adam());
        }
        self.position.phase += 1;
        self.position.phase_step = 0;
        self.position.recent.clear();
        self.save()?;
        Ok(false)
    }

    /// The adapter of a phase with its card.
    fn write_adapter(&mut self, name: &str, evaluation: Option<&EvalRow>) -> Result<()> {
        let Some(adapter) = self.learner.decoder.adapter() else {
            return Ok(());
        };
        let folder = self.writer.dir().adapter(name);
        adapter.save(&folder, &self.model.id(), DType::F32)?;
        if let Some(evaluation) = evaluation {
            let base = card::Base {
                name: &self.model.name,
                labelled: self.extra.len(),
            };
            let card = card::text(&base, name, &self.config, &self.plan, evaluation);
            replace_file(&folder.join("README.md"), card.as_bytes())?;
        }
        Ok(())
    }

    fn phase_name(&self) -> String {
        self.plan
            .phases
            .get(self.position.phase)
            .map(|phase| phase.name.clone())
            .unwrap_or_default()
    }

    fn elapsed(&self) -> f64 {
        self.work.seconds(Instant::now())
    }

    fn warn(&mut self, message: String) -> Result<()> {
        let step = self.position.step;
        self.writer.warn(step, &message)?;
        self.host.tell(RunFact::Warning { step, message });
        Ok(())
    }

    fn rollouts(&mut self, group: RolloutGroup) -> Result<()> {
        self.writer.rollouts(&group)?;
        self.host.tell(RunFact::Rollouts(Box::new(group)));
        Ok(())
    }
}
