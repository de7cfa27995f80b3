//! Cells in another order: look after look instead of row after row.
//!
//! Setting a colour takes eleven bytes or more and going to a place six. Row after row, the frames of panes, the names of fields
//! and their values take turns; look by look each colour is set once.

use unicode_width::UnicodeWidthStr;

use super::{Drawn, Ink};

/// Cells side by side that look alike; a blank that shows nothing looks like any neighbour.
struct Stretch<'a> {
    look: Option<Ink>,
    cells: Vec<Drawn<'a>>,
}

impl Stretch<'_> {
    /// Whether this cell goes on with it.
    fn takes(&self, (x, y, _): Drawn<'_>, look: Option<Ink>) -> bool {
        let is_before = |(at, row, _): &Drawn<'_>| *row == y && at.saturating_add(1) == x;
        let is_alike = match (self.look, look) {
            (Some(own), Some(other)) => own == other,
            (Some(ink), None) | (None, Some(ink)) => !ink.shows_on_blanks(),
            (None, None) => true,
        };
        is_alike && self.cells.last().is_some_and(is_before)
    }
}

/// These cells look by look, each look where it first appears. None where a character is not one cell wide: what it does to the
/// cells beside it depends on which is drawn first.
pub(super) fn by_look<'a>(cells: &[Drawn<'a>]) -> Option<Vec<Drawn<'a>>> {
    if cells.iter().any(|(_, _, cell)| cell.symbol().width() != 1) {
        return None;
    }
    let mut looks: Vec<(Ink, Vec<Drawn<'a>>)> = Vec::new();
    for stretch in stretches(cells) {
        let look = stretch.look.unwrap_or_default();
        match looks.iter_mut().find(|(known, _)| *known == look) {
            Some((_, alike)) => alike.extend(stretch.cells),
            None => looks.push((look, stretch.cells)),
        }
    }
    Some(looks.into_iter().flat_map(|(_, cells)| cells).collect())
}

fn stretches<'a>(cells: &[Drawn<'a>]) -> Vec<Stretch<'a>> {
    let mut stretches: Vec<Stretch<'a>> = Vec::new();
    for &drawn in cells {
        let ink = Ink::of(drawn.2);
        let look = (drawn.2.symbol() != " " || ink.shows_on_blanks()).then_some(ink);
        match stretches.last_mut().filter(|last| last.takes(drawn, look)) {
            Some(last) => {
                last.look = last.look.or(look);
                last.cells.push(drawn);
            }
            None => stretches.push(Stretch {
                look,
                cells: vec![drawn],
            }),
        }
    }
    stretches
}
