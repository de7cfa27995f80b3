//! Frames in text: what the screens show, at every size, without colour, and with hostile text in them.

use std::collections::BTreeMap;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::env::schema::{Action, Split, Stage};
use crate::env::verdict::judge;
use crate::link::{
    AdapterChoice, Command, EvalRow, Fact, MetricRow, PhasePlan, Plan, Rollout, RolloutGroup,
    RunFact, RunState, Status,
};
use crate::run::shipped::ShippedRun;
use crate::train::config::TrainConfig;
use crate::ui::app::{App, update};
use crate::ui::gate;
use crate::ui::keys::Keymap;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg};
use crate::ui::queue::{Entry, EpisodeSource, Model, Queue};
use crate::ui::screen;
use crate::ui::scripts::press;
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
        components: BTreeMap::new(),
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
    }
    update(app, fact(RunFact::Status(status(step, RunState::Running))));
    update(app, fact(RunFact::Rollouts(Box::new(group(step)))));
    let message = "8 equal rewards: nothing to learn from this group".into();
    update(app, fact(RunFact::Warning { step, message }));
}

pub fn theme(depth: Depth, symbols: Symbols) -> Theme {
    Theme::load(None, depth, symbols).expect("theme")
}

fn frame(app: &App, theme: &Theme, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("test backend");
    let drawn = terminal.draw(|frame| screen::draw(app, theme, frame));
    drawn.expect("drawn").buffer.clone()
}

