//! Decisions outlast the sitting: what was submitted before stands again, and what is submitted now is told to be kept.

use std::collections::HashMap;

use crate::env::schema::Action;
use crate::label::Decided;
use crate::ui::desk::{Desk, Seen, judged};
use crate::ui::queue::{Entry, Queue};

/// What is on disk, or on its way there, by episode.
pub(in crate::ui) type Kept = HashMap<String, Stands>;

/// A decision that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ui) struct Stands {
    action: Action,
    cited: Option<String>,
    /// What had been in view before.
    knew: Seen,
}

impl Stands {
    fn of(desk: &Desk) -> Option<Self> {
        let own = desk.own.as_ref()?;
        Some(Self {
            action: desk.decision?,
            cited: own.cited_log_id.clone(),
            knew: desk.knew,
        })
    }
}

/// A decision to be kept, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToKeep {
    pub episode_id: String,
    pub action: Option<Action>,
    pub cited_log_id: Option<String>,
    /// What had been in view before it was made.
    pub knew: Seen,
}

impl Queue {
    /// Takes in what was decided before; alerts that were touched meanwhile stay as they are.
    pub fn recall(&mut self, decisions: Vec<Decided>) {
        let standing = decisions.into_iter().filter_map(|one| {
            let stands = Stands {
                action: one.action?,
                cited: one.cited_log_id,
                knew: Seen {
                    truth: one.after_truth,
                    answer: one.after_answer,
                },
            };
            Some((one.episode_id, stands))
        });
        self.kept.extend(standing);
        let other = self.other.entries.values_mut();
        for entry in self.entries.values_mut().chain(other).flatten() {
            restore(entry, &self.kept);
        }
        // It was decided before the list was sorted.
        self.freeze();
        self.rest();
    }

    /// What of the selected alert is not kept as it stands now; from here on it counts as kept.
    pub fn to_keep(&mut self) -> Option<ToKeep> {
        let entry = self.current()?;
        let id = entry.episode.episode_id.clone();
        let stands = Stands::of(&entry.desk);
        if self.kept.get(&id) == stands.as_ref() {
            return None;
        }
        match &stands {
            Some(decision) => self.kept.insert(id.clone(), decision.clone()),
            None => self.kept.remove(&id),
        };
        Some(ToKeep {
            episode_id: id,
            action: stands.as_ref().map(|stands| stands.action),
            knew: (stands.as_ref()).map_or_else(Seen::default, |stands| stands.knew),
            cited_log_id: stands.and_then(|stands| stands.cited),
        })
    }
}

/// Has an untouched alert stand as it was left.
pub(in crate::ui) fn restore(entry: &mut Entry, kept: &Kept) {
    let Some(stands) = kept.get(&entry.episode.episode_id) else {
        return;
    };
    let seen = entry.desk.seen;
    let untouched = Desk {
        seen,
        ..Desk::default()
    };
    if seen.truth || entry.desk != untouched {
        return;
    }
    let cited = stands.cited.as_deref();
    let window = &entry.episode.log_window;
    let is_cited = |id: &str| Some(id) == cited;
    entry.desk.mark = window.iter().position(|event| is_cited(&event.log_id));
    entry.desk.decision = Some(stands.action);
    entry.desk.own = Some(judged(&entry.episode, stands.action, cited));
    entry.desk.knew = stands.knew;
    entry.desk.seen = Seen {
        truth: true,
        answer: seen.answer || stands.knew.answer,
    };
    entry.desk.is_revealed = true;
}

#[cfg(test)]
mod tests {
    use crate::env::schema::Action;
    use crate::label::Decided;
    use crate::ui::app::{App, update};
    use crate::ui::clerk::{Outcome, Request};
    use crate::ui::msg::{Effect, Msg};
    use crate::ui::tests::fixtures::{app, press, seen, toast};

    fn asked(effects: &[Effect]) -> Vec<(Option<Action>, Option<&str>)> {
        let kept = effects.iter().filter_map(|effect| match effect {
            Effect::Label(Request::Decide(one)) => Some((one.action, one.cited_log_id.as_deref())),
            _ => None,
        });
        kept.collect()
    }

