//! Key scripts: what the state does with keys and facts.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::env::schema::{Action, Stage};
use crate::env::verdict::judge;
use crate::link::{
    AdapterChoice, Command, Control, EvalRow, Fact, Plan, RunFact, RunState, Status,
};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg, RunFate};
use crate::ui::queue::{Answer, Model};
use crate::ui::tests::fixtures::{
    answer, app, event, press, ready, right, row, status, train, wrong,
};
use crate::ui::watching::{Training, TrainingPane};
fn exit_of(effects: &[Effect]) -> Option<Exit> {
    effects.iter().find_map(|effect| match effect {
        Effect::Leave(exit) => Some(*exit),
        _ => None,
    })
}

fn controls(effects: &[Effect]) -> Vec<Control> {
    let control = |effect: &Effect| match effect {
        Effect::Send(Command::Control(control)) => Some(*control),
        _ => None,
    };
    effects.iter().filter_map(control).collect()
}

#[test]
fn deciding_marks_judges_and_reveals_and_undo_takes_it_back() {
    let mut app = app();
    press(&mut app, "Enter");
    assert!(app.toast.as_ref().is_some_and(|t| t.text.contains("1-5")));
    let truth = app.queue.current().expect("alert").episode.truth.clone();
    let window = &app.queue.current().expect("alert").episode.log_window;
    let at = window
        .iter()
        .position(|e| e.log_id == truth.triggering_log_id);
    press(&mut app, "Tab");
    (0..at.expect("in the window")).for_each(|_| drop(press(&mut app, "j")));
    press(&mut app, "Space");
    press(&mut app, &format!("{} Enter", truth.action.index() + 1));
    let own = app.queue.current().and_then(|e| e.desk.own.clone());
    let own = own.expect("judged");
    assert!(own.correct_action && own.correct_citation, "{own:?}");
    assert!((own.reward - 1.1).abs() < 1e-6);
    press(&mut app, "1");
    let decision = app.queue.current().and_then(|e| e.desk.decision);
    assert_eq!(
        decision,
        Some(truth.action),
        "no second thoughts once revealed"
    );
    press(&mut app, "]");
    press(&mut app, "u");
    assert_eq!(app.queue.selected(), 0);
    assert!(
        app.queue
            .current()
            .is_some_and(|e| !e.desk.is_revealed && e.desk.mark.is_some())
    );
    press(&mut app, "ctrl-r");
    assert!(app.queue.current().is_some_and(|e| e.desk.is_revealed));
    assert_eq!(app.queue.scores().0.right_actions, 1);
}

#[test]
fn the_selected_alert_is_asked_about_first_and_two_at_once_at_most() {
    let mut app = app();
    assert!(
        press(&mut app, "]").is_empty(),
        "nothing can be asked of a model not loaded"
    );
    let first = update(&mut app, ready());
    let asked = |effects: &[Effect]| -> Vec<u64> {
        let index = |effect: &Effect| match effect {
            Effect::Send(Command::Infer(request)) => {
                assert_eq!(
                    request.adapter,
                    AdapterChoice::Named("stage4_adversarial".into())
                );
                Some(request.episode.index)
            }
            _ => None,
        };
        effects.iter().filter_map(index).collect()
    };
    assert_eq!(asked(&first), [1, 2]);
    assert!(press(&mut app, "]").is_empty(), "two are under way");
    answer(&mut app, first, right);
    let known = (0..8).filter(|at| app.queue.model_verdict(*at).is_some());
    assert_eq!(known.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn adapters_go_round_and_keep_their_own_answers() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    assert!(app.queue.model_verdict(0).is_some_and(|v| v.correct_action));
    let effects = press(&mut app, "a");
    assert_eq!(app.queue.adapter(), Some(&AdapterChoice::Base));
    answer(&mut app, effects, wrong);
    assert!(
        app.queue
            .model_verdict(0)
            .is_some_and(|v| !v.correct_action)
    );
    press(&mut app, "A");
    assert!(app.queue.model_verdict(0).is_some_and(|v| v.correct_action));
    press(&mut app, "a");
    update(&mut app, ready());
    assert_eq!(
        app.queue.adapter(),
        Some(&AdapterChoice::Base),
        "the choice stays"
    );
    train(&mut app, 2);
    assert_eq!(app.queue.adapters.last(), Some(&AdapterChoice::Live));
}

#[test]
fn mismatches_are_found_among_answered_alerts_and_more_are_asked_for() {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, |episode| {
        if episode.index == 2 {
            wrong(episode)
        } else {
            right(episode)
        }
    });
    let mut effects = press(&mut app, "m");
    assert_eq!(app.queue.selected(), 2);
    effects.extend(press(&mut app, "m"));
    assert!(app.toast.is_some());
    answer(&mut app, effects, |episode| {
        if episode.index == 20 {
            wrong(episode)
        } else {
            right(episode)
        }
    });
    press(&mut app, "m");
    assert_eq!(app.queue.selected(), 20);
}

