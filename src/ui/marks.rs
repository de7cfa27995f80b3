//! Marked runs: each keeps its letter, and the curves drawn behind those of the run on screen. One of them may be the
//! baseline that values are held against.
//!
//! Knows no folders: the curves come as an [`Overlay`].

use std::path::{Path, PathBuf};

use crate::link::OfferedAdapter;
use crate::run::RunDir;
use crate::run::summary::Summary;
use crate::ui::curves::Curves;
use crate::ui::told::Watching;

/// Most runs marked at once: more curves behind a chart tell nothing.
pub const MARKS: usize = 4;

/// Stretches of steps that a long run is thinned to where it is seen from afar: more than a chart has columns of dots.
const STRETCHES: usize = 1_000;

/// The curves of a run that is not on screen itself.
#[derive(Debug)]
pub struct Overlay {
    /// Nothing for the shipped run.
    dir: Option<PathBuf>,
    /// What it has left to be asked.
    pub adapters: Vec<OfferedAdapter>,
    curves: Curves,
    /// Of a long run, so that drawing it costs no more than a short one.
    thinned: Option<Curves>,
}

impl Overlay {
    /// Of the run in `dir`.
    #[must_use]
    pub fn new(dir: &RunDir, curves: Curves) -> Self {
        Self::of(Some(dir.path().to_owned()), curves)
    }

    /// Of the run that came with the program.
    #[must_use]
    pub fn shipped(curves: Curves) -> Self {
        Self::of(None, curves)
    }

    fn of(dir: Option<PathBuf>, curves: Curves) -> Self {
        let is_long = |curves: &Curves| {
            let mut lengths = curves.iter().map(|(_, series)| series.points().len());
            lengths.any(|length| length > 2 * STRETCHES)
        };
        let thinned = is_long(&curves).then(|| curves.thinned(STRETCHES));
        Self {
            dir,
            adapters: Vec::new(),
            curves,
            thinned,
        }
    }

    /// As they were told.
    #[must_use]
    pub const fn told(&self) -> &Curves {
        &self.curves
    }

    /// For a window of so many steps.
    #[must_use]
    pub fn drawn(&self, steps: u64) -> &Curves {
        let thinned = self.thinned.as_ref();
        thinned
            .filter(|_| steps > 2 * STRETCHES as u64)
            .unwrap_or(&self.curves)
    }
}

/// A marked run.
#[derive(Debug)]
pub struct Mark {
    /// What its run is called on screen.
    pub name: String,
    /// What it is known by: copies of a run have one id. Nothing for the shipped run.
    dir: Option<PathBuf>,
    /// How far the run was when its curves were last asked for.
    step: u64,
    /// From 0; its letter and its colour.
    pub slot: usize,
    pub is_baseline: bool,
    /// `None` until it is read.
    pub overlay: Option<Overlay>,
}

impl Mark {
    /// Whether it is the mark of `run`.
    #[must_use]
    pub fn is_of(&self, run: &Summary) -> bool {
        self.dir == run.run_dir
    }

    /// What it is called in charts.
    #[must_use]
    pub fn letter(&self) -> char {
        (b'a'..=b'z').nth(self.slot).map_or('?', char::from)
    }
}

/// What became of a wish to mark a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marking {
    Marked,
    Unmarked,
    /// There are [`MARKS`] already.
    Full,
}

/// The marked runs, in the order they were marked in.
#[derive(Debug, Default)]
pub struct Marks {
    all: Vec<Mark>,
}

impl Marks {
    /// Marks a run, or takes its mark off.
    pub fn toggle(&mut self, run: &Summary) -> Marking {
        let before = self.all.len();
        self.all.retain(|mark| !mark.is_of(run));
        if self.all.len() < before {
            return Marking::Unmarked;
        }
        let is_free = |slot: &usize| self.all.iter().all(|mark| mark.slot != *slot);
        let Some(slot) = (0..MARKS).find(is_free) else {
            return Marking::Full;
        };
        self.all.push(Mark {
            name: run.name(),
            dir: run.run_dir.clone(),
            step: run.step,
            slot,
            is_baseline: false,
            overlay: None,
        });
        Marking::Marked
    }

    /// Makes a marked run the baseline, or no longer.
    pub fn pin(&mut self, run: &Summary) {
        for mark in &mut self.all {
            mark.is_baseline = mark.is_of(run) && !mark.is_baseline;
        }
    }

    /// The next marked run becomes the baseline; after the last there is none.
    pub fn pin_next(&mut self) {
        let at = self.all.iter().position(|mark| mark.is_baseline);
        let next = at.map_or(0, |at| at + 1);
        for (at, mark) in self.all.iter_mut().enumerate() {
            mark.is_baseline = at == next;
        }
    }

    /// Forgets runs that are gone; gives the folders of those that went on since they were read.
    pub fn follow(&mut self, runs: &[Summary]) -> Vec<RunDir> {
        let mut moved = Vec::new();
        self.all.retain_mut(|mark| {
            let Some(run) = runs.iter().find(|run| mark.is_of(run)) else {
                return false;
            };
            if run.step != mark.step {
                mark.step = run.step;
                moved.extend(mark.dir.as_ref().map(RunDir::new));
            }
            true
        });
        moved
    }

    /// Takes in what was read.
    pub fn take(&mut self, overlay: Overlay) {
        let mut marks = self.all.iter_mut();
        if let Some(mark) = marks.find(|mark| mark.dir == overlay.dir) {
            mark.overlay = Some(overlay);
        }
    }

    /// Takes the mark off the run in `dir`, which cannot be read.
    pub fn forget(&mut self, dir: &Path) {
        self.all.retain(|mark| mark.dir.as_deref() != Some(dir));
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Mark> {
        self.all.iter()
    }

    /// The mark of a run.
    #[must_use]
    pub fn of(&self, run: &Summary) -> Option<&Mark> {
        self.iter().find(|mark| mark.is_of(run))
    }

    /// The baseline.
    #[must_use]
    pub fn baseline(&self) -> Option<&Mark> {
        self.iter().find(|mark| mark.is_baseline)
    }

    /// The marked runs other than the one on screen.
    pub fn behind<'a>(&'a self, run: &'a Watching) -> impl Iterator<Item = &'a Mark> {
        self.iter().filter(|mark| match &mark.dir {
            Some(dir) => !run.is_in(dir),
            None => !run.is_shipped,
        })
    }
}
