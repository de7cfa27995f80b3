//! Whom the screen's commands go to: the model thread of this process, or a run in another one, which is looked for, followed
//! and steered through its folder while no run goes on here.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::follow::{self, AfterCrash};
use crate::link::{Command, Control, Fact, RunFact, RunState};
use crate::run::{RunDir, RunError, control};

/// Between two looks for a run in another process.
const EVERY: Duration = Duration::from_secs(2);

/// What the model thread has told of runs in this process.
#[derive(Debug, Default)]
pub struct OwnRun {
    /// The folder of the one begun last.
    dir: Mutex<Option<PathBuf>>,
    is_in_progress: AtomicBool,
}

impl OwnRun {
    /// Takes in what is told.
    pub fn hear(&self, fact: &RunFact) {
        match fact {
            RunFact::Started { run_dir, .. } => {
                if let Ok(mut dir) = self.dir.lock() {
                    *dir = Some(run_dir.clone());
                }
                self.is_in_progress.store(true, Ordering::Release);
            }
            fact => {
                if let Some(is_on) = goes_on(fact) {
                    self.is_in_progress.store(is_on, Ordering::Release);
                }
            }
        }
    }

    /// Whether a run of this process is under way.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.is_in_progress.load(Ordering::Acquire)
    }

    /// The folder of the run begun last, once.
    #[must_use]
    pub fn take_dir(&self) -> Option<PathBuf> {
        self.dir.lock().ok()?.take()
    }
}

/// Whether a run goes on after `fact`, where that says so.
fn goes_on(fact: &RunFact) -> Option<bool> {
    match fact {
        RunFact::Status(status) => {
            let is_on = matches!(status.state, RunState::Running | RunState::Paused);
            Some(is_on)
        }
        RunFact::Crashed { .. } => Some(false),
        _ => None,
    }
}

/// How it was left.
#[derive(Debug)]
pub struct Steered {
    /// The run in another process that was steered last, unless one was begun here since.
    pub followed: Option<RunDir>,
    /// Why the last control could not be written, where it could not.
    pub refused: Option<RunError>,
}

/// Starts the thread; gives whom the screen is to ask. It ends when nobody asks any more.
///
/// `commands` is the model thread, `facts` the screen, `root` the folder of runs; with `is_begun` a run is about to begin
/// here.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(
    root: PathBuf,
    commands: Sender<Command>,
    facts: UnboundedSender<Fact>,
    own: Arc<OwnRun>,
    is_begun: bool,
) -> io::Result<(Sender<Command>, JoinHandle<Steered>)> {
    own.is_in_progress.store(is_begun, Ordering::Release);
    let (sender, received) = channel();
    let helm = Helm {
        root,
        commands,
        facts,
        own,
        followed: None,
        refused: None,
    };
    let builder = std::thread::Builder::new().name("steering".into());
    let thread = builder.spawn(move || helm.serve(&received))?;
    Ok((sender, thread))
}

struct Helm {
    root: PathBuf,
    commands: Sender<Command>,
    facts: UnboundedSender<Fact>,
    own: Arc<OwnRun>,
    followed: Option<Followed>,
    refused: Option<RunError>,
}

/// A run in another process.
struct Followed {
    dir: RunDir,
    /// Taken back when another run is to be told of: what its follower reads then is told to nobody.
    is_wanted: Arc<AtomicBool>,
    is_in_progress: Arc<AtomicBool>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.is_wanted.store(false, Ordering::Release);
    }
}

