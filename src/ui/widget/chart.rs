//! A chart: curves over steps with round axes, stage bands, a legend, and numbers at the ends of curves.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::run::series::axis::Axis;
use crate::run::series::{Series, bounds};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::plot::Plot;
use crate::ui::widget::text::{cut, span};

/// Cells left of the plot for numbers.
const LABEL_WIDTH: u16 = 7;

/// One metric of a chart.
pub struct ChartSeries<'a> {
    pub name: &'a str,
    pub raw: Option<&'a Series>,
    pub smooth: Option<&'a Series>,
    pub token: Token,
}

/// What is drawn.
pub struct Chart<'a> {
    pub title: &'a str,
    pub series: Vec<ChartSeries<'a>>,
    /// Last step of the axis, which begins at 0.
    pub x_end: u64,
    /// A range known beforehand; without one it is rounded from the data.
    pub y_fixed: Option<(f64, f64)>,
    /// Where stages begin, and their names.
    pub bands: &'a [(u64, &'a str)],
}

impl ChartSeries<'_> {
    /// What is drawn in front.
    fn front(&self) -> Option<&Series> {
        self.smooth.or(self.raw)
    }

    /// What was measured, where it is at hand.
    fn measured(&self) -> Option<&Series> {
        self.raw.or(self.smooth)
    }

    /// The latest value, and how many steps had none that was finite.
    fn says(&self) -> String {
        let last = self.measured().and_then(Series::last);
        let value = last.map_or_else(|| "-".to_owned(), |point| short(point.value));
        match self.measured().map_or(0, Series::gaps) {
            0 => value,
            gaps => format!("{value}  {gaps} not finite"),
        }
    }
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

