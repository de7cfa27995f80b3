//! What one annotator can take back and bring again: every change there is on disk, however long ago. Pure.
//!
//! Undoing is a revision too. The history is therefore read off the revisions in the order they were written: each says
//! whether it was a change, took one back, or brought one again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Decision, Label};

/// What a revision did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody decided something.
    #[default]
    Change,
    /// It took a change back.
    Undo,
    /// It brought one again that was taken back.
    Redo,
}

impl Origin {
    /// Whether it is a change: lines in which nothing is said are.
    #[must_use]
    pub fn is_change(&self) -> bool {
        *self == Self::Change
    }
}

/// A decision to go back to: that on an episode before a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub episode_id: String,
    pub decision: Decision,
}

/// What can be taken back and what can be brought again, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    undo: Vec<Step>,
    redo: Vec<Step>,
}

impl History {
    /// That of `annotator`, from everybody's revisions in the order they were written.
    pub fn of<'a>(annotator: &str, revisions: impl IntoIterator<Item = &'a Label>) -> Self {
        let mut history = Self::default();
        let mut decisions: HashMap<&str, &Decision> = HashMap::new();
        let blank = Decision::default();
        for label in revisions {
            if label.annotator != annotator {
                continue;
            }
            let before = decisions.insert(&label.episode_id, &label.decision);
            history.follow(label, before.unwrap_or(&blank));
        }
        history
    }

    /// Takes in one more revision of a label that was `before`. A step back that is not the one which comes next (a label
    /// was lost on its way to the disk) counts as a change like another.
    fn follow(&mut self, label: &Label, before: &Decision) {
        let leads_here = |step: Option<&Step>| {
            step.is_some_and(|step| {
                step.episode_id == label.episode_id && step.decision == label.decision
            })
        };
        let is_next = match label.origin {
            Origin::Change => false,
            Origin::Undo => leads_here(self.undo.last()),
            Origin::Redo => leads_here(self.redo.last()),
        };
        if is_next {
            self.step(label.origin == Origin::Redo, before);
        } else if *before != label.decision {
            self.changed(&label.episode_id, before.clone());
        }
    }

    /// The decision on an episode has changed; it was `before`. What was taken back is forgotten.
    pub fn changed(&mut self, episode_id: &str, before: Decision) {
        let episode_id = episode_id.to_owned();
        self.undo.push(Step {
            episode_id,
            decision: before,
        });
        self.redo.clear();
    }

    /// The episode that the next step back (`redo`: forth) is about.
    #[must_use]
    pub fn next(&self, redo: bool) -> Option<&str> {
        let from = if redo { &self.redo } else { &self.undo };
        from.last().map(|step| step.episode_id.as_str())
    }

    /// Steps back (`redo`: forth) from the decision `now`; gives what is decided from here on.
    pub fn step(&mut self, redo: bool, now: &Decision) -> Option<Decision> {
        let (from, to) = match redo {
            true => (&mut self.redo, &mut self.undo),
            false => (&mut self.undo, &mut self.redo),
        };
        let Step {
            episode_id,
            decision,
        } = from.pop()?;
        to.push(Step {
            episode_id,
            decision: now.clone(),
        });
        Some(decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Action;
    use crate::label::testing::{decided, label};

    fn revision(annotator: &str, episode: &str, origin: Origin, decision: &Decision) -> Label {
        Label {
            origin,
            ..label(annotator, episode, decision.clone())
        }
    }

    fn decisions() -> [Decision; 3] {
        [Action::Dismiss, Action::Monitor, Action::Escalate].map(|a| decided(a, "L1-0", "r"))
    }

    #[test]
    fn changes_are_taken_back_over_all_episodes_in_their_order() {
        let [a, b, c] = decisions();
        let lines = [
            revision("ann", "e1", Origin::Change, &a),
            revision("bob", "e1", Origin::Change, &c),
            revision("ann", "e2", Origin::Change, &b),
            revision("ann", "e1", Origin::Change, &c),
            revision("bob", "e2", Origin::Change, &a),
        ];
        let mut history = History::of("ann", &lines);
        assert_eq!(history.next(false), Some("e1"));
        assert_eq!(history.step(false, &c), Some(a.clone()));
        assert_eq!(history.next(false), Some("e2"));
        assert_eq!(history.step(false, &b), Some(Decision::default()));
        assert_eq!(history.step(false, &a), Some(Decision::default()));
        assert_eq!(
            (history.next(false), history.next(true)),
            (None, Some("e1"))
        );
        assert_eq!(history.step(true, &Decision::default()), Some(a));
        assert_eq!(History::of("eve", &lines), History::default());
    }

    #[test]
    fn a_history_read_off_the_revisions_is_the_one_that_made_them() {
        let [a, b, c] = decisions();
        let mut now: HashMap<&str, Decision> = HashMap::new();
        let (mut history, mut lines) = (History::default(), Vec::new());
        // Changes, steps back and forth, and a change after a step back.
        let script = [
            Some(("e1", &a)),
            Some(("e2", &b)),
            Some(("e1", &c)),
            None,
            None,
            Some(("e3", &a)),
            Some(("e3", &b)),
            None,
        ];
        for step in script {
            match step {
                Some((episode, decision)) => {
                    let before = now.insert(episode, decision.clone()).unwrap_or_default();
                    history.changed(episode, before);
                    lines.push(revision("ann", episode, Origin::Change, decision));
                }
                None => {
                    let episode = ["e1", "e2", "e3"]
                        .into_iter()
                        .find(|id| history.next(false) == Some(id));
                    let episode = episode.expect("a step");
                    let here = now[episode].clone();
                    let back = history.step(false, &here).expect("a step");
                    lines.push(revision("ann", episode, Origin::Undo, &back));
                    now.insert(episode, back);
                }
            }
            assert_eq!(History::of("ann", &lines), history);
        }
        let here = now["e3"].clone();
        let again = history.step(true, &here).expect("a step");
        lines.push(revision("ann", "e3", Origin::Redo, &again));
        assert_eq!(History::of("ann", &lines), history);
        assert_eq!(history.next(true), None);
    }

    #[test]
    fn a_step_back_whose_change_was_lost_is_a_change() {
        let [a, b, c] = decisions();
        // The change to `c` never reached the disk; going back from it did.
        let lines = [
            revision("ann", "e1", Origin::Change, &a),
            revision("ann", "e1", Origin::Change, &b),
            revision("ann", "e1", Origin::Undo, &b),
            revision("ann", "e1", Origin::Redo, &c),
        ];
        let mut history = History::of("ann", &lines);
        for (now, before) in [(&c, &b), (&b, &a), (&a, &Decision::default())] {
            assert_eq!(history.step(false, now).as_ref(), Some(before));
        }
        assert_eq!(history.next(false), None);
    }
}
