//! Controls and signs of life: what a run is asked for meanwhile, and what it says of itself.

use std::time::{Duration, Instant};

use super::{Run, RunState};
use crate::link::{Control, RunFact, Status};
use crate::run::Manifest;
use crate::run::summary::now;
use crate::train::error::Result;

/// Seconds between signs of life in `status.json`.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// What a run does that does nothing else.
pub(super) const TRAINING: &str = "training";
/// How long a paused run sleeps between looks at its controls.
const PAUSE_NAP: Duration = Duration::from_millis(100);

/// Controls not yet carried out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    pub(super) pause: bool,
    pub(super) save: bool,
    pub(super) skip: bool,
    pub(super) stop: bool,
}

impl Wants {
    pub(super) fn take_in(&mut self, controls: &[Control]) {
        for control in controls {
            match control {
                Control::Pause => self.pause = true,
                Control::Resume => self.pause = false,
                Control::Save => self.save = true,
                Control::Skip => self.skip = true,
                Control::Stop => self.stop = true,
            }
        }
    }
}

impl Run<'_> {
    /// Evaluation, checkpoint and controls as they fall due; true when the run is to stop.
    pub(super) fn after_step(&mut self) -> Result<bool> {
        // An evaluation is due at the end of a phase anyway.
        self.skip_if_asked()?;
        let (step, every) = (self.position.phase_step, self.config.eval.every_steps);
        if every > 0 && step.is_multiple_of(every) && step < self.phase_end() {
            self.position.owes_evaluation = true;
            if self.evaluate_between()? {
                self.skip_if_asked()?;
                return Ok(true);
            }
        }
        self.listen()?;
        let due =
            self.config.save_steps > 0 && self.position.step.is_multiple_of(self.config.save_steps);
        if self.wants.stop {
            // Before the checkpoint: what stands after it is cut off when the run is gone on with.
            let step = self.position.step;
            self.writer.log(&format!("asked to stop at step {step}"))?;
        }
        if due || self.wants.save || self.wants.stop {
            self.save()?;
            self.wants.save = false;
        }
        self.show_life(TRAINING)?;
        self.pause_if_asked()?;
        self.skip_if_asked()?;
        Ok(self.wants.stop)
    }

    /// Ends the phase here where that was asked for. The plan in `run.json` says so from then on, and a checkpoint is written:
    /// whoever resumes the run finds the phase at its end.
    fn skip_if_asked(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.wants.skip) || self.position.phase_step >= self.phase_end() {
            return Ok(());
        }
        let Some(phase) = self.plan.phases.get_mut(self.position.phase) else {
            return Ok(());
        };
        phase.end_early(self.position.phase_step);
        let (name, done, wanted) = (phase.name.clone(), phase.steps, phase.wanted_steps());
        let dir = self.writer.dir();
        let mut manifest = Manifest::read(dir)?;
        manifest.plan = self.plan.clone();
        manifest.write(dir)?;
        self.warn(format!(
            "{name} ended early by request, after {done} of {wanted} steps: seed and configuration alone do not give this run again"
        ))?;
        self.host.tell(RunFact::Planned(self.plan.clone()));
        self.position.owes_evaluation = false;
        self.save()?;
        self.status(RunState::Running, "ending the phase early, by request")
    }

    /// A request to skip that came while its phase was ending is not one to skip the next.
    pub(super) fn forget_skip(&mut self, ended: &str) -> Result<()> {
        if std::mem::take(&mut self.wants.skip) {
            let told = format!("skip: {ended} was at its end already");
            self.writer.log(&told)?;
        }
        Ok(())
    }

    /// Steps after which the present phase ends.
    pub(super) fn phase_end(&self) -> u64 {
        let phase = self.plan.phases.get(self.position.phase);
        phase.map_or(0, |phase| phase.steps)
    }

    /// Takes in controls from host and folder, and shows life: steps of a large model are longer than anybody waits for that.
    pub(super) fn listen(&mut self) -> Result<()> {
        self.hear()?;
        self.show_life(self.doing)
    }

    /// Takes in controls from host and folder.
    pub(super) fn hear(&mut self) -> Result<()> {
        let mut controls = self.host.between(&self.learner.decoder);
        let requests = self.control.poll()?;
        for name in &requests.unknown {
            self.writer.log(&format!("control/{name}: not a request"))?;
        }
        controls.extend(requests.controls);
        self.wants.take_in(&controls);
        Ok(())
    }

    /// Sleeps while a pause is wanted.
    pub(super) fn pause_if_asked(&mut self) -> Result<()> {
        if !self.wants.pause || self.wants.stop {
            return Ok(());
        }
        let mut idle_since = Instant::now();
        let step = self.position.step;
        self.writer.log(&format!("paused at step {step}"))?;
        self.status(RunState::Paused, "paused by request")?;
        while self.wants.pause && !self.wants.stop {
            std::thread::sleep(PAUSE_NAP);
            self.hear()?;
            let idle = idle_since.elapsed();
            self.work.leave_out(idle);
            idle_since += idle;
            if self.wants.save || self.wants.stop {
                self.save()?;
                self.wants.save = false;
            }
            if self.last_heartbeat.elapsed() >= HEARTBEAT {
                self.status(RunState::Paused, "paused by request")?;
            }
        }
        if !self.wants.stop {
            self.writer.log("the pause is over")?;
        }
        self.status(RunState::Running, self.doing)
    }

    /// Writes that the run goes on, when it is time to.
    pub(super) fn show_life(&mut self, doing: &'static str) -> Result<()> {
        self.doing = doing;
        if self.last_heartbeat.elapsed() < HEARTBEAT {
            return Ok(());
        }
        self.status(RunState::Running, doing)
    }

    /// Writes `status.json` and tells the host.
    pub(super) fn status(&mut self, state: RunState, reason: &str) -> Result<()> {
        let (step, total) = (self.position.step, self.plan.total_steps());
        let left = match state {
            RunState::Running | RunState::Paused => {
                self.pace.left(&self.plan, &self.position, &self.config)
            }
            _ => None,
        };
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
            elapsed_s: self.elapsed(),
            eta_s: left,
            heartbeat: now(),
            pid: std::process::id(),
            reason: reason.into(),
        };
        self.writer.status(&status)?;
        self.last_heartbeat = Instant::now();
        self.host.tell(RunFact::Status(status));
        Ok(())
    }
}
