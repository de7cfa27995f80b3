//! The attacker's arms: what it tried against the defender, what that won, what was refused.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::screen::panes::list;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::Training;
use crate::ui::widget::text::{column, lines, span};

/// Cells of the numbers beside an arm's name.
const NUMBERS: usize = 36;

/// One line an arm, the most winning first.
pub fn draw(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let arms = run.arms();
    if arms.is_empty() || area.height < 2 {
        let none = "the attacker has tried nothing yet: it comes with stage 4";
        list(Vec::new(), 0, none, theme, area, buf);
        return;
    }
    let longest = arms.iter().map(|arm| arm.last.arm.chars().count()).max();
    let room = usize::from(area.width).saturating_sub(NUMBERS).max(8);
    let width = longest.unwrap_or(0).clamp(3, room);
    let head = format!(
        "{} {:>6} {:>6} {:>7} {:>6}  last",
        column("arm", width, ""),
        "tries",
        "wins",
        "refused",
        "step"
    );
    let head = Line::from(span(head, theme.style(Token::Faint)));
    lines([head], area, buf);
    let rows = arms.iter().map(|arm| {
        let numbers = format!(
            " {:>6} {:>5.0}% {:>7} {:>6}  ",
            arm.tries,
            arm.win_share() * 100.0,
            arm.refused,
            arm.last.step
        );
        let last = match &arm.last.refused {
            Some(why) => format!("refused: {why}"),
            None => format!("won {:.2}", arm.last.won),
        };
        let name = column(&arm.last.arm, width, theme.glyphs.cut);
        Line::from(vec![
            span(name, theme.style(Token::Text)),
            span(numbers, theme.style(Token::Accent)),
            span(last, theme.style(Token::Faint)),
        ])
    });
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    list(rows.collect(), training.cursor(), "", theme, below, buf);
}
