//! `opensoc runs`: the runs there are, newest first.

use std::io::Write;

use super::Outcome;
use crate::run::layout::default_root;
use crate::run::summary::{self, Summary};

/// Arguments of `runs`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Prints the list.
///
/// # Errors
/// When the folder of runs cannot be read, or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let root = default_root()?;
    let (runs, broken) = summary::all(&root, summary::now())?;
    if args.json {
        for run in &runs {
            writeln!(out, "{}", serde_json::to_string(run)?)?;
        }
    } else if runs.is_empty() && broken.is_empty() {
        writeln!(
            out,
            "No runs in {} yet: `opensoc train` starts one. The run that made the embedded model is called `shipped`: the workbench shows it, `opensoc export shipped` prints it.",
            root.display()
        )?;
    } else {
        table(&runs, out)?;
    }
    for (_, error) in &broken {
        writeln!(std::io::stderr(), "cannot be read: {error}")?;
    }
    Ok(match broken.is_empty() {
        true => Outcome::Complete,
        false => Outcome::BadInput,
    })
}

fn table(runs: &[Summary], out: &mut dyn Write) -> std::io::Result<()> {
    let width = runs.iter().map(|run| run.run_id.chars().count()).max();
    let width = width.unwrap_or(0).max(3);
    writeln!(
        out,
        "{:<width$}  {:<9} {:<18} {:>11}  {:>11}  {:<20}  model",
        "run", "state", "phase", "step", "best reward", "created (UTC)"
    )?;
    for run in runs {
        let best = run.best_mean_reward;
        writeln!(
            out,
            "{:<width$}  {:<9} {:<18} {:>11}  {:>11}  {:<20}  {}",
            run.run_id,
            run.standing.as_str(),
            run.phase,
            format!("{}/{}", run.step, run.total_steps),
            best.map_or_else(|| "-".to_owned(), |best| format!("{best:.3}")),
            run.created,
            run.model
        )?;
        if let Some(ended) = &run.ended_early {
            writeln!(out, "{:<width$}  ended early by request: {ended}", "")?;
        }
    }
    Ok(())
}
