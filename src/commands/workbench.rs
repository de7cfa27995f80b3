//! `opensoc` without a subcommand: the workbench, with the model thread behind it.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::base::{BaseModel, dtype_choice, use_threads};
use super::label::{Folder, who};
use super::look::Look;
use super::steering::{OwnRun, Steered};
use super::{Outcome, detach, steering};
use crate::config::{Preset, TrainConfig, resolve};
use crate::env::schema::{Split, Stage};
use crate::link::{Command, Control, Fact, RunState, TrainRequest};
use crate::model::lora::Adapter;
use crate::model::placement::DeviceChoice;
use crate::model::source::LoadedModel;
use crate::run::layout::default_root;
use crate::run::reader::read_status;
use crate::run::{RunDir, RunError, shipped};
use crate::train::worker::{WorkerOptions, spawn};
use crate::ui::msg::{Exit, ExitReason, RunFate};
use crate::ui::queue::EpisodeSource;
use crate::ui::{Painter, Session, UiError, WorkbenchOptions, run_with, screen};

/// Arguments of the workbench.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseModel,
    /// A PEFT folder to answer with, or the name of a shipped adapter; may be repeated
    #[arg(long = "adapter", value_name = "A")]
    pub adapters: Vec<PathBuf>,
    /// Seed of the episodes shown
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Whose labels the labelling screen writes; the system's user without it
    #[arg(long = "as", value_name = "NAME")]
    pub annotator: Option<String>,
    #[command(flatten)]
    pub labels: Folder,
    /// Where the configuration of a run starts: nano, smollm2-135m, qwen2.5-0.5b or qwen2.5-3b
    #[arg(long, default_value = "nano")]
    pub preset: String,
    /// One value of a run's configuration
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Runs started here take minutes, to see them work
    #[arg(long)]
    pub quick: bool,
    #[command(flatten)]
    pub look: Look,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            base: BaseModel::default(),
            adapters: Vec::new(),
            seed: 1,
            annotator: None,
            labels: Folder::default(),
            preset: "nano".into(),
            sets: Vec::new(),
            quick: false,
            look: Look::default(),
        }
    }
}

impl Args {
    fn is_shipped(&self, adapter: &Path) -> bool {
        let name = adapter.to_str();
        name.is_some_and(|name| self.base.has_shipped(name))
    }

    /// The adapters that are folders.
    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        let adapters = self.adapters.iter();
        adapters.filter(|adapter| !self.is_shipped(adapter))
    }

    /// The shipped adapter that answers first: the last one asked for, where it is one.
    fn shown(&self) -> Option<String> {
        let last = self.adapters.last().filter(|last| self.is_shipped(last))?;
        last.to_str().map(str::to_owned)
    }
}

/// Opens the workbench and waits for what it leaves running.
///
/// # Errors
/// When the configuration is bad or the terminal cannot be used.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let preset = Preset::from_name(&args.preset)?;
    let train_config = resolve(preset, args.quick, None, &args.sets)?;
    let args = Args {
        base: args.base.or_of(preset),
        ..args.clone()
    };
    open(&args, train_config, None, out)
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
    open_with(screen::draw, args, train_config, start, out)
}

/// [`open`] with a painter of the caller's. One that panics ends the workbench, and a run of this process after a checkpoint;
/// then the panic goes on to the caller.
///
/// # Errors
/// As [`run`].
pub fn open_with(
    paint: Painter,
    args: &Args,
    train_config: TrainConfig,
    start: Option<TrainRequest>,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    check(args)?;
    use_threads(train_config.threads);
    let starts_training = start.is_some();
    let sft_extra = start.as_ref().and_then(|start| start.sft_extra.clone());
    let (commands, received) = channel();
    if let Some(request) = start {
        commands.send(Command::Train(Box::new(request)))?;
    }
    let (facts, heard) = unbounded_channel();
    let elsewhere = facts.clone();
    let own = Arc::new(OwnRun::default());
    let worker = spawn(
        worker_options(args, &train_config),
        received,
        tell(facts, Arc::clone(&own)),
    )?;
    let (asked, steering) = steering::spawn(
        default_root()?,
        commands.clone(),
        elsewhere,
        Arc::clone(&own),
        starts_training,
    )?;
    let session = Session {
        commands: asked,
        facts: heard,
        shipped: args.base.is_nano().then(shipped::run).flatten(),
    };
    let options = WorkbenchOptions {
        start_on_training: starts_training,
        sft_extra,
        ..options(args, train_config)?
    };
    let drawn = catch_unwind(AssertUnwindSafe(|| run_with(paint, options, session)));
    let Ok(Steered { followed, refused }) = steering.join() else {
        anyhow::bail!("the thread that steers runs has panicked; what is on disk is safe");
    };
    let left = Left {
        base: &args.base,
        own,
        commands,
        worker,
    };
    match drawn {
        Ok(Ok(exit)) => match followed {
            Some(dir) => left_elsewhere(exit.run, &dir, refused, out),
            None => left.finish(exit, out),
        },
        broken => left.broken(broken, out),
    }
}

