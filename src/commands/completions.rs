//! `opensoc completions`: shell completion.

use std::io::Write;

use clap_complete::Shell;

use super::Outcome;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script for this command line.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, mut cli: clap::Command, out: &mut dyn Write) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli, "opensoc", &mut script);
    out.write_all(&script)?;
    Ok(Outcome::Complete)
}
