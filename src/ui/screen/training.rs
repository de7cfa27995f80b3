//! The training screen: what the run is doing, its curves, and a pane of lists.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::link::RunState;
use crate::ui::app::App;
use crate::ui::screen::{panes, state_word};
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::{Training, TrainingPane};
use crate::ui::widget::chart::{Chart, ChartSeries, x_end};
use crate::ui::widget::text::{lines, pane, span, wrap};

/// From this width on the lists stand beside the curves.
const WIDE: u16 = 110;

/// The range every reward lies in.
const REWARD_RANGE: (f64, f64) = (-1.5, 1.1);

/// Metrics charted together: title, names, how they are called in the legend.
const QUALITY: [(&str, &str); 3] = [
    ("format_ok", "format"),
    ("accuracy", "action"),
    ("citation_accuracy", "citation"),
];
const SHARES: [(&str, &str); 5] = [
    ("share/dismiss", "dismiss"),
    ("share/monitor", "monitor"),
    ("share/quarantine_host", "quarant."),
    ("share/block_ip", "block"),
    ("share/escalate", "escalate"),
];

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some(run) = app.training.shown() else {
        draw_empty(app, theme, area, buf);
        return;
    };
    let failure = failure_rows(run, theme, area);
    let height = 2 + failure.len() as u16;
    let [head, body] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    draw_head(run, failure, theme, head, buf);
    let (curves, list) = if area.width >= WIDE {
        let [curves, list] =
            Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(body);
        (curves, list)
    } else {
        let [curves, list] =
            Layout::vertical([Constraint::Fill(1), list_height(&app.training)]).areas(body);
        (curves, list)
    };
    draw_curves(&app.training, run, theme, curves, buf);
    panes::draw(&app.training, run, theme, list, buf);
}

/// Rollouts need the most room of the lists: a response stands under them.
fn list_height(training: &Training) -> Constraint {
    match training.pane {
        TrainingPane::Rollouts => Constraint::Fill(2),
        _ => Constraint::Fill(1),
    }
}

fn draw_empty(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = pane("Training", false, theme, area, buf);
    let text = match app.why_no_run() {
        _ if app.is_read_only => "waiting for the run's first facts".to_owned(),
        Some(why) => why,
        None => "no run yet: t starts one".to_owned(),
    };
    let style = theme.style(Token::Text);
    let rows = wrap(&text, usize::from(room.width)).into_iter();
    lines(rows.map(|l| Line::from(span(l, style))), room, buf);
}

/// Why the run failed, whole: what is to be done stands at its end. The log has what does not fit into a third of the screen.
fn failure_rows(run: &Watching, theme: &Theme, area: Rect) -> Vec<Line<'static>> {
    let why = run.failure().unwrap_or_default();
    if why.is_empty() {
        return Vec::new();
    }
    let rows = wrap(why, usize::from(area.width)).into_iter();
    let style = theme.style(Token::Bad);
    rows.take(usize::from(area.height / 3))
        .map(|l| Line::from(span(l, style)))
        .collect()
}

/// State, phase and times in words, then why the run failed, then a gauge over the whole run.
fn draw_head(
    run: &Watching,
    failure: Vec<Line<'static>>,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let (done, total) = (
        run.status.as_ref().map_or(run.last_step, |s| s.step),
        run.total_steps(),
    );
    let mut spans = Vec::new();
    if run.is_shipped {
        spans.push(span("shipped ", theme.style(Token::Accent)));
        spans.push(span(
            "the run that made the embedded adapters, read-only ",
            theme.style(Token::Text),
        ));
    } else {
        if run.is_opened {
            spans.push(span("opened, read-only ", theme.style(Token::Accent)));
        }
        let token = match run.state() {
            Some(RunState::Failed) => Token::Bad,
            Some(RunState::Paused | RunState::Stopped) => Token::Warn,
            _ => Token::Good,
        };
        spans.push(span(
            format!("{} ", state_word(run.state())),
            theme.style(token),
        ));
    }
    if let Some(status) = run.status.as_ref().filter(|s| !s.phase.is_empty()) {
        let left = status
            .eta_s
            .map_or_else(String::new, |s| format!(", {} left", clock(s)));
        let times = format!("{} {}{left} ", status.phase, clock(status.elapsed_s));
        spans.push(span(times, theme.style(Token::Text)));
        if !status.reason.is_empty() && failure.is_empty() {
            spans.push(span(
                format!("{} ", status.reason),
                theme.style(Token::Faint),
            ));
        }
    }
    spans.push(span(&run.run_id, theme.style(Token::Faint)));
    let width = usize::from(area.width);
    let mut rows = vec![Line::from(spans)];
    rows.extend(failure);
    rows.push(gauge(done, total, width, theme));
    lines(rows, area, buf);
}

