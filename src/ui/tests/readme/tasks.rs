//! The README's table of tasks: each of them is done by the keys that it names, and takes no more of them than it counts.

use super::README;
use crate::env::schema::{Split, Stage};
use crate::env::verdict::judge;
use crate::label::{State, Store};
use crate::link::{Command, Fact, InferRequest, OfferedAdapter};
use crate::run::RunDir;
use crate::run::summary::Standing;
use crate::ui::app::{App, ScreenName, update};
use crate::ui::clerk::Clerk;
use crate::ui::errand::{Errand, Listing, Report};
use crate::ui::keys::Chord;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::queue::adapter_name;
use crate::ui::tests::fixtures::{app, press, ready, second_wrong, summary, train, type_text};
use crate::ui::told::Watching;
use crate::ui::watching::TrainingPane;

/// A row of the table of tasks: what is done, its keys in order, and how many are counted there. Keys before a `…` are pressed as
/// often as the way is long, and not counted.
struct Task {
    name: String,
    keys: Vec<String>,
    counted: usize,
}

fn tasks() -> Vec<Task> {
    let readme = std::fs::read_to_string(README).expect("the README");
    let (_, rest) = readme
        .split_once("| task | keys |\n|---|---|\n")
        .expect("the table");
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let task = |row: &str| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let name = cells.next().expect("a task").to_owned();
        let (keys, count) = cells
            .next()
            .expect("keys")
            .split_once('(')
            .expect("a count");
        let of_way = keys.matches('…').count();
        let keys: Vec<String> = keys
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
        let counted = digits.parse::<usize>().expect("a number");
        assert_eq!(keys.len() - of_way, counted, "{name}");
        Task {
            name,
            keys,
            counted,
        }
    };
    rows.map(task).collect()
}

#[test]
fn the_tasks_of_the_readme_take_the_keys_it_counts() {
    let tasks = tasks();
    assert!(tasks.len() >= 10, "{}", tasks.len());
    for Task {
        name,
        keys,
        counted,
    } in &tasks
    {
        assert!((1..=6).contains(counted), "{name}: {counted}");
        for key in keys {
            assert!(Chord::parse(key).is_some(), "{name}: {key}");
        }
    }
}

/// A workbench whose model, labels and run folders answer: the model is wrong on the second alert of a queue, the labels are on
/// a disk, and there are two runs.
struct Bench {
    app: App,
    clerk: Clerk,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// As it opens: on stage 1, with no run in progress.
    fn launched() -> Self {
        Self::at(Stage::Basic)
    }

    /// On stage 3, with a run in progress.
    fn training() -> Self {
        let mut bench = Self::at(Stage::Mixed);
        train(&mut bench.app, 120);
        bench
    }

    fn at(stage: Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut bench = Self {
            app: app(),
            clerk: Clerk {
                store: Store::new(folder.path().join("labels")),
                annotator: "analyst".into(),
                desk: None,
            },
            _folder: folder,
        };
        bench.app.queue.set_stage(stage);
        let effects = update(&mut bench.app, ready());
        bench.settle(effects);
        bench
    }

    /// What is asked is answered, and what the answers ask, in turn.
    fn settle(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(message) = self.reply(effect) {
                let effects = update(&mut self.app, message);
                self.settle(effects);
            }
        }
    }

    fn reply(&mut self, effect: Effect) -> Option<Msg> {
        Some(match effect {
            Effect::Label(request) => Msg::Label(self.clerk.answer(request)),
            Effect::Send(Command::Infer(request)) => Msg::Fact(said(&request)),
            Effect::Send(Command::Offer(adapters)) => Msg::Fact(Fact::Offered {
                adapters,
                refused: Vec::new(),
            }),
            Effect::Errand(Errand::List) => Msg::Report(Report::Listed(listing())),
            Effect::Errand(Errand::Open(dir)) => {
                Msg::Report(Report::Opened(Box::new(trained(&dir))))
            }
            _ => return None,
        })
    }

    /// Presses a key of a task, and types where the table says so in words; whether the task is done by it.
    fn press(&mut self, key: &str, is_done: Done) -> bool {
        let effects = press(&mut self.app, key);
        let is_asked_for = is_done(&self.app, &effects);
        self.settle(effects);
        let is_rationale = matches!(self.app.layers.last(), Some(Layer::Line { .. }));
        if key == "ctrl-u" || is_rationale {
            type_text(&mut self.app, "changed");
        }
        is_asked_for || is_done(&self.app, &[])
    }

    /// Whether the way that a `…` stands for goes on: to the last adapter of a run's own.
    fn is_on_the_way(&self, key: &str) -> bool {
        let queue = &self.app.queue;
        key == "a" && queue.adapter() != queue.adapters.last()
    }
}

