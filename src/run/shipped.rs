//! The run whose adapters are in the binary: its curves, to be looked at before anyone trains.

use serde::de::DeserializeOwned;

use super::Manifest;
use crate::config::Plan;
use crate::link::{AttackRow, EvalRow, MetricRow, RolloutGroup, SystemRow};

/// A finished run as its files tell it.
#[derive(Clone, Debug, Default)]
pub struct ShippedRun {
    pub run_id: String,
    /// When it was begun, as its `run.json` says.
    pub created: String,
    pub plan: Plan,
    pub metrics: Vec<MetricRow>,
    pub evaluations: Vec<EvalRow>,
    /// Of every tenth step.
    pub system: Vec<SystemRow>,
    /// The logged group of every thirteenth step: as many as a browser keeps.
    pub rollouts: Vec<RolloutGroup>,
    pub attacks: Vec<AttackRow>,
}

const MANIFEST: &[u8] = include_bytes!("../../assets/nano/run/run.json");
const METRICS: &str = include_str!("../../assets/nano/run/metrics.jsonl");
const EVALUATIONS: &str = include_str!("../../assets/nano/run/eval.jsonl");

const SYSTEM: &str = include_str!("../../assets/nano/run/system.jsonl");
const ROLLOUTS: &str = include_str!("../../assets/nano/run/rollouts.jsonl");
const ATTACKS: &str = include_str!("../../assets/nano/run/attacker.jsonl");

/// What it is called among runs.
pub const ID: &str = "shipped";

/// The shipped run; `None` only if its embedded files were not those of a run.
#[must_use]
pub fn run() -> Option<ShippedRun> {
    let manifest = manifest()?;
    Some(ShippedRun {
        run_id: ID.into(),
        created: manifest.created,
        plan: manifest.plan,
        metrics: lines(METRICS),
        evaluations: evaluations(),
        system: lines(SYSTEM),
        rollouts: lines(ROLLOUTS),
        attacks: lines(ATTACKS),
    })
}

/// What it was started with.
#[must_use]
pub fn manifest() -> Option<Manifest> {
    serde_json::from_slice(MANIFEST).ok()
}

/// What it showed on hold-out episodes.
#[must_use]
pub fn evaluations() -> Vec<EvalRow> {
    lines(EVALUATIONS)
}

fn lines<T: DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_line_is_read() {
        let run = run().expect("a manifest");
        assert_eq!(run.metrics.len(), METRICS.lines().count());
        assert_eq!(run.evaluations.len(), EVALUATIONS.lines().count());
        assert_eq!(run.system.len(), SYSTEM.lines().count());
        assert_eq!(run.rollouts.len(), ROLLOUTS.lines().count());
        assert_eq!(run.attacks.len(), ATTACKS.lines().count());
        assert!(run.rollouts.len() > 50 && run.system.len() > 200);
        assert_eq!(
            run.metrics.last().map(|row| row.step),
            Some(run.plan.total_steps())
        );
    }
}
