//! Key scripts: what the state does with keys and facts, and the loop on a surface that counts.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use tokio::sync::mpsc::unbounded_channel;

use super::{Outside, Surface, drive};
use crate::env::schema::{Action, Stage};
use crate::link::{AdapterChoice, Command, Control, Fact, RunFact, RunState};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::frames::{answer, app, ready, right, row, status, theme, train, wrong};
use crate::ui::input::Input;
use crate::ui::keys::Chord;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg, RunFate};
use crate::ui::screen;
use crate::ui::term::FrameBytes;
use crate::ui::theme::{Depth, Symbols};
use crate::ui::watching::{Training, TrainingPane};

fn event(name: &str) -> KeyEvent {
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
    assert!(app.layers == [Layer::Help { scroll: 0 }]);
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
    press(&mut app, "/ Z Z Z Enter");
    assert!(app.toast.as_ref().is_some_and(|t| t.text.contains("ZZZ")));
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
    let effects = press(&mut app, "t c");
    assert!(
        matches!(&effects[..], [Effect::StartRun { continue_in: Some(dir) }] if dir.ends_with("run"))
    );
    assert_eq!(app.training.shown().map(|run| run.last_step), Some(5));
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

/// Frames of a training run at 160x45, as bytes on the wire.
fn frame_sizes(keys: &str) -> Vec<usize> {
    let bytes = FrameBytes::default();
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 160, 45)),
    };
    let backend = CrosstermBackend::new(bytes.clone());
    let mut terminal = Terminal::with_options(backend, options).expect("fixed viewport");
    let theme = theme(Depth::Truecolor, Symbols::Braille);
    let mut app = app();
    train(&mut app, 60);
    press(&mut app, keys);
    let mut sizes = Vec::new();
    for step in 61..160 {
        update(&mut app, Msg::Fact(Fact::Run(RunFact::Metrics(row(step)))));
        update(
            &mut app,
            Msg::Fact(Fact::Run(RunFact::Status(status(step, RunState::Running)))),
        );
        let group = Box::new(crate::ui::frames::group(step));
        update(&mut app, Msg::Fact(Fact::Run(RunFact::Rollouts(group))));
        terminal
            .draw(|frame| screen::draw(&app, &theme, frame))
            .expect("drawn");
        // What begins and ends synchronized output comes on top.
        sizes.push(bytes.take().len() + "\u{1b}[?2026h\u{1b}[?2026l".len());
    }
    sizes
}

#[test]
fn a_data_frame_fits_its_budget() {
    let median = |mut sizes: Vec<usize>| {
        let first = sizes.remove(0);
        sizes.sort_unstable();
        (first, sizes[sizes.len() / 2])
    };
    let (first, curves) = median(frame_sizes("F2"));
    let (_, rollouts) = median(frame_sizes("F2 Tab"));
    println!("first {first} B, curves {curves} B, rollouts {rollouts} B a frame");
    assert!(curves <= 1_024, "curves page: {curves} B");
    assert!(rollouts <= 4_096, "rollout page: {rollouts} B");
}

/// A surface that counts frames.
struct Counting(Rc<Cell<usize>>);

impl Surface for Counting {
    fn draw(&mut self, _: &App) -> io::Result<()> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }

    fn redraw(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn copy(&mut self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

/// Runs the loop on `app`, feeding it as `feed` says; gives the frames drawn and how it ended.
fn run_loop(
    mut app: App,
    feed: impl FnOnce(
        tokio::sync::mpsc::UnboundedSender<Input>,
        tokio::sync::mpsc::UnboundedSender<Fact>,
    ) + Send
    + 'static,
) -> (usize, Exit, Vec<Command>) {
    let root = tempfile::tempdir().expect("a folder");
    let (inputs, inputs_in) = unbounded_channel();
    let (facts, facts_in) = unbounded_channel();
    let (commands, commands_out) = std::sync::mpsc::channel();
    let outside = Outside {
        inputs: inputs_in,
        facts: facts_in,
        commands,
        run_root: root.path().to_owned(),
    };
    let feeder = std::thread::spawn(move || feed(inputs, facts));
    let frames = Rc::new(Cell::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("runtime");
    let surface = Counting(Rc::clone(&frames));
    let exit = runtime.block_on(async {
        let ended = drive(&mut app, surface, outside);
        tokio::time::timeout(Duration::from_secs(20), ended).await
    });
    feeder.join().expect("fed");
    (
        frames.get(),
        exit.expect("ends in time"),
        commands_out.try_iter().collect(),
    )
}

#[test]
fn an_idle_workbench_draws_one_frame() {
    let (frames, exit, _) = run_loop(app(), |inputs, facts| {
        std::thread::sleep(Duration::from_millis(600));
        inputs.send(Input::Key(event("q"))).expect("heard");
        drop(facts);
    });
    assert_eq!(frames, 1);
    assert_eq!(exit.reason, ExitReason::Quit);
}

#[test]
fn a_flood_of_facts_is_drawn_ten_times_a_second_at_most_and_keys_get_through() {
    let mut app = app();
    train(&mut app, 1);
    press(&mut app, "F2");
    app.take_change();
    let (frames, exit, commands) = run_loop(app, |inputs, facts| {
        for step in 2..502 {
            facts
                .send(Fact::Run(RunFact::Metrics(row(step))))
                .expect("heard");
            std::thread::sleep(Duration::from_millis(1));
        }
        inputs.send(Input::Key(event("q"))).expect("heard");
        inputs.send(Input::Key(event("x"))).expect("heard");
    });
    assert!((2..=16).contains(&frames), "{frames} frames");
    assert_eq!(exit.run, RunFate::StopAfterCheckpoint);
    assert!(matches!(commands[..], [Command::Control(Control::Stop)]));
}

#[test]
fn a_terminal_that_takes_no_bytes_ends_the_loop_and_leaves_the_run() {
    let mut app = app();
    train(&mut app, 1);
    let (_, exit, commands) = run_loop(app, |inputs, _facts| {
        inputs.send(Input::Key(event("y"))).expect("heard");
        std::thread::sleep(Duration::from_millis(50));
    });
    assert_eq!(
        (exit.reason, exit.run),
        (ExitReason::TerminalLost, RunFate::LeaveRunning)
    );
    assert!(commands.is_empty());
}

#[test]
fn starting_a_run_names_a_free_folder() {
    let mut app = app();
    press(&mut app, "F2");
    let (_, exit, commands) = run_loop(app, |inputs, _facts| {
        for key in ["t", "Enter"] {
            inputs.send(Input::Key(event(key))).expect("heard");
        }
        std::thread::sleep(Duration::from_millis(50));
        inputs.send(Input::HungUp).expect("heard");
    });
    let [Command::Train(request)] = &commands[..] else {
        panic!("{commands:?}")
    };
    assert!(!request.resume && request.config == crate::ui::frames::config());
    let parent = request
        .run_dir
        .parent()
        .map(|root| root.starts_with(std::env::temp_dir()));
    assert!(parent == Some(true), "{:?}", request.run_dir);
    assert_eq!(exit.run, RunFate::LeaveRunning);
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