fn text(buffer: &Buffer) -> String {
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

/// An app in every state a screen can be in.
fn states() -> Vec<App> {
    let mut states = Vec::new();
    states.push(app());
    let mut answered = app();
    let effects = update(&mut answered, ready());
    answer(&mut answered, effects, right);
    press(&mut answered, "3 Enter");
    states.push(answered);
    for pane in 0..4 {
        let mut training = app();
        train(&mut training, 120);
        press(&mut training, "F2");
        (0..pane).for_each(|_| drop(press(&mut training, "Tab")));
        states.push(training);
    }
    for keys in ["?", ": r e v", "F2 t", "/ a b"] {
        let mut dialog = app();
        press(&mut dialog, keys);
        states.push(dialog);
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
    let mut empty = app();
    empty.training = Training::new(None);
    press(&mut empty, "F2");
    states.push(empty);
    states
}

#[test]
fn every_state_draws_at_every_size() {
    let looks = [
        theme(Depth::None, Symbols::Ascii),
        theme(Depth::Truecolor, Symbols::Braille),
        theme(Depth::Ansi16, Symbols::Blocks),
    ];
    for (at, app) in states().iter().enumerate() {
        let look = &looks[at % looks.len()];
        for width in 0..=100 {
            for height in 0..=40 {
                // Below the limit one page serves all states; above it steps are enough to meet every layout.
                let is_small = width < 60 || height < 16;
                if (is_small && at > 0) || (!is_small && (width + height) % 3 != at as u16 % 3) {
                    continue;
                }
                let buffer = frame(app, look, (width, height));
                if is_small && width >= 20 && height > 0 {
                    assert!(text(&buffer).contains("needs 60x16"), "{width}x{height}");
                }
            }
        }
        frame(app, look, (300, 100));
    }
}

#[test]
fn an_alert_can_be_read_and_decided_on_80x24() {
    let mut app = app();
    let before = seen(&app, (80, 24));
    assert!(before.contains("loading the weights"), "{before}");
    let entry = app.queue.current().expect("an alert");
    let alert_id = entry.episode.alert.alert_id.clone();
    let (rule, reason) = (
        entry.episode.truth.rule.clone(),
        entry.episode.truth.reason.clone(),
    );
    assert!(
        before.contains(&alert_id) && before.contains("L"),
        "{before}"
    );
    assert!(
        before.contains("? help") && before.contains("q quit"),
        "{before}"
    );
    assert!(!before.contains(&rule), "truth is hidden:\n{before}");
    let effects = update(&mut app, ready());
    assert!(seen(&app, (80, 24)).contains("thinking"));
    answer(&mut app, effects, wrong);
    let shown = seen(&app, (80, 24));
    assert!(
        shown.contains("cites L9-99") && !shown.contains("wrong"),
        "{shown}"
    );
    press(&mut app, "2 Enter");
    let after = seen(&app, (100, 40));
    let reason_start: String = reason.chars().take(20).collect();
    for wanted in [rule.as_str(), &reason_start, "✗ wrong", "reward", "monitor"] {
        assert!(after.contains(wanted), "{wanted}:\n{after}");
    }
}

#[test]
fn right_and_wrong_differ_without_colour() {
    for symbols in [Symbols::Braille, Symbols::Ascii] {
        let theme = theme(Depth::None, symbols);
        let mut marks = Vec::new();
        for reply in [right, wrong] {
            let mut app = app();
            let effects = update(&mut app, ready());
            answer(&mut app, effects, reply);
            press(&mut app, "r");
            let buffer = frame(&app, &theme, (80, 24));
            assert!(
                buffer
                    .content
                    .iter()
                    .all(|cell| cell.fg == ratatui::style::Color::Reset)
            );
            marks.push(text(&buffer));
        }
        let (good, bad) = (theme.glyphs.right, theme.glyphs.wrong);
        assert!(marks[0].contains(&format!("{good} right")), "{}", marks[0]);
        assert!(marks[1].contains(&format!("{bad} wrong")), "{}", marks[1]);
        assert!(!marks[1].contains("right "), "{}", marks[1]);
    }
}

#[test]
fn the_shipped_run_is_shown_before_any_other() {
    let mut app = app();
    press(&mut app, "F2");
    let shown = seen(&app, (200, 60));
    for wanted in [
        "shipped",
        "read-only",
        "reward",
        "stage1_basic",
        "1:format",
        "5:escalate",
        "share/monitor",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    assert!(
        shown
            .chars()
            .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
        "{shown}"
    );
    assert!(
        shown.contains("1.100") && shown.contains("-1.500"),
        "{shown}"
    );
}

#[test]
fn a_run_shows_state_times_rollouts_and_warnings() {
    let mut app = app();
    train(&mut app, 100);
    press(&mut app, "g t Tab");
    let shown = seen(&app, (80, 24));
    for wanted in [
        "training",
        "2m30s",
        "1m30s left",
        "step 100 of 160",
        "block_ip",
        "p pause",
    ] {
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
    let wide = seen(&app, (160, 45));
    assert!(
        wide.contains("cut off") && wide.contains("malformed"),
        "{wide}"
    );
    press(&mut app, "Tab");
    assert!(seen(&app, (160, 45)).contains("8 equal rewards"));
}

#[test]
fn no_hostile_character_reaches_a_cell() {
    let hostile = "a\u{1b}]0;x\u{7}b\u{202e}c\u{200b}d\u{9b}2Je\rf\ng";
    let mut app = app();
    train(&mut app, 60);
    let mut episode = app.queue.current().expect("an alert").episode.clone();
    episode.alert.host = hostile.into();
    episode.alert.summary = hostile.into();
    episode.alert.alert_id = hostile.into();
    episode.alert.severity = hostile.into();
    episode.truth.reason = hostile.into();
    for event in &mut episode.log_window {
        event.source = hostile.into();
        event.fields.insert("note".into(), hostile.into());
    }
    app.queue
        .entries
        .insert(Stage::Mixed, vec![Entry::new(episode)]);
    app.queue.select(0);
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |_| hostile.into());
    let mut bad_group = group(61);
    bad_group.summary = hostile.into();
    bad_group.rollouts[0].response = hostile.into();
    let message: String = hostile.into();
    for fact in [
        Fact::Run(RunFact::Rollouts(Box::new(bad_group))),
        Fact::Run(RunFact::Warning {
            step: 1,
            message: message.clone(),
        }),
        Fact::ModelFailed { message },
    ] {
        update(&mut app, Msg::Fact(fact));
    }
    for keys in ["v", "r", "F2", "Tab", "Tab", "t"] {
        press(&mut app, keys);
        for size in [(80, 24), (200, 60)] {
            let buffer = frame(&app, &theme(Depth::Truecolor, Symbols::Braille), size);
            let cells = buffer.content.iter().flat_map(|cell| cell.symbol().chars());
            assert_eq!(cells.filter(|c| gate::is_hostile(*c)).count(), 0);
            let shown = text(&buffer);
            assert!(
                keys == "t" || shown.contains("<U+001B>"),
                "{keys}:\n{shown}"
            );
        }
    }
}
