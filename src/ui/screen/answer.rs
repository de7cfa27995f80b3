//! What model, analyst and verifier say of the selected alert, one under the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::env::schema::{Truth, Verdict};
use crate::ui::app::App;
use crate::ui::queue::{Answer, Entry, Model, QueuePane, adapter_name};
use crate::ui::screen::episodes::{hit, signed};
use crate::ui::screen::{compare, inside, what_if};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{lines, more, pane, span, wrap};

pub(super) type Rows = Vec<Line<'static>>;

/// Draws the pane.
pub fn draw(app: &App, entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let rows = rows(app, entry, theme, area.width);
    let height = usize::from(area.height.saturating_sub(2));
    let first = app.queue.answers_scroll.page(rows.len(), height);
    let adapter = app.queue.adapter().map_or_else(String::new, |choice| {
        format!(": model with {}", adapter_name(choice))
    });
    let what = match app.queue.what_if() {
        Some(_) => "What-if (u undoes, x drops it)",
        None => "Answers",
    };
    let title = format!("{what}{}{adapter}", more(first, rows.len(), height, theme));
    let is_focused = app.queue.pane == QueuePane::Answers;
    let room = pane(&title, is_focused, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
}

/// Lines the pane would fill at this width, its border included.
pub fn wanted_height(app: &App, entry: &Entry, theme: &Theme, width: u16) -> u16 {
    rows(app, entry, theme, width).len() as u16 + 2
}

/// What is said; once revealed the truth first, because short panes cut off what comes last.
fn rows(app: &App, entry: &Entry, theme: &Theme, pane_width: u16) -> Rows {
    let width = usize::from(pane_width.saturating_sub(2));
    let mut rows = Vec::new();
    if let Some(now) = app.queue.what_if() {
        rows.extend(what_if::rows(app, now, theme, width));
        model_rows(app, entry, theme, width, &mut rows);
    } else if entry.desk.is_revealed {
        truth_rows(entry, theme, width, &mut rows);
        own_rows(entry, theme, &mut rows);
        model_rows(app, entry, theme, width, &mut rows);
    } else {
        model_rows(app, entry, theme, width, &mut rows);
        own_rows(entry, theme, &mut rows);
        truth_rows(entry, theme, width, &mut rows);
    }
    let is_elsewhere = app.queue.second_adapter().is_some();
    let is_hidden = app.queue.hides_answer() || is_elsewhere;
    if let (Some(answer), false) = (app.queue.shown_answer(), is_hidden) {
        rows.extend(inside::rows(answer, entry, theme, width));
    }
    rows
}

/// The word a row of answers begins with.
pub fn label(name: &str, theme: &Theme) -> Span<'static> {
    span(format!("{name:<7}"), theme.style(Token::Title))
}

fn model_rows(app: &App, entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    if let Some(both) = compare::rows(app, entry, theme, width) {
        rows.extend(both);
        return;
    }
    let faint = theme.style(Token::Faint);
    let is_revealed = entry.desk.is_revealed;
    let mut note = |text: &str, style: Style| {
        rows.push(Line::from(vec![label("Model", theme), span(text, style)]));
    };
    match (app.queue.shown_answer(), &app.queue.model) {
        (Some(_), _) if app.queue.hides_answer() => {
            note("hidden until the truth is revealed (v shows it)", faint);
        }
        (Some(Answer::Thinking), _) => note("thinking", faint),
        (Some(Answer::Failed(why)), _) => {
            note(&format!("no answer: {why}"), theme.style(Token::Bad))
        }
        (
            Some(Answer::Given {
                adapter,
                response,
                verdict,
                millis,
                ..
            }),
            _,
        ) => {
            let origin = format!("({adapter}, {millis} ms)");
            rows.push(verdict_row("Model", verdict, is_revealed, &origin, theme));
            if is_revealed {
                rows.push(reward_row(verdict, theme));
            }
            say_rationale(verdict, response, theme, width, rows);
        }
        (None, Model::Loading) => note(
            "loading the weights; episodes can be read and decided meanwhile",
            faint,
        ),
        (None, Model::Failed(why)) => note(&format!("no model: {why}"), theme.style(Token::Bad)),
        (None, Model::Absent) => note("none here: a run is only watched", faint),
        (None, Model::Ready { .. }) => note("waiting for its turn", faint),
    }
}

/// Rationale, or for a malformed response the reason and the response itself.
fn say_rationale(verdict: &Verdict, response: &str, theme: &Theme, width: usize, rows: &mut Rows) {
    let text = match (&verdict.malformed_because, &verdict.rationale) {
        (Some(why), _) => format!("malformed ({why}): {}", response.trim_end()),
        (None, Some(rationale)) => format!("\"{rationale}\""),
        (None, None) => return,
    };
    let style = theme.style(Token::Faint);
    let wrapped = wrap(&text, width.saturating_sub(7));
    let indent = |line: String| Line::from(span(format!("       {line}"), style));
    rows.extend(wrapped.into_iter().take(3).map(indent));
}

