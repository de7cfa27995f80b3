//! The agreement page: percent, Cohen's kappa and the disagreements with each side, one of them under the cursor; below them a
//! matrix of who decides what.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::env::schema::Action;
use crate::label::agreement::Agreement;
use crate::ui::app::App;
use crate::ui::labelling::agreeing::{Side, VERIFIER};
use crate::ui::overlay::dialog::open;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::matrix;
use crate::ui::widget::text::{column, cut, lines, more, page_of, select_row, span};

/// Below this height inside the box there is no room for the list and a matrix both.
const LOW: u16 = 15;

/// Cells between matrices side by side.
const GAP: u16 = 3;

/// Draws the layer; `cursor` counts disagreements.
pub fn draw(app: &App, cursor: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (92.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let sides = app.labelling.sides();
    let (rows, at) = rows(app, &sides, cursor, theme, width);
    let inside = size.1.saturating_sub(2);
    let is_shown = inside >= LOW && sides.iter().any(|side| side.agreement.both > 0);
    // An empty line stands above the matrix.
    let beneath = if is_shown { matrix::SIZE.1 + 1 } else { 0 };
    let height = usize::from(inside - beneath);
    let first = page_of(at.unwrap_or(0), height);
    let arrows = more(first, rows.len(), height, theme);
    let title = format!("Agreement, as it is on disk{arrows}");
    let room = open(&title, size, theme, area, buf);
    let [list, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(beneath)]).areas(room);
    lines(rows.into_iter().skip(first), list, buf);
    if let Some(at) = at {
        select_row(list, (at - first) as u16, theme, buf);
    }
    if is_shown {
        draw_matrices(&sides, cursor, theme, below, buf);
    }
}

/// Matrices of as many sides as fit beside each other, that under the cursor among them; an empty line is above them.
fn draw_matrices(sides: &[Side], cursor: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let told = sides.iter().filter(|side| side.agreement.both > 0);
    let told: Vec<&Side> = told.collect();
    let wide = matrix::SIZE.0 + GAP;
    let fit = usize::from((area.width / wide).max(1));
    let first = under(&told, cursor).min(told.len().saturating_sub(fit));
    let places = (area.x + 2..area.right()).step_by(usize::from(wide));
    for (x, side) in places.zip(told.into_iter().skip(first).take(fit)) {
        let place = Rect {
            x,
            y: area.y + 1,
            width: matrix::SIZE.0,
            height: matrix::SIZE.1,
        };
        lines(counts(side, theme), place.intersection(area), buf);
    }
}

/// The place of the side whose disagreement is under the cursor; the first where there is none.
fn under(sides: &[&Side], cursor: usize) -> usize {
    let mut ends = sides.iter().scan(0, |end, side| {
        *end += side.agreement.disagreements.len();
        Some(*end)
    });
    ends.position(|end| cursor < end).unwrap_or(0)
}

/// The annotator's actions in rows, the other side's in columns.
fn counts(side: &Side, theme: &Theme) -> Vec<Line<'static>> {
    let table = &side.agreement.table;
    let count = |own: Action, other: Option<Action>| {
        other.map_or(0, |other| table[own.index()][other.index()])
    };
    let corner = format!("you / {}", short(&side.name));
    matrix::of_actions(&corner, &Action::ALL.map(Some), count, theme)
}

/// The other side where room is short.
fn short(name: &str) -> &str {
    if name == VERIFIER { "verifier" } else { name }
}

/// The page's rows, and which of them has the cursor.
fn rows(
    app: &App,
    sides: &[Side],
    cursor: usize,
    theme: &Theme,
    width: usize,
) -> (Vec<Line<'static>>, Option<usize>) {
    let (text, faint) = (theme.style(Token::Text), theme.style(Token::Faint));
    let mut rows = Vec::new();
    let (mut at, mut count) = (None, 0);
    for Side { name, agreement } in sides {
        let head = format!("{} and {name}", app.labelling.annotator);
        let head = cut(&head, width, theme.glyphs.cut);
        rows.push(Line::from(span(head, theme.style(Token::Title))));
        for line in summary(agreement) {
            rows.push(Line::from(span(format!("  {line}"), text)));
        }
        let other = short(name);
        for pair in &agreement.disagreements {
            if count == cursor {
                at = Some(rows.len());
            }
            count += 1;
            let id = width.saturating_sub(56).max(12);
            rows.push(Line::from(vec![
                span(
                    format!("  {} ", theme.glyphs.wrong),
                    theme.style(Token::Warn),
                ),
                span(
                    column(
                        &app.labelling.called(&pair.episode_id),
                        id,
                        theme.glyphs.cut,
                    ),
                    faint,
                ),
                span(
                    format!(" you {:<15} ", pair.one.as_str()),
                    theme.style(Token::Mark),
                ),
                span(format!("{other} {}", pair.two), theme.style(Token::Accent)),
            ]));
        }
        rows.push(Line::default());
    }
    (rows, at)
}

/// Percent and kappa in words.
fn summary(found: &Agreement) -> Vec<String> {
    let Some(actions) = found.in_words() else {
        return vec![
            "no alert that both have decided: Esc, and then 1-5 and Enter decide".to_owned(),
        ];
    };
    vec![
        actions,
        format!("citations the same: {}", found.same_citation),
    ]
}