    fn decided(app: &App, at: usize, action: Action) -> Decided {
        let episode = &app.queue.entries()[at].episode;
        Decided {
            episode_id: episode.episode_id.clone(),
            annotator: "ann".into(),
            action: Some(action),
            cited_log_id: Some(episode.log_window[0].log_id.clone()),
            after_truth: false,
            after_answer: false,
            unix_time: 0,
        }
    }

    #[test]
    fn a_submitted_decision_is_kept_once_and_taken_back_with_undo() {
        let mut app = app();
        assert_eq!(asked(&press(&mut app, "4")), []);
        let effects = press(&mut app, "Enter");
        assert_eq!(asked(&effects), [(Some(Action::BlockIp), Some("L1-0"))]);
        assert_eq!(asked(&press(&mut app, "] [")), []);
        assert_eq!(asked(&press(&mut app, "u")), [(None, None)]);
        let again = press(&mut app, "ctrl-r");
        assert_eq!(asked(&again), [(Some(Action::BlockIp), Some("L1-0"))]);
        assert_eq!(
            asked(&press(&mut app, "] r")),
            [],
            "a reveal is no decision"
        );
    }

    #[test]
    fn who_only_watches_decides_nothing_and_is_told_why() {
        let mut app = app();
        app.is_read_only = true;
        for key in ["4", "Space", "Enter"] {
            app.toast = None;
            assert_eq!(asked(&press(&mut app, key)), [], "{key}");
            assert!(toast(&app).contains("only watching"), "{key}");
        }
        // To look at the truth is no decision, nor is to take that back; what stood before stays as it is.
        assert_eq!(asked(&press(&mut app, "r")), []);
        assert!(app.queue.current().expect("an alert").desk.is_revealed);
        let stood = decided(&app, 0, Action::Dismiss);
        update(&mut app, Msg::Label(Outcome::Recalled(vec![stood])));
        assert_eq!(asked(&press(&mut app, "u")), []);
        assert!(!app.queue.current().expect("an alert").desk.is_revealed);
    }

    #[test]
    fn what_was_decided_in_an_earlier_sitting_stands_again_and_counts() {
        let mut app = app();
        let truth = app.queue.entries()[0].episode.truth.action;
        let right = decided(&app, 0, truth);
        press(&mut app, "] 1");
        let other = decided(&app, 1, Action::Escalate);
        update(&mut app, Msg::Label(Outcome::Recalled(vec![right, other])));
        let (own, _) = app.queue.scores();
        assert_eq!((own.judged, own.right_actions), (1, 1));
        let entry = app.queue.current().expect("the second");
        assert!(!entry.desk.is_revealed, "it was touched meanwhile");
        press(&mut app, "[");
        assert!(seen(&app, (120, 35)).contains("right: you 1/1"));
        // Alerts that are generated later are restored too.
        let far = app.queue.source.episode(app.queue.stage(), 300);
        let far = Decided {
            episode_id: far.episode_id,
            ..decided(&app, 0, Action::Dismiss)
        };
        update(&mut app, Msg::Label(Outcome::Recalled(vec![far])));
        app.queue.select(300);
        assert!(app.queue.current().expect("there").desk.is_revealed);
    }

    #[test]
    fn a_decision_after_the_truth_is_kept_as_one_and_stands_again_as_one() {
        let mut app = app();
        let effects = press(&mut app, "r u 4 Enter");
        let knew: Vec<bool> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Label(Request::Decide(one)) => Some(one.knew.truth),
                _ => None,
            })
            .collect();
        assert_eq!(knew, [true]);
        let told = Decided {
            after_truth: true,
            ..decided(&app, 1, Action::Escalate)
        };
        update(&mut app, Msg::Label(Outcome::Recalled(vec![told])));
        let desk = &app.queue.entries()[1].desk;
        assert!(desk.own.is_some() && desk.counted().is_none() && desk.seen.truth);
        assert_eq!(app.queue.scores().0.judged, 0);
    }

    #[test]
    fn a_decision_that_is_on_no_disk_is_told_of() {
        let mut app = app();
        let why = "disk full".to_owned();
        update(&mut app, Msg::Label(Outcome::NotKept(why)));
        assert!(toast(&app).contains("disk full"));
    }
}
