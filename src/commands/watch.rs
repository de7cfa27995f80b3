//! `opensoc watch`: a run in another process, looked at and not touched. Any number of watchers may look.

use std::io::Write;
use std::sync::mpsc::channel;

use anyhow::Context;
use tokio::sync::mpsc::unbounded_channel;

use super::follow::AfterCrash;
use super::label::Folder;
use super::label::who;
use super::look::Look;
use super::train::told;
use super::{Outcome, follow};
use crate::env::schema::{Split, Stage};
use crate::link::{Fact, RunFact};
use crate::run::layout::{default_root, list};
use crate::run::{Manifest, RunDir, summary};
use crate::ui::queue::EpisodeSource;
use crate::ui::{Session, WorkbenchOptions, term};

/// Arguments of `watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A run's folder or id; without it the newest in progress, or the newest of all
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
    let dir = find(args.run.as_deref())?;
    let manifest = Manifest::read(&dir)?;
    if args.look.plain || !term::takes_screens() {
        return print(dir, out);
    }
    let (facts, heard) = unbounded_channel();
    let _follower = follow::spawn(dir, AfterCrash::GoOn, move |fact| {
        facts.send(Fact::Run(fact)).is_ok()
    })?;
    // Nobody takes commands: a screen that only watches sends none.
    let (commands, _) = channel();
    let session = Session {
        commands,
        facts: heard,
        shipped: None,
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
        train_config: manifest.config,
        is_read_only: true,
        start_on_training: true,
    };
    crate::ui::run(options, session)?;
    Ok(Outcome::Complete)
}

fn find(name: Option<&str>) -> anyhow::Result<RunDir> {
    let root = default_root()?;
    if let Some(name) = name {
        return Ok(summary::find(&root, name)?);
    }
    if let Some(dir) = follow::newest_alive(&root)? {
        return Ok(dir);
    }
    let newest = list(&root)?.into_iter().next();
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
