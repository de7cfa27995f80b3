//! Windows full of chains of one family, or of sign-ins, each from an incident of its own.
//!
//! A chain's last line is to be read with the one earlier line that holds the same user, machine, file or address. In a
//! window as generated there are one or two such lines, and a family's turn comes once in forty windows: a model that has
//! read a hundred thousand of those still chose between two leads by chance (right in 0.41 to 0.50 of some families). Here
//! two to four of a family stand side by side, so that taking any other lead is wrong two times in three. Sign-ins are drilled
//! alike: several users fail several times each before they get in, so that whose failures are counted decides.

use std::collections::BTreeSet;

use crate::env::families::{self, Family, Lead};
use crate::env::generate;
use crate::env::login::{FAILURE, SUCCESS};
use crate::env::rules::is_hot;
use crate::env::schema::{Episode, Event, Split, Stage};
use crate::stream::Stream;

/// Chains side by side, at least and at most.
const CHAINS: (u64, u64) = (2, 4);
/// Of chains, so many in so many have lost what led up to them.
const CUT: (u64, u64) = (1, 6);
/// Of drills, so many in so many are of sign-ins.
const SIGN_INS: (u64, u64) = (1, 3);
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
    let kind = Kind::drawn(stream)?;
    let count = stream.between(CHAINS.0, CHAINS.1) as usize;
    let mut chains: Vec<Chain> = Vec::new();
    let mut joins = BTreeSet::new();
    while chains.len() < count {
        let found = kind.chain(split, stream);
        chains.extend(found.filter(|chain| joins.insert(chain.join.clone())));
    }
    let mut whole = chains.first()?.from.clone();
    whole.log_window = window(chains, &whole.alert.timestamp, stream);
    Some(whole)
}

/// What is drilled.
#[derive(Clone, Copy)]
enum Kind {
    Led(&'static Family, Lead),
    SignIns,
}

impl Kind {
    fn drawn(stream: &mut Stream) -> Option<Self> {
        if stream.chance(SIGN_INS.0, SIGN_INS.1) {
            return Some(Self::SignIns);
        }
        let led = |family: &'static Family| Some(Self::Led(family, family.lead?));
        let chained: Vec<Self> = families::all().filter_map(led).collect();
        stream.pick(&chained).copied()
    }

    /// Whether the event ends a chain.
    fn ends_with(self, event: &Event) -> bool {
        match self {
            Self::Led(family, _) => event.event_type == family.event_type && is_hot(family, event),
            Self::SignIns => event.event_type == SUCCESS,
        }
    }

    /// The type of what leads up to it, and the fields that tie the two.
    const fn lead(self) -> (&'static str, (&'static str, &'static str)) {
        match self {
            Self::Led(_, lead) => (lead.event_type, lead.join),
            Self::SignIns => (FAILURE, ("TargetUserName", "TargetUserName")),
        }
    }

    /// The first chain of a generated window, if it shows one.
    fn chain(self, split: Split, stream: &mut Stream) -> Option<Chain> {
        let stage = stream.pick(&STAGES).copied()?;
        let from = generate::episode(stage, split, stream.bits() >> 1, stream.below(1 << 20));
        let (lead, (of_lead, of_last)) = self.lead();
        let tied = |last: &Event| -> Option<(String, Vec<Event>)> {
            let join = last.text(of_last)?;
            let before = from
                .log_window
                .iter()
                .take_while(|e| e.log_id != last.log_id);
            let leads = before.filter(|e| e.event_type == lead && e.text(of_lead) == Some(join));
            let leads: Vec<Event> = leads.cloned().collect();
            (!leads.is_empty()).then(|| (join.to_owned(), leads))
        };
        let mut ends = from.log_window.iter().filter(|e| self.ends_with(e));
        let (last, (join, mut leads)) = ends.find_map(|last| Some((last.clone(), tied(last)?)))?;
        if stream.chance(CUT.0, CUT.1) {
            // Of sign-ins some failures stay: what they are counted up to is what is to be read.
            leads.truncate(match self {
                Self::Led(..) => 0,
                Self::SignIns => stream.index(leads.len()),
            });
        }
        let is_of_kind = |e: &Event| e.event_type == lead || e.event_type == last.event_type;
        let mut others = from.log_window.clone();
        others.retain(|event| !is_of_kind(event));
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

    /// What drills of a kind end with, and what leads up to that.
    fn kind_of(window: &[Event]) -> Kind {
        let led = |family: &'static Family| Some(Kind::Led(family, family.lead?));
        let mut kinds = families::all().filter_map(led).chain([Kind::SignIns]);
        let shows = |kind: &Kind| window.iter().filter(|e| kind.ends_with(e)).count() >= 2;
        kinds.find(shows).expect("a kind with two ends")
    }

    #[test]
    fn chains_of_one_kind_stand_side_by_side_and_keep_their_order() {
        let mut seen = BTreeSet::new();
        let mut sign_ins = 0;
        for index in 0..400 {
            let mut stream = Stream::named(3, &["drill test"]).fork(index);
            let episode = episode(Split::Train, &mut stream).expect("an episode");
            let window = &episode.log_window;
            let kind = kind_of(window);
            let (lead, (of_lead, of_last)) = kind.lead();
            let lasts: Vec<&Event> = window.iter().filter(|e| kind.ends_with(e)).collect();
            assert!((2..=4).contains(&lasts.len()), "{window:#?}");
            let joins: BTreeSet<_> = lasts.iter().map(|last| last.text(of_last)).collect();
            assert_eq!(joins.len(), lasts.len(), "each its own: {window:#?}");
            for last in lasts {
                let at = window.iter().position(|e| e == last).expect("stands there");
                let is_tied =
                    |e: &Event| e.event_type == lead && e.text(of_lead) == last.text(of_last);
                assert!(!window[at..].iter().any(is_tied), "{window:#?}");
            }
            assert!(window.is_sorted_by(|a, b| a.timestamp < b.timestamp));
            sign_ins += u64::from(matches!(kind, Kind::SignIns));
            seen.insert(lead);
        }
        let chained = families::all().filter(|f| f.lead.is_some()).count();
        assert_eq!(seen.len(), chained + 1);
        assert!((60..=140).contains(&sign_ins), "{sign_ins}");
    }
}
