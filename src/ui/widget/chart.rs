//! A chart: curves over steps with round axes, stage bands, a legend, and numbers at the ends of curves.

mod legend;

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::series::axis::Axis;
use crate::run::series::{Point, Series, bounds};
use crate::ui::theme::{Theme, Token};
use crate::ui::view::XAxis;
use crate::ui::widget::behind::{Against, Behind};
use crate::ui::widget::plot::{Look, Plot};
use crate::ui::widget::text::{cut, span};

/// Cells left of the plot for numbers.
const LABEL_WIDTH: u16 = 7;

/// One metric of a chart.
pub struct ChartSeries<'a> {
    pub name: &'a str,
    pub raw: Option<Cow<'a, Series>>,
    pub smooth: Option<Cow<'a, Series>>,
    /// As it was measured, over steps: what the legend tells.
    pub told: &'a Series,
    /// What the value under the cursor is held against.
    pub against: Option<Against<'a>>,
    pub token: Token,
}

/// What is drawn.
pub struct Chart<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    pub series: Vec<ChartSeries<'a>>,
    /// Curves of marked runs.
    pub behind: Vec<Behind<'a>>,
    /// Ends of the x axis, in what runs along it.
    pub x: (u64, u64),
    pub x_axis: XAxis,
    /// A range known beforehand; without one it is rounded from the data.
    pub y_fixed: Option<(f64, f64)>,
    /// The curves are decimal logarithms; so are the ends of the y axis, but its labels.
    pub is_log: bool,
    /// Where stages begin, and their names.
    pub bands: &'a [(u64, &'a str)],
    /// The value cursor: where it stands on the axis, and its step.
    pub cursor: Option<(u64, u64)>,
    /// Where the best adapter was written.
    pub best: Option<u64>,
    /// Stands under the curves.
    pub note: &'a str,
}

/// What stands at the end of a curve.
struct End<'a> {
    series: &'a Series,
    mark: String,
    style: Style,
}

impl ChartSeries<'_> {
    /// What is drawn in front.
    fn front(&self) -> Option<&Series> {
        self.smooth.as_deref().or(self.raw.as_deref())
    }

    /// What was measured, where it is at hand.
    fn measured(&self) -> Option<&Series> {
        self.raw.as_deref().or(self.smooth.as_deref())
    }

    /// The point under the cursor, or the latest.
    fn point(&self, cursor: Option<u64>) -> Option<Point> {
        match cursor {
            Some(step) => self.told.under(step),
            None => self.told.newest(),
        }
    }

    fn value(&self, cursor: Option<u64>) -> String {
        let point = self.point(cursor);
        point.map_or_else(|| "-".to_owned(), |point| short(point.value))
    }

    /// The baseline's letter, and how much more the value under the cursor is than the baseline's there.
    fn difference(&self, cursor: Option<u64>) -> Option<(char, String)> {
        let against = self.against.as_ref()?;
        let here = self.point(Some(cursor?))?;
        Some((against.letter, against.difference(here)))
    }

    /// That, and how many steps had no value that was finite.
    fn says(&self, cursor: Option<u64>) -> String {
        let is_drawn = self.point(cursor).is_none_or(|point| point.is_drawn());
        match self.told.gaps() {
            0 => self.value(cursor),
            gaps if is_drawn => format!("{}  {gaps} not finite", self.value(cursor)),
            gaps => format!("not finite, as {gaps} of its steps"),
        }
    }
}

