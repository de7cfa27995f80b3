//! The numbers of a run for other programs: rows and columns, JSON lines, or an event file for TensorBoard.
//!
//! One reading for the command line and the screen. Knows neither.

mod event_file;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use serde::de::DeserializeOwned;

use super::layout::{Journal, replace_file};
use super::reader::every_row;
use super::shipped::ShippedRun;
use super::tail::{CorruptLine, Tail};
use super::{Manifest, RunDir, RunError};
use crate::link::{EvalRow, MetricRow, Rollout, RolloutGroup, SystemRow};

/// Which file of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A row an optimiser step.
    Metrics,
    /// A row an evaluation on hold-out episodes.
    Eval,
    /// A row an optimiser step: times, rates and memory of the machine.
    System,
    /// A row a sampled response.
    Rollouts,
}

impl What {
    /// All four.
    pub const ALL: [What; 4] = [What::Metrics, What::Eval, What::System, What::Rollouts];

    /// What a screen writes into the run's folder: the curves.
    pub const CURVES: [What; 3] = [What::Metrics, What::Eval, What::System];

    /// Its name, without an ending.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            What::Metrics => "metrics",
            What::Eval => "eval",
            What::System => "system",
            What::Rollouts => "rollouts",
        }
    }
}

/// A row of any of the files.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub step: u64,
    pub stage: String,
    pub values: BTreeMap<String, f64>,
    /// What is no number; empty but for rollouts.
    pub texts: BTreeMap<&'static str, String>,
}

/// Lines of a file that are no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLines {
    pub first: CorruptLine,
    pub count: u64,
}

impl std::fmt::Display for BrokenLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let CorruptLine { file, line, reason } = &self.first;
        match self.count {
            1 => write!(f, "{file}:{line}: left out: {reason}"),
            count => write!(
                f,
                "{file}: {count} broken lines left out, the first is line {line}: {reason}"
            ),
        }
    }
}

/// All rows of a file of the run in `dir`, and those of its lines that are none.
///
/// # Errors
/// A file that is there but cannot be read.
pub fn rows(dir: &RunDir, what: What) -> Result<(Vec<Row>, Option<BrokenLines>), RunError> {
    match what {
        What::Metrics => read(dir, Journal::Metrics, |row: MetricRow| Row::from(row)),
        What::System => read(dir, Journal::System, |row: SystemRow| Row::from(row)),
        What::Rollouts => {
            let read = read(dir, Journal::Rollouts, |group: RolloutGroup| {
                sampled(&group)
            });
            read.map(|(groups, broken)| (groups.concat(), broken))
        }
        What::Eval => read(dir, Journal::Eval, |row: EvalRow| Row::from(row)),
    }
}

impl From<MetricRow> for Row {
    fn from(row: MetricRow) -> Self {
        Self {
            step: row.step,
            stage: row.stage,
            values: row.values,
            texts: BTreeMap::new(),
        }
    }
}

impl From<EvalRow> for Row {
    fn from(row: EvalRow) -> Self {
        Self {
            step: row.step,
            stage: row.stage,
            values: with_episodes(row.values, row.episodes),
            texts: BTreeMap::new(),
        }
    }
}

impl From<SystemRow> for Row {
    fn from(row: SystemRow) -> Self {
        Self {
            step: row.step,
            stage: row.stage,
            values: with_time(row.values, row.time),
            texts: BTreeMap::new(),
        }
    }
}

/// The rows of the run in the binary: all of its metrics and evaluations, some of the others.
#[must_use]
pub fn shipped_rows(run: ShippedRun, what: What) -> Vec<Row> {
    match what {
        What::Metrics => run.metrics.into_iter().map(Row::from).collect(),
        What::Eval => run.evaluations.into_iter().map(Row::from).collect(),
        What::System => run.system.into_iter().map(Row::from).collect(),
        What::Rollouts => run.rollouts.iter().flat_map(sampled).collect(),
    }
}

fn with_time(mut values: BTreeMap<String, f64>, time: u64) -> BTreeMap<String, f64> {
    values.insert("time".into(), time as f64);
    values
}

