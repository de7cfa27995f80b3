//! What stands across a chart: where stages begin, the value cursor, the best adapter; names in a row over the curves.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Chart;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::cut;

/// Rows from one sign of a border between bands to the next. Whole lines would cost a sixth of a frame's bytes, and the value
/// cursor is one.
const BORDER_ROWS: usize = 3;

impl Chart<'_> {
    /// Whether something has a name that stands over the curves.
    pub(super) fn has_names(&self) -> bool {
        self.best.is_some() || self.begun().next().is_some()
    }

    /// The bands in sight: those that have begun and not ended before.
    fn begun(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        let bands = self.bands.iter().enumerate();
        bands
            .map(|(at, &(begin, name))| (at, begin, name))
            .take_while(|(_, begin, _)| *begin < self.x.1)
            .filter(|(at, ..)| self.bands.get(at + 1).is_none_or(|next| next.0 > self.x.0))
    }

    pub(super) fn draw_bands(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (_, begin, _) in self.begun().filter(|(_, begin, _)| *begin > self.x.0) {
            let x = self.column(plot, begin);
            for row in (plot.top()..plot.bottom()).step_by(BORDER_ROWS) {
                buf.set_string(x, row, theme.glyphs.separator, theme.style(Token::Band));
            }
        }
    }

    pub(super) fn name_bands(&self, row: u16, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (at, begin, name) in self.begun() {
            let x = self.column(plot, begin.max(self.x.0));
            let next = self.bands.get(at + 1).map_or(self.x.1, |next| next.0);
            let right = self.column(plot, next.min(self.x.1));
            let room = usize::from(right.saturating_sub(x + 1));
            let name = cut(&band_name(name, room), room, "");
            let x = x + u16::from(begin > self.x.0);
            buf.set_string(x, row, name, theme.style(Token::Band));
        }
    }

    /// The value cursor across the curves, and the best adapter on the axis or in the row of names.
    pub(super) fn draw_marks(
        &self,
        names: Option<u16>,
        theme: &Theme,
        plot: Rect,
        buf: &mut Buffer,
    ) {
        let style = theme.style(Token::Mark);
        let is_in_sight = |x: &u64| (self.x.0..=self.x.1).contains(x);
        if let Some((x, _)) = self.cursor.filter(|(x, _)| is_in_sight(x)) {
            let x = self.column(plot, x);
            for row in plot.top()..plot.bottom() {
                buf.set_string(x, row, theme.glyphs.separator, style);
            }
        }
        if let Some(best) = self.best.filter(is_in_sight) {
            self.mark_best(self.column(plot, best), names, theme, plot, buf);
        }
    }

    /// An arrow at `x` with its word on the side where there is room: on the axis where no label stands, else over the curves
    /// where no name does. Never on the curves.
    fn mark_best(&self, x: u16, names: Option<u16>, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        let on_axis = (plot.bottom(), theme.glyphs.above);
        let rows = [on_axis]
            .into_iter()
            .chain(names.map(|row| (row, theme.glyphs.below)));
        let places = rows.flat_map(|(row, arrow)| {
            let left = (row, format!("best{arrow}"), x.saturating_sub(4));
            [(row, format!("{arrow}best"), x), left]
        });
        let is_free = |(row, _, x): &(u16, String, u16)| {
            let mut cells = x.saturating_sub(1)..(x + 6).min(plot.right());
            let fits = *x >= plot.left() && x + 5 <= plot.right();
            fits && cells.all(|x| buf[(x, *row)].symbol() == " ")
        };
        let mut places = places;
        if let Some((row, mark, x)) = places.find(is_free) {
            buf.set_string(x, row, mark, theme.style(Token::Mark));
        }
    }
}

/// As much of a phase's name as tells it from the others: whole, `stage2`, `s2`, or nothing; never a beginning that all share,
/// and never a bare digit: those stand at the ends of curves.
fn band_name(name: &str, room: usize) -> String {
    let stem = name.split('_').next().unwrap_or(name);
    let number = stem.strip_prefix("stage").filter(|n| !n.is_empty());
    let short = number.map_or_else(|| stem.to_owned(), |number| format!("s{number}"));
    let fits = |shown: &String| shown.chars().count() <= room;
    [name.to_owned(), stem.to_owned(), short]
        .into_iter()
        .find(fits)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_band_is_named_by_what_is_its_own() {
        let name = "stage2_multi";
        let shown = [12, 11, 6, 5, 2, 1, 0].map(|room| band_name(name, room));
        assert_eq!(shown, [name, "stage2", "stage2", "s2", "s2", "", ""]);
        assert_eq!([3, 2].map(|room| band_name("sft", room)), ["sft", ""]);
    }
}
