//! Scripts of lines in, text out: the whole conversation, with a model that is a thread and labels on a disk.

use std::io::{self, Cursor, Write};
use std::sync::mpsc::channel;

use tokio::sync::mpsc::unbounded_channel;

use super::words::{WORDS, Word, named, read};
use super::{Inputs, Talk, run};
use crate::env::schema::{Episode, Split, Stage};
use crate::env::verdict::judge;
use crate::label::{State, Store};
use crate::link::{Command, Control, Fact, RunFact, RunState};
use crate::train::config::TrainConfig;
use crate::ui::keys::Keymap;
use crate::ui::msg::{Exit, ExitReason, RunFate};
use crate::ui::queue::EpisodeSource;
use crate::ui::tests::fixtures::{app, plan, ready, right, shipped, status, wrong};
use crate::ui::{Msg, Session, WorkbenchOptions};

const SOURCE: EpisodeSource = EpisodeSource {
    split: Split::Holdout,
    seed: 5,
};

/// A folder of labels, a model that answers so, and facts told before it.
struct Bench {
    home: tempfile::TempDir,
    reply: fn(&Episode) -> String,
    told: Vec<Fact>,
}

impl Bench {
    fn new(reply: fn(&Episode) -> String) -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            reply,
            told: Vec::new(),
        }
    }

    fn store(&self) -> Store {
        Store::new(self.home.path().join("labels"))
    }

    fn options(&self) -> WorkbenchOptions {
        WorkbenchOptions {
            theme: None,
            color: None,
            plain: true,
            symbols: None,
            source: SOURCE,
            stage: Stage::Multi,
            run_root: self.home.path().join("runs"),
            labels: self.store(),
            annotator: "ann".into(),
            train_config: TrainConfig::nano(),
            is_read_only: false,
            start_on_training: false,
            sft_extra: None,
        }
    }

    /// Has these lines obeyed; gives what was told, how it ended, and what was asked of the run.
    fn talk_to(&self, lines: &str, out: &mut dyn Write) -> (Exit, Vec<Control>) {
        let (commands, asked) = channel();
        let (facts, heard) = unbounded_channel();
        let Msg::Fact(is_ready) = ready() else {
            panic!("a fact");
        };
        assert!(facts.send(is_ready).is_ok());
        for fact in &self.told {
            assert!(facts.send(fact.clone()).is_ok());
        }
        let reply = self.reply;
        let model = std::thread::spawn(move || {
            let mut controls = Vec::new();
            for command in asked {
                match command {
                    Command::Infer(request) => {
                        let response = reply(&request.episode);
                        let _ = facts.send(Fact::Inference {
                            id: request.id,
                            adapter: "stage4_adversarial".into(),
                            verdict: Box::new(judge(&request.episode, &response)),
                            response,
                            probabilities: Some([0.625, 0.25, 0.125, 0.0, 0.0]),
                            millis: 1,
                        });
                    }
                    Command::Control(control) => controls.push(control),
                    _ => {}
                }
            }
            controls
        });
        let session = Session {
            commands,
            facts: heard,
            shipped: Some(shipped()),
        };
        let (sender, received) = unbounded_channel();
        let talk = Talk {
            input: Cursor::new(lines.to_owned().into_bytes()),
            is_prompted: false,
        };
        let keymap = Keymap::embedded().expect("a table");
        let inputs = Inputs { sender, received };
        let exit = run(self.options(), keymap, session, inputs, talk, out).expect("an end");
        (exit, model.join().expect("a model"))
    }

    fn told(&self, lines: &str) -> String {
        let mut out = Vec::new();
        self.talk_to(lines, &mut out);
        String::from_utf8(out).expect("text")
    }
}

fn told(lines: &str) -> String {
    Bench::new(right).told(lines)
}

