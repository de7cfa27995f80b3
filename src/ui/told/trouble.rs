//! What is wrong with a run, and what was.

use std::borrow::Cow;
use std::path::Path;

use crate::link::RunState;
use crate::ui::signs::{Sign, crowding};

use super::Watching;

/// From where one reads why a run has ended: that decides what continues it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// On the training screen of a workbench: a key does.
    #[default]
    Training,
    /// In the list of runs: it is opened first.
    Runs,
    /// While only watching: no key does, but the command.
    Watch,
}

/// What `reason` says, with what continues the run in `dir` from where it is read.
#[must_use]
pub fn in_keys(reason: &str, dir: Option<&Path>, reader: Reader) -> String {
    let dir = dir.map_or_else(|| "RUN".to_owned(), |dir| dir.display().to_string());
    let command = format!("opensoc train --resume --run-dir {dir}");
    let does = match reader {
        Reader::Training => "t and then Enter continues".to_owned(),
        Reader::Runs => "Enter opens it, then t continues".to_owned(),
        Reader::Watch => format!("{command} continues"),
    };
    let told = [
        format!("{command} then continues"),
        format!("{command} continues"),
        "--resume continues".to_owned(),
    ];
    let put = |said: String, told: &String| said.replace(told.as_str(), &does);
    told.iter().fold(reason.to_owned(), put)
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

    /// Whether nobody works on it any more: what was wrong then stands in its log alone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let says_so = matches!(
            self.state(),
            Some(RunState::Stopped | RunState::Failed | RunState::Finished)
        );
        says_so || self.is_shipped || (self.is_opened && !self.is_alive)
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
        in_keys(reason, self.run_dir.as_deref(), self.reader)
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
            let said = in_keys(text, self.run_dir.as_deref(), self.reader);
            log.push((*step, Cow::Owned(said)));
        }
        log.extend(before.map(|(step, text)| (step, Cow::Borrowed(text))));
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_a_run_depends_on_where_one_reads_of_it() {
        let (dir, command) = (Path::new("/r"), "opensoc train --resume --run-dir /r");
        for (reason, reader, wanted) in [
            (
                "stopped; --resume continues it".to_owned(),
                Reader::Training,
                "stopped; t and then Enter continues it".to_owned(),
            ),
            (
                "stopped; --resume continues it".to_owned(),
                Reader::Runs,
                "stopped; Enter opens it, then t continues it".to_owned(),
            ),
            (
                "stopped; --resume continues it".to_owned(),
                Reader::Watch,
                format!("stopped; {command} continues it"),
            ),
            (
                format!("gone: {command} continues it"),
                Reader::Watch,
                format!("gone: {command} continues it"),
            ),
            (
                format!("end it; {command} then continues it"),
                Reader::Runs,
                "end it; Enter opens it, then t continues it".to_owned(),
            ),
        ] {
            assert_eq!(in_keys(&reason, Some(dir), reader), wanted, "{reader:?}");
        }
        let nowhere = in_keys("--resume continues it", None, Reader::Watch);
        assert_eq!(nowhere, "opensoc train --resume --run-dir RUN continues it");
    }

    #[test]
    fn a_run_has_ended_when_it_says_so_or_is_only_looked_at() {
        let mut live = Watching::default();
        assert!(!live.has_ended(), "about to begin");
        live.fail("gone");
        assert!(live.has_ended());
        let mut opened = Watching::opened();
        assert!(opened.has_ended());
        opened.is_alive = true;
        assert!(!opened.has_ended(), "a process works on it");
    }
}