#[test]
fn screens_prefixes_and_layers() {
    let mut app = app();
    press(&mut app, "F2");
    assert_eq!(app.screen, ScreenName::Training);
    press(&mut app, "g e");
    assert_eq!(app.screen, ScreenName::Episodes);
    press(&mut app, "g");
    assert_eq!(app.pending.len(), 1);
    press(&mut app, "Esc");
    assert!(app.pending.is_empty() && app.screen == ScreenName::Episodes);
    press(&mut app, "? q");
    assert!(matches!(app.layers[..], [Layer::Help { .. }]));
    press(&mut app, "Esc Esc");
    assert!(app.layers.is_empty());
    press(&mut app, ": q");
    assert!(
        matches!(&app.layers[0], Layer::Palette { typed, .. } if typed == "q"),
        "letters are text"
    );
    press(&mut app, "Esc :");
    press(&mut app, "n e x t Space s t a g e Enter");
    assert_eq!(app.queue.stage(), Stage::Adversarial);
    assert!(app.layers.is_empty());
}

#[test]
fn a_search_goes_to_alerts_that_hold_the_text() {
    let mut app = app();
    let wanted = app.queue.entries()[8]
        .lines
        .last()
        .expect("a line")
        .to_lowercase();
    press(&mut app, "/");
    wanted.chars().take(60).for_each(|c| {
        update(
            &mut app,
            Msg::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)),
        );
    });
    press(&mut app, "Enter");
    assert_eq!(app.queue.selected(), 8);
    let lines = &app.queue.current().expect("an alert").lines;
    assert_eq!(app.queue.line, lines.len() - 1, "the cursor is on the line");
    press(&mut app, "/ Z Z Z Enter");
    let said = app.toast.as_ref().map_or("", |toast| toast.text.as_str());
    let count = app.queue.entries().len().to_string();
    assert!(said.contains("ZZZ") && said.contains(&count), "{said}");
}

#[test]
fn a_search_that_meets_the_header_leaves_the_cursor_where_reading_begins() {
    let mut app = app();
    app.sought = app.queue.entries()[4].episode.alert.alert_id.clone();
    app.queue.line = 1;
    press(&mut app, "n");
    assert_eq!((app.queue.selected() / 2, app.queue.line), (2, 0));
}

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
            millis: 1,
        };
        update(app, Msg::Fact(fact));
    }
}

#[test]
fn a_reveal_puts_the_cursor_on_the_truth_and_is_said_to_be_done() {
    for reveal in ["r", "3 Enter"] {
        let mut app = app();
        let entry = app.queue.current().expect("an alert");
        let trigger = entry.episode.truth.triggering_log_id.clone();
        let mut window = entry.episode.log_window.iter();
        let at = window.position(|event| event.log_id == trigger);
        press(&mut app, reveal);
        assert_eq!(Some(app.queue.line), at);
        press(&mut app, "] [");
        assert_eq!(Some(app.queue.line), at, "also when coming back");
        for keys in ["5", "Space", "Enter", "r"] {
            press(&mut app, keys);
            let said = app.toast.as_ref().map_or("", |toast| toast.text.as_str());
            assert!(said.contains("revealed already"), "{keys}: {said}");
        }
        press(&mut app, "u");
        let mark = app.queue.current().and_then(|e| e.desk.mark);
        assert_eq!(app.queue.line, mark.unwrap_or(0), "not left on the truth");
    }
}

