//! The trainer's pen: every fact becomes one line of a file, written whole and at once, before anyone hears of it.
//!
//! Holds the lock of the folder. Knows how long each file is, so that a checkpoint can record it and a resumed run can cut
//! back to it. Decides nothing about what is worth writing.

mod journal;

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

use crate::link::{AttackRow, EvalRow, MetricRow, Rollout, RolloutGroup, Status, SystemRow};

use super::layout::{Journal, replace_file};
use super::lock::RunLock;
use super::{MAX_LINE, Manifest, RunDir, RunError};

use journal::OpenJournal;

/// The longest message in `log.txt`, in characters.
const LONGEST_MESSAGE: usize = 4_000;

/// The only writer of a run folder.
#[derive(Debug)]
pub struct RunWriter {
    dir: RunDir,
    journals: BTreeMap<Journal, OpenJournal>,
    _lock: RunLock,
}

impl RunWriter {
    /// Starts a run: makes the folder, takes its lock, writes `run.json`.
    ///
    /// # Errors
    /// [`RunError::Exists`] where a run has started here already, [`RunError::Held`] where one is in progress.
    pub fn create(dir: RunDir, manifest: &Manifest) -> Result<Self, RunError> {
        fs::create_dir_all(dir.path()).map_err(RunError::io(dir.path(), "make the folder"))?;
        let lock = RunLock::acquire(&dir)?;
        if dir.is_run() {
            return Err(RunError::Exists {
                path: dir.path().to_owned(),
            });
        }
        for folder in [dir.control(), dir.checkpoints()] {
            fs::create_dir_all(&folder).map_err(RunError::io(&folder, "make the folder"))?;
        }
        let writer = Self::open_files(dir, lock)?;
        manifest.write(&writer.dir)?;
        Ok(writer)
    }

    /// Goes on with a run, its files cut back to the lengths a checkpoint recorded (see [`Self::lengths`]).
    ///
    /// # Errors
    /// As [`Self::cut_back`]; [`RunError::NotARun`]; [`RunError::Held`].
    pub fn resume(dir: RunDir, lengths: &BTreeMap<String, u64>) -> Result<Self, RunError> {
        if !dir.is_run() {
            return Err(RunError::NotARun {
                path: dir.path().to_owned(),
            });
        }
        let lock = RunLock::acquire(&dir)?;
        let mut writer = Self::open_files(dir, lock)?;
        writer.cut_back(lengths)?;
        Ok(writer)
    }

    fn open_files(dir: RunDir, lock: RunLock) -> Result<Self, RunError> {
        let mut journals = BTreeMap::new();
        for journal in Journal::ALL {
            journals.insert(journal, OpenJournal::open(&dir.journal(journal))?);
        }
        Ok(Self {
            dir,
            journals,
            _lock: lock,
        })
    }

    /// The folder written to.
    #[must_use]
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// Appends to `metrics.jsonl`. Values that are not finite are left out and named in `log.txt`.
    ///
    /// # Errors
    /// Where a line cannot be written; so do all that follow.
    pub fn metrics(&mut self, row: &MetricRow) -> Result<(), RunError> {
        let values = self.finite(row.step, &row.values)?;
        self.append(
            Journal::Metrics,
            &MetricRow {
                values,
                ..row.clone()
            },
        )
    }

