//! A run in another process, followed: its folder is read now and then, and told as facts.

use std::io;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::link::{Command, RunFact, RunState};
use crate::run::reader::{Liveness, RunReader, liveness_of};
use crate::run::summary::{SILENT_AFTER_S, Summary, now};
use crate::run::{RunDir, RunError, control, layout};

/// Between two looks at the folder.
const EVERY: Duration = Duration::from_millis(250);

/// Reads the run in `dir` from its beginning on a thread of its own, until `tell` says nobody listens or the run has ended
/// and all is told.
///
/// # Errors
/// When the thread cannot be started.
pub fn spawn(
    dir: RunDir,
    tell: impl FnMut(RunFact) -> bool + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name("follower".into());
    builder.spawn(move || follow(dir, tell))
}

fn follow(dir: RunDir, mut tell: impl FnMut(RunFact) -> bool) {
    let mut reader = RunReader::new(dir);
    // What cannot be read now may be readable at the next look: a thing that is said again is not said twice.
    let mut complaint = String::new();
    loop {
        let more = match reader.poll() {
            Ok(news) => {
                if !news.facts.into_iter().all(&mut tell) {
                    return;
                }
                news.more
            }
            Err(error) => {
                let message = error.to_string();
                let is_new = message != complaint;
                complaint.clone_from(&message);
                if is_new && !tell(RunFact::Warning { step: 0, message }) {
                    return;
                }
                false
            }
        };
        if more {
            continue;
        }
        if let Some(end) = end(&reader) {
            if let Some(status) = end {
                tell(status);
            }
            return;
        }
        std::thread::sleep(EVERY);
    }
}

/// Whether the run has ended, and what is to be told of that besides its own last words.
fn end(reader: &RunReader) -> Option<Option<RunFact>> {
    let status = reader.status()?;
    let liveness = liveness_of(reader.dir(), status, now(), SILENT_AFTER_S).ok()?;
    match liveness {
        Liveness::Ended => Some(None),
        Liveness::Crashed => {
            let mut status = status.clone();
            status.state = RunState::Failed;
            status.reason =
                "its process is gone without a word; opensoc train --resume continues it".into();
            Some(Some(RunFact::Status(status)))
        }
        Liveness::Alive | Liveness::Silent => None,
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
    Ok(alive.map(|run| RunDir::new(run.run_dir)))
}

/// Hands on what is asked of the model thread; controls go to the followed run in `dir` until a run is begun here.
pub fn steer(dir: RunDir, commands: Sender<Command>) -> io::Result<Sender<Command>> {
    let (sender, received) = std::sync::mpsc::channel();
    let builder = std::thread::Builder::new().name("steering".into());
    builder.spawn(move || {
        let mut is_here = false;
        for command in received {
            is_here |= matches!(command, Command::Train(_));
            match command {
                Command::Control(asked) if !is_here => {
                    // A folder that cannot be written to says so by a run that does not obey.
                    let _ = control::request(&dir, asked);
                }
                command => {
                    if commands.send(command).is_err() {
                        return;
                    }
                }
            }
        }
    })?;
    Ok(sender)
}
