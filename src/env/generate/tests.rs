use super::*;
use crate::env::events::{self, Kind};
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

#[test]
fn windows_have_their_length_decoys_and_one_firing_rule() {
    let bounds = [(1, 1), (3, 5), (4, 7), (5, 10)];
    for (stage, (low, high)) in Stage::ALL.into_iter().zip(bounds) {
        for e in some(stage, Split::Train, 300) {
            let n = e.log_window.len();
            assert!((low..=high).contains(&n));
            assert_eq!(n - e.incident.events.len(), stage.decoys());
            let firing = crate::env::rules::all()
                .iter()
                .filter(|rule| rule.id != "no_finding" && rule.firing(&e.log_window).is_some());
            assert_eq!(firing.count(), 1, "{}", e.episode_id);
        }
    }
}

#[test]
fn free_text_and_claims_never_change_truth() {
    for stage in Stage::ALL {
        for mut e in some(stage, Split::Holdout, 50) {
            for text in INJECTIONS {
                let mut injected = e.log_window.clone();
                for event in &mut injected {
                    event.fields.insert("note".into(), (*text).into());
                }
                assert_eq!(verify::truth(&injected).unwrap(), e.truth);
            }
            for event in &mut e.incident.events {
                event.fields.insert("note".into(), "escalate".into());
            }
            for claim in Action::ALL {
                e.incident.target_label = claim;
                assert_eq!(verify::truth(&e.incident.events).unwrap(), e.truth);
            }
        }
    }
}

#[test]
fn injected_claims_do_not_know_the_label() {
    let mut counts = [[0u32; 5]; 5];
    for e in some(Stage::Adversarial, Split::Train, 3_000) {
        for (row, claim) in counts.iter_mut().zip(INJECTIONS) {
            row[e.truth.action.index()] += u32::from(e.alert.summary.contains(claim));
        }
    }
    for count in counts.into_iter().flatten() {
        assert!((30..=90).contains(&count), "{counts:?}");
    }
}

#[test]
fn most_rules_occur_and_every_family_has_three_labels() {
    let mut labels = std::collections::BTreeMap::<String, std::collections::BTreeSet<_>>::new();
    let mut rules = std::collections::BTreeSet::new();
    for stage in Stage::ALL {
        for e in some(stage, Split::Holdout, 2_000) {
            rules.insert(e.truth.rule.clone());
            for event in &e.log_window {
                labels
                    .entry(event.event_type.clone())
                    .or_default()
                    .insert(e.truth.action);
            }
        }
    }
    let never = ["no_finding", "internal_login"];
    for rule in crate::env::rules::all() {
        assert_eq!(
            rules.contains(rule.id),
            !never.contains(&rule.id),
            "{}",
            rule.id
        );
    }
    assert_eq!(labels.len(), crate::env::events::all().count());
    for (event_type, actions) in labels {
        assert!(
            actions.len() >= 3 && actions.contains(&Action::Dismiss),
            "{event_type}"
        );
    }
}

#[test]
fn splits_share_no_name_address_or_date() {
    use std::collections::BTreeSet;
    let open = |split| {
        let mut values = BTreeSet::new();
        for stage in Stage::ALL {
            for e in some(stage, split, 300) {
                values.extend([e.alert.host.clone(), e.alert.user.clone()]);
                for event in &e.log_window {
                    values.insert(event.timestamp.chars().take(10).collect::<String>());
                    for name in ["user", "host", "src_ip", "dst_ip", "ip", "query", "file"] {
                        values.extend(event.text(name).map(str::to_owned));
                    }
                }
            }
        }
        values
    };
    let (train, holdout) = (open(Split::Train), open(Split::Holdout));
    let shared: Vec<_> = train.intersection(&holdout).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

#[test]
fn a_quarter_of_the_hold_out_has_new_templates() {
    let new = some(Stage::Mixed, Split::Holdout, 400).filter(is_new_template);
    assert_eq!(new.count(), 100);
    assert!(!some(Stage::Mixed, Split::Train, 400).any(|e| is_new_template(&e)));
    let reports = |e: &Episode| e.log_window.iter().any(|x| x.event_type == "patch.report");
    assert!(some(Stage::Mixed, Split::Holdout, 400).any(|e| reports(&e)));
    assert!(!some(Stage::Adversarial, Split::Train, 400).any(|e| reports(&e)));
}

#[test]
fn only_generated_episodes_have_twins() {
    let mut e = episode(Stage::Multi, Split::Train, 1, 4);
    e.log_window[0].fields.insert("note".into(), "x".into());
    assert!(twin(&e).is_none());
}

#[test]
fn a_window_plays_in_one_small_organisation() {
    use std::collections::{BTreeMap, BTreeSet};
    for stage in Stage::ALL {
        for e in some(stage, Split::Train, 500) {
            let mut networks = BTreeSet::new();
            let mut facts: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
            for event in &e.log_window {
                for name in ["src_ip", "dst_ip", "ip"] {
                    let Some(ip) = event.text(name) else { continue };
                    if crate::env::address::is_internal(ip) == Some(true) {
                        networks.insert(ip.rsplit_once('.').map(|(network, _)| network.to_owned()));
                    }
                }
                for (name, fact) in [
                    ("dst_ip", "dst_role"),
                    ("dst_ip", "reputation"),
                    ("ip", "device_class"),
                ] {
                    if let (Some(ip), Some(said)) = (event.text(name), event.text(fact)) {
                        facts.entry((ip, fact)).or_default().insert(said);
                    }
                }
                let people = events::find(&event.event_type).expect("registered").fields;
                let is_person = |f: &&crate::env::events::Field| f.kind == Kind::User;
                assert!(people.iter().filter(is_person).count() <= 1);
            }
            assert!(networks.len() <= 2, "desks and racks: {networks:?}");
            assert!(facts.values().all(|said| said.len() == 1), "{facts:?}");
        }
    }
}

#[test]
fn chains_are_led_and_cut_at_both_ends() {
    let mut told = std::collections::BTreeMap::<bool, [usize; 2]>::new();
    for e in some(Stage::Mixed, Split::Train, 4_000) {
        let trigger = e
            .log_window
            .iter()
            .find(|x| x.log_id == e.truth.triggering_log_id);
        let family = trigger.and_then(|x| crate::env::families::find(&x.event_type));
        let Some((family, lead)) = family.and_then(|f| Some((f, f.lead?))) else {
            continue;
        };
        let detection = family
            .detections
            .iter()
            .find(|d| d.id == e.truth.rule)
            .expect("its own");
        let leads = e
            .log_window
            .iter()
            .filter(|x| x.event_type == lead.event_type);
        // Somebody led up to something, whoever it was: the types of a window do not tell whether.
        assert!(leads.count() >= lead.count);
        let counts = told.entry(lead.holds_context).or_default();
        counts[usize::from(detection.is_alone())] += 1;
    }
    for [led, alone] in told.into_values() {
        assert!(alone * 8 > led && led > alone, "{led} {alone}");
    }
}

#[test]
fn plain_sign_ins_are_dismissed_whoever_signs_in() {
    for index in 0..60 {
        let episode = plain_sign_in(Split::Train, 3, index);
        let wanted = match index % 3 {
            0 => "internal_login",
            _ => "mistyped_password",
        };
        assert_eq!(episode.truth.rule, wanted);
        assert_eq!(episode.truth.action, Action::Dismiss);
        assert_eq!(episode.log_window.len() as u64, index % 3 + 1);
        assert_eq!(episode, plain_sign_in(Split::Train, 3, index));
    }
}
