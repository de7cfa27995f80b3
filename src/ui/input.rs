//! Two threads that turn the outside into messages: keys with a watch on the terminal, and signals.
//!
//! The descriptor is asked and read here, not by crossterm, which spins for ever once its terminal is gone. Reading that panics
//! is begun again, a few times. Knows no state.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};
use tokio::sync::mpsc::UnboundedSender;

use crate::link::Fact;
use crate::panics::said;
use crate::ui::clerk::Outcome;
use crate::ui::decode::{Decoder, Typed};
use crate::ui::errand::Report;
use crate::ui::keyboard::Keyboard;
use crate::ui::msg::Msg;
use crate::ui::pointing::Pointer;

/// How often the terminal is asked whether it is still there.
const ASK_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// How long after an escape its sequence may still come: a slow line splits them.
const ESCAPE_WAITS: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 40_000_000,
};

/// The thread that reads keys.
pub(super) const KEYS: &str = "keys";

/// How often within so long reading keys is begun again after a panic.
const RESTARTS: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// For how long it is said that no key works any more, before the workbench leaves.
const LEAVES_AFTER: Duration = Duration::from_secs(6);

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    Key(KeyEvent),
    Paste(String),
    Mouse(Pointer),
    /// The size changed, or the screen was lost: draw again.
    Resized,
    /// Stopped by ctrl-z from elsewhere.
    SuspendAsked,
    Terminate(i32),
    /// The terminal is gone.
    HungUp,
    WorkerPanicked(String),
    /// Reading keys has panicked; what is to be said of it.
    KeysFailed(String),
    /// An errand is done.
    Report(Report),
    /// What came of a request to the clerk.
    Label(Outcome),
}

impl Input {
    /// The message in it; `None` for a mere wish to draw again.
    #[must_use]
    pub fn message(self) -> Option<Msg> {
        match self {
            Self::Key(key) => Some(Msg::Key(key)),
            Self::Paste(text) => Some(Msg::Paste(text)),
            Self::Mouse(pointer) => Some(Msg::Mouse(pointer)),
            Self::Resized => None,
            Self::SuspendAsked => {
                let key = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
                Some(Msg::Key(key))
            }
            Self::Terminate(signal) => Some(Msg::Terminate(signal)),
            Self::HungUp => Some(Msg::TerminalLost),
            Self::WorkerPanicked(text) => Some(Msg::WorkerPanicked(text)),
            Self::KeysFailed(message) => Some(Msg::Fact(Fact::Noted { message })),
            Self::Report(report) => Some(Msg::Report(report)),
            Self::Label(outcome) => Some(Msg::Label(outcome)),
        }
    }
}

/// The two threads; they end when this is dropped.
pub struct Listener {
    signals: Handle,
    is_over: Arc<AtomicBool>,
}

impl Listener {
    /// Starts both. Handlers of SIGHUP, SIGTERM and SIGINT stay in place afterwards (doing nothing), so a run that goes on in this
    /// process is not killed by the terminal's end; whoever waits for it installs its own.
    pub fn start(inputs: &UnboundedSender<Input>, keyboard: &Arc<Keyboard>) -> io::Result<Self> {
        let fd = terminal_fd()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (sender, over) = (inputs.clone(), Arc::clone(&is_over));
        let board = Arc::clone(keyboard);
        std::thread::Builder::new()
            .name(KEYS.to_owned())
            .spawn(move || {
                let read = || read_keys(&fd, &board, &sender, &over);
                keep_reading(read, &sender, LEAVES_AFTER);
            })?;
        let signals = listen(inputs, &SCREEN, keyboard)?;
        Ok(Self { signals, is_over })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.signals.close();
    }
}

/// Those that ask for the end.
pub const ENDING: [i32; 3] = [SIGHUP, SIGTERM, SIGINT];

/// The same, and those that mean something to a screen.
const SCREEN: [i32; 6] = [SIGHUP, SIGTERM, SIGINT, SIGTSTP, SIGCONT, SIGWINCH];

