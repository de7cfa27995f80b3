//! What an edited copy is to its alert: what was changed, and the truth and the model's answer before and after.

use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::queue::what_if::WhatIf;
use crate::ui::screen::answer::{Rows, label, say_truth, verdict_row};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut, span, wrap};

/// Changes named; of more the number is said.
const NAMED: usize = 3;

/// The changes, what was true and answered, and what is true now. What is answered now is drawn below.
pub fn rows(app: &App, what_if: &WhatIf, theme: &Theme, width: usize) -> Rows {
    let mut rows = changes(what_if, theme, width);
    let Some(original) = app.queue.current() else {
        return rows;
    };
    say_truth("Was", &original.episode.truth, theme, width, &mut rows);
    if let Some(verdict) = app.queue.model_verdict(app.queue.selected()) {
        rows.push(verdict_row("M. was", verdict, true, "", theme));
    }
    let Some(copy) = what_if.now() else {
        return rows;
    };
    match &copy.implausible {
        None => say_truth("Now", &copy.entry.episode.truth, theme, width, &mut rows),
        Some(why) => {
            let text = format!("implausible: {why}; so there is no truth");
            let wrapped = wrap(&text, width.saturating_sub(7)).into_iter();
            rows.extend(wrapped.enumerate().map(|(at, text)| {
                let name = if at == 0 { "Now" } else { "" };
                Line::from(vec![
                    label(name, theme),
                    span(text, theme.style(Token::Warn)),
                ])
            }));
        }
    }
    rows
}

/// One row a change, the newest last.
fn changes(what_if: &WhatIf, theme: &Theme, width: usize) -> Rows {
    let found = what_if.changes();
    let mut texts: Vec<String> = match found.len() {
        0 => vec!["as the alert itself again (x drops it)".to_owned()],
        _ => found
            .iter()
            .rev()
            .take(NAMED)
            .map(ToString::to_string)
            .collect(),
    };
    texts.reverse();
    if found.len() > NAMED {
        texts.insert(0, format!("{} earlier changes, and", found.len() - NAMED));
    }
    let room = width.saturating_sub(7 + 9);
    let row = |(at, text): (usize, String)| {
        let (name, word) = if at == 0 {
            ("Edit", "what-if: ")
        } else {
            ("", "         ")
        };
        let text = format!("{word}{}", cut(&text, room, theme.glyphs.cut));
        Line::from(vec![
            label(name, theme),
            span(text, theme.style(Token::Mark)),
        ])
    };
    texts.into_iter().enumerate().map(row).collect()
}
