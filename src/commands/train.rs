//! `opensoc train`: SFT and the curriculum, without a workbench.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::base::{BaseModel, dtype_choice, use_threads};
use super::{Outcome, detach, workbench};
use crate::config::{Preset, TrainConfig, resolve};
use crate::disk;
use crate::gate::clean;
use crate::link::{Control, RunFact, RunState, TrainRequest};
use crate::model::decoder::Decoder;
use crate::model::placement::Placement;
use crate::model::source::LoadedModel;
use crate::run::{HEADLINES, Manifest, RunDir, layout};
use crate::train::curriculum::{self, Host};
use crate::train::extra::Extra;
use crate::ui::numbers::clock;
use crate::ui::term;

/// Where the configuration starts unless said otherwise.
const DEFAULT_PRESET: &str = "nano";
/// The longest configuration file that is read, in bytes.
const MOST_CONFIG: u64 = 1 << 20;

/// An option that a resumed run cannot follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{option} does not go with --resume: a run goes on with the configuration in its run.json; leave {option} away, or begin a new run without --resume"
)]
pub struct NotResumed {
    pub option: &'static str,
}

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub base: BaseModel,
    /// Where the configuration starts: nano, smollm2-135m, qwen2.5-0.5b or qwen2.5-3b
    #[arg(long, default_value = DEFAULT_PRESET)]
    pub preset: String,
    /// A TOML file laid over the preset
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One value laid over preset and file
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The run's folder; without it a new one under the data directory
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Seed of every random draw
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print progress instead of opening the workbench
    #[arg(long)]
    pub headless: bool,
    /// Train in a process of its own and give the shell back
    #[arg(long, conflicts_with_all = ["headless", "print_config"])]
    pub detach: bool,
    /// Continue the run in --run-dir from its last checkpoint
    #[arg(long, requires = "run_dir")]
    pub resume: bool,
    /// Labelled examples to learn from beside the gold ones: JSON lines as `generate --format sft` prints
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub sft_extra: Option<PathBuf>,
    /// Go on from this adapter: a PEFT folder, or the name of a shipped one; `--set sft.examples=0` leaves SFT out
    #[arg(long, value_name = "ADAPTER")]
    pub adapter: Option<String>,
    /// The same recipe in minutes, to see it work
    #[arg(long)]
    pub quick: bool,
    /// Print the resolved configuration and stop
    #[arg(long)]
    pub print_config: bool,
}

impl Args {
    /// Preset, file and `--set`, in that order; `--seed` last.
    ///
    /// # Errors
    /// Names the key, and the file's line.
    pub fn resolve(&self) -> anyhow::Result<TrainConfig> {
        let text = match &self.config {
            Some(path) => {
                let text = disk::read_text(path, MOST_CONFIG)
                    .with_context(|| path.display().to_string())?;
                Some((path.display().to_string(), text))
            }
            None => None,
        };
        let file = text
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        let mut config = resolve(
            Preset::from_name(&self.preset)?,
            self.quick,
            file,
            &self.sets,
        )?;
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        if let Some(adapter) = &self.adapter {
            config.lora.adapter = Some(adapter.clone());
        }
        config.validate()?;
        Ok(config)
    }

    /// A resumed run goes on as it was begun: what would change it is refused and not passed over.
    ///
    /// # Errors
    /// Names what was given and would not count.
    fn check_resumed(&self) -> Result<(), NotResumed> {
        let given = [
            (self.config.is_some(), "--config"),
            (!self.sets.is_empty(), "--set"),
            (self.seed.is_some(), "--seed"),
            (self.adapter.is_some(), "--adapter"),
            (self.quick, "--quick"),
            (self.preset != DEFAULT_PRESET, "--preset"),
        ];
        match given.into_iter().find(|(is_given, _)| *is_given) {
            Some((_, option)) => Err(NotResumed { option }),
            None => Ok(()),
        }
    }

    /// The run's folder, new where none was named.
    fn folder(&self, seed: u64) -> anyhow::Result<PathBuf> {
        match &self.run_dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(RunDir::create(&layout::default_root()?, seed)?
                .path()
                .to_path_buf()),
        }
    }
}

