//! The clerk: a thread that keeps the labels of one annotator, so that no key waits for a disk.
//!
//! It locks and reads the folder when it is first asked to, and tells of every label whether it is on disk. Whoever asked
//! waits for it at the end: what was asked is written.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::UnboundedSender;

use crate::env::schema::Episode;
use crate::label::examples::{self, Written};
use crate::label::{Added, Decided, History, Label, LabelError, Labels, Store, Writer};
use crate::run::summary;
use crate::ui::input::Input;
use crate::ui::queue::ToKeep;

/// Said of what is asked before the folder is open.
const NOT_OPEN: &str = "the labels are not open";

/// Something to do with the labels.
#[derive(Debug)]
pub enum Request {
    /// Lock and read them.
    Open,
    /// See whether alerts have come since.
    Look,
    /// Take an alert in that is to be labelled.
    Add(Box<Episode>),
    /// Write a revision, and its episode where the folder has it not yet. The clerk sets the time.
    Save {
        label: Box<Label>,
        episode: Box<Episode>,
    },
    /// Write what is submitted as examples to train on.
    Export,
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
) -> io::Result<(Sender<Request>, JoinHandle<()>)> {
    let (sender, requests) = channel();
    let clerk = Clerk {
        store,
        annotator,
        desk: None,
    };
    let builder = std::thread::Builder::new().name("labels".into());
    let thread = builder.spawn(move || clerk.work(&requests, &outcomes))?;
    Ok((sender, thread))
}

/// What the thread works with.
#[derive(Debug)]
pub struct Clerk {
    pub store: Store,
    pub annotator: String,
    /// The right to write, and the ids of the episodes that are there; once opened.
    pub desk: Option<(Writer, HashSet<String>)>,
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
            Request::Open => match self.open() {
                Ok(opened) => Outcome::Opened(opened),
                Err(error) => Outcome::NotOpened(error.to_string()),
            },
            Request::Look => Outcome::Came(self.look()),
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
            Request::Export => match examples::write(&self.store, &self.annotator) {
                Ok(written) => Outcome::Exported(written),
                Err(error) => Outcome::NotExported(error.to_string()),
            },
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
            unix_time: summary::now(),
        }
    }

    fn open(&mut self) -> Result<Opened, LabelError> {
        // Locked first: nothing is written between reading and the first label.
        let writer = match self.desk.take() {
            Some((writer, _)) => writer,
            None => Writer::open(&self.store, &self.annotator)?,
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
        let (_, known) = self.desk.as_mut().ok_or(NOT_OPEN)?;
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
        let (writer, _) = self.desk.as_mut().ok_or(NOT_OPEN)?;
        let now = jiff::Timestamp::now().as_second();
        label.unix_time = u64::try_from(now).unwrap_or(0);
        writer.append(label).map_err(|error| error.to_string())
    }
}
