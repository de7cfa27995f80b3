//! Every rule fires on its case and not on a near-miss, and what the contract pins stays pinned.

mod sign_ins;

use serde_json::{Map, Value, json};

use super::*;
use crate::env::verify;

fn event(n: usize, event_type: &str, fields: Value) -> Event {
    let Value::Object(fields) = fields else {
        panic!("fields are an object")
    };
    Event {
        log_id: format!("L1-{n}"),
        timestamp: format!("2026-04-25T10:00:{n:02}Z"),
        source: String::new(),
        event_type: event_type.into(),
        fields,
    }
}

fn rule_of(events: &[Event]) -> (String, String) {
    let truth = verify::truth(events).expect("events");
    (truth.rule, truth.triggering_log_id)
}

/// What completes a detection: hot events, the last with `context`, and before them what leads up to it.
fn case(family: &Family, surface: &Value, context: Option<&str>, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    let lead = family.lead.filter(|_| context.is_some());
    if let Some(lead) = lead {
        for _ in 0..lead.count {
            let mut fields = Map::new();
            fields.insert(lead.join.0.into(), tie(family));
            if lead.holds_context {
                fields.insert(family.context_field.into(), context.into());
            }
            events.push(event(events.len(), lead.event_type, Value::Object(fields)));
        }
    }
    for n in 0..count {
        let mut fields = Map::new();
        if let Some(name) = family.external {
            fields.insert(name.into(), "8.8.8.8".into());
        }
        if let Some(lead) = family.lead {
            fields.insert(lead.join.1.into(), tie(family));
        }
        for name in family.repeat.iter().flat_map(|r| r.same) {
            fields.insert((*name).into(), "same".into());
        }
        if let Some(name) = family.repeat.and_then(|r| r.distinct) {
            fields.insert(name.into(), format!("10.0.0.{n}").into());
        }
        fields.insert(family.surface_field.into(), surface.clone());
        if family.has_own_context() {
            let context = if n + 1 == count { context } else { None };
            fields.insert(
                family.context_field.into(),
                context.unwrap_or("none").into(),
            );
        }
        events.push(event(
            events.len(),
            family.event_type,
            Value::Object(fields),
        ));
    }
    events
}

/// What joins leads and events in a [`case`].
fn tie(family: &Family) -> Value {
    let is_address = family.external.is_some();
    if is_address { "8.8.8.8" } else { "one" }.into()
}

/// The contexts of a detection; one that stands alone has none.
fn contexts(detection: &Detection) -> Vec<Option<&'static str>> {
    match detection.values {
        [] => vec![None],
        values => values.iter().copied().map(Some).collect(),
    }
}

/// Surfaces that are just hot and just cold.
fn edges(family: &Family) -> (Vec<Value>, Vec<Value>) {
    let words = |words: &[&str]| words.iter().map(|w| json!(w)).collect();
    match family.surface {
        Surface::Words { hot, cold } => (words(hot), words(cold)),
        Surface::AtMost { limit, .. } => (vec![json!(limit)], vec![json!(limit + 1)]),
        Surface::AtLeast { limit, .. } => (vec![json!(limit)], vec![json!(limit - 1)]),
    }
}

fn fallback(family: &Family) -> &'static Detection {
    let mut detections = family.detections.iter();
    detections.find(|d| d.is_fallback()).expect("each has one")
}

#[test]
fn every_context_rule_fires_on_hot_and_not_on_cold() {
    for family in families::all() {
        let (hot, cold) = edges(family);
        for detection in family.detections {
            for context in contexts(detection) {
                for surface in &hot {
                    let events = case(family, surface, context, family.hot_count());
                    let last = format!("L1-{}", events.len() - 1);
                    assert_eq!(rule_of(&events), (detection.id.to_string(), last));
                }
                for surface in &cold {
                    let events = case(family, surface, context, family.hot_count());
                    assert_eq!(rule_of(&events).0, "no_finding", "{}", detection.id);
                }
                // What nobody knows explains nothing: it is watched.
                let unknown = case(family, &hot[0], Some("elsewhere"), family.hot_count());
                assert_eq!(rule_of(&unknown).0, fallback(family).id);
            }
        }
    }
}

