//! What the tests start from: a workbench, answers of a model, a run as it is told, and frames as text.

use std::collections::BTreeMap;

use crossterm::event::{KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::env::schema::{Action, Split, Stage};
use crate::env::verdict::judge;
use crate::label::Labels;
use crate::link::{
    AdapterChoice, Command, Control, EvalRow, Fact, MetricRow, PhasePlan, Plan, Rollout,
    RolloutGroup, RunFact, RunState, Status, SystemRow,
};
use crate::run::series::Series;
use crate::run::shipped::ShippedRun;
use crate::run::summary::{Standing, Summary};
use crate::train::config::TrainConfig;
use crate::ui::app::{App, update};
use crate::ui::clerk::Outcome;
use crate::ui::errand::{Listing, Report};
use crate::ui::keys::{Chord, Keymap};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, Msg};
use crate::ui::queue::{EpisodeSource, Model, Queue};
use crate::ui::screen;
use crate::ui::theme::{Depth, Symbols, Theme};
use crate::ui::watching::Training;

/// A configuration for tests.
pub fn config() -> TrainConfig {
    TrainConfig::nano()
}

/// A workbench on hold-out episodes, its model not loaded yet.
pub fn app() -> App {
    let source = EpisodeSource {
        split: Split::Holdout,
        seed: 3,
    };
    App::new(
        Keymap::embedded().expect("sound table"),
        Queue::new(source, Stage::Mixed, Model::Loading),
        Training::new(Some(shipped())),
        config(),
        false,
    )
}

/// A model that is ready.
pub fn ready() -> Msg {
    Msg::Fact(Fact::ModelReady {
        model: "nano".into(),
        parameters: 5_600_000,
        adapters: vec!["sft".into(), "stage4_adversarial".into()],
        default_adapter: AdapterChoice::Named("stage4_adversarial".into()),
    })
}

/// Answers every request in `effects` with `reply`, and what those answers lead to.
pub fn answer(
    app: &mut App,
    effects: Vec<Effect>,
    reply: impl Fn(&crate::env::schema::Episode) -> String,
) {
    let mut todo = effects;
    while let Some(effect) = todo.pop() {
        let Effect::Send(Command::Infer(request)) = effect else {
            continue;
        };
        let response = reply(&request.episode);
        let verdict = Box::new(judge(&request.episode, &response));
        todo.extend(update(
            app,
            Msg::Fact(Fact::Inference {
                id: request.id,
                adapter: "stage4_adversarial".into(),
                response,
                verdict,
                probabilities: Some([0.625, 0.25, 0.125, 0.0, 0.0]),
                millis: 12,
            }),
        ));
    }
}

/// A response that is right.
pub fn right(episode: &crate::env::schema::Episode) -> String {
    let truth = &episode.truth;
    format!(
        "Action: {}\nCitedLog: {}\nRationale: {}",
        truth.action, truth.triggering_log_id, "as the rule says"
    )
}

/// A response that is wrong in action and citation.
pub fn wrong(episode: &crate::env::schema::Episode) -> String {
    let action = Action::ALL
        .into_iter()
        .find(|action| *action != episode.truth.action);
    format!(
        "Action: {}\nCitedLog: L9-99\nRationale: guessed",
        action.expect("there are five")
    )
}

pub fn plan() -> Plan {
    let phase = |name: &str, steps| PhasePlan {
        name: name.into(),
        steps,
    };
    Plan {
        phases: vec![
            phase("sft", 40),
            phase("stage1_basic", 60),
            phase("stage2_multi", 60),
        ],
    }
}

/// What a trainer writes beside the charted metrics.
const MORE_METRICS: [&str; 19] = [
    "clip_ratio/region_mean",
    "completions/clipped_ratio",
    "completions/max_length",
    "completions/min_length",
    "frac_reward_zero_std",
    "injection_flip_rate",
    "policy/dismiss",
    "policy/escalate",
    "policy/monitor",
    "policy/quarantine_host",
    "policy/block_ip",
    "recall/dismiss",
    "recall/monitor",
    "recall/quarantine_host",
    "recall/block_ip",
    "recall/escalate",
    "rewards/citation/mean",
    "rewards/format/mean",
    "num_tokens",
];