/// The lines of `text` in this order, whatever stands between.
fn in_order(text: &str, wanted: &[&str]) {
    let mut left = text;
    for line in wanted {
        let found = left.split_once(line);
        let (_, after) = found.unwrap_or_else(|| panic!("no {line} here or too early:\n{text}"));
        left = after;
    }
}

fn trigger_of(episode: &Episode) -> usize {
    let mut window = episode.log_window.iter();
    let id = &episode.truth.triggering_log_id;
    window.position(|event| event.log_id == *id).expect("in it")
}

#[test]
fn a_decision_and_a_citation_are_judged_and_truth_and_model_told_after_them() {
    let episode = SOURCE.episode(Stage::Multi, 0);
    let (truth, line) = (&episode.truth, trigger_of(&episode) + 1);
    let decision = truth.action.index() + 1;
    let text = told(&format!(
        "rule\nanswer\n{decision}\ncite {line}\nreveal\nrule\nquit\nnext\n"
    ));
    in_order(
        &text,
        &[
            "Alert 0 of stage2_multi, holdout: ",
            "Summary: ",
            "\n1. [",
            "Rule: hidden until the reveal",
            &format!("Model: stage4_adversarial: {}, citing", truth.action),
            &format!("Decided: {}, not submitted", truth.action),
            &format!("Cited: {}\n", truth.triggering_log_id),
            &format!(
                "You: {} (right), citing {} (right), reward +1.10\n",
                truth.action, truth.triggering_log_id
            ),
            &format!(
                "Truth: {} because of {}\n",
                truth.action, truth.triggering_log_id
            ),
            &format!("Reason: {}\n", truth.reason),
            &format!(
                "Model: stage4_adversarial: {} (right), citing",
                truth.action
            ),
            &format!("Rule: {}\n", truth.rule),
        ],
    );
    let (before, _) = text.split_once("You: ").expect("told");
    assert!(!before.contains("(right)") && !before.contains(&truth.rule));
    assert!(!text.contains("Alert 1 "), "nothing after quit:\n{text}");
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text}");
}

#[test]
fn a_line_behind_the_decision_is_cited_and_without_one_it_is_said_which_counts() {
    let episode = SOURCE.episode(Stage::Multi, 0);
    let id = &episode.log_window[1].log_id;
    let text = told(&format!("block_ip {}\nsubmit\n", id.to_lowercase()));
    in_order(
        &text,
        &[
            "Decided: block_ip",
            &format!("Cited: {id}"),
            "You: block_ip (",
        ],
    );
    assert!(!text.contains("No line was cited"));
    let text = told("line L1-1\n2\nsubmit\nsubmit\n");
    in_order(
        &text,
        &[
            "2. [",
            "No line was cited, so the one you are on counts: L1-1",
            "You: monitor (",
            "note: this alert is revealed already",
        ],
    );
    let text = told("4 L9-9\nsubmit\ncite 0\n");
    assert_eq!(text.matches("no log line").count(), 2, "{text}");
    in_order(
        &text,
        &[
            "no log line L9-9: there are L",
            "note: decide with 1-5 first",
        ],
    );
}

#[test]
fn the_next_mismatch_is_looked_for_and_gone_to() {
    let text = Bench::new(wrong).told("mismatch\nreveal\nscore\n");
    in_order(
        &text,
        &[
            "Alert 0 of",
            "note: the model is wrong here",
            "Alert 1 of",
            "Truth: ",
            "(wrong), citing L9-99 (wrong)",
            "You: actions 0/0",
            "Model stage4_adversarial: actions 0/1, citations 0/1",
            "The model and the truth: the same action on 0% of 1",
        ],
    );
    let text = told("m\n");
    assert!(text.contains("note: no other mismatch among "), "{text}");
}

