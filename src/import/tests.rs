//! One real-looking record of each format, in each spelling, and what is none.

use serde_json::json;

use super::*;
use crate::env::generate;
use crate::env::schema::{Split, Stage};

fn imported(value: &Value) -> Imported {
    read(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

fn refused(value: &Value) -> String {
    read(&value.to_string()).expect_err("refused").to_string()
}

#[test]
fn ours_come_as_episode_incident_and_alert_with_window() {
    let episode = generate::episode(Stage::Mixed, Split::Train, 3, 8);
    let whole = imported(&json!(episode));
    assert_eq!(
        (&whole.alert, &whole.log_window),
        (&episode.alert, &episode.log_window)
    );
    let bare = json!({"alert": episode.alert, "log_window": episode.log_window});
    assert_eq!(imported(&bare), whole);
    let incident = imported(&json!(episode.incident));
    assert_eq!(incident.log_window, episode.incident.events);
    assert_eq!(incident.alert.category, episode.incident.category);
    let mut twice = bare.clone();
    twice["log_window"][1]["log_id"] = twice["log_window"][0]["log_id"].clone();
    assert!(refused(&twice).contains("log_window[1].log_id"));
    let mut empty = bare;
    empty["log_window"] = json!([]);
    assert!(refused(&empty).contains("0 events"));
}

#[test]
fn suricata_counts_severity_down_and_spells_offsets_without_colon() {
    let eve = json!({
        "timestamp": "2026-01-02T03:04:05.678901+0100", "flow_id": 77, "event_type": "alert", "src_ip": "203.0.113.9",
        "src_port": 4444, "dest_ip": "10.0.0.7", "dest_port": 445, "proto": "TCP",
        "alert": {"action": "blocked", "signature_id": 2024218, "signature": "ET EXPLOIT SMB", "category": "Attempted Admin", "severity": 1}
    });
    let found = imported(&eve);
    assert_eq!(found.format, Format::Suricata);
    assert_eq!(found.alert.timestamp, "2026-01-02T02:04:05Z");
    assert_eq!(
        (found.alert.severity.as_str(), found.alert.alert_id.as_str()),
        ("high", "77")
    );
    let event = &found.log_window[0];
    assert_eq!(
        (event.log_id.as_str(), event.event_type.as_str()),
        ("L1-0", "ids.alert")
    );
    assert_eq!(event.number("dst_port"), Some(445));
    assert_eq!(event.flag("blocked"), Some(true));
    let mut flow = eve;
    flow["event_type"] = json!("flow");
    assert!(refused(&flow).contains("`flow` is no alert"));
}

#[test]
fn elastic_keys_may_be_nested_or_dotted() {
    let nested = json!({
        "@timestamp": "2026-01-02T03:04:05.000Z", "ecs": {"version": "8.11"}, "event": {"kind": "signal", "category": ["process"],
        "action": "exec", "module": "endpoint"}, "host": {"name": "ws-1"}, "user": {"name": "kim"}, "process": {"name": "certutil.exe",
        "parent": {"name": "winword.exe"}}, "kibana": {"alert": {"uuid": "u-1", "severity": "high", "reason": "odd child"}}
    });
    let dotted = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "ecs.version": "8.11", "event.kind": "signal", "event.category": "process",
        "event.action": "exec", "event.module": "endpoint", "host.name": "ws-1", "user.name": "kim", "process.name": "certutil.exe",
        "process.parent.name": "winword.exe", "kibana.alert.uuid": "u-1", "kibana.alert.severity": "high", "kibana.alert.reason": "odd child"
    });
    let found = imported(&nested);
    assert_eq!(found, imported(&dotted));
    assert_eq!(
        found.log_window[0].text("parent_image"),
        Some("winword.exe")
    );
    assert_eq!(
        (found.alert.summary.as_str(), found.alert.host.as_str()),
        ("odd child", "ws-1")
    );
    let mut metric = dotted;
    metric["event.kind"] = json!("metric");
    assert!(refused(&metric).contains("`metric`"));
}

#[test]
fn every_evidence_of_an_ocsf_finding_is_an_event() {
    let finding = json!({
        "class_uid": 2004, "time": 1_767_323_045_000_u64, "severity_id": 5, "metadata": {"product": {"name": "EDR"}},
        "finding_info": {"uid": "f-1", "title": "Beacon"}, "device": {"hostname": "ws-2"}, "actor": {"user": {"name": "lee"}},
        "evidences": [{"src_endpoint": {"ip": "10.0.0.5"}}, {"dst_endpoint": {"ip": "198.51.100.3", "port": 443}}]
    });
    let found = imported(&finding);
    assert_eq!(found.alert.timestamp, "2026-01-02T03:04:05Z");
    assert_eq!(
        (found.alert.severity.as_str(), found.log_window.len()),
        ("critical", 2)
    );
    assert_eq!(found.log_window[1].text("dst_ip"), Some("198.51.100.3"));
    let mut many = finding.clone();
    many["evidences"] = json!(vec![json!({"file": {"name": "a"}}); 100]);
    assert!(refused(&many).contains("events"));
    let mut other = finding;
    other["class_uid"] = json!(1001);
    assert!(refused(&other).contains("class_uid"));
}

#[test]
fn windows_events_come_in_three_spellings() {
    let evtx = json!({"Event": {
        "System": {"EventID": {"#text": 1}, "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "Computer": "ws-3",
        "EventRecordID": 9, "TimeCreated": {"#attributes": {"SystemTime": "2026-01-02T03:04:05.1Z"}}},
        "EventData": {"Image": "C:\\a.exe", "ParentImage": "C:\\b.exe", "User": "ACME\\kim"}}});
    let beat = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "ecs": {"version": "8"}, "winlog": {"event_id": "1", "provider_name": "Microsoft-Windows-Sysmon",
        "computer_name": "ws-3", "record_id": 9, "event_data": {"Image": "C:\\a.exe", "ParentImage": "C:\\b.exe", "User": "ACME\\kim"}}
    });
    let flat = json!({
        "EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "UtcTime": "2026-01-02 03:04:05.123", "Hostname": "ws-3",
        "RecordNumber": 9, "Image": "C:\\a.exe", "ParentImage": "C:\\b.exe", "User": "ACME\\kim"
    });
    let found = imported(&evtx);
    assert_eq!(found.log_window[0].event_type, "process.create");
    assert_eq!(
        (found.alert.user.as_str(), found.alert.alert_id.as_str()),
        ("ACME\\kim", "9")
    );
    assert_eq!(imported(&beat), found);
    assert_eq!(imported(&flat), found);
    let mut logon = flat;
    logon["EventID"] = json!(4625);
    logon["Channel"] = json!("Security");
    assert_eq!(
        imported(&logon).log_window[0].event_type,
        "auth.login_failure"
    );
    logon["UtcTime"] = json!("yesterday");
    assert!(refused(&logon).contains("`UtcTime`: is no time"));
}

#[test]
fn what_is_no_alert_is_refused() {
    for line in ["{}", "{\"a\":1}", "[]", "1", "{\"a\":1,\"a\":2}", "{", ""] {
        assert!(read(line).is_err(), "{line}");
    }
    assert!(refused(&json!({"message": "hello"})).contains("no known kind"));
}
