//! A run folder as facts: the carrier of [`RunFact`] for whoever is not in the trainer's process.
//!
//! Only reads, never waits, needs no lock. Each look is bounded, so a screen can take one between two frames.

use serde::de::DeserializeOwned;

use crate::link::{
    AttackRow, EvalRow, FactKind, MetricRow, RolloutGroup, RunFact, RunState, Status, SystemRow,
};

use super::layout::{Journal, read_bounded};
use super::tail::{Batch, CorruptLine, LineTail, Lines, Tail};
use super::{Manifest, RunDir, RunError, lock};

const STATUS_LIMIT: u64 = 1 << 16;

/// Follows one run.
#[derive(Debug)]
pub struct RunReader {
    dir: RunDir,
    /// Once the run has started: its steps, as planned.
    planned_steps: Option<u64>,
    status: Option<Status>,
    metrics: Tail<MetricRow>,
    system: Tail<SystemRow>,
    rollouts: Tail<RolloutGroup>,
    attacker: Tail<AttackRow>,
    eval: Tail<EvalRow>,
    log: LineTail,
}

/// What came since the last look.
#[derive(Debug, Default)]
pub struct News {
    /// In the order of the files: started, status, metrics, system, rollouts, attacks, evaluations, warnings. A file that was
    /// cut back or replaced is told from its beginning, after a word to forget what came of it.
    pub facts: Vec<RunFact>,
    /// The first few broken lines; a warning among `facts` tells of them.
    pub corrupt: Vec<CorruptLine>,
    /// How many broken lines there were in all.
    pub corrupt_count: u64,
    /// There is more to read already.
    pub more: bool,
}

impl RunReader {
    /// Follows the run in `dir`, from its beginning.
    #[must_use]
    pub fn new(dir: RunDir) -> Self {
        Self {
            planned_steps: None,
            status: None,
            metrics: Tail::new(dir.journal(Journal::Metrics)),
            system: Tail::new(dir.journal(Journal::System)),
            rollouts: Tail::new(dir.journal(Journal::Rollouts)),
            attacker: Tail::new(dir.journal(Journal::Attacker)),
            eval: Tail::new(dir.journal(Journal::Eval)),
            log: LineTail::new(dir.journal(Journal::Log)),
            dir,
        }
    }

    /// The folder followed.
    #[must_use]
    pub fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// The status last seen.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// A file that is there but cannot be read, or a broken `run.json` or `status.json`. Broken lines are no error.
    pub fn poll(&mut self) -> Result<News, RunError> {
        let mut news = News::default();
        self.poll_manifest(&mut news)?;
        let status = read_status(&self.dir)?;
        if status != self.status {
            self.poll_plan(status.as_ref(), &mut news)?;
            news.facts.extend(status.clone().map(RunFact::Status));
            self.status = status;
        }
        news.take(FactKind::Metrics, self.metrics.poll()?, RunFact::Metrics);
        news.take(FactKind::System, self.system.poll()?, RunFact::System);
        let as_fact = |group| RunFact::Rollouts(Box::new(group));
        news.take(FactKind::Rollouts, self.rollouts.poll()?, as_fact);
        news.take(FactKind::Attacks, self.attacker.poll()?, RunFact::Attack);
        news.take(
            FactKind::Evaluations,
            self.eval.poll()?,
            RunFact::Evaluation,
        );
        news.take_log(self.log.poll()?);
        news.tell_corrupt();
        Ok(news)
    }

    fn poll_manifest(&mut self, news: &mut News) -> Result<(), RunError> {
        if self.planned_steps.is_none() && self.dir.is_run() {
            let manifest = Manifest::read(&self.dir)?;
            self.planned_steps = Some(manifest.plan.total_steps());
            news.facts.push(RunFact::Started {
                run_dir: self.dir.path().to_owned(),
                run_id: manifest.run_id,
                plan: manifest.plan,
            });
        }
        Ok(())
    }

    /// Looks at the plan again where the status counts other steps: a phase has ended early.
    fn poll_plan(&mut self, status: Option<&Status>, news: &mut News) -> Result<(), RunError> {
        let told = status.map(|status| status.total_steps);
        if self.planned_steps.is_none() || told == self.planned_steps {
            return Ok(());
        }
        let plan = Manifest::read(&self.dir)?.plan;
        let steps = Some(plan.total_steps());
        if steps != self.planned_steps {
            self.planned_steps = steps;
            news.facts.push(RunFact::Planned(plan));
        }
        Ok(())
    }
}

impl News {
    fn take<T>(&mut self, kind: FactKind, batch: Batch<T>, as_fact: impl Fn(T) -> RunFact) {
        self.begin(kind, batch.restarted, batch.more);
        self.facts.extend(batch.rows.into_iter().map(as_fact));
        self.corrupt.extend(batch.corrupt);
        self.corrupt_count += batch.corrupt_count;
    }

    fn take_log(&mut self, found: Lines) {
        self.begin(FactKind::Warnings, found.restarted, found.more);
        let warnings = found.lines.iter().filter_map(|(_, bytes)| warning(bytes));
        self.facts.extend(warnings);
    }

