//! A run that goes on in a process of its own, without a terminal: what "leave it running" starts.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::base::BaseModel;
use crate::run::RunDir;

/// Starts this program again as the headless trainer of the stopped run in `run_dir` and says, in lines, where it is and
/// how to steer it.
///
/// The new process has its own group, reads nothing and writes to its folder only, so neither a closed terminal nor the
/// shell's signals reach it.
///
/// # Errors
/// When the process cannot be started.
pub fn go_on(base: &BaseModel, run_dir: &Path) -> anyhow::Result<String> {
    let dir = std::path::absolute(run_dir)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["train", "--headless", "--resume"]);
    command.args(["--model", &base.model, "--device", &base.device.to_string()]);
    command.arg("--run-dir").arg(&dir);
    for stream in [Command::stdin, Command::stdout, Command::stderr] {
        stream(&mut command, Stdio::null());
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().context("starting the trainer")?;
    let control = RunDir::new(&dir).control();
    let lines = [
        format!(
            "Training goes on in the background, process {}.",
            child.id()
        ),
        format!("  its folder      {}", dir.display()),
        format!("  to stop it      touch {}/stop", control.display()),
        format!(
            "  to continue it  opensoc train --resume --run-dir {}",
            dir.display()
        ),
    ];
    Ok(lines.join("\n"))
}