/// Starts the thread that turns signals into messages; it ends when the handle is closed.
///
/// # Errors
/// When it cannot be started.
pub fn listen(
    inputs: &UnboundedSender<Input>,
    signals: &[i32],
    keyboard: &Arc<Keyboard>,
) -> io::Result<Handle> {
    let mut signals = Signals::new(signals)?;
    let handle = signals.handle();
    let (sender, board) = (inputs.clone(), Arc::clone(keyboard));
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut told = signals.forever().filter_map(|signal| heard(signal, &board));
            // Ends when the handle is closed or nobody listens any more.
            let _ended = told.any(|input| sender.send(input).is_err());
        })?;
    Ok(handle)
}

/// What a signal says to the workbench. While an editor has the terminal its keys reach this process too: ctrl-c is the
/// editor's alone, and ctrl-z stops both, or the shell would wait for the one that runs.
fn heard(signal: i32, keyboard: &Keyboard) -> Option<Input> {
    match signal {
        SIGINT if keyboard.is_lent() => None,
        SIGTSTP if keyboard.is_lent() => {
            // Where it cannot be stopped it goes on.
            let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
            None
        }
        signal => Some(of_signal(signal)),
    }
}

fn of_signal(signal: i32) -> Input {
    match signal {
        SIGHUP => Input::HungUp,
        SIGTSTP => Input::SuspendAsked,
        SIGCONT | SIGWINCH => Input::Resized,
        other => Input::Terminate(other),
    }
}

/// The descriptor keys come from.
pub(super) fn terminal_fd() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        Ok(OwnedFd::from(File::open("/dev/tty")?))
    }
}

/// When reading keys failed lately.
#[derive(Debug, Default)]
struct Failures(Vec<Instant>);

impl Failures {
    /// One more; whether reading may be begun again after it.
    fn may_go_on(&mut self, now: Instant) -> bool {
        self.0
            .retain(|at| now.saturating_duration_since(*at) < WITHIN);
        self.0.push(now);
        self.0.len() <= RESTARTS
    }
}

/// Reads until there is nothing more to read. After a panic it is begun again and that is said; where it goes on panicking no
/// key can reach anybody, so after `leaves_after` the end comes as if the terminal were gone.
fn keep_reading(mut read: impl FnMut(), inputs: &UnboundedSender<Input>, leaves_after: Duration) {
    let mut failures = Failures::default();
    // With nobody listening there is nobody to tell.
    let tell = |input: Input| drop(inputs.send(input));
    // Nothing is kept between two calls: bytes of a key that were read are lost, and so is that key.
    while let Err(panic) = catch_unwind(AssertUnwindSafe(&mut read)) {
        let why = said(&*panic);
        if !failures.may_go_on(Instant::now()) {
            tell(Input::KeysFailed(format!(
                "no key works any more, reading them fails again and again ({why}): opensoc ends in a moment, a run goes on"
            )));
            std::thread::sleep(leaves_after);
            tell(Input::HungUp);
            return;
        }
        tell(Input::KeysFailed(format!(
            "reading keys failed and was begun again ({why}): the last key was lost; where it does that again, use another"
        )));
    }
}

/// Sends keys until the terminal hangs up, nobody listens, or it is over.
fn read_keys(
    fd: &OwnedFd,
    keyboard: &Keyboard,
    inputs: &UnboundedSender<Input>,
    is_over: &AtomicBool,
) {
    let mut decoder = Decoder::default();
    while !is_over.load(Ordering::Relaxed) {
        keyboard.wait();
        let Ok(keys) = next_keys(fd, keyboard, &mut decoder) else {
            // With nobody listening there is nobody to tell.
            let _unheard = inputs.send(Input::HungUp);
            return;
        };
        for typed in keys {
            let input = match typed {
                Typed::Key(key) => Input::Key(key),
                Typed::Paste(text) => Input::Paste(text),
                Typed::Mouse(pointer) => Input::Mouse(pointer),
            };
            if inputs.send(input).is_err() {
                return;
            }
        }
    }
}

