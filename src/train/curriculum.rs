//! A run from SFT to the last stage: plan, steps, facts, checkpoints, controls.
//!
//! Every fact is on disk before the host hears of it. What a step draws is a function of seed and step number, so a run
//! continued from a checkpoint gives the bytes it would have given.

mod evaluation;
mod machine;
mod phases;
mod rollouts;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::DType;

use machine::{resident_mb, unix_seconds};

use super::card;
use super::checkpoint::{self, Position};
use super::config::TrainConfig;
use super::error::Result;
use super::learner::Learner;
use crate::env::schema::Stage;
use crate::link::{
    Control, MetricRow, Plan, RolloutGroup, RunFact, RunState, Status, TrainRequest,
};
use crate::model::decoder::Decoder;
use crate::model::lora::Adapter;
use crate::model::source::LoadedModel;
use crate::run::control::ControlBox;
use crate::run::layout::replace_file;
use crate::run::writer::SystemRow;
use crate::run::{Manifest, RunDir, RunWriter};

/// Who listens to a run and may steer it. Called between micro-batches.
pub trait Host {
    /// A fact that is on disk now.
    fn tell(&mut self, fact: RunFact);

    /// Controls asked for since the last call; a host that answers questions meanwhile does so with `live`.
    fn between(&mut self, live: &Decoder) -> Vec<Control>;
}

/// Seconds between signs of life in `status.json`.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a paused run sleeps between looks at its controls.
const PAUSE_NAP: Duration = Duration::from_millis(100);
/// Hold-out examples whose gold completions give the validation loss.
const LOSS_EPISODES: u64 = 128;

/// Starts or continues the run that `request` describes, to its end or to a stop; says which.
///
/// # Errors
/// On an unusable run folder, a diverged loss, or anything the model layer refuses. `status.json` says so too.
pub fn run(model: &LoadedModel, request: &TrainRequest, host: &mut dyn Host) -> Result<RunState> {
    let mut run = Run::open(model, request, host)?;
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
    /// The SFT adapter, where beta asks for it.
    reference: Option<Decoder>,
    position: Position,
    /// When work began in this process, less pauses; seconds before that are in the position.
    started: Instant,
    elapsed_before: f64,
    last_heartbeat: Instant,
    wants: Wants,
}

/// Controls not yet carried out.
#[derive(Clone, Copy, Debug, Default)]
struct Wants {
    pause: bool,
    save: bool,
    stop: bool,
}

impl Wants {
    fn take_in(&mut self, controls: &[Control]) {
        for control in controls {
            match control {
                Control::Pause => self.pause = true,
                Control::Resume => self.pause = false,
                Control::Save => self.save = true,
                Control::Stop => self.stop = true,
            }
        }
    }
}

