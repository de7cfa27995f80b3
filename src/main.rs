//! The `opensoc` binary: parse, dispatch, exit code.
#![expect(
    unsafe_code,
    reason = "the environment is written to, which nobody may read meanwhile"
)]

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use opensoc::cli::{Cli, run};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // SAFETY: there is no other thread yet.
    unsafe { opensoc::process::prepare() }
    run(Cli::parse())
}
