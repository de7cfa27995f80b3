//! What is wrong with a run, and what was.

use std::borrow::Cow;
use std::path::Path;

use crate::ui::signs::{Sign, crowding};

use super::Watching;

/// What `reason` says, with the workbench's keys for the command that continues the run in `dir`.
#[must_use]
pub fn in_keys(reason: &str, dir: Option<&Path>) -> String {
    let dir = dir.map_or_else(String::new, |dir| dir.display().to_string());
    let command = format!("opensoc train --resume --run-dir {dir}");
    let said = reason.replace(
        &format!("{command} continues"),
        "t and then Enter continues",
    );
    let said = said.replace(
        &format!("{command} then continues"),
        "t and then Enter continues",
    );
    said.replace("--resume continues", "t and then Enter continues")
}

impl Watching {
    /// What is wrong now, the worst first.
    pub fn signs(&self) -> impl Iterator<Item = &Sign> {
        let of_process = self.silence.iter().chain(&self.crowding);
        let of_answers = self.repetition.iter().chain(&self.by_curves);
        of_process.chain(of_answers).chain(&self.standstill)
    }

    /// The sign that began last, and how many have begun.
    #[must_use]
    pub fn begun(&self) -> Option<&(u64, String)> {
        self.chronicle.begun()
    }

    /// Whether the run in progress gives no sign of life.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silence.is_some()
    }

    /// So many bytes are left on the disk it writes to, or nobody knows; false where that is nothing new.
    pub fn crowd(&mut self, free: Option<u64>) -> bool {
        let sign = free.and_then(|free| crowding(self.last_step, free));
        let what = |sign: &Option<Sign>| sign.as_ref().map(|sign| sign.what.clone());
        let is_news = what(&sign) != what(&self.crowding);
        self.crowding = sign;
        is_news
    }

    /// Whether the disk it writes to is nearly full: how full, and what to do.
    #[must_use]
    pub const fn crowding(&self) -> Option<&Sign> {
        self.crowding.as_ref()
    }

    /// Why it is in its state, with keys where its files name a command; nothing that its state says already.
    #[must_use]
    pub fn reason(&self) -> String {
        let Some(status) = &self.status else {
            return String::new();
        };
        let reason = match self.failure() {
            Some(failure) => failure,
            None => status.reason.as_str(),
        };
        if self.failure().is_none() && reason == "training" {
            return String::new();
        }
        in_keys(reason, self.run_dir.as_deref())
    }

    /// What is wrong now, then the warnings and what was wrong before, the newest first: step and text.
    #[must_use]
    pub fn log(&self) -> Vec<(u64, Cow<'_, str>)> {
        let can_stop = self.is_in_progress();
        let signs = self.signs();
        let mut log: Vec<_> = signs
            .map(|sign| (sign.step, Cow::Owned(sign.text(can_stop))))
            .collect();
        let mut before: Vec<_> = self.chronicle.told().rev().collect();
        // That something is over is only known some steps later.
        before.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        let mut before = before.into_iter().peekable();
        for (step, text) in self.warnings.iter().rev() {
            // What is not of the run's own (step 0) stands where it came.
            while let Some(newer) = before.next_if(|(at, _)| *step > 0 && at > step) {
                log.push((newer.0, Cow::Borrowed(newer.1)));
            }
            log.push((*step, Cow::Owned(in_keys(text, self.run_dir.as_deref()))));
        }
        log.extend(before.map(|(step, text)| (step, Cow::Borrowed(text))));
        log
    }
}
