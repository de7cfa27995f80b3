//! Windows full of chains of one family, each from an incident of its own.
//!
//! A chain's last line is to be read with the one earlier line that holds the same user, machine, file or address. In a
//! window as generated there are one or two such lines, and a family's turn comes once in forty windows: a model that has
//! read a hundred thousand of those still chose between two leads by chance (right in 0.41 to 0.50 of some families). Here
//! two to four of a family stand side by side, so that taking any other lead is wrong two times in three.

use std::collections::BTreeSet;

use crate::env::families::{self, Family, Lead};
use crate::env::generate;
use crate::env::rules::is_hot;
use crate::env::schema::{Episode, Event, Split, Stage};
use crate::stream::Stream;

/// Chains side by side, at least and at most.
const CHAINS: (u64, u64) = (2, 4);
/// Of chains, so many in so many have lost what led up to them.
const CUT: (u64, u64) = (1, 6);
/// At most so many other lines of each chain's window come along.
const OTHERS: u64 = 1;
/// Stages whose windows hold chains; their length does not matter here.
const STAGES: [Stage; 2] = [Stage::Multi, Stage::Mixed];

/// What led up to an event, the event, and lines that have nothing to do with it.
struct Chain {
    join: String,
    leads: Vec<Event>,
    last: Event,
    others: Vec<Event>,
    from: Episode,
}

/// An episode whose window is made of chains of one family. Its truth is that of the window one chain was taken from.
pub(super) fn episode(split: Split, stream: &mut Stream) -> Option<Episode> {
    let chained: Vec<(&Family, Lead)> = families::all()
        .filter_map(|family| Some((family, family.lead?)))
        .collect();
    let &(family, lead) = stream.pick(&chained)?;
    let count = stream.between(CHAINS.0, CHAINS.1) as usize;
    let mut chains: Vec<Chain> = Vec::new();
    let mut joins = BTreeSet::new();
    while chains.len() < count {
        let found = chain(family, lead, split, stream);
        chains.extend(found.filter(|chain| joins.insert(chain.join.clone())));
    }
    let mut whole = chains.first()?.from.clone();
    whole.log_window = window(chains, &whole.alert.timestamp, stream);
    Some(whole)
}

/// The first chain of a generated window, if it shows one of this family.
fn chain(family: &Family, lead: Lead, split: Split, stream: &mut Stream) -> Option<Chain> {
    let stage = stream.pick(&STAGES).copied()?;
    let from = generate::episode(stage, split, stream.bits() >> 1, stream.below(1 << 20));
    let is_last = |event: &&Event| event.event_type == family.event_type && is_hot(family, event);
    let last = from.log_window.iter().find(is_last)?.clone();
    let join = last.text(lead.join.1)?.to_owned();
    let before = from
        .log_window
        .iter()
        .take_while(|e| e.log_id != last.log_id);
    let is_lead = |event: &&Event| {
        event.event_type == lead.event_type && event.text(lead.join.0) == Some(&join)
    };
    let mut leads: Vec<Event> = before.filter(is_lead).cloned().collect();
    if leads.is_empty() {
        return None;
    }
    if stream.chance(CUT.0, CUT.1) {
        leads.clear();
    }
    let is_of_family = |e: &Event| [family.event_type, lead.event_type].contains(&&*e.event_type);
    let mut others: Vec<Event> = from.log_window.clone();
    others.retain(|event| !is_of_family(event));
    stream.shuffle(&mut others);
    others.truncate(stream.between(0, OTHERS) as usize);
    Some(Chain {
        join,
        leads,
        last,
        others,
        from,
    })
}

/// The chains' lines in a random order that keeps each chain's own, with ids and times of one window.
fn window(chains: Vec<Chain>, begins: &str, stream: &mut Stream) -> Vec<Event> {
    let mut placed: Vec<(u64, Event)> = Vec::new();
    for chain in chains {
        let mut places: Vec<u64> = (0..=chain.leads.len()).map(|_| stream.bits()).collect();
        places.sort_unstable();
        let in_order = chain.leads.into_iter().chain([chain.last]);
        placed.extend(places.into_iter().zip(in_order));
        placed.extend(chain.others.into_iter().map(|other| (stream.bits(), other)));
    }
    placed.sort_by_key(|(place, _)| *place);
    let date = begins.split('T').next().unwrap_or(begins);
    let mut second = stream.between(6 * 3_600, 20 * 3_600);
    let lines = placed.into_iter().enumerate().map(|(n, (_, event))| {
        second += stream.between(1, 90);
        Event {
            log_id: format!("L1-{n}"),
            timestamp: generate::timestamp(date, second),
            ..event
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_one_family_stand_side_by_side_and_keep_their_order() {
        let mut seen = BTreeSet::new();
        for index in 0..300 {
            let mut stream = Stream::named(3, &["drill test"]).fork(index);
            let episode = episode(Split::Train, &mut stream).expect("an episode");
            let window = &episode.log_window;
            let is_last = |e: &&Event| {
                families::find(&e.event_type).is_some_and(|f| f.lead.is_some() && is_hot(f, e))
            };
            let lasts: Vec<&Event> = window.iter().filter(is_last).collect();
            let kind = &lasts[0].event_type;
            let lead = families::find(kind).and_then(|f| f.lead).expect("a lead");
            assert!((2..=4).contains(&lasts.len()), "{window:#?}");
            assert!(lasts.iter().all(|last| &last.event_type == kind));
            for last in lasts {
                let at = window.iter().position(|e| e == last).expect("stands there");
                let is_tied = |e: &&Event| {
                    e.event_type == lead.event_type && e.text(lead.join.0) == last.text(lead.join.1)
                };
                assert!(!window[at..].iter().any(|e| is_tied(&e)), "{window:#?}");
            }
            assert!(window.is_sorted_by(|a, b| a.timestamp < b.timestamp));
            seen.insert(kind.clone());
        }
        let chained = families::all().filter(|f| f.lead.is_some()).count();
        assert_eq!(seen.len(), chained);
    }
}