/// A row for each response of a group.
fn sampled(group: &RolloutGroup) -> Vec<Row> {
    let row = |rollout: &Rollout| {
        let components = rollout.components.iter();
        let mut values: BTreeMap<String, f64> = components
            .map(|(name, value)| (format!("components/{name}"), *value))
            .collect();
        values.extend([
            ("group_id".to_owned(), group.group_id as f64),
            ("reward".to_owned(), rollout.reward),
            ("advantage".to_owned(), rollout.advantage),
            (
                "truncated".to_owned(),
                f64::from(u8::from(rollout.truncated)),
            ),
        ]);
        let action = rollout.action.map_or("malformed", |action| action.as_str());
        let texts = [
            ("episode_id", group.episode_id.as_str()),
            ("rule", &group.rule),
            ("truth_action", group.truth_action.as_str()),
            ("truth_log_id", &group.truth_log_id),
            ("action", action),
            (
                "cited_log_id",
                rollout.cited_log_id.as_deref().unwrap_or_default(),
            ),
            ("response", &rollout.response),
        ];
        Row {
            step: group.step,
            stage: group.stage.clone(),
            values,
            texts: texts.map(|(name, text)| (name, text.to_owned())).into(),
        }
    };
    group.rollouts.iter().map(row).collect()
}

fn with_episodes(mut values: BTreeMap<String, f64>, episodes: u64) -> BTreeMap<String, f64> {
    values.insert("episodes".into(), episodes as f64);
    values
}

fn read<T: DeserializeOwned, R>(
    dir: &RunDir,
    journal: Journal,
    as_row: impl Fn(T) -> R,
) -> Result<(Vec<R>, Option<BrokenLines>), RunError> {
    let mut tail: Tail<T> = Tail::new(dir.journal(journal));
    let (mut rows, mut first, mut count) = (Vec::new(), None, 0);
    loop {
        let batch = tail.poll()?;
        rows.extend(batch.rows.into_iter().map(&as_row));
        count += batch.corrupt_count;
        first = first.or_else(|| batch.corrupt.into_iter().next());
        if !batch.more {
            return Ok((rows, first.map(|first| BrokenLines { first, count })));
        }
    }
}

/// Unix seconds at which steps of the run in `dir` were done, as its `system.jsonl` tells; before its first line the
/// run's beginning.
///
/// # Errors
/// A file that is there but cannot be read.
pub fn times(dir: &RunDir) -> Result<BTreeMap<u64, u64>, RunError> {
    let mut times = beginning(&Manifest::read(dir)?.created);
    every_row(dir, Journal::System, |row: SystemRow| {
        times.insert(row.step, row.time);
    })?;
    Ok(times)
}

/// All that is known of the times of a run of which only the beginning is kept.
#[must_use]
pub fn beginning(created: &str) -> BTreeMap<u64, u64> {
    let created = created.parse::<jiff::Timestamp>();
    let created = created.map_or(0, |time| u64::try_from(time.as_second()).unwrap_or(0));
    BTreeMap::from([(0, created)])
}

/// Writes an event file for TensorBoard. `times`: Unix seconds at which steps were done.
///
/// # Errors
/// Where `out` cannot be written.
pub fn events(
    times: &BTreeMap<u64, u64>,
    what: What,
    rows: &[Row],
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let time_of = |step: u64| {
        let last = times.range(..=step).next_back();
        last.map_or(0.0, |(_, time)| *time as f64)
    };
    let prefix = match what {
        What::Metrics => "",
        What::Eval => "eval/",
        What::System => "system/",
        What::Rollouts => "rollouts/",
    };
    event_file::write(rows, prefix, time_of, out)
}

/// Writes a column for each metric any row has; what a row lacks is empty.
///
/// # Errors
/// Where `out` cannot be written.
pub fn csv(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.values.keys()).collect();
    let texts: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.texts.keys().copied())
        .collect();
    let mut writer = csv::Writer::from_writer(out);
    let head = ["step", "stage"].into_iter();
    let head = head.chain(texts.iter().copied());
    writer.write_record(head.chain(names.iter().map(|name| name.as_str())))?;
    for row in rows {
        let value = |name: &&String| {
            row.values
                .get(*name)
                .map_or_else(String::new, f64::to_string)
        };
        let mut record = vec![row.step.to_string(), row.stage.clone()];
        let text = |name: &&str| row.texts.get(*name).cloned().unwrap_or_default();
        record.extend(texts.iter().map(text));
        record.extend(names.iter().map(value));
        writer.write_record(&record)?;
    }
    writer.flush()
}

/// Writes one object a line.
///
/// # Errors
/// Where `out` cannot be written.
pub fn jsonl(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    for row in rows {
        let mut object = serde_json::Map::new();
        object.insert("step".into(), row.step.into());
        object.insert("stage".into(), row.stage.clone().into());
        for (name, text) in &row.texts {
            object.insert((*name).to_owned(), text.clone().into());
        }
        for (name, value) in &row.values {
            object.insert(name.clone(), (*value).into());
        }
        writeln!(out, "{}", serde_json::Value::Object(object))?;
    }
    Ok(())
}

