//! Two threads that turn the outside into messages: keys with a watch on the terminal, and signals.
//!
//! crossterm spins for ever once its terminal is gone, so this thread asks the descriptor itself and calls crossterm only while
//! nothing hung up. Knows no state.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};
use tokio::sync::mpsc::UnboundedSender;

/// How often the terminal is asked whether it is still there.
const ASK_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 250_000_000,
};

/// Something from outside.
#[derive(Debug)]
pub enum Input {
    Key(KeyEvent),
    /// The size changed, or the screen was lost: draw again.
    Resized,
    /// Stopped by ctrl-z from elsewhere.
    SuspendAsked,
    Terminate(i32),
    /// The terminal is gone.
    HungUp,
    WorkerPanicked(String),
}

/// The two threads; they end when this is dropped.
pub struct Listener {
    signals: Handle,
    is_over: Arc<AtomicBool>,
}

impl Listener {
    /// Starts both. Handlers of SIGHUP, SIGTERM and SIGINT stay in place afterwards (doing nothing), so a run that goes on in this
    /// process is not killed by the terminal's end; whoever waits for it installs its own.
    pub fn start(inputs: &UnboundedSender<Input>) -> io::Result<Self> {
        let fd = terminal_fd()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT, SIGTSTP, SIGCONT, SIGWINCH])?;
        let handle = signals.handle();
        let (sender, over) = (inputs.clone(), Arc::clone(&is_over));
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read_keys(&fd, &sender, &over))?;
        let sender = inputs.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let mut told = signals.forever().map(of_signal);
                // Ends when the handle is closed or nobody listens any more.
                let _ended = told.any(|input| sender.send(input).is_err());
            })?;
        Ok(Self {
            signals: handle,
            is_over,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.signals.close();
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

/// The descriptor crossterm reads keys from.
fn terminal_fd() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        stdin.as_fd().try_clone_to_owned()
    } else {
        Ok(OwnedFd::from(File::open("/dev/tty")?))
    }
}

/// Sends keys until the terminal hangs up, nobody listens, or it is over.
fn read_keys(fd: &OwnedFd, inputs: &UnboundedSender<Input>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let is_ready = match ask(fd) {
            Ok(is_ready) => is_ready,
            Err(_gone) => {
                // With nobody listening there is nobody to tell.
                let _unheard = inputs.send(Input::HungUp);
                return;
            }
        };
        if is_ready && !is_over.load(Ordering::Relaxed) && !forward(inputs) {
            return;
        }
    }
}

/// Whether keys are waiting; an error when the terminal is gone.
fn ask(fd: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    match poll(&mut fds, Some(&ASK_EVERY)) {
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

/// Sends every event crossterm has ready; false when nobody listens or reading fails.
fn forward(inputs: &UnboundedSender<Input>) -> bool {
    loop {
        match event::poll(Duration::ZERO) {
            Ok(true) => {}
            Ok(false) => return true,
            Err(_gone) => return inputs.send(Input::HungUp).is_ok(),
        }
        let sent = match event::read() {
            Ok(Event::Key(key)) => inputs.send(Input::Key(key)),
            Ok(Event::Resize(..)) => inputs.send(Input::Resized),
            Ok(_) => Ok(()),
            Err(_gone) => return inputs.send(Input::HungUp).is_ok(),
        };
        if sent.is_err() {
            return false;
        }
    }
}
