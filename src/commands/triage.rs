//! `opensoc triage`: alerts in, the model's decisions out.

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::Outcome;
use super::base::BaseModel;
use super::eval::adapter;
use super::lines::{LineError, answer_all};
use crate::env::response;
use crate::env::schema::{Action, ENV_VERSION, Episode, Incident, Split, Stage, Truth};
use crate::import::{self, ImportError, Imported};
use crate::model::decoder::Decoder;
use crate::model::nano;
use crate::model::placement::DtypeChoice;
use crate::model::tokenizer::Tokenizer;
use crate::train::evaluate;

/// The shipped adapter that answers unless another is asked for.
const SHIPPED: &str = "stage4_adversarial";

/// Arguments of `triage`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON lines: our alerts, ECS, OCSF findings, Suricata EVE, Sysmon or Windows events; stdin without it
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub base: BaseModel,
    /// A PEFT folder, or the name of a shipped adapter; without it the last shipped one with nano, else none
    #[arg(long)]
    pub adapter: Option<String>,
}

/// Prints a decision a line.
///
/// # Errors
/// On an unusable model or adapter, or when the file cannot be read or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let model = args.base.open(DtypeChoice::Auto)?;
    let shipped = (args.base.model == nano::NAME).then(|| SHIPPED.to_owned());
    let name = args.adapter.clone().or(shipped);
    let adapter = name
        .as_deref()
        .map(|name| adapter(name, &model))
        .transpose()?;
    let decoder = model.decoder.with_adapter(adapter)?;
    answer_all(args.file.as_deref(), out, |line| {
        let imported = import::read(line).map_err(of_import)?;
        decide(&decoder, &model.tokenizer, imported)
    })
}

fn of_import(error: ImportError) -> LineError {
    match error {
        ImportError::Json(fault) => LineError::Json(fault),
        other => LineError::Content {
            message: other.to_string(),
            field: other.field().unwrap_or_default().to_owned(),
        },
    }
}

fn decide(
    decoder: &Decoder,
    tokenizer: &Tokenizer,
    imported: Imported,
) -> Result<Value, LineError> {
    let format = imported.format;
    let episode = episode(imported);
    let failed = |message: String| LineError::Content {
        message,
        field: "log_window".to_owned(),
    };
    let answers = evaluate::answer(decoder, tokenizer, std::slice::from_ref(&episode), || true)
        .map_err(|error| failed(error.to_string()))?;
    let said = answers.first().map_or("", |(said, _)| said.as_str());
    let logs = evaluate::action_log_probs(decoder, tokenizer, &episode)
        .map_err(|error| failed(error.to_string()))?;
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
        "probabilities": shares(logs),
    }))
}

/// Of the five actions, how likely the model is to say each, among themselves.
fn shares(logs: [f64; 5]) -> Value {
    let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let weights = logs.map(|log| (log - most).exp());
    let sum: f64 = weights.iter().sum();
    let share = |action: Action| (action.to_string(), json!(weights[action.index()] / sum));
    Value::Object(Action::ALL.into_iter().map(share).collect::<Map<_, _>>())
}

/// The alert where episodes are asked for. Only alert and log window reach the model; the rest is empty and looked at by
/// nobody.
fn episode(imported: Imported) -> Episode {
    Episode {
        episode_id: imported.alert.alert_id.clone(),
        env_version: ENV_VERSION.to_owned(),
        stage: Stage::Basic,
        split: Split::Holdout,
        seed: 0,
        index: 0,
        alert: imported.alert,
        log_window: imported.log_window,
        incident: Incident {
            category: String::new(),
            target_label: Action::Dismiss,
            narrative: String::new(),
            events: Vec::new(),
        },
        truth: Truth {
            action: Action::Dismiss,
            triggering_log_id: String::new(),
            rule: String::new(),
            reason: String::new(),
            attack: Vec::new(),
            evidence: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_however_unlikely_all_are() {
        let value = shares([-800.0, -801.0, -900.0, -805.0, -802.0]);
        let of = |action: Action| value[action.as_str()].as_f64().expect("a number");
        assert!((Action::ALL.map(of).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(of(Action::Dismiss) > of(Action::Monitor));
        assert!((of(Action::Dismiss) / of(Action::Monitor) - 1f64.exp()).abs() < 1e-9);
    }
}
