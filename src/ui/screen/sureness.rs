//! How sure an evaluation's answers were against how often right: the error, what could be closed unseen, a reliability
//! diagram.

use ratatui::text::Line;

use crate::eval::calibration::{AutoClose, Bin, Calibration, edges};
use crate::link::EvalRow;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::span;

/// Cells of the diagram's bars, which stand for 0 to 1; a line fits beside the answers on a narrow screen.
const BAR: usize = 12;

/// Distance between sure and right from which a bin is called out.
const FAR: f64 = 0.1;

/// An empty line, then the error and what could be closed.
pub fn summary(row: &EvalRow, theme: &Theme) -> Vec<Line<'static>> {
    let Some(calibration) = &row.calibration else {
        let why = "this run's files hold no probabilities";
        let why = span(why, theme.style(Token::Faint));
        return vec![Line::default(), Line::from(why)];
    };
    let mut rows = vec![Line::default(), error(calibration, theme)];
    let closing = calibration.auto_close.iter();
    rows.extend(closing.flat_map(|close| closes(close, theme)));
    rows.extend(share_of_what(&calibration.auto_close, theme));
    rows
}

/// What the per cent missed are of, where anything can be closed.
fn share_of_what(closing: &[AutoClose], theme: &Theme) -> Option<Line<'static>> {
    if !closing.iter().any(|close| close.threshold.is_some()) {
        return None;
    }
    let (text, token) = match closing.iter().any(AutoClose::closes_other_answers) {
        true => ("an older version: closed other answers too", Token::Warn),
        false => (
            "missed: of those closed, all answered dismiss",
            Token::Faint,
        ),
    };
    Some(Line::from(span(text, theme.style(token))))
}

/// The reliability diagram: a line for each bin with answers.
pub fn diagram(row: &EvalRow, theme: &Theme) -> Vec<Line<'static>> {
    let Some(calibration) = row.calibration.as_ref().filter(|c| c.answers() > 0) else {
        return Vec::new();
    };
    let head = format!("{:<22} right  sure     n", "bar: right, |: sure");
    let mut rows = vec![Line::from(span(head, theme.style(Token::Faint)))];
    let bins = calibration.bins.iter().enumerate();
    rows.extend(bins.filter_map(|(at, bin)| reliability(at, bin, theme)));
    rows
}

fn error(calibration: &Calibration, theme: &Theme) -> Line<'static> {
    let error = match calibration.ece {
        Some(ece) => format!("{ece:.3} of {} answers", calibration.answers()),
        None => "no well-formed answer".to_owned(),
    };
    let text = format!("{:<21} {error}", "calibration error");
    Line::from(span(text, theme.style(Token::Text)))
}

/// A bound and what it allows, in a line or two.
fn closes(close: &AutoClose, theme: &Theme) -> Vec<Line<'static>> {
    let style = theme.style(Token::Text);
    let what = format!("auto-close {} % missed", close.at_most_percent);
    let Some(threshold) = close.threshold else {
        let text = format!("{what:<21} no threshold does that");
        return vec![Line::from(span(text, theme.style(Token::Warn)))];
    };
    let share = 100.0 * close.share();
    let first = format!("{what:<21} dismiss >= {threshold:.4}: {share:.1} %");
    let second = format!(
        "{:<21} {} of {} missed, of these",
        "", close.missed, close.closed,
    );
    vec![
        Line::from(span(first, style)),
        Line::from(span(second, theme.style(Token::Faint))),
    ]
}

/// A bin with answers: its edges, a bar of the share right with a mark where the mean probability is, both in numbers.
fn reliability(at: usize, bin: &Bin, theme: &Theme) -> Option<Line<'static>> {
    let right = bin.accuracy()?;
    let (low, high) = edges(at);
    let cell = |share: f64| ((share * BAR as f64) as usize).min(BAR - 1);
    let (full, mark) = ((right * BAR as f64).round() as usize, cell(bin.confidence));
    let glyph = |at: usize| match at {
        _ if at == mark => "|",
        _ if at < full => theme.glyphs.bar,
        _ => theme.glyphs.empty_bar,
    };
    let bar: String = (0..BAR).map(glyph).collect();
    let (token, word) = match right - bin.confidence {
        _ if bin.answers < 10 => (Token::Faint, ""),
        off if off < -FAR => (Token::Warn, " too sure"),
        off if off > FAR => (Token::Accent, " unsure"),
        _ => (Token::Good, ""),
    };
    let numbers = format!(" {right:>5.2} {:>5.2} {:>5}", bin.confidence, bin.answers);
    Some(Line::from(vec![
        span(format!("{low:.2}-{high:.2} "), theme.style(Token::Faint)),
        span(bar, theme.style(token)),
        span(numbers, theme.style(Token::Text)),
        span(word, theme.style(token)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Action;
    use crate::eval::calibration::Judged;
    use crate::ui::theme::{Depth, Symbols};

    /// The lines of an evaluation whose smallest thresholds are this one, of answers of `dismiss` alone or not, as text.
    fn shown(threshold: Option<f64>, answered_only: bool) -> Vec<String> {
        let judged = Judged {
            truth: Action::Dismiss,
            answer: Some(Action::Dismiss),
            probabilities: [0.9, 0.1, 0.0, 0.0, 0.0],
        };
        let mut calibration = Calibration::of(&[judged; 10]).expect("answers");
        for close in &mut calibration.auto_close {
            close.threshold = threshold;
            close.answered_only = answered_only;
        }
        let row = EvalRow {
            calibration: Some(calibration),
            ..EvalRow::default()
        };
        let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
        let lines = summary(&row, &theme);
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_per_cent_missed_are_of_is_said_and_where_an_older_version_counted_otherwise() {
        let last = |threshold, only| shown(threshold, only).pop().unwrap_or_default();
        assert_eq!(
            last(Some(0.9), true),
            "missed: of those closed, all answered dismiss"
        );
        assert!(last(Some(0.9), false).starts_with("an older version"));
        assert!(last(None, true).ends_with("no threshold does that"));
    }
}
