//! The lists of the training screen: metrics and log here, the others beside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::run::series::Series;
use crate::ui::app::App;
use crate::ui::numbers::short;
use crate::ui::screen::{attacks, evaluations, rollouts};
use crate::ui::spots::Spot;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::{Training, TrainingPane};
use crate::ui::widget::text::{
    column, cut_middle, lines, page_of_block, page_of_list, pane, select_row, span, wrap,
};

/// Cells before a warning: its step.
const LOG_MARGIN: usize = 7;

/// Draws the pane in focus, its neighbours named in the title.
pub fn draw(app: &App, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let training = &app.training;
    let names = TrainingPane::ALL.map(|pane| {
        if pane == training.pane {
            format!("[{}]", pane.title())
        } else {
            pane.title().to_owned()
        }
    });
    let filter = match training.filter_text.as_str() {
        text if training.filters() && !text.is_empty() => format!(" /{text}"),
        _ => String::new(),
    };
    let cursor = match (training.pane, training.view.cursor) {
        (TrainingPane::Metrics, Some(step)) => format!(" @{step}"),
        _ => String::new(),
    };
    // The border, a space and the mark of the pane in focus stand before the names.
    let mut x = area.x + 3;
    for (name, pane) in names.iter().zip(TrainingPane::ALL) {
        let width = name.len() as u16;
        let place = Rect {
            x,
            width,
            height: 1,
            ..area
        };
        app.spots.note(place, Spot::List(pane));
        x += width + 1;
    }
    let title = names.join(" ") + &cursor + &filter;
    let room = pane(&title, true, theme, area, buf);
    match training.pane {
        TrainingPane::Metrics => draw_metrics(training, run, theme, room, buf),
        TrainingPane::Rollouts => rollouts::draw(training, run, theme, room, buf),
        TrainingPane::Log => draw_log(training, run, theme, room, buf),
        TrainingPane::Evaluations => evaluations::draw(training, run, theme, room, buf),
        TrainingPane::Attacker => attacks::draw(training, run, theme, room, buf),
    }
}

/// One page of `rows` with the cursor's row selected; `none` stands where there are no rows.
pub fn list(
    rows: Vec<Line<'static>>,
    cursor: usize,
    none: &str,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    if rows.is_empty() {
        let why = wrap(none, usize::from(area.width)).into_iter();
        let faint = theme.style(Token::Faint);
        lines(why.map(|row| Line::from(span(row, faint))), area, buf);
        return;
    }
    let cursor = cursor.min(rows.len() - 1);
    let first = page_of_list(cursor, rows.len(), usize::from(area.height));
    lines(rows.into_iter().skip(first), area, buf);
    select_row(area, (cursor - first) as u16, theme, buf);
}

fn draw_metrics(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let name_width = usize::from(area.width).saturating_sub(10);
    let row = |(name, series): (&str, &Series)| {
        let point = match training.view.cursor {
            Some(step) => series.under(step),
            None => series.newest(),
        };
        let value = point.map_or_else(|| "-".to_owned(), |point| short(point.value));
        Line::from(vec![
            span(
                column(
                    &cut_middle(name, name_width, theme.glyphs.cut),
                    name_width,
                    "",
                ),
                theme.style(Token::Text),
            ),
            span(format!("{value:>10}"), theme.style(Token::Text)),
        ])
    };
    let rows = training.metrics().map(row).collect();
    let none = match run.curves.iter().next() {
        Some(_) => "no metric is let through; Esc takes the filter off",
        None => "no metrics yet: the first step tells some (v shows the shipped run)",
    };
    list(rows, training.cursor(), none, theme, area, buf);
}

/// What is wrong now, then warnings, the newest first, each as many lines as it needs: the end of one says what to do.
fn draw_log(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(LOG_MARGIN);
    let wrapped = run
        .log()
        .into_iter()
        .map(|(step, message)| (step, wrap(&message, width)));
    let wrapped: Vec<_> = wrapped.collect();
    if wrapped.is_empty() {
        list(Vec::new(), 0, "no warnings", theme, area, buf);
        return;
    }
    let heights: Vec<usize> = wrapped.iter().map(|(_, rows)| rows.len()).collect();
    let cursor = training.cursor().min(heights.len() - 1);
    let first = page_of_block(cursor, &heights, usize::from(area.height));
    let row = |step: u64, at: usize, text: &str| {
        let margin = if at == 0 {
            format!("{step:>6} ")
        } else {
            " ".repeat(LOG_MARGIN)
        };
        Line::from(vec![
            span(margin, theme.style(Token::Faint)),
            span(text, theme.style(Token::Warn)),
        ])
    };
    let rows = wrapped.iter().flat_map(|(step, rows)| {
        let rows = rows.iter().enumerate();
        rows.map(|(at, text)| row(*step, at, text))
    });
    lines(rows.skip(first), area, buf);
    let above: usize = heights.iter().take(cursor).sum();
    for at in above..above + heights[cursor] {
        if at >= first {
            select_row(area, (at - first) as u16, theme, buf);
        }
    }
}