impl Helm {
    fn serve(mut self, received: &Receiver<Command>) -> Steered {
        self.look();
        let mut looked = Instant::now();
        loop {
            let goes_on = match received.recv_timeout(EVERY.saturating_sub(looked.elapsed())) {
                Ok(command) => self.hand_on(command),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if !goes_on {
                break;
            }
            if looked.elapsed() >= EVERY {
                self.look();
                looked = Instant::now();
            }
        }
        Steered {
            followed: self.followed.map(|run| run.dir.clone()),
            refused: self.refused,
        }
    }

    /// False when the model thread is gone.
    fn hand_on(&mut self, command: Command) -> bool {
        match (command, &self.followed) {
            (Command::Control(asked), Some(run)) => {
                let dir = run.dir.clone();
                self.ask(&dir, asked);
                true
            }
            (Command::Follow(dir), _) => {
                if !self.own.is_in_progress.load(Ordering::Acquire) {
                    self.follow(RunDir::new(dir));
                }
                true
            }
            (command, _) => {
                if matches!(command, Command::Train(_)) {
                    // Else a run continued here would be told twice.
                    self.followed = None;
                    self.own.is_in_progress.store(true, Ordering::Release);
                }
                self.commands.send(command).is_ok()
            }
        }
    }

    fn ask(&mut self, dir: &RunDir, asked: Control) {
        self.refused = control::request(dir, asked).err();
        if let Some(error) = &self.refused {
            let message = format!("{} was not asked for: {error}", asked.as_str());
            let warning = RunFact::Warning { step: 0, message };
            // A closed workbench hears nothing.
            let _ = self.facts.send(Fact::Elsewhere(warning));
        }
    }

    /// Looks for a run in another process, while none goes on here and none is followed that does.
    fn look(&mut self) {
        let is_busy = |run: &Followed| run.is_in_progress.load(Ordering::Acquire);
        let is_here = self.own.is_in_progress.load(Ordering::Acquire);
        if is_here || self.followed.as_ref().is_some_and(is_busy) {
            return;
        }
        // A folder that cannot be read now may be at the next look; the list of runs tells of it.
        if let Ok(Some(dir)) = follow::newest_alive(&self.root) {
            self.follow(dir);
        }
    }

    /// Tells the run in `dir` from its beginning, and steers it from now on.
    fn follow(&mut self, dir: RunDir) {
        let (is_wanted, is_in_progress) = (Arc::default(), Arc::default());
        let run = Followed {
            dir: dir.clone(),
            is_wanted: Arc::clone(&is_wanted),
            is_in_progress: Arc::clone(&is_in_progress),
        };
        is_wanted.store(true, Ordering::Release);
        is_in_progress.store(true, Ordering::Release);
        // The one before is told of no longer from here on.
        self.followed = Some(run);
        let _ = self.facts.send(Fact::Found);
        let facts = self.facts.clone();
        let tell = move |fact: RunFact| {
            if let Some(is_on) = goes_on(&fact) {
                is_in_progress.store(is_on, Ordering::Release);
            }
            is_wanted.load(Ordering::Acquire) && facts.send(Fact::Elsewhere(fact)).is_ok()
        };
        if let Err(error) = follow::spawn(dir, AfterCrash::GoOn, tell) {
            self.followed = None;
            let message = format!("the run in another process cannot be followed: {error}");
            let _ = self.facts.send(Fact::Noted { message });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::config::TrainConfig;
    use crate::link::{Status, TrainRequest};
    use crate::run::summary::now;
    use crate::run::{Manifest, RunWriter};

    fn status(state: RunState) -> Status {
        Status {
            state,
            phase: "sft".into(),
            step: 3,
            total_steps: 9,
            elapsed_s: 1.0,
            eta_s: None,
            heartbeat: now(),
            // Another process's, as far as anybody can tell.
            pid: std::process::id() + 1,
            reason: String::new(),
        }
    }

    fn begun(root: &Path, name: &str) -> (RunDir, RunWriter) {
        let dir = RunDir::new(root.join(name));
        let config = TrainConfig::nano();
        let plan = config.plan(0);
        let manifest = Manifest::new(&dir, config, plan, "nano", "cpu", BTreeMap::new());
        let writer = RunWriter::create(dir.clone(), &manifest).expect("starts");
        writer.status(&status(RunState::Running)).expect("written");
        (dir, writer)
    }

    /// What is told until a status comes, `None` for [`Fact::Found`].
    fn told(facts: &mut UnboundedReceiver<Fact>) -> Vec<Option<RunFact>> {
        let mut all = Vec::new();
        loop {
            match facts.blocking_recv().expect("told") {
                Fact::Found => all.push(None),
                Fact::Elsewhere(fact) => {
                    let is_last = matches!(fact, RunFact::Status(_));
                    all.push(Some(fact));
                    if is_last {
                        return all;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_run_elsewhere_is_found_steered_and_left_for_one_begun_here() {
        let root = tempfile::tempdir().expect("folder");
        let (commands, model) = channel();
        let (facts, mut heard) = unbounded_channel();
        let own = Arc::new(OwnRun::default());
        let (asked, thread) =
            spawn(root.path().into(), commands, facts, own, false).expect("a thread");
        // It begins after the workbench has opened.
        let (dir, writer) = begun(root.path(), "a");
        let found = told(&mut heard);
        assert!(
            matches!(found[..], [None, Some(RunFact::Started { .. }), Some(_)]),
            "{found:?}"
        );
        asked.send(Command::Control(Control::Pause)).expect("sent");
        asked.send(Command::Quit).expect("sent");
        assert!(matches!(model.recv(), Ok(Command::Quit)));
        assert!(dir.control().join("pause").is_file());
        // Another is asked for by name, though that one still goes on.
        let (other, _other_writer) = begun(root.path(), "b");
        asked
            .send(Command::Follow(other.path().into()))
            .expect("sent");
        assert!(told(&mut heard)[0].is_none());
        asked.send(Command::Control(Control::Save)).expect("sent");
        asked.send(Command::Quit).expect("sent");
        assert!(matches!(model.recv(), Ok(Command::Quit)));
        assert!(other.control().join("save").is_file());
        // One begun here takes the controls from it.
        let request = TrainRequest {
            config: TrainConfig::nano(),
            run_dir: root.path().join("c"),
            resume: false,
            sft_extra: None,
        };
        let train = Command::Train(Box::new(request));
        asked.send(train).expect("sent");
        asked.send(Command::Control(Control::Skip)).expect("sent");
        assert!(matches!(model.recv(), Ok(Command::Train(_))));
        assert!(matches!(model.recv(), Ok(Command::Control(Control::Skip))));
        assert!(!other.control().join("skip").exists());
        drop((asked, writer));
        let steered = thread.join().expect("no panic");
        assert!(steered.followed.is_none() && steered.refused.is_none());
    }

    #[test]
    fn a_run_goes_on_until_it_says_otherwise_or_has_crashed() {
        for (fact, wanted) in [
            (RunFact::Status(status(RunState::Paused)), Some(true)),
            (RunFact::Status(status(RunState::Failed)), Some(false)),
            (
                RunFact::Crashed {
                    message: "gone".into(),
                },
                Some(false),
            ),
            (
                RunFact::Silent {
                    message: "busy".into(),
                },
                None,
            ),
        ] {
            assert_eq!(goes_on(&fact), wanted, "{fact:?}");
        }
    }

    #[test]
    fn nobody_is_looked_for_while_a_run_goes_on_here() {
        let root = tempfile::tempdir().expect("folder");
        let (_dir, _writer) = begun(root.path(), "a");
        let (commands, model) = channel();
        let (facts, mut heard) = unbounded_channel();
        let own = Arc::new(OwnRun::default());
        let (asked, thread) =
            spawn(root.path().into(), commands, facts, Arc::clone(&own), true).expect("a thread");
        asked
            .send(Command::Follow(root.path().join("a")))
            .expect("sent");
        asked.send(Command::Control(Control::Stop)).expect("sent");
        assert!(matches!(model.recv(), Ok(Command::Control(Control::Stop))));
        assert!(heard.try_recv().is_err(), "nothing is told");
        // Once it has ended here, the other is found.
        own.hear(&RunFact::Status(status(RunState::Stopped)));
        assert_eq!(told(&mut heard).len(), 3);
        drop(asked);
        assert!(thread.join().expect("no panic").followed.is_some());
    }

    #[test]
    fn what_cannot_be_asked_for_is_told_and_only_the_last_control_counts_in_the_end() {
        for is_mended in [true, false] {
            let root = tempfile::tempdir().expect("folder");
            let (dir, _writer) = begun(root.path(), "a");
            std::fs::remove_dir_all(dir.control()).expect("removed");
            // A file where the requests should lie.
            std::fs::write(dir.control(), []).expect("in the way");
            let (commands, _model) = channel();
            let (facts, mut heard) = unbounded_channel();
            let (asked, thread) = spawn(root.path().into(), commands, facts, Arc::default(), false)
                .expect("a thread");
            told(&mut heard);
            asked.send(Command::Control(Control::Pause)).expect("sent");
            let Some(Fact::Elsewhere(RunFact::Warning { message, .. })) = heard.blocking_recv()
            else {
                panic!("nothing told");
            };
            assert!(message.starts_with("pause was not asked for"), "{message}");
            if is_mended {
                std::fs::remove_file(dir.control()).expect("out of the way");
            }
            asked.send(Command::Control(Control::Stop)).expect("sent");
            drop(asked);
            let refused = thread.join().expect("no panic").refused;
            assert_eq!(refused.is_none(), is_mended);
            assert_eq!(dir.control().join("stop").is_file(), is_mended);
        }
    }
}
