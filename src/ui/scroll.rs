//! A position in text longer than its room: by lines, by half pages and to the ends, never past the last page.
//!
//! How long the text is only drawing knows, because it wraps it to the width there is; it says so with every frame.

use std::cell::Cell;

use crate::ui::keys::Verb;

/// Lines that half a page is where no frame has told its height.
const HALF_PAGE: isize = 10;

/// How far a verb of movement moves the cursor of a list, whose ends stop it; other verbs move nothing.
#[must_use]
pub const fn stride(verb: Verb) -> isize {
    match verb {
        Verb::Down => 1,
        Verb::Up => -1,
        Verb::HalfDown => HALF_PAGE,
        Verb::HalfUp => -HALF_PAGE,
        Verb::Top => isize::MIN,
        Verb::Bottom => isize::MAX,
        _ => 0,
    }
}

/// The first row shown, and where the last frame ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scroll {
    first: usize,
    /// The position at which the last row is in sight.
    last: Cell<usize>,
    half_page: Cell<usize>,
}

impl Default for Scroll {
    fn default() -> Self {
        Self {
            first: 0,
            last: Cell::new(usize::MAX),
            half_page: Cell::new(HALF_PAGE.unsigned_abs()),
        }
    }
}

impl Scroll {
    /// Of a text that stays where it is until a frame tells that there is more of it.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            last: Cell::new(0),
            ..Self::default()
        }
    }

    /// Moves as the verb says; false where that moves nothing, as at the ends.
    pub fn moves(&mut self, verb: Verb) -> bool {
        let before = self.first();
        self.follow(verb) && self.first() != before
    }

    /// Moves as the verb says; false where it is no verb of movement.
    pub fn follow(&mut self, verb: Verb) -> bool {
        if !verb.is_movement() {
            return false;
        }
        let half_page = isize::try_from(self.half_page.get()).unwrap_or(isize::MAX);
        let by = match verb {
            Verb::HalfDown => half_page,
            Verb::HalfUp => -half_page,
            other => stride(other),
        };
        // Bounded before the step too: a resize may have left less text below than there was.
        let first = self.first.min(self.last.get());
        self.first = first.saturating_add_signed(by).min(self.last.get());
        true
    }

    /// The first row to draw of `rows` in a room of `height`; the end is remembered for the next step.
    #[must_use]
    pub fn page(&self, rows: usize, height: usize) -> usize {
        self.last.set(rows.saturating_sub(height));
        self.half_page.set((height / 2).max(1));
        self.first()
    }

    /// The first row shown.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first.min(self.last.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_stored_past_the_last_page() {
        let mut scroll = Scroll::default();
        let page = |scroll: &Scroll| scroll.page(50, 20);
        assert_eq!(page(&scroll), 0);
        for verb in [Verb::Bottom, Verb::Down, Verb::HalfDown] {
            assert!(scroll.follow(verb));
            assert_eq!(page(&scroll), 30, "{verb:?}");
        }
        scroll.follow(Verb::Up);
        assert_eq!(page(&scroll), 29, "one press is enough to come back");
        scroll.follow(Verb::HalfUp);
        assert_eq!(page(&scroll), 19);
        scroll.follow(Verb::Top);
        assert_eq!(page(&scroll), 0);
        scroll.follow(Verb::Bottom);
        assert_eq!(scroll.page(30, 28), 2, "a larger room shows the end");
        scroll.follow(Verb::Up);
        assert_eq!(scroll.page(30, 28), 1);
        assert!(!scroll.follow(Verb::Quit));
    }

    #[test]
    fn a_closed_one_moves_only_where_a_frame_has_told_of_more() {
        let mut scroll = Scroll::closed();
        assert!(!scroll.moves(Verb::Down));
        assert_eq!(scroll.page(9, 6), 0);
        assert!(scroll.moves(Verb::Bottom) && !scroll.moves(Verb::Down));
        assert_eq!(scroll.page(9, 6), 3);
        assert!(scroll.moves(Verb::Up) && scroll.moves(Verb::Top));
        assert!(!scroll.moves(Verb::Up) && !scroll.moves(Verb::Quit));
    }
}
