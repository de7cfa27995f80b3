use super::*;
use crate::env::{gold, verdict};

fn some(stage: Stage, split: Split, count: u64) -> impl Iterator<Item = Episode> {
    (0..count).map(move |i| episode(stage, split, 7, i))
}

#[test]
fn every_label_twice_in_ten_and_gold_earns_the_most() {
    for stage in Stage::ALL {
        let mut counts = [0; 5];
        for e in some(stage, Split::Train, 200) {
            counts[e.truth.action.index()] += 1;
            let verdict = verdict::judge(&e, &gold::response(&e));
            assert!((verdict.reward - 1.1).abs() < 1e-6, "{verdict:?}");
        }
        assert_eq!(counts, [40; 5], "{stage}");
    }
}

#[test]
fn twins_differ_in_one_value_and_in_label() {
    for stage in Stage::ALL {
        for e in some(stage, Split::Holdout, 100) {
            let twin = twin(&e).expect("generated");
            assert_ne!(e.truth.action, twin.truth.action);
            assert_eq!(e.alert, twin.alert);
            assert_eq!(e.log_window.len(), twin.log_window.len());
            let mut differences = 0;
            for (a, b) in e.log_window.iter().zip(&twin.log_window) {
                assert_eq!(a.event_type, b.event_type);
                assert_eq!(a.timestamp, b.timestamp);
                let keys = |event: &Event| event.fields.keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(a), keys(b));
                differences += a
                    .fields
                    .iter()
                    .filter(|(key, value)| b.fields.get(*key) != Some(value))
                    .count();
            }
            assert_eq!(differences, 1, "{}", e.episode_id);
        }
    }
}
