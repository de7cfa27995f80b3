//! How long a run has worked: a pause does not count, neither afterwards nor while it lasts.

use std::time::{Duration, Instant};

/// The clock of a run's work.
#[derive(Debug)]
pub(super) struct WorkClock {
    /// Seconds of work in processes before this one.
    before: f64,
    /// When work began in this process, less pauses.
    started: Instant,
}

impl WorkClock {
    /// Begins at `now` after so many seconds of work.
    pub(super) const fn new(before: f64, now: Instant) -> Self {
        Self {
            before,
            started: now,
        }
    }

    /// Seconds of work so far.
    pub(super) fn seconds(&self, now: Instant) -> f64 {
        let here = now.saturating_duration_since(self.started);
        self.before + here.as_secs_f64()
    }

    /// Leaves out what has just passed without work.
    pub(super) fn leave_out(&mut self, idle: Duration) {
        self.started += idle;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_does_not_count_while_it_lasts() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let mut clock = WorkClock::new(100.0, begin);
        let mut now = begin + 10 * second;
        assert_eq!(clock.seconds(now), 110.0);
        for _ in 0..50 {
            now += second;
            clock.leave_out(second);
            assert_eq!(clock.seconds(now), 110.0);
        }
        assert_eq!(clock.seconds(now + 5 * second), 115.0);
        assert_eq!(clock.seconds(begin), 100.0, "never less than before");
    }
}
