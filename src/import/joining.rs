//! Events around an alert: of the same host, user or address, shortly before it, put before its own in one log window.
//!
//! An event is joined where its host, user or source address is the alert's host, user, source or destination address,
//! in the [`MINUTES`] before the alert and up to it. Of more than [`MAX_JOINED`], or than the window has room for, the latest
//! are taken.

use std::collections::{BTreeSet, HashMap};

use super::names;
use super::room::{Full, Room, weight};
use super::{Format, Imported};
use crate::env::plausible::MAX_EVENTS;
use crate::env::schema::Event;

/// How long before an alert an event still belongs to it.
pub const MINUTES: i64 = 15;
/// The most events that are put before an alert's own.
pub const MAX_JOINED: usize = 10;

/// Where an event has the address it came from, and the one it went to.
const SOURCES: [&str; 4] = ["src_ip", "id.orig_h", "IpAddress", "src"];
const DESTINATIONS: [&str; 4] = ["dest_ip", "id.resp_h", "sip", "dst"];

/// Accounts that every machine has: no two events belong together for them.
const EVERYWHERE: [&str; 6] = [
    "-",
    "system",
    "local service",
    "network service",
    "root",
    "anonymous logon",
];

/// The events there are, to be joined to alerts.
#[derive(Debug, Default)]
pub struct Surroundings {
    room: Room,
    events: Vec<Event>,
    /// By host, user or address: when, and which of the events.
    by_actor: HashMap<String, BTreeSet<(i64, usize)>>,
}

impl Surroundings {
    /// Takes in what is no alert.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn add(&mut self, record: Imported) -> Result<(), Full> {
        self.hold(weight(&record.log_window))?;
        let actors = actors(&record, &SOURCES);
        for event in record.log_window {
            let Some(second) = second(&event.timestamp) else {
                continue;
            };
            for actor in &actors {
                let of_actor = self.by_actor.entry(actor.clone()).or_default();
                of_actor.insert((second, self.events.len()));
            }
            self.events.push(event);
        }
        Ok(())
    }

    /// Makes room for so many bytes that the caller holds beside the events: an alert that waits for them, or what is wrong
    /// with a line.
    ///
    /// # Errors
    /// Where there is none.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Full> {
        self.room.take(bytes)
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The alert with what belongs to it before its own events; says how many that are. Ids count from the first anew. An
    /// alert of ours has its window already.
    #[must_use]
    pub fn around(&self, mut alert: Imported) -> (Imported, usize) {
        let Some(until) =
            second(&alert.alert.timestamp).filter(|_| alert.format != Format::Opensoc)
        else {
            return (alert, 0);
        };
        let from = until - MINUTES * 60;
        let mut found = BTreeSet::new();
        for actor in actors(&alert, &[SOURCES, DESTINATIONS].concat()) {
            if let Some(of_actor) = self.by_actor.get(&actor) {
                let range = of_actor.range((from, 0)..=(until, usize::MAX));
                found.extend(range.rev().take(MAX_JOINED));
            }
        }
        // More than that nobody reads back: neither the folder of labels nor the verifier.
        let room = MAX_EVENTS.saturating_sub(alert.log_window.len());
        let latest = found.into_iter().rev().take(MAX_JOINED.min(room));
        let mut before: Vec<Event> = latest
            .filter_map(|(_, at)| self.events.get(at).cloned())
            .collect();
        before.reverse();
        let joined = before.len();
        before.append(&mut alert.log_window);
        alert.log_window = before;
        alert.number();
        (alert, joined)
    }
}

/// Whom a record is about: host and user of its header, and the addresses of its events in these fields.
fn actors(record: &Imported, addresses: &[&str]) -> BTreeSet<String> {
    let events = record.log_window.iter();
    let addresses = events.flat_map(|event| addresses.iter().filter_map(|name| event.text(name)));
    let machines = addresses.chain([record.alert.host.as_str()]);
    let machines = machines.map(names::machine).map(|name| ("machine", name));
    let user = ("user", account(&record.alert.user));
    machines
        .chain([user])
        .filter(|(_, name)| !name.is_empty() && !EVERYWHERE.contains(&name.as_str()))
        .map(|(what, name)| format!("{what} {name}"))
        .collect()
}

/// An account without its domain.
fn account(name: &str) -> String {
    names::account(name).0.to_lowercase()
}

