//! `opensoc audit`: the leak and balance audit of the environment, as a table or as JSON.

use std::io::Write;

use super::Outcome;
use crate::audit::{Options, audit};
use crate::env::generate;

/// Arguments of `audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Train episodes a stage to fit on
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(50..=100_000))]
    pub episodes: u64,
    /// Hold-out episodes a stage to test on; half as many as train ones without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(25..=100_000))]
    pub test_episodes: Option<u64>,
    /// Seed of the episodes
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Audits the environment; the outcome is bad where a bound is broken.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let mut options = Options::new(args.seed, args.episodes);
    options.test_episodes = args.test_episodes.unwrap_or(options.test_episodes);
    let report = audit(&options, &|stage, split, index| {
        generate::episode(stage, split, args.seed, index)
    });
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        out.write_all(report.table().as_bytes())?;
    }
    Ok(if report.ok {
        Outcome::Complete
    } else {
        Outcome::BadInput
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::citation::Citer;

    #[test]
    fn the_environment_gives_no_label_away() {
        let args = Args {
            episodes: 1_000,
            test_episodes: Some(600),
            seed: 3,
            json: true,
        };
        let mut out = Vec::new();
        let outcome = run(&args, &mut out).expect("writes");
        let report: serde_json::Value = serde_json::from_slice(&out).expect("one object");
        let rows = report["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 4 * (10 + Citer::ALL.len()));
        assert_eq!(report["test_episodes"], 600);
        // At this size an accuracy is only known to four hundredths: a bound is broken where the whole interval lies above it.
        let number = |row: &serde_json::Value, name: &str| row[name].as_f64().expect("a number");
        let bounded = || rows.iter().filter(|row| !row["bound"].is_null());
        let citers = Citer::ALL.iter().filter(|citer| citer.is_bounded()).count();
        assert_eq!(bounded().count(), 3 * (8 + citers));
        for row in bounded() {
            assert!(number(row, "low") <= number(row, "bound"), "{row}");
        }
        let constants = report["tables"]["constants"].as_array().expect("constants");
        assert_eq!(constants.len(), 4 * 5);
        for row in constants {
            assert!(number(row, "reward") <= number(row, "bound"), "{row}");
        }
        for row in report["balance"].as_array().expect("balance") {
            assert_eq!(row["ok"], true, "{row}");
        }
        assert_eq!(outcome == Outcome::Complete, report["ok"] == true);
    }
}
