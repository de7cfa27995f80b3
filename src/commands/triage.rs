//! `opensoc triage`: alerts in, the model's decisions out.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::base::BaseModel;
use super::eval::adapter;
use super::lines::{LineError, open, write_answer};
use super::records::{of_import, records};
use crate::env::response;
use crate::env::schema::{Action, Episode};
use crate::env::verify;
use crate::import::joining::Surroundings;
use crate::import::room::weight;
use crate::import::{self, Format, Imported};
use crate::model::decoder::Decoder;
use crate::model::error::ModelError;
use crate::model::placement::DtypeChoice;
use crate::model::tokenizer::Tokenizer;
use crate::train::error::TrainError;
use crate::train::evaluate;

/// The shipped adapter that answers unless another is asked for.
const SHIPPED: &str = "stage4_adversarial";

/// The rule that stands for none.
const NO_FINDING: &str = "no_finding";

/// Arguments of `triage`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines, packed or not: our alerts, ECS, OCSF, Suricata EVE, Sysmon or Windows events, Wazuh, Zeek (its tables too); stdin without it
    pub file: Option<PathBuf>,
    /// Decide on alerts only, each with at most 10 events of the same host, user or address from the 15 minutes before it
    #[arg(long)]
    pub join: bool,
    #[command(flatten)]
    pub base: BaseModel,
    /// Element type of the model's matrices in memory: auto (bf16 on a GPU, else f32), f32, bf16 or f16
    #[arg(long, default_value = "auto", value_name = "TYPE")]
    pub dtype: DtypeChoice,
    /// A PEFT folder, or the name of a shipped adapter; without it the last shipped one with nano, else none
    #[arg(long)]
    pub adapter: Option<String>,
}

/// Prints a decision a line.
///
/// # Errors
/// On an unusable model or adapter, or when the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let model = args.base.open(args.dtype)?;
    let shipped = args.base.is_nano().then(|| SHIPPED.to_owned());
    let name = args.adapter.clone().or(shipped);
    let adapter = name
        .as_deref()
        .map(|name| adapter(name, &model))
        .transpose()?;
    let desk = Desk {
        decoder: model.decoder.with_adapter(adapter)?,
        tokenizer: model.tokenizer,
    };
    let file = args.file.as_deref();
    let name = file.map_or_else(|| "stdin".to_owned(), |path| path.display().to_string());
    let mut answers = Answers::to(out);
    match args.join {
        true => run_joined(&name, open(file)?, &mut answers, |alert, joined| {
            desk.decide_joined(alert, joined)
        })?,
        false => run_alone(&name, open(file)?, &mut answers, &desk)?,
    }
    if answers.has_foreign && args.base.is_nano() {
        writeln!(
            io::stderr(),
            "nano has learned from generated alerts only: on records of other programs hold its answer against `rule`"
        )?;
    }
    Ok(answers.outcome)
}

/// What is printed, and how it went so far.
struct Answers<'a> {
    out: &'a mut dyn Write,
    outcome: Outcome,
    /// Whether a record that is not ours was decided on.
    has_foreign: bool,
}

impl<'a> Answers<'a> {
    fn to(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            outcome: Outcome::Complete,
            has_foreign: false,
        }
    }

    /// Prints what came of the record in line `number`.
    fn write(&mut self, number: u64, answered: Result<Value, LineError>) -> anyhow::Result<()> {
        let answered = answered.map(|mut decision| {
            self.has_foreign |= decision["format"] != json!(Format::Opensoc);
            decision["line"] = json!(number);
            decision
        });
        if write_answer(self.out, number, answered)? == Outcome::BadInput {
            self.outcome = Outcome::BadInput;
        }
        Ok(())
    }
}

/// Decides on each record by itself.
fn run_alone(
    name: &str,
    input: impl BufRead,
    answers: &mut Answers<'_>,
    desk: &Desk,
) -> anyhow::Result<()> {
    for line in records(input) {
        let (number, text) = line.with_context(|| name.to_owned())?;
        let read = text.and_then(|text| import::read(&text).map_err(of_import));
        answers.write(number, read.and_then(|alert| desk.decide(alert)))?;
    }
    Ok(())
}

/// Decides on alerts with what went on before them; what is no alert is only looked at. All is read before the first answer.
fn run_joined(
    name: &str,
    input: impl BufRead,
    answers: &mut Answers<'_>,
    decide: impl Fn(Imported, usize) -> Result<Value, LineError>,
) -> anyhow::Result<()> {
    let mut surroundings = Surroundings::default();
    let mut lines = Vec::new();
    for line in records(input) {
        let (number, text) = line.with_context(|| name.to_owned())?;
        let read = text.and_then(|text| import::record(&text).map_err(of_import));
        let (weight, read) = match read {
            Ok(record) if !record.is_alert => {
                let added = surroundings.add(record);
                added.with_context(|| format!("line {number}"))?;
                continue;
            }
            Ok(alert) => (weight(&alert.log_window), Ok(alert)),
            Err(error) => (error.to_string().len(), Err(error)),
        };
        let held = surroundings.hold(weight);
        held.with_context(|| format!("line {number}"))?;
        lines.push((number, read));
    }
    let has_alert = lines.iter().any(|(_, read)| read.is_ok());
    if !has_alert && !surroundings.is_empty() {
        let count = surroundings.len();
        writeln!(
            io::stderr(),
            "{count} events, none of them an alert: without --join each is decided on by itself"
        )?;
    }
    for (number, read) in lines {
        let answered = read.and_then(|alert| {
            let (alert, joined) = surroundings.around(alert);
            decide(alert, joined)
        });
        answers.write(number, answered)?;
    }
    Ok(())
}

