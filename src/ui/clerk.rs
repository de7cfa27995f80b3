//! The clerk: a thread that keeps the labels of one annotator, so that no key waits for a disk.
//!
//! It locks and reads the folder when it is first asked to, and tells of every label whether it is on disk. Whoever asked
//! waits for it at the end: what was asked is written.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::env::schema::Episode;
use crate::label::examples::{self, Written};
use crate::label::export::Format;
use crate::label::{Added, Decided, History, Label, LabelError, Labels, Store, Writer};
use crate::run::summary;
use crate::ui::input::Input;
use crate::ui::queue::ToKeep;

/// Said of what is asked before the folder is open.
const NOT_OPEN: &str = "the labels are not open";

/// Said of what is to be written without the right to.
const ONLY_READ: &str = "the labels are only read here";

/// Something to do with the labels.
#[derive(Debug)]
pub enum Request {
    /// Lock and read them.
    Open,
    /// Read them without the lock: nothing is written then.
    OpenToRead,
    /// See whether alerts have come since.
    Look,
    /// Read everybody's labels again: others write theirs meanwhile.
    Reread,
    /// Take an alert in that is to be labelled.
    Add(Box<Episode>),
    /// Write a revision, and its episode where the folder has it not yet. The clerk sets the time.
    Save {
        label: Box<Label>,
        episode: Box<Episode>,
    },
    /// Write what is submitted as examples to train on.
    Export(Format),
    /// Read what was decided on alerts of known truth.
    Recall,
    /// Keep such a decision, or that it was taken back.
    Decide(ToKeep),
}

/// What is in the folder.
#[derive(Debug, Default)]
pub struct Opened {
    pub episodes: Vec<Episode>,
    /// Everybody's.
    pub labels: Labels,
    /// The annotator's own.
    pub history: History,
}

/// What came of a request.
#[derive(Debug)]
pub enum Outcome {
    Opened(Opened),
    /// Alerts that came into the folder since; often none.
    Came(Vec<Episode>),
    /// Everybody's labels, as they are on disk now.
    Reread(Labels),
    /// Why they are as they were read before.
    NotReread(String),
    /// The alert is in the folder, for the first time or already.
    Added(Box<Episode>),
    /// Why the alert of this id is not.
    NotAdded {
        alert_id: String,
        why: String,
    },
    /// Why nothing can be labelled.
    NotOpened(String),
    /// It is on disk.
    Saved(Box<Label>),
    NotSaved {
        label: Box<Label>,
        why: String,
    },
    Exported(Written),
    /// Why there are no examples on disk.
    NotExported(String),
    Recalled(Vec<Decided>),
    Kept,
    /// Why decisions are not on disk, or cannot be read from it.
    NotKept(String),
}

/// Starts the thread for `annotator`'s labels in `store`; it ends when nobody asks any more.
///
/// # Errors
/// When it cannot be started.
pub fn start(
    store: Store,
    annotator: String,
    outcomes: UnboundedSender<Input>,
) -> io::Result<(Sender<Request>, AtWork)> {
    let (sender, requests) = channel();
    let clerk = Clerk {
        store,
        annotator,
        desk: None,
    };
    let builder = std::thread::Builder::new().name("labels".into());
    let thread = builder.spawn(move || clerk.work(&requests, &outcomes))?;
    Ok((sender, AtWork(Some(thread))))
}

/// How long a workbench that breaks waits for what it has asked of the clerk.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The thread while it works. Whoever lets it go waits for it: what was asked and not acknowledged yet is on disk then, too.
/// The last sender has to be gone before, or it works for ever.
#[derive(Debug)]
#[must_use]
pub struct AtWork(Option<JoinHandle<()>>);

impl AtWork {
    /// Waits until all that was asked is written, however long that takes.
    ///
    /// # Errors
    /// What it has panicked with.
    pub fn join(mut self) -> std::thread::Result<()> {
        self.0.take().map_or(Ok(()), JoinHandle::join)
    }

    /// Whether it is gone.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for it so long and no longer; whether it is gone.
    fn wait(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !self.is_finished() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY);
        }
        self.is_finished()
    }
}

impl Drop for AtWork {
    /// Where nobody has joined it the workbench breaks, by an error or a panic. A disk that hangs must not keep it.
    fn drop(&mut self) {
        self.wait(PATIENCE);
    }
}

