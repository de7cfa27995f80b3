//! The analyst's side of the queue: decisions, citations, reveals, undo, and the score.
//!
//! A decision is judged by the same function as a response.

use crate::env::schema::{Action, Episode, Verdict};
use crate::env::verdict;
use crate::ui::queue::{Entry, Queue};

/// What the analyst did with an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    pub decision: Option<Action>,
    /// Position of the cited event in the log window.
    pub mark: Option<usize>,
    pub is_revealed: bool,
    /// The analyst's decision, judged like a response.
    pub own: Option<Verdict>,
}

/// Right actions and rewards over revealed alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub judged: usize,
    pub right_actions: usize,
    pub right_citations: usize,
    pub reward: f64,
}

impl Score {
    fn add(&mut self, verdict: &Verdict) {
        self.judged += 1;
        self.right_actions += usize::from(verdict.correct_action);
        self.right_citations += usize::from(verdict.correct_citation);
        self.reward += verdict.reward;
    }

    /// Mean reward; zero before anything is judged.
    #[must_use]
    pub fn mean_reward(&self) -> f64 {
        self.reward / self.judged.max(1) as f64
    }
}

/// An analyst's decision, judged like a response.
pub(super) fn judged(episode: &Episode, action: Action, cited: Option<&str>) -> Verdict {
    let cited = cited.unwrap_or_default();
    let response = format!("Action: {action}\nCitedLog: {cited}\nRationale: analyst's decision");
    verdict::judge(episode, &response)
}

impl Queue {
    fn edit(&mut self, change: impl FnOnce(&mut Entry)) {
        let (stage, at) = (self.stage, self.selected());
        let Some(entry) = self.current_mut() else {
            return;
        };
        let before = entry.desk.clone();
        change(entry);
        if entry.desk != before {
            self.undo.push((stage, at, before));
            self.redo.clear();
        }
    }

    /// Chooses an action, as long as the truth is hidden.
    pub fn choose(&mut self, action: Action) {
        self.edit(|entry| {
            if !entry.desk.is_revealed {
                entry.desk.decision = Some(action);
            }
        });
    }

    /// Cites the line under the cursor, or takes the citation back; as long as the truth is hidden.
    pub fn toggle_mark(&mut self) {
        let line = self.line;
        self.edit(|entry| {
            if !entry.desk.is_revealed {
                let mark = Some(line).filter(|_| entry.desk.mark != Some(line));
                entry.desk.mark = mark;
            }
        });
    }

    /// Judges the analyst's decision like a response and reveals the truth; false without a decision.
    pub fn submit(&mut self) -> bool {
        let line = self.line;
        let Some(entry) = self.current() else {
            return false;
        };
        let Some(action) = entry.desk.decision else {
            return false;
        };
        if entry.desk.is_revealed {
            return true;
        }
        let mark = entry.desk.mark.unwrap_or(line);
        let cited = entry.episode.log_window.get(mark);
        let own = judged(
            &entry.episode,
            action,
            cited.map(|event| event.log_id.as_str()),
        );
        self.edit(|entry| {
            entry.desk.mark = Some(mark);
            entry.desk.own = Some(own);
            entry.desk.is_revealed = true;
        });
        self.rest();
        true
    }

    /// Shows the truth without a decision.
    pub fn reveal(&mut self) {
        self.edit(|entry| entry.desk.is_revealed = true);
        self.rest();
    }

    /// Takes the last change back (`redo`: brings it again) and goes to its alert; false when there is none.
    pub fn undo(&mut self, redo: bool) -> bool {
        let from = if redo { &mut self.redo } else { &mut self.undo };
        let Some((stage, at, desk)) = from.pop() else {
            return false;
        };
        let here = (self.stage, self.selected(), self.line);
        self.stage = stage;
        self.select(at);
        let Some(entry) = self.current_mut() else {
            return false;
        };
        let now = std::mem::replace(&mut entry.desk, desk);
        let is_hidden = !entry.desk.is_revealed;
        let stays = (here.0, here.1) == (stage, at) && now.is_revealed == entry.desk.is_revealed;
        let to = if redo { &mut self.undo } else { &mut self.redo };
        to.push((stage, at, now));
        // Taking a citation back must not move the cursor; taking a reveal back must not leave it on the truth.
        if stays {
            self.line = here.2;
        } else {
            self.rest();
        }
        if is_hidden {
            // Its copies tell the truth.
            self.forget_what_if(stage, at);
        }
        true
    }

    /// The analyst's and the model's score over revealed alerts of this stage.
    #[must_use]
    pub fn scores(&self) -> (Score, Score) {
        let (mut own, mut model) = (Score::default(), Score::default());
        for (at, entry) in self.entries().iter().enumerate() {
            if entry.desk.is_revealed {
                entry.desk.own.iter().for_each(|verdict| own.add(verdict));
                self.model_verdict(at).iter().for_each(|v| model.add(v));
            }
        }
        (own, model)
    }
}
