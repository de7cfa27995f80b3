//! Key scripts on runs: started, steered, watched, left.

use crate::config::Plan;
use crate::env::verdict::judge;
use crate::link::{AdapterChoice, Command, Control, EvalRow, Fact, RunFact, RunState, Status};
use crate::ui::app::{App, update};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Msg, RunFate};
use crate::ui::queue::Answer;
use crate::ui::tests::fixtures::{
    answer, app, controls, exit_of, press, ready, right, seen, status, train,
};
use crate::ui::watching::{Training, TrainingPane};

#[test]
fn training_is_started_steered_and_continued() {
    let mut app = app();
    let effects = press(&mut app, "F2 p");
    assert!(controls(&effects).is_empty() && app.toast.is_some());
    assert!(press(&mut app, "t Esc").is_empty());
    let effects = press(&mut app, "t Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
    train(&mut app, 5);
    assert_eq!(controls(&press(&mut app, "p")), [Control::Pause]);
    assert_eq!(
        controls(&press(&mut app, "p p")),
        [Control::Resume, Control::Pause],
        "a pause that has not come can be taken back"
    );
    update(
        &mut app,
        Msg::Fact(Fact::Run(RunFact::Status(status(5, RunState::Paused)))),
    );
    assert_eq!(
        controls(&press(&mut app, "p S x")),
        [Control::Resume, Control::Save, Control::Stop]
    );
    assert!(
        press(&mut app, "t").is_empty() && app.layers.is_empty(),
        "one run at a time"
    );
    update(
        &mut app,
        Msg::Fact(Fact::Run(RunFact::Status(status(5, RunState::Stopped)))),
    );
    for keys in ["t c", "t Enter"] {
        let effects = press(&mut app, keys);
        assert!(
            matches!(&effects[..], [Effect::StartRun { continue_in: Some(dir) }] if dir.ends_with("run")),
            "{keys}: {effects:?}"
        );
        assert_eq!(app.training.shown().map(|run| run.last_step), Some(5));
        say(&mut app, status(5, RunState::Stopped));
    }
    let effects = press(&mut app, "t n");
    assert!(matches!(
        effects[..],
        [Effect::StartRun { continue_in: None }]
    ));
}

#[test]
fn a_stage_is_ended_early_after_a_question() {
    let mut app = app();
    press(&mut app, "F2 E");
    assert!(app.layers.is_empty() && said(&app).contains("no run is in a stage"));
    train(&mut app, 90);
    say(&mut app, status(90, RunState::Running));
    press(&mut app, "E");
    let shown = seen(&app, (100, 30));
    for text in [
        "End this stage early?",
        "stage1_basic, 50 of 60 steps done",
        "then stage2_multi",
        "y end the stage",
    ] {
        let flat = shown.replace(['│', '\n'], " ");
        let flat = flat.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(text), "{text} is not in\n{shown}");
    }
    assert!(controls(&press(&mut app, "Esc")).is_empty() && app.layers.is_empty());
    assert_eq!(controls(&press(&mut app, "E y")), [Control::Skip]);
    assert_eq!(said(&app), "the stage ends after this step");
    // Paused, it waits for the run to go on.
    say(&mut app, status(90, RunState::Paused));
    assert_eq!(controls(&press(&mut app, "E y")), [Control::Skip]);
    assert!(said(&app).contains("p resumes"), "{}", said(&app));
    // The next stage was not asked about: the question goes.
    press(&mut app, "E");
    let next = Status {
        phase: "stage2_multi".into(),
        ..status(101, RunState::Running)
    };
    say(&mut app, next);
    assert!(app.layers.is_empty());
    assert_eq!(said(&app), "that stage has ended meanwhile");
    app.is_read_only = true;
    press(&mut app, "E");
    assert!(app.layers.is_empty() && said(&app).contains("only watching"));
}

