//! Whether a window tells one story: what it says of an address in one line it says in all.

use std::collections::BTreeMap;

use crate::env::schema::Event;

/// A field that names something, and the field beside it that says what it is.
const FACTS: &[(&str, &str, &str)] = &[
    ("net.connection", "dst_ip", "dst_role"),
    ("net.beacon", "dst_ip", "reputation"),
    ("net.transfer", "dst_ip", "service"),
    ("dns.query", "query", "domain_class"),
    ("dns.answer", "answer", "domain_age"),
    ("dhcp.lease", "ip", "device_class"),
];

/// `None` where two lines say different things of one address or domain.
pub(super) fn check(window: &[Event]) -> Option<()> {
    let mut said: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for event in window {
        for (event_type, name, fact) in FACTS {
            if event.event_type != *event_type {
                continue;
            }
            let (Some(name), Some(fact)) = (event.text(name), event.text(fact)) else {
                continue;
            };
            if *said.entry((event_type, name)).or_insert(fact) != fact {
                return None;
            }
        }
    }
    Some(())
}
