//! `opensoc export`: the numbers of a run for other programs.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use anyhow::Context;
use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::Outcome;
use crate::gate::clean;
use crate::run::export::{self, BrokenLines, Row, What};
use crate::run::layout::default_root;
use crate::run::summary::find;
use crate::run::{RunDir, RunError, shipped};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's folder or id, or `shipped` for the one in the binary
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Rows and columns, one JSON object a line, or an event file (name it events.out.tfevents.…)
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// What to export
    #[arg(long, value_enum, default_value_t = What::Metrics)]
    pub what: What,
}

impl ValueEnum for What {
    fn value_variants<'a>() -> &'a [Self] {
        &What::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let about = match self {
            What::Metrics => "A row an optimiser step",
            What::Eval => "A row an evaluation on hold-out episodes",
            What::System => "A row an optimiser step: times, rates and memory of the machine",
            What::Rollouts => "A row a sampled response",
        };
        Some(PossibleValue::new(self.as_str()).help(about))
    }
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
    Tensorboard,
}

/// Rows, lines that are none, and when steps were done where somebody asks for it.
struct Exported {
    rows: Vec<Row>,
    broken: Option<BrokenLines>,
    times: BTreeMap<u64, u64>,
}

/// Prints the rows; which broken lines were left out is told on stderr.
///
/// # Errors
/// When there is no such run, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    anyhow::ensure!(
        args.format != Format::Tensorboard || !std::io::stdout().is_terminal(),
        "an event file is not text: send it to a file, e.g. > logs/events.out.tfevents.1"
    );
    anyhow::ensure!(
        args.format != Format::Tensorboard || args.what != What::Rollouts,
        "rollouts are no curves: an event file holds metrics, eval or system"
    );
    let Exported {
        rows,
        broken,
        times,
    } = match find(&default_root()?, &args.run) {
        Err(RunError::NotARun { .. }) if args.run == shipped::ID => of_shipped(args.what)?,
        found => of_folder(&found?, args)?,
    };
    match args.format {
        Format::Csv => export::csv(&rows, out)?,
        Format::Jsonl => export::jsonl(&rows, out)?,
        Format::Tensorboard => export::events(&times, args.what, &rows, out)?,
    }
    if let Some(broken) = broken {
        writeln!(std::io::stderr(), "{}", clean(&broken.to_string()))?;
        return Ok(Outcome::BadInput);
    }
    Ok(Outcome::Complete)
}

fn of_folder(dir: &RunDir, args: &Args) -> anyhow::Result<Exported> {
    let (rows, broken) = export::rows(dir, args.what)?;
    let times = match args.format {
        Format::Tensorboard => export::times(dir)?,
        Format::Csv | Format::Jsonl => BTreeMap::new(),
    };
    Ok(Exported {
        rows,
        broken,
        times,
    })
}

fn of_shipped(what: What) -> anyhow::Result<Exported> {
    let run = shipped::run().context("this binary holds no readable run")?;
    let times = export::beginning(&run.created);
    Ok(Exported {
        rows: export::shipped_rows(run, what),
        broken: None,
        times,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_asked_for_by_its_name() {
        for what in [What::Metrics, What::Eval, What::System, What::Rollouts] {
            assert_eq!(What::from_str(what.as_str(), false), Ok(what));
        }
    }
}
