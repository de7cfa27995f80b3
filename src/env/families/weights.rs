//! How often the generator takes which family for which pair of labels.
//!
//! Episodes come in pairs of twins. The weights were fitted once, by iterative proportional fitting, so that labels are
//! uniform, every family keeps its share, and no family tells its label apart by more than 0.36.

use super::Reach;
use crate::env::schema::Action;

/// Weights by pair, in the order of [`pair_index`].
type Row = [u64; 10];

/// With single-event families alone.
const SINGLE: [Row; 4] = [
    [39, 86, 0, 136, 86, 0, 136, 0, 143, 0],
    [56, 100, 216, 0, 100, 216, 0, 250, 0, 0],
    [253, 0, 67, 25, 0, 67, 25, 0, 0, 500],
    [0; 10],
];

/// With every family.
const EVERY: [Row; 4] = [
    [44, 76, 0, 92, 76, 0, 92, 0, 119, 0],
    [71, 79, 148, 0, 79, 148, 0, 224, 0, 0],
    [103, 0, 116, 71, 0, 116, 71, 0, 0, 272],
    [54, 71, 58, 50, 71, 58, 50, 105, 49, 183],
];

/// The weight of a family of this reach for two labels.
#[must_use]
pub fn weight(reach: Reach, labels: (Action, Action), with_repeats: bool) -> u64 {
    let rows = if with_repeats { &EVERY } else { &SINGLE };
    let row = rows.get(match reach {
        Reach::QuarantineEscalate => 0,
        Reach::BlockQuarantine => 1,
        Reach::BlockEscalate => 2,
        Reach::Every => 3,
    });
    row.and_then(|row| row.get(pair_index(labels)))
        .copied()
        .unwrap_or(0)
}

/// Pairs of different actions in lexicographic order: dismiss-monitor is 0, `block_ip`-escalate 9. (Ten for equal ones.)
fn pair_index((a, b): (Action, Action)) -> usize {
    let (low, high) = (a.min(b).index(), a.max(b).index());
    (0..5)
        .flat_map(|i| (i + 1..5).map(move |j| (i, j)))
        .position(|pair| pair == (low, high))
        .unwrap_or(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_numbered_in_order() {
        use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};
        assert_eq!(pair_index((Monitor, Dismiss)), 0);
        assert_eq!(pair_index((Dismiss, Escalate)), 3);
        assert_eq!(pair_index((QuarantineHost, BlockIp)), 7);
        assert_eq!(pair_index((Escalate, BlockIp)), 9);
        assert_eq!(
            weight(Reach::BlockEscalate, (Dismiss, QuarantineHost), true),
            0
        );
    }
}
