//! What stays true of truth, whatever the incident: thousands of drawn windows, each changed in a way that must not matter, or
//! that may only raise the cost.

#![expect(clippy::expect_used, reason = "a test stops where it goes wrong")]

mod command;

use std::collections::{BTreeMap, BTreeSet};

use command::{opensoc, text};
use opensoc::env::address::is_internal;
use opensoc::env::events::{self, Kind};
use opensoc::env::families::{self, Family};
use opensoc::env::login::{FAILURE, SUCCESS};
use opensoc::env::rules;
use opensoc::env::schema::{Action, Episode, Event, Split, Stage, Truth};
use opensoc::env::{generate, plausible, verify};
use opensoc::stream::Stream;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Episodes of every stage and both splits.
fn episodes() -> impl Strategy<Value = Episode> {
    (0usize..4, any::<bool>(), 0u64..1_000, 0u64..4_000).prop_map(|(stage, train, seed, index)| {
        let split = if train { Split::Train } else { Split::Holdout };
        generate::episode(Stage::ALL[stage], split, seed, index)
    })
}

/// Episodes that `is_wanted`, found from a drawn one on: what is asked of few windows is asked of as many.
fn episodes_with(is_wanted: fn(&Episode) -> bool) -> impl Strategy<Value = Episode> {
    let drawn = (0usize..4, any::<bool>(), 0u64..1_000, 0u64..4_000);
    drawn.prop_map(move |(stage, train, seed, index)| {
        let split = if train { Split::Train } else { Split::Holdout };
        let draw = |n: usize| {
            generate::episode(Stage::ALL[(stage + n) % 4], split, seed, index + n as u64)
        };
        (0..2_000)
            .map(draw)
            .find(is_wanted)
            .expect("one in two thousand")
    })
}

/// Whether somebody is refused here: a wrong password, a ticket not granted, a push denied.
fn is_failure(event: &Event) -> bool {
    [FAILURE, "auth.kerberos_failure", "auth.mfa_deny"].contains(&&*event.event_type)
}

fn has_failure(episode: &Episode) -> bool {
    episode.log_window.iter().any(is_failure)
}

fn has_hot_line(episode: &Episode) -> bool {
    let is_hot = |event: &Event| {
        families::find(&event.event_type).is_some_and(|family| rules::is_hot(family, event))
    };
    episode.log_window.iter().any(is_hot)
}

fn decides_alone(episode: &Episode) -> bool {
    episode.log_window.len() > 1 && subject(episode).is_some_and(|family| !family.is_relational())
}

fn truth(events: &[Event]) -> Truth {
    verify::truth(events).expect("ids are sound")
}

/// What a line shows of its subject: it belongs to the family, or leads up to its events.
fn belongs(family: &Family, event: &Event) -> bool {
    event.event_type == family.event_type
        || family
            .lead
            .is_some_and(|lead| lead.event_type == event.event_type)
}

/// The family the truth turns on; `None` for sign-ins.
fn subject(episode: &Episode) -> Option<&'static Family> {
    let trigger = &episode.truth.triggering_log_id;
    let event = episode.log_window.iter().find(|e| e.log_id == *trigger)?;
    families::find(&event.event_type)
}

/// Names, machines, addresses and files of a line.
fn names(event: &Event) -> BTreeSet<&str> {
    let fields = events::find(&event.event_type).map_or(&[][..], |found| found.fields);
    let is_name = |kind: Kind| {
        let of_things = matches!(kind, Kind::Host | Kind::File | Kind::Domain);
        of_things || kind.is_account() || kind.is_address()
    };
    let named = fields.iter().filter(|field| is_name(field.kind));
    named.filter_map(|field| event.text(field.name)).collect()
}

/// Gives every line the id of its place, under another turn.
fn renumbered(events: &mut [Event]) {
    for (n, event) in events.iter_mut().enumerate() {
        event.log_id = format!("L7-{n}");
    }
}

