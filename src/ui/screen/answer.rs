//! What model, analyst and verifier say of the selected alert, one under the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::env::schema::{Action, Truth, Verdict};
use crate::ui::app::App;
use crate::ui::queue::{Answer, Entry, Model, QueuePane, adapter_name};
use crate::ui::screen::episodes::{hit, signed};
use crate::ui::screen::{compare, inside, what_if};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{lines, more, pack, pane, span, wrap, wrap_most, wrap_styled};

pub(super) type Rows = Vec<Line<'static>>;

/// Cells of the word a row of answers begins with.
pub(super) const LABEL: usize = 7;

/// Rows of a rationale, or of a malformed response, that are shown.
const RATIONALE_ROWS: usize = 3;

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
    let is_focused = app.queue.pane == QueuePane::Answers;
    let arrows = more(first, rows.len(), height, theme);
    let how = match first + height < rows.len() && !app.queue.is_alone {
        true if is_focused => " (+ shows more)",
        true => " (Tab to it, + shows more)",
        false => "",
    };
    let title = format!("{what}{arrows}{how}{adapter}");
    // Which adapter it is goes before how there is more to be seen.
    let title = match title.chars().count() + 5 > usize::from(area.width) {
        true => format!("{what}{arrows}{adapter}"),
        false => title,
    };
    let room = pane(&title, is_focused, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
}

/// Lines the pane would fill at this width, its border included.
pub fn wanted_height(app: &App, entry: &Entry, theme: &Theme, width: u16) -> u16 {
    rows(app, entry, theme, width).len() as u16 + 2
}

