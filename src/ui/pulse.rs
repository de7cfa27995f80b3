//! When to look again at what may have changed behind the screen. Pure: time is handed in.

use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(3);

/// The time of the next look, while anybody wants one.
#[derive(Default)]
pub(super) struct Pulse {
    next: Option<Duration>,
}

impl Pulse {
    /// Begins when looks are wanted, ends when they are not.
    pub(super) fn follow(&mut self, is_wanted: bool, now: Duration) {
        self.next = is_wanted.then(|| self.next.unwrap_or(now + EVERY));
    }

    /// How long until the next look.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        self.next.map(|next| next.saturating_sub(now))
    }

    /// Whether it is time; the one after is as far off again.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due {
            self.next = Some(now + EVERY);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_beats_only_while_it_is_wanted() {
        let at = Duration::from_secs;
        let mut pulse = Pulse::default();
        pulse.follow(false, at(0));
        assert!(pulse.wait(at(9)).is_none() && !pulse.is_due(at(9)));
        pulse.follow(true, at(10));
        pulse.follow(true, at(12));
        assert_eq!(pulse.wait(at(12)), Some(at(1)), "begun once");
        assert!(!pulse.is_due(at(12)) && pulse.is_due(at(14)));
        assert_eq!(pulse.wait(at(14)), Some(EVERY));
        pulse.follow(false, at(15));
        assert!(!pulse.is_due(at(99)));
    }
}
