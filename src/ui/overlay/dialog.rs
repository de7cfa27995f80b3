//! Boxes over the screen: help, palette, the questions before starting, deleting and quitting; and the page of a terminal too small.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use crate::run::RunDir;
use crate::ui::app::{App, MIN_SIZE};
use crate::ui::layer::Layer;
use crate::ui::leaving::losses;
use crate::ui::line_edit::LineEdit;
use crate::ui::overlay::{agreement, disagreements, help, start};
use crate::ui::palette::{Offer, offered};
use crate::ui::screen::{adapters, detail, groups, three_way};
use crate::ui::scroll::Scroll;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, page_of, pane, select_row, span, wrap};
use crate::ui::widget::typed;

/// Draws the layer in front; search has its line in the hints bar's neighbourhood instead.
pub fn draw(app: &App, layer: &Layer, theme: &Theme, area: Rect, buf: &mut Buffer) {
    match layer {
        Layer::Help {
            scroll,
            typed,
            is_typing,
        } => help::draw(app, scroll, (typed, *is_typing), theme, area, buf),
        Layer::Palette { typed, chosen } => draw_palette(app, typed, *chosen, theme, area, buf),
        // What is typed stands in the line of messages.
        Layer::Search { .. }
        | Layer::Step { .. }
        | Layer::Note { .. }
        | Layer::Edit { .. }
        | Layer::Line { .. } => {}
        Layer::Delete { dir } => draw_delete(dir, theme, area, buf),
        Layer::Skip { .. } => draw_skip(app, theme, area, buf),
        Layer::Agreement { cursor } => agreement::draw(app, *cursor, theme, area, buf),
        Layer::Disagreements { cursor } => disagreements::draw(app, *cursor, theme, area, buf),
        Layer::Guidelines { scroll } => draw_guidelines(scroll, theme, area, buf),
        Layer::Start { form } => start::draw(app, form, theme, area, buf),
        Layer::Quit => draw_quit(app, theme, area, buf),
        Layer::Unsaved => draw_unsaved(app, theme, area, buf),
        Layer::Detail { field } => detail::draw_fields(app, *field, theme, area, buf),
        Layer::Groups { by, chosen } => groups::draw(app, *by, *chosen, theme, area, buf),
        Layer::Adapters { chosen } => adapters::draw(app, *chosen, theme, area, buf),
        Layer::ThreeWay { cursor } => three_way::draw(app, *cursor, theme, area, buf),
        Layer::Copy {
            chosen,
            is_defanged,
        } => detail::draw_copies(*chosen, *is_defanged, theme, area, buf),
        Layer::Formats { chosen } => detail::draw_formats(*chosen, theme, area, buf),
    }
}

/// How to label.
const GUIDELINES: &str = include_str!("../../../assets/guidelines.txt");

fn draw_guidelines(scroll: &Scroll, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (92.min(area.width), area.height);
    let rows = wrap(GUIDELINES.trim_end(), usize::from(size.0.saturating_sub(2)));
    let height = usize::from(size.1.saturating_sub(2));
    let first = scroll.page(rows.len(), height);
    let title = format!("Guidelines{}", more(first, rows.len(), height, theme));
    let room = open(&title, size, theme, area, buf);
    let style = theme.style(Token::Text);
    let rows = rows.into_iter().skip(first);
    lines(rows.map(|l| Line::from(span(l, style))), room, buf);
}

/// A cleared box in the middle of `area`, with a title; returns the room inside.
pub fn open(title: &str, size: (u16, u16), theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    let width = size.0.min(area.width);
    let height = size.1.min(area.height);
    let frame = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(frame, buf);
    pane(title, true, theme, frame, buf)
}

fn draw_palette(
    app: &App,
    typed: &LineEdit,
    chosen: usize,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let room = open("All actions: type to filter", (76, 18), theme, area, buf);
    let (width, height) = (
        usize::from(room.width),
        usize::from(room.height.saturating_sub(1)),
    );
    let style = theme.style(Token::Accent);
    let written = typed::spans(typed, width.saturating_sub(2), style, theme);
    let head = std::iter::once(span(": ", style));
    let mut rows = vec![Line::from_iter(head.chain(written))];
    let found = offered(app, typed);
    if found.is_empty() {
        rows.push(Line::from(span(
            "  nothing matches",
            theme.style(Token::Faint),
        )));
    }
    let first = page_of(chosen, height);
    let shown = found.iter().skip(first).take(height);
    rows.extend(shown.map(|offer| palette_row(offer, theme, width)));
    lines(rows, room, buf);
    if !found.is_empty() && height > 0 {
        select_row(room, (1 + chosen - first) as u16, theme, buf);
    }
}

