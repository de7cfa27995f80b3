//! Errands: what the screens want done with run folders. A thread of its own runs them, so that no key waits for a disk.
//!
//! Knows run folders, no screens: what comes back is a [`Report`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::mpsc::UnboundedSender;

use crate::link::{OfferedAdapter, RolloutGroup, RunFact};
use crate::run::groups::{Wanted, groups};
use crate::run::layout::Journal;
use crate::run::reader::{Liveness, crash_words, every_row, liveness_of};
use crate::run::summary::{self, SILENT_AFTER_S, Standing, Summary, now};
use crate::run::{RunDir, RunError, RunReader, adapters, export, keeping, room, shipped};
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
    /// Read the run that came with the program.
    OpenShipped,
    /// Read what the run opened last has told since.
    LookAgain(RunDir),
    /// Read what a run told before it was continued here.
    Past(RunDir),
    /// Read the rollouts of a step.
    Groups {
        dir: RunDir,
        wanted: Wanted,
    },
    /// Read the curves of a run, to be drawn behind another's.
    Overlay(RunDir),
    /// The same of the run that came with the program.
    OverlayShipped,
    /// Look which adapters a run has left.
    Adapters(RunDir),
    /// Look how much room the disk has that a run writes to.
    Room(RunDir),
    Delete(RunDir),
    /// Write its numbers as CSV and JSON lines.
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
    /// What it told since, and whether a process works on it.
    WentOn {
        dir: RunDir,
        facts: Vec<RunFact>,
        is_alive: bool,
    },
    Past(Box<Watching>),
    /// It cannot be read, and why.
    NoPast(RunDir, String),
    Groups {
        dir: RunDir,
        wanted: Wanted,
        groups: Vec<RolloutGroup>,
    },
    Overlaid(Box<Overlay>),
    /// The curves of this run cannot be read, and why.
    NotOverlaid(RunDir, String),
    Adapters(Vec<OfferedAdapter>),
    /// Bytes that are left, where the system says so.
    Room {
        dir: RunDir,
        free: Option<u64>,
    },
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
    /// Newest first; then those that cannot be read, and the shipped one.
    pub runs: Vec<Summary>,
}

/// Starts the thread; it ends when nobody sends errands any more, or nobody hears of them.
///
/// # Errors
/// When it cannot be started.
pub fn start(root: PathBuf, reports: UnboundedSender<Input>) -> io::Result<Sender<Errand>> {
    let (sender, errands) = channel::<Errand>();
    let builder = std::thread::Builder::new().name("errands".into());
    builder.spawn(move || {
        let mut porter = Porter::new(&root);
        for errand in errands {
            if reports.send(Input::Report(porter.perform(errand))).is_err() {
                return;
            }
        }
    })?;
    Ok(sender)
}

/// Who does errands: remembers how far the run opened last was read, and what never changes.
#[derive(Debug)]
pub struct Porter {
    root: PathBuf,
    shipped: Option<Summary>,
    opened: Option<RunReader>,
}