    fn begin(&mut self, kind: FactKind, restarted: bool, more: bool) {
        if restarted {
            self.facts.push(RunFact::Forget(kind));
        }
        self.more |= more;
    }

    /// Broken lines are no error, but what is drawn lacks them.
    fn tell_corrupt(&mut self) {
        if let Some(first) = self.corrupt.first() {
            let message = format!(
                "{} broken lines are left out, the first is line {} of {}: {}",
                self.corrupt_count, first.line, first.file, first.reason
            );
            self.facts.push(RunFact::Warning { step: 0, message });
        }
    }
}

/// The warning that a line of `log.txt` holds, if it is one: `<time> warning step=<n> <message>`.
fn warning(line: &[u8]) -> Option<RunFact> {
    let line = String::from_utf8_lossy(line);
    let (_time, rest) = line.split_once(' ')?;
    let (step, message) = rest.strip_prefix("warning step=")?.split_once(' ')?;
    Some(RunFact::Warning {
        step: step.parse().ok()?,
        message: message.to_owned(),
    })
}

/// Hands every row that a file holds now to `each`; broken lines are left out.
///
/// # Errors
/// A file that is there but cannot be read.
pub fn every_row<T: DeserializeOwned>(
    dir: &RunDir,
    journal: Journal,
    mut each: impl FnMut(T),
) -> Result<(), RunError> {
    let mut tail = Tail::new(dir.journal(journal));
    loop {
        let batch = tail.poll()?;
        batch.rows.into_iter().for_each(&mut each);
        if !batch.more {
            return Ok(());
        }
    }
}

/// The content of `status.json`; `None` before there is one.
///
/// # Errors
/// A file that is too long or holds something else.
pub fn read_status(dir: &RunDir) -> Result<Option<Status>, RunError> {
    let path = dir.status();
    let Some(bytes) = read_bounded(&path, STATUS_LIMIT)? else {
        return Ok(None);
    };
    let status = serde_json::from_slice(&bytes).map_err(|e| RunError::malformed(&path, e))?;
    Ok(Some(status))
}

/// Whether anyone is behind a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Its last word was that it ended.
    Ended,
    /// A recent sign of life.
    Alive,
    /// No recent sign of life, but the process is there: busy, or stuck.
    Silent,
    /// No recent sign of life and no process: it died without a word.
    Crashed,
}

/// After so many seconds without a sign of life a run whose lock nobody holds has crashed. Not at once: some file systems
/// know no locks, and then signs of life are all there is.
const UNHELD_FOR_S: u64 = 8;

/// Whether the trainer behind `status` lives, `now` being Unix seconds and `is_held` whether the run's lock is held.
#[must_use]
pub fn liveness(status: &Status, is_held: bool, now: u64, silent_after_s: u64) -> Liveness {
    let patience = match is_held {
        true => silent_after_s,
        false => silent_after_s.min(UNHELD_FOR_S),
    };
    let is_recent = now.saturating_sub(status.heartbeat) <= patience;
    match status.state {
        RunState::Stopped | RunState::Finished | RunState::Failed => Liveness::Ended,
        RunState::Running | RunState::Paused if is_recent => Liveness::Alive,
        RunState::Running | RunState::Paused if is_held => Liveness::Silent,
        RunState::Running | RunState::Paused => Liveness::Crashed,
    }
}

/// As [`liveness`], looking at the lock of `dir`.
///
/// # Errors
/// Where the lock cannot be looked at.
pub fn liveness_of(
    dir: &RunDir,
    status: &Status,
    now: u64,
    silent_after_s: u64,
) -> Result<Liveness, RunError> {
    Ok(liveness(status, lock::is_held(dir)?, now, silent_after_s))
}

/// What to do about a run whose process is gone.
#[must_use]
pub fn crash_words(dir: &RunDir) -> String {
    format!(
        "its process is gone without a word: opensoc train --resume --run-dir {} continues it from the last checkpoint",
        dir.path().display()
    )
}

