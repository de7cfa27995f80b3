//! State of the episodes screen: the queue of alerts, what the model and the analyst say of each, and what is revealed.
//!
//! Episodes come from the generator, answers as facts. Knows no terminal and no clock.

pub mod groups;
pub mod mismatch;
pub mod seeking;
mod sittings;
mod splits;
pub mod three_way;
pub mod what_if;

use std::collections::{BTreeMap, HashMap};

use crate::env::schema::{Episode, Split, Stage, Verdict};
use crate::env::{generate, prompt};
use crate::link::{AdapterChoice, OfferedAdapter};
use crate::ui::asking::AnswerKey;
use crate::ui::desk::Desk;
use crate::ui::filter::Filter;
use crate::ui::order::Order;
use crate::ui::queue::seeking::{LOOKED_THROUGH, Seeking};
use crate::ui::queue::sittings::{Kept, restore};
use crate::ui::queue::splits::Shelf;
use crate::ui::queue::what_if::WhatIf;
use crate::ui::scroll::Scroll;

pub use sittings::ToKeep;

/// Alerts kept ready beyond the selected one.
const READY: usize = 40;

/// Alerts the model is asked about beyond the selected one.
const AHEAD: usize = 3;

/// Where episodes come from: the generator, at one split and seed.
#[derive(Clone, Copy, Debug)]
pub struct EpisodeSource {
    pub split: Split,
    pub seed: u64,
}

impl EpisodeSource {
    /// The episode at `index` of `stage`; the same one every time.
    #[must_use]
    pub fn episode(&self, stage: Stage, index: u64) -> Episode {
        generate::episode(stage, self.split, self.seed, index)
    }

    /// The episodes of `stage` from `first` on.
    pub fn episodes(&self, stage: Stage, first: usize) -> impl Iterator<Item = Episode> + use<> {
        generate::episodes(stage, self.split, self.seed, first as u64)
    }
}

/// One alert of the queue.
#[derive(Debug)]
pub struct Entry {
    pub episode: Episode,
    /// The log window as the model reads it, ungated.
    pub lines: Vec<String>,
    pub desk: Desk,
}

/// What the model says of an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Asked, not answered yet.
    Thinking,
    Given {
        adapter: String,
        response: String,
        verdict: Box<Verdict>,
        /// Of each action, in the order of [`crate::env::schema::Action::ALL`].
        probabilities: Option<[f64; 5]>,
        millis: u64,
    },
    Failed(String),
}

/// Weights that can be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    Loading,
    Ready {
        name: String,
        parameters: u64,
    },
    Failed(String),
    /// There is none: a run is only watched.
    Absent,
}

/// The pane that has the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueuePane {
    Alerts,
    Log,
    Answers,
}

impl QueuePane {
    /// All of them, in the order of `Tab`.
    const ALL: [QueuePane; 3] = [QueuePane::Alerts, QueuePane::Log, QueuePane::Answers];
}

/// The queue.
pub struct Queue {
    pub(super) source: EpisodeSource,
    pub(super) entries: BTreeMap<Stage, Vec<Entry>>,
    pub(super) selected: BTreeMap<Stage, usize>,
    pub(super) stage: Stage,
    pub pane: QueuePane,
    /// Cursor in the log window.
    pub line: usize,
    /// What is in sight of the line under the cursor, where it is higher than its pane.
    pub line_scroll: Scroll,
    /// What of the answers is in sight.
    pub answers_scroll: Scroll,
    /// The model's answer waits for the reveal.
    pub is_blind: bool,
    pub model: Model,
    /// What can be asked, and which of it is.
    pub adapters: Vec<AdapterChoice>,
    /// What is asked until another is chosen, and where the chosen one is gone.
    pub(super) default_adapter: Option<AdapterChoice>,
    /// Those of runs among them, as they were when they were offered.
    pub(super) offered: Vec<OfferedAdapter>,
    pub(super) chosen: usize,
    /// The adapter whose answers stand beside the chosen one's.
    pub(super) compared: Option<usize>,
    pub(super) answers: HashMap<AnswerKey, Answer>,
    pub(super) pending: HashMap<u64, AnswerKey>,
    pub(super) next_id: u64,
    /// What was edited, by stage and position of the alert.
    pub(super) what_ifs: HashMap<(Stage, usize), WhatIf>,
    pub(super) next_edition: u64,
    /// While a run is in progress only the selected alert is asked about: answers cost it time.
    pub is_training: bool,
    /// Alerts the model is asked about after the selected one, in this order.
    pub(super) ahead: Vec<usize>,
    /// A mismatch is looked for: the first answer that is one is gone to.
    pub is_looking: bool,
    pub(super) order: Order,
    /// The group of each alert as it was when the list was sorted; empty in the queue's own order.
    pub(super) ranks: Vec<(usize, String)>,
    pub(super) filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    pub(super) seeking: Seeking,
    pub(super) undo: Vec<(Stage, usize, Desk)>,
    pub(super) redo: Vec<(Stage, usize, Desk)>,
    /// What there is of the split that is not on screen.
    other: Shelf,
    /// The pane in focus has the whole screen.
    pub is_alone: bool,
    /// Decisions that are on disk.
    pub(super) kept: Kept,
}