/// Trains and prints a line a step.
///
/// # Errors
/// On a bad configuration, an unusable model or run folder, or a diverged run.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let mut config = args.resolve()?;
    if args.print_config {
        write!(out, "{}", config.to_toml()?)?;
        return Ok(Outcome::Complete);
    }
    if let Some(file) = &args.sft_extra {
        Extra::read(file)?;
    }
    if args.resume {
        args.check_resumed()?;
    }
    let run_dir = args.folder(config.seed)?;
    let mut base = args.base.or_of(Preset::from_name(&args.preset)?);
    if args.detach {
        check_room(&base, &config).inspect_err(|_| drop_if_empty(&run_dir))?;
        writeln!(out, "{}", detach::train(&run_dir)?)?;
        return Ok(Outcome::Complete);
    }
    if args.resume {
        let manifest = Manifest::read(&RunDir::new(&run_dir))?;
        config = manifest.config;
        base.named = args.base.named.clone().or(Some(manifest.model));
    }
    check_room(&base, &config).inspect_err(|_| drop_if_empty(&run_dir))?;
    let request = TrainRequest {
        config,
        run_dir,
        resume: args.resume,
        sft_extra: args.sft_extra.clone(),
    };
    if !args.headless && term::takes_screens() {
        let bench = workbench::Args {
            base,
            ..workbench::Args::default()
        };
        return workbench::open(&bench, request.config.clone(), Some(request), out);
    }
    headless(&base, &request, out)
}

/// Before the weights are read: whether they can be, and what to set where there is too little memory for them.
fn check_room(base: &BaseModel, config: &TrainConfig) -> anyhow::Result<()> {
    let shape = LoadedModel::shape(base.model())?;
    let placement = Placement::of(base.device.open()?, dtype_choice(config));
    Ok(curriculum::check_room(
        base.model(),
        &shape,
        &placement,
        config,
    )?)
}

/// Takes away the folder made for a run that could not begin; one that holds anything stays.
fn drop_if_empty(run_dir: &Path) {
    let _ = std::fs::remove_dir(run_dir);
}

fn headless(
    base: &BaseModel,
    request: &TrainRequest,
    out: &mut dyn Write,
) -> anyhow::Result<Outcome> {
    use_threads(request.config.threads);
    let model = base.open(dtype_choice(&request.config));
    let model = model.inspect_err(|_| drop_if_empty(&request.run_dir))?;
    let signal = stop_signal(&request.run_dir)?;
    let mut host = Headless {
        out,
        signal: signal.clone(),
        failed: None,
    };
    let state = curriculum::run(&model, request, &mut host);
    let state = state.inspect_err(|_| drop_if_empty(&request.run_dir))?;
    if let Some(error) = host
        .failed
        .filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe)
    {
        return Err(error.into());
    }
    let signal = u8::try_from(signal.load(Ordering::Relaxed));
    Ok(match (state, signal) {
        (RunState::Failed, _) => Outcome::BadInput,
        (RunState::Stopped, Ok(signal @ 1..)) => Outcome::Signalled(signal),
        _ => Outcome::Complete,
    })
}

/// So soon after the first signal another is the first again: who passes signals on sends on what all of a group have got.
const ECHO: Duration = Duration::from_secs(1);

/// The number of the SIGTERM or SIGINT that came first, 0 before; a second one, later than [`ECHO`], ends the process. A hang-up
/// is taken note of and no more: losing the terminal never ends a run.
fn stop_signal(run_dir: &Path) -> anyhow::Result<Arc<AtomicUsize>> {
    let came = Arc::new(AtomicUsize::new(0));
    let mut signals = signal_hook::iterator::Signals::new([
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
    ])?;
    signal_hook::flag::register(
        signal_hook::consts::SIGHUP,
        Arc::new(AtomicBool::new(false)),
    )?;
    let (first, run_dir) = (came.clone(), run_dir.to_path_buf());
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let mut heard: Option<Instant> = None;
            for signal in signals.forever() {
                let is_echo = heard.is_some_and(|first| first.elapsed() < ECHO);
                heard.get_or_insert_with(Instant::now);
                if !is_echo {
                    heed(signal, &first, &run_dir);
                }
            }
        })?;
    Ok(came)
}

/// Remembers the first signal, which the run heeds after its step. With the second nobody waits for that: whatever the step
/// holds, a run goes on from its last checkpoint as after a kill.
fn heed(signal: i32, first: &AtomicUsize, run_dir: &Path) {
    let number = usize::try_from(signal).unwrap_or_default();
    let is_first = first
        .compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed)
        .is_ok();
    // Nobody may be left to read it.
    let mut stderr = std::io::stderr();
    if is_first {
        let told =
            "stopping after this step, with a checkpoint; a second signal ends the run at once";
        let _ = writeln!(stderr, "{told}");
        return;
    }
    let dir = run_dir.display().to_string();
    let _ = writeln!(
        stderr,
        "ended at once, without a checkpoint; opensoc train --headless --resume --run-dir {} goes on from the last one",
        clean(&dir)
    );
    signal_hook::low_level::exit(128 + signal)
}

/// Prints facts; a signal stops the run after a checkpoint.
struct Headless<'a> {
    out: &'a mut dyn Write,
    signal: Arc<AtomicUsize>,
    /// A closed pipe must not end the training: it goes on in silence.
    failed: Option<std::io::Error>,
}

