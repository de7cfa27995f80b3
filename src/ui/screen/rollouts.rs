//! The rollout browser: one group of responses to a prompt, with rewards, advantages and what rewards are made of.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::link::{Rollout, RolloutGroup};
use crate::ui::screen::panes::list;
use crate::ui::screen::spoken;
use crate::ui::theme::{Theme, Token};
use crate::ui::watching::Training;
use crate::ui::widget::text::{column, lines, span, wrap};

/// The group, its responses, and of the chosen one the text and what its reward is made of.
pub fn draw(training: &Training, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some(group) = training.group() else {
        let none = "no rollouts yet: they come with the first GRPO step";
        list(Vec::new(), 0, none, theme, area, buf);
        return;
    };
    let cursor = training
        .cursor()
        .min(group.rollouts.len().saturating_sub(1));
    let width = usize::from(area.width);
    let chosen = group.rollouts.get(cursor);
    let response = chosen.map(|rollout| response_rows(rollout, theme, width));
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
    let spaced = std::iter::once(Line::default()).chain(response);
    lines(spaced, bottom, buf);
}

/// What the reward is made of, the response, and its least likely token.
fn response_rows(rollout: &Rollout, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let said = |rows: Vec<String>, token: Token| {
        let rows = rows.into_iter();
        rows.map(move |row| Line::from(span(row, theme.style(token))))
    };
    let reward = said(wrap(&components(rollout), width), Token::Text);
    let least = said(spoken::least_likely(rollout, width), Token::Faint);
    let response = spoken::response(rollout, theme, width);
    reward.chain(response).chain(least).collect()
}

fn group_rows(
    training: &Training,
    group: &RolloutGroup,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let place = match training.groups_back {
        _ if training.is_leafing() => "from the run's folder, [ ] older, newer".to_owned(),
        0 => "newest".to_owned(),
        back => format!("{back} back, s to a step"),
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

/// What the reward is made of.
fn components(rollout: &Rollout) -> String {
    let parts = rollout.components.iter();
    let parts: Vec<_> = parts
        .map(|(name, value)| format!("{name} {value:+.2}"))
        .collect();
    match parts.is_empty() {
        true => format!("reward {:+.2}", rollout.reward),
        false => format!("reward {:+.2} = {}", rollout.reward, parts.join(", ")),
    }
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