impl Queue {
    /// A queue on `source`, at the first alert of `stage`.
    #[must_use]
    pub fn new(source: EpisodeSource, stage: Stage, model: Model) -> Self {
        let mut queue = Self {
            source,
            entries: BTreeMap::new(),
            selected: BTreeMap::new(),
            stage,
            pane: QueuePane::Alerts,
            line: 0,
            line_scroll: Scroll::closed(),
            answers_scroll: Scroll::default(),
            is_blind: false,
            model,
            adapters: Vec::new(),
            default_adapter: None,
            offered: Vec::new(),
            chosen: 0,
            compared: None,
            answers: HashMap::new(),
            pending: HashMap::new(),
            next_id: 0,
            what_ifs: HashMap::new(),
            next_edition: 0,
            is_training: false,
            ahead: Vec::new(),
            is_looking: false,
            order: Order::default(),
            ranks: Vec::new(),
            filter: Filter::default(),
            filter_text: String::new(),
            seeking: Seeking::default(),
            undo: Vec::new(),
            redo: Vec::new(),
            other: Shelf::default(),
            is_alone: false,
            kept: Kept::default(),
        };
        queue.select(0);
        queue
    }

    /// The stage on screen.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The split on screen.
    #[must_use]
    pub const fn split(&self) -> Split {
        self.source.split
    }

