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
    let model = args.base.open(DtypeChoice::Auto)?;
    let c = &model.decoder.config;
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
