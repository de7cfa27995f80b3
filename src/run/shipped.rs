//! The run whose adapters are in the binary: its curves, to be looked at before anyone trains.

use serde::de::DeserializeOwned;

use super::Manifest;
use crate::link::{EvalRow, MetricRow, Plan};

/// A finished run as its files tell it.
#[derive(Clone, Debug, Default)]
pub struct ShippedRun {
    pub run_id: String,
    /// When it was begun, as its `run.json` says.
    pub created: String,
    pub plan: Plan,
    pub metrics: Vec<MetricRow>,
    pub evaluations: Vec<EvalRow>,
}

const MANIFEST: &[u8] = include_bytes!("../../assets/nano/run/run.json");
const METRICS: &str = include_str!("../../assets/nano/run/metrics.jsonl");
const EVALUATIONS: &str = include_str!("../../assets/nano/run/eval.jsonl");

/// What it is called among runs.
pub const ID: &str = "shipped";

/// The shipped run; `None` only if its embedded files were not those of a run.
#[must_use]
pub fn run() -> Option<ShippedRun> {
    let manifest: Manifest = serde_json::from_slice(MANIFEST).ok()?;
    Some(ShippedRun {
        run_id: ID.into(),
        created: manifest.created,
        plan: manifest.plan,
        metrics: lines(METRICS),
        evaluations: lines(EVALUATIONS),
    })
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
        assert_eq!(
            run.metrics.last().map(|row| row.step),
            Some(run.plan.total_steps())
        );
    }
}
