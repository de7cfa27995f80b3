//! The line over a chart: its title, and of each curve number, name and value as far as there is room.

use ratatui::text::{Line, Span};

use super::Chart;
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

/// Names in at most `room` cells each; where their beginnings are the same, with their last letters.
fn shortened(names: &[&str], room: usize) -> Vec<String> {
    let short: Vec<String> = names.iter().map(|name| cut(name, room, "")).collect();
    let is_told_apart = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
    let pairs = names.iter().zip(&short);
    let told = pairs.map(|(name, short)| match is_told_apart(short) {
        true => short.clone(),
        false => cut(name, room.saturating_sub(1), "") + &tail(name, 1),
    });
    told.collect()
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
        let whole = whole.flat_map(|legend| {
            [true, false].map(|is_named| self.title_and(legend, is_named, theme))
        });
        let whole = whole.into_iter().find(fits);
        if let Some(whole) = whole {
            return vec![Line::from(whole)];
        }
        let longest = self.series.iter().map(|series| series.name.chars().count());
        let longest = longest.max().unwrap_or(FEWEST);
        let short = (FEWEST..=longest).rev().map(Legend::ShortNames);
        let names = [Legend::Names].into_iter().chain(short);
        let mut names = names.map(|legend| self.title_and(legend, false, theme));
        let names = names.find(fits);
        let names = names.unwrap_or_else(|| vec![span(self.headed(), theme.style(Token::Title))]);
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

    /// The title; of several curves their unit too, which a lone one has behind its value.
    fn headed(&self) -> String {
        match (self.unit, self.series.len()) {
            ("", _) | (_, 1) => self.title.to_owned(),
            (unit, _) => format!("{}, {unit}", self.title),
        }
    }

    fn title_and(&self, legend: Legend, is_named: bool, theme: &Theme) -> Vec<Span<'static>> {
        let mut spans = vec![span(self.headed(), theme.style(Token::Title))];
        // Lists and files call it by its metric.
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
        spans.extend(self.curves_and(legend, theme));
        spans
    }

    fn curves_and(&self, legend: Legend, theme: &Theme) -> Vec<Span<'static>> {
        let step = self.cursor.map(|(_, step)| step);
        let is_one = self.series.len() == 1;
        let names: Vec<&str> = self.series.iter().map(|series| series.name).collect();
        let names = match legend {
            Legend::ShortNames(room) => shortened(&names, room),
            _ => names.into_iter().map(str::to_owned).collect(),
        };
        let mut spans = Vec::new();
        for ((at, series), name) in self.series.iter().enumerate().zip(&names) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_tell_curves_apart() {
        let stages = ["stage1", "stage2", "stage3", "stage4", "all"];
        assert_eq!(shortened(&stages, 6), stages);
        let short = ["st1", "st2", "st3", "st4", "all"];
        assert_eq!(shortened(&stages, 3), short);
        assert_eq!(shortened(&["dismiss", "monitor"], 4), ["dism", "moni"]);
    }
}
