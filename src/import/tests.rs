//! One real-looking record of each format, in each spelling, and what is none.

use serde_json::json;

use super::*;
use crate::env::generate;
use crate::env::schema::{Split, Stage};
use crate::env::verify;

mod claims;
mod elastic;
mod ocsf;
mod suricata;
mod windows;

fn imported(value: &Value) -> Imported {
    read(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

/// The one event of a record, alert or not, and what our rules say of it.
fn judged(value: &Value) -> (Event, String) {
    let found = record(&value.to_string()).unwrap_or_else(|error| panic!("{error}: {value}"));
    assert_eq!(found.log_window.len(), 1);
    let truth = verify::truth(&found.log_window).expect("sound ids");
    (found.log_window[0].clone(), truth.rule)
}

fn refused(value: &Value) -> String {
    read(&value.to_string()).expect_err("refused").to_string()
}

#[test]
fn an_event_of_ours_alone_is_something_to_decide_on() {
    let episode = generate::episode(Stage::Basic, Split::Train, 3, 8);
    let event = &episode.log_window[0];
    let found = imported(&json!(event));
    assert_eq!(found.log_window, episode.log_window);
    assert_eq!(found.alert.timestamp, event.timestamp);
    let (_, rule) = judged(&json!(event));
    assert_eq!(rule, episode.truth.rule);
    let mut odd = json!(event);
    odd["mood"] = 1.into();
    assert!(refused(&odd).contains("`mood`"), "{}", refused(&odd));
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
    assert_eq!(event.number("dest_port"), Some(445));
    assert_eq!(event.text("alert.action"), Some("blocked"));
    let mut flow = eve;
    flow["event_type"] = json!("flow");
    flow["flow"] = json!({"state": "closed"});
    assert!(refused(&flow).contains("is no alert"));
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
    assert_eq!(found.log_window[0].text("ParentImage"), Some("winword.exe"));
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
    assert_eq!(found.log_window[1].text("dest_ip"), Some("198.51.100.3"));
    let mut many = finding.clone();
    many["evidences"] = json!(vec![json!({"file": {"name": "a"}}); 100]);
    assert!(refused(&many).contains("events"));
    let mut other = finding;
    other["class_uid"] = json!(6003);
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
        ("kim", "9")
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

/// The lines of a file of records as their programs write them.
macro_rules! records {
    ($name:literal) => {
        include_str!(concat!("../../tests/records/", $name))
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect::<Vec<Value>>()
    };
}

#[test]
fn zeeks_logs_are_told_apart_and_only_a_notice_is_an_alert() {
    let records = records!("zeek.jsonl");
    let found: Vec<_> = records.iter().map(imported).collect();
    let types = [
        "net.connection",
        "dns.query",
        "http.download",
        "net.tls",
        "zeek.notice",
    ];
    for (at, (record, kind)) in found.iter().zip(types).enumerate() {
        assert_eq!(record.log_window[0].event_type, kind);
        assert_eq!((record.format, record.is_alert), (Format::Zeek, at == 4));
        assert_eq!(record.alert.host, "10.0.0.7");
    }
    let [conn, dns, http, tls, notice] = [0, 1, 2, 3, 4].map(|at: usize| &found[at].log_window[0]);
    assert_eq!(conn.timestamp, "2026-01-02T10:00:00Z");
    assert_eq!(
        (conn.number("id.resp_p"), conn.number("orig_bytes")),
        (Some(443), Some(18_220))
    );
    assert_eq!(conn.fields["duration"], 12.75, "seconds");
    assert_eq!(
        dns.text("answers"),
        Some("198.51.100.23"),
        "the first of them"
    );
    assert_eq!(http.timestamp, "2026-01-02T10:00:03Z", "times may be text");
    assert_eq!(http.text("host"), Some("updates.example.net"));
    assert_eq!(
        (http.text("contenttype"), http.text("sip")),
        (Some("application/x-dosexec"), Some("198.51.100.23"))
    );
    assert_eq!(
        tls.text("validation_status"),
        Some("self signed certificate")
    );
    assert_eq!(notice.text("dst"), Some("198.51.100.23"));
    let alert = &found[4].alert;
    assert_eq!(
        (alert.category.as_str(), alert.severity.as_str()),
        ("SSL", "medium")
    );
    assert!(alert.summary.contains("validation failed"));
    let change = |at: usize, field: &str, value: Value| {
        let mut record = records[at].clone();
        record[field] = value;
        refused(&record)
    };
    assert!(
        change(0, "_path", json!("weird")).contains("`_path`: \"weird\" is none of notice, dns")
    );
    assert!(change(3, "ts", json!("soon")).contains("`ts`: is no time"));
    assert!(change(3, "ts", json!(1e300)).contains("`ts`: is no time"));
    assert!(change(3, "ts", json!(-1)).contains("`ts`: is before 1970"));
    let bare = refused(&json!({"ts": 1, "uid": "C1"}));
    assert!(bare.contains("`_path`: is missing"), "{bare}");
}

#[test]
fn wazuh_counts_levels_up_and_passes_windows_events_on() {
    let records = records!("wazuh.jsonl");
    let [ssh, shadow] = [0, 1].map(|at: usize| imported(&records[at]));
    assert_eq!((ssh.format, ssh.is_alert), (Format::Wazuh, true));
    assert_eq!(
        (
            ssh.alert.severity.as_str(),
            ssh.alert.host.as_str(),
            ssh.alert.user.as_str()
        ),
        ("medium", "web-1", "kim")
    );
    assert_eq!(ssh.alert.category, "Credential Access");
    let event = &ssh.log_window[0];
    assert_eq!(
        (event.source.as_str(), event.text("src_ip")),
        ("sshd", Some("203.0.113.9"))
    );
    assert!(
        event
            .text("full_log")
            .is_some_and(|text| text.contains("Failed password"))
    );
    assert_eq!(
        shadow.format,
        Format::Wazuh,
        "though it holds a Windows event"
    );
    assert_eq!(shadow.alert.timestamp, "2026-01-02T09:02:00Z");
    assert_eq!(
        (shadow.alert.severity.as_str(), shadow.alert.user.as_str()),
        ("critical", "lee")
    );
    assert_eq!(
        shadow.log_window[0].text("CommandLine"),
        Some("vssadmin delete shadows /all")
    );
    for (level, severity) in [
        (0, "info"),
        (3, "info"),
        (4, "low"),
        (7, "medium"),
        (12, "high"),
    ] {
        let mut record = records[0].clone();
        record["rule"]["level"] = json!(level);
        assert_eq!(imported(&record).alert.severity, severity, "{level}");
    }
    for level in [json!(16), json!("10"), json!(-1)] {
        let mut record = records[0].clone();
        record["rule"]["level"] = level.clone();
        assert!(refused(&record).contains("`rule.level`"), "{level}");
    }
}

#[test]
fn what_is_logged_beside_alerts_is_a_record_but_nothing_to_decide_on() {
    let records = records!("eve.jsonl");
    let found: Vec<_> = records
        .iter()
        .map(|value| record(&value.to_string()).expect("a record"))
        .collect();
    let types: Vec<_> = found
        .iter()
        .map(|r| r.log_window[0].event_type.as_str())
        .collect();
    assert_eq!(types, ["dns.query", "net.connection", "ids.alert"]);
    assert_eq!(
        found.iter().map(|r| r.is_alert).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(
        found[0].log_window[0].text("query"),
        Some("updates.example.net")
    );
    assert_eq!(found[1].log_window[0].number("resp_bytes"), Some(4_110));
    assert!(refused(&records[0]).contains("`event_type`: is no alert; --join"));
    imported(&records[2]);
    let event = json!({"@timestamp": "2026-01-02T03:04:05Z", "ecs.version": "8.11", "event.kind": "event", "host.name": "ws-1"});
    assert!(!record(&event.to_string()).expect("a record").is_alert);
    assert!(refused(&event).contains("`event.kind`: is no alert"));
}

#[test]
fn techniques_of_attack_come_along_from_every_format() {
    let eve = json!({
        "timestamp": "2026-01-02T03:04:05Z", "event_type": "alert", "src_ip": "203.0.113.9",
        "alert": {"signature": "s", "metadata": {"mitre_technique_id": ["T1105", "no id", "T1105"]}}
    });
    let ecs = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "event": {"kind": "signal"}, "threat": {"technique": {"id": ["T1105"]}}
    });
    let rule = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "event.kind": "signal", "kibana.alert.rule.threat": [
            {"technique": [{"id": "T1105", "subtechnique": [{"id": "t1059.001"}]}]}]
    });
    let ocsf = json!({
        "class_uid": 2004, "time": 1_767_323_045_000_u64, "metadata": {}, "finding_info": {"uid": "f",
        "attacks": [{"technique": {"uid": "T1105"}}, {"technique": {"uid": "T1190"}}]}
    });
    let wazuh = json!({
        "timestamp": "2026-01-02T03:04:05Z", "agent": {"name": "a"}, "rule": {"level": 5, "mitre": {"id": ["T1105"]}}
    });
    for (record, wanted) in [
        (eve, "T1105"),
        (ecs, "T1105"),
        (rule, "T1105,T1059.001"),
        (ocsf, "T1105,T1190"),
        (wazuh, "T1105"),
    ] {
        let found = imported(&record);
        assert_eq!(found.log_window[0].text("attack"), Some(wanted), "{record}");
    }
    let none = json!({
        "timestamp": "2026-01-02T03:04:05Z", "event_type": "alert", "alert": {"metadata": {"mitre_technique_id": ["TA0001"]}}
    });
    assert_eq!(imported(&none).log_window[0].text("attack"), None);
}

#[test]
fn severities_of_ecs_are_words() {
    let with = |name: &str, value: Value| {
        let mut record = json!({"@timestamp": "2026-01-02T03:04:05Z", "event.kind": "signal"});
        record[name] = value;
        imported(&record).alert.severity
    };
    for (name, value, wanted) in [
        ("event.severity", json!(73), "high"),
        ("event.severity", json!("21"), "low"),
        ("event.severity", json!(47), "medium"),
        ("event.risk_score", json!(99.5), "critical"),
        ("kibana.alert.risk_score", json!(48), "high"),
        ("kibana.alert.severity", json!("Critical"), "critical"),
        ("event.nothing", json!(1), "-"),
    ] {
        assert_eq!(with(name, value.clone()), wanted, "{name} {value}");
    }
    let both = json!({
        "@timestamp": "2026-01-02T03:04:05Z", "event.kind": "signal", "event.severity": 1, "kibana.alert.severity": "high"
    });
    assert_eq!(
        imported(&both).alert.severity,
        "high",
        "the detection's own word"
    );
}
