//! State of the training screen: the facts of a run as they came, and what of them is looked at.
//!
//! Knows no terminal, no clock, no files: a run in this process, a followed run folder and the shipped run look the same here.

mod lines;

use std::path::{Path, PathBuf};

use crate::link::{Control, RolloutGroup, RunFact, RunState};
use crate::run::series::Series;
use crate::run::shipped::ShippedRun;
use crate::ui::filter::{Filter, FilterError, Filtered};
use crate::ui::keys::Verb;
use crate::ui::told::{GROUPS, InStage, Watching};
use crate::ui::view::View;

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
    /// Position from the newest group; 0 follows the run.
    pub groups_back: usize,
    pub is_raw: bool,
    /// How the curves are looked at.
    pub view: View,
    filter: Filter,
    /// The filter of the metrics as it was typed.
    pub filter_text: String,
    /// A pause was asked for here: it comes after the step, so the run may not say so yet.
    is_pause_asked: bool,
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

    /// The run on screen.
    #[must_use]
    pub fn shown(&self) -> Option<&Watching> {
        if let (true, Some(opened)) = (self.shows_opened, &self.opened) {
            Some(opened)
        } else if self.shows_shipped {
            self.shipped.as_ref().or(self.live.as_ref())
        } else {
            self.live.as_ref().or(self.shipped.as_ref())
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
        self.shows_shipped = false;
        self.shows_opened = false;
        self.is_pause_asked = false;
        if continues {
            if let Some(live) = &mut self.live {
                live.status = None;
            }
        } else {
            self.live = Some(Watching::default());
            self.groups_back = 0;
        }
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
        if let RunFact::Started { run_id, .. } = &fact {
            let goes_on = self
                .live
                .as_ref()
                .is_some_and(|live| live.run_id == *run_id);
            if !goes_on {
                self.begin(false);
            }
        }
        if matches!(fact, RunFact::Rollouts(_)) && self.groups_back > 0 {
            self.groups_back = (self.groups_back + 1).min(GROUPS - 1);
        }
        let was_paused = self.state() == Some(RunState::Paused);
        self.live.get_or_insert_default().apply(fact);
        // Whoever resumed it: nothing is asked of it any more.
        self.is_pause_asked &= !was_paused || self.state() == Some(RunState::Paused);
    }

    /// What the live run says of itself.
    fn state(&self) -> Option<RunState> {
        self.live.as_ref().and_then(Watching::state)
    }

    /// Shows the next of live run, shipped run and opened run; false where there is only one.
    pub fn toggle_run(&mut self) -> bool {
        let is_last = self.shows_shipped || !(self.live.is_some() && self.shipped.is_some());
        let opens = !self.shows_opened && is_last && self.opened.is_some();
        self.shows_shipped = !self.shows_opened && !is_last;
        self.shows_opened = opens;
        self.has_both()
    }

    /// Whether there is more than one run to show.
    #[must_use]
    pub fn has_both(&self) -> bool {
        let runs = [&self.shipped, &self.live, &self.opened];
        runs.into_iter().flatten().count() > 1
    }

    /// Shows a run read from its folder.
    pub fn open(&mut self, run: Watching) {
        self.opened = Some(run);
        self.shows_opened = true;
        self.groups_back = 0;
    }

    /// Shows the run in this process or followed, if it is the one in `dir`; false where it is not.
    pub fn show_live(&mut self, dir: &Path) -> bool {
        let is_it = self.live.as_ref().is_some_and(|live| live.is_in(dir));
        if is_it {
            self.shows_shipped = false;
            self.shows_opened = false;
        }
        is_it
    }

    /// The run in `dir` is gone.
    pub fn forget(&mut self, dir: &Path) {
        let is_in_progress = self.is_in_progress();
        let stays = |run: &Watching| !run.is_in(dir);
        self.opened = self.opened.take().filter(stays);
        self.live = (self.live.take()).filter(|run| is_in_progress || stays(run));
        self.shows_opened &= self.opened.is_some();
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
            TrainingPane::Log => run.log().count(),
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
        self.has_chosen |= self.pane == TrainingPane::Metrics;
        self.cursors[self.pane as usize] = at;
    }

    /// The next pane (`by` 1) or the one before (`by` -1).
    pub fn step_pane(&mut self, by: isize) {
        let len = TrainingPane::ALL.len() as isize;
        let at = (self.pane as isize + by).rem_euclid(len);
        self.pane = TrainingPane::ALL[usize::try_from(at).unwrap_or(0)];
    }

    /// The group of rollouts on screen.
    #[must_use]
    pub fn group(&self) -> Option<&RolloutGroup> {
        let groups = &self.shown()?.groups;
        let back = self.groups_back.min(groups.len().saturating_sub(1));
        groups.iter().rev().nth(back)
    }

    /// Looks at an older group (`by` 1) or a newer one (`by` -1).
    pub fn step_group(&mut self, by: isize) {
        let count = self.shown().map_or(0, |run| run.groups.len());
        let back = self.groups_back.saturating_add_signed(by);
        self.groups_back = back.min(count.saturating_sub(1));
    }

    /// The metrics that the filter admits.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &Series)> {
        let run = self.shown().into_iter();
        let all = run.flat_map(|run| run.curves.iter());
        all.filter(|(name, series)| self.filter.admits(&Metric { name, series }))
    }

    /// Lists only the metrics that `text` lets through.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        self.filter = Filter::parse(text)?;
        self.filter_text = text.trim().to_owned();
        self.cursors[TrainingPane::Metrics as usize] = 0;
        self.has_chosen = !self.filter.is_empty();
        Ok(())
    }

    /// Whether `/` filters here; on the other lists it searches.
    #[must_use]
    pub fn filters(&self) -> bool {
        self.pane == TrainingPane::Metrics
    }

    /// Goes to the rollouts of the kept step nearest to `step`; says which that is, `None` without any.
    pub fn show_rollouts_of(&mut self, step: u64) -> Option<u64> {
        let groups = self.shown()?.groups.iter().rev().enumerate();
        let (back, found) = groups.min_by_key(|(_, group)| group.step.abs_diff(step))?;
        let found = found.step;
        self.groups_back = back;
        self.pane = TrainingPane::Rollouts;
        Some(found)
    }

    /// The metric under the cursor of the metrics pane.
    #[must_use]
    pub fn chosen_metric(&self) -> Option<&str> {
        let at = self.cursors[TrainingPane::Metrics as usize];
        self.metrics().nth(at).map(|(name, _)| name)
    }

    /// Leaves one layer of what is looked at: the lone metric, the value cursor, the filter, older rollouts, the window.
    pub fn back(&mut self) {
        if self.view.is_alone {
            self.view.is_alone = false;
        } else if self.view.cursor.is_some() {
            self.view.cursor = None;
        } else if !self.filter.is_empty() {
            // An empty filter is always one.
            let _ = self.set_filter("");
        } else if self.groups_back > 0 {
            self.groups_back = 0;
        } else {
            self.view.show_all();
        }
    }

    /// What pausing, stopping or saving means now, or why it cannot be done.
    pub fn control(&mut self, verb: Verb) -> Result<Control, &'static str> {
        let live = self.live.as_ref().filter(|live| live.is_in_progress());
        let live = live.ok_or("no run is in progress; t starts one")?;
        // A pause that is still to come can be taken back.
        let is_paused = self.is_pause_asked || live.state() == Some(RunState::Paused);
        let control = match verb {
            Verb::PauseOrResume if is_paused => Control::Resume,
            Verb::PauseOrResume => Control::Pause,
            Verb::SaveCheckpoint => Control::Save,
            Verb::SkipStage => Control::Skip,
            _ => Control::Stop,
        };
        if verb == Verb::PauseOrResume {
            self.is_pause_asked = !is_paused;
        }
        Ok(control)
    }

    /// The stage that the run in progress is in, or SFT.
    #[must_use]
    pub fn stage(&self) -> Option<InStage<'_>> {
        let live = self.live.as_ref().filter(|live| live.is_in_progress())?;
        live.stage()
    }

    /// Whether the run waits for somebody to resume it, or soon will.
    #[must_use]
    pub fn waits_for_resume(&self) -> bool {
        self.is_in_progress() && (self.is_pause_asked || self.state() == Some(RunState::Paused))
    }

    /// The folder of a stopped or failed run that can be continued.
    #[must_use]
    pub fn can_continue(&self) -> Option<&PathBuf> {
        let live = self.live.as_ref()?;
        let ended = matches!(live.state(), Some(RunState::Stopped | RunState::Failed));
        live.run_dir.as_ref().filter(|_| ended)
    }

    /// Whether the cursor has been moved to a metric: until then the reward stands in front.
    #[must_use]
    pub const fn has_chosen(&self) -> bool {
        self.has_chosen
    }
}

/// A metric as a filter sees it: its name, and under `name` and `value` that and its latest value.
struct Metric<'a> {
    name: &'a str,
    series: &'a Series,
}

impl Filtered for Metric<'_> {
    fn holds(&self, word: &str) -> bool {
        self.name.to_lowercase().contains(word)
    }

    fn values(&self, field: &str) -> Vec<String> {
        match field {
            "name" => vec![self.name.to_owned()],
            "value" => {
                let last = self.series.last().into_iter();
                last.map(|point| point.value.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }
}
