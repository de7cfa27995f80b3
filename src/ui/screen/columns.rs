//! The queue's columns: which of them fit, and what stands in them. Number and id are always whole.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::env::schema::{Action, Verdict};
use crate::ui::app::App;
use crate::ui::order::Order;
use crate::ui::queue::{Answer, Entry};
use crate::ui::screen::episodes::{hit, severity, short_split, short_stage};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, span};

/// Cells of a number, with the letter of the twin.
const NUMBER: usize = 6;

/// What an outcome gets: two signs, of action and citation, or a word.
const OUTCOME: (usize, usize) = (3, 8);

/// What an action gets: its first word, or all of it.
const ACTION: (usize, usize) = (11, 16);

/// What a severity gets: a few letters, or its word.
const SEVERITY: (usize, usize) = (5, 9);

/// The least a host gets, what most take, and more where there is room.
const HOST: (usize, usize, usize) = (10, 13, 26);

/// The least a category gets, and the most.
const CATEGORY: (usize, usize) = (14, 18);

/// What stage and split get: a digit and a word.
const PLACE: (usize, usize) = (3, 6);

/// Something told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    /// Whether the model is right.
    Outcome,
    /// What the model says.
    Action,
    You,
    Severity,
    Id,
    Host,
    Category,
    Stage,
    Split,
}

impl Kind {
    /// All of them, from left to right.
    const ALL: [Kind; 10] = [
        Kind::Number,
        Kind::Outcome,
        Kind::Action,
        Kind::You,
        Kind::Severity,
        Kind::Id,
        Kind::Host,
        Kind::Category,
        Kind::Stage,
        Kind::Split,
    ];

    /// What it is called at the top of so many cells.
    const fn title(self, width: usize) -> &'static str {
        match self {
            Kind::Number => "",
            Kind::Severity if width < SEVERITY.1 => "sev",
            Kind::Outcome => "model",
            Kind::Action => "says",
            Kind::You => "you",
            Kind::Severity => "severity",
            Kind::Id => "id",
            Kind::Host => "host",
            Kind::Category => "category",
            Kind::Stage => "st",
            Kind::Split => "split",
        }
    }
}

/// The columns that fit, from left to right, each with its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<(Kind, usize)>);

impl Columns {
    /// Those that fit into `width`, where the longest id has `id` characters: what the queue is listed by, then what matters
    /// more. Words grow where all have room. Stage and split come late: they are the same in every row.
    #[must_use]
    pub fn fit(width: usize, id: usize, order: Order) -> Self {
        let mut cells = vec![(Kind::Number, NUMBER), (Kind::Id, id + 1)];
        let mut room = width.saturating_sub(NUMBER + id + 1);
        let listed_by = match order {
            Order::Severity => (Kind::Severity, SEVERITY.0),
            Order::Category => (Kind::Category, CATEGORY.0.min(room)),
            Order::Host => (Kind::Host, HOST.0.min(room)),
            // A rule is told by the title.
            Order::Queue | Order::Outcome | Order::Rule => (Kind::Outcome, OUTCOME.0),
        };
        let wanted = [
            listed_by,
            // Signs first; their words when the rest is there.
            (Kind::Outcome, OUTCOME.0),
            (Kind::You, 6),
            (Kind::Severity, SEVERITY.0),
            (Kind::Action, ACTION.0),
            (Kind::Host, HOST.0),
            (Kind::Category, CATEGORY.0),
            (Kind::Severity, SEVERITY.1),
            (Kind::Outcome, OUTCOME.1),
            (Kind::Host, HOST.1),
            (Kind::Action, ACTION.1),
            (Kind::Stage, PLACE.0),
            (Kind::Split, PLACE.1),
            (Kind::Category, CATEGORY.1),
            (Kind::Host, HOST.2),
        ];
        for (kind, wide) in wanted {
            let known = cells.iter_mut().find(|(other, _)| *other == kind);
            let has = known.as_ref().map_or(0, |(_, cells)| *cells);
            let more = wide.saturating_sub(has);
            // Names that are cut can be told apart by every letter more.
            let grows = has > 0 && matches!(kind, Kind::Host | Kind::Category);
            let more = if grows { more.min(room) } else { more };
            // One of the two alone says little that the title does not.
            let needs = if kind == Kind::Stage {
                PLACE.0 + PLACE.1
            } else {
                more
            };
            if more.max(needs) > room || more == 0 {
                continue;
            }
            room -= more;
            match known {
                Some((_, cells)) => *cells += more,
                None => cells.push((kind, wide)),
            }
        }
        let place = |kind: Kind| Kind::ALL.iter().position(|other| *other == kind);
        cells.sort_by_key(|(kind, _)| place(*kind));
        Self(cells)
    }

