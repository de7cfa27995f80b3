//! The runs screen: the list, and of the run under the cursor its note, its configuration where it differs, and its
//! rewards on hold-out episodes over those of the run compared with.

mod details;

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::run::summary::{Standing, Summary};
use crate::ui::app::App;
use crate::ui::marks::Mark;
use crate::ui::runs::{Runs, RunsPane};
use crate::ui::screen::runs::details::draw_details;
use crate::ui::spots::Spot;
use crate::ui::theme::{Theme, Token};
use crate::ui::view::{XAxis, x_end};
use crate::ui::widget::chart::{Chart, ChartSeries};
use crate::ui::widget::text::{column, lines, page_of_list, pane, select_row, span, wrap};

/// From this width on the details stand beside the list.
const WIDE: u16 = 130;

/// From this height on the rewards are drawn under the details.
const CHART_FROM: u16 = 22;

/// The range every reward lies in.
const REWARD_RANGE: (f64, f64) = (-1.5, 1.1);

/// Cells for the id of a run.
const ID_WIDTH: usize = 21;

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let [list, details] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
    } else {
        Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
    };
    draw_list(app, theme, list, buf);
    let with_chart = details.height >= CHART_FROM && app.runs.current().is_some();
    if with_chart {
        let [top, bottom] =
            Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(details);
        draw_details(app, theme, top, buf);
        draw_rewards(&app.runs, theme, bottom, buf);
    } else {
        draw_details(app, theme, details, buf);
    }
}

fn draw_list(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let runs = &app.runs;
    let visible = runs.visible();
    let place = if visible.is_empty() {
        "0".to_owned()
    } else {
        (runs.cursor() + 1).to_string()
    };
    let filter = if runs.is_filtered() {
        format!(" of {} by {}", runs.count(), runs.filter_text)
    } else {
        String::new()
    };
    let title = format!("Runs {place}/{}{filter}", visible.len());
    let room = pane(&title, runs.pane == RunsPane::List, theme, area, buf);
    if visible.is_empty() {
        let text = nothing(runs).unwrap_or_default();
        say(&text, theme, room, buf);
        return;
    }
    let extras: Vec<Extra> = extras(usize::from(room.width)).collect();
    let titles: String = extras.iter().map(|extra| extra.title()).collect();
    let head = format!(
        "  {} {:<8} {:>11} {:>7} {:<9} {titles}note",
        column("run", ID_WIDTH, ""),
        "state",
        "step",
        "reward",
        "preset"
    );
    let head = column(&head, usize::from(room.width), "");
    let faint = theme.style(Token::Faint);
    lines([Line::from(span(head, faint))], room, buf);
    let below = Rect {
        y: room.y + 1,
        height: room.height.saturating_sub(1),
        ..room
    };
    let first = page_of_list(runs.cursor(), visible.len(), usize::from(below.height));
    app.spots
        .note_rows(below, (first..visible.len()).map(Spot::Run));
    let rows = visible.iter().skip(first);
    let rows = rows.map(|run| row(run, runs.marks.of(run), &extras, theme, room.width));
    lines(rows, below, buf);
    if below.height > 0 {
        select_row(below, (runs.cursor() - first) as u16, theme, buf);
    }
    if let Some(text) = nothing(runs) {
        // Under the one row there is, the shipped run's.
        let under = Rect {
            y: below.y + below.height.min(2),
            height: below.height.saturating_sub(2),
            ..below
        };
        say(&text, theme, under, buf);
    }
}

/// Why the list is empty, or shows nothing but the shipped run, and what to press.
fn nothing(runs: &Runs) -> Option<String> {
    match &runs.root {
        None => Some("looking for runs".to_owned()),
        Some(_) if runs.visible().is_empty() && runs.is_filtered() => {
            Some("the filter lets no run through; Esc takes it off".to_owned())
        }
        Some(_) if runs.has_own() => None,
        Some(root) => Some(format!(
            "No runs of your own in {} yet. F2 and then t starts one here; `opensoc train --detach` starts one that goes on by itself.",
            root.display()
        )),
    }
}

/// What it is called; one that cannot be changed says so.
fn name(run: &Summary, theme: &Theme) -> String {
    match run.is_shipped() {
        true => format!("{} {}, read-only", theme.glyphs.read_only, run.name()),
        false => run.name(),
    }
}

/// What is told of a run where there is room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    Accuracy,
    Created,
    Model,
}

impl Extra {
    /// The most telling first.
    const ALL: [Extra; 3] = [Extra::Accuracy, Extra::Created, Extra::Model];

