//! The one interface between whoever trains and whoever watches: commands in, facts out.
//!
//! Two carriers speak it: channels inside the process (workbench and model thread) and a run folder on disk (see
//! [`crate::run`]), where the same facts are lines of files and the same controls are files in `control/`. Plain data: this
//! module knows neither tensors nor terminals.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::config::{Plan, TrainConfig};
use crate::env::schema::{Action, Episode, Verdict};
use crate::eval::calibration::Calibration;
use crate::eval::metrics::SliceAnswers;

/// What a screen asks of the model thread.
#[derive(Debug)]
pub enum Command {
    /// Start a run, or continue the one in `run_dir`.
    Train(Box<TrainRequest>),
    /// Say what a run of this configuration would need.
    Fit(Box<FitRequest>),
    /// Steer the run in progress; without one it is ignored.
    Control(Control),
    /// Follow and steer the run in this folder, which another process works on; ignored while a run goes on here.
    Follow(PathBuf),
    /// Answer one episode; served between micro-batches while a run is in progress.
    Infer(InferRequest),
    /// These adapters can be asked by their names from now on; those offered under the same names before no longer.
    Offer(Vec<OfferedAdapter>),
    /// Checkpoint and stop a run in progress, end the thread.
    Quit,
    /// Let a run in progress go on to its end, then end the thread: nobody will ask for more.
    QuitAfterRun,
}

/// A request to a run in progress. As a file in `control/` it carries this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    Pause,
    Resume,
    /// Write a checkpoint now and go on.
    Save,
    /// End the present phase after the current step, as if all its steps were done, and go on with the next.
    Skip,
    /// Write a checkpoint and end.
    Stop,
}

impl Control {
    /// All five.
    pub const ALL: [Control; 5] = [
        Control::Pause,
        Control::Resume,
        Control::Save,
        Control::Skip,
        Control::Stop,
    ];

    /// The file name in `control/`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Control::Pause => "pause",
            Control::Resume => "resume",
            Control::Save => "save",
            Control::Skip => "skip",
            Control::Stop => "stop",
        }
    }
}

/// A run to start or continue.
#[derive(Clone, Debug)]
pub struct TrainRequest {
    /// The resolved configuration (ignored by `resume`, which reads `run.json`).
    pub config: TrainConfig,
    /// Where facts go.
    pub run_dir: PathBuf,
    /// Continue from the last checkpoint in `run_dir`.
    pub resume: bool,
    /// A file of labelled examples that a new run learns from beside the gold ones.
    pub sft_extra: Option<PathBuf>,
}

/// What a run would be started with.
#[derive(Clone, Debug, PartialEq)]
pub struct FitRequest {
    pub config: TrainConfig,
    /// As in [`TrainRequest`].
    pub sft_extra: Option<PathBuf>,
}

/// Which weights answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterChoice {
    /// The base model alone.
    Base,
    /// The named adapter of the shipped run, the one given on the command line, or one of a run.
    Named(String),
    /// The adapter being trained, as it stands now.
    Live,
}

/// An adapter that a run has left, to be asked by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedAdapter {
    /// Run and adapter, as `20261123-063121-s42/sft`.
    pub name: String,
    pub dir: PathBuf,
    /// When its weights were written: a run writes some of its adapters again.
    pub written: Option<SystemTime>,
}

/// One greedy answer wanted.
#[derive(Clone, Debug)]
pub struct InferRequest {
    /// Comes back in the reply.
    pub id: u64,
    pub episode: Box<Episode>,
    pub adapter: AdapterChoice,
}

/// What the model thread tells.
#[derive(Clone, Debug)]
pub enum Fact {
    /// Weights are in memory.
    ModelReady {
        model: String,
        parameters: u64,
        adapters: Vec<String>,
        default_adapter: AdapterChoice,
    },
    /// Of the adapters that were offered: those that can be asked, and of the others why not.
    Offered {
        adapters: Vec<OfferedAdapter>,
        refused: Vec<String>,
    },
    /// Something to know about what was opened that stops nothing: an adapter made for another base model.
    Noted { message: String },
    /// The answer to an [`InferRequest`].
    Inference {
        id: u64,
        adapter: String,
        response: String,
        verdict: Box<Verdict>,
        /// How likely each action was to be said, in the order of [`Action::ALL`], summing to one; none where the model could
        /// not be asked for it.
        probabilities: Option<[f64; 5]>,
        /// How long the response took, without what came after it.
        millis: u64,
    },
    /// No answer: why, and what to do.
    InferenceFailed { id: u64, message: String },
    /// What a run of this configuration needs of the memory there is, in words, and whether that suffices; and how many labelled
    /// examples its file holds, or why none can be read.
    Fitted {
        request: Box<FitRequest>,
        told: String,
        fits: bool,
        labels: Result<u64, String>,
    },
    /// A fact of the run in this process; already on disk when it arrives here.
    Run(RunFact),
    /// A run in another process is followed from here on, and told from its beginning.
    Found,
    /// A fact of that run.
    Elsewhere(RunFact),
    /// The model thread cannot go on (weights unreadable, panic); what was asked is lost, what is on disk is not.
    ModelFailed { message: String },
}

