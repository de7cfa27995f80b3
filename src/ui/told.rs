//! One run as its facts tell it: plan, state, metrics, rollouts, warnings, evaluations.
//!
//! Where the facts come from (this process, a followed folder, the binary) makes no difference here.

mod again;
pub mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use crate::config::Plan;
use crate::link::{
    AttackRow, EvalRow, MetricRow, OfferedAdapter, RolloutGroup, RunFact, RunState, Status,
};
use crate::run::{RunDir, shipped::ShippedRun};
use crate::ui::curves::Curves;
use crate::ui::signs::{Chronicle, Sign, repetition, signs, standstill};
use crate::ui::told::trouble::{Reader, in_keys};
use crate::ui::view::{Extent, x_end};

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
    pub curves: Curves,
    /// Step of the latest row of metrics.
    pub last_step: u64,
    pub groups: VecDeque<RolloutGroup>,
    pub warnings: VecDeque<(u64, String)>,
    pub evaluations: Vec<EvalRow>,
    /// What the attacker tried, in order.
    attacks: Vec<AttackRow>,
    /// What is wrong now, by the curves.
    by_curves: Vec<Sign>,
    /// Since when, and what was before.
    chronicle: Chronicle,
    /// It gives no sign of life.
    silence: Option<Sign>,
    /// The disk it writes to is nearly full.
    crowding: Option<Sign>,
    /// Its answers repeat themselves.
    repetition: Option<Sign>,
    /// It gets no better.
    standstill: Option<Sign>,
    /// What it has left to be asked, as far as was looked.
    pub adapters: Vec<OfferedAdapter>,
    /// Its process is gone without a word, and nobody has continued it.
    pub has_crashed: bool,
    /// A process works on it, though it is only looked at.
    pub is_alive: bool,
    /// From where it is looked at.
    pub reader: Reader,
}

/// What one arm of the attacker did.
#[derive(Clone, Debug)]
pub struct ArmRecord<'a> {
    pub tries: u64,
    pub refused: u64,
    /// Sum of what was won by tries that were not refused.
    won: f64,
    pub last: &'a AttackRow,
}

impl ArmRecord<'_> {
    /// Tries, share won, refused, step and outcome of the last try, as they are told.
    #[must_use]
    pub fn words(&self) -> [String; 5] {
        let last = match &self.last.refused {
            Some(why) => format!("refused: {why}"),
            None => format!("won {:.2}", self.last.won),
        };
        let wins = format!("{:.0}%", self.win_share() * 100.0);
        let [tries, refused, step] =
            [self.tries, self.refused, self.last.step].map(|n| n.to_string());
        [tries, wins, refused, step, last]
    }

    /// Share of wrong answers to its crafts.
    #[must_use]
    pub fn win_share(&self) -> f64 {
        self.won / (self.tries - self.refused).max(1) as f64
    }
}

/// How far a run is in one of its phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InStage<'a> {
    pub name: &'a str,
    pub done: u64,
    pub steps: u64,
    /// The phase after it.
    pub next: Option<&'a str>,
}

impl Watching {
    /// A run to be read from its folder.
    #[must_use]
    pub fn opened() -> Self {
        Self {
            is_opened: true,
            ..Self::default()
        }
    }

    /// The run that came with the program.
    #[must_use]
    pub fn shipped(run: ShippedRun) -> Self {
        let mut watching = Self {
            run_id: run.run_id,
            is_shipped: true,
            plan: run.plan,
            ..Self::default()
        };
        run.metrics.iter().for_each(|row| watching.push(row));
        let evaluations = run.evaluations.into_iter().map(RunFact::Evaluation);
        let system = run.system.into_iter().map(RunFact::System);
        let rollouts = run.rollouts.into_iter().map(Box::new);
        let rollouts = rollouts.map(RunFact::Rollouts);
        let attacks = run.attacks.into_iter().map(RunFact::Attack);
        let told = evaluations.chain(system).chain(rollouts).chain(attacks);
        told.for_each(|fact| watching.apply(fact));
        watching
    }

    fn push(&mut self, row: &MetricRow) {
        self.last_step = row.step;
        self.curves.metrics(row);
        self.by_curves = signs(&self.curves, self.phase_begin(row.step));
        self.chronicle.follow(row.step, &self.by_curves);
    }

    /// The last step before the phase that `step` belongs to.
    fn phase_begin(&self, step: u64) -> u64 {
        let begins = self.bands().into_iter().map(|(begin, _)| begin);
        begins.take_while(|begin| *begin < step).last().unwrap_or(0)
    }

    /// A resumed run says old tries again.
    fn attack(&mut self, row: AttackRow) {
        if self.attacks.last().is_some_and(|last| last.step > row.step) {
            self.attacks.retain(|old| old.step < row.step);
        }
        self.attacks.push(row);
    }

