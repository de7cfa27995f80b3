//! Which of the runs is on screen: the one in progress, the shipped one, or one opened from the list.

use std::path::Path;

use super::Training;
use crate::ui::told::Watching;

impl Training {
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

    /// Whether the run in this process, or the one followed, is on screen.
    pub(super) fn shows_live(&self) -> bool {
        let is_other = (self.shows_opened && self.opened.is_some())
            || (self.shows_shipped && self.shipped.is_some());
        self.live.is_some() && !is_other
    }

    /// Another run is on screen: which steps of the one before were looked at means nothing here.
    pub(super) fn show_anew(&mut self) {
        self.groups_back = 0;
        self.leaf = None;
        self.view.show_other();
    }

    /// Shows the next of live run, shipped run and opened run; false where there is only one.
    pub fn toggle_run(&mut self) -> bool {
        let is_last = self.shows_shipped || !(self.live.is_some() && self.shipped.is_some());
        let opens = !self.shows_opened && is_last && self.opened.is_some();
        self.shows_shipped = !self.shows_opened && !is_last;
        self.shows_opened = opens;
        let has_both = self.has_both();
        if has_both {
            self.show_anew();
        }
        has_both
    }

    /// Whether there is more than one run to show.
    #[must_use]
    pub fn has_both(&self) -> bool {
        let runs = [&self.shipped, &self.live, &self.opened];
        runs.into_iter().flatten().count() > 1
    }

    /// Shows a run that was read.
    pub fn open(&mut self, mut run: Watching) {
        run.reader = self.reader;
        if run.is_shipped {
            self.shipped = Some(run);
            self.show_shipped();
            return;
        }
        self.opened = Some(run);
        self.shows_opened = true;
        self.show_anew();
    }

    /// Shows the run in this process or followed, if it is the one in `dir`; false where it is not.
    pub fn show_live(&mut self, dir: &Path) -> bool {
        let is_it = self.live.as_ref().is_some_and(|live| live.is_in(dir));
        if is_it && !self.shows_live() {
            self.show_found();
        }
        is_it
    }

    /// Shows the shipped run; false where there is none.
    pub fn show_shipped(&mut self) -> bool {
        let is_there = self.shipped.is_some();
        if is_there && self.shown().is_some_and(|run| !run.is_shipped) {
            self.shows_shipped = true;
            self.shows_opened = false;
            self.show_anew();
        }
        is_there
    }

    /// The run in `dir` is gone.
    pub fn forget(&mut self, dir: &Path) {
        let is_in_progress = self.is_in_progress();
        let stays = |run: &Watching| !run.is_in(dir);
        self.opened = self.opened.take().filter(stays);
        self.live = (self.live.take()).filter(|run| is_in_progress || stays(run));
        if self.shows_opened && self.opened.is_none() {
            self.shows_opened = false;
            self.show_anew();
        }
    }
}
