//! `opensoc runs`: the runs there are, newest first; the one that came with the program last.

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
    let (mut runs, broken) = summary::all(&root, summary::now())?;
    let has_none = runs.is_empty() && broken.is_empty();
    runs.extend(Summary::shipped());
    if args.json {
        for run in &runs {
            writeln!(out, "{}", serde_json::to_string(run)?)?;
        }
    } else {
        table(&runs, out)?;
        if has_none {
            let root = root.display();
            writeln!(
                out,
                "No runs of your own in {root} yet: `opensoc train` starts one. `opensoc export shipped` prints the one that came with the program."
            )?;
        }
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
        if run.is_shipped() {
            writeln!(
                out,
                "{:<width$}  read-only: it made the embedded model's adapters",
                ""
            )?;
        }
    }
    Ok(())
}
