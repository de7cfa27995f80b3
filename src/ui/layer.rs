//! Dialogs over a screen: help, palette, search, a run's note, and the questions before starting or deleting a run and
//! before quitting.
//!
//! Each is a layer; `Esc` takes exactly one away. State and behaviour only, drawn elsewhere.

use crate::link::Command;
use crate::run::RunDir;
use crate::ui::app::App;
use crate::ui::asking::choosing;
use crate::ui::copying;
use crate::ui::detail;
use crate::ui::editing::MAX_NOTE_CHARS;
use crate::ui::errand::Errand;
use crate::ui::keys::{Place, Verb};
use crate::ui::labelling::drafts::set_aside;
use crate::ui::labelling::{deciding, formats, verbs};
use crate::ui::leaving::quit_all_the_same;
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::{Effect, ExitReason};
use crate::ui::order::Order;
use crate::ui::palette;
use crate::ui::perform::{go_to_step, skip_stage};
use crate::ui::queue::groups;
use crate::ui::queue::three_way;
use crate::ui::queue::what_if::{self, Part};
use crate::ui::scroll::Scroll;
use crate::ui::searching::{self, Stand, search};
use crate::ui::starting::{self, Form};
use crate::ui::tending;

/// Longest texts that can be typed, in characters: a rationale is what a response may hold, a note on an alert as long as
/// the editor lets it be, a value of a record as long as one could have been logged.
const MAX_TYPED: usize = 200;
const MAX_RATIONALE: usize = 200;
const MAX_VALUE: usize = 500;
const MAX_RUN_NOTE: usize = 500;

/// Said of a text that no line can hold.
pub const SEVERAL_LINES: &str = "the note has several lines: E opens it in your editor";

/// A dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    Help {
        scroll: Scroll,
        /// Words that its lines are filtered by.
        typed: LineEdit,
        is_typing: bool,
    },
    /// All verbs, filtered by what is typed.
    Palette { typed: LineEdit, chosen: usize },
    /// A filter of the list in front, applied as it is typed; elsewhere a search.
    Search {
        typed: LineEdit,
        /// The filter before, which `Esc` brings back.
        before: String,
        /// Where the screen's cursors stood: filters measure from there while they are typed, `Esc` goes back there.
        from: Stand,
    },
    /// A line of the selected alert's label, being written.
    Line { of: LineOf, typed: LineEdit },
    /// How to label.
    Guidelines { scroll: Scroll },
    /// How far the labels agree with others; the cursor is on a disagreement.
    Agreement { cursor: usize },
    /// All that they do not agree on, over that page.
    Disagreements { cursor: usize },
    /// The number of a step to go to.
    Step { typed: LineEdit },
    /// Start a run? Shows what with, to be changed.
    Start { form: Form },
    /// Delete the run in this folder?
    Delete { dir: RunDir },
    /// The note on the run in this folder, being written.
    Note { dir: RunDir, typed: LineEdit },
    /// End this stage early?
    Skip { stage: String },
    /// Quit, with a run in progress?
    Quit,
    /// Quit, with something typed or decided that is on no disk?
    Unsaved,
    /// All fields of the log line under the cursor.
    Detail {
        /// The field under this list's cursor.
        field: usize,
    },
    /// How many alerts of each group there are.
    Groups { by: Order, chosen: usize },
    /// Which adapter is asked, and which stands beside it?
    Adapters { chosen: usize },
    /// How far analyst, model and truth agree; the cursor is on a difference.
    ThreeWay { cursor: usize },
    /// A part of the log record under the cursor, being edited in a copy.
    Edit { part: Part, typed: LineEdit },
    /// What to copy?
    Copy { chosen: usize, is_defanged: bool },
    /// What are submitted labels written as?
    Formats { chosen: usize },
}

/// What became of a typed character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typing {
    Taken,
    /// There is no room for more than so many.
    Full(usize),
    /// No text is taken, or not such a one.
    Nowhere,
}

/// What a typed line is of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineOf {
    Rationale {
        /// The label waits for it only to be submitted.
        submits: bool,
    },
    NoteOnAlert,
}

impl Layer {
    /// Help, from its beginning.
    #[must_use]
    pub fn help() -> Self {
        Self::Help {
            scroll: Scroll::default(),
            typed: LineEdit::default(),
            is_typing: false,
        }
    }

    /// The guidelines, from their beginning.
    #[must_use]
    pub fn guidelines() -> Self {
        Self::Guidelines {
            scroll: Scroll::default(),
        }
    }

