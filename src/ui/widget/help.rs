//! The help layer: every key by where it works, the words on the screens, and notes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::keys::Place;
use crate::ui::scroll::Scroll;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::dialog::open;
use crate::ui::widget::text::{column, lines, more, span, wrap};

/// Cells for keys, or for the word explained.
const KEYS_WIDTH: usize = 24;

/// In the order they are read.
const PLACES: [Place; 10] = [
    Place::Episodes,
    Place::Training,
    Place::Everywhere,
    Place::Always,
    Place::Detail,
    Place::Copying,
    Place::StartDialog,
    Place::QuitDialog,
    Place::Help,
    Place::Entry,
];

const NOTES: [&str; 2] = [
    "In tmux set escape-time low, or Esc feels late.",
    "Log text is shown through a gate: <U+001B> stands for a character that could steer or hide text.",
];

/// Draws the layer.
pub fn draw(app: &App, scroll: &Scroll, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (92.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let rows = rows(app, theme, width);
    let height = usize::from(size.1.saturating_sub(2));
    let first = scroll.page(rows.len(), height);
    let title = format!("Keys{}", more(first, rows.len(), height, theme));
    let room = open(&title, size, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
}

fn rows(app: &App, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let title = |text: &str| Line::from(span(text, theme.style(Token::Title)));
    for place in PLACES {
        rows.push(title(place.title()));
        let bindings = app.keymap.bindings().iter();
        for binding in bindings.filter(|b| b.place == place) {
            let keys = binding.shown.join(", ");
            explain(&keys, &binding.help, theme, width, &mut rows);
        }
        rows.push(Line::default());
    }
    rows.push(title("Words in the queue of alerts"));
    for (word, meaning) in words(theme) {
        explain(&word, meaning, theme, width, &mut rows);
    }
    rows.push(Line::default());
    for note in NOTES {
        let wrapped = wrap(note, width).into_iter();
        rows.extend(wrapped.map(|l| Line::from(span(l, theme.style(Token::Faint)))));
    }
    rows
}

/// A key or word, and what it does or means, wrapped.
fn explain(what: &str, text: &str, theme: &Theme, width: usize, rows: &mut Vec<Line<'static>>) {
    let wrapped = wrap(text, width.saturating_sub(KEYS_WIDTH));
    for (row, text) in wrapped.iter().enumerate() {
        let what = if row == 0 { what } else { "" };
        let what = column(what, KEYS_WIDTH, theme.glyphs.cut);
        rows.push(Line::from(vec![
            span(what, theme.style(Token::Key)),
            span(text, theme.style(Token::Text)),
        ]));
    }
}

fn words(theme: &Theme) -> Vec<(String, &'static str)> {
    let (right, wrong) = (theme.glyphs.right, theme.glyphs.wrong);
    vec![
        (
            "0a 1b".to_owned(),
            "the alert's number, and whether it is the first or the second twin. Alerts come as twins, 0 and 1, 2 and 3: \
             the same alert, but one value in the log differs, and with it the right action",
        ),
        ("-".to_owned(), "the model has not been asked"),
        (
            "asked".to_owned(),
            "the model is thinking, or it is about to",
        ),
        (
            "ready".to_owned(),
            "the model has answered; whether rightly, the reveal shows",
        ),
        (
            format!("{right} right, {wrong} wrong"),
            "the model's action, once the truth is revealed",
        ),
        (
            "failed".to_owned(),
            "the model gave no answer; the pane below says why",
        ),
        (
            "you5".to_owned(),
            "you chose action 5 and have not submitted it",
        ),
        (
            format!("you{right} you{wrong}"),
            "your action was right or wrong",
        ),
        ("seen".to_owned(), "revealed without a decision of yours"),
    ]
}