/// What to do about a run that gives no sign of life although its process is there.
#[must_use]
pub fn silence_words(dir: &RunDir, status: &Status, silent_after_s: u64) -> String {
    format!(
        "no sign of life for over {silent_after_s} s, but process {} is there: busy, or stuck. If it stays so, end that process; \
         opensoc train --resume --run-dir {} then continues the run from the last checkpoint",
        status.pid,
        dir.path().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;
    use crate::run::RunWriter;
    use std::collections::BTreeMap;

    fn status(state: RunState) -> Status {
        Status {
            state,
            phase: "sft".to_owned(),
            step: 1,
            total_steps: 2,
            elapsed_s: 0.0,
            eta_s: None,
            heartbeat: 1_000,
            pid: 1,
            reason: String::new(),
        }
    }

    fn metrics(step: u64) -> MetricRow {
        MetricRow {
            step,
            stage: "sft".to_owned(),
            values: BTreeMap::from([("loss".to_owned(), 0.5)]),
        }
    }

    fn steps(news: &News) -> Vec<u64> {
        let step = |fact: &RunFact| match fact {
            RunFact::Metrics(row) => Some(row.step),
            _ => None,
        };
        news.facts.iter().filter_map(step).collect()
    }

    #[test]
    fn liveness_table() {
        for (state, held, now, want) in [
            (RunState::Running, true, 1_030, Liveness::Alive),
            (RunState::Running, false, 1_008, Liveness::Alive),
            (RunState::Running, false, 1_009, Liveness::Crashed),
            (RunState::Running, true, 1_031, Liveness::Silent),
            (RunState::Running, false, 1_031, Liveness::Crashed),
            (RunState::Paused, false, 9_999, Liveness::Crashed),
            (RunState::Finished, false, 9_999, Liveness::Ended),
            (RunState::Stopped, true, 1_000, Liveness::Ended),
            // A clock that was set back is no crash.
            (RunState::Running, false, 10, Liveness::Alive),
        ] {
            assert_eq!(
                liveness(&status(state), held, now, 30),
                want,
                "{state:?} {held} {now}"
            );
        }
    }

    #[test]
    fn facts_come_once_and_resume_is_noticed() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let mut reader = RunReader::new(dir.clone());
        assert!(reader.poll().expect("empty folder").facts.is_empty());
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        let mut writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
        writer.status(&status(RunState::Running)).expect("written");
        writer.metrics(&metrics(1)).expect("written");
        let lengths = writer.lengths().expect("synced");
        writer.metrics(&metrics(2)).expect("written");
        writer.log("for the file only").expect("written");
        writer.warn(2, "one action takes 70 %").expect("written");
        let news = reader.poll().expect("read");
        assert!(matches!(news.facts[0], RunFact::Started { .. }));
        assert!(matches!(news.facts[1], RunFact::Status(_)));
        assert_eq!(steps(&news), [1, 2]);
        assert!(
            matches!(&news.facts[4..], [RunFact::Warning { step: 2, message }] if message == "one action takes 70 %")
        );
        assert!(reader.poll().expect("read").facts.is_empty());
        assert_eq!(
            liveness_of(&dir, &status(RunState::Running), 9_999, 30).expect("probe"),
            Liveness::Silent
        );
        drop(writer);
        assert_eq!(
            liveness_of(&dir, &status(RunState::Running), 9_999, 30).expect("probe"),
            Liveness::Crashed
        );
        let mut writer = RunWriter::resume(dir, &lengths).expect("resumes");
        let news = reader.poll().expect("read");
        assert_eq!(steps(&news), [1]);
        let forgets = |fact: &RunFact| match fact {
            RunFact::Forget(kind) => Some(*kind),
            _ => None,
        };
        let forgotten: Vec<_> = news.facts.iter().filter_map(forgets).collect();
        assert_eq!(forgotten, [FactKind::Metrics, FactKind::Warnings]);
        assert!(
            matches!(news.facts[0], RunFact::Forget(_)),
            "before the rows"
        );
        writer.metrics(&metrics(2)).expect("written");
        assert_eq!(steps(&reader.poll().expect("read")), [2]);
    }

    #[test]
    fn broken_lines_are_told_of() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let lines = "{\"step\":1,\"stage\":\"sft\"}\n{\"step\":\n[]\n";
        std::fs::write(dir.journal(Journal::Metrics), lines).expect("written");
        let facts = RunReader::new(dir).poll().expect("read").facts;
        let [RunFact::Metrics(_), RunFact::Warning { message, .. }] = &facts[..] else {
            panic!("{facts:?}");
        };
        assert!(
            message.contains("2 broken lines") && message.contains("line 2 of metrics.jsonl"),
            "{message}"
        );
    }

    #[test]
    fn a_phase_that_ended_early_is_noticed() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let mut manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        let writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
        let mut told = Status {
            total_steps: manifest.plan.total_steps(),
            ..status(RunState::Running)
        };
        writer.status(&told).expect("written");
        let mut reader = RunReader::new(dir.clone());
        assert_eq!(reader.poll().expect("read").facts.len(), 2);
        manifest.plan.phases[1].end_early(3);
        manifest.write(&dir).expect("written");
        assert!(reader.poll().expect("read").facts.is_empty());
        told.total_steps = manifest.plan.total_steps();
        writer.status(&told).expect("written");
        let facts = reader.poll().expect("read").facts;
        assert!(
            matches!(&facts[..], [RunFact::Planned(plan), RunFact::Status(_)] if *plan == manifest.plan),
            "{facts:?}"
        );
        told.step = 2;
        writer.status(&told).expect("written");
        assert_eq!(reader.poll().expect("read").facts.len(), 1);
    }

    #[test]
    fn warnings_are_told_from_other_lines() {
        let parsed = |line: &str| warning(line.as_bytes());
        assert!(parsed("2026-01-01T00:00:00Z warning step=7 a b").is_some());
        for other in [
            "",
            "warning",
            "t info warning step=7 a",
            "t warning step=x a",
            "t warning step=7",
        ] {
            assert!(parsed(other).is_none(), "{other}");
        }
    }
}
