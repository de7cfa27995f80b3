//! The line over a chart: its title, and of each curve number, name and value as far as there is room.

use ratatui::text::{Line, Span};

use super::Chart;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut, span};

/// What stands beside a chart's title.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Legend {
    /// Names and values, and how far they are from the baseline's.
    Values,
    /// Without the latter.
    ShortValues,
    BareValues,
    Names,
    ShortNames,
}

impl Chart<'_> {
    /// Title, then each curve's number and name, and its value where that stands for all: one curve, or the value cursor. As
    /// much of it as fits; values that do not fit beside the names stand in a line of their own.
    pub(super) fn legend(&self, theme: &Theme, width: u16) -> Vec<Line<'static>> {
        let fits = |spans: &Vec<Span<'static>>| {
            spans.iter().map(Span::width).sum::<usize>() <= usize::from(width)
        };
        let is_one = self.series.len() == 1;
        let has_values = is_one || self.cursor.is_some();
        let whole = [Legend::Values, Legend::ShortValues];
        let whole = whole.into_iter().filter(|_| has_values);
        let whole = whole.map(|legend| self.title_and(legend, theme)).find(fits);
        if let Some(whole) = whole {
            return vec![Line::from(whole)];
        }
        let names = [Legend::Names, Legend::ShortNames].map(|l| self.title_and(l, theme));
        let names = names.into_iter().find(fits);
        let names = names.unwrap_or_else(|| vec![span(self.title, theme.style(Token::Title))]);
        let values = match has_values && !is_one {
            true => Some(self.curves_and(Legend::BareValues, theme)).filter(fits),
            false => None,
        };
        [Some(names), values]
            .into_iter()
            .flatten()
            .map(Line::from)
            .collect()
    }

    fn title_and(&self, legend: Legend, theme: &Theme) -> Vec<Span<'static>> {
        let mut spans = vec![span(self.title, theme.style(Token::Title))];
        if let Some((_, step)) = self.cursor {
            spans.push(span(format!(" @{step}"), theme.style(Token::Mark)));
        }
        spans.extend(self.curves_and(legend, theme));
        spans
    }

    fn curves_and(&self, legend: Legend, theme: &Theme) -> Vec<Span<'static>> {
        let step = self.cursor.map(|(_, step)| step);
        let is_one = self.series.len() == 1;
        let mut spans = Vec::new();
        for (at, series) in self.series.iter().enumerate() {
            let (number, name) = (at + 1, series.name);
            let text = match legend {
                _ if is_one => format!("  {} {}", series.says(step), self.unit),
                Legend::Values | Legend::ShortValues => {
                    format!("  {number}:{name} {}", series.value(step))
                }
                Legend::BareValues => format!(" {number}:{}", series.value(step)),
                // Many values change at every step, each in its own colour: they cost a third of a frame, and the metrics list has them.
                Legend::ShortNames => format!(" {number}:{}", cut(name, 3, "")),
                Legend::Names => format!("  {number}:{name}"),
            };
            spans.push(span(text.trim_end(), theme.style(series.token)));
            let wants_difference = matches!(legend, Legend::Values | Legend::BareValues);
            let difference = series.difference(step).filter(|_| wants_difference);
            if let Some((letter, by)) = difference {
                let unlike = match is_one {
                    true => format!("  {by} to {letter}"),
                    false => format!("({by})"),
                };
                spans.push(span(unlike, theme.style(Token::Mark)));
            }
        }
        spans
    }
}
