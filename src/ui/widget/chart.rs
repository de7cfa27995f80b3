//! A chart: curves over steps with round axes, stage bands, a legend, and numbers at the ends of curves.

mod axes;
mod bands;
mod legend;

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::run::series::{Point, Series};
use crate::ui::numbers::short;
use crate::ui::theme::{Theme, Token};
use crate::ui::view::XAxis;
use crate::ui::widget::behind::{Against, Behind};
use crate::ui::widget::plot::{Look, Plot};

/// Cells left of the plot for numbers.
const LABEL_WIDTH: u16 = 7;

/// From this height on there is a row for names over the curves; over those of the first chart of a column, which has them for
/// the others too, from the second.
const NAMED_FROM: (u16, u16) = (8, 7);

/// Rows a legend may have in a chart so high: the curves need some too.
const fn most_legend(height: u16) -> usize {
    match height {
        0..6 => 1,
        6..9 => 2,
        _ => 3,
    }
}

/// One metric of a chart.
pub struct ChartSeries<'a> {
    /// In the legend.
    pub name: &'a str,
    /// As it is called in lists and files.
    pub metric: &'a str,
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
    /// Without one, whether zero is in it.
    pub y_from_zero: bool,
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
        self.draw_named(NAMED_FROM.0, theme, area, buf);
    }

    /// As [`Self::draw`], of the first chart of a column.
    pub fn draw_first(&self, theme: &Theme, area: Rect, buf: &mut Buffer) {
        self.draw_named(NAMED_FROM.1, theme, area, buf);
    }

    fn draw_named(&self, named_from: u16, theme: &Theme, area: Rect, buf: &mut Buffer) {
        if area.height == 0 || area.width < 4 {
            return;
        }
        let legend = self.legend(theme, area.width, most_legend(area.height));
        for (y, line) in (area.y..).zip(&legend) {
            buf.set_line(area.x, y, line, area.width);
        }
        if area.height < 4 || area.width < LABEL_WIDTH + 6 {
            return;
        }
        // A reward near its best runs along the top: what has a name there needs a row of its own.
        let names = u16::from(area.height >= named_from && self.has_names());
        let above = legend.len() as u16 + names;
        let plot_area = Rect {
            x: area.x + LABEL_WIDTH,
            y: area.y + above,
            width: area.width - LABEL_WIDTH,
            height: area.height - 1 - above,
        };
        let ticks = self.y_ticks(plot_area.height);
        let y = (ticks.low, ticks.high);
        self.draw_axes(theme, plot_area, &ticks, buf);
        self.draw_bands(theme, plot_area, buf);
        self.draw_curves(theme, plot_area, y, buf);
        let names = (names > 0).then(|| plot_area.y - 1);
        if let Some(row) = names {
            self.name_bands(row, theme, plot_area, buf);
        }
        self.draw_marks(names, theme, plot_area, buf);
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
        drawn(ys, symbols, y_fixed, (7, false))
    }

    /// A chart so high, the first of its column or not.
    fn drawn(
        ys: &[f64],
        symbols: Symbols,
        y_fixed: Option<(f64, f64)>,
        (height, is_first): (u16, bool),
    ) -> String {
        let theme = Theme::load(None, Depth::None, symbols).expect("theme");
        let series = series_of(ys);
        let chart = Chart {
            title: "reward",
            series: vec![ChartSeries {
                name: "reward",
                metric: "reward",
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
            y_from_zero: false,
            is_log: false,
            bands: &[(0, "sft"), (6, "stage1_basic")],
            cursor: None,
            best: None,
            note: "",
        };
        let area = Rect::new(0, 0, 27, height);
        let mut buf = Buffer::empty(area);
        match is_first {
            true => chart.draw_first(&theme, area, &mut buf),
            false => chart.draw(&theme, area, &mut buf),
        }
        let rows = (0..area.height).map(|y| {
            let cells = (0..area.width).map(|x| buf[(x, y)].symbol());
            cells.collect::<String>().trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_ramp_rises_and_bands_are_named_where_there_is_a_row_for_it() {
        let ys: Vec<f64> = (0..20).map(|i| f64::from(i) / 19.0).collect();
        let text = draw(&ys, Symbols::Ascii, Some((0.0, 1.0)));
        let wanted = "\
reward  1.000
   1.0       |          ***
                   *****
   0.5         ****
          *****
   0.0 ***
       0            step 19";
        assert_eq!(text, wanted, "\n{text}");
        // The first of a column has the names for those below it, also where each has little room.
        for size in [(8, false), (8, true), (7, true)] {
            let text = drawn(&ys, Symbols::Ascii, Some((0.0, 1.0)), size);
            let names = text.lines().nth(1).expect("a row");
            assert_eq!(names, "       sft    stage1_basic", "\n{text}");
            let highest = text.lines().nth(2).expect("a row");
            assert!(highest.ends_with("**"), "{text}");
        }
        let text = drawn(&ys, Symbols::Ascii, Some((0.0, 1.0)), (6, true));
        assert!(!text.contains("sft"), "no row to spare:\n{text}");
    }

    /// Rows of a chart of two curves over 100 steps.
    fn two(cursor: Option<u64>, best: Option<u64>, width: u16) -> Vec<String> {
        let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
        let curves = [0.25, 0.75].map(|y| series_of(&[y; 101]));
        let series = curves.iter().zip(["dismiss", "escalate"]);
        let series = series.map(|(told, name)| ChartSeries {
            name,
            metric: name,
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
            y_from_zero: false,
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