/// What the thread works with.
#[derive(Debug)]
pub struct Clerk {
    pub store: Store,
    pub annotator: String,
    /// The right to write, where it was asked for, and the ids of the episodes that are there; once opened.
    pub desk: Option<(Option<Writer>, HashSet<String>)>,
}

impl Clerk {
    fn work(mut self, requests: &Receiver<Request>, outcomes: &UnboundedSender<Input>) {
        for request in requests {
            let outcome = self.answer(request);
            // Nobody listens at the end; the label is to be written all the same.
            let _ = outcomes.send(Input::Label(outcome));
        }
    }

    /// Does what is asked, here and now.
    pub fn answer(&mut self, request: Request) -> Outcome {
        match request {
            Request::Open => told(self.open(true)),
            Request::OpenToRead => told(self.open(false)),
            Request::Look => Outcome::Came(self.look()),
            Request::Reread => match self.store.labels() {
                Ok(labels) => Outcome::Reread(labels),
                Err(error) => Outcome::NotReread(error.to_string()),
            },
            Request::Add(episode) => match self.add(&episode) {
                Ok(()) => Outcome::Added(episode),
                Err(why) => Outcome::NotAdded {
                    alert_id: episode.alert.alert_id,
                    why,
                },
            },
            Request::Save { mut label, episode } => match self.save(&mut label, &episode) {
                Ok(()) => Outcome::Saved(label),
                Err(why) => Outcome::NotSaved { label, why },
            },
            Request::Export(format) => {
                match examples::write(&self.store, &self.annotator, format) {
                    Ok(written) => Outcome::Exported(written),
                    Err(error) => Outcome::NotExported(error.to_string()),
                }
            }
            Request::Recall => match self.store.decisions(&self.annotator) {
                Ok(decisions) => Outcome::Recalled(decisions),
                Err(error) => Outcome::NotKept(error.to_string()),
            },
            Request::Decide(decision) => match self.store.decide(&self.decided(decision)) {
                Ok(()) => Outcome::Kept,
                Err(error) => Outcome::NotKept(error.to_string()),
            },
        }
    }

    fn decided(&self, decision: ToKeep) -> Decided {
        Decided {
            episode_id: decision.episode_id,
            annotator: self.annotator.clone(),
            action: decision.action,
            cited_log_id: decision.cited_log_id,
            after_truth: decision.knew.truth,
            after_answer: decision.knew.answer,
            unix_time: summary::now(),
        }
    }

    fn open(&mut self, writes: bool) -> Result<Opened, LabelError> {
        // Locked first: nothing is written between reading and the first label.
        let held = self.desk.take().and_then(|(writer, _)| writer);
        let writer = match held {
            None if writes => Some(Writer::open(&self.store, &self.annotator)?),
            held => held,
        };
        let episodes = self.store.episodes()?;
        let revisions = self.store.revisions()?;
        let known = episodes.iter().map(|e| e.episode_id.clone()).collect();
        self.desk = Some((writer, known));
        Ok(Opened {
            episodes,
            history: History::of(&self.annotator, &revisions),
            labels: revisions.into_iter().collect(),
        })
    }

    /// The episodes that are not known yet. What cannot be read now is told of when the folder is opened next.
    fn look(&mut self) -> Vec<Episode> {
        let Some((_, known)) = &mut self.desk else {
            return Vec::new();
        };
        let episodes = self.store.episodes().unwrap_or_default().into_iter();
        episodes
            .filter(|episode| known.insert(episode.episode_id.clone()))
            .collect()
    }

    /// Has the episode in the folder, where it is not yet.
    fn add(&mut self, episode: &Episode) -> Result<(), String> {
        let (writer, known) = self.desk.as_mut().ok_or(NOT_OPEN)?;
        if writer.is_none() {
            return Err(ONLY_READ.into());
        }
        if known.contains(&episode.episode_id) {
            return Ok(());
        }
        let became = self.store.add_episodes(std::slice::from_ref(episode));
        match became.map_err(|error| error.to_string())?.pop() {
            Some(Added::Refused) => {
                return Err("another episode of its id is in the folder".into());
            }
            Some(Added::Unfit(unfit)) => return Err(unfit.to_string()),
            Some(Added::New | Added::Known) | None => {}
        }
        known.insert(episode.episode_id.clone());
        Ok(())
    }

