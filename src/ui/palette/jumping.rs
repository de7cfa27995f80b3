//! A bare number in the palette: it goes to the alert, the log line, the step or the run that has it.

use crate::ui::app::{App, ScreenName};
use crate::ui::filter::nearest;
use crate::ui::msg::Effect;
use crate::ui::perform::go_to_step;
use crate::ui::queue::QueuePane;
use crate::ui::queue::seeking::LOOKED_THROUGH;
use crate::ui::watching::TrainingPane;

/// What numbers count, as the pane in focus shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    /// Alerts of the episodes, from 0.
    Alert,
    /// Alerts to label, from 1.
    ToLabel,
    /// Lines of a log window, from 1.
    LogLine,
    /// Lines of a run's log, from 1.
    RunLog,
    Step,
    /// Runs of the list, from 1.
    Run,
}

impl Counted {
    fn of(app: &App) -> Self {
        match app.screen {
            ScreenName::Episodes if app.queue.pane == QueuePane::Log => Self::LogLine,
            ScreenName::Labelling if app.labelling.pane == QueuePane::Log => Self::LogLine,
            ScreenName::Episodes => Self::Alert,
            ScreenName::Labelling => Self::ToLabel,
            ScreenName::Training if app.training.pane == TrainingPane::Log => Self::RunLog,
            ScreenName::Training => Self::Step,
            ScreenName::Runs => Self::Run,
        }
    }
}

/// What the number stands for here.
pub(super) fn called(app: &App, number: usize) -> String {
    match Counted::of(app) {
        Counted::Alert if app.queue.is_filtered() => nearest_alert(number),
        Counted::ToLabel if app.labelling.is_filtered() => nearest_alert(number),
        Counted::Alert | Counted::ToLabel => format!("alert {number}"),
        Counted::LogLine => format!("line {number} of the log window"),
        Counted::RunLog => format!("line {number} of the log"),
        Counted::Step => format!("step {number}"),
        Counted::Run => format!("run {number} of the list"),
    }
}

fn nearest_alert(number: usize) -> String {
    format!("alert {number}, or the nearest that the filter lets through")
}

/// Goes there, or says how far numbers go.
pub(super) fn to(app: &mut App, number: usize) -> Vec<Effect> {
    match Counted::of(app) {
        Counted::Alert => to_alert(app, number),
        Counted::ToLabel => to_label(app, number),
        Counted::LogLine => to_line(app, number),
        Counted::RunLog => to_run_log(app, number),
        Counted::Step => return to_step(app, number),
        Counted::Run => to_run(app, number),
    }
    app.ask()
}

/// Those that are not there yet are generated a few at a time, as for a filter.
fn to_alert(app: &mut App, number: usize) {
    let all = app.queue.entries().len().max(LOOKED_THROUGH);
    if number >= all {
        app.say(format!("alerts go to number {} here", all - 1));
        return;
    }
    app.queue.seek(number);
}

/// Of a queue without end those that are not there yet are generated.
fn to_label(app: &mut App, number: usize) {
    let there = app.labelling.items().len();
    let all = match app.labelling.is_endless() {
        true => there.max(LOOKED_THROUGH),
        false => there,
    };
    match number.checked_sub(1).filter(|at| *at < all) {
        Some(at) => {
            let is_filtered = app.labelling.is_filtered();
            let near = nearest(&app.labelling.visible(), at).filter(|_| is_filtered);
            app.labelling.select(near.unwrap_or(at));
        }
        None => app.say(format!("alerts go from 1 to {all} here")),
    }
}

fn to_step(app: &mut App, number: usize) -> Vec<Effect> {
    let last = app.training.shown().map(|run| run.extent().last.max(1));
    match last {
        Some(last) if (1..=last).contains(&(number as u64)) => go_to_step(app, &number.to_string()),
        Some(last) => {
            app.say(format!("steps go from 1 to {last} here"));
            Vec::new()
        }
        None => {
            app.say("there is no run to go to a step of");
            Vec::new()
        }
    }
}

/// By how many lines a cursor has to move to come to a number; `None` where there are not so many.
fn way(number: usize, cursor: usize, lines: usize) -> Option<isize> {
    let at = number.checked_sub(1).filter(|at| *at < lines)?;
    let (at, cursor) = (isize::try_from(at).ok()?, isize::try_from(cursor).ok()?);
    Some(at - cursor)
}

fn to_line(app: &mut App, number: usize) {
    let is_labelling = app.screen == ScreenName::Labelling;
    let entry = match is_labelling {
        true => app.labelling.current().map(|item| &item.entry),
        false => app.queue.current(),
    };
    let lines = entry.map_or(0, |entry| entry.lines.len());
    let cursor = match is_labelling {
        true => app.labelling.line,
        false => app.queue.line,
    };
    match way(number, cursor, lines) {
        Some(by) if is_labelling => app.labelling.step_line(by),
        Some(by) => app.queue.step_line(by),
        None => app.say(format!("the log window has {lines} lines")),
    }
}

fn to_run_log(app: &mut App, number: usize) {
    let lines = app.training.lines();
    match way(number, app.training.cursor(), lines) {
        Some(by) => app.training.step(by),
        None => app.say(format!("the log has {lines} lines")),
    }
}

fn to_run(app: &mut App, number: usize) {
    let all = app.runs.visible().len();
    match number.checked_sub(1).filter(|at| *at < all) {
        Some(at) => app.runs.point_at(at),
        None => app.say(format!("the list has {all} runs")),
    }
}
