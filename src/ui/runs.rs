//! State of the runs screen: the runs there are, the one under the cursor, the marked ones, and a filter.
//!
//! Knows no folders: what is in them comes as a [`Listing`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::TrainConfig;
use crate::run::RunDir;
use crate::run::compare::{Difference, differences, nearest_preset, settings, unlike};
use crate::run::summary::{Standing, Summary};
use crate::ui::errand::Listing;
use crate::ui::filter::{Filter, FilterError, Filtered, Vocabulary};
use crate::ui::marks::{Marking, Marks};
use crate::ui::scroll::Scroll;
use crate::ui::searching::place_near;

/// Where a run is; the shipped one has no folder.
pub type Folder = Option<PathBuf>;

/// The two panes of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RunsPane {
    #[default]
    List,
    Details,
}

/// The runs screen.
#[derive(Debug, Default)]
pub struct Runs {
    /// Where the runs are; `None` before anybody looked.
    pub root: Option<PathBuf>,
    all: Vec<Summary>,
    /// A look of the pulse is still to be reported.
    pub is_awaited: bool,
    /// Position among the runs let through.
    cursor: usize,
    /// Runs that others are compared with.
    pub marks: Marks,
    pub pane: RunsPane,
    pub details_scroll: Scroll,
    filter: Filter,
    pub filter_text: String,
    /// The run that the filter is measured from: where it lets nothing through the cursor stands on none.
    stood: Option<Folder>,
    /// Notes that were typed and are not on disk, by the run's folder.
    drafts: BTreeMap<RunDir, String>,
}

impl Filtered for Summary {
    fn holds(&self, word: &str) -> bool {
        let name = self.name();
        let texts = [
            name.as_str(),
            &self.run_id,
            self.standing.as_str(),
            &self.phase,
            &self.model,
            self.preset,
            &self.note,
            &self.reason,
        ];
        texts.iter().any(|text| text.to_lowercase().contains(word))
    }

    fn values(&self, field: &str) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match field {
            "run" => vec![self.name()],
            "id" => one(&self.run_id),
            "state" => one(self.standing.as_str()),
            "phase" => one(&self.phase),
            "model" => one(&self.model),
            "preset" => one(self.preset),
            "note" => one(&self.note),
            "created" => one(&self.created),
            "reason" => one(&self.reason),
            "step" => vec![self.step.to_string()],
            "reward" => self.best_mean_reward.iter().map(f64::to_string).collect(),
            // The seed is a key of the configuration, as all others are.
            key => {
                let settings = settings(&self.config).into_iter();
                let said = settings.filter(|(name, _)| name == key);
                said.map(|(_, value)| value).collect()
            }
        }
    }
}

impl Vocabulary for Runs {
    const FIELDS: &'static [&'static str] = &[
        "run", "id", "state", "phase", "model", "preset", "note", "created", "reason", "step",
        "reward",
    ];
    const OTHERS: &'static str = " and all settings, as grpo.beta";

    fn others(&self) -> Box<dyn Iterator<Item = String> + '_> {
        let settings = settings(&TrainConfig::nano()).into_iter();
        Box::new(settings.map(|(name, _)| name))
    }

    fn words(&self, field: &str) -> Vec<&'static str> {
        match field {
            "state" => Standing::ALL.map(Standing::as_str).to_vec(),
            _ => Vec::new(),
        }
    }
}

impl Runs {
    /// Whether the list says this already.
    #[must_use]
    pub fn says(&self, listing: &Listing) -> bool {
        self.root.as_ref() == Some(&listing.root) && self.all == listing.runs
    }

    /// Takes in what was found; the cursor stays on its run. Gives the folders of marked runs that went on meanwhile.
    pub fn take(&mut self, listing: Listing) -> Vec<RunDir> {
        let here = self.stand();
        self.root = Some(listing.root);
        self.all = listing.runs;
        self.move_to(self.place_of(here).unwrap_or(self.cursor));
        self.marks.follow(&self.all)
    }

    /// How many there are, whatever the filter lets through.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether somebody has begun one.
    #[must_use]
    pub fn has_own(&self) -> bool {
        !self.all.iter().all(Summary::is_shipped)
    }

    /// The runs that the filter lets through, newest first, the shipped one last.
    #[must_use]
    pub fn visible(&self) -> Vec<&Summary> {
        let all = self.all.iter();
        all.filter(|run| self.filter.admits(*run)).collect()
    }

