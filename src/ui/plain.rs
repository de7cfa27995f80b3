//! The workbench as lines, for screen readers, pipes and terminals that show no screens: a line in is a command, lines out are
//! what it told. The same state and the same verbs as on the screens; only the words are here.
//!
//! No colour, no boxes, nothing drawn again; every line passes the gate. The end of the input is the end.

mod agreeing;
mod comparing;
mod copying;
mod deciding;
mod doing;
mod evaluations;
mod grouping;
mod labelling;
mod lines;
mod metrics;
mod no_screen;
mod rollouts;
mod running;
mod settings;
mod telling;
mod tending;
mod what_if;
mod words;

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Write};

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};

use super::{Outside, Session, WorkbenchOptions, app_for, lost};
use crate::gate::clean;
use crate::link::Fact;
use crate::ui::app::{App, ScreenName, Toast, update};
use crate::ui::clerk::{self, AtWork, Outcome, Request};
use crate::ui::effects::perform_effect;
use crate::ui::errand;
use crate::ui::input::Input;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, Exit, ExitReason, Msg};
use crate::ui::perform::perform;
use crate::ui::plain::lines::{Line, MAX_LINE, TooLong, read_lines};
use crate::ui::plain::no_screen::NoScreen;
use crate::ui::plain::rollouts::Told;
use crate::ui::preferences::Preferences;

/// Said where somebody sits at both ends.
const PROMPT: &str = "> ";

/// What the loop waits on beside the session: the other threads' word, and how they send it.
pub(super) struct Inputs {
    pub sender: UnboundedSender<Input>,
    pub received: UnboundedReceiver<Input>,
}

/// Who talks to us.
pub(super) struct Talk<R> {
    pub input: R,
    /// Somebody waits for a sign that it is their turn.
    pub is_prompted: bool,
}

/// Does what the lines of `input` say, until they end, one of them is `quit`, or a signal asks for the end.
///
/// # Errors
/// Where a thread cannot be started or `out` not written; a closed pipe is the end, no error.
pub(super) fn run<R: BufRead + Send + 'static>(
    options: WorkbenchOptions,
    preferences: Preferences,
    session: Session,
    inputs: Inputs,
    talk: Talk<R>,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    let mut plain = Plain::open(options, preferences, session, inputs, talk, out)?;
    let exit = match plain.converse() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            lost(&mut plain.app, &plain.outside)
        }
        other => other?,
    };
    let Plain { outside, clerk, .. } = plain;
    drop(outside);
    // What was asked last is to be on disk before the process ends.
    let _ = clerk.join();
    Ok(exit)
}

/// How often the clerk and the porter of run folders were asked, and how often they have answered.
#[derive(Default)]
struct Heard {
    asked_labels: usize,
    labels: usize,
    asked_errands: usize,
    errands: usize,
}

/// The state, and both ends of the conversation.
struct Plain<'a> {
    app: App,
    outside: Outside,
    lines: Receiver<Line>,
    runtime: Runtime,
    out: &'a mut dyn Write,
    is_prompted: bool,
    facts_open: bool,
    /// What the state has said to what came in, and is not told yet. What it says to a line is told at once.
    notes: Vec<Toast>,
    heard: Heard,
    clerk: AtWork,
    /// Of labels.
    folder: String,
    /// Which alert was told last.
    shown: String,
    /// That something is lost by quitting has been told.
    is_warned: bool,
    /// What `older`, `newer` and `window` are about.
    told_rollouts: Option<Told>,
    /// Settings of the next run, by key, in the order they were changed.
    sets: Vec<(String, String)>,
    /// The question that the next line answers.
    asked: Option<Layer>,
    /// What is wrong with the user's settings.
    complaints: Vec<String>,
    exit: Option<Exit>,
}

/// What woke the loop.
enum Woken {
    Message(Msg),
    Line(Option<Line>),
    /// A wish to draw, which means nothing here.
    Nothing,
}

/// Waits for what comes first; lines only where they are wanted.
async fn woken(
    outside: &mut Outside,
    facts_open: bool,
    lines: Option<&mut Receiver<Line>>,
) -> Woken {
    let has_lines = lines.is_some();
    let line = async {
        match lines {
            Some(lines) => lines.recv().await,
            None => None,
        }
    };
    tokio::select! {
        biased;
        Some(input) = outside.inputs.recv() => input.message().map_or(Woken::Nothing, Woken::Message),
        fact = outside.facts.recv(), if facts_open => {
            Woken::Message(fact.map_or(Msg::FactsEnded, Msg::Fact))
        }
        line = line, if has_lines => Woken::Line(line),
    }
}

