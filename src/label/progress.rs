//! How far somebody has come: labels by state and by action. Pure.

use serde::Serialize;

use super::{Label, State};
use crate::env::schema::Action;

/// Counts of one annotator's labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// By state, in the order of [`State::ALL`].
    pub states: [usize; 5],
    /// Submitted ones by action, in the order of [`Action::ALL`].
    pub actions: [usize; 5],
    pub flagged: usize,
    /// Submitted ones that are the model's own answer.
    pub accepted: usize,
}

impl Counts {
    /// Counts `labels` of `episodes` episodes: those without a label are pending.
    pub fn of<'a>(labels: impl IntoIterator<Item = &'a Label>, episodes: usize) -> Self {
        let mut counts = Self::default();
        let mut touched = 0;
        for label in labels {
            let decision = &label.decision;
            touched += usize::from(decision.state != State::Pending);
            counts.flagged += usize::from(decision.is_flagged);
            if decision.state != State::Pending {
                count(&mut counts.states, decision.state as usize);
            }
            if let (State::Submitted, Some(action)) = (decision.state, decision.action) {
                count(&mut counts.actions, action.index());
                counts.accepted += usize::from(decision.is_accepted);
            }
        }
        if let Some(pending) = counts.states.first_mut() {
            *pending = episodes.saturating_sub(touched);
        }
        counts
    }

    /// How many are in `state`.
    #[must_use]
    pub fn in_state(&self, state: State) -> usize {
        self.states.get(state as usize).copied().unwrap_or(0)
    }

    /// How many submitted ones decide `action`.
    #[must_use]
    pub fn deciding(&self, action: Action) -> usize {
        self.actions.get(action.index()).copied().unwrap_or(0)
    }
}

fn count(slots: &mut [usize; 5], at: usize) {
    if let Some(slot) = slots.get_mut(at) {
        *slot += 1;
    }
}

/// Labels that say how fast somebody is, at least: of fewer, chance makes a rate.
pub const FEWEST: usize = 5;

/// Seconds that they take, at least.
const SHORTEST_S: u64 = 60;

/// Labels an hour, from the times (in seconds) at which they were submitted; none before the fifth, or within a minute.
#[must_use]
pub fn per_hour(times: &[u64]) -> Option<f64> {
    let (first, last) = (times.iter().min()?, times.iter().max()?);
    let seconds = last - first;
    let is_enough = times.len() >= FEWEST && seconds >= SHORTEST_S;
    is_enough.then(|| (times.len() - 1) as f64 * 3_600.0 / seconds as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Decision;
    use crate::label::testing::{decided, label};

    #[test]
    fn everything_is_counted_once() {
        let skipped = Decision {
            state: State::Skipped,
            is_flagged: true,
            ..Decision::default()
        };
        let mut accepted = decided(Action::Monitor, "L1-0", "r");
        accepted.is_accepted = true;
        let labels = [
            label("ann", "e1", decided(Action::Monitor, "L1-0", "r")),
            label("ann", "e2", accepted),
            label("ann", "e3", skipped),
            // Taken back: pending again.
            label("ann", "e4", Decision::default()),
        ];
        let counts = Counts::of(&labels, 10);
        assert_eq!(counts.states, [7, 0, 2, 1, 0]);
        assert_eq!(counts.states.iter().sum::<usize>(), 10);
        assert_eq!(counts.deciding(Action::Monitor), 2);
        assert_eq!(counts.deciding(Action::Dismiss), 0);
        assert_eq!((counts.flagged, counts.accepted), (1, 1));
        assert_eq!(counts.in_state(State::Skipped), 1);
    }

    #[test]
    fn a_rate_needs_five_labels_and_a_minute() {
        for (times, wanted) in [
            (&[][..], None),
            (&[100], None),
            (&[100, 103], None),
            (&[100, 130, 160, 400], None),
            (&[100, 101, 102, 103, 159], None),
            (&[100, 101, 102, 103, 160], Some(240.0)),
            (&[160, 100, 115, 130, 145], Some(240.0)),
        ] {
            assert_eq!(per_hour(times), wanted, "{times:?}");
        }
    }
}
