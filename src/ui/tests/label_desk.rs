//! What tests of the labelling screen start from: a clerk that keeps labels in a folder of the test's own.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::env::generate;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::verdict::judge;
use crate::label::{Decision, Label, Store};
use crate::link::{Command, Fact};
use crate::ui::app::{App, update};
use crate::ui::clerk::Clerk;
use crate::ui::labelling::Access;
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{app, press, right};

/// A workbench with a folder of labels.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub app: App,
    pub clerk: Clerk,
}

impl Desk {
    /// On these episodes; the screen is open.
    pub fn on(episodes: &[Episode]) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::new(folder.path().join("labels"));
        store.add_episodes(episodes).expect("added");
        let mut desk = Self {
            app: app(),
            clerk: Clerk {
                store,
                annotator: "analyst".into(),
                desk: None,
            },
            folder,
        };
        desk.press("F3");
        assert_eq!(desk.app.labelling.access, Access::Open);
        desk
    }

    /// The workbench started again on the same folder.
    pub fn again(self) -> Self {
        let store = self.clerk.store.clone();
        // The lock goes with the old one.
        drop(self.clerk);
        let mut desk = Self {
            app: app(),
            clerk: Clerk {
                store,
                annotator: "analyst".into(),
                desk: None,
            },
            folder: self.folder,
        };
        desk.press("F3");
        desk
    }

    /// Presses keys; the clerk and a model that is right answer.
    pub fn press(&mut self, keys: &str) {
        let effects = press(&mut self.app, keys);
        self.settle(effects);
    }

    pub fn type_line(&mut self, text: &str) {
        for c in text.chars() {
            let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
            update(&mut self.app, Msg::Key(key));
        }
        self.press("Enter");
    }

    pub fn settle(&mut self, effects: Vec<Effect>) {
        // In the order they were asked for, as the channels keep it.
        let mut todo = VecDeque::from(effects);
        while let Some(effect) = todo.pop_front() {
            let message = match effect {
                Effect::Label(request) => Msg::Label(self.clerk.answer(request)),
                Effect::Send(Command::Infer(request)) => {
                    let response = right(&request.episode);
                    Msg::Fact(Fact::Inference {
                        id: request.id,
                        adapter: "sft".into(),
                        verdict: Box::new(judge(&request.episode, &response)),
                        response,
                        millis: 1,
                        probabilities: None,
                    })
                }
                _ => continue,
            };
            todo.extend(update(&mut self.app, message));
        }
    }

    /// What is on disk of the alert at `at`.
    pub fn on_disk(&self, at: usize) -> Option<Label> {
        let id = &self.app.labelling.items()[at].entry.episode.episode_id;
        let labels = self.clerk.store.labels().expect("read");
        labels.get("analyst", id).cloned()
    }

    pub fn decision(&self, at: usize) -> &Decision {
        &self.app.labelling.items()[at].decision
    }

    pub fn said(&self) -> &str {
        self.app.toast.as_ref().map_or("", |t| t.text.as_str())
    }
}

/// Alerts from outside: no generator of ours makes them at the workbench's seed.
pub fn imported() -> Vec<Episode> {
    (0..4)
        .map(|n| generate::episode(Stage::Multi, Split::Holdout, 77, n))
        .collect()
}