    /// The run under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&Summary> {
        self.visible().get(self.cursor).copied()
    }

    /// The folder of the run under the cursor; the shipped run has none.
    #[must_use]
    pub fn dir(&self) -> Option<RunDir> {
        self.current()?.run_dir.as_ref().map(RunDir::new)
    }

    /// Position of the cursor.
    #[must_use]
    pub const fn cursor(&self) -> usize {
        self.cursor
    }

    /// Moves the cursor by so many runs.
    pub fn step(&mut self, by: isize) {
        self.move_to(self.cursor.saturating_add_signed(by));
    }

    /// Moves the cursor to a row of the list.
    pub fn point_at(&mut self, at: usize) {
        self.pane = RunsPane::List;
        self.move_to(at);
    }

    /// Where a run stands in the list, by its folder: copies of a run have one id.
    fn place_of(&self, dir: Option<Folder>) -> Option<usize> {
        let dir = dir?;
        self.visible().iter().position(|run| run.run_dir == dir)
    }

    fn move_to(&mut self, at: usize) {
        let at = at.min(self.visible().len().saturating_sub(1));
        if at != self.cursor {
            self.cursor = at;
            self.details_scroll = Scroll::default();
        }
    }

    /// To the other pane.
    pub fn step_pane(&mut self) {
        self.pane = match self.pane {
            RunsPane::List => RunsPane::Details,
            RunsPane::Details => RunsPane::List,
        };
    }

    /// Marks the run under the cursor, or takes the mark off it; `None` where there is no run.
    pub fn toggle_mark(&mut self) -> Option<Marking> {
        let run = self.current()?.clone();
        Some(self.marks.toggle(&run))
    }

    /// What the run under the cursor is compared with: the baseline, else the run marked last, if it is another.
    #[must_use]
    pub fn other(&self) -> Option<&Summary> {
        let here = self.current()?;
        let marks = self.marks.baseline().into_iter();
        let mut marks = marks.chain(self.marks.iter().rev());
        let mark = marks.find(|mark| !mark.is_of(here))?;
        let mut all = self.all.iter();
        all.find(|run| mark.is_of(run) && run.standing != Standing::Broken)
    }

    /// What the run under the cursor is held against, and where it differs: [`Self::other`] in configuration and in what it
    /// was fed, else the preset it is nearest to in configuration alone.
    #[must_use]
    pub fn compared(&self) -> Option<(String, Vec<Difference>)> {
        let run = self.current()?;
        if run.standing == Standing::Broken {
            return None;
        }
        Some(match self.other() {
            Some(other) => {
                let mut found = differences(&run.config, &other.config);
                found.extend(unlike(run.fed.clone(), other.fed.clone()));
                (format!("run {}", other.name()), found)
            }
            None => {
                let preset = nearest_preset(&run.config);
                (
                    format!("preset {}", preset.as_str()),
                    differences(&run.config, &preset.config()),
                )
            }
        })
    }

    /// What a line for the note on the run in `dir` begins with: what was typed and is not on disk, else the note.
    #[must_use]
    pub fn note_to_edit(&self, dir: &RunDir) -> String {
        let draft = self.drafts.get(dir).map(String::as_str);
        draft.unwrap_or_else(|| self.note(dir)).to_owned()
    }

    fn note(&self, dir: &RunDir) -> &str {
        let mut all = self.all.iter();
        let found = all.find(|run| run.run_dir.as_deref() == Some(dir.path()));
        found.map_or("", |run| run.note.as_str())
    }

    /// Keeps a note that is not on disk for the next time; false where it says what is on disk, or nothing.
    pub fn set_aside(&mut self, dir: &RunDir, text: &str) -> bool {
        self.drafts.remove(dir);
        let is_new = self.is_new(dir, text);
        if is_new {
            self.drafts.insert(dir.clone(), text.to_owned());
        }
        is_new
    }

    /// Whether a note says something that is not on disk.
    #[must_use]
    pub fn is_new(&self, dir: &RunDir, text: &str) -> bool {
        !text.trim().is_empty() && text.trim() != self.note(dir)
    }

    /// The runs with a note that is not on disk.
    pub fn unsaved(&self) -> impl Iterator<Item = &RunDir> {
        self.drafts.keys()
    }

    /// What was typed is on disk, or its run is gone.
    pub fn forget_draft(&mut self, dir: &RunDir) {
        self.drafts.remove(dir);
    }

    /// The folder of the run under the cursor; `None` where there is no run.
    #[must_use]
    pub fn stand(&self) -> Option<Folder> {
        self.current().map(|run| run.run_dir.clone())
    }

    /// Back to the run of that folder, as far as it is listed.
    pub fn stand_at(&mut self, from: Option<&Folder>) {
        self.move_to(self.near(from));
    }

    /// Shows only what `text` lets through; the cursor goes to the nearest such run, ahead first.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter(&mut self, text: &str) -> Result<(), FilterError> {
        let from = self.stand().or_else(|| self.stood.take());
        self.set_filter_from(from.as_ref(), text)
    }

    /// The same, measured from the run of that folder: while a filter is typed the cursor must not drift with every letter.
    ///
    /// # Errors
    /// Says what is wrong with the text; the filter before stays.
    pub fn set_filter_from(
        &mut self,
        from: Option<&Folder>,
        text: &str,
    ) -> Result<(), FilterError> {
        self.filter = Filter::parse(text, self)?;
        self.filter_text = text.trim().to_owned();
        self.stood = from.cloned();
        self.stand_at(from);
        Ok(())
    }

    /// Where the run of that folder stands in the list, or the nearest that is listed.
    fn near(&self, from: Option<&Folder>) -> usize {
        let place = |dir: &Folder| self.all.iter().position(|run| run.run_dir == *dir);
        let admitted = self.all.iter().enumerate();
        let admitted = admitted.filter(|(_, run)| self.filter.admits(*run));
        let admitted: Vec<usize> = admitted.map(|(at, _)| at).collect();
        place_near(&admitted, from.and_then(place).unwrap_or(0))
    }

    /// Whether a filter hides anything.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }
}
