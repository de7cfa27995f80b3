//! What a run told before it was continued: read from its folder, put under what it tells now.
//!
//! The trainer tells only what comes; it writes first, so whatever was told before the folder was read is in it.

use std::path::{Path, PathBuf};

use super::Training;
use crate::link::RunFact;
use crate::ui::told::Watching;

/// Whether something is missing of the run in this process.
#[derive(Debug, Default)]
pub(super) enum Past {
    #[default]
    Complete,
    /// It has begun; its first status says whether it had begun before.
    Unknown {
        /// Asked for here: what is on screen may go on past the checkpoint.
        is_continued: bool,
    },
    /// The folder is being read; what was told since.
    Reading(Vec<RunFact>),
}

impl Past {
    /// Takes note of a fact.
    pub(super) fn hear(&mut self, fact: &RunFact) {
        match (self, fact) {
            (Past::Unknown { .. }, RunFact::Started { .. }) => {}
            (past, RunFact::Started { .. }) => {
                *past = Past::Unknown {
                    is_continued: false,
                };
            }
            (Past::Reading(since), fact) => since.push(fact.clone()),
            _ => {}
        }
    }
}

impl Training {
    /// The folder that has to be read for what the run told before; once.
    pub fn missing_past(&mut self) -> Option<PathBuf> {
        let Past::Unknown { is_continued } = self.past else {
            return None;
        };
        let live = self.live.as_ref()?;
        let step = live.status.as_ref()?.step;
        let is_missing = step > 0 && (is_continued || step > live.last_step);
        self.past = Past::Complete;
        let dir = live.run_dir.clone().filter(|_| is_missing)?;
        self.past = Past::Reading(Vec::new());
        Some(dir)
    }

    /// Puts what was read under what was told since.
    pub fn take_past(&mut self, mut run: Watching) {
        let Past::Reading(since) = std::mem::take(&mut self.past) else {
            return;
        };
        let Some(live) = (self.live.as_ref()).filter(|live| run.run_dir == live.run_dir) else {
            return;
        };
        run.is_opened = false;
        run.status.clone_from(&live.status);
        run.has_crashed = live.has_crashed;
        for fact in since {
            if run.lacks(&fact) {
                run.apply(fact);
            }
        }
        self.live = Some(run);
    }

    /// The run in `dir` cannot be read: what it tells from now on is all there is.
    pub fn give_up_past(&mut self, dir: &Path) {
        if self.live.as_ref().is_some_and(|live| live.is_in(dir)) {
            self.past = Past::Complete;
        }
    }
}
