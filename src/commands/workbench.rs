//! `opensoc` without a subcommand: the workbench, with the model thread behind it.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::unbounded_channel;

use super::Outcome;
use super::train::use_threads;
use crate::env::schema::{Split, Stage};
use crate::link::{Command, Control, TrainRequest};
use crate::model::nano;
use crate::run::layout::default_root;
use crate::run::shipped;
use crate::train::config::{Preset, TrainConfig, resolve};
use crate::train::worker::{WorkerOptions, spawn};
use crate::ui::msg::{Exit, ExitReason, RunFate};
use crate::ui::queue::EpisodeSource;
use crate::ui::theme::{ColorChoice, Symbols};
use crate::ui::{Session, WorkbenchOptions};

/// Arguments of the workbench.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `nano`, or a Hugging Face folder
    #[arg(long, default_value = "nano")]
    pub model: String,
    /// A PEFT folder to answer with; may be repeated
    #[arg(long = "adapter", value_name = "A")]
    pub adapters: Vec<PathBuf>,
    /// Seed of the episodes shown
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the configuration of a run starts: nano, qwen2.5-3b
    #[arg(long, default_value = "nano")]
    pub preset: String,
    /// One value of a run's configuration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Runs started here take minutes, to see them work
    #[arg(long)]
    pub quick: bool,
    /// dark, light, high-contrast or mono
    #[arg(long)]
    pub theme: Option<String>,
    /// auto, always or never
    #[arg(long, default_value = "auto")]
    pub color: ColorChoice,
    /// braille, blocks or ascii
    #[arg(long)]
    pub symbols: Option<Symbols>,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            model: nano::NAME.into(),
            adapters: Vec::new(),
            seed: 1,
            preset: "nano".into(),
            sets: Vec::new(),
            quick: false,
            theme: None,
            color: ColorChoice::Auto,
            symbols: None,
        }
    }
}

/// Opens the workbench and waits for what it leaves running.
///
/// # Errors
/// When the configuration is bad or the terminal cannot be used.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let train_config = resolve(
        Preset::from_name(&args.preset)?,
        args.quick,
        None,
        &args.sets,
    )?;
    open(args, train_config, None, out)
}

/// [`run`] with a resolved configuration, and perhaps a run to start at once.
///
/// # Errors
/// As [`run`].
pub fn open(
    args: &Args,
    train_config: TrainConfig,
    start: Option<TrainRequest>,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    use_threads(train_config.threads);
    let (commands, received) = channel();
    if let Some(request) = start {
        commands.send(Command::Train(Box::new(request)))?;
    }
    let (facts, heard) = unbounded_channel();
    let options = WorkerOptions {
        model: args.model.clone(),
        adapters: args.adapters.clone(),
    };
    let worker = spawn(options, received, move |fact| {
        // A closed workbench hears nothing; what matters is on disk.
        let _ = facts.send(fact);
    })?;
    let session = Session {
        commands: commands.clone(),
        facts: heard,
        shipped: if args.model == nano::NAME {
            shipped::run()
        } else {
            None
        },
    };
    let options = WorkbenchOptions {
        theme: args.theme.clone(),
        color: args.color,
        symbols: args.symbols,
        source: EpisodeSource {
            split: Split::Holdout,
            seed: args.seed,
        },
        stage: Stage::Basic,
        run_root: default_root()?,
        train_config,
        is_read_only: false,
    };
    let exit = crate::ui::run(options, session)?;
    finish(exit, commands, worker, out)
}

/// Lets the model thread end as the exit asks: at once, after a checkpoint, or when its run is done.
fn finish(
    exit: Exit,
    commands: Sender<Command>,
    worker: JoinHandle<()>,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    match exit.run {
        RunFate::None => return Ok(Outcome::Complete),
        RunFate::StopAfterCheckpoint => {
            let _ = commands.send(Command::Quit);
        }
        RunFate::LeaveRunning => {
            let _ = commands.send(Command::QuitAfterRun);
            stop_on_signal(commands)?;
            if exit.reason == ExitReason::Quit && std::io::stdout().is_terminal() {
                writeln!(
                    out,
                    "Training goes on in this process; ctrl-c stops it after a checkpoint."
                )?;
                out.flush()?;
            }
        }
    }
    let _ = worker.join();
    Ok(Outcome::Complete)
}

/// SIGTERM and SIGINT end a run that was left running after a checkpoint; without this thread its channel would close too.
fn stop_on_signal(commands: Sender<Command>) -> anyhow::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
    ])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                let _ = commands.send(Command::Control(Control::Stop));
                let _ = commands.send(Command::Quit);
            }
        })?;
    Ok(())
}