#[test]
fn a_plan_cut_short_moves_the_bands_and_the_end() {
    let mut app = app();
    train(&mut app, 90);
    let mut plan = app.training.live().expect("a run").plan.clone();
    plan.phases[1].end_early(50);
    update(&mut app, Msg::Fact(Fact::Run(RunFact::Planned(plan))));
    let run = app.training.live().expect("a run");
    assert_eq!(run.bands().get(2), Some(&(90, "stage2_multi")));
    assert_eq!(run.plan.total_steps(), 150);
    assert_eq!(
        run.plan.ended_early().as_deref(),
        Some("stage1_basic after 50 of 60 steps")
    );
}

fn said(app: &App) -> &str {
    app.toast.as_ref().map_or("", |toast| toast.text.as_str())
}

fn say(app: &mut App, status: Status) {
    update(app, Msg::Fact(Fact::Run(RunFact::Status(status))));
}

fn failed(reason: &str) -> Status {
    Status {
        phase: String::new(),
        total_steps: 0,
        reason: reason.into(),
        ..status(0, RunState::Failed)
    }
}

fn complaint(app: &App) -> &str {
    let toast = app.toast.as_ref().filter(|toast| toast.is_bad);
    toast.map_or("", |toast| toast.text.as_str())
}

#[test]
fn a_run_that_cannot_start_has_failed_and_says_why() {
    let mut app = app();
    press(&mut app, "F2 t Enter");
    assert!(app.training.is_in_progress(), "about to start");
    say(&mut app, failed("the folder is locked by process 7"));
    assert!(!app.training.is_in_progress() && complaint(&app).contains("locked by process 7"));
    assert!(press(&mut app, "p").is_empty());
    assert!(exit_of(&press(&mut app, "q")).is_some(), "nothing to ask");
    train(&mut app, 5);
    say(&mut app, status(5, RunState::Stopped));
    press(&mut app, "t Enter");
    say(&mut app, failed("run.json: not readable"));
    assert!(complaint(&app).contains("run.json"));
    let run = app.training.shown().expect("the run that was continued");
    assert_eq!((run.state(), run.last_step), (Some(RunState::Failed), 5));
    press(&mut app, "j");
    say(&mut app, failed("run.json: not readable"));
    assert_eq!(complaint(&app), "", "said once");
    let effects = press(&mut app, "t Enter");
    assert!(matches!(
        effects[..],
        [Effect::StartRun {
            continue_in: Some(_)
        }]
    ));
}

#[test]
fn a_run_that_fails_says_why_and_keeps_it_in_the_log() {
    let mut app = app();
    train(&mut app, 5);
    let reason = "no space left on device";
    say(&mut app, failed(reason));
    assert!(complaint(&app).ends_with(reason));
    let run = app.training.live().expect("a run");
    assert_eq!(
        run.warnings.back().map(|(_, told)| told.as_str()),
        Some(reason)
    );
    let known = run.warnings.len();
    say(&mut app, failed(reason));
    assert_eq!(
        app.training.live().map(|run| run.warnings.len()),
        Some(known)
    );
}

#[test]
fn without_a_model_no_run_is_started() {
    let mut app = app();
    let message = "weights unreadable".to_owned();
    update(&mut app, Msg::Fact(Fact::ModelFailed { message }));
    assert!(press(&mut app, "F2 t").is_empty() && app.layers.is_empty());
    assert!(complaint(&app).contains("weights unreadable"));
    let mut app = self::app();
    press(&mut app, "F2 t");
    update(&mut app, Msg::FactsEnded);
    let effects = press(&mut app, "Enter");
    assert!(effects.is_empty() && !app.training.is_in_progress());
    assert!(complaint(&app).contains("the model thread has ended"));
    let mut app = self::app();
    press(&mut app, "F2 t Enter");
    update(&mut app, Msg::FactsEnded);
    let state = app.training.live().and_then(|run| run.state());
    assert_eq!(state, Some(RunState::Failed), "it does not start for ever");
}

