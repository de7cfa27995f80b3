//! Key scripts: what the state does with keys and facts.

use crate::env::schema::{Action, Stage};
use crate::link::{AdapterChoice, Command, Control, Fact, RunFact};
use crate::ui::app::{ScreenName, update};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg, RunFate};
use crate::ui::queue::Model;
use crate::ui::tests::fixtures::{
    answer, app, controls, event, exit_of, press, ready, right, row, train, type_text, wrong,
};

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
fn a_filter_hides_while_it_is_typed_and_goes_with_escape() {
    let mut app = app();
    let id = app.queue.entries()[8].episode.alert.alert_id.clone();
    press(&mut app, "/");
    type_text(&mut app, &format!("id:{id}"));
    let twins = app.queue.visible();
    assert!(
        twins.contains(&8) && twins.contains(&9) && twins.len() < 40,
        "{twins:?}"
    );
    assert_eq!(app.queue.selected(), 8, "the nearest ahead");
    press(&mut app, "Enter n");
    assert_eq!((app.queue.selected(), app.layers.len()), (9, 0));
    press(&mut app, "N Esc");
    assert_eq!(app.queue.selected(), 8);
    assert!(!app.queue.is_filtered());
    // A filter given up half-way leaves the one before.
    press(&mut app, "/");
    type_text(&mut app, "severity:high");
    press(&mut app, "Enter /");
    type_text(&mut app, " nothing at all");
    assert!(app.queue.visible().is_empty());
    press(&mut app, "Esc");
    assert_eq!(app.queue.filter_text, "severity:high");
    press(&mut app, "/ ctrl-u");
    assert!(!app.queue.is_filtered(), "what stood could be edited");
    press(&mut app, "Esc");
    assert_eq!(app.queue.filter_text, "severity:high");
    let severities = app.queue.visible().into_iter();
    let mut severities = severities.map(|at| &app.queue.entries()[at].episode.alert.severity);
    assert!(severities.all(|severity| severity == "high"));
}

#[test]
fn a_filter_finds_lines_and_says_what_is_wrong_or_missing() {
    let mut app = app();
    let events = &app.queue.entries()[8].episode.log_window;
    let (at, event) = (events.len() - 1, events[events.len() - 1].clone());
    let value = event.fields.values().next().expect("a field");
    let value = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    press(&mut app, "/");
    type_text(&mut app, &format!("{value} type:{}", event.event_type));
    press(&mut app, "Enter");
    assert!(app.queue.visible().contains(&8), "{value} in line {at}");
    let line = &app.queue.current().expect("an alert").lines[app.queue.line];
    let header = &app.queue.current().expect("an alert").episode.alert;
    let in_header = header.summary.contains(&value) || header.user == value || header.host == value;
    assert!(in_header || line.contains(&value), "{line}");
    press(&mut app, "Esc / u s e r : Enter");
    let said = app.toast.as_ref().map_or("", |toast| toast.text.as_str());
    assert_eq!((said, app.layers.len()), ("user: has no value", 1));
    press(&mut app, "Esc / Z Z Z Enter");
    let said = app.toast.as_ref().map_or("", |toast| toast.text.as_str());
    assert!(said.contains("no alert is let through"), "{said}");
}

#[test]
fn a_filter_tells_no_truth_that_is_hidden() {
    let mut app = app();
    let rule = app.queue.entries()[0].episode.truth.rule.clone();
    let filter = format!("rule:{rule}");
    app.queue.set_filter(&filter).expect("a filter");
    assert!(app.queue.visible().is_empty());
    app.queue.set_filter("").expect("none");
    app.queue.select(0);
    press(&mut app, "r");
    app.queue.set_filter(&filter).expect("a filter");
    assert_eq!(app.queue.visible(), [0]);
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
    app.is_elsewhere = true;
    let ended = update(&mut app, Msg::Terminate(15));
    assert!(controls(&ended).is_empty(), "the run is another process's");
    assert_eq!(exit_of(&ended).expect("leaves").run, RunFate::LeaveRunning);
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
    assert!(
        app.take_change().is_some(),
        "a key without meaning says that it has none"
    );
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

#[test]
fn a_paste_is_text_where_text_is_taken_and_never_keys() {
    let mut app = app();
    update(&mut app, Msg::Paste("1\rq".into()));
    assert!(
        app.queue
            .current()
            .is_some_and(|e| e.desk.decision.is_none())
    );
    let said = app.toast.as_ref().map(|t| t.text.as_str());
    assert!(
        said.is_some_and(|t| t.contains("only where you type")),
        "{said:?}"
    );
    press(&mut app, "/");
    update(
        &mut app,
        Msg::Paste(" user:\"a b\"\n\u{1b}[A!x\u{202e} ".into()),
    );
    let Some(Layer::Search { typed, .. }) = app.layers.last() else {
        panic!("still typing");
    };
    assert_eq!(typed, "user:\"a b\" [A!x");
}
