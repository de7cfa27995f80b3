//! Two adapters' answers to one alert, side by side where there is room, else one under the other.

use ratatui::text::{Line, Span};

use crate::env::schema::Action;
use crate::label::agreement::alike_in_words;
use crate::ui::app::App;
use crate::ui::queue::{Answer, Entry, adapter_name};
use crate::ui::screen::answer::{Rows, labelled};
use crate::ui::screen::episodes::{hit, signed};
use crate::ui::screen::inside::{bar, order};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, span, wrap, wrap_most};

/// From this width on the answers stand side by side.
const WIDE: usize = 66;

/// Rows of a rationale that are shown.
const RATIONALE_ROWS: usize = 4;

/// Cells of an action's name.
const NAME: usize = 16;

type Cells = Vec<(String, Token)>;

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
    let [left, right] = [(first, answers[0]), (second, answers[1])].map(|(name, answer)| {
        let side = Side {
            name: &name,
            answer,
            order: &order,
            entry,
            theme,
            width: room,
        };
        side.wrapped()
    });
    let line = |cells: &(String, Token)| span(&cells.0, theme.style(cells.1));
    if !is_wide {
        rows.extend(
            left.iter()
                .chain(&right)
                .map(|cells| Line::from(line(cells))),
        );
        return Some(rows);
    }
    for at in 0..left.len().max(right.len()) {
        let padded = left.get(at).map_or_else(
            || span(" ".repeat(room), theme.style(Token::Text)),
            |(text, token)| span(column(text, room, theme.glyphs.cut), theme.style(*token)),
        );
        let between: Span<'static> = span(
            format!("{} ", theme.glyphs.separator),
            theme.style(Token::Border),
        );
        let right = right.get(at).map(line);
        rows.push(Line::from_iter([padded, between].into_iter().chain(right)));
    }
    Some(rows)
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
    /// Every text wrapped to the width there is.
    fn wrapped(&self) -> Cells {
        let wrapped = |(text, token): (String, Token)| {
            let rows = wrap(&text, self.width).into_iter();
            rows.map(move |row| (row, token))
        };
        self.said().into_iter().flat_map(wrapped).collect()
    }

    fn said(&self) -> Cells {
        let mut cells = vec![(format!("Model with {}", self.name), Token::Title)];
        let (response, verdict, probabilities, millis) = match self.answer {
            Some(Answer::Given {
                response,
                verdict,
                probabilities,
                millis,
                ..
            }) => (response, verdict, probabilities, millis),
            Some(Answer::Failed(why)) => {
                cells.push((format!("no answer: {why}"), Token::Bad));
                return cells;
            }
            Some(Answer::Thinking) | None => {
                cells.push(("not answered yet".to_owned(), Token::Faint));
                return cells;
            }
        };
        let judged = |text: String, is_right: bool| {
            if !self.entry.desk.is_revealed {
                return (text, Token::Accent);
            }
            let token = if is_right { Token::Good } else { Token::Bad };
            (format!("{text} {}", hit(is_right, self.theme).0), token)
        };
        let action = verdict.action.map_or("malformed", |action| action.as_str());
        cells.push(judged(action.to_owned(), verdict.correct_action));
        let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
        cells.push(judged(format!("cites {cited}"), verdict.correct_citation));
        if self.entry.desk.is_revealed {
            let token = if verdict.reward > 0.0 {
                Token::Good
            } else {
                Token::Bad
            };
            cells.push((format!("reward {}", signed(verdict.reward)), token));
        }
        if let Some(shares) = probabilities {
            cells.extend(self.bars(shares, verdict.action));
        }
        let said = verdict.rationale.as_deref().unwrap_or(response.trim_end());
        let said = format!("\"{said}\"");
        let wrapped =
            wrap_most(&said, self.width, RATIONALE_ROWS, self.theme.glyphs.cut).into_iter();
        cells.extend(wrapped.map(|text| (text, Token::Faint)));
        cells.push((format!("{millis} ms"), Token::Faint));
        cells
    }

    /// One bar an action.
    fn bars(&self, shares: &[f64; 5], said: Option<Action>) -> Cells {
        let room = self.width.saturating_sub(NAME + 7).clamp(4, 20);
        let row = |action: &Action| {
            let share = shares.get(action.index()).copied().unwrap_or(0.0);
            let token = match said == Some(*action) {
                true => Token::Accent,
                false => Token::Text,
            };
            let (name, bar) = (action.as_str(), bar(share, room, self.theme));
            (format!("{name:<NAME$}{bar}{:>6.1}%", share * 100.0), token)
        };
        self.order.iter().map(row).collect()
    }
}