/// A fact of a run. Each is a line (or the content) of a file of the run folder, but for the last three, which its readers
/// find out.
#[derive(Clone, Debug)]
pub enum RunFact {
    /// `run.json` is written.
    Started {
        run_dir: PathBuf,
        run_id: String,
        plan: Plan,
    },
    /// `run.json` says another plan: a phase has ended early.
    Planned(Plan),
    /// `status.json` is written.
    Status(Status),
    /// A line of `metrics.jsonl`.
    Metrics(MetricRow),
    /// A line of `system.jsonl`.
    System(SystemRow),
    /// A line of `rollouts.jsonl`.
    Rollouts(Box<RolloutGroup>),
    /// A line of `attacker.jsonl`.
    Attack(AttackRow),
    /// A line of `eval.jsonl`.
    Evaluation(EvalRow),
    /// A line of `log.txt` the watcher should see: collapse, zero-variance groups, a non-finite value.
    Warning { step: u64, message: String },
    /// `status.json` has not been written for too long, though its process is there: why that may be, and what to do. Holds
    /// until the next status.
    Silent { message: String },
    /// The process behind the last status is gone without a word: what to do. Holds until the next status.
    Crashed { message: String },
    /// The file of these facts was cut back: what came of them so far is told again from its beginning.
    Forget(FactKind),
}

/// Facts that are lines of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    Metrics,
    System,
    Rollouts,
    Attacks,
    Evaluations,
    Warnings,
}

impl FactKind {
    /// All six.
    pub const ALL: [FactKind; 6] = [
        FactKind::Metrics,
        FactKind::System,
        FactKind::Rollouts,
        FactKind::Attacks,
        FactKind::Evaluations,
        FactKind::Warnings,
    ];
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Paused,
    /// Ended by request, resumable.
    Stopped,
    Finished,
    Failed,
}

impl RunState {
    /// The word in `status.json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Paused => "paused",
            RunState::Stopped => "stopped",
            RunState::Finished => "finished",
            RunState::Failed => "failed",
        }
    }
}

/// The content of `status.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub state: RunState,
    /// Phase name: `sft` or a stage id.
    pub phase: String,
    /// Optimiser steps done over the whole run.
    pub step: u64,
    pub total_steps: u64,
    /// Seconds of work so far, pauses left out.
    pub elapsed_s: f64,
    /// Seconds of work left, when known.
    pub eta_s: Option<f64>,
    /// Unix seconds of the last sign of life.
    pub heartbeat: u64,
    pub pid: u32,
    /// Why it is in this state, in words.
    pub reason: String,
}

/// A line of `metrics.jsonl`: only what the seed determines. Names are TRL's where TRL has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    /// Optimiser steps done, counted over the whole run, from 1.
    pub step: u64,
    /// Phase name: `sft` or a stage id.
    pub stage: String,
    /// Metric name to value; a value that is not finite is left out and named under `non_finite` in `log.txt`.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// A line of `system.jsonl`: what the seed does not determine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemRow {
    pub step: u64,
    pub stage: String,
    /// Unix seconds.
    pub time: u64,
    /// `cpu`, `cuda:0`, `metal`.
    pub device: String,
    /// Rates, times, memory.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// A line of `rollouts.jsonl`: the responses sampled for one prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutGroup {
    pub step: u64,
    pub stage: String,
    pub group_id: u64,
    pub episode_id: String,
    /// One line about the alert, for a list.
    pub summary: String,
    pub truth_action: Action,
    pub truth_log_id: String,
    pub rule: String,
    pub rollouts: Vec<Rollout>,
}

/// One sampled response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    pub response: String,
    pub action: Option<Action>,
    pub cited_log_id: Option<String>,
    pub reward: f64,
    pub components: BTreeMap<String, f64>,
    pub advantage: f64,
    /// Whether it hit the length limit before its end token.
    pub truncated: bool,
    /// What each sampled token adds to the response: nothing the end token, or one that only begins a character. Empty in
    /// files of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
    /// Log-probability of each of them as it was sampled, to three decimals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_probs: Vec<f64>,
}

impl Rollout {
    /// Each token's text and probability; nothing where they are not told, or do not make up the response.
    #[must_use]
    pub fn spoken(&self) -> Vec<(&str, f64)> {
        let is_told = self.tokens.len() == self.log_probs.len();
        if !is_told || self.tokens.concat() != self.response {
            return Vec::new();
        }
        let pairs = self.tokens.iter().zip(&self.log_probs);
        pairs
            .map(|(token, log_prob)| (token.as_str(), log_prob.exp()))
            .collect()
    }
}

/// A line of `attacker.jsonl`: one try of the attacker in stage 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackRow {
    pub step: u64,
    /// Template and mutation, as `net.beacon+flood`.
    pub arm: String,
    /// Share of wrong answers; what a refused craft costs where it was refused.
    pub won: f64,
    /// Why the defender never saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A line of `eval.jsonl`: greedy answers on hold-out episodes at one point of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRow {
    pub step: u64,
    /// The phase just ended or in progress.
    pub stage: String,
    pub episodes: u64,
    /// Truth to answer (an action, or `malformed`) to how often; nothing in files of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confusion: BTreeMap<String, BTreeMap<String, u64>>,
    /// How each rule's episodes were answered; nothing in files of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, RuleAnswers>,
    /// The same of the slices that cut across rules: `new_template`, `injection`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_slice: BTreeMap<String, SliceAnswers>,
    /// How sure the answers were against how often right; nothing in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// How often a rule's episodes came up, and how often the action was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAnswers {
    pub episodes: u64,
    pub wrong: u64,
}
