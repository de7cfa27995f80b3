//! The workbench: one loop owns the state, everyone else sends it messages.
//!
//! | job | modules |
//! |---|---|
//! | the state, without I/O: a message in, effects out | [`app`], [`msg`], and what is in it: [`queue`], [`desk`], [`watching`], [`told`], [`curves`], [`average`], [`marks`], [`runs`], [`labelling`], [`layer`], [`view`], [`scroll`], [`line_edit`] |
//! | what messages do to it | `typing` and [`perform`] (keys), [`pointing`] (the mouse), [`hearing`] (facts); [`asking`], [`tending`], [`starting`], [`searching`], [`sifting`], [`order`], [`detail`], [`copying`], [`editing`], [`palette`], [`leaving`] |
//! | tables and pure functions | [`keys`], [`catalogue`], [`decode`], [`defang`], [`filter`], [`numbers`], [`pace`], `pulse`, [`record`], [`signs`], [`theme`], [`toast`] |
//! | drawing, from a borrowed state | [`screen`], [`overlay`], [`widget`]; [`spots`] notes what stands where |
//! | the outside | the loop (here), `effects`, `surface`, [`wire`] (frames as bytes), [`term`], [`input`], [`keyboard`], [`editor`], [`preferences`], [`errand`] (run folders), [`clerk`] (labels) |
//! | the same without screens | `plain` |
//!
//! Threads: the loop, `keys` and `signals` ([`input`]), `errands` ([`errand`]), `labels` ([`clerk`]), without screens `lines`
//! (`plain`), and the caller's model thread behind two channels. Nothing in this module imports candle, the model or the
//! trainer: it knows commands, facts, configurations and run folders (`tests/layering.rs` holds it to that).

pub mod app;
pub mod asking;
pub mod average;
pub mod catalogue;
pub mod clerk;
pub mod copying;
pub mod curves;
pub mod decode;
pub mod defang;
pub mod desk;
pub mod detail;
pub mod editing;
pub mod editor;
mod effects;
pub mod errand;
pub mod filter;
pub mod hearing;
pub mod input;
pub mod keyboard;
pub mod keys;
pub mod labelling;
pub mod layer;
pub mod leaving;
pub mod line_edit;
pub mod marks;
pub mod msg;
pub mod numbers;
pub mod order;
pub mod overlay;
pub mod pace;
pub mod palette;
pub mod perform;
mod plain;
pub mod pointing;
pub mod preferences;
mod pulse;
pub mod queue;
pub mod record;
pub mod runs;
pub mod screen;
pub mod scroll;
pub mod searching;
pub mod sifting;
pub mod signs;
pub mod spots;
pub mod starting;
mod surface;
pub mod tending;
pub mod term;
pub mod theme;
pub mod toast;
pub mod told;
mod typing;
pub mod view;
pub mod watching;
pub mod widget;
pub mod wire;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use ratatui::Frame;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::config::TrainConfig;
use crate::env::schema::Stage;
use crate::gate;
use crate::label::Store;
use crate::link::{Command, Fact};
use crate::run::shipped::ShippedRun;
use crate::ui::app::{App, ScreenName, update};
use crate::ui::clerk::Request;
use crate::ui::effects::{perform_effect, send};
use crate::ui::errand::Errand;
use crate::ui::input::{ENDING, Input, Listener};
use crate::ui::keyboard::Keyboard;
use crate::ui::keys::KeyTableError;
use crate::ui::labelling::Labelling;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg, RunFate};
use crate::ui::pace::{Pace, Urgency};
use crate::ui::preferences::Preferences;
use crate::ui::pulse::Pulse;
use crate::ui::queue::{EpisodeSource, Model, Queue};
use crate::ui::surface::{Surface, TerminalSurface};
use crate::ui::term::Tty;
use crate::ui::theme::{ColorChoice, Symbols, Theme, ThemeError};
use crate::ui::toast::ToastClock;
use crate::ui::watching::Training;

/// Facts taken in before the next look at keys.
const FACTS_AT_ONCE: usize = 1_000;

/// What the workbench is started with.
pub struct WorkbenchOptions {
    /// `dark`, `light`, `high-contrast`, `mono` or one of the user's; else as the user's configuration says.
    pub theme: Option<String>,
    /// As the user's configuration says unless set.
    pub color: Option<ColorChoice>,
    /// Plain text, even on a terminal.
    pub plain: bool,
    /// As the user's configuration says unless set, else told by the locale.
    pub symbols: Option<Symbols>,
    /// Which episodes are shown; hold-out ones unless somebody wants others.
    pub source: EpisodeSource,
    /// The stage shown first.
    pub stage: Stage,
    /// Under which new runs get their folders.
    pub run_root: PathBuf,
    /// Where labels are kept, and whose they are.
    pub labels: Store,
    pub annotator: String,
    /// What a run is started with.
    pub train_config: TrainConfig,
    /// A run elsewhere is followed: no commands, no model.
    pub is_read_only: bool,
    /// A run is started with the workbench: its screen comes first.
    pub start_on_training: bool,
    /// Labelled examples that the form before a run offers.
    pub sft_extra: Option<PathBuf>,
}

