//! The lines of the lists as text: searched, and copied.

use super::{Training, TrainingPane};

impl Training {
    /// Moves the cursor of the pane in focus to the next line that holds `text`; false where none does.
    pub fn seek(&mut self, text: &str, forward: bool) -> bool {
        let wanted = text.to_lowercase();
        let (here, len) = (self.cursor(), self.lines());
        let holds = |at: &usize| {
            let line = self.line_at(*at);
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
        found.is_some()
    }

    /// The line under the cursor as text.
    #[must_use]
    pub fn line_under_cursor(&self) -> Option<String> {
        self.line_at(self.cursor().min(self.lines().checked_sub(1)?))
    }

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