    /// The seed of the episodes.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.source.seed
    }

    /// Alerts generated so far at this stage.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        self.entries.get(&self.stage).map_or(&[], Vec::as_slice)
    }

    /// Position of the selected alert.
    #[must_use]
    pub fn selected(&self) -> usize {
        self.selected.get(&self.stage).copied().unwrap_or(0)
    }

    /// The selected alert.
    #[must_use]
    pub fn current(&self) -> Option<&Entry> {
        self.entries().get(self.selected())
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Entry> {
        let at = self.selected();
        self.entries.get_mut(&self.stage)?.get_mut(at)
    }

    /// Which weights are asked; `None` until the model is ready.
    #[must_use]
    pub fn adapter(&self) -> Option<&AdapterChoice> {
        self.adapters.get(self.chosen)
    }

    /// Makes the alert at `at` the selected one, generating as far as needed.
    pub fn select(&mut self, at: usize) {
        self.generate(match self.order {
            Order::Queue => at + READY,
            // Its list ends where looking through does, wherever the cursor is in it.
            _ => (at + READY).min(LOOKED_THROUGH).max(at + 1),
        });
        self.selected.insert(self.stage, at);
        self.look_around();
        self.rest();
    }

    /// What is asked about next follows the list and the selected alert; a mismatch is no longer looked for.
    pub(super) fn look_around(&mut self) {
        self.is_looking = false;
        let round = self.round();
        self.settle_at(&round);
        self.ahead = round.into_iter().take(AHEAD).collect();
    }

    /// Makes the list at least `len` alerts long.
    pub(super) fn generate(&mut self, len: usize) {
        let list = self.entries.entry(self.stage).or_default();
        let episodes = self.source.episodes(self.stage, list.len());
        list.extend(
            episodes
                .take(len.saturating_sub(list.len()))
                .map(|episode| {
                    let mut entry = Entry::new(episode);
                    restore(&mut entry, &self.kept);
                    entry
                }),
        );
        self.rank_new();
    }

    /// Puts the cursor of the log window where reading begins: on the truth once it is revealed, else on the citation.
    pub(super) fn rest(&mut self) {
        self.answers_scroll = Scroll::default();
        self.line_scroll = Scroll::closed();
        self.line = self.current().and_then(Entry::resting_line).unwrap_or(0);
    }

    /// The next or previous adapter, round and round.
    pub fn step_adapter(&mut self, by: isize) {
        self.chosen = wrap(self.chosen, by, self.adapters.len());
        if self.compared == Some(self.chosen) {
            self.step_compared();
        }
    }

    /// Moves the cursor of the pane in focus by `by` lines.
    pub fn step(&mut self, by: isize) {
        match self.pane {
            QueuePane::Alerts => self.move_visible(by),
            QueuePane::Log => self.step_line(by),
            // They are text to scroll, without a cursor.
            QueuePane::Answers => {}
        }
    }

    /// Moves the cursor of the log window by `by` lines.
    pub fn step_line(&mut self, by: isize) {
        let lines = self.current().map_or(0, |entry| entry.lines.len());
        let last = lines.saturating_sub(1);
        let to = self.line.saturating_add_signed(by).min(last);
        if to != self.line {
            self.line = to;
            self.line_scroll = Scroll::closed();
        }
    }

    /// The next pane (`by` 1) or the one before (`by` -1).
    pub fn step_pane(&mut self, by: isize) {
        let panes = QueuePane::ALL;
        let at = panes.iter().position(|pane| *pane == self.pane);
        if let Some(pane) = panes.get(wrap(at.unwrap_or(0), by, panes.len())) {
            self.pane = *pane;
        }
    }

    /// To the first line of the pane in focus, or its last.
    pub fn jump(&mut self, to_end: bool) {
        match (self.pane, to_end) {
            (QueuePane::Alerts, _) => {
                let visible = self.visible();
                let edge = if to_end {
                    visible.last()
                } else {
                    visible.first()
                };
                if let Some(at) = edge {
                    self.select(*at);
                }
            }
            (QueuePane::Log, _) => self.step(if to_end { 10_000 } else { -10_000 }),
            (QueuePane::Answers, _) => {}
        }
    }
}

impl Entry {
    /// Which of the twins of its pair it is: they share a number.
    #[must_use]
    pub const fn twin_letter(&self) -> char {
        match self.episode.index.is_multiple_of(2) {
            true => 'a',
            false => 'b',
        }
    }

    /// An alert nobody has touched.
    #[must_use]
    pub fn new(episode: Episode) -> Self {
        Self {
            lines: episode.log_window.iter().map(prompt::event_line).collect(),
            episode,
            desk: Desk::default(),
        }
    }

    /// Where the cursor of the log window begins.
    fn resting_line(&self) -> Option<usize> {
        let trigger = &self.episode.truth.triggering_log_id;
        let mut events = self.episode.log_window.iter();
        let truth = events.position(|event| event.log_id == *trigger);
        truth.filter(|_| self.desk.is_revealed).or(self.desk.mark)
    }
}

/// What an adapter is called on screen.
#[must_use]
pub fn adapter_name(choice: &AdapterChoice) -> String {
    match choice {
        AdapterChoice::Base => "base".to_owned(),
        AdapterChoice::Named(name) => name.clone(),
        AdapterChoice::Live => "live".to_owned(),
    }
}

/// `at` moved by `by` in a ring of `len`.
pub(super) fn wrap(at: usize, by: isize, len: usize) -> usize {
    let len = isize::try_from(len.max(1)).unwrap_or(1);
    let at = isize::try_from(at).unwrap_or(0);
    usize::try_from((at + by).rem_euclid(len)).unwrap_or(0)
}