impl Headless<'_> {
    fn line(&mut self, text: &str) {
        if self.failed.is_none() {
            // A warning may tell what the maker of an adapter wrote into it.
            let written = writeln!(self.out, "{}", clean(text)).and_then(|()| self.out.flush());
            self.failed = written.err();
        }
    }
}

/// A fact as a line of the log; rollouts are for screens.
#[must_use]
pub fn told(fact: &RunFact) -> Option<String> {
    Some(match fact {
        RunFact::Started { run_dir, plan, .. } => {
            let phases = plan
                .phases
                .iter()
                .map(|p| format!("{} {}", p.name, p.steps));
            let phases: Vec<String> = phases.collect();
            format!("run {} | {}", run_dir.display(), phases.join(", "))
        }
        RunFact::Status(status) => {
            let left = status.eta_s.map(|s| format!(", about {} left", clock(s)));
            let left = left.unwrap_or_default();
            format!(
                "{} {}/{} {}: {}{left}",
                status.phase,
                status.step,
                status.total_steps,
                status.state.as_str(),
                status.reason
            )
        }
        RunFact::Metrics(row) => {
            let values = HEADLINES
                .iter()
                .filter_map(|name| row.values.get_key_value(*name));
            format!("{} {} | {}", row.stage, row.step, listed(values))
        }
        RunFact::Evaluation(row) => format!(
            "eval after {} ({} episodes) | {}",
            row.step,
            row.episodes,
            listed(row.values.iter())
        ),
        RunFact::Warning { step, message } => format!("warning at {step}: {message}"),
        RunFact::Silent { message } => format!("warning: {message}"),
        RunFact::Crashed { message } => format!("crashed: {message}"),
        RunFact::System(_)
        | RunFact::Rollouts(_)
        | RunFact::Attack(_)
        // A warning has told of it.
        | RunFact::Planned(_)
        | RunFact::Forget(_) => return None,
    })
}

fn listed<'a>(values: impl Iterator<Item = (&'a String, &'a f64)>) -> String {
    let values: Vec<String> = values
        .map(|(name, value)| format!("{name} {value:.3}"))
        .collect();
    values.join(" ")
}

impl Host for Headless<'_> {
    fn tell(&mut self, fact: RunFact) {
        if let Some(text) = told(&fact) {
            self.line(&text);
        }
    }

    fn between(&mut self, _live: &Decoder) -> Vec<Control> {
        if self.signal.load(Ordering::Relaxed) != 0 {
            vec![Control::Stop]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn checked(line: &str) -> Result<(), NotResumed> {
        let words = ["train"].into_iter().chain(line.split_whitespace());
        Line::parse_from(words).args.check_resumed()
    }

    #[test]
    fn time_left_is_told_in_hours_and_minutes() {
        let status = crate::link::Status {
            state: RunState::Running,
            phase: "sft".into(),
            step: 3,
            total_steps: 9,
            elapsed_s: 1.0,
            eta_s: Some(7_385.4),
            heartbeat: 0,
            pid: 1,
            reason: "training".into(),
        };
        let said = told(&RunFact::Status(status)).expect("a line");
        assert_eq!(said, "sft 3/9 running: training, about 2h03m left");
    }

    #[test]
    fn a_crash_is_a_line() {
        let message = "its process is gone".to_owned();
        let said = told(&RunFact::Crashed { message });
        assert_eq!(said.as_deref(), Some("crashed: its process is gone"));
    }

    #[test]
    fn no_more_of_a_configuration_is_read_than_one_can_be_long() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("run.toml");
        let resolved = |comment: usize| {
            std::fs::write(&file, format!("#{}\nseed = 7\n", " ".repeat(comment)))
                .expect("written");
            let words = ["train", "--config"].map(std::ffi::OsString::from);
            let args = Line::parse_from(words.into_iter().chain([file.clone().into()])).args;
            args.resolve()
        };
        assert_eq!(resolved(1_000).expect("read").seed, 7);
        let told = format!("{:#}", resolved(1 << 20).expect_err("too long"));
        assert!(told.contains("run.toml: more than 1048576 bytes"), "{told}");
    }

    #[test]
    fn what_would_change_a_resumed_run_is_refused_by_name() {
        assert_eq!(checked("--resume --run-dir d --headless"), Ok(()));
        for option in [
            "--set grpo.lr=1",
            "--config file.toml",
            "--seed 3",
            "--adapter sft",
            "--quick",
            "--preset qwen2.5-3b",
        ] {
            let refused = checked(&format!("--resume --run-dir d {option}"));
            let refused = refused.expect_err(option).to_string();
            let name = option.split(' ').next().unwrap_or_default();
            assert!(refused.starts_with(name), "{refused}");
            assert!(refused.contains("run.json"), "{refused}");
        }
    }
}
