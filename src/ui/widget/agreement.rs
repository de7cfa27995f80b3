//! The agreement page: percent, Cohen's kappa and the disagreements with each side, one of them under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::label::agreement::Agreement;
use crate::ui::app::App;
use crate::ui::labelling::agreeing::Side;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::dialog::open;
use crate::ui::widget::text::{column, cut, lines, more, page_of, select_row, span};

/// Draws the layer; `cursor` counts disagreements.
pub fn draw(app: &App, cursor: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (92.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let (rows, at) = rows(app, cursor, theme, width);
    let height = usize::from(size.1.saturating_sub(2));
    let first = page_of(at.unwrap_or(0), height);
    let arrows = more(first, rows.len(), height, theme);
    let title = format!("Agreement, as it is on disk{arrows}");
    let room = open(&title, size, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
    if let Some(at) = at {
        select_row(room, (at - first) as u16, theme, buf);
    }
}

/// The page's rows, and which of them has the cursor.
fn rows(
    app: &App,
    cursor: usize,
    theme: &Theme,
    width: usize,
) -> (Vec<Line<'static>>, Option<usize>) {
    let (text, faint) = (theme.style(Token::Text), theme.style(Token::Faint));
    let mut rows = Vec::new();
    let (mut at, mut count) = (None, 0);
    for Side { name, agreement } in app.labelling.sides() {
        let head = format!("{} and {name}", app.labelling.annotator);
        let head = cut(&head, width, theme.glyphs.cut);
        rows.push(Line::from(span(head, theme.style(Token::Title))));
        for line in summary(&agreement) {
            rows.push(Line::from(span(format!("  {line}"), text)));
        }
        let other = if name == crate::ui::labelling::agreeing::VERIFIER {
            "verifier"
        } else {
            name.as_str()
        };
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
                span(format!(" you {:<15} ", pair.one), theme.style(Token::Mark)),
                span(format!("{other} {}", pair.two), theme.style(Token::Accent)),
            ]));
        }
        rows.push(Line::default());
    }
    (rows, at)
}

/// Percent and kappa in words.
fn summary(found: &Agreement) -> Vec<String> {
    let Some(percent) = found.percent else {
        return vec![
            "no alert that both have decided: Esc, and then 1-5 and Enter decide".to_owned(),
        ];
    };
    let kappa = match found.kappa {
        Some(kappa) => format!("Cohen's kappa {kappa:.3}"),
        None => "Cohen's kappa undefined: one action only".to_owned(),
    };
    vec![
        format!(
            "{} of {} actions the same ({percent:.1} %), {kappa}",
            found.same_action, found.both
        ),
        format!("citations the same: {}", found.same_citation),
    ]
}
