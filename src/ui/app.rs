//! The whole state of the workbench and the one function that changes it: `update(&mut App, Msg) -> Vec<Effect>`.
//!
//! No terminal, no clock, no files, no threads: what must be done outside comes back as effects.

use crossterm::event::KeyEvent;

use crate::config::TrainConfig;
use crate::gate;
use crate::link::{Command, Control};
use crate::ui::editing::{self, Document};
use crate::ui::hearing;
use crate::ui::keys::{Chord, Keymap, Lookup, Place, Verb};
use crate::ui::labelling::{Labelling, verbs};
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg, RunFate};
use crate::ui::pace::Urgency;
use crate::ui::perform::perform;
use crate::ui::pointing;
use crate::ui::queue::{Model, Queue, seeking};
use crate::ui::runs::Runs;
use crate::ui::spots::Spots;
use crate::ui::starting::Fitted;
use crate::ui::tending;
use crate::ui::theme::{DEFAULT, Themes};
use crate::ui::typing;
use crate::ui::watching::Training;

/// Smallest terminal the screens are drawn in.
pub const MIN_SIZE: (u16, u16) = (60, 16);

/// Which screen is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenName {
    Episodes,
    Training,
    Runs,
    Labelling,
}

impl ScreenName {
    /// All four, as F1 to F4 show them.
    pub const ALL: [ScreenName; 4] = [
        ScreenName::Episodes,
        ScreenName::Training,
        ScreenName::Labelling,
        ScreenName::Runs,
    ];

    /// Whose keys work on it.
    #[must_use]
    pub const fn place(self) -> Place {
        match self {
            ScreenName::Episodes => Place::Episodes,
            ScreenName::Training => Place::Training,
            ScreenName::Runs => Place::Runs,
            ScreenName::Labelling => Place::Labelling,
        }
    }
}

/// A message at the bottom of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub is_bad: bool,
}

/// Everything the screens show.
pub struct App {
    pub keymap: Keymap,
    pub screen: ScreenName,
    /// Dialogs over the screen, the last in front.
    pub layers: Vec<Layer>,
    /// The beginning of a key sequence.
    pub pending: Vec<Chord>,
    pub toast: Option<Toast>,
    /// Columns and rows of the last frame; none before the first.
    pub size: Option<(u16, u16)>,
    /// What stood where in it.
    pub spots: Spots,
    pub queue: Queue,
    pub training: Training,
    pub runs: Runs,
    /// Names of the themes there are, and of the one in use.
    pub themes: Vec<String>,
    pub theme: String,
    pub labelling: Labelling,
    pub config: TrainConfig,
    /// What the configuration in the form before a run needs, as far as it has been said.
    pub fitted: Option<Fitted>,
    /// Labelled examples that runs started here learn from, too.
    pub sft_extra: Option<std::path::PathBuf>,
    /// Only watching: nothing is asked of the run.
    pub is_read_only: bool,
    /// The run in progress is another process's: it is steered through its folder, and goes on whatever becomes of this
    /// workbench.
    pub is_elsewhere: bool,
    /// What was searched for last.
    pub sought: String,
    /// Texts from the user's editor that could not be taken over: it begins with them the next time.
    pub refused: Vec<(Document, String)>,
    /// What a panicking worker said; the end of its facts comes after it.
    worker_panic: Option<String>,
    changed: Option<Urgency>,
}

impl App {
    /// The state at the start: first alert, no dialog.
    #[must_use]
    pub fn new(
        keymap: Keymap,
        queue: Queue,
        training: Training,
        config: TrainConfig,
        is_read_only: bool,
    ) -> Self {
        Self {
            keymap,
            screen: if is_read_only {
                ScreenName::Training
            } else {
                ScreenName::Episodes
            },
            layers: Vec::new(),
            pending: Vec::new(),
            toast: None,
            size: None,
            spots: Spots::default(),
            labelling: Labelling::new("analyst".into(), queue.seed()),
            queue,
            training,
            runs: Runs::default(),
            themes: Themes::embedded().names(),
            theme: DEFAULT.to_owned(),
            config,
            fitted: None,
            sft_extra: None,
            is_read_only,
            is_elsewhere: false,
            sought: String::new(),
            refused: Vec::new(),
            worker_panic: None,
            changed: Some(Urgency::Input),
        }
    }

    /// Whether something visible changed since the last call, and how soon it should be drawn.
    pub fn take_change(&mut self) -> Option<Urgency> {
        self.changed.take()
    }

    /// Marks something visible as changed.
    pub fn touch(&mut self, urgency: Urgency) {
        self.changed = self.changed.max(Some(urgency));
    }