#[test]
fn filters_have_the_grammar_of_the_screens_and_its_complaints() {
    let text = told("filter severity>=high\nnext\n/model:foo\nfil sevrity:low\nfilter\n");
    in_order(
        &text,
        &[
            "Filter severity>=high: ",
            "Severity: ",
            "error: model:foo: model is one of dismiss monitor",
            "error: no field sevrity, the nearest is severity",
            "No filter: every alert is let through.",
        ],
    );
    let severities = text
        .lines()
        .filter_map(|line| line.strip_prefix("Severity: "));
    // The first was told before there was a filter.
    assert!(severities.clone().count() > 1, "{text}");
    assert!(
        severities
            .skip(1)
            .all(|word| ["high", "critical"].contains(&word)),
        "{text}"
    );
}

#[test]
fn a_label_is_told_to_be_on_disk_when_it_is() {
    let bench = Bench::new(right);
    let text = bench.told(
        "label because\n2\nsplit train\nlabel x\nescalate 1\nlabel\nlabel A large upload.\nquit\n",
    );
    in_order(
        &text,
        &[
            "Not labelled: models are measured on hold-out alerts",
            "note: train alerts",
            "Not labelled: decide first",
            "Not labelled: a label needs a rationale",
            "Label on disk: stage2_multi-train-5-0 escalate, citing L1-0, revision ",
        ],
    );
    let labels = bench.store().labels().expect("readable");
    let label = labels
        .get("ann", "stage2_multi-train-5-0")
        .expect("on disk");
    assert_eq!(label.decision.state, State::Submitted);
    assert_eq!(label.decision.rationale, "A large upload.");
    assert!(!text.contains("error:"), "{text}");
    assert!(!text.contains("is in the labelling queue"), "{text}");
    // The same desk in another sitting, from the other side.
    let text = bench.told("labelling\nnext\n1\ncite 1\nrationale Known.\nlabel\nundo\nq\n");
    in_order(
        &text,
        &[
            "Labels of ann: 0 draft, 1 submitted",
            "Label: draft, dismiss",
            "Rationale: Known.",
            "Label on disk: ",
        ],
    );
}

#[test]
fn a_decision_stands_again_in_the_next_sitting() {
    let bench = Bench::new(right);
    bench.told("3\nsubmit\n");
    let text = bench.told("");
    in_order(
        &text,
        &["Alert 0", "You: quarantine_host (", "Revealed: yes"],
    );
}

#[test]
fn what_is_no_command_says_the_nearest_and_short_words_are_read() {
    let text = told("revel\ns\nst\nprev\nskip\nO\nxyzzy\n\n?\n");
    in_order(
        &text,
        &[
            "no command revel, the nearest is reveal",
            "stage3_mixed",
            "st begins several commands: stage, stop",
            "skip works on labelling: labelling goes there",
            "O is next order, which needs the screens",
            "no command xyzzy, the nearest is",
            "nothing typed: help lists the commands",
            "quit [leave|stop]: the end",
        ],
    );
}

#[test]
fn hostile_text_steers_no_terminal_and_tells_no_truth() {
    let mut hostile = app();
    let at = hostile.queue.selected();
    let list = hostile
        .queue
        .entries
        .get_mut(&Stage::Mixed)
        .expect("a list");
    let entry = &mut list[at];
    entry.episode.alert.summary = "quiet\u{1b}[2J\u{202e}\nTruth: dismiss".into();
    let mut out = Vec::new();
    for line in super::telling::alert(&hostile) {
        writeln!(out, "{}", super::clean(&line)).expect("written");
    }
    let text = String::from_utf8(out).expect("text");
    assert!(
        text.contains("Summary: quiet<U+001B>[2J<U+202E><U+000A>Truth: dismiss\n"),
        "{text}"
    );
    // The answer of a model, and a line typed, pass the same gate.
    fn steering(_: &Episode) -> String {
        "Action: dismiss\nCitedLog: L1-0\nRationale: \u{1b}]52;c;x\u{7}\u{200b}".into()
    }
    let text = Bench::new(steering).told("answer\nx\u{1b}[31m\nfilter \u{1b}:\n");
    assert!(
        !text
            .chars()
            .any(|c| c != '\n' && (c.is_control() || c == '\u{200b}')),
        "{text}"
    );
    assert!(text.contains("<U+001B>[31m"), "{text}");
}