fn content(message: String, field: &str) -> LineError {
    LineError::Content {
        message,
        field: field.to_owned(),
    }
}

/// The model on one alert.
struct Desk {
    decoder: Decoder,
    tokenizer: Tokenizer,
}

impl Desk {
    /// Decides on an alert by itself.
    fn decide(&self, alert: Imported) -> Result<Value, LineError> {
        let format = alert.format;
        let episode = alert.into_episode();
        self.answer(&episode)
            .and_then(|said| self.line(format, &episode, &said))
            .map_err(|error| content(error.to_string(), "log_window"))
    }

    /// Decides on an alert whose first `joined` events were put there; as many of them, the latest, as the model has room
    /// for. Says how many, and which event is cited: nobody has seen this window.
    fn decide_joined(&self, mut alert: Imported, joined: usize) -> Result<Value, LineError> {
        let format = alert.format;
        let mut left = joined;
        loop {
            let episode = alert.clone().into_episode();
            let mut line = match self.answer(&episode) {
                Err(TrainError::Model(ModelError::TooLong { .. })) if left > 0 => {
                    left -= 1;
                    alert.drop_first();
                    continue;
                }
                said => said.and_then(|said| self.line(format, &episode, &said)),
            }
            .map_err(|error| content(error.to_string(), "log_window"))?;
            let cited = line["cited_log_id"].as_str();
            let mut window = episode.log_window.iter();
            let cited = window.find(|event| Some(event.log_id.as_str()) == cited);
            line["cited_event"] = json!(cited);
            line["joined"] = json!({"found": joined, "shown": left});
            return Ok(line);
        }
    }

    fn answer(&self, episode: &Episode) -> Result<String, TrainError> {
        let episode = std::slice::from_ref(episode);
        let answers = evaluate::answer(&self.decoder, &self.tokenizer, episode, || true)?;
        Ok(answers
            .into_iter()
            .next()
            .map_or_else(String::new, |(said, _)| said))
    }

    /// What is printed of an answer.
    fn line(&self, format: Format, episode: &Episode, said: &str) -> Result<Value, TrainError> {
        let logs = evaluate::action_log_probs(&self.decoder, &self.tokenizer, episode)?;
        let (answer, because) = match response::parse(said) {
            Ok(answer) => (Some(answer), None),
            Err(malformed) => (None, Some(malformed.to_string())),
        };
        let cited = answer.as_ref().map(|answer| answer.cited_log_id.as_str());
        let in_window = |id: &str| episode.log_window.iter().any(|event| event.log_id == id);
        Ok(json!({
            "alert_id": episode.alert.alert_id,
            "format": format,
            "action": answer.as_ref().map(|answer| answer.action),
            "cited_log_id": cited,
            "cited_in_window": cited.map(in_window),
            "rationale": answer.as_ref().map(|answer| answer.rationale.as_str()),
            "malformed_because": because,
            "rule": rule(episode),
            "probabilities": shares(logs),
        }))
    }
}

/// The rule of ours that finds something in the window; the model does not see it.
fn rule(episode: &Episode) -> Option<String> {
    let truth = verify::truth(&episode.log_window).ok()?;
    Some(truth.rule).filter(|rule| rule != NO_FINDING)
}

/// Of the five actions, how likely the model is to say each, among themselves.
fn shares(logs: [f64; 5]) -> Value {
    let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let weights = logs.map(|log| (log - most).exp());
    let sum: f64 = weights.iter().sum();
    let share = |action: Action| (action.to_string(), json!(weights[action.index()] / sum));
    Value::Object(Action::ALL.into_iter().map(share).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_where_one_finds_something() {
        let start = |program: &str, parent: &str| {
            let record = json!({
                "@timestamp": "2026-01-02T03:04:05Z", "event.kind": "alert", "event.category": ["process"],
                "process.executable": format!("C:\\Windows\\System32\\{program}"), "process.parent.name": parent
            });
            let alert = import::read(&record.to_string()).expect("an alert");
            rule(&alert.into_episode())
        };
        let process = |parent: &str| start("mshta.exe", parent);
        assert_eq!(start("notepad.exe", "explorer.exe"), None);
        assert_eq!(
            process("WINWORD.EXE").as_deref(),
            Some("lolbin_office_parent")
        );
        assert_eq!(
            process("explorer.exe").as_deref(),
            Some("lolbin_other_parent")
        );
        assert!(crate::env::rules::find(NO_FINDING).is_some());
    }

    #[test]
    fn shares_sum_to_one_however_unlikely_all_are() {
        let value = shares([-800.0, -801.0, -900.0, -805.0, -802.0]);
        let of = |action: Action| value[action.as_str()].as_f64().expect("a number");
        assert!((Action::ALL.map(of).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(of(Action::Dismiss) > of(Action::Monitor));
        assert!((of(Action::Dismiss) / of(Action::Monitor) - 1f64.exp()).abs() < 1e-9);
    }
}
