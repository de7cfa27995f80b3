//! The lists of the training screen: metrics, rollouts of a group, log, evaluations.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::link::{Rollout, RolloutGroup};
use crate::run::series::Series;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::{Training, TrainingPane};
use crate::ui::widget::chart::short;
use crate::ui::widget::text::{
    column, lines, page_of, page_of_block, pane, select_row, span, wrap,
};

/// Cells before a warning: its step.
const LOG_MARGIN: usize = 7;

/// Draws the pane in focus, its neighbours named in the title.
pub fn draw(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
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
    let title = names.join(" ") + &filter;
    let room = pane(&title, true, theme, area, buf);
    match training.pane {
        TrainingPane::Metrics => draw_metrics(training, run, theme, room, buf),
        TrainingPane::Rollouts => draw_rollouts(training, theme, room, buf),
        TrainingPane::Log => draw_log(training, run, theme, room, buf),
        TrainingPane::Evaluations => draw_evaluations(training, run, theme, room, buf),
    }
}

/// One page of `rows` with the cursor's row selected; `none` stands where there are no rows.
fn list(
    rows: Vec<Line<'static>>,
    cursor: usize,
    none: &str,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    if rows.is_empty() {
        lines(
            [Line::from(span(none, theme.style(Token::Faint)))],
            area,
            buf,
        );
        return;
    }
    let cursor = cursor.min(rows.len() - 1);
    let first = page_of(cursor, usize::from(area.height));
    lines(rows.into_iter().skip(first), area, buf);
    select_row(area, (cursor - first) as u16, theme, buf);
}

fn draw_metrics(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let name_width = usize::from(area.width).saturating_sub(10);
    let row = |(name, series): (&str, &Series)| {
        let value = series
            .last()
            .map_or_else(|| "-".to_owned(), |point| short(point.value));
        Line::from(vec![
            span(
                column(name, name_width, theme.glyphs.cut),
                theme.style(Token::Text),
            ),
            span(format!("{value:>10}"), theme.style(Token::Text)),
        ])
    };
    let rows = training.metrics().map(row).collect();
    let none = match run.curves.iter().next() {
        Some(_) => "no metric is let through; Esc takes the filter off",
        None => "no metrics yet",
    };
    list(rows, training.cursor(), none, theme, area, buf);
}

fn draw_rollouts(training: &Training, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some(group) = training.group() else {
        let none = "no rollouts yet: they come with the first GRPO step";
        list(Vec::new(), 0, none, theme, area, buf);
        return;
    };
    let cursor = training
        .cursor()
        .min(group.rollouts.len().saturating_sub(1));
    let width = usize::from(area.width);
    let response = group
        .rollouts
        .get(cursor)
        .map(|rollout| wrap(&rollout.response, width));
    let response = response.unwrap_or_default();
    let (room, wanted) = (
        usize::from(area.height),
        group.rollouts.len() + response.len() + 5,
    );
    let mut head = group_rows(training, group, theme, width);
    if wanted > room {
        // Short of room: the truth and the columns' names stay, the list turns pages.
        head.drain(..2.min(head.len()));
    }
    let below = response.len().min(room / 3) + 1;
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(head.len() as u16),
        Constraint::Length(
            group
                .rollouts
                .len()
                .min(room.saturating_sub(head.len() + below)) as u16,
        ),
        Constraint::Fill(1),
    ])
    .areas(area);
    lines(head, top, buf);
    let rows = group
        .rollouts
        .iter()
        .map(|rollout| rollout_row(rollout, group, theme));
    list(
        rows.collect(),
        cursor,
        "no rollouts in this group",
        theme,
        middle,
        buf,
    );
    let style = theme.style(Token::Text);
    let spaced = std::iter::once(String::new()).chain(response);
    lines(spaced.map(|l| Line::from(span(l, style))), bottom, buf);
}

