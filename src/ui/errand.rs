//! Errands: what the screens want done with run folders. A thread of its own runs them, so that no key waits for a disk.
//!
//! Knows run folders, no screens: what comes back is a [`Report`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc::UnboundedSender;

use crate::run::layout::Journal;
use crate::run::reader::{crash_words, every_row};
use crate::run::summary::{self, Standing, Summary, now};
use crate::run::{RunDir, RunError, RunReader, export, keeping};
use crate::ui::curves::Curves;
use crate::ui::input::Input;
use crate::ui::marks::Overlay;
use crate::ui::told::Watching;

/// Something to do with run folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Look which runs there are.
    List,
    /// Read a run from beginning to end.
    Open(RunDir),
    /// Read the curves of a run, to be drawn behind another's.
    Overlay(RunDir),
    Delete(RunDir),
    /// Write its numbers as CSV.
    Export(RunDir),
    /// Write the note on it.
    Note {
        dir: RunDir,
        text: String,
    },
}

/// What came of an errand.
#[derive(Debug)]
pub enum Report {
    Listed(Listing),
    Opened(Box<Watching>),
    Overlaid(Box<Overlay>),
    /// The curves of this run cannot be read, and why.
    NotOverlaid(RunDir, String),
    Deleted(RunDir),
    /// Where the files are.
    Exported(Vec<PathBuf>),
    Noted(RunDir),
    /// Why not, in words.
    Failed(String),
}

/// The runs there are.
#[derive(Debug, Default)]
pub struct Listing {
    pub root: PathBuf,
    /// Newest first.
    pub runs: Vec<Summary>,
    /// What is wrong with those that cannot be read.
    pub broken: Vec<String>,
}

/// Starts the thread; it ends when nobody sends errands any more, or nobody hears of them.
///
/// # Errors
/// When it cannot be started.
pub fn start(root: PathBuf, reports: UnboundedSender<Input>) -> io::Result<Sender<Errand>> {
    let (sender, errands) = channel();
    let builder = std::thread::Builder::new().name("errands".into());
    builder.spawn(move || run_all(&root, &errands, &reports))?;
    Ok(sender)
}

fn run_all(root: &Path, errands: &Receiver<Errand>, reports: &UnboundedSender<Input>) {
    for errand in errands {
        if reports.send(Input::Report(perform(root, errand))).is_err() {
            return;
        }
    }
}

/// Does it, here and now.
#[must_use]
pub fn perform(root: &Path, errand: Errand) -> Report {
    let done = match errand {
        Errand::List => list(root).map(Report::Listed),
        Errand::Overlay(dir) => Ok(match overlay(&dir) {
            Ok(overlay) => Report::Overlaid(Box::new(overlay)),
            Err(error) => Report::NotOverlaid(dir, error.to_string()),
        }),
        Errand::Open(dir) => open(dir).map(|run| Report::Opened(Box::new(run))),
        Errand::Delete(dir) => keeping::delete(&dir).map(|()| Report::Deleted(dir)),
        Errand::Export(dir) => export::into_folder(&dir).map(Report::Exported),
        Errand::Note { dir, text } => keeping::write_note(&dir, &text).map(|()| Report::Noted(dir)),
    };
    done.unwrap_or_else(|error| Report::Failed(error.to_string()))
}

fn list(root: &Path) -> Result<Listing, RunError> {
    let (runs, broken) = summary::all(root, now())?;
    Ok(Listing {
        root: root.to_owned(),
        runs,
        broken: broken.iter().map(ToString::to_string).collect(),
    })
}

/// The run's curves as they are now.
fn overlay(dir: &RunDir) -> Result<Overlay, RunError> {
    let mut curves = Curves::default();
    every_row(dir, Journal::Metrics, |row| curves.metrics(&row))?;
    every_row(dir, Journal::System, |row| curves.system(&row))?;
    every_row(dir, Journal::Eval, |row| curves.evaluation(&row))?;
    Ok(Overlay::new(dir, curves))
}

/// Everything the run has told so far.
fn open(dir: RunDir) -> Result<Watching, RunError> {
    let standing = Summary::read(&dir, now())?.standing;
    let crashed = crash_words(&dir);
    let mut reader = RunReader::new(dir);
    let mut run = Watching::opened();
    loop {
        let news = reader.poll()?;
        news.facts.into_iter().for_each(|fact| run.apply(fact));
        if !news.more {
            break;
        }
    }
    if standing == Standing::Crashed {
        run.fail(&crashed);
    }
    Ok(run)
}
