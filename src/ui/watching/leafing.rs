//! Groups of rollouts: the newest are kept, older ones are read from the run's folder when somebody wants to see them.

use std::path::PathBuf;

use super::{Training, TrainingPane};
use crate::link::RolloutGroup;
use crate::run::groups::Wanted;
use crate::ui::told::GROUPS;

/// The groups of one step, as they were read.
#[derive(Debug)]
pub(super) struct Leaf {
    groups: Vec<RolloutGroup>,
    at: usize,
}

/// How many groups of a step there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// In the run's files.
    pub kept: usize,
    /// Sampled in that step.
    pub all: usize,
}

/// Groups that are to be read: of the run in this folder.
pub type Request = (PathBuf, Wanted);

impl Training {
    /// The group of rollouts on screen.
    #[must_use]
    pub fn group(&self) -> Option<&RolloutGroup> {
        if let Some(leaf) = &self.leaf {
            return leaf.groups.get(leaf.at);
        }
        let groups = &self.shown()?.groups;
        let back = self.groups_back.min(groups.len().saturating_sub(1));
        groups.iter().rev().nth(back)
    }

    /// The groups that can be gone through without reading, the newest first, and which of them is on screen.
    pub(super) fn groups_in_reach(&self) -> (Vec<&RolloutGroup>, usize) {
        if let Some(leaf) = &self.leaf {
            let last = leaf.groups.len().saturating_sub(1);
            return (
                leaf.groups.iter().rev().collect(),
                last.saturating_sub(leaf.at),
            );
        }
        let groups = self
            .shown()
            .into_iter()
            .flat_map(|run| run.groups.iter().rev());
        (groups.collect(), self.groups_back)
    }

    /// Puts one of these on screen.
    pub(super) fn look_back(&mut self, back: usize) {
        match &mut self.leaf {
            Some(leaf) => leaf.at = leaf.groups.len().saturating_sub(1 + back),
            None => self.groups_back = back,
        }
    }

    /// How many groups `step` had and how many of them are kept; `None` where the run does not say.
    #[must_use]
    pub fn groups_of(&self, step: u64) -> Option<Groups> {
        let run = self.shown()?;
        let sampled = run.curves.get("rollout_groups")?;
        let sampled = sampled.within(step..step.saturating_add(1)).first()?;
        let is_of_it = |group: &&RolloutGroup| group.step == step;
        let kept = match &self.leaf {
            Some(leaf) => leaf.groups.iter().filter(is_of_it).count(),
            None => run.groups.iter().filter(is_of_it).count(),
        };
        let all = sampled
            .is_drawn()
            .then_some(sampled.value.max(0.0) as usize)?;
        Some(Groups { kept, all })
    }

    /// Whether the group on screen was read from the folder.
    #[must_use]
    pub const fn is_leafing(&self) -> bool {
        self.leaf.is_some()
    }

    /// Looks at an older group (`by` 1) or a newer one (`by` -1); what has to be read for that, if anything.
    pub fn step_group(&mut self, by: isize) -> Option<Request> {
        if self.leaf.is_some() {
            return self.step_leaf(by);
        }
        let count = self.shown().map_or(0, |run| run.groups.len());
        let back = self.groups_back.saturating_add_signed(by);
        self.groups_back = back.min(count.saturating_sub(1));
        let is_past = back > self.groups_back;
        let oldest = self.oldest().filter(|_| is_past)?;
        self.request(Wanted::Before(oldest))
    }

    fn step_leaf(&mut self, by: isize) -> Option<Request> {
        let leaf = self.leaf.as_mut()?;
        let step = leaf.groups.get(leaf.at)?.step;
        let next = leaf.at.checked_add_signed(-by);
        if let Some(next) = next.filter(|next| *next < leaf.groups.len()) {
            leaf.at = next;
            return None;
        }
        if by > 0 {
            return self.request(Wanted::Before(step));
        }
        match self.shown()?.groups.front() {
            Some(kept) if kept.step <= step + 1 => {
                self.groups_back = self.shown()?.groups.len().saturating_sub(1);
                self.leaf = None;
                None
            }
            _ => self.request(Wanted::After(step)),
        }
    }

    /// The oldest step kept, where older ones may be in the folder.
    fn oldest(&self) -> Option<u64> {
        let groups = &self.shown()?.groups;
        let oldest = groups.front()?.step;
        (groups.len() >= GROUPS).then_some(oldest)
    }

    fn request(&self, wanted: Wanted) -> Option<Request> {
        let dir = self.shown()?.run_dir.clone()?;
        Some((dir, wanted))
    }

    /// Goes to the rollouts of the kept step nearest to `step`; says which that is, `None` without any.
    pub fn show_rollouts_of(&mut self, step: u64) -> Option<u64> {
        let groups = self.shown()?.groups.iter().rev().enumerate();
        let (back, found) = groups.min_by_key(|(_, group)| group.step.abs_diff(step))?;
        let found = found.step;
        self.groups_back = back;
        self.leaf = None;
        self.pane = TrainingPane::Rollouts;
        Some(found)
    }

    /// What has to be read to show the rollouts of `step`: nothing where it is among those kept, or newer.
    #[must_use]
    pub fn rollouts_to_read(&self, step: u64) -> Option<Request> {
        let oldest = self.oldest()?;
        (step < oldest).then(|| self.request(Wanted::From(step)))?
    }

    /// Shows groups that were read; false where they are not of the run on screen, or there are none.
    pub fn show_leaf(&mut self, request: &Request, groups: Vec<RolloutGroup>) -> bool {
        let (dir, wanted) = request;
        let is_shown = self.shown().is_some_and(|run| run.is_in(dir));
        if !is_shown || groups.is_empty() {
            return false;
        }
        let at = match wanted {
            Wanted::From(_) | Wanted::After(_) => 0,
            Wanted::Before(_) => groups.len() - 1,
        };
        self.leaf = Some(Leaf { groups, at });
        true
    }
}
