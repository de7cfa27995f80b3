//! When to draw: nothing while nothing changes, a key at once, data at most so often and less on a slow line.
//!
//! Pure: time is handed in, so tests need no clock.

use std::time::Duration;

/// Shortest time between two frames that only data asked for (10 a second).
pub const DATA_INTERVAL: Duration = Duration::from_millis(100);

/// Longest back-off on a slow line.
const MAX_INTERVAL: Duration = Duration::from_secs(2);

/// Why a frame is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Facts arrived: soon.
    Data,
    /// Somebody pressed a key or resized: now.
    Input,
}

/// Decides when the next frame is drawn.
#[derive(Debug, Default)]
pub struct Pace {
    wanted: Option<Urgency>,
    last_draw: Option<Duration>,
    last_cost: Duration,
}

impl Pace {
    /// Something visible changed.
    pub fn want(&mut self, urgency: Urgency) {
        self.wanted = self.wanted.max(Some(urgency));
    }

    /// How long from `now` until a frame is due; `None` while none is wanted.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        match self.wanted? {
            Urgency::Input => Some(Duration::ZERO),
            Urgency::Data => {
                let interval = DATA_INTERVAL.max(self.last_cost * 4).min(MAX_INTERVAL);
                let next = self.last_draw.map_or(Duration::ZERO, |at| at + interval);
                Some(next.saturating_sub(now))
            }
        }
    }

    /// Whether to draw at `now`.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        self.wait(now) == Some(Duration::ZERO)
    }

    /// A frame went out at `now`, and writing it took `cost`.
    pub fn drawn(&mut self, now: Duration, cost: Duration) {
        self.wanted = None;
        self.last_draw = Some(now);
        self.last_cost = cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn idle_never_draws() {
        let mut pace = Pace::default();
        assert_eq!(pace.wait(ms(0)), None);
        pace.want(Urgency::Input);
        assert!(pace.is_due(ms(1)));
        pace.drawn(ms(1), ms(1));
        for now in 0..10_000 {
            assert!(!pace.is_due(ms(now)));
        }
    }

    #[test]
    fn data_waits_and_keys_do_not() {
        let mut pace = Pace::default();
        pace.drawn(ms(1_000), ms(1));
        pace.want(Urgency::Data);
        assert_eq!(pace.wait(ms(1_030)), Some(ms(70)));
        assert!(pace.is_due(ms(1_100)));
        pace.want(Urgency::Input);
        assert!(pace.is_due(ms(1_031)));
    }

    #[test]
    fn a_slow_line_is_drawn_on_less_often() {
        let mut pace = Pace::default();
        pace.drawn(ms(0), ms(200));
        pace.want(Urgency::Data);
        assert_eq!(pace.wait(ms(0)), Some(ms(800)));
        pace.drawn(ms(0), ms(60_000));
        pace.want(Urgency::Data);
        assert_eq!(pace.wait(ms(0)), Some(MAX_INTERVAL));
    }

    #[test]
    fn a_thousand_facts_a_second_make_ten_frames() {
        let mut pace = Pace::default();
        let mut frames = 0;
        for now in 0..1_000 {
            pace.want(Urgency::Data);
            if pace.is_due(ms(now)) {
                frames += 1;
                pace.drawn(ms(now), ms(1));
            }
        }
        assert_eq!(frames, 10);
    }
}
