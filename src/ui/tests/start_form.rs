//! Key scripts and frames of the form before a run.

use crate::config::{Preset, TrainConfig, resolve};
use crate::link::{Command, Fact, FitRequest};
use crate::ui::app::{App, update};
use crate::ui::layer::{Layer, train_command};
use crate::ui::msg::{Effect, Msg};
use crate::ui::tests::fixtures::{app, press, ready, seen, status, train};

const SMALL: (u16, u16) = (80, 24);

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

/// The form with the cursor on the one line that these words let through.
fn on(keys: &str) -> App {
    let mut app = app();
    press(&mut app, &format!("F2 t / {keys} Enter"));
    app
}

/// The configuration that the loop would hand to the trainer.
fn handed_over(app: &App) -> TrainConfig {
    match train_command(app, "/tmp/run".into(), false) {
        Command::Train(request) => request.config,
        other => panic!("{other:?}"),
    }
}

fn fitted(effects: &[Effect]) -> Vec<&TrainConfig> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::Send(Command::Fit(request)) => Some(&request.config),
        _ => None,
    });
    asked.collect()
}

#[test]
fn what_is_changed_in_the_form_is_what_starts() {
    let mut app = on("s t e p s _ p e r _ s t a g e");
    assert!(seen(&app, SMALL).contains("grpo.steps_per_stage"));
    press(&mut app, "e Backspace Backspace Backspace 7 0");
    assert!(seen(&app, SMALL).contains(" 70_"), "{}", seen(&app, SMALL));
    press(&mut app, "Enter Esc");
    for size in [SMALL, (200, 60), (60, 16)] {
        let shown = seen(&app, size);
        let line = shown.lines().find(|line| line.contains("steps_per_stage"));
        assert!(line.is_none_or(|line| line.contains("* ") && line.contains("70 (nano: 200)")));
    }
    assert!(seen(&app, (200, 60)).contains("70 (nano: 200)"));
    // 2 x 1,000 of SFT, then four stages.
    assert!(seen(&app, SMALL).contains("2280 optimiser steps"));
    let effects = press(&mut app, "Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
    let sets = ["grpo.steps_per_stage=70".to_owned()];
    let wanted = resolve(Preset::Nano, false, None, &sets);
    assert_eq!(Ok(handed_over(&app)), wanted);
}

#[test]
fn what_is_left_unconfirmed_changes_nothing_and_esc_leaves_one_layer_each_time() {
    let mut app = on("g r p o . l r");
    press(&mut app, "e Backspace 9 Esc");
    assert!(!seen(&app, SMALL).contains("* grpo.lr"));
    press(&mut app, "Esc");
    assert!(
        seen(&app, SMALL).contains("save_steps"),
        "the filter is off"
    );
    press(&mut app, "Esc");
    assert!(app.layers.is_empty());
    press(&mut app, "t Enter");
    assert_eq!(handed_over(&app), TrainConfig::nano());
}

#[test]
fn a_value_that_is_refused_says_why_and_stays_open() {
    let mut app = on("s f t . e p o c h s");
    press(&mut app, "e x Enter");
    assert!(app.toast.as_ref().is_some_and(|toast| toast.is_bad));
    assert!(
        said(&app).contains("it takes a whole number from 1 to 1000"),
        "{}",
        said(&app)
    );
    press(&mut app, "Backspace Backspace Backspace 5 Enter");
    assert!(seen(&app, SMALL).contains("* sft.epochs"));
    press(&mut app, "d");
    assert!(!seen(&app, SMALL).contains("* sft.epochs"));
    press(&mut app, "d");
    assert!(said(&app).contains("what the preset says already"));
    press(&mut app, "k");
    assert!(seen(&app, SMALL).contains("takes a whole number from 1 to 1000"));
}

#[test]
fn a_setting_that_cannot_be_changed_here_says_so() {
    let app = on("t h r e a d s");
    assert!(seen(&app, SMALL).contains("takes nothing here, it is settled"));
}

#[test]
fn the_form_turns_pages_and_finds_settings() {
    let mut app = app();
    press(&mut app, "F2 t");
    let top = seen(&app, SMALL);
    assert!(top.contains("preset") && top.contains(" ↓ "), "{top}");
    press(&mut app, "G");
    let end = seen(&app, SMALL);
    assert!(
        end.contains("eval.final_episodes") && end.contains(" ↑ "),
        "{end}"
    );
    press(&mut app, "g g ctrl-d j k PageUp");
    assert_eq!(seen(&app, SMALL), top);
    press(&mut app, "/ n o s u c h");
    assert!(seen(&app, SMALL).contains("no setting holds these words"));
    press(&mut app, "Enter e");
    assert_eq!(said(&app), "no setting here to change");
}

#[test]
fn memory_and_device_are_asked_for_and_shown_for_just_what_stands_there() {
    let mut app = app();
    assert!(fitted(&press(&mut app, "F2 t")).is_empty());
    assert!(seen(&app, SMALL).contains("known once the weights are loaded"));
    let effects = update(&mut app, ready());
    assert_eq!(fitted(&effects), [&TrainConfig::nano()]);
    let fact = |fits| Fact::Fitted {
        request: Box::new(FitRequest {
            config: TrainConfig::nano(),
            sft_extra: None,
        }),
        told: "needs about 0.3 GB of 8.0 GB on cpu".into(),
        fits,
        labels: Ok(0),
    };
    update(&mut app, Msg::Fact(fact(true)));
    assert!(seen(&app, SMALL).contains("needs about 0.3 GB of 8.0 GB on cpu"));
    let effects = press(&mut app, "/ l o r a . r a n k Enter e Backspace Enter");
    let asked = fitted(&effects);
    assert!(asked.len() == 1 && asked[0].lora.rank == 1);
    // The answer to the old question is none to the new one.
    update(&mut app, Msg::Fact(fact(true)));
    let shown = seen(&app, SMALL);
    assert!(
        shown.contains("asking") && !shown.contains("0.3 GB"),
        "{shown}"
    );
}

#[test]
fn changes_mean_a_new_run_also_where_a_stopped_one_could_go_on() {
    let mut app = app();
    train(&mut app, 5);
    let stopped = crate::link::RunFact::Status(status(5, crate::link::RunState::Stopped));
    update(&mut app, Msg::Fact(Fact::Run(stopped)));
    press(&mut app, "F2 t");
    assert!(seen(&app, SMALL).contains("Enter continues run, stopped"));
    press(&mut app, "/ s e e d Enter e Backspace 7 Enter");
    assert!(seen(&app, SMALL).contains("Enter starts a new run"));
    let effects = press(&mut app, "Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
    assert_eq!(handed_over(&app).seed, 7);
    assert!(
        !app.layers
            .iter()
            .any(|layer| matches!(layer, Layer::Start { .. }))
    );
}

/// The answer to what was asked last about the form.
fn labels_are(app: &mut App, effects: &[Effect], labels: Result<u64, String>) {
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Send(Command::Fit(request)) => Some(request.clone()),
        _ => None,
    });
    let fact = Fact::Fitted {
        request: asked.expect("asked about"),
        told: "needs about 0.3 GB".into(),
        fits: true,
        labels,
    };
    update(app, Msg::Fact(fact));
}