    fn save(&mut self, label: &mut Label, episode: &Episode) -> Result<(), String> {
        self.add(episode)?;
        let Some((Some(writer), _)) = &mut self.desk else {
            return Err(NOT_OPEN.into());
        };
        let now = jiff::Timestamp::now().as_second();
        label.unix_time = u64::try_from(now).unwrap_or(0);
        writer.append(label).map_err(|error| error.to_string())
    }
}

/// What came of opening the folder.
fn told(opened: Result<Opened, LabelError>) -> Outcome {
    match opened {
        Ok(opened) => Outcome::Opened(opened),
        Err(error) => Outcome::NotOpened(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::env::schema::Action;
    use crate::label::{Decision, Origin, State};
    use crate::ui::tests::label_desk::imported;

    fn save(episode: &Episode, revision: u64) -> Request {
        let decision = Decision {
            state: State::Draft,
            action: Some(Action::Monitor),
            ..Decision::default()
        };
        let label = Label {
            episode_id: episode.episode_id.clone(),
            annotator: "ann".into(),
            revision,
            unix_time: 0,
            origin: Origin::Change,
            decision,
        };
        Request::Save {
            label: Box::new(label),
            episode: Box::new(episode.clone()),
        }
    }

    fn clerk(store: &Store) -> Clerk {
        Clerk {
            store: store.clone(),
            annotator: "ann".into(),
            desk: None,
        }
    }

    #[test]
    fn who_only_reads_holds_no_lock_and_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("labels"));
        let mut reader = clerk(&store);
        let opened = reader.answer(Request::OpenToRead);
        assert!(matches!(opened, Outcome::Opened(_)), "{opened:?}");
        let episode = imported().swap_remove(0);
        let refused = reader.answer(save(&episode, 1));
        assert!(matches!(refused, Outcome::NotSaved { .. }), "{refused:?}");
        let refused = reader.answer(Request::Add(Box::new(episode.clone())));
        assert!(matches!(refused, Outcome::NotAdded { .. }), "{refused:?}");
        assert!(!store.path().exists(), "not even the folder is made");
        // A workbench opened meanwhile has the lock, and what it writes is read.
        let mut writer = clerk(&store);
        let opened = writer.answer(Request::Open);
        assert!(matches!(opened, Outcome::Opened(_)), "{opened:?}");
        let saved = writer.answer(save(&episode, 1));
        assert!(matches!(saved, Outcome::Saved(_)), "{saved:?}");
        assert!(matches!(reader.answer(Request::Look), Outcome::Came(came) if came.len() == 1));
        let read = reader.answer(Request::Reread);
        assert!(matches!(read, Outcome::Reread(labels) if labels.iter().count() == 1));
    }

    #[test]
    fn what_was_asked_before_a_panic_is_on_disk_after_it() {
        const ASKED: u64 = 50;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("labels"));
        let episode = imported().swap_remove(0);
        let (outcomes, _heard) = unbounded_channel();
        let breaks = || {
            let (labels, _clerk) = start(store.clone(), "ann".into(), outcomes).expect("a thread");
            // As in the workbench: whoever asks goes before whoever is asked.
            let labels = labels;
            let saves = (1..=ASKED).map(|revision| save(&episode, revision));
            for request in std::iter::once(Request::Open).chain(saves) {
                labels.send(request).expect("asked");
            }
            panic!("a chart without a width");
        };
        assert!(catch_unwind(AssertUnwindSafe(breaks)).is_err());
        let written = store.revisions().expect("readable");
        assert_eq!(written.len() as u64, ASKED);
    }

    #[test]
    fn a_disk_that_hangs_keeps_nobody_for_longer_than_the_bound() {
        let (hanging, until) = channel::<()>();
        let clerk = AtWork(Some(std::thread::spawn(move || {
            until.recv().unwrap_or_default()
        })));
        assert!(!clerk.wait(Duration::from_millis(20)));
        drop(hanging);
        assert!(clerk.wait(PATIENCE), "let go, it is gone");
        clerk.join().expect("no panic");
    }
}
