//! How long a run still takes: the mean time of the latest steps of each kind, times the steps left.

use crate::config::{Plan, SFT, TrainConfig};
use crate::train::checkpoint::Position;

/// What a group costs in gold examples until one was timed: nano with eight responses (README, "Why these numbers").
const GROUP_COST: f64 = 2.0;

/// What a step weighs when the next has been timed: the last hundred make up most of a mean. A machine gets busy and idle
/// again, and every hundred steps or so hold an evaluation.
const FADING: f64 = 0.99;

/// A mean of times, later ones weighing more.
#[derive(Clone, Copy, Debug, Default)]
struct Recent {
    seconds: f64,
    weight: f64,
}

impl Recent {
    fn note(&mut self, seconds: f64) {
        self.seconds = self.seconds * FADING + seconds;
        self.weight = self.weight * FADING + 1.0;
    }

    fn mean(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.seconds / self.weight)
    }
}

/// Time spent on steps of both kinds by this process, evaluations and checkpoints between them included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    sft: Recent,
    grpo: Recent,
    /// Seconds of work at the last look.
    marked: f64,
}

impl Pace {
    /// Begins after `elapsed` seconds of work.
    pub(super) fn new(elapsed: f64) -> Self {
        Self {
            sft: Recent::default(),
            grpo: Recent::default(),
            marked: elapsed,
        }
    }

    /// Counts a step of `phase` that ends after `elapsed` seconds of work.
    pub(super) fn note(&mut self, phase: &str, elapsed: f64) {
        let recent = match phase {
            SFT => &mut self.sft,
            _ => &mut self.grpo,
        };
        recent.note(elapsed - self.marked);
        self.marked = elapsed;
    }

    /// Leaves out what was done since the last step: the end of a phase comes once.
    pub(super) fn skip(&mut self, elapsed: f64) {
        self.marked = elapsed;
    }

    /// Seconds to the end of the plan; `None` while nothing was timed.
    pub(super) fn left(
        &self,
        plan: &Plan,
        position: &Position,
        config: &TrainConfig,
    ) -> Option<f64> {
        let sft = self.sft.mean();
        let groups = config.grpo.prompts_per_step as f64 / config.sft.batch.max(1) as f64;
        let grpo = self.grpo.mean().or(sft.map(|s| s * GROUP_COST * groups));
        let phases = plan.phases.iter().enumerate().skip(position.phase);
        let seconds = phases.map(|(at, phase)| {
            let done = if at == position.phase {
                position.phase_step
            } else {
                0
            };
            let left = phase.steps.saturating_sub(done);
            let mean = if phase.is_sft() { sft } else { grpo };
            if left == 0 {
                Some(0.0)
            } else {
                Some(mean? * left as f64)
            }
        });
        seconds.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_step_has_its_own_time() {
        let mut config = TrainConfig::nano();
        (config.sft.examples, config.sft.epochs, config.sft.batch) = (100, 1, 20);
        (config.grpo.steps_per_stage, config.grpo.prompts_per_step) = (10, 40);
        let plan = config.plan(0);
        let mut position = Position::default();
        let mut pace = Pace::new(50.0);
        assert_eq!(pace.left(&plan, &position, &config), None);
        pace.note("sft", 51.0);
        position.phase_step = 1;
        // Four gold steps of 1 s, forty of twice as many groups at twice an example's cost.
        assert_eq!(pace.left(&plan, &position, &config), Some(4.0 + 160.0));
        (position.phase, position.phase_step) = (1, 1);
        pace.skip(90.0);
        pace.note("stage1_basic", 93.0);
        assert_eq!(pace.left(&plan, &position, &config), Some(39.0 * 3.0));
        // A continued run that begins in the curriculum.
        let mut pace = Pace::new(0.0);
        pace.note("stage1_basic", 2.0);
        assert_eq!(pace.left(&plan, &position, &config), Some(78.0));
        position.phase = plan.phases.len();
        assert_eq!(pace.left(&plan, &position, &config), Some(0.0));
    }

    #[test]
    fn a_machine_that_got_slower_is_soon_believed() {
        let mut config = TrainConfig::nano();
        (config.grpo.steps_per_stage, config.sft.epochs) = (1_000, 0);
        let plan = config.plan(0);
        let mut pace = Pace::new(0.0);
        let mut clock = 0.0;
        let mut work = |pace: &mut Pace, steps: usize, seconds: f64| {
            for _ in 0..steps {
                clock += seconds;
                pace.note("stage1_basic", clock);
            }
        };
        let grpo_only = Position {
            phase: plan.phases.len() - 1,
            ..Position::default()
        };
        let left = |pace: &Pace| pace.left(&plan, &grpo_only, &config).expect("timed");
        work(&mut pace, 1_000, 1.0);
        assert!((left(&pace) - 1_000.0).abs() < 1e-6);
        work(&mut pace, 200, 3.0);
        let now = left(&pace);
        assert!((2_700.0..3_000.0).contains(&now), "{now}");
    }
}