impl Chart<'_> {
    /// Draws into `area`; where it is too small, the title alone or nothing.
    pub fn draw(&self, theme: &Theme, area: Rect, buf: &mut Buffer) {
        if area.height == 0 || area.width < 4 {
            return;
        }
        buf.set_line(area.x, area.y, &self.legend(theme, area.width), area.width);
        if area.height < 4 || area.width < LABEL_WIDTH + 6 {
            return;
        }
        let plot_area = Rect {
            x: area.x + LABEL_WIDTH,
            y: area.y + 1,
            width: area.width - LABEL_WIDTH,
            height: area.height - 2,
        };
        let y = self.y_bounds();
        self.draw_axes(theme, plot_area, y, buf);
        self.draw_bands(theme, plot_area, buf);
        self.draw_curves(theme, plot_area, y, buf);
        // After the curves: a reward near its best runs where the names stand.
        self.name_bands(theme, plot_area, buf);
    }

    fn legend(&self, theme: &Theme, width: u16) -> Line<'static> {
        let mut spans = vec![span(self.title, theme.style(Token::Title))];
        let is_one = self.series.len() == 1;
        for (at, series) in self.series.iter().enumerate() {
            // Many values change at every step, each in its own colour: they cost a third of a frame, and the metrics list has them.
            let text = if is_one {
                format!("  {}", series.says())
            } else {
                format!("  {}:{}", at + 1, series.name)
            };
            spans.push(span(text, theme.style(series.token)));
        }
        let used: usize = spans.iter().map(Span::width).sum();
        if used > usize::from(width) {
            spans.truncate(1);
        }
        Line::from(spans)
    }

    fn y_bounds(&self) -> (f64, f64) {
        if let Some(fixed) = self.y_fixed {
            return fixed;
        }
        let measured = self.series.iter().filter_map(ChartSeries::measured);
        let boxes = measured.filter_map(|series| bounds(series.points()));
        let all = boxes
            .map(|b| (b.low, b.high))
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        all.map_or((0.0, 1.0), |(low, high)| {
            let axis = Axis::around(low, high, 4);
            (axis.low, axis.high)
        })
    }

    fn draw_axes(&self, theme: &Theme, plot: Rect, y: (f64, f64), buf: &mut Buffer) {
        let style = theme.style(Token::Faint);
        let mut label = |row: u16, value: f64| {
            let text = format!("{:>6}", cut(&short(value), 6, ""));
            buf.set_string(plot.x.saturating_sub(LABEL_WIDTH), row, text, style);
        };
        label(plot.top(), y.1);
        label(plot.bottom().saturating_sub(1), y.0);
        if y.0 < 0.0 && y.1 > 0.0 {
            let share = y.1 / (y.1 - y.0);
            let row = plot.top() + (share * f64::from(plot.height - 1) + 0.5) as u16;
            if row > plot.top() && row + 1 < plot.bottom() {
                label(row, 0.0);
            }
        }
        let row = plot.bottom();
        buf.set_string(plot.x, row, "0", style);
        let end = format!("step {}", self.x_end);
        let room = usize::from(plot.width).saturating_sub(2);
        let end = cut(&end, room, "");
        let x = plot.right().saturating_sub(end.len() as u16);
        buf.set_string(x, row, end, style);
    }

    /// The column where `step` stands.
    fn column(&self, plot: Rect, step: u64) -> u16 {
        let share = step as f64 / self.x_end.max(1) as f64;
        plot.x + (share * f64::from(plot.width - 1) + 0.5) as u16
    }

    /// The bands that have begun.
    fn begun(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        let bands = self.bands.iter().enumerate();
        bands
            .map(|(at, &(begin, name))| (at, begin, name))
            .take_while(|(_, begin, _)| *begin < self.x_end)
    }

    fn draw_bands(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (_, begin, _) in self.begun().filter(|(at, ..)| *at > 0) {
            let x = self.column(plot, begin);
            for row in plot.top()..plot.bottom() {
                buf.set_string(x, row, theme.glyphs.separator, theme.style(Token::Band));
            }
        }
    }

    fn name_bands(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (at, begin, name) in self.begun() {
            let x = self.column(plot, begin);
            let next = self.bands.get(at + 1).map_or(self.x_end, |next| next.0);
            let right = self.column(plot, next.min(self.x_end));
            let room = usize::from(right.saturating_sub(x + 1));
            let name = cut(band_name(name, room), room, "");
            let x = x + u16::from(at > 0);
            buf.set_string(x, plot.top(), name, theme.style(Token::Band));
        }
    }

    fn draw_curves(&self, theme: &Theme, area: Rect, y: (f64, f64), buf: &mut Buffer) {
        let mut plot = Plot::new(area.width, area.height, theme.symbols);
        let mut styles = vec![theme.style(Token::Raw)];
        for series in self.series.iter().filter(|series| series.smooth.is_some()) {
            if let Some(raw) = series.raw {
                plot.curve(raw, self.x_end, y, 0);
            }
        }
        for (at, series) in self.series.iter().enumerate() {
            styles.push(theme.style(series.token));
            if let Some(front) = series.front() {
                plot.curve(front, self.x_end, y, at + 1);
            }
        }
        plot.render(area, &styles, buf);
        if self.series.len() > 1 {
            self.number_ends(&plot, area, y, &styles, buf);
        }
    }

    /// Puts each curve's number of the legend at its end: curves differ without colour.
    fn number_ends(
        &self,
        plot: &Plot,
        area: Rect,
        y: (f64, f64),
        styles: &[Style],
        buf: &mut Buffer,
    ) {
        for (at, series) in self.series.iter().enumerate() {
            let Some(end) = series.front().and_then(Series::last) else {
                continue;
            };
            let share = (end.value - y.0) / (y.1 - y.0).max(f64::MIN_POSITIVE);
            let (x, row) = plot.cell_of(end.step as f64 / self.x_end.max(1) as f64, share);
            let style = styles.get(at + 1).copied().unwrap_or_default();
            let number = format!("{}", at + 1);
            buf.set_stringn(area.x + x, area.y + row, number, 1, style);
        }
    }
}

/// As much of a phase's name as tells it from the others: whole, `stage2`, `2`, or nothing; never a beginning that all share.
fn band_name(name: &str, room: usize) -> &str {
    let stem = name.split('_').next().unwrap_or(name);
    let number = stem.strip_prefix("stage").unwrap_or("");
    let fits = |shown: &&str| shown.chars().count() <= room;
    [name, stem, number]
        .into_iter()
        .find(fits)
        .unwrap_or_default()
}