    /// A palette with nothing typed.
    #[must_use]
    pub fn palette() -> Self {
        Self::Palette {
            typed: LineEdit::default(),
            chosen: 0,
        }
    }

    /// A filter to be typed, or the one that stands, `before`, to be changed; `from` is where the screen's cursors stand.
    #[must_use]
    pub fn filter(before: &str, from: Stand) -> Self {
        Self::Search {
            typed: LineEdit::new(before),
            before: before.to_owned(),
            from,
        }
    }

    /// A question for a step, with nothing typed.
    #[must_use]
    pub fn step() -> Self {
        Self::Step {
            typed: LineEdit::default(),
        }
    }

    /// Which keys work in it.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Help {
                is_typing: false, ..
            }
            | Self::Guidelines { .. } => Place::Help,
            Self::Help { .. }
            | Self::Palette { .. }
            | Self::Search { .. }
            | Self::Note { .. }
            | Self::Step { .. }
            | Self::Edit { .. }
            | Self::Line { .. } => Place::Entry,
            Self::Start { form } if form.is_typing() => Place::Entry,
            Self::Delete { .. } => Place::DeleteDialog,
            Self::Skip { .. } => Place::SkipDialog,
            Self::Agreement { .. } | Self::Disagreements { .. } => Place::Agreement,
            Self::Start { .. } => Place::StartDialog,
            Self::Quit => Place::QuitDialog,
            Self::Unsaved => Place::UnsavedDialog,
            Self::Detail { .. } => Place::Detail,
            Self::Copy { .. } => Place::Copying,
            Self::Formats { .. } => Place::Formats,
            Self::Groups { .. } => Place::Groups,
            Self::Adapters { .. } => Place::Adapters,
            Self::ThreeWay { .. } => Place::ThreeWay,
        }
    }

    /// Whether it is a question before quitting.
    #[must_use]
    pub const fn asks_to_quit(&self) -> bool {
        matches!(self, Self::Quit | Self::Unsaved)
    }

    /// The most characters of the text that is typed.
    #[must_use]
    pub const fn most(&self) -> usize {
        match self {
            Self::Line { of, .. } => match of {
                LineOf::Rationale { .. } => MAX_RATIONALE,
                LineOf::NoteOnAlert => MAX_NOTE_CHARS,
            },
            Self::Edit { .. } => MAX_VALUE,
            Self::Note { .. } => MAX_RUN_NOTE,
            _ => MAX_TYPED,
        }
    }

    /// The text that is being written, where one is.
    fn written(&mut self) -> Option<&mut LineEdit> {
        match self {
            Self::Palette { typed, .. }
            | Self::Search { typed, .. }
            | Self::Note { typed, .. }
            | Self::Step { typed }
            | Self::Edit { typed, .. }
            | Self::Line { typed, .. }
            | Self::Help {
                typed,
                is_typing: true,
                ..
            } => Some(typed),
            Self::Start { form } => form.written(),
            _ => None,
        }
    }

    /// Takes a typed character.
    pub fn type_char(&mut self, c: char) -> Typing {
        let most = self.most();
        let is_step = matches!(self, Self::Step { .. });
        match self.written() {
            Some(_) if is_step && !c.is_ascii_digit() => Typing::Nowhere,
            Some(written) if written.chars().count() >= most => Typing::Full(most),
            Some(written) => {
                written.insert(c);
                self.rewritten();
                Typing::Taken
            }
            None => Typing::Nowhere,
        }
    }

    /// Moves the cursor of the text, or erases; none where no text is written or it is no verb of one, else whether the text
    /// is another.
    fn write(&mut self, verb: Verb) -> Option<bool> {
        let is_another = self.written()?.follow(verb)?;
        if is_another {
            self.rewritten();
        }
        Some(is_another)
    }

    /// Another text finds other things: they are looked through from the first.
    fn rewritten(&mut self) {
        match self {
            Self::Palette { chosen, .. } => *chosen = 0,
            Self::Help { scroll, .. } => *scroll = Scroll::default(),
            Self::Start { form } => form.rewritten(),
            _ => {}
        }
    }

    /// Moves the text of help and guidelines; false where the verb moves nothing.
    fn scroll(&mut self, verb: Verb) -> bool {
        match self {
            Self::Help { scroll, .. } | Self::Guidelines { scroll } => scroll.follow(verb),
            _ => false,
        }
    }
}