    /// What the columns are called.
    #[must_use]
    pub fn head(&self, theme: &Theme) -> Line<'static> {
        let titles = self.0.iter().map(|(kind, width)| {
            // A title cut in two says nothing.
            let title = kind.title(*width);
            let title = if title.len() < *width { title } else { "" };
            span(column(title, *width, ""), theme.style(Token::Faint))
        });
        Line::from_iter(titles)
    }

    /// The alert at `at`.
    #[must_use]
    pub fn row(&self, app: &App, at: usize, entry: &Entry, theme: &Theme) -> Line<'static> {
        let cells = self.0.iter().map(|&(kind, width)| {
            let (text, style) = cell(kind, width, app, at, entry, theme);
            // The last cell keeps apart from what follows.
            let text = column(&text, width.saturating_sub(1), theme.glyphs.cut);
            span(text + " ", style)
        });
        Line::from_iter(cells)
    }
}

fn cell(
    kind: Kind,
    width: usize,
    app: &App,
    at: usize,
    entry: &Entry,
    theme: &Theme,
) -> (String, Style) {
    let alert = &entry.episode.alert;
    let (text, faint) = (theme.style(Token::Text), theme.style(Token::Faint));
    match kind {
        Kind::Number => (format!("{at:>4}{}", entry.twin_letter()), faint),
        Kind::Outcome => outcome(app, at, entry, width, theme),
        Kind::Action => action(app, at, entry, width, theme),
        Kind::You => own_mark(entry, theme),
        Kind::Severity => {
            let style = severity(&alert.severity, theme);
            (severity_word(&alert.severity, width).to_owned(), style)
        }
        Kind::Id => (alert.alert_id.clone(), text),
        Kind::Host => (alert.host.clone(), text),
        Kind::Category => (alert.category.clone(), text),
        Kind::Stage => {
            let short = short_stage(entry.episode.stage);
            (short.trim_start_matches("stage").to_owned(), faint)
        }
        Kind::Split => (short_split(entry.episode.split).to_owned(), faint),
    }
}

/// A severity in the cells there are.
fn severity_word(word: &str, width: usize) -> &str {
    match word {
        "critical" if width < SEVERITY.1 => "crit",
        "medium" if width < SEVERITY.1 => "med",
        word => word,
    }
}

/// Whether the model is right once that is revealed, else how far it is: words, or signs where there is no room. No sign is a
/// letter that could be read as right or wrong.
fn outcome(app: &App, at: usize, entry: &Entry, width: usize, theme: &Theme) -> (String, Style) {
    let faint = theme.style(Token::Faint);
    let (word, sign, style) = match app.queue.answer(at) {
        Some(Answer::Given { verdict, .. }) if entry.desk.is_revealed => judged(verdict, theme),
        Some(Answer::Given { .. }) => ("ready".to_owned(), "?".to_owned(), faint),
        Some(Answer::Thinking) => ("asked".to_owned(), theme.glyphs.cut.to_owned(), faint),
        Some(Answer::Failed(_)) => (
            "failed".to_owned(),
            "!".to_owned(),
            theme.style(Token::Warn),
        ),
        None => ("-".to_owned(), "-".to_owned(), faint),
    };
    let text = if width >= OUTCOME.1 { word } else { sign };
    (text, style)
}

/// Word, signs (of the action, then of the citation) and style of a judged answer; the right action with a wrong citation is
/// neither right nor wrong.
fn judged(verdict: &Verdict, theme: &Theme) -> (String, String, Style) {
    let (right, wrong) = (theme.glyphs.right, theme.glyphs.wrong);
    let sign = |is_right: bool| if is_right { right } else { wrong };
    let signs = sign(verdict.correct_action).to_owned() + sign(verdict.correct_citation);
    let (word, style) = hit(verdict.correct_action, theme);
    match (verdict.correct_action, verdict.correct_citation) {
        (true, false) => {
            let style = theme.style(Token::Warn);
            (format!("{right} cite{wrong}"), signs, style)
        }
        _ => (word, signs, style),
    }
}