fn second(timestamp: &str) -> Option<i64> {
    let time: jiff::Timestamp = timestamp.parse().ok()?;
    Some(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::schema::Alert;
    use serde_json::{Map, json};

    /// A record of `host` and `user` so many seconds after ten o'clock.
    fn record(
        is_alert: bool,
        host: &str,
        user: &str,
        after: i64,
        fields: &[(&str, &str)],
    ) -> Imported {
        let ten: jiff::Timestamp = "2026-01-02T10:00:00Z".parse().expect("a time");
        let time = ten + jiff::SignedDuration::from_secs(after);
        let timestamp = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let fields: Map<_, _> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .chain([("after".to_owned(), json!(after))])
            .collect();
        Imported {
            format: Format::Zeek,
            is_alert,
            alert: Alert {
                alert_id: "a".into(),
                timestamp: timestamp.clone(),
                severity: "medium".into(),
                category: "c".into(),
                host: host.into(),
                user: user.into(),
                summary: "s".into(),
            },
            log_window: vec![super::super::event(
                0,
                &timestamp,
                "zeek",
                "net.connection",
                fields,
            )],
        }
    }

    /// When the events of the window were, and their ids.
    fn window(imported: &Imported) -> Vec<(u64, &str)> {
        let events = imported.log_window.iter();
        let pair = |event| (event_after(event), event_id(event));
        events.map(pair).collect()
    }

    fn event_after(event: &Event) -> u64 {
        event.number("after").expect("a number")
    }

    fn event_id(event: &Event) -> &str {
        event.log_id.as_str()
    }

    fn surroundings(records: impl IntoIterator<Item = Imported>) -> Surroundings {
        let mut surroundings = Surroundings::default();
        for record in records {
            surroundings.add(record).expect("room");
        }
        surroundings
    }

    #[test]
    fn only_the_quarter_of_an_hour_before_counts_and_is_in_order() {
        let event = |after| record(false, "ws-1", "-", after, &[]);
        let around = surroundings([
            event(1_000),
            event(101),
            event(99),
            event(1_001),
            event(500),
        ]);
        let (found, joined) = around.around(record(true, "ws-1", "-", 1_000, &[]));
        assert_eq!(joined, 3);
        let expected = [
            (101, "L1-0"),
            (500, "L1-1"),
            (1_000, "L1-2"),
            (1_000, "L1-3"),
        ];
        assert_eq!(window(&found), expected);
    }

    #[test]
    fn at_most_ten_are_joined_and_those_are_the_latest() {
        let event = |after| record(false, "ws-1", "kim", after, &[("src_ip", "10.0.0.7")]);
        let around = surroundings((0..40).map(event));
        let alert = record(true, "ws-1", "kim", 100, &[("src_ip", "10.0.0.7")]);
        let (found, joined) = around.around(alert);
        assert_eq!(
            (joined, found.log_window.len()),
            (MAX_JOINED, MAX_JOINED + 1)
        );
        let after: Vec<u64> = window(&found).iter().map(|(after, _)| *after).collect();
        assert_eq!(
            after[..10],
            (30..40).collect::<Vec<_>>(),
            "each once, though three ways lead to it"
        );
        assert_eq!(found.clone().checked().expect("sound"), found);
    }

    #[test]
    fn a_window_is_never_joined_past_what_can_be_read_back() {
        let event = |after| record(false, "ws-1", "-", after, &[]);
        let around = surroundings((0..40).map(event));
        for (own, expected) in [(60, 4), (MAX_EVENTS, 0), (MAX_EVENTS - 10, 10)] {
            let mut alert = record(true, "ws-1", "-", 100, &[]);
            let event = alert.log_window[0].clone();
            alert.log_window = vec![event; own];
            let (found, joined) = around.around(alert);
            assert_eq!(
                (joined, found.log_window.len()),
                (expected, own + expected),
                "{own} of its own"
            );
            let latest = found.log_window[..joined].iter().map(event_after);
            let first = 40 - expected as u64;
            assert!(latest.eq(first..40), "the latest are kept");
            let line = serde_json::to_string(&found.into_episode()).expect("a line");
            let object = crate::env::read::Object::parse(&line).expect("an object");
            assert!(crate::env::read::episode(object).is_ok(), "{own}");
        }
    }

    #[test]
    fn who_belongs_together() {
        let alert = || {
            let ends = [("src_ip", "203.0.113.9"), ("dest_ip", "10.0.0.7")];
            record(true, "WS-1.corp.example", "ACME\\Kim", 100, &ends)
        };
        for (host, user, fields, is_joined) in [
            ("ws-1", "-", &[][..], true),
            ("ws-2", "kim@acme.example", &[], true),
            ("10.0.0.7", "-", &[], true),
            ("ws-9", "-", &[("src_ip", "203.0.113.9")], true),
            ("ws-9", "-", &[("dest_ip", "10.0.0.7")], false),
            ("ws-9", "lee", &[], false),
            ("-", "-", &[], false),
            // A name is no account, and an account no name.
            ("kim", "ws-1", &[], false),
        ] {
            let around = surroundings([record(false, host, user, 90, fields)]);
            let (_, joined) = around.around(alert());
            assert_eq!(joined == 1, is_joined, "{host} {user} {fields:?}");
        }
        let system = |is_alert, host| record(is_alert, host, "NT AUTHORITY\\SYSTEM", 90, &[]);
        let (_, joined) = surroundings([system(false, "ws-1")]).around(system(true, "ws-2"));
        assert_eq!(joined, 0, "every machine has that account");
        let mut own = alert();
        own.format = Format::Opensoc;
        let around = surroundings([record(false, "ws-1", "-", 90, &[])]);
        assert_eq!(
            around.around(own.clone()),
            (own, 0),
            "ours have their windows"
        );
    }
}
