//! Whether a window tells one story: what it says of an address or domain in one line it says in all.

use std::collections::BTreeMap;

use thiserror::Error;

use super::schema::Event;

/// Of an event type: the field that names something, and the field beside it that says what that is. A name is one thing in
/// lines of all types: an address that one takes for a desk's is no server's in another.
const FACTS: &[(&str, &str, &str)] = &[
    ("net.connection", "id.orig_h", "orig_role"),
    ("net.beacon", "id.resp_h", "resp_class"),
    ("net.transfer", "id.resp_h", "resp_class"),
    ("dns.query", "query", "domain_class"),
    ("dns.answer", "answers", "domain_class"),
    ("dns.answer", "query", "domain_class"),
    ("file.download", "host_ip", "origin"),
    ("mail.click", "url_ip", "url_class"),
    ("dhcp.lease", "IP", "device_class"),
    ("ids.alert", "src_ip", "src_role"),
    ("auth.kerberos_failure", "IpAddress", "client_class"),
    ("auth.login_success", "TargetUserName", "account_role"),
    ("auth.mfa_approve", "client.ipAddress", "client_class"),
    ("cloud.console_login", "sourceIPAddress", "address_class"),
    (
        "cloud.create_access_key",
        "sourceIPAddress",
        "address_class",
    ),
    ("file.rewrite", "ProcessId", "Image"),
    ("rdp.logon", "IpAddress", "client_net"),
    ("share.access", "IpAddress", "client_role"),
    ("vpn.login", "public_ip", "srcregion"),
];

/// Fields that hold the two ends of what goes over the wire.
const ENDS: [(&str, &str); 2] = [("id.orig_h", "id.resp_h"), ("src_ip", "dest_ip")];

/// What cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// Two lines say different things of one address or domain.
    #[error("{name} is `{one}` in one line and `{other}` in another")]
    Facts {
        name: String,
        one: String,
        other: String,
    },
    /// Both ends of what went over the wire are one machine.
    #[error("{0} speaks to itself")]
    ToItself(String),
}

/// The field of an event type that names what another field of it says something of.
#[must_use]
pub fn named_by(event_type: &str) -> Option<&'static str> {
    let fact = FACTS.iter().find(|(of, ..)| *of == event_type);
    fact.map(|(_, name, _)| *name)
}

/// Whether the lines of a window agree.
///
/// # Errors
/// The first contradiction, in the order of the window.
pub fn check(window: &[Event]) -> Result<(), Contradiction> {
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    for event in window {
        let ends = ENDS.iter().map(|(a, b)| (event.text(a), event.text(b)));
        for (one, other) in ends {
            if let Some(address) = one.filter(|_| one == other) {
                return Err(Contradiction::ToItself(address.to_owned()));
            }
        }
        for (event_type, name, fact) in FACTS {
            if event.event_type != *event_type {
                continue;
            }
            let (Some(name), Some(fact)) = (event.text(name), event.text(fact)) else {
                continue;
            };
            let before = *said.entry(name).or_insert(fact);
            if before != fact {
                return Err(Contradiction::Facts {
                    name: name.to_owned(),
                    one: before.to_owned(),
                    other: fact.to_owned(),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_is_one_thing_in_a_window() {
        let line = |kind: &str, ip: &str, role: &str| -> Event {
            serde_json::from_value(json!({
                "log_id": "L1-0", "timestamp": "2026-04-25T10:00:00Z", "source": "zeek", "event_type": kind,
                "fields": {"id.orig_h": ip, "orig_role": role}
            }))
            .expect("an event")
        };
        let web = line("net.connection", "10.0.0.9", "our_host");
        let print = line("net.connection", "10.0.0.9", "scan_box");
        let other = line("net.connection", "10.0.0.8", "scan_box");
        assert_eq!(check(&[web.clone(), web.clone(), other]), Ok(()));
        let said = check(&[web.clone(), print])
            .expect_err("two roles")
            .to_string();
        assert_eq!(
            said,
            "10.0.0.9 is `our_host` in one line and `scan_box` in another"
        );
        let mut looped = line("net.connection", "10.0.0.9", "our_host");
        looped.fields.insert("id.resp_h".into(), "10.0.0.9".into());
        assert_eq!(
            check(&[looped]),
            Err(Contradiction::ToItself("10.0.0.9".into()))
        );
        // So it is in lines of other types, where they say it of the same field.
        let lease = |class: &str| -> Event {
            let mut lease = line("dhcp.lease", "", "");
            lease.fields.insert("IP".into(), "10.0.0.9".into());
            lease.fields.insert("device_class".into(), class.into());
            lease
        };
        assert!(check(&[web.clone(), lease("byod_tab")]).is_err());
        assert_eq!(check(&[web.clone(), lease("our_host")]), Ok(()));
        assert_eq!(check(&[web, line("net.session", "10.0.0.9", "x")]), Ok(()));
    }
}
