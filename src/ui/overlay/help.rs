//! The help layer: every key by where it works, those of where it was asked for first, the words on the screens, and notes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::keys::{Binding, Place, holds};
use crate::ui::layer::Layer;
use crate::ui::overlay::dialog::open;
use crate::ui::scroll::Scroll;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, span, wrap};

/// Cells for keys, or for the word explained.
const KEYS_WIDTH: usize = 24;

/// In the order they are read, after those of where one is.
const PLACES: [Place; 19] = [
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
    Place::Adapters,
    Place::ThreeWay,
    Place::StartDialog,
    Place::DeleteDialog,
    Place::SkipDialog,
    Place::QuitDialog,
    Place::UnsavedDialog,
    Place::Help,
    Place::Entry,
];

const NOTES: [&str; 2] = [
    "In tmux set escape-time low, or Esc feels late.",
    "Log text is shown through a gate: <U+001B> stands for a character that could steer or hide text.",
];

/// Lines under a title.
struct Section {
    title: &'static str,
    lines: Vec<Explained>,
}

/// A key or a word, and what it does or means.
struct Explained {
    what: String,
    text: String,
    /// What a search looks through.
    sought: String,
}

impl Explained {
    fn new(what: String, text: String) -> Self {
        let sought = format!("{what} {text}");
        Self { what, text, sought }
    }

    fn key(binding: &Binding) -> Self {
        Self {
            what: binding.shown.join(", "),
            text: binding.help.clone(),
            sought: binding.sought(),
        }
    }
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
    for section in sections(app, theme) {
        let found = section.lines.iter();
        let mut found = found.filter(|line| holds(&line.sought, filter)).peekable();
        if found.peek().is_none() {
            continue;
        }
        let title = section.title;
        if !title.is_empty() {
            rows.push(Line::from(span(title, theme.style(Token::Title))));
        }
        found.for_each(|line| explain(&line.what, &line.text, theme, width, &mut rows));
        rows.push(Line::default());
    }
    if rows.is_empty() {
        let none = "no line holds that; Esc takes the filter off";
        rows.push(Line::from(span(none, theme.style(Token::Faint))));
    }
    rows
}

/// Where one was when help was asked for: in the dialog below it, else on the screen.
fn here(app: &App) -> Place {
    let is_help = |layer: &Layer| matches!(layer, Layer::Help { .. });
    let at = app.layers.iter().rposition(is_help).unwrap_or(0);
    let below = at.checked_sub(1).and_then(|below| app.layers.get(below));
    below.map_or(app.screen.place(), Layer::place)
}

/// The places in the order they are read: what works here, then the others.
fn places(app: &App) -> Vec<Place> {
    let here = here(app).reach();
    let others = PLACES.into_iter().filter(|place| !here.contains(place));
    here.iter().copied().chain(others).collect()
}

/// Keys by place, then words, then notes.
fn sections(app: &App, theme: &Theme) -> Vec<Section> {
    let of_place = |place: Place| {
        let bindings = app.keymap.bindings().iter();
        let bindings = bindings.filter(|binding| binding.place == place);
        Section {
            title: place.title(),
            lines: bindings.map(Explained::key).collect(),
        }
    };
    let mut sections: Vec<Section> = places(app).into_iter().map(of_place).collect();
    let words = words(theme).into_iter();
    sections.push(Section {
        title: "Words in the queue of alerts",
        lines: words
            .map(|(word, text)| Explained::new(word, text.to_owned()))
            .collect(),
    });
    sections.push(Section {
        title: "",
        lines: NOTES
            .map(|note| Explained::new(String::new(), note.to_owned()))
            .into(),
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
            format!("asked, {}", theme.glyphs.cut),
            "the model is thinking, or it is about to",
        ),
        (
            "ready, ?".to_owned(),
            "the model has answered; whether rightly, the reveal shows",
        ),
        (
            format!("{right} right, {wrong} wrong"),
            "the model's action, once the truth is revealed",
        ),
        (
            format!("{right} cite{wrong}, {right}{wrong}"),
            "the model's action is right, its citation wrong: where room is short the first sign is of the action, the \
             second of the citation",
        ),
        (
            "failed, !".to_owned(),
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

#[cfg(test)]
mod tests {
    use crate::ui::layer::Layer;
    use crate::ui::tests::fixtures::{app, press, seen, train};

    #[test]
    fn help_begins_with_the_keys_of_where_one_is_also_in_dialogs() {
        for (keys, title) in [
            ("?", "Episodes"),
            ("F2 ?", "Training"),
            ("F3 ?", "Labelling"),
            ("F4 ?", "Runs"),
            ("o ?", "In all fields of a line"),
            ("b ?", "In the list of groups"),
            ("y ?", "When copying"),
            ("r w ?", "On the page of you, model and truth"),
            ("F2 t ?", "When starting a run"),
            ("F3 i ?", "In help"),
        ] {
            let mut app = app();
            press(&mut app, keys);
            assert!(
                matches!(app.layers.last(), Some(Layer::Help { .. })),
                "{keys}"
            );
            let shown = seen(&app, (100, 30));
            let top = shown.lines().position(|row| row.contains("*Keys"));
            let first = top.and_then(|top| shown.lines().nth(top + 1));
            let first = first.unwrap_or_default();
            assert!(first.contains(&format!("│{title} ")), "{keys}:\n{shown}");
            let before = app.layers.len();
            press(&mut app, "?");
            assert_eq!(app.layers.len(), before - 1, "{keys}: back where it was");
        }
        let mut app = app();
        train(&mut app, 3);
        press(&mut app, "q ? Esc");
        assert_eq!(app.layers, [Layer::Quit]);
    }

    #[test]
    fn a_search_in_help_finds_the_words_of_the_hints() {
        for (word, wanted) in [
            ("m i s m a t c h", "Next alert the model got wrong"),
            ("b l i n d", "Hide the model's answer"),
            ("z o o m", "Half the steps"),
        ] {
            let mut app = app();
            press(&mut app, &format!("? / {word}"));
            let shown = seen(&app, (100, 30));
            assert!(shown.contains(wanted), "{word}:\n{shown}");
        }
    }
}