/// What is said; once revealed the truth first, then one's own answer or the two that are compared: short panes cut off
/// what comes last.
fn rows(app: &App, entry: &Entry, theme: &Theme, pane_width: u16) -> Rows {
    let width = usize::from(pane_width.saturating_sub(2));
    let mut rows = Vec::new();
    if let Some(now) = app.queue.what_if() {
        rows.extend(what_if::rows(app, now, theme, width));
        model_rows(app, entry, theme, width, &mut rows);
    } else if entry.desk.is_revealed {
        truth_rows(entry, theme, width, &mut rows);
        if app.queue.second_adapter().is_some() {
            model_rows(app, entry, theme, width, &mut rows);
            own_rows(entry, theme, width, &mut rows);
        } else {
            own_rows(entry, theme, width, &mut rows);
            model_rows(app, entry, theme, width, &mut rows);
        }
    } else {
        model_rows(app, entry, theme, width, &mut rows);
        own_rows(entry, theme, width, &mut rows);
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
    span(format!("{name:<LABEL$}"), theme.style(Token::Title))
}

/// `pieces` behind a label, in as many rows as they need.
pub(super) fn labelled(name: &str, pieces: &[(&str, Style)], theme: &Theme, width: usize) -> Rows {
    let wrapped = wrap_styled(pieces, width.saturating_sub(LABEL));
    let row = |(at, line): (usize, Line<'static>)| {
        let name = if at == 0 { name } else { "" };
        Line::from_iter(std::iter::once(label(name, theme)).chain(line.spans))
    };
    wrapped.into_iter().enumerate().map(row).collect()
}

fn model_rows(app: &App, entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    if let Some(both) = compare::rows(app, entry, theme, width) {
        rows.extend(both);
        return;
    }
    let faint = theme.style(Token::Faint);
    let mut note =
        |text: &str, style: Style| rows.extend(labelled("Model", &[(text, style)], theme, width));
    match (app.queue.shown_answer(), &app.queue.model) {
        (Some(_), _) if app.queue.hides_answer() => {
            note("hidden until the truth is revealed (v shows it)", faint);
        }
        (Some(Answer::Thinking), _) => note("thinking", faint),
        (Some(Answer::Failed(why)), _) => {
            note(&format!("no answer: {why}"), theme.style(Token::Bad));
        }
        (Some(answer @ Answer::Given { .. }), _) => given_rows(answer, entry, theme, width, rows),
        (None, Model::Loading) => note(
            "loading the weights; episodes can be read and decided meanwhile",
            faint,
        ),
        (None, Model::Failed(why)) => note(&format!("no model: {why}"), theme.style(Token::Bad)),
        (None, Model::Absent) => note("none here: a run is only watched", faint),
        (None, Model::Ready { .. }) => note("waiting for its turn", faint),
    }
}

/// An answer with its reward and its rationale.
fn given_rows(answer: &Answer, entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    let Answer::Given {
        adapter,
        response,
        verdict,
        millis,
        ..
    } = answer
    else {
        return;
    };
    let is_revealed = entry.desk.is_revealed;
    let origin = format!("({adapter}, {millis} ms)");
    let said = verdict_rows("Model", verdict, is_revealed, &origin, theme, width);
    rows.extend(said);
    if is_revealed {
        rows.extend(reward_rows(verdict, theme, width));
    }
    say_rationale(verdict, response, theme, width, rows);
}

/// Rationale, or for a malformed response the reason and the response itself.
fn say_rationale(verdict: &Verdict, response: &str, theme: &Theme, width: usize, rows: &mut Rows) {
    let text = match (&verdict.malformed_because, &verdict.rationale) {
        (Some(why), _) => format!("malformed ({why}): {}", response.trim_end()),
        (None, Some(rationale)) => format!("\"{rationale}\""),
        (None, None) => return,
    };
    let style = theme.style(Token::Faint);
    let room = width.saturating_sub(LABEL);
    let wrapped = wrap_most(&text, room, RATIONALE_ROWS, theme.glyphs.cut).into_iter();
    rows.extend(wrapped.map(|text| Line::from(vec![label("", theme), span(text, style)])));
}

/// Action and citation, each with right or wrong once revealed.
pub(super) fn verdict_rows(
    name: &str,
    verdict: &Verdict,
    is_revealed: bool,
    origin: &str,
    theme: &Theme,
    width: usize,
) -> Rows {
    let action = verdict.action.map_or("malformed", |action| action.as_str());
    let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
    let judged = |is_right: bool| {
        let (word, style) = hit(is_right, theme);
        let word = if is_revealed {
            word + " "
        } else {
            String::new()
        };
        (word, style)
    };
    let (action, cited) = (format!("{action} "), format!("cites {cited} "));
    let of_action = judged(verdict.correct_action);
    let of_citation = judged(verdict.correct_citation);
    let pieces = [
        (action.as_str(), theme.style(Token::Accent)),
        (of_action.0.as_str(), of_action.1),
        (cited.as_str(), theme.style(Token::Text)),
        (of_citation.0.as_str(), of_citation.1),
        (origin, theme.style(Token::Faint)),
    ];
    labelled(name, &pieces, theme, width)
}

/// The reward and what it is made of.
fn reward_rows(verdict: &Verdict, theme: &Theme, width: usize) -> Rows {
    let reward = format!("reward {}", signed(verdict.reward));
    let parts = verdict.components.iter();
    let parts = parts.map(|(name, value)| format!("{name} {}", signed(*value)));
    let mut items: Vec<String> = std::iter::once(reward.clone()).chain(parts).collect();
    match items.get_mut(1) {
        Some(first) => first.insert_str(0, "= "),
        None => items.push("neither reward nor penalty".to_owned()),
    }
    let token = if verdict.reward > 0.0 {
        Token::Good
    } else {
        Token::Bad
    };
    let packed = pack(&items, width.saturating_sub(LABEL)).into_iter();
    let row = |(at, text): (usize, String)| {
        let (head, rest) = match text.strip_prefix(&reward).filter(|_| at == 0) {
            Some(rest) => (reward.as_str(), rest),
            None => ("", text.as_str()),
        };
        Line::from(vec![
            label("", theme),
            span(head, theme.style(token)),
            span(rest, theme.style(Token::Faint)),
        ])
    };
    packed.enumerate().map(row).collect()
}

fn own_rows(entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    let desk = &entry.desk;
    if let Some(own) = &desk.own {
        rows.extend(verdict_rows("You", own, true, "", theme, width));
        rows.extend(reward_rows(own, theme, width));
        return;
    }
    let cited = desk.mark.and_then(|at| entry.episode.log_window.get(at));
    let cited = cited.map_or("the line under the cursor", |event| event.log_id.as_str());
    let texts = match (desk.decision, desk.is_revealed) {
        (_, true) => vec!["no decision: the truth was revealed first".to_owned()],
        (Some(action), false) => vec![format!("{action}, citing {cited}: Enter submits")],
        (None, false) => {
            let actions = Action::ALL.iter().enumerate();
            let keys: Vec<_> = actions.map(|(at, a)| format!("{} {a}", at + 1)).collect();
            pack(&keys, width.saturating_sub(LABEL))
        }
    };
    let style = if desk.decision.is_some() {
        theme.style(Token::Mark)
    } else {
        theme.style(Token::Text)
    };
    rows.extend(labelled("You", &[(&texts.join("\n"), style)], theme, width));
}

fn truth_rows(entry: &Entry, theme: &Theme, width: usize, rows: &mut Rows) {
    let truth = &entry.episode.truth;
    let faint = theme.style(Token::Faint);
    if !entry.desk.is_revealed {
        let hidden = "hidden; submitting reveals it, r without a decision";
        rows.extend(labelled("Truth", &[(hidden, faint)], theme, width));
        return;
    }
    say_truth("Truth", truth, theme, width, rows);
    if truth.evidence.len() > 1 {
        let evidence = format!("evidence: {}", truth.evidence.join(" "));
        rows.extend(labelled("", &[(&evidence, faint)], theme, width));
    }
}

/// Action, trigger, rule and reason.
pub(super) fn say_truth(name: &str, truth: &Truth, theme: &Theme, width: usize, rows: &mut Rows) {
    let text = theme.style(Token::Text);
    let action = format!("{} ", truth.action);
    let trigger = format!("because of {} ", truth.triggering_log_id);
    let rule = format!("rule {} ", truth.rule);
    let attack = truth.attack.join(" ");
    let decision = [
        (action.as_str(), theme.style(Token::Good)),
        (trigger.as_str(), text),
    ];
    let rule = [
        (rule.as_str(), theme.style(Token::Key)),
        (attack.as_str(), theme.style(Token::Faint)),
    ];
    let whole = labelled(name, &[decision, rule].concat(), theme, width);
    if whole.len() == 1 {
        rows.extend(whole);
    } else {
        // The rule's name is the end of the line, and what one looks for.
        rows.extend(labelled(name, &decision, theme, width));
        rows.extend(labelled("", &rule, theme, width));
    }
    let wrapped = wrap(&truth.reason, width.saturating_sub(LABEL)).into_iter();
    rows.extend(wrapped.map(|l| Line::from(vec![label("", theme), span(l, text)])));
}
