//! Which alerts are on screen: those of a stage, and of a split. Hold-out alerts are what models are measured on, train alerts
//! may be labelled and learned from; what was done with the split that is not on screen waits as it was left.

use std::collections::{BTreeMap, HashMap};
use std::mem::swap;

use crate::env::schema::{Split, Stage};
use crate::ui::desk::Desk;
use crate::ui::queue::what_if::WhatIf;
use crate::ui::queue::{Entry, Queue, wrap};

/// What a queue has of one split. Answers are kept by split, so they stay where they are.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub entries: BTreeMap<Stage, Vec<Entry>>,
    selected: BTreeMap<Stage, usize>,
    what_ifs: HashMap<(Stage, usize), WhatIf>,
    undo: Vec<(Stage, usize, Desk)>,
    redo: Vec<(Stage, usize, Desk)>,
}

impl Queue {
    /// Goes to another stage, where it was left.
    pub fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
        self.freeze();
        self.select(self.selected());
    }

    /// The next stage (`by` 1) or the one before (`by` -1), round and round.
    pub fn step_stage(&mut self, by: isize) {
        let at = Stage::ALL.iter().position(|s| *s == self.stage);
        if let Some(stage) = Stage::ALL.get(wrap(at.unwrap_or(0), by, Stage::ALL.len())) {
            self.set_stage(*stage);
        }
    }

    /// Shows the other split, where it was left, at the same stage.
    pub fn toggle_split(&mut self) {
        swap(&mut self.entries, &mut self.other.entries);
        swap(&mut self.selected, &mut self.other.selected);
        swap(&mut self.what_ifs, &mut self.other.what_ifs);
        swap(&mut self.undo, &mut self.other.undo);
        swap(&mut self.redo, &mut self.other.redo);
        self.source.split = match self.source.split {
            Split::Train => Split::Holdout,
            Split::Holdout => Split::Train,
        };
        self.freeze();
        self.select(self.selected());
    }
}
