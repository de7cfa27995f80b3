//! A grid of dots behind a chart: braille, half blocks or ASCII. Opaque: an upper layer blots out a lower one in its cells.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::series::{Point, Series, decimated};
use crate::ui::theme::Symbols;

/// What ASCII plots draw curves with, so that they differ without colour.
const ASCII_MARKS: [char; 6] = ['.', '*', 'o', '+', 'x', '#'];

/// How a layer looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub style: Style,
    /// Stands for its dots where there is only ASCII.
    pub mark: char,
}

impl Look {
    /// Of the `n`th curve: 0 is what lies behind, faint.
    #[must_use]
    pub const fn of_curve(n: usize, style: Style) -> Self {
        let mark = ASCII_MARKS[n % ASCII_MARKS.len()];
        Self { style, mark }
    }
}

/// Dots drawn, then dots left out, along a curve.
#[derive(Clone, Copy, Debug)]
pub struct Dash {
    pub on: usize,
    pub off: usize,
}

/// Nothing left out.
const SOLID: Dash = Dash { on: 1, off: 0 };

/// Dots of one chart.
pub struct Plot {
    width: usize,
    height: usize,
    symbols: Symbols,
    /// Dots of a cell, and the layer they belong to.
    cells: Vec<(u8, usize)>,
}

impl Plot {
    /// An empty plot of so many cells.
    #[must_use]
    pub fn new(width: u16, height: u16, symbols: Symbols) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        Self {
            width,
            height,
            symbols,
            cells: vec![(0, 0); width * height],
        }
    }

    /// Dots across and down in one cell, as powers of two: every dot drawn asks for its cell.
    const fn dots_per_cell(&self) -> (u32, u32) {
        match self.symbols {
            Symbols::Braille => (1, 2),
            Symbols::Blocks => (0, 1),
            Symbols::Ascii => (0, 0),
        }
    }

    /// Dots across and down.
    #[must_use]
    pub const fn dots(&self) -> (usize, usize) {
        let (across, down) = self.dots_per_cell();
        (self.width << across, self.height << down)
    }

    fn set(&mut self, x: usize, y: usize, layer: usize) {
        let (across, down) = self.dots_per_cell();
        let bit = match self.symbols {
            Symbols::Braille => {
                [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]][y % 4][x % 2]
            }
            Symbols::Blocks => [1, 2][y % 2],
            Symbols::Ascii => 1,
        };
        let (column, row) = (x >> across, y >> down);
        if column >= self.width {
            return;
        }
        if let Some(cell) = self.cells.get_mut(row * self.width + column) {
            if cell.1 == layer {
                cell.0 |= bit;
            } else if cell.0 == 0 || layer > cell.1 {
                *cell = (bit, layer);
            }
        }
    }

    /// Draws a curve over steps from `x.0` to `x.1` on a layer. Decimated to columns first; gaps stay gaps.
    pub fn curve(&mut self, series: &Series, x: (u64, u64), y: (f64, f64), layer: usize) {
        self.dashed(series, x, y, layer, SOLID);
    }

    /// As [`Self::curve`], with dots left out.
    pub fn dashed(
        &mut self,
        series: &Series,
        x: (u64, u64),
        y: (f64, f64),
        layer: usize,
        dash: Dash,
    ) {
        let (across, down) = self.dots();
        if across == 0 || down == 0 {
            return;
        }
        let width = x.1.saturating_sub(x.0).max(1) as f64;
        let place = |point: &Point| {
            let x = point.step.saturating_sub(x.0) as f64 / width;
            let y = (point.value.clamp(y.0, y.1) - y.0) / (y.1 - y.0).max(f64::MIN_POSITIVE);
            let dot = |share: f64, count: usize| (share * (count - 1) as f64 + 0.5) as usize;
            (dot(x, across), dot(1.0 - y, down))
        };
        for run in decimated(series, x.0..x.1.saturating_add(1), across) {
            let dots: Vec<_> = run.iter().map(place).collect();
            if let Some((x, y)) = dots.first() {
                self.set(*x, *y, layer);
            }
            let mut walked = 0;
            for pair in dots.windows(2) {
                if let [from, to] = pair {
                    walked = self.line(*from, *to, layer, dash, walked);
                }
            }
        }
    }

    /// Draws a line after so many dots of the curve; says how many it is then.
    fn line(
        &mut self,
        from: (usize, usize),
        to: (usize, usize),
        layer: usize,
        dash: Dash,
        walked: usize,
    ) -> usize {
        let steps = to.0.abs_diff(from.0).max(to.1.abs_diff(from.1)).max(1);
        let period = dash.on + dash.off;
        // Counted along: a division for each dot costs more than the dot.
        let mut phase = walked % period;
        for step in 0..=steps {
            if phase < dash.on {
                let (x, y) = (
                    between(from.0, to.0, step, steps),
                    between(from.1, to.1, step, steps),
                );
                self.set(x, y, layer);
            }
            phase = if phase + 1 == period { 0 } else { phase + 1 };
        }
        walked + steps
    }

    /// The cell a point falls into.
    #[must_use]
    pub fn cell_of(&self, x_share: f64, y_share: f64) -> (u16, u16) {
        let at = |share: f64, len: usize| {
            (share.clamp(0.0, 1.0) * len.saturating_sub(1) as f64 + 0.5) as u16
        };
        (at(x_share, self.width), at(1.0 - y_share, self.height))
    }

    /// Puts every cell that has dots on the screen.
    pub fn render(&self, area: Rect, looks: &[Look], buf: &mut Buffer) {
        for (at, (dots, layer)) in self.cells.iter().enumerate() {
            if *dots == 0 || self.width == 0 {
                continue;
            }
            let (x, y) = ((at % self.width) as u16, (at / self.width) as u16);
            let cell = buf.cell_mut((area.x + x, area.y + y));
            if let Some((cell, look)) = cell.zip(looks.get(*layer)) {
                cell.set_char(self.symbol(*dots, look.mark));
                cell.set_style(look.style);
            }
        }
    }

    fn symbol(&self, dots: u8, mark: char) -> char {
        match self.symbols {
            Symbols::Braille => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
            Symbols::Blocks => [' ', '▀', '▄', '█'][usize::from(dots & 3)],
            Symbols::Ascii => mark,
        }
    }
}

