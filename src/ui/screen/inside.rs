//! What stands behind the model's answer: how likely each action was to be said, and the response as it came.

use ratatui::text::Line;

use crate::env::schema::{Action, Verdict};
use crate::ui::queue::{Answer, Entry};
use crate::ui::screen::answer::{LABEL, label};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, span, wrap_most};

/// Cells of a row before the bar: label and action.
const BEFORE: usize = LABEL + 16;

/// Cells of a row after the bar: share, and whose action it is.
const AFTER: usize = 7 + 12;

/// Rows of the response that are shown.
const RAW_ROWS: usize = 6;

/// Actions in the order of their bars: what is said and what is known to be true first, because short panes cut off what
/// comes last.
pub fn order(said: &[Option<Action>], entry: &Entry) -> Vec<Action> {
    let truth = Some(entry.episode.truth.action).filter(|_| entry.desk.is_revealed);
    let mut order: Vec<Action> = Vec::new();
    let first = said.iter().copied().chain([truth]).flatten();
    for action in first.chain(Action::ALL) {
        if !order.contains(&action) {
            order.push(action);
        }
    }
    order
}

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
    let raw = response.trim_end();
    let raw = wrap_most(raw, width.saturating_sub(LABEL), RAW_ROWS, theme.glyphs.cut);
    let row = |(at, text): (usize, String)| {
        let name = if at == 0 { "Raw" } else { "" };
        Line::from(vec![label(name, theme), span(text, faint)])
    };
    rows.extend(raw.into_iter().enumerate().map(row));
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
    let row = |(at, action): (usize, Action)| {
        let name = if at == 0 { "Prob." } else { "" };
        let share = shares.get(action.index()).unwrap_or(&0.0);
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
            span(column(action.as_str(), BEFORE - LABEL, ""), style),
            span(bar(*share, room, theme), style),
            span(
                format!("{:>6.1}% ", share * 100.0),
                theme.style(Token::Text),
            ),
            span(whose, style),
        ])
    };
    let order = order(&[verdict.action], entry).into_iter();
    order.enumerate().map(row).collect()
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
