//! The workbench as plain text: for pipes a few alerts with truth and the model's answers, on a terminal a small dialog.
//!
//! For logs, screen readers and terminals that show no screens: numbered lines, no boxes, no escape sequences. A reader that
//! closes the pipe ends it quietly.

mod asked;

use std::io::{self, BufRead, Write};

pub use asked::Asked;

use crate::env::prompt;
use crate::env::schema::{Action, Episode, Stage, Verdict};
use crate::env::verdict;
use crate::ui::gate::clean;
use crate::ui::queue::EpisodeSource;

/// Episodes printed where nobody can answer.
const EPISODES: u64 = 3;

/// An id that no line has: of a decision without a citation.
const NOTHING_CITED: &str = "L0-0";

/// What can be typed.
const PROMPT: &str = "1 dismiss, 2 monitor, 3 quarantine_host, 4 block_ip, 5 escalate; the number of a line behind it cites that \
                      line, as in 4 2. n is the next alert, s the next stage, q the end.";

/// Prints a few alerts, then truth and the model's answers, to `out`; a closed pipe is not an error.
pub fn print(
    source: EpisodeSource,
    stage: Stage,
    model: &mut Asked,
    out: &mut impl Write,
) -> io::Result<()> {
    quietly(write(source, stage, model, out).and_then(|()| out.flush()))
}

/// Has alerts decided on by what is typed into `input`, one a line, until it ends; a closed pipe is not an error.
pub fn converse(
    source: EpisodeSource,
    stage: Stage,
    model: &mut Asked,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut dialog = Dialog {
        source,
        stage,
        index: 0,
        model,
    };
    quietly(dialog.run(input, out))
}

fn quietly(ended: io::Result<()>) -> io::Result<()> {
    match ended {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn write(
    source: EpisodeSource,
    stage: Stage,
    model: &mut Asked,
    out: &mut impl Write,
) -> io::Result<()> {
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
        writeln!(out)?;
        put_alert(&source.episode(stage, index), stage, index, out)?;
    }
    writeln!(out)?;
    writeln!(out, "The verifier's truth, and what the model says:")?;
    for index in 0..EPISODES {
        let episode = source.episode(stage, index);
        writeln!(out, "  Alert {}: {}", index + 1, truth(&episode))?;
        writeln!(out, "  Model: {}", model.words(&episode))?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "Without a terminal, train with: opensoc train --headless"
    )?;
    writeln!(out, "All commands: opensoc --help")
}

/// Header and numbered log lines.
fn put_alert(episode: &Episode, stage: Stage, index: u64, out: &mut impl Write) -> io::Result<()> {
    let alert = &episode.alert;
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
    for (at, event) in episode.log_window.iter().enumerate() {
        writeln!(out, "  {}. {}", at + 1, clean(&prompt::event_line(event)))?;
    }
    Ok(())
}

fn truth(episode: &Episode) -> String {
    let truth = &episode.truth;
    let text = format!(
        "{} because of {} (rule {}): {}",
        truth.action, truth.triggering_log_id, truth.rule, truth.reason
    );
    clean(&text).into_owned()
}

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    /// An action, and the position of the line cited.
    Decision(Action, Option<usize>),
    Next,
    NextStage,
    End,
}

impl Typed {
    /// Reads a line typed about an alert of so many log lines; else what to type instead.
    fn read(text: &str, lines: usize) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        match (first, second) {
            ("n" | "next", None) => return Ok(Self::Next),
            ("s" | "stage", None) => return Ok(Self::NextStage),
            ("q" | "quit", None) => return Ok(Self::End),
            _ => {}
        }
        let number = |word: &str| word.parse::<usize>().ok()?.checked_sub(1);
        let action = number(first).and_then(|at| Action::ALL.get(at));
        let Some(&action) = action.filter(|_| words.next().is_none()) else {
            return Err(PROMPT.to_owned());
        };
        let cited = match second.map(number) {
            None => None,
            Some(Some(line)) if line < lines => Some(line),
            Some(_) => return Err(format!("the lines have the numbers 1 to {lines}")),
        };
        Ok(Self::Decision(action, cited))
    }
}

/// One alert after the other.
struct Dialog<'a> {
    source: EpisodeSource,
    stage: Stage,
    index: u64,
    model: &'a mut Asked,
}

impl Dialog<'_> {
    fn run(&mut self, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "OpenSOC workbench, plain. Decide each alert and cite the line that decides it."
        )?;
        writeln!(out, "{PROMPT}")?;
        loop {
            let episode = self.source.episode(self.stage, self.index);
            writeln!(out)?;
            put_alert(&episode, self.stage, self.index, out)?;
            match ask(episode.log_window.len(), input, out)? {
                Typed::End => return Ok(()),
                Typed::Next => {}
                Typed::NextStage => {
                    let mut later = Stage::ALL.into_iter().skip_while(|s| *s != self.stage);
                    self.stage = later.nth(1).unwrap_or(Stage::Basic);
                    self.index = 0;
                    continue;
                }
                Typed::Decision(action, cited) => self.judge(&episode, action, cited, out)?,
            }
            self.index += 1;
        }
    }

    fn judge(
        &mut self,
        episode: &Episode,
        action: Action,
        cited: Option<usize>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "You: {}", own(episode, action, cited))?;
        writeln!(out, "Truth: {}", truth(episode))?;
        // The weights may still be on their way.
        out.flush()?;
        writeln!(out, "Model: {}", self.model.words(episode))
    }
}

/// A decision of one's own, judged like a response.
fn own(episode: &Episode, action: Action, cited: Option<usize>) -> String {
    let event = cited.and_then(|at| episode.log_window.get(at));
    let id = event.map_or(NOTHING_CITED, |event| event.log_id.as_str());
    let response = format!("Action: {action}\nCitedLog: {id}\nRationale: analyst's decision");
    let own = Verdict {
        rationale: None,
        cited_log_id: event.map(|event| event.log_id.clone()),
        ..verdict::judge(episode, &response)
    };
    asked::words(&own)
}

