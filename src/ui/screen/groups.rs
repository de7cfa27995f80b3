//! The list of groups: how many alerts each has, and how many of them are right and wrong so far.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::order::Order;
use crate::ui::overlay::dialog::open;
use crate::ui::queue::groups::{GROUPINGS, Group, Tally};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, page_of, select_row, span};

/// Cells of the columns of numbers: alerts, hidden, you, model.
const NUMBERS: usize = 8 + 8 + 19 + 19;

/// From this width on right and wrong are words in the rows.
const WORDS: usize = NUMBERS + 12;

/// Draws the layer.
pub fn draw(app: &App, by: Order, chosen: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let groups = app.queue.groups(by);
    let size = (92.min(area.width), area.height.min(26));
    let height = usize::from(size.1.saturating_sub(4));
    let first = page_of(chosen, height);
    let names = GROUPINGS.map(|other| match other == by {
        true => format!("[{}]", other.as_str()),
        false => other.as_str().to_owned(),
    });
    let arrows = more(first, groups.len(), height, theme);
    let title = format!("Groups by {}{arrows}", names.join(" "));
    let room = open(&title, size, theme, area, buf);
    let width = usize::from(room.width);
    let faint = theme.style(Token::Faint);
    let mut rows = vec![Line::from(span(head(by, width), faint))];
    let shown = groups.iter().skip(first).take(height);
    rows.extend(shown.map(|group| row(group, theme, width)));
    if groups.is_empty() {
        rows.push(Line::from(span("no alert is let through", faint)));
    }
    lines(rows, room, buf);
    let foot = Rect {
        y: room.bottom().saturating_sub(1),
        height: room.height.min(1),
        ..room
    };
    lines([Line::from(span(note(app, by), faint))], foot, buf);
    if !groups.is_empty() && height > 0 {
        select_row(room, (1 + chosen - first) as u16, theme, buf);
    }
}

/// What the counts are over.
fn note(app: &App, by: Order) -> String {
    let all = app.queue.visible().len();
    match by {
        Order::Rule | Order::Outcome => {
            format!("of {all} alerts; what is not revealed is one group: its truth is hidden")
        }
        _ => format!("of {all} alerts; right and wrong are counted where the truth is revealed"),
    }
}

fn name_width(width: usize) -> usize {
    let numbers = if width >= WORDS {
        NUMBERS
    } else {
        8 + 8 + 9 + 9
    };
    width.saturating_sub(numbers)
}

fn head(by: Order, width: usize) -> String {
    let name = column(by.as_str(), name_width(width), "");
    if width >= WORDS {
        format!(
            "{name}{:>8}{:>8}{:>19}{:>19}",
            "alerts", "hidden", "you", "model"
        )
    } else {
        format!(
            "{name}{:>8}{:>8}{:>9}{:>9}",
            "alerts", "hidden", "you", "model"
        )
    }
}

fn row(group: &Group, theme: &Theme, width: usize) -> Line<'static> {
    let text = theme.style(Token::Text);
    let numbers = format!("{:>8}{:>8}", group.alerts, group.hidden);
    let name = column(&group.name, name_width(width), theme.glyphs.cut);
    let mut spans = vec![span(name, text), span(numbers, text)];
    for (tally, token) in [(group.analyst, Token::Mark), (group.model, Token::Accent)] {
        let (said, cells) = if width >= WORDS {
            (words(tally), 19)
        } else {
            (glyphs(tally, theme), 9)
        };
        spans.push(span(format!("{said:>cells$}"), theme.style(token)));
    }
    Line::from(spans)
}

fn words(tally: Tally) -> String {
    match tally.right + tally.wrong {
        0 => "-".to_owned(),
        _ => format!("{} right {} wrong", tally.right, tally.wrong),
    }
}

fn glyphs(tally: Tally, theme: &Theme) -> String {
    match tally.right + tally.wrong {
        0 => "-".to_owned(),
        _ => format!(
            "{}{} {}{}",
            tally.right, theme.glyphs.right, tally.wrong, theme.glyphs.wrong
        ),
    }
}