/// What a truth says apart from ids: the rule, and which line of `events` it names.
fn told(events: &[Event]) -> (String, Option<Event>) {
    let truth = truth(events);
    let mut named = events
        .iter()
        .find(|e| e.log_id == truth.triggering_log_id)
        .cloned();
    if let Some(event) = &mut named {
        event.log_id.clear();
        event.timestamp.clear();
    }
    (truth.rule, named)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_trigger_completes_the_evidence_and_windows_could_have_happened(episode in episodes()) {
        let Truth { evidence, triggering_log_id, .. } = &episode.truth;
        prop_assert_eq!(evidence.last(), Some(triggering_log_id));
        let place = |id: &String| episode.log_window.iter().position(|e| e.log_id == *id);
        let places: Vec<Option<usize>> = evidence.iter().map(place).collect();
        prop_assert!(places.iter().all(Option::is_some) && places.is_sorted());
        for events in [&episode.log_window, &episode.incident.events] {
            prop_assert_eq!(plausible::check(&episode.incident.category, events), Ok(()));
            prop_assert_eq!(&truth(events), &episode.truth);
        }
    }

    #[test]
    fn free_text_times_and_ids_say_nothing(mut episode in episodes(), text in ".{0,40}") {
        let before = told(&episode.log_window);
        for event in &mut episode.log_window {
            event.fields.insert("note".into(), text.clone().into());
            event.timestamp = "2026-01-01T00:00:00Z".into();
        }
        renumbered(&mut episode.log_window);
        let (rule, named) = told(&episode.log_window);
        prop_assert_eq!(rule, before.0);
        let without_note = named.map(|mut event| { event.fields.remove("note"); event.fields });
        let was = before.1.map(|mut event| { event.fields.remove("note"); event.fields });
        prop_assert_eq!(without_note, was);
    }

    #[test]
    fn people_and_machines_may_be_called_anything(mut episode in episodes()) {
        let before = truth(&episode.log_window);
        let mut called: BTreeMap<String, String> = BTreeMap::new();
        for event in &mut episode.log_window {
            let fields = events::find(&event.event_type).expect("registered").fields;
            for field in fields {
                let stem = match field.kind {
                    Kind::User | Kind::Person => "user",
                    Kind::Host => "host",
                    Kind::File => "file",
                    Kind::Domain => "domain",
                    _ => continue,
                };
                if let Some(name) = event.text(field.name).map(str::to_owned) {
                    let next = format!("{stem} {}", called.len());
                    let new = called.entry(name).or_insert(next).clone();
                    event.fields.insert(field.name.into(), new.into());
                }
            }
        }
        prop_assert_eq!(truth(&episode.log_window), before);
    }

    #[test]
    fn lines_that_have_nothing_to_do_with_it_may_stand_anywhere(episode in episodes(), to in 0usize..10, which in 0usize..10) {
        let before = told(&episode.log_window);
        let family = subject(&episode);
        let is_other = |event: &Event| match family {
            Some(family) => !belongs(family, event),
            None => event.event_type != FAILURE && event.event_type != SUCCESS,
        };
        let mut window = episode.log_window;
        let others: Vec<usize> = (0..window.len()).filter(|&i| is_other(&window[i])).collect();
        if !others.is_empty() {
            let line = window.remove(others[which % others.len()]);
            let to = to % (window.len() + 1);
            window.insert(to, line);
            prop_assert_eq!(told(&window), before);
        }
    }

    #[test]
    fn a_line_that_decides_alone_decides_in_any_order(episode in episodes_with(decides_alone), seed in any::<u64>()) {
        let before = told(&episode.log_window);
        let mut window = episode.log_window;
        Stream::named(seed, &["order"]).shuffle(&mut window);
        prop_assert_eq!(told(&window), before);
    }

    #[test]
    fn words_may_be_written_in_any_case(mut episode in episodes()) {
        let before = truth(&episode.log_window);
        for event in &mut episode.log_window {
            for field in events::find(&event.event_type).expect("registered").fields {
                let is_word = matches!(field.kind, Kind::Word | Kind::Program);
                if let Some(word) = event.text(field.name).filter(|_| is_word) {
                    let loud = word.to_ascii_uppercase();
                    event.fields.insert(field.name.into(), loud.into());
                }
            }
        }
        prop_assert_eq!(truth(&episode.log_window), before);
    }

    #[test]
    fn what_nobody_knows_of_a_line_that_decides_is_watched(
        episode in episodes_with(decides_alone), unknown in "[a-z]{1,12}\\PC?|"
    ) {
        let family = subject(&episode).expect("decides alone");
        let mut window = episode.log_window;
        let place = |e: &Event| e.log_id == episode.truth.triggering_log_id;
        let at = window.iter().position(place).expect("in the window");
        let is_known = family.detections.iter().flat_map(|d| d.values).any(|w| w.eq_ignore_ascii_case(&unknown));
        prop_assume!(!is_known);
        // A second finding that is watched weighs the same then, and may stand first in the table.
        let mut others = window.clone();
        others.remove(at);
        prop_assume!(others.is_empty() || truth(&others).action != Action::Monitor);
        window[at].fields.insert(family.context_field.into(), unknown.into());
        let after = truth(&window);
        prop_assert_eq!(after.action, Action::Monitor);
        prop_assert_eq!(after.triggering_log_id, episode.truth.triggering_log_id);
    }

    #[test]
    fn ids_may_be_any_and_in_any_order(episode in episodes(), seed in any::<u64>()) {
        let before = truth(&episode.log_window);
        let mut stream = Stream::named(seed, &["ids"]);
        let mut numbers: Vec<usize> = (0..episode.log_window.len()).map(|n| 3 * n + 1).collect();
        stream.shuffle(&mut numbers);
        let turn = stream.between(0, 99);
        let mut renamed: BTreeMap<String, String> = BTreeMap::new();
        let mut window = episode.log_window.clone();
        for (event, number) in window.iter_mut().zip(numbers) {
            let id = format!("L{turn}-{number}");
            renamed.insert(std::mem::replace(&mut event.log_id, id.clone()), id);
        }
        let after = truth(&window);
        prop_assert_eq!(after.action, before.action);
        prop_assert_eq!(&after.rule, &before.rule);
        prop_assert_eq!(&after.triggering_log_id, &renamed[&before.triggering_log_id]);
        let evidence: Vec<&String> = before.evidence.iter().map(|id| &renamed[id]).collect();
        prop_assert_eq!(after.evidence.iter().collect::<Vec<_>>(), evidence);
    }

    #[test]
    fn addresses_may_be_any_of_their_side(mut episode in episodes(), seed in any::<u64>()) {
        let before = truth(&episode.log_window);
        let mut stream = Stream::named(seed, &["addresses"]);
        let mut called: BTreeMap<String, String> = BTreeMap::new();
        for event in &mut episode.log_window {
            for field in events::find(&event.event_type).expect("registered").fields {
                if !field.kind.is_address() {
                    continue;
                }
                let Some(was) = event.text(field.name).map(str::to_owned) else { continue };
                let place = called.len() as u64 + 1;
                let fresh = match is_internal(&was) {
                    Some(true) => format!("10.{}.{}.{place}", stream.below(256), stream.below(256)),
                    _ => format!("93.184.{}.{place}", stream.below(256)),
                };
                let new = called.entry(was).or_insert(fresh).clone();
                event.fields.insert(field.name.into(), new.into());
            }
        }
        prop_assert_eq!(truth(&episode.log_window), before);
    }

    #[test]
    fn decoys_of_strangers_change_nothing(episode in episodes(), other in episodes(), at in 0usize..10) {
        let before = told(&episode.log_window);
        let known: BTreeSet<&str> = episode.log_window.iter().flat_map(names).collect();
        let incident: Vec<&str> = other.incident.events.iter().map(|e| &*e.log_id).collect();
        let is_decoy = |e: &&Event| !incident.contains(&&*e.log_id) && names(e).is_disjoint(&known);
        let decoys: Vec<Event> = other.log_window.iter().filter(is_decoy).cloned().collect();
        let mut window = episode.log_window.clone();
        let at = at % (window.len() + 1);
        window.splice(at..at, decoys);
        renumbered(&mut window);
        prop_assert_eq!(told(&window), before);
    }

    #[test]
    fn more_failures_never_lower_the_cost(episode in episodes_with(has_failure), at in 0usize..10) {
        let failures = episode.log_window.iter().filter(|event| is_failure(event));
        let failures: Vec<Event> = failures.cloned().collect();
        for failure in failures {
            let mut window = episode.log_window.clone();
            window.insert(at % (window.len() + 1), failure);
            renumbered(&mut window);
            prop_assert!(truth(&window).action.cost() >= episode.truth.action.cost());
        }
    }

    #[test]
    fn more_of_what_raised_the_alert_never_lowers_the_cost(episode in episodes_with(has_hot_line), at in 0usize..10, copies in 1usize..4) {
        let hot = episode.log_window.iter().filter(|event| {
            families::find(&event.event_type).is_some_and(|family| rules::is_hot(family, event))
        });
        let hot: Vec<Event> = hot.cloned().collect();
        for event in hot {
            let mut window = episode.log_window.clone();
            for _ in 0..copies {
                window.insert(at % (window.len() + 1), event.clone());
            }
            renumbered(&mut window);
            prop_assert!(truth(&window).action.cost() >= episode.truth.action.cost());
        }
    }

    #[test]
    fn a_lead_never_makes_its_event_cheaper_than_what_it_says(episode in episodes(), context in any::<prop::sample::Index>()) {
        let Some(family) = subject(&episode) else { return Ok(()) };
        let Some(lead) = family.lead.filter(|lead| lead.holds_context) else { return Ok(()) };
        let told: Vec<_> = family.detections.iter().filter(|d| !d.is_fallback()).collect();
        let detection = told[context.index(told.len())];
        let place = |e: &Event| e.log_id == episode.truth.triggering_log_id;
        let at = episode.log_window.iter().position(place).expect("in the window");
        let mut window = episode.log_window.clone();
        let mut fields = serde_json::Map::new();
        let tie = window[at].fields.get(lead.join.1).expect("tied").clone();
        fields.insert(lead.join.0.into(), tie);
        fields.insert(family.context_field.into(), detection.values[0].into());
        let event = Event { event_type: lead.event_type.into(), fields, ..window[at].clone() };
        window.insert(0, event);
        renumbered(&mut window);
        let after = truth(&window);
        prop_assert!(after.action.cost() >= detection.action.cost());
        // Alone it was only watched: an innocent lead may explain that. Led, another lead never takes back what the first said.
        if episode.truth.evidence.len() > 1 {
            prop_assert!(after.action.cost() >= episode.truth.action.cost());
        }
    }
}