/// A row of metrics as a trainer writes them.
pub fn row(step: u64) -> MetricRow {
    let x = step as f64;
    let noise = ((step * 7919) % 101) as f64 / 101.0 - 0.5;
    let share = (x / 160.0).min(1.0);
    let mut values: BTreeMap<String, f64> = [
        ("loss", 2.0 / (1.0 + x / 20.0) + noise * 0.05),
        ("grad_norm", 0.7 + noise * 0.3),
        ("learning_rate", 1e-4),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if step > 40 {
        let more = [
            ("reward", -0.4 + 1.2 * share + noise * 0.4),
            ("reward_std", 0.4 + noise * 0.1),
            ("rewards/verifier/mean", -0.4 + 1.2 * share + noise * 0.4),
            ("kl", 0.01 * share),
            ("entropy", 0.5 - 0.3 * share),
            ("format_ok", 0.9 + 0.1 * share),
            ("accuracy", 0.3 + 0.5 * share + noise * 0.1),
            ("citation_accuracy", 0.3 + 0.4 * share + noise * 0.1),
            ("share/dismiss", 0.2 + noise * 0.1),
            ("share/monitor", 0.2 - noise * 0.1),
            ("share/quarantine_host", 0.25),
            ("share/block_ip", 0.15 + noise * 0.05),
            ("share/escalate", 0.2 - noise * 0.05),
            ("completions/mean_length", 31.0 + noise * 4.0),
        ];
        for (at, name) in MORE_METRICS.into_iter().enumerate() {
            let noise = ((step * 7919 + at as u64 * 31) % 101) as f64 / 101.0;
            values.insert(name.to_owned(), noise);
        }
        values.extend(
            more.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    MetricRow {
        step,
        stage: if step > 40 { "stage1_basic" } else { "sft" }.into(),
        values,
    }
}

/// A row of the machine's as a trainer writes them: two seconds a step.
pub fn system_row(step: u64) -> SystemRow {
    let values = [
        ("step_time", 2.0),
        ("rollout_time", 1.25),
        ("update_time", 0.75),
        ("tokens_per_second", 900.0 + (step % 7) as f64),
        ("resident_mb", 400.0),
        ("cpu_percent", 190.0),
    ];
    SystemRow {
        step,
        stage: if step > 40 { "stage1_basic" } else { "sft" }.into(),
        time: 1_700_000_000 + step * 2,
        device: "cpu".into(),
        values: values.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

pub fn status(step: u64, state: RunState) -> Status {
    Status {
        state,
        phase: "stage1_basic".into(),
        step,
        total_steps: 160,
        elapsed_s: step as f64 * 1.5,
        eta_s: Some((160 - step) as f64 * 1.5),
        heartbeat: 0,
        pid: 1,
        reason: String::new(),
    }
}

fn shipped() -> ShippedRun {
    ShippedRun {
        run_id: "shipped-nano".into(),
        plan: plan(),
        metrics: (1..=160).map(row).collect(),
        evaluations: vec![EvalRow {
            step: 160,
            stage: "stage2_multi".into(),
            episodes: 200,
            values: [("accuracy".to_owned(), 0.81)].into(),
            ..EvalRow::default()
        }],
    }
}

pub fn group(step: u64) -> RolloutGroup {
    let rollout = |n: usize| Rollout {
        response: format!(
            "Action: {}\nCitedLog: L1-{n}\nRationale: rollout {n}",
            Action::ALL[n % 5]
        ),
        action: (n != 6).then(|| Action::ALL[n % 5]),
        cited_log_id: (n != 6).then(|| format!("L1-{n}")),
        reward: n as f64 / 10.0,
        components: [("partial_credit".to_owned(), n as f64 / 10.0)].into(),
        advantage: n as f64 / 10.0 - 0.35,
        truncated: n == 6,
    };
    RolloutGroup {
        step,
        stage: "stage1_basic".into(),
        group_id: step,
        episode_id: "e".into(),
        summary: "Several failed logons on ws-17".into(),
        truth_action: Action::BlockIp,
        truth_log_id: "L1-3".into(),
        rule: "brute_force_external".into(),
        rollouts: (0..8).map(rollout).collect(),
    }
}

/// Feeds the facts of a run up to `step`.
pub fn train(app: &mut App, step: u64) {
    let fact = |fact| Msg::Fact(Fact::Run(fact));
    update(
        app,
        fact(RunFact::Started {
            run_dir: "/tmp/run".into(),
            run_id: "20260101T000000Z".into(),
            plan: plan(),
        }),
    );
    for step in 1..=step {
        update(app, fact(RunFact::Metrics(row(step))));
        update(app, fact(RunFact::System(system_row(step))));
    }
    update(app, fact(RunFact::Status(status(step, RunState::Running))));
    update(app, fact(RunFact::Rollouts(Box::new(group(step)))));
    let message = "8 equal rewards: nothing to learn from this group".into();
    update(app, fact(RunFact::Warning { step, message }));
}

pub fn theme(depth: Depth, symbols: Symbols) -> Theme {
    Theme::load(None, depth, symbols).expect("theme")
}

/// A key, named as in the key table.
pub fn event(name: &str) -> KeyEvent {
    let chord = Chord::parse(name).expect("a key");
    let modifiers = if chord.ctrl {
        KeyModifiers::CONTROL
    } else {
        KeyModifiers::NONE
    };
    KeyEvent::new(chord.code, modifiers)
}

/// Presses keys, named as in the key table with spaces between; gives what is to be done.
pub fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let presses = keys.split(' ').map(event);
    presses.flat_map(|key| update(app, Msg::Key(key))).collect()
}

pub fn frame(app: &App, theme: &Theme, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("test backend");
    let drawn = terminal.draw(|frame| screen::draw(app, theme, frame));
    drawn.expect("drawn").buffer.clone()
}

pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let rows = (0..area.height).map(|y| {
        let cells = (0..area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// What is on an 80x24 screen (or another) without colour.
pub fn seen(app: &App, size: (u16, u16)) -> String {
    text(&frame(app, &theme(Depth::None, Symbols::Braille), size))
}

/// How the effects end the workbench.
pub fn exit_of(effects: &[Effect]) -> Option<Exit> {
    effects.iter().find_map(|effect| match effect {
        Effect::Leave(exit) => Some(*exit),
        _ => None,
    })
}

/// Controls the effects send to the run.
pub fn controls(effects: &[Effect]) -> Vec<Control> {
    let control = |effect: &Effect| match effect {
        Effect::Send(Command::Control(control)) => Some(*control),
        _ => None,
    };
    effects.iter().filter_map(control).collect()
}

/// A run as the list of runs shows it.
pub fn summary(id: &str, standing: Standing) -> Summary {
    let config = config();
    let mut evaluations = Series::new();
    evaluations.push(40, -0.25);
    evaluations.push(160, 0.75);
    Summary {
        run_id: id.into(),
        run_dir: format!("/runs/{id}").into(),
        standing,
        phase: "stage1_basic".into(),
        step: 120,
        total_steps: 160,
        created: "2026-01-01T00:00:00Z".into(),
        model: "nano".into(),
        seed: config.seed,
        best_mean_reward: Some(0.75),
        reason: String::new(),
        preset: "nano",
        note: String::new(),
        config,
        evaluations,
    }
}

/// The runs screen with these runs found.
pub fn with_runs(app: &mut App, runs: Vec<Summary>) {
    press(app, "F4");
    let root = "/runs".into();
    let broken = vec!["/runs/odd/run.json: line 1: no run".into()];
    let listing = Listing { root, runs, broken };
    update(app, Msg::Report(Report::Listed(listing)));
}

/// The labelling screen: reading, failed, at work, and with its dialogs.
fn labelling() -> Vec<App> {
    let opened = || Outcome::Opened {
        episodes: Vec::new(),
        labels: Labels::default(),
    };
    let scripts = ["F3", "F3 2 Space f s", "F3 3 e", "F3 i", "F3 v", "F3 / x"];
    let at_work = scripts.into_iter().map(|keys| {
        let mut app = app();
        let effects = update(&mut app, ready());
        answer(&mut app, effects, wrong);
        let effects = press(&mut app, "F3");
        answer(&mut app, effects, wrong);
        let effects = update(&mut app, Msg::Label(opened()));
        answer(&mut app, effects, wrong);
        press(&mut app, keys);
        app
    });
    let mut states: Vec<App> = at_work.collect();
    for outcome in [
        None,
        Some(Outcome::NotOpened("labels.jsonl: line 3: not UTF-8".into())),
    ] {
        let mut app = app();
        press(&mut app, "F3");
        outcome.map(|outcome| update(&mut app, Msg::Label(outcome)));
        states.push(app);
    }
    states
}

/// The episodes screen: at the start, answered, compared, and with its dialogs.
fn on_episodes() -> Vec<App> {
    let mut states = Vec::new();
    states.push(app());
    let mut answered = app();
    let effects = update(&mut answered, ready());
    answer(&mut answered, effects, right);
    press(&mut answered, "3 Enter");
    states.push(answered);
    for keys in ["b O", "w j", "o j j e x Enter"] {
        let mut answered = app();
        let effects = update(&mut answered, ready());
        answer(&mut answered, effects, wrong);
        press(&mut answered, "3 Enter");
        press(&mut answered, keys);
        states.push(answered);
    }
    let mut compared = app();
    let effects = update(&mut compared, ready());
    answer(&mut compared, effects, right);
    let effects = press(&mut compared, "c");
    answer(&mut compared, effects, wrong);
    states.push(compared);
    for keys in [
        "?",
        ": r e v",
        "F2 t",
        "/ a b",
        "o j",
        "r o G",
        "y",
        "r y j d",
        "r e",
        "b",
        "r b l l j",
        "r w",
        "r o j e x Enter",
        "r o j j e x Enter",
        "r o j j j e x Enter",
    ] {
        let mut dialog = app();
        press(&mut dialog, keys);
        states.push(dialog);
    }
    states
}

/// An app in every state a screen can be in.
pub fn states() -> Vec<App> {
    let mut states = on_episodes();
    for pane in 0..5 {
        let mut training = app();
        train(&mut training, 120);
        press(&mut training, "F2");
        (0..pane).for_each(|_| drop(press(&mut training, "Tab")));
        states.push(training);
    }
    let mut quitting = app();
    train(&mut quitting, 3);
    press(&mut quitting, "q");
    assert_eq!(quitting.layers, [Layer::Quit]);
    states.push(quitting);
    let mut failed = app();
    let message = "weights unreadable: model.safetensors is cut off".into();
    update(&mut failed, Msg::Fact(Fact::ModelFailed { message }));
    states.push(failed);
    for keys in ["Tab", "e a b", "j d", "/ s t"] {
        let mut runs = app();
        let standings = [Standing::Running, Standing::Crashed, Standing::Finished];
        let found = standings.map(|standing| summary(standing.as_str(), standing));
        with_runs(&mut runs, found.into());
        press(&mut runs, keys);
        states.push(runs);
    }
    let mut none = app();
    with_runs(&mut none, Vec::new());
    states.push(none);
    states.extend(labelling());
    let mut empty = app();
    empty.training = Training::new(None);
    press(&mut empty, "F2");
    states.push(empty);
    states
}
