//! The run in progress is steered only while it is on screen; what has ended can be continued from here.

use super::Training;
use super::past::Past;
use crate::link::{Control, RunState};
use crate::ui::keys::Verb;
use crate::ui::told::{InStage, Watching};

/// Said of whatever is asked of a run that was asked to stop.
pub const STOPPING: &str = "the run is stopping: it ends after this step with a checkpoint, and nothing else can be asked of it";

impl Training {
    /// A run in another process is about to be told from its beginning. A run opened to be looked at stays on screen.
    pub fn found(&mut self) {
        self.live = Some(Watching::default());
        self.past = Past::default();
        self.is_pause_asked = false;
        self.is_stop_asked = false;
        self.shows_shipped = false;
        if !self.shows_opened {
            self.show_anew();
        }
    }

    /// The run in this process, or the one that is to be found, comes on screen.
    pub fn show_found(&mut self) {
        self.shows_shipped = false;
        self.shows_opened = false;
        self.show_anew();
    }

    /// The run that keys steer: the one in progress, while it is on screen.
    ///
    /// # Errors
    /// Why no run is steered, in words.
    pub fn steered(&self) -> Result<&Watching, &'static str> {
        let live = self.live.as_ref().filter(|live| live.is_in_progress());
        let live = live.ok_or("no run is in progress; t starts one")?;
        if self.shows_live() {
            Ok(live)
        } else {
            Err("another run is on screen: v shows the run in progress")
        }
    }

    /// What pausing, stopping or saving means now, or why it cannot be done.
    pub fn control(&mut self, verb: Verb) -> Result<Control, &'static str> {
        let state = self.steered()?.state();
        // To ask for it again does no harm, where the first request was lost.
        if self.is_stop_asked && verb != Verb::StopTraining {
            return Err(STOPPING);
        }
        // A pause that is still to come can be taken back.
        let is_paused = self.is_pause_asked || state == Some(RunState::Paused);
        let control = match verb {
            Verb::PauseOrResume if is_paused => Control::Resume,
            Verb::PauseOrResume => Control::Pause,
            Verb::SaveCheckpoint => Control::Save,
            Verb::SkipStage => Control::Skip,
            _ => Control::Stop,
        };
        self.is_stop_asked |= control == Control::Stop;
        if verb == Verb::PauseOrResume {
            self.is_pause_asked = !is_paused;
        }
        Ok(control)
    }

    /// The stage that the run in progress is in, or SFT.
    #[must_use]
    pub fn stage(&self) -> Option<InStage<'_>> {
        self.steered().ok()?.stage()
    }

    /// Whether the run will stop after its present step.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.is_stop_asked && self.is_in_progress()
    }

    /// Whether the run waits for somebody to resume it, or soon will.
    #[must_use]
    pub fn waits_for_resume(&self) -> bool {
        self.is_in_progress() && (self.is_pause_asked || self.state() == Some(RunState::Paused))
    }

    /// A stopped or failed run that can be continued: the opened one while it is on screen, else the one that was in progress.
    #[must_use]
    pub fn can_continue(&self) -> Option<&Watching> {
        let opened = self.opened.as_ref().filter(|_| self.shows_opened);
        let run = opened.or(self.live.as_ref())?;
        let has_ended = matches!(run.state(), Some(RunState::Stopped | RunState::Failed));
        (has_ended && run.run_dir.is_some()).then_some(run)
    }

    /// The run that is to be continued takes the place of the one in progress.
    pub(super) fn take_up(&mut self) {
        let opened = self.opened.take_if(|_| self.shows_opened);
        if let Some(mut opened) = opened {
            opened.is_opened = false;
            self.live = Some(opened);
        }
        if let Some(live) = &mut self.live {
            live.status = None;
        }
    }
}