impl<'a> Run<'a> {
    fn open(
        model: &'a LoadedModel,
        request: &TrainRequest,
        host: &'a mut dyn Host,
    ) -> Result<Self> {
        let dir = RunDir::new(&request.run_dir);
        let fresh = |config: &TrainConfig| {
            Manifest::new(
                &dir,
                config.clone(),
                config.plan(0),
                &model.name,
                "cpu",
                model.hashes.clone(),
            )
        };
        let (manifest, found) = if request.resume {
            let manifest = Manifest::read(&dir)?;
            manifest.check_resumable(&fresh(&manifest.config), &dir)?;
            (manifest, checkpoint::latest(&dir)?)
        } else {
            (fresh(&request.config), None)
        };
        let (config, plan) = (manifest.config.clone(), manifest.plan.clone());
        let writer = match (&found, request.resume) {
            (Some((position, _)), _) => RunWriter::resume(dir.clone(), &position.lengths)?,
            (None, true) => RunWriter::resume(dir.clone(), &RunWriter::no_lengths())?,
            (None, false) => RunWriter::create(dir.clone(), &manifest)?,
        };
        let mut learner = Learner::fresh(model, &config)?;
        let mut position = Position::default();
        if let Some((at, folder)) = found {
            let in_sft = plan
                .phases
                .get(at.phase)
                .is_some_and(|phase| phase.name == "sft");
            if !in_sft {
                learner.reset_optimizer(config.grpo.weight_decay);
            }
            checkpoint::restore(&folder, &mut learner)?;
            position = at;
        }
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
            reference: None,
            position,
            started: now,
            elapsed_before,
            last_heartbeat: now,
            wants: Wants::default(),
        })
    }

    fn phases(&mut self) -> Result<RunState> {
        self.status(RunState::Running, "training")?;
        while let Some(phase) = self.plan.phases.get(self.position.phase).cloned() {
            let stage = Stage::from_name(&phase.name);
            if stage.is_some() {
                self.open_reference()?;
            }
            while self.position.phase_step < phase.steps {
                let started = Instant::now();
                let row = match stage {
                    None => self.sft_step(phase.steps)?,
                    Some(stage) => self.grpo_step(stage)?,
                };
                self.finish_step(row, started)?;
                if self.after_step(phase.steps)? {
                    return Ok(RunState::Stopped);
                }
            }
            self.finish_phase(&phase.name)?;
        }
        Ok(RunState::Finished)
    }

    /// Writes what a step told.
    fn finish_step(&mut self, row: MetricRow, started: Instant) -> Result<()> {
        self.writer.metrics(&row)?;
        let seconds = started.elapsed().as_secs_f64();
        let values = BTreeMap::from([
            ("step_time".to_string(), seconds),
            (
                "tokens_per_second".to_string(),
                row.values.get("step_tokens").copied().unwrap_or(0.0) / seconds,
            ),
            ("resident_mb".to_string(), resident_mb()),
        ]);
        let stage = row.stage.clone();
        let time = unix_seconds();
        self.writer.system(&SystemRow {
            step: row.step,
            stage,
            time,
            device: "cpu".into(),
            values,
        })?;
        self.host.tell(RunFact::Metrics(row));
        Ok(())
    }

    /// Evaluation, checkpoint and controls as they fall due; true when the run is to stop.
    fn after_step(&mut self, phase_steps: u64) -> Result<bool> {
        let (step, every) = (self.position.phase_step, self.config.eval.every_steps);
        if every > 0 && step.is_multiple_of(every) && step < phase_steps {
            self.evaluate(self.config.eval.episodes)?;
        }
        self.listen()?;
        let due =
            self.config.save_steps > 0 && self.position.step.is_multiple_of(self.config.save_steps);
        if due || self.wants.save || self.wants.stop {
            self.save()?;
            self.wants.save = false;
        }
        if self.last_heartbeat.elapsed() >= HEARTBEAT {
            self.status(RunState::Running, "training")?;
        }
        if self.wants.pause && !self.wants.stop {
            self.pause()?;
        }
        Ok(self.wants.stop)
    }

    /// Takes in controls from host and folder.
    fn listen(&mut self) -> Result<()> {
        let mut controls = self.host.between(&self.learner.decoder);
        let requests = self.control.poll()?;
        for name in &requests.unknown {
            self.writer.log(&format!("control/{name}: not a request"))?;
        }
        controls.extend(requests.controls);
        self.wants.take_in(&controls);
        Ok(())
    }

    fn pause(&mut self) -> Result<()> {
        let paused = Instant::now();
        self.status(RunState::Paused, "paused by request")?;
        while self.wants.pause && !self.wants.stop {
            std::thread::sleep(PAUSE_NAP);
            self.listen()?;
            if self.wants.save || self.wants.stop {
                self.save()?;
                self.wants.save = false;
            }
        }
        self.started += paused.elapsed();
        self.status(RunState::Running, "training")
    }

    fn save(&mut self) -> Result<()> {
        self.position.elapsed_s = self.elapsed();
        self.position.lengths = self.writer.lengths()?;
        checkpoint::save(self.writer.dir(), &self.position, &self.learner)
    }

    fn finish_phase(&mut self, name: &str) -> Result<()> {
        let last = self.position.phase + 1 == self.plan.phases.len();
        let episodes = if last {
            self.config.eval.final_episodes
        } else {
            self.config.eval.episodes
        };
        let evaluation = self.evaluate(episodes)?;
        if let Some(adapter) = self.learner.decoder.adapter() {
            let folder = self.writer.dir().adapter(name);
            adapter.save(&folder, &self.model.name, DType::F32)?;
            if let Some(evaluation) = evaluation {
                let card = card::text(&self.model.name, name, &self.config, &evaluation);
                replace_file(&folder.join("README.md"), card.as_bytes())?;
            }
        }
        if name == "sft" {
            self.learner.reset_optimizer(self.config.grpo.weight_decay);
        }
        self.position.phase += 1;
        self.position.phase_step = 0;
        self.position.recent_shares.clear();
        self.save()
    }

    fn open_reference(&mut self) -> Result<()> {
        if self.config.grpo.beta > 0.0 && self.reference.is_none() {
            let dir = self.writer.dir().adapter("sft");
            let base = &self.model.decoder;
            let adapter = match dir.join("adapter_config.json").is_file() {
                true => Some(Adapter::load(
                    &dir,
                    &base.config,
                    &candle_core::Device::Cpu,
                )?),
                false => None,
            };
            self.reference = Some(base.with_adapter(adapter)?);
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
        self.elapsed_before + self.started.elapsed().as_secs_f64()
    }

    fn status(&mut self, state: RunState, reason: &str) -> Result<()> {
        let (step, total) = (self.position.step, self.plan.total_steps());
        let elapsed = self.elapsed();
        let running = matches!(state, RunState::Running | RunState::Paused);
        let eta_s =
            (running && step > 0).then(|| elapsed / step as f64 * (total - step.min(total)) as f64);
        let phase = match self.phase_name() {
            name if name.is_empty() => self
                .plan
                .phases
                .last()
                .map(|p| p.name.clone())
                .unwrap_or_default(),
            name => name,
        };
        let status = Status {
            state,
            phase,
            step,
            total_steps: total,
            elapsed_s: elapsed,
            eta_s,
            heartbeat: unix_seconds(),
            pid: std::process::id(),
            reason: reason.into(),
        };
        self.writer.status(&status)?;
        self.last_heartbeat = Instant::now();
        self.host.tell(RunFact::Status(status));
        Ok(())
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
