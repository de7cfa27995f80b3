//! The rows over a chart: its title, and of each curve number, name and value as far as there is room.

use ratatui::text::{Line, Span};

use super::{Chart, ChartSeries};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut, span, tail};

/// What stands beside a chart's title.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Legend {
    /// Names and values, and how far they are from the baseline's.
    Values,
    /// Without the latter.
    ShortValues,
    BareValues,
    Names,
    /// At most so many cells of each name.
    ShortNames(usize),
}

/// The fewest cells of a name that still say something.
const FEWEST: usize = 3;

/// Names in at most `room` cells each, those that are cut with `mark`; where what is left is the same, with their last letters.
fn shortened(names: &[&str], room: usize, mark: &str) -> Vec<String> {
    let short: Vec<String> = names.iter().map(|name| cut(name, room, mark)).collect();
    let is_told_apart = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
    let pairs = names.iter().zip(&short);
    let told = pairs.map(|(name, short)| match is_told_apart(short) {
        true => short.clone(),
        false => cut(name, room.saturating_sub(1), mark) + &tail(name, 1),
    });
    told.collect()
}

/// Cells of spans side by side.
fn width_of(spans: &[Span<'_>]) -> usize {
    spans.iter().map(Span::width).sum()
}

impl Chart<'_> {
    /// Title, then each curve's number and name, and its value where that stands for all: one curve, or the value cursor. In
    /// one row where that holds them, with values alone in a row below; else wrapped, in at most `most` rows; names are cut only
    /// where that is not enough.
    pub(super) fn legend(&self, theme: &Theme, width: u16, most: usize) -> Vec<Line<'static>> {
        let width = usize::from(width);
        let values: &[Legend] = match self.has_values() {
            true => &[Legend::Values, Legend::ShortValues],
            false => &[],
        };
        let of = |legend, is_named| self.rows(legend, is_named, theme, width);
        let whole = values
            .iter()
            .flat_map(|legend| [(*legend, true), (*legend, false)]);
        let mut whole = whole.filter_map(|(legend, is_named)| of(legend, is_named));
        if let Some(row) = whole.find(|rows| rows.len() == 1) {
            return row;
        }
        if let Some(rows) = self.names_over_values(theme, width, most) {
            return rows;
        }
        let wrapped = values.iter().copied().chain([Legend::Names]);
        let mut wrapped = wrapped.filter_map(|legend| of(legend, false));
        if let Some(rows) = wrapped.find(|rows| rows.len() <= most) {
            return rows;
        }
        let short = (FEWEST..self.longest_name()).rev().map(Legend::ShortNames);
        let mut short = short.filter_map(|legend| of(legend, false));
        let title = || vec![Line::from(span(self.headed(), theme.style(Token::Title)))];
        short.find(|rows| rows.len() == 1).unwrap_or_else(title)
    }

    /// Whether there are values in the legend.
    fn has_values(&self) -> bool {
        self.series.len() == 1 || self.cursor.is_some()
    }

    /// All names whole, in one row or wrapped; the values of several curves in a row below them.
    fn names_over_values(
        &self,
        theme: &Theme,
        width: usize,
        most: usize,
    ) -> Option<Vec<Line<'static>>> {
        let of = |legend| self.rows(legend, false, theme, width);
        let in_one = [Legend::Names, Legend::ShortNames(self.longest_name())].map(of);
        let mut in_one = in_one.into_iter().flatten();
        let in_one = in_one.find(|rows| rows.len() == 1);
        let mut rows = in_one.or_else(|| of(Legend::Names))?;
        if self.has_values() && self.series.len() > 1 {
            let values = self.curves(Legend::BareValues, theme).concat();
            if width_of(&values) > width {
                return None;
            }
            rows.push(Line::from(values));
        }
        (rows.len() <= most).then_some(rows)
    }

    fn longest_name(&self) -> usize {
        let names = self.series.iter();
        let longest = names.map(|series| series.name.chars().count()).max();
        longest.unwrap_or(FEWEST)
    }

    /// Title and curves, none of these broken, in as many rows as they need; nothing where one of them is wider than a row.
    fn rows(
        &self,
        legend: Legend,
        is_named: bool,
        theme: &Theme,
        width: usize,
    ) -> Option<Vec<Line<'static>>> {
        let mut rows = vec![self.title(is_named, theme)];
        for curve in self.curves(legend, theme) {
            let fits = |row: &Vec<Span<'static>>| width_of(row) + width_of(&curve) <= width;
            let has_room = rows.last().is_some_and(fits);
            match rows.last_mut().filter(|_| has_room) {
                Some(row) => row.extend(curve),
                None => rows.push(curve),
            }
        }
        let fits = rows.iter().all(|row| width_of(row) <= width);
        fits.then(|| rows.into_iter().map(Line::from).collect())
    }

    /// The title; of several curves their unit too, which a lone one has behind its value.
    fn headed(&self) -> String {
        match (self.unit, self.series.len()) {
            ("", _) | (_, 1) => self.title.to_owned(),
            (unit, _) => format!("{}, {unit}", self.title),
        }
    }

    /// The title, what lists and files call its metric, and the step under the value cursor.
    fn title(&self, is_named: bool, theme: &Theme) -> Vec<Span<'static>> {
        let mut spans = vec![span(self.headed(), theme.style(Token::Title))];
        let only = self
            .series
            .first()
            .filter(|_| is_named && self.series.len() == 1);
        if let Some(metric) = only
            .map(|series| series.metric)
            .filter(|m| *m != self.title)
        {
            spans.push(span(format!(" {metric}"), theme.style(Token::Faint)));
        }
        if let Some((_, step)) = self.cursor {
            spans.push(span(format!(" @{step}"), theme.style(Token::Mark)));
        }
        spans
    }

    /// Each curve, as `legend` tells it.
    fn curves(&self, legend: Legend, theme: &Theme) -> Vec<Vec<Span<'static>>> {
        let step = self.cursor.map(|(_, step)| step);
        let is_one = self.series.len() == 1;
        let names: Vec<&str> = self.series.iter().map(|series| series.name).collect();
        let names = match legend {
            Legend::ShortNames(room) => shortened(&names, room, theme.glyphs.cut),
            _ => names.into_iter().map(str::to_owned).collect(),
        };
        let curve = |((at, series), name): ((usize, &ChartSeries<'_>), &String)| {
            let number = at + 1;
            let text = match legend {
                _ if is_one => format!("  {} {}", series.says(step), self.unit),
                Legend::Values | Legend::ShortValues => {
                    format!("  {number}:{name} {}", series.value(step))
                }
                Legend::BareValues => format!(" {number}:{}", series.value(step)),
                // Many values change at every step, each in its own colour: they cost a third of a frame, and the metrics list has them.
                Legend::ShortNames(_) => format!(" {number}:{name}"),
                Legend::Names => format!("  {number}:{name}"),
            };
            let mut spans = vec![span(text.trim_end(), theme.style(series.token))];
            let wants_difference = matches!(legend, Legend::Values | Legend::BareValues);
            let difference = series.difference(step).filter(|_| wants_difference);
            if let Some((letter, by)) = difference {
                let unlike = match is_one {
                    true => format!("  {by} to {letter}"),
                    false => format!("({by})"),
                };
                spans.push(span(unlike, theme.style(Token::Mark)));
            }
            spans
        };
        let series = self.series.iter().enumerate();
        series.zip(&names).map(curve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::series::Series;
    use crate::ui::catalogue::CHARTS;
    use crate::ui::theme::{Depth, Symbols};
    use crate::ui::view::XAxis;

    #[test]
    fn short_names_tell_curves_apart_and_say_that_they_are_cut() {
        let stages = ["stage1", "stage2", "stage3", "stage4", "all"];
        assert_eq!(shortened(&stages, 6, "…"), stages);
        let short = ["s…1", "s…2", "s…3", "s…4", "all"];
        assert_eq!(shortened(&stages, 3, "…"), short);
        let actions = ["dismiss", "monitor"];
        assert_eq!(shortened(&actions, 4, "…"), ["dis…", "mon…"]);
    }

    /// The legend of a chart of the catalogue, in so many cells and rows at most.
    fn legend(title: &str, cursor: Option<u64>, width: u16, most: usize) -> Vec<String> {
        let mut charts = CHARTS.into_iter();
        let charted = charts.find(|charted| charted.title == title);
        let charted = charted.expect("a chart");
        let mut told = Series::new();
        told.push(2_000, -0.438);
        let series = charted.metrics.iter().map(|(metric, name)| ChartSeries {
            name,
            metric,
            raw: None,
            smooth: None,
            told: &told,
            against: None,
            token: Token::Series1,
        });
        let chart = Chart {
            title: charted.title,
            unit: charted.unit,
            series: series.collect(),
            behind: Vec::new(),
            x: (0, 2_800),
            x_axis: XAxis::Step,
            y_fixed: None,
            y_from_zero: false,
            is_log: false,
            bands: &[],
            cursor: cursor.map(|step| (step, step)),
            best: None,
            note: "",
        };
        let theme = Theme::load(None, Depth::None, Symbols::Braille).expect("theme");
        let rows = chart.legend(&theme, width, most);
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn no_name_of_the_catalogue_is_cut_in_a_column_of_any_grid() {
        // The narrowest of several columns, that of 200x60, of 120x35 and of 80x24.
        for width in [46, 59, 72, 80] {
            for charted in CHARTS {
                for cursor in [None, Some(2_000)] {
                    let rows = legend(charted.title, cursor, width, 3);
                    let said = rows.join("\n");
                    assert!(said.starts_with(charted.title), "{width}: {said}");
                    let is_within = |row: &String| row.chars().count() <= usize::from(width);
                    assert!(rows.iter().all(is_within), "{width}: {said}");
                    let many = charted.metrics.iter().filter(|_| charted.metrics.len() > 1);
                    for (at, (_, name)) in many.enumerate() {
                        let name = format!(" {}:{name}", at + 1);
                        assert!(said.contains(&name), "{width} {name}: {said}");
                    }
                    let has_value = cursor.is_none() || said.contains("-0.438");
                    assert!(has_value, "{width}: {said}");
                }
            }
        }
    }

    #[test]
    fn names_wrap_where_there_is_a_row_and_are_cut_with_a_sign_where_there_is_none() {
        let title = "reward of a constant answer";
        let wanted = [
            "reward of a constant answer  1:dismiss  2:monitor  3:quar.",
            "  4:block  5:escalate",
        ];
        assert_eq!(legend(title, None, 59, 2), wanted);
        let one = legend(title, None, 59, 1);
        assert_eq!(one.len(), 1);
        assert!(
            one[0].ends_with(" 1:di… 2:mo… 3:qu… 4:bl… 5:es…"),
            "{one:?}"
        );
        assert_eq!(legend(title, None, 46, 1), [title], "no room for a name");
        let under_cursor = legend(title, Some(2_000), 59, 3);
        let wanted = [
            "reward of a constant answer @2000  1:dismiss  2:monitor",
            "  3:quar.  4:block  5:escalate",
            " 1:-0.438 2:-0.438 3:-0.438 4:-0.438 5:-0.438",
        ];
        assert_eq!(under_cursor, wanted);
    }
}