/// Writes rows as text.
type Writer = fn(&[Row], &mut dyn Write) -> std::io::Result<()>;

/// The endings of the files that a screen writes, and what writes them.
const WRITERS: [(&str, Writer); 2] = [("csv", csv), ("jsonl", jsonl)];

/// Writes the curves of the run as CSV and as JSON lines into `export/` of its folder, and says where they are.
///
/// # Errors
/// Where the run cannot be read or the folder not written.
pub fn into_folder(dir: &RunDir) -> Result<Vec<PathBuf>, RunError> {
    let folder = dir.export();
    std::fs::create_dir_all(&folder).map_err(RunError::io(&folder, "make the folder"))?;
    let mut written = Vec::new();
    for what in What::CURVES {
        let (rows, _) = rows(dir, what)?;
        for (ending, write) in WRITERS {
            let path = folder.join(what.as_str()).with_extension(ending);
            let mut text = Vec::new();
            write(&rows, &mut text).map_err(RunError::io(&path, "write"))?;
            replace_file(&path, &text)?;
            written.push(path);
        }
    }
    Ok(written)
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
            texts: BTreeMap::new(),
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

    #[test]
    fn responses_are_rows_with_their_texts() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let rollout = |response: &str| {
            format!(
                r#"{{"response":"{response}","action":null,"cited_log_id":null,"reward":-0.5,"components":{{"malformed":-0.5}},"advantage":0.0,"truncated":true}}"#
            )
        };
        let group = format!(
            r#"{{"step":7,"stage":"stage1_basic","group_id":3,"episode_id":"e","summary":"s","truth_action":"dismiss","truth_log_id":"L1-0","rule":"r","rollouts":[{},{}]}}"#,
            rollout("a, b"),
            rollout("c")
        );
        std::fs::write(dir.journal(Journal::Rollouts), group + "\n").expect("written");
        let (rows, broken) = rows(&dir, What::Rollouts).expect("read");
        assert_eq!((rows.len(), broken), (2, None));
        let mut text = Vec::new();
        csv(&rows, &mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        assert_eq!(
            text.lines().nth(1),
            Some(r#"7,stage1_basic,malformed,,e,"a, b",r,dismiss,L1-0,0,-0.5,3,-0.5,1"#)
        );
        let mut text = Vec::new();
        jsonl(&rows, &mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        assert!(text.contains(r#""response":"c""#) && text.contains(r#""group_id":3.0"#));
    }

    #[test]
    fn broken_lines_are_counted_and_the_first_is_named() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        let good = r#"{"step":1,"stage":"sft","loss":0.5}"#;
        for (text, told) in [
            (format!("{good}\n{{\n"), "metrics.jsonl:2: left out: "),
            (
                format!("{good}\n[]\n{good}\n{{\n"),
                "metrics.jsonl: 2 broken lines left out, the first is line 2: ",
            ),
        ] {
            std::fs::write(dir.journal(Journal::Metrics), text).expect("written");
            let (_, broken) = rows(&dir, What::Metrics).expect("read");
            let broken = broken.expect("broken").to_string();
            assert!(broken.starts_with(told), "{broken}");
        }
    }

    #[test]
    fn the_run_in_the_binary_has_rows_too() {
        let run = crate::run::shipped::run().expect("a run");
        let steps = run.plan.total_steps();
        let rows = shipped_rows(run.clone(), What::Metrics);
        assert_eq!(rows.last().map(|row| row.step), Some(steps));
        let answers: usize = run.rollouts.iter().map(|group| group.rollouts.len()).sum();
        assert_eq!(shipped_rows(run.clone(), What::Rollouts).len(), answers);
        let system = shipped_rows(run.clone(), What::System);
        assert!(system.iter().all(|row| row.values.contains_key("time")));
        assert!(beginning(&run.created)[&0] > 1_700_000_000);
    }

    #[test]
    fn a_folder_gets_the_curves() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = RunDir::new(folder.path());
        std::fs::write(
            dir.journal(Journal::Metrics),
            "{\"step\":1,\"stage\":\"sft\",\"loss\":0.5}\n",
        )
        .expect("written");
        let written = into_folder(&dir).expect("exported");
        let texts: Vec<String> = written
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("there"))
            .collect();
        let (head, row) = (
            "step,stage\n",
            "{\"step\":1,\"stage\":\"sft\",\"loss\":0.5}\n",
        );
        assert_eq!(
            texts,
            ["step,stage,loss\n1,sft,0.5\n", row, head, "", head, ""]
        );
        assert!(written.iter().all(|path| path.starts_with(dir.export())));
    }
}