/// What `verb` does to the filter of help; false leaves it to others. `Esc` takes the filter off before it closes help.
fn filter_help(layer: &mut Layer, verb: Verb) -> bool {
    let Layer::Help {
        scroll,
        typed,
        is_typing,
    } = layer
    else {
        return false;
    };
    match verb {
        Verb::Search => *is_typing = true,
        Verb::Confirm => *is_typing = false,
        Verb::Back if *is_typing || !typed.is_empty() => {
            *typed = LineEdit::default();
            *is_typing = false;
        }
        _ => return false,
    }
    *scroll = Scroll::default();
    true
}

/// What `verb` does in the front layer; `None` leaves it to the screens.
pub fn perform(app: &mut App, verb: Verb) -> Option<Vec<Effect>> {
    let lists = [
        detail::perform,
        copying::perform,
        formats::perform,
        starting::perform,
        groups::perform,
        choosing::perform,
        three_way::perform,
    ];
    if let Some(effects) = lists.iter().find_map(|perform| perform(app, verb)) {
        return Some(effects);
    }
    let layer = app.layers.last_mut()?;
    match layer.write(verb) {
        Some(true) => return Some(searching::typed(app)),
        Some(false) => return Some(Vec::new()),
        None => {}
    }
    if filter_help(layer, verb) || layer.scroll(verb) {
        return Some(Vec::new());
    }
    match (verb, &*layer) {
        (Verb::Down | Verb::Up, Layer::Palette { .. }) => palette::step(app, verb == Verb::Down),
        (Verb::Back, Layer::Search { .. }) => return Some(searching::give_up(app)),
        (Verb::Back, Layer::Line { of, typed }) => {
            let (of, typed) = (*of, typed.clone());
            app.layers.pop();
            set_aside(app, of, &typed);
        }
        (Verb::Back, Layer::Note { dir, typed }) => {
            let (dir, typed) = (dir.clone(), typed.clone());
            app.layers.pop();
            tending::set_note_aside(app, &dir, &typed);
        }
        (Verb::Back, _) | (Verb::Help, Layer::Help { .. }) => {
            app.layers.pop();
        }
        (Verb::Confirm, _) => return confirm(app),
        (Verb::ListDisagreements, _) => verbs::toggle_disagreements(app),
        (_, Layer::Agreement { .. } | Layer::Disagreements { .. }) if verb.is_movement() => {
            verbs::step_disagreement(app, verb);
        }
        (Verb::LeaveRunning, Layer::Quit) => return Some(app.leave(ExitReason::Quit, false)),
        (Verb::StopAndQuit | Verb::Interrupt, Layer::Quit) => {
            return Some(app.leave(ExitReason::Quit, true));
        }
        (Verb::Interrupt, Layer::Unsaved) => {
            app.layers.pop();
            return Some(quit_all_the_same(app));
        }
        (Verb::Down | Verb::Up, _) => {}
        _ => return None,
    }
    Some(Vec::new())
}

/// What `Enter` does in the front layer; `None` where it does nothing of its own.
fn confirm(app: &mut App) -> Option<Vec<Effect>> {
    let layer = app.layers.last()?.clone();
    match &layer {
        Layer::Search { typed, .. } => return Some(search(app, typed.to_string())),
        Layer::Edit { part, typed } => return Some(what_if::confirm(app, part, typed)),
        Layer::Help { .. } | Layer::Guidelines { .. } | Layer::Quit => return None,
        _ => {}
    }
    app.layers.pop();
    Some(match layer {
        Layer::Palette { typed, chosen } => palette::choose(app, &typed, chosen),
        Layer::Note { dir, typed } => tending::keep_note(app, dir, typed.into_string()),
        Layer::Delete { dir } => vec![Effect::Errand(Errand::Delete(dir))],
        Layer::Skip { stage } => skip_stage(app, &stage),
        Layer::Unsaved => quit_all_the_same(app),
        Layer::Line { of, typed } => deciding::typed(app, of, &typed),
        Layer::Agreement { cursor } => verbs::open_disagreement(app, cursor),
        Layer::Disagreements { cursor } => verbs::open_listed(app, cursor),
        Layer::Step { typed } => go_to_step(app, &typed),
        _ => Vec::new(),
    })
}

/// A command only the loop can complete: the folder of a new run.
#[must_use]
pub fn train_command(app: &App, run_dir: std::path::PathBuf, resume: bool) -> Command {
    Command::Train(Box::new(crate::link::TrainRequest {
        config: app.config.clone(),
        run_dir,
        resume,
        sft_extra: app.sft_extra.clone(),
    }))
}
