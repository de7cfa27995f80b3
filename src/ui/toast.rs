//! How long the message at the bottom stands. Pure: time is handed in.

use std::time::Duration;

use crate::ui::app::Toast;

/// How long a message stands at the bottom unless a key takes it away.
const TOAST_STANDS: Duration = Duration::from_secs(8);

/// When the message at the bottom goes away by itself.
#[derive(Default)]
pub(super) struct ToastClock {
    shown: Option<Toast>,
    until: Option<Duration>,
}

impl ToastClock {
    /// Starts the time of a message that is new.
    pub(super) fn follow(&mut self, toast: Option<&Toast>, now: Duration) {
        if self.shown.as_ref() != toast {
            self.shown = toast.cloned();
            self.until = toast.map(|_| now + TOAST_STANDS);
        }
    }

    /// How long it stands yet.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(now))
    }
}