fn worker_options(args: &Args, train_config: &TrainConfig) -> WorkerOptions {
    WorkerOptions {
        model: args.base.model().to_owned(),
        device: args.base.device,
        dtype: dtype_choice(train_config),
        adapters: args.folders().cloned().collect(),
        shown: args.shown(),
    }
}

/// Sends facts on, and takes note of the run in this process.
fn tell(facts: UnboundedSender<Fact>, own: Arc<OwnRun>) -> impl FnMut(Fact) + Send + 'static {
    move |fact| {
        if let Fact::Run(fact) = &fact {
            own.hear(fact);
        }
        // A closed workbench hears nothing; what matters is on disk.
        let _ = facts.send(fact);
    }
}

fn options(args: &Args, train_config: TrainConfig) -> anyhow::Result<WorkbenchOptions> {
    Ok(WorkbenchOptions {
        theme: args.look.theme.clone(),
        color: args.look.color,
        plain: args.look.plain,
        symbols: args.look.symbols,
        source: EpisodeSource {
            split: Split::Holdout,
            seed: args.seed,
        },
        stage: Stage::Basic,
        run_root: default_root()?,
        labels: args.labels.store()?,
        annotator: who(args.annotator.as_deref())?,
        train_config,
        is_read_only: false,
        start_on_training: false,
        sft_extra: None,
    })
}

/// Refuses a model or an adapter that cannot be read before the screen opens; weights are loaded behind it.
fn check(args: &Args) -> anyhow::Result<()> {
    // Finding out what `auto` means can take seconds; that goes on behind the screen.
    if args.base.device != DeviceChoice::Auto {
        args.base.device.open()?;
    }
    let config = LoadedModel::shape(args.base.model())?;
    for dir in args.folders() {
        Adapter::load(dir, &config, &candle_core::Device::Cpu)?;
    }
    Ok(())
}

/// What is left when the screen has closed.
struct Left<'a> {
    base: &'a BaseModel,
    own: Arc<OwnRun>,
    commands: Sender<Command>,
    worker: JoinHandle<()>,
}

