//! The page of three sides: percent and Cohen's kappa of each two, and the alerts on which they differ.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::env::schema::Stage;
use crate::ui::app::App;
use crate::ui::overlay::dialog::open;
use crate::ui::queue::adapter_name;
use crate::ui::queue::three_way::{Accord, Difference, Said, ThreeWay};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, more, page_of, select_row, span};

/// Cells of what two sides are called.
const NAME: usize = 19;

/// Draws the layer; `cursor` counts differences.
pub fn draw(app: &App, cursor: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (92.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let found = app.queue.differences();
    let mut rows = standings(app, theme, width);
    let above = rows.len();
    rows.extend(found.iter().map(|d| difference(app, d, theme, width)));
    if found.is_empty() {
        let none = "  none among the revealed alerts of this stage";
        rows.push(Line::from(span(none, theme.style(Token::Faint))));
    }
    let height = usize::from(size.1.saturating_sub(2));
    let at = above + cursor.min(found.len().saturating_sub(1));
    // The first differences are read together with the standings above them.
    let first = page_of(at, height);
    let arrows = more(first, rows.len(), height, theme);
    let room = open(
        &format!("You, model, truth{arrows}"),
        size,
        theme,
        area,
        buf,
    );
    lines(rows.into_iter().skip(first), room, buf);
    if !found.is_empty() {
        select_row(room, (at - first) as u16, theme, buf);
    }
}

fn standings(app: &App, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let queue = &app.queue;
    let title = theme.style(Token::Title);
    let model = queue
        .adapter()
        .map_or_else(|| "none".to_owned(), adapter_name);
    let scopes = [
        (queue.stage().to_string(), queue.three_way(&[queue.stage()])),
        ("all stages".to_owned(), queue.three_way(&Stage::ALL)),
    ];
    let mut rows = Vec::new();
    for (scope, found) in scopes {
        let head = format!("{scope}, revealed alerts, model with {model}");
        rows.push(Line::from(span(cut(&head, width, theme.glyphs.cut), title)));
        for (name, accord) in sides(&found) {
            rows.push(row(name, accord, theme, width));
        }
        rows.extend(what_was_seen(&found, theme, width));
        rows.push(Line::default());
    }
    let word = "Where actions differ in this stage (Enter goes there; / cites:wrong too)";
    rows.push(Line::from(span(word, title)));
    rows
}

fn sides(found: &ThreeWay) -> [(&'static str, &Accord); 3] {
    [
        ("  you and truth", &found.analyst_truth),
        ("  model and truth", &found.model_truth),
        ("  you and model", &found.analyst_model),
    ]
}

/// How many decisions were made after the truth was seen, and how many of those that count with the model's answer in view.
fn what_was_seen(found: &ThreeWay, theme: &Theme, width: usize) -> Option<Line<'static>> {
    let after_truth = (found.after_truth > 0).then(|| {
        format!(
            "made after the truth was seen: {}, not counted",
            found.after_truth
        )
    });
    let after_answer = (found.after_answer > 0).then(|| {
        let all = found.analyst_truth.both();
        format!("answer in view: {} of {all}", found.after_answer)
    });
    let told: Vec<String> = after_truth.into_iter().chain(after_answer).collect();
    let text = cut(&format!("  {}", told.join("; ")), width, theme.glyphs.cut);
    (!told.is_empty()).then(|| Line::from(span(text, theme.style(Token::Faint))))
}

/// Counts, percent, kappa and citations of two sides.
fn row(name: &str, accord: &Accord, theme: &Theme, width: usize) -> Line<'static> {
    let agreement = &accord.agreement;
    let Some(percent) = accord.percent() else {
        let none = span("no alert yet", theme.style(Token::Faint));
        let name = span(column(name, NAME, ""), theme.style(Token::Text));
        return Line::from(vec![name, none]);
    };
    let kappa = match agreement.kappa {
        Some(kappa) => format!("kappa {kappa:+.2}"),
        None => "no kappa".to_owned(),
    };
    let malformed = match accord.malformed {
        0 => String::new(),
        count => format!(" ({count} malformed)"),
    };
    let text = format!(
        "{}/{} alike{malformed}, {percent:.0} %, {kappa}, {} cite alike",
        agreement.same_action,
        accord.both(),
        agreement.same_citation
    );
    let text = cut(&text, width.saturating_sub(NAME), theme.glyphs.cut);
    Line::from(vec![
        span(column(name, NAME, ""), theme.style(Token::Text)),
        span(text, theme.style(Token::Accent)),
    ])
}

/// Number and id, then what each side says, with a glyph for right and wrong.
fn difference(app: &App, found: &Difference, theme: &Theme, width: usize) -> Line<'static> {
    let entries = app.queue.entries();
    let id = entries
        .get(found.at)
        .map_or("", |e| e.episode.alert.alert_id.as_str());
    let judged = |said: Option<&'static str>, is_right: bool| match said {
        None => ("-".to_owned(), theme.style(Token::Faint)),
        Some(said) => {
            let (glyph, token) = if is_right {
                (theme.glyphs.right, Token::Good)
            } else {
                (theme.glyphs.wrong, Token::Bad)
            };
            (format!("{glyph} {said}"), theme.style(token))
        }
    };
    let own = judged(
        found.analyst.map(|action| action.as_str()),
        found.analyst == Some(found.truth),
    );
    let said = Some(found.model.as_str()).filter(|_| found.model != Said::Nothing);
    let model = judged(said, found.model == Said::Action(found.truth));
    let text = theme.style(Token::Text);
    let mut spans = vec![
        span(format!("{:>5} {id} ", found.at), theme.style(Token::Faint)),
        span(format!("truth {:<15} ", found.truth.as_str()), text),
    ];
    // Where the words do not fit, the sides are told by their place: you, then the model.
    let words = if width >= 85 {
        ("you ", "model ")
    } else {
        ("", "")
    };
    for ((said, style), word) in [(own, words.0), (model, words.1)] {
        spans.push(span(word, text));
        spans.push(span(column(&said, 18, ""), style));
    }
    Line::from(spans)
}
