//! `opensoc pretrain`: makes nano and its tokenizer from nothing.

use std::io::Write;
use std::path::PathBuf;

use super::Outcome;
use crate::model::placement::DeviceChoice;
use crate::pretrain::words::Words;
use crate::pretrain::{self, Options, Progress};

/// Arguments of `pretrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder that gets the model; a checkpoint in it is continued
    #[arg(long, default_value = "nano")]
    pub out: PathBuf,
    /// Seed of weights and data
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Optimiser steps
    #[arg(long, default_value_t = 6_000)]
    pub steps: u64,
    /// Window documents a step
    #[arg(long, default_value_t = 8)]
    pub windows: u64,
    /// Notes on each window
    #[arg(long, default_value_t = 24)]
    pub notes: usize,
    /// Windows a step in which two to four chains of one family stand side by side
    #[arg(long, default_value_t = 4)]
    pub drills: u64,
    /// Echo documents a step
    #[arg(long, default_value_t = 4)]
    pub echoes: u64,
    /// Peak learning rate
    #[arg(long, default_value_t = 3e-3)]
    pub lr: f64,
    /// Steps between probes and checkpoints
    #[arg(long, default_value_t = 250)]
    pub probe_every: u64,
    /// Go on with this model instead of beginning from nothing: `nano`, or a folder
    #[arg(long, value_name = "MODEL")]
    pub from: Option<String>,
    /// auto, cpu, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
    /// Print this many documents of what it reads, and stop
    #[arg(long, value_name = "N")]
    pub corpus: Option<u64>,
}

/// Trains, or prints documents.
///
/// # Errors
/// On unwritable folders, damaged checkpoints, or diverged training.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    if let Some(count) = args.corpus {
        return print_corpus(args, count, out);
    }
    let options = Options {
        seed: args.seed,
        steps: args.steps,
        windows: args.windows,
        notes: args.notes,
        drills: args.drills,
        echoes: args.echoes,
        lr: args.lr,
        probe_every: args.probe_every,
        out: args.out.clone(),
        from: args.from.clone(),
        device: args.device.open()?,
    };
    let mut written = Ok(());
    pretrain::run(&options, |progress| {
        if written.is_ok() {
            written = report(progress, out);
        }
    })?;
    written?;
    Ok(Outcome::Complete)
}

fn report(progress: &Progress, out: &mut dyn Write) -> std::io::Result<()> {
    let Progress {
        step,
        phase,
        loss,
        tokens_per_second,
        probes,
    } = progress;
    if step % 10 == 0 {
        writeln!(
            out,
            "step {step} phase {} loss {loss:.4} {tokens_per_second:.0} tokens/s",
            phase + 1
        )?;
    }
    if let Some(probes) = probes {
        let shares: Vec<String> = probes
            .iter()
            .map(|(name, share)| format!("{name} {share:.3}"))
            .collect();
        writeln!(out, "probe {step}: {}", shares.join(", "))?;
    }
    out.flush()
}

fn print_corpus(args: &Args, count: u64, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let words = Words::of_train_split();
    let tokenizer = pretrain::train_tokenizer(&words, args.seed)?;
    for index in 0..count {
        writeln!(
            out,
            "{}\n",
            pretrain::sample(&tokenizer, &words, args.seed, index).text()
        )?;
    }
    Ok(Outcome::Complete)
}
