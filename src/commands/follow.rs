//! A run in another process, followed: its folder is read now and then, and told as facts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::link::{Command, RunFact, RunState, Status};
use crate::run::reader::{Liveness, RunReader, crash_words, liveness_of, silence_words};
use crate::run::summary::{SILENT_AFTER_S, Summary, now};
use crate::run::{RunDir, RunError, control, layout};

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
            Liveness::Crashed => Some(RunFact::Status(Status {
                state: RunState::Failed,
                reason: crash_words(dir),
                ..status.clone()
            })),
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

/// The newest run under the default folder that a process works on.
///
/// # Errors
/// Where the folder cannot be read.
pub fn newest_alive() -> Result<Option<RunDir>, RunError> {
    let (runs, _) = crate::run::summary::all(&layout::default_root()?, now())?;
    let alive = runs
        .into_iter()
        .find(|run: &Summary| run.standing.is_alive());
    Ok(alive.and_then(|run| run.run_dir).map(RunDir::new))
}

/// Hands on what is asked of the model thread; controls go to the followed run in `dir` until a run is begun here, which
/// `is_here` then says: whoever follows that one is to stop, else a run continued here would be told twice.
///
/// A control that cannot be written is told to `tell`. The thread ends when nobody asks any more, and says why the last control could
/// not be written, where it could not.
///
/// # Errors
/// When the thread cannot be started.
pub fn steer(
    dir: RunDir,
    commands: Sender<Command>,
    is_here: Arc<AtomicBool>,
    tell: impl Fn(RunFact) + Send + 'static,
) -> io::Result<(Sender<Command>, JoinHandle<Option<RunError>>)> {
    let (sender, received) = std::sync::mpsc::channel();
    let builder = std::thread::Builder::new().name("steering".into());
    let thread = builder.spawn(move || {
        let mut refused = None;
        for command in received {
            if matches!(command, Command::Train(_)) {
                is_here.store(true, Ordering::Release);
            }
            match command {
                Command::Control(asked) if !is_here.load(Ordering::Acquire) => {
                    refused = control::request(&dir, asked).err();
                    if let Some(error) = &refused {
                        let message = format!("{} was not asked for: {error}", asked.as_str());
                        tell(RunFact::Warning { step: 0, message });
                    }
                }
                command => {
                    if commands.send(command).is_err() {
                        break;
                    }
                }
            }
        }
        refused
    })?;
    Ok((sender, thread))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::link::Control;
    use crate::run::{Manifest, RunWriter};
    use crate::train::config::TrainConfig;

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
    fn what_cannot_be_asked_for_is_told_and_only_the_last_control_counts_in_the_end() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        // A file where the requests should lie.
        std::fs::write(dir.control(), []).expect("in the way");
        let (told, heard) = std::sync::mpsc::channel();
        let (own, _) = std::sync::mpsc::channel();
        let tell = move |fact| drop(told.send(fact));
        let (asked, thread) = steer(dir.clone(), own, Arc::default(), tell).expect("a thread");
        asked.send(Command::Control(Control::Pause)).expect("sent");
        let Ok(RunFact::Warning { message, .. }) = heard.recv() else {
            panic!("nothing told");
        };
        assert!(message.starts_with("pause was not asked for"), "{message}");
        std::fs::remove_file(dir.control()).expect("out of the way");
        asked.send(Command::Control(Control::Stop)).expect("sent");
        drop(asked);
        assert!(thread.join().expect("no panic").is_none());
        assert!(dir.control().join("stop").is_file());
        std::fs::remove_dir_all(dir.control()).expect("removed");
        std::fs::write(dir.control(), []).expect("in the way");
        let (own, _) = std::sync::mpsc::channel();
        let (asked, thread) = steer(dir, own, Arc::default(), |_| {}).expect("a thread");
        asked.send(Command::Control(Control::Stop)).expect("sent");
        drop(asked);
        assert!(thread.join().expect("no panic").is_some());
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
        let Some(RunFact::Status(told)) = facts.last() else {
            panic!("{facts:?}");
        };
        assert!(told.state == RunState::Failed && told.reason.contains("--resume --run-dir"));
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
