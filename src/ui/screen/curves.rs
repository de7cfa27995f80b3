//! The curves of the training screen: pages of charts in a grid, or one metric alone; behind them those of marked runs.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::run::series::Series;
use crate::run::series::axis::Axis;
use crate::ui::average::Smoothing;
use crate::ui::catalogue::Range;
use crate::ui::marks::{Mark, Marks};
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::view::XAxis;
use crate::ui::watching::{Training, Wanted};
use crate::ui::widget::behind::{Against, Behind};
use crate::ui::widget::chart::{Chart, ChartSeries};
use crate::ui::widget::text::{cut, cut_line, lines, span};

/// The narrowest chart of a grid of several columns.
const NARROWEST: u16 = 46;

/// Rows a chart gets in one column, and in several: there the neighbours make up for it.
const LOWEST: (u16, u16) = (7, 14);

/// Most charts in one column: what all change at every step has to fit into a frame's bytes.
const HIGHEST_COLUMN: u16 = 4;

/// Metrics that begin after a tenth of the axis begin late.
const LATE: u64 = 10;

/// What is looked at: a run, how, and the marked runs behind it.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    pub training: &'a Training,
    pub marks: &'a Marks,
    pub run: &'a Watching,
}

/// Columns and rows of the grid in `area`.
fn grid(area: Rect) -> (u16, u16) {
    let columns = (area.width / NARROWEST).clamp(1, 3);
    let lowest = if columns == 1 { LOWEST.0 } else { LOWEST.1 };
    (columns, (area.height / lowest).clamp(1, HIGHEST_COLUMN))
}

/// One page of charts.
pub fn draw(sight: &Sight<'_>, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (training, run) = (sight.training, sight.run);
    let charts = training.charts();
    if charts.is_empty() {
        let text = if run.curves.iter().next().is_some() {
            "no metric is let through; Esc takes the filter off"
        } else {
            "no metrics yet: the first step tells some (v shows the shipped run)"
        };
        lines(
            [Line::from(span(text, theme.style(Token::Faint)))],
            area,
            buf,
        );
        return;
    }
    let legend = legend(sight, theme, area.width);
    let height = 1 + u16::from(legend.is_some());
    let [head, area] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    let (columns, rows) = grid(area);
    let room = usize::from(columns * rows);
    let (page, pages) = training.page_of(charts.len(), room);
    let place = format!("charts {}/{pages} (, .)", page + 1);
    let first = describe(training, run, &place, theme, area.width);
    lines([first].into_iter().chain(legend), head, buf);
    let last = charts.len().min((page + 1) * room);
    let shown = charts.get(page * room..last).unwrap_or_default();
    let scale = Scale::of(*sight, shown);
    let placed = shown.iter().zip(cells(area, columns, shown.len()));
    for (at, (chart, cell)) in placed.enumerate() {
        // All charts of a page span the same steps: what is named over a column is named for all of it.
        scale.draw(chart, at < usize::from(columns), theme, cell, buf);
    }
}

/// Where so many charts stand in `area`, row by row.
fn cells(area: Rect, columns: u16, charts: usize) -> Vec<Rect> {
    let columns = usize::from(columns);
    let strips = Layout::vertical(vec![Constraint::Fill(1); charts.div_ceil(columns)]);
    let strips = strips.split(area);
    let cells = strips.iter().flat_map(|strip| {
        let cells = Layout::horizontal(vec![Constraint::Fill(1); columns]);
        cells.spacing(1).split(*strip).to_vec()
    });
    cells.collect()
}

/// The chart with the metric chosen from the list, or the first that was in sight, in all the room there is.
pub fn draw_alone(sight: &Sight<'_>, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let legend = legend(sight, theme, area.width);
    let height = 1 + u16::from(legend.is_some());
    let [head, area] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    let place = "large (Enter), others (, .)";
    let first = describe(sight.training, sight.run, place, theme, area.width);
    lines([first].into_iter().chain(legend), head, buf);
    if let Some(chart) = sight.training.large_chart() {
        let scale = Scale::of(*sight, std::slice::from_ref(&chart));
        scale.draw(&chart, true, theme, area, buf);
    }
}