/// The episode with everything said about it changed, and nothing of what went on: another's header, and an action that is
/// not the true one wherever an action is told.
fn retold(episode: &Episode, other: &Episode, text: &str) -> Episode {
    let wrong = Action::ALL[(episode.truth.action.index() + 1) % Action::ALL.len()];
    let claim = format!("{text} {wrong}");
    let mut retold = episode.clone();
    retold.alert = other.alert.clone();
    retold.alert.summary = claim.clone();
    retold.incident.narrative = claim;
    retold.incident.target_label = wrong;
    retold.truth = other.truth.clone();
    retold.truth.action = wrong;
    retold
}

/// What `opensoc verify` prints of these lines, asked in one go.
fn verified(lines: &str) -> Vec<Value> {
    let home = tempfile::tempdir().expect("folder");
    let file = home.path().join("lines.jsonl");
    std::fs::write(&file, lines).expect("written");
    let output = opensoc(home.path(), &["verify", file.to_str().expect("a path")]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    let answers = text(&output.stdout);
    let answers = answers.lines().map(serde_json::from_str);
    answers.collect::<Result<_, _>>().expect("JSON")
}

proptest! {
    // A process a batch: what is found is made smaller by a few of them only.
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn narrative_label_and_header_say_nothing(
        batch in prop::collection::vec((episodes(), episodes(), "[^\\x00\\n]{0,60}"), 250)
    ) {
        let mut lines = String::new();
        for (episode, other, text) in &batch {
            let retold = retold(episode, other, text);
            prop_assert_ne!(&retold, episode);
            let (was, is) = (&episode.incident, &retold.incident);
            for line in [json!(episode), json!(retold), json!(was), json!(is)] {
                lines += &format!("{line}\n");
            }
        }
        let answers = verified(&lines);
        prop_assert_eq!(answers.len(), 4 * batch.len());
        for ((episode, ..), answers) in batch.iter().zip(answers.chunks(4)) {
            for answer in answers {
                prop_assert_eq!(&answer["action"], episode.truth.action.as_str());
                prop_assert_eq!(&answer["triggering_log_id"], &episode.truth.triggering_log_id);
                prop_assert_eq!(&answer["rule"], &episode.truth.rule);
            }
            prop_assert_eq!(&answers[1], &answers[0]);
            prop_assert_eq!(&answers[3], &answers[2]);
        }
    }
}

#[test]
fn every_rule_but_the_pinned_one_and_the_last_fires_in_drawn_episodes() {
    let mut fired: BTreeMap<String, usize> = BTreeMap::new();
    let mut labels: BTreeMap<String, BTreeSet<Action>> = BTreeMap::new();
    for stage in Stage::ALL {
        for index in 0..5_000 {
            let episode = generate::episode(stage, Split::Train, 31, index);
            *fired.entry(episode.truth.rule.clone()).or_default() += 1;
            for event in episode.log_window {
                labels
                    .entry(event.event_type)
                    .or_default()
                    .insert(episode.truth.action);
            }
        }
    }
    for rule in rules::all() {
        let count = fired.get(rule.id).copied().unwrap_or(0);
        let never = ["internal_login", "no_finding"].contains(&rule.id);
        assert!(never == (count == 0), "{}: {count}", rule.id);
        assert!(never || count >= 20, "{}: {count}", rule.id);
    }
    // The last types are the hold-out's.
    assert_eq!(labels.len() + events::NEW, events::all().count());
    for (event_type, actions) in labels {
        assert!(
            actions.len() >= 3 && actions.contains(&Action::Dismiss),
            "{event_type}"
        );
    }
}