/// What an action does and its key; in place of the key where it works, where that is not here.
fn palette_row(offer: &Offer<'_>, theme: &Theme, width: usize) -> Line<'static> {
    let key = offer.binding.shown.first().map_or("", String::as_str);
    let (text, what, room) = match &offer.elsewhere {
        None => (Token::Text, key, 10),
        Some(elsewhere) => (Token::Faint, elsewhere.as_str(), 17),
    };
    let help = column(
        &offer.binding.help,
        width.saturating_sub(room),
        theme.glyphs.cut,
    );
    let token = match offer.elsewhere {
        None => Token::Key,
        Some(_) => Token::Faint,
    };
    Line::from(vec![
        span(format!(" {help} "), theme.style(text)),
        span(what, theme.style(token)),
    ])
}

fn draw_delete(dir: &RunDir, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let text = format!(
        "{} goes with its adapters, checkpoints, numbers and note. There is no undo.",
        dir.path().display()
    );
    let room = open("Delete this run?", (64, 9), theme, area, buf);
    ask(&text, ["delete it", "keep it"], theme, room, buf);
}

fn draw_skip(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let text = match app.training.stage() {
        Some(stage) => {
            let next = stage.next.map_or_else(
                || "the run is finished".to_owned(),
                |next| format!("{next} begins"),
            );
            format!(
                "{}, {} of {} steps done: after the current step it is evaluated and its adapter written, then {next}. The run says so from then on: seed and configuration alone do not give it again. There is no undo.",
                stage.name, stage.done, stage.steps
            )
        }
        None => "The run is in no stage any more.".to_owned(),
    };
    let room = open("End this stage early?", (64, 11), theme, area, buf);
    ask(&text, ["end the stage", "go on with it"], theme, room, buf);
}

/// A question, and what `y` and `Esc` do; the keys stay in sight below a long text.
fn ask(text: &str, [yes, no]: [&str; 2], theme: &Theme, room: Rect, buf: &mut Buffer) {
    let style = theme.style(Token::Text);
    let wrapped = wrap(text, usize::from(room.width)).into_iter();
    let mut rows: Vec<_> = wrapped.map(|l| Line::from(span(l, style))).collect();
    rows.truncate(usize::from(room.height.saturating_sub(2)));
    for (key, what) in [("y", yes), ("Esc", no)] {
        rows.push(Line::from(vec![
            span(format!("  {key:>4}  "), theme.style(Token::Key)),
            span(what, style),
        ]));
    }
    lines(rows, room, buf);
}

/// What would be lost by quitting, in a sentence.
fn unsaved_text(app: &App) -> String {
    format!("Lost when opensoc ends now: {}.", losses(app).join("; "))
}

fn draw_unsaved(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = open("Quit? Something is not saved", (64, 11), theme, area, buf);
    let choices = ["quit and lose it", "stay"];
    ask(&unsaved_text(app), choices, theme, room, buf);
}

/// How it stands with the run, and what each key does about it.
fn quit_choices(app: &App) -> (&'static str, [(&'static str, &'static str); 3]) {
    let (title, leave) = if app.resumes_on_leaving() {
        ("A run is paused", "resume it, leave it running and quit")
    } else {
        ("A run is in progress", "leave it running and quit")
    };
    let choices = [
        ("l", leave),
        ("x", "stop it after a checkpoint, then quit (ctrl-c too)"),
        ("Esc", "stay"),
    ];
    (title, choices)
}

fn draw_quit(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (title, choices) = quit_choices(app);
    let room = open(title, (64, 8), theme, area, buf);
    let row = |(key, what): (&str, &str)| {
        Line::from(vec![
            span(format!("  {key:>4}  "), theme.style(Token::Key)),
            span(what, theme.style(Token::Text)),
        ])
    };
    let rows = std::iter::once(Line::default()).chain(choices.into_iter().map(row));
    lines(rows, room, buf);
}

/// What is shown where a screen does not fit: that, and the question before quitting where one stands.
pub fn draw_too_small(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (width, height) = MIN_SIZE;
    let needs = format!("needs {width}x{height}, has {}x{}", area.width, area.height);
    let said = match app.layers.last() {
        Some(Layer::Quit) => {
            let (title, choices) = quit_choices(app);
            let choices = choices.map(|(key, what)| format!("{key}: {what}"));
            format!("{title}.\n{}\n{needs}", choices.join("\n"))
        }
        Some(Layer::Unsaved) => {
            let lost = unsaved_text(app);
            format!("y: quit and lose it\nEsc: stay\n{lost}\n{needs}")
        }
        _ => needs,
    };
    let rows = wrap(&said, usize::from(area.width));
    let free = area.height.saturating_sub(rows.len() as u16) / 2;
    let room = Rect {
        y: area.y + free,
        height: area.height - free,
        ..area
    };
    let style = theme.style(Token::Text);
    let rows = rows
        .into_iter()
        .map(|row| Line::from(span(row, style)).centered());
    for (y, line) in (room.top()..room.bottom()).zip(rows) {
        Widget::render(
            line,
            Rect {
                y,
                height: 1,
                ..room
            },
            buf,
        );
    }
}