/// Which runs are drawn behind, by letter; `None` without any.
fn legend(sight: &Sight<'_>, theme: &Theme, width: u16) -> Option<Line<'static>> {
    let marks: Vec<_> = sight.marks.behind(sight.run).collect();
    if marks.is_empty() {
        return None;
    }
    let mut spans = vec![span("behind:", theme.style(Token::Faint))];
    for mark in marks {
        let what = match (&mark.overlay, mark.is_baseline) {
            (None, _) => " (reading)",
            (Some(_), true) => " = baseline",
            (Some(_), false) => "",
        };
        let text = format!(" {} {}{what} ", mark.letter(), mark.name);
        spans.push(span(text, theme.style(token_of(mark))));
    }
    Some(cut_line(spans, usize::from(width), theme.glyphs.cut))
}

/// What a marked run is drawn in where a chart has one metric: the first token is the present run's.
const fn token_of(mark: &Mark) -> Token {
    Token::series(mark.slot + 1)
}

/// What of the curves is in sight, in words.
fn describe(
    training: &Training,
    run: &Watching,
    place: &str,
    theme: &Theme,
    width: u16,
) -> Line<'static> {
    let view = &training.view;
    let (first, end) = view.window(run.extent());
    let mut words = vec![place.to_owned()];
    if view.is_held() {
        words.push(format!("frozen at steps {first}-{end} (f)"));
    } else if view.is_zoomed() {
        words.push(format!("newest {} steps (0 all)", end - first));
    }
    if view.x != XAxis::Step {
        words.push(format!("by {} (X)", view.x.word()));
    }
    if view.is_log {
        words.push("log where it helps (L)".to_owned());
    }
    if view.is_fitted {
        words.push("y fits (Y)".to_owned());
    }
    if training.smoothing != Smoothing::default() {
        words.push(format!("{} (e)", training.smoothing.words()));
    }
    if let Some(typed) = training.filter_in_words() {
        words.push(format!("filter: {typed} (Esc)"));
    }
    let words = cut(&words.join("  "), usize::from(width), theme.glyphs.cut);
    Line::from(span(words, theme.style(Token::Faint)))
}

/// Where steps stand on the x axis, and what is the same for all charts of a frame.
struct Scale<'a> {
    sight: Sight<'a>,
    /// What stands for steps, where it is not they.
    along: Option<&'a Series>,
    /// Ends of the axis under each chart: what happens at a step stands in one column everywhere.
    x: (u64, u64),
    bands: Vec<(u64, &'a str)>,
}