    /// Its cells, with the space after it.
    const fn cells(self) -> usize {
        match self {
            Extra::Accuracy => 9,
            Extra::Created => 17,
            Extra::Model => 14,
        }
    }

    fn title(self) -> String {
        let title = match self {
            Extra::Accuracy => "accuracy",
            Extra::Created => "created, UTC",
            Extra::Model => "model",
        };
        column(title, self.cells(), "")
    }

    fn of(self, run: &Summary, cut: &str) -> String {
        let text = match self {
            Extra::Accuracy => {
                let best = run.best_accuracy;
                best.map_or_else(|| "-".to_owned(), |best| format!("{best:.3}"))
            }
            // To the minute.
            Extra::Created => run.created.replace('T', " ").chars().take(16).collect(),
            Extra::Model => run.model.clone(),
        };
        column(&text, self.cells() - 1, cut) + " "
    }
}

/// Cells of the columns that always stand there, and the least for a note.
const STANDING: usize = ID_WIDTH + 43;
const NOTE: usize = 8;

/// What fits into a list of that width beside them.
fn extras(width: usize) -> impl Iterator<Item = Extra> {
    let mut room = width.saturating_sub(STANDING + NOTE);
    let fits = move |extra: &Extra| {
        let fits = extra.cells() <= room;
        room = if fits { room - extra.cells() } else { 0 };
        fits
    };
    Extra::ALL.into_iter().filter(fits)
}

fn row(
    run: &Summary,
    mark: Option<&Mark>,
    extras: &[Extra],
    theme: &Theme,
    width: u16,
) -> Line<'static> {
    let cut = theme.glyphs.cut;
    let text = theme.style(Token::Text);
    let best = run.best_mean_reward;
    let best = best.map_or_else(|| "-".to_owned(), |best| format!("{best:+.3}"));
    let steps = format!("{}/{}", run.step, run.total_steps);
    let told: String = extras.iter().map(|extra| extra.of(run, cut)).collect();
    let cells: usize = extras.iter().map(|extra| extra.cells()).sum();
    let rest = usize::from(width).saturating_sub(STANDING + cells);
    Line::from(vec![
        span(sign(mark), theme.style(Token::Mark)),
        span(column(&name(run, theme), ID_WIDTH, cut), text),
        span(
            format!(" {:<8}", run.standing.as_str()),
            theme.style(token(run.standing)),
        ),
        span(format!(" {} {best:>7} ", right(&steps, 11)), text),
        span(column(run.preset, 9, cut), theme.style(Token::Faint)),
        span(format!(" {told}"), text),
        span(column(&run.note, rest, cut), theme.style(Token::Accent)),
    ])
}

/// The letter of a marked run in charts, the baseline's with a sign of its own.
fn sign(mark: Option<&Mark>) -> String {
    match mark {
        None => "  ".to_owned(),
        Some(mark) if mark.is_baseline => format!("{}=", mark.letter()),
        Some(mark) => format!("{} ", mark.letter()),
    }
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// What a standing is drawn in; its word stands there too.
const fn token(standing: Standing) -> Token {
    match standing {
        Standing::Running => Token::Good,
        Standing::Crashed | Standing::Failed | Standing::Broken => Token::Bad,
        Standing::Paused | Standing::Silent | Standing::Stopped => Token::Warn,
        Standing::New => Token::Faint,
        Standing::Finished => Token::Text,
    }
}

fn say(text: &str, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let style = theme.style(Token::Text);
    let rows = wrap(text, usize::from(area.width)).into_iter();
    lines(rows.map(|l| Line::from(span(l, style))), area, buf);
}

/// Mean reward on hold-out episodes, under it that of the run compared with.
fn draw_rewards(runs: &Runs, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let shown: Vec<&Summary> = runs.current().into_iter().chain(runs.other()).collect();
    let names: Vec<String> = shown.iter().map(|run| run.name()).collect();
    let series = shown.iter().enumerate().map(|(at, run)| ChartSeries {
        name: names.get(at).map_or("", String::as_str),
        metric: "eval_mean_reward",
        raw: Some(Cow::Borrowed(&run.evaluations)),
        smooth: None,
        told: &run.evaluations,
        against: None,
        token: Token::series(at),
    });
    let steps = shown.iter().map(|run| run.total_steps).max().unwrap_or(1);
    let chart = Chart {
        title: "hold-out reward",
        series: series.collect(),
        behind: Vec::new(),
        unit: "",
        x: (0, x_end(steps, steps)),
        x_axis: XAxis::Step,
        y_fixed: Some(REWARD_RANGE),
        y_from_zero: false,
        is_log: false,
        bands: &[],
        cursor: None,
        best: None,
        note: "",
    };
    chart.draw(theme, area, buf);
}
