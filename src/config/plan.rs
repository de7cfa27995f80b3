//! What a run is to do: its phases, and how many optimiser steps each takes.

use serde::{Deserialize, Serialize};

/// Name of the phase before the stages, and of its adapter.
pub const SFT: &str = "sft";

/// The phases of a run and how many optimiser steps each takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub phases: Vec<PhasePlan>,
}

/// One phase: [`SFT`], or a stage's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasePlan {
    pub name: String,
    /// How many it takes; how many it took, where it has ended early.
    pub steps: u64,
    /// How many the configuration wants, where the phase was ended early by request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<u64>,
}

impl PhasePlan {
    /// Whether it is the supervised warm start.
    #[must_use]
    pub fn is_sft(&self) -> bool {
        self.name == SFT
    }

    /// Steps that the configuration wants of it: what schedules go by.
    #[must_use]
    pub fn wanted_steps(&self) -> u64 {
        self.wanted.unwrap_or(self.steps)
    }

    /// Ends it after `done` of its steps.
    pub fn end_early(&mut self, done: u64) {
        self.wanted = Some(self.wanted_steps());
        self.steps = done;
    }
}

impl Plan {
    /// Whether there is a warm start.
    #[must_use]
    pub fn has_sft(&self) -> bool {
        self.phases.iter().any(PhasePlan::is_sft)
    }

    /// Optimiser steps of the whole run.
    #[must_use]
    pub fn total_steps(&self) -> u64 {
        let steps = self.phases.iter().map(|phase| phase.steps);
        steps.fold(0, u64::saturating_add)
    }

    /// Whether it is `whole`, phases ended early among them or not.
    #[must_use]
    pub fn is_of(&self, whole: &Self) -> bool {
        let is_of = |(part, whole): (&PhasePlan, &PhasePlan)| {
            part.name == whole.name
                && part.wanted_steps() == whole.steps
                && part.steps <= whole.steps
        };
        let mut phases = self.phases.iter().zip(&whole.phases);
        self.phases.len() == whole.phases.len() && phases.all(is_of)
    }

    /// What was ended early, in words; seed and configuration alone do not give such a run again.
    #[must_use]
    pub fn ended_early(&self) -> Option<String> {
        let told = self.phases.iter().filter_map(|phase| {
            let wanted = phase.wanted?;
            Some(format!(
                "{} after {} of {wanted} steps",
                phase.name, phase.steps
            ))
        });
        let told: Vec<_> = told.collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}