    /// Which keys work now.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.layers.last() {
            Some(layer) => layer.place(),
            None => self.screen.place(),
        }
    }

    /// Whether the last frame had no room for the screens: what keys do would not be seen.
    #[must_use]
    pub fn is_too_small(&self) -> bool {
        let (width, height) = MIN_SIZE;
        self.size.is_some_and(|has| has.0 < width || has.1 < height)
    }

    /// Puts a message at the bottom of the screen.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            is_bad: false,
        });
        self.touch(Urgency::Input);
    }

    /// Puts an error there.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast {
            text: text.into(),
            is_bad: true,
        });
        self.touch(Urgency::Input);
    }

    /// The end; a run in progress goes on or stops after a checkpoint.
    #[must_use]
    pub fn leave(&self, reason: ExitReason, stop: bool) -> Vec<Effect> {
        let mut effects = Vec::new();
        let run = match (self.training.is_in_progress() && !self.is_read_only, stop) {
            (false, _) => RunFate::None,
            (true, false) => {
                // Nobody is left to resume it: a paused run would keep the process waiting for ever.
                if self.resumes_on_leaving() {
                    effects.push(Effect::Send(Command::Control(Control::Resume)));
                }
                RunFate::LeaveRunning
            }
            (true, true) => {
                effects.push(Effect::Send(Command::Control(Control::Stop)));
                RunFate::StopAfterCheckpoint
            }
        };
        effects.push(Effect::Leave(Exit { reason, run }));
        effects
    }

    /// Whether leaving the run going means to resume it.
    #[must_use]
    pub fn resumes_on_leaving(&self) -> bool {
        self.training.waits_for_resume() && !self.is_elsewhere
    }

    /// Asks the model what the screens want to know.
    pub(super) fn ask(&mut self) -> Vec<Effect> {
        let mut effects = self.queue.ask();
        if self.screen == ScreenName::Labelling {
            effects.extend(self.labelling.ask(&self.queue));
        }
        effects
    }

    /// Why no run can be started now; `None` when one can.
    #[must_use]
    pub fn why_no_run(&self) -> Option<String> {
        match &self.queue.model {
            _ if self.is_read_only => Some("only watching: this screen cannot start a run".into()),
            Model::Failed(why) => Some(format!("no run can be started: {why}")),
            _ if self.training.is_in_progress() => Some("a run is in progress already".into()),
            _ => None,
        }
    }

    /// The model thread is gone: nothing is answered any more, and a run in progress has failed.
    pub fn thread_ended(&mut self, why: &str) {
        self.queue.model_failed(why);
        self.labelling.model_failed(why);
        self.fail_run(why);
        self.complain(gate::clean(why));
    }

    /// A run in progress, or one about to start, has failed without saying so itself.
    pub fn fail_run(&mut self, why: &str) {
        self.training.fail(why);
        self.follow_run();
    }

    /// What depends on whether a run is in progress follows it: the queue, and the question before quitting.
    pub(super) fn follow_run(&mut self) {
        let is_in_progress = self.training.is_in_progress();
        self.queue
            .set_training(is_in_progress && !self.is_elsewhere);
        if !is_in_progress && self.layers.contains(&Layer::Quit) {
            self.layers.retain(|layer| *layer != Layer::Quit);
            self.say("the run has ended meanwhile; q quits");
        }
        let stage = self.training.stage().map(|stage| stage.name.to_owned());
        let is_of_another = |layer: &Layer| match layer {
            Layer::Skip { stage: asked } => stage.as_ref() != Some(asked),
            _ => false,
        };
        if self.layers.iter().any(is_of_another) {
            self.layers.retain(|layer| !is_of_another(layer));
            self.say("that stage has ended meanwhile");
        }
    }
}

/// The next state, and what is to be done outside.
pub fn update(app: &mut App, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) => on_key(app, event),
        Msg::Paste(text) => typing::on_paste(app, &text),
        Msg::Mouse(pointer) => pointing::point(app, pointer),
        Msg::Fact(fact) => hearing::on_fact(app, fact),
        Msg::FactsEnded => {
            // A thread that told why it ends has said more than its end does.
            if !matches!(app.queue.model, Model::Absent | Model::Failed(_)) {
                let why = app.worker_panic.take().unwrap_or_default();
                app.thread_ended(&format!("the model thread has ended{why}"));
            }
            Vec::new()
        }
        Msg::ToastExpired => {
            if app.toast.take().is_some() {
                app.touch(Urgency::Data);
            }
            Vec::new()
        }
        // A run of another process is nobody's to end by ending this one.
        Msg::Terminate(signal) => app.leave(ExitReason::Signal(signal), !app.is_elsewhere),
        Msg::TerminalLost => app.leave(ExitReason::TerminalLost, false),
        Msg::WorkerPanicked(text) => {
            app.worker_panic = Some(format!(": {text}"));
            app.complain(format!("a worker thread failed: {text}"));
            Vec::new()
        }
        Msg::Report(report) => tending::report(app, report),
        Msg::LookAgain => tending::look_again(app),
        Msg::LookFurther => {
            app.touch(Urgency::Data);
            seeking::look_further(app)
        }
        Msg::Label(outcome) => verbs::heard(app, outcome),
        Msg::Edited { of, before, after } => editing::edited(app, of, &before, after),
    }
}

fn on_key(app: &mut App, event: KeyEvent) -> Vec<Effect> {
    let Some(chord) = Chord::of(event) else {
        return Vec::new();
    };
    // Whoever does something else no longer waits for a mismatch.
    app.queue.is_looking = false;
    if app.is_too_small() && !app.layers.last().is_some_and(Layer::asks_to_quit) {
        return on_unseen_key(app, chord);
    }
    app.pending.push(chord);
    let found = app.keymap.lookup(app.place(), &app.pending);
    app.touch(Urgency::Input);
    if found == Lookup::Pending {
        return Vec::new();
    }
    let presses = std::mem::take(&mut app.pending);
    // What was said of an earlier key is no answer to this one.
    app.toast = None;
    match found {
        // Over a question it would not be seen either.
        Lookup::Verb(Verb::Help) if app.is_too_small() => Vec::new(),
        Lookup::Verb(verb) => perform(app, verb),
        _ => typing::unbound(app, &presses),
    }
}

/// What works where a screen has no room to show what keys do.
const UNSEEN: [Verb; 4] = [Verb::Quit, Verb::Interrupt, Verb::Suspend, Verb::Redraw];

/// A key while the screens are not drawn: whoever cannot see what it does must not change anything by it.
fn on_unseen_key(app: &mut App, chord: Chord) -> Vec<Effect> {
    app.pending.clear();
    match app.keymap.lookup(Place::Everywhere, &[chord]) {
        Lookup::Verb(verb) if UNSEEN.contains(&verb) => {
            app.touch(Urgency::Input);
            perform(app, verb)
        }
        _ => Vec::new(),
    }
}