#[test]
fn what_the_adapter_in_training_said_is_forgotten_when_it_is_another() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    train(&mut app, 3);
    app.queue.chosen = app.queue.adapters.len() - 1;
    let effects = app.queue.ask();
    answer_live(&mut app, effects);
    let said = |app: &App| match app.queue.answer(0) {
        Some(Answer::Given { adapter, .. }) => adapter.clone(),
        other => format!("{other:?}"),
    };
    assert_eq!(said(&app), "live at step 3");
    say(&mut app, status(4, RunState::Running));
    assert_eq!(said(&app), "live at step 3", "the phase is the same");
    let next = Status {
        phase: "stage2_multi".into(),
        ..status(4, RunState::Running)
    };
    let evaluation = EvalRow {
        step: 4,
        stage: "stage2_multi".into(),
        episodes: 10,
        values: [].into(),
        ..EvalRow::default()
    };
    let started = RunFact::Started {
        run_dir: "/tmp/next".into(),
        run_id: "next".into(),
        plan: Plan::default(),
    };
    for fact in [
        RunFact::Status(next),
        RunFact::Evaluation(evaluation),
        started,
    ] {
        let effects = update(&mut app, Msg::Fact(Fact::Run(fact.clone())));
        assert!(
            matches!(&effects[..], [Effect::Send(Command::Infer(request))] if request.adapter == AdapterChoice::Live),
            "{fact:?} asks again: {effects:?}"
        );
        answer_live(&mut app, effects);
        assert!(said(&app).starts_with("live at"));
    }
}

/// The adapter in training answers what it was asked.
fn answer_live(app: &mut App, effects: Vec<Effect>) {
    for effect in effects {
        let Effect::Send(Command::Infer(request)) = effect else {
            continue;
        };
        let response = right(&request.episode);
        let fact = Fact::Inference {
            id: request.id,
            adapter: "live".into(),
            verdict: Box::new(judge(&request.episode, &response)),
            response,
            probabilities: None,
            millis: 1,
        };
        update(app, Msg::Fact(fact));
    }
}

#[test]
fn a_paused_run_left_running_is_resumed() {
    for is_said in [true, false] {
        let mut app = app();
        train(&mut app, 3);
        press(&mut app, "F2 p");
        if is_said {
            say(&mut app, status(3, RunState::Paused));
        }
        let left = press(&mut app, "q l");
        assert_eq!(controls(&left), [Control::Resume], "told: {is_said}");
        assert!(
            matches!(left.last(), Some(Effect::Leave(_))),
            "first of all"
        );
        let lost = update(&mut app, Msg::TerminalLost);
        assert_eq!(controls(&lost), [Control::Resume], "told: {is_said}");
    }
}

#[test]
fn rollout_groups_can_be_looked_back_at_while_new_ones_come() {
    let mut app = app();
    for step in 1..=5 {
        train(&mut app, step);
    }
    press(&mut app, "F2 Tab [");
    assert_eq!(app.training.pane, TrainingPane::Rollouts);
    assert_eq!(app.training.group().map(|g| g.step), Some(4));
    train(&mut app, 6);
    assert_eq!(app.training.group().map(|g| g.step), Some(4), "stays put");
    press(&mut app, "] ]");
    assert_eq!(app.training.group().map(|g| g.step), Some(6), "follows");
}

#[test]
fn a_watcher_commands_nothing() {
    let mut app = app();
    app.is_read_only = true;
    app.training = Training::new(None);
    train(&mut app, 2);
    let effects = press(&mut app, "F2 p x S t");
    assert!(effects.is_empty() && app.layers.is_empty());
    let exit = exit_of(&press(&mut app, "q")).expect("leaves at once");
    assert_eq!(exit.run, RunFate::None);
}

#[test]
fn the_question_before_quitting_goes_when_the_run_has_ended() {
    let mut app = app();
    train(&mut app, 3);
    press(&mut app, "q");
    assert_eq!(app.layers, [Layer::Quit]);
    say(&mut app, status(3, RunState::Finished));
    assert!(app.layers.is_empty());
    let exit = exit_of(&press(&mut app, "q")).expect("leaves");
    assert_eq!(exit.run, RunFate::None);
}
