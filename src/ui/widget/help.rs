//! The help layer: every key by where it works, the words on the screens, and notes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::keys::{Binding, Place};
use crate::ui::scroll::Scroll;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::dialog::open;
use crate::ui::widget::text::{column, lines, more, span, wrap};

/// Cells for keys, or for the word explained.
const KEYS_WIDTH: usize = 24;

/// In the order they are read.
const PLACES: [Place; 17] = [
    Place::Episodes,
    Place::Training,
    Place::Runs,
    Place::Labelling,
    Place::Agreement,
    Place::Everywhere,
    Place::Always,
    Place::Detail,
    Place::Copying,
    Place::Groups,
    Place::ThreeWay,
    Place::StartDialog,
    Place::DeleteDialog,
    Place::SkipDialog,
    Place::QuitDialog,
    Place::Help,
    Place::Entry,
];

const NOTES: [&str; 2] = [
    "In tmux set escape-time low, or Esc feels late.",
    "Log text is shown through a gate: <U+001B> stands for a character that could steer or hide text.",
];

/// Lines under a title: what is explained, and what it does or means.
struct Section {
    title: &'static str,
    lines: Vec<(String, String)>,
}

/// Draws the layer; `filter` is what its lines have to hold, and whether that is being typed.
pub fn draw(
    app: &App,
    scroll: &Scroll,
    filter: (&str, bool),
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let size = (92.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let rows = rows(app, filter.0, theme, width);
    let height = usize::from(size.1.saturating_sub(2));
    let first = scroll.page(rows.len(), height);
    let filter = match filter {
        (typed, true) => format!(", filter: {typed}_"),
        ("", false) => String::new(),
        (typed, false) => format!(", filter: {typed}"),
    };
    let title = format!("Keys{}{filter}", more(first, rows.len(), height, theme));
    let room = open(&title, size, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
}

fn rows(app: &App, filter: &str, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let wanted = filter.to_lowercase();
    let holds = |line: &(String, String)| {
        // Letter case of keys matters, but nobody types a filter by it.
        let text = format!("{} {}", line.0, line.1).to_lowercase();
        wanted.split_whitespace().all(|word| text.contains(word))
    };
    for section in sections(app, theme) {
        let mut found = section.lines.iter().filter(|line| holds(line)).peekable();
        if found.peek().is_none() {
            continue;
        }
        let title = section.title;
        if !title.is_empty() {
            rows.push(Line::from(span(title, theme.style(Token::Title))));
        }
        found.for_each(|(what, text)| explain(what, text, theme, width, &mut rows));
        rows.push(Line::default());
    }
    if rows.is_empty() {
        let none = "no line holds that; Esc takes the filter off";
        rows.push(Line::from(span(none, theme.style(Token::Faint))));
    }
    rows
}

/// Keys by place, then words, then notes.
fn sections(app: &App, theme: &Theme) -> Vec<Section> {
    let of_place = |place: &Place| {
        let bindings = app.keymap.bindings().iter().filter(|b| b.place == *place);
        let line = |binding: &Binding| (binding.shown.join(", "), binding.help.clone());
        Section {
            title: place.title(),
            lines: bindings.map(line).collect(),
        }
    };
    let mut sections: Vec<Section> = PLACES.iter().map(of_place).collect();
    let words = words(theme).into_iter();
    sections.push(Section {
        title: "Words in the queue of alerts",
        lines: words.map(|(word, text)| (word, text.to_owned())).collect(),
    });
    sections.push(Section {
        title: "",
        lines: NOTES.map(|note| (String::new(), note.to_owned())).into(),
    });
    sections
}

/// A key or word, and what it does or means, wrapped. A note explains no key and takes the whole width.
fn explain(what: &str, text: &str, theme: &Theme, width: usize, rows: &mut Vec<Line<'static>>) {
    if what.is_empty() {
        let wrapped = wrap(text, width).into_iter();
        rows.extend(wrapped.map(|l| Line::from(span(l, theme.style(Token::Faint)))));
        return;
    }
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
            "asked, a".to_owned(),
            "the model is thinking, or it is about to",
        ),
        (
            "ready, r".to_owned(),
            "the model has answered; whether rightly, the reveal shows",
        ),
        (
            format!("{right} right, {wrong} wrong"),
            "the model's action, once the truth is revealed",
        ),
        (
            format!("{right} cite{wrong}, c"),
            "the model's action is right, its citation wrong",
        ),
        (
            "failed, f".to_owned(),
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