#[test]
fn repeats_need_three_of_one_actor_and_any_from_the_third_on_decides() {
    for family in families::all().filter(|family| family.repeat.is_some()) {
        let repeat = family.repeat.expect("filtered");
        let (hot, _) = edges(family);
        for detection in family.detections {
            let context = contexts(detection)[0];
            let two = case(family, &hot[0], context, 2);
            assert_eq!(rule_of(&two).0, "no_finding");
            let mut stranger = case(family, &hot[0], context, 3);
            stranger[0]
                .fields
                .insert(repeat.same[0].into(), "other".into());
            assert_eq!(rule_of(&stranger).0, "no_finding");
            let four = case(family, &hot[0], context, 4);
            // What the third says is not known: that is watched at once, and what the fourth says has to weigh more.
            let watched = fallback(family);
            let wanted = match detection.action.cost() > watched.action.cost() {
                true => (detection.id, "L1-3"),
                false => (watched.id, "L1-2"),
            };
            assert_eq!(rule_of(&four), (wanted.0.into(), wanted.1.into()));
            if let Some(name) = repeat.distinct {
                let mut again = case(family, &hot[0], context, 3);
                again[2].fields.insert(name.into(), "10.0.0.0".into());
                assert_eq!(rule_of(&again).0, "no_finding");
            }
        }
    }
}

#[test]
fn a_chain_needs_its_leads_before_it_and_of_the_same_actor() {
    for family in families::all() {
        let Some(lead) = family.lead else { continue };
        let (hot, _) = edges(family);
        let alone = family.detections.iter().find(|d| d.is_fallback());
        let alone = alone.expect("each chain has one").id;
        let needs = |d: &&Detection| !d.is_fallback() && !clears_alone(lead, d);
        for detection in family.detections.iter().filter(needs) {
            let whole = case(family, &hot[0], contexts(detection)[0], 1);
            assert_eq!(rule_of(&whole).0, detection.id);
            let truth = verify::truth(&whole).expect("events");
            assert_eq!(truth.evidence.len(), lead.count + 1);

            let mut strange = whole.clone();
            strange[0].fields.insert(lead.join.0.into(), "other".into());
            assert_eq!(rule_of(&strange).0, alone, "somebody else's");
            let mut missing = whole.clone();
            missing[0].fields.remove(lead.join.0);
            assert_eq!(rule_of(&missing).0, alone, "nobody's");
            let mut late = whole.clone();
            late.rotate_left(1);
            assert_eq!(rule_of(&late).0, alone, "too late");
            assert_eq!(rule_of(&whole[1..]).0, alone, "too few");
        }
    }
}

#[test]
fn what_clears_an_event_by_itself_does_so_with_leads_and_without() {
    let mut cleared = Vec::new();
    for family in families::all() {
        let Some(lead) = family.lead else { continue };
        let (hot, _) = edges(family);
        for detection in family.detections.iter().filter(|d| clears_alone(lead, d)) {
            let whole = case(family, &hot[0], contexts(detection)[0], 1);
            for from in 0..whole.len() {
                let truth = verify::truth(&whole[from..]).expect("events");
                assert_eq!(truth.rule, detection.id);
                assert_eq!(truth.evidence, [truth.triggering_log_id]);
            }
            cleared.push(detection.id);
        }
    }
    assert_eq!(cleared, ["mfa_approved_on_site", "vpn_from_our_guest_net"]);
}

#[test]
fn of_two_leads_the_costlier_decides_wherever_it_stands() {
    for family in families::all().filter(|family| !family.has_own_context()) {
        let (hot, _) = edges(family);
        let mut led: Vec<&Detection> = family.detections.iter().collect();
        led.retain(|d| !d.is_fallback());
        led.sort_by_key(|d| d.action.cost());
        let (cheap, dear) = (led[0], led[led.len() - 1]);
        let events = case(family, &hot[0], contexts(dear)[0], 1);
        let mut other = case(family, &hot[0], contexts(cheap)[0], 1);
        other[0].log_id = "L1-9".into();
        for at in [0, 1] {
            let mut both = events.clone();
            both.insert(at, other[0].clone());
            assert_eq!(rule_of(&both).0, dear.id);
        }
        // One that is not known takes from a harmless one that it clears.
        let harmless = case(family, &hot[0], contexts(cheap)[0], 1);
        assert_eq!(rule_of(&harmless).0, cheap.id);
        for unknown in [json!("elsewhere"), json!(""), Value::Null] {
            other[0].fields.insert(family.context_field.into(), unknown);
            let mut both = harmless.clone();
            both.insert(0, other[0].clone());
            assert_eq!(rule_of(&both).0, fallback(family).id);
        }
    }
}

