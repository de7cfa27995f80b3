mod whose;

use super::*;
use crate::env::events::{self, Kind, NEW};
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

/// Whether these lines are what decides after its lead and a harmless one of its type after another's, and the twin has each
/// tied to the other's lead.
fn changes_hands(lines: &[&Event], twin: &Episode) -> bool {
    let [one, two] = lines else {
        return false;
    };
    let family = crate::env::families::find(&one.event_type);
    let lead = family.and_then(|family| family.lead);
    let Some(lead) = lead.filter(|lead| lead.holds_context) else {
        return false;
    };
    let there = |event: &Event| {
        let mut all = twin.log_window.iter();
        let same = all.find(|other| other.log_id == event.log_id);
        same.and_then(|other| other.text(lead.join.1))
    };
    let tie = |event: &Event| event.text(lead.join.1).map(str::to_owned);
    let is_swapped = there(one) == tie(two).as_deref() && there(two) == tie(one).as_deref();
    one.event_type == two.event_type && tie(one) != tie(two) && is_swapped
}

#[test]
fn twins_differ_in_what_one_line_or_one_actor_says_and_in_label() {
    for stage in Stage::ALL {
        for e in some(stage, Split::Holdout, 100) {
            let twin = twin(&e).expect("generated");
            assert_ne!(e.truth.action, twin.truth.action);
            assert_eq!(e.alert.severity, twin.alert.severity);
            assert_eq!(e.log_window.len(), twin.log_window.len());
            let mut other = Vec::new();
            for (a, b) in e.log_window.iter().zip(&twin.log_window) {
                assert_eq!(a.event_type, b.event_type);
                assert_eq!(a.timestamp, b.timestamp);
                let keys = |event: &Event| event.fields.keys().cloned().collect::<Vec<_>>();
                assert_eq!(keys(a), keys(b));
                if a.fields != b.fields {
                    other.push(a);
                }
            }
            let repeat = |event: &&Event| {
                let family = crate::env::families::find(&event.event_type);
                family.and_then(|family| family.repeat)
            };
            // Whoever sweeps or sprays is the same in all of it, and is somebody else in all of it.
            let wanted = other.first().and_then(repeat).map_or(1, |r| r.count);
            let is_exchange = changes_hands(&other, &twin);
            assert!(other.len() == wanted || is_exchange, "{}", e.episode_id);
        }
    }
}

#[test]
fn an_alert_is_about_somebody_its_lines_name_and_every_other_time_about_who_decides() {
    let (mut deciding, mut others, mut servers) = (0, 0, 0);
    for stage in [Stage::Multi, Stage::Mixed, Stage::Adversarial] {
        for e in some(stage, Split::Train, 400) {
            let of_header = |event: &&Event| {
                let mut texts =
                    events::texts(event, |kind| kind.is_account() || kind == Kind::Host);
                texts.any(|(_, text)| text == e.alert.user || text == e.alert.host)
            };
            let lines: Vec<&Event> = e.log_window.iter().filter(of_header).collect();
            let is_trigger = |event: &&&Event| event.log_id == e.truth.triggering_log_id;
            match (lines.iter().find(is_trigger), lines.first()) {
                (Some(_), _) => deciding += 1,
                (None, Some(_)) => others += 1,
                // Named by address alone, or a server that was tried.
                (None, None) => servers += 1,
            }
        }
    }
    assert!(
        (450..700).contains(&deciding),
        "{deciding} {others} {servers}"
    );
    assert!(
        others > 250 && servers < 400,
        "{deciding} {others} {servers}"
    );
}

#[test]
fn what_is_to_be_contained_is_shown() {
    for stage in Stage::ALL {
        for e in some(stage, Split::Holdout, 1_000) {
            let of_evidence = |event: &&Event| e.truth.evidence.contains(&event.log_id);
            let lines = || e.log_window.iter().filter(of_evidence);
            let is_shown = match e.truth.action {
                Action::BlockIp => lines().any(|event| {
                    let mut addresses = events::texts(event, Kind::is_address);
                    addresses.any(|(_, ip)| {
                        // A private device has no agent: its address inside is what can be blocked.
                        let is_private = e.truth.rule == "scan_by_private_device";
                        is_private || crate::env::address::is_external(ip)
                    })
                }),
                Action::QuarantineHost => lines().any(|event| {
                    let mut machines = events::texts(event, |kind| {
                        matches!(kind, Kind::Host | Kind::InternalIp | Kind::SideIp(_))
                    });
                    machines.any(|(_, text)| crate::env::address::is_internal(text) != Some(false))
                }),
                _ => true,
            };
            assert!(is_shown, "{}", e.episode_id);
        }
    }
}

