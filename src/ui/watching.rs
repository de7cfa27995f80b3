//! State of the training screen: the facts of a run as they came, and what of them is looked at.
//!
//! Knows no terminal, no clock, no files: a run in this process, a followed run folder and the shipped run look the same here.

mod charts;
mod finding;
mod leafing;
mod limits;
pub mod lines;
mod past;
mod showing;
pub mod steering;

use std::cell::Cell;
use std::path::Path;

use crate::link::{RunFact, RunState};
use crate::run::series::{Point, Series};
use crate::run::shipped::ShippedRun;
use crate::ui::average::Smoothing;
use crate::ui::filter::{Filter, FilterError, Filtered, Vocabulary};
use crate::ui::scroll::Scroll;
use crate::ui::searching::place_near;
use crate::ui::told::trouble::Reader;
use crate::ui::told::{GROUPS, Watching};
use crate::ui::view::View;

pub use charts::Wanted;
use leafing::Leaf;
pub use leafing::{Groups, Request};
use past::Past;

/// The lists of the training screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TrainingPane {
    #[default]
    Metrics,
    Rollouts,
    Log,
    Evaluations,
    Attacker,
}

impl TrainingPane {
    /// All of them, in the order of `Tab`.
    pub const ALL: [TrainingPane; 5] = [
        TrainingPane::Metrics,
        TrainingPane::Rollouts,
        TrainingPane::Log,
        TrainingPane::Evaluations,
        TrainingPane::Attacker,
    ];

    /// What it is called.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            TrainingPane::Metrics => "Metrics",
            TrainingPane::Rollouts => "Rollouts",
            TrainingPane::Log => "Log",
            TrainingPane::Evaluations => "Evaluations",
            TrainingPane::Attacker => "Attacker",
        }
    }
}

/// Where the list of metrics stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The metric under the cursor; none where there is none.
    metric: Option<String>,
    /// The cursor was moved to it.
    is_chosen: bool,
}

/// The training screen.
#[derive(Debug, Default)]
pub struct Training {
    shipped: Option<Watching>,
    live: Option<Watching>,
    /// One opened from the list of runs.
    opened: Option<Watching>,
    shows_shipped: bool,
    shows_opened: bool,
    pub pane: TrainingPane,
    cursors: [usize; 5],
    has_chosen: bool,
    /// Charts of a page in the last frame: how many fit only drawing knows.
    room: Cell<usize>,
    /// What the filter of the metrics is measured from: where it lets nothing through the cursor stands on none.
    stood: Option<Chosen>,
    /// Position from the newest group; 0 follows the run.
    pub groups_back: usize,
    /// How much the curves are smoothed.
    pub smoothing: Smoothing,
    /// What the chosen evaluation tells, where it is longer than its room.
    pub details: Scroll,
    /// How the curves are looked at.
    pub view: View,
    filter: Filter,
    /// The filter of the metrics as it was typed.
    pub filter_text: String,
    /// A pause was asked for here: it comes after the step, so the run may not say so yet.
    is_pause_asked: bool,
    /// Stopping was asked for here: nothing else can be asked of the run any more.
    is_stop_asked: bool,
    /// What the run told before it was continued.
    past: Past,
    /// Groups of rollouts read from the folder of the run on screen: older ones than are kept.
    leaf: Option<Leaf>,
    /// From where runs are looked at.
    pub reader: Reader,
}

impl Training {
    /// A screen that shows the shipped run until another begins.
    #[must_use]
    pub fn new(shipped: Option<ShippedRun>) -> Self {
        Self {
            shipped: shipped.map(Watching::shipped),
            ..Self::default()
        }
    }

    /// The run in this process, or the one followed.
    #[must_use]
    pub const fn live(&self) -> Option<&Watching> {
        self.live.as_ref()
    }

