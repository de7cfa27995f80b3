//! Scripts of lines in, text out: the whole conversation, with a model that is a thread and labels on a disk.

mod agreeing;
mod comparing;
mod copying;
mod deciding;
mod metrics;
mod noting;
mod reading;
mod rollouts;
mod running;
mod settings;
mod tending;
mod what_if;

use std::io::{self, Cursor, Write};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Inputs, Plain, Talk, run};
use crate::config::TrainConfig;
use crate::env::schema::{Episode, Split, Stage};
use crate::env::verdict::judge;
use crate::label::Store;
use crate::link::{AdapterChoice, Command, Control, Fact};
use crate::ui::msg::Exit;
use crate::ui::preferences::Preferences;
use crate::ui::queue::EpisodeSource;
use crate::ui::tests::fixtures::{ready, right, shipped};
use crate::ui::{Msg, Session, WorkbenchOptions};

const SOURCE: EpisodeSource = EpisodeSource {
    split: Split::Holdout,
    seed: 5,
};

/// A folder of labels, a model that answers so, its other adapters otherwise, and facts told before it.
struct Bench {
    home: tempfile::TempDir,
    reply: fn(&Episode) -> String,
    others: fn(&Episode) -> String,
    told: Vec<Fact>,
    /// Told before the base model's first answer.
    before_base: Vec<Fact>,
    preferences: Preferences,
}

impl Bench {
    fn new(reply: fn(&Episode) -> String) -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            reply,
            others: reply,
            told: Vec::new(),
            before_base: Vec::new(),
            preferences: Preferences::read(None).expect("a table"),
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

    /// The model, which gives what was asked of the run, and who else can tell facts.
    fn session(&self) -> (Session, UnboundedSender<Fact>, JoinHandle<Vec<Control>>) {
        let (commands, asked) = channel();
        let (facts, heard) = unbounded_channel();
        let Msg::Fact(is_ready) = ready() else {
            panic!("a fact");
        };
        assert!(facts.send(is_ready).is_ok());
        for fact in &self.told {
            assert!(facts.send(fact.clone()).is_ok());
        }
        let (reply, others) = (self.reply, self.others);
        let (teller, mut before_base) = (facts.clone(), self.before_base.clone());
        let default = AdapterChoice::Named("stage4_adversarial".into());
        let model = std::thread::spawn(move || {
            let mut controls = Vec::new();
            for command in asked {
                match command {
                    Command::Infer(request) => {
                        if request.adapter == AdapterChoice::Base {
                            let told = before_base.drain(..);
                            told.for_each(|fact| drop(facts.send(fact)));
                        }
                        let is_default = request.adapter == default;
                        let said = if is_default { reply } else { others };
                        let response = said(&request.episode);
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
        (session, teller, model)
    }

    /// Has these lines obeyed; gives how it ended, and what was asked of the run.
    fn talk_to(&self, lines: &str, out: &mut dyn Write) -> (Exit, Vec<Control>) {
        let (session, _, model) = self.session();
        let (sender, received) = unbounded_channel();
        let talk = Talk {
            input: Cursor::new(lines.to_owned().into_bytes()),
            is_prompted: false,
        };
        let inputs = Inputs { sender, received };
        let preferences = self.preferences.clone();
        let exit = run(self.options(), preferences, session, inputs, talk, out);
        let exit = exit.expect("an end");
        (exit, model.join().expect("a model"))
    }

    /// A conversation that has taken in what there is, to be led line by line; and who can tell facts in between.
    fn sit<'a>(&self, out: &'a mut dyn Write) -> (Plain<'a>, UnboundedSender<Fact>) {
        let (session, teller, _) = self.session();
        let (sender, received) = unbounded_channel();
        let talk = Talk {
            input: io::empty(),
            is_prompted: false,
        };
        let inputs = Inputs { sender, received };
        let preferences = self.preferences.clone();
        let plain = Plain::open(self.options(), preferences, session, inputs, talk, out);
        let mut plain = plain.expect("threads");
        while let Ok(fact) = plain.outside.facts.try_recv() {
            plain.take(Msg::Fact(fact)).expect("taken in");
        }
        plain.tell_alert().expect("told");
        (plain, teller)
    }

    fn told(&self, lines: &str) -> String {
        let mut out = Vec::new();
        self.talk_to(lines, &mut out);
        text(out)
    }
}

fn told(lines: &str) -> String {
    Bench::new(right).told(lines)
}

/// Has these lines obeyed, one after the other.
fn obey(plain: &mut Plain<'_>, lines: &str) {
    for line in lines.lines() {
        plain.obey(line).expect("obeyed");
    }
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("text")
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