impl<'a> Scale<'a> {
    /// For charts that are seen together.
    fn of(sight: Sight<'a>, charts: &[Wanted<'a>]) -> Self {
        let (view, run) = (&sight.training.view, sight.run);
        let along = view.x.metric().and_then(|name| run.curves.get(name));
        let (first, end) = view.window(run.extent());
        let mut scale = Self {
            sight,
            along,
            x: (first, end),
            bands: Vec::new(),
        };
        if along.is_some() {
            let (low, high) = (
                scale.at(first) as f64,
                scale.at(end.min(run.last_step)) as f64,
            );
            // Round ends move seldom.
            let axis = Axis::around(low, high.max(low + 1.0), 8);
            scale.x = (axis.low.max(0.0) as u64, axis.high as u64);
        }
        let bands = run.bands().into_iter();
        let begun = bands.filter(|(begin, _)| along.is_none() || *begin <= run.last_step);
        let placed: Vec<_> = begun.map(|(begin, name)| (scale.at(begin), name)).collect();
        scale.bands = placed;
        scale.x.0 = scale.begin(charts);
        scale
    }

    /// Where a step stands on the axis.
    fn at(&self, step: u64) -> u64 {
        let Some(along) = self.along else { return step };
        match (step, along.nearest(step)) {
            (0, _) | (_, None) => 0,
            (_, Some(point)) => point.value.max(0.0) as u64,
        }
    }

    /// The series with its points moved to where their steps stand along `along`.
    fn drawn(series: &'a Series, along: Option<&Series>, is_log: bool) -> Cow<'a, Series> {
        let placed = match along {
            None => Cow::Borrowed(series),
            Some(along) => Cow::Owned(series.along(along)),
        };
        if is_log {
            Cow::Owned(placed.log10())
        } else {
            placed
        }
    }

    /// The curves of marked runs; of several metrics in one chart only the baseline's, else nobody could tell them apart.
    fn behind(&self, wanted: &Wanted<'a>, is_log: bool) -> Vec<Behind<'a>> {
        let is_one = wanted.metrics.len() == 1;
        let marks = self.sight.marks.behind(self.sight.run);
        let marks = marks.filter(|mark| is_one || mark.is_baseline);
        let curve = |mark: &'a Mark, at: usize, name: &str| {
            let (training, run) = (self.sight.training, self.sight.run);
            let (first, end) = training.view.window(run.extent());
            let curves = mark.overlay.as_ref()?.drawn(end - first);
            let average = curves.average(name, training.smoothing);
            let along = match training.view.x.metric() {
                Some(axis) if self.along.is_some() => Some(curves.get(axis)?),
                _ => None,
            };
            Some(Behind {
                letter: mark.letter(),
                slot: mark.slot,
                series: Self::drawn(average.or_else(|| curves.get(name))?, along, is_log),
                token: if is_one {
                    token_of(mark)
                } else {
                    Token::series(at)
                },
            })
        };
        let curves = marks.flat_map(|mark| {
            let metrics = wanted.metrics.iter().enumerate();
            metrics.filter_map(move |(at, (name, _))| curve(mark, at, name))
        });
        curves.collect()
    }

    /// The baseline's values of a metric.
    fn against(&self, name: &str) -> Option<Against<'a>> {
        let mut marks = self.sight.marks.behind(self.sight.run);
        let mark = marks.find(|mark| mark.is_baseline)?;
        Some(Against {
            letter: mark.letter(),
            told: mark.overlay.as_ref()?.told().get(name)?,
        })
    }

    /// Where the axis begins: where all metrics of `charts` begin late with the first of them, unless something else is wanted.
    fn begin(&self, charts: &[Wanted<'a>]) -> u64 {
        let view = &self.sight.training.view;
        if view.is_zoomed() || view.is_held() {
            return self.x.0;
        }
        let marks = self.sight.marks.behind(self.sight.run);
        let others = marks.filter_map(|mark| Some(mark.overlay.as_ref()?.told()));
        let firsts = [&self.sight.run.curves].into_iter().chain(others);
        let firsts = firsts.flat_map(|curves| {
            let metrics = charts.iter().flat_map(|chart| &chart.metrics);
            metrics.filter_map(|(name, _)| curves.get(name)?.points().first())
        });
        let first = firsts.map(|point| point.step).min().unwrap_or(0);
        let begin = self.at(first.saturating_sub(1)).max(self.x.0);
        let is_late = (begin - self.x.0).saturating_mul(LATE) > self.x.1.saturating_sub(self.x.0);
        if is_late && begin < self.x.1 {
            begin
        } else {
            self.x.0
        }
    }

    /// One chart; `is_first` in its column.
    fn draw(
        &self,
        wanted: &Wanted<'a>,
        is_first: bool,
        theme: &Theme,
        area: Rect,
        buf: &mut Buffer,
    ) {
        let (training, run) = (self.sight.training, self.sight.run);
        let is_log = training.view.is_log && wanted.can_log;
        let chart = Chart {
            title: wanted.title,
            unit: wanted.unit,
            series: self.series(wanted, is_log),
            behind: self.behind(wanted, is_log),
            x: self.x,
            x_axis: training.view.x,
            y_fixed: match wanted.range {
                Range::Fixed(low, high) if !is_log && !training.view.is_fitted => Some((low, high)),
                _ => None,
            },
            y_from_zero: wanted.range == Range::FromZero && !training.view.is_fitted,
            is_log,
            bands: &self.bands,
            cursor: training.view.cursor.map(|step| (self.at(step), step)),
            best: run.best_step().map(|step| self.at(step)),
            note: wanted.note,
        };
        match is_first {
            true => chart.draw_first(theme, area, buf),
            false => chart.draw(theme, area, buf),
        }
    }

    /// The present run's curves.
    fn series(&self, wanted: &Wanted<'a>, is_log: bool) -> Vec<ChartSeries<'a>> {
        let (training, run) = (self.sight.training, self.sight.run);
        let is_one = wanted.metrics.len() == 1;
        let known = wanted.metrics.iter().enumerate();
        let series = known.filter_map(|(at, (name, shown))| {
            let told = run.curves.get(name)?;
            let average = run.curves.average(name, training.smoothing);
            // Raw curves under several averages would hide them; evaluations have no average.
            let raw = (is_one || average.is_none()).then_some(told);
            let drawn = |series| Self::drawn(series, self.along, is_log);
            Some(ChartSeries {
                name: shown,
                metric: name,
                raw: raw.map(drawn),
                smooth: average.map(drawn),
                told,
                against: self.against(name),
                token: Token::series(at),
            })
        });
        series.collect()
    }
}