/// Where a line from `a` to `b` is after `step` of so many steps. Most are upright, or as long as they have steps.
fn between(a: usize, b: usize, step: usize, steps: usize) -> usize {
    match a.abs_diff(b) {
        0 => a,
        far if far == steps && a < b => a + step,
        far if far == steps => a - step,
        _ => {
            let share = step as f64 / steps as f64;
            (a as f64 + (b as f64 - a as f64) * share + 0.5) as usize
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_runs_from_end_to_end_and_rounds_to_the_nearest_dot() {
        for (a, b) in [(0, 0), (3, 3), (0, 7), (7, 0), (2, 4), (4, 2), (0, 40)] {
            for steps in [7, 13, 40] {
                if usize::abs_diff(a, b) > steps {
                    continue;
                }
                for step in 0..=steps {
                    let exact = a as f64 + (b as f64 - a as f64) * step as f64 / steps as f64;
                    let off = (between(a, b, step, steps) as f64 - exact).abs();
                    assert!(off <= 0.5 + 1e-9, "{a} {b} {step}/{steps}");
                }
                assert_eq!(between(a, b, 0, steps), a);
                assert_eq!(between(a, b, steps, steps), b);
            }
        }
    }

    /// The dots set in one row of ASCII, from a line along it.
    fn row(dash: Dash, to: usize) -> String {
        let mut plot = Plot::new(20, 1, Symbols::Ascii);
        let walked = plot.line((0, 0), (to / 2, 0), 0, dash, 0);
        plot.line((to / 2, 0), (to, 0), 0, dash, walked);
        let dots = plot.cells.iter();
        dots.map(|(dots, _)| if *dots == 0 { ' ' } else { '.' })
            .collect()
    }

    #[test]
    fn dashes_go_on_where_one_line_meets_the_next() {
        assert_eq!(row(SOLID, 19), "....................");
        assert_eq!(row(Dash { on: 4, off: 3 }, 19), "....   ....   ....  ");
        assert_eq!(row(Dash { on: 1, off: 2 }, 19), ".  .  .  .  .  .  . ");
    }
}
