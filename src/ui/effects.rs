//! What the loop does for the state: each effect, on the terminal or through a channel.

use std::io;
use std::path::{Path, PathBuf};

use crate::gate;
use crate::link::Command;
use crate::run::{RunDir, RunError};
use crate::ui::app::{App, update};
use crate::ui::msg::{Effect, Exit, Msg};
use crate::ui::pace::Urgency;
use crate::ui::surface::Surface;
use crate::ui::{Outside, layer};

/// Does what the state wants done; gives how the workbench ends, where it does.
///
/// # Errors
/// Where the terminal is gone.
pub(super) fn perform_effect(
    app: &mut App,
    effect: Effect,
    surface: &mut impl Surface,
    outside: &Outside,
) -> io::Result<Option<Exit>> {
    match effect {
        Effect::Leave(exit) => return Ok(Some(exit)),
        Effect::Send(command) => send(app, outside, command),
        Effect::StartRun { continue_in } => {
            let resume = continue_in.is_some();
            let made = continue_in.map_or_else(|| new_run_dir(app, &outside.run_root), Ok);
            match made {
                Ok(run_dir) => {
                    let command = layer::train_command(app, run_dir, resume);
                    send(app, outside, command);
                }
                Err(error) => {
                    let why = format!("no folder for the run: {error}");
                    app.fail_run(&why);
                    app.complain(gate::clean(&why));
                }
            }
        }
        Effect::Errand(errand) => {
            if outside.errands.send(errand).is_err() {
                app.complain("the thread that looks after run folders has ended");
            }
        }
        Effect::UseTheme(name) => match surface.use_theme(&name) {
            Ok(()) => app.say(gate::clean(&format!("theme {name}"))),
            Err(error) => app.complain(gate::clean(&error.to_string())),
        },
        Effect::Label(request) => {
            if outside.labels.send(request).is_err() {
                app.complain("the thread that keeps labels has ended; nothing is saved any more");
            }
        }
        Effect::Copy(text) => surface.copy(&text)?,
        Effect::Edit { of, text: before } => {
            let after = surface.edit(&before)?;
            let edited = Msg::Edited { of, before, after };
            for effect in update(app, edited) {
                if let Some(exit) = perform_effect(app, effect, surface, outside)? {
                    return Ok(Some(exit));
                }
            }
            app.touch(Urgency::Input);
        }
        Effect::Suspend => {
            surface.suspend()?;
            app.touch(Urgency::Input);
        }
        Effect::Redraw => {
            surface.redraw()?;
            app.touch(Urgency::Input);
        }
    }
    Ok(None)
}

pub(super) fn send(app: &mut App, outside: &Outside, command: Command) {
    let is_start = matches!(command, Command::Train(_));
    if outside.commands.send(command).is_err() && !app.is_read_only {
        let why = "the model thread has ended; nothing can be asked of it";
        if is_start {
            // Else it would look as if it were about to start for ever.
            app.fail_run(why);
        }
        app.complain(why);
    }
}

fn new_run_dir(app: &App, root: &Path) -> Result<PathBuf, RunError> {
    RunDir::create(root, app.config.seed).map(|dir| dir.path().to_owned())
}