/// Comparing each of these with all before it, for each of them, would take hours.
#[test]
fn a_sweep_counts_machines_not_spellings_or_gaps() {
    let sweep = |targets: [Option<&str>; 3], sources: [&str; 3]| {
        let pairs = targets.into_iter().zip(sources).enumerate();
        let line = |(n, (target, source)): (usize, (Option<&str>, &str))| {
            let mut fields =
                json!({"id.orig_h": source, "service": "ssh", "orig_role": "internet"});
            if let Some(target) = target {
                fields["id.resp_h"] = target.into();
            }
            event(n, "net.connection", fields)
        };
        rule_of(&pairs.map(line).collect::<Vec<_>>()).0
    };
    let (a, b, c) = (Some("10.0.0.1"), Some("10.0.0.2"), Some("10.0.0.3"));
    let one = ["8.8.8.8"; 3];
    assert_eq!(sweep([a, b, c], one), "sweep_from_internet");
    assert_eq!(sweep([a, Some("::ffff:10.0.0.1"), c], one), "no_finding");
    assert_eq!(sweep([a, None, c], one), "no_finding");
    let spelled = ["8.8.8.8", "::ffff:8.8.8.8", "8.8.8.8"];
    assert_eq!(sweep([a, b, c], spelled), "sweep_from_internet");
}

#[test]
fn a_long_sweep_of_one_actor_is_answered_at_once() {
    for family in families::all().filter(|family| family.repeat.is_some()) {
        let (hot, _) = edges(family);
        let context = contexts(&family.detections[0])[0];
        let mut events: Vec<Event> = (0..20_000)
            .flat_map(|_| case(family, &hot[0], context, 1))
            .collect();
        for (n, event) in events.iter_mut().enumerate() {
            if let Some(name) = family.repeat.and_then(|r| r.distinct) {
                let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
                event.fields.insert(name.into(), address.into());
            }
        }
        for event in &mut events {
            event
                .fields
                .insert(family.context_field.into(), "none".into());
        }
        let rule = find(family.detections[0].id).expect("in the table");
        assert_eq!(rule.firing(&events), None);
    }
}

#[test]
fn outbound_rules_need_an_external_destination() {
    for family in families::all().filter(|family| family.external.is_some()) {
        let (hot, _) = edges(family);
        for detection in family.detections {
            let mut events = case(family, &hot[0], contexts(detection)[0], 1);
            let last = events.len() - 1;
            let name = family.external.expect("filtered");
            for address in [
                "10.1.2.3",
                "192.168.0.9",
                "::ffff:10.1.2.3",
                "224.0.0.1",
                "",
            ] {
                let address = json!(address);
                events[last].fields.insert(name.into(), address);
                assert_eq!(rule_of(&events).0, "no_finding", "{}", detection.id);
            }
        }
    }
}

#[test]
fn costliest_rule_wins_then_table_order() {
    let key = |n, network: &str| {
        event(
            n,
            "cloud.create_access_key",
            json!({"requestParameters.userName": "owner", "address_class": network}),
        )
    };
    let events = [
        key(0, "key_vault"),
        key(1, "home_isp"),
        key(2, "tor_exit"),
        key(3, "far_isp"),
    ];
    let ids = ["vault", "other", "tor", "provider"];
    for n in 1..=4 {
        let expected = format!("access_key_{}", ids[n - 1]);
        assert_eq!(rule_of(&events[..n]), (expected, format!("L1-{}", n - 1)));
    }
    let containment = [
        event(
            0,
            "ids.alert",
            json!({"alert.category": "Executable code was detected", "src_role": "endpoint"}),
        ),
        event(
            1,
            "ids.alert",
            json!({"alert.category": "Executable code was detected", "src_role": "internet"}),
        ),
    ];
    // Of two that cost the same the earlier in the table, wherever it stands.
    assert_eq!(rule_of(&containment).0, "exploit_from_internet");
}

#[test]
fn table_has_the_breadth_of_the_contract() {
    let ids: std::collections::BTreeSet<_> = all().iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), all().len(), "ids are unique");
    let suspicious = all().iter().filter(|rule| rule.action != Action::Dismiss);
    assert!(suspicious.clone().count() >= 30);
    for rule in suspicious {
        assert!(!rule.attack.is_empty(), "{}", rule.id);
        assert!(!rule.thresholds.is_empty(), "{}", rule.id);
    }
    assert_eq!(find("no_finding").map(|r| r.id), all().last().map(|r| r.id));
}
