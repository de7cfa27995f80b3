//! `opensoc export`: the numbers of a run for other programs.

use std::io::{IsTerminal, Write};

use super::Outcome;
use crate::run::export::{self, What};
use crate::run::layout::default_root;
use crate::run::summary::find;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's folder or id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Rows and columns, one JSON object a line, or an event file (name it events.out.tfevents.…)
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    pub format: Format,
    /// What to export
    #[arg(long, value_enum, default_value_t = What::Metrics)]
    pub what: What,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Csv,
    Jsonl,
    Tensorboard,
}

/// Prints the rows; a broken one is named on stderr and left out.
///
/// # Errors
/// When there is no such run, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let dir = find(&default_root()?, &args.run)?;
    anyhow::ensure!(
        args.format != Format::Tensorboard || !std::io::stdout().is_terminal(),
        "an event file is not text: send it to a file, e.g. > logs/events.out.tfevents.1"
    );
    anyhow::ensure!(
        args.format != Format::Tensorboard || args.what != What::Rollouts,
        "rollouts are no curves: an event file holds metrics, eval or system"
    );
    let (rows, broken) = export::rows(&dir, args.what)?;
    match args.format {
        Format::Csv => export::csv(&rows, out)?,
        Format::Jsonl => export::jsonl(&rows, out)?,
        Format::Tensorboard => export::events(&dir, args.what, &rows, out)?,
    }
    if broken > 0 {
        writeln!(std::io::stderr(), "{broken} broken lines left out")?;
        return Ok(Outcome::BadInput);
    }
    Ok(Outcome::Complete)
}
