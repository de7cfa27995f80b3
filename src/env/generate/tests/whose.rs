//! Whose lines a window holds, and in which networks: told by no label, and no help to find what decides.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn a_window_plays_in_one_small_organisation() {
    for stage in Stage::ALL {
        for e in some(stage, Split::Train, 500) {
            let mut networks = BTreeSet::new();
            let mut machines: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for event in &e.log_window {
                for (_, ip) in events::texts(event, Kind::is_address) {
                    if crate::env::address::is_internal(ip) == Some(true) {
                        networks.insert(ip.rsplit_once('.').map(|(network, _)| network.to_owned()));
                    }
                }
                let mut accounts = events::texts(event, Kind::is_account);
                let mut hosts = events::texts(event, |kind| kind == Kind::Host);
                if let (Some((_, account)), Some((_, host))) = (accounts.next(), hosts.next()) {
                    machines.entry(account).or_default().insert(host);
                }
                assert_eq!(accounts.next(), None, "one line is of one person");
                let mut people = events::texts(event, |kind| kind == Kind::Person);
                assert!(!people.any(|(_, name)| name.starts_with("svc_")));
            }
            assert!(
                networks.len() <= 4,
                "desks, racks, guests, admins: {networks:?}"
            );
            assert!(machines.values().all(|of| of.len() == 1), "{machines:?}");
            assert_eq!(coherence::check(&e.log_window), Ok(()));
        }
    }
}

#[test]
fn guests_and_administrators_have_networks_of_their_own() {
    let guests = ["guest_lan", "guest_desk", "meet_room", "front_hall"];
    let mut both = 0;
    for e in some(Stage::Mixed, Split::Train, 6_000) {
        let mut networks: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for event in &e.log_window {
            let says = |words: &[&str]| {
                event
                    .fields
                    .values()
                    .any(|v| v.as_str().is_some_and(|v| words.contains(&v)))
            };
            let whose = match (says(&guests), says(&["admin_lan"])) {
                (true, _) => "guests",
                (_, true) => "admins",
                _ => "others",
            };
            let inside = events::texts(event, Kind::is_address);
            let inside =
                inside.filter(|(_, ip)| crate::env::address::is_internal(ip) == Some(true));
            let of = inside.filter_map(|(_, ip)| Some(ip.rsplit_once('.')?.0.to_owned()));
            networks.entry(whose).or_default().extend(of);
        }
        let all: usize = networks.values().map(BTreeSet::len).sum();
        let apart: BTreeSet<&String> = networks.values().flatten().collect();
        assert_eq!(apart.len(), all, "{}: {networks:?}", e.episode_id);
        both += usize::from(networks.contains_key("guests") && networks.contains_key("admins"));
    }
    assert!(both > 5, "{both} windows with both");
}

#[test]
fn what_a_tied_line_does_may_be_nothing_and_who_does_most_need_not_decide() {
    let (mut tied, mut all, mut named, mut commonest) = (0, 0, 0, 0);
    for e in some(Stage::Adversarial, Split::Train, 4_000) {
        let trigger = e
            .log_window
            .iter()
            .find(|x| x.log_id == e.truth.triggering_log_id);
        let trigger = trigger.expect("it is in the window");
        let Some(family) = crate::env::families::find(&trigger.event_type) else {
            continue;
        };
        let alike = e
            .log_window
            .iter()
            .filter(|x| x.event_type == trigger.event_type);
        if let Some(lead) = family.lead {
            let (of_lead, of_last) = lead.join;
            // The last line of the type that an earlier lead is tied to.
            let is_tied = |x: &&Event| {
                let before = e.log_window.iter().take_while(|y| y.log_id != x.log_id);
                let mut leads = before.filter(|y| y.event_type == lead.event_type);
                leads.any(|y| y.text(of_lead).is_some() && y.text(of_lead) == x.text(of_last))
            };
            if let Some(last) = alike.clone().rfind(is_tied) {
                all += 1;
                tied += usize::from(last.log_id == trigger.log_id);
            }
        } else if !family.is_relational() {
            let names = |x: &Event| -> BTreeSet<String> {
                let named = events::texts(x, |kind| kind.is_account() || kind == Kind::Host);
                named.map(|(_, name)| name.to_owned()).collect()
            };
            let mut lines: BTreeMap<String, usize> = BTreeMap::new();
            let all = e.log_window.iter().flat_map(names);
            all.for_each(|name| *lines.entry(name).or_default() += 1);
            let ours = names(trigger).iter().map(|name| lines[name]).max();
            named += usize::from(ours.is_some());
            commonest += usize::from(ours.is_some() && ours == lines.values().copied().max());
        }
    }
    assert!(
        tied * 10 < all * 7,
        "{tied} of {all}: being tied must not tell"
    );
    assert!(
        commonest * 4 < named * 3,
        "{commonest} of {named}: who does most must not tell"
    );
}
