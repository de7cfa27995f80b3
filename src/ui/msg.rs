//! What reaches the state, and what the state wants done: plain data between the loop and [`crate::ui::app`].

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use crate::link::{Command, Fact};
use crate::ui::clerk::{Outcome, Request};
use crate::ui::editing::Document;
use crate::ui::errand::{Errand, Report};
use crate::ui::pointing::Pointer;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    Mouse(Pointer),
    Fact(Fact),
    /// The model thread will send no more facts.
    FactsEnded,
    /// The message at the bottom has been up long enough.
    ToastExpired,
    /// SIGTERM or SIGINT.
    Terminate(i32),
    /// SIGHUP, or the terminal hung up.
    TerminalLost,
    /// Another thread panicked; its text.
    WorkerPanicked(String),
    /// Time to look again at what may have changed behind the screen.
    LookAgain,
    /// Nothing else came in: time to generate some of the alerts that a list lacks.
    LookFurther,
    /// An errand is done.
    Report(Report),
    /// What came of a request to the clerk.
    Label(Outcome),
    /// The user's editor has ended.
    Edited {
        of: Document,
        /// What it was given.
        before: String,
        /// What it left, or why there is nothing.
        after: Result<String, String>,
    },
}

/// Something to do that the state may not do itself.
#[derive(Debug)]
pub enum Effect {
    Send(Command),
    /// Make a run folder's name and start a run in it; or continue the run in the folder named.
    StartRun {
        continue_in: Option<PathBuf>,
    },
    /// Draw in the theme of this name from now on.
    UseTheme(String),
    /// Have something done with run folders.
    Errand(Errand),
    /// Have the clerk read or write labels.
    Label(Request),
    /// Lend the terminal to the user's editor, with this text.
    Edit {
        of: Document,
        text: String,
    },
    /// Hand this text to the terminal's clipboard.
    Copy(String),
    /// Give the terminal back and stop this process until it is continued.
    Suspend,
    /// Draw every cell again.
    Redraw,
    Leave(Exit),
}

/// Longest text handed to a clipboard: terminals drop longer ones without a word.
pub const CLIPBOARD_BYTES: usize = 74_000;

/// How the workbench ended, for the caller to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    pub reason: ExitReason,
    pub run: RunFate,
}

/// Why the workbench ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The user quit.
    Quit,
    /// The terminal is gone: nothing may be written to it any more.
    TerminalLost,
    /// This signal asked for the end.
    Signal(i32),
    /// There was no terminal; the plain text was printed.
    Plain,
}

/// What becomes of a run in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFate {
    /// No run is in progress.
    None,
    /// It is to go on: the caller waits for the model thread, or hands the run to a process of its own.
    LeaveRunning,
    /// [`crate::link::Control::Stop`] has been sent: the caller waits for the checkpoint.
    StopAfterCheckpoint,
}
