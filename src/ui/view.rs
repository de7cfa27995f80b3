//! How the curves are looked at: which steps, along what, from which page, and where the value cursor stands.
//!
//! Windows move by quarters of their width, so that a run in progress does not redraw its charts at every step. Pure.

use std::cell::Cell;

use crate::run::series::axis::Axis;
use crate::ui::curves::WALL;

/// The narrowest window, in steps.
const NARROWEST: u64 = 8;

/// Presses that take the value cursor from one end of the window to the other.
const CURSOR_STEPS: u64 = 100;

/// What runs along the x axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum XAxis {
    #[default]
    Step,
    Tokens,
    Time,
}

impl XAxis {
    /// The next one round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            XAxis::Step => XAxis::Tokens,
            XAxis::Tokens => XAxis::Time,
            XAxis::Time => XAxis::Step,
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            XAxis::Step => "step",
            XAxis::Tokens => "tokens",
            XAxis::Time => "time",
        }
    }

    /// The metric whose values stand for steps.
    #[must_use]
    pub const fn metric(self) -> Option<&'static str> {
        match self {
            XAxis::Step => None,
            XAxis::Tokens => Some("num_tokens"),
            XAxis::Time => Some(WALL),
        }
    }
}

/// How far a run is: the end of its whole axis, and its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub all: u64,
    pub last: u64,
}

/// The end of an x axis that grows in round steps, and never past the plan.
#[must_use]
pub fn x_end(last_step: u64, total_steps: u64) -> u64 {
    let end = Axis::around(0.0, last_step.max(10) as f64, 2).high as u64;
    if total_steps >= last_step && total_steps > 0 {
        end.min(total_steps)
    } else {
        end
    }
}

/// What of the curves is looked at.
#[derive(Debug, Default)]
pub struct View {
    pub x: XAxis,
    pub is_log: bool,
    /// The chart with the metric under the list's cursor stands alone, or the list in focus, large.
    pub is_alone: bool,
    /// The y axes span what is in sight, not what is possible.
    pub is_fitted: bool,
    /// Step of the value cursor.
    pub cursor: Option<u64>,
    /// Width of the window in steps; none is everything.
    span: Option<u64>,
    /// First step of a window that does not follow the run.
    held: Option<u64>,
    page: usize,
    /// Pages of the last frame: how many charts fit only drawing knows.
    pages: Cell<usize>,
}

impl View {
    /// First and last step in sight.
    #[must_use]
    pub fn window(&self, extent: Extent) -> (u64, u64) {
        let span = self.span.unwrap_or(extent.all).max(1);
        match self.held {
            Some(first) => {
                let first = first.min(extent.all.saturating_sub(span));
                (first, first + span)
            }
            None if span >= extent.all => (0, extent.all.max(1)),
            None => {
                let quarter = quarter(span);
                let end = ((extent.last / quarter + 1) * quarter).min(extent.all);
                (end.saturating_sub(span), end.max(span))
            }
        }
    }

    /// Half the steps, or twice as many; around the value cursor where there is one.
    pub fn zoom(&mut self, closer: bool, extent: Extent) {
        let (first, end) = self.window(extent);
        let span = end - first;
        let wanted = if closer {
            (span / 2).max(NARROWEST.min(span))
        } else {
            span * 2
        };
        if wanted >= extent.all {
            self.show_all();
            return;
        }
        if self.cursor.is_some() || self.held.is_some() {
            let middle = self.cursor.unwrap_or(first + span / 2);
            self.hold_around(middle, wanted);
        }
        self.span = Some(wanted);
    }

    /// Another run is on screen: its steps are other ones.
    pub fn show_other(&mut self) {
        self.show_all();
        self.cursor = None;
    }

    /// Everything, following the run.
    pub fn show_all(&mut self) {
        self.span = None;
        self.held = None;
    }

    /// A quarter of the window to the right (`by` 1) or to the left (`by` -1).
    pub fn pan(&mut self, by: i64, extent: Extent) {
        let (first, end) = self.window(extent);
        let span = end - first;
        let quarter = quarter(span);
        if span >= extent.all {
            // Everything is in sight.
            return;
        }
        let first = first.saturating_add_signed(by.saturating_mul(quarter as i64));
        self.held = Some(first.min(extent.all - span));
        self.span = Some(span);
    }

    /// Stays where it is, or follows the run again.
    pub fn toggle_held(&mut self, extent: Extent) {
        let (first, end) = self.window(extent);
        self.held = match self.held {
            Some(_) => None,
            None => Some(first),
        };
        self.span = Some(end - first).filter(|span| self.held.is_some() || *span < extent.all);
    }

    /// Whether the window stays while the run goes on.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Whether less than everything is in sight.
    #[must_use]
    pub const fn is_zoomed(&self) -> bool {
        self.span.is_some()
    }

    /// Moves the value cursor; the first press puts it at the newest step in sight.
    pub fn move_cursor(&mut self, by: i64, extent: Extent) {
        let (first, end) = self.window(extent);
        let by = by.saturating_mul(((end - first) / CURSOR_STEPS).max(1) as i64);
        let at = match self.cursor {
            Some(at) => at.saturating_add_signed(by),
            None => end,
        };
        self.put_cursor(at, extent);
    }