impl Porter {
    /// For the runs under `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            shipped: Summary::shipped(),
            opened: None,
        }
    }

    /// Does it, here and now.
    #[must_use]
    pub fn perform(&mut self, errand: Errand) -> Report {
        let done = match errand {
            Errand::List => self.list().map(Report::Listed),
            Errand::Overlay(dir) => Ok(match overlay(&dir) {
                Ok(overlay) => Report::Overlaid(Box::new(overlay)),
                Err(error) => Report::NotOverlaid(dir, error.to_string()),
            }),
            Errand::OpenShipped => Ok(read_shipped(|run| Report::Opened(Box::new(run)))),
            Errand::OverlayShipped => Ok(read_shipped(|run| {
                Report::Overlaid(Box::new(Overlay::shipped(run.curves)))
            })),
            Errand::Open(dir) => self.open(dir).map(|run| Report::Opened(Box::new(run))),
            // What cannot be read now may be at the next look.
            Errand::LookAgain(dir) => Ok(self.look_again(&dir).unwrap_or(Report::WentOn {
                dir,
                facts: Vec::new(),
                is_alive: false,
            })),
            Errand::Past(dir) => Ok(match read(&mut RunReader::new(dir.clone())) {
                Ok(run) => Report::Past(Box::new(run)),
                Err(error) => Report::NoPast(dir, error.to_string()),
            }),
            Errand::Groups { dir, wanted } => groups(&dir, wanted).map(|groups| Report::Groups {
                dir,
                wanted,
                groups,
            }),
            Errand::Adapters(dir) => Ok(Report::Adapters(adapters::of(&dir))),
            Errand::Room(dir) => {
                let free = room::free(dir.path()).ok();
                Ok(Report::Room { dir, free })
            }
            Errand::Delete(dir) => keeping::delete(&dir).map(|()| Report::Deleted(dir)),
            Errand::Export(dir) => export::into_folder(&dir).map(Report::Exported),
            Errand::Note { dir, text } => {
                keeping::write_note(&dir, &text).map(|()| Report::Noted(dir))
            }
        };
        done.unwrap_or_else(|error| Report::Failed(error.to_string()))
    }

    fn list(&self) -> Result<Listing, RunError> {
        let (mut runs, broken) = summary::all(&self.root, now())?;
        let broken = broken
            .iter()
            .map(|(dir, error)| Summary::broken(dir, error));
        runs.extend(broken);
        runs.extend(self.shipped.clone());
        Ok(Listing {
            root: self.root.clone(),
            runs,
        })
    }

    /// Everything the run has told so far.
    fn open(&mut self, dir: RunDir) -> Result<Watching, RunError> {
        let standing = Summary::read(&dir, now())?.standing;
        let mut reader = RunReader::new(dir);
        let mut run = read(&mut reader)?;
        run.is_alive = standing.is_alive();
        run.adapters = adapters::of(reader.dir());
        if standing == Standing::Crashed {
            let message = crash_words(reader.dir());
            run.apply(RunFact::Crashed { message });
        }
        self.opened = Some(reader);
        Ok(run)
    }

    /// What the opened run has told since the last look; nothing where another was opened meanwhile.
    fn look_again(&mut self, dir: &RunDir) -> Result<Report, RunError> {
        let mut facts = Vec::new();
        let mut is_alive = false;
        if let Some(reader) = self.opened.as_mut().filter(|reader| reader.dir() == dir) {
            loop {
                let news = reader.poll()?;
                facts.extend(news.facts);
                if !news.more {
                    break;
                }
            }
            if let Some(status) = reader.status() {
                let liveness = liveness_of(dir, status, now(), SILENT_AFTER_S)?;
                is_alive = matches!(liveness, Liveness::Alive | Liveness::Silent);
                if liveness == Liveness::Crashed {
                    let message = crash_words(dir);
                    facts.push(RunFact::Crashed { message });
                }
            }
        }
        Ok(Report::WentOn {
            dir: dir.clone(),
            facts,
            is_alive,
        })
    }
}

/// Does an errand that needs to remember nothing.
#[must_use]
pub fn perform(root: &Path, errand: Errand) -> Report {
    Porter::new(root).perform(errand)
}

/// The run's curves as they are now.
fn overlay(dir: &RunDir) -> Result<Overlay, RunError> {
    let mut curves = Curves::default();
    every_row(dir, Journal::Metrics, |row| curves.metrics(&row))?;
    every_row(dir, Journal::System, |row| curves.system(&row))?;
    every_row(dir, Journal::Eval, |row| curves.evaluation(&row))?;
    let mut overlay = Overlay::new(dir, curves);
    overlay.adapters = adapters::of(dir);
    Ok(overlay)
}

/// What is to be told of the run that came with the program.
fn read_shipped(told: impl Fn(Watching) -> Report) -> Report {
    let run = shipped::run().map(Watching::shipped);
    run.map_or_else(
        || Report::Failed("this program holds no run that can be read".to_owned()),
        told,
    )
}

/// What `reader` finds up to the end.
fn read(reader: &mut RunReader) -> Result<Watching, RunError> {
    let mut run = Watching::opened();
    loop {
        let news = reader.poll()?;
        news.facts.into_iter().for_each(|fact| run.apply(fact));
        if !news.more {
            return Ok(run);
        }
    }
}
