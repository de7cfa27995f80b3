//! A matrix of actions: who says what, in rows, against what is said to the same alerts, in columns.

use ratatui::text::Line;

use crate::env::schema::Action;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, span};

/// Cells of the names of rows, and of a count.
const NAME: usize = 16;
const COUNT: usize = 5;

/// Cells of a matrix of the five actions, and its lines with the heading.
pub const SIZE: (u16, u16) = ((NAME + 5 * COUNT) as u16, 6);

/// `corner` over the names of rows, then a row for each action. `count` tells how often the answer of a column meets the action
/// of a row; no action is a malformed answer. What is the same on both sides has a `=`.
pub fn of_actions(
    corner: &str,
    columns: &[Option<Action>],
    count: impl Fn(Action, Option<Action>) -> u64,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let names = columns.iter().copied().map(short);
    let names: String = names.map(|name| format!("{name:>COUNT$}")).collect();
    let head = column(corner, NAME, theme.glyphs.cut) + &names;
    let mut rows = vec![Line::from(span(head, theme.style(Token::Faint)))];
    rows.extend(Action::ALL.into_iter().map(|action| {
        let name = format!("{:<NAME$}", action.as_str());
        let mut spans = vec![span(name, theme.style(Token::Text))];
        spans.extend(columns.iter().map(|&answer| {
            let (count, is_same) = (count(action, answer), answer == Some(action));
            let token = match count {
                0 => Token::Faint,
                _ if is_same => Token::Good,
                _ => Token::Bad,
            };
            let mark = if is_same { "=" } else { "" };
            let cell = format!("{:>COUNT$}", format!("{mark}{count}"));
            span(cell, theme.style(token))
        }));
        Line::from(spans)
    }));
    rows
}

/// An answer as it is called over its column.
const fn short(answer: Option<Action>) -> &'static str {
    match answer {
        Some(Action::Dismiss) => "dism",
        Some(Action::Monitor) => "moni",
        Some(Action::QuarantineHost) => "quar",
        Some(Action::BlockIp) => "bloc",
        Some(Action::Escalate) => "esca",
        None => "malf",
    }
}