/// The other end: the model thread, or a followed run folder.
pub struct Session {
    pub commands: Sender<Command>,
    pub facts: UnboundedReceiver<Fact>,
    pub shipped: Option<ShippedRun>,
}

/// Why there is no workbench.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    #[error(transparent)]
    Theme(#[from] ThemeError),
    #[error(transparent)]
    Keys(#[from] KeyTableError),
    #[error("terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// What draws a frame of the state.
pub type Painter = fn(&App, &Theme, &mut Frame<'_>);

/// Runs the workbench until the user leaves, a signal asks for the end, or the terminal is gone.
///
/// Without a terminal that shows screens it is plain text instead. A run in progress is the caller's to look after, as [`Exit`] says.
pub fn run(options: WorkbenchOptions, session: Session) -> Result<Exit, UiError> {
    run_with(screen::draw, options, session)
}

/// [`run`] with a painter of the caller's, which may panic: the terminal is given back, and the panic goes on to the caller.
pub fn run_with(
    paint: Painter,
    options: WorkbenchOptions,
    session: Session,
) -> Result<Exit, UiError> {
    let var = |name: &str| std::env::var(name).ok();
    if options.plain || !term::takes_screens() {
        return plain_text(options, session);
    }
    let mut preferences = Preferences::read(preferences::folder().as_deref())?;
    let (name, theme, looks) = surface::look(&options, &mut preferences, var)?;
    let run_root = options.run_root.clone();
    let (store, annotator) = (options.labels.clone(), options.annotator.clone());
    let complaint = preferences.told();
    let mouse = preferences.config.mouse.unwrap_or(false);
    let mut app = app_for(options, preferences, session.shipped);
    app.themes = looks.themes.names();
    app.theme = name;
    if let Some(told) = complaint {
        app.complain(gate::clean(&told));
    }
    let (sender, inputs) = unbounded_channel();
    let on_panic = sender.clone();
    let tell = move |text| drop(on_panic.send(Input::WorkerPanicked(text)));
    let keyboard = Arc::<Keyboard>::default();
    let surface = TerminalSurface {
        tty: Tty::enter(Box::new(tell), mouse)?,
        paint,
        theme,
        looks,
        keyboard: Arc::clone(&keyboard),
    };
    let _listener = Listener::start(&sender, &keyboard)?;
    let errands = errand::start(run_root.clone(), sender.clone())?;
    let (labels, clerk) = clerk::start(store, annotator, sender)?;
    // A clerk that is gone is told of when a label is to be written.
    let _ = labels.send(Request::Recall);
    let outside = Outside {
        inputs,
        facts: session.facts,
        commands: session.commands,
        errands,
        labels,
        run_root,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let exit = runtime.block_on(drive(&mut app, surface, outside));
    // What was asked last is to be on disk before the process ends.
    let _ = clerk.join();
    Ok(exit)
}

/// The same without screens: lines in, lines out.
fn plain_text(options: WorkbenchOptions, session: Session) -> Result<Exit, UiError> {
    let preferences = Preferences::read(preferences::folder().as_deref())?;
    let (sender, received) = unbounded_channel();
    let signals = input::listen(&sender, &ENDING, &Arc::default())?;
    let talk = plain::Talk {
        input: io::BufReader::new(io::stdin()),
        is_prompted: io::stdin().is_terminal() && io::stdout().is_terminal(),
    };
    let inputs = plain::Inputs { sender, received };
    let mut out = io::BufWriter::new(io::stdout());
    let exit = plain::run(options, preferences, session, inputs, talk, &mut out);
    signals.close();
    Ok(exit?)
}

fn app_for(
    options: WorkbenchOptions,
    preferences: Preferences,
    shipped: Option<ShippedRun>,
) -> App {
    let model = if options.is_read_only {
        Model::Absent
    } else {
        Model::Loading
    };
    let mut app = App::new(
        preferences.keymap,
        Queue::new(options.source, options.stage, model),
        Training::new(shipped),
        options.train_config,
        options.is_read_only,
    );
    app.labelling = Labelling::new(options.annotator, options.source.seed);
    app.sft_extra = options.sft_extra;
    app.queue.is_blind = preferences.config.blind.unwrap_or(false);
    if options.start_on_training {
        app.screen = ScreenName::Training;
        // The shipped run, which is watched alone, has ended long ago.
        if !app.is_read_only || app.training.shown().is_none() {
            // Asked for already: leaving before its first word leaves a run.
            app.training.begin(false);
            app.follow_run();
        }
    }
    app
}

/// Channels and paths of the loop.
struct Outside {
    inputs: UnboundedReceiver<Input>,
    facts: UnboundedReceiver<Fact>,
    commands: Sender<Command>,
    errands: Sender<Errand>,
    labels: Sender<Request>,
    run_root: PathBuf,
}

/// What woke the loop.
enum Woken {
    Input(Input),
    Fact(Option<Fact>),
    Timer,
}

/// The loop: wait, take in what is there, do what the state wants done, draw when due.
async fn drive(app: &mut App, mut surface: impl Surface, mut outside: Outside) -> Exit {
    let began = Instant::now();
    let mut pace = Pace::default();
    let mut toast = ToastClock::default();
    let mut pulse = Pulse::default();
    let mut facts_open = true;
    pace.want(Urgency::Input);
    loop {
        let now = began.elapsed();
        if pace.is_due(now) {
            match surface.draw(app) {
                // Keys are judged by what was seen when they were pressed.
                Ok(size) => app.size = Some(size),
                Err(_gone) => return lost(app, &outside),
            }
            let after = began.elapsed();
            pace.drawn(after, after.saturating_sub(now));
        }
        let now = began.elapsed();
        pulse.follow(tending::wants_looks(app), now);
        let at_once = app.is_looking_through().then_some(Duration::ZERO);
        let timer = [pace.wait(now), toast.wait(now), pulse.wait(now), at_once];
        let timer = timer.into_iter().flatten().min();
        let woken = tokio::select! {
            biased;
            Some(input) = outside.inputs.recv() => Woken::Input(input),
            fact = outside.facts.recv(), if facts_open => Woken::Fact(fact),
            () = tokio::time::sleep(timer.unwrap_or_default()), if timer.is_some() => Woken::Timer,
        };
        facts_open &= !matches!(woken, Woken::Fact(None));
        let now = began.elapsed();
        let mut messages = gather(woken, &mut outside, &mut pace, &toast, now);
        messages.extend(pulse.is_due(now).then_some(Msg::LookAgain));
        if messages.is_empty() && app.is_looking_through() {
            messages.push(Msg::LookFurther);
        }
        for message in messages {
            for effect in update(app, message) {
                match perform_effect(app, effect, &mut surface, &outside) {
                    Ok(None) => {}
                    Ok(Some(exit)) => return exit,
                    Err(_gone) => return lost(app, &outside),
                }
            }
        }
        toast.follow(app.toast.as_ref(), began.elapsed());
        if let Some(urgency) = app.take_change() {
            pace.want(urgency);
        }
    }
}

/// The end without a terminal, as if the message of its loss had come first.
fn lost(app: &mut App, outside: &Outside) -> Exit {
    let reason = ExitReason::TerminalLost;
    for effect in app.leave(reason, false) {
        match effect {
            Effect::Send(command) => send(app, outside, command),
            Effect::Leave(exit) => return exit,
            _ => {}
        }
    }
    let run = RunFate::None;
    Exit { reason, run }
}

/// Everything that is there to be taken in, keys and signals first.
fn gather(
    woken: Woken,
    outside: &mut Outside,
    pace: &mut Pace,
    toast: &ToastClock,
    now: Duration,
) -> Vec<Msg> {
    let mut messages = Vec::new();
    let (input, fact) = match woken {
        Woken::Input(input) => (Some(input), None),
        Woken::Fact(Some(fact)) => (None, Some(Msg::Fact(fact))),
        Woken::Fact(None) => (None, Some(Msg::FactsEnded)),
        Woken::Timer => (None, None),
    };
    let more = std::iter::from_fn(|| outside.inputs.try_recv().ok());
    for input in input.into_iter().chain(more) {
        match input.message() {
            Some(message) => messages.push(message),
            None => pace.want(Urgency::Input),
        }
    }
    messages.extend(fact);
    let more = std::iter::from_fn(|| outside.facts.try_recv().ok());
    messages.extend(more.take(FACTS_AT_ONCE).map(Msg::Fact));
    if toast.wait(now) == Some(Duration::ZERO) {
        messages.push(Msg::ToastExpired);
    }
    messages
}