impl Left<'_> {
    /// Lets the model thread end as the exit asks: at once, after a checkpoint, or when its run is done. A run that is to
    /// go on does so in a process of its own, so that the shell comes back; without a terminal there is no shell to give
    /// back, and it goes on in this one.
    fn finish(self, exit: Exit, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        match (exit.run, exit.reason) {
            (RunFate::None, _) => {}
            (RunFate::LeaveRunning, ExitReason::Quit) => {
                let base = self.base.clone();
                if let Some(dir) = self.stop(out)? {
                    writeln!(out, "{}", detach::go_on(&base, &dir)?)?;
                }
            }
            (RunFate::LeaveRunning, reason) => {
                say_it_goes_on(reason, out);
                let _ = self.commands.send(Command::QuitAfterRun);
                stop_on_signal(self.commands)?;
                let _ = self.worker.join();
            }
            (RunFate::StopAfterCheckpoint, _) => {
                if let Some(dir) = self.stop(out)? {
                    // The terminal may be gone; the checkpoint is what counts.
                    let _ = said_stopped(&dir, out);
                }
            }
        }
        Ok(Outcome::Complete)
    }

    /// The screen has broken, by an error or a panic, which goes on: a run of this process stops after a checkpoint first.
    fn broken(
        self,
        drawn: std::thread::Result<Result<Exit, UiError>>,
        out: &mut dyn Write,
    ) -> anyhow::Result<Outcome> {
        if self.own.is_in_progress()
            && let Ok(Some(dir)) = self.stop(out)
        {
            let _ = said_stopped(&dir, out);
        }
        match drawn {
            Ok(exit) => exit.map(|_| Outcome::Complete).map_err(Into::into),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Waits for the checkpoint; a second ctrl-c does not. Gives the folder of a run that can go on: known only now, for a run may
    /// have begun after the screen closed.
    fn stop(self, out: &mut dyn Write) -> anyhow::Result<Option<PathBuf>> {
        let at_once = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(
            signal_hook::consts::SIGINT,
            INTERRUPTED,
            at_once,
        )?;
        let _ = self.commands.send(Command::Quit);
        // The terminal may be gone; the checkpoint is what counts.
        let _ = writeln!(
            out,
            "Writing a checkpoint; ctrl-c ends at once, without it."
        )
        .and_then(|()| out.flush());
        let _ = self.worker.join();
        Ok(self.own.take_dir().filter(|dir| is_stopped(dir)))
    }
}

fn said_stopped(dir: &Path, out: &mut dyn Write) -> std::io::Result<()> {
    let goes_on = "opensoc train --resume --run-dir";
    writeln!(out, "Stopped; {goes_on} {} goes on.", dir.display())
}

/// Says what becomes of a run in another process, once it has been asked for; the terminal may be gone.
///
/// # Errors
/// Where it could not be asked.
fn left_elsewhere(
    fate: RunFate,
    dir: &RunDir,
    refused: Option<RunError>,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    let shown = dir.path().display();
    let _ = match fate {
        RunFate::None => Ok(()),
        RunFate::LeaveRunning => writeln!(out, "Training goes on; opensoc watch {shown} looks on."),
        RunFate::StopAfterCheckpoint => match refused {
            Some(error) => anyhow::bail!("the run was not asked to stop: {error}"),
            None => writeln!(
                out,
                "Asked to stop after a checkpoint; opensoc train --resume --run-dir {shown} goes on."
            ),
        },
    };
    Ok(Outcome::Complete)
}

/// Says that the run goes on in this process. A terminal counts as lost, too, where no key could be read from it any more: then
/// somebody still looks at it.
fn say_it_goes_on(reason: ExitReason, out: &mut dyn Write) {
    if reason == ExitReason::TerminalLost {
        let told = "Training goes on in this process; ctrl-c stops it after a checkpoint.";
        // It may be gone in earnest.
        let _ = writeln!(out, "{told}").and_then(|()| out.flush());
    }
}

/// Exit code of a process that ctrl-c ends, as shells count it.
const INTERRUPTED: i32 = 130;

/// Whether the run in `dir` was stopped and can go on.
fn is_stopped(dir: &Path) -> bool {
    let status = read_status(&RunDir::new(dir)).ok().flatten();
    status.is_some_and(|status| status.state == RunState::Stopped)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Plan;
    use crate::link::{RunFact, Status};

    fn status(state: RunState) -> Status {
        Status {
            state,
            phase: "sft".into(),
            step: 3,
            total_steps: 9,
            elapsed_s: 1.0,
            eta_s: None,
            heartbeat: 0,
            pid: 0,
            reason: String::new(),
        }
    }

    /// A run in `dir` that writes its checkpoint when it is asked to quit, and what is left of its workbench.
    fn left(base: &BaseModel, dir: PathBuf, is_begun: bool) -> Left<'_> {
        let own = Arc::new(OwnRun::default());
        if is_begun {
            own.hear(&RunFact::Started {
                run_dir: dir.clone(),
                run_id: "r".into(),
                plan: Plan::default(),
            });
        }
        let (commands, received) = channel();
        let worker = std::thread::spawn(move || {
            if let Ok(Command::Quit) = received.recv() {
                let text = serde_json::to_vec(&status(RunState::Stopped)).expect("JSON");
                std::fs::write(RunDir::new(&dir).status(), text).expect("written");
            }
        });
        Left {
            base,
            own,
            commands,
            worker,
        }
    }

    #[test]
    fn whoever_has_lost_keys_but_not_the_terminal_is_told_that_the_run_goes_on() {
        for (reason, is_told) in [
            (ExitReason::TerminalLost, true),
            (ExitReason::Plain, false),
            (ExitReason::Signal(15), false),
        ] {
            let mut out = Vec::new();
            say_it_goes_on(reason, &mut out);
            let told = String::from_utf8(out).expect("text");
            assert_eq!(told.contains("ctrl-c stops it"), is_told, "{reason:?}");
        }
    }

    #[test]
    fn a_screen_that_breaks_takes_no_run_along() {
        let base = BaseModel::default();
        for is_begun in [true, false] {
            let dir = tempfile::tempdir().expect("a folder");
            let left = left(&base, dir.path().to_owned(), is_begun);
            let mut out = Vec::new();
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let panic: Box<dyn std::any::Any + Send> = Box::new("no width");
                left.broken(Err(panic), &mut out)
            }));
            let panic = caught.expect_err("the panic goes on");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"no width"));
            let told = String::from_utf8(out).expect("text");
            assert_eq!(is_stopped(dir.path()), is_begun);
            assert_eq!(told.contains("--resume --run-dir"), is_begun, "{told}");
        }
    }
}
