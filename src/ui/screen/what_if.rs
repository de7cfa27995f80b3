//! What an edited copy is to its alert: what was changed, and the truth and the model's answer before and after.

use crate::ui::app::App;
use crate::ui::queue::what_if::WhatIf;
use crate::ui::screen::answer::{Rows, labelled, say_truth, verdict_rows};
use crate::ui::theme::{Theme, Token};

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
        rows.extend(verdict_rows("M. was", verdict, true, "", theme, width));
    }
    let Some(copy) = what_if.now() else {
        return rows;
    };
    match &copy.implausible {
        None => say_truth("Now", &copy.entry.episode.truth, theme, width, &mut rows),
        Some(why) => {
            let text = format!("implausible: {why}; so there is no truth");
            let style = theme.style(Token::Warn);
            rows.extend(labelled("Now", &[(&text, style)], theme, width));
        }
    }
    rows
}

/// The changes, the newest last.
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
    let style = theme.style(Token::Mark);
    let row = |(at, text): (usize, String)| {
        let (name, word) = if at == 0 {
            ("Edit", "what-if: ")
        } else {
            ("", "")
        };
        labelled(name, &[(&format!("{word}{text}"), style)], theme, width)
    };
    texts.into_iter().enumerate().flat_map(row).collect()
}
