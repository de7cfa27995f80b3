//! What stands where on the screen: noted while it is drawn, asked when somebody points at it.

use std::cell::RefCell;

use ratatui::layout::{Position, Rect};

use crate::ui::app::ScreenName;
use crate::ui::queue::QueuePane;
use crate::ui::watching::TrainingPane;

/// Something that can be pointed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The name of a screen in the first line.
    Screen(ScreenName),
    /// A pane of the screens with alerts.
    Pane(QueuePane),
    /// An alert in their list, by its place among all.
    Alert(usize),
    /// A line of their log window.
    Line(usize),
    /// The name of a list on the training screen.
    List(TrainingPane),
    /// A row in the list of runs.
    Run(usize),
}

/// The spots of the frame on screen.
#[derive(Debug, Default)]
pub struct Spots(RefCell<Vec<(Rect, Spot)>>);

impl Spots {
    /// Forgets those of the frame before.
    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Notes that `spot` is in `area`, in front of what was noted before it.
    pub fn note(&self, area: Rect, spot: Spot) {
        self.0.borrow_mut().push((area, spot));
    }

    /// Notes one spot a row, from the top of `area`; what does not fit is not there.
    pub fn note_rows(&self, area: Rect, rows: impl IntoIterator<Item = Spot>) {
        for (y, spot) in (area.top()..area.bottom()).zip(rows) {
            let row = Rect {
                y,
                height: 1,
                ..area
            };
            self.note(row, spot);
        }
    }

    /// What is at a cell, in front.
    #[must_use]
    pub fn at(&self, cell: Position) -> Option<Spot> {
        let spots = self.0.borrow();
        let mut found = spots.iter().rev().filter(|(area, _)| area.contains(cell));
        found.next().map(|(_, spot)| *spot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_last_is_in_front_and_rows_end_with_their_area() {
        let spots = Spots::default();
        let pane = Rect::new(0, 2, 10, 4);
        spots.note(pane, Spot::Pane(QueuePane::Alerts));
        spots.note_rows(Rect::new(1, 3, 8, 2), (7..).map(Spot::Alert));
        let at = |x, y| spots.at(Position { x, y });
        assert_eq!(at(0, 2), Some(Spot::Pane(QueuePane::Alerts)));
        assert_eq!(at(1, 3), Some(Spot::Alert(7)));
        assert_eq!(at(8, 4), Some(Spot::Alert(8)));
        assert_eq!(at(8, 5), Some(Spot::Pane(QueuePane::Alerts)));
        assert_eq!(at(10, 3), None);
        spots.clear();
        assert_eq!(at(1, 3), None);
    }
}