/// A number in at most six cells or so.
#[must_use]
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        "not finite".to_owned()
    } else if !(0.001..100_000.0).contains(&size) {
        format!("{value:.1e}")
    } else if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::theme::{Depth, Symbols};

    fn series_of(ys: &[f64]) -> Series {
        let mut series = Series::new();
        (0..).zip(ys).for_each(|(step, y)| series.push(step, *y));
        series
    }

    fn draw(ys: &[f64], symbols: Symbols, y_fixed: Option<(f64, f64)>) -> String {
        let theme = Theme::load(None, Depth::None, symbols).expect("theme");
        let series = series_of(ys);
        let chart = Chart {
            title: "reward",
            series: vec![ChartSeries {
                name: "reward",
                raw: Some(&series),
                smooth: None,
                token: Token::Series1,
            }],
            x_end: ys.len() as u64 - 1,
            y_fixed,
            bands: &[(0, "sft"), (6, "stage1_basic")],
        };
        let area = Rect::new(0, 0, 27, 7);
        let mut buf = Buffer::empty(area);
        chart.draw(&theme, area, &mut buf);
        let rows = (0..area.height).map(|y| {
            let cells = (0..area.width).map(|x| buf[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_ramp_rises_and_bands_are_named() {
        let ys: Vec<f64> = (0..20).map(|i| f64::from(i) / 19.0).collect();
        let text = draw(&ys, Symbols::Ascii, Some((0.0, 1.0)));
        let wanted = "\
reward  1.000
 1.000 sft   |stage1_basic*
             |     *****
             | ****
          *****
     0 ***   |
       0            step 19";
        assert_eq!(text, wanted, "\n{text}");
    }

    #[test]
    fn a_narrow_band_is_named_by_what_is_its_own() {
        let name = "stage2_multi";
        let shown = [12, 11, 6, 5, 1, 0].map(|room| band_name(name, room));
        assert_eq!(shown, [name, "stage2", "stage2", "2", "2", ""]);
        assert_eq!([3, 2].map(|room| band_name("sft", room)), ["sft", ""]);
    }

    #[test]
    fn a_value_that_is_not_finite_leaves_a_gap_and_no_line() {
        let mut ys = vec![0.5; 20];
        ys[8..12].fill(f64::NAN);
        let text = draw(&ys, Symbols::Ascii, Some((0.0, 1.0)));
        let row = text.lines().nth(3).expect("middle");
        let marks: Vec<_> = row.chars().skip(7).map(|c| c == '*').collect();
        assert!(
            marks[..8].iter().all(|m| *m) && marks[12..].iter().all(|m| *m),
            "{text}"
        );
        assert!(!marks[8..12].iter().any(|m| *m), "{text}");
        assert_eq!(text.matches('*').count(), 16, "{text}");
    }

    #[test]
    fn a_flat_curve_shows_in_the_middle() {
        let text = draw(&[0.7; 20], Symbols::Ascii, None);
        assert_eq!(
            text.lines().nth(3).expect("middle").matches('*').count(),
            20,
            "{text}"
        );
    }

    #[test]
    fn nothing_but_gaps_draws_nothing() {
        let text = draw(&[f64::NAN; 20], Symbols::Braille, None);
        assert!(
            !text.chars().any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
            "{text}"
        );
    }

    #[test]
    fn six_charts_of_a_hundred_thousand_points_cost_milliseconds() {
        let ys: Vec<f64> = (0..100_000).map(|x| (f64::from(x) / 900.0).sin()).collect();
        let series = series_of(&ys);
        let began = std::time::Instant::now();
        for _ in 0..6 {
            let mut plot = Plot::new(80, 14, Symbols::Braille);
            plot.curve(&series, 100_000, (-1.0, 1.0), 1);
            assert_eq!(plot.dots(), (160, 56));
        }
        println!("six curves of 100,000 points: {:?}", began.elapsed());
        // Timings belong to benches; this only catches a draw that costs by the point again.
        assert!(began.elapsed().as_millis() < 60, "{:?}", began.elapsed());
    }
}
