//! `opensoc adapter`: look at a LoRA adapter, or merge it into its base model.

use std::io::Write;
use std::path::PathBuf;

use candle_core::DType;
use serde_json::json;

use super::Outcome;
use super::base::BaseModel;
use super::eval::adapter;
use crate::gate::clean;
use crate::model::lora::Adapted;
use crate::model::placement::{DtypeChoice, Placement};
use crate::model::source::{LoadedModel, adapter_info, export};

/// Arguments of `adapter`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print rank, scale, modules and size
    #[command(after_help = "Example: opensoc adapter info stage4_adversarial --json")]
    Info(InfoArgs),
    /// Write the base model with the adapter merged in, as a Hugging Face folder
    #[command(
        after_help = "Example: opensoc adapter merge stage4_adversarial --model nano --out merged"
    )]
    Merge(MergeArgs),
}

#[derive(Debug, clap::Args)]
struct InfoArgs {
    /// A PEFT folder, or the name of a shipped adapter
    adapter: String,
    /// Also check that it fits this model
    #[arg(long)]
    model: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// A PEFT folder, or the name of a shipped adapter
    adapter: String,
    #[command(flatten)]
    base: BaseModel,
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Element type of the weights written
    #[arg(long, default_value = "f32")]
    dtype: FileType,
}

/// Element types that merged weights can be written in.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FileType {
    F32,
    F16,
    Bf16,
}

impl FileType {
    const fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }
}

/// Answers one of the subcommands.
///
/// # Errors
/// On an unusable adapter or model, or a folder that cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Info(args) => info(args, out),
        Command::Merge(args) => merge(args, out),
    }
}

fn info(args: &InfoArgs, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let info = adapter_info(&args.adapter)?;
    if let Some(name) = &args.model {
        adapter(&args.adapter, &LoadedModel::open(name, &Placement::cpu())?)?;
    }
    let modules = info.modules();
    if args.json {
        let of = |told: fn(&Adapted) -> serde_json::Value| {
            let told = modules.iter().map(|m| (m.name.clone(), told(m)));
            told.collect::<serde_json::Map<String, serde_json::Value>>()
        };
        let line = json!({
            "base": info.base.name, "base_sha256": info.base.weights, "rank": info.rank, "alpha": info.alpha, "rslora": info.rslora,
            "parameters": info.parameters(), "modules": of(|m| json!(m.count)), "ranks": of(|m| json!(m.ranks)), "fits": args.model,
        });
        writeln!(out, "{line}")?;
        return Ok(Outcome::Complete);
    }
    let base = info
        .base
        .name
        .as_deref()
        .unwrap_or("a model it does not name");
    let root = if info.rslora { "sqrt(rank)" } else { "rank" };
    let parameters = info.parameters();
    writeln!(out, "{}: LoRA for {}", args.adapter, clean(base))?;
    writeln!(
        out,
        "rank {}, scaled by {} / {root}, {parameters} parameters",
        info.rank, info.alpha
    )?;
    for Adapted { name, count, ranks } in modules {
        write!(out, "{count:>4} x {name}")?;
        if ranks != [info.rank] {
            let ranks: Vec<String> = ranks.iter().map(ToString::to_string).collect();
            write!(out, ", rank {}", ranks.join(" and "))?;
        }
        writeln!(out)?;
    }
    if let Some(model) = &args.model {
        writeln!(out, "fits {model}")?;
    }
    Ok(Outcome::Complete)
}

fn merge(args: &MergeArgs, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    // Merging is exact in f32 only.
    let model = args.base.open(DtypeChoice::F32)?;
    let adapter = adapter(&args.adapter, &model)?;
    let decoder = model.decoder.with_adapter(Some(adapter))?;
    export(&model, &decoder, &args.out, args.dtype.dtype())?;
    let (name, base) = (&args.adapter, args.base.model());
    writeln!(out, "{}: {base} with {name} merged in", args.out.display())?;
    Ok(Outcome::Complete)
}
