//! A run in another process, followed: its folder is read now and then, and told as facts.

use std::io;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::link::RunFact;
use crate::run::reader::{
    Liveness, RunReader, crash_words, liveness_of, read_status, silence_words,
};
use crate::run::summary::{SILENT_AFTER_S, now};
use crate::run::{Manifest, RunDir, RunError, layout};

/// Between two looks at the folder.
const EVERY: Duration = Duration::from_millis(250);

/// What becomes of following a run whose process is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterCrash {
    /// It is over.
    End,
    /// Somebody may continue the run.
    GoOn,
}

/// Reads the run in `dir` from its beginning on a thread of its own, until `tell` says nobody listens or the run has ended
/// and all is told.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(
    dir: RunDir,
    after_crash: AfterCrash,
    mut tell: impl FnMut(RunFact) -> bool + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name("follower".into());
    builder.spawn(move || {
        let mut follower = Follower::new(dir, after_crash);
        loop {
            let (facts, next) = follower.look(now());
            if !facts.into_iter().all(&mut tell) {
                return;
            }
            match next {
                Next::AtOnce => {}
                Next::Later => std::thread::sleep(EVERY),
                Next::Over => return,
            }
        }
    })
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    AtOnce,
    Later,
    Over,
}

/// Looks at one run and tells what is new.
struct Follower {
    reader: RunReader,
    after_crash: AfterCrash,
    liveness: Liveness,
    /// What could not be read at the last look: said again it is not told again, it may be readable at the next.
    complaint: String,
}

impl Follower {
    fn new(dir: RunDir, after_crash: AfterCrash) -> Self {
        Self {
            reader: RunReader::new(dir),
            after_crash,
            liveness: Liveness::Alive,
            complaint: String::new(),
        }
    }

    /// What has come, `now` being Unix seconds.
    fn look(&mut self, now: u64) -> (Vec<RunFact>, Next) {
        match self.reader.poll() {
            Ok(news) if news.more => (news.facts, Next::AtOnce),
            Ok(news) => {
                let mut facts = news.facts;
                facts.extend(self.pulse(now));
                (facts, self.next())
            }
            Err(error) => {
                let message = error.to_string();
                let is_new = message != self.complaint;
                self.complaint.clone_from(&message);
                let mut facts: Vec<RunFact> = self.pulse(now).into_iter().collect();
                if is_new {
                    facts.push(RunFact::Warning { step: 0, message });
                }
                (facts, self.next())
            }
        }
    }

    /// Whether the run lives, and what is to be told of that besides its own last words, once.
    fn pulse(&mut self, now: u64) -> Option<RunFact> {
        let (dir, status) = (self.reader.dir(), self.reader.status()?);
        let liveness = liveness_of(dir, status, now, SILENT_AFTER_S).ok()?;
        if std::mem::replace(&mut self.liveness, liveness) == liveness {
            return None;
        }
        match liveness {
            Liveness::Crashed => Some(RunFact::Crashed {
                message: crash_words(dir),
            }),
            Liveness::Silent => Some(RunFact::Silent {
                message: silence_words(dir, status, SILENT_AFTER_S),
            }),
            // A run that is back says so by its status.
            Liveness::Alive | Liveness::Ended => None,
        }
    }

    fn next(&self) -> Next {
        match self.liveness {
            Liveness::Ended => Next::Over,
            Liveness::Crashed if self.after_crash == AfterCrash::End => Next::Over,
            _ => Next::Later,
        }
    }
}

/// The run under `root` begun last that another process works on.
///
/// # Errors
/// Where the folder cannot be read.
pub fn newest_alive(root: &Path) -> Result<Option<RunDir>, RunError> {
    let is_alive = |dir: &RunDir| {
        let status = read_status(dir).ok().flatten()?;
        let liveness = liveness_of(dir, &status, now(), SILENT_AFTER_S).ok()?;
        let is_other = status.pid != std::process::id();
        (is_other && matches!(liveness, Liveness::Alive | Liveness::Silent)).then_some(())
    };
    let alive = layout::list(root)?.into_iter().filter_map(|dir| {
        is_alive(&dir)?;
        let created = Manifest::read(&dir).ok()?.created;
        Some((created, dir))
    });
    Ok(alive.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, dir)| dir))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::TrainConfig;
    use crate::link::{RunState, Status};
    use crate::run::RunWriter;

    fn status(state: RunState, heartbeat: u64) -> Status {
        Status {
            state,
            phase: "sft".into(),
            step: 3,
            total_steps: 9,
            elapsed_s: 1.0,
            eta_s: None,
            heartbeat,
            pid: 77,
            reason: String::new(),
        }
    }

    fn begun(folder: &std::path::Path) -> (RunDir, RunWriter) {
        let dir = RunDir::new(folder);
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        let writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
        let running = status(RunState::Running, 1_000);
        writer.status(&running).expect("written");
        (dir, writer)
    }

    #[test]
    fn a_silent_trainer_is_told_of_once_and_is_back_with_its_next_sign_of_life() {
        let folder = tempfile::tempdir().expect("folder");
        let (dir, writer) = begun(folder.path());
        let mut follower = Follower::new(dir, AfterCrash::End);
        let (facts, next) = follower.look(1_010);
        assert!(
            matches!(facts[..], [RunFact::Started { .. }, RunFact::Status(_)]),
            "{facts:?}"
        );
        assert_eq!(next, Next::Later);
        let (facts, next) = follower.look(1_031);
        let [RunFact::Silent { message }] = &facts[..] else {
            panic!("{facts:?}");
        };
        assert!(
            message.contains("process 77") && message.contains("opensoc train --resume --run-dir"),
            "{message}"
        );
        assert_eq!(next, Next::Later);
        assert!(follower.look(1_060).0.is_empty(), "said once");
        let running = status(RunState::Running, 1_070);
        writer.status(&running).expect("written");
        let (facts, _) = follower.look(1_071);
        assert!(matches!(&facts[..], [RunFact::Status(status)] if status.heartbeat == 1_070));
        let (facts, _) = follower.look(1_200);
        assert!(
            matches!(facts[..], [RunFact::Silent { .. }]),
            "a second silence is one more: {facts:?}"
        );
    }

    #[test]
    fn a_crashed_run_is_waited_for_only_where_somebody_may_continue_it() {
        let folder = tempfile::tempdir().expect("folder");
        let (dir, writer) = begun(folder.path());
        let lengths = writer.lengths().expect("synced");
        drop(writer);
        let mut gives_up = Follower::new(dir.clone(), AfterCrash::End);
        let mut waits = Follower::new(dir.clone(), AfterCrash::GoOn);
        let (facts, next) = gives_up.look(2_000);
        let Some(RunFact::Crashed { message }) = facts.last() else {
            panic!("{facts:?}");
        };
        assert!(message.contains("--resume --run-dir"), "{message}");
        assert_eq!(next, Next::Over);
        assert_eq!(waits.look(2_000).1, Next::Later);
        assert!(waits.look(2_001).0.is_empty(), "said once");
        let writer = RunWriter::resume(dir, &lengths).expect("resumes");
        let running = status(RunState::Running, 2_010);
        writer.status(&running).expect("written");
        let (facts, next) = waits.look(2_011);
        let is_back =
            |fact: &RunFact| matches!(fact, RunFact::Status(s) if s.state == RunState::Running);
        assert!(facts.iter().any(is_back), "{facts:?}");
        assert_eq!(next, Next::Later);
        writer
            .status(&status(RunState::Finished, 2_020))
            .expect("written");
        assert_eq!(waits.look(2_021).1, Next::Over);
    }
}