    /// Appends to `system.jsonl`, as [`Self::metrics`] does.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn system(&mut self, row: &SystemRow) -> Result<(), RunError> {
        let values = self.finite(row.step, &row.values)?;
        self.append(
            Journal::System,
            &SystemRow {
                values,
                ..row.clone()
            },
        )
    }

    /// Appends to `eval.jsonl`, as [`Self::metrics`] does.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn eval(&mut self, row: &EvalRow) -> Result<(), RunError> {
        let values = self.finite(row.step, &row.values)?;
        self.append(
            Journal::Eval,
            &EvalRow {
                values,
                ..row.clone()
            },
        )
    }

    /// Appends to `attacker.jsonl`.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn attack(&mut self, row: &AttackRow) -> Result<(), RunError> {
        self.append(Journal::Attacker, row)
    }

    /// Appends to `rollouts.jsonl`. A rollout with a number that is not finite is left out and named in `log.txt`.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn rollouts(&mut self, group: &RolloutGroup) -> Result<(), RunError> {
        let (kept, left_out): (Vec<_>, Vec<_>) = group
            .rollouts
            .iter()
            .cloned()
            .enumerate()
            .partition(|(_, rollout)| is_finite(rollout));
        if !left_out.is_empty() {
            let names: Vec<_> = left_out.iter().map(|(i, _)| i.to_string()).collect();
            let of = format!("rollouts {} of group {}", names.join(", "), group.group_id);
            self.warn(group.step, &format!("non_finite: {of} left out"))?;
        }
        let rollouts = kept.into_iter().map(|(_, rollout)| rollout).collect();
        self.append(
            Journal::Rollouts,
            &RolloutGroup {
                rollouts,
                ..group.clone()
            },
        )
    }

    /// Adds a line to `log.txt`.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn log(&mut self, message: &str) -> Result<(), RunError> {
        self.log_line("info", message)
    }

    /// Adds a line to `log.txt` that watchers are shown.
    ///
    /// # Errors
    /// As [`Self::metrics`].
    pub fn warn(&mut self, step: u64, message: &str) -> Result<(), RunError> {
        self.log_line(&format!("warning step={step}"), message)
    }

    fn log_line(&mut self, level: &str, message: &str) -> Result<(), RunError> {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = format!("{now} {level} {}", one_line(message));
        self.append_bytes(Journal::Log, line.into_bytes())
    }

    /// Replaces `status.json`, whole or not at all. It waits for the disk: once a second is enough.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn status(&self, status: &Status) -> Result<(), RunError> {
        let path = self.dir.status();
        let finite = Status {
            eta_s: status.eta_s.filter(|s| s.is_finite()),
            ..status.clone()
        };
        let bytes = serde_json::to_vec(&finite).map_err(|e| RunError::malformed(&path, e))?;
        replace_file(&path, &bytes)
    }

    /// The length of every file that only grows, by name: for a checkpoint. Waits until they are on the disk, so that no
    /// checkpoint ever counts on lines that a power cut can take.
    ///
    /// # Errors
    /// Where a file cannot be synced.
    pub fn lengths(&self) -> Result<BTreeMap<String, u64>, RunError> {
        let mut lengths = BTreeMap::new();
        for (journal, open) in &self.journals {
            let path = self.dir.journal(*journal);
            open.file.sync_data().map_err(RunError::io(&path, "sync"))?;
            lengths.insert(journal.as_str().to_owned(), open.bytes);
        }
        Ok(lengths)
    }

    /// The lengths of a run that has written nothing: to start over one that never came to a checkpoint.
    #[must_use]
    pub fn no_lengths() -> BTreeMap<String, u64> {
        Journal::ALL
            .into_iter()
            .map(|j| (j.as_str().to_owned(), 0))
            .collect()
    }

    /// Cuts every file back to its length in `lengths`; checks all before it cuts any.
    ///
    /// # Errors
    /// [`RunError::Shorter`] where a file has fewer bytes than recorded, [`RunError::NotRecorded`] where the names are not
    /// those of a run's files.
    pub fn cut_back(&mut self, lengths: &BTreeMap<String, u64>) -> Result<(), RunError> {
        let known = |name: &String| Journal::ALL.into_iter().any(|j| j.as_str() == name);
        if let Some(name) = lengths.keys().find(|name| !known(name)) {
            return Err(RunError::NotRecorded {
                path: self.dir.path().join(name),
            });
        }
        for (journal, open) in &self.journals {
            let path = self.dir.journal(*journal);
            match lengths.get(journal.as_str()) {
                None => return Err(RunError::NotRecorded { path }),
                Some(&recorded) if open.bytes < recorded => {
                    let found = open.bytes;
                    return Err(RunError::Shorter {
                        path,
                        recorded,
                        found,
                    });
                }
                Some(_) => {}
            }
        }
        for (journal, open) in &mut self.journals {
            if let Some(&recorded) = lengths.get(journal.as_str()) {
                open.cut(&self.dir.journal(*journal), recorded)?;
            }
        }
        Ok(())
    }

    fn finite(
        &mut self,
        step: u64,
        values: &BTreeMap<String, f64>,
    ) -> Result<BTreeMap<String, f64>, RunError> {
        let (kept, left_out): (BTreeMap<_, _>, BTreeMap<_, _>) = values
            .iter()
            .map(|(name, value)| (name.clone(), *value))
            .partition(|(_, value)| value.is_finite());
        let named: Vec<_> = left_out
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !named.is_empty() {
            self.warn(step, &format!("non_finite: {}", named.join(", ")))?;
        }
        Ok(kept)
    }

    fn append(&mut self, journal: Journal, row: &impl Serialize) -> Result<(), RunError> {
        let path = self.dir.journal(journal);
        let line = serde_json::to_vec(row).map_err(|e| RunError::malformed(&path, e))?;
        self.append_bytes(journal, line)
    }

    fn append_bytes(&mut self, journal: Journal, mut line: Vec<u8>) -> Result<(), RunError> {
        let path = self.dir.journal(journal);
        if line.len() > MAX_LINE {
            return Err(RunError::TooLong {
                path,
                bytes: line.len() as u64,
                limit: MAX_LINE as u64,
            });
        }
        line.push(b'\n');
        match self.journals.get_mut(&journal) {
            Some(open) => open.write(&path, &line),
            None => Err(RunError::NotRecorded { path }),
        }
    }
}

fn is_finite(rollout: &Rollout) -> bool {
    let components = rollout.components.values();
    let numbers = components.chain([&rollout.reward, &rollout.advantage]);
    let mut numbers = numbers.chain(&rollout.log_probs);
    numbers.all(|x| x.is_finite())
}

/// A message that cannot break out of its line or write to a terminal.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.chars().take(LONGEST_MESSAGE) {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests;