/// The keys that came, none after a while without any; an error when the terminal is gone.
fn next_keys(fd: &OwnedFd, keyboard: &Keyboard, decoder: &mut Decoder) -> io::Result<Vec<Typed>> {
    let patience = if decoder.is_waiting() {
        ESCAPE_WAITS
    } else {
        ASK_EVERY
    };
    if !is_ready(fd, &patience)? {
        return Ok(decoder.give_up().map(Typed::Key).into_iter().collect());
    }
    let mut bytes = [0; 1_024];
    let Some(read) = keyboard.read(|| rustix::io::read(fd, &mut bytes)) else {
        return Ok(Vec::new());
    };
    match read {
        Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
        Ok(count) => Ok(decoder.feed(bytes.get(..count).unwrap_or_default())),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Whether bytes are waiting; an error when the terminal is gone.
fn is_ready(fd: &OwnedFd, patience: &Timespec) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    match poll(&mut fds, Some(patience)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
        Ok(_) => {
            let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
            let told = fds.first().map_or(PollFlags::empty(), PollFd::revents);
            if told.intersects(gone) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(told.contains(PollFlags::IN))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::ui::app::update;
    use crate::ui::tests::fixtures::{app, toast};

    /// What a failure says.
    fn told(heard: &mut UnboundedReceiver<Input>) -> String {
        match heard.try_recv() {
            Ok(Input::KeysFailed(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reader_that_panics_once_is_begun_again_and_keys_work() {
        let (source, mut typed) = std::io::pipe().expect("a pipe");
        let (fd, keyboard) = (OwnedFd::from(source), Keyboard::default());
        let (inputs, mut heard) = unbounded_channel();
        let over = AtomicBool::new(false);
        let mut is_first = true;
        let read = || {
            assert!(!std::mem::take(&mut is_first), "a key without a width");
            read_keys(&fd, &keyboard, &inputs, &over);
        };
        typed.write_all(b"q").expect("typed");
        let heard = std::thread::scope(|scope| {
            let hears = scope.spawn(move || {
                let before = [heard.blocking_recv(), heard.blocking_recv()];
                // The end of the pipe is a terminal that hangs up.
                drop(typed);
                (before, heard.blocking_recv())
            });
            keep_reading(read, &inputs, Duration::ZERO);
            hears.join().expect("heard")
        });
        let ([Some(failed), Some(Input::Key(read))], Some(Input::HungUp)) = heard else {
            panic!("{heard:?}");
        };
        assert_eq!(read, KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE));
        let mut app = app();
        update(&mut app, failed.message().expect("a message"));
        assert!(toast(&app).contains("begun again"), "{}", toast(&app));
        assert!(toast(&app).contains("a key without a width"));
    }

    #[test]
    fn a_reader_that_goes_on_panicking_is_given_up_and_the_workbench_leaves() {
        let (inputs, mut heard) = unbounded_channel();
        let mut begun = 0;
        let read = || {
            begun += 1;
            panic!("no such descriptor");
        };
        keep_reading(read, &inputs, Duration::ZERO);
        assert_eq!(begun, 1 + RESTARTS);
        for _ in 0..RESTARTS {
            assert!(told(&mut heard).contains("begun again"));
        }
        let last = told(&mut heard);
        assert!(last.contains("no key works any more"), "{last}");
        assert!(matches!(heard.try_recv(), Ok(Input::HungUp)));
    }

    #[test]
    fn failures_a_minute_apart_are_no_row_of_them() {
        let (mut failures, began) = (Failures::default(), Instant::now());
        for at in 0..10 {
            assert!(failures.may_go_on(began + at * WITHIN), "{at}");
        }
        let now = began + 9 * WITHIN;
        let went_on = [1, 2, 3].map(|seconds| {
            let at = now + Duration::from_secs(seconds);
            failures.may_go_on(at)
        });
        assert_eq!(went_on, [true, true, false]);
    }
}
