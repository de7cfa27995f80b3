//! The attacker's arms: what it tried against the defender, what that won, what was refused.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::screen::panes::list;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::Training;
use crate::ui::widget::text::{column, cut, lines, span};

/// Cells of the numbers beside an arm's name.
const NUMBERS: usize = 36;

/// One line an arm, the most winning first.
pub fn draw(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let arms = run.arms();
    if arms.is_empty() || area.height < 2 {
        let none = run.says_none_of("tries of the attacker", "they come with stage 4");
        list(Vec::new(), 0, &none, theme, area, buf);
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
        let [tries, wins, refused, step, last] = arm.words();
        let numbers = format!(" {tries:>6} {wins:>6} {refused:>7} {step:>6}  ");
        let name = cut_arm(&arm.last.arm, width, theme.glyphs.cut);
        let room = usize::from(area.width).saturating_sub(width + numbers.len());
        Line::from(vec![
            span(column(&name, width, ""), theme.style(Token::Text)),
            span(numbers, theme.style(Token::Accent)),
            span(
                cut(&last, room, theme.glyphs.cut),
                theme.style(Token::Faint),
            ),
        ])
    });
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    list(rows.collect(), training.cursor(), "", theme, below, buf);
}

/// Template and mutation; where there is no room for both, the template is cut: arms differ in how they mutate it.
fn cut_arm(arm: &str, width: usize, mark: &str) -> String {
    let Some((template, mutation)) = arm.split_once('+') else {
        return cut(arm, width, mark);
    };
    let room = width.saturating_sub(mutation.chars().count() + 1);
    if room < 3 {
        return cut(&format!("+{mutation}"), width, mark);
    }
    format!("{}+{mutation}", cut(template, room, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_arm_the_mutation_stays() {
        for (width, wanted) in [
            (40, "process.at_night+injection"),
            (20, "process.a…+injection"),
            (10, "+injection"),
            (6, "+inje…"),
        ] {
            assert_eq!(cut_arm("process.at_night+injection", width, "…"), wanted);
        }
        assert_eq!(cut_arm("untouched", 6, "…"), "untou…");
    }
}