fn said(request: &InferRequest) -> Fact {
    let response = second_wrong(&request.episode);
    Fact::Inference {
        id: request.id,
        adapter: "stage4_adversarial".into(),
        verdict: Box::new(judge(&request.episode, &response)),
        response,
        probabilities: None,
        millis: 1,
    }
}

fn listing() -> Listing {
    let runs = ["one", "two"].map(|id| summary(id, Standing::Finished));
    Listing {
        root: "/runs".into(),
        runs: runs.into(),
    }
}

/// A run that has left two adapters.
fn trained(dir: &RunDir) -> Watching {
    let mut run = Watching::opened();
    run.run_dir = Some(dir.path().to_owned());
    let adapter = |phase: &str| OfferedAdapter {
        name: format!("{}/{phase}", dir.id()),
        dir: dir.adapter(phase),
        written: None,
    };
    run.adapters = ["sft", "stage4_adversarial"].map(adapter).into();
    run
}

/// What has come of a task, by the state or by what is to be done outside.
type Done = fn(&App, &[Effect]) -> bool;

/// A task by a part of its name, where it begins, and what comes of it.
type Outcome = (&'static str, fn() -> Bench, Done);

const OUTCOMES: [Outcome; 13] = [
    ("first mismatch", Bench::launched, |app, _| {
        app.queue.stage() == Stage::Adversarial && is_wrong(app)
    }),
    ("see the truth", Bench::training, |app, _| {
        let entry = app.queue.current();
        entry.is_some_and(|entry| entry.desk.is_revealed)
    }),
    ("like this value", Bench::training, |app, _| {
        app.queue.is_filtered()
    }),
    ("two adapters", Bench::training, |app, _| {
        app.queue.second_adapter().is_some()
    }),
    ("what if", Bench::training, |app, _| {
        app.queue.what_if().is_some()
    }),
    (
        "defanged",
        Bench::training,
        |_, effects| matches!(effects, [Effect::Copy(case)] if case.starts_with("# Alert")),
    ),
    ("start a run", Bench::launched, |_, effects| {
        let is_start = |effect: &Effect| matches!(effect, Effect::StartRun { continue_in: None });
        effects.iter().any(is_start)
    }),
    ("spike", Bench::training, |app, _| {
        app.training.pane == TrainingPane::Rollouts
    }),
    ("label an alert", Bench::launched, |app, _| {
        let mut items = app.labelling.items().iter();
        items.any(|item| item.decision.state == State::Submitted && item.saved >= item.revision)
    }),
    ("mismatch to a label", Bench::launched, |app, _| {
        let item = app.labelling.current();
        let episode = item.map(|item| &item.entry.episode);
        // The second of the queue, which the model got wrong.
        let is_it = episode.is_some_and(|episode| {
            let place = (episode.split, episode.stage, episode.index);
            place == (Split::Train, Stage::Adversarial, 1)
        });
        app.screen == ScreenName::Labelling && is_it
    }),
    ("own SFT", Bench::launched, |app, _| {
        let sides = [app.queue.adapter(), app.queue.second_adapter()];
        let names = sides.map(|side| side.map(adapter_name).unwrap_or_default());
        names == ["one/stage4_adversarial", "one/sft"]
    }),
    ("two runs differ", Bench::launched, |app, _| {
        let compared = app.runs.compared();
        compared.is_some_and(|(with, _)| with == "run one")
    }),
    ("another theme", Bench::launched, |_, effects| {
        matches!(effects, [Effect::UseTheme(_)])
    }),
];

/// Whether the model is wrong on the alert in front.
fn is_wrong(app: &App) -> bool {
    app.queue.wrong_at(app.queue.selected()).is_some()
}

#[test]
fn pressing_the_keys_of_a_task_does_it() {
    let mut tasks = tasks();
    for (name, begin, is_done) in OUTCOMES {
        let at = tasks.iter().position(|task| task.name.contains(name));
        let task = tasks.remove(at.expect(name));
        let mut bench = begin();
        let mut is_at_end = is_done(&bench.app, &[]);
        for key in &task.keys {
            assert!(!is_at_end, "{name}: before {key}");
            is_at_end = bench.press(key, is_done);
            while bench.is_on_the_way(key) {
                is_at_end |= bench.press(key, is_done);
            }
        }
        assert!(is_at_end, "{name}: {:?}", bench.app.toast);
    }
    let left: Vec<String> = tasks.into_iter().map(|task| task.name).collect();
    assert!(left.is_empty(), "nobody presses {left:?}");
}
