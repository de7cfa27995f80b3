//! Controls and signs of life: what a run is asked for meanwhile, and what it says of itself.

use std::time::{Duration, Instant};

use super::machine::unix_seconds;
use super::{Run, RunState};
use crate::link::{Control, RunFact, Status};
use crate::train::error::Result;

/// Seconds between signs of life in `status.json`.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a paused run sleeps between looks at its controls.
const PAUSE_NAP: Duration = Duration::from_millis(100);

/// Controls not yet carried out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wants {
    pub(super) pause: bool,
    pub(super) save: bool,
    pub(super) stop: bool,
}

impl Wants {
    pub(super) fn take_in(&mut self, controls: &[Control]) {
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

impl Run<'_> {
    /// Evaluation, checkpoint and controls as they fall due; true when the run is to stop.
    pub(super) fn after_step(&mut self, phase_steps: u64) -> Result<bool> {
        let (step, every) = (self.position.phase_step, self.config.eval.every_steps);
        if every > 0 && step.is_multiple_of(every) && step < phase_steps {
            self.position.owes_evaluation = true;
            if self.evaluate_between()? {
                return Ok(true);
            }
        }
        self.listen()?;
        let due =
            self.config.save_steps > 0 && self.position.step.is_multiple_of(self.config.save_steps);
        if due || self.wants.save || self.wants.stop {
            self.save()?;
            self.wants.save = false;
        }
        self.show_life("training")?;
        self.pause_if_asked()?;
        Ok(self.wants.stop)
    }

    /// Takes in controls from host and folder.
    pub(super) fn listen(&mut self) -> Result<()> {
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
        self.status(RunState::Paused, "paused by request")?;
        while self.wants.pause && !self.wants.stop {
            std::thread::sleep(PAUSE_NAP);
            self.listen()?;
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
        self.status(RunState::Running, "training")
    }

    /// Writes that the run goes on, when it is time to.
    pub(super) fn show_life(&mut self, doing: &str) -> Result<()> {
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
            heartbeat: unix_seconds(),
            pid: std::process::id(),
            reason: reason.into(),
        };
        self.writer.status(&status)?;
        self.last_heartbeat = Instant::now();
        self.host.tell(RunFact::Status(status));
        Ok(())
    }
}
