//! Wazuh's alerts.json: one event each, with the rule that fired and its level (0 to 15).

use serde_json::Value;

use super::fields::{first, get, is_there, pick, put_attack, text, time, written_time};
use super::{Alert, Format, ImportError, Imported, account, event};

const FIELDS: [(&str, &str); 22] = [
    ("rule.id", "rule.id"),
    ("rule.level", "rule.level"),
    ("decoder.name", "decoder.name"),
    ("program_name", "predecoder.program_name"),
    ("User", "data.dstuser"),
    ("User", "data.srcuser"),
    ("User", "data.win.eventdata.targetUserName"),
    ("User", "data.win.eventdata.user"),
    ("src_ip", "data.srcip"),
    ("src_ip", "data.win.eventdata.ipAddress"),
    ("src_ip", "data.win.eventdata.sourceIp"),
    ("src_port", "data.srcport"),
    ("dest_ip", "data.dstip"),
    ("dest_ip", "data.win.eventdata.destinationIp"),
    ("dest_port", "data.dstport"),
    ("Image", "data.win.eventdata.image"),
    ("ParentImage", "data.win.eventdata.parentImage"),
    ("CommandLine", "data.win.eventdata.commandLine"),
    ("EventID", "data.win.system.eventID"),
    ("TargetFilename", "syscheck.path"),
    ("location", "location"),
    ("full_log", "full_log"),
];

/// Whether a record is an alert of Wazuh's.
pub fn is_one(value: &Value) -> bool {
    is_there(value, "rule.level") && is_there(value, "agent")
}

/// Reads an alert.
pub fn read(value: &Value) -> Result<Imported, ImportError> {
    let level = get(value, "rule.level").and_then(Value::as_u64);
    let level = level.ok_or_else(|| ImportError::at("rule.level", "is no whole number"))?;
    let severity = match level {
        0..=3 => "info",
        4..=6 => "low",
        7..=11 => "medium",
        12..=14 => "high",
        15 => "critical",
        _ => {
            let message = format!("{level} is no level from 0 to 15");
            return Err(ImportError::at("rule.level", message));
        }
    };
    let timestamp = match is_there(value, "timestamp") {
        true => written_time(value, "timestamp")?,
        false => time(value, &["timestamp", "@timestamp"])?,
    };
    let mut fields = pick(value, &FIELDS);
    put_attack(value, &["rule.mitre.id"], &mut fields);
    let source = text(value, "decoder.name").unwrap_or_else(|| "wazuh".to_owned());
    let event = event(0, &timestamp, &source, "wazuh.alert", fields);
    let alert = Alert {
        alert_id: first(value, &["id", "rule.id"]),
        timestamp,
        severity: severity.to_owned(),
        category: first(value, &["rule.mitre.tactic", "rule.groups"]),
        host: first(value, &["agent.name", "agent.ip"]),
        user: account(&event),
        summary: first(value, &["rule.description"]),
    };
    Imported {
        format: Format::Wazuh,
        is_alert: true,
        alert,
        log_window: vec![event],
    }
    .named()
}
