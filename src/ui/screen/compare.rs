//! Two adapters' answers to one alert, side by side where there is room, else one under the other.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::env::schema::{Action, Verdict};
use crate::label::agreement::alike_in_words;
use crate::ui::app::App;
use crate::ui::queue::{Answer, Entry, adapter_name};
use crate::ui::screen::answer::{Rows, labelled};
use crate::ui::screen::episodes::{hit, signed};
use crate::ui::screen::inside::{bar, order};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut_line, span, wrap, wrap_most, wrap_styled};

/// From this width on the answers stand side by side.
const WIDE: usize = 66;

/// Rows of a rationale that are shown.
const RATIONALE_ROWS: usize = 4;

/// Cells of an action's name.
const NAME: usize = 16;

/// What both say; nothing where no second adapter is compared.
pub fn rows(app: &App, entry: &Entry, theme: &Theme, width: usize) -> Option<Vec<Line<'static>>> {
    let second = adapter_name(app.queue.second_adapter()?);
    let first = adapter_name(app.queue.adapter()?);
    let answers = [app.queue.shown_answer(), app.queue.second_answer()];
    let mut rows = headline(answers, app, theme, width);
    if app.queue.hides_answer() {
        return Some(rows);
    }
    let is_wide = width >= WIDE;
    let room = if is_wide { (width - 2) / 2 } else { width };
    let said = answers.map(|answer| match answer {
        Some(Answer::Given { verdict, .. }) => verdict.action,
        _ => None,
    });
    let order = order(&said, entry);
    let sides = [(&first, answers[0]), (&second, answers[1])];
    let sides = sides.map(|(name, answer)| Side {
        name,
        answer,
        order: &order,
        entry,
        theme,
        width: room,
    });
    // Alike on both sides.
    let in_words = sides.iter().all(Side::has_room_for_words);
    let [left, right] = sides.map(|side| side.said(in_words));
    if is_wide {
        rows.extend(beside(left, right, room, theme));
    } else {
        rows.extend(left.into_iter().chain(right));
    }
    Some(rows)
}

/// Two columns, the left one `room` cells wide, with a line between.
fn beside(left: Rows, right: Rows, room: usize, theme: &Theme) -> Rows {
    let count = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let row = |_| {
        let begin = left.next().unwrap_or_default().spans;
        let mut row = cut_line(begin, room, theme.glyphs.cut);
        let missing = room.saturating_sub(row.width());
        row.push_span(span(" ".repeat(missing), theme.style(Token::Text)));
        let between = format!("{} ", theme.glyphs.separator);
        row.push_span(span(between, theme.style(Token::Border)));
        row.spans.extend(right.next().unwrap_or_default().spans);
        row
    };
    (0..count).map(row).collect()
}

/// Whether the two say the same.
fn headline(answers: [Option<&Answer>; 2], app: &App, theme: &Theme, width: usize) -> Rows {
    let text = match answers {
        _ if app.queue.hides_answer() => {
            "hidden until the truth is revealed (v shows it)".to_owned()
        }
        [
            Some(Answer::Given { verdict: one, .. }),
            Some(Answer::Given { verdict: two, .. }),
        ] => alike_in_words(one, two),
        _ => "waiting for both answers".to_owned(),
    };
    let both = format!("{text} (c ends comparing, C next adapter)");
    labelled("Both", &[(&both, theme.style(Token::Accent))], theme, width)
}

/// One side of the comparison.
struct Side<'a> {
    name: &'a str,
    answer: Option<&'a Answer>,
    /// Of the actions' bars: the same on both sides.
    order: &'a [Action],
    entry: &'a Entry,
    theme: &'a Theme,
    width: usize,
}

impl Side<'_> {
    /// Whether action and citation stand in one row together with whether they are right, in words.
    fn has_room_for_words(&self) -> bool {
        let Some(Answer::Given { verdict, .. }) = self.answer else {
            return true;
        };
        let pieces = self.judged(verdict, true);
        let wide = pieces
            .iter()
            .map(|(text, style)| span(text, *style).width());
        wide.sum::<usize>() <= self.width
    }

    /// What short panes cut off comes last.
    fn said(&self, in_words: bool) -> Rows {
        let mut rows = self.wrapped(&format!("Model with {}", self.name), Token::Title);
        let (response, verdict, probabilities, millis) = match self.answer {
            Some(Answer::Given {
                response,
                verdict,
                probabilities,
                millis,
                ..
            }) => (response, verdict, probabilities, millis),
            Some(Answer::Failed(why)) => {
                rows.extend(self.wrapped(&format!("no answer: {why}"), Token::Bad));
                return rows;
            }
            Some(Answer::Thinking) | None => {
                rows.extend(self.wrapped("not answered yet", Token::Faint));
                return rows;
            }
        };
        let judged = self.judged(verdict, in_words);
        let judged: Vec<(&str, Style)> = judged.iter().map(|(t, s)| (t.as_str(), *s)).collect();
        rows.extend(wrap_styled(&judged, self.width));
        if self.entry.desk.is_revealed {
            let token = if verdict.reward > 0.0 {
                Token::Good
            } else {
                Token::Bad
            };
            rows.extend(self.wrapped(&format!("reward {}", signed(verdict.reward)), token));
        }
        if let Some(shares) = probabilities {
            rows.extend(self.bars(shares, verdict.action));
        }
        let said = verdict.rationale.as_deref().unwrap_or(response.trim_end());
        let said = format!("\"{said}\"");
        let said = wrap_most(&said, self.width, RATIONALE_ROWS, self.theme.glyphs.cut);
        let faint = self.theme.style(Token::Faint);
        rows.extend(said.into_iter().map(|text| Line::from(span(text, faint))));
        rows.extend(self.wrapped(&format!("{millis} ms"), Token::Faint));
        rows
    }

    /// Action and citation; once revealed whether each is right, in words or by its sign alone.
    fn judged(&self, verdict: &Verdict, in_words: bool) -> Vec<(String, Style)> {
        let judged = |text: String, is_right: bool| {
            if !self.entry.desk.is_revealed {
                return (text, self.theme.style(Token::Accent));
            }
            let (word, style) = hit(is_right, self.theme);
            let glyphs = &self.theme.glyphs;
            let sign = if is_right { glyphs.right } else { glyphs.wrong };
            let mark = if in_words { word.as_str() } else { sign };
            (format!("{text} {mark}"), style)
        };
        let action = verdict.action.map_or("malformed", |action| action.as_str());
        let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
        vec![
            judged(action.to_owned(), verdict.correct_action),
            (", ".to_owned(), self.theme.style(Token::Text)),
            judged(format!("cites {cited}"), verdict.correct_citation),
        ]
    }

    /// A text in as many rows as it needs.
    fn wrapped(&self, text: &str, token: Token) -> Rows {
        let style = self.theme.style(token);
        let rows = wrap(text, self.width).into_iter();
        rows.map(|row| Line::from(span(row, style))).collect()
    }

    /// One bar an action.
    fn bars(&self, shares: &[f64; 5], said: Option<Action>) -> Rows {
        let room = self.width.saturating_sub(NAME + 7).clamp(4, 20);
        let row = |action: &Action| {
            let share = shares.get(action.index()).copied().unwrap_or(0.0);
            let token = match said == Some(*action) {
                true => Token::Accent,
                false => Token::Text,
            };
            let (name, bar) = (action.as_str(), bar(share, room, self.theme));
            let text = format!("{name:<NAME$}{bar}{:>6.1}%", share * 100.0);
            self.wrapped(&text, token)
        };
        self.order.iter().flat_map(row).collect()
    }
}
