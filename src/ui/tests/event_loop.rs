//! The loop on a surface that counts.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use crate::env::schema::{Split, Stage};
use crate::label::Store;
use crate::link::{Command, Control, Fact, RunFact, RunState};
use crate::ui::app::{App, ScreenName, update};
use crate::ui::clerk::Request;
use crate::ui::input::Input;
use crate::ui::layer::train_command;
use crate::ui::msg::{Exit, ExitReason, Msg, RunFate};
use crate::ui::preferences::Preferences;
use crate::ui::queue::EpisodeSource;
use crate::ui::surface::Surface;
use crate::ui::tests::fixtures::{app, config, event, press, row, status, train};
use crate::ui::tests::label_desk::{Desk, imported};
use crate::ui::theme::{Depth, Symbols, Theme, ThemeError};
use crate::ui::{Outside, WorkbenchOptions, app_for, drive, lost, perform_effect, send};

/// A surface that counts frames.
struct Counting(Rc<Cell<usize>>);

impl Surface for Counting {
    fn draw(&mut self, _: &App) -> io::Result<(u16, u16)> {
        self.0.set(self.0.get() + 1);
        Ok((80, 24))
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

    fn edit(&mut self, text: &str) -> io::Result<Result<String, String>> {
        Ok(Ok(text.replacen("\n\n", "\nas the editor says\n", 1)))
    }

    fn use_theme(&mut self, name: &str) -> Result<(), ThemeError> {
        Theme::load(Some(name), Depth::None, Symbols::Ascii).map(drop)
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
    let (labels, _) = std::sync::mpsc::channel();
    let outside = Outside {
        inputs: inputs_in,
        facts: facts_in,
        commands,
        errands: std::sync::mpsc::channel().0,
        labels,
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
fn alerts_that_a_list_lacks_come_while_nothing_else_does_and_keys_get_through() {
    let mut app = app();
    update(&mut app, Msg::Key(event("O")));
    assert!(app.is_looking_through());
    let (frames, exit, _) = run_loop(app, |inputs, facts| {
        std::thread::sleep(Duration::from_millis(400));
        inputs.send(Input::Key(event("q"))).expect("heard");
        drop(facts);
    });
    // The first, that of the key, and those that show more of the list.
    assert!((3..=8).contains(&frames), "{frames} frames");
    assert_eq!(exit.reason, ExitReason::Quit);
}

#[test]
fn a_terminal_that_takes_no_bytes_ends_the_loop_and_leaves_the_run() {
    let mut app = app();
    train(&mut app, 1);
    let (_, exit, commands) = run_loop(app, |inputs, _facts| {
        for key in ["y", "y"] {
            inputs.send(Input::Key(event(key))).expect("heard");
        }
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
    assert!(!request.resume && request.config == config());
    let parent = request
        .run_dir
        .parent()
        .map(|root| root.starts_with(std::env::temp_dir()));
    assert!(parent == Some(true), "{:?}", request.run_dir);
    assert_eq!(exit.run, RunFate::LeaveRunning);
}

/// Channels without a loop; the receiving end of the commands is given too.
fn outside() -> (Outside, std::sync::mpsc::Receiver<Command>) {
    let (_, inputs) = unbounded_channel();
    let (_, facts) = unbounded_channel();
    let (commands, commands_out) = std::sync::mpsc::channel();
    let run_root = std::env::temp_dir();
    let (labels, _) = std::sync::mpsc::channel();
    let outside = Outside {
        inputs,
        facts,
        commands,
        errands: std::sync::mpsc::channel().0,
        labels,
        run_root,
    };
    (outside, commands_out)
}

#[test]
fn a_run_asked_of_a_dead_thread_has_failed() {
    let (outside, heard) = outside();
    drop(heard);
    let mut app = app();
    press(&mut app, "F2 t Enter");
    let command = train_command(&app, "/tmp/run".into(), false);
    send(&mut app, &outside, command);
    assert!(!app.training.is_in_progress());
    assert!(
        app.training
            .failure()
            .is_some_and(|why| why.contains("ended"))
    );
    assert!(app.toast.as_ref().is_some_and(|toast| toast.is_bad));
}

#[test]
fn a_terminal_that_breaks_resumes_a_paused_run() {
    let (outside, heard) = outside();
    let mut app = app();
    train(&mut app, 1);
    let paused = RunFact::Status(status(1, RunState::Paused));
    update(&mut app, Msg::Fact(Fact::Run(paused)));
    let exit = lost(&mut app, &outside);
    assert_eq!(exit.run, RunFate::LeaveRunning);
    let commands: Vec<_> = heard.try_iter().collect();
    assert!(matches!(commands[..], [Command::Control(Control::Resume)]));
}

#[test]
fn a_workbench_that_trains_opens_on_training() {
    for (start_on_training, is_read_only, screen) in [
        (false, false, ScreenName::Episodes),
        (true, false, ScreenName::Training),
        (false, true, ScreenName::Training),
    ] {
        let options = WorkbenchOptions {
            theme: None,
            color: None,
            plain: false,
            symbols: None,
            source: EpisodeSource {
                split: Split::Holdout,
                seed: 1,
            },
            stage: Stage::Basic,
            run_root: std::env::temp_dir(),
            labels: Store::new(std::env::temp_dir().join("labels")),
            annotator: "ann".into(),
            train_config: config(),
            is_read_only,
            start_on_training,
            sft_extra: start_on_training.then(|| "labels.jsonl".into()),
        };
        let mut preferences = Preferences::read(None).expect("sound");
        preferences.config.blind = is_read_only.then_some(true);
        let app = app_for(options, preferences, None);
        assert_eq!(app.screen, screen);
        assert_eq!(app.queue.is_blind, is_read_only, "as the settings say");
        assert_eq!(
            app.sft_extra.is_some(),
            start_on_training,
            "the form offers it again"
        );
        assert_eq!(
            app.training.is_in_progress(),
            start_on_training,
            "asked for is in progress: leaving asks what becomes of it"
        );
    }
}

#[test]
fn themes_go_round_and_a_broken_one_is_told_of_and_passed() {
    let (outside, _heard) = outside();
    let mut app = app();
    app.themes.push("mine".into());
    let mut surface = Counting(Rc::default());
    let mut said = Vec::new();
    for _ in 0..5 {
        for effect in press(&mut app, "T") {
            let ended = perform_effect(&mut app, effect, &mut surface, &outside);
            assert!(ended.expect("performed").is_none());
        }
        said.push(app.toast.clone().expect("said"));
    }
    let texts: Vec<_> = said.iter().map(|toast| toast.text.as_str()).collect();
    assert_eq!(
        &texts[..3],
        ["theme light", "theme high-contrast", "theme mono"]
    );
    assert!(said[3].is_bad && texts[3].contains("mine"));
    assert_eq!(texts[4], "theme dark");
}

#[test]
fn what_the_editor_leaves_is_taken_over_and_sent_to_the_clerk() {
    let (mut outside, _heard) = outside();
    let (labels, asked) = std::sync::mpsc::channel();
    outside.labels = labels;
    let mut desk = Desk::on(&imported());
    let mut surface = Counting(Rc::default());
    for effect in press(&mut desk.app, "E") {
        let ended = perform_effect(&mut desk.app, effect, &mut surface, &outside);
        assert!(ended.expect("performed").is_none());
    }
    let saves = asked.try_iter().filter_map(|request| match request {
        Request::Save { label, .. } => Some(label.decision.rationale),
        _ => None,
    });
    assert_eq!(saves.collect::<Vec<_>>(), ["as the editor says"]);
    assert!(desk.app.take_change().is_some(), "all is drawn again");
}
