//! One run as its facts tell it: plan, state, metrics, rollouts, warnings, evaluations.
//!
//! Where the facts come from (this process, a followed folder, the binary) makes no difference here.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::link::{EvalRow, MetricRow, Plan, RolloutGroup, RunFact, RunState, Status};
use crate::run::series::History;
use crate::run::shipped::ShippedRun;
use crate::ui::average::Averages;

/// Groups kept for looking back.
pub const GROUPS: usize = 64;

/// Warnings kept.
const WARNINGS: usize = 500;

/// One run as its facts tell it.
#[derive(Debug, Default)]
pub struct Watching {
    pub run_id: String,
    pub run_dir: Option<PathBuf>,
    /// Read-only and finished: the run that came with the program.
    pub is_shipped: bool,
    /// Read from its folder to be looked at.
    pub is_opened: bool,
    pub plan: Plan,
    pub status: Option<Status>,
    pub history: History,
    pub averages: Averages,
    /// Step of the latest row of metrics.
    pub last_step: u64,
    pub groups: VecDeque<RolloutGroup>,
    pub warnings: VecDeque<(u64, String)>,
    pub evaluations: Vec<EvalRow>,
}

impl Watching {
    /// The run that came with the program.
    #[must_use]
    pub fn shipped(run: ShippedRun) -> Self {
        let mut watching = Self {
            run_id: run.run_id,
            is_shipped: true,
            plan: run.plan,
            evaluations: run.evaluations,
            ..Self::default()
        };
        run.metrics.iter().for_each(|row| watching.push(row));
        watching
    }

    fn push(&mut self, row: &MetricRow) {
        let is_again = row.step <= self.last_step;
        self.last_step = row.step;
        self.history.push(row);
        self.averages.follow(&self.history, row.step, is_again);
    }

    /// Takes a fact in.
    pub fn apply(&mut self, fact: RunFact) {
        match fact {
            RunFact::Started {
                run_dir,
                run_id,
                plan,
            } => {
                self.run_dir = Some(run_dir);
                self.run_id = run_id;
                self.plan = plan;
            }
            RunFact::Status(status) => self.take_status(status),
            RunFact::Metrics(row) => self.push(&row),
            RunFact::Rollouts(group) => push_bounded(&mut self.groups, *group, GROUPS),
            RunFact::Evaluation(row) => self.evaluations.push(row),
            RunFact::Warning { step, message } => self.warn(step, message),
        }
    }

    /// A failure is a line of the log too: the status that tells of it is gone once the run is continued.
    fn take_status(&mut self, status: Status) {
        let fails = status.state == RunState::Failed && self.state() != Some(RunState::Failed);
        let is_told = (self.warnings.back()).is_some_and(|(_, told)| *told == status.reason);
        if fails && !is_told && !status.reason.is_empty() {
            self.warn(status.step, status.reason.clone());
        }
        self.status = Some(status);
    }

    fn warn(&mut self, step: u64, message: String) {
        push_bounded(&mut self.warnings, (step, message), WARNINGS);
    }

    /// The run ended without a word of its own: whoever worked on it is gone, or it never began.
    pub fn fail(&mut self, reason: &str) {
        let told = self.status.clone().unwrap_or_else(|| Status {
            state: RunState::Failed,
            phase: String::new(),
            step: self.last_step,
            total_steps: self.plan.total_steps(),
            elapsed_s: 0.0,
            eta_s: None,
            heartbeat: 0,
            pid: 0,
            reason: String::new(),
        });
        self.take_status(Status {
            state: RunState::Failed,
            eta_s: None,
            reason: reason.to_owned(),
            ..told
        });
    }

    /// Whether its folder is `dir`.
    #[must_use]
    pub fn is_in(&self, dir: &Path) -> bool {
        self.run_dir.as_deref() == Some(dir)
    }

    /// Why the run failed; `None` as long as it has not.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        let status = self.status.as_ref();
        let failed = status.filter(|status| status.state == RunState::Failed)?;
        Some(match failed.reason.as_str() {
            "" => "the run failed without a reason",
            reason => reason,
        })
    }

    /// Whether after `fact` the adapter in training answers differently enough that old answers mislead.
    #[must_use]
    pub fn outdates_answers(&self, fact: &RunFact) -> bool {
        match fact {
            RunFact::Started { .. } | RunFact::Evaluation(_) => true,
            RunFact::Status(new) => {
                let old = self.status.as_ref();
                old.is_some_and(|old| old.phase != new.phase)
            }
            _ => false,
        }
    }

    /// What the run is doing, as far as it has said.
    #[must_use]
    pub fn state(&self) -> Option<RunState> {
        self.status.as_ref().map(|status| status.state)
    }

    /// Whether the run is being worked on, pauses included.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        !self.is_shipped
            && !self.is_opened
            && matches!(
                self.state(),
                None | Some(RunState::Running | RunState::Paused)
            )
    }

    /// Steps of the whole run, as planned or as far as known.
    #[must_use]
    pub fn total_steps(&self) -> u64 {
        let told = self.status.as_ref().map_or(0, |status| status.total_steps);
        told.max(self.plan.total_steps()).max(self.last_step)
    }

    /// First steps of the phases after the first, with the names of the phases: where bands begin.
    #[must_use]
    pub fn bands(&self) -> Vec<(u64, &str)> {
        let mut begin = 0;
        let mut bands = Vec::new();
        for phase in &self.plan.phases {
            bands.push((begin, phase.name.as_str()));
            begin += phase.steps;
        }
        bands
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, bound: usize) {
    if queue.len() >= bound {
        queue.pop_front();
    }
    queue.push_back(item);
}
