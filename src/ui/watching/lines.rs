//! The lines of the lists as text: searched as they are drawn, and copied.

use super::{Training, TrainingPane};
use crate::link::{EvalRow, Rollout};
use crate::ui::filter::FilterError;
use crate::ui::numbers::short;

/// What stands in the line of a rollout.
#[derive(Clone, Debug)]
pub struct RolloutWords<'a> {
    pub reward: String,
    pub advantage: String,
    pub action: &'a str,
    pub cited: &'a str,
    pub ended: &'a str,
}

impl<'a> RolloutWords<'a> {
    /// Of one rollout.
    #[must_use]
    pub fn of(rollout: &'a Rollout) -> Self {
        Self {
            reward: format!("{:+.2}", rollout.reward),
            advantage: format!("{:+.2}", rollout.advantage),
            action: rollout.action.map_or("malformed", |action| action.as_str()),
            cited: rollout.cited_log_id.as_deref().unwrap_or("-"),
            ended: if rollout.truncated { "cut off" } else { "" },
        }
    }

    /// All of it, and what stands under the list once the cursor is on it.
    pub(super) fn searched(&self, rollout: &Rollout) -> String {
        let parts = rollout.components.iter();
        let parts: Vec<_> = parts
            .map(|(name, value)| format!("{name} {value:+.2}"))
            .collect();
        [
            &self.reward,
            &self.advantage,
            self.action,
            self.cited,
            self.ended,
            &parts.join(", "),
            &rollout.response,
        ]
        .join(" ")
    }
}

/// The columns of the list of evaluations: title and metric, the most telling first.
pub const EVALUATION_COLUMNS: [(&str, &str); 6] = [
    ("action", "accuracy"),
    ("cited", "citation_accuracy"),
    ("format", "format_ok"),
    ("reward", "mean_reward"),
    ("missed", "dismiss_on_malicious"),
    ("ECE", "ece"),
];

/// A value of an evaluation as it is told.
#[must_use]
pub fn evaluated(row: &EvalRow, metric: &str) -> String {
    let value = row.values.get(metric);
    value.map_or_else(|| "-".to_owned(), |value| short(*value))
}

fn evaluation(row: &EvalRow, is_best: bool) -> String {
    let values =
        EVALUATION_COLUMNS.map(|(title, metric)| format!("{title} {}", evaluated(row, metric)));
    let best = if is_best { " best" } else { "" };
    format!(
        "{} {} {} n={}{best}",
        row.step,
        row.stage,
        values.join(" "),
        row.episodes
    )
}

impl Training {
    /// Moves the cursor of the pane in focus to the next line that holds `text`, among rollouts to the next of any group that
    /// it admits; false where there is none.
    ///
    /// # Errors
    /// Says what is wrong with a text that is to admit rollouts.
    pub fn seek(&mut self, text: &str, forward: bool) -> Result<bool, FilterError> {
        if self.pane == TrainingPane::Rollouts {
            return self.find_rollout(text, forward);
        }
        let wanted = text.to_lowercase();
        let (here, len) = (self.cursor(), self.lines());
        let holds = |at: &usize| {
            let line = self.searched_at(*at);
            line.is_some_and(|line| line.to_lowercase().contains(&wanted))
        };
        let found = if forward {
            (here + 1..len).chain(0..=here.min(len)).find(holds)
        } else {
            (0..here).rev().chain((here..len).rev()).find(holds)
        };
        if let Some(at) = found {
            self.move_to(at);
        }
        Ok(found.is_some())
    }

    /// The line under the cursor as text.
    #[must_use]
    pub fn line_under_cursor(&self) -> Option<String> {
        self.line_at(self.cursor().min(self.lines().checked_sub(1)?))
    }

    /// The line at `at` as it is drawn.
    fn searched_at(&self, at: usize) -> Option<String> {
        let run = self.shown()?;
        match self.pane {
            TrainingPane::Evaluations => {
                let row = run.evaluations.iter().rev().nth(at)?;
                Some(evaluation(row, run.best_step() == Some(row.step)))
            }
            TrainingPane::Attacker => {
                let arms = run.arms();
                let arm = arms.get(at)?;
                Some(format!("{} {}", arm.last.arm, arm.words().join(" ")))
            }
            TrainingPane::Metrics | TrainingPane::Rollouts | TrainingPane::Log => self.line_at(at),
        }
    }

    /// The line at `at` as it is copied.
    fn line_at(&self, at: usize) -> Option<String> {
        let run = self.shown()?;
        match self.pane {
            TrainingPane::Metrics => {
                let (name, series) = self.metrics().nth(at)?;
                let value = series.newest().map_or(f64::NAN, |point| point.value);
                Some(format!("{name} {value}"))
            }
            TrainingPane::Rollouts => Some(self.group()?.rollouts.get(at)?.response.clone()),
            TrainingPane::Log => {
                let (step, message) = run.log().into_iter().nth(at)?;
                Some(format!("{step} {message}"))
            }
            TrainingPane::Evaluations => {
                let row = run.evaluations.iter().rev().nth(at)?;
                serde_json::to_string(row).ok()
            }
            TrainingPane::Attacker => serde_json::to_string(run.arms().get(at)?.last).ok(),
        }
    }
}
