//! `opensoc label`: the labelled set, from alerts in to examples out.

mod export;
mod import;
mod stats;

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::Outcome;
use crate::env::schema::Episode;
use crate::label::{LabelError, Store, annotator, annotator_from};
use crate::run::RunError;
use crate::run::layout::default_root;

/// Arguments of `label`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with the set.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add alerts to label: ours or those of other programs, as JSON lines
    #[command(
        after_help = "Example: opensoc generate --stage 3 --seed 9 --count 50 | opensoc label import -"
    )]
    Import(import::Args),
    /// Print submitted labels as examples to train on
    #[command(
        after_help = "Example: opensoc label export --format prompt-completion --as ann > labels.jsonl"
    )]
    Export(export::Args),
    /// Count labels by state and action; how far annotators and verifier agree
    #[command(after_help = "Example: opensoc label stats --json")]
    Stats(stats::Args),
}

/// Which folder of labels.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Folder {
    /// The folder of labels; beside the runs without it
    #[arg(long, value_name = "DIR")]
    pub labels: Option<PathBuf>,
}

impl Folder {
    /// The store there.
    ///
    /// # Errors
    /// Where none is named and the system has no folder for data.
    pub fn store(&self) -> Result<Store, RunError> {
        match &self.labels {
            Some(dir) => Ok(Store::new(dir)),
            None => Ok(Store::new(default_root()?.with_file_name("labels"))),
        }
    }
}

/// The annotator who is named, else the one the system knows.
///
/// # Errors
/// When the name is none.
pub fn who(name: Option<&str>) -> Result<String, LabelError> {
    if let Some(name) = name {
        return annotator(name);
    }
    let var = |name| std::env::var(name).ok().filter(|user| !user.is_empty());
    let user = var("USER")
        .or_else(|| var("LOGNAME"))
        .or_else(|| var("USERNAME"))
        .or_else(account);
    Ok(annotator_from(user.as_deref()))
}

/// What the system's own list calls the user of this process, where there is such a list.
fn account() -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    name_of(&accounts, rustix::process::getuid().as_raw())
}

/// The name beside a user's number in a list as passwd(5) has it: name, password, number.
fn name_of(accounts: &str, number: u32) -> Option<String> {
    let number = number.to_string();
    let mut accounts = accounts.lines().map(|line| line.split(':'));
    accounts.find_map(|mut parts| {
        let name = parts.next()?;
        (parts.nth(1)? == number).then(|| name.to_owned())
    })
}

/// Does what is asked.
///
/// # Errors
/// When the labels cannot be read or written, or `out` not written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    match &args.command {
        Command::Import(args) => import::run(args, out),
        Command::Export(args) => export::run(args, out),
        Command::Stats(args) => stats::run(args, out),
    }
}

/// The episodes of a store by their ids.
fn by_id(store: &Store) -> Result<HashMap<String, Episode>, LabelError> {
    let episodes = store.episodes()?.into_iter();
    Ok(episodes.map(|e| (e.episode_id.clone(), e)).collect())
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn an_account_is_found_by_its_number() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\n# a note\nann:x:1000:100:Ann:/home/ann:/bin/sh\n";
        assert_eq!(name_of(accounts, 1000).as_deref(), Some("ann"));
        assert_eq!(name_of(accounts, 0).as_deref(), Some("root"));
        // A group's number is none.
        assert_eq!(name_of(accounts, 100), None);
    }
}