/// What the model says, unless that is hidden.
fn action(app: &App, at: usize, entry: &Entry, width: usize, theme: &Theme) -> (String, Style) {
    let is_hidden = app.queue.is_blind && !entry.desk.is_revealed;
    match app.queue.answer(at) {
        Some(Answer::Given { .. }) if is_hidden => ("hidden".to_owned(), theme.style(Token::Faint)),
        Some(Answer::Given { verdict, .. }) => {
            let action = match verdict.action {
                None => "malformed",
                Some(Action::QuarantineHost) if width < ACTION.1 => "quarantine",
                Some(action) => action.as_str(),
            };
            (action.to_owned(), theme.style(Token::Accent))
        }
        _ => (String::new(), theme.style(Token::Faint)),
    }
}

fn own_mark(entry: &Entry, theme: &Theme) -> (String, Style) {
    let judged = |verdict: &Verdict| {
        let (glyph, token) = if verdict.correct_action {
            (theme.glyphs.right, Token::Good)
        } else {
            (theme.glyphs.wrong, Token::Bad)
        };
        (format!("you{glyph}"), theme.style(token))
    };
    match (&entry.desk.own, entry.desk.decision, entry.desk.is_revealed) {
        (Some(verdict), _, _) => judged(verdict),
        (None, Some(action), false) => (
            format!("you{}", action.index() + 1),
            theme.style(Token::Mark),
        ),
        (None, _, true) => ("seen".to_owned(), theme.style(Token::Faint)),
        (None, None, false) => (String::new(), theme.style(Token::Faint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::screen::episodes::beside;

    fn kinds(width: usize) -> Vec<(Kind, usize)> {
        Columns::fit(width, 6, Order::Queue).0
    }

    fn names(columns: Vec<(Kind, usize)>) -> Vec<Kind> {
        columns.into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn what_fits_grows_with_the_width_and_never_past_it() {
        for order in Order::ALL {
            let fit = |width| Columns::fit(width, 6, order).0;
            for width in 0..250 {
                let columns = fit(width);
                let used: usize = columns.iter().map(|(_, cells)| cells).sum();
                assert!(used <= width.max(NUMBER + 7), "{width}: {columns:?}");
                assert!(columns.contains(&(Kind::Id, 7)), "{width}: {columns:?}");
                let more = fit(width + 1).len();
                assert!(more + 1 >= columns.len(), "{width}: {columns:?}");
            }
        }
        use Kind::{Action, Category, Host, Id, Number, Outcome, Severity, You};
        assert_eq!(names(kinds(24)), [Number, Outcome, You, Id]);
        let narrow = [Number, Outcome, Action, You, Severity, Id, Host, Category];
        assert_eq!(
            names(kinds(78)),
            narrow,
            "stage and split are always the same"
        );
        assert_eq!(names(kinds(110)), Kind::ALL);
    }

    #[test]
    fn no_width_says_less_than_a_smaller_one_and_the_widest_say_all() {
        use Kind::{Action, Category, Host, Id, Number, Outcome, Severity, You};
        // Inside the pane beside the alert at 120, 140 and 200 columns.
        let at_120 = [Number, Outcome, Action, You, Severity, Id, Host];
        assert_eq!(names(kinds(48)), at_120);
        let at_140 = [Number, Outcome, Action, You, Severity, Id, Host, Category];
        assert_eq!(names(kinds(64)), at_140);
        let at_200 = kinds(usize::from(beside(200)) - 2);
        assert!(at_200.contains(&(Category, CATEGORY.1)), "{at_200:?}");
        assert_eq!(names(at_200), Kind::ALL);
        let host = kinds(92).into_iter().find(|(kind, _)| *kind == Host);
        assert_eq!(host, Some((Host, HOST.1)));
        let host = kinds(110).into_iter().find(|(kind, _)| *kind == Host);
        assert_eq!(host, Some((Host, HOST.2)));
    }

    #[test]
    fn what_the_queue_is_listed_by_is_a_column_at_every_width() {
        for (order, kind) in [
            (Order::Severity, Kind::Severity),
            (Order::Category, Kind::Category),
            (Order::Host, Kind::Host),
            (Order::Outcome, Kind::Outcome),
        ] {
            for width in 24..250 {
                let columns = Columns::fit(width, 6, order).0;
                let of_it = columns.iter().find(|(other, _)| *other == kind);
                assert!(of_it.is_some(), "{order:?} {width}: {columns:?}");
            }
        }
    }

    #[test]
    fn an_outcome_is_a_glyph_before_it_is_a_word() {
        let outcome = |width| {
            kinds(width)
                .into_iter()
                .find(|(kind, _)| *kind == Kind::Outcome)
        };
        assert_eq!(outcome(24), Some((Kind::Outcome, OUTCOME.0)));
        assert_eq!(outcome(78), Some((Kind::Outcome, OUTCOME.1)));
    }
}