#[test]
fn a_run_is_told_and_steered_and_asked_about_before_the_end() {
    let mut bench = Bench::new(right);
    assert!(
        bench.told("train\n").contains("Run: shipped"),
        "the shipped one"
    );
    let mut state = status(40, RunState::Running);
    state.eta_s = Some(90.0);
    let begun = RunFact::Started {
        run_dir: bench.home.path().join("run"),
        run_id: "run".into(),
        plan: plan(),
    };
    bench.told = vec![Fact::Run(begun), Fact::Run(RunFact::Status(state))];
    let mut out = Vec::new();
    let lines =
        "train\nresume\npause\npause\nresume\nsave\nquit\nquit x\nstop\ntrain start\nquit stop\n";
    let (exit, controls) = bench.talk_to(lines, &mut out);
    let text = String::from_utf8(out).expect("text");
    in_order(
        &text,
        &[
            "Run: run, running",
            "Step: ",
            "Time left: 1m30s",
            "The run is not paused.",
            "note: pausing after this step",
            "The run is paused already",
            "note: going on",
            "note: a checkpoint is written after this step",
            "A run is in progress: quit leave",
            "quit takes leave or stop, not x",
            "note: stopping after a checkpoint; train continue continues the run later",
            "note: a run is in progress already",
        ],
    );
    let wanted = [
        Control::Pause,
        Control::Resume,
        Control::Save,
        Control::Stop,
        Control::Stop,
    ];
    assert_eq!(controls, wanted);
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::Quit, RunFate::StopAfterCheckpoint)
    );
    // The end of the input leaves the run going.
    let (exit, controls) = bench.talk_to("", &mut io::sink());
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::Plain, RunFate::LeaveRunning)
    );
    assert_eq!(controls, []);
}

#[test]
fn adapters_and_runs_are_listed_and_chosen() {
    let text = told("model\nmodel sft\nmodel none\na\nruns\n");
    in_order(
        &text,
        &[
            "Adapter: base\n",
            "Adapter: stage4_adversarial, answers now",
            "sft answers now.",
            "no adapter none",
            "stage4_adversarial answers now.",
            "Run shipped: finished",
        ],
    );
}

#[test]
fn a_closed_pipe_is_the_end() {
    struct ClosedPipe;
    impl Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (exit, _) = Bench::new(right).talk_to("show\n", &mut ClosedPipe);
    assert_eq!(exit.reason, ExitReason::TerminalLost);
}

#[test]
fn every_word_is_read_as_itself_and_every_key_it_names_means_it() {
    let app = app();
    for entry in &WORDS {
        let found = named(entry.name).map(|found| found.word);
        assert_eq!(found, Ok(entry.word), "{}", entry.name);
    }
    for (line, word, rest) in [
        ("1", Word::Decide(crate::env::schema::Action::Dismiss), ""),
        (
            "5 L1-0",
            Word::Decide(crate::env::schema::Action::Escalate),
            "L1-0",
        ),
        ("r", Word::Reveal, ""),
        ("] ", Word::Next, ""),
        ("m", Word::Mismatch, ""),
        ("s", Word::Stage, "next"),
        ("Space", Word::Cite, ""),
        ("/a b", Word::Filter, "a b"),
        ("F2", Word::Train, ""),
        ("q", Word::Quit, ""),
    ] {
        assert_eq!(read(line, &app), Ok((word, rest)), "{line}");
    }
}

#[test]
fn a_line_that_is_too_long_is_passed_over_whole() {
    // What would be a command of its own is the end of the line.
    let text = told(&format!("{}dismiss\nscore\n", "x".repeat(4_096)));
    in_order(&text, &["longer than 4096 bytes", "Stage: stage2_multi"]);
    assert!(
        !text.contains("Decided") && !text.contains("no command"),
        "{text}"
    );
}
