//! How often the generator takes a family of which reach for which pair of labels.
//!
//! Episodes come in pairs of twins. The weights solve for three things at once: labels are uniform, every reach keeps its
//! share, and within a reach dismiss and monitor are as frequent as in all episodes, so that no event type tells its label
//! apart by more than 0.30. (Restricted reaches need equal shares for that: each lacks one of the malicious labels.)

use super::Reach;
use crate::env::schema::Action;

/// Weights by pair, in the order of [`pair_index`].
type Row = [u64; 10];

/// With families of one line alone: a third each of the restricted reaches.
const SINGLE: [Row; 4] = [
    [333, 500, 0, 500, 500, 0, 500, 0, 1000, 0],
    [333, 500, 500, 0, 500, 500, 0, 1000, 0, 0],
    [333, 0, 500, 500, 0, 500, 500, 0, 0, 1000],
    [0; 10],
];

/// With every family: 0.23 each, and 0.31 for those that can ask for everything.
const EVERY: [Row; 4] = [
    [220, 350, 0, 350, 350, 0, 350, 0, 680, 0],
    [220, 350, 350, 0, 350, 350, 0, 680, 0, 0],
    [220, 0, 350, 350, 0, 350, 350, 0, 0, 680],
    [341, 300, 300, 300, 300, 300, 300, 320, 320, 320],
];

/// The weight of families of this reach, together, for two labels.
#[must_use]
pub fn weight(reach: Reach, labels: (Action, Action), with_relations: bool) -> u64 {
    let rows = if with_relations { &EVERY } else { &SINGLE };
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
    use Action::{BlockIp, Dismiss, Escalate, Monitor, QuarantineHost};

    const REACHES: [Reach; 4] = [
        Reach::QuarantineEscalate,
        Reach::BlockQuarantine,
        Reach::BlockEscalate,
        Reach::Every,
    ];

    #[test]
    fn pairs_are_numbered_in_order() {
        assert_eq!(pair_index((Monitor, Dismiss)), 0);
        assert_eq!(pair_index((Dismiss, Escalate)), 3);
        assert_eq!(pair_index((QuarantineHost, BlockIp)), 7);
        assert_eq!(pair_index((Escalate, BlockIp)), 9);
        assert_eq!(
            weight(Reach::BlockEscalate, (Dismiss, QuarantineHost), true),
            0
        );
    }

    #[test]
    fn no_reach_tells_its_label_by_more_than_three_tenths() {
        let pairs =
            || (0..5).flat_map(|i| (i + 1..5).map(move |j| (Action::ALL[i], Action::ALL[j])));
        for with_relations in [false, true] {
            // Pairs are drawn alike often: a weight counts by its share among the reaches of its pair.
            let share = |reach, pair| {
                let total: u64 = REACHES
                    .iter()
                    .map(|r| weight(*r, pair, with_relations))
                    .sum();
                weight(reach, pair, with_relations) as f64 / total as f64
            };
            for reach in REACHES {
                let of = |label: Option<Action>| -> f64 {
                    let holds = |p: &(Action, Action)| label.is_none_or(|l| p.0 == l || p.1 == l);
                    pairs().filter(holds).map(|p| share(reach, p)).sum()
                };
                for label in Action::ALL {
                    let found = of(Some(label)) / 2.0 / of(None).max(1e-9);
                    assert!(found <= 0.305, "{reach:?} {label}: {found}");
                    if [Dismiss, Monitor].contains(&label) && of(None) > 0.0 {
                        assert!((found - 0.2).abs() < 0.01, "{reach:?} {label}: {found}");
                    }
                }
            }
        }
        assert_eq!(weight(Reach::Every, (BlockIp, Escalate), false), 0);
    }
}