impl<'a> Plain<'a> {
    /// Everything started, and nothing said yet.
    fn open<R: BufRead + Send + 'static>(
        options: WorkbenchOptions,
        preferences: Preferences,
        session: Session,
        inputs: Inputs,
        talk: Talk<R>,
        out: &'a mut dyn Write,
    ) -> io::Result<Self> {
        let run_root = options.run_root.clone();
        let (store, annotator) = (options.labels.clone(), options.annotator.clone());
        let folder = store.path().display().to_string();
        let errands = errand::start(run_root.clone(), inputs.sender.clone())?;
        let (labels, clerk) = clerk::start(store, annotator, inputs.sender)?;
        // A clerk that is gone is told of when a label is to be written.
        let _ = labels.send(Request::Recall);
        let heard = Heard {
            asked_labels: 1,
            ..Heard::default()
        };
        let outside = Outside {
            inputs: inputs.received,
            facts: session.facts,
            commands: session.commands,
            errands,
            labels,
            run_root,
        };
        let complaints = preferences.all_complaints();
        let mut app = app_for(options, preferences, session.shipped);
        app.screen = ScreenName::Episodes;
        Ok(Self {
            app,
            outside,
            lines: read_lines(talk.input)?,
            runtime: tokio::runtime::Builder::new_current_thread().build()?,
            out,
            is_prompted: talk.is_prompted,
            facts_open: true,
            notes: Vec::new(),
            heard,
            clerk,
            folder,
            shown: String::new(),
            is_warned: false,
            told_rollouts: None,
            sets: Vec::new(),
            asked: None,
            complaints,
            exit: None,
        })
    }
}