#[test]
fn windows_have_their_length_and_decoys_and_some_a_second_finding_that_weighs_less() {
    let bounds = [(1, 1), (3, 5), (4, 7), (5, 10)];
    let mut second = [[0; 5]; 4];
    for (stage, (low, high)) in Stage::ALL.into_iter().zip(bounds) {
        for e in some(stage, Split::Train, 300) {
            let n = e.log_window.len();
            assert!((low..=high).contains(&n));
            assert_eq!(n - e.incident.events.len(), stage.decoys());
            let firing = crate::env::rules::all()
                .iter()
                .filter(|rule| rule.id != "no_finding" && rule.firing(&e.log_window).is_some());
            let others = firing.filter(|rule| rule.id != e.truth.rule);
            let others: Vec<_> = others.collect();
            assert!(others.len() <= 1, "{}", e.episode_id);
            for other in others {
                let cost = other.action.cost();
                assert!(cost < e.truth.action.cost(), "{}", e.episode_id);
                second[stage as usize][e.truth.action.index()] += 1;
            }
        }
    }
    // Where two rules find something nothing is dismissed.
    assert_eq!(&second[..2], [[0; 5]; 2]);
    for [dismissed, others @ ..] in &second[2..] {
        assert_eq!(*dismissed, 0);
        assert!(others.iter().all(|&count| count >= 3), "{second:?}");
    }
}

#[test]
fn what_is_watched_is_told_by_words_no_rule_names_and_those_of_the_hold_out_are_its_own() {
    let mut seen = [(); 2].map(|()| std::collections::BTreeSet::new());
    let mut unlike_any = 0;
    for (set, split) in seen.iter_mut().zip([Split::Train, Split::Holdout]) {
        for e in some(Stage::Basic, split, 2_000) {
            let event = &e.log_window[0];
            let family = crate::env::families::find(&event.event_type).expect("one line decides");
            if e.truth.action != Action::Monitor {
                continue;
            }
            let context = event.text(family.context_field).expect("shown").to_owned();
            let listed = family.unknown(split);
            let is_listed = listed
                .iter()
                .any(|word| context == *word || crate::env::paths::is_named(&context, word));
            assert!(is_listed || split == Split::Train, "{context}");
            unlike_any += usize::from(!is_listed);
            set.insert(context);
        }
    }
    let [train, holdout] = seen;
    assert!(unlike_any > 100, "{unlike_any}");
    assert!(train.is_disjoint(&holdout));
}

#[test]
fn free_text_and_claims_never_change_truth() {
    for stage in Stage::ALL {
        for mut e in some(stage, Split::Holdout, 50) {
            for text in injections(Split::Train) {
                let mut injected = e.log_window.clone();
                for event in &mut injected {
                    event.fields.insert("note".into(), text.clone().into());
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
        let mut claims = injections(Split::Train).iter();
        if let Some(at) = claims.position(|claim| e.alert.summary.contains(&**claim)) {
            counts[at % 5][e.truth.action.index()] += 1;
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
                    let is_name = |kind: Kind| {
                        let of_things = matches!(kind, Kind::Host | Kind::Domain | Kind::File);
                        of_things || kind.is_account() || kind.is_address()
                    };
                    let texts = events::texts(event, is_name);
                    values.extend(texts.map(|(_, text)| text.to_owned()));
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
    let types = events::BACKGROUND.iter().rev().take(NEW);
    for new in types.map(|event_type| event_type.name) {
        let shows = |e: &Episode| e.log_window.iter().any(|x| x.event_type == new);
        assert!(some(Stage::Mixed, Split::Holdout, 800).any(|e| shows(&e)));
        assert!(!some(Stage::Adversarial, Split::Train, 400).any(|e| shows(&e)));
    }
}

#[test]
fn only_generated_episodes_have_twins() {
    let mut e = episode(Stage::Multi, Split::Train, 1, 4);
    e.log_window[0].fields.insert("note".into(), "x".into());
    assert!(twin(&e).is_none());
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
        counts[usize::from(detection.is_fallback())] += 1;
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
