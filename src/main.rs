//! The `opensoc` binary: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use opensoc::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    opensoc::process::prepare();
    run(Cli::parse())
}