fn extra_of(app: &App) -> Option<std::path::PathBuf> {
    match train_command(app, "/tmp/run".into(), false) {
        Command::Train(request) => request.sft_extra,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_of_labels_is_learned_from_and_one_that_is_none_says_why_before_a_run_is_started() {
    let mut app = app();
    update(&mut app, ready());
    press(&mut app, "F2 t / s f t _ e x t r a Enter");
    let shown = seen(&app, SMALL);
    assert!(
        shown.contains("sft_extra") && shown.contains(" none"),
        "{shown}"
    );
    assert!(shown.contains("label export"), "{shown}");
    let effects = press(&mut app, "e ctrl-u o w n . j s o n l Enter");
    let why = "own.jsonl: there is no such file";
    labels_are(&mut app, &effects, Err(why.into()));
    let shown = seen(&app, SMALL);
    assert!(
        shown.contains(why) && shown.contains("* sft_extra"),
        "{shown}"
    );
    press(&mut app, "Enter");
    assert_eq!(said(&app), format!("no run is started: {why}"));
    assert!(
        matches!(app.layers.last(), Some(Layer::Start { .. })),
        "it stays open"
    );
    assert!(!app.training.is_in_progress());
    // The same file, written meanwhile: 100 examples more are 20 steps of SFT's passes more.
    let effects = press(&mut app, "d e ctrl-u o w n . j s o n l Enter");
    let steps = |app: &App| {
        let shown = seen(app, SMALL);
        let line = shown
            .lines()
            .find(|line| line.contains("optimiser steps in this"));
        let line = line
            .expect("told")
            .trim_start_matches([' ', '│'])
            .to_owned();
        line.split(' ')
            .next()
            .and_then(|n| n.parse::<u64>().ok())
            .expect("a number")
    };
    let config = TrainConfig::nano();
    labels_are(&mut app, &effects[effects.len() - 1..], Ok(100));
    assert_eq!(steps(&app), config.plan(100).total_steps());
    assert!(config.plan(100).total_steps() > config.plan(0).total_steps());
    assert!(seen(&app, SMALL).contains("100 labelled examples of own.jsonl"));
    let effects = press(&mut app, "Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
    assert_eq!(extra_of(&app), Some("own.jsonl".into()));
}
