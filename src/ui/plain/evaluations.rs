//! Evaluations by word: how a run did on hold-out episodes, by stage and slice, how sure it was, and what it took for what.

use std::io;

use super::Plain;
use super::running::no_run;
use crate::env::schema::Action;
use crate::eval::calibration::edges;
use crate::interval::{Estimate, wilson};
use crate::link::EvalRow;
use crate::ui::numbers::short;
use crate::ui::screen::evaluations::{
    Harm, best_of, cases, harms, rules_with_errors, share, slice,
};
use crate::ui::told::Watching;
use crate::ui::watching::lines::{EVALUATION_COLUMNS, evaluated};

impl Plain<'_> {
    /// The newest evaluation of the run, that of a step, or all of them in a line each.
    pub(super) fn evaluations(&mut self, rest: &str) -> io::Result<()> {
        let lines = self.app.training.shown().map(|run| asked(run, rest));
        self.put_all(&lines.unwrap_or_else(no_run))
    }
}

fn asked(run: &Watching, rest: &str) -> Vec<String> {
    let best = run.best_step().map(|step| Best {
        step,
        of: best_of(run),
    });
    let mut rows = run.evaluations.iter().rev();
    if run.evaluations.is_empty() {
        let none = "Evaluations: none yet; they come between steps (eval.every_steps) and at the end of each phase, train skip ends one early";
        return vec![none.to_owned()];
    }
    let found = match rest {
        "list" => return rows.map(|row| headline(row, best)).collect(),
        "" => rows.next(),
        step => rows.find(|row| row.step.to_string() == step),
    };
    found.map_or_else(
        || vec![format!("no evaluation {rest}: evaluations list tells all")],
        |row| told(row, best),
    )
}

/// The step of the best evaluation, and on how many episodes it is the best where others are of more.
#[derive(Clone, Copy)]
struct Best {
    step: u64,
    of: Option<u64>,
}

/// An evaluation in one line.
fn headline(row: &EvalRow, best: Option<Best>) -> String {
    let is_told = |(_, name): &&(&str, &str)| row.values.contains_key(*name);
    let values = EVALUATION_COLUMNS.iter().filter(is_told);
    let values = values.map(|(title, name)| format!(", {title} {}", evaluated(row, name)));
    let mark = match best.filter(|best| best.step == row.step) {
        Some(Best { of: Some(of), .. }) => format!(", best so far of the first {of}"),
        Some(_) => ", best so far".to_owned(),
        None => String::new(),
    };
    format!(
        "Evaluation: step {}, {}, {} episodes{mark}{}",
        row.step,
        row.stage,
        row.episodes,
        values.collect::<String>()
    )
}

/// All that an evaluation tells.
fn told(row: &EvalRow, best: Option<Best>) -> Vec<String> {
    let mut lines = vec![
        headline(row, best),
        "Bounds are those of 95 % intervals.".to_owned(),
    ];
    lines.extend(stages(row));
    lines.extend(slices(row));
    let harms = harms(row).into_iter();
    lines.extend(harms.map(|(what, harm)| harmed(what, harm)));
    lines.extend(sureness(row));
    lines.extend(confusion(row));
    lines.extend(errors(row));
    lines
}

/// All stages and each of them, as far as they are told.
fn stages(row: &EvalRow) -> Vec<String> {
    let all = ("All stages".to_owned(), String::new(), row.episodes);
    let each = cases(row).into_iter();
    let each = each.map(|(stage, cases)| (format!("Stage {stage}"), format!("{stage}/"), cases));
    let lines = std::iter::once(all).chain(each);
    let lines = lines.filter_map(|(name, prefix, cases)| {
        let of = |metric: &str| share(row, &format!("{prefix}{metric}"), cases);
        let shares = rights(of("accuracy"), of("citation_accuracy"))?;
        Some(format!("{name}, {cases} episodes: {shares}"))
    });
    lines.collect()
}

/// The slices that cut across stages.
fn slices(row: &EvalRow) -> Vec<String> {
    if row.by_slice.is_empty() {
        return vec!["Slices: none in this run's files".to_owned()];
    }
    let lines = row.by_slice.iter().filter_map(|(name, answers)| {
        let cases = answers.episodes;
        let of = |wrong: u64| wilson(cases.saturating_sub(wrong), cases);
        let shares = rights(of(answers.wrong), of(answers.wrong_citations))?;
        Some(format!("Slice {}, {cases} episodes: {shares}", slice(name)))
    });
    lines.collect()
}

/// How often action and citation are right; nothing where neither is told.
fn rights(action: Option<Estimate>, cited: Option<Estimate>) -> Option<String> {
    let sides = [("action right", action), ("citation right", cited)];
    let told = sides.into_iter().filter_map(|(what, share)| {
        let share = bounded(share?);
        Some(format!("{what} {share}"))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// A share with its bounds.
fn bounded(Estimate { value, low, high }: Estimate) -> String {
    format!("{value:.2} ({low:.2} to {high:.2})")
}

/// What the answers would have done, and how much of it.
fn harmed(what: &str, harm: Harm) -> String {
    match harm {
        Harm::Share(Some(share)) => format!("{what} {}", bounded(share)),
        Harm::Share(None) => format!("{what}: there was no such episode"),
        Harm::Value(value) => format!("{what} {}", short(value)),
    }
}

/// How sure the answers were against how often right, and what could be closed unseen.
fn sureness(row: &EvalRow) -> Vec<String> {
    let Some(calibration) = &row.calibration else {
        return vec!["Calibration: no probabilities in this run's files".to_owned()];
    };
    let error = calibration.ece.map_or_else(
        || "Calibration error: no well-formed answer".to_owned(),
        |ece| {
            format!(
                "Calibration error: {ece:.3} of {} answers",
                calibration.answers()
            )
        },
    );
    let closing = calibration.auto_close.iter().map(|close| {
        let (bound, told) = (close.at_most_percent, close.told());
        format!("Auto-close, at most {bound} % missed: {told}")
    });
    let bins = calibration.bins.iter().enumerate().filter_map(|(at, bin)| {
        let (right, (low, high)) = (bin.accuracy()?, edges(at));
        Some(format!(
            "Sure from {low:.2} to {high:.2}: {} answers, {right:.2} right, {:.2} sure",
            bin.answers, bin.confidence
        ))
    });
    std::iter::once(error).chain(closing).chain(bins).collect()
}

/// What was taken for what, a line for each truth.
fn confusion(row: &EvalRow) -> Vec<String> {
    if row.confusion.is_empty() {
        return vec!["Confusions: none in this run's files".to_owned()];
    }
    let lines = Action::ALL.into_iter().filter_map(|truth| {
        let answers = row.confusion.get(truth.as_str())?;
        let names = Action::ALL.into_iter().map(Action::as_str);
        let told = names.chain(["malformed"]).filter_map(|name| {
            let count = answers.get(name).filter(|count| **count > 0)?;
            Some(format!("{name} {count}"))
        });
        let (all, told): (u64, Vec<String>) = (answers.values().sum(), told.collect());
        Some(format!(
            "Truth {truth}, {all} episodes: answered {}",
            told.join(", ")
        ))
    });
    lines.collect()
}

/// The rules with errors in a line each, most errors first.
fn errors(row: &EvalRow) -> Vec<String> {
    let told = rules_with_errors(row).into_iter().map(|(rule, answers)| {
        format!(
            "Errors by rule {rule}: {} of {}",
            answers.wrong, answers.episodes
        )
    });
    told.collect()
}
