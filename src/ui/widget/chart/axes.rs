//! The axes of a chart: round numbers beside the curves, and what the x axis spans under them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Chart, ChartSeries, LABEL_WIDTH};
use crate::run::series::Series;
use crate::run::series::ticks::Ticks;
use crate::ui::numbers::{clock, short};
use crate::ui::theme::{Theme, Token};
use crate::ui::view::XAxis;
use crate::ui::widget::text::{cut, span};

/// Rows for each label of the y axis, and how many intervals there are at least and at most.
const ROWS: u16 = 3;
const INTERVALS: (u16, u16) = (2, 6);

impl Chart<'_> {
    /// What the y axis spans, in so many rows.
    pub(super) fn y_ticks(&self, rows: u16) -> Ticks {
        let intervals = (rows / ROWS).clamp(INTERVALS.0, INTERVALS.1);
        let intervals = usize::from(intervals);
        if let Some((low, high)) = self.y_fixed {
            return Ticks::fixed(low, high, intervals);
        }
        match self.y_bounds() {
            None if self.is_log => Ticks::of_logarithms(0.0, 1.0, intervals),
            Some((low, high)) if self.is_log => Ticks::of_logarithms(low, high, intervals),
            Some((low, high)) if self.y_from_zero && (low, high) != (0.0, 0.0) => {
                Ticks::around(low.min(0.0), high.max(0.0), intervals)
            }
            Some((low, high)) if !self.y_from_zero => Ticks::around(low, high, intervals),
            _ => Ticks::fixed(0.0, 1.0, intervals),
        }
    }

    /// The least and the most of what is in sight.
    fn y_bounds(&self) -> Option<(f64, f64)> {
        let measured = self.series.iter().filter_map(ChartSeries::measured);
        let behind = self.behind.iter().map(|behind| &*behind.series);
        let within = |series: &Series| series.bounds(self.x.0..self.x.1.saturating_add(1));
        let boxes = measured.chain(behind).filter_map(within);
        boxes
            .map(|b| (b.low, b.high))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// Labels that stand in neighbouring rows are left out: they would read as one number.
    pub(super) fn draw_axes(&self, theme: &Theme, plot: Rect, ticks: &Ticks, buf: &mut Buffer) {
        let style = theme.style(Token::Faint);
        let mut lowest = None;
        for tick in &ticks.at {
            let up = (ticks.share(*tick) * f64::from(plot.height.saturating_sub(1)) + 0.5) as u16;
            let row = plot.bottom().saturating_sub(1 + up);
            if row < plot.top() || lowest.is_some_and(|below| row + 1 >= below) {
                continue;
            }
            lowest = Some(row);
            let label = ticks.label(*tick);
            let label = if label.len() > 6 {
                self.shorter(*tick)
            } else {
                label
            };
            let text = format!("{:>6}", cut(&label, 6, ""));
            buf.set_string(plot.x.saturating_sub(LABEL_WIDTH), row, text, style);
        }
        self.label_x(theme, plot, buf);
    }

    fn shorter(&self, tick: f64) -> String {
        short(if self.is_log { 10f64.powf(tick) } else { tick })
    }

    /// The ends of the x axis, and between them the note, where there is room for it.
    fn label_x(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        let (row, style) = (plot.bottom(), theme.style(Token::Faint));
        let begin = told_x(self.x.0, self.x_axis);
        let end = match self.x_axis {
            XAxis::Step => format!("step {}", self.x.1),
            other => told_x(self.x.1, other),
        };
        let room = usize::from(plot.width).saturating_sub(begin.len() + 1);
        let end = cut(&end, room, "");
        buf.set_string(plot.x, row, &begin, style);
        let x = plot.right().saturating_sub(end.len() as u16);
        buf.set_string(x, row, &end, style);
        let room = room.saturating_sub(end.len() + 3);
        if !self.note.is_empty() && room >= self.note.len() {
            let note = span(self.note, theme.style(Token::Accent));
            buf.set_span(plot.x + begin.len() as u16 + 2, row, &note, plot.width);
        }
    }
}

/// An end of the x axis in few letters.
fn told_x(x: u64, axis: XAxis) -> String {
    match axis {
        XAxis::Step => x.to_string(),
        XAxis::Tokens if x >= 1_000_000 => format!("{:.1}M tokens", x as f64 / 1e6),
        XAxis::Tokens if x >= 1_000 => format!("{}k tokens", x / 1_000),
        XAxis::Tokens => format!("{x} tokens"),
        XAxis::Time => clock(x as f64),
    }
}
