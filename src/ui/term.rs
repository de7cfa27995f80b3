//! The terminal, held while the workbench runs and given back however it ends.
//!
//! Each frame is collected and goes out in one write inside synchronized output (DEC 2026). The panic hook restores the terminal
//! only when the thread that draws panics: a panicking worker must not wreck a live screen.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once, PoisonError};
use std::thread::ThreadId;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{Command, cursor, terminal};
use ratatui::layout::{Position, Rect};
use ratatui::{Frame, Terminal};

use crate::panics::said;
use crate::ui::input::KEYS;
use crate::ui::msg::CLIPBOARD_BYTES;
use crate::ui::wire::{FrameBytes, Wire};

/// Whether screens can be drawn here: stdout is a terminal, and not one that takes plain text only.
#[must_use]
pub fn takes_screens() -> bool {
    let term = std::env::var("TERM").ok();
    io::stdout().is_terminal() && draws(term.as_deref())
}

/// Whether a terminal of this kind (`TERM`) moves its cursor at all.
fn draws(term: Option<&str>) -> bool {
    term != Some("dumb")
}

/// Clicks and the wheel, not where the mouse moves, in numbers without an end (xterm's 1000 and 1006).
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// No colour and no attribute: frames begin and end so, and neither a shell nor an editor is asked to leave it so.
const PLAIN: &[u8] = b"\x1b[m";

/// Takes what a panicking worker said.
pub type OnWorkerPanic = Box<dyn Fn(String) + Send>;

/// The thread that draws, and whom to tell when another one panics; set while a terminal is held.
static HELD: Mutex<Option<(ThreadId, OnWorkerPanic)>> = Mutex::new(None);

/// The terminal while it is ours.
pub struct Tty {
    inner: Terminal<Wire<FrameBytes>>,
    bytes: FrameBytes,
    mouse: bool,
}

impl Tty {
    /// Takes the terminal: raw mode, alternate screen, no cursor; with `mouse` its clicks and wheel too.
    pub fn enter(on_worker_panic: OnWorkerPanic, mouse: bool) -> io::Result<Self> {
        let bytes = FrameBytes::default();
        let inner = Terminal::new(Wire::new(bytes.clone()))?;
        hold(Some((std::thread::current().id(), on_worker_panic)));
        install_hook();
        let tty = Self {
            inner,
            bytes,
            mouse,
        };
        take_screen(mouse)?;
        Ok(tty)
    }

    /// Draws a frame and sends what changed in one write.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        crossterm::queue!(self.bytes, BeginSynchronizedUpdate)?;
        self.inner.draw(render)?;
        crossterm::queue!(self.bytes, EndSynchronizedUpdate)?;
        send(&self.bytes.take())
    }

    /// The next frame draws every cell.
    pub fn redraw(&mut self) -> io::Result<()> {
        // Not `clear`: it asks the terminal where its cursor is, and the answer would have to come through our own key reader.
        let size = self.inner.size()?;
        self.inner.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// Gives the terminal back, stops this process, and takes it again once continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.lend(|| signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP))?
    }

    /// Gives the terminal back while `work` has it, and takes it again; the next frame draws every cell.
    pub fn lend<T>(&mut self, work: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let done = work();
        take_screen(self.mouse)?;
        self.redraw()?;
        Ok(done)
    }

    /// Hands `text` to the terminal's clipboard.
    pub fn copy(&self, text: &str, in_tmux: bool) -> io::Result<()> {
        send(clipboard_sequence(text, in_tmux).as_bytes())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // After a panic of this very thread the hook has: once more, and the cursor would be put back above what was said.
        if !std::thread::panicking() {
            give_back();
        }
        hold(None);
    }
}

fn hold(holder: Option<(ThreadId, OnWorkerPanic)>) {
    *HELD.lock().unwrap_or_else(PoisonError::into_inner) = holder;
}

fn send(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

fn take_screen(mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    let mut bytes = Vec::new();
    crossterm::queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        cursor::Hide
    )?;
    bytes.extend(PLAIN);
    if mouse {
        bytes.extend(MOUSE_ON);
    }
    send(&bytes)
}

/// Restores the terminal; it may be gone, so errors say nothing new.
fn give_back() {
    let mut bytes = [MOUSE_OFF, PLAIN].concat();
    let queued = crossterm::queue!(
        bytes,
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let sent = queued.and_then(|()| send(&bytes));
    drop(sent);
    drop(terminal::disable_raw_mode());
}

fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            match &*held {
                Some((drawer, _)) if *drawer == std::thread::current().id() => {
                    drop(held);
                    give_back();
                    before(info);
                }
                // Its own thread says so, and begins again.
                Some(_) if std::thread::current().name() == Some(KEYS) => {}
                Some((_, tell)) => tell(words(info)),
                None => {
                    drop(held);
                    before(info);
                }
            }
        }));
    });
}

/// What a panic said, then where: the beginning is what fits on a line.
fn words(info: &PanicHookInfo<'_>) -> String {
    let place = info
        .location()
        .map_or_else(String::new, |place| format!(" ({place})"));
    format!("{}{place}", said(info.payload()))
}

/// OSC 52 with `text`; in tmux a second time wrapped, because its settings decide which of the two gets through.
fn clipboard_sequence(text: &str, in_tmux: bool) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        if kept.len() + c.len_utf8() > CLIPBOARD_BYTES {
            break;
        }
        kept.push(c);
    }
    let mut plain = String::new();
    let written = CopyToClipboard::to_clipboard_from(kept).write_ansi(&mut plain);
    debug_assert!(written.is_ok(), "a string takes any text");
    if in_tmux {
        let doubled = plain.replace('\u{1b}', "\u{1b}\u{1b}");
        let wrapped = write!(plain, "\u{1b}Ptmux;{doubled}\u{1b}\\");
        debug_assert!(wrapped.is_ok(), "a string takes any text");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_takes_no_screens_and_any_other_may() {
        assert!(!draws(Some("dumb")));
        for term in [None, Some(""), Some("xterm-256color"), Some("dumber")] {
            assert!(draws(term), "{term:?}");
        }
    }

    #[test]
    fn clipboard_bytes_are_exact() {
        assert_eq!(clipboard_sequence("hi", false), "\u{1b}]52;c;aGk=\u{1b}\\");
        assert_eq!(
            clipboard_sequence("hi", true),
            "\u{1b}]52;c;aGk=\u{1b}\\\u{1b}Ptmux;\u{1b}\u{1b}]52;c;aGk=\u{1b}\u{1b}\\\u{1b}\\"
        );
        let long = clipboard_sequence(&"é".repeat(80_000), false);
        assert!(
            long.len() < 100_000 && long.len() > 98_000,
            "{}",
            long.len()
        );
    }
}
