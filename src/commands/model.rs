//! `opensoc model`: look at a model, and at what it computes.

use std::io::Write;

use serde_json::json;

use super::Outcome;
use super::base::BaseModel;
use super::eval::adapter;
use crate::model::placement::DtypeChoice;

/// Arguments of `model`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print shape, size and hashes
    #[command(after_help = "Example: opensoc model info --model nano")]
    Info(InfoArgs),
    /// Print tokens of a text and the logits after its last one
    #[command(after_help = "Example: opensoc model logits --model nano --text 'Host: ws-1' --json")]
    Logits(LogitsArgs),
}

#[derive(Debug, clap::Args)]
struct InfoArgs {
    #[command(flatten)]
    base: BaseModel,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct LogitsArgs {
    #[command(flatten)]
    base: BaseModel,
    /// Element type of the model's matrices in memory: auto (bf16 on a GPU, else f32), f32, bf16 or f16
    #[arg(long, default_value = "auto", value_name = "TYPE")]
    dtype: DtypeChoice,
    /// A PEFT folder, or the name of a shipped adapter
    #[arg(long)]
    adapter: Option<String>,
    /// The text; no special tokens are added
    #[arg(long)]
    text: String,
    /// One JSON object: {"tokens":[…],"logits":[…]}
    #[arg(long)]
    json: bool,
}

/// Answers one of the subcommands.
///
/// # Errors
/// On an unusable model or adapter, or an empty text.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Info(args) => info(args, out),
        Command::Logits(args) => logits(args, out),
    }
}

fn info(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let model = args.base.describe()?;
    let c = &model.config;
    let architecture = c.architecture.as_str();
    if args.json {
        let line = json!({
            "name": model.name, "architecture": architecture, "parameters": c.parameters(), "layers": c.layers,
            "hidden_size": c.hidden_size, "heads": c.heads, "kv_heads": c.kv_heads,
            "intermediate_size": c.intermediate_size, "vocab_size": c.vocab_size, "max_positions": c.max_positions,
            "hashes": model.hashes,
        });
        writeln!(out, "{line}")?;
        return Ok(Outcome::Complete);
    }
    writeln!(
        out,
        "{}: {architecture}, {} parameters",
        model.name,
        c.parameters()
    )?;
    writeln!(
        out,
        "{} layers of {}, {} heads ({} for keys and values), feed-forward {}, {} tokens, {} positions",
        c.layers,
        c.hidden_size,
        c.heads,
        c.kv_heads,
        c.intermediate_size,
        c.vocab_size,
        c.max_positions
    )?;
    for (file, hash) in &model.hashes {
        writeln!(out, "{hash}  {file}")?;
    }
    Ok(Outcome::Complete)
}

/// What to say where logits are no numbers.
fn overflow(args: &LogitsArgs) -> String {
    let model = args.base.model();
    let whose = match &args.adapter {
        Some(adapter) => format!("{model} with {adapter}"),
        None => model.to_owned(),
    };
    format!(
        "{whose}: the numbers overflow on the way to the logits, though every weight is one: are they damaged, or has their \
         training diverged? Where --dtype is f16, f32 holds larger ones"
    )
}

fn logits(args: &LogitsArgs, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let model = args.base.open(args.dtype)?;
    let adapter = args
        .adapter
        .as_deref()
        .map(|name| adapter(name, &model))
        .transpose()?;
    let decoder = model.decoder.with_adapter(adapter)?;
    let tokens = model.tokenizer.encode(&args.text);
    let logits = decoder.logits(&tokens)?;
    anyhow::ensure!(logits.iter().all(|logit| logit.is_finite()), overflow(args));
    if args.json {
        writeln!(out, "{}", json!({"tokens": tokens, "logits": logits}))?;
        return Ok(Outcome::Complete);
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    writeln!(out, "{} tokens: {tokens:?}", tokens.len())?;
    for &token in order.iter().take(10) {
        writeln!(
            out,
            "{:>8.3}  {token:>6}  {:?}",
            logits[token],
            model.tokenizer.decode(&[token as u32])
        )?;
    }
    Ok(Outcome::Complete)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::model::config::Projection;
    use crate::model::decoder::Decoder;
    use crate::model::placement::DeviceChoice;
    use crate::model::source::{LoadedModel, export};

    #[test]
    fn numbers_that_overflow_are_told_and_not_printed_as_null() {
        let nano = LoadedModel::nano().expect("nano");
        let mut weights = nano.decoder.weights.clone();
        for layer in &mut weights.layers {
            for projection in [Projection::Up, Projection::Down] {
                let weight = &mut layer.projections[projection as usize];
                *weight = (&*weight * 1e36).expect("scaled");
            }
        }
        let decoder = Decoder::new(nano.decoder.config.clone(), weights);
        let root = tempfile::tempdir().expect("folder");
        let dir = root.path().join("huge");
        export(&nano, &decoder, &dir, DType::F32).expect("written");
        let base = BaseModel {
            named: Some(dir.display().to_string()),
            device: DeviceChoice::Cpu,
        };
        let args = |base: &BaseModel| LogitsArgs {
            base: base.clone(),
            dtype: DtypeChoice::F32,
            adapter: None,
            text: "Host: ws-1".to_owned(),
            json: true,
        };
        let mut out: Vec<u8> = Vec::new();
        let told = logits(&args(&base), &mut out).expect_err("no numbers");
        assert!(told.to_string().contains("numbers overflow"), "{told}");
        assert!(out.is_empty());
        assert!(logits(&args(&BaseModel::default()), &mut out).is_ok());
        assert!(!out.is_empty());
    }
}
