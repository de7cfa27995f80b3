//! What is printed where there is no terminal: a few episodes to read, the truth after them, and where to go on.
//!
//! For pipes, logs and screen readers: numbered lines, no boxes, no escape sequences. A reader that closes the pipe ends it quietly.

use std::io::{self, Write};

use crate::env::schema::{Action, Stage};
use crate::ui::gate::clean;
use crate::ui::queue::EpisodeSource;

/// Episodes printed.
const EPISODES: u64 = 3;

/// Prints the text to `out`; a closed pipe is not an error.
pub fn print(source: &dyn EpisodeSource, stage: Stage, out: &mut impl Write) -> io::Result<()> {
    match write(source, stage, out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn write(source: &dyn EpisodeSource, stage: Stage, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "OpenSOC workbench. The screens need a terminal; this is the plain text."
    )?;
    let actions: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
    writeln!(
        out,
        "Decide each alert ({}) and cite the log line that decides it.",
        actions.join(", ")
    )?;
    for index in 0..EPISODES {
        let episode = source.episode(stage, index);
        let alert = &episode.alert;
        writeln!(out)?;
        writeln!(
            out,
            "Alert {}: {}, {stage}, severity {}, category {}, host {}, user {}",
            index + 1,
            clean(&alert.alert_id),
            clean(&alert.severity),
            clean(&alert.category),
            clean(&alert.host),
            clean(&alert.user)
        )?;
        writeln!(out, "Summary: {}", clean(&alert.summary))?;
        for event in &episode.log_window {
            writeln!(out, "  {}", clean(&source.line(event)))?;
        }
    }
    writeln!(out)?;
    writeln!(out, "The verifier's truth:")?;
    for index in 0..EPISODES {
        let truth = source.episode(stage, index).truth;
        writeln!(
            out,
            "  Alert {}: {} because of {} (rule {}): {}",
            index + 1,
            truth.action,
            clean(&truth.triggering_log_id),
            clean(&truth.rule),
            clean(&truth.reason)
        )?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "Without a terminal, train with: opensoc train --headless"
    )?;
    writeln!(out, "All commands: opensoc --help")
}