/// Action and citation, each with right or wrong once revealed.
pub(super) fn verdict_row(
    name: &str,
    verdict: &Verdict,
    is_revealed: bool,
    origin: &str,
    theme: &Theme,
) -> Line<'static> {
    let text = theme.style(Token::Text);
    let action = verdict.action.map_or("malformed", |action| action.as_str());
    let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
    let mut spans = vec![
        label(name, theme),
        span(format!("{action} "), theme.style(Token::Accent)),
    ];
    if is_revealed {
        let (word, style) = hit(verdict.correct_action, theme);
        spans.push(span(format!("{word} "), style));
    }
    spans.push(span(format!("cites {cited} "), text));
    if is_revealed {
        let (word, style) = hit(verdict.correct_citation, theme);
        spans.push(span(format!("{word} "), style));
    }
    spans.push(span(origin, theme.style(Token::Faint)));
    Line::from(spans)
}

fn reward_row(verdict: &Verdict, theme: &Theme) -> Line<'static> {
    let parts = verdict.components.iter();
    let parts: Vec<_> = parts
        .map(|(name, value)| format!("{name} {}", signed(*value)))
        .collect();
    let sum = if parts.is_empty() {
        "neither reward nor penalty".to_owned()
    } else {
        format!("= {}", parts.join(" "))
    };
    let token = if verdict.reward > 0.0 {
        Token::Good
    } else {
        Token::Bad
    };
    let reward = format!("       reward {} ", signed(verdict.reward));
    Line::from(vec![
        span(reward, theme.style(token)),
        span(sum, theme.style(Token::Faint)),
    ])
}

fn own_rows(entry: &Entry, theme: &Theme, rows: &mut Rows) {
    let desk = &entry.desk;
    if let Some(own) = &desk.own {
        rows.push(verdict_row("You", own, true, "", theme));
        rows.push(reward_row(own, theme));
        return;
    }
    let cited = desk.mark.and_then(|at| entry.episode.log_window.get(at));
    let cited = cited.map_or("the line under the cursor", |event| event.log_id.as_str());
    let text = match (desk.decision, desk.is_revealed) {
        (_, true) => "no decision: the truth was revealed first".to_owned(),
        (Some(action), false) => format!("{action}, citing {cited}: Enter submits"),
        (None, false) => "1 dismiss 2 monitor 3 quarantine_host 4 block_ip 5 escalate".to_owned(),
    };
    let style = if desk.decision.is_some() {
        theme.style(Token::Mark)
    } else {
        theme.style(Token::Text)
    };
    rows.push(Line::from(vec![label("You", theme), span(text, style)]));
}

fn truth_rows(entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    let truth = &entry.episode.truth;
    if !entry.desk.is_revealed {
        let hidden = span(
            "hidden; submitting reveals it, r without a decision",
            theme.style(Token::Faint),
        );
        rows.push(Line::from(vec![label("Truth", theme), hidden]));
        return;
    }
    say_truth("Truth", truth, theme, width, rows);
    let others: Vec<_> = truth.evidence.iter().map(String::as_str).collect();
    if others.len() > 1 {
        let evidence = format!("       evidence: {}", others.join(" "));
        rows.push(Line::from(span(evidence, theme.style(Token::Faint))));
    }
}

/// Action, trigger, rule and reason.
pub(super) fn say_truth(name: &str, truth: &Truth, theme: &Theme, width: usize, rows: &mut Rows) {
    let text = theme.style(Token::Text);
    let decision = vec![
        label(name, theme),
        span(format!("{} ", truth.action), theme.style(Token::Good)),
        span(format!("because of {} ", truth.triggering_log_id), text),
    ];
    let rule = vec![
        span(format!("rule {} ", truth.rule), theme.style(Token::Key)),
        span(truth.attack.join(" "), theme.style(Token::Faint)),
    ];
    let whole = Line::from([decision.clone(), rule.clone()].concat());
    if whole.width() <= width {
        rows.push(whole);
    } else {
        // The rule's name is the end of the line, and what one looks for.
        let indent = span(" ".repeat(7), text);
        rows.push(Line::from(decision));
        rows.push(Line::from([vec![indent], rule].concat()));
    }
    let wrapped = wrap(&truth.reason, width.saturating_sub(7));
    rows.extend(
        wrapped
            .into_iter()
            .map(|l| Line::from(span(format!("       {l}"), text))),
    );
}
