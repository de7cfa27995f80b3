//! The list of disagreements: whom with, and what each side decides and cites; one of them under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::env::schema::Action;
use crate::ui::app::App;
use crate::ui::labelling::agreeing::{Disagreement, VERIFIER, all_disagreements};
use crate::ui::overlay::dialog::open;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, page_of, select_row, span, wrap};

/// Cells of what one side says: an action and the event cited for it.
const SAID: usize = 22;

/// Draws the layer; `cursor` counts disagreements.
pub fn draw(app: &App, cursor: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (110.min(area.width), area.height);
    let all = all_disagreements(&app.labelling.sides());
    let height = usize::from(size.1.saturating_sub(3));
    let first = page_of(cursor, height);
    let arrows = more(first, all.len(), height, theme);
    let citations = all.iter().filter(|d| d.is_of_citation()).count();
    let actions = all.len() - citations;
    let title =
        format!("Disagreements: {actions} on actions, {citations} on citations only{arrows}");
    let room = open(&title, size, theme, area, buf);
    let width = usize::from(room.width);
    let style = theme.style(Token::Text);
    if all.is_empty() {
        let none = "None: whatever you and others have both submitted is the same. d goes back.";
        let rows = wrap(none, width).into_iter();
        lines(rows.map(|row| Line::from(span(row, style))), room, buf);
        return;
    }
    let shown = all.iter().skip(first).take(height);
    let rows = shown.map(|found| {
        let called = app.labelling.called(&found.episode_id);
        row(&called, found, theme, width)
    });
    let head = std::iter::once(heading(theme, width));
    lines(head.chain(rows), room, buf);
    select_row(room, (cursor - first + 1) as u16, theme, buf);
}

/// Cells of the alert's id and of the side's name.
fn columns(width: usize) -> (usize, usize) {
    let rest = width.saturating_sub(2 * SAID + 2);
    (rest - rest / 3, rest / 3)
}

fn heading(theme: &Theme, width: usize) -> Line<'static> {
    let (id, side) = columns(width);
    let text = format!(
        "  {}{}{}{}",
        column("alert", id, ""),
        column("you", SAID, ""),
        column("says", SAID, ""),
        column("who", side, ""),
    );
    Line::from(span(text, theme.style(Token::Title)))
}

/// The other side where room is short.
fn who(found: &Disagreement) -> &str {
    match found.side.as_str() {
        VERIFIER => "verifier",
        name => name,
    }
}

fn row(called: &str, found: &Disagreement, theme: &Theme, width: usize) -> Line<'static> {
    let (id, side) = columns(width);
    let cut = theme.glyphs.cut;
    // An action that is the same is no part of the disagreement.
    let (sign, token) = match found.is_of_citation() {
        true => ("c ".to_owned(), Token::Faint),
        false => (format!("{} ", theme.glyphs.wrong), Token::Warn),
    };
    let said = |(action, cited): &(Action, Option<String>)| {
        let cited = cited.as_deref().unwrap_or("nothing");
        let text = format!("{action} {cited}");
        format!("{} ", column(&text, SAID - 1, cut))
    };
    Line::from(vec![
        span(sign, theme.style(token)),
        span(
            format!("{} ", column(called, id.saturating_sub(1), cut)),
            theme.style(Token::Text),
        ),
        span(said(&found.own), theme.style(Token::Mark)),
        span(said(&found.other), theme.style(Token::Accent)),
        span(column(who(found), side, cut), theme.style(Token::Faint)),
    ])
}