    /// Whether a run is in progress.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.live.as_ref().is_some_and(Watching::is_in_progress)
    }

    /// A run is about to begin: its screen starts empty, unless the run is continued.
    pub fn begin(&mut self, continues: bool) {
        if continues {
            self.take_up();
            self.past = Past::Unknown { is_continued: true };
        } else {
            self.live = Some(Watching::default());
            self.show_anew();
        }
        self.shows_shipped = false;
        self.shows_opened = false;
        self.is_pause_asked = false;
        self.is_stop_asked = false;
    }

    /// The model thread is gone, and the run with it; or the run could not even be asked for.
    pub fn fail(&mut self, message: &str) {
        if let Some(live) = self.live.as_mut().filter(|live| live.is_in_progress()) {
            live.fail(message);
        }
    }

    /// Why the latest run failed; `None` as long as it has not.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.live.as_ref().and_then(Watching::failure)
    }

    /// Whether after `fact` what the adapter in training has answered so far is no longer what it would say.
    #[must_use]
    pub fn outdates_answers(&self, fact: &RunFact) -> bool {
        let live = self.live.as_ref();
        live.is_none_or(|live| live.outdates_answers(fact))
    }

    /// Takes a fact of the run in.
    pub fn apply(&mut self, fact: RunFact) {
        if let RunFact::Started { run_dir, .. } = &fact {
            let is_awaited = |live: &Watching| live.run_dir.is_none() || live.is_in(run_dir);
            if !self.live.as_ref().is_some_and(is_awaited) {
                self.begin(false);
            }
        }
        self.past.hear(&fact);
        if matches!(fact, RunFact::Rollouts(_)) && self.groups_back > 0 && self.shows_live() {
            self.groups_back = (self.groups_back + 1).min(GROUPS - 1);
        }
        let was_paused = self.state() == Some(RunState::Paused);
        let live = self.live.get_or_insert_default();
        live.reader = self.reader;
        live.apply(fact);
        // Whoever resumed it: nothing is asked of it any more.
        self.is_pause_asked &= !was_paused || self.state() == Some(RunState::Paused);
        self.is_stop_asked &= self.is_in_progress();
    }

    /// The folder that a run in progress is written to, where one is.
    #[must_use]
    pub fn written_to(&self) -> Option<&Path> {
        let live = self.live.as_ref().filter(|live| live.is_in_progress())?;
        live.run_dir.as_deref()
    }

    /// So many bytes are left on the disk of the run in `dir`; false where that is nothing new.
    pub fn crowd(&mut self, dir: &Path, free: Option<u64>) -> bool {
        let live = self.live.as_mut().filter(|live| live.is_in(dir));
        live.is_some_and(|live| live.is_in_progress() && live.crowd(free))
    }

    /// What the live run says of itself.
    fn state(&self) -> Option<RunState> {
        self.live.as_ref().and_then(Watching::state)
    }

    /// The folder of the opened run, while it is on screen and a process works on it.
    #[must_use]
    pub fn looked_at(&self) -> Option<&Path> {
        let opened = self.opened.as_ref().filter(|_| self.shows_opened)?;
        opened.run_dir.as_deref().filter(|_| opened.is_alive)
    }

    /// The opened run has told more; false where that changes nothing on screen.
    pub fn go_on(&mut self, dir: &Path, facts: Vec<RunFact>, is_alive: bool) -> bool {
        let opened = self.opened.as_mut().filter(|opened| opened.is_in(dir));
        let Some(run) = opened else { return false };
        let is_news = !facts.is_empty() || run.is_alive != is_alive;
        run.is_alive = is_alive;
        facts.into_iter().for_each(|fact| run.apply(fact));
        is_news && self.shows_opened
    }

    /// Cursor of the pane in focus.
    #[must_use]
    pub const fn cursor(&self) -> usize {
        self.cursors[self.pane as usize]
    }

    /// Lines of the pane in focus.
    #[must_use]
    pub fn lines(&self) -> usize {
        let Some(run) = self.shown() else { return 0 };
        match self.pane {
            TrainingPane::Metrics => self.metrics().count(),
            TrainingPane::Rollouts => self.group().map_or(0, |group| group.rollouts.len()),
            TrainingPane::Log => run.log().len(),
            TrainingPane::Evaluations => run.evaluations.len(),
            TrainingPane::Attacker => run.arms().len(),
        }
    }

    /// Moves the cursor of the pane in focus.
    pub fn step(&mut self, by: isize) {
        let last = self.lines().saturating_sub(1);
        self.move_to(self.cursor().saturating_add_signed(by).min(last));
    }

    fn move_to(&mut self, at: usize) {
        if self.pane == TrainingPane::Evaluations && at != self.cursor() {
            self.details = Scroll::default();
        }
        self.cursors[self.pane as usize] = at;
        if self.pane == TrainingPane::Metrics {
            self.has_chosen = true;
            self.bring_into_sight();
        }
    }

    /// The next pane (`by` 1) or the one before (`by` -1).
    pub fn step_pane(&mut self, by: isize) {
        let len = TrainingPane::ALL.len() as isize;
        let at = (self.pane as isize + by).rem_euclid(len);
        self.pane = TrainingPane::ALL[usize::try_from(at).unwrap_or(0)];
    }

    /// The metrics that the filter admits.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &Series)> {
        let run = self.shown().into_iter();
        let all = run.flat_map(|run| run.curves.iter());
        all.filter(|(name, series)| self.filter.admits(&Metric { name, series }))
    }

    /// Where the list of metrics stands.
    #[must_use]
    pub fn stand(&self) -> Chosen {
        Chosen {
            metric: self.chosen_metric().map(str::to_owned),
            is_chosen: self.has_chosen,
        }
    }

    /// Back to where it stood.
    pub fn stand_at(&mut self, from: &Chosen) {
        self.cursors[TrainingPane::Metrics as usize] = self.near(from);
        self.has_chosen = from.is_chosen;
        self.bring_into_sight();
    }

    /// Lists only the metrics that `text` lets through; the cursor goes to the nearest of them, ahead first.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        let from = match (self.stand(), self.stood.take()) {
            (Chosen { metric: None, .. }, Some(stood)) => stood,
            (here, _) => here,
        };
        self.set_filter_from(&from, text)
    }

    /// The same, measured from where the list stood: while a filter is typed the cursor must not drift with every letter.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter_from(&mut self, from: &Chosen, text: &str) -> Result<(), FilterError> {
        self.filter = Filter::parse(text, self)?;
        self.filter_text = text.trim().to_owned();
        self.stood = Some(from.clone());
        self.stand_at(from);
        self.has_chosen |= !self.filter.is_empty();
        Ok(())
    }

    /// Place of that metric among those listed, or of the nearest.
    fn near(&self, from: &Chosen) -> usize {
        let all = || self.shown().into_iter().flat_map(|run| run.curves.iter());
        let place = |wanted: &String| all().position(|(name, _)| name == wanted);
        let admitted = all().enumerate();
        let admitted =
            admitted.filter(|(_, (name, series))| self.filter.admits(&Metric { name, series }));
        let admitted: Vec<usize> = admitted.map(|(at, _)| at).collect();
        place_near(&admitted, from.metric.as_ref().and_then(place).unwrap_or(0))
    }

    /// The filter of the metrics, where there is one.
    #[must_use]
    pub fn filter_in_words(&self) -> Option<&str> {
        (!self.filter.is_empty()).then_some(self.filter_text.as_str())
    }

    /// Whether `/` filters here; on the other lists it searches.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.pane == TrainingPane::Metrics
    }

    /// The metric under the cursor of the metrics pane.
    #[must_use]
    pub fn chosen_metric(&self) -> Option<&str> {
        let at = self.cursors[TrainingPane::Metrics as usize];
        self.metrics().nth(at).map(|(name, _)| name)
    }

    /// Leaves one layer of what is looked at: the lone metric, the value cursor, the filter, older rollouts, the window, the
    /// metric that was chosen.
    pub fn back(&mut self) {
        if self.view.is_alone {
            self.view.is_alone = false;
        } else if self.view.cursor.is_some() {
            self.view.cursor = None;
        } else if !self.filter.is_empty() {
            // An empty filter is always one.
            let _ = self.set_filter("");
        } else if self.leaf.is_some() || self.groups_back > 0 {
            self.leaf = None;
            self.groups_back = 0;
        } else if self.view.is_zoomed() || self.view.is_held() {
            self.view.show_all();
        } else {
            self.has_chosen = false;
        }
    }
}

/// A metric as a filter sees it: its name, and under `name` and `value` that and its latest value.
struct Metric<'a> {
    name: &'a str,
    series: &'a Series,
}

impl Vocabulary for Training {
    const FIELDS: &'static [&'static str] = &["name", "value"];

    fn words(&self, _field: &str) -> Vec<&'static str> {
        Vec::new()
    }
}

impl Filtered for Metric<'_> {
    fn holds(&self, word: &str) -> bool {
        self.name.to_lowercase().contains(word)
    }

    fn values(&self, field: &str) -> Vec<String> {
        match field {
            "name" => vec![self.name.to_owned()],
            "value" => {
                let newest = self.series.newest().filter(Point::is_drawn).into_iter();
                newest.map(|point| point.value.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }
}
