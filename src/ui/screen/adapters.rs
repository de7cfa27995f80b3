//! The list of adapters to ask: which is asked, which stands beside it, and how each has done so far.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::gate;
use crate::ui::app::App;
use crate::ui::asking::choosing::Offer;
use crate::ui::overlay::dialog::open;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, page_of, select_row, span};

/// Cells of the columns beside the name: role, answered, right and wrong.
const ROLE: usize = 9;
const NUMBERS: usize = 10 + 8 + 8;

/// Draws the layer.
pub fn draw(app: &App, chosen: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let offers = app.queue.offers();
    let size = (
        80.min(area.width),
        area.height.min(26).min(offers.len() as u16 + 5),
    );
    let height = usize::from(size.1.saturating_sub(4));
    let chosen = chosen.min(offers.len().saturating_sub(1));
    let first = page_of(chosen, height);
    let title = format!("Adapters{}", more(first, offers.len(), height, theme));
    let room = open(&title, size, theme, area, buf);
    let width = usize::from(room.width);
    let faint = theme.style(Token::Faint);
    let names = width.saturating_sub(ROLE + NUMBERS);
    let head = format!(
        "{}{}{:>10}{:>8}{:>8}",
        column("", ROLE, ""),
        column("adapter", names, ""),
        "answered",
        "right",
        "wrong"
    );
    let mut rows = vec![Line::from(span(head, faint))];
    let shown = offers.iter().skip(first).take(height);
    rows.extend(shown.map(|offer| row(offer, names, theme)));
    lines(rows, room, buf);
    let foot = Rect {
        y: room.bottom().saturating_sub(1),
        height: room.height.min(1),
        ..room
    };
    let note = "right and wrong are counted where the truth is revealed";
    lines([Line::from(span(note, faint))], foot, buf);
    if !offers.is_empty() && height > 0 {
        select_row(room, (1 + chosen - first) as u16, theme, buf);
    }
}

fn row(offer: &Offer, names: usize, theme: &Theme) -> Line<'static> {
    let (role, token) = match (offer.is_asked, offer.is_beside) {
        (true, _) => ("asked", Token::Accent),
        (_, true) => ("beside", Token::Mark),
        _ => ("", Token::Text),
    };
    let name = gate::clean(&offer.name).into_owned();
    let numbers = match offer.answered {
        0 => format!("{:>10}{:>8}{:>8}", "-", "-", "-"),
        answered => format!(
            "{answered:>10}{:>8}{:>8}",
            offer.tally.right, offer.tally.wrong
        ),
    };
    Line::from(vec![
        span(column(role, ROLE, ""), theme.style(token)),
        span(
            column(&name, names, theme.glyphs.cut),
            theme.style(Token::Text),
        ),
        span(numbers, theme.style(Token::Text)),
    ])
}
