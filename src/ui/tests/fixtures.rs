//! What the tests start from: a workbench, answers of a model, a run as it is told, and frames as text.

mod moments;
mod runs;
mod trouble;

pub use runs::*;
pub use trouble::{evaluation, of_runs, sure};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use crate::config::TrainConfig;
use crate::env::schema::{Action, Split, Stage};
use crate::env::verdict::judge;
use crate::link::{AdapterChoice, Command, Control, Fact};
use crate::run::summary::Standing;
use crate::ui::app::{App, update};
use crate::ui::clerk::{Opened, Outcome};
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

/// A workbench whose model has answered rightly.
pub fn answered() -> App {
    let mut app = app();
    let effects = update(&mut app, ready());
    answer(&mut app, effects, right);
    app
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

/// A response that is right but to the second alert of a queue.
pub fn second_wrong(episode: &crate::env::schema::Episode) -> String {
    match episode.index {
        1 => wrong(episode),
        _ => right(episode),
    }
}

pub fn theme(depth: Depth, symbols: Symbols) -> Theme {
    Theme::load(None, depth, symbols).expect("theme")
}

/// A key, named as in the key table.
pub fn event(name: &str) -> KeyEvent {
    let chord = Chord::parse(name).expect("a key");
    let mut modifiers = KeyModifiers::NONE;
    modifiers.set(KeyModifiers::CONTROL, chord.ctrl);
    modifiers.set(KeyModifiers::ALT, chord.alt);
    KeyEvent::new(chord.code, modifiers)
}

/// Presses keys, named as in the key table with spaces between, and rests after each as the loop does; gives what is to be
/// done.
pub fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.split(' ').map(event) {
        effects.extend(update(app, Msg::Key(key)));
        effects.extend(rest(app));
    }
    effects
}

/// Types a text into the dialog in front.
pub fn type_text(app: &mut App, text: &str) {
    for c in text.chars() {
        let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        update(app, Msg::Key(key));
        rest(app);
    }
}

/// Lets the loop do what it does while nothing comes in.
pub fn rest(app: &mut App) -> Vec<Effect> {
    let mut effects = Vec::new();
    while app.is_looking_through() {
        effects.extend(update(app, Msg::LookFurther));
    }
    effects
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

/// The labelling screen: reading, failed, at work, and with its dialogs.
fn labelling() -> Vec<App> {
    let opened = || Outcome::Opened(Opened::default());
    let scripts = [
        "F3",
        "F3 2 Space f s",
        "F3 3 e",
        "F3 i",
        "F3 v",
        "F3 v d",
        "F3 / x",
        "F3 o",
        "F3 w j",
        "F3 +",
        "F3 Tab +",
        "F3 c a Esc q",
    ];
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

/// Keys that open dialogs.
const DIALOGS: [&str; 22] = [
    "?",
    ": r e v",
    "F2 t",
    "F2 t e 1",
    "F2 t / l r",
    "/ a b",
    "o",
    "r o G",
    "y",
    "r y j d",
    "r e",
    "b",
    "r b l l j",
    "r w",
    "r o g g j e x Enter",
    "r o g g j j e x Enter",
    "r o g g j j j e x Enter",
    "+",
    "Tab +",
    "Tab Tab +",
    "t O",
    "v w F9",
];

/// The episodes screen: at the start, answered, compared, and with its dialogs.
fn on_episodes() -> Vec<App> {
    let mut states = Vec::new();
    states.push(app());
    let mut answered = app();
    let effects = update(&mut answered, ready());
    answer(&mut answered, effects, right);
    press(&mut answered, "3 Enter");
    states.push(answered);
    for keys in ["b O", "w j", "o g g j j e x Enter", "M k c"] {
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
    for keys in DIALOGS {
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
    states.extend(of_runs());
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
    for keys in ["F2", "F2 Left Left", "F2 X L e", "F2 Enter"] {
        let mut marked = app();
        train(&mut marked, 120);
        with_marks(&mut marked);
        press(&mut marked, keys);
        states.push(marked);
    }
    let mut none = app();
    with_runs(&mut none, vec![shipped_summary()]);
    states.push(none);
    states.extend(labelling());
    let mut empty = app();
    empty.training = Training::new(None);
    press(&mut empty, "F2");
    states.push(empty);
    states.extend(moments::moments());
    states
}
