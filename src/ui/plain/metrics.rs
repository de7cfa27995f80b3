//! Curves and log of the run in front by word: what each metric says now, its values step by step, and what went wrong.

use std::io;

use super::Plain;
use super::running::{in_words, no_run};
use super::words::halves;
use crate::nearest;
use crate::run::series::{Point, Series};
use crate::ui::average::Smoothing;
use crate::ui::catalogue::{CHARTS, Charted};
use crate::ui::numbers::short;
use crate::ui::told::Watching;

/// How many lines are told where nobody says how many.
const ROWS: usize = 20;

impl Plain<'_> {
    /// All metrics in a line each; of one of them its newest values, or those around a step.
    pub(super) fn metrics(&mut self, rest: &str) -> io::Result<()> {
        let lines = self.app.training.shown().map(|run| metrics(run, rest));
        self.put_all(&lines.unwrap_or_else(no_run))
    }

    /// The newest lines of the log.
    pub(super) fn log(&mut self, rest: &str) -> io::Result<()> {
        let lines = self.app.training.shown().map(|run| log(run, rest));
        self.put_all(&lines.unwrap_or_else(no_run))
    }
}

/// A metric and what it is called.
type Named<'a> = (&'a str, &'a Series);

fn metrics(run: &Watching, rest: &str) -> Vec<String> {
    let (name, step) = halves(rest);
    let all: Vec<Named<'_>> = run.curves.iter().collect();
    let begun: Vec<Named<'_>> = all
        .iter()
        .filter(|(known, _)| known.starts_with(name))
        .copied()
        .collect();
    let exact = all.iter().find(|(known, _)| *known == name).copied();
    match (exact, &begun[..]) {
        _ if all.is_empty() => vec!["Metrics: none yet; the first step tells some".to_owned()],
        (Some(one), _) => values(run, one, step),
        (None, [one]) => values(run, *one, step),
        (None, []) => vec![unknown(name, &all)],
        (None, several) if !step.is_empty() => vec![format!(
            "{name} begins {} metrics, and a step is told of one: metrics {name} lists them",
            several.len()
        )],
        (None, several) => {
            let head = format!("Metrics of {}: {}", run.name(), several.len());
            let told = several.iter().map(|one| headline(run, *one));
            std::iter::once(head).chain(told).collect()
        }
    }
}

fn unknown(name: &str, all: &[Named<'_>]) -> String {
    let names = all.iter().map(|(known, _)| *known);
    let nearest = nearest::among(name, names).unwrap_or("reward");
    format!("no metric {name}, the nearest is {nearest}: metrics lists them")
}

/// A metric in one line.
fn headline(run: &Watching, (name, series): Named<'_>) -> String {
    let newest = series.newest().map_or_else(
        || "none".to_owned(),
        |point| format!("{} at step {}", short(point.value), point.step),
    );
    let average = run.curves.average(name, Smoothing::default());
    let average = average.and_then(Series::last).map(smoothed);
    let span = series.bounds(0..u64::MAX).map(|span| {
        let (low, high) = (short(span.low), short(span.high));
        format!(", lowest {low}, highest {high}")
    });
    let gaps = series.gaps();
    let gaps = (gaps > 0).then(|| format!(", not finite {gaps} times"));
    let more: String = [average, span, gaps].into_iter().flatten().collect();
    format!("Metric {name}: newest {newest}{more}")
}

fn smoothed(point: Point) -> String {
    format!(", smoothed {}", short(point.value))
}

/// The newest values of a metric, or those around a step, in the order of their steps.
fn values(run: &Watching, one: Named<'_>, step: &str) -> Vec<String> {
    let (name, series) = one;
    let points = series.points();
    let newest = points.len().saturating_sub(ROWS);
    let from = match (step, step.parse::<u64>()) {
        ("", _) => newest,
        (_, Ok(step)) => {
            let at = points.partition_point(|point| point.step < step);
            at.saturating_sub(ROWS / 2).min(newest)
        }
        (other, Err(_)) => return vec![format!("metrics takes a name and a step, not {other}")],
    };
    let average = run.curves.average(name, Smoothing::default());
    let told = points.iter().skip(from).take(ROWS).map(|point| {
        let average = average.and_then(|average| average.nearest(point.step));
        let average = average.filter(|beside| beside.step == point.step && beside.is_drawn());
        let more = average.map(smoothed).unwrap_or_default();
        format!("Step {}: {}{more}", point.step, short(point.value))
    });
    std::iter::once(headline(run, one))
        .chain(note(run, name))
        .chain(told)
        .collect()
}

/// What is misread of a metric, as it stands under its chart: once there are rewards.
fn note(run: &Watching, name: &str) -> Option<String> {
    run.curves.get("reward")?;
    let is_in = |charted: &&Charted| charted.metrics.iter().any(|(metric, _)| *metric == name);
    let charted = CHARTS.iter().find(is_in)?;
    (!charted.note.is_empty()).then(|| format!("Note on {name}: {}", charted.note))
}

/// What is wrong now and what was warned of, the newest first.
fn log(run: &Watching, rest: &str) -> Vec<String> {
    let count = match (rest, rest.parse::<usize>()) {
        ("", _) => ROWS,
        (_, Ok(count)) => count,
        (other, Err(_)) => return vec![format!("log takes a number of lines, not {other}")],
    };
    let log = run.log();
    if log.is_empty() {
        return vec!["Log: empty; what goes wrong in a run is said here".to_owned()];
    }
    let shown = count.min(log.len());
    let head = format!("Log: {shown} of {} lines, the newest first", log.len());
    let told = log.iter().take(count);
    let told = told.map(|(step, text)| format!("Step {step}: {}", in_words(text)));
    std::iter::once(head).chain(told).collect()
}