    /// The attacker's arms, the most winning first.
    #[must_use]
    pub fn arms(&self) -> Vec<ArmRecord<'_>> {
        let mut arms: BTreeMap<&str, ArmRecord<'_>> = BTreeMap::new();
        for row in &self.attacks {
            let arm = arms.entry(&row.arm).or_insert(ArmRecord {
                tries: 0,
                refused: 0,
                won: 0.0,
                last: row,
            });
            arm.tries += 1;
            match row.refused {
                Some(_) => arm.refused += 1,
                None => arm.won += row.won,
            }
            arm.last = row;
        }
        let mut arms: Vec<_> = arms.into_values().collect();
        arms.sort_by(|a, b| b.win_share().total_cmp(&a.win_share()));
        arms
    }

    /// A resumed run says old evaluations again: that of its step and later ones are forgotten first.
    fn evaluate(&mut self, row: EvalRow) {
        let is_said_again = |last: &mut EvalRow| {
            last.step > row.step || (last.step == row.step && last.stage == row.stage)
        };
        while self.evaluations.pop_if(is_said_again).is_some() {}
        self.curves.evaluation(&row);
        self.evaluations.push(row);
        self.standstill = standstill(&self.evaluations);
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
            RunFact::Planned(plan) => self.plan = plan,
            RunFact::Status(status) => self.take_status(status),
            RunFact::Metrics(row) => self.push(&row),
            RunFact::Rollouts(group) => self.sample(*group),
            RunFact::System(row) => self.curves.system(&row),
            RunFact::Attack(row) => self.attack(row),
            RunFact::Evaluation(row) => self.evaluate(row),
            RunFact::Warning { step, message } => self.warn(step, message),
            RunFact::Forget(kind) => self.forget(kind),
            RunFact::Silent { message } => {
                let said = in_keys(&message, self.run_dir.as_deref(), self.reader);
                self.silence = Some(Sign::of(self.last_step, said));
            }
            RunFact::Crashed { message } => {
                self.fail(&message);
                self.has_crashed = true;
            }
        }
    }

    /// A resumed run says old groups again: those of its step and later ones are forgotten first.
    fn sample(&mut self, group: RolloutGroup) {
        let here = (group.step, group.group_id);
        self.groups.retain(|old| (old.step, old.group_id) < here);
        push_bounded(&mut self.groups, group, GROUPS);
        self.repetition = repetition(self.groups.iter().rev());
    }

    /// A failure is a line of the log too: the status that tells of it is gone once the run is continued.
    fn take_status(&mut self, status: Status) {
        let fails = status.state == RunState::Failed && self.state() != Some(RunState::Failed);
        let is_told = (self.warnings.back()).is_some_and(|(_, told)| *told == status.reason);
        if fails && !is_told && !status.reason.is_empty() {
            self.warn(status.step, status.reason.clone());
        }
        self.silence = None;
        self.has_crashed = false;
        self.status = Some(status);
        let is_in_progress = self.is_in_progress();
        self.crowding = self.crowding.take().filter(|_| is_in_progress);
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

    /// What it is called: as its folder, else by its id.
    #[must_use]
    pub fn name(&self) -> String {
        let dir = self.run_dir.as_ref().map(RunDir::new);
        dir.map_or_else(|| self.run_id.clone(), |dir| dir.id())
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

    /// Why there is no line of a kind: what comes later, or what never came.
    #[must_use]
    pub fn says_none_of(&self, what: &str, comes: &str) -> String {
        if self.is_shipped {
            return format!("the shipped run keeps no {what}: t starts one that does");
        }
        match self.state() {
            Some(RunState::Stopped | RunState::Failed) => {
                format!("this run has ended before there were any {what}: {comes}")
            }
            Some(RunState::Finished) => format!("this run is over and has left no {what}"),
            _ => format!("no {what} yet: {comes}"),
        }
    }

    /// Steps of the whole run, as planned or as far as known.
    #[must_use]
    pub fn total_steps(&self) -> u64 {
        let told = self.status.as_ref().map_or(0, |status| status.total_steps);
        told.max(self.plan.total_steps()).max(self.last_step)
    }

    /// Step at which the adapter was written that did best on hold-out episodes.
    #[must_use]
    pub fn best_step(&self) -> Option<u64> {
        let mut rows = self.evaluations.iter().rev();
        let is_best = |row: &&EvalRow| row.values.get("is_best") == Some(&1.0);
        rows.find(is_best).map(|row| row.step)
    }

    /// The phase that it says it is in.
    #[must_use]
    pub fn stage(&self) -> Option<InStage<'_>> {
        let status = self.status.as_ref()?;
        let phases = &self.plan.phases;
        let at = phases.iter().position(|phase| phase.name == status.phase)?;
        let begin: u64 = phases.iter().take(at).map(|phase| phase.steps).sum();
        let phase = phases.get(at)?;
        Some(InStage {
            name: &phase.name,
            done: status.step.max(self.last_step).saturating_sub(begin),
            steps: phase.steps,
            next: phases.get(at + 1).map(|next| next.name.as_str()),
        })
    }

    /// How far the curves reach.
    #[must_use]
    pub fn extent(&self) -> Extent {
        Extent {
            all: x_end(self.last_step, self.plan.total_steps()),
            last: self.last_step,
        }
    }

    /// First steps of the phases after the first, with the names of the phases: where bands begin.
    #[must_use]
    pub fn bands(&self) -> Vec<(u64, &str)> {
        let mut begin = 0;
        let mut bands = Vec::new();
        for phase in &self.plan.phases {
            bands.push((begin, phase.name.as_str()));
            begin = phase.steps.saturating_add(begin);
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
