//! A run that goes on in a process of its own, without a terminal: what "leave it running" and `--detach` start.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::base::BaseModel;
use crate::run::RunDir;

/// Where the trainer's last words go that are about no run: it has no terminal to say them to.
const LAST_WORDS: &str = "trainer.err";
/// So long a detached trainer is waited for to begin its run; or, where there was a run already, to refuse it.
const PATIENCE: Duration = Duration::from_secs(20);
const REFUSAL: Duration = Duration::from_secs(1);

/// Starts this program again as the headless trainer of the stopped run in `run_dir` and says, in lines, where it is and
/// how to steer it.
///
/// # Errors
/// When the process cannot be started.
pub fn go_on(base: &BaseModel, run_dir: &Path) -> anyhow::Result<String> {
    let mut args: Vec<OsString> = vec!["train".into(), "--headless".into(), "--resume".into()];
    args.extend(["--model".into(), base.model().into()]);
    args.extend(["--device".into(), base.device.to_string().into()]);
    let dir = std::path::absolute(run_dir)?;
    let child = spawn(args, &dir)?;
    Ok(told(&child, &dir))
}

/// Starts this process's own command line again without a terminal, its run in `run_dir`, and waits until that has begun.
///
/// # Errors
/// When the process cannot be started, or ended before its run began: with its last words.
pub fn train(run_dir: &Path) -> anyhow::Result<String> {
    let dir = std::path::absolute(run_dir)?;
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let own = std::env::args_os().skip(1);
    let mut args: Vec<OsString> = own.filter(|arg| arg != "--detach").collect();
    args.push("--headless".into());
    let names_folder = |arg: &OsString| {
        let text = arg.to_string_lossy();
        text == "--run-dir" || text.starts_with("--run-dir=")
    };
    let run = RunDir::new(&dir);
    let was_there = run.is_run();
    let mut child = match args.iter().any(names_folder) {
        true => spawn_as(args, &dir)?,
        false => spawn(args, &dir)?,
    };
    let (began, patience) = (Instant::now(), if was_there { REFUSAL } else { PATIENCE });
    while began.elapsed() < patience && (was_there || !run.is_run()) {
        if let Some(status) = child.try_wait()? {
            let words = std::fs::read_to_string(dir.join(LAST_WORDS)).unwrap_or_default();
            anyhow::ensure!(
                status.success(),
                "the trainer ended at once: {}",
                words.trim()
            );
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(told(&child, &dir))
}

fn spawn(mut args: Vec<OsString>, dir: &PathBuf) -> anyhow::Result<Child> {
    args.extend(["--run-dir".into(), dir.into()]);
    spawn_as(args, dir)
}

/// The new process has its own group, reads nothing and writes to its folder only, so neither a closed terminal nor the
/// shell's signals reach it.
fn spawn_as(args: Vec<OsString>, dir: &Path) -> anyhow::Result<Child> {
    let words = dir.join(LAST_WORDS);
    let file = File::create(&words).with_context(|| words.display().to_string())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(args);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().context("starting the trainer")
}

fn told(child: &Child, dir: &Path) -> String {
    let (id, shown) = (child.id(), dir.display());
    let control = RunDir::new(dir).control();
    let lines = [
        format!("Training goes on in the background, process {id}."),
        format!("  its folder      {shown}"),
        format!("  to watch it     opensoc watch {shown}"),
        format!("  to stop it      touch {}/stop", control.display()),
        format!("  to continue it  opensoc train --resume --run-dir {shown}"),
    ];
    lines.join("\n")
}