    /// Puts the value cursor on a step, and the window where it can be seen.
    pub fn put_cursor(&mut self, step: u64, extent: Extent) {
        let at = step.clamp(1, extent.last.max(1));
        self.cursor = Some(at);
        let (first, end) = self.window(extent);
        if at < first || at > end {
            self.hold_around(at, end - first);
        }
    }

    fn hold_around(&mut self, middle: u64, span: u64) {
        let quarter = quarter(span);
        self.held = Some(middle.saturating_sub(span / 2) / quarter * quarter);
        self.span = Some(span);
    }

    /// The page of charts to draw, of so many; the number is remembered for the next turn.
    #[must_use]
    pub fn page(&self, pages: usize) -> usize {
        self.pages.set(pages);
        self.page.min(pages.saturating_sub(1))
    }

    /// Turns to the next page of charts (`by` 1) or the one before; past an end nothing moves.
    pub fn turn(&mut self, by: isize) {
        let last = self.pages.get().saturating_sub(1);
        self.page = self.page.min(last).saturating_add_signed(by).min(last);
    }
}

/// What a window moves by.
const fn quarter(span: u64) -> u64 {
    if span < 4 { 1 } else { span / 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u64) -> Extent {
        Extent { all: 1_000, last }
    }

    #[test]
    fn a_zoomed_window_follows_the_run_by_quarters_and_holds_when_told() {
        let mut view = View::default();
        assert_eq!(view.window(at(300)), (0, 1_000));
        view.zoom(true, at(300));
        view.zoom(true, at(300));
        assert_eq!(view.window(at(300)), (60, 310));
        let seen: Vec<_> = (300..372).map(|last| view.window(at(last))).collect();
        let moves = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!((moves, seen[71]), (1, (122, 372)));
        view.toggle_held(at(371));
        assert_eq!(view.window(at(900)), (122, 372), "frozen");
        view.toggle_held(at(900));
        assert_eq!(view.window(at(900)).1, 930, "follows again");
        view.zoom(false, at(900));
        view.zoom(false, at(900));
        assert_eq!(
            (view.window(at(900)), view.is_zoomed()),
            ((0, 1_000), false)
        );
    }

    #[test]
    fn everything_can_be_frozen_too() {
        let mut view = View::default();
        view.toggle_held(Extent { all: 100, last: 80 });
        assert_eq!(view.window(at(700)), (0, 100));
        view.show_all();
        assert_eq!(view.window(at(700)), (0, 1_000));
    }

    #[test]
    fn the_cursor_stays_in_the_run_and_the_window_goes_with_it() {
        let mut view = View::default();
        view.move_cursor(-1, at(300));
        assert_eq!(view.cursor, Some(300), "at the newest step");
        view.move_cursor(-1, at(300));
        assert_eq!(view.cursor, Some(290));
        view.zoom(true, at(300));
        let (first, end) = view.window(at(300));
        assert_eq!(end - first, 500);
        assert!(first <= 290 && 290 <= end);
        (0..6).for_each(|_| view.zoom(true, at(300)));
        let (first, end) = view.window(at(300));
        assert!(
            end - first == NARROWEST && first <= 290 && 290 <= end,
            "{first}..{end}"
        );
        view.move_cursor(-20, at(300));
        assert_eq!(view.cursor, Some(270));
        let (first, end) = view.window(at(300));
        assert!(first <= 270 && 270 <= end, "{first}..{end}");
        view.move_cursor(i64::MAX, at(300));
        assert_eq!(view.cursor, Some(300));
        view.move_cursor(i64::MIN, at(300));
        assert_eq!(view.cursor, Some(1));
    }

    #[test]
    fn panning_holds_and_keeps_the_width() {
        let mut view = View::default();
        view.zoom(true, at(900));
        view.pan(-1, at(900));
        let (first, end) = view.window(at(900));
        assert_eq!((end - first, view.is_held()), (500, true));
        view.pan(-100, at(900));
        assert_eq!(view.window(at(900)), (0, 500));
        view.pan(100, at(900));
        assert_eq!(view.window(at(900)), (500, 1_000), "not past the end");
        let mut all = View::default();
        all.pan(1, at(900));
        assert_eq!((all.window(at(900)), all.is_held()), ((0, 1_000), false));
    }

    #[test]
    fn a_window_never_reaches_past_the_end() {
        let mut view = View::default();
        view.zoom(true, at(1_000));
        assert_eq!(view.window(at(1_000)), (500, 1_000));
        view.put_cursor(990, at(1_000));
        view.zoom(true, at(1_000));
        let (first, end) = view.window(at(1_000));
        assert_eq!((end, end - first), (1_000, 250));
        view.show_other();
        assert_eq!((view.window(at(10)), view.cursor), ((0, 1_000), None));
    }

    #[test]
    fn pages_turn_between_the_first_and_the_last_drawn() {
        let mut view = View::default();
        view.turn(1);
        assert_eq!(view.page(3), 0, "nothing was drawn yet");
        (0..5).for_each(|_| view.turn(1));
        assert_eq!(view.page(3), 2);
        assert_eq!(view.page(2), 1, "fewer after a resize");
        view.turn(-1);
        assert_eq!(view.page(2), 0);
    }
}