impl Plain<'_> {
    fn converse(&mut self) -> io::Result<Exit> {
        self.put("OpenSOC workbench, plain. help lists the commands, quit ends it.")?;
        for complaint in std::mem::take(&mut self.complaints) {
            self.put(&format!("error: {complaint} (left out)"))?;
        }
        // What was decided in an earlier sitting stands before anything is told.
        self.wait_for_clerk()?;
        self.tell_alert()?;
        while self.exit.is_none() {
            self.tell_notes()?;
            if self.is_prompted {
                write!(self.out, "{PROMPT}")?;
            }
            self.out.flush()?;
            let Some(line) = self.next_line()? else {
                break;
            };
            self.obey(&line)?;
        }
        self.tell_notes()?;
        if self.exit.is_none() {
            self.leave(ExitReason::Plain, false)?;
        }
        self.out.flush()?;
        Ok(self
            .exit
            .unwrap_or_else(|| lost(&mut self.app, &self.outside)))
    }

    /// Ends, whatever goes on; a run in progress goes on, or stops after a checkpoint.
    fn leave(&mut self, reason: ExitReason, stop: bool) -> io::Result<()> {
        let effects = self.app.leave(reason, stop);
        self.act(effects)
    }

    /// The next line; none where they have ended, or everything has.
    fn next_line(&mut self) -> io::Result<Option<String>> {
        while self.exit.is_none() {
            let lines = Some(&mut self.lines);
            let woken = woken(&mut self.outside, self.facts_open, lines);
            match self.runtime.block_on(woken) {
                Woken::Line(Some(Err(TooLong))) => {
                    // Any other line than yes keeps a run.
                    self.asked = None;
                    self.put(&format!(
                        "That line is longer than {MAX_LINE} bytes and was not obeyed."
                    ))?;
                    self.out.flush()?;
                }
                Woken::Line(line) => return Ok(line.and_then(Result::ok)),
                Woken::Message(message) => self.take(message)?,
                Woken::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Takes in what comes until `is_there`, or nothing more can come.
    fn wait(&mut self, is_there: impl Fn(&Self) -> bool) -> io::Result<()> {
        while self.exit.is_none() && !is_there(self) && !self.clerk.is_finished() {
            let woken = woken(&mut self.outside, self.facts_open, None);
            if let Woken::Message(message) = self.runtime.block_on(woken) {
                self.take(message)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Msg) -> io::Result<()> {
        match &message {
            Msg::FactsEnded => self.facts_open = false,
            Msg::Label(_) => self.heard.labels += 1,
            Msg::Report(_) => self.heard.errands += 1,
            _ => {}
        }
        // Where an alert has gone to be labelled is told by what comes of it.
        let is_added = matches!(message, Msg::Label(Outcome::Added(_)));
        let is_answer = matches!(message, Msg::Fact(Fact::Inference { .. }));
        let effects = update(&mut self.app, message);
        // That a mismatch is looked for on and on is no news.
        let is_told = is_added || is_answer && self.app.queue.is_looking;
        let said = self.act_quietly(effects)?;
        let said = said.filter(|said| said.is_bad || !is_told);
        self.notes
            .extend(said.filter(|said| self.notes.last() != Some(said)));
        Ok(())
    }

    /// Does what a verb does on the screen that is in front.
    fn verb(&mut self, verb: Verb) -> io::Result<()> {
        let effects = perform(&mut self.app, verb);
        self.act(effects)
    }

    /// The same on another screen than the one in front.
    fn verb_on(&mut self, screen: ScreenName, verb: Verb) -> io::Result<()> {
        let effects = self.wanted_on(screen, verb);
        self.act(effects)
    }

    /// What a verb wants done on another screen than the one in front.
    fn wanted_on(&mut self, screen: ScreenName, verb: Verb) -> Vec<Effect> {
        let before = std::mem::replace(&mut self.app.screen, screen);
        let effects = perform(&mut self.app, verb);
        self.app.screen = before;
        effects
    }

    /// Does what is wanted, and tells what the state says to it.
    fn act(&mut self, effects: Vec<Effect>) -> io::Result<()> {
        let said = self.act_quietly(effects)?;
        self.tell(said)
    }

    /// Does what is wanted; what the state says to it is the caller's to tell.
    fn act_quietly(&mut self, mut effects: Vec<Effect>) -> io::Result<Option<Toast>> {
        loop {
            for effect in effects {
                // Each of them is answered once.
                self.heard.asked_labels += usize::from(matches!(effect, Effect::Label(_)));
                self.heard.asked_errands += usize::from(matches!(effect, Effect::Errand(_)));
                let exit = perform_effect(&mut self.app, effect, &mut NoScreen, &self.outside)?;
                self.exit = exit.or(self.exit);
            }
            // Nobody waits for a frame: what a list lacks is generated at once.
            if !self.app.is_looking_through() {
                break;
            }
            effects = update(&mut self.app, Msg::LookFurther);
        }
        Ok(self.app.toast.take())
    }

    /// One line, through the gate.
    fn put(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", clean(text))
    }

    fn put_all(&mut self, lines: &[String]) -> io::Result<()> {
        lines.iter().try_for_each(|line| self.put(line))
    }

    fn tell(&mut self, said: impl IntoIterator<Item = Toast>) -> io::Result<()> {
        said.into_iter().try_for_each(|said| {
            let word = if said.is_bad { "error" } else { "note" };
            self.put(&format!("{word}: {}", running::in_words(&said.text)))
        })
    }

    fn tell_notes(&mut self) -> io::Result<()> {
        let notes = std::mem::take(&mut self.notes);
        self.tell(notes)
    }

    /// Tells the alert in front, and remembers that.
    fn tell_alert(&mut self) -> io::Result<()> {
        self.shown = telling::place(&self.app);
        let lines = telling::alert(&self.app);
        self.put_all(&lines)
    }

    /// Obeys a line; then what the state has to say of it, and the alert where it is another one.
    fn obey(&mut self, line: &str) -> io::Result<()> {
        // What has come since the last line is no answer to this one.
        self.tell_notes()?;
        if !self.settles(line)? {
            match words::read(line, &self.app) {
                Ok((word, rest)) => self.perform(word, rest)?,
                Err(instead) => self.put(&instead)?,
            }
        }
        // Questions are asked in words here, never over a screen.
        self.app.layers.clear();
        self.tell_notes()?;
        if self.exit.is_none() && telling::place(&self.app) != self.shown {
            self.tell_alert()?;
        }
        Ok(())
    }
}