/// Asks until an answer makes sense; the end of the input is one.
fn ask(lines: usize, input: &mut impl BufRead, out: &mut impl Write) -> io::Result<Typed> {
    loop {
        write!(out, "Decision: ")?;
        out.flush()?;
        let mut text = String::new();
        if input.read_line(&mut text)? == 0 {
            writeln!(out)?;
            return Ok(Typed::End);
        }
        match Typed::read(&text, lines) {
            Ok(typed) => return Ok(typed),
            Err(instead) => writeln!(out, "{instead}")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::env::schema::Split;
    use crate::link::{AdapterChoice, Command, Fact};

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

    /// A model whose thread is gone.
    fn nobody() -> Asked {
        Asked::new(channel().0, unbounded_channel().1)
    }

    /// A model that answers the first `count` questions before they are asked, always `monitor`, citing the first line.
    fn somebody(stage: Stage, count: u64) -> (Asked, Receiver<Command>) {
        let (commands, received) = channel();
        let (facts, heard) = unbounded_channel();
        let send = |fact| assert!(facts.send(fact).is_ok());
        send(Fact::ModelReady {
            model: "nano".into(),
            parameters: 1,
            adapters: Vec::new(),
            default_adapter: AdapterChoice::Base,
        });
        send(Fact::Noted {
            message: "adapter x: it was made for y".into(),
        });
        for id in 1..=count {
            let episode = SOURCE.episode(stage, id - 1);
            let response = "Action: monitor\nCitedLog: L1-0\nRationale: as I see it";
            send(Fact::Inference {
                id,
                adapter: "base".into(),
                response: response.into(),
                verdict: Box::new(verdict::judge(&episode, response)),
                probabilities: None,
                millis: 1,
            });
        }
        (Asked::new(commands, heard), received)
    }

    fn typed(text: &str, model: &mut Asked) -> String {
        let mut out = Vec::new();
        converse(SOURCE, Stage::Multi, model, &mut text.as_bytes(), &mut out).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_text_has_alerts_truth_and_the_models_answers_and_no_escapes() {
        let mut out = Vec::new();
        let (mut model, _asked) = somebody(Stage::Multi, EPISODES);
        print(SOURCE, Stage::Multi, &mut model, &mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("text");
        let truth = SOURCE.episode(Stage::Multi, 2).truth;
        assert!(text.contains(&truth.rule) && text.contains(truth.action.as_str()));
        assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text}");
        assert!(text.find("Alert 3") < text.find("The verifier's truth"));
        assert_eq!(text.matches("Model: base: monitor (").count(), 3, "{text}");
        assert_eq!(text.matches("note: adapter x").count(), 1, "{text}");
        let mut out = Vec::new();
        print(SOURCE, Stage::Multi, &mut nobody(), &mut out).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert!(
            text.contains("Model: no answer: the model thread"),
            "{text}"
        );
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let mut model = nobody();
        assert!(print(SOURCE, Stage::Basic, &mut model, &mut ClosedPipe).is_ok());
        let mut input: &[u8] = b"1\n";
        assert!(
            converse(
                SOURCE,
                Stage::Basic,
                &mut model,
                &mut input,
                &mut ClosedPipe
            )
            .is_ok()
        );
    }

    #[test]
    fn a_decision_is_judged_and_truth_and_model_are_told_after_it() {
        let episode = SOURCE.episode(Stage::Multi, 0);
        let truth = &episode.truth;
        let mut window = episode.log_window.iter();
        let line = window.position(|event| event.log_id == truth.triggering_log_id);
        let line = line.expect("in the window") + 1;
        let (mut model, asked) = somebody(Stage::Multi, 1);
        let decision = truth.action.index() + 1;
        let said = typed(&format!("{decision} {line}\nq\n"), &mut model);
        let own = format!(
            "You: {} (right), citing {} (right), reward +1.10",
            truth.action, truth.triggering_log_id
        );
        let place = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}:\n{said}"));
        assert!(place("Alert 1: ") < place(&own));
        assert!(place(&own) < place(&truth.reason));
        assert!(place(&truth.reason) < place("Model: base: monitor ("));
        assert!(place("Model: ") < place("Alert 2: "), "it goes on");
        assert!(!said.contains("The screens need a terminal"));
        assert_eq!(asked.try_iter().count(), 1, "asked once");
        let said = typed(&format!("{decision}\n"), &mut nobody());
        assert!(
            said.contains("(right), citing nothing (wrong), reward +1.00"),
            "{said}"
        );
    }

    #[test]
    fn what_makes_no_sense_is_asked_again_and_the_end_of_input_ends_it() {
        let lines = SOURCE.episode(Stage::Multi, 0).log_window.len();
        let wrong = format!("the lines have the numbers 1 to {lines}");
        for (text, wanted) in [
            ("6", PROMPT),
            ("0", PROMPT),
            ("block", PROMPT),
            ("1 1 1", PROMPT),
            ("", PROMPT),
            ("1 0", &wrong),
            ("1 99", &wrong),
            ("1 x", &wrong),
        ] {
            assert_eq!(Typed::read(text, lines).expect_err(text), wanted, "{text}");
        }
        let said = typed("what\nn\ns\n", &mut nobody());
        assert_eq!(said.matches(PROMPT).count(), 2, "{said}");
        assert!(
            said.contains("Alert 2: ") && said.contains("stage3_mixed"),
            "{said}"
        );
        assert!(
            said.ends_with("Decision: \n") && !said.contains("Truth: "),
            "{said}"
        );
    }
}