fn group_rows(
    training: &Training,
    group: &RolloutGroup,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let place = match training.groups_back {
        0 => "newest".to_owned(),
        back => format!("{back} back"),
    };
    let faint = theme.style(Token::Faint);
    let first = format!(
        "step {} group {} {} ({place})",
        group.step, group.group_id, group.stage
    );
    let truth = format!(
        "truth {} {} {}",
        group.truth_action, group.truth_log_id, group.rule
    );
    vec![
        Line::from(span(column(&first, width, theme.glyphs.cut), faint)),
        Line::from(span(
            column(&group.summary, width, theme.glyphs.cut),
            theme.style(Token::Text),
        )),
        Line::from(span(
            column(&truth, width, theme.glyphs.cut),
            theme.style(Token::Good),
        )),
        Line::from(span(" reward  advant.  action", faint)),
    ]
}

fn rollout_row(rollout: &Rollout, group: &RolloutGroup, theme: &Theme) -> Line<'static> {
    let is_right = rollout.action == Some(group.truth_action);
    let cites = rollout.cited_log_id.as_deref() == Some(group.truth_log_id.as_str());
    let sign = |is_right: bool| {
        if is_right {
            (theme.glyphs.right, theme.style(Token::Good))
        } else {
            (theme.glyphs.wrong, theme.style(Token::Bad))
        }
    };
    let action = rollout.action.map_or("malformed", |action| action.as_str());
    let cited = rollout.cited_log_id.as_deref().unwrap_or("-");
    let ended = if rollout.truncated { "cut off" } else { "" };
    let text = theme.style(Token::Text);
    let (action_sign, action_style) = sign(is_right);
    let (cite_sign, cite_style) = sign(cites);
    Line::from(vec![
        span(
            format!(" {:+6.2}  {:+6.2}   ", rollout.reward, rollout.advantage),
            text,
        ),
        span(
            format!("{action_sign} {} ", column(action, 15, "")),
            action_style,
        ),
        span(format!("{cite_sign} {} ", column(cited, 6, "")), cite_style),
        span(ended, theme.style(Token::Warn)),
    ])
}

/// Warnings, the newest first, each as many lines as it needs: the end of one says what to do.
fn draw_log(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if run.warnings.is_empty() {
        list(Vec::new(), 0, "no warnings", theme, area, buf);
        return;
    }
    let width = usize::from(area.width).saturating_sub(LOG_MARGIN);
    let wrapped = run.warnings.iter().rev().map(|(step, message)| {
        let rows = wrap(message, width);
        (*step, rows)
    });
    let wrapped: Vec<_> = wrapped.collect();
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

fn draw_evaluations(
    training: &Training,
    run: &Watching,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let names = ["accuracy", "citation_accuracy", "format_ok", "mean_reward"];
    let row = |row: &crate::link::EvalRow| {
        let value = |name: &str| {
            row.values
                .get(name)
                .map_or_else(|| "-".to_owned(), |v| short(*v))
        };
        let values: Vec<_> = names
            .iter()
            .map(|name| format!("{:>7}", value(name)))
            .collect();
        Line::from(vec![
            span(
                format!("{:>5} {} ", row.step, column(&row.stage, 18, "")),
                theme.style(Token::Text),
            ),
            span(values.join(" "), theme.style(Token::Accent)),
            span(format!(" n={}", row.episodes), theme.style(Token::Faint)),
        ])
    };
    if run.evaluations.is_empty() || area.height < 2 {
        list(Vec::new(), 0, "no evaluations yet", theme, area, buf);
        return;
    }
    let head = format!(
        "{:>5} {:<18} {:>7} {:>7} {:>7} {:>7}",
        "step", "phase", "action", "cited", "format", "reward"
    );
    lines(
        [Line::from(span(head, theme.style(Token::Faint)))],
        area,
        buf,
    );
    let below = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let rows = run.evaluations.iter().rev().map(row).collect();
    list(rows, training.cursor(), "", theme, below, buf);
}
