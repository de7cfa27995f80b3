//! The analyst's side of the queue: decisions, citations, reveals, undo, and the score.
//!
//! A decision is judged by the same function as a response.

use crate::env::schema::{Action, Episode, Stage, Verdict};
use crate::env::verdict;
use crate::ui::queue::{Answer, Entry, Queue};

/// What has been in view of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub truth: bool,
    /// What the model says of it.
    pub answer: bool,
}

/// What the analyst did with an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desk {
    pub decision: Option<Action>,
    /// Position of the cited event in the log window.
    pub mark: Option<usize>,
    pub is_revealed: bool,
    /// The analyst's decision, judged like a response.
    pub own: Option<Verdict>,
    /// What has been in view so far: no undo takes that back.
    pub seen: Seen,
    /// What had been in view before that decision was submitted.
    pub knew: Seen,
}

impl Desk {
    /// The judged decision as far as it counts: one made after the truth was seen says nothing of the analyst.
    #[must_use]
    pub fn counted(&self) -> Option<&Verdict> {
        self.own.as_ref().filter(|_| !self.knew.truth)
    }
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
        let is_answer_shown = self.shows_answer();
        let Some(entry) = self.current_mut() else {
            return;
        };
        // Before the copy: seeing is no change to undo.
        entry.desk.seen.answer |= is_answer_shown;
        let before = entry.desk.clone();
        change(entry);
        entry.desk.seen.truth |= entry.desk.is_revealed;
        if entry.desk != before {
            self.undo.push((stage, at, before));
            self.redo.clear();
        }
    }

    /// Whether an answer of the model to the selected alert is in view.
    fn shows_answer(&self) -> bool {
        let is_given = |answer: Option<&Answer>| matches!(answer, Some(Answer::Given { .. }));
        let is_there = is_given(self.shown_answer()) || is_given(self.second_answer());
        is_there && !self.hides_answer()
    }

    /// Hides the model's answers until the reveal, or shows them. Those that were there until now have been in view.
    pub fn toggle_blind(&mut self) {
        if !self.is_blind {
            let given: Vec<(Stage, usize)> = (self.entries.iter())
                .flat_map(|(stage, list)| (0..list.len()).map(move |at| (*stage, at)))
                .filter(|(stage, at)| self.verdict_at(*stage, *at).is_some())
                .collect();
            for (stage, at) in given {
                let list = self.entries.get_mut(&stage);
                if let Some(entry) = list.and_then(|list| list.get_mut(at)) {
                    entry.desk.seen.answer = true;
                }
            }
        }
        self.is_blind = !self.is_blind;
    }

    /// Why the decision on the selected alert does not count; none where it does, or there is none.
    #[must_use]
    pub fn why_not_counted(&self) -> Option<&'static str> {
        let desk = &self.current()?.desk;
        let is_kept = desk.own.is_some() && desk.knew.truth;
        is_kept.then_some("the truth was seen before: this decision is kept but not counted")
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
            entry.desk.knew = entry.desk.seen;
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

    /// Takes the last change back (`redo`: brings it again) and goes to its alert; false when there is none. What was seen
    /// stays seen.
    pub fn undo(&mut self, redo: bool) -> bool {
        let from = if redo { &mut self.redo } else { &mut self.undo };
        let Some((stage, at, desk)) = from.pop() else {
            return false;
        };
        let here = (self.stage, self.selected(), self.line);
        self.stage = stage;
        if here.0 != stage {
            self.freeze();
        }
        self.select(at);
        let Some(entry) = self.current_mut() else {
            return false;
        };
        let now = std::mem::replace(&mut entry.desk, desk);
        entry.desk.seen = now.seen;
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

    /// The analyst's and the model's score over revealed alerts of this stage; of the analyst's decisions those that count.
    #[must_use]
    pub fn scores(&self) -> (Score, Score) {
        let (mut own, mut model) = (Score::default(), Score::default());
        for (at, entry) in self.entries().iter().enumerate() {
            if entry.desk.is_revealed {
                entry.desk.counted().iter().for_each(|v| own.add(v));
                self.model_verdict(at).iter().for_each(|v| model.add(v));
            }
        }
        (own, model)
    }
}

#[cfg(test)]
mod tests {
    use crate::env::schema::Stage;
    use crate::ui::app::{App, update};
    use crate::ui::desk::Seen;
    use crate::ui::tests::fixtures::{answer, app, press, ready, right, seen, toast};

    /// Keys that decide rightly on the selected alert.
    fn rightly(app: &App) -> String {
        let truth = app.queue.current().expect("an alert").episode.truth.action;
        format!("{} Enter", truth.index() + 1)
    }

    fn counted(app: &App) -> (usize, usize, usize) {
        let found = app.queue.three_way(&Stage::ALL);
        let (own, _) = app.queue.scores();
        (own.judged, found.analyst_truth.both(), found.after_truth)
    }

    #[test]
    fn what_is_decided_after_the_truth_was_seen_does_not_count() {
        let mut app = app();
        let keys = rightly(&app);
        press(&mut app, &format!("r u {keys}"));
        assert_eq!(counted(&app), (0, 0, 1), "revealed first");
        assert!(toast(&app).contains("not counted"), "{}", toast(&app));
        assert!(app.queue.why_not_counted().is_some());
        press(&mut app, "]");
        let keys = rightly(&app);
        press(&mut app, &keys);
        assert_eq!(counted(&app), (1, 1, 1), "in ignorance");
        assert_eq!(app.queue.why_not_counted(), None);
        // The same decision, brought again, is as blind as it was; another one knows.
        press(&mut app, "u ctrl-r");
        assert_eq!(counted(&app), (1, 1, 1));
        press(&mut app, &format!("u u {keys}"));
        assert_eq!(counted(&app), (0, 0, 2));
        press(&mut app, "w");
        let page = seen(&app, (80, 24));
        let wanted = "made after the truth was seen: 2, not counted";
        assert!(page.contains(wanted), "{page}");
    }

    #[test]
    fn what_is_decided_with_the_answer_in_view_counts_and_is_told_of() {
        let mut app = app();
        let effects = update(&mut app, ready());
        answer(&mut app, effects, right);
        press(&mut app, "v");
        let keys = rightly(&app);
        press(&mut app, &keys);
        let known = app.queue.current().expect("an alert").desk.knew;
        let wanted = Seen {
            truth: false,
            answer: true,
        };
        assert_eq!(known, wanted, "it was in view before v");
        app.queue.select(30);
        let keys = rightly(&app);
        press(&mut app, &keys);
        let known = app.queue.current().expect("an alert").desk.knew;
        assert_eq!(known, Seen::default());
        let found = app.queue.three_way(&Stage::ALL);
        assert_eq!((found.analyst_truth.both(), found.after_answer), (2, 1));
        press(&mut app, "w");
        let page = seen(&app, (80, 24));
        assert!(page.contains("answer in view: 1 of 2"), "{page}");
    }
}