impl Chart<'_> {
    /// Draws into `area`; where it is too small, the title alone or nothing.
    pub fn draw(&self, theme: &Theme, area: Rect, buf: &mut Buffer) {
        if area.height == 0 || area.width < 4 {
            return;
        }
        let legend = self.legend(theme, area.width);
        // Values that find no room beside their names stand below them.
        let rows = if area.height < 6 { 1 } else { legend.len() };
        for (y, line) in (area.y..).zip(legend.iter().take(rows)) {
            buf.set_line(area.x, y, line, area.width);
        }
        if area.height < 4 || area.width < LABEL_WIDTH + 6 {
            return;
        }
        let plot_area = Rect {
            x: area.x + LABEL_WIDTH,
            y: area.y + rows as u16,
            width: area.width - LABEL_WIDTH,
            height: area.height - 1 - rows as u16,
        };
        let y = self.y_bounds();
        self.draw_axes(theme, plot_area, y, buf);
        self.draw_bands(theme, plot_area, buf);
        self.draw_curves(theme, plot_area, y, buf);
        // After the curves: a reward near its best runs where the names stand.
        self.name_bands(theme, plot_area, buf);
        self.draw_marks(theme, plot_area, buf);
    }

    fn y_bounds(&self) -> (f64, f64) {
        if let Some(fixed) = self.y_fixed {
            return fixed;
        }
        let measured = self.series.iter().filter_map(ChartSeries::measured);
        let behind = self.behind.iter().map(|behind| &*behind.series);
        let within = |series: &Series| bounds(series.within(self.x.0..self.x.1.saturating_add(1)));
        let boxes = measured.chain(behind).filter_map(within);
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
            let value = if self.is_log {
                10f64.powf(value)
            } else {
                value
            };
            let text = format!("{:>6}", cut(&short(value), 6, ""));
            buf.set_string(plot.x.saturating_sub(LABEL_WIDTH), row, text, style);
        };
        label(plot.top(), y.1);
        label(plot.bottom().saturating_sub(1), y.0);
        if y.0 < 0.0 && y.1 > 0.0 && !self.is_log {
            let share = y.1 / (y.1 - y.0);
            let row = plot.top() + (share * f64::from(plot.height - 1) + 0.5) as u16;
            if row > plot.top() && row + 1 < plot.bottom() {
                label(row, 0.0);
            }
        }
        self.label_x(theme, plot, buf);
    }

    /// The ends of the x axis, and between them the note, as far as there is room.
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
        if !self.note.is_empty() && room > self.note.len() / 2 {
            let note = span(
                cut(self.note, room, theme.glyphs.cut),
                theme.style(Token::Accent),
            );
            buf.set_span(plot.x + begin.len() as u16 + 2, row, &note, plot.width);
        }
    }

    /// How far along the axis `x` stands, 0 to 1.
    fn share(&self, x: u64) -> f64 {
        let width = self.x.1.saturating_sub(self.x.0).max(1) as f64;
        x.saturating_sub(self.x.0).min(self.x.1) as f64 / width
    }

    /// The column where `x` stands.
    fn column(&self, plot: Rect, x: u64) -> u16 {
        plot.x + (self.share(x).min(1.0) * f64::from(plot.width - 1) + 0.5) as u16
    }

    /// The bands in sight: those that have begun and not ended before.
    fn begun(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        let bands = self.bands.iter().enumerate();
        bands
            .map(|(at, &(begin, name))| (at, begin, name))
            .take_while(|(_, begin, _)| *begin < self.x.1)
            .filter(|(at, ..)| self.bands.get(at + 1).is_none_or(|next| next.0 > self.x.0))
    }

    fn draw_bands(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (_, begin, _) in self.begun().filter(|(_, begin, _)| *begin > self.x.0) {
            let x = self.column(plot, begin);
            for row in plot.top()..plot.bottom() {
                buf.set_string(x, row, theme.glyphs.separator, theme.style(Token::Band));
            }
        }
    }

    fn name_bands(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        for (at, begin, name) in self.begun() {
            let x = self.column(plot, begin);
            let next = self.bands.get(at + 1).map_or(self.x.1, |next| next.0);
            let right = self.column(plot, next.min(self.x.1));
            let room = usize::from(right.saturating_sub(x + 1));
            let name = cut(&band_name(name, room), room, "");
            let x = x + u16::from(begin > self.x.0);
            buf.set_string(x, plot.top(), name, theme.style(Token::Band));
        }
    }

    /// What was measured, faint; over it the curves of marked runs, and the present run's in front.
    fn draw_curves(&self, theme: &Theme, area: Rect, y: (f64, f64), buf: &mut Buffer) {
        let mut plot = Plot::new(area.width, area.height, theme.symbols);
        let mut looks = vec![Look::of_curve(0, theme.style(Token::Raw))];
        for series in self.series.iter().filter(|series| series.smooth.is_some()) {
            if let Some(raw) = series.raw.as_deref() {
                plot.curve(raw, self.x, y, 0);
            }
        }
        let mut ends = Vec::new();
        for behind in &self.behind {
            plot.dashed(&behind.series, self.x, y, looks.len(), behind.dash());
            let look = behind.look(theme);
            ends.push(End {
                series: &behind.series,
                mark: behind.letter.to_string(),
                style: look.style,
            });
            looks.push(look);
        }
        for (at, series) in self.series.iter().enumerate() {
            let look = Look::of_curve(at + 1, theme.style(series.token));
            if let Some(front) = series.front() {
                plot.curve(front, self.x, y, looks.len());
                if self.series.len() > 1 {
                    ends.push(End {
                        series: front,
                        mark: (at + 1).to_string(),
                        style: look.style,
                    });
                }
            }
            looks.push(look);
        }
        plot.render(area, &looks, buf);
        for end in ends {
            self.mark_end(&end, y, area, &plot, buf);
        }
    }

    /// The value cursor across the curves, and the best adapter on the axis.
    fn draw_marks(&self, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        let style = theme.style(Token::Mark);
        let is_in_sight = |x: &u64| (self.x.0..=self.x.1).contains(x);
        if let Some((x, _)) = self.cursor.filter(|(x, _)| is_in_sight(x)) {
            let x = self.column(plot, x);
            for row in plot.top()..plot.bottom() {
                buf.set_string(x, row, theme.glyphs.separator, style);
            }
        }
        if let Some(best) = self.best.filter(is_in_sight) {
            self.mark_best(self.column(plot, best), theme, plot, buf);
        }
    }

    /// An arrow at `x` with its word on the side where there is room: on the axis where no label stands, else on the lowest
    /// row of the curves.
    fn mark_best(&self, x: u16, theme: &Theme, plot: Rect, buf: &mut Buffer) {
        let arrow = theme.glyphs.above;
        let places = [
            (format!("{arrow}best"), x),
            (format!("best{arrow}"), x.saturating_sub(4)),
        ];
        let fits = |x: u16| x >= plot.left() && x + 5 <= plot.right();
        let is_free = |x: u16| {
            let mut cells = x.saturating_sub(1)..(x + 6).min(plot.right());
            cells.all(|x| buf[(x, plot.bottom())].symbol() == " ")
        };
        let mut places = places.into_iter().filter(|(_, x)| fits(*x));
        let (first, second) = (places.next(), places.next());
        let mut all = first.iter().chain(&second);
        let on_axis = all.find(|(_, x)| is_free(*x)).cloned();
        let row = if on_axis.is_some() {
            plot.bottom()
        } else {
            plot.bottom().saturating_sub(1)
        };
        if let Some((mark, x)) = on_axis.or(first).or(second) {
            buf.set_string(x, row, mark, theme.style(Token::Mark));
        }
    }

    /// Puts a curve's mark at its end, so that curves differ without colour.
    fn mark_end(&self, end: &End<'_>, y: (f64, f64), area: Rect, plot: &Plot, buf: &mut Buffer) {
        let points = end.series.within(self.x.0..self.x.1.saturating_add(1));
        let Some(last) = points.iter().rev().find(|point| point.is_drawn()) else {
            return;
        };
        let share = (last.value - y.0) / (y.1 - y.0).max(f64::MIN_POSITIVE);
        let (x, row) = plot.cell_of(self.share(last.step), share);
        buf.set_stringn(area.x + x, area.y + row, &end.mark, 1, end.style);
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

/// Seconds as `1h02m`, `3m20s` or `12s`.
#[must_use]
pub fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
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
                raw: Some(Cow::Borrowed(&series)),
                smooth: None,
                told: &series,
                against: None,
                token: Token::Series1,
            }],
            behind: Vec::new(),
            unit: "",
            x: (0, ys.len() as u64 - 1),
            x_axis: XAxis::Step,
            y_fixed,
            is_log: false,
            bands: &[(0, "sft"), (6, "stage1_basic")],
            cursor: None,
            best: None,
            note: "",
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

    /// Rows of a chart of two curves over 100 steps.
    fn two(cursor: Option<u64>, best: Option<u64>, width: u16) -> Vec<String> {
        let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
        let curves = [0.25, 0.75].map(|y| series_of(&[y; 101]));
        let series = curves.iter().zip(["dismiss", "escalate"]);
        let series = series.map(|(told, name)| ChartSeries {
            name,
            raw: Some(Cow::Borrowed(told)),
            smooth: None,
            told,
            against: None,
            token: Token::Series1,
        });
        let chart = Chart {
            title: "shares",
            series: series.collect(),
            behind: Vec::new(),
            unit: "",
            x: (0, 100),
            x_axis: XAxis::Step,
            y_fixed: Some((0.0, 1.0)),
            is_log: false,
            bands: &[],
            cursor: cursor.map(|step| (step, step)),
            best,
            note: "",
        };
        let area = Rect::new(0, 0, width, 8);
        let mut buf = Buffer::empty(area);
        chart.draw(&theme, area, &mut buf);
        let rows = (0..area.height).map(|y| {
            let cells = (0..area.width).map(|x| buf[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        });
        rows.collect()
    }

    #[test]
    fn the_best_adapter_hides_no_label() {
        for best in 0..=100 {
            let rows = two(None, Some(best), 40);
            let axis = rows.last().expect("rows");
            assert!(axis.starts_with("       0"), "{best}: {axis}");
            assert!(axis.ends_with("step 100"), "{best}: {axis}");
            let words = rows.iter().filter(|row| row.contains("best"));
            assert_eq!(words.count(), 1, "{best}: {rows:#?}");
        }
    }

    #[test]
    fn under_the_value_cursor_curves_keep_their_names() {
        let wide = two(Some(50), None, 60);
        assert_eq!(wide[0], "shares @50  1:dismiss 0.250  2:escalate 0.750");
        let narrow = two(Some(50), None, 36);
        assert_eq!(narrow[0], "shares @50  1:dismiss  2:escalate");
        assert_eq!(narrow[1], " 1:0.250 2:0.750");
    }

    #[test]
    fn a_narrow_band_is_named_by_what_is_its_own() {
        let name = "stage2_multi";
        let shown = [12, 11, 6, 5, 2, 1, 0].map(|room| band_name(name, room));
        assert_eq!(shown, [name, "stage2", "stage2", "s2", "s2", "", ""]);
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
            plot.curve(&series, (0, 100_000), (-1.0, 1.0), 1);
            assert_eq!(plot.dots(), (160, 56));
        }
        println!("six curves of 100,000 points: {:?}", began.elapsed());
        // Timings belong to benches; this only catches a draw that costs by the point again.
        assert!(began.elapsed().as_millis() < 60, "{:?}", began.elapsed());
    }
}
