//! What is printed where there is no terminal: a few episodes to read, the truth after them, and where to go on.
//!
//! For pipes, logs and screen readers: numbered lines, no boxes, no escape sequences. A reader that closes the pipe ends it quietly.

use std::io::{self, Write};

use crate::env::prompt;
use crate::env::schema::{Action, Stage};
use crate::ui::gate::clean;
use crate::ui::queue::EpisodeSource;

/// Episodes printed.
const EPISODES: u64 = 3;

/// Prints the text to `out`; a closed pipe is not an error.
pub fn print(source: EpisodeSource, stage: Stage, out: &mut impl Write) -> io::Result<()> {
    match write(source, stage, out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn write(source: EpisodeSource, stage: Stage, out: &mut impl Write) -> io::Result<()> {
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
            writeln!(out, "  {}", clean(&prompt::event_line(event)))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Split;

    const SOURCE: EpisodeSource = EpisodeSource {
        split: Split::Holdout,
        seed: 5,
    };

    struct ClosedPipe;

    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_text_has_alerts_truth_and_no_escapes() {
        let mut out = Vec::new();
        print(SOURCE, Stage::Multi, &mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("text");
        let truth = SOURCE.episode(Stage::Multi, 2).truth;
        assert!(text.contains(&truth.rule) && text.contains(truth.action.as_str()));
        assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text}");
        assert!(text.find("Alert 3") < text.find("The verifier's truth"));
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert!(print(SOURCE, Stage::Basic, &mut ClosedPipe).is_ok());
    }
}
