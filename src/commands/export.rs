//! `opensoc export`: the numbers of a run for other programs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde::de::DeserializeOwned;

use super::Outcome;
use crate::link::{EvalRow, MetricRow};
use crate::run::layout::{Journal, default_root};
use crate::run::tail::Tail;
use crate::run::{RunDir, RunError};

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's folder or id
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Rows and columns, or one JSON object a line
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
}

/// Which file of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A row an optimiser step
    Metrics,
    /// A row an evaluation on hold-out episodes
    Eval,
}

/// A row of either file.
struct Row {
    step: u64,
    stage: String,
    values: BTreeMap<String, f64>,
}

/// Prints the rows; a broken one is named on stderr and left out.
///
/// # Errors
/// When there is no such run, or `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let dir = RunDir::find(&default_root()?, &args.run)?;
    let (rows, broken) = match args.what {
        What::Metrics => read(&dir, Journal::Metrics, |row: MetricRow| Row {
            step: row.step,
            stage: row.stage,
            values: row.values,
        })?,
        What::Eval => read(&dir, Journal::Eval, |row: EvalRow| Row {
            step: row.step,
            stage: row.stage,
            values: with_episodes(row.values, row.episodes),
        })?,
    };
    match args.format {
        Format::Csv => csv(&rows, out)?,
        Format::Jsonl => jsonl(&rows, out)?,
    }
    if broken > 0 {
        writeln!(std::io::stderr(), "{broken} broken lines left out")?;
        return Ok(Outcome::BadInput);
    }
    Ok(Outcome::Complete)
}

fn with_episodes(mut values: BTreeMap<String, f64>, episodes: u64) -> BTreeMap<String, f64> {
    values.insert("episodes".into(), episodes as f64);
    values
}

/// All rows of a file, and how many of its lines are broken.
fn read<T: DeserializeOwned>(
    dir: &RunDir,
    journal: Journal,
    as_row: impl Fn(T) -> Row,
) -> Result<(Vec<Row>, u64), RunError> {
    let mut tail: Tail<T> = Tail::new(dir.journal(journal));
    let (mut rows, mut broken) = (Vec::new(), 0);
    loop {
        let batch = tail.poll()?;
        rows.extend(batch.rows.into_iter().map(&as_row));
        broken += batch.corrupt_count;
        if !batch.more {
            return Ok((rows, broken));
        }
    }
}

/// A column for each metric any row has; what a row lacks is empty.
fn csv(rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.values.keys()).collect();
    let mut writer = csv::Writer::from_writer(out);
    let head = ["step", "stage"].into_iter();
    writer.write_record(head.chain(names.iter().map(|name| name.as_str())))?;
    for row in rows {
        let value = |name: &&String| {
            row.values
                .get(*name)
                .map_or_else(String::new, f64::to_string)
        };
        let mut record = vec![row.step.to_string(), row.stage.clone()];
        record.extend(names.iter().map(value));
        writer.write_record(&record)?;
    }
    writer.flush()?;
    Ok(())
}

fn jsonl(rows: &[Row], out: &mut dyn Write) -> anyhow::Result<()> {
    for row in rows {
        let mut object = serde_json::Map::new();
        object.insert("step".into(), row.step.into());
        object.insert("stage".into(), row.stage.clone().into());
        for (name, value) in &row.values {
            object.insert(name.clone(), (*value).into());
        }
        writeln!(out, "{}", serde_json::Value::Object(object))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_every_column_and_lose_no_digit() {
        let row = |step, name: &str, value| Row {
            step,
            stage: "sft".into(),
            values: BTreeMap::from([(name.to_owned(), value)]),
        };
        let rows = [row(1, "loss", 0.1), row(2, "reward, mean", -1.0 / 3.0)];
        let mut text = Vec::new();
        csv(&rows, &mut text).expect("written");
        assert_eq!(
            String::from_utf8(text).expect("text"),
            "step,stage,loss,\"reward, mean\"\n1,sft,0.1,\n2,sft,,-0.3333333333333333\n"
        );
        let mut text = Vec::new();
        jsonl(&rows, &mut text).expect("written");
        assert_eq!(
            String::from_utf8(text).expect("text"),
            "{\"step\":1,\"stage\":\"sft\",\"loss\":0.1}\n{\"step\":2,\"stage\":\"sft\",\"reward, mean\":-0.3333333333333333}\n"
        );
    }
}