#[test]
fn taking_a_citation_back_leaves_the_cursor_where_it_is() {
    let mut app = app();
    press(&mut app, "Tab j Space u");
    assert_eq!(app.queue.line, 1);
    assert_eq!(app.queue.current().and_then(|e| e.desk.mark), None);
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
fn quitting_asks_while_training_only() {
    let mut idle = app();
    let quit = |run| {
        Some(Exit {
            reason: ExitReason::Quit,
            run,
        })
    };
    assert_eq!(exit_of(&press(&mut idle, "q")), quit(RunFate::None));
    let training = || {
        let mut app = app();
        train(&mut app, 3);
        app
    };
    let mut app = training();
    assert_eq!(exit_of(&press(&mut app, "q Esc")), None);
    assert_eq!(
        exit_of(&press(&mut app, "q l")),
        quit(RunFate::LeaveRunning)
    );
    let effects = press(&mut training(), "q x");
    assert_eq!(controls(&effects), [Control::Stop]);
    assert_eq!(exit_of(&effects), quit(RunFate::StopAfterCheckpoint));
    let mut app = training();
    assert_eq!(exit_of(&press(&mut app, ": ctrl-c")), None);
    let effects = press(&mut app, "ctrl-c");
    assert_eq!(exit_of(&effects), quit(RunFate::StopAfterCheckpoint));
}

#[test]
fn signals_and_a_lost_terminal_end_it_the_right_way() {
    let mut app = app();
    train(&mut app, 3);
    let lost = update(&mut app, Msg::TerminalLost);
    assert!(controls(&lost).is_empty(), "the run goes on");
    let exit = exit_of(&lost).expect("leaves");
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::TerminalLost, RunFate::LeaveRunning)
    );
    let ended = update(&mut app, Msg::Terminate(15));
    assert_eq!(controls(&ended), [Control::Stop]);
    let exit = exit_of(&ended).expect("leaves");
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::Signal(15), RunFate::StopAfterCheckpoint)
    );
}

#[test]
fn a_failing_model_is_said_and_fails_what_was_asked() {
    let mut app = app();
    update(&mut app, ready());
    train(&mut app, 3);
    let message = "weights unreadable".to_owned();
    update(&mut app, Msg::Fact(Fact::ModelFailed { message }));
    assert!(
        app.toast
            .as_ref()
            .is_some_and(|t| t.is_bad && t.text.contains("unreadable"))
    );
    assert!(!app.training.is_in_progress());
    assert!(
        press(&mut app, "]").is_empty(),
        "nothing is asked of a dead thread"
    );
    update(&mut app, Msg::FactsEnded);
    let cause = Model::Failed("weights unreadable".to_owned());
    assert_eq!(
        app.queue.model, cause,
        "the end of the thread hides no cause"
    );
    assert!(exit_of(&press(&mut app, "q")).is_some());
}

#[test]
fn only_what_is_seen_asks_for_a_frame() {
    let mut app = app();
    train(&mut app, 3);
    app.take_change();
    update(&mut app, Msg::Fact(Fact::Run(RunFact::Metrics(row(4)))));
    assert_eq!(
        app.take_change(),
        None,
        "metrics are not on the episodes screen"
    );
    press(&mut app, "F2");
    app.take_change();
    update(&mut app, Msg::Fact(Fact::Run(RunFact::Metrics(row(5)))));
    assert!(app.take_change().is_some());
    update(&mut app, Msg::Key(event("F9")));
    assert_eq!(
        app.take_change(),
        None,
        "a key without meaning changes nothing"
    );
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
fn a_choice_is_shown_by_its_key_and_its_action() {
    let keys = ["1", "2", "3", "4", "5"];
    for (key, action) in keys.into_iter().zip(Action::ALL) {
        let mut app = app();
        press(&mut app, key);
        assert_eq!(
            app.queue.current().and_then(|e| e.desk.decision),
            Some(action)
        );
    }
}
