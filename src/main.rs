//! The `opensoc` binary: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use opensoc::cli::{Cli, run};

fn main() -> ExitCode {
    run(Cli::parse())
}
