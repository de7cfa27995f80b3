//! Which names in the records of an episode are domains, and which only look like one: accounts, types and fields.

use crate::env::events::{self, Kind};
use crate::env::schema::{Episode, Event};
use crate::ui::defang::Names;

/// What importers end a field with that holds the whole of an account.
const FULL: &str = "_full";

/// Last parts of the names of fields that hold domains in records whose type says nothing of them.
const OF_DOMAINS: [&str; 8] = [
    "domain",
    "host",
    "hostname",
    "query",
    "queryname",
    "rrname",
    "server_name",
    "sni",
];

/// Those of `episodes`.
pub(super) fn names<'a>(episodes: impl Iterator<Item = &'a Episode>) -> Names {
    let mut names = Names::default();
    for known in events::all() {
        names.keep(known.name);
        known.fields.iter().for_each(|field| names.keep(field.name));
    }
    for episode in episodes {
        names.keep(account(&episode.alert.user));
        let window = episode.log_window.iter();
        window.for_each(|event| add(event, &mut names));
    }
    names
}

fn add(event: &Event, names: &mut Names) {
    names.keep(&event.event_type);
    for (name, value) in &event.fields {
        names.keep(name);
        match value.as_str() {
            Some(text) if is_of_domains(event, name) => names.add_domain(text),
            Some(text) if is_of_accounts(name) => names.keep(account(text)),
            _ => {}
        }
    }
}

fn is_of_domains(event: &Event, name: &str) -> bool {
    let known = events::find(&event.event_type).and_then(|known| known.field(name));
    let last = name.rsplit('.').next().unwrap_or(name);
    let last = last.to_ascii_lowercase();
    let is_called_so = || OF_DOMAINS.contains(&last.as_str());
    known.map_or_else(is_called_so, |field| field.kind == Kind::Domain)
}

/// Whether events of any type have an account under this name.
fn is_of_accounts(name: &str) -> bool {
    let name = name.strip_suffix(FULL).unwrap_or(name);
    let mut fields = events::all().filter_map(|known| known.field(name));
    fields.any(|field| field.kind.is_account())
}

/// The name of an account without the domain before or behind it.
fn account(text: &str) -> &str {
    let name = text.split('@').next().unwrap_or(text);
    name.rsplit(['\\', '/']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::env::generate;
    use crate::env::prompt;
    use crate::env::schema::{Split, Stage};
    use crate::label::import;
    use crate::ui::defang::defang;

    /// A value of an event as its line shows it once it is defanged.
    fn wanted(kind: Kind, value: &serde_json::Value) -> String {
        let text = value.as_str();
        let is_address = text.is_some_and(|text| text.parse::<Ipv4Addr>().is_ok());
        match is_address || kind == Kind::Domain {
            true => value.to_string().replace('.', "[.]"),
            // Shares of the machine itself lie in paths.
            false => value.to_string().replace("127.0.0.1", "127[.]0[.]0[.]1"),
        }
    }

    #[test]
    fn of_our_own_episodes_only_domains_and_addresses_change() {
        let stages = Stage::ALL.into_iter().zip([1, 2, 3, 4]);
        let all = Split::ALL.into_iter().flat_map(|split| {
            let stages = stages.clone();
            stages.flat_map(move |(stage, seed)| {
                (0..25).map(move |index| generate::episode(stage, split, seed, index))
            })
        });
        let mut changed = 0;
        for episode in all {
            let names = names(std::iter::once(&episode));
            let message = prompt::user_message(&episode.alert, &episode.log_window);
            let header = message.split("Log window:").next().expect("a header");
            assert_eq!(defang(header, &names), header);
            for event in &episode.log_window {
                let line = defang(&prompt::event_line(event), &names);
                let head = format!(" src={} type={} ", event.source, event.event_type);
                assert!(line.contains(&head), "{head}:\n{line}");
                changed += usize::from(line.contains("[.]"));
                let known = events::find(&event.event_type).expect("one of ours");
                for (name, value) in &event.fields {
                    let kind = known.field(name).expect("its own").kind;
                    let shown = format!(" {name}={}", wanted(kind, value));
                    let is_left_out = value.as_str() == Some("");
                    assert!(is_left_out || line.contains(&shown), "{shown}:\n{line}");
                }
            }
        }
        assert!(changed > 100, "{changed}");
    }

    #[test]
    fn of_an_imported_alert_no_domain_stays_live_and_accounts_stay() {
        let eve = r#"{"timestamp":"2026-01-02T03:04:05Z","event_type":"alert","src_ip":"203.0.113.9",
            "http":{"hostname":"www.evil-c2.com","url":"/x"},"tls":{"sni":"login.evil.zip"},
            "alert":{"signature":"DNS query for evil-c2.com by f.dubois"}}"#;
        let mut episode = import::episode(eve).expect("an alert");
        episode.alert.user = "CORP\\f.dubois".into();
        let event = &mut episode.log_window[0];
        let put = |event: &mut Event, name: &str, value: &str| {
            event.fields.insert(name.into(), value.into());
        };
        put(event, "dns.rrname", "login.evil.zip");
        put(event, "mail.from", "phish@bad-mail.ru");
        put(event, "command", "curl other-c2.net/x login.evil.zip");
        let names = names(std::iter::once(&episode));
        let text = defang(
            &prompt::user_message(&episode.alert, &episode.log_window),
            &names,
        );
        for live in ["evil-c2.com", "evil.zip", "bad-mail.ru", "other-c2.net"] {
            assert!(!text.contains(live), "{live}:\n{text}");
        }
        for kept in ["CORP\\f.dubois", "dns.rrname=", "mail.from="] {
            assert!(text.contains(kept), "{kept}:\n{text}");
        }
        let harmless = "curl other-c2[.]net/x login[.]evil[.]zip";
        assert!(text.contains(harmless), "{text}");
    }
}