/// A bar of `done` of `total`, with the numbers in words.
fn gauge(done: u64, total: u64, width: usize, theme: &Theme) -> Line<'static> {
    let numbers = format!(" step {done} of {total}");
    let room = width.saturating_sub(24.max(numbers.len()));
    let share = (done as f64 / total.max(1) as f64).clamp(0.0, 1.0);
    let full = (share * room as f64) as usize;
    Line::from(vec![
        span(theme.glyphs.bar.repeat(full), theme.style(Token::Series1)),
        span(
            theme.glyphs.empty_bar.repeat(room - full),
            theme.style(Token::Faint),
        ),
        span(numbers, theme.style(Token::Text)),
    ])
}

/// Seconds as `1h02m`, `3m20s` or `12s`.
fn clock(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
    }
}

/// As many charts as fit: the chosen metric or the reward, then quality, then action shares.
fn draw_curves(training: &Training, run: &Watching, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let chosen = chosen(training, run);
    let count = (area.height / 8).clamp(1, 4);
    let mut charts = vec![one(training, run, main_metric(run))];
    if Some(chosen) != charts.first().map(|chart| chart.title) {
        if count == 1 {
            charts.clear();
        }
        charts.push(one(training, run, chosen));
    }
    charts.push(several(training, run, "right", &QUALITY));
    charts.push(several(training, run, "shares", &SHARES));
    charts.retain(|chart| !chart.series.is_empty());
    charts.truncate(usize::from(count));
    if charts.is_empty() {
        let text = "no metrics yet";
        lines(
            [Line::from(span(text, theme.style(Token::Faint)))],
            area,
            buf,
        );
        return;
    }
    let bands = run.bands();
    let end = x_end(run.last_step, run.plan.total_steps());
    let areas = Layout::vertical(charts.iter().map(|_| Constraint::Fill(1))).split(area);
    for (mut chart, area) in charts.into_iter().zip(areas.iter()) {
        chart.x_end = end;
        chart.bands = &bands;
        chart.draw(theme, *area, buf);
    }
}

/// The metric that says how it goes: the reward, and before there is one the loss.
fn main_metric(run: &Watching) -> &'static str {
    let names = ["reward", "loss"];
    let known = names
        .into_iter()
        .find(|name| run.history.get(name).is_some());
    known.unwrap_or("reward")
}

/// The metric under the cursor, once the cursor has been moved.
fn chosen<'a>(training: &'a Training, run: &Watching) -> &'a str {
    match training.chosen_metric() {
        Some(name) if training.has_chosen() => name,
        _ => main_metric(run),
    }
}

fn one<'a>(training: &Training, run: &'a Watching, name: &'a str) -> Chart<'a> {
    several(training, run, name, &[(name, name)])
}

fn several<'a>(
    training: &Training,
    run: &'a Watching,
    title: &'a str,
    names: &[(&'a str, &'a str)],
) -> Chart<'a> {
    let is_one = names.len() == 1;
    let known = names.iter().enumerate().filter_map(|(at, (name, shown))| {
        let series = run.history.get(name)?;
        Some((at, *shown, series, run.averages.get(name)))
    });
    let series = known.map(|(at, name, series, average)| ChartSeries {
        name,
        raw: (is_one || training.is_raw).then_some(series),
        smooth: average.filter(|_| !training.is_raw),
        token: Token::series(at),
    });
    Chart {
        title,
        series: series.collect(),
        x_end: 1,
        y_fixed: fixed_range(names.first().map_or("", |(name, _)| name)),
        bands: &[],
    }
}

/// Ranges known beforehand: a pinned axis tells good from bad at a glance and costs few bytes.
fn fixed_range(name: &str) -> Option<(f64, f64)> {
    let shares = [
        "share/",
        "recall/",
        "frac_",
        "clip_ratio",
        "format_ok",
        "accuracy",
        "citation_accuracy",
    ];
    let is_share =
        shares.iter().any(|start| name.starts_with(start)) || name.ends_with("clipped_ratio");
    if name == "reward" || (name.starts_with("rewards/") && name.ends_with("/mean")) {
        Some(REWARD_RANGE)
    } else if is_share {
        Some((0.0, 1.0))
    } else {
        None
    }
}
