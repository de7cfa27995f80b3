//! `opensoc watch`: a run in another process, looked at and not touched. Any number of watchers may look.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;

use anyhow::{Context, bail};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::follow::AfterCrash;
use super::label::Folder;
use super::label::who;
use super::look::Look;
use super::train::told;
use super::{Outcome, follow};
use crate::config::TrainConfig;
use crate::env::schema::{Split, Stage};
use crate::link::{Fact, RunFact};
use crate::run::layout::{default_root, list};
use crate::run::shipped::{self, ShippedRun};
use crate::run::summary::find;
use crate::run::{Manifest, RunDir, RunError};
use crate::ui::queue::EpisodeSource;
use crate::ui::{Session, WorkbenchOptions, term};

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's folder or id, or `shipped` for the one in the binary; without it the newest in progress, or the newest of all
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    pub look: Look,
}

/// Shows the run until the watcher leaves; without a terminal that shows screens prints a line a step until the run ends.
///
/// # Errors
/// When there is no such run, or the terminal cannot be used.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let is_plain = args.look.plain || !term::takes_screens();
    let root = default_root()?;
    let found = args.run.as_deref().map(|name| (name, find(&root, name)));
    let dir = match found {
        None => newest(&root)?,
        Some((shipped::ID, Err(RunError::NotARun { .. }))) => return watch_shipped(args, is_plain),
        Some((_, found)) => found?,
    };
    let manifest = Manifest::read(&dir)?;
    if is_plain {
        return print(dir, out);
    }
    let (facts, heard) = unbounded_channel();
    let _follower = follow::spawn(dir, AfterCrash::GoOn, move |fact| {
        facts.send(Fact::Run(fact)).is_ok()
    })?;
    show(args, manifest.config, heard, None)
}

/// The run that is inside the program: it has no folder, and nothing happens in it any more.
fn watch_shipped(args: &Args, is_plain: bool) -> anyhow::Result<Outcome> {
    if is_plain {
        bail!(
            "the shipped run ended before this program was built: opensoc export shipped prints it"
        );
    }
    let run = shipped::run().context("this binary holds no readable run")?;
    let manifest = shipped::manifest().context("this binary holds no readable run")?;
    let (_facts, heard) = unbounded_channel();
    show(args, manifest.config, heard, Some(run))
}

/// Screens on what is heard of a run, until the watcher leaves.
fn show(
    args: &Args,
    train_config: TrainConfig,
    facts: UnboundedReceiver<Fact>,
    shipped: Option<ShippedRun>,
) -> anyhow::Result<Outcome> {
    // Nobody takes commands: a screen that only watches sends none.
    let (commands, _) = channel();
    let session = Session {
        commands,
        facts,
        shipped,
    };
    let options = WorkbenchOptions {
        theme: args.look.theme.clone(),
        color: args.look.color,
        plain: args.look.plain,
        symbols: args.look.symbols,
        source: EpisodeSource {
            split: Split::Holdout,
            seed: 1,
        },
        stage: Stage::Basic,
        run_root: default_root()?,
        labels: Folder::default().store()?,
        annotator: who(None)?,
        train_config,
        is_read_only: true,
        start_on_training: true,
        sft_extra: None,
    };
    crate::ui::run(options, session)?;
    Ok(Outcome::Complete)
}

/// The newest run in progress, else the newest of all.
fn newest(root: &Path) -> anyhow::Result<RunDir> {
    if let Some(dir) = follow::newest_alive(root)? {
        return Ok(dir);
    }
    let newest = list(root)?.into_iter().next();
    newest.with_context(|| {
        let root = root.display();
        format!("no runs in {root} yet: `opensoc train` starts one")
    })
}

fn print(dir: RunDir, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let (facts, heard) = channel::<RunFact>();
    let _follower = follow::spawn(dir, AfterCrash::End, move |fact| facts.send(fact).is_ok())?;
    for fact in heard {
        if let Some(line) = told(&fact) {
            writeln!(out, "{line}").and_then(|()| out.flush())?;
        }
    }
    Ok(Outcome::Complete)
}
