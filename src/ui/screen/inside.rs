//! What stands behind the model's answer: how likely each action was to be said, and the response as it came.

use ratatui::text::Line;

use crate::env::schema::{Action, Verdict};
use crate::ui::queue::{Answer, Entry};
use crate::ui::screen::answer::label;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, span, wrap};

/// Cells of a row before the bar: label and action.
const BEFORE: usize = 7 + 16;

/// Cells of a row after the bar: share, and whose action it is.
const AFTER: usize = 7 + 12;

/// Rows of the response that are shown.
const RAW_ROWS: usize = 6;

/// Bars of the five actions, then the raw response; nothing before there is an answer.
pub fn rows(answer: &Answer, entry: &Entry, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let Answer::Given {
        response,
        verdict,
        probabilities,
        ..
    } = answer
    else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    if let Some(shares) = probabilities {
        rows.extend(bars(shares, verdict, entry, theme, width));
    }
    let faint = theme.style(Token::Faint);
    let raw = wrap(response.trim_end(), width.saturating_sub(7));
    rows.extend(
        raw.into_iter()
            .take(RAW_ROWS)
            .enumerate()
            .map(|(at, text)| {
                let name = if at == 0 { "Raw" } else { "" };
                Line::from(vec![label(name, theme), span(text, faint)])
            }),
    );
    rows
}

fn bars(
    shares: &[f64; 5],
    verdict: &Verdict,
    entry: &Entry,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let room = width.saturating_sub(BEFORE + AFTER).clamp(4, 30);
    let row = |(action, share): (Action, &f64)| {
        let name = if action == Action::Dismiss {
            "Prob."
        } else {
            ""
        };
        let is_said = verdict.action == Some(action);
        let is_true = entry.desk.is_revealed && entry.episode.truth.action == action;
        let whose = match (is_said, is_true) {
            (true, true) => "said, true",
            (true, false) => "said",
            (false, true) => "true",
            (false, false) => "",
        };
        let token = match (is_said, is_true) {
            (_, true) => Token::Good,
            (true, false) => Token::Accent,
            _ => Token::Text,
        };
        let style = theme.style(token);
        Line::from(vec![
            label(name, theme),
            span(column(action.as_str(), BEFORE - 7, ""), style),
            span(bar(*share, room, theme), style),
            span(
                format!("{:>6.1}% ", share * 100.0),
                theme.style(Token::Text),
            ),
            span(whose, style),
        ])
    };
    Action::ALL.into_iter().zip(shares).map(row).collect()
}

/// A share as filled cells of `room`: something above nothing shows at least one.
pub fn bar(share: f64, room: usize, theme: &Theme) -> String {
    let filled = (share.clamp(0.0, 1.0) * room as f64).round() as usize;
    let filled = filled.max(usize::from(share >= 0.01)).min(room);
    theme.glyphs.bar.repeat(filled) + &theme.glyphs.empty_bar.repeat(room - filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::theme::{Depth, Symbols};

    #[test]
    fn bars_fill_their_room_and_never_more() {
        let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
        for (share, wanted) in [
            (0.0, "........"),
            (0.001, "........"),
            (0.02, "#......."),
            (0.5, "####...."),
            (1.0, "########"),
            (f64::NAN, "........"),
            (7.0, "########"),
        ] {
            assert_eq!(bar(share, 8, &theme), wanted, "{share}");
        }
    }
}
